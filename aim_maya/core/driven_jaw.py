"""A jaw driven from outside, taken into the face's object space. Column vectors, p' = M p, as everywhere outside Maya."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
_STILL = 1e-9


def driven_jaw(face_bind: Floats, jaw_bind: Floats, jaw: Floats, head_bind: Floats, head: Floats) -> Floats:
    """(4, 4) motion of the jaw relative to the head, in the face's object space: F^-1 Hb H^-1 J Jb^-1 F.

    All arguments are world matrices (4, 4) float64. The identity exactly while nothing has moved relative to the bind.
    Raises numpy.linalg.LinAlgError for a matrix that cannot be inverted.
    """
    inverse = np.linalg.inv
    motion: Floats = inverse(face_bind) @ head_bind @ inverse(head) @ jaw @ inverse(jaw_bind) @ face_bind
    reach = 1.0 + max(float(np.abs(m[:3, 3]).max()) for m in (face_bind, jaw, head))
    difference = np.abs(motion - np.eye(4))
    if difference[:3, :3].max() < _STILL and difference[:3, 3].max() < _STILL * reach:
        return np.eye(4)
    return motion
