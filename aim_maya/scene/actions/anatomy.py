"""The learned anatomy in the scene: the bone surface to look at, coloured by tissue, and a sculpt on it made
into an edit.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from maya import cmds
from numpy.typing import NDArray

from aim_maya.core.arrays import pack_arrays
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.typed import Floats
from aim_maya.runtime.edit import EditRecipe, read_recipe
from aim_maya.runtime.edit_build import OFFSET_KEY
from aim_maya.runtime.shared import current_model
from aim_maya.scene.maya.undo import undo_chunk
from aim_maya.scene.node import paths
from aim_maya.scene.rig.blend_shape import find_node, mesh_shape
from aim_maya.scene.rig.meshes import copy_mesh, read_mesh, shape_after, short, transform_of

# The learned anatomy as something to look at in the scene: the bone surface, coloured by the tissue that lies
# over it.

COLOUR_SET = "aimThickness"
_SHADES = 24


def show(face: str) -> str:
    """Build the learned bone surface of the model on `face` beside it, coloured by thickness; one undo step.
    Returns its transform.

    Raises AimError when no model is attached, its file is missing, or it was trained without bones.
    """
    node = find_node(face)
    model = current_model(paths.file_of(node), "cpu")
    transform = transform_of(shape_after(node))
    with undo_chunk("aimAnatomy"):
        bones, shape = copy_mesh(transform, f"{short(transform)}_bones", model.anatomy.bone_points)
        _colour(bones, shape, model.anatomy.thickness)
    return bones


def _colour(bones: str, shape: str, values: Floats) -> None:
    """One colour a vertex, in a colour set of its own; a command for each shade, so that undo and redo know
    of it."""
    cmds.polyColorSet(shape, create=True, colorSet=COLOUR_SET, representation="RGB")
    cmds.polyColorSet(shape, currentColorSet=True, colorSet=COLOUR_SET)
    low, high = np.quantile(values, [0.02, 0.98])
    level = np.rint(np.clip((values - low) / max(float(high - low), 1e-9), 0, 1) * (_SHADES - 1)).astype(int)
    for shade in np.unique(level):
        chosen = [f"{bones}.vtx[{first}:{last}]" for first, last in runs(np.flatnonzero(level == shade))]
        cmds.polyColorPerVertex(chosen, colorRGB=heat(shade / (_SHADES - 1)), colorDisplayOption=True)
    cmds.delete(bones, constructionHistory=True)


def runs(ids: NDArray[np.integer]) -> list[tuple[int, int]]:
    """(first, last) of every run of consecutive ids."""
    parts = np.split(ids, np.flatnonzero(np.diff(ids) > 1) + 1) if len(ids) else []
    return [(int(part[0]), int(part[-1])) for part in parts]


def heat(t: float) -> tuple[float, float, float]:
    """From blue (0, thin) over white to red (1, thick)."""
    blue, white, red = np.array([0.15, 0.3, 0.85]), np.array([0.95, 0.95, 0.95]), np.array([0.85, 0.2, 0.1])
    r, g, b = blue + 2 * t * (white - blue) if t < 0.5 else white + (2 * t - 1) * (red - white)
    return float(r), float(g), float(b)


# A sculpt on the learned bone surface made into an edit: the mesh that View anatomy shows, changed by hand,
# becomes offsets of the bone points.

_NOTHING_MM = 1e-4


def edit_from_sculpt(face: str, bones: str, path: str | Path) -> dict[str, float]:
    """Write the edit PATH.json with its offsets in PATH.npz beside it, and set it on the face's node; one
    undo step (the files stay).

    bones: the mesh that `anatomy_view.show` made, sculpted; it may stand beside the face. What else the
    node's edit file says is kept. Returns figures: vertices moved and the largest mm. Raises AimError when it
    is another mesh, or was not sculpted.
    """
    node = find_node(face)
    model = current_model(paths.file_of(node), "cpu")
    model.data.need_anatomy("there is no bone surface to sculpt")
    sculpted = read_mesh(mesh_shape(bones))
    if sculpted.topology_hash != model.manifest["topology_hash"]:
        raise AimError(
            f"{bones} is not the bone surface of {model.data.path.name}: it has {len(sculpted.points)} "
            f"vertices, the model {len(model.data.bone)}, or other faces.",
            "Another mesh is selected, or the sculpt changed its topology.",
            "View anatomy shows the surface; move its vertices, and add none.",
        )
    offset = (sculpted.points - model.data.bone) * model.mm_per_unit
    offset[np.abs(offset).max(axis=1) < _NOTHING_MM] = 0.0
    if not offset.any():
        raise AimError(
            f"{bones} is as it was learned: nothing was sculpted.",
            remedy="Move its vertices, then try again.",
        )
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
    if not cmds.getAttr(f"{node}.edit"):
        return EditRecipe()
    return read_recipe(paths.file_of(node, "edit")).moved(file.parent)


def set_preset(face: str, name: str) -> str:
    """Set a preset, or "none", on the node of a face; one undo step. Returns the node. Raises AimError for an
    unknown name."""
    from aim_maya.scene.node.attributes import BY_NAME

    node = find_node(face)
    fields = BY_NAME["preset"].fields
    if name not in fields:
        raise AimError(f"There is no preset '{name}'.", remedy=f"Presets: {', '.join(fields)}.")
    with undo_chunk("aimPreset"):
        cmds.setAttr(f"{node}.preset", fields.index(name))
    return node
