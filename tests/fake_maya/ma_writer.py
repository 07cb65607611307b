"""Writes a scene as Maya ASCII: values that are not default, elements of multis that exist, connections,
references."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .graph import Key, Node
from .ma_node_text import NodeText
from .ma_text import quote, write_number
from .plugs import attr_name

if TYPE_CHECKING:
    from .session import Session

UNIT_NAMES = {
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "km": "kilometer",
    "in": "inch",
    "ft": "foot",
    "yd": "yard",
    "deg": "degree",
    "rad": "radian",
}


class Writer(NodeText):
    """One file being written."""

    def __init__(self, session: Session, nodes: Iterable[Node], *, path: str = "") -> None:
        self.session = session
        self.graph = session.graph
        self.nodes = list(nodes)
        self.inside = set(self.nodes)
        self.path = path

    # names ----------------------------------------------------------------------------------------------
    def name(self, node: Node) -> str:
        """A node's name in connections: its shortest unique path; default nodes from the root."""
        text = self.graph.path_name(self.graph.paths(node)[0])
        return ":" + text if node.default_node else text

    def plug(self, node: Node, key: Key) -> str:
        """A plug in short names, never by its alias; instanced multis without their first index."""
        text = attr_name(node, key, short=True, alias=False)
        chain = node.chain(key[0])
        if key[1] and chain[0].world_space and key[1][0] == 0:
            text = text.replace("[0]", "", 1)
        return f"{self.name(node)}.{text}"

    # file -----------------------------------------------------------------------------------------------
    def text(self) -> str:
        """The whole file."""
        lines = [
            f"//Maya ASCII {self.session.version} scene",
            f"//Name: {os.path.basename(self.path)}",
            "//Codeset: UTF-8",
        ]
        references = [r for r in self.session.references if r.node in self.inside or r.node is None]
        for first in (True, False):
            for reference in references:
                deferred = "" if reference.loaded or first else " -dr 1"
                kind = "-rdi 1" if first else "-r"
                names = f'-ns "{reference.namespace}"{deferred} -rfn "{reference.name}"'
                lines.append(f'file {kind} {names} -op "v=0;" -typ "mayaAscii" {quote(reference.path)};')
        lines += self._requires()
        units = self.session.units
        lines.append(
            f"currentUnit -l {UNIT_NAMES[units['linear']]} -a {UNIT_NAMES[units['angle']]} -t"
            f" {units['time']};"
        )
        lines += [
            f'fileInfo "{k}" {quote(v)};'
            for k, v in {
                "application": "maya",
                "product": f"Maya {self.session.version}",
                **self.session.file_info,
            }.items()
        ]
        own = [n for n in self._ordered() if n.reference is None]
        edits = {r.node: r.write_edits(self) for r in references}
        for node in own:
            if not node.default_node:
                lines += self._node(node, edits.get(node))
        lines += self._defaults(own)
        lines += self._instances(own)
        lines += self._connections(own)
        for reference in references:
            lines += reference.placeholder_lines
        lines.append(f"// End of {os.path.basename(self.path)}")
        return "\n".join(lines) + "\n"

    def _requires(self) -> list[str]:
        lines = [f'requires maya "{self.session.version}";']
        for record in self.session.plugins.loaded.values():
            used = sorted(
                {n.type.name for n in self.nodes if n.type.plugin == record.name and n.reference is None}
            )
            if used:
                kinds = " ".join(f'-nodeType "{t}"' for t in used)
                lines.append(f'requires {kinds} "{os.path.basename(record.path)}" "{record.version}";')
        unknown = {n.unknown.get("plugin"): n.unknown.get("type") for n in self.nodes if n.unknown}
        return lines + [
            f'requires -nodeType "{kind}" "{plugin}" "Unknown";'
            for plugin, kind in sorted(unknown.items(), key=str)
            if plugin
        ]

    def _ordered(self) -> Iterator[Node]:
        """DAG nodes with parents first, then the others."""
        seen: set[Node] = set()

        def visit(node: Node) -> Iterator[Node]:
            if node in seen or node not in self.inside:
                return
            seen.add(node)
            yield node
            for child in node.children:
                yield from visit(child)

        for node in self.nodes:
            if node.is_dag and not any(p in self.inside for p in node.parents):
                yield from visit(node)
        yield from (n for n in self.nodes if not n.is_dag)

    # nodes ----------------------------------------------------------------------------------------------
    def _node(self, node: Node, edits: str | None) -> list[str]:
        kind = node.unknown.get("type", node.type.name)
        parent = ""
        if node.parents:
            path, unique = self.graph.paths(node.parents[0])[0], self._unique(node.parents[0])
            parent = f' -p "{self.graph.path_name(path, full=not unique)}"'
        lines = [f'createNode {kind} -n "{node.name}"{parent};', f'\trename -uid "{node.uuid}";']
        lines += ["\t" + line for line in node.unknown.get("lines", [])]
        lines += ["\t" + line for line in self.body(node)]
        if edits:
            lines.append(f"\tsetAttr {edits};")
        if node.locked:
            lines.append("\tlockNode -l 1 ;")
        return lines

    def _unique(self, node: Node) -> bool:
        return len(self.graph.by_name[node.name]) == 1

    def _defaults(self, own: list[Node]) -> list[str]:
        lines = []
        for node in own:
            if node.default_node:
                body = self.body(node)
                if node.type.name == "time":
                    frame = self.session.time / self.session.ticks_per_frame
                    body = [f'setAttr ".o" {write_number(frame, "double")};']
                lines += [f"select -ne :{node.name};", *("\t" + line for line in body)] if body else []
        return lines

    def _instances(self, own: list[Node]) -> list[str]:
        lines = []
        for node in own:
            first = self.graph.paths(node)[0]
            for parent in node.parents[1:]:
                lines.append(
                    f'parent -s -nc -r -add "{self.graph.path_name(first, full=True)}"'
                    f' "{self.name(parent)}" ;'
                )
        return lines

    def _connections(self, own: list[Node]) -> list[str]:
        lines = []
        for node in own:
            for text in node.unknown.get("connections", []):
                lines.append(text)
            for key, (source, source_key) in sorted(
                node.inputs.items(),
                key=lambda item: (
                    list(node.type.attrs).index(item[0][0]) if item[0][0] in node.type.attrs else 10**6,
                    item[0][1],
                ),
            ):
                if source not in self.inside or source.reference is not None:
                    continue
                attr = node.attr(key[0])
                to = self.plug(node, key)
                last = " -na" if attr.multi and not attr.index_matters else ""
                if last:
                    to = to.rpartition("[")[0]
                lines.append(f'connectAttr "{self.plug(source, source_key)}" "{to}"{last};')
        return lines
