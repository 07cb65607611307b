"""References: files whose nodes stand in the scene under a namespace, and what the scene changed on them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .graph import Key, Node
from .ma_text import Quoted, load_text, quote, split_set_attr, tokens
from .values import same_value

if TYPE_CHECKING:
    from .ma_reader import Reader
    from .ma_writer import Writer
    from .session import Session


class Reference:
    """One referenced file."""

    def __init__(self, session: Session, path: str, namespace: str, name: str) -> None:
        self.session = session
        self.path = path
        self.namespace = namespace
        self.name = name
        self.node: Node | None = None
        self.nodes: list[Node] = []
        self.inner: list[Reference] = []  # references inside the referenced file
        self.loaded = False
        self.saved: list[str] = []  # words of the edits, as read
        self.placeholder_lines: list[str] = []
        self._before: dict[Node, dict[str, Any]] = {}

    def load(self) -> None:
        """Read the file; its nodes belong to the reference."""
        from .ma_reader import Reader

        reader = Reader(self.session, namespace=self.namespace, reference=self)
        self.nodes = reader.read(load_text(self.path))
        self.inner = list(reader.references)
        self.nodes += [node for inner in self.inner for node in inner.nodes]
        self.loaded = True
        self._before = {node: _state(node) for node in self.nodes}

    def unload(self) -> None:
        """Take the nodes out of the scene. Edits are kept on the reference node, connections that leave the
        reference on its placeholders, for when it is loaded again."""
        from .ma_writer import Writer

        graph, own = self.session.graph, set(self.nodes)
        writer = Writer(self.session, list(graph))
        crossing = self.edits(lambda node, key: f"{writer.name(node)}.{_long(node, key)}")[1]
        self.saved = list(split_set_attr(list(tokens(self.write_edits(writer))))[2])
        assert self.node is not None
        for i, (source, source_key, target, target_key) in enumerate(crossing, start=1):
            holder = ("placeHolderList", (i,))
            graph.disconnect(target, target_key)
            if source in own:
                graph.connect(self.node, holder, target, target_key)
            else:
                graph.connect(source, source_key, self.node, holder)
        for node in reversed(self.nodes):
            if node.alive:
                graph.remove(node)
        self.nodes, self.inner, self.loaded, self._before = [], [], False, {}

    def load_again(self) -> None:
        """Read the file again and apply the edits that were kept."""
        from .ma_reader import Reader

        self.load()
        self.apply(Reader(self.session))

    # what changed ---------------------------------------------------------------------------------------
    def edits(self, plug: Any) -> tuple[list[str], list[tuple[Node, Key, Node, Key]]]:
        """Edits inside the reference as text, and connections between it and the rest of the scene."""
        from .ma_writer import Writer

        writer = Writer(self.session, list(self.session.graph))
        own = set(self.nodes)
        texts: list[str] = []
        crossing: list[tuple[Node, Key, Node, Key]] = []
        for node in self.nodes:
            if not node.alive:
                continue
            before = self._before[node]
            texts += self._attribute_edits(node, before, writer)
            for key, end in before["inputs"].items():
                if node.inputs.get(key) != end:
                    texts.append(f"3 {quote(plug(*end))} {quote(plug(node, key))} {quote('')}")
            for key, (source, source_key) in node.inputs.items():
                if before["inputs"].get(key) == (source, source_key):
                    continue
                if source in own:
                    texts.append(
                        f"5 0 {quote(self.name)} {quote(plug(source, source_key))}"
                        f" {quote(plug(node, key))} {quote('')}"
                    )
                else:
                    crossing.append((source, source_key, node, key))
            crossing += [
                (node, key, other, other_key)
                for key, ends in node.outputs.items()
                for other, other_key in ends
                if other not in own and not self._mine(other)
            ]
        return texts, crossing

    @staticmethod
    def _mine(node: Node) -> bool:
        return (
            node.reference is not None
        )  # between two references: written once, by the one that is the destination

    def _attribute_edits(self, node: Node, before: dict[str, Any], writer: Writer) -> list[str]:
        name = writer.name(node)
        texts = []
        for long, attr in node.dynamic.items():
            if long not in before["dynamic"]:
                words = writer.add_attr(attr)[0].removeprefix("addAttr").rstrip(";")
                texts.append(f"1 {quote(name)} {quote(attr.long)} {quote(attr.short)} {quote(words)}")
        for attr_name, bucket in node.values.items():
            for indices, value in bucket.items():
                key = (attr_name, indices)
                old = before["values"].get(attr_name, {}).get(indices)
                attr = node.attr(attr_name)
                if (
                    (old is not None and same_value(old, value))
                    or node.source(key) is not None
                    or not attr.storable
                    or not attr.writable
                ):
                    continue
                if words := writer.value(node, key):
                    texts.append(f"2 {quote(name)} {quote(_long(node, key))} {quote(words)}")
        for key, flags in node.flags.items():
            changed = {f: v for f, v in flags.items() if before["flags"].get(key, {}).get(f) != v}
            short = {"lock": "l", "keyable": "k", "channelBox": "cb"}
            if changed:
                words = " ".join(f"-{short[f]} {int(v)}" for f, v in changed.items() if f in short)
                texts.append(f"2 {quote(name)} {quote(_long(node, key))} {quote(' ' + words)}")
        if node.aliases != before["aliases"]:
            pairs = [
                text for key, alias in sorted(node.aliases.items()) for text in (alias, _long(node, key))
            ]
            words = f' -type "attributeAlias" {writer.alias_text(pairs)}'
            texts.append(f"2 {quote(name)} {quote('attributeAliasList')} {quote(words)}")
        return texts

    def write_edits(self, writer: Writer) -> str:
        """The reference node's `.ed` value; placeholders for connections that leave the reference."""
        self.placeholder_lines = []
        if not self.loaded:
            return self._words(self.saved)
        texts, crossing = self.edits(lambda node, key: f"{writer.name(node)}.{_long(node, key)}")
        for i, (source, source_key, target, target_key) in enumerate(crossing, start=1):
            here = f"{self.name}.placeHolderList[{i}]"
            phl = f"{self.name}.phl[{i}]"
            if source in set(self.nodes):
                texts.append(
                    f"5 3 {quote(self.name)}"
                    f" {quote(f'{writer.name(source)}.{_long(source, source_key)}')}"
                    f" {quote(here)} {quote('')}"
                )
                self.placeholder_lines.append(f'connectAttr "{phl}" "{writer.plug(target, target_key)}";')
            else:
                texts.append(
                    f"5 4 {quote(self.name)} {quote(here)}"
                    f" {quote(f'{writer.name(target)}.{_long(target, target_key)}')} {quote('')}"
                )
                self.placeholder_lines.append(f'connectAttr "{writer.plug(source, source_key)}" "{phl}";')
        head = (
            f'".ed" -type "dataReferenceEdits" \n\t\t{quote(self.name)}\n\t\t{quote(self.name)} {len(texts)}'
        )
        return "\n\t\t".join([head, *texts]) + " "

    @staticmethod
    def _words(words: list[str]) -> str:
        return (
            '".ed" -type "dataReferenceEdits" '
            + " ".join(quote(w) if isinstance(w, Quoted) else w for w in words)
            + " "
        )

    # applying -------------------------------------------------------------------------------------------
    def apply(self, reader: Reader) -> None:
        """Apply the edits that were read with the reference node."""
        if not self.loaded:
            return
        words = list(self.saved)
        i = 1
        while i < len(words):
            if isinstance(words[i], Quoted):
                i += 2  # a reference's name and its number of edits
                continue
            i = self._apply_one(reader, words, i)

    def _apply_one(self, reader: Reader, words: list[str], i: int) -> int:
        code = words[i]
        if code == "1":
            reader.node = reader.find(words[i + 1])
            reader._addAttr(list(tokens(words[i + 4])))
            return i + 5
        if code == "2":
            text, flags, values = split_set_attr(
                [Quoted(f"{words[i + 1]}.{words[i + 2]}"), *tokens(words[i + 3])]
            )
            reader.set_attr(text, flags, values)
            return i + 4
        if code == "3":
            target = reader.plug(words[i + 2])
            if target is not None:
                self.session.graph.disconnect(target[0], target[1])
            return i + 4
        if code == "5":
            self._apply_connection(reader, words[i + 1], words[i + 3], words[i + 4])
            return i + 6
        return i + 1

    def _apply_connection(self, reader: Reader, kind: str, source: str, target: str) -> None:
        graph = self.session.graph
        if kind == "3":
            holder = reader.plug(target)
            if holder is None:
                return
            for other, key in list(holder[0].outputs.get(holder[1], ())):
                graph.disconnect(other, key)
                found = reader.plug(source)
                if found is not None:
                    graph.connect(found[0], found[1], other, key)
        elif kind == "4":
            holder = reader.plug(source)
            if holder is None:
                return
            end = graph.disconnect(holder[0], holder[1])
            found = reader.plug(target)
            if end is not None and found is not None:
                graph.connect(*end, found[0], found[1])
        else:
            reader.connect(source, target)


def _long(node: Node, key: Key) -> str:
    from .plugs import attr_name

    return attr_name(node, key, alias=False)


def _state(node: Node) -> dict[str, Any]:
    return {
        "values": {name: dict(bucket) for name, bucket in node.values.items()},
        "inputs": dict(node.inputs),
        "aliases": dict(node.aliases),
        "dynamic": set(node.dynamic),
        "flags": {key: dict(flags) for key, flags in node.flags.items()},
    }


def add_reference(
    session: Session,
    path: str,
    namespace: str,
    *,
    name: str,
    parent: Reader | None,
    load: bool,
    node: Node | None,
) -> Reference:
    """Bring a file in by reference."""
    outer = parent.namespace if parent is not None else session.graph.namespace
    full = f"{outer}:{namespace}" if outer else namespace
    stem = os.path.splitext(os.path.basename(path))[0]
    base = full or stem
    number = 0
    while parent is None and base in session.graph.namespaces:
        number += 1
        base = f"{full or stem}{number}"
    reference = Reference(session, path, base, name or f"{base.replace(':', '_')}RN")
    reference.node = node
    session.graph.namespaces[base] = None
    if load:
        if not os.path.isfile(path):
            session.say("warning", f"Reference file not found: {path}")
        else:
            reference.load()
    if parent is None or parent.reference is None:
        session.references.append(reference)
    return reference


def every_reference(session: Session) -> list[Reference]:
    """References of the scene at any depth, the outer before the inner."""
    found: list[Reference] = []
    left = list(session.references)
    while left:
        found.append(left.pop(0))
        left = [*found[-1].inner, *left]
    return found


def listed_path(session: Session, reference: Reference) -> str:
    """The path as Maya lists it: a file that is referenced again has a copy number, rig.ma{1}."""
    same = [r for r in every_reference(session) if r.path == reference.path]
    number = same.index(reference)
    return f"{reference.path}{{{number}}}" if number else reference.path


def reference_named(session: Session, name: str) -> Reference:
    """A reference by its listed path or its reference node. RuntimeError as Maya has it for another name."""
    for reference in every_reference(session):
        if name in (listed_path(session, reference), reference.name):
            return reference
    raise RuntimeError(f"Reference file not found: {name}")
