"""A head as one small file: whole numbers of steps in place of decimals, shapes as what they differ from the
neutral by, each byte of the numbers apart, deflated. Exact for files with so many decimals.

The ICT head that comes with the package is such a file; benchmark/ holds two more.
"""

from __future__ import annotations

import io
import json
import lzma
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor, check_names, default_rig
from aim_maya.core.actor_folder import write_actor
from aim_maya.core.arrays import Floats, check_faces, checked_array, pack_arrays, read_arrays
from aim_maya.core.container import read_aim, write_aim
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path, parse_json, read_text, write_text
from aim_maya.core.mesh import Mesh
from aim_maya.core.posing import Detail, JawMotion, solve_displacements, tolerance
from aim_maya.runtime.model_arrays import packed_detail
from aim_maya.runtime.session import open_session

STEPS = 10_000  # in one unit of the actor's files: 0.0001 mm, as these heads were published
UV_STEPS = 100_000
_MESHES = ("neutral", "skull", "jaw", "lower_teeth")
_HEADS = Path(__file__).with_name("heads")
_LARGEST = 2**28


def ict_head() -> Actor:
    """The generic ICT-FaceKit head: 11,248 vertices, 53 targets, lower teeth, and bones carried over from a
    CT of another person. Millimetres, y up, +z front.
    """
    return read_packed(_HEADS / "ict_rig.npz")


def write_ict_head(folder: Path) -> Actor:
    """Write that head as an actor folder, the notices of its licences beside it."""
    actor = ict_head()
    write_actor(actor, folder)
    write_text(folder / "LICENSES.txt", read_text(_HEADS / "LICENSES.txt"))
    return actor


# The trained model of that head: its networks, from which the rest is computed anew in seconds. 1 MB in place
# of the 5 MB of the file that it becomes.

_SKIN = ("confidence", "tissue", "nodes", "seals", "seal_groups", "seal_sizes")
_KEPT = ("template", "regions", *(f"skin_{name}" for name in _SKIN))
_GRAPHS = ("fields.onnx", "pose.onnx", "full.onnx", "pose_frame.onnx", "full_frame.onnx")


def write_ict_model(path: Path) -> None:
    """Write the finished model (standard preset) of the head: networks as trained, detail and the cached
    numbers as of this machine. Raises AimError where onnxruntime is missing.
    """
    with zipfile.ZipFile(io.BytesIO(lzma.decompress((_HEADS / "ict_rig.aim.xz").read_bytes()))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = parse_json(members.pop("manifest.json"), "the model's manifest")
    arrays: dict[str, Any] = read_arrays(members.pop("mesh.npz"), "the model's arrays")
    head = ict_head()
    neutral, motion = head.neutral, JawMotion(np.array(manifest["jaw_twists"]))
    points = neutral.points.astype(np.float32)
    session = open_session(members["fields.onnx"], "cpu").handle
    names = [output.name for output in session.get_outputs()]
    fields = dict(zip(names, session.run(None, {"template": arrays["template"]}), strict=True))
    weight = fields["skinning_weight"][:, 0]
    centre = np.array(manifest["centre"])
    exact = solve_displacements(
        head.rig, head.stack, points.astype(np.float64), motion, weight.astype(np.float64), centre
    )
    within = tolerance(points, head.mm_per_unit)
    detail = Detail.encode(exact, within)
    arrays |= {
        "neutral": points,
        "bone": fields["bone_points"],
        "normals": fields["normals"],
        "thickness": fields["thickness"][:, 0],
        "weight": weight,
        "counts": neutral.counts,
        "corners": neutral.corners,
    }
    arrays |= packed_detail(detail, "detail")
    if neutral.uvs is not None:
        arrays |= {"uvs": neutral.uvs.astype(np.float32), "uv_corners": neutral.uv_corners}
    write_aim(path, manifest, members | {"mesh.npz": pack_arrays(**arrays)})


def pack_model(model: Path, out: Path) -> None:
    """Of a trained model of that head, what write_ict_model cannot compute: for whoever trains it anew."""
    manifest, members = read_aim(model)
    arrays = read_arrays(members["mesh.npz"])
    kept = {name: members[name] for name in _GRAPHS}
    kept["mesh.npz"] = pack_arrays(**{name: arrays[name] for name in _KEPT})
    manifest.pop("members", None)
    kept["manifest.json"] = json.dumps(manifest).encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in sorted(kept.items()):
            archive.writestr(zipfile.ZipInfo(name), data)
    with atomic_path(out) as temporary:
        temporary.write_bytes(lzma.compress(stream.getvalue(), preset=9))


def read_packed(path: Path) -> Actor:
    """The actor of a packed head. Raises AimError for any other file."""
    where, arrays = str(path), read_arrays(path, limit=_LARGEST)
    about = parse_json(str(checked_array(arrays, "about", (), where, kinds="U")), where)
    targets, posed = (_names(about, name, where) for name in ("targets", "teeth_targets"))
    meshes = {name: _mesh(arrays, name, where) for name in _MESHES if f"{name}_points" in arrays}
    if "neutral" not in meshes:
        raise AimError(f"{where} holds no neutral.", "It is no packed head.")
    neutral, teeth = meshes["neutral"], meshes.get("lower_teeth")
    shapes = _posed(neutral, _joined(arrays, "shapes", (len(targets), len(neutral.points), 3), where))
    moved: Floats = np.zeros((0, 0, 3))
    if teeth is not None and posed:
        moved = _posed(teeth, _joined(arrays, "teeth", (len(posed), len(teeth.points), 3), where))
    return Actor(
        str(about.get("name", path.stem))[:200],
        neutral,
        dict(zip(targets, shapes, strict=True)),
        default_rig(targets),
        skull=meshes.get("skull"),
        jaw=meshes.get("jaw"),
        lower_teeth=teeth,
        lower_teeth_shapes=dict(zip(posed, moved, strict=True)) if len(moved) else {},
    )


def write_packed(actor: Actor, path: Path) -> None:
    """Write an actor with plain controls (every target one of its own), in mm, y up.

    Raises AimError where a number is not a whole number of steps: nothing is rounded.
    """
    arrays: dict[str, Any] = {}
    for name in _MESHES:
        mesh: Mesh | None = getattr(actor, name)
        if mesh is not None:
            arrays |= _mesh_arrays(name, mesh)
    arrays["shapes"] = _differences(actor.neutral, list(actor.shapes.values()))
    if actor.lower_teeth is not None and actor.lower_teeth_shapes:
        arrays["teeth"] = _differences(actor.lower_teeth, list(actor.lower_teeth_shapes.values()))
    about = {
        "name": actor.name,
        "targets": list(actor.shapes),
        "teeth_targets": list(actor.lower_teeth_shapes),
    }
    stream = io.BytesIO()
    np.savez_compressed(stream, about=np.array(json.dumps(about)), **arrays)
    with atomic_path(path) as temporary:
        temporary.write_bytes(stream.getvalue())


def _names(about: Any, name: str, where: str) -> list[str]:
    listed = about.get(name) if isinstance(about, dict) else None
    if not isinstance(listed, list) or not all(isinstance(n, str) for n in listed):
        raise AimError(f"{where} lists no {name}.", "It is no packed head.")
    check_names(listed, where)
    return listed


def _whole(points: Floats, steps: int) -> NDArray[np.int32]:
    """(..., 3) numbers of steps."""
    found = np.rint(points * steps)
    if not np.array_equal(found / steps, points):
        far = float(np.abs(found / steps - points).max())
        raise AimError(f"A number is {far:.2g} off a multiple of 1/{steps}.", "It has more decimals.")
    return found.astype(np.int32)


def _apart(numbers: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(4, ...) the bytes of every number, lowest first: high bytes that are alike deflate to nothing."""
    given = np.ascontiguousarray(numbers, "<i4")
    return np.ascontiguousarray(np.moveaxis(given.view(np.uint8).reshape(*given.shape, 4), -1, 0))


def _joined(
    arrays: Mapping[str, Any], name: str, shape: tuple[int | None, ...], where: str
) -> NDArray[np.int64]:
    """The numbers that _apart took apart."""
    planes = checked_array(arrays, name, (4, *shape), where, kinds="u")
    if planes.dtype != np.uint8:
        raise AimError(f"{where}: '{name}' is {planes.dtype}, not bytes.", "It was altered.")
    joined = np.ascontiguousarray(np.moveaxis(planes, 0, -1)).view("<i4")[..., 0]
    return joined.astype(np.int64)


def _posed(mesh: Mesh, moved: NDArray[np.int64]) -> Floats:
    """(T, V, 3) absolute positions: exactly the decimals that were packed."""
    posed: Floats = (np.rint(mesh.points * STEPS).astype(np.int64) + moved) / STEPS
    return posed


def _differences(mesh: Mesh, posed: list[Floats]) -> NDArray[np.uint8]:
    return _apart(np.stack([_whole(points, STEPS) for points in posed]) - _whole(mesh.points, STEPS))


def _mesh_arrays(name: str, mesh: Mesh) -> dict[str, Any]:
    arrays = {
        f"{name}_points": _apart(_whole(mesh.points, STEPS)),
        f"{name}_counts": mesh.counts.astype(np.uint8),
        f"{name}_corners": _apart(np.diff(mesh.corners, prepend=np.int32(0))),
    }
    if mesh.uvs is not None and mesh.uv_corners is not None:
        arrays[f"{name}_uvs"] = _apart(_whole(mesh.uvs, UV_STEPS))
        arrays[f"{name}_uv_corners"] = _apart(np.diff(mesh.uv_corners, prepend=np.int32(0)))
    return arrays


def _mesh(arrays: Mapping[str, Any], name: str, where: str) -> Mesh:
    points = _joined(arrays, f"{name}_points", (None, 3), where) / STEPS
    corners = np.cumsum(_joined(arrays, f"{name}_corners", (None,), where))
    counts, at = check_faces(arrays.get(f"{name}_counts"), corners, len(points), f"{where}: {name}")
    if f"{name}_uvs" not in arrays:
        return Mesh(points, counts, at)
    uvs = _joined(arrays, f"{name}_uvs", (None, 2), where) / UV_STEPS
    uv_at = np.cumsum(_joined(arrays, f"{name}_uv_corners", (len(at),), where))
    if len(uv_at) and not -1 <= int(uv_at.min()) <= int(uv_at.max()) < len(uvs):
        raise AimError(f"{where}: '{name}_uv_corners' names what is not there.", "It was altered.")
    return Mesh(points, counts, at, uvs, uv_at.astype(np.int32))
