"""What the thickness network is taught where no constraint says it: a smooth field, and how deep a bone point
may lie at all.

The paper pulls thickness to zero there (L_D). Tissue over facial bone is 2 to 20 mm deep, and where the table
knows how deep, the used constraints only have to tell how this face differs from it: label = table + smooth
extension of (constraint - table).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import vertex_normals
from aim_maya.core.typed import Floats
from trainer.actor.bones import expected_depth
from trainer.actor.constraints import LONGEST_MM, Constraints
from trainer.actor.landmarks import Landmarks, find_landmarks
from trainer.geometry.smooth import bent_least, extend
from trainer.geometry.surface import Plane, inward_room

# confidence in the table at every vertex, of a constraint's own: it decides centimetres away from them, not
# between them
_PULL = 5e-5
_LEAST_MM = 0.5
_BARE_MM = 1.0  # without bones: so that points have somewhere to be, not an anatomy
_SMOOTH = 0.1
_TIGHT_MM = 4.0
_FORMS = (3.0, 30.0, 300.0)  # how much of the small forms goes


@dataclass(frozen=True)
class Tissue:
    """label (V,) thickness to learn, normals (V, 3) to learn, room (V,) how deep a bone point may lie along
    them, expected (V,) the table's, or None; model unit.

    landmarks: None when the face has none that could be found; note: a sentence for the log.
    """

    label: Floats
    normals: Floats
    room: Floats
    expected: Floats | None
    landmarks: Landmarks | None
    note: str

    def relearned(self, actor: Actor, constraints: Constraints) -> Tissue:
        """The same tissue with labels from other constraints."""
        return replace(self, label=_label(actor, constraints, self.expected, self.room))


def find_tissue(actor: Actor, constraints: Constraints, prior: str, plane: Plane | None = None) -> Tissue:
    """Labels by `prior`: 'depth' (the table), or 'smooth' (the constraints alone). plane: the facial plane,
    where it is known already."""
    normals, room = _ways_in(actor, constraints)
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
            np.minimum(even, room), normals, room, None, landmarks, "no bones: no thickness to learn"
        )
    if landmarks is not None and prior == "depth":
        expected = expected_depth(actor.neutral, landmarks) / actor.mm_per_unit
        note = f"thickness prior: published tissue depths (landmarks: {landmarks.report})"
    return Tissue(_label(actor, constraints, expected, room), normals, room, expected, landmarks, note)


def _ways_in(actor: Actor, constraints: Constraints) -> tuple[Floats, Floats]:
    """(V, 3) normals and (V,) room along them: the skin's own, but where a rim or fold leaves hardly any
    room, those of the skin without its small forms, if there is more along them. Covered vertices keep their
    own: the bone was found along it.
    """
    mesh, longest = actor.neutral, LONGEST_MM / actor.mm_per_unit
    normals = vertex_normals(mesh)
    room = inward_room(mesh, mesh.points, normals, longest)
    free = np.ones(len(room), bool)
    free[constraints.covered] = False
    for smoothness in _FORMS:
        ids = np.flatnonzero(free & (room < _TIGHT_MM / actor.mm_per_unit))
        if not len(ids):
            break
        other = vertex_normals(mesh, bent_least(mesh, mesh.points, 1.0, smoothness))[ids]
        wider = inward_room(mesh, mesh.points[ids], other, longest)
        better = wider > room[ids]
        normals[ids[better]], room[ids[better]] = other[better], wider[better]
    return normals, room


def _label(actor: Actor, constraints: Constraints, expected: Floats | None, room: Floats) -> Floats:
    """(V,) thickness, never deeper than there is room."""
    ids = constraints.covered[constraints.used]
    known = constraints.thickness[constraints.used]
    base = np.zeros(len(room)) if expected is None else expected
    pull = 0.0 if expected is None else _PULL
    values, sure = np.zeros(len(room)), np.full(len(room), pull)
    sure[ids] += 1.0
    values[ids] = (known - base[ids]) / sure[ids]
    label = base + extend(actor.neutral, values, sure, _SMOOTH)
    least = _LEAST_MM / actor.mm_per_unit
    bounded = np.clip(label, min(known.min(initial=np.inf), least), max(known.max(initial=0.0), base.max()))
    return np.minimum(bounded, np.maximum(room, least))
