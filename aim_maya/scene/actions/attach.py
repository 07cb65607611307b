"""Attach: check that model and mesh belong together, then put an aimDeformer in the place of a blendShape
(replace), or right after one that stays live (overlay).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from maya import cmds

from aim_maya.core.arrays import Floats
from aim_maya.core.container import model_hash
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.runtime import FaceModel
from aim_maya.runtime.deformation import current_model
from aim_maya.scene.maya import undo_chunk
from aim_maya.scene.node import paths
from aim_maya.scene.node.attributes import TYPE_NAME
from aim_maya.scene.node.registration import load
from aim_maya.scene.rig import chain
from aim_maya.scene.rig.blend_shape import (
    Structure,
    as_alias,
    base_weights,
    find_native,
    mesh_shape,
    neutral_state,
    only_blend_shape,
    read_structure,
)
from aim_maya.scene.rig.followers import (
    Follower,
    find_followers,
    follow_weights,
    group_notes,
    jaw_joints_after,
)
from aim_maya.scene.rig.meshes import plug_mesh, plug_points, shape_points, short, transform_of
from aim_maya.scene.rig.plugs import feed_back, held, move_node, other_geometries

from . import restore

# Do a model and a mesh belong together? Topology first, then rest points: a mesh ten times the size has the
# same faces.


def check_rest(structure: Structure, model: FaceModel) -> None:
    """Raises AimError with both vertex counts and hashes, the factor between the sizes, or how far apart the
    rest points are."""
    mesh, wanted = (
        plug_mesh(f"{structure.node}.outputGeometry[{structure.geometry}]"),
        str(model.manifest["topology_hash"]),
    )
    if mesh.topology_hash != wanted:
        raise AimError(
            f"{structure.shape} has {len(mesh.points)} vertices and topology {mesh.topology_hash[:12]}; "
            f"{model.data.path.name} was trained on {len(model.data.neutral)} vertices, {wanted[:12]}.",
            "The model belongs to another mesh, or faces or vertex order changed since it was trained.",
            "Train on this mesh, or attach to the mesh it was trained on.",
        )
    compare_rest(_rest(structure), model.data.neutral.astype(np.float64), structure.shape)


def _rest(structure: Structure) -> Floats:
    """The points before all deformers, read off the original shape; where there is none, off the blendShape
    held at zero."""
    original = chain.original(structure.shape)
    if original is not None:
        return shape_points(original)
    with held(neutral_state(structure)):
        return plug_points(f"{structure.node}.outputGeometry[{structure.geometry}]")


def compare_rest(rest: Floats, neutral: Floats, name: str) -> None:
    """Raises AimError when points (V, 3) are the neutral's at another scale, or elsewhere by more than 1 % of
    the head."""
    a, b = rest - rest.mean(0), neutral - neutral.mean(0)
    size = float(np.sqrt((b * b).sum(1).mean()))
    factor = float(np.sqrt((a * a).sum() / (b * b).sum()))
    if abs(factor - 1) > 0.01:
        raise AimError(
            f"{name} is {factor:.4g} times the size of the model's neutral.",
            "One of the two is in another unit, or was scaled.",
            "Train on the mesh as it is in this scene, or scale it back and freeze the transformation.",
        )
    apart = np.linalg.norm(rest - neutral, axis=1)
    if float(np.median(apart)) > 0.01 * size:
        raise AimError(
            f"{name} at rest is {float(np.median(apart)):.4g} units (median) from the model's neutral, "
            f"at most {float(apart.max()):.4g}.",
            "The mesh was moved or resculpted since the model was trained, or its points were frozen "
            "elsewhere.",
            "Train again on this mesh.",
        )


# Attach: put an aimDeformer in the place of a blendShape (replace), or right after one that stays live
# (overlay), in one undo step.

MODES = ("replace", "overlay")
DOUBLE_JAW = ("keep", "still")


@dataclass
class Attachment:
    """What attach would do; nothing has been changed yet.

    matched {control of the model: weight index}; unmatched: sentences on names that found no partner.
    double_jaw: joints of a jaw in a skinCluster that follows. followers: other meshes on the same controls.
    """

    structure: Structure
    model: FaceModel
    path: str
    mode: str
    matched: dict[str, int]
    unmatched: list[str] = field(default_factory=list)
    double_jaw: list[str] = field(default_factory=list)
    followers: list[Follower] = field(default_factory=list)


@dataclass
class Attached:
    """The new node, and everything the user should know."""

    node: str
    notes: list[str]
    followers: list[Follower]


def plan_attach(mesh: str, model: str, blend_shape: str | None = None, mode: str | None = None) -> Attachment:
    """Read scene and model and compare them. mode None: overlay on a referenced rig, else replace.

    Raises AimError when model and mesh do not belong together, with both vertex counts, or the factor between
    their sizes.
    """
    load()
    plan = compare(mesh, model, blend_shape, mode)
    _check_aliases(plan.structure)
    return plan


def compare(mesh: str, model: str, blend_shape: str | None = None, mode: str | None = None) -> Attachment:
    """plan_attach for whatever takes the blendShape's place: no name is in the way of a node's attributes.
    Raises AimError as it does."""
    paths.refresh()
    shape = mesh_shape(mesh)
    if find_native(shape) is not None:
        raise AimError(
            f"{short(mesh)} has a native rig.", "Its skinCluster moves the jaw already.", "Restore first."
        )
    structure = read_structure(blend_shape or only_blend_shape(shape), shape)
    if mode is None:
        mode = "overlay" if cmds.referenceQuery(structure.node, isNodeReferenced=True) else "replace"
    if mode not in MODES:
        raise AimError(f"There is no mode '{mode}'.", nearest_name(mode, MODES), f"Use {' or '.join(MODES)}.")
    face = current_model(paths.find(model, own=paths.own_folders(structure.node)))
    check_rest(structure, face)
    matched, unmatched = _match(structure, face)
    if mode == "replace":
        unmatched += group_notes(structure)
    return Attachment(
        structure,
        face,
        model,
        mode,
        matched,
        unmatched,
        jaw_joints_after(structure),
        find_followers(structure),
    )


def attach(
    mesh: str,
    model: str,
    blend_shape: str | None = None,
    mode: str | None = None,
    *,
    name: str | None = None,
    double_jaw: str | None = None,
) -> Attached:
    """Attach `model` (path as it is to be written into the scene) to `mesh`. One undo step; after an error
    the scene is as it was.

    double_jaw: 'keep' or 'still' (jawGain 0), needed when a jaw joint sits in a skinCluster that follows.
    Raises AimError.
    """
    plan = plan_attach(mesh, model, blend_shape, mode)
    if plan.double_jaw and double_jaw not in DOUBLE_JAW:
        raise AimError(
            f"{', '.join(plan.double_jaw)} turns the jaw in a skinCluster after {plan.structure.node}: "
            "the jaw could open twice.",
            "Both the shapes and a joint move the jaw.",
            "Pass double_jaw='keep' (the shapes' jaw stays, as with the blendShape) or 'still' "
            "(jawGain 0: only the joint moves it).",
        )
    with undo_chunk("aimAttach"):
        node = _build(plan, name or f"{short(transform_of(plan.structure.shape))}_aim")
        if double_jaw == "still":
            cmds.setAttr(f"{node}.jawGain", 0.0)
    return Attached(
        node, [*plan.structure.notes, *plan.unmatched, *_follower_notes(plan.followers)], plan.followers
    )


def _check_aliases(structure: Structure) -> None:
    """Raise AimError for an alias that is an attribute of our node, too: it could not be given to a weight
    there."""
    clash = [w.alias for w in structure.weights if cmds.attributeQuery(w.alias, type=TYPE_NAME, exists=True)]
    if clash:
        raise AimError(
            f"The weight '{clash[0]}' of {structure.node} has the name of an attribute of the "
            f"{TYPE_NAME} node.",
            "A node cannot have one name twice.",
            f"Rename that target, for example to '{clash[0]}Shape', and train again.",
        )


def _match(structure: Structure, model: FaceModel) -> tuple[dict[str, int], list[str]]:
    """Controls to weight indices by name, then by the name as Maya can have it and without regard to case;
    who finds no partner is listed."""
    exact = {w.alias: w.index for w in structure.weights}
    lowered = {w.alias.lower(): w.index for w in structure.weights if w.alias not in model.targets}
    matched, notes = {}, []
    for control in model.targets:
        if control in exact:
            matched[control] = exact[control]
        elif as_alias(control).lower() in lowered:
            matched[control] = lowered.pop(as_alias(control).lower())
            if control == as_alias(control):
                notes.append(f"control '{control}' of the model was matched to a weight that differs by case")
        else:
            notes.append(
                (
                    f"control '{control}' of the model has no weight on {structure.node}; it stays at "
                    f"zero. {nearest_name(control, exact)}"
                ).strip()
            )
    used, poses = set(matched.values()), {as_alias(p.target) for p in model.data.rig.poses}
    for weight in structure.weights:
        if weight.index not in used and weight.alias not in poses:
            notes.append(
                (
                    f"weight '{weight.alias}' of {structure.node} is not in the model: it will do nothing "
                    f"in replace mode. {nearest_name(weight.alias, model.targets)}"
                ).strip()
            )
    if not matched:
        raise AimError(
            f"None of the model's {len(model.targets)} controls is on {structure.node}.",
            "The model belongs to another rig, or the aliases were renamed.",
            "Compare `aimface info` with the Channel Box.",
        )
    return matched, notes


def _build(plan: Attachment, name: str) -> str:
    structure, node = plan.structure, str(cmds.createNode(TYPE_NAME, name=name, skipSelect=True))
    old, new = chain.Slot(structure.node, structure.geometry), chain.Slot(node, 0)
    if plan.mode == "replace":
        chain.take_place(old, new)
    else:
        chain.put_after(old, new)
    chain.confirm(structure.shape, [node] if plan.mode == "replace" else [node, structure.node])
    _set_up(plan, node)
    if plan.mode == "replace":
        move_node(structure.node, node)
        if other_geometries(structure.node, structure.geometry):
            feed_back(node, structure.node)
    else:
        follow_weights(structure, node, plan.matched)
    _paint(structure, node, len(plan.model.data.neutral))
    return node


def _set_up(plan: Attachment, node: str) -> None:
    structure = plan.structure
    cmds.setAttr(f"{node}.model", plan.path, type="string")
    cmds.setAttr(f"{node}.modelHash", model_hash(plan.model.manifest), type="string")
    cmds.setAttr(f"{node}.mode", MODES.index(plan.mode))
    indices = ";".join(f"{control}={index}" for control, index in plan.matched.items())
    cmds.setAttr(f"{node}.controlMap", indices, type="string")
    face = cmds.getAttr(f"{transform_of(structure.shape)}.worldMatrix[0]")
    cmds.setAttr(f"{node}.faceBindMatrix", face, type="matrix")
    cmds.connectAttr(f"{structure.node}.message", f"{node}.blendShape")
    restore.write(node, restore.Record(plan.mode, structure.geometry))


def _paint(structure: Structure, node: str, count: int) -> None:
    values = base_weights(structure, count)
    if any(v != 1.0 for v in values):
        cmds.setAttr(f"{node}.weightList[0].weights[0:{count - 1}]", *values, size=count)


def _follower_notes(followers: list[Follower]) -> list[str]:
    return [f"{f.mesh} is on the same controls ({f.why}); it can follow by {f.how}" for f in followers]


def file_for_scene(path: str | Path) -> str:
    """A model's path as a scene should store it: relative to the scene's folder or the project where it lies
    below one of them.

    As the user sees it: resolved, a mapped drive would become a server's path, and a link what it leads to.
    """
    paths.refresh()
    full = Path(os.path.abspath(path))
    for folder in paths.scene_folders():
        try:
            return full.relative_to(os.path.abspath(folder)).as_posix()
        except ValueError:
            continue
    return full.as_posix()
