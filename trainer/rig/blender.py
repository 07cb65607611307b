"""A native rig as .blend, the jaw driven live by the sliders, or as .fbx: built by Blender (the package bpy)
in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.controls import Control
from aim_maya.runtime.native_rig import Combination, Knot, NativeRig, Target, check_names, reach, shape_names
from trainer.bake.formats.blender import blender_job, check_bpy, run_in_blender, write_mesh
from trainer.bake.formats.usd import COLOURS

from .gltf import quaternions
from .rig import Animation, RigJob

_LIMIT = 10.0  # Blender holds a shape key's value within -10 and 10


def write_blend(job: RigJob, out: Path) -> dict[str, Any]:
    """Metres, z up. A control is the shape key of its name. Raises AimError when bpy is missing, names
    collide, or Blender fails."""
    return _write(job, out, 1000.0, live=True)


def write_fbx(job: RigJob, out: Path) -> dict[str, Any]:
    """Centimetres, y up. A target is a shape; the jaw and what depends on several controls are in the
    animation. Raises AimError as write_blend does."""
    return _write(job, out, 10.0, live=False)


def _write(job: RigJob, out: Path, mm_per_unit: float, *, live: bool) -> dict[str, Any]:
    check_bpy(f"Writing {out.suffix.lower()}")
    native = job.native.in_space(mm_per_unit, "z")
    keys = _live_keys(native) if live else _target_keys(native)
    check_names(key.name for key in keys)
    animation = None if job.animation is None else job.animation.in_space(job.native, native)
    follows = live and (animation is None or animation.jaw_follows)
    arrays = _deltas(keys)
    if animation is not None:
        values = np.stack([key.values(animation) for key in keys], 1) if keys else np.zeros((0, 0))
        arrays |= {"values": values} | _motion(native, animation, jaw=not follows)
    told = _told(job, native, keys) | {"live": live, "jaw_follows": follows}
    with blender_job(out) as (folder, made):
        np.savez(folder / "rig.npz", **arrays)
        parts = [("skin", job.options.material, "skin", native.rest, native.mesh, native.weight)]
        for part in native.parts:
            on_jaw = np.full(len(part.mesh.points), part.follows == "jaw", np.float32)
            parts.append((part.name, part.material, part.material, part.mesh.points, part.mesh, on_jaw))
        told["parts"] = []
        for number, (name, material, kind, points, mesh, weight) in enumerate(parts):
            write_mesh(folder / f"{number}.npz", points, mesh, weight=weight)
            colour = COLOURS.get(kind, COLOURS["skin"])
            told["parts"].append(
                {"name": name, "material": material, "mesh": f"{number}.npz", "colour": list(colour)}
            )
        run_in_blender(folder, made, told | {"out": str(made)}, out)
    units = {c.name: unit for c in native.rig.controls if live and (unit := _unit(c)) != 1.0}
    return {"jaw": "live" if follows else "still" if animation is None else "keyed", "slider_units": units}


def _told(job: RigJob, native: NativeRig, keys: list[_Key]) -> dict[str, Any]:
    """What in_blender.py needs to know beside arrays and meshes."""
    rate = job.shot.fps / (1 if _whole(job.shot.numbers) else job.shot.step)
    ends = np.cumsum([0, *(len(key.ids) for key in keys)]).tolist()
    taken = {key.name.lower() for key in keys}
    return {
        "name": native.name,
        "metres": native.mm_per_unit / 1000.0,
        "fps": int(-(-rate // 1)),
        "fps_base": float(-(-rate // 1) / rate),
        "centre": native.centre.tolist(),
        "rest_twist": native.rest_twist.tolist(),
        "bone_length": native.size / 4,
        "basis": next(n for n in ("Basis", "neutral", "rest", "rest shape") if n.lower() not in taken),
        "keys": [key.told() | {"rows": ends[i : i + 2]} for i, key in enumerate(keys)],
    }


@dataclass(frozen=True)
class _Key:
    """A shape key: it moves ids by deltas, and the jaw by twist, for each unit of its value, which lies
    within low and high.

    source: (True, place of a control) or (False, place of a target), and what its number is divided by to
    give the value. control and curve, or factors and method, say what drives it; nothing drives a slider.
    """

    name: str
    ids: Ints
    deltas: Floats
    twist: Floats
    low: float
    high: float
    source: tuple[bool, int, float]
    control: str = ""
    curve: tuple[tuple[float, float], ...] = ()
    factors: tuple[tuple[str, float], ...] = ()
    method: str = ""

    def told(self) -> dict[str, Any]:
        """As in_blender.py reads it."""
        plain = ("name", "low", "high", "control", "curve", "factors", "method")
        return {name: getattr(self, name) for name in plain} | {"twist": self.twist.tolist()}

    def values(self, animation: Animation) -> Floats:
        """(F,) of the animation."""
        of_controls, place, divisor = self.source
        made: Floats = (animation.sliders if of_controls else animation.activations)[:, place] / divisor
        return made


def _live_keys(native: NativeRig) -> list[_Key]:
    """A key a control, its slider; those of several knots move nothing and drive a key a knot. Then the
    combinations."""
    controls, made = native.rig.controls, []
    names, units = {c.name.lower() for c in controls}, [_unit(c) for c in controls]
    for i, (control, unit) in enumerate(zip(controls, units, strict=True)):
        low, high = (value / unit for value in _range(control))
        own = [t for t in native.targets if isinstance(t.drive, Knot) and t.drive.control == i]
        alone = unit / control.knots[0][0] if len(own) == 1 else 0.0
        ids, deltas, twist = (own[0].ids, own[0].deltas, own[0].twist) if alone else (_NONE, _NOWHERE, _STILL)
        source = (True, i, unit)
        made.append(_Key(control.name, ids, alone * deltas, alone * twist, low, high, source))
        for (value, _), target in zip(control.knots, own, strict=True) if not alone else ():
            assert isinstance(target.drive, Knot)
            name = f"{target.name} at {value:g}" if target.name.lower() in names else target.name
            curve = tuple((x / unit, y) for x, y in target.drive.curve)
            made.append(_driven(target, name, native, control=control.name, curve=curve))
    for target in native.targets:
        if isinstance(target.drive, Combination):
            factors = tuple((controls[c].name, units[c] / value) for c, value in target.drive.factors)
            # ARKit's mouthClose: a control that means something only with jawOpen, and its target of that
            # name
            name = f"{target.name} combined" if target.name.lower() in names else target.name
            made.append(_driven(target, name, native, factors=factors, method=target.drive.method))
    return made


def _driven(target: Target, name: str, native: NativeRig, **how: Any) -> _Key:
    source = (False, native.targets.index(target), 1.0)
    return _Key(name, target.ids, target.deltas, target.twist, -_LIMIT, _LIMIT, source, **how)


def _target_keys(native: NativeRig) -> list[_Key]:
    """A key a target; its value is the activation."""
    return [
        _Key(name, t.ids, t.deltas, t.twist, -_LIMIT, _LIMIT, (False, i, 1.0))
        for i, (name, t) in enumerate(zip(shape_names(native.rig), native.targets, strict=True))
    ]


_NONE, _NOWHERE, _STILL = np.zeros(0, np.int32), np.zeros((0, 3), np.float32), np.zeros(6)


def _range(control: Control) -> tuple[float, float]:
    """What a slider reaches, and as far again: weights beyond a knot scale its target on."""
    low, high = reach(control)
    return low - (high - low), high + (high - low)


def _unit(control: Control) -> float:
    """What a slider's 1 means: 1, unless that takes it beyond what Blender holds."""
    far = max(map(abs, _range(control)))
    return 1.0 if far <= _LIMIT else max(map(abs, reach(control)))


def _deltas(keys: list[_Key]) -> dict[str, Any]:
    """All keys' ids and deltas, one after another."""
    return {
        "ids": np.concatenate([_NONE, *(key.ids for key in keys)]),
        "deltas": np.concatenate([_NOWHERE, *(key.deltas for key in keys)]).astype(np.float32),
    }


def _whole(numbers: list[Fraction]) -> bool:
    """Whether frames are whole numbers, one by one; others are numbered anew, a frame a sample."""
    return numbers[0].denominator == 1 and (len(numbers) < 2 or numbers[1] - numbers[0] == 1)


def _motion(native: NativeRig, animation: Animation, *, jaw: bool) -> dict[str, Any]:
    """Places and turns of the bones that move, about the centre, and the frames' numbers."""
    first, count = animation.numbers[0], len(animation.numbers)
    arrays: dict[str, Any] = {"frames": round(first) + np.arange(count, dtype=np.float64)}
    moving = {"jaw": animation.jaws} if jaw else {}
    if np.abs(animation.heads - np.eye(4)).max(initial=0.0) > 0:
        moving["skull"] = animation.heads
    for name, motions in moving.items():
        about = motions[:, :3, :3] @ native.centre + motions[:, :3, 3] - native.centre
        arrays |= {f"{name}_places": about, f"{name}_turns": quaternions(motions)[:, [3, 0, 1, 2]]}
    return arrays
