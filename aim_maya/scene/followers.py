"""Other meshes that answer to the same controls as the face: they have to follow what the model does, not the old linear look."""

from __future__ import annotations

import re
from dataclasses import dataclass

from maya import cmds

from aim_maya.core.errors import AimError

from .blend_shape import Structure
from .mesh_reader import transform_of
from .plugs import destinations_of, node_of
from .undo import undo_chunk

_RIGID = re.compile(r"teeth|tooth|tongue|gum", re.IGNORECASE)


@dataclass(frozen=True)
class Follower:
    """A mesh on the same controls; how: 'jaw' for what sits on the mandible, else 'proximityWrap'; why: what ties it to the face."""

    mesh: str
    how: str
    why: str


def find_followers(structure: Structure) -> list[Follower]:
    """Meshes deformed by the same blendShape, or by another one that shares a driver or a weight with it."""
    own, found = transform_of(structure.shape), {}
    for shape in cmds.deformer(structure.node, query=True, geometry=True) or []:
        mesh = transform_of(cmds.ls(shape, long=True)[0])
        if mesh != own:
            found[mesh] = f"same node, {structure.node}"
    plugs = [*structure.drivers.values(), *(structure.plug(w.index) for w in structure.weights)]
    others = {node_of(d) for plug in plugs for d in destinations_of(plug)} - {structure.node}
    for node in sorted(n for n in others if cmds.nodeType(n) == "blendShape"):
        for shape in cmds.deformer(node, query=True, geometry=True) or []:
            mesh = transform_of(cmds.ls(shape, long=True)[0])
            if mesh != own:
                found.setdefault(mesh, f"{node} shares its drivers")
    return [Follower(mesh, "jaw" if _RIGID.search(mesh.split("|")[-1]) else "proximityWrap", why) for mesh, why in found.items()]


def wrap(mesh: str, face: str) -> str:
    """Let `mesh` follow the skin of `face` by a proximityWrap; one undo step. Returns the wrap. Raises AimError where Maya has none."""
    with undo_chunk("aimFollowSkin"):
        try:
            node = str(cmds.deformer(mesh, type="proximityWrap")[0])
            _add_driver(node, face)
        except (RuntimeError, ImportError, AttributeError) as error:
            raise AimError(f"A proximityWrap from {face} to {mesh} could not be made ({error}).", remedy="Deform > Proximity Wrap does it by hand.") from error
    return node


def _add_driver(node: str, face: str) -> None:
    """Maya's own helper; its method was renamed between versions."""
    from maya.internal.nodes.proximitywrap import node_interface  # type: ignore[import-not-found,unused-ignore]

    interface = node_interface.NodeInterface(node)
    shape = (cmds.listRelatives(face, shapes=True, noIntermediate=True, fullPath=True) or [face])[0]
    if hasattr(interface, "addDriver"):
        interface.addDriver(shape)
    else:
        interface.addDrivers([shape])
