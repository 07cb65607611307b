"""Where the anatomy may ask something of the skin, and where the skin's smooth motion has its nodes: what an
actor.aim keeps for aim_maya.runtime.skin_field.

All of it is found from the neutral's geometry and the learned normals: no vertex lists, any topology.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import igl.predicates
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.face_sites import FaceSites
from aim_maya.core.handles import HANDLES
from aim_maya.core.mesh import Mesh, boundary_vertices, vertex_normals
from aim_maya.core.regions import smooth_step, soft_regions
from aim_maya.runtime import FaceModel
from aim_maya.runtime.bent_tables import bent_tables, need_together
from aim_maya.runtime.cached import CachedEvaluator
from aim_maya.runtime.edit import Edit
from aim_maya.runtime.model_data import ModelData
from aim_maya.runtime.skin_field import ADULT_RADIUS_MM, SkinRequest
from trainer.geometry.smooth import edge_lengths
from trainer.geometry.surface import Surface

# Lengths are mm of an adult face; a larger or smaller one has them in proportion.
RADIUS_MM, SMOOTHNESS = ADULT_RADIUS_MM, 10.0  # of the kernel; bending against area times misfit squared
# a coarse mesh shows a bend of its tissue in few, sharp folds: there bending weighs more, by the 4th
# power of its edges' length; handles are smooth as they are
_FINE_MM, _MOST_COARSE = 2.5, 5.0
_FACING_MM = 30.0  # skin that sees skin this near before it is a lid, a lip, a nostril, an ear, the mouth
_THIN_MM = 4.0  # and so is skin with other skin this close behind it
_RINGS = 2  # around all these
_AGREE = (0.6, 0.85)  # cosine between skin's and anatomy's normal: not at all, and fully
_UNSEEN = 0.5  # confidence of outer skin under which no bone was seen
_HELD = 0.5  # and of eyes and lids, which are asked to stay on the eyeball
_EYE = (0.62, 0.42)  # of an eye's width, to the sides and up and down: lids lie within
_LIDS = 0.3  # of an edit of tissue is asked of the lids' outer skin, which lies on the eyeball
_SPACING_MM, _COARSE = 11.0, 2.5  # of nodes on the face; how many times as far apart elsewhere
_MOST = 600
MOST_TURNED = 20.0  # degrees that a triangle may turn
_BEYOND = 2.0  # how many times a slider's usual way is tried
_ROUNDING = 0.3  # degrees, for what an edit is held back by and float32
_APART_MM = 4.0  # skin that runs through itself in places nearer than this does so in one place


def skin_request(
    mesh: Mesh,
    normals: Floats,
    weight: Floats,
    pieces: Ints | None,
    sites: FaceSites | None,
    seen: NDArray[np.bool_] | None,
    mm_per_unit: float,
) -> SkinRequest:
    """mesh: the neutral with its seams closed; normals (V, 3) of the anatomy, weight (V,) skinning; pieces
    (V,) above 0 on eyes and teeth; seen (V,): bone was seen under this vertex, None where nobody knows."""
    size = 1.0 if sites is None else max(sites.size, 0.05)
    scale = mm_per_unit / size  # from the model unit to mm of an adult face
    skin = vertex_normals(mesh)
    piece = np.zeros(len(mesh.points), bool) if pieces is None else pieces > 0
    hidden = _hidden(mesh, skin, scale) | piece
    agree = np.clip(((skin * normals).sum(1) - _AGREE[0]) / (_AGREE[1] - _AGREE[0]), 0, 1)
    sure = np.ones(len(agree)) if seen is None else np.where(seen, 1.0, _UNSEEN)
    confidence = np.where(_grown(mesh, hidden, _RINGS), 0.0, agree * sure)
    away = np.full(len(agree), np.inf) if sites is None else _from_eyes(mesh, sites)
    held = hidden & (away < 1.2)
    confidence[held] = _HELD
    tissue = _LIDS + (1 - _LIDS) * smooth_step(away, 0.9, 1.6)
    tissue[held | piece] = 0
    spacing, face = np.full(len(agree), _SPACING_MM * 1.5), np.ones(len(agree))
    if sites is not None:
        face = np.clip(3 * sum(soft_regions(mesh, weight, sites).values()), 0, 1)
        spacing = _SPACING_MM * (1 + (_COARSE - 1) * (1 - face))
    used = np.zeros(len(agree), bool)
    used[mesh.corners] = True
    return SkinRequest(
        np.rint(255 * confidence).astype(np.uint8),
        np.rint(255 * tissue).astype(np.uint8),
        _nodes(mesh.points * scale, spacing, used & ~piece),
        RADIUS_MM * size,
        SMOOTHNESS * size**2,
        tissue_bending=_coarseness(mesh, face > 0.5, scale),
    )


def skin_seals(
    mesh: Mesh, shapes: Sequence[Floats], pieces: Ints | None, sites: FaceSites | None, mm_per_unit: float
) -> Ints:
    """(S, 3) int32, SkinRequest.seals: skin that runs through itself (lips, lids, nostrils, the crease under
    a chin), and one ring around it, at rest and in the targets' shapes (V, 3) each.

    Of a shape only skin that it moves is looked at, and skin that may be in its way: the rest is as at
    rest."""
    size = 1.0 if sites is None else max(sites.size, 0.05)
    piece = np.zeros(len(mesh.points), bool) if pieces is None else pieces > 0
    skin = mesh.triangles[~piece[mesh.triangles].any(1)]
    at_rest, rows = _crossing(mesh.points, skin), []
    for pose, points in enumerate([mesh.points, *shapes]):
        moved = (points != mesh.points).any(1)[skin.T].any(0)
        pairs = at_rest[~moved[at_rest].any(1)]
        if moved.any():
            corners = points[skin.T]
            low, high = corners.min(0), corners.max(0)
            near = ((high >= low[moved].min(0)) & (low <= high[moved].max(0))).all(1)
            some = np.flatnonzero(near)
            found = some[_crossing(points, skin[some])]
            pairs = np.concatenate([pairs, found[moved[found].any(1)]])
        for number, ids in enumerate(_groups(mesh, skin, pairs, points * mm_per_unit, _APART_MM * size)):
            rows.append(np.stack([np.full(len(ids), pose), np.full(len(ids), number), ids], 1))
    return np.concatenate([np.zeros((0, 3)), *rows]).astype(np.int32)


def _crossing(points: Floats, triangles: Ints) -> Ints:
    """(P, 2) which triangles (F, 3) cross another one."""
    found = igl.predicates.find_self_intersections(
        np.ascontiguousarray(points, np.float64), np.ascontiguousarray(triangles, np.int64)
    )[1]
    return np.asarray(found, np.int64).reshape(-1, 2)


def _groups(mesh: Mesh, triangles: Ints, pairs: Ints, points: Floats, apart: float) -> list[Ints]:
    """Vertex ids of the places where pairs (P, 2) of triangles cross, each with a ring; points and apart in
    mm."""
    if not len(pairs):
        return []
    crossing, marked = triangles[np.unique(pairs)], np.zeros(len(points), bool)
    marked[crossing] = True
    ids = np.flatnonzero(_grown(mesh, marked, 1))
    number = np.full(len(points), -1)
    number[ids] = np.arange(len(ids))
    links = [
        number[triangles[pairs][:, :, 0]],
        number[crossing[:, :2]],
        number[crossing[:, 1:]],
        cKDTree(points[ids]).query_pairs(apart, output_type="ndarray"),
    ]
    one, other = np.concatenate(links).T
    together = coo_matrix((np.ones(len(one)), (one, other)), (len(ids), len(ids)))
    label = connected_components(together, directed=False)[1]
    groups = [ids[label == n] for n in range(label.max() + 1)]
    return [group for group in groups if marked[group].any()]


def trained_shapes(data: ModelData) -> list[Floats]:
    """(V, 3) of every target at its trained pose, doubles together."""
    evaluator = CachedEvaluator(data, Edit(), True)
    return [data.together(evaluator.points(row, data.baked.pose)) for row in data.linear.matrix]


def request_of(data: ModelData, neutral: Floats | None = None) -> SkinRequest | None:
    """The request of a model's file on its neutral, or on an edited one (V, 3), which leaves what runs
    through itself as it is; None for a face without anatomy."""
    if not data.has_anatomy:
        return None
    mesh = data.sewn if neutral is None else data.sewn.with_points(neutral)
    mm = float(data.manifest["mm_per_unit"])
    made = skin_request(mesh, data.normals, data.weight, data.pieces, data.landmarks, None, mm)
    kept = data.skin_request
    if kept is None or not len(kept.seals):
        seals = skin_seals(data.sewn, trained_shapes(data), data.pieces, data.landmarks, mm)
        made = replace(made, seals=seals)
    if kept is None:
        return made
    seals = kept.seals if len(kept.seals) else made.seals
    return replace(made, confidence=kept.confidence, tissue=kept.tissue, seals=seals)


def _hidden(mesh: Mesh, normals: Floats, scale: float) -> NDArray[np.bool_]:
    """(V,) skin that faces skin, thin folds of skin, and open borders."""
    surface, start = Surface.of(mesh), 0.05 / scale
    before = surface.cast(mesh.points + start * normals, normals)[1] * scale < _FACING_MM
    behind = surface.cast(mesh.points - start * normals, -normals)[1] * scale < _THIN_MM
    return before | behind | boundary_vertices(mesh)


def _coarseness(mesh: Mesh, where: NDArray[np.bool_], scale: float) -> float:
    """How many times as much bending weighs on a mesh with edges of this length."""
    lengths = edge_lengths(mesh)[where[mesh.edges].all(1)]
    edge = float(np.median(lengths[lengths > 0])) * scale if (lengths > 0).any() else 0.0
    return float(np.clip((edge / _FINE_MM) ** 4, 1.0, _MOST_COARSE))


def _grown(mesh: Mesh, marked: NDArray[np.bool_], rings: int) -> NDArray[np.bool_]:
    """(V,) with so many rings of vertices around."""
    a, b = mesh.edges.T
    for _ in range(rings):
        wider = marked.copy()
        wider[a] |= marked[b]
        wider[b] |= marked[a]
        marked = wider
    return marked


def _from_eyes(mesh: Mesh, sites: FaceSites) -> Floats:
    """(V,) how far from the nearer eye's middle, 1 at its lids' outer edge."""
    points, nearest = sites.to_head(mesh.points), np.full(len(mesh.points), np.inf)
    for side in ("_l", "_r"):
        inner, outer = sites.points[f"endocanthion{side}"], sites.points[f"exocanthion{side}"]
        width, offset = float(np.linalg.norm(outer - inner)), points - 0.5 * (inner + outer)
        reach = width * np.array([_EYE[0], _EYE[1], 1.0])
        nearest = np.minimum(nearest, np.linalg.norm(offset / reach, axis=1))
    return nearest


def _nodes(points: Floats, spacing: Floats, allowed: NDArray[np.bool_]) -> Ints:
    """Vertex ids so far apart as `spacing` (V,) says there, the farthest from all others first; points (V,
    3) in the same unit."""
    left = np.where(allowed, np.inf, -1.0)
    ids = [int(np.flatnonzero(allowed)[0])]
    while len(ids) < _MOST:
        left = np.minimum(left, np.linalg.norm(points - points[ids[-1]], axis=1) / spacing)
        following = int(left.argmax())
        if left[following] < 1:
            break
        ids.append(following)
    return np.array(ids, np.int32)


# How far the handles may go.


def handle_ends(model: FaceModel) -> dict[str, list[float]]:
    """{handle: [lowest, highest]} mm, in steps of 0.1: as far as no triangle turns by more than 20 degrees,
    at rest nor with the widest jaw, and at most twice a slider's usual way; {} where edits move every vertex
    by itself, and for faces without landmarks.

    The skin's motion is linear in a handle: one millimetre says it all.
    """
    data = model.data
    try:
        data.handles  # noqa: B018  (a face without landmarks has none)
    except AimError:
        return {}
    if data.skin_field is None:
        return {}
    triangles, open_jaw = data.sewn.triangles, widest(model)[1]
    edited = {name: model.edited({"bones": {name: 1.0}}) for name in HANDLES}
    whole, poses_of = data.tables(True), data.trained_poses
    tables = [bent_tables(e.moved, whole, poses_of) for e in edited.values() if e.moved]
    need_together(tables, np.flatnonzero(data.rig.activations(open_jaw)))
    poses = []
    for weights in (np.zeros(len(model.targets)), open_jaw):
        points = model.points(weights).astype(np.float64)
        normals, areas = facets(points, triangles)
        poses.append((weights, points, normals, areas > 1e-6 * float(np.median(areas))))

    def holds(moves: Sequence[Floats], mm: float) -> bool:
        for move, (_, points, normals, whole) in zip(moves, poses, strict=True):
            now = facets(points + mm * move, triangles)[0]
            if float(degrees_between(now, normals)[whole].max(initial=0)) > MOST_TURNED - _ROUNDING:
                return False
        return True

    def end(moves: Sequence[Floats], most: float) -> float:
        low, step = (most, 0.0) if holds(moves, most) else (0.0, most / 2)
        while abs(step) > 0.05:
            low, step = (low + step if holds(moves, low + step) else low), step / 2
        return float(np.trunc(10 * low) / 10)

    ends = dict[str, list[float]]()
    for name, handle in HANDLES.items():
        moves = [edited[name].points(weights) - points for weights, points, _, _ in poses]
        ends[name] = [end(moves, _BEYOND * mm) for mm in handle.ends]
    return ends


def widest(model: FaceModel) -> tuple[str, Floats]:
    """jawOpen, or the target that moves the face most, and its weights (C,)."""
    rig, rest = model.data.rig, model.points({})
    if "jawOpen" in rig.targets:
        return "jawOpen", rig.trained_pose("jawOpen")
    poses = [rig.trained_pose(target) for target in rig.targets]
    if not poses:
        return "rest", np.zeros(len(model.targets))
    moved = [float(((model.points(pose) - rest) ** 2).sum()) for pose in poses]
    return rig.targets[int(np.argmax(moved))], poses[int(np.argmax(moved))]


def facets(points: Floats, triangles: Ints) -> tuple[Floats, Floats]:
    """Unit normals (T, 3) and areas (T,)."""
    p = points[triangles]
    area = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    length = np.linalg.norm(area, axis=1)
    return area / np.maximum(length, 1e-30)[:, None], 0.5 * length


def degrees_between(a: Floats, b: Floats) -> Floats:
    """(N,) between unit vectors (N, 3)."""
    degrees: Floats = np.degrees(np.arccos(np.clip((a * b).sum(1), -1, 1)))
    return degrees
