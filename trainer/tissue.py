"""What the thickness network is taught where no constraint says it: a smooth field, and how deep a bone point may lie at all.

The paper pulls thickness to zero there (L_D). Tissue over facial bone is 2 to 20 mm deep, and where the table knows how deep, the used
constraints only have to tell how this face differs from it: label = table + smooth extension of (constraint - table).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import vertex_normals

from .bones.depth import expected_depth
from .constraints import LONGEST_MM, Constraints
from .inside import inward_room
from .landmarks import Landmarks, find_landmarks
from .smoothness import extend

Floats = NDArray[np.floating]

_PULL = 5e-5  # confidence in the table at every vertex, of a constraint's own: it decides centimetres away from them, not between them
_LEAST_MM = 0.5
_SMOOTH = 0.1


@dataclass(frozen=True)
class Tissue:
    """label (V,) thickness to learn, room (V,) how deep a bone point may lie, expected (V,) the table's, or None; model unit.

    landmarks: None when the face has none that could be found; note: a sentence for the log.
    """

    label: Floats
    room: Floats
    expected: Floats | None
    landmarks: Landmarks | None
    note: str

    def relearned(self, actor: Actor, constraints: Constraints) -> Tissue:
        """The same tissue with labels from other constraints."""
        return Tissue(_label(actor, constraints, self.expected, self.room), self.room, self.expected, self.landmarks, self.note)


def find_tissue(actor: Actor, constraints: Constraints, prior: str) -> Tissue:
    """Labels by `prior`: 'depth' (the table), or 'smooth' (the constraints alone)."""
    room = inward_room(actor.neutral, actor.neutral.points, vertex_normals(actor.neutral), LONGEST_MM / actor.mm_per_unit)
    landmarks, expected, note = None, None, "thickness prior: smooth"
    try:
        landmarks = find_landmarks(actor)
    except AimError as error:
        if actor.landmarks is not None:
            raise
        note = f"thickness prior: smooth, because the landmarks that the depth table needs were not found ({error.what})"
    if landmarks is not None and prior == "depth":
        expected = expected_depth(actor.neutral, landmarks) / actor.mm_per_unit
        note = f"thickness prior: published tissue depths (landmarks: {landmarks.report})"
    return Tissue(_label(actor, constraints, expected, room), room, expected, landmarks, note)


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
