"""Say what an actor.aim holds: controls, sizes, jaw, training figures, and whether every member is whole. Or
what a performance holds."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from aim_maya.core.performance import Flag, PerformanceData
from aim_maya.runtime import FaceModel, Performance
from trainer.bake.take import is_performance
from trainer.evaluate.tables import markdown


@dataclass
class Options:
    """What `aimface info` takes."""

    model: tyro.conf.Positional[Path]
    """The .aim or .aimperf file."""
    json: Path | None = None
    """Write the whole manifest (of a performance: its figures) here as JSON."""


def run(options: Options) -> dict[str, Any]:
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
