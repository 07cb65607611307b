"""FaceModel: the one public face of the runtime."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.controls import Weights
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.mesh import Mesh

from .cached import CachedEvaluator
from .clamp import clamped
from .edit import Edit, checked_jaw
from .edit_build import build_edit
from .edit_recipe import EditRecipe, recipe_from_json
from .engine import EVALUATIONS, Engine
from .model_data import ModelData, read_model
from .session import DEVICES

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Anatomy:
    """What the networks learned, model unit, object space, float32.

    bone_points, normals (V, 3): the bone point and the unit direction from it to the skin; thickness (V,) of the soft tissue
    between them; skinning_weight (V,): 0 skull, 1 jaw.
    """

    bone_points: Floats
    normals: Floats
    thickness: Floats
    skinning_weight: Floats


class FaceModel:
    """A trained face. Immutable and thread-safe; `edited` gives a new one that shares all tables with this.

    >>> model = FaceModel.load("actor.aim")              # doctest: +SKIP
    >>> model.points({"jawOpen": 1.0}).shape             # doctest: +SKIP
    (11248, 3)
    """

    def __init__(self, data: ModelData, edit: Edit, engine: Engine, notes: tuple[str, ...] = ()) -> None:
        """Use FaceModel.load."""
        self._data, self._edit, self._engine, self._notes = data, edit, engine, notes
        self._jaw_pose = edit.jaw_pose if edit.jaw_pose is not None else data.baked.pose
        self._cached: dict[bool, CachedEvaluator] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: str | Path, device: str = "auto", *, evaluation: str = "cached") -> FaceModel:
        """Read an actor.aim. device 'auto' | 'cpu' | 'cuda'; evaluation 'cached' (stored fields) or 'full' (all networks every frame).

        Raises AimError for a file that is not whole, an unknown device, or CUDA asked for and not to be had.
        """
        for value, known in ((device, DEVICES), (evaluation, EVALUATIONS)):
            if value not in known:
                raise AimError(f"'{value}' is not one of {', '.join(known)}.", nearest_name(value, known))
        data = read_model(path)
        return cls(data, Edit(), Engine(data, device, evaluation))

    @property
    def targets(self) -> tuple[str, ...]:
        """The controls, in order: what weights are given for."""
        return self._data.rig.names

    @property
    def mm_per_unit(self) -> float:
        """Millimetres in one model unit."""
        return float(self._data.manifest["mm_per_unit"])

    @property
    def mesh(self) -> Mesh:
        """The neutral with its faces and UVs."""
        return self._data.mesh

    @property
    def manifest(self) -> dict[str, Any]:
        """What the file says of itself: sizes, training figures, hashes."""
        return self._data.manifest

    @property
    def data(self) -> ModelData:
        """The arrays behind the model, read-only."""
        return self._data

    @property
    def edit(self) -> Edit:
        """The edit this model is under."""
        return self._edit

    @property
    def edit_notes(self) -> tuple[str, ...]:
        """What of the edit had to be clamped, and where; empty when it is as it was asked for."""
        return self._notes

    @property
    def status(self) -> str:
        """In words: what runs where, and why."""
        return self._engine.status

    @property
    def on_numpy(self) -> bool:
        """Whether frames are summed by numpy alone: such a model may be used in a forked process."""
        return self._engine.on_numpy

    def note(self, sentence: str) -> None:
        """Add why this model is not evaluated as asked to `status`, for whoever falls back on it."""
        self._engine.status += f"; {sentence}"

    @property
    def anatomy(self) -> Anatomy:
        """Bone points, normals, thickness and skinning weight, after this model's edit; a neutral edit moves the skin over them."""
        d, e = self._data, self._edit
        thickness = d.thickness if not np.ndim(e.thickness) and e.thickness == 1.0 else (d.thickness * e.thickness).astype(np.float32)
        return Anatomy(d.bone + e.bone_offset if np.ndim(e.bone_offset) else d.bone, d.normals, thickness, d.weight)

    def points(self, weights: Weights, *, jaw: Any = None, detail: bool = True) -> Floats:
        """(V, 3) float32 skin points, model unit, object space. weights: one per control in order, or {name: value}.

        jaw (4, 4) takes the place of the learned jaw and of the edit's jaw pose. detail False takes everything from the networks.
        Raises AimError for an unknown control, a wrong length, a NaN, or a jaw that is not a finite 4x4.
        """
        activations = self._data.rig.activations(weights)
        transform = self._jaw_pose if jaw is None else checked_jaw(jaw)
        points = self._engine.points(activations, transform, self._edit, detail)
        return self._evaluator(detail).points(activations, transform) if points is None else points

    def jaw(self, weights: Weights) -> Floats:
        """(4, 4) float64 rigid motion of the jaw, p' = M p; the identity exactly at zero weights, unless the edit poses the jaw."""
        if self._jaw_pose is not None:
            return self._jaw_pose.copy()
        return self._data.motion.transform(self._data.rig.activations(weights), self._edit.jaw_gain)

    def edited(self, edit: Edit | EditRecipe | Mapping[str, Any]) -> FaceModel:
        """This face under `edit` (arrays, a recipe, or its JSON), which takes the place of any edit it has. `edit_notes` says what was clamped.

        Raises AimError for maps of another mesh, and for regions, handles and files that are not there.
        """
        if not isinstance(edit, Edit):
            edit = build_edit(edit if isinstance(edit, EditRecipe) else recipe_from_json(edit, "the edit"), self._data)
        possible, notes = clamped(self._data, edit.checked(len(self._data.neutral)))
        return FaceModel(self._data, possible, self._engine, notes)

    def _evaluator(self, detail: bool) -> CachedEvaluator:
        found = self._cached.get(detail)
        if found is None:
            with self._lock:
                found = self._cached.setdefault(detail, CachedEvaluator(self._data, self._edit, detail))
        return found
