"""The actor folder and dataset.npz on disk: read into an Actor, written from one.

neutral.obj shapes/<target>.obj [skull.obj jaw.obj] [lower_teeth.obj lower_teeth/<target>.obj |
jaw_poses.json] [landmarks.json] [actor.json: name, mm_per_unit, up, controls, poses]
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .actor import Actor, check_actor, check_names, jaw_poses_from_json, rig_for
from .arrays import check_faces, checked_array, read_arrays
from .controls import Rig, rig_from_json
from .errors import AimError, nearest_name
from .files import atomic_path, parse_json, read_json, visible_files, write_json
from .json_fields import Fields
from .mesh import Mesh
from .obj import read_obj, read_points, write_obj
from .strays import MESHES, find_mesh, in_short, strays

_KEYS = ("name", "mm_per_unit", "up", "controls", "poses")


def read_actor(path: str | Path, *, mm_per_unit: float | None = None, any_size: bool = False) -> Actor:
    """Read an actor folder, or a dataset.npz (the file, or a folder that holds one and no neutral.obj), and
    check it.

    mm_per_unit overrides the file's. Raises AimError for anything that cannot be trained on.
    """
    root = Path(path)
    if not root.exists():
        raise AimError(
            f"There is no actor at {root}.",
            "The path is misspelt or the drive is not mounted.",
            "Give an actor folder.",
        )
    if root.suffix.lower() == ".obj" and root.is_file():
        raise AimError(
            f"{root} is one mesh, not an actor.",
            remedy="Give the folder that holds neutral.obj and shapes/<target>.obj.",
        )
    if root.is_dir() and find_mesh(root, "neutral") is None and (root / "dataset.npz").exists():
        root = root / "dataset.npz"
    actor = _read_folder(root) if root.is_dir() else _read_dataset(root)
    if mm_per_unit is not None:
        actor.mm_per_unit = mm_per_unit
    check_actor(actor, any_size=any_size)
    return actor


def _read_folder(root: Path) -> Actor:
    meshes = {name: find_mesh(root, name) for name in MESHES}
    if meshes["neutral"] is None:
        raise _no_neutral(root)
    about, poses, landmarks = (
        _json_or_none(root / f"{name}.json") for name in ("actor", "jaw_poses", "landmarks")
    )
    neutral = read_obj(meshes["neutral"])
    shapes, teeth = _points_in(root / "shapes"), _points_in(root / "lower_teeth")
    found = strays(root, len(neutral.points))
    beside = [stray.name for stray in found if stray.better.startswith("shapes/")]
    if not shapes and beside:
        raise AimError(
            f"{root} has no shapes in shapes/, and {len(beside)} OBJ files of the neutral's vertex "
            f"count beside it ({', '.join(beside[:4])}).",
            "The shapes were exported into the wrong folder.",
            "Move them into shapes/.",
        )
    actor = _assemble(
        {} if about is None else about,
        str(root / "actor.json"),
        root.resolve().name,
        neutral,
        shapes,
        {name: None if file is None else read_obj(file) for name, file in meshes.items()},
        teeth,
        None if poses is None else jaw_poses_from_json(poses, str(root / "jaw_poses.json")),
        landmarks,
    )
    actor.warnings += in_short(found)
    return actor


def _no_neutral(root: Path) -> AimError:
    """Why a folder is no actor folder: what was meant, where that can be guessed."""
    meant = next((stray.name for stray in strays(root) if stray.better == "neutral.obj"), "")
    if meant:
        return AimError(
            f"{root} has no neutral.obj, but {meant}.",
            "The name of the neutral is fixed.",
            f"Rename {meant} to neutral.obj.",
        )
    inside = sorted(file.parent for file in root.glob("*/neutral.obj"))
    if inside:
        return AimError(
            f"{root} has no neutral.obj.", f"Its folder '{inside[0].name}' has one.", f"Give {inside[0]}."
        )
    if (root.parent / "neutral.obj").is_file():
        return AimError(f"{root} has no neutral.obj.", "The folder above has one.", f"Give {root.parent}.")
    return AimError(
        f"{root} has no neutral.obj.",
        "It is not an actor folder.",
        "An actor folder holds neutral.obj and shapes/<target>.obj.",
    )


def _json_or_none(path: Path) -> Any:
    return read_json(path) if path.exists() else None


def _points_in(folder: Path) -> dict[str, Any]:
    """{name: (V, 3)} of a folder's OBJs, sorted by byte. Accents are one character each, whatever system
    wrote the names."""
    files = {file: unicodedata.normalize("NFC", file.stem) for file in visible_files(folder, ".obj")}
    check_names(files.values(), str(folder))
    return {
        name: read_points(file) for file, name in sorted(files.items(), key=lambda item: item[1].encode())
    }


def _assemble(
    about: Any,
    where: str,
    name: str,
    neutral: Mesh,
    shapes: dict[str, Any],
    optional: dict[str, Mesh | None],
    teeth: dict[str, Any],
    jaw_poses: dict[str, Any] | None,
    landmarks: Any,
) -> Actor:
    fields = Fields(about, where, _KEYS)
    rig: Rig | None = None
    if "controls" in fields or "poses" in fields:
        posed = {pose.text("target") for pose in fields.objects("poses", ())}
        plain = [{"name": t, "knots": [[1.0, t]]} for t in sorted(shapes, key=str.encode) if t not in posed]
        rig = rig_from_json({"controls": plain} | about, where)
    warnings: list[str] = []
    actor = Actor(
        name=fields.text("name", name),
        neutral=neutral,
        shapes=shapes,
        rig=rig_for(shapes, rig, warnings),
        mm_per_unit=fields.number("mm_per_unit", 1.0, above=0),
        up=fields.choice("up", ("x", "y", "z"), "y"),
        skull=optional.get("skull"),
        jaw=optional.get("jaw"),
        lower_teeth=optional.get("lower_teeth"),
        lower_teeth_shapes=teeth,
        jaw_poses=jaw_poses,
        landmarks=landmarks,
        warnings=warnings,
    )
    warnings += _jaw_without_use(actor)
    return actor


def _jaw_without_use(actor: Actor) -> list[str]:
    """Teeth and jaw poses that were given and cannot be used, in sentences."""
    found = []
    if actor.lower_teeth_shapes and actor.lower_teeth is None:
        found.append(
            f"The {len(actor.lower_teeth_shapes)} shapes in lower_teeth/ are not used: there is no "
            "lower_teeth.obj."
        )
    if actor.lower_teeth is not None and not actor.lower_teeth_shapes:
        found.append("lower_teeth.obj does not tell how the jaw moves: there is no lower_teeth/<target>.obj.")
    for what, names in (
        ("lower_teeth/", actor.lower_teeth_shapes),
        ("jaw_poses.json", actor.jaw_poses or {}),
    ):
        unknown = [name for name in names if name not in actor.shapes]
        if unknown:
            close = nearest_name(unknown[0], actor.shapes)
            found.append(
                (
                    f"{len(unknown)} entries of {what} are of no shape and not used: "
                    f"{', '.join(unknown[:4])}. {close}"
                ).rstrip()
            )
    return found


def _about(actor: Actor) -> dict[str, Any]:
    return {"name": actor.name, "mm_per_unit": actor.mm_per_unit, "up": actor.up} | actor.rig.to_json()


def write_actor(actor: Actor, folder: str | Path) -> None:
    """Write an actor as a folder of OBJ and JSON files; every file is whole or absent."""
    root = Path(folder)
    for name in MESHES:
        mesh: Mesh | None = getattr(actor, name)
        if mesh is not None:
            write_obj(
                root / f"{name}.obj", mesh, f"{actor.name}, {actor.mm_per_unit:g} mm a unit, {actor.up} up"
            )
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
    """Write an actor as one dataset.npz (no pickle): meshes, shapes (T, V, 3), and actor.json, poses and
    landmarks as text."""
    arrays: dict[str, Any] = {
        "actor": json.dumps(_about(actor)),
        "shape_names": np.array(list(actor.shapes), np.str_),
    }
    arrays["shapes"] = np.stack(list(actor.shapes.values()))
    for name in MESHES:
        mesh: Mesh | None = getattr(actor, name)
        if mesh is not None:
            arrays |= {
                f"{name}_points": mesh.points,
                f"{name}_counts": mesh.counts,
                f"{name}_corners": mesh.corners,
            }
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
    where = str(path)
    arrays = read_arrays(path)
    meshes: dict[str, Mesh | None] = {
        name: _mesh_of(arrays, name, where) for name in MESHES if f"{name}_points" in arrays
    }
    neutral = meshes.get("neutral")
    if neutral is None:
        raise AimError(
            f"{path} has no array 'neutral_points'.",
            "It is not a dataset of this project.",
            "Capture the actor again.",
        )
    poses, landmarks = (
        _json_of(arrays, name, where) if name in arrays else None for name in ("jaw_poses", "landmarks")
    )
    return _assemble(
        _json_of(arrays, "actor", where),
        where,
        path.stem,
        neutral,
        _shapes_of(arrays, "shape_names", "shapes", len(neutral.points), where),
        meshes,
        _shapes_of(arrays, "teeth_names", "teeth", None, where) if "teeth" in arrays else {},
        None if poses is None else jaw_poses_from_json(poses, f"{where}: jaw_poses"),
        landmarks,
    )


def _json_of(arrays: Mapping[str, Any], name: str, where: str) -> Any:
    return parse_json(str(checked_array(arrays, name, (), where, kinds="U")), f"{where}: {name}")


def _shapes_of(
    arrays: Mapping[str, Any], names: str, points: str, vertices: int | None, where: str
) -> dict[str, Any]:
    listed = [str(name) for name in checked_array(arrays, names, (None,), where, kinds="U")]
    check_names(listed, where)
    shapes = checked_array(arrays, points, (len(listed), vertices, 3), where).astype(np.float64)
    return dict(zip(listed, shapes, strict=True))


def _mesh_of(arrays: Mapping[str, Any], name: str, where: str) -> Mesh:
    points = checked_array(arrays, f"{name}_points", (None, 3), where).astype(np.float64)
    counts, corners = check_faces(
        arrays.get(f"{name}_counts"), arrays.get(f"{name}_corners"), len(points), f"{where}: {name}"
    )
    if f"{name}_uvs" not in arrays:
        return Mesh(points, counts, corners)
    uvs = checked_array(arrays, f"{name}_uvs", (None, 2), where).astype(np.float64)
    at = checked_array(arrays, f"{name}_uv_corners", (len(corners),), where, kinds="iu").astype(np.int64)
    if len(at) and not -1 <= int(at.min()) <= int(at.max()) < len(uvs):
        raise AimError(
            f"{where}: '{name}_uv_corners' names a texture vertex that is not there.",
            "It was altered.",
            "Capture the actor again.",
        )
    return Mesh(points, counts, corners, uvs, at.astype(np.int32))
