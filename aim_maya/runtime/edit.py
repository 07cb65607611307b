"""An anatomical edit: what changes about the face, as plain numbers or per-vertex arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import read_json

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Edit:
    """The default edit changes nothing, to the last bit.

    thickness: soft-tissue thickness times this, a number or (V,). bone_offset: added to the bone points, 0 or (V, 3), model unit.
    jaw_gain: the learned jaw's twist times this. expression_gain: displacement times this, a number or (V,).
    jaw_arc: 1 the jaw turns on its arc, 0 the linear sum of the shapes.
    """

    thickness: float | Floats = 1.0
    bone_offset: float | Floats = 0.0
    jaw_gain: float = 1.0
    expression_gain: float | Floats = 1.0
    jaw_arc: float = 1.0

    @property
    def moves_rest(self) -> bool:
        """True when this edit shows with every weight at zero: thickness or bones; gains and the arc need a weight to act on."""
        return bool(np.any(np.asarray(self.thickness) != 1.0) or np.any(self.bone_offset))

    @property
    def is_default(self) -> bool:
        """True for numbers that change nothing; a painted map counts as a change without being looked through."""
        entries = (self.thickness, self.bone_offset, self.jaw_gain, self.expression_gain, self.jaw_arc)
        return all(not np.ndim(e) and e == d for e, d in zip(entries, (1.0, 0.0, 1.0, 1.0, 1.0), strict=True))

    def checked(self, vertices: int) -> Edit:
        """This edit with arrays as float32 of the right shape. Raises AimError naming the entry and its length."""
        shapes = {"thickness": (vertices,), "bone_offset": (vertices, 3), "expression_gain": (vertices,)}
        values: dict[str, float | Floats] = {}
        for entry in fields(self):
            array = np.asarray(getattr(self, entry.name), np.float32)
            if array.ndim and array.shape != shapes.get(entry.name):
                raise AimError(
                    f"Edit.{entry.name} has shape {array.shape}; this model needs {shapes.get(entry.name, 'one number')}.",
                    "The map belongs to another mesh.",
                    "Make the map on this model's vertices.",
                )
            if not np.isfinite(array).all():
                raise AimError(f"Edit.{entry.name} holds NaN or infinity.", remedy="Paint or compute the map again.")
            if entry.name == "bone_offset" and not array.ndim and array != 0:
                raise AimError(f"Edit.bone_offset is {float(array)}; it needs 0 or an array (V, 3).")
            values[entry.name] = array if array.ndim else float(getattr(self, entry.name))
        return Edit(**values)  # type: ignore[arg-type]


def read_edit(path: str | Path) -> Edit:
    """An edit from a JSON file: {"thickness": 1.2, "jaw_gain": 0.8, ...}, numbers or per-vertex lists.

    Raises AimError for a file that cannot be read, an unknown entry, or a value that is no number.
    """
    data = read_json(path)
    known = [f.name for f in fields(Edit)]
    if not isinstance(data, dict):
        raise AimError(f"{path} must hold an object with entries among {', '.join(known)}.")
    values: dict[str, float | Floats] = {}
    for name, value in data.items():
        if name not in known:
            raise AimError(f"{path} has the unknown entry '{name}'.", nearest_name(name, known), f"Known entries: {', '.join(known)}.")
        try:
            array = np.asarray(value, np.float32)
        except (TypeError, ValueError) as error:
            raise AimError(f"{path}: '{name}' is not a number or a list of numbers ({error}).") from error
        values[name] = array if array.ndim else float(value)
    return Edit(**values)  # type: ignore[arg-type]
