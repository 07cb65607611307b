"""Writes one node's attributes as Maya ASCII: values that are not default, elements of multis that exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .commands.values import unit_factor
from .ma_mesh import write_mesh
from .ma_text import quote, write_number
from .ma_values import TYPED, write_typed
from .node import Key, Node
from .plugs import attr_name
from .schema import Attr
from .values import Geometry, same_value

if TYPE_CHECKING:
    from .session import Session


class NodeText:
    """addAttr and setAttr lines of nodes."""

    session: Session

    def body(self, node: Node) -> list[str]:
        """addAttr and setAttr lines of one node."""
        lines = [line for attr in node.dynamic.values() for line in self.add_attr(attr)]
        if node.aliases:
            lines.insert(
                0, 'addAttr -ci true -h true -sn "aal" -ln "attributeAliasList" -dt "attributeAlias";'
            )
        for attr in node.attributes():
            if attr.parent is None:
                lines += self._attr_lines(node, attr, ())
        lines += self._flag_lines(node)
        if node.aliases:
            pairs = [
                text
                for key, alias in sorted(node.aliases.items())
                for text in (alias, attr_name(node, key, alias=False))
            ]
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
        parts = [
            "addAttr -ci true",
            *(
                f"-{flag} false"
                for flag, on in (("s", attr.storable), ("r", attr.readable), ("w", attr.writable))
                if not on
            ),
        ]
        parts += [
            text
            for on, text in (
                (attr.used_as_filename, "-uaf true"),
                (attr.hidden, "-h true"),
                (attr.keyable, "-k true"),
                (attr.multi, "-m"),
            )
            if on
        ]
        parts.append(f'-sn "{attr.short}" -ln "{attr.long}"')
        if not attr.index_matters:
            parts.append("-im false")
        if attr.default is not None and isinstance(attr.default, int | float):
            parts.append(f"-dv {write_number(attr.default, 'double')}")
        for flag, value in (
            ("-min", attr.minimum),
            ("-max", attr.maximum),
            ("-smn", attr.soft_minimum),
            ("-smx", attr.soft_maximum),
        ):
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
                yield from (
                    self._compound_lines(node, attr, element)
                    if attr.children
                    else self._leaf_lines(node, attr, element)
                )
            return
        if not attr.storable or not (attr.writable):
            return
        stored = [
            i
            for i in indices
            if all((leaf, (*prefix, i)) not in node.inputs for leaf in (attr.long, *plain))
            and self._kept(node, attr, plain, (*prefix, i))
        ]
        if not stored and size:
            yield f'setAttr {size}{base}";'
            yield f'setAttr {size}{base}";'
        for run in _runs(stored):
            place = f"[{run[0]}:{run[-1]}]" if len(run) > 1 else f"[{run[0]}]"
            words = " ".join(self.number(node, leaf, (*prefix, i)) for i in run for leaf in plain)
            kind = (
                f' -type "{attr.kind}" '
                if attr.children and attr.kind in ("double3", "float3", "double2", "float2")
                else "  "
            )
            yield f'setAttr {size}{base}{place}"{kind}{words}{" " if kind.strip() else ""};'

    def _kept(self, node: Node, attr: Attr, plain: list[str], element: tuple[int, ...]) -> bool:
        held = [leaf for leaf in plain if element in node.values.get(leaf, {})]
        if (
            attr.dynamic
        ):  # elements of dynamic multis that sit at the default are dropped, as measured in Maya
            return any(node.values[leaf][element] != node.attr(leaf).initial() for leaf in held)
        return bool(held)

    @staticmethod
    def _plain(node: Node, attr: Attr) -> list[str] | None:
        """Leaves of a multi whose elements are numbers or small groups of them; None for other multis."""
        if not attr.children:
            return (
                [attr.long] if attr.kind not in TYPED | {"message", "generic", "geometry", "mesh"} else None
            )
        leaves = [node.attr(c) for c in attr.children]
        if any(
            a.multi or a.children or a.kind in TYPED | {"message", "generic", "geometry", "mesh", "compound"}
            for a in leaves
        ):
            return None
        return (
            [a.long for a in leaves]
            if len(leaves) <= 3 and (attr.kind != "compound" or attr.long == "keyTimeValue")
            else None
        )

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


def _runs(indices: list[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for i in indices:
        if run and i != run[-1] + 1:
            yield run
            run = []
        run.append(i)
    if run:
        yield run
