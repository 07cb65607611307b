"""What hangs on a face's blendShape: connections to move, meshes that follow the same controls, sliders that
drive them, a joint that turns the jaw.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from maya import cmds

from aim_maya.core.errors import AimError
from aim_maya.scene.maya import undo_chunk

from .blend_shape import Structure
from .chain import stack
from .meshes import one_object, shapes_after, short, transform_of
from .plugs import SINGLE, VISIBILITY, destinations_of, indices, node_of, source_of


def follow_weights(structure: Structure, node: str, matched: dict[str, int]) -> None:
    """Overlay: the live blendShape's weights, mutes, envelope and state drive the node's; aliases are the
    same."""
    old, alias = structure.node, {w.index: w.alias for w in structure.weights}
    for index in matched.values():
        cmds.connectAttr(f"{old}.weight[{index}]", f"{node}.weight[{index}]")
        cmds.aliasAttr(alias[index], f"{node}.weight[{index}]")
        for name in VISIBILITY:  # connected also where nothing is muted yet
            cmds.connectAttr(f"{old}.{name}[{index}]", f"{node}.{name}[{index}]")
    for name in SINGLE:
        cmds.connectAttr(f"{old}.{name}", f"{node}.{name}")


def group_notes(structure: Structure) -> list[str]:
    """Shape Editor groups that act on the targets and have no counterpart on our node."""
    notes = []
    for i in indices(f"{structure.node}.targetDirectory"):
        place = f"{structure.node}.targetDirectory[{i}]"
        if float(cmds.getAttr(f"{place}.directoryWeight")) != 1.0 or cmds.listConnections(
            f"{place}.directoryWeight", source=True, destination=False
        ):
            notes.append(
                f"the Shape Editor group {i} of {structure.node} scales its targets: that is not "
                "moved, the sliders act in full"
            )
    return notes


# Other meshes that answer to the same controls as the face: they have to follow what the model does, not the
# old linear look.

_RIGID = re.compile(r"teeth|tooth|tongue|gum", re.IGNORECASE)


@dataclass(frozen=True)
class Follower:
    """A mesh on the same controls; how: 'jaw' for what sits on the mandible, else 'proximityWrap'; why: what
    ties it to the face."""

    mesh: str
    how: str
    why: str


def find_followers(structure: Structure) -> list[Follower]:
    """Meshes deformed by the same blendShape, or by another one that shares a driver or a weight with it."""
    own, found = transform_of(structure.shape), {}
    for mesh in map(transform_of, shapes_after(structure.node)):
        if mesh != own:
            found[mesh] = f"same node, {structure.node}"
    plugs = [*structure.drivers.values(), *(structure.plug(w.index) for w in structure.weights)]
    others = {node_of(d) for plug in plugs for d in destinations_of(plug)} - {structure.node}
    for node in sorted(n for n in others if cmds.nodeType(n) == "blendShape"):
        for mesh in map(transform_of, shapes_after(node)):
            if mesh != own:
                found.setdefault(mesh, f"{node} shares its drivers")
    return [
        Follower(mesh, "jaw" if _RIGID.search(mesh.split("|")[-1]) else "proximityWrap", why)
        for mesh, why in found.items()
    ]


def wrap(mesh: str, face: str) -> str:
    """Let `mesh` follow the skin of `face` by a proximityWrap; one undo step. Returns the wrap. Raises
    AimError where Maya has none."""
    mesh, face = one_object(mesh), one_object(face)
    with undo_chunk("aimFollowSkin"):
        try:
            node = str(cmds.deformer(mesh, type="proximityWrap")[0])
            _add_driver(node, face)
        except (RuntimeError, ImportError, AttributeError) as error:
            raise AimError(
                f"A proximityWrap from {face} to {mesh} could not be made ({error}).",
                remedy="Deform > Proximity Wrap does it by hand.",
            ) from error
    return node


def _add_driver(node: str, face: str) -> None:
    """Maya's own helper; its method was renamed between versions."""
    from maya.internal.nodes.proximitywrap import node_interface  # type: ignore

    interface = node_interface.NodeInterface(node)
    shape = (cmds.listRelatives(face, shapes=True, noIntermediate=True, fullPath=True) or [face])[0]
    if hasattr(interface, "addDriver"):
        interface.addDriver(shape)
    else:
        interface.addDrivers([shape])


# A jaw that a joint already turns, after the blendShape: with a model attached it could open twice.

_JAW = re.compile(r"jaw|mandib|kiefer|machoire", re.IGNORECASE)


def is_jaw_name(name: str) -> bool:
    """Does a node's own name (no path, no namespace) speak of a jaw?"""
    return bool(_JAW.search(short(name)))


def jaw_joints_after(structure: Structure) -> list[str]:
    """Joints named like a jaw among the influences of skinClusters between the blendShape and the mesh."""
    found: list[str] = []
    for slot in stack(structure.shape):
        if slot.node == structure.node:
            break
        if cmds.nodeType(slot.node) == "skinCluster":
            found += [
                j for j in cmds.skinCluster(slot.node, query=True, influence=True) or [] if is_jaw_name(j)
            ]
    return found


# What drives a weight from outside: the slider or control attribute to move so that a weight reaches a value.


def driver_settings(structure: Structure, weights: dict[str, float]) -> dict[str, float]:
    """{driver plug: value} that brings the weights to their values; drivers that cannot be set are left
    out.
    """
    settings: dict[str, float] = {}
    for plug, value in weights.items():
        driver = structure.drivers.get(plug)
        if driver is None:
            continue
        found = _input_for(driver, value)
        if found is not None:
            settings[found[0]] = found[1]
    return settings


def _input_for(driver: str, value: float) -> tuple[str, float] | None:
    """The attribute behind a driver and what it must be: itself, or the input of a driven key at which the
    curve has the value."""
    if not cmds.nodeType(node_of(driver)).startswith("animCurveU"):
        return (driver, value) if cmds.getAttr(driver, settable=True) else None
    curve = node_of(driver)
    source = source_of(f"{curve}.input")
    inputs = cmds.keyframe(curve, query=True, floatChange=True) or []
    values = cmds.keyframe(curve, query=True, valueChange=True) or []
    if source is None or not inputs:
        return None
    at = min(range(len(values)), key=lambda i: abs(values[i] - value))
    return (source, inputs[at]) if abs(values[at] - value) < 1e-3 else None
