"""An anatomical edit: what changes about the face, as plain numbers or per-vertex arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Edit:
    """The default edit changes nothing, to the last bit.

    thickness: soft-tissue thickness times this, a number or (V,). bone_offset: added to the bone points, 0 or (V, 3), model unit.
    jaw_gain: the learned jaw's twist times this. expression_gain: displacement times this, a number or (V,).
    jaw_arc: 1 the jaw turns on its arc, 0 the linear sum of the shapes. rest_offset: added to the skin of the neutral, 0 or (V, 3), model
    unit, while the bones stay. jaw_pose: (4, 4) that takes the learned jaw's place in every frame, p' = M p, model unit.
    """

    thickness: float | Floats = 1.0
    bone_offset: float | Floats = 0.0
    jaw_gain: float = 1.0
    expression_gain: float | Floats = 1.0
    jaw_arc: float = 1.0
    rest_offset: float | Floats = 0.0
    jaw_pose: Floats | None = None

    @property
    def moves_rest(self) -> bool:
        """True when this edit shows with every weight at zero: thickness, bones, neutral, a jaw pose; gains and the arc need a weight to act on."""
        posed = self.jaw_pose is not None and not np.array_equal(self.jaw_pose, np.eye(4))
        return bool(posed or np.any(np.asarray(self.thickness) != 1.0) or np.any(self.bone_offset) or np.any(self.rest_offset))

    @property
    def is_default(self) -> bool:
        """True for numbers that change nothing; a painted map counts as a change without being looked through."""
        entries = (self.thickness, self.bone_offset, self.jaw_gain, self.expression_gain, self.jaw_arc, self.rest_offset)
        same = all(not np.ndim(e) and e == d for e, d in zip(entries, (1.0, 0.0, 1.0, 1.0, 1.0, 0.0), strict=True))
        return same and self.jaw_pose is None

    @property
    def skin_offset(self) -> float | Floats:
        """What is added to the skin of the neutral with the bones' and the neutral's own offsets: 0.0 or (V, 3)."""
        if not np.ndim(self.rest_offset):
            return self.bone_offset
        return self.rest_offset if not np.ndim(self.bone_offset) else self.bone_offset + self.rest_offset

    def then(self, more: Edit) -> Edit:
        """Both edits at once: factors multiply, offsets add, the second's jaw pose goes before the first's. Arrays are of one model."""
        return Edit(
            self.thickness * more.thickness, _sum(self.bone_offset, more.bone_offset), self.jaw_gain * more.jaw_gain,
            self.expression_gain * more.expression_gain, self.jaw_arc * more.jaw_arc, _sum(self.rest_offset, more.rest_offset),
            self.jaw_pose if more.jaw_pose is None else more.jaw_pose,
        )  # fmt: skip

    def checked(self, vertices: int) -> Edit:
        """This edit with arrays as float32 of the right shape. Raises AimError naming the entry and its length."""
        shapes = {"thickness": (vertices,), "bone_offset": (vertices, 3), "expression_gain": (vertices,), "rest_offset": (vertices, 3)}
        values: dict[str, float | Floats] = {}
        for entry in fields(self):
            if entry.name == "jaw_pose":
                continue
            try:
                array = np.asarray(getattr(self, entry.name), np.float32)
            except (TypeError, ValueError, RuntimeError) as error:
                raise AimError(f"Edit.{entry.name} is not a number or an array of numbers.", remedy="Pass numbers.") from error
            if array.ndim and array.shape != shapes.get(entry.name):
                raise AimError(
                    f"Edit.{entry.name} has shape {array.shape}; this model needs {shapes.get(entry.name, 'one number')}.",
                    "The map belongs to another mesh.",
                    "Make the map on this model's vertices.",
                )
            if not np.isfinite(array).all():
                raise AimError(f"Edit.{entry.name} holds NaN or infinity.", remedy="Paint or compute the map again.")
            if entry.name.endswith("_offset") and not array.ndim and array != 0:
                raise AimError(f"Edit.{entry.name} is {float(array)}; it needs 0 or an array (V, 3).")
            values[entry.name] = array if array.ndim else float(getattr(self, entry.name))
        return Edit(**values, jaw_pose=None if self.jaw_pose is None else checked_jaw(self.jaw_pose))  # type: ignore[arg-type]


def checked_jaw(jaw: object) -> Floats:
    """(4, 4) float64. Raises AimError for anything but a finite 4x4."""
    try:
        matrix = np.asarray(jaw, np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise AimError("The jaw must be a finite 4x4 matrix; this is none.", remedy="Pass p' = M p with the translation in M[:3, 3].") from error
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise AimError(f"The jaw must be a finite 4x4 matrix; this one has shape {matrix.shape}.", remedy="Pass p' = M p with the translation in M[:3, 3].")
    return matrix


def _sum(a: float | Floats, b: float | Floats) -> float | Floats:
    if not np.ndim(a) or not np.ndim(b):
        return b if np.ndim(b) else a
    return a + b
