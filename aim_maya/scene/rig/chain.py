"""The order of deformers on a mesh: read from the connections themselves, changed by wiring, and read
back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from maya import cmds

from aim_maya.core.errors import AimError

from .plugs import connect, destinations_of, disconnect_source, node_of, source_of

# groupParts and colour sets; polygon operations; shapes
_MESH_INPUTS = ("inputGeometry", "inputPolymesh", "inMesh")


@dataclass(frozen=True)
class Slot:
    """One geometry of one deformer: node.input[index] and node.outputGeometry[index]."""

    node: str
    index: int

    @property
    def input(self) -> str:
        """The plug that takes the geometry."""
        return f"{self.node}.input[{self.index}].inputGeometry"

    @property
    def output(self) -> str:
        """The plug that gives it."""
        return f"{self.node}.outputGeometry[{self.index}]"

    @property
    def extras(self) -> tuple[str, ...]:
        """Plugs that say which part of the geometry is meant and what it was before all deformers."""
        return (f"{self.node}.input[{self.index}].groupId", f"{self.node}.originalGeometry[{self.index}]")

    @property
    def expression(self) -> str:
        """The component tag expression."""
        return f"{self.node}.input[{self.index}].componentTagExpression"


def stack(shape: str) -> list[Slot]:
    """The deformers of a mesh from the last to the first, as their geometry is wired; other nodes between
    them are walked through."""
    found: list[Slot] = []
    plug = _next_deformer(source_of(f"{shape}.inMesh"))
    while plug is not None:
        found.append(Slot(node_of(plug), _index(plug)))
        plug = _next_deformer(source_of(found[-1].input))
    return found


def original(shape: str) -> str | None:
    """The mesh shape that the chain of `shape` begins with; None when it begins with something else."""
    order = stack(shape)
    plug = source_of(order[-1].input) if order else None
    for _, node in _upstream(plug):
        if cmds.nodeType(node) == "mesh":
            return str(cmds.ls(node, long=True)[0])
    return None


def _next_deformer(plug: str | None) -> str | None:
    """The nearest deformer's output at or before `plug`, through groupParts and polygon operations."""
    return next(
        (
            found
            for found, node in _upstream(plug)
            if "geometryFilter" in (cmds.nodeType(node, inherited=True) or [])
        ),
        None,
    )


def _upstream(plug: str | None) -> Iterator[tuple[str, str]]:
    """plug and node, from `plug` on, through nodes that take one mesh and give another."""
    seen: set[str] = set()
    while plug is not None and node_of(plug) not in seen:
        node = node_of(plug)
        yield plug, node
        seen.add(node)
        through = next((a for a in _MESH_INPUTS if cmds.attributeQuery(a, node=node, exists=True)), None)
        plug = source_of(f"{node}.{through}") if through else None


def _index(plug: str) -> int:
    return int(plug.rsplit("[", 1)[1].rstrip("]"))


def _copy_membership(old: Slot, new: Slot) -> None:
    for source, target in zip(old.extras, new.extras, strict=True):
        plug = source_of(source)
        if plug is not None:
            connect(plug, target)
    expression = cmds.getAttr(old.expression)
    if expression:
        cmds.setAttr(new.expression, expression, type="string")


def take_place(old: Slot, new: Slot) -> None:
    """Wire `new` where `old` is, and take `old` out of the chain."""
    source, targets = source_of(old.input), destinations_of(old.output)
    if source is None or not targets:
        raise AimError(
            f"{old.node} is not wired into a mesh at index {old.index}.",
            "Its geometry was disconnected.",
            "Restore its connections first.",
        )
    _copy_membership(old, new)
    disconnect_source(old.input)
    connect(source, new.input)
    for target in targets:
        disconnect_source(target)
        connect(new.output, target)


def put_after(first: Slot, new: Slot) -> None:
    """Wire `new` right after `first`."""
    targets = destinations_of(first.output)
    if not targets:
        raise AimError(
            f"{first.node} is not wired into a mesh at index {first.index}.",
            "Its geometry was disconnected.",
            "Restore its connections first.",
        )
    _copy_membership(first, new)
    for target in targets:
        disconnect_source(target)
        connect(new.output, target)
    connect(first.output, new.input)


def take_out(slot: Slot) -> None:
    """Close the chain round `slot`."""
    source, targets = source_of(slot.input), destinations_of(slot.output)
    disconnect_source(slot.input)
    for target in targets:
        disconnect_source(target)
        if source is not None:
            connect(source, target)


def confirm(shape: str, wanted: list[str]) -> None:
    """Read the order back. Raises AimError when the nodes in `wanted` (last to first) do not follow one
    another on the mesh."""
    order = [slot.node for slot in stack(shape)]
    size = len(wanted)
    if not any(order[i : i + size] == wanted for i in range(len(order) - size + 1)):
        raise AimError(
            f"The deformers of {shape} came out as {', '.join(order) or 'none'}; {', '.join(wanted)} "
            "were to follow one another.",
            "Another tool rewired the mesh meanwhile, or Maya refused a connection.",
            "Nothing was changed; look at the deformer list of the mesh.",
        )
