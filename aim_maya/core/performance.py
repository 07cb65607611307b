"""A fitted performance as arrays: what a fit gives, a `.aimperf` file holds, and a model plays.

    p(v) = rest(v) + sum_i c_i(v) e'_i(v) + o(v),   c_i(v) = sum_m basis[v, m] coefficients[f, i, m]
    o(v) = sum_m basis[v, m] offsets[f, m] + sum_r amounts[f, r] fields[r, v]
    x(v) = head LBS(p(v), jaw, k(v))

e'_i are the model's displacements before skinning. A fit with one weight a target and frame is the same with a basis of one column of ones.
The fields are what a retarget carries over of a capture beside the targets: finer than a basis, and few for a whole take.
A neural fit has a network in place of basis and coefficients: (code of the frame, template point) -> c(v).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


class Flag(IntFlag):
    """What is to be known of one frame."""

    EMPTY = 1  # nothing was seen: interpolated from its neighbours, or held
    PARTLY = 2  # points were missing
    LARGE_RESIDUAL = 4  # far from what this model usually reaches: another actor, or a damaged scan


@dataclass(frozen=True, eq=False)
class PerformanceData:
    """F frames of T targets on V vertices, model unit, object space, column vectors.

    head, jaw (F, 4, 4) float64 rigid. coefficients (F, T, M), offsets (F, M, 3) or None, basis (V, M), float32; with a network these are
    (F, T, 0) and (V, 0), network the ONNX bytes ("code" (1, Z), "template" (V, 3) -> "coefficients" (V, T)) and codes (F, Z) float32.
    fields (R, V, 3) displacements before skinning with amounts (F, R), float32, or None.
    residual_mm (F,) mean distance to what was seen, NaN where nothing was. flags (F,) of Flag. about: names, topology, figures (plain JSON values).
    """

    fps: float
    head: Floats
    jaw: Floats
    coefficients: Floats
    basis: Floats
    offsets: Floats | None = None
    network: bytes | None = None
    codes: Floats | None = None
    fields: Floats | None = None
    amounts: Floats | None = None
    residual_mm: Floats = field(default_factory=lambda: np.zeros(0))
    flags: NDArray[np.integer] = field(default_factory=lambda: np.zeros(0, np.uint8))
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def frame_count(self) -> int:
        """F."""
        return len(self.head)

    @property
    def is_global(self) -> bool:
        """Whether one weight a target and frame says it all: such a performance is also plain weight curves."""
        return self.network is None and self.basis.shape[1] == 1 and self.offsets is None and self.fields is None and bool(np.ptp(self.basis) == 0)
