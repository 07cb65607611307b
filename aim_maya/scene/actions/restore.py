"""Restore: take an aimDeformer out again by what attach wrote on it, in one undo step. What was keyed
meanwhile stays with the weights.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass

from maya import cmds

from aim_maya.core.errors import AimError
from aim_maya.scene.maya import undo_chunk
from aim_maya.scene.node.attributes import TYPE_NAME
from aim_maya.scene.rig import chain
from aim_maya.scene.rig.blend_shape import NATIVE, NATIVE_FOR, find_native, find_node, native_parts
from aim_maya.scene.rig.plugs import move_node, node_of, ramp, source_of, stop_feeding

from .anatomy import native_jaw, release_all

# What attach writes on its node so that restore needs nothing else: the mode and the geometry's index on the
# blendShape.


@dataclass(frozen=True)
class Record:
    """mode: 'replace' or 'overlay'; geometry: index of the mesh on the blendShape."""

    mode: str
    geometry: int


def write(node: str, record: Record) -> None:
    """Keep the record on the node."""
    cmds.setAttr(f"{node}.attachRecord", json.dumps(asdict(record)), type="string")


def read(node: str) -> Record:
    """Raises AimError for a node that attach did not make."""
    if cmds.nodeType(node) != TYPE_NAME:
        raise AimError(
            f"{node} is a {cmds.nodeType(node)}, not an {TYPE_NAME}.",
            remedy="Select the mesh that a model was attached to.",
        )
    text = cmds.getAttr(f"{node}.attachRecord")
    try:
        data = json.loads(text or "")
        return Record(str(data["mode"]), int(data["geometry"]))
    except (ValueError, KeyError, TypeError) as error:
        raise AimError(
            f"{node} does not say how it was attached.",
            "It was made by hand, or its attachRecord was edited.",
            "Delete it; the blendShape has to be rewired by hand.",
        ) from error


NATIVE_TYPES = (
    "transform",
    "skinCluster",
    "expression",
    "fourByFourMatrix",
    "multMatrix",
    "combinationShape",
)
"""Types of the nodes that a native rig is made of, beside its blendShape; the joints go with their group."""

# Restore: take an aimDeformer out again, in one undo step. What was keyed meanwhile stays with the weights.

_log = logging.getLogger("aim_maya")


def restore(mesh: str) -> str | None:
    """Undo attach: the very blendShape is back in its place, with everything that was moved. Returns the
    blendShape, if there is one.

    mesh: the mesh, or the aimDeformer. Raises AimError; then the scene is as it was.
    """
    native = find_native(mesh)
    if native is not None:
        return _restore_native(native)
    node = find_node(mesh)
    kept = read(node)
    source = source_of(f"{node}.blendShape")
    if kept.mode == "replace" and source is None:
        raise AimError(
            f"The blendShape that {node} stands in for is gone.",
            "It was deleted from the scene.",
            "Undo that, or bake a native blendShape back.",
        )
    with undo_chunk("aimRestore"):
        released = release_all(f"{node}.outJawMatrix")
        if kept.mode == "replace" and source is not None:
            _put_back(node, chain.Slot(node_of(source), kept.geometry))
        else:
            chain.take_out(chain.Slot(node, 0))
        cmds.delete(node)
    _say(released)
    return node_of(source) if source is not None else None


def _restore_native(native: str) -> str:
    """Take a native rig out: its skinCluster, joints and expression go, and the blendShape that it stands in
    for comes back."""
    source = source_of(f"{native}.{NATIVE_FOR}")
    if source is None:
        raise AimError(
            f"The blendShape that {native} stands in for is gone.",
            "It was deleted from the scene.",
            "Undo that.",
        )
    kept = json.loads(cmds.getAttr(f"{native}.{NATIVE}"))
    with undo_chunk("aimRestore"):
        released = release_all(native_jaw(native))
        parts = [n for kind in NATIVE_TYPES for n in native_parts(native, kind)]
        chain.take_out(chain.Slot(native_parts(native, "skinCluster")[0], 0))
        _put_back(native, chain.Slot(node_of(source), int(kept["geometry"])), frozenset(kept["own"]))
        cmds.delete([*parts, native])
    _say(released)
    return node_of(source)


def _say(released: list[str]) -> None:
    if released:
        _log.info("no longer following the jaw: %s", ", ".join(released))


def _put_back(node: str, old: chain.Slot, own: frozenset[int] = frozenset()) -> None:
    stop_feeding(node, old.node)
    chain.take_place(chain.Slot(node, 0), old)
    _paint_back(node, old)
    move_node(node, old.node, own)


def _paint_back(node: str, old: chain.Slot) -> None:
    """Painted weights that were changed while attached become base weights; untouched ones are still on the
    blendShape."""
    indices = cmds.getAttr(f"{node}.weightList[0].weights", multiIndices=True) or []
    if not indices:
        return
    count = max(indices) + 1
    base_plug, own_plug = (
        f"{old.node}.inputTarget[{old.index}].baseWeights",
        f"{old.node}.weightList[{old.index}].weights",
    )
    before = [a * b for a, b in zip(ramp(base_plug, count), ramp(own_plug, count), strict=True)]
    now = ramp(f"{node}.weightList[0].weights", count)
    if max(abs(a - b) for a, b in zip(before, now, strict=True)) > 1e-6:
        own = ramp(own_plug, count)
        cmds.setAttr(
            f"{base_plug}[0:{count - 1}]",
            *(n / o if o else n for n, o in zip(now, own, strict=True)),
            size=count,
        )
