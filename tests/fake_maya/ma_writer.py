"""Writes a scene as Maya ASCII: values that are not default, elements of multis that exist, connections, references."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .commands.values import unit_factor
from .graph import Key, Node
from .ma_mesh import write_mesh
from .ma_text import quote, write_number
from .ma_values import TYPED, write_typed
from .plugs import attr_name
from .schema import Attr
from .values import Geometry, same_value

if TYPE_CHECKING:
    from .session import Session

UNIT_NAMES = {"mm": "millimeter", "cm": "centimeter", "m": "meter", "km": "kilometer", "in": "inch", "ft": "foot", "yd": "yard", "deg": "degree", "rad": "radian"}


class Writer:
    """One file being written."""

    def __init__(self, session: Session, nodes: Iterable[Node], *, path: str = "") -> None:
        self.session = session
        self.graph = session.graph
        self.nodes = list(nodes)
        self.inside = set(self.nodes)
        self.path = path

    # names -----------------------------------------------------------------------------------------------------------------------------
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

    # file ------------------------------------------------------------------------------------------------------------------------------
    def text(self) -> str:
        """The whole file."""
        lines = [f"//Maya ASCII {self.session.version} scene", f"//Name: {os.path.basename(self.path)}", "//Codeset: UTF-8"]
        references = [r for r in self.session.references if r.node in self.inside or r.node is None]
        for reference in references:
            lines.append(f'file -rdi 1 -ns "{reference.namespace}" -rfn "{reference.name}" -op "v=0;" -typ "mayaAscii" {quote(reference.path)};')
        for reference in references:
            deferred = "" if reference.loaded else " -dr 1"
            lines.append(f'file -r -ns "{reference.namespace}"{deferred} -rfn "{reference.name}" -op "v=0;" -typ "mayaAscii" {quote(reference.path)};')
        lines += self._requires()
        units = self.session.units
        lines.append(f"currentUnit -l {UNIT_NAMES[units['linear']]} -a {UNIT_NAMES[units['angle']]} -t {units['time']};")
        lines += [f'fileInfo "{k}" {quote(v)};' for k, v in {"application": "maya", "product": f"Maya {self.session.version}", **self.session.file_info}.items()]
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
            used = sorted({n.type.name for n in self.nodes if n.type.plugin == record.name and n.reference is None})
            if used:
                kinds = " ".join(f'-nodeType "{t}"' for t in used)
                lines.append(f'requires {kinds} "{os.path.basename(record.path)}" "{record.version}";')
        unknown = {n.unknown.get("plugin"): n.unknown.get("type") for n in self.nodes if n.unknown}
        return lines + [f'requires -nodeType "{kind}" "{plugin}" "Unknown";' for plugin, kind in sorted(unknown.items(), key=str) if plugin]

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

    # nodes -----------------------------------------------------------------------------------------------------------------------------
    def _node(self, node: Node, edits: str | None) -> list[str]:
        kind = node.unknown.get("type", node.type.name)
        parent = f' -p "{self.graph.path_name(self.graph.paths(node.parents[0])[0], full=not self._unique(node.parents[0]))}"' if node.parents else ""
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

    def body(self, node: Node) -> list[str]:
        """addAttr and setAttr lines of one node."""
        lines = [line for attr in node.dynamic.values() for line in self.add_attr(attr)]
        if node.aliases:
            lines.insert(0, 'addAttr -ci true -h true -sn "aal" -ln "attributeAliasList" -dt "attributeAlias";')
        for attr in node.attributes():
            if attr.parent is None:
                lines += self._attr_lines(node, attr, ())
        lines += self._flag_lines(node)
        if node.aliases:
            pairs = [text for key, alias in sorted(node.aliases.items()) for text in (alias, attr_name(node, key, alias=False))]
            lines.append(f'setAttr ".aal" -type "attributeAlias" {self.alias_text(pairs)};')
        return lines

    def alias_text(self, pairs: list[str]) -> str:
        """The alias list: counted since 2024, in braces before."""
        if self.session.version >= "2024":
            return " ".join([str(len(pairs)), *(quote(p) for p in pairs)]) + " "
        return "{" + ",".join(quote(p) for p in pairs) + "} "

    @staticmethod
    def add_attr(attr: Attr) -> list[str]:
        """addAttr of a dynamic attribute."""
        parts = ["addAttr -ci true", *(f"-{flag} false" for flag, on in (("s", attr.storable), ("r", attr.readable), ("w", attr.writable)) if not on)]
        parts += [text for on, text in ((attr.used_as_filename, "-uaf true"), (attr.hidden, "-h true"), (attr.keyable, "-k true"), (attr.multi, "-m")) if on]
        parts.append(f'-sn "{attr.short}" -ln "{attr.long}"')
        if not attr.index_matters:
            parts.append("-im false")
        if attr.default is not None and isinstance(attr.default, int | float):
            parts.append(f"-dv {write_number(attr.default, 'double')}")
        for flag, value in (("-min", attr.minimum), ("-max", attr.maximum), ("-smn", attr.soft_minimum), ("-smx", attr.soft_maximum)):
            if value is not None:
                parts.append(f"{flag} {write_number(value, 'double')}")
        if attr.fields:
            parts.append(f'-en "{":".join(f"{n}={v}" for n, v in attr.fields.items())}"')
        if attr.parent:
            parts.append(f'-p "{attr.parent}"')
        if attr.children:
            parts.append(f"-nc {len(attr.children)}")
        typed = attr.kind in TYPED - {"matrix", "fltMatrix"} or attr.kind == "mesh"
        parts.append(f'-dt "{attr.kind}"' if typed else f'-at "{attr.kind}"')
        return [" ".join(parts) + ";"]

    def _attr_lines(self, node: Node, attr: Attr, prefix: tuple[int, ...]) -> Iterator[str]:
        if node.type.name == "mesh" and attr.long == "cachedInMesh":
            geometry = node.values.get("cachedInMesh", {}).get(())
            if geometry is not None and ("inMesh", ()) not in node.inputs:
                yield from write_mesh(geometry, self.session.centimetres)
            return
        if attr.long == "componentTagExpression" and node.values.get(attr.long, {}).get(prefix) == "*":
            return  # as good as the default, and left out by Maya
        if not (set(node.subtree(attr.long)) & (node.values.keys() | {k[0] for k in node.inputs})):
            return
        if attr.multi:
            yield from self._multi_lines(node, attr, prefix)
        elif attr.children:
            yield from self._compound_lines(node, attr, prefix)
        else:
            yield from self._leaf_lines(node, attr, prefix)

    def _multi_lines(self, node: Node, attr: Attr, prefix: tuple[int, ...]) -> Iterator[str]:
        indices = node.indices(attr.long, prefix)
        size = f"-s {len(indices)} " if len(indices) > 1 else ""
        base = f'"{self._path(node, attr, prefix)}'
        plain = self._plain(node, attr)
        if plain is None:
            if size and attr.storable:
                yield f'setAttr {size}{base}";'
            for i in indices:
                element = (*prefix, i)
                yield from self._compound_lines(node, attr, element) if attr.children else self._leaf_lines(node, attr, element)
            return
        if not attr.storable or not (attr.writable):
            return
        stored = [i for i in indices if all((leaf, (*prefix, i)) not in node.inputs for leaf in (attr.long, *plain)) and self._kept(node, attr, plain, (*prefix, i))]
        if not stored and size:
            yield f'setAttr {size}{base}";'
            yield f'setAttr {size}{base}";'
        for run in _runs(stored):
            place = f"[{run[0]}:{run[-1]}]" if len(run) > 1 else f"[{run[0]}]"
            words = " ".join(self.number(node, leaf, (*prefix, i)) for i in run for leaf in plain)
            kind = f' -type "{attr.kind}" ' if attr.children and attr.kind in ("double3", "float3", "double2", "float2") else "  "
            yield f'setAttr {size}{base}{place}"{kind}{words}{" " if kind.strip() else ""};'

    def _kept(self, node: Node, attr: Attr, plain: list[str], element: tuple[int, ...]) -> bool:
        held = [leaf for leaf in plain if element in node.values.get(leaf, {})]
        if attr.dynamic:  # elements of dynamic multis that sit at the default are dropped, as measured in Maya
            return any(node.values[leaf][element] != node.attr(leaf).initial() for leaf in held)
        return bool(held)

    @staticmethod
    def _plain(node: Node, attr: Attr) -> list[str] | None:
        """Leaves of a multi whose elements are numbers or small groups of them; None for other multis."""
        if not attr.children:
            return [attr.long] if attr.kind not in TYPED | {"message", "generic", "geometry", "mesh"} else None
        leaves = [node.attr(c) for c in attr.children]
        if any(a.multi or a.children or a.kind in TYPED | {"message", "generic", "geometry", "mesh", "compound"} for a in leaves):
            return None
        return [a.long for a in leaves] if len(leaves) <= 3 and (attr.kind != "compound" or attr.long == "keyTimeValue") else None

    def _compound_lines(self, node: Node, attr: Attr, element: tuple[int, ...]) -> Iterator[str]:
        children = [node.attr(c) for c in attr.children]
        if (
            attr.kind in ("double3", "float3", "double2", "float2")
            and not any((c.long, element) in node.inputs for c in children)
            and (attr.long, element) not in node.inputs
        ):
            values = [node.stored((c.long, element)) for c in children]
            if attr.storable and any(v != c.initial() for v, c in zip(values, children, strict=True)):
                words = " ".join(self.number(node, c.long, element) for c in children)
                yield f'setAttr "{self._path(node, attr, element)}" -type "{attr.kind}" {words} ;'
            return
        for child in children:
            yield from self._attr_lines(node, child, element)

    def _leaf_lines(self, node: Node, attr: Attr, indices: tuple[int, ...]) -> Iterator[str]:
        if not attr.storable or not attr.writable or node.source((attr.long, indices)) is not None:
            return
        value = node.values.get(attr.long, {}).get(indices)
        initial = attr.initial()
        if value is None or (same_value(value, initial) and not attr.multi):
            return
        if text := self.value(node, (attr.long, indices)):
            yield f'setAttr "{self._path(node, attr, indices)}"{text};'

    def value(self, node: Node, key: Key) -> str:
        """The words of a setAttr after the plug."""
        attr = node.attr(key[0])
        value = node.values[key[0]][key[1]]
        if attr.kind in TYPED:
            if value is None:
                return ""
            if isinstance(value, Geometry):
                value = value.with_points(value.points.astype(np.float64) / self.session.centimetres)
            return f' -type "{attr.kind}" {write_typed(attr.kind, value)}'
        if attr.kind in ("message", "generic", "geometry", "mesh", "attributeAlias", "compound"):
            return ""
        return " " + self.number(node, key[0], key[1])

    def number(self, node: Node, leaf: str, indices: tuple[int, ...]) -> str:
        """One number in the file's units."""
        attr = node.attr(leaf)
        value: Any = node.stored((leaf, indices))
        factor = unit_factor(self.session, attr.kind)
        return write_number(value if factor == 1.0 else value / factor, attr.kind)

    @staticmethod
    def _path(node: Node, attr: Attr, indices: tuple[int, ...]) -> str:
        return "." + attr_name(node, (attr.long, indices), short=True, alias=False, full=False)

    def _flag_lines(self, node: Node) -> Iterator[str]:
        for key, flags in sorted(node.flags.items()):
            attr = node.attr(key[0])
            default = {"lock": False, "keyable": attr.keyable, "channelBox": attr.channel_box}
            parts = [
                f"-{short} {'on' if flags[name] else 'off'}"
                for name, short in (("lock", "l"), ("keyable", "k"), ("channelBox", "cb"))
                if name in flags and flags[name] != default[name]
            ]
            if parts:
                yield f'setAttr {" ".join(parts)} "{self._path(node, attr, key[1])}";'

    def _defaults(self, own: list[Node]) -> list[str]:
        lines = []
        for node in own:
            if node.default_node:
                body = self.body(node)
                if node.type.name == "time":
                    body = [f'setAttr ".o" {write_number(self.session.time / self.session.ticks_per_frame, "double")};']
                lines += [f"select -ne :{node.name};", *("\t" + line for line in body)] if body else []
        return lines

    def _instances(self, own: list[Node]) -> list[str]:
        lines = []
        for node in own:
            first = self.graph.paths(node)[0]
            for parent in node.parents[1:]:
                lines.append(f'parent -s -nc -r -add "{self.graph.path_name(first, full=True)}" "{self.name(parent)}" ;')
        return lines

    def _connections(self, own: list[Node]) -> list[str]:
        lines = []
        for node in own:
            for text in node.unknown.get("connections", []):
                lines.append(text)
            for key, (source, source_key) in sorted(
                node.inputs.items(), key=lambda item: (list(node.type.attrs).index(item[0][0]) if item[0][0] in node.type.attrs else 10**6, item[0][1])
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


def _runs(indices: list[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for i in indices:
        if run and i != run[-1] + 1:
            yield run
            run = []
        run.append(i)
    if run:
        yield run
