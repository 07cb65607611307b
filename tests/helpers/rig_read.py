"""Native rigs in files, evaluated apart from the code that writes them: USD by UsdSkel's own baking, glTF by
its definition (morph targets, then linear skinning)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def usd_points(path: Path, frames: list[float]) -> list[np.ndarray]:
    """The skin's points after UsdSkel's own baking of skinning into the stage."""
    from pxr import Usd, UsdGeom, UsdSkel

    stage = Usd.Stage.Open(str(path))
    root = stage.GetDefaultPrim()
    assert UsdSkel.BakeSkinning(UsdSkel.Root(root))
    points = UsdGeom.Mesh(stage.GetPrimAtPath(f"{root.GetPath()}/skin")).GetPointsAttr()
    return [np.array(points.Get(f)) for f in frames]


class Gltf:
    """A .glb read and evaluated as the specification says."""

    def __init__(self, path: Path) -> None:
        import pygltflib

        self.file = pygltflib.GLTF2().load(str(path))
        self.mesh = self.file.meshes[next(n.mesh for n in self.file.nodes if n.skin is not None)]
        self.primitive = self.mesh.primitives[0]

    def array(self, index: int) -> np.ndarray:
        accessor = self.file.accessors[index]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor.type]
        kind = {5126: "<f4", 5121: "<u1", 5123: "<u2", 5125: "<u4"}
        if accessor.bufferView is None:
            values = np.zeros((accessor.count, width), kind[accessor.componentType])
        else:
            values = self._raw(accessor.bufferView, kind[accessor.componentType], width)
        if accessor.sparse is not None:
            where = self._raw(
                accessor.sparse.indices.bufferView, kind[accessor.sparse.indices.componentType], 1
            )
            values[where.ravel()] = self._raw(accessor.sparse.values.bufferView, "<f4", width)
        return values

    def _raw(self, view: int, kind: str, width: int) -> np.ndarray:
        found = self.file.bufferViews[view]
        data = self.file.binary_blob()[found.byteOffset : found.byteOffset + found.byteLength]
        return np.frombuffer(data, kind).reshape(-1, width).copy()

    @property
    def vertex(self) -> np.ndarray:
        """(N,) the mesh's vertex of every glTF vertex."""
        numbers: np.ndarray = self.array(self.primitive.attributes._VERTEX).ravel().astype(int)
        return numbers

    def frames(self) -> np.ndarray:
        """(F, N, 3) metres of every frame of the one animation."""
        of = {(c.target.node, c.target.path): c.sampler for c in self.file.animations[0].channels}
        tracks = {k: self.array(self.file.animations[0].samplers[s].output) for k, s in of.items()}
        skull, jaw = self.file.skins[0].joints
        skin = next(i for i, n in enumerate(self.file.nodes) if n.skin is not None)
        attributes = self.primitive.attributes
        rest, joints, share = (
            self.array(getattr(attributes, n)) for n in ("POSITION", "JOINTS_0", "WEIGHTS_0")
        )
        morphs = np.array(
            [self.array(t["POSITION"] if isinstance(t, dict) else t.POSITION) for t in self.primitive.targets]
        )
        inverse = self.array(self.file.skins[0].inverseBindMatrices).reshape(2, 4, 4).transpose(0, 2, 1)
        weights = tracks[skin, "weights"].reshape(-1, len(morphs))
        made = []
        for f, row in enumerate(weights):
            shaped = np.c_[rest + np.einsum("t,tvc->vc", row.astype(np.float64), morphs), np.ones(len(rest))]
            world = self._local(skull, tracks, f)
            matrices = np.array([world, world @ self._local(jaw, tracks, f)]) @ inverse
            each = np.einsum("jab,vb->vja", matrices, shaped)[..., :3]
            made.append((share[..., None] * each[np.arange(len(rest))[:, None], joints]).sum(1))
        return np.array(made)

    def _local(self, node: int, tracks: dict[Any, np.ndarray], f: int) -> np.ndarray:
        known = self.file.nodes[node]
        x, y, z, w = tracks.get((node, "rotation"), [known.rotation or [0, 0, 0, 1]] * (f + 1))[f]
        matrix = np.eye(4)
        matrix[:3, :3] = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
        matrix[:3, 3] = tracks.get((node, "translation"), [known.translation or [0, 0, 0]] * (f + 1))[f]
        return matrix
