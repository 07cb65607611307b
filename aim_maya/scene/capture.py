"""blendShape -> actor: every target evaluated where the blendShape gives it, before anything that follows.

Targets are read by evaluating the node, never from its stored deltas: that is right for every mode a target can be in (live or deleted
mesh, relative in-betweens, tangent space, painted weights), and a few milliseconds a target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor, check_actor
from aim_maya.core.controls import Control, Pose, Rig, rig_from_json
from aim_maya.core.errors import Cancelled
from aim_maya.core.mesh import Mesh

from .blend_shape import Structure, base_weights, mesh_shape, one_object, only_blend_shape, read_structure
from .capture_state import neutral_state
from .copies import short
from .mesh_reader import into_space, plug_mesh, plug_points, read_mesh, shape_points, transform_of
from .plugs import held
from .teeth_motion import TeethMotion, find_teeth_motion, still_state

Floats = NDArray[np.floating]
MM_PER_CENTIMETRE = 10.0


@dataclass
class Parts:
    """Bones and teeth of the scene, by transform or shape; jaw_control: a joint or control that turns with the jaw."""

    skull: str | None = None
    jaw: str | None = None
    lower_teeth: str | None = None
    jaw_control: str | None = None


@dataclass
class Capture:
    """An actor as the trainer takes it, what was noticed, and the painted base weights (V,), which stay with the deformer."""

    actor: Actor
    notes: list[str] = field(default_factory=list)
    painted: Floats | None = None


def capture(
    mesh: str, blend_shape: str | None = None, parts: Parts | None = None, *, name: str | None = None, mm_per_unit: float = MM_PER_CENTIMETRE,
    any_size: bool = False, progress: Callable[[float, str], bool] = lambda *_: True,
) -> Capture:  # fmt: skip
    """Read neutral, targets, bones and the teeth's motion off the scene; the scene is left exactly as it was.

    mesh: transform or shape of the face. progress(fraction, text) returns False to stop.
    Raises AimError for what cannot be captured and for a name that several objects have, Cancelled when progress said so.
    """
    shape, parts = mesh_shape(mesh), _found(parts or Parts())
    structure = read_structure(one_object(blend_shape) if blend_shape else only_blend_shape(shape), shape)
    transform, rig = transform_of(shape), _rig(structure)
    output = f"{structure.node}.outputGeometry[{structure.geometry}]"
    result = Capture(Actor(name or short(mesh), plug_mesh(output), {}, rig, mm_per_unit), list(structure.notes))
    for part in ("skull", "jaw"):
        source = getattr(parts, part)
        if source is not None:
            setattr(result.actor, part, _bone(source, transform))
    still, notes = still_state(structure, parts.lower_teeth, parts.jaw_control)
    result.notes += notes
    with held(neutral_state(structure) | still):
        neutral = plug_points(output)
        result.actor.neutral = result.actor.neutral.with_points(neutral)
        teeth = find_teeth_motion(structure, parts.lower_teeth, parts.jaw_control, transform)
        _read_targets(structure, result.actor, teeth, progress)
    teeth.finish(result.actor, result.notes)
    _note_paint(structure, result, len(neutral))
    check_actor(result.actor, any_size=any_size)
    return result


def _found(parts: Parts) -> Parts:
    """The parts by their full paths. Raises AimError for one that is not there, or whose name several objects have."""
    return Parts(**{part: one_object(name) if name else None for part, name in vars(parts).items()})


def target_name(alias: str, value: float, knots: tuple[float, ...]) -> str:
    """Name of the shape at one knot: the alias for the outermost, alias_050 for an in-between at one half."""
    return alias if (abs(value) == max(abs(k) for k in knots) and value > 0) or len(knots) == 1 else f"{alias}_{round(100 * value):03d}"


def _rig(structure: Structure) -> Rig:
    """Every weight its control; a combination is a pose at its parents' full weights. Raises AimError for names that clash."""
    alias = {w.index: w.alias for w in structure.weights}
    full = {w.index: max(w.knots, key=abs, default=1.0) for w in structure.weights}
    controls = tuple(
        Control(w.alias, w.index, tuple((v, target_name(w.alias, v, w.knots)) for v in w.knots)) for w in structure.weights if w.index not in structure.combinations
    )
    poses = tuple(Pose(alias[c.index], {alias[p]: full[p] for p in _roots(structure, c.index)}, c.method) for c in structure.combinations.values())
    return rig_from_json(Rig(controls, poses).to_json(), structure.node)


def _roots(structure: Structure, index: int) -> tuple[int, ...]:
    """The controls behind a combination, through combinations of combinations."""
    found = structure.combinations.get(index)
    if found is None:
        return (index,)
    return tuple(dict.fromkeys(r for parent in found.parents for r in _roots(structure, parent)))


def _read_targets(structure: Structure, actor: Actor, teeth: TeethMotion, progress: Callable[[float, str], bool]) -> None:
    """Absolute shape of every target at its pose. A combination is on top of its parents, so all weights of the pose are set."""
    index = {w.alias: w.index for w in structure.weights}
    output = f"{structure.node}.outputGeometry[{structure.geometry}]"
    for done, target in enumerate(actor.rig.targets):
        if not progress(done / len(actor.rig.targets), target):
            raise Cancelled("capturing")
        pose = dict(zip(actor.rig.names, actor.rig.trained_pose(target), strict=True))
        values = {structure.plug(index[name]): float(value) for name, value in pose.items() if value != 0.0}
        values |= {structure.plug(i): 1.0 for i in _active_combinations(structure, pose)}
        with held(values):
            actor.shapes[target] = plug_points(output)
            teeth.sample(target, values)


def _active_combinations(structure: Structure, pose: dict[str, float]) -> list[int]:
    """Combinations that are fully on at a pose: all their controls are."""
    alias = {w.index: w.alias for w in structure.weights}
    return [c for c in structure.combinations if all(pose.get(alias[r], 0.0) != 0.0 for r in _roots(structure, c))]


def _bone(name: str, face: str) -> Mesh:
    shape = mesh_shape(name)
    return read_mesh(shape, into_space(shape_points(shape), transform_of(shape), face))


def _note_paint(structure: Structure, result: Capture, count: int) -> None:
    if structure.painted:
        result.notes.append(f"painted target weights are part of the captured shapes of: {', '.join(structure.painted)}")
    painted = np.array(base_weights(structure, count), np.float32)
    if bool((painted != 1.0).any()):
        result.painted = painted
        result.notes.append(f"painted base weights on {int((painted != 1.0).sum())} vertices are not part of the shapes; attach moves them to the deformer")
