"""Restore: take an aimDeformer out again, in one undo step. What was keyed meanwhile stays with the weights."""

from __future__ import annotations

from maya import cmds

from aim_maya.core.errors import AimError

from . import chain, record
from .attributes import TYPE_NAME
from .blend_shape import mesh_shape
from .moving import move_node, stop_feeding
from .plugs import node_of, ramp, source_of
from .undo import undo_chunk


def find_node(mesh: str) -> str:
    """The aimDeformer on a mesh, or the node itself. Raises AimError when there is none or more than one."""
    if cmds.objExists(mesh) and cmds.nodeType(mesh) == TYPE_NAME:
        return mesh
    found = [slot.node for slot in chain.stack(mesh_shape(mesh)) if cmds.nodeType(slot.node) == TYPE_NAME]
    if len(found) != 1:
        raise AimError(
            f"{mesh} has {len(found)} {TYPE_NAME} nodes{': ' + ', '.join(found) if found else ''}.",
            "Name the one to restore." if found else "No model is attached to it.", "Select the mesh that a model was attached to.",
        )  # fmt: skip
    return found[0]


def restore(mesh: str) -> str | None:
    """Undo attach: the very blendShape is back in its place, with everything that was moved. Returns the blendShape, if there is one.

    mesh: the mesh, or the aimDeformer. Raises AimError; then the scene is as it was.
    """
    node = find_node(mesh)
    kept = record.read(node)
    source = source_of(f"{node}.blendShape")
    if kept.mode == "replace" and source is None:
        raise AimError(f"The blendShape that {node} stands in for is gone.", "It was deleted from the scene.", "Undo that, or bake a native blendShape back.")
    with undo_chunk("aimRestore"):
        if kept.mode == "replace" and source is not None:
            _put_back(node, chain.Slot(node_of(source), kept.geometry))
        else:
            chain.take_out(chain.Slot(node, 0))
        cmds.delete(node)
    return node_of(source) if source is not None else None


def _put_back(node: str, old: chain.Slot) -> None:
    stop_feeding(node, old.node)
    chain.take_place(chain.Slot(node, 0), old)
    _paint_back(node, old)
    move_node(node, old.node)


def _paint_back(node: str, old: chain.Slot) -> None:
    """Painted weights that were changed while attached become base weights; untouched ones are still on the blendShape."""
    indices = cmds.getAttr(f"{node}.weightList[0].weights", multiIndices=True) or []
    if not indices:
        return
    count = max(indices) + 1
    base_plug, own_plug = f"{old.node}.inputTarget[{old.index}].baseWeights", f"{old.node}.weightList[{old.index}].weights"
    before = [a * b for a, b in zip(ramp(base_plug, count), ramp(own_plug, count), strict=True)]
    now = ramp(f"{node}.weightList[0].weights", count)
    if max(abs(a - b) for a, b in zip(before, now, strict=True)) > 1e-6:
        own = ramp(own_plug, count)
        cmds.setAttr(f"{base_plug}[0:{count - 1}]", *(n / o if o else n for n, o in zip(now, own, strict=True)), size=count)
