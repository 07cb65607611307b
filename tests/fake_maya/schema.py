"""Attributes and node types as data, and the little language in which the types are declared.

One line an attribute: `long short kind[] options`, children indented by two blanks. Options: `=x` default,
`min:x`, `max:x`, `key` (keyable), `cb` (channel box), `hid` (hidden), `nostore`, `ro` (not writable),
`builder` (uses the array builder), `enum:a,b=4,c`, `nocache`, `world`, and `>a,b` for "affects a and b".
`xyz:doubleLinear` is a triple with children X, Y and Z.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_NUMERIC = "double float floatLinear doubleLinear doubleAngle time long short byte char bool enum"
NUMERIC = set(_NUMERIC.split())
COMPOUND_NUMERIC = {"double3", "float3", "double2", "float2", "long3", "long2", "short3", "short2", "double4"}
_DATA = (
    "string matrix fltMatrix mesh nurbsCurve geometry pointArray vectorArray doubleArray Int32Array"
    " floatArray componentList attributeAlias stringArray matrixArray message generic polyFaces"
)
DATA = set(_DATA.split())


@dataclass(eq=False)
class Attr:
    """One attribute of a node type (or a dynamic one of a node).

    Identity matters: an MObject of an attribute points here."""

    long: str
    short: str
    kind: str
    multi: bool = False
    children: list[str] = field(default_factory=list)
    parent: str | None = None
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    soft_minimum: float | None = None
    soft_maximum: float | None = None
    fields: dict[str, int] | None = None
    keyable: bool = False
    channel_box: bool = False
    hidden: bool = False
    storable: bool = True
    writable: bool = True
    readable: bool = True
    connectable: bool = True
    cached: bool = True
    array_builder: bool = False
    index_matters: bool = True
    used_as_filename: bool = False
    internal: bool = False
    world_space: bool = False
    disconnect: str = "nothing"
    dynamic: bool = False
    nice_name: str = ""
    drafts: list[Attr] = field(
        default_factory=list
    )  # children as objects, until the compound is added to a type
    on_node: Any = None  # the node of a dynamic attribute

    def initial(self) -> Any:
        """The value of an element that was never set."""
        if self.default is not None:
            return self.default
        if self.kind in ("matrix", "fltMatrix"):
            return np.eye(4)
        if self.kind in ("double", "float", "floatLinear", "doubleLinear", "doubleAngle", "time"):
            return 0.0
        if self.kind == "bool":
            return False
        if self.kind == "enum":
            return min(self.fields.values()) if self.fields else 0
        return 0 if self.kind in NUMERIC else None


@dataclass(eq=False)
class NodeType:
    """A type of node: attributes, inheritance, what affects what, and how it computes."""

    name: str
    lineage: tuple[str, ...] = ()
    attrs: dict[str, Attr] = field(default_factory=dict)
    shorts: dict[str, str] = field(default_factory=dict)
    affects: dict[str, set[str]] = field(default_factory=dict)
    outputs: set[str] = field(default_factory=set)
    compute: Callable[..., None] | None = None
    base: str = "dependency"  # dependency, transform, shape or deformer
    classification: str = ""
    creator: Callable[[], Any] | None = None
    type_id: int = 0
    plugin: str = ""
    api_type: str = "kDependencyNode"

    def find(self, name: str) -> Attr | None:
        """The attribute of that long or short name."""
        return self.attrs.get(name) or self.attrs.get(self.shorts.get(name, ""))

    def subtree(self, name: str) -> Iterator[str]:
        """The attribute and all its descendants."""
        yield name
        for child in self.attrs[name].children:
            yield from self.subtree(child)

    def add(self, attr: Attr, parent: str | None = None, *, shadow: bool = False) -> None:
        """Add an attribute with its drafted children.

        A name in use fails, unless a built-in type shadows it."""
        if not shadow:
            for name in (attr.long, attr.short):
                if self.find(name) is not None:
                    raise NameError(name)
        attr.parent = parent
        attr.children = [draft.long for draft in attr.drafts]
        self.attrs[attr.long] = attr
        self.shorts[attr.short] = attr.long
        for draft in attr.drafts:
            self.add(draft, attr.long, shadow=shadow)

    def add_affects(self, source: str, target: str) -> None:
        """Declare that a change of `source` dirties `target`."""
        self.affects.setdefault(source, set()).add(target)
        self.outputs.update(self.subtree(target))

    def copy(self, name: str) -> NodeType:
        """A type that inherits from this one (attributes are shared, as in Maya)."""
        return NodeType(
            name,
            (*self.lineage, name),
            dict(self.attrs),
            dict(self.shorts),
            {k: set(v) for k, v in self.affects.items()},
            set(self.outputs),
            self.compute,
            self.base,
            api_type=self.api_type,
        )


def parse_number(text: str) -> Any:
    """`1`, `1.5`, `true`, or the text itself."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def _enum(text: str) -> dict[str, int]:
    fields: dict[str, int] = {}
    following = 0
    for part in text.split(","):
        name, _, value = part.partition("=")
        following = int(value) if value else following
        fields[name] = following
        following += 1
    return fields


_FLAGS = {
    "key": ("keyable", True),
    "cb": ("channel_box", True),
    "hid": ("hidden", True),
    "nostore": ("storable", False),
    "ro": ("writable", False),
    "builder": ("array_builder", True),
    "nocache": ("cached", False),
    "world": ("world_space", True),
    "noindex": ("index_matters", False),
}


def parse_attribute(line: str) -> tuple[Attr, list[str]]:
    """One declaration; also the names it affects."""
    long, short, kind, *options = line.split()
    attr = Attr(long, short, kind.removesuffix("[]"), multi=kind.endswith("[]"))
    affects: list[str] = []
    for option in options:
        if option in _FLAGS:
            setattr(attr, *_FLAGS[option])
        elif option.startswith("="):
            attr.default = parse_number(option[1:])
        elif option.startswith(">"):
            affects = option[1:].split(",")
        elif option.startswith("enum:"):
            attr.fields = _enum(option[5:])
        else:
            key, _, value = option.partition(":")
            setattr(
                attr,
                {"min": "minimum", "max": "maximum", "smin": "soft_minimum", "smax": "soft_maximum"}[key],
                float(value),
            )
    if attr.kind.startswith("xyz:"):
        child_kind = attr.kind[4:]
        attr.kind = "float3" if child_kind == "float" else "double3"
        default, attr.default = attr.default, None
        attr.drafts = [
            Attr(
                long + axis,
                short + axis.lower(),
                child_kind,
                default=default,
                keyable=attr.keyable,
                storable=attr.storable,
                writable=attr.writable,
            )
            for axis in "XYZ"
        ]
    elif (
        attr.kind in ("double", "float", "floatLinear", "doubleLinear", "doubleAngle", "time")
        and attr.default is not None
    ):
        attr.default = float(attr.default)
    return attr, affects


TYPES: dict[str, NodeType] = {}


def declare(
    name: str,
    parent: str | None,
    text: str = "",
    *,
    compute: Callable[..., None] | None = None,
    **fields: Any,
) -> NodeType:
    """Declare a built-in node type that derives from `parent`."""
    new = TYPES[parent].copy(name) if parent else NodeType(name, (name,))
    if compute is not None:
        new.compute = compute
    for key, value in fields.items():
        setattr(new, key, value)
    stack: list[tuple[int, Attr]] = []
    roots: list[Attr] = []
    affecting: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        attr, affects = parse_attribute(line.strip())
        affecting.append((attr.long, affects))
        while stack and stack[-1][0] >= indent:
            stack.pop()
        if stack:
            stack[-1][1].drafts.append(attr)
        else:
            roots.append(attr)
        stack.append((indent, attr))
    for root in roots:
        new.add(root, shadow=True)
        if not root.writable and root.kind != "message":
            new.outputs.update(
                new.subtree(root.long)
            )  # computed even where nothing on the node itself affects it
    for source, targets in affecting:
        for target in targets:
            new.add_affects(source, target)
    TYPES[name] = new
    return new
