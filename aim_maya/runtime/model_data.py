"""What an actor.aim holds, as arrays: shared, read-only, by every evaluator and every edited copy of one model."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.aim_file import read_aim, unpack_arrays
from aim_maya.core.controls import Rig, rig_from_json
from aim_maya.core.detail import Detail
from aim_maya.core.errors import AimError
from aim_maya.core.face_sites import FaceSites, sites_from_json
from aim_maya.core.find_sites import find_sites
from aim_maya.core.handles import Handles, bones_of
from aim_maya.core.mesh import Mesh
from aim_maya.core.posing import JawMotion, LinearBlend
from aim_maya.core.regions import REGIONS, soft_regions

Floats = NDArray[np.floating]


class Scratch:
    """Working memory for sums over planar tables (T, 3V), used by one call at a time."""

    def __init__(self, planar: Floats) -> None:
        self._planar, self._key = planar, b""
        self._rows = np.empty((0, planar.shape[1]), np.float32)
        self.sum = np.empty((2, 3, planar.shape[1] // 3), np.float32)

    def rows(self, active: NDArray[np.intp]) -> Floats:
        """(A, 3V) the active rows, one after another: an animation keeps its active set for many frames, so they are kept too."""
        key = active.tobytes()
        if self._key != key:
            if len(self._rows) < len(active):
                self._rows = np.empty((len(active), self._planar.shape[1]), np.float32)
            np.take(self._planar, active, axis=0, out=self._rows[: len(active)], mode="clip")
            self._key = key
        return self._rows[: len(active)]


@dataclass(frozen=True)
class Tables:
    """One way to form the skin: rest (V, 3) and displacements (T, V, 3) float32 before skinning, model unit, object space."""

    rest: Floats
    displacements: Floats
    _free: deque[Scratch] = field(default_factory=deque, repr=False, compare=False)

    @cached_property
    def planar(self) -> Floats:
        """(T, 3V) float32, x of all vertices, then y, then z: rows that sum without a gap."""
        return np.ascontiguousarray(self.displacements.transpose(0, 2, 1)).reshape(len(self.displacements), -1)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """Working memory of these tables, shared by all edits of a model, since a scene may hold hundreds of nodes on it.

        Lent, the last one first, not thread-local: a host's own threads forget what Python keeps for them between two calls.
        """
        try:
            lent = self._free.pop()
        except IndexError:
            lent = Scratch(self.planar)
        try:
            yield lent
        finally:
            self._free.append(lent)


@dataclass(frozen=True)
class BakedJaw:
    """What a baked edit says of the jaw: its learned motion and arc times these, and a pose (4, 4) in its place. The graphs hold the same."""

    gain: float = 1.0
    arc: float = 1.0
    pose: Floats | None = None


@dataclass(frozen=True)
class ModelData:
    """Arrays in the model unit, object space; modified: the file's time stamp (ns) when it was read. bone, normals (V, 3), thickness, weight (V,), basis (T, V, 3): the evaluated fields."""

    path: Path
    modified: int
    manifest: dict[str, Any]
    rig: Rig
    mesh: Mesh
    neutral: Floats
    template: Floats
    bone: Floats
    normals: Floats
    thickness: Floats
    weight: Floats
    basis: Floats
    detail: Detail
    motion: JawMotion
    centre: Floats
    graphs: dict[str, bytes]
    baked: BakedJaw = field(default_factory=lambda: BakedJaw())
    landmarks: FaceSites | None = None
    region_maps: dict[str, Floats] = field(default_factory=dict)
    _made: dict[bool, Tables] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tables(self, detail: bool) -> Tables:
        """With detail: the trained shapes themselves. Without: everything from the networks' fields."""
        with self._lock:
            if detail not in self._made:
                if detail:
                    self._made[detail] = Tables(self.neutral, self.detail.displacements())
                else:
                    self._made[detail] = Tables(self.bone + self.thickness[:, None] * self.normals, self.basis)
            return self._made[detail]

    @cached_property
    def sites(self) -> FaceSites:
        """The face's landmarks: the file's, or read off the learned anatomy. Raises AimError where there is no jaw to read them off."""
        return self.landmarks or find_sites(self.neutral, self.weight, str(self.manifest["up"]), float(self.manifest["mm_per_unit"]))

    @cached_property
    def regions(self) -> dict[str, Floats]:
        """{region: (V,) float32 in [0, 1]}: the file's, or made from the landmarks. Raises AimError as `sites` does."""
        return self.region_maps or soft_regions(self.mesh, self.weight, self.sites)

    @cached_property
    def handles(self) -> Handles:
        """Bone-point offsets of the handles on the learned bones. Raises AimError as `sites` does."""
        return Handles(bones_of(self.mesh, self.weight, self.normals, self.regions, self.sites))

    @cached_property
    def linear(self) -> LinearBlend:
        """The old linear look (jaw_arc 0) of the same tables."""
        trained = LinearBlend.of(self.rig, _trained_motion(self.manifest), self.centre)
        gain = self.baked.gain
        return trained if gain == 1.0 else replace(trained, turns=gain * trained.turns, offsets=gain * trained.offsets)


def read_model(path: str | Path) -> ModelData:
    """Read and verify an actor.aim. Raises AimError in one sentence for anything that is not whole."""
    modified = Path(path).stat().st_mtime_ns if Path(path).is_file() else 0
    manifest, members = read_aim(path)
    arrays = unpack_arrays(members.pop("mesh.npz", b""), f"{path}: mesh.npz")
    try:
        rig, baked = rig_from_json(manifest, str(path)), _baked_jaw(manifest.get("baked", {}))
        data = ModelData(
            path=Path(path), modified=modified, manifest=manifest, rig=rig,
            mesh=Mesh(arrays["neutral"].astype(np.float64), arrays["counts"], arrays["corners"], arrays.get("uvs"), arrays.get("uv_corners")),
            neutral=arrays["neutral"], template=arrays["template"], bone=arrays["bone"], normals=arrays["normals"],
            thickness=arrays["thickness"], weight=arrays["weight"], basis=arrays["basis"],
            detail=Detail(arrays["detail_steps"], arrays["detail_scales"]),
            motion=JawMotion(baked.gain * _trained_motion(manifest).twists), baked=baked,
            centre=np.array(manifest["centre"], np.float64), graphs=members,
            landmarks=sites_from_json(manifest["landmarks"], float(manifest["mm_per_unit"])) if "landmarks" in manifest else None,
            region_maps=dict(zip(REGIONS, arrays["regions"].astype(np.float32), strict=True)) if manifest.get("regions") == list(REGIONS) else {},
        )  # fmt: skip
    except (KeyError, ValueError, TypeError) as error:
        raise AimError(f"{path}: an entry is missing or malformed ({error}).", "The file was altered.", "Export it again.") from error
    _check(data)
    return data


def _trained_motion(manifest: dict[str, Any]) -> JawMotion:
    return JawMotion(np.array(manifest["jaw_twists"], np.float64).reshape(-1, 6))


def _baked_jaw(entry: dict[str, Any]) -> BakedJaw:
    pose = entry.get("jaw_pose")
    return BakedJaw(float(entry.get("jaw_gain", 1.0)), float(entry.get("jaw_arc", 1.0)), None if pose is None else np.array(pose, np.float64).reshape(4, 4))


def _check(data: ModelData) -> None:
    v, t = len(data.neutral), len(data.rig.targets)
    wanted = {
        "neutral": (v, 3), "template": (v, 3), "bone": (v, 3), "normals": (v, 3), "thickness": (v,), "weight": (v,), "basis": (t, v, 3),
    }  # fmt: skip
    for name, shape in wanted.items():
        array = getattr(data, name)
        if array.shape != shape or array.dtype != np.float32:
            raise AimError(f"{data.path}: '{name}' is {array.dtype} {array.shape}, not float32 {shape}.", "The file was altered.", "Export it again.")
    if any(region.shape != (v,) for region in data.region_maps.values()):
        raise AimError(f"{data.path}: its regions are not of its {v} vertices.", "The file was altered.", "Export it again.")
    if data.detail.steps.shape != (t, v, 3) or data.motion.twists.shape != (t, 6) or data.mesh.topology_hash != data.manifest.get("topology_hash"):
        raise AimError(f"{data.path}: targets, detail and faces do not belong together.", "The file was altered.", "Export it again.")
