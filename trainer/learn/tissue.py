"""What the thickness network is taught where no constraint says it: a smooth field, and how deep a bone point
may lie at all.

The paper pulls thickness to zero there (L_D). Tissue over facial bone is 2 to 20 mm deep, and where the table
knows how deep, the used constraints only have to tell how this face differs from it: label = table + smooth
extension of (constraint - table). Beside a bone's edge neighbouring rays meet bones centimetres apart: there
the label is a slope, as tissue is, and what an edit scales has no cliffs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh, vertex_normals
from trainer.actor.bones import expected_depth
from trainer.actor.constraints import Constraints
from trainer.actor.landmarks import Landmarks, find_landmarks
from trainer.geometry.smooth import bent_least, edge_lengths, extend, slope_below, slope_limited
from trainer.geometry.surface import LONGEST_MM, Plane, inward_room, outside, ways_out

# confidence in the table at every vertex, of a constraint's own: it decides centimetres away from them, not
# between them
_PULL = 5e-5
_LEAST_MM = 0.5
_BARE_MM = 1.0  # without bones: so that points have somewhere to be, not an anatomy
_SMOOTH = 0.1
_STEEPEST = 0.95  # mm a mm of outer skin; the networks add theirs to it
_SHARE = 0.9  # of a fold's thickness for its outer side, where the other is not outer skin
_HOLDS_MM = 0.5  # a constraint further from the label than this lies over an edge, and is not learned from
_TIGHT_MM = 4.0
_SURELY = 0.65  # winding number from which a bone point beyond a cavity is inside again
_AROUND = (0.9, 1.0, 1.1)  # of the thickness: all of it
_FORMS = (0.0, 3.0, 30.0, 300.0)  # how much of the small forms goes


@dataclass(frozen=True)
class Tissue:
    """label (V,) thickness to learn, normals (V, 3) to learn, room (V,) how deep a bone point may lie along
    them, outer (V,) outer skin, expected (V,) the table's, or None; model unit.

    landmarks: None when the face has none that could be found; note: a sentence for the log.
    """

    label: Floats
    normals: Floats
    room: Floats
    outer: NDArray[np.bool_]
    expected: Floats | None
    landmarks: Landmarks | None
    note: str

    def holds(self, actor: Actor, constraints: Constraints) -> NDArray[np.bool_]:
        """(C,) the used constraints that the label agrees with: those to learn from."""
        apart = np.abs(self.label[constraints.covered] - constraints.thickness) * actor.mm_per_unit
        return constraints.used & (apart <= _HOLDS_MM)

    def steep_edges(self, mesh: Mesh) -> tuple[Ints, Floats]:
        """(E, 2) edges of the outer skin where the label is steep or the outer skin ends within two edges,
        and their lengths (E,), model unit: where the networks need to be told to be gentle."""
        lengths, ends = edge_lengths(mesh), ~self.outer
        for _ in range(2):
            reached = mesh.edges[ends[mesh.edges].any(1)]
            ends = ends.copy()
            ends[reached.ravel()] = True
        one, other = mesh.edges.T
        steep = np.abs(self.label[one] - self.label[other]) > 0.5 * _STEEPEST * lengths
        kept = self.outer[mesh.edges].all(1) & (lengths > 0) & (steep | ends[mesh.edges].any(1))
        return mesh.edges[kept], lengths[kept]

    def relearned(self, actor: Actor, constraints: Constraints) -> Tissue:
        """The same tissue with labels from other constraints."""
        smooth = _extended(actor, constraints, self.expected, len(self.room))
        return replace(self, label=_bounded(actor, smooth, self.room, self.outer))


def find_tissue(actor: Actor, constraints: Constraints, prior: str, plane: Plane | None = None) -> Tissue:
    """Labels by `prior`: 'depth' (the table), or 'smooth' (the constraints alone). plane: the facial plane,
    where it is known already."""
    normals, room, outer = _ways_in(actor, constraints)
    landmarks, expected, note = None, None, "thickness prior: smooth"
    bare = not len(constraints.covered)
    try:
        landmarks = find_landmarks(actor, plane)
    except AimError as error:
        if actor.landmarks is not None and not bare:
            raise
        note = (
            "thickness prior: smooth, because the landmarks that the depth table needs were not "
            f"found ({error.what.rstrip('.')})"
        )
    if bare:
        even = np.full(len(room), _BARE_MM / actor.mm_per_unit)
        return Tissue(
            np.minimum(even, room), normals, room, outer, None, landmarks, "no bones: no thickness to learn"
        )
    if landmarks is not None and prior == "depth":
        expected = expected_depth(actor.neutral, landmarks) / actor.mm_per_unit
        note = f"thickness prior: published tissue depths (landmarks: {landmarks.report})"
    label, room = _beyond_cavities(actor, constraints, expected, normals, room, outer)
    return Tissue(label, normals, room, outer, expected, landmarks, note)


def _ways_in(actor: Actor, constraints: Constraints) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """(V, 3) normals, (V,) room along them, and (V,) outer skin: `ways_out`; but where a rim or fold leaves
    hardly any room, the normals of the skin without more or less of its small forms, if there is more along
    them.
    """
    mesh, longest = actor.neutral, LONGEST_MM / actor.mm_per_unit
    outer, normals = ways_out(mesh, actor.mm_per_unit)
    room = inward_room(mesh, mesh.points, normals, longest, np.where(outer, _SHARE, 0.5))
    tight = np.where(outer, _LEAST_MM, _TIGHT_MM) / actor.mm_per_unit
    for smoothness in _FORMS:
        ids = np.flatnonzero(room < tight)
        if not len(ids):
            break
        other = vertex_normals(mesh, bent_least(mesh, mesh.points, 1.0, smoothness))[ids]
        wider = inward_room(mesh, mesh.points[ids], other, longest)
        better = wider > room[ids]
        normals[ids[better]], room[ids[better]] = other[better], wider[better]
    if not len(constraints.covered):
        return normals, room, outer
    met = ~outside(constraints.bone, mesh)  # no skin lies before a bone that a ray has met
    seen = constraints.covered[met]
    normals[seen], room[seen] = constraints.normal[met], np.maximum(room[seen], constraints.thickness[met])
    return normals, room, outer


def _beyond_cavities(
    actor: Actor,
    constraints: Constraints,
    expected: Floats | None,
    normals: Floats,
    room: Floats,
    outer: NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """The label (V,), and the room (V,) that it was made with: without bound where the bone that neighbours
    tell of lies on, inside again, past a cavity (wings of the nose, the columella, corners of mouth and
    eyes).

    One such vertex between others would hold all of them down, the tip of the nose to a third of its depth.
    """
    mesh, longest = actor.neutral, LONGEST_MM / actor.mm_per_unit
    smooth = _extended(actor, constraints, expected, len(room))
    wanted = _bounded(actor, smooth, np.full(len(room), np.inf), outer)
    ids = np.flatnonzero(outer & (room < wanted))
    for share in _AROUND:
        ids = ids[~outside(mesh.points[ids] - share * wanted[ids, None] * normals[ids], mesh, _SURELY)]
    while True:  # held down by others, some come to lie in the cavity after all
        freed = room.copy()
        freed[ids] = longest
        label = _bounded(actor, smooth, freed, outer)
        out = outside(mesh.points[ids] - label[ids, None] * normals[ids], mesh)
        if not out.any():
            return label, freed
        ids = ids[~out]


def _extended(actor: Actor, constraints: Constraints, expected: Floats | None, vertices: int) -> Floats:
    """(V,) thickness as the used constraints and the table tell it, between the least and the most of
    them."""
    ids = constraints.covered[constraints.used]
    known = constraints.thickness[constraints.used]
    base = np.zeros(vertices) if expected is None else expected
    pull = 0.0 if expected is None else _PULL
    values, sure = np.zeros(vertices), np.full(vertices, pull)
    sure[ids] += 1.0
    values[ids] = (known - base[ids]) / sure[ids]
    label = base + extend(actor.neutral, values, sure, _SMOOTH)
    least = _LEAST_MM / actor.mm_per_unit
    return np.clip(label, min(known.min(initial=np.inf), least), max(known.max(initial=0.0), base.max()))


def _bounded(actor: Actor, label: Floats, room: Floats, outer: NDArray[np.bool_]) -> Floats:
    """(V,) the label, never deeper than there is room, and gentle along the outer skin."""
    gentle = slope_limited(actor.neutral, label, _STEEPEST, outer)
    least = _LEAST_MM / actor.mm_per_unit
    return slope_below(actor.neutral, np.minimum(gentle, np.maximum(room, least)), _STEEPEST, outer)
