"""Template space: the neutral opened so that points which are close in space but far along the surface come
apart.

A coordinate network cannot tell two lips that touch from one point, so the template decides the error at the
lips. The opening is found, not named: pairs of vertices that are near, face each other and move apart in some
shape are collected; for each cluster of them the shape that separates it best is taken, made
mirror-symmetric, at the amplitude that opens it wide enough; a cluster that no shape opens is pushed apart
along a smooth field.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.mesh import Mesh, vertex_normals
from trainer.geometry.smooth import edge_graph, extend, pushed_apart
from trainer.geometry.surface import Mirror

NEAR = 0.02  # of the head's extent: how close two sheets are to count as touching
APART = 0.055  # of the head's extent: how far they should be apart in the template
STRAIN = 2.0  # relative motion over distance: below it a smooth field carries both sides as they are
DETOUR = 4.0  # the way along the surface over the straight one


@dataclass(frozen=True)
class Template:
    """points (V, 3) float64, model unit; offset (V, 3) from the neutral; how each touching cluster was
    opened, in words.

    Normalised coordinates are (points - centre) / scale with one isotropic scale, so that all lie in [-1, 1].
    """

    points: Floats
    offset: Floats
    centre: Floats
    scale: float
    openings: list[str] = field(default_factory=list)

    @property
    def coordinates(self) -> Floats:
        """(V, 3) float64 in [-1, 1]."""
        return (self.points - self.centre) / self.scale

    def settled(self, coordinates: Floats) -> Template:
        """The same space with its vertices at other coordinates (V, 3)."""
        points = coordinates * self.scale + self.centre
        return replace(self, points=points, offset=points - (self.points - self.offset))


def make_template(points: Floats, neutral: Floats, openings: list[str]) -> Template:
    """A template at `points`, normalised by its own bounds."""
    centre = 0.5 * (points.max(0) + points.min(0))
    return Template(points, points - neutral, centre, float(np.abs(points - centre).max()), openings)


def closed_template(actor: Actor) -> Template:
    """The neutral itself, for ablations: what touches in it is one place to the networks."""
    return make_template(actor.neutral.points.copy(), actor.neutral.points, ["left closed, as asked for"])


def open_template(actor: Actor, mirror: Mirror) -> Template:
    """Find and open what touches in the neutral. Deterministic; no target needs a particular name."""
    mesh = actor.neutral
    deltas = [actor.shapes[target] - mesh.points for target in actor.rig.targets]
    extent = float(np.ptp(mesh.points, axis=0).max())
    pairs = touching_pairs(mesh, deltas, extent)
    if not len(pairs):
        return make_template(mesh.points.copy(), mesh.points, ["nothing touches in the neutral"])
    offset = np.zeros_like(mesh.points)
    openings = []
    for cluster in clusters(mesh, pairs):
        gap = wanted_gap(mesh, deltas, cluster, extent)
        if np.median(separation(mesh.points + offset, cluster) / gap) >= 0.8:
            openings.append(f"{len(cluster)} touching pairs: already open")
            continue
        extra, words = _open_cluster(actor, mirror, deltas, offset, cluster, gap)
        offset += extra
        openings.append(f"{len(cluster)} touching pairs: {words}")
    return make_template(mesh.points + offset, mesh.points, openings)


def separation(points: Floats, pairs: Ints) -> Floats:
    """(P,) distance between the two vertices of each pair."""
    apart: Floats = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    return apart


def away_directions(mesh: Mesh, points: Floats, pairs: Ints) -> Floats:
    """(P, 3) unit direction in which the first vertex leaves the second without passing through it: n_j -
    n_i, normalised."""
    normals = vertex_normals(mesh, points)
    away = normals[pairs[:, 1]] - normals[pairs[:, 0]]
    unit: Floats = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
    return unit


def opening(delta: Floats, pairs: Ints, away: Floats) -> Floats:
    """(P,) how far a displacement (V, 3) opens each pair; negative where it drives one through the other."""
    opened: Floats = ((delta[pairs[:, 0]] - delta[pairs[:, 1]]) * away).sum(1)
    return opened


def touching_pairs(mesh: Mesh, deltas: Iterable[Floats], extent: float) -> Ints:
    """(P, 2) vertex pairs that are near, face each other, are far along the surface, and move apart in some
    shape (T, V, 3)."""
    normals = vertex_normals(mesh)
    pairs = cKDTree(mesh.points).query_pairs(NEAR * extent, output_type="ndarray")
    pairs = pairs[(normals[pairs[:, 0]] * normals[pairs[:, 1]]).sum(1) < 0]
    if not len(pairs):
        return pairs
    pairs = pairs[relative_motion(deltas, pairs) > STRAIN * separation(mesh.points, pairs) + 1e-3 * extent]
    straight = separation(mesh.points, pairs)
    along = _along_surface(mesh, pairs, DETOUR * NEAR * extent)
    return pairs[along > np.maximum(DETOUR * straight, NEAR * extent)]


def _along_surface(mesh: Mesh, pairs: Ints, limit: float) -> Floats:
    """(P,) shortest way along edges, infinite beyond `limit`."""
    graph = edge_graph(mesh)
    result = np.full(len(pairs), np.inf)
    sources, where = np.unique(pairs[:, 0], return_inverse=True)
    for start in range(0, len(sources), 256):
        distance = dijkstra(graph, indices=sources[start : start + 256], limit=limit)
        chosen = (where >= start) & (where < start + 256)
        result[chosen] = distance[where[chosen] - start, pairs[chosen, 1]]
    return result


def relative_motion(deltas: Iterable[Floats], pairs: Ints) -> Floats:
    """(P,) the most that the two vertices of a pair move against each other in any shape (T, V, 3)."""
    most, (a, b) = np.zeros(len(pairs)), pairs.T
    for d in deltas:
        far = (1 + 1e-9) * np.linalg.norm(d, axis=1)
        some = np.flatnonzero(far[a] + far[b] > most)  # of the others neither moves far enough
        most[some] = np.maximum(most[some], np.linalg.norm(d[a[some]] - d[b[some]], axis=1))
    return most


def wanted_gap(mesh: Mesh, deltas: Iterable[Floats], pairs: Ints, extent: float) -> Floats:
    """(P,) how far apart the template should hold each pair: enough for its motion, within half the way along
    the surface."""
    limit = 2 * APART * extent
    along = np.minimum(_along_surface(mesh, pairs, limit), limit)
    return np.minimum(0.5 * along, relative_motion(deltas, pairs) / STRAIN)


def clusters(mesh: Mesh, pairs: Ints) -> list[Ints]:
    """Pairs grouped by what hangs together (over the pairs, and over edges between their vertices), largest
    first."""
    n = len(mesh.points)
    used = np.zeros(n, bool)
    used[pairs] = True
    links = np.concatenate([pairs, mesh.edges[used[mesh.edges].all(1)]])
    _, label = connected_components(
        sp.csr_matrix((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(n, n)), directed=False
    )
    of_pair = label[pairs[:, 0]]
    groups = [pairs[of_pair == k] for k in np.unique(of_pair)]
    least = max(3, n // 200)  # fewer are a crease, which opening would only distort
    return sorted((g for g in groups if len(g) >= least), key=len, reverse=True)


def _open_cluster(
    actor: Actor, mirror: Mirror, deltas: Sequence[Floats], offset: Floats, cluster: Ints, gap: Floats
) -> tuple[Floats, str]:
    base = actor.neutral.points + offset
    away = away_directions(actor.neutral, base, cluster)
    gains = [float(np.quantile(opening(delta, cluster, away), 0.25)) for delta in deltas]
    best = int(np.argmax(gains))
    wanted = float(np.median(gap - separation(base, cluster)))
    if gains[best] > 0.5 * wanted and gains[best] > 0.01 * float(np.ptp(base, axis=0).max()):
        symmetric = _symmetrised(actor.neutral, mirror, deltas[best])
        opened = float(np.median(opening(symmetric, cluster, away)))
        amplitude = float(np.clip(wanted / max(opened, 1e-9), 0.1, 1.0))
        return amplitude * symmetric, f"opened by {amplitude:.2f} x {actor.rig.targets[best]}"
    pushed = pushed_apart(actor.neutral, cluster, gap[:, None] * away)
    return pushed, "no shape opens them: pushed apart along a smooth field"


def _symmetrised(mesh: Mesh, mirror: Mirror, delta: Floats) -> Floats:
    """(V, 3) mean of a field and its mirror image.

    Images fall between vertices, so what mirroring adds is noisy on an asymmetric head, and noise folds the
    template: it is smoothed along the surface, which leaves the two sides of a slit apart.
    """
    added = 0.5 * (mirror.carry_vectors(delta) - delta)
    if np.abs(added).max() < 1e-4 * np.abs(delta).max():
        return delta + added
    return delta + extend(mesh, added, np.ones(len(delta)), 300.0)
