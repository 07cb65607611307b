"""Two faces of different topology laid over each other: landmarks, then smooth registration by form and by
how the faces move. What of that suggests which control stands for which: `suggested`.

The target's neutral is bent onto the source's: first by the landmarks that are found on both, then step by
step towards the points of the source that are nearest in place, facing and motion, as smoothly as it has to
(a bi-Laplacian energy that is relaxed; after B. Amberg, S. Romdhani, T. Vetter, Optimal Step Nonrigid ICP,
2007). On cheeks and chin the form alone lets points slide by centimetres; what targets and jaw do there tells
them apart, as it does with lips and lids that touch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.curves.take import plain
from aim_maya.core.errors import AimError
from aim_maya.core.files import read_json
from aim_maya.core.mesh import Mesh, boundary_vertices, vertex_normals
from aim_maya.runtime import FaceModel
from trainer.actor.landmarks import find_landmarks
from trainer.geometry.smooth import extend, vertex_areas
from trainer.geometry.surface import Surface

from .mapping import same_names

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


# Which control stands for which: by name, by the table of names, and by what moves alike.

_TABLE = Path(__file__).parent / "name_tables" / "arkit_facs.json"
_ALIKE = 0.6  # cosine below which two displacements are not called the same expression
_AGAINST = 0.05  # and below which names of the table do not mean the same
_ONE_SIDED = 0.85  # share of its motion that a half has on its own side
_MIDDLE_MM = 10.0  # to either side of the facial plane both halves move
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SIDES = {"l": "l", "left": "l", "r": "r", "right": "r"}
_SURE = {"name": 1.0, "table": 0.9, "part": 0.6}


@dataclass(frozen=True)
class Suggestion:
    """What drives a control of the target, {control of the source: factor}, and why: "name", "table" of
    names, "part" (of a motion that the other rig has whole, or in parts), "motion". alike: cosine of the two
    motions, None where the faces could not be laid over each other. confidence: 0 to 1."""

    drivers: dict[str, float]
    why: str
    alike: float | None = None

    @property
    def confidence(self) -> float:
        """A name is believed, but less where the motion says otherwise; a motion as far as it is alike."""
        if self.why == "motion":
            return round(self.alike or 0.0, 2)
        doubt = 1.0 if self.alike is None else float(np.clip(0.5 + self.alike, 0.3, 1.0))
        return round(_SURE[self.why] * doubt, 2)


def suggested(source: FaceModel, target: FaceModel) -> dict[str, Suggestion]:
    """{target control: what drives it}, the surest first: names, the table, then the displacement fields.

    A control for which nothing is found is left out. Raises AimError where the two faces cannot be
    registered and names tell nothing.
    """
    named = {name: (row, "name") for name, row in same_names(source.data.rig, target.data.rig).items()}
    named |= _by_table([t for t in target.targets if t not in named], target.targets, source.targets)
    controls = np.array(
        [[named.get(t, ({}, ""))[0].get(s, 0.0) for s in source.targets] for t in target.targets]
    )
    try:
        match = find_correspondence(source, target, controls)
    except AimError:
        if not named:
            raise
        return {t: Suggestion(*named[t]) for t in target.targets if t in named}
    motions = _Motions.of(source, target, match)
    found = {t: Suggestion(row, why, motions.alike(t, row)) for t, (row, why) in named.items()}
    # two rigs may call different things alike: what moves the other way is not what the table means
    found = {t: one for t, one in found.items() if one.why == "name" or (one.alike or 0.0) > _AGAINST}
    found |= motions.pairs({t: named[t] for t in found})
    return {t: found[t] for t in target.targets if t in found}


def concept(name: str) -> tuple[str, str]:
    """(concept, side): names that the table holds in one row are one concept, in whatever order and case
    their words stand, wherever the side stands among them."""
    rows, _, words = _table()
    tokens = _tokens(name, words)
    if tuple(sorted(tokens)) in rows:  # jawLeft: where it goes, and no side
        return rows[tuple(sorted(tokens))][0], ""
    places = [i for i, token in enumerate(tokens) if token in _SIDES]
    if len(places) != 1:
        return "".join(tokens) or name.strip().lower(), ""
    side = _SIDES[tokens.pop(places[0])]
    known = rows.get(tuple(sorted(tokens)))
    return (known[0] if known else "".join(tokens)), side


def _tokens(name: str, words: Mapping[str, str]) -> list[str]:
    """The words of a name, small, in one spelling each. Of what begins with an action unit only that."""
    found = [word.lower() for word in _WORD.findall(plain(name))]
    for i, word in enumerate(found[:-1]):
        if word == "au" and found[i + 1].isdigit() and sum(w.isdigit() for w in found) == 1:
            sides = [w for w in found if w in _SIDES]
            return ["au", str(int(found[i + 1])), *sides[:1]]
    return [words.get(word, word) for word in found]


@cache
def _table() -> tuple[dict[tuple[str, ...], tuple[str, int]], dict[str, list[str]], dict[str, str]]:
    """{words of a name, sorted: (concept, place in its row)}; {concept: its parts}; {word: its spelling}."""
    data = read_json(_TABLE)
    rows = {
        tuple(sorted(_tokens(name, data["words"]))): (row[0].lower(), place)
        for row in data["same"]
        for place, name in enumerate(row)
    }
    return rows, {k.lower(): [v.lower() for v in parts] for k, parts in data["parts"].items()}, data["words"]


def _by_table(
    names: list[str], all_names: tuple[str, ...], sources: tuple[str, ...]
) -> dict[str, tuple[dict[str, float], str]]:
    """{name: (drivers, "table" or "part")}. Of several names for one concept and side only the commonest is
    driven: two would move the face twice."""
    rows, parts, words = _table()
    theirs = [(s, *concept(s)) for s in sources]
    ours = {name: concept(name) for name in all_names}
    wholes = {part: whole for whole, listed in parts.items() for part in listed}

    def drivers(stem: str, side: str) -> dict[str, float]:
        found = [s for s, c, at in theirs if (c, at) == (stem, side)] or [
            s for s, c, at in theirs if c == stem and (not side or not at)
        ]
        return {s: 1.0 / len(found) for s in found}

    def place(name: str) -> int:
        tokens = [t for t in _tokens(name, words) if t not in _SIDES]
        return rows.get(tuple(sorted(tokens)), ("", 99))[1]

    found: dict[str, tuple[dict[str, float], str]] = {}
    driven = {at for name, at in ours.items() if name not in names}
    for name in sorted(names, key=place):
        stem, side = ours[name]
        if (stem, side) not in driven and (row := drivers(stem, side)):
            found[name] = row, "table"
            driven.add((stem, side))
    for name in names:
        stem, side = ours[name]
        if (stem, side) in driven:
            continue
        lacking = [part for part in parts.get(stem, []) if not {(part, side), (part, "")} & driven]
        pieces = [row for part in lacking if (row := drivers(part, side))]
        whole = wholes.get(stem, "")
        row = {s: f / len(pieces) for piece in pieces for s, f in piece.items()}
        if not row and whole and not {(whole, side), (whole, "")} & driven:
            row = drivers(whole, side)
        if row:
            found[name] = row, "part"
    return found


def _unit(fields: Floats) -> Floats:
    """(N, 3V) fields (N, V, 3) as rows of length one."""
    rows = fields.reshape(len(fields), fields[0].size if len(fields) else 0)
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


@dataclass(frozen=True, eq=False)
class _Motions:
    """What the full pose of every control moves, on the target's vertices and weighed by their area: ours
    (C_B, V, 3), theirs (C_A, V, 3). halves {side: (V, 1)}: 1 on that side, "" everywhere."""

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    ours: Floats
    theirs: Floats
    halves: dict[str, Floats]

    @classmethod
    def of(cls, source: FaceModel, target: FaceModel, match: Correspondence) -> _Motions:
        root = np.sqrt(vertex_areas(target.mesh))[:, None]
        ours = [root * (target.points({t: 1.0}) - target.data.neutral) for t in target.targets]
        theirs = [root * match.carry(source.points({s: 1.0}) - source.data.neutral) for s in source.targets]
        rest, own = target.data.neutral, target.data.landmarks
        aside = (
            own.to_head(rest)[:, 0] if own is not None else (rest - 0.5 * (rest.max(0) + rest.min(0)))[:, 0]
        )
        if own is None:
            aside = aside * target.mm_per_unit
        left = np.clip(0.5 + 0.5 * aside / _MIDDLE_MM, 0.0, 1.0)[:, None]
        halves = {"": np.ones_like(left), "l": left, "r": 1.0 - left}
        return cls(target.targets, source.targets, np.array(ours), np.array(theirs), halves)

    def side(self, field: Floats) -> str:
        """Of a motion (V, 3) that is one half's alone; '' for any other."""
        energy = (field**2).sum(1, keepdims=True)
        total = max(float(energy.sum()), 1e-30)
        return next((s for s in "lr" if float((energy * self.halves[s]).sum()) > _ONE_SIDED * total), "")

    def alike(self, name: str, drivers: Mapping[str, float]) -> float:
        """Cosine of a control's motion and its drivers'; of one half, where one of them has no other."""
        ours = self.ours[self.targets.index(name)]
        theirs = sum(f * self.theirs[self.sources.index(s)] for s, f in drivers.items())
        return self._cosine(ours, np.asarray(theirs))[0]

    def _cosine(self, ours: Floats, theirs: Floats) -> tuple[float, str]:
        sides = {side for side in (self.side(ours), self.side(theirs)) if side}
        if len(sides) == 2:
            return 0.0, ""
        side = next(iter(sides), "")
        a, b = ours * self.halves[side], theirs * self.halves[side]
        return float((a * b).sum() / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)), side

    def pairs(self, named: Mapping[str, tuple[dict[str, float], str]]) -> dict[str, Suggestion]:
        """Controls without a name in common whose full poses move the face alike, the most alike first; each
        half of each used once."""
        taken = {s for row, _ in named.values() for s in row}
        ours = [i for i, t in enumerate(self.targets) if t not in named]
        theirs = [j for j, s in enumerate(self.sources) if s not in taken]
        sides = [self.side(self.ours[i]) for i in ours], [self.side(self.theirs[j]) for j in theirs]
        cosines = {
            side: _unit(self.ours[ours] * half) @ _unit(self.theirs[theirs] * half).T
            for side, half in self.halves.items()
        }
        all_pairs = [
            (float(cosines[a or b][i, j]), a or b, ours[i], theirs[j])
            for i, a in enumerate(sides[0])
            for j, b in enumerate(sides[1])
            if not (a and b) or a == b
        ]
        free = {(kind, k, s) for kind, ids in (("t", ours), ("s", theirs)) for k in ids for s in "lr"}
        found: dict[str, dict[str, float]] = {}
        for cosine, side, i, j in sorted(all_pairs, key=lambda pair: -pair[0]):
            needs = {(kind, k, s) for kind, k in (("t", i), ("s", j)) for s in side or "lr"}
            if cosine >= _ALIKE and needs <= free:
                free -= needs
                found.setdefault(self.targets[i], {})[self.sources[j]] = cosine
        return {
            name: Suggestion(
                {s: 1.0 / len(row) for s in row}, "motion", self.alike(name, dict.fromkeys(row, 1.0))
            )
            for name, row in found.items()
        }
