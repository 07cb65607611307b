"""What an actor.aim holds, as arrays: shared, read-only, by every evaluator and every edited copy of one
model."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats, Ints, checked_array
from aim_maya.core.container import NO_BONES, read_aim, unpack_arrays
from aim_maya.core.controls import Rig, rig_from_json
from aim_maya.core.errors import AimError
from aim_maya.core.face_sites import FaceSites, find_sites, sites_from_json
from aim_maya.core.handles import HANDLES, Handles, bones_of
from aim_maya.core.json_fields import Fields
from aim_maya.core.mesh import Mesh
from aim_maya.core.posing import Columns, Detail, JawMotion, LinearBlend
from aim_maya.core.regions import REGIONS, soft_regions
from aim_maya.core.rigid import is_rigid

from .edit import Sculpts
from .graph_check import check_graph
from .model_arrays import LARGEST, kept_basis, read_mesh, read_owners, single, unpacked_detail, unpacked_seals
from .networks import Networks, with_constants
from .skin_field import MOST_NODES, SkinField, SkinRequest, TrainedPoses
from .tables import SkinTables, dense_tables, difference_tables, sparse_tables

HOLDS_LESS, HOLDS_ALL = "full_frame.onnx", "full.onnx"
"""Of these two graphs of a file the second holds the constants that both have."""


@dataclass(frozen=True)
class BakedJaw:
    """What a baked edit says of the jaw: its learned motion and arc times these, and a pose (4, 4) in its
    place. The graphs hold the same."""

    gain: float = 1.0
    arc: float = 1.0
    pose: Floats | None = None


@dataclass(frozen=True)
class ModelData:
    """Arrays in the model unit, object space; modified: the file's time stamp (ns) when it was read. bone,
    normals (V, 3), thickness, weight (V,): the evaluated fields. learned: the networks' displacements, T
    times (V, 3), or by how much they differ from the detail."""

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
    learned: Floats | Columns | Detail | Networks
    detail: Detail
    motion: JawMotion
    centre: Floats
    graphs: dict[str, bytes]
    baked: BakedJaw = field(default_factory=lambda: BakedJaw())
    landmarks: FaceSites | None = None
    region_maps: dict[str, Floats] = field(default_factory=dict)
    owners: Ints | None = None
    """(V,) int32: the first vertex that is the same point (doubles on UV seams); None where all are alone."""
    pieces: Ints | None = None
    """(V,) int16: 0 the skin, 1 and on separate pieces that are rigid (eyes, teeth); None where there is only
    skin."""
    skin_request: SkinRequest | None = None
    """How the skin follows an edit; None in files that were written before it did."""
    sculpts_read: dict[object, Sculpts] = field(default_factory=dict)
    """The last sculpts that an edit named, by the names and time stamps of their files: a slider that is
    dragged beside them neither reads them nor forms their tables again."""
    moved_kept: dict[bytes, tuple[Any, Any, list[str]]] = field(init=False, default_factory=dict)
    """The skin's motions of the faces that are there, by what their edits ask for."""
    _made: dict[bool, SkinTables] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _examined: dict[str, bytes] = field(default_factory=dict)

    def graph(self, name: str) -> bytes:
        """A graph of the file, examined. Raises AimError when it is missing, or not one that this project
        writes."""
        graph = self._examined.get(name)
        if graph is None:
            if name not in self.graphs:
                raise AimError(f"{self.path} has no {name}.", "The file was altered.", "Export it again.")
            graph = self.graphs[name]
            if name == HOLDS_LESS and HOLDS_ALL in self.graphs:
                graph = with_constants(graph, self.graphs[HOLDS_ALL], str(self.path), name)
            check_graph(graph, name, str(self.path), {"V": len(self.neutral), "T": len(self.rig.targets)})
            self._examined[name] = graph
        return graph

    def tables(self, detail: bool) -> SkinTables:
        """With detail: the trained shapes themselves. Without: everything from the networks' fields."""
        with self._lock:
            if detail not in self._made:
                if detail:
                    self._made[detail] = sparse_tables(self.neutral, self.detail)
                else:
                    rest = self.bone + self.thickness[:, None] * self.normals
                    if isinstance(self.learned, Detail):
                        self._made[detail] = difference_tables(rest, self.detail, self.learned)
                    else:
                        self._made[detail] = dense_tables(rest, self.learned)
            return self._made[detail]

    @property
    def basis(self) -> Floats:
        """(T, V, 3) float32 the networks' displacements before skinning."""
        learned = self.learned
        if isinstance(learned, np.ndarray):
            return learned
        if isinstance(learned, Columns):
            return learned.rows(0, len(learned))
        if isinstance(learned, Networks):
            return learned.whole()
        made = np.empty((len(learned), *self.neutral.shape), np.float32)
        for i in range(len(made)):
            made[i] = learned[i] + self.detail[i]
        return made

    @cached_property
    def sites(self) -> FaceSites:
        """The face's landmarks: the file's, or read off the learned anatomy. Raises AimError where there is
        no jaw to read them off."""
        self.need_anatomy("regions and handles cannot be placed on it")
        return self.landmarks or find_sites(
            self.neutral, self.weight, str(self.manifest["up"]), float(self.manifest["mm_per_unit"])
        )

    @cached_property
    def regions(self) -> dict[str, Floats]:
        """{region: (V,) float32 in [0, 1]}: the file's, or made from the landmarks. Raises AimError as
        `sites` does."""
        made = self.region_maps or soft_regions(self.sewn, self.weight, self.sites)
        return made if self.owners is None else {name: region[self.owners] for name, region in made.items()}

    @cached_property
    def handles(self) -> Handles:
        """Bone-point offsets of the handles on the learned bones. Raises AimError as `sites` does."""
        return Handles(bones_of(self.sewn, self.weight, self.normals, self.regions, self.sites), self.owners)

    @cached_property
    def handle_ends(self) -> dict[str, tuple[float, float]]:
        """{handle: (lowest, highest)} mm that this face holds, as measured when the file was written; {} in
        files of before."""
        ends: dict[str, list[float]] = self.manifest.get("handle_ends", {})
        return {name: (ends[name][0], ends[name][1]) for name in HANDLES if name in ends}

    @property
    def handle_sliders(self) -> dict[str, tuple[float, float]]:
        """{handle: (lowest, highest)} mm for a slider: where faces still look like faces, and no further than
        this one holds."""
        held = self.handle_ends
        return {
            name: (max(handle.ends[0], held[name][0]), min(handle.ends[1], held[name][1]))
            if name in held
            else handle.ends
            for name, handle in HANDLES.items()
        }

    @cached_property
    def skin_field(self) -> SkinField | None:
        """The skin's smooth motions; None where the file names none: an edit then moves every vertex by
        itself."""
        if self.skin_request is None:
            return None
        rigid = np.zeros(len(self.neutral), bool) if self.pieces is None else self.pieces > 0
        mm = float(self.manifest["mm_per_unit"])
        return SkinField(self.skin_request, self.sewn, self.thickness, self.normals, rigid, mm)

    @cached_property
    def trained_poses(self) -> TrainedPoses:
        """Where the targets were trained, as the skin's motions need it."""
        blend = LinearBlend.of(self.rig, self.motion, self.centre)
        return TrainedPoses(blend.matrix, blend.turns, blend.offsets, self.weight, self.centre)

    @cached_property
    def weights(self) -> Floats:
        """(V, 3) the skinning weight of each coordinate."""
        return np.repeat(self.weight[:, None], 3, 1)

    @property
    def has_anatomy(self) -> bool:
        """False for a face that was trained without bones."""
        return str(self.manifest.get("bones")) != NO_BONES

    def need_anatomy(self, lack: str) -> None:
        """Raises AimError for a face that was trained without bones. lack: what cannot be had of it then."""
        if not self.has_anatomy:
            raise AimError(
                f"'{self.manifest.get('name', self.path.name)}' was trained without bones, so {lack}.",
                "It was trained with --bones none.",
                "Train it again with skull.obj and jaw.obj in the actor folder; expression gains need "
                "no bones.",
            )

    @cached_property
    def doubles(self) -> tuple[Ints, Ints] | None:
        """(D,) vertices that are the same point as an earlier one, and (D,) those; None where there are
        none.
        """
        if self.owners is None:
            return None
        doubles = np.flatnonzero(self.owners != np.arange(len(self.owners)))
        return doubles, self.owners[doubles]

    @cached_property
    def sewn(self) -> Mesh:
        """The mesh with its seams closed: faces use the owners alone, and whatever is smooth along them goes
        across."""
        return (
            self.mesh
            if self.owners is None
            else replace(self.mesh, corners=self.owners[self.mesh.corners], uvs=None, uv_corners=None)
        )

    def together(self, points: Floats) -> Floats:
        """points (V, 3), changed in place: doubles are where their owners are, to the last bit."""
        if self.doubles is not None:
            points[self.doubles[0]] = points[self.doubles[1]]
        return points

    @cached_property
    def linear(self) -> LinearBlend:
        """The old linear look (jaw_arc 0) of the same tables."""
        trained = LinearBlend.of(self.rig, _trained_motion(self.manifest), self.centre)
        gain = self.baked.gain
        return (
            trained
            if gain == 1.0
            else replace(trained, turns=gain * trained.turns, offsets=gain * trained.offsets)
        )


def read_model(path: str | Path) -> ModelData:
    """Read and verify an actor.aim. Raises AimError in one sentence for anything that is not whole."""
    modified = Path(path).stat().st_mtime_ns if Path(path).is_file() else 0
    manifest, members = read_aim(path)
    where = f"{path}: mesh.npz"
    arrays = unpack_arrays(members.pop("mesh.npz", b""), where)
    about = _checked_manifest(manifest, f"{path}: its manifest")
    rig = rig_from_json(manifest, str(path))
    v = len(checked_array(arrays, "neutral", (None, 3), where))
    t = len(rig.targets)
    shapes: dict[str, tuple[int, ...]] = {
        "template": (v, 3),
        "bone": (v, 3),
        "normals": (v, 3),
        "thickness": (v,),
        "weight": (v,),
    }
    fields = {name: single(arrays, name, shape, where) for name, shape in shapes.items()}
    learned = kept_basis(arrays, (t, v, 3), where)
    networks = Networks(members.get("fields.onnx", b""), fields["template"], t, str(path))
    sites = about.fields("landmarks") if "landmarks" in about else None
    baked = _baked_jaw(about, manifest)
    data = ModelData(
        path=Path(path),
        modified=modified,
        manifest=manifest,
        rig=rig,
        mesh=read_mesh(arrays, where),
        neutral=single(arrays, "neutral", (v, 3), where),
        template=fields["template"],
        bone=fields["bone"],
        normals=fields["normals"],
        thickness=fields["thickness"],
        weight=fields["weight"],
        learned=networks if learned is None else learned,
        detail=unpacked_detail(arrays, "detail", (t, v, 3), where),
        motion=JawMotion(baked.gain * _trained_motion(manifest).twists),
        baked=baked,
        centre=about.numbers("centre", (3,)),
        graphs=members,
        landmarks=None if sites is None else _sites(manifest, where),
        region_maps=_regions(arrays, manifest, v, where),
        owners=read_owners(arrays, v, where),
        pieces=checked_array(arrays, "pieces", (v,), where, kinds="i") if "pieces" in arrays else None,
        skin_request=_skin_request(arrays, about, v, t, where),
    )
    if (
        data.mesh.topology_hash != manifest["topology_hash"]
        or len(data.motion.twists) != t
        or manifest["vertex_count"] != v
    ):
        raise AimError(
            f"{path}: targets, detail and faces do not belong together.",
            "The file was altered.",
            "Export it again.",
        )
    if learned is None:
        data.graph("fields.onnx")  # now, and not when the first frame without detail is asked for
    return data


def _checked_manifest(manifest: dict[str, Any], where: str) -> Fields:
    """Every entry that the product reads, of its kind. Raises AimError naming the one that is not."""
    about = Fields(manifest, where)
    about.number("mm_per_unit", above=0, high=1e9)
    about.number("scale", above=0, high=1e12)
    about.whole("vertex_count", low=1)
    for name in ("writer", "name", "topology_hash"):
        about.text(name)
    about.choice("up", ("x", "y", "z"))
    for name in ("source", "report"):
        about.fields("jaw").text(name)
    twists = about.numbers("jaw_twists", (-1, 6))
    if len(twists) and np.abs(twists).max() > LARGEST:
        raise about.fail("jaw_twists", f"within {LARGEST:g}")
    parity = about.fields("parity_mm")
    for name in manifest["parity_mm"]:
        parity.number(name, low=0)
    if not manifest["parity_mm"]:
        raise about.fail("parity_mm", "figures by name")
    training = about.fields("training")
    for name in ("mean", "max") if "skin" in training else ():
        training.fields("skin").number(name, low=0)
    about.names("sculpted", ())
    ends = about.fields("handle_ends") if "handle_ends" in about else Fields({}, where)
    for name in ends:
        low, high = ends.numbers(name, (2,))
        if not low <= 0 <= high:
            raise ends.fail(name, "two numbers with 0 between them")
    for edit in about.objects("edits", ()):
        for name in ("source", "source_sha256"):
            edit.text(name)
        if not all(isinstance(recipe, dict) for recipe in edit.items("edits")):
            raise edit.fail("edits", "a list of edits")
    return about


def _regions(
    arrays: dict[str, Any], manifest: dict[str, Any], vertices: int, where: str
) -> dict[str, Floats]:
    if manifest.get("regions") != list(REGIONS):
        return {}
    maps = checked_array(arrays, "regions", (len(REGIONS), vertices), where).astype(np.float32)
    return dict(zip(REGIONS, maps, strict=True))


def _skin_request(
    arrays: dict[str, Any], about: Fields, v: int, targets: int, where: str
) -> SkinRequest | None:
    if "skin" not in about or "skin_nodes" not in arrays:
        return None
    confidence, tissue = (
        checked_array(arrays, name, (v,), where, kinds="u") for name in ("skin_confidence", "skin_tissue")
    )
    nodes = checked_array(arrays, "skin_nodes", (None,), where, kinds="i")
    if confidence.dtype != np.uint8 or tissue.dtype != np.uint8 or not 0 < len(nodes) <= MOST_NODES:
        raise AimError(
            f"{where}: its skin's request is malformed.", "The file was altered.", "Export it again."
        )
    if nodes.min() < 0 or nodes.max() >= v:
        raise AimError(
            f"{where}: 'skin_nodes' names vertex {nodes.max()} of {v}.",
            "The file was altered.",
            "Export it again.",
        )
    seals = unpacked_seals(arrays, v, targets, where)
    entry = about.fields("skin")
    return SkinRequest(
        confidence,
        tissue,
        nodes,
        entry.number("radius_mm", above=0, high=1e6),
        entry.number("smoothness", above=0, high=1e9),
        seals,
        entry.number("tissue_bending", 1.0, low=1, high=1e6),
    )


def _sites(manifest: dict[str, Any], where: str) -> FaceSites:
    try:
        return sites_from_json(manifest["landmarks"], float(manifest["mm_per_unit"]))
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, IndexError) as error:
        raise AimError(
            f"{where}: its landmarks are malformed ({error}).", "The file was altered.", "Export it again."
        ) from error


def _trained_motion(manifest: dict[str, Any]) -> JawMotion:
    return JawMotion(np.array(manifest["jaw_twists"], np.float64).reshape(-1, 6))


def _baked_jaw(about: Fields, manifest: dict[str, Any]) -> BakedJaw:
    if "baked" not in about:
        return BakedJaw()
    entry = about.fields("baked")
    pose = entry.numbers("jaw_pose", (4, 4)) if manifest["baked"].get("jaw_pose") is not None else None
    if pose is not None and not is_rigid(pose):
        raise entry.fail("jaw_pose", "a rigid 4x4 matrix")
    return BakedJaw(
        entry.number("jaw_gain", 1.0, low=-1e6, high=1e6),
        entry.number("jaw_arc", 1.0, low=-1e6, high=1e6),
        pose,
    )
