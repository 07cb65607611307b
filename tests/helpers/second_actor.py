"""Copies of a trained model as if it were another actor's: moved, turned, scaled, in another vertex order,
with other names. Graphs stay as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import pack_arrays
from aim_maya.core.container import AIM, read_container, unpack_arrays, write_container
from aim_maya.core.mesh import Mesh
from aim_maya.core.posing import Detail
from aim_maya.runtime.model_arrays import packed_detail
from aim_maya.runtime.model_data import read_model
from tests.helpers.remeshed import Remeshed, remeshed


def similar(
    draft: Path,
    out: Path,
    twist: list[float],
    scale: float = 1.0,
    *,
    renamed: dict[str, str] | None = None,
    order: np.ndarray | None = None,
    jaw: bool = True,
) -> Path:
    """scale exp(twist) of a model, in the same unit. order (V,): the copy's vertex i is the model's order[i],
    its faces triangles. jaw False: it never moves."""
    manifest, members = read_container(AIM, draft)
    arrays, data = unpack_arrays(members["mesh.npz"], "the draft"), read_model(draft)
    arrays = {name: array for name, array in arrays.items() if not name.startswith(("basis", "detail"))}
    motion = rigid.exp(twist)
    turn = motion[:3, :3]
    for name in ("neutral", "bone"):
        arrays[name] = (scale * rigid.apply(motion, arrays[name].astype(np.float64))).astype(np.float32)
    arrays["normals"] = (arrays["normals"] @ turn.T).astype(np.float32)
    arrays["thickness"] = (scale * arrays["thickness"]).astype(np.float32)
    arrays["basis"] = (scale * data.basis @ turn.T).astype(np.float32)
    moved = scale * data.detail.displacements() @ turn.T
    twists = np.array([rigid.log(carried(rigid.exp(t), motion, scale)) for t in manifest["jaw_twists"]]) * jaw
    if order is not None:
        moved = _reordered(arrays, moved, order)
        manifest["topology_hash"] = Mesh(arrays["neutral"], arrays["counts"], arrays["corners"]).topology_hash
    arrays |= packed_detail(Detail.encode(moved.astype(np.float64), 1e-6), "detail")
    manifest |= {
        "jaw_twists": twists.tolist(),
        "centre": (scale * rigid.apply(motion, np.array(manifest["centre"]))).tolist(),
        "name": out.stem,
    }
    if "landmarks" in manifest:
        manifest["landmarks"] = _moved_landmarks(manifest["landmarks"], motion, scale)
    text = json.dumps({k: v for k, v in manifest.items() if k != "members"})
    for name, other in (renamed or {}).items():
        text = text.replace(f'"{name}"', f'"{other}"')
    write_container(AIM, out, json.loads(text), members | {"mesh.npz": pack_arrays(**arrays)})
    return out


def _moved_landmarks(entry: dict[str, Any], motion: np.ndarray, scale: float) -> dict[str, Any]:
    axes, origin = (
        np.array(entry["axes"]) @ motion[:3, :3].T,
        scale * rigid.apply(motion, np.array(entry["origin"])),
    )
    return {
        "axes": axes.tolist(),
        "origin": origin.tolist(),
        "points": {k: (scale * np.array(p)).tolist() for k, p in entry["points"].items()},
    }


def carried(jaw: np.ndarray, motion: np.ndarray, scale: float) -> np.ndarray:
    """(4, 4) the jaw's motion on the copy: S T S^-1 with S = scale motion."""
    whole = np.array(motion)
    whole[:3] *= scale
    return whole @ jaw @ np.linalg.inv(whole)


def _reordered(arrays: dict[str, np.ndarray], moved: np.ndarray, order: np.ndarray) -> np.ndarray:
    mesh = Mesh(arrays["neutral"].astype(np.float64), arrays["counts"], arrays["corners"])
    place = np.argsort(order)
    arrays |= {
        name: arrays[name][order]
        for name in ("neutral", "template", "bone", "normals", "thickness", "weight")
    }
    arrays["basis"] = arrays["basis"][:, order]
    arrays |= {
        "counts": np.full(len(mesh.triangles), 3, np.int32),
        "corners": place[mesh.triangles[::-1]].astype(np.int32).ravel(),
    }
    for name in [name for name in arrays if name in ("uvs", "uv_corners", "regions") or "skin_" in name]:
        arrays.pop(name)
    return moved[:, order]


def in_another_topology(aim: Path, out: Path, keep: float = 0.3, seed: int = 0) -> Remeshed:
    """Write a model on a remeshed face; its tables are carried along."""
    manifest, members = read_container(AIM, aim)
    arrays, data = unpack_arrays(members["mesh.npz"], "the model"), read_model(aim)
    arrays = {name: array for name, array in arrays.items() if not name.startswith(("basis", "detail"))}
    old = Mesh(arrays["neutral"].astype(np.float64), arrays["counts"], arrays["corners"])
    new = remeshed(old, keep, seed)
    arrays |= {
        name: new.carry(arrays[name]).astype(np.float32)
        for name in ("neutral", "template", "bone", "normals", "thickness", "weight")
    }
    arrays["basis"] = np.stack([new.carry(e) for e in data.basis]).astype(np.float32)
    moved = Detail.encode(map(new.carry, data.detail.displacements().astype(np.float64)), 1e-6)
    arrays |= packed_detail(moved, "detail") | {
        "counts": new.mesh.counts.astype(np.int32),
        "corners": new.mesh.corners.astype(np.int32),
    }
    for name in [name for name in arrays if name in ("uvs", "uv_corners", "regions") or "skin_" in name]:
        arrays.pop(name)
    manifest |= {"topology_hash": new.mesh.topology_hash, "vertex_count": len(new.kept)}
    for name in ("members", "regions"):
        manifest.pop(name, None)
    write_container(AIM, out, manifest, members | {"mesh.npz": pack_arrays(**arrays)})
    return new
