"""Say what an actor.aim holds: controls, sizes, jaw, training figures, and whether every member is whole."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from aim_maya.runtime import FaceModel
from trainer.figures import markdown


@dataclass
class Options:
    """What `aimface info` takes."""

    model: tyro.conf.Positional[Path]
    """The .aim file."""
    json: Path | None = None
    """Write the whole manifest here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Print a summary; returns the manifest."""
    model = FaceModel.load(options.model, "cpu")
    manifest = model.manifest
    skin = manifest.get("training", {}).get("skin", {})
    low, high = model.mesh.points.min(0) * model.mm_per_unit, model.mesh.points.max(0) * model.mm_per_unit
    rows = [
        ["name", manifest["name"]],
        ["vertices, faces", f"{manifest['vertex_count']}, {len(model.mesh.counts)}"],
        ["size", " x ".join(f"{x:.0f}" for x in high - low) + f" mm ({model.mm_per_unit:g} mm a unit, {manifest['up']} up)"],
        ["controls", len(model.targets)],
        ["targets, combinations", f"{len(manifest['targets'])}, {len(manifest['poses'])}"],
        ["jaw", f"{manifest['jaw']['source']}: {manifest['jaw']['report']}"],
        ["networks alone, skin", f"{skin.get('mean', 0):.3f} mm mean, {skin.get('max', 0):.2f} mm max"],
        ["parity", f"{max(manifest['parity_mm'].values()):.1e} mm"],
        *[
            ["edited from", f"{e['source']} ({e['source_sha256'][:12]}): {', '.join(sorted({k for r in e['edits'] for k in r} - {'schema'})) or 'nothing'}"]
            for e in manifest.get("edits", [])
        ],
        ["topology", manifest["topology_hash"][:16]],
        ["written by", f"{manifest['writer']}, schema {manifest['schema']}"],
        ["file", f"{options.model.stat().st_size / 1e6:.1f} MB, every member verified"],
    ]
    sys.stdout.write(markdown(["", str(options.model)], rows) + "\n\ncontrols: " + ", ".join(model.targets) + "\n")
    return manifest
