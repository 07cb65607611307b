"""Native rigs of a model: size, time to write, and how far each program that evaluates them is from
FaceModel.

python -m tests.bench.bench_rig MODEL.aim [--count 200]

Random weight vectors, one to ten controls active, the trained poses first, as a take of one frame each. USD
is skinned by UsdSkel, glTF by its definition in numpy, all files are opened in Blender too, where bpy is
there; glTF and USD there only on vectors whose activations lie within 0 and 1, as Blender's importers cut the
rest.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.curves import Curves, write_curves
from aim_maya.runtime import FaceModel
from tests.helpers.rig_read import Gltf, usd_points
from tests.in_maya.rich import random_weights
from trainer.rig import RigOptions, write_rig

FIRST = {"glb": 0, "fbx": 2, "usdc": 1}


def largest(model: FaceModel, points: Any, expected: list[np.ndarray]) -> float:
    """Millimetres."""
    return max(
        float(np.linalg.norm(a - b, axis=1).max()) * model.mm_per_unit
        for a, b in zip(points, expected, strict=True)
    )


def in_blender(
    model: FaceModel, weights: np.ndarray, units: dict[str, float], folder: Path
) -> dict[str, tuple[float, int]]:
    """{file: (mm, vectors)}."""
    sliders = weights / [units.get(name, 1.0) for name in model.targets]
    jobs: list[dict[str, Any]] = [
        {
            "file": str(folder / "o.blend"),
            "rows": [dict(zip(model.targets, r.tolist(), strict=True)) for r in sliders],
        }
    ]
    jobs += [
        {"file": str(folder / f"o.{e}"), "frames": [n + i for i in range(len(weights))], "fps": 24.0}
        for e, n in FIRST.items()
    ]
    (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    line = [
        sys.executable,
        "-m",
        "tests.helpers.blender_rig",
        str(folder / "jobs.json"),
        str(folder / "f.npz"),
    ]
    subprocess.run(line, check=True, capture_output=True)
    activations = np.array([model.data.rig.activations(r) for r in weights])
    cut = (activations.min(1) < 0) | (activations.max(1) > 1)
    turn = np.linalg.inv([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # Blender's z up -> y up
    found: dict[str, tuple[float, int]] = {}
    with np.load(folder / "f.npz") as seen:
        for n, job in enumerate(jobs):
            ending = job["file"].rsplit(".", 1)[1]
            rows = [r for r in range(len(weights)) if not (cut[r] and ending in ("glb", "usdc"))]
            order = seen[f"{n}.vertex"] if f"{n}.vertex" in seen else slice(None)
            points = [seen[f"{n}.{r}"] @ turn.T * (1000 / model.mm_per_unit) for r in rows]
            found[ending] = largest(model, points, [model.points(weights[r])[order] for r in rows]), len(rows)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    model = FaceModel.load(options.model, "cpu")
    weights = random_weights(model.data.rig, options.count)
    units: dict[str, float] = {}
    blender = importlib.util.find_spec("bpy") is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_curves(folder / "t.csv", Curves(model.targets, weights, np.arange(len(weights)) / 24.0, 24.0))
        for ending in ("usdc", "usda", "glb", *(("blend", "fbx") if blender else ())):
            for what, curves in (("rest", None), ("take", folder / "t.csv")):
                out, began = folder / f"{what}.{ending}", time.perf_counter()
                chosen = RigOptions(curves=curves, scale=1.0 if curves else None)
                figures = write_rig(options.model, out, chosen, device="cpu", style="none")
                units |= figures.get("slider_units", {})
                seconds = time.perf_counter() - began
                sys.stdout.write(f"{what}.{ending}: {out.stat().st_size / 1e6:.2f} MB in {seconds:.2f} s\n")
        expected = [model.points(row) for row in weights]
        frames = [1.0 + i for i in range(len(weights))]
        sys.stdout.write(
            f"UsdSkel: {largest(model, usd_points(folder / 'take.usdc', frames), expected):.6f} mm\n"
        )
        file = Gltf(folder / "take.glb")
        metres = file.frames() * (1000 / model.mm_per_unit)
        sys.stdout.write(f"glTF: {largest(model, metres, [e[file.vertex] for e in expected]):.6f} mm\n")
        if blender:
            (folder / "rest.blend").rename(folder / "o.blend")
            flat = RigOptions(curves=folder / "t.csv", scale=1.0, in_betweens=False)
            write_rig(options.model, folder / "o.usdc", flat, device="cpu", style="none")
            for ending in ("glb", "fbx"):
                (folder / f"take.{ending}").rename(folder / f"o.{ending}")
            for ending, (mm, count) in in_blender(model, weights, units, folder).items():
                sys.stdout.write(f"Blender, .{ending}: {mm:.6f} mm over {count}\n")


if __name__ == "__main__":
    main()
