"""An edited actor as a file of its own: nothing is trained again, and whoever opens it needs to know of no edit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.aim_file import pack_arrays
from aim_maya.core.detail import Detail, tolerance
from aim_maya.core.errors import AimError
from aim_maya.core.face_sites import FaceSites
from aim_maya.core.regions import REGIONS
from aim_maya.runtime import Edit, EditRecipe, FaceModel
from aim_maya.runtime.cached import edited_rest
from aim_maya.runtime.model_data import ModelData

from .graph_edit import Tables, edited_graphs
from .parity import write_checked

Floats = NDArray[np.floating]
_ASIDE = ("format", "schema", "members", "parity_mm")  # of the manifest: written anew


@dataclass(frozen=True)
class Rest:
    """The anatomy and skin of an edited neutral, float32, model unit."""

    neutral: Floats
    bone: Floats
    normals: Floats
    thickness: Floats


def edited_rest_fields(data: ModelData, edit: Edit) -> Rest:
    """Bones moved by their offset; what the neutral's own offset moves is tissue: t d0 n0 + offset has a new thickness and normal."""
    bone = data.bone + edit.bone_offset if np.ndim(edit.bone_offset) else data.bone
    thickness = np.asarray(data.thickness * np.float32(edit.thickness))
    normals = data.normals
    if np.ndim(edit.rest_offset):
        skin = thickness[:, None] * normals + edit.rest_offset
        thickness = np.linalg.norm(skin, axis=1)
        normals = skin / thickness[:, None]
    parts = (edited_rest(data, edit, True), bone, normals, thickness)
    return Rest(*(np.ascontiguousarray(part, np.float32) for part in parts))


def bake_edit(model: FaceModel, edited: FaceModel, recipes: list[EditRecipe], out: Path, name: str) -> dict[str, float]:
    """Write `edited`, which is `model` under an edit, as an actor.aim named `name`; returns parity figures, mm.

    Raises AimError, and writes nothing, when the graphs do not agree with the edited model to 1e-3 mm.
    """
    data, edit = model.data, edited.edit
    rest = edited_rest_fields(data, edit)
    sites = _moved_sites(data, rest.neutral)
    members = edited_graphs(data.graphs, tables_of(data, edit)) | {"mesh.npz": pack_arrays(**_arrays(data, edit, rest, sites is not None))}
    manifest: dict[str, Any] = {key: value for key, value in data.manifest.items() if key not in _ASIDE}
    manifest |= {"name": name, "baked": _baked_jaw(data, edit), "edits": [*data.manifest.get("edits", []), _said(data, recipes, edited)]}
    if sites is not None:
        manifest |= {"landmarks": sites.to_json(), "regions": list(REGIONS)}
    return write_checked(out, manifest, members, agrees_with=edited)


def tables_of(data: ModelData, edit: Edit) -> Tables:
    """What the graphs are given."""
    v = len(data.neutral)

    def column(value: float | Floats) -> Floats | None:
        return None if not np.ndim(value) and value == 1.0 else np.broadcast_to(np.float32(value).reshape(-1, 1), (v, 1))

    def offset(value: float | Floats) -> Floats | None:
        return value if isinstance(value, np.ndarray) and value.any() else None

    return Tables(
        len(data.manifest.get("edits", [])), column(edit.thickness), offset(edit.bone_offset), offset(edit.rest_offset), column(edit.expression_gain),
        edit.jaw_gain, edit.jaw_arc, edit.jaw_pose,
    )  # fmt: skip


def _arrays(data: ModelData, edit: Edit, rest: Rest, with_regions: bool) -> dict[str, Any]:
    mesh, detail, basis = data.mesh, data.detail, data.basis
    if np.ndim(edit.expression_gain) or edit.expression_gain != 1.0:
        gain = np.reshape(np.float32(edit.expression_gain), (1, -1, 1))
        basis = basis * gain
        detail = Detail.encode(data.tables(True).displacements * gain, tolerance(rest.neutral, float(data.manifest["mm_per_unit"])))
    arrays: dict[str, Any] = {
        "neutral": rest.neutral, "counts": mesh.counts, "corners": mesh.corners, "template": data.template, "bone": rest.bone, "normals": rest.normals,
        "thickness": rest.thickness, "weight": data.weight, "basis": basis, "detail_steps": detail.steps, "detail_scales": detail.scales,
    }  # fmt: skip
    if data.owners is not None:
        arrays["owners"] = data.owners
    if data.pieces is not None:
        arrays["pieces"] = data.pieces
    if mesh.uvs is not None:
        arrays |= {"uvs": mesh.uvs, "uv_corners": mesh.uv_corners}
    return arrays | ({"regions": np.stack(list(data.regions.values())).astype(np.float16)} if with_regions else {})


def _moved_sites(data: ModelData, neutral: Floats) -> FaceSites | None:
    """The landmarks, each moved as the vertex nearest to it was; None for a model that has none."""
    try:
        sites = data.sites
    except AimError:
        return None
    before, after = sites.to_head(data.neutral), sites.to_head(neutral)
    points = {}
    for name, point in sites.points.items():
        nearest = int(np.linalg.norm(before - point, axis=1).argmin())
        points[name] = point + after[nearest] - before[nearest]
    return FaceSites(sites.axes, sites.origin, sites.mm_per_unit, points)


def _baked_jaw(data: ModelData, edit: Edit) -> dict[str, Any]:
    pose = edit.jaw_pose if edit.jaw_pose is not None else data.baked.pose
    return {"jaw_gain": data.baked.gain * edit.jaw_gain, "jaw_arc": data.baked.arc * edit.jaw_arc, "jaw_pose": None if pose is None else pose.tolist()}


def _said(data: ModelData, recipes: list[EditRecipe], edited: FaceModel) -> dict[str, Any]:
    """What the manifest remembers of an edit: of which file, which, and what was clamped."""
    source = hashlib.sha256(data.path.read_bytes()).hexdigest()
    return {"source": data.path.name, "source_sha256": source, "edits": [recipe.to_json() for recipe in recipes], "notes": list(edited.edit_notes)}
