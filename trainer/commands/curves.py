"""Look at weight curves, and convert them: resample, fill gaps, sort, and write CSV, Live Link Face CSV or a
USD SkelAnimation.

With --model it says which columns drive which controls, and which drive none. A global performance (.aimperf)
comes as its weight curves;
--model then turns targets into controls.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from aim_maya.core.curves import Curves, write_curves
from aim_maya.core.curves.take import ControlNames, weight_scale
from aim_maya.core.errors import AimError
from aim_maya.core.files import check_apart
from aim_maya.runtime import FaceModel, Performance
from trainer.bake.take import (
    MOTIONS,
    TakeOptions,
    head_moves,
    is_performance,
    on_controls,
    sampled,
    weight_curves,
)
from trainer.usd.actor import USD_ENDINGS
from trainer.usd.curves import write_usd_curves


@dataclass
class Options:
    """What `aimface curves` takes."""

    curves: tyro.conf.Positional[Path]
    """CSV, Live Link Face CSV, USD with blendShapeWeights over time, or a global performance (.aimperf)."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """OUT.csv, .usd, .usdc or .usda; nothing is written without it."""
    kind: Literal["plain", "live-link"] = "plain"
    """Columns of a CSV: time and the curves' own names, or those of Live Link Face."""
    model: Path | None = None
    """A .aim file to match the columns against."""
    json: Path | None = None
    """Write the figures here as JSON."""
    take: Annotated[TakeOptions, tyro.conf.arg(name="")] = field(default_factory=TakeOptions)
    """How the curves are read and sampled."""


def run(options: Options) -> dict[str, Any]:
    """Print what was read, match it, write it."""
    if options.out is not None:
        check_apart(options.out, options.curves)
    if is_performance(options.curves):
        return _performed(options)
    take = sampled(options.curves, options.take)
    read, taken = take.read, _scaled(take.curves, options.take.scale)
    lines = [
        f"{options.curves}: {len(read.times)} rows, {len(read.names)} "
        f"curve{'s' * (len(read.names) != 1)}, {read.times[0]:.3f} to "
        f"{read.times[-1]:.3f} s at {read.fps:g} frames a second",
        f"taken: {len(taken.times)} frames at {taken.fps:g} frames a second",
        *taken.notes,
        *([] if options.model or options.take.scale else _scale_said(read)),
    ]
    figures: dict[str, Any] = {
        "rows": len(read.times),
        "frames": len(taken.times),
        "fps": taken.fps,
        "names": list(read.names),
        "notes": list(taken.notes),
    }
    if options.model is not None:
        matched, more = _matched(read, FaceModel.load(options.model, "cpu"), options.take.scale)
        figures |= matched
        lines += more
    if options.out is not None:
        _write(options.out, taken, options.kind, float(take.frames.first))
        lines.append(f"wrote {options.out}")
    sys.stdout.write("\n".join(lines) + "\n")
    return figures


def _performed(options: Options) -> dict[str, Any]:
    """The same for a performance."""
    performance = Performance.load(options.curves)
    model = None if options.model is None else FaceModel.load(options.model, "cpu")
    take = sampled(options.curves, options.take)
    curves, left = weight_curves(performance, take.curves, take.moments, model)
    lines = [
        f"{options.curves}: {performance.frame_count} frames at {performance.fps:g} frames a second, "
        f"jaw {performance.data.about['jaw']}"
    ]
    lines.append(
        f"taken: {len(curves.times)} frames at {curves.fps:g} frames a second, {len(curves.names)} curves"
    )
    if model is None:
        lines.append("a column a target; with in-betweens or combinations --model turns them into controls")
    elif left > 1e-6:
        lines.append(f"the controls cannot show all of it: an activation is up to {left:.3g} off")
    if performance.data.about["jaw"] == "tied" and head_moves(performance):
        lines.append("the jaw follows the weights; the head's motion is not in the curves")
    if options.out is not None:
        _write(options.out, curves, options.kind, float(take.frames.first))
        lines.append(f"wrote {options.out}")
    sys.stdout.write("\n".join(lines) + "\n")
    return {
        "rows": performance.frame_count,
        "frames": len(curves.times),
        "fps": curves.fps,
        "names": list(curves.names),
        "largest_difference": left,
    }


def _scaled(curves: Curves, scale: float | None) -> Curves:
    """The weights multiplied; motions of jaw and head are none."""
    if scale is None:
        return curves
    factor, _ = weight_scale((), np.zeros((0, 0)), scale)
    motions = [name in MOTIONS for name in curves.names]
    return replace(curves, values=np.where(motions, curves.values, factor * curves.values))


def _scale_said(curves: Curves) -> list[str]:
    """Whether the weights look like percent: without a model nothing is scaled."""
    weights = [i for i, name in enumerate(curves.names) if name not in MOTIONS]
    try:
        factor, notes = weight_scale([curves.names[i] for i in weights], curves.values[:, weights])
    except AimError as doubt:
        return [str(doubt)]
    return (
        notes
        if factor == 1
        else [
            "The weights look like percent; they stay as they are here, and --scale 0.01 makes them 0 to 1."
        ]
    )


def _matched(curves: Curves, model: FaceModel, scale: float | None) -> tuple[dict[str, Any], list[str]]:
    """What drives what, as figures and as lines."""
    _, unmatched = on_controls(curves, model, scale)
    controls, names = model.targets, ControlNames(model.targets)
    driven = {name: [controls[i] for i in names.driven(name)] for name in curves.names}
    moved = {control for found in driven.values() for control in found}
    still = [control for control in controls if control not in moved]
    both = [f"'{name}' drives {' and '.join(found)}" for name, found in driven.items() if len(found) > 1]
    lines = [
        f"{sum(bool(found) for found in driven.values())} of {len(driven)} columns drive a control of "
        "the model",
        *both,
        *unmatched,
    ]
    lines += [f"controls without a column stay at 0: {', '.join(still)}"] if still else []
    return {"driven": driven, "unmatched": unmatched, "undriven": still}, lines


def _write(out: Path, curves: Curves, kind: Literal["plain", "live-link"], start: float) -> None:
    if out.suffix.lower() in USD_ENDINGS[:3]:
        write_usd_curves(out, curves, start)
    elif out.suffix.lower() == ".csv":
        write_curves(out, curves, kind)
    else:
        raise AimError(
            f"The output '{out}' is of no known kind.", remedy="Name a .csv, .usd, .usdc or .usda."
        )
