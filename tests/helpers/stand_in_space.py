"""A face space of one weight a target: what 2D fitting is tested with, and compared against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WEIGHT_SD, JAW_TURN_SD, JAW_SHIFT_SD_MM = 0.3, 0.02, 0.5


@dataclass(frozen=True, eq=False)
class GlobalSpace:
    """u (T,) are weights: rest (V, 3), displacements (T, V, 3), weight (V,), centre (3,), twists (T, 6)."""

    rest: np.ndarray
    displacements: np.ndarray
    weight: np.ndarray
    centre: np.ndarray
    twists: np.ndarray
    mm_per_unit: float = 1.0

    @property
    def count(self) -> int:
        return len(self.displacements)

    @property
    def precision(self) -> np.ndarray:
        return np.eye(self.count) / WEIGHT_SD**2

    @property
    def jaw_mean(self) -> np.ndarray:
        return self.twists.T

    @property
    def jaw_precision(self) -> np.ndarray:
        return np.diag(np.r_[np.full(3, JAW_TURN_SD), np.full(3, JAW_SHIFT_SD_MM / self.mm_per_unit)] ** -2.0)

    @property
    def basis(self) -> np.ndarray:
        return np.ones((len(self.rest), 1), np.float32)

    def rows(self, vertices: np.ndarray) -> np.ndarray:
        return self.displacements[:, vertices].transpose(1, 2, 0).astype(np.float64)

    def coefficients(self, u: np.ndarray) -> tuple[np.ndarray, None]:
        return u[:, None].astype(np.float32), None


def global_space(model: object) -> GlobalSpace:
    data = model.data  # type: ignore[attr-defined]
    tables = data.tables(True)
    return GlobalSpace(
        tables.rest.astype(np.float64),
        tables.displacements,
        data.weight,
        data.centre,
        data.motion.twists,
        model.mm_per_unit,
    )  # type: ignore[attr-defined]
