"""Two faces of different topology laid over each other: landmarks, then smooth registration by form and by
how the faces move. What of that suggests which control stands for which: `suggested`.

The target's neutral is bent onto the source's: first by the landmarks that are found on both, then step by
step towards the points of the source that are nearest in place, facing and motion, as smoothly as it has to
(a bi-Laplacian energy that is relaxed; after B. Amberg, S. Romdhani, T. Vetter, Optimal Step Nonrigid ICP,
2007). On cheeks and chin the form alone lets points slide by centimetres; what targets and jaw do there tells
them apart, as it does with lips and lids that touch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.curves.take import key
from aim_maya.core.errors import AimError
from aim_maya.core.files import read_json
from aim_maya.core.mesh import Mesh, boundary_vertices, vertex_normals
from aim_maya.runtime import FaceModel
from trainer.actor.landmarks import find_landmarks
from trainer.geometry.smooth import extend, vertex_areas
from trainer.geometry.surface import Surface

from .mapping import Drivers, same_names

# The best similarity between two sets of points: rotation, one scale, translation.


@dataclass(frozen=True, eq=False)
class Similarity:
    """q = scale rotation p + shift."""

    rotation: Floats
    scale: float
    shift: Floats

    def apply(self, points: Floats) -> Floats:
        """(P, 3)."""
        moved: Floats = self.scale * points @ self.rotation.T + self.shift
        return moved


def similarity(source: Floats, target: Floats) -> Similarity:
    """Least squares from source (P, 3) to target (P, 3), after S. Umeyama (1991)."""
    rotation = rigid.kabsch(source, target)[:3, :3]
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    spread = float((a**2).sum())
    scale = float(((a @ rotation.T) * b).sum()) / spread if spread > 0 else 1.0
    scale = scale if scale > 0 else 1.0
    return Similarity(rotation, scale, target.mean(axis=0) - scale * rotation @ source.mean(axis=0))


# Where every vertex of the target lies on the source's face.


@dataclass(frozen=True, eq=False)
class Correspondence:
    """corners (V_B, 3) vertices of the source with shares (V_B, 3) that add up to 1; identical: the same
    mesh, vertex by vertex."""

    corners: Ints
    shares: Floats
    identical: bool = False

    @classmethod
    def same(cls, vertices: int) -> Correspondence:
        """Vertex by vertex."""
        return cls(
            np.repeat(np.arange(vertices)[:, None], 3, axis=1), np.tile([1.0, 0.0, 0.0], (vertices, 1)), True
        )

    def carry(self, values: Floats) -> Floats:
        """(V_A, ...) -> (V_B, ...), linear over the source's triangles."""
        if self.identical:
            return values
        at = values[self.corners]
        carried: Floats = np.einsum("vc,vc...->v...", self.shares.astype(values.dtype), at)
        return carried


def find_correspondence(source: FaceModel, target: FaceModel, controls: Floats) -> Correspondence:
    """Vertex by vertex where both have one topology; else by registering the surfaces. controls (C_B, C_A) as
    ControlMap has them. Raises AimError for a face that is not found."""
    if source.manifest["topology_hash"] == target.manifest["topology_hash"]:
        return Correspondence.same(len(target.data.neutral))

    return registered(source, target, controls)


# Where points near a skin lie on it.

_CONE = 0.57  # every direction is nearer than this cosine to one of six axes
_WIDE = 0.2  # a triangle nearer than this to that axis can face as such a direction does


def places_on(skin: Mesh, mesh: Mesh) -> Correspondence:
    """The closest points on the skin to the mesh's vertices; where the closest faces away from a vertex, the
    closest that does not."""
    normals, theirs = vertex_normals(mesh), vertex_normals(skin)
    corners, shares = _projected(skin, skin.triangles, mesh.points)
    wrong = np.flatnonzero((theirs[corners[:, 0]] * normals).sum(axis=1) < 0)
    for axis in np.vstack([np.eye(3), -np.eye(3)]):
        chosen = wrong[(normals[wrong] @ axis) > _CONE]
        facing = skin.triangles[(theirs[skin.triangles[:, 0]] @ axis) > _WIDE]
        if len(chosen) and len(facing):
            corners[chosen], shares[chosen] = _projected(skin, facing, mesh.points[chosen])
    return Correspondence(corners, shares)


def _projected(skin: Mesh, triangles: Ints, points: Floats) -> tuple[Ints, Floats]:
    found = Surface(skin.points, triangles).closest(points)
    shares = np.clip(found.shares, 0.0, 1.0)
    return found.corners, shares / shares.sum(axis=1, keepdims=True)


# Two faces of different topology laid over each other: landmarks, then smooth registration by form and by how
# the faces move.

_SMOOTHNESS = (1e5, 1e4, 1e4, 1e3, 1e3, 300.0, 300.0, 100.0, 100.0, 30.0, 30.0, 30.0)
# of motion beside place: it says where a point belongs, but each actor moves in its own way
_SHARES = (0.5,) * 6 + (0.15,) * 6
_REACH_MM, _MARKS, _TURN_MM, _APART_MM = 25.0, 1.0, 10.0, 1.5


def registered(source: FaceModel, target: FaceModel, controls: Floats) -> Correspondence:
    """Where the target's vertices lie on the source's face. controls (C_B, C_A): as ControlMap has them.

    Raises AimError when no face is found on one of the two, or they do not meet.
    """
    at, on = _landmarks(source), _landmarks(target)
    common = sorted(set(at) & set(on))
    before, after = np.array([on[name] for name in common]), np.array([at[name] for name in common])
    lies = similarity(before, after)
    points, mesh, reach = lies.apply(target.mesh.points), target.mesh, _REACH_MM / source.mm_per_unit
    theirs, ours = motions(source, target, controls, lies)
    marks = np.array([int(np.linalg.norm(mesh.points - p, axis=1).argmin()) for p in before])
    inside, border = ~boundary_vertices(mesh), boundary_vertices(source.mesh)
    size = _TURN_MM / source.mm_per_unit
    moved = points
    for step, smoothness in enumerate(_SMOOTHNESS):
        offset, sure = np.zeros_like(points), np.zeros(len(points))
        if step:
            share = _SHARES[step]
            tree = cKDTree(
                np.hstack([source.mesh.points, size * vertex_normals(source.mesh), share * theirs])
            )
            _, nearest = tree.query(np.hstack([moved, size * vertex_normals(mesh, moved), share * ours]))
            goal = source.mesh.points[nearest]
            sure = (inside & ~border[nearest] & (np.linalg.norm(goal - moved, axis=1) < reach)).astype(float)
            offset = np.where(sure[:, None] > 0, goal - points, 0.0)
        if step < len(_SMOOTHNESS) // 2:
            offset[marks], sure[marks] = after - lies.apply(before), _MARKS
        moved = points + extend(mesh, offset, sure, smoothness)
    if np.median(Surface.of(source.mesh).closest(moved).distance) * source.mm_per_unit > _APART_MM:
        raise AimError(
            "The two faces do not meet: one is another thing, or has no face.",
            remedy="Look at both with aimface view.",
        )
    return places_on(source.mesh, mesh.with_points(moved))


def motions(
    source: FaceModel, target: FaceModel, controls: Floats, lies: Similarity
) -> tuple[Floats, Floats]:
    """(V_A, 3 N) and (V_B, 3 N): what each control with one counterpart moves, source's space and size; the
    same expression equally far on both."""
    pairs = [(i, int(np.flatnonzero(row)[0])) for i, row in enumerate(controls) if (row != 0).sum() == 1]
    theirs, ours = [np.zeros((len(source.mesh.points), 0))], [np.zeros((len(target.mesh.points), 0))]
    for i, j in pairs:
        a = source.points({source.targets[j]: 1.0}) - source.data.neutral
        b = lies.scale * (target.points({target.targets[i]: 1.0}) - target.data.neutral) @ lies.rotation.T
        far = [float(np.quantile(np.linalg.norm(x, axis=1), 0.98)) for x in (a, b)]
        if min(far) > 0:
            theirs.append(a)
            ours.append(b * (far[0] / far[1]))
    return np.hstack(theirs), np.hstack(ours)


def _landmarks(model: FaceModel) -> dict[str, Floats]:
    """{name: point (3,)} of the model's neutral, model unit, object space: its own, or found, without those
    that were only guessed."""
    own = model.data.landmarks
    if own is not None:
        return {k: own.turned_to_object(p) + own.origin for k, p in own.points.items()}
    name = str(model.manifest.get("name", model.data.path.stem))
    found = find_landmarks(
        Actor(name, model.mesh, {}, model.data.rig, model.mm_per_unit, str(model.manifest.get("up", "y")))
    )
    return {k: found.frame.to_object(p) for k, p in found.points.items() if k not in found.guessed}


_TABLE = Path(__file__).parent / "name_tables" / "arkit_facs.json"
_ALIKE = 0.6  # cosine below which two displacements are not called the same expression


def suggested(source: FaceModel, target: FaceModel) -> Drivers:
    """{target control: {source control: factor}}, the surest first: names, the table, then the displacement
    fields.

    A control for which nothing is found is left out. Raises AimError where the two faces cannot be
    registered.
    """
    drivers = same_names(source.data.rig, target.data.rig)
    for name in target.targets:
        if name not in drivers and (row := _by_table(name, source.targets)):
            drivers[name] = row
    taken = {s for row in drivers.values() for s in row}
    targets, sources = (
        [t for t in target.targets if t not in drivers],
        [s for s in source.targets if s not in taken],
    )
    if targets and sources:
        controls = np.array(
            [[drivers.get(t, {}).get(s, 0.0) for s in source.targets] for t in target.targets]
        )
        drivers |= _by_fields(source, target, find_correspondence(source, target, controls), targets, sources)
    return {name: drivers[name] for name in target.targets if name in drivers}


def concept(name: str) -> tuple[str, str]:
    """(concept, side): names that the table holds in one row are one concept."""
    stem, side = key(name)
    for row in read_json(_TABLE)["same"]:
        known = [key(other) for other in row]
        if (stem, side) in known:
            return known[0]
        if (stem, "") in known:
            return known[0][0], side
    return stem, side


def _by_table(name: str, sources: tuple[str, ...]) -> dict[str, float]:
    stem, side = concept(name)
    found = [s for s in sources if concept(s) == (stem, side)] or [
        s for s in sources if concept(s)[0] == stem and (not side or not concept(s)[1])
    ]
    return {s: 1.0 / len(found) for s in found}


def _by_fields(
    source: FaceModel, target: FaceModel, match: Correspondence, targets: list[str], sources: list[str]
) -> Drivers:
    """Pairs of controls whose full poses move the face alike, the most alike first, each used once."""
    root = np.sqrt(vertex_areas(target.mesh))[:, None]
    ours = np.array([root * (target.points({t: 1.0}) - target.data.neutral) for t in targets]).reshape(
        len(targets), -1
    )
    theirs = np.array(
        [root * match.carry(source.points({s: 1.0}) - source.data.neutral) for s in sources]
    ).reshape(len(sources), -1)
    lengths = np.linalg.norm(ours, axis=1)[:, None] * np.linalg.norm(theirs, axis=1)
    alike = ours @ theirs.T / np.maximum(lengths, 1e-12)
    drivers: Drivers = {}
    while alike.size and alike.max() >= _ALIKE:
        i, j = (int(k) for k in np.unravel_index(alike.argmax(), alike.shape))
        drivers[targets[i]] = {sources[j]: 1.0}
        alike[i], alike[:, j] = -1.0, -1.0
    return drivers
