"""What an actor.aim holds, as arrays: shared, read-only, by every evaluator and every edited copy of one
model."""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints, check_faces, checked_array
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
from .networks import displacements, with_constants
from .skin_field import MOST_NODES, SkinField, SkinRequest, TrainedPoses
from .tables import SkinTables, dense_tables, difference_tables, sparse_tables

HOLDS_LESS, HOLDS_ALL = "full_frame.onnx", "full.onnx"
"""Of these two graphs of a file the second holds the constants that both have."""
_TOGETHER = 8  # targets of the networks that are formed at once: two take hardly longer than one
_LARGEST = 1e7  # model units or radians: beyond, sums leave what float32 holds


@dataclass(frozen=True)
class BakedJaw:
    """What a baked edit says of the jaw: its learned motion and arc times these, and a pose (4, 4) in its
    place. The graphs hold the same."""

    gain: float = 1.0
    arc: float = 1.0
    pose: Floats | None = None


class Networks:
    """The displacements before skinning of T targets as the networks in fields.onnx give them: evaluated by
    numpy when the first is asked for, and kept."""

    def __init__(self, graph: bytes, template: Floats, targets: int, where: str) -> None:
        """graph: fields.onnx, not examined yet; template (V, 3)."""
        self._graph, self._template, self._targets, self._where = graph, template, targets, where
        self._made: Columns | Floats | None = None
        self._held: tuple[int, Floats] = -1, np.empty((0, 0, 3), np.float32)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._targets

    def __getitem__(self, i: int) -> Floats:
        """(V, 3) float32 of target i, model unit. Raises AimError for a graph that is none of ours, and for
        what no head moves by."""
        made = self._evaluated()
        if isinstance(made, Columns):
            first, held = i - i % _TOGETHER, self._held
            if held[0] != first:  # neighbours are often asked for one after the other
                held = self._held = first, made.rows(first, first + _TOGETHER)
            row = held[1][i - first]
        else:
            row = made[i]
        most = float(np.abs(row).max(initial=0))
        if not most <= _LARGEST:
            raise AimError(
                f"{self._where}: its networks displace points by {most:.3g}.",
                "The file was altered.",
                "Export it again.",
            )
        return row

    def whole(self) -> Floats:
        """(T, V, 3) float32, all at once, and kept so from then on."""
        made = self._evaluated()
        if isinstance(made, Columns):
            made = self._made = made.rows(0, len(made))
        return made

    def _evaluated(self) -> Columns | Floats:
        with self._lock:
            if self._made is None:
                sizes = {"V": len(self._template), "T": self._targets}
                self._made = displacements(self._graph, self._where, sizes, self._template)
            return self._made


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
    fields = {name: _single(arrays, name, shape, where) for name, shape in shapes.items()}
    learned = _learned(arrays, (t, v, 3), where)
    networks = Networks(members.get("fields.onnx", b""), fields["template"], t, str(path))
    sites = about.fields("landmarks") if "landmarks" in about else None
    baked = _baked_jaw(about, manifest)
    data = ModelData(
        path=Path(path),
        modified=modified,
        manifest=manifest,
        rig=rig,
        mesh=_mesh(arrays, where),
        neutral=_single(arrays, "neutral", (v, 3), where),
        template=fields["template"],
        bone=fields["bone"],
        normals=fields["normals"],
        thickness=fields["thickness"],
        weight=fields["weight"],
        learned=networks if learned is None else learned,
        detail=_detail(arrays, "detail", (t, v, 3), where),
        motion=JawMotion(baked.gain * _trained_motion(manifest).twists),
        baked=baked,
        centre=about.numbers("centre", (3,)),
        graphs=members,
        landmarks=None if sites is None else _sites(manifest, where),
        region_maps=_regions(arrays, manifest, v, where),
        owners=_owners(arrays, v, where),
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
    if len(twists) and np.abs(twists).max() > _LARGEST:
        raise about.fail("jaw_twists", f"within {_LARGEST:g}")
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


def _single(arrays: dict[str, Any], name: str, shape: tuple[int | None, ...], where: str) -> Floats:
    """A float32 array. Raises AimError for another type or shape, NaN, infinity, and numbers that no head
    has."""
    array = checked_array(arrays, name, shape, where)
    if array.dtype != np.float32 or (array.size and float(np.abs(array).max()) > _LARGEST):
        wrong = array.dtype if array.dtype != np.float32 else f"up to {np.abs(array).max():.3g}"
        raise AimError(
            f"{where}: '{name}' is {wrong}, not float32 of a head's size.",
            "The file was altered.",
            "Export it again.",
        )
    return array


def _mesh(arrays: dict[str, Any], where: str) -> Mesh:
    v = len(arrays["neutral"])
    counts, corners = check_faces(arrays.get("counts"), arrays.get("corners"), v, where)
    uvs = uv_corners = None
    if "uvs" in arrays:
        uvs = checked_array(arrays, "uvs", (None, 2), where)
        uv_corners = checked_array(arrays, "uv_corners", (len(corners),), where, kinds="iu")
        if len(uv_corners) and not -1 <= uv_corners.min() <= uv_corners.max() < len(uvs):
            what = f"{where}: a face names texture point {uv_corners.max()}, and there are {len(uvs)}."
            raise AimError(what, "The file was altered.", "Export it again.")
    return Mesh(arrays["neutral"].astype(np.float64), counts, corners, uvs, uv_corners)


def _detail(arrays: dict[str, Any], name: str, shape: tuple[int, ...], where: str) -> Detail:
    """The displacements that `packed_detail` wrote under this name; whole ones, as before schema 2, too."""
    (targets, vertices, _), size = shape, (None, 3)
    scales = _single(arrays, f"{name}_scales", (targets,), where)
    altered = AimError(f"{where}: its {name} is malformed.", "The file was altered.", "Export it again.")
    if scales.size and scales.min() < 0:
        raise altered
    if f"{name}_moved" not in arrays:
        steps = checked_array(arrays, f"{name}_steps", shape, where, kinds="fi")
        if steps.dtype not in (np.int16, np.float32):
            raise altered
        if steps.dtype == np.float32:
            _single(arrays, f"{name}_steps", shape, where)
        return Detail.of_whole(steps, scales)

    moved = _inflated(arrays, f"{name}_moved", targets * -(-vertices // 8), where)
    moved = moved.reshape(targets, -(-vertices // 8))
    exact = _single(arrays, f"{name}_exact", size, where)
    if f"{name}_low" in arrays:
        low = checked_array(arrays, f"{name}_low", size, where, kinds="u")
        if low.dtype != np.uint8:
            raise altered
        steps = np.empty(low.shape, "<i2")
        both = steps.view(np.uint8).reshape(*low.shape, 2)
        both[..., 0], both[..., 1] = low, _inflated(arrays, f"{name}_high", low.size, where).reshape(3, -1).T
    else:
        steps = checked_array(arrays, f"{name}_steps", size, where, kinds="i")
        if steps.dtype != np.int16:
            raise altered
    detail = Detail(moved, steps, exact, scales, vertices)
    beyond = np.uint8(0xFF >> vertices % 8) if vertices % 8 else np.uint8(0)
    exactly = scales == 0
    fits = detail.counts[~exactly].sum() == len(steps) and detail.counts[exactly].sum() == len(exact)
    if not fits or (moved.size and (moved[:, -1] & beyond).any()):
        raise altered
    return detail


def _inflated(arrays: dict[str, Any], name: str, size: int, where: str) -> NDArray[np.uint8]:
    """The bytes that zlib packed under this name: so many, or an AimError."""
    packed = checked_array(arrays, name, (None,), where, kinds="u")
    try:
        whole = zlib.decompressobj().decompress(packed.tobytes(), size + 1)  # never more than belongs there
    except zlib.error:
        whole = b""
    if len(whole) != size or packed.dtype != np.uint8:
        raise AimError(f"{where}: '{name}' is malformed.", "The file was altered.", "Export it again.")
    return np.frombuffer(whole, np.uint8)


def _deflated(plane: NDArray[Any]) -> NDArray[np.uint8]:
    return np.frombuffer(zlib.compress(plane.tobytes(), 6), np.uint8)


def packed_detail(detail: Detail, name: str) -> dict[str, Any]:
    """The members of mesh.npz that `detail` is read from; by zlib the bits, and the steps' high bytes, most
    of which are alike: coordinate after coordinate."""
    both = detail.steps.astype("<i2").view(np.uint8).reshape(-1, 3, 2)
    moved, high = _deflated(detail.moved), _deflated(both[..., 1].T)
    kept = {"moved": moved, "low": both[..., 0], "high": high, "exact": detail.exact, "scales": detail.scales}
    return {f"{name}_{part}": array for part, array in kept.items()}


def _learned(arrays: dict[str, Any], shape: tuple[int, ...], where: str) -> Floats | Columns | Detail | None:
    """What files before schema 3 keep of the networks' displacements; None where the networks are asked."""
    if "basis" in arrays:
        return _single(arrays, "basis", shape, where)
    if "basis_columns" in arrays:
        columns = checked_array(arrays, "basis_columns", (shape[1], None), where, kinds="i")
        if columns.dtype != np.int16:
            raise AimError(f"{where}: its basis is malformed.", "The file was altered.", "Export it again.")
        count = columns.shape[1]
        scales = _single(arrays, "basis_scales", (count,), where)
        return Columns(columns, scales[:, None] * _single(arrays, "basis_mix", (count, 3 * shape[0]), where))
    return _detail(arrays, "basis", shape, where) if "basis_scales" in arrays else None


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
    seals = _seals(arrays, v, targets, where)
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


def _seals(arrays: dict[str, Any], v: int, targets: int, where: str) -> Ints:
    """SkinRequest.seals as `packed_seals` wrote them; files before schema 3 have the rows themselves, or
    none."""
    if "skin_seal_sizes" in arrays:
        sizes = checked_array(arrays, "skin_seal_sizes", (None,), where, kinds="i")
        groups = checked_array(arrays, "skin_seal_groups", (1 + targets,), where, kinds="i")
        many = int(sizes.sum(dtype=np.int64))
        held = ((sizes > 0) & (sizes <= v)).all() and ((groups >= 0) & (groups <= len(sizes))).all()
        if not held or int(groups.sum(dtype=np.int64)) != len(sizes) or many > (1 + targets) * v:
            raise AimError(
                f"{where}: 'skin_seal_sizes' is malformed.", "The file was altered.", "Export it again."
            )
        seals = np.empty((many, 3), np.int32)
        first = np.repeat(np.cumsum(groups) - groups, groups)  # each group's pose begins at this one
        seals[:, 0] = np.repeat(np.repeat(np.arange(1 + targets), groups), sizes)
        seals[:, 1] = np.repeat(np.arange(len(sizes)) - first, sizes)
        seals[:, 2] = _inflated(arrays, "skin_seals", 4 * many, where).view("<i4")
    elif "skin_seals" in arrays:
        seals = checked_array(arrays, "skin_seals", (None, 3), where, kinds="i")
    else:
        return np.zeros((0, 3), np.int32)
    most = [targets, len(seals), v - 1]
    if len(seals) > (1 + targets) * v or (len(seals) and (seals.min() < 0 or (seals.max(0) > most).any())):
        raise AimError(
            f"{where}: 'skin_seals' names pose {seals[:, 0].max()} of {targets} or vertex "
            f"{seals[:, 2].max()} of {v}.",
            "The file was altered.",
            "Export it again.",
        )
    return seals


def packed_seals(seals: Ints, targets: int) -> dict[str, Any]:
    """The members of mesh.npz that rows (S, 3) of SkinRequest.seals are read from: how many groups each pose
    has, how many vertices each group, and the vertices by zlib: most poses have what the neutral has."""
    rows = seals[np.lexsort((seals[:, 1], seals[:, 0]))]
    named, sizes = np.unique(rows[:, :2], axis=0, return_counts=True)
    return {
        "skin_seal_groups": np.bincount(named[:, 0], minlength=1 + targets).astype(np.int32),
        "skin_seal_sizes": sizes.astype(np.int32),
        "skin_seals": _deflated(rows[:, 2].astype("<i4")),
    }


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


def _owners(arrays: dict[str, Any], v: int, where: str) -> Ints | None:
    """'owners' where the file has them, checked: nobody's owner comes after it, and every owner is its
    own.
    """
    if "owners" not in arrays:
        return None
    owners: Ints = arrays["owners"]
    whole = (
        owners.shape == (v,)
        and owners.dtype == np.int32
        and bool(((owners >= 0) & (owners <= np.arange(v))).all())
    )
    if not whole or not np.array_equal(owners[owners], owners):
        raise AimError(
            f"{where}: 'owners' does not say which of its {v} vertices are the same.",
            "The file was altered.",
            "Export it again.",
        )
    return owners
