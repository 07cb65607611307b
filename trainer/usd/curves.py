"""Weight curves in USD: the blendShapeWeights of a UsdSkel animation, read and written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.curves import Curves, read_curves
from aim_maya.core.curves.take import exact_rate
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path

from .actor import USD_ENDINGS
from .mesh import numbers, tokens_of
from .stage import bounded_memory, broken_references, open_stage, usd, usd_errors, usd_reading

_LARGEST_RATE, _LARGEST_CODE = 1e6, 1e9


def read_any_curves(
    path: Path,
    fps: float | None = None,
    default_fps: float | None = None,
    *,
    sort: bool = False,
    drop_frame: bool | None = None,
    prim: str | None = None,
) -> Curves:
    """Read curves by their file's ending: USD, else CSV. The arguments are those of read_curves and
    read_usd_curves, and so are the errors."""
    if path.suffix.lower() in USD_ENDINGS:
        return read_usd_curves(path, prim)
    return read_curves(path, fps, default_fps=default_fps, sort=sort, drop_frame=drop_frame)


def read_usd_curves(path: Path, prim: str | None = None) -> Curves:
    """The weights of the one SkelAnimation with blend shapes in a USD file, or of the one at `prim`: its
    samples, else its one value.

    Raises AimError when there is none, several and none was named, a rate that is none, a sample of another
    length, or a value that is blocked or not finite.
    """
    usd("Reading USD curves")
    if not path.exists():
        raise AimError(
            f"There are no curves at {path}.",
            "The path is misspelt or the drive is not mounted.",
            "Give the right path.",
        )
    stage = open_stage(path)
    with usd_reading(path), bounded_memory(path.stat().st_size):
        return _curves(path, _animation(path, stage, prim), stage)


def _animation(path: Path, stage: Any, prim: str | None) -> Any:
    from pxr import Usd, UsdSkel

    prims = stage.Traverse(Usd.TraverseInstanceProxies())
    there = [
        UsdSkel.Animation(p) for p in prims if p.IsA(UsdSkel.Animation) and prim in (None, str(p.GetPath()))
    ]
    found = [animation for animation in there if _has_weights(animation.GetBlendShapeWeightsAttr())]
    if not found:
        at = f" at {prim}" if prim else f" ({there[0].GetPath()} has none)" if there else ""
        raise AimError(
            f"{path} has no SkelAnimation with blendShapeWeights{at}.",
            broken_references(stage) or "No weights were exported: it holds points, or joints only.",
            "Export the weights.",
        )
    if len(found) > 1:
        raise AimError(
            f"{path} has {len(found)} animations of blend shapes.",
            f"They are {', '.join(str(a.GetPath()) for a in found[:5])}.",
            "Name one with --prim.",
        )
    return found[0]


def _has_weights(attribute: Any) -> bool:
    return bool(attribute) and (attribute.GetNumTimeSamples() > 0 or bool(attribute.Get()))


def _curves(path: Path, animation: Any, stage: Any) -> Curves:
    codes_per_second = float(stage.GetTimeCodesPerSecond())
    fps = (
        float(stage.GetFramesPerSecond())
        if stage.HasAuthoredMetadata("framesPerSecond")
        else codes_per_second
    )
    for label, rate in (("timeCodesPerSecond", codes_per_second), ("framesPerSecond", fps)):
        if not 0 < rate < _LARGEST_RATE:
            raise AimError(
                f"{path}: {label} is {rate:g}.",
                "It was damaged or written wrong.",
                "Give it the take's rate.",
            )
    names = _names(animation)
    attribute = animation.GetBlendShapeWeightsAttr()
    codes = [float(code) for code in attribute.GetTimeSamples()]
    rows = []
    for code in codes or [0.0]:
        if not abs(code) < _LARGEST_CODE:
            raise AimError(
                f"{path}: {attribute.GetPath()} has a sample at time code {code:g}.",
                "It is damaged.",
                "Remove it.",
            )
        value = attribute.Get(code) if codes else attribute.Get()
        if value is None:
            raise AimError(
                f"{path}: {attribute.GetPath()} is blocked at time code {code:g}: it has no weights there.",
                "That frame was lost or taken out.",
                "Remove the sample, and the frame is a gap, or give it weights.",
            )
        row = numbers(attribute, value, np.float64)
        if len(row) != len(names):
            raise AimError(
                f"{path}: {animation.GetPath()} at time code {code:g} has {len(row)} weights for "
                f"{len(names)} blend shapes.",
                "It was written for another rig.",
            )
        if not np.isfinite(row).all():
            bad = int(np.argmin(np.isfinite(row)))
            raise AimError(
                f"{path}: '{names[bad]}' is not finite at time code {code:g}.", remedy="Mend that value."
            )
        rows.append(row)
    times = np.array(codes or [0.0]) / float(exact_rate(codes_per_second))
    return Curves(names, np.array(rows), times, float(exact_rate(fps)))


def _names(animation: Any) -> tuple[str, ...]:
    """The curves' names: the tokens as they are; what stands before a name is left to the matching with
    controls."""
    tokens = tokens_of(animation.GetBlendShapesAttr())
    if twice := [token for token, uses in Counter(tokens).items() if uses > 1]:
        raise AimError(
            f"Two blend shapes of {animation.GetPath()} are named '{twice[0]}'.", remedy="Rename one of them."
        )
    return tuple(tokens)


def write_usd_curves(path: Path, curves: Curves, start: float = 1.0) -> None:
    """Write the curves as a SkelAnimation; the first row at time code `start`, weights float32 as UsdSkel has
    them.

    The blendShapes tokens are the curves' own names, whatever text they are. Raises AimError when usd-core is
    missing or the disk is full.
    """
    usd("Writing USD curves")
    from pxr import Sdf, Usd, UsdSkel, Vt

    with atomic_path(path) as temporary, usd_errors(f"Writing {path} failed"):
        stage = Usd.Stage.Open(Sdf.Layer.CreateNew(str(temporary)))
        stage.SetTimeCodesPerSecond(curves.fps)
        stage.SetFramesPerSecond(curves.fps)
        animation = UsdSkel.Animation.Define(stage, "/animation")
        stage.SetDefaultPrim(animation.GetPrim())
        animation.CreateBlendShapesAttr(curves.names)
        weights = animation.CreateBlendShapeWeightsAttr()
        codes = start + (curves.times - curves.times[0]) * float(exact_rate(curves.fps))
        for code, row in zip(codes, curves.values, strict=True):
            weights.Set(Vt.FloatArray.FromNumpy(np.ascontiguousarray(row, np.float32)), float(code))
        stage.SetStartTimeCode(float(codes[0]))
        stage.SetEndTimeCode(float(codes[-1]))
        stage.GetRootLayer().Save()
