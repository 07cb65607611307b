"""The learned anatomy in the scene: the bone surface to look at, coloured by tissue; a sculpt on it made
into an edit; teeth, tongue and gums that follow the learned jaw.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from maya import cmds
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, pack_arrays
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.obj import write_obj
from aim_maya.runtime import FaceModel
from aim_maya.runtime.deformation import current_model
from aim_maya.runtime.edit import EditRecipe, read_recipe
from aim_maya.runtime.edit_build import OFFSET_KEY, target_named
from aim_maya.scene.maya import from_list, to_list, undo_chunk
from aim_maya.scene.node import paths
from aim_maya.scene.node.models import edited_model
from aim_maya.scene.node.settings import positions
from aim_maya.scene.rig.blend_shape import find_native, find_node, mesh_shape, native_parts
from aim_maya.scene.rig.chain import stack
from aim_maya.scene.rig.meshes import (
    copy_mesh,
    one_object,
    read_mesh,
    shape_after,
    short,
    transform_of,
    uniform_world_matrix,
)
from aim_maya.scene.rig.plugs import destinations_of, node_of, ramp, source_of

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
_SAME_MM = 1e-3  # of a sculpted target: what counts as equal


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
    _set_edit(node, file)
    moved = np.linalg.norm(offset, axis=1)
    return {"vertices": int((moved > 0).sum()), "largest_mm": float(moved.max())}


def sculpt_target(
    face: str, sculpted: str, path: str | Path, target: str | None = None
) -> dict[str, float | str]:
    """Give a target the shape of a sculpt: write the edit PATH.json, and beside it PATH_TARGET.obj with the
    shape of the unedited face, and set the edit on the face's node; one undo step (the files stay).

    sculpted: a mesh of the face's faces, such as its duplicate at that pose; it may stand beside the face. It
    is taken to be of the face as its edit, preset, handles and jaw have it now: of a driven or added jaw,
    too. target: when not given, the one at whose trained pose the sliders are. What else the node's edit file
    says is kept. Returns the target, vertices moved and the largest mm. Raises AimError for another mesh, a
    pose of no target, a performance that plays, and a sculpt that was not sculpted.
    """
    node = find_node(face)
    mesh, model = read_mesh(mesh_shape(sculpted)), current_model(paths.file_of(node), "cpu")
    if mesh.topology_hash != model.manifest["topology_hash"]:
        raise AimError(
            f"{sculpted} is no sculpt of {model.data.path.name}: it has {len(mesh.points)} vertices, the "
            f"model {len(model.data.neutral)}, or other faces.",
            "Another mesh is selected, or the sculpt changed its topology.",
            "Duplicate the face at the target's pose; move its vertices, and add none.",
        )
    painted = f"{node}.thicknessList[0].thicknessMap"
    map_ = ramp(painted, len(mesh.points)) if cmds.getAttr(painted, multiIndices=True) else None
    model = edited_model(node, None if map_ is None else np.array(map_, np.float32))
    target = target_named(model.data, target) if target else _target_on(node, model)
    controls = model.data.rig.trained_pose(target)
    jaw = _jaw_shown(node)
    moved = np.linalg.norm(mesh.points - model.points(controls, jaw=jaw), axis=1) * model.mm_per_unit
    if moved.max() < _SAME_MM:
        raise AimError(
            f"{sculpted} is '{target}' as it is: nothing was sculpted.",
            remedy="Move its vertices, then try again.",
        )
    shape, file = model.unedited_shape(target, mesh.points, jaw), Path(path).with_suffix(".json")
    kept, name = _kept(node, file), f"{file.stem}_{re.sub(r'[^A-Za-z0-9_.-]', '_', target)}.obj"
    write_obj(file.with_name(name), model.mesh.with_points(shape), f"sculpt of {target}")
    replace(kept, targets={**kept.targets, target: name}).write(file)
    _set_edit(node, file)
    return {"target": target, "vertices": int((moved > _SAME_MM).sum()), "largest_mm": float(moved.max())}


def _jaw_shown(node: str) -> Floats | None:
    """(4, 4) the jaw that a node has instead of the one its weights ask for; None for that one. Raises
    AimError where a performance moves the face as well."""
    playing = cmds.getAttr(f"{node}.performance") and cmds.getAttr(f"{node}.performanceBlend")
    if playing:
        raise AimError(
            f"The performance on {node} moves the face as well ({100 * playing:.3g} % of it).",
            "What was sculpted on it is no shape of one target.",
            f"Set {node}.performanceBlend to 0, sculpt the face as the sliders have it, and set it back.",
        )
    if cmds.getAttr(f"{node}.jawMode", asString=True) == "learned":
        return None
    return from_list(cmds.getAttr(f"{node}.outJawMatrix"))


def _target_on(node: str, model: FaceModel) -> str:
    """The target at whose trained pose the sliders of a node are. Raises AimError where there is none."""
    rig, weights = model.data.rig, np.zeros(len(model.controls))
    for index, position in positions(rig, cmds.getAttr(f"{node}.controlMap") or "").items():
        weights[position] = cmds.getAttr(f"{node}.weight[{index}]")
    for target in rig.targets:
        if np.abs(rig.trained_pose(target) - weights).max() < 1e-4:
            return target
    on = ", ".join(f"{rig.names[i]} {weights[i]:.3g}" for i in np.flatnonzero(weights)[:4]) or "all at 0"
    raise AimError(
        f"The sliders are at the pose of no target ({on}).",
        "A sculpt replaces one target, in-between or combination at the pose where it was trained.",
        "Set only that target's sliders to where it is full, then try again.",
    )


def _set_edit(node: str, file: Path) -> None:
    with undo_chunk("aimSculpt"):
        cmds.setAttr(f"{node}.edit", file.as_posix(), type="string")
        cmds.setAttr(f"{node}.reload", cmds.getAttr(f"{node}.reload") + 1)


def _kept(node: str, file: Path) -> EditRecipe:
    """The node's edit with its files named from the new file's folder; nothing for a node without one."""
    if not cmds.getAttr(f"{node}.edit"):
        return EditRecipe(folder=file.parent)
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


# Teeth, tongue and gums that follow the learned jaw: outJawMatrix through their offsetParentMatrix, with
# plain Maya nodes.
#
# Row vectors: offsetParentMatrix = O P F^-1 J F P^-1, where O was there before, P is the *parent's* world
# matrix, F the face's and J the jaw's motion in the face's object space. The node's own parentMatrix holds
# offsetParentMatrix already: using it would be a cycle.

_NODE = "aimJawFollow"


def drive(face: str, objects: list[str]) -> list[str]:
    """Let transforms follow the jaw of the model on `face`; one undo step. Returns the multMatrix nodes made.

    A face that a skinCluster moves afterwards does not move its transform: the relation at this moment is
    kept then, so do it in the bind pose, with the objects under the head. Raises AimError for an object that
    is already driven, or is the face itself.
    """
    native = find_native(face)
    own = native_parts(native, "skinCluster") if native else []
    shape = shape_after(own[0] if own else find_node(face))
    transform = transform_of(shape)
    objects = [_checked(name, transform) for name in objects]
    skinned = any(cmds.nodeType(slot.node) == "skinCluster" and slot.node not in own for slot in stack(shape))
    with undo_chunk("aimDriveTeeth"):
        jaw = native_jaw(native) if native else f"{find_node(face)}.outJawMatrix"
        return [_drive_one(jaw, transform, name, fixed=skinned) for name in objects]


def native_jaw(native: str) -> str:
    """The plug with the motion of a native rig's jaw joint, in the face's object space."""
    return f"{native_parts(native, 'multMatrix')[0]}.matrixSum"


def release(objects: list[str]) -> None:
    """Take `drive` back: the objects are where they were before it."""
    with undo_chunk("aimReleaseTeeth"):
        for name in map(one_object, objects):
            source = source_of(f"{name}.offsetParentMatrix")
            if source is None or not _is_ours(node_of(source)):
                raise AimError(
                    f"{name} does not follow a jaw.", remedy="Select what was driven by Drive teeth."
                )
            _release(node_of(source))


def release_all(jaw: str) -> list[str]:
    """Release whatever follows the plug of a jaw, so that it does not stay in its last pose when that goes;
    returns the objects."""
    followers = {node_of(plug) for plug in destinations_of(jaw)}
    return [name for mult in sorted(followers) if _is_ours(mult) for name in _release(mult)]


def _is_ours(mult: str) -> bool:
    return bool(cmds.attributeQuery("aimOffset", node=mult, exists=True))


def _release(mult: str) -> list[str]:
    before, plugs = cmds.getAttr(f"{mult}.aimOffset"), destinations_of(f"{mult}.matrixSum")
    for plug in plugs:
        cmds.disconnectAttr(f"{mult}.matrixSum", plug)
        cmds.setAttr(plug, before, type="matrix")
    cmds.delete(mult)
    return [node_of(plug) for plug in plugs]


def _checked(name: str, face: str) -> str:
    """The full path of what can follow. Raises AimError."""
    if not cmds.objExists(name) or not cmds.objectType(one_object(name), isAType="transform"):
        raise AimError(
            f"'{name}' is not a transform.", remedy="Select the transforms of teeth, tongue or gums."
        )
    name = one_object(name)
    if name == face:
        raise AimError(
            f"{name} is the face itself.", remedy="Select the face first, then teeth, tongue or gums."
        )
    source = source_of(f"{name}.offsetParentMatrix")
    if source is not None:
        raise AimError(
            f"{name}.offsetParentMatrix is already driven by {source}.",
            "It follows something else, or a jaw already.",
            "Disconnect that first, or put the teeth into a group and drive the group.",
        )
    return name


def _drive_one(jaw: str, face: str, name: str, *, fixed: bool) -> str:
    parent = (cmds.listRelatives(name, parent=True, fullPath=True) or [None])[0]
    mult = str(cmds.createNode("multMatrix", name=f"{short(name)}_{_NODE}", skipSelect=True))
    cmds.addAttr(mult, longName="aimOffset", attributeType="matrix")
    before = cmds.getAttr(f"{name}.offsetParentMatrix")
    cmds.setAttr(f"{mult}.aimOffset", before, type="matrix")
    cmds.setAttr(f"{mult}.matrixIn[0]", before, type="matrix")
    if fixed:
        relation = np.linalg.inv(uniform_world_matrix(face)) @ (
            uniform_world_matrix(parent) if parent else np.eye(4)
        )
        cmds.setAttr(f"{mult}.matrixIn[1]", to_list(relation), type="matrix")
        cmds.setAttr(f"{mult}.matrixIn[3]", to_list(np.linalg.inv(relation)), type="matrix")
    else:
        for index, plug in ((2, f"{face}.worldInverseMatrix[0]"), (4, f"{face}.worldMatrix[0]")):
            cmds.connectAttr(plug, f"{mult}.matrixIn[{index}]")
        if parent:
            cmds.connectAttr(f"{parent}.worldMatrix[0]", f"{mult}.matrixIn[1]")
            cmds.connectAttr(f"{parent}.worldInverseMatrix[0]", f"{mult}.matrixIn[5]")
    cmds.connectAttr(jaw, f"{mult}.matrixIn[{2 if fixed else 3}]")
    cmds.connectAttr(f"{mult}.matrixSum", f"{name}.offsetParentMatrix")
    return mult
