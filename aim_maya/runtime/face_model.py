"""FaceModel: the one public face of the runtime; and how a performance plays on it, alone or blended with the
sliders.

    c = (1 - b) a(w) + b c_f(v),   T = exp((1 - b) gain sum a_i xi_i + b gain log T_f),   head = exp(b log
    H_f)

b = 1 is the performance, b = 0 the sliders. Edits act as on the sliders: thickness and bones move the rest,
the expression gain scales displacements and offsets, the jaw gain both twists. The linear look (jaw_arc) is
defined for the sliders only and fades out with them.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats
from aim_maya.core.controls import Weights
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.mesh import Mesh
from aim_maya.core.posing import tolerance

from .cached import CachedEvaluator, clamped, moved_skin, tissue_left
from .edit import Edit, EditRecipe, Sculpts, checked_jaw, recipe_from_json
from .edit_build import before_skinning, build_edit, checked_sculpt, target_named, tied
from .engine import EVALUATIONS, Engine
from .model_data import ModelData, read_model
from .performance import Performance, Playing
from .session import DEVICES
from .skin_field import MovedSkin

# A performance on a model: its points at a moment, alone or blended with the sliders.


def blended_jaw(model: FaceModel, playing: Playing, weights: Weights | None, gain: float = 1.0) -> Floats:
    """(4, 4) float64 motion of the jaw, its twist times gain; or the edit's jaw pose. Raises AimError as
    performance_points does."""
    performance, b = playing.performance, clamped_blend(playing.blend)
    performance.check(model.data)
    if model.jaw_pose is not None:
        return model.jaw_pose
    baked = model.data.baked.gain  # which the model's own twists have in them
    if b == 1.0 or weights is None:
        return rigid.part(performance.jaw(playing.f), b * baked * gain)
    activations, motion = model.data.rig.activations(weights), model.data.motion
    if b == 0.0:
        return motion.transform(activations, gain)
    return rigid.exp(
        gain * ((1 - b) * (activations @ motion.twists) + b * baked * rigid.log(performance.jaw(playing.f)))
    )


def blended_head(playing: Playing) -> Floats:
    """(4, 4) float64 motion of the head: the sliders leave it where it is."""
    return rigid.part(playing.performance.head(playing.f), clamped_blend(playing.blend))


def head_points(
    model: FaceModel, playing: Playing, weights: Weights | None, jaw: Floats | None, detail: bool
) -> Floats:
    """(V, 3) float32 in the head's space; jaw (4, 4) takes the place of the blended one. Raises AimError as
    performance_points does."""
    performance, f, b = playing.performance, playing.f, clamped_blend(playing.blend)
    performance.check(model.data)
    rest = np.zeros(len(model.targets)) if weights is None else weights
    if b == 0.0:
        return model.points(rest, jaw=jaw, detail=detail)
    sliders = (
        np.zeros(len(model.data.rig.targets)) if b == 1.0 else (1 - b) * model.data.rig.activations(rest)
    )
    transform = blended_jaw(model, playing, weights, model.edit.jaw_gain) if jaw is None else jaw
    if performance.is_global:
        points = model.posed(sliders + b * performance.activations_at(f), transform, detail)
    else:
        coefficients, offsets = performance.local.at(*performance.place(f), model.data.template, model.device)
        if b != 1.0:
            coefficients = np.float32(b) * coefficients + sliders.astype(np.float32)[:, None]
            offsets = None if offsets is None else np.float32(b) * offsets
        points = model.local_points(coefficients, offsets, transform, detail)
    if b < 1.0 and jaw is None and model.edit.jaw_arc != 1.0:
        on_arc = model.edited(replace(model.edit, jaw_arc=1.0))
        points += np.float32(1 - b) * (model.points(rest, detail=detail) - on_arc.points(rest, detail=detail))
    return points


def carried(points: Floats, head: Floats) -> Floats:
    """(V, 3) float32 points of the head's space, moved with it."""
    return points if np.array_equal(head, np.eye(4)) else rigid.apply(head, points).astype(np.float32)


def clamped_blend(blend: float) -> float:
    """The blend held between 0 and 1. Raises AimError for a NaN."""
    if math.isnan(blend):
        raise AimError("The performance's blend is nan.", "What drives it divides by zero.")
    return min(max(float(blend), 0.0), 1.0)


# FaceModel: the one public face of the runtime.

_SCULPT_STEPS = 40  # at the most strain that an edit may have, 0.8, what is left over shrinks to 1e-4


@dataclass(frozen=True)
class Anatomy:
    """What the networks learned, model unit, object space, float32.

    bone_points, normals (V, 3): the bone point and the unit direction from it to the skin; thickness (V,) of
    the soft tissue between them; skinning_weight (V,): 0 skull, 1 jaw.
    """

    bone_points: Floats
    normals: Floats
    thickness: Floats
    skinning_weight: Floats


class FaceModel:
    """A trained face. Immutable and thread-safe; `edited` gives a new one that shares all tables with this.

    A copy (`copy.copy`, `copy.deepcopy`) is the model itself. A pickle, as pools of processes make it, holds
    the file's path, the options and the edit: whoever unpickles it loads the file again, and gets an AimError
    when that is missing or another by then.

    >>> model = FaceModel.load("actor.aim", "cpu")
    >>> model.points({"jawOpen": 1.0}).shape == model.mesh.points.shape
    True
    """

    def __init__(
        self,
        data: ModelData,
        edit: Edit,
        engine: Engine,
        notes: tuple[str, ...] = (),
        file: str = "",
        moved: MovedSkin | None = None,
    ) -> None:
        """Use FaceModel.load. file: the absolute path that a pickle names; of data.path when not given.
        moved: the edit's motion of the skin, formed when not given."""
        self._data, self._edit, self._engine, self._notes = data, edit, engine, notes
        self._moved = moved if moved is not None else moved_skin(data, edit)
        self._file = file or os.path.abspath(data.path)  # now: the working directory may be another later
        self._jaw_pose = edit.jaw_pose if edit.jaw_pose is not None else data.baked.pose
        self._cached: dict[tuple[bool, bool], CachedEvaluator] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: str | Path, device: str = "auto", *, evaluation: str = "cached") -> FaceModel:
        """Read an actor.aim. device 'auto' | 'cpu' | 'cuda'; evaluation 'cached' (stored fields) or 'full'
        (all networks every frame).

        Raises AimError for a file that is not whole, an unknown device, or CUDA asked for and not to be had.
        """
        for value, known in ((device, DEVICES), (evaluation, EVALUATIONS)):
            if value not in known:
                raise AimError(f"'{value}' is not one of {', '.join(known)}.", nearest_name(value, known))
        data = read_model(path)
        return cls(data, Edit(), Engine(data, device, evaluation))

    def __repr__(self) -> str:
        shape = f"{len(self._data.neutral)} vertices, {len(self.targets)} controls"
        edited = "" if self._edit.is_default else ", edited"
        how = f"{self._engine.evaluation} evaluation on {self.device}"
        return f"<FaceModel '{self.manifest.get('name', '')}' from {self._file}: {shape}, {how}{edited}>"

    def __copy__(self) -> FaceModel:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FaceModel:
        return self

    def __reduce__(self) -> tuple[Callable[..., FaceModel], tuple[Any, ...]]:
        options = (self._file, self.device, self._engine.evaluation)
        return _loaded_again, (*options, self._edit, self._notes, self.manifest.get("members"))

    @property
    def controls(self) -> tuple[str, ...]:
        """The names of the sliders, in order: what weights are given for. Each drives one or more targets
        (`data.rig.targets`).
        """
        return self.targets

    @property
    def targets(self) -> tuple[str, ...]:
        """The same as `controls`, under its first name."""
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
    def jaw_pose(self) -> Floats | None:
        """(4, 4) that the edit, or the one baked into the file, puts in the learned jaw's place; None
        without."""
        return self._jaw_pose

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

    @property
    def device(self) -> str:
        """What was asked for: 'auto', 'cpu' or 'cuda'."""
        return self._engine.device

    def note(self, sentence: str) -> None:
        """Add why this model is not evaluated as asked to `status`, for whoever falls back on it."""
        self._engine.status += f"; {sentence}"

    @property
    def anatomy(self) -> Anatomy:
        """Bone points, normals, thickness and skinning weight, after this model's edit: the tissue that the
        skin's motion leaves; a neutral edit moves the skin over them.

        Raises AimError for a face that was trained without bones.
        """
        self._data.need_anatomy("there is no anatomy to show")
        d, e = self._data, self._edit
        edited = self._moved is not None or np.ndim(e.thickness) or e.thickness != 1.0
        thickness = tissue_left(d, e, self._moved).astype(np.float32) if edited else d.thickness
        return Anatomy(
            d.bone + e.bone_offset if np.ndim(e.bone_offset) else d.bone, d.normals, thickness, d.weight
        )

    @property
    def moved(self) -> MovedSkin | None:
        """How the edit moves the skin; None where it moves none, and for files that were written before it
        moved as a whole."""
        return self._moved

    def points(self, weights: Weights, *, jaw: Any = None, detail: bool = True) -> Floats:
        """(V, 3) float32 skin points, model unit, object space. weights: one per control in order, or {name:
        value}.

        jaw (4, 4) takes the place of the learned jaw and of the edit's jaw pose. detail False takes
        everything from the networks. Raises AimError for an unknown control, a wrong length, a NaN, or a jaw
        that is not a finite 4x4.
        """
        return self.posed(
            self._data.rig.activations(weights), self._jaw_pose if jaw is None else checked_jaw(jaw), detail
        )

    def posed(
        self, activations: Floats, jaw: Floats | None, detail: bool = True, displacement: Floats | None = None
    ) -> Floats:
        """(V, 3) float32 for activations (T,) float64 of the targets themselves; jaw (4, 4) takes the place
        of the learned one.

        displacement: the row of `displacements` for these activations, which spares numpy the sum.
        """
        points = self._engine.points(activations, jaw, self._edit, detail, self._moved)
        return self._data.together(
            self._evaluator(detail).points(activations, jaw, displacement) if points is None else points
        )

    def displacements(self, activations: Floats, detail: bool = True, out: Floats | None = None) -> Floats:
        """(N, V, 3) float32 sums over the targets for activations (N, T), formed at once, as
        CachedEvaluator.displacements."""
        return self._evaluator(detail).displacements(activations, out)

    def local_points(
        self, coefficients: Floats, offsets: Floats | None, jaw: Floats, detail: bool = True
    ) -> Floats:
        """(V, 3) float32 for coefficients (T, V) and offsets (3, V), float32, that vary over the face, under
        jaw (4, 4).

        Always summed by numpy; under full evaluation over the fields that the networks gave on the device.
        """
        return self._data.together(
            self._evaluator(detail, self._engine.fields()).local_points(coefficients, offsets, jaw)
        )

    def performance_points(
        self,
        performance: Performance,
        f: float,
        *,
        head: bool = True,
        detail: bool = True,
        weights: Weights | None = None,
        blend: float = 1.0,
        jaw: Any = None,
    ) -> Floats:
        """(V, 3) float32 skin points of a performance at moment f (0-based, between frames too; held at its
        ends).

        head False leaves the head where the model has it. blend 1 is the performance, 0 points(weights), in
        between both are mixed. jaw (4, 4) takes the place of the performance's. Raises AimError when the
        performance was fitted with another model, for a NaN, for weights or a jaw as `points` does, and when
        its network cannot be run.
        """
        playing = Playing(performance, f, blend)
        points = head_points(self, playing, weights, None if jaw is None else checked_jaw(jaw), detail)
        return carried(points, blended_head(playing)) if head else points

    def performance_jaw(
        self, performance: Performance, f: float, *, weights: Weights | None = None, blend: float = 1.0
    ) -> Floats:
        """(4, 4) float64 motion of the jaw relative to the head in performance_points. Raises AimError
        likewise."""
        return blended_jaw(self, Playing(performance, f, blend), weights, self._edit.jaw_gain)

    def jaw(self, weights: Weights) -> Floats:
        """(4, 4) float64 rigid motion of the jaw, p' = M p; the identity exactly at zero weights, unless the
        edit poses the jaw."""
        if self._jaw_pose is not None:
            return self._jaw_pose.copy()
        return self._data.motion.transform(self._data.rig.activations(weights), self._edit.jaw_gain)

    def edited(self, edit: Edit | EditRecipe | Mapping[str, Any]) -> FaceModel:
        """This face under `edit` (arrays, a recipe, or its JSON), which takes the place of any edit it has.
        `edit_notes` says what was clamped.

        Raises AimError for maps of another mesh, for regions, handles and files that are not there, and for
        thickness and bones of a face that was trained without bones.
        """
        if not isinstance(edit, Edit):
            edit = build_edit(
                edit if isinstance(edit, EditRecipe) else recipe_from_json(edit, "the edit"), self._data
            )
        possible, notes, moved = clamped(self._data, tied(self._data, edit.checked(len(self._data.neutral))))
        return FaceModel(self._data, possible, self._engine, notes, self._file, moved)

    def unedited_shape(self, target: str, points: Floats, jaw: Floats | None = None) -> Floats:
        """(V, 3) float32 the shape of the unedited face, at the pose where `target` was trained, that this
        edit turns into points (V, 3): what a sculpt of the edited face is to an edit file. jaw (4, 4): the
        points are of a face that has this one instead of the target's own; what was sculpted is taken
        through it.

        Raises AimError for an unknown target, for points as `sculpts_of` does, and where the edit lets no
        shape come out as these.
        """
        data, edit, sculpts = self._data, self._edit, self._edit.sculpts
        i = data.rig.targets.index(target_named(data, target))
        activations, gain = data.linear.matrix[i], np.reshape(edit.expression_gain, (-1, 1))
        shift = np.zeros(data.neutral.shape)
        pose = self._jaw_pose if jaw is None else checked_jaw(jaw)
        points = checked_sculpt(data, target, points, self.posed(activations, pose))
        if sculpts is not None and i in sculpts.shifts:
            shift += sculpts.shifts[i]
        model, within = self, tolerance(data.neutral, self.mm_per_unit)
        for _ in range(_SCULPT_STEPS):  # a motion of space is near the identity: its remainder shrinks
            change = points - model.posed(activations, pose)
            if float(np.abs(change).max()) <= within:
                plain = Edit(sculpts=model.edit.sculpts)
                unedited = FaceModel(data, plain, self._engine, (), self._file)
                return unedited.posed(activations, data.baked.pose)
            with np.errstate(divide="ignore", invalid="ignore"):
                shift = shift + before_skinning(data, edit, i, change, jaw) / gain
            if not np.isfinite(shift).all():
                break
            one = Sculpts({i: shift.astype(np.float32)})
            more = replace(edit, sculpts=one if sculpts is None else sculpts.then(one))
            model = FaceModel(data, more, self._engine, (), self._file, self._moved)
        raise AimError(
            f"No shape of '{target}' comes out as the sculpt under this edit.",
            "The edit takes expressions away there, overstretches the skin, or the jaw turns it over.",
            "Sculpt the face without the edit, and with its own jaw.",
        )

    def _evaluator(self, detail: bool, data: ModelData | None = None) -> CachedEvaluator:
        data = data or self._data
        key = (detail, data is self._data)
        found = self._cached.get(key)
        if found is None:
            with self._lock:
                found = self._cached.setdefault(key, CachedEvaluator(data, self._edit, detail, self._moved))
        return found


def _loaded_again(
    file: str, device: str, evaluation: str, edit: Edit, notes: tuple[str, ...], members: object
) -> FaceModel:
    """What a pickle of a FaceModel calls. Raises AimError when the file is missing, not whole, or has other
    content than it had."""
    model = FaceModel.load(file, device, evaluation=evaluation)
    if model.manifest.get("members") != members:
        raise AimError(
            f"{file} is another model than the one that was pickled.",
            "It was trained or exported again meanwhile.",
            "Load it anew and send that.",
        )
    return FaceModel(model._data, edit, model._engine, notes, file)
