"""A native rig as glTF 2.0 (.glb): one mesh with morph targets, a skin of two joints, and its animation.

Metres, y up. Morph targets are sparse: only the points that move are stored, as float32. A glTF vertex is a
vertex with one texture point; its number on the model's mesh is the attribute _VERTEX. A program that wants
the jaw live finds what drives it in mesh.extras.aim (docs/reference/native_rig.md).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.dependencies import how_to_install
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.mesh import Mesh, vertex_normals
from aim_maya.runtime.native_rig import JOINTS, Combination, NativeRig, RigidPart, Target, shape_names
from trainer.bake.formats.usd import COLOURS

from .rig import Animation, RigJob

_BENT = 4e-3  # a morph target's normal that turns by less is not stored: a quarter of a degree
_FLOAT, _BYTE, _SHORT, _INT = 5126, 5121, 5123, 5125
_VERTICES, _CORNERS = 34962, 34963


def write_glb(job: RigJob, out: Path) -> dict[str, Any]:
    """Write the rig; whole or not at all. Raises AimError when pygltflib is missing, or the disk is full."""
    if importlib.util.find_spec("pygltflib") is None:
        raise AimError(
            "Writing glTF needs the package pygltflib, which is not installed.",
            remedy=how_to_install("gltf", "pygltflib"),
        )
    metres = job.native.in_space(1000.0, "y")
    file = _File(metres)
    file.add_rig(job.options.material)
    if job.animation is not None:
        file.animate(job.animation.in_space(job.native, metres))
    with atomic_path(out) as temporary:
        temporary.write_bytes(file.packed())
    return {}


def render_vertices(mesh: Mesh) -> tuple[Ints, Ints, Floats | None]:
    """(N,) the mesh's vertex of every render vertex, (T, 3) triangles of those, (N, 2) their texture points,
    v downwards; vertices without a face are left out."""
    triangle_corners = _triangle_corners(mesh)
    uv = mesh.uv_corners if mesh.uvs is not None and mesh.uv_corners is not None else None
    pairs = np.stack([mesh.corners, np.zeros_like(mesh.corners) if uv is None else uv], 1).astype(np.int64)
    found, of_corner = np.unique(pairs, axis=0, return_inverse=True)
    triangles = of_corner.reshape(-1)[triangle_corners]
    if uv is None or mesh.uvs is None:
        return found[:, 0], triangles, None
    table = np.vstack([mesh.uvs, np.zeros((1, 2))])[found[:, 1]]  # -1: a corner without one
    return found[:, 0], triangles, np.stack([table[:, 0], 1 - table[:, 1]], 1)


def _triangle_corners(mesh: Mesh) -> Ints:
    """(T, 3) corners of the fan triangulation."""
    fan: Ints = Mesh(mesh.points, mesh.counts, np.arange(len(mesh.corners), dtype=np.int32)).triangles
    return fan


class _File:
    """A glTF document and its one buffer."""

    def __init__(self, native: NativeRig) -> None:
        import pygltflib

        self._lib, self._native = pygltflib, native
        self._gltf = pygltflib.GLTF2(asset=pygltflib.Asset(version="2.0", generator="aimface rig"))
        self._gltf.scenes, self._gltf.scene = [pygltflib.Scene(nodes=[])], 0
        self._blob = bytearray()

    def packed(self) -> bytes:
        """The .glb."""
        self._gltf.buffers = [self._lib.Buffer(byteLength=len(self._blob))]
        self._gltf.set_binary_blob(bytes(self._blob))
        return b"".join(self._gltf.save_to_bytes())

    def add_rig(self, material: str) -> None:
        """Joints, skin and parts."""
        native, lib = self._native, self._lib
        about = (-native.centre).tolist()
        names = shape_names(native.rig)
        skull, jaw = (self._node(name=name) for name in JOINTS)
        self._gltf.nodes[skull].translation = native.centre.tolist()
        self._gltf.nodes[skull].children = [jaw]
        rest = native.jaw(np.zeros(len(names)))
        self._gltf.nodes[jaw].rotation, self._gltf.nodes[jaw].translation = (
            row.tolist()[0] for row in self._jaw(rest[None])
        )
        inverse = np.tile(np.eye(4), (2, 1, 1))
        inverse[:, 3, :3] = about  # column-major: the translation comes last
        inverse_bind = self._accessor(inverse.reshape(2, 16), "MAT4", target=None)
        self._gltf.skins = [lib.Skin(joints=[skull, jaw], skeleton=skull, inverseBindMatrices=inverse_bind)]
        skin = self._node(name=native.name, mesh=self._skin(names, material), skin=0)
        self._gltf.scenes[0].nodes = [skin, skull]
        for part in native.parts:
            joint = self._gltf.nodes[jaw if part.follows == "jaw" else skull]
            joint.children = [*(joint.children or []), self._node(name=part.name, mesh=self._part(part))]

    def _node(self, **entries: Any) -> int:
        self._gltf.nodes.append(self._lib.Node(**entries))
        return len(self._gltf.nodes) - 1

    def _skin(self, names: list[str], material: str) -> int:
        native, lib = self._native, self._lib
        vertex, triangles, uvs = render_vertices(native.mesh)
        normals = vertex_normals(native.mesh)
        k = native.weight[vertex].astype(np.float64)
        joints = np.zeros((len(vertex), 4), np.uint8)
        joints[:, 1] = k > 0  # a joint without weight is 0
        weights = np.stack([1 - k, k, 0 * k, 0 * k], 1)
        attributes = lib.Attributes(
            POSITION=self._accessor(native.rest[vertex], "VEC3", bounds=True),
            NORMAL=self._accessor(normals[vertex], "VEC3"),
            JOINTS_0=self._accessor(joints, "VEC4", _BYTE),
            WEIGHTS_0=self._accessor(weights, "VEC4"),
            _VERTEX=self._accessor(vertex[:, None], "SCALAR"),
        )
        if uvs is not None:
            attributes.TEXCOORD_0 = self._accessor(uvs, "VEC2")
        targets = [self._target(target, vertex, normals) for target in native.targets]
        primitive = lib.Primitive(
            attributes=attributes,
            indices=self._accessor(triangles.reshape(-1, 1), "SCALAR", _index(len(vertex)), target=_CORNERS),
            material=self._material(material, "skin"),
            targets=targets,
        )
        extras = {"targetNames": names, "aim": drive_table(native, names)}
        self._gltf.meshes.append(
            lib.Mesh(name="skin", primitives=[primitive], weights=[0.0] * len(names), extras=extras)
        )
        return len(self._gltf.meshes) - 1

    def _target(self, target: Target, vertex: Ints, normals: Floats) -> Any:
        native = self._native
        moved = np.zeros(native.rest.shape, np.float32)
        moved[target.ids] = target.deltas
        bent = (vertex_normals(native.mesh.with_points(native.rest + moved)) - normals).astype(np.float32)
        bent[np.abs(bent).max(1) < _BENT] = 0
        return self._lib.Attributes(
            POSITION=self._sparse(moved[vertex]), NORMAL=self._sparse(bent[vertex], bounds=False)
        )

    def _part(self, part: RigidPart) -> int:
        lib, points = self._lib, part.mesh.points - self._native.centre
        if len(part.mesh.counts):
            vertex, triangles, uvs = render_vertices(part.mesh)
            attributes = lib.Attributes(
                POSITION=self._accessor(points[vertex], "VEC3", bounds=True),
                NORMAL=self._accessor(vertex_normals(part.mesh)[vertex], "VEC3"),
            )
            if uvs is not None:
                attributes.TEXCOORD_0 = self._accessor(uvs, "VEC2")
            indices = self._accessor(triangles.reshape(-1, 1), "SCALAR", _index(len(vertex)), target=_CORNERS)
        else:
            attributes = lib.Attributes(POSITION=self._accessor(points, "VEC3", bounds=True))
            indices = None
        primitive = lib.Primitive(
            attributes=attributes,
            indices=indices,
            mode=0 if indices is None else 4,
            material=self._material(part.material, part.material),
        )
        self._gltf.meshes.append(lib.Mesh(name=part.name, primitives=[primitive]))
        return len(self._gltf.meshes) - 1

    def _material(self, name: str, kind: str) -> int:
        found = [i for i, m in enumerate(self._gltf.materials) if m.name == name]
        if found:
            return found[0]
        colour = [*COLOURS.get(kind, COLOURS["skin"]), 1.0]
        look = self._lib.PbrMetallicRoughness(baseColorFactor=colour, metallicFactor=0.0, roughnessFactor=0.6)
        self._gltf.materials.append(
            self._lib.Material(name=name, pbrMetallicRoughness=look, doubleSided=True, alphaCutoff=None)
        )
        return len(self._gltf.materials) - 1

    def _jaw(self, jaws: Floats) -> tuple[Floats, Floats]:
        """Rotations (F, 4) and translations (F, 3) of the joint jaw, which hangs on skull, both at the
        centre."""
        return quaternions(jaws), jaws[:, :3, :3] @ self._native.centre + jaws[:, :3, 3] - self._native.centre

    def animate(self, animation: Animation) -> None:
        """One animation: the weights of the morph targets, the jaw, and the head where it moves."""
        lib, centre = self._lib, self._native.centre
        skull, jaw = self._gltf.skins[0].joints
        times = self._accessor(animation.seconds[:, None], "SCALAR", bounds=True, target=None)
        rotations, places = self._jaw(animation.jaws)
        tracks: list[tuple[int, str, Floats, str]] = [
            (jaw, "rotation", rotations, "VEC4"),
            (jaw, "translation", places, "VEC3"),
        ]
        if animation.activations.shape[1]:
            skin = next(i for i, n in enumerate(self._gltf.nodes) if n.skin is not None)
            tracks.append((skin, "weights", animation.activations.reshape(-1, 1), "SCALAR"))
        if np.abs(animation.heads - np.eye(4)).max(initial=0.0) > 0:
            heads = animation.heads
            tracks += [
                (skull, "rotation", quaternions(heads), "VEC4"),
                (skull, "translation", heads[:, :3, :3] @ centre + heads[:, :3, 3], "VEC3"),
            ]
        made = lib.Animation(name=f"{self._native.name}_take")
        for number, (at, path, values, kind) in enumerate(tracks):
            made.samplers.append(
                lib.AnimationSampler(input=times, output=self._accessor(values, kind, target=None))
            )
            made.channels.append(
                lib.AnimationChannel(sampler=number, target=lib.AnimationChannelTarget(node=at, path=path))
            )
        self._gltf.animations = [made]

    # Numbers into the buffer.

    def _view(self, data: bytes, target: int | None = None) -> int:
        self._blob += bytes(-len(self._blob) % 4)
        self._gltf.bufferViews.append(
            self._lib.BufferView(buffer=0, byteOffset=len(self._blob), byteLength=len(data), target=target)
        )
        self._blob += data
        return len(self._gltf.bufferViews) - 1

    def _accessor(
        self,
        values: Floats | Ints,
        kind: str,
        of: int = _FLOAT,
        *,
        bounds: bool = False,
        target: int | None = _VERTICES,
    ) -> int:
        """values (N, components). target: what the numbers are for."""
        stored = np.ascontiguousarray(values, _TYPES[of])
        view = self._view(stored.tobytes(), target)
        return self._add(stored, kind, of, bounds, bufferView=view, count=len(stored))

    def _sparse(self, values: Floats, *, bounds: bool = True) -> int:
        """values (N, 3) float32 that are mostly zero; as they are, where that is smaller."""
        moving = np.flatnonzero(values.any(1))
        of = _index(len(values))
        if len(moving) * (12 + np.dtype(_TYPES[of]).itemsize) >= values.nbytes:
            return self._accessor(values, "VEC3", bounds=bounds)
        sparse = None
        if len(moving):
            lib = self._lib
            sparse = lib.Sparse(
                count=len(moving),
                indices=lib.AccessorSparseIndices(
                    bufferView=self._view(moving.astype(_TYPES[of]).tobytes()), componentType=of
                ),
                values=lib.AccessorSparseValues(bufferView=self._view(values[moving].tobytes())),
            )
        return self._add(values, "VEC3", _FLOAT, bounds, count=len(values), sparse=sparse, byteOffset=None)

    def _add(self, values: Any, kind: str, of: int, bounds: bool, **entries: Any) -> int:
        if bounds:
            entries |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        self._gltf.accessors.append(self._lib.Accessor(componentType=of, type=kind, **entries))
        return len(self._gltf.accessors) - 1


_TYPES = {_FLOAT: "<f4", _BYTE: "<u1", _SHORT: "<u2", _INT: "<u4"}


def _index(count: int) -> int:
    return _SHORT if count < 65535 else _INT


def quaternions(motions: Floats) -> Floats:
    """(F, 4) x, y, z, w of rigid (F, 4, 4), each the one of its two that is nearer to the frame before."""
    made = np.empty((len(motions), 4))
    before = np.array([0.0, 0.0, 0.0, 1.0])
    for row, motion in zip(made, motions, strict=True):
        turn = rigid.log(motion)[:3]
        angle = float(np.linalg.norm(turn))
        row[:3], row[3] = turn * (np.sin(angle / 2) / angle if angle > 0 else 0.5), np.cos(angle / 2)
        if row @ before < 0:
            row *= -1
        row /= np.linalg.norm(row)
        before = row
    return made


def drive_table(native: NativeRig, names: list[str]) -> dict[str, Any]:
    """What activates every target and turns the jaw, as JSON: {centre, rest_twist, controls, targets}."""

    def entry(name: str, target: Target) -> dict[str, Any]:
        drive = target.drive
        how: dict[str, Any] = (
            {"method": drive.method, "factors": [list(f) for f in drive.factors]}
            if isinstance(drive, Combination)
            else {"control": drive.control, "curve": [list(p) for p in drive.curve]}
        )
        return {"name": name, **how} | ({"twist": target.twist.tolist()} if target.twist.any() else {})

    return {
        "centre": native.centre.tolist(),
        "rest_twist": native.rest_twist.tolist(),
        "controls": list(native.rig.names),
        "targets": [entry(n, t) for n, t in zip(names, native.targets, strict=True)],
    }
