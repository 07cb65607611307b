"""A sculpt on the learned bone surface made into an edit: the mesh that View anatomy shows, changed by hand, becomes offsets of the bone points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from maya import cmds

from aim_maya.core.aim_file import pack_arrays
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.runtime import EditRecipe, current_model, read_recipe
from aim_maya.runtime.edit_build import OFFSET_KEY

from . import host_paths
from .blend_shape import mesh_shape
from .find import find_node
from .mesh_reader import read_mesh
from .undo import undo_chunk

_NOTHING_MM = 1e-4


def edit_from_sculpt(face: str, bones: str, path: str | Path) -> dict[str, float]:
    """Write the edit PATH.json with its offsets in PATH.npz beside it, and set it on the face's node; one undo step (the files stay).

    bones: the mesh that `anatomy_view.show` made, sculpted; it may stand beside the face. What else the node's edit file says is kept.
    Returns figures: vertices moved and the largest mm. Raises AimError when it is another mesh, or was not sculpted.
    """
    node = find_node(face)
    model = current_model(host_paths.find(cmds.getAttr(f"{node}.model")), "cpu")
    sculpted = read_mesh(mesh_shape(bones))
    if sculpted.topology_hash != model.manifest["topology_hash"]:
        raise AimError(
            f"{bones} is not the bone surface of {model.data.path.name}: it has {len(sculpted.points)} vertices, the model {len(model.data.bone)}, or other faces.",
            "Another mesh is selected, or the sculpt changed its topology.", "View anatomy shows the surface; move its vertices, and add none.",
        )  # fmt: skip
    offset = (sculpted.points - model.data.bone) * model.mm_per_unit
    offset[np.abs(offset).max(axis=1) < _NOTHING_MM] = 0.0
    if not offset.any():
        raise AimError(f"{bones} is as it was learned: nothing was sculpted.", remedy="Move its vertices, then try again.")
    file = Path(path).with_suffix(".json")
    recipe = replace(_kept(node, file), bone_offset=file.with_suffix(".npz").name)
    with atomic_path(file.with_suffix(".npz")) as temporary:
        temporary.write_bytes(pack_arrays(**{OFFSET_KEY: offset.astype(np.float32)}))
    recipe.write(file)
    with undo_chunk("aimSculpt"):
        cmds.setAttr(f"{node}.edit", file.as_posix(), type="string")
        cmds.setAttr(f"{node}.reload", cmds.getAttr(f"{node}.reload") + 1)
    moved = np.linalg.norm(offset, axis=1)
    return {"vertices": int((moved > 0).sum()), "largest_mm": float(moved.max())}


def _kept(node: str, file: Path) -> EditRecipe:
    """The node's edit with its files named from the new file's folder; nothing for a node without one."""
    before = cmds.getAttr(f"{node}.edit")
    return read_recipe(host_paths.find(before)).moved(file.parent) if before else EditRecipe()


def set_preset(face: str, name: str) -> str:
    """Set a preset, or "none", on the node of a face; one undo step. Returns the node. Raises AimError for an unknown name."""
    from .attributes import BY_NAME

    node = find_node(face)
    fields = BY_NAME["preset"].fields
    if name not in fields:
        raise AimError(f"There is no preset '{name}'.", remedy=f"Presets: {', '.join(fields)}.")
    with undo_chunk("aimPreset"):
        cmds.setAttr(f"{node}.preset", fields.index(name))
    return node
