"""Carry a performance, or weight curves, from one actor's model to another's, or to several.

With --scans the scans that a performance was fitted to are followed to the point, not only as far as the fit
did. Controls are matched by name; --mapping takes a table, and --suggest writes one to begin from.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from aim_maya.core.curves import resampled
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path, check_apart, check_writable, write_json
from aim_maya.core.performance import write_performance
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel, Performance
from trainer.bake.take import ENDING, TakeOptions, is_performance, on_controls, sampled
from trainer.fit.scans import open_frames
from trainer.retarget.mapping import ControlMap, Drivers, control_map, mapping_files, read_mapping, same_names
from trainer.retarget.moments import CurveMoments, Moments, PerformanceMoments
from trainer.retarget.registration import suggested
from trainer.retarget.retarget import Pair, RetargetOptions, retarget

_COLUMNS, _NAMED = 5, 6
_UNSURE = 0.6


@dataclass
class Options:
    """What `aimface retarget` takes."""

    source: Path
    """The model that it belongs to (.aim)."""
    target: tuple[Path, ...]
    """The model, or models, to carry it to (.aim)."""
    performance: tyro.conf.Positional[Path | None] = None
    """TAKE.aimperf, or weight curves as `aimface bake` reads them."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """OUT.aimperf; with several targets a folder, in which each gets <target>.aimperf."""
    scans: Path | None = None
    """The scans that the performance was fitted to: what the fit left of them is carried, too."""
    mapping: tuple[str, ...] = ()
    """JSON: {control of the target: control of the source, or {control: factor}}; one for all targets, or one
    each, "names" for one that goes by names."""
    suggest: Path | None = None
    """Write a suggested mapping here, and do nothing else."""
    picture: Path | None = None
    """Draw the source and every target at several frames, as PNG."""
    picture_frames: tuple[int, ...] = ()
    """Which frames, from 0; those that differ most when not given."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network of a neural performance runs."""
    progress: Literal["auto", "bar", "lines", "json", "openjd", "none"] = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""
    retarget: Annotated[RetargetOptions, tyro.conf.arg(name="")] = field(default_factory=RetargetOptions)
    """How it is carried."""
    take: Annotated[TakeOptions, tyro.conf.arg(name="")] = field(default_factory=TakeOptions)
    """How weight curves are read."""


def run(options: Options) -> dict[str, Any]:
    """Carry it to every target; returns the figures."""
    if options.suggest is not None:
        return _suggest(FaceModel.load(options.source, "cpu"), options.target, options.suggest)
    options.retarget.checked()
    outputs, mappings = _outputs(options), mapping_files(options.mapping, options.target)
    assert options.performance is not None
    for out in outputs.values():
        check_apart(out, options.performance, *([options.scans] if options.scans else []))
        check_writable(out)
    source = FaceModel.load(options.source, options.device)
    targets = {path: FaceModel.load(path, "cpu") for path in options.target}
    moments, notes = _moments(options, source)
    frames = _picture_frames(options, moments)
    maps = {path: _mapping(mappings[path], source, target) for path, target in targets.items()}
    with Progress(options.progress) as progress:
        for note in notes:
            progress.note(note, warning=True)
        figures = {
            "output": [
                _one(
                    options,
                    Pair.of(source, targets[path], maps[path]),
                    moments,
                    outputs[path],
                    progress,
                    mappings[path] is None,
                )
                for path in targets
            ]
        }
    if options.picture is not None:
        _draw(options.picture, moments, frames, [(target, outputs[path]) for path, target in targets.items()])
    return figures


def _one(
    options: Options, pair: Pair, moments: Moments, out: Path, progress: Progress, by_names: bool
) -> dict[str, Any]:
    if idle := [
        t for t, used in zip(pair.source.data.rig.targets, pair.mapping.used, strict=True) if not used
    ]:
        names = ", ".join(idle[:_NAMED]) + (" ..." if len(idle) > _NAMED else "")
        progress.note(
            f"without a counterpart on {pair.target.data.path.stem} are {len(idle)} of the source's "
            f"{len(pair.mapping.used)} targets ({names}): what they do is carried as displacements"
            + ("; --suggest proposes a mapping" if by_names else "")
        )
    began = time.perf_counter()
    data = retarget(pair, moments, options.retarget, progress)
    write_performance(out, data)
    seconds = time.perf_counter() - began
    figures = data.about["figures"]
    sys.stdout.write(
        f"wrote {data.frame_count} frames to {out}: {figures['carried_mean_mm']:.3f} mm carried beside "
        f"the targets in {figures['fields']} fields, "
        f"{seconds / data.frame_count:.3f} s a frame\n"
    )
    return {
        "file": str(out),
        "frames": data.frame_count,
        "fps": data.fps,
        "seconds": round(seconds, 3),
        "seconds_a_frame": seconds / data.frame_count,
    } | figures


def _outputs(options: Options) -> dict[Path, Path]:
    """{target: file}. Raises AimError where something is not named, for another ending, or two targets that
    would write one file."""
    for what, named in (
        ("target", options.target),
        ("performance", options.performance),
        ("output", options.out),
    ):
        if not named:
            raise AimError(
                f"No {what} is named.",
                remedy="aimface retarget TAKE.aimperf --source A.aim --target B.aim -o OUT.aimperf",
            )
    assert options.out is not None
    if len(options.target) == 1 and options.out.suffix == ENDING:
        return {options.target[0]: options.out}
    if options.out.suffix:
        raise AimError(
            f"The output '{options.out}' is no {'folder' if len(options.target) > 1 else ENDING}.",
            remedy=f"Write to {options.out.with_suffix(ENDING)}, or to a folder.",
        )
    outputs = {path: options.out / f"{path.stem}{ENDING}" for path in options.target}
    if len(set(outputs.values())) < len(options.target):
        raise AimError(
            "Two targets have one name and would write one file.",
            "They lie in different folders.",
            "Retarget them one at a time.",
        )
    return outputs


def _moments(options: Options, source: FaceModel) -> tuple[Moments, list[str]]:
    """What is retargeted, and a sentence on everything odd about it."""
    assert options.performance is not None
    if is_performance(options.performance):
        whole_take(options)
        performance = Performance.load(options.performance)
        performance.check(source.data)
        warning = performance.warning(source.data)
        scans = None if options.scans is None else open_frames(options.scans, len(source.data.neutral))
        return PerformanceMoments(source, performance, scans), [
            f"{options.performance} was {warning}."
        ] if warning else []
    if options.scans is not None:
        raise AimError(
            "--scans goes with a performance, not with weight curves.",
            "Nothing was fitted to these frames.",
            "Fit them first: aimface fit.",
        )
    taken = sampled(options.performance, options.take)
    driving, unmatched = on_controls(taken.read, source, options.take.scale)
    weights = resampled(driving, taken.curves.fps, taken.frames.positions, options.take.gaps).values
    return CurveMoments(source, weights, taken.curves.fps), [*taken.curves.notes, *unmatched]


def whole_take(options: Options) -> None:
    """Raises AimError for options of curves: a performance is carried whole."""
    if idle := [f.name for f in fields(TakeOptions) if getattr(options.take, f.name) != f.default]:
        raise AimError(
            f"--{idle[0].replace('_', '-')} goes with weight curves, not with a performance.",
            "A performance is carried whole, frame by frame.",
            "Leave it out; aimface bake takes parts of a performance, at any rate.",
        )


def _mapping(file: Path | None, source: FaceModel, target: FaceModel) -> ControlMap:
    """By the file or by names. Prints what could be meant, and raises AimError, where there is no file and no
    name in common."""
    a, b = source.data.rig, target.data.rig
    drivers = same_names(a, b) if file is None else read_mapping(file, a, b)
    if not drivers and file is None:
        rows = {t: found.drivers for t, found in suggested(source, target).items()}
        sys.stdout.write(json.dumps(_readable(rows), indent=1) + "\n")
        raise AimError(
            f"'{source.data.path.name}' and '{target.data.path.name}' have no control in common.",
            "Their controls are named differently.",
            "Look at the suggested mapping above, write it to a file, and give it as --mapping; "
            "--suggest FILE writes it.",
        )
    return control_map(drivers, a, b)


def _suggest(source: FaceModel, targets: tuple[Path, ...], out: Path) -> dict[str, Any]:
    if len(targets) != 1:
        raise AimError("A mapping is for one target.", remedy="Give --suggest with one --target.")
    target = FaceModel.load(targets[0], "cpu")
    found = suggested(source, target)
    drivers = {name: each.drivers for name, each in found.items()}
    write_json(out, _readable(drivers))
    for name, each in found.items():
        alike = "" if each.alike is None else f", motion {each.alike:.2f} alike"
        row = " + ".join(s if f == 1 else f"{f:g} {s}" for s, f in each.drivers.items())
        sys.stdout.write(f"  {each.confidence:.2f}  {name:<24} {row}  (by {each.why}{alike})\n")
    unsure = sum(each.confidence < _UNSURE for each in found.values())
    sys.stdout.write(
        f"wrote {len(drivers)} of {len(target.targets)} controls to {out}, {unsure} of them with a "
        f"confidence below {_UNSURE:g}: look it over before you use it\n"
    )
    return {
        "mapping": _readable(drivers),
        "confidence": {name: each.confidence for name, each in found.items()},
        "output": str(out),
        "without": [t for t in target.targets if t not in drivers],
    }


def _picture_frames(options: Options, moments: Moments) -> list[int]:
    """The columns of the picture. Raises AimError for frames that are not in the take."""
    if options.picture is None:
        return []
    from trainer.evaluate.pictures import telling_frames

    for frame in options.picture_frames:
        if not 0 <= frame < moments.count:
            raise AimError(
                f"Frame {frame} cannot be drawn.", f"The take has frames 0 to {moments.count - 1}."
            )
    return list(options.picture_frames) or telling_frames(
        (m.points for m in moments), moments.model.data.neutral, _COLUMNS
    )


def _draw(path: Path, moments: Moments, frames: list[int], written: list[tuple[FaceModel, Path]]) -> None:
    from trainer.evaluate import pictures
    from trainer.evaluate.pictures import Row, performance_figure

    shown = {f: moment.points for f, moment in enumerate(moments) if f in frames}
    rows = [Row(moments.model, np.array([shown[f] for f in frames]))]
    for target, file in written:
        take = Performance.load(file)
        rows.append(Row(target, np.array([target.performance_points(take, f, head=False) for f in frames])))
    with atomic_path(path) as temporary:
        temporary.write_bytes(pictures.png(performance_figure(rows, frames)))
    sys.stdout.write(f"wrote {path}\n")


def _readable(drivers: Drivers) -> dict[str, str | dict[str, float]]:
    """A single driver at factor 1 by its name alone."""
    return {name: next(iter(row)) if list(row.values()) == [1.0] else row for name, row in drivers.items()}
