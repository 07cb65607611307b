"""The actor folder and dataset.npz on disk: read into an Actor, written from one.

neutral.obj  shapes/<target>.obj  [skull.obj jaw.obj]  [lower_teeth.obj lower_teeth/<target>.obj | jaw_poses.json]
[landmarks.json]  [actor.json: name, mm_per_unit, up, controls, poses]
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .actor import Actor, check_actor, check_names, jaw_poses_from_json, rig_for
from .controls import Rig, rig_from_json
from .errors import AimError, nearest_name
from .files import atomic_path, read_json, write_json
from .mesh import Mesh
from .obj import read_obj, read_points, write_obj

_KEYS = ("name", "mm_per_unit", "up", "controls", "poses")
_MESHES = ("neutral", "skull", "jaw", "lower_teeth")


def read_actor(path: str | Path, *, mm_per_unit: float | None = None, any_size: bool = False) -> Actor:
    """Read an actor folder, or a dataset.npz (the file, or a folder that holds one and no neutral.obj), and check it.

    mm_per_unit overrides the file's. Raises AimError for anything that cannot be trained on.
    """
    root = Path(path)
    if not root.exists():
        raise AimError(f"There is no actor at {root}.", "The path is misspelt or the drive is not mounted.", "Give an actor folder.")
    if root.is_dir() and not (root / "neutral.obj").exists() and (root / "dataset.npz").exists():
        root = root / "dataset.npz"
    actor = _read_folder(root) if root.is_dir() else _read_dataset(root)
    if mm_per_unit is not None:
        actor.mm_per_unit = mm_per_unit
    check_actor(actor, any_size=any_size)
    return actor


def _read_folder(root: Path) -> Actor:
    if not (root / "neutral.obj").exists():
        raise AimError(f"{root} has no neutral.obj.", "It is not an actor folder.", "An actor folder holds neutral.obj and shapes/<target>.obj.")
    about = read_json(root / "actor.json") if (root / "actor.json").exists() else {}
    files = sorted((root / "shapes").glob("*.obj"), key=lambda f: f.stem.encode())
    check_names((f.stem for f in files), str(root / "shapes"))
    shapes = {f.stem: read_points(f) for f in files}
    optional = {name: read_obj(root / f"{name}.obj") if (root / f"{name}.obj").exists() else None for name in _MESHES[1:]}
    teeth = {f.stem: read_points(f) for f in sorted((root / "lower_teeth").glob("*.obj"))}
    poses = root / "jaw_poses.json"
    landmarks = root / "landmarks.json"
    return _assemble(
        about, str(root / "actor.json"), root.resolve().name, read_obj(root / "neutral.obj"), shapes, optional, teeth,
        jaw_poses_from_json(read_json(poses), str(poses)) if poses.exists() else None,
        read_json(landmarks) if landmarks.exists() else None,
    )  # fmt: skip


def _assemble(
    about: Any, where: str, name: str, neutral: Mesh, shapes: dict[str, Any], optional: dict[str, Mesh | None],
    teeth: dict[str, Any], jaw_poses: dict[str, Any] | None, landmarks: Any,
) -> Actor:  # fmt: skip
    if not isinstance(about, dict):
        raise AimError(f"{where} must hold an object, not {type(about).__name__}.")
    unknown = [key for key in about if key not in _KEYS]
    if unknown:
        raise AimError(f"{where} has the unknown entry '{unknown[0]}'.", nearest_name(unknown[0], _KEYS), f"Known entries: {', '.join(_KEYS)}.")
    scale = about.get("mm_per_unit", 1.0)
    if not isinstance(scale, int | float) or isinstance(scale, bool):
        raise AimError(f"{where}: mm_per_unit is {scale!r}.", remedy="Give a number: 1 for millimetres, 10 for centimetres.")
    rig: Rig | None = None
    if "controls" in about or "poses" in about:
        posed = {p.get("target") for p in about.get("poses", []) if isinstance(p, dict)}
        plain = [{"name": t, "knots": [[1.0, t]]} for t in sorted(shapes, key=str.encode) if t not in posed]
        rig = rig_from_json({"controls": plain} | about, where)
    warnings: list[str] = []
    return Actor(
        name=str(about.get("name", name)), neutral=neutral, shapes=shapes, rig=rig_for(shapes, rig, warnings), mm_per_unit=float(scale),
        up=str(about.get("up", "y")), skull=optional.get("skull"), jaw=optional.get("jaw"), lower_teeth=optional.get("lower_teeth"),
        lower_teeth_shapes=teeth, jaw_poses=jaw_poses, landmarks=landmarks, warnings=warnings,
    )  # fmt: skip


def _about(actor: Actor) -> dict[str, Any]:
    return {"name": actor.name, "mm_per_unit": actor.mm_per_unit, "up": actor.up} | actor.rig.to_json()


def write_actor(actor: Actor, folder: str | Path) -> None:
    """Write an actor as a folder of OBJ and JSON files; every file is whole or absent."""
    root = Path(folder)
    for name in _MESHES:
        mesh: Mesh | None = getattr(actor, name)
        if mesh is not None:
            write_obj(root / f"{name}.obj", mesh, f"{actor.name}, {actor.mm_per_unit:g} mm a unit, {actor.up} up")
    for target, points in actor.shapes.items():
        write_obj(root / "shapes" / f"{target}.obj", actor.neutral.with_points(points))
    for target, points in actor.lower_teeth_shapes.items():
        if actor.lower_teeth is not None:
            write_obj(root / "lower_teeth" / f"{target}.obj", actor.lower_teeth.with_points(points))
    if actor.jaw_poses is not None:
        write_json(root / "jaw_poses.json", {t: m.tolist() for t, m in actor.jaw_poses.items()})
    if actor.landmarks is not None:
        write_json(root / "landmarks.json", actor.landmarks)
    write_json(root / "actor.json", _about(actor))


def write_dataset(actor: Actor, path: str | Path) -> None:
    """Write an actor as one dataset.npz (no pickle): meshes, shapes (T, V, 3), and actor.json, poses and landmarks as text."""
    arrays: dict[str, Any] = {"actor": json.dumps(_about(actor)), "shape_names": np.array(list(actor.shapes), np.str_)}
    arrays["shapes"] = np.stack(list(actor.shapes.values()))
    for name in _MESHES:
        mesh: Mesh | None = getattr(actor, name)
        if mesh is not None:
            arrays |= {f"{name}_points": mesh.points, f"{name}_counts": mesh.counts, f"{name}_corners": mesh.corners}
            if mesh.uvs is not None:
                arrays |= {f"{name}_uvs": mesh.uvs, f"{name}_uv_corners": mesh.uv_corners}
    if actor.lower_teeth_shapes:
        arrays["teeth_names"] = np.array(list(actor.lower_teeth_shapes), np.str_)
        arrays["teeth"] = np.stack(list(actor.lower_teeth_shapes.values()))
    if actor.jaw_poses is not None:
        arrays["jaw_poses"] = json.dumps({t: m.tolist() for t, m in actor.jaw_poses.items()})
    if actor.landmarks is not None:
        arrays["landmarks"] = json.dumps(actor.landmarks)
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)


def _read_dataset(path: Path) -> Actor:
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {key: data[key] for key in data.files}
        meshes = {name: _mesh_of(arrays, name) for name in _MESHES if f"{name}_points" in arrays}
        names = [str(n) for n in arrays["shape_names"]]
        check_names(names, str(path))
        teeth = {str(n): p for n, p in zip(arrays.get("teeth_names", []), arrays.get("teeth", []), strict=True)}
        poses = json.loads(str(arrays["jaw_poses"])) if "jaw_poses" in arrays else None
        return _assemble(
            json.loads(str(arrays["actor"])), str(path), path.stem, meshes["neutral"], dict(zip(names, arrays["shapes"], strict=True)),
            {name: meshes.get(name) for name in _MESHES[1:]}, teeth,
            None if poses is None else jaw_poses_from_json(poses, str(path)),
            json.loads(str(arrays["landmarks"])) if "landmarks" in arrays else None,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise AimError(f"{path} is not a dataset of this project ({error}).", "It is cut off or was written by something else.") from error


def _mesh_of(arrays: dict[str, Any], name: str) -> Mesh:
    uvs = arrays.get(f"{name}_uvs")
    return Mesh(arrays[f"{name}_points"].astype(np.float64), arrays[f"{name}_counts"], arrays[f"{name}_corners"], uvs, arrays.get(f"{name}_uv_corners"))
