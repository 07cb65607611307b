"""Weight curves in USD: the blendShapeWeights of a UsdSkel animation, read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.curves import Curves, read_curves
from aim_maya.core.curves.take import exact_rate
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path

from .caches.crate import open_stage, usd, usd_errors
from .usd_actor import USD_ENDINGS


def read_any_curves(
    path: Path, fps: float | None = None, default_fps: float | None = None, *, sort: bool = False, drop_frame: bool | None = None, prim: str | None = None,
) -> Curves:  # fmt: skip
    """Read curves by their file's ending: USD, else CSV. The arguments are those of read_curves and read_usd_curves, and so are the errors."""
    if path.suffix.lower() in USD_ENDINGS:
        return read_usd_curves(path, prim)
    return read_curves(path, fps, default_fps=default_fps, sort=sort, drop_frame=drop_frame)


def read_usd_curves(path: Path, prim: str | None = None) -> Curves:
    """The sampled weights of the one SkelAnimation with blend shapes in a USD file, or of the one at `prim`.

    Raises AimError when there is none, several and none was named, a sample of another length, or a value that is not finite.
    """
    usd("Reading USD curves")
    from pxr import UsdSkel

    if not path.exists():
        raise AimError(f"There are no curves at {path}.", "The path is misspelt or the drive is not mounted.")
    stage = open_stage(path)
    found = [UsdSkel.Animation(p) for p in stage.Traverse() if p.IsA(UsdSkel.Animation) and p.GetAttribute("blendShapeWeights").GetNumTimeSamples()]
    if prim is not None:
        found = [animation for animation in found if str(animation.GetPath()) == prim]
    if not found:
        raise AimError(
            f"{path} has no SkelAnimation with blendShapeWeights over time{f' at {prim}' if prim else ''}.", "It holds points, or joints only.", "Export the weights."
        )
    if len(found) > 1:
        raise AimError(f"{path} has {len(found)} animations of blend shapes.", f"They are {', '.join(str(a.GetPath()) for a in found[:5])}.", "Name one with --prim.")
    return _curves(path, found[0], float(stage.GetTimeCodesPerSecond()), float(stage.GetFramesPerSecond()))


def _curves(path: Path, animation: Any, codes_per_second: float, fps: float) -> Curves:
    names = tuple(str(name).split("/")[-1].split(":")[-1] for name in animation.GetBlendShapesAttr().Get() or [])
    attribute = animation.GetBlendShapeWeightsAttr()
    codes = attribute.GetTimeSamples()
    rows = []
    for code in codes:
        row = np.array(attribute.Get(code), np.float64)
        if len(row) != len(names):
            raise AimError(f"{path}: time code {code:g} has {len(row)} weights for {len(names)} blend shapes.", "It was written for another rig.")
        if not np.isfinite(row).all():
            raise AimError(f"{path}: '{names[int(np.flatnonzero(~np.isfinite(row))[0])]}' is not finite at time code {code:g}.", remedy="Mend that value.")
        rows.append(row)
    return Curves(names, np.array(rows), np.array(codes) / float(exact_rate(codes_per_second)), float(exact_rate(fps)))


def write_usd_curves(path: Path, curves: Curves, start: float = 1.0) -> None:
    """Write the curves as a SkelAnimation; the first row at time code `start`, weights float32 as UsdSkel has them.

    Raises AimError when usd-core is missing or the disk is full.
    """
    usd("Writing USD curves")
    from pxr import Sdf, Tf, Usd, UsdSkel, Vt

    with atomic_path(path) as temporary, usd_errors(f"Writing {path} failed"):
        stage = Usd.Stage.Open(Sdf.Layer.CreateNew(str(temporary)))
        stage.SetTimeCodesPerSecond(curves.fps)
        stage.SetFramesPerSecond(curves.fps)
        animation = UsdSkel.Animation.Define(stage, "/animation")
        stage.SetDefaultPrim(animation.GetPrim())
        animation.CreateBlendShapesAttr([Tf.MakeValidIdentifier(name) for name in curves.names])
        weights = animation.CreateBlendShapeWeightsAttr()
        codes = start + (curves.times - curves.times[0]) * float(exact_rate(curves.fps))
        for code, row in zip(codes, curves.values, strict=True):
            weights.Set(Vt.FloatArray.FromNumpy(np.ascontiguousarray(row, np.float32)), float(code))
        stage.SetStartTimeCode(float(codes[0]))
        stage.SetEndTimeCode(float(codes[-1]))
        stage.GetRootLayer().Save()
