"""What is said of a model: what its file holds, and a page about it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from aim_maya.core.files import check_apart, check_output, read_json
from aim_maya.core.performance import Flag, PerformanceData
from aim_maya.core.progress import Progress
from aim_maya.core.run_folder import RunFolder
from aim_maya.runtime import FaceModel, Performance
from trainer.bake.take import is_performance
from trainer.evaluate.tables import markdown


@dataclass
class InfoOptions:
    """Say what an actor.aim holds: controls, sizes, jaw, training figures, and whether every member is whole.
    Or what a performance holds.
    """

    model: tyro.conf.Positional[Path]
    """The .aim or .aimperf file."""
    json: Path | None = None
    """Write the whole manifest (of a performance: its figures) here as JSON."""


def run_info(options: InfoOptions) -> dict[str, Any]:
    """Print a summary; returns the manifest."""
    if is_performance(options.model):
        return _performance(options.model)
    model = FaceModel.load(options.model, "cpu")
    manifest = model.manifest
    skin = manifest.get("training", {}).get("skin", {})
    low, high = model.mesh.points.min(0) * model.mm_per_unit, model.mesh.points.max(0) * model.mm_per_unit
    rows = [
        ["name", manifest["name"]],
        ["vertices, faces", f"{manifest['vertex_count']}, {len(model.mesh.counts)}"],
        [
            "size",
            " x ".join(f"{x:.0f}" for x in high - low)
            + f" mm ({model.mm_per_unit:g} mm a unit, {manifest['up']} up)",
        ],
        ["controls", len(model.targets)],
        ["targets, combinations", f"{len(manifest['targets'])}, {len(manifest['poses'])}"],
        [
            "bones",
            "none: expressions alone, no anatomy, no edits of tissue or bones"
            if not model.data.has_anatomy
            else str(manifest.get("bones", "given")),
        ],
        ["jaw", f"{manifest['jaw']['source']}: {manifest['jaw']['report']}"],
        ["networks alone, skin", f"{skin.get('mean', 0):.3f} mm mean, {skin.get('max', 0):.2f} mm max"],
        ["parity", f"{max(manifest['parity_mm'].values()):.1e} mm"],
        *[
            [
                "edited from",
                f"{e['source']} ({e['source_sha256'][:12]}): "
                f"{', '.join(sorted({k for r in e['edits'] for k in r} - {'schema'})) or 'nothing'}",
            ]
            for e in manifest.get("edits", [])
        ],
        *([["sculpted targets", ", ".join(manifest["sculpted"])]] if manifest.get("sculpted") else []),
        ["topology", manifest["topology_hash"][:16]],
        ["written by", f"{manifest['writer']}, schema {manifest['schema']}"],
        ["file", f"{options.model.stat().st_size / 1e6:.1f} MB, every member verified"],
    ]
    sys.stdout.write(
        markdown(["", str(options.model)], rows) + "\n\ncontrols: " + ", ".join(model.targets) + "\n"
    )
    return manifest


def _performance(path: Path) -> dict[str, Any]:
    performance = Performance.load(path)
    data, about = performance.data, performance.data.about
    seen = data.residual_mm[np.isfinite(data.residual_mm)]
    flagged = {
        flag.name.lower().replace("_", " "): np.flatnonzero(data.flags & flag.value)
        for flag in Flag
        if flag.name
    }
    rows = [
        ["model", f"{about['model']}, {about['vertices']} vertices, topology {about['topology_hash'][:16]}"],
        [
            "frames",
            f"{performance.frame_count} at {performance.fps:g} frames a second, "
            f"{performance.frame_count / performance.fps:.2f} s",
        ],
        [
            "coefficients",
            f"{about['mode']}, {about['solver']}: {len(about['targets'])} targets{_functions(data)}",
        ],
        ["jaw", about["jaw"]],
        [
            "residual",
            f"{seen.mean():.3f} mm mean, {seen.max():.3f} mm in the worst frame "
            f"({int(np.nanargmax(data.residual_mm))})"
            if len(seen)
            else "not measured",
        ],
        [
            "frames to look at",
            "; ".join(f"{len(f)} {name} (first {f[0]})" for name, f in flagged.items() if len(f)) or "none",
        ],
        [
            "figures",
            ", ".join(
                f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in about["figures"].items()
            )
            or "none",
        ],
        ["file", f"{path.stat().st_size / 1e6:.1f} MB, every member verified"],
    ]
    sys.stdout.write(markdown(["", str(path)], rows) + "\n\ntargets: " + ", ".join(about["targets"]) + "\n")
    return {
        "frames": performance.frame_count,
        "fps": performance.fps,
        "residual_mm": [None if np.isnan(r) else float(r) for r in data.residual_mm],
        "flags": data.flags.tolist(),
        "about": dict(about),
    }


def _functions(data: PerformanceData) -> str:
    if data.network is not None:
        return f", a network of {len(data.network) / 1e6:.1f} MB"
    fields = "" if data.fields is None else f", {len(data.fields)} carried fields"
    return (
        ""
        if data.is_global
        else (
            f" on {data.basis.shape[1]} spatial "
            f"functions{' and offsets' if data.offsets is not None else ''}{fields}"
        )
    )


@dataclass
class ReportOptions:
    """Write a self-contained HTML page about a model: face, learned bones, thickness, errors per target,
    figures.
    """

    model: tyro.conf.Positional[Path]
    """The .aim file."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The page; MODEL with .html when not given."""
    actor: Path | None = None
    """Measure against this actor's shapes; else against those the file holds."""
    metrics: Path | None = None
    """metrics.json of the training, for anatomy figures and time; found in MODEL's run folder when there is
    one."""
    pictures: Path | None = None
    """Also write the first pictures as PNG files into this folder."""
    progress: Literal["auto", "bar", "lines", "json", "openjd", "none"] = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run_report(options: ReportOptions) -> dict[str, Any]:
    """Write the page."""
    # late: info needs neither scipy nor an actor's readers
    from trainer.actor import load_actor
    from trainer.evaluate.report import write_pictures, write_report

    model = FaceModel.load(options.model, "cpu")
    nearby = RunFolder(options.model.with_suffix(".run")).metrics
    metrics = options.metrics or (nearby if nearby.exists() else None)
    out = options.out or options.model.with_suffix(".html")
    check_apart(out, options.model)
    check_output(out)
    with Progress(options.progress) as progress:
        if options.actor is not None:
            progress.stage("reading the actor")
        actor = load_actor(options.actor) if options.actor else None
        figures = write_report(model, out, actor, read_json(metrics) if metrics else None, progress)
        if options.pictures is not None:
            progress.stage("pictures as files")
            write_pictures(model, options.pictures, actor)
    sys.stdout.write(f"wrote {out}\n")
    return figures
