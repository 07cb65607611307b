"""Curves through a model to point caches, frame by frame: memory does not grow with the length of an OBJ sequence."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.curves import match_controls, read_curves
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.obj import write_obj
from aim_maya.runtime import FaceModel

from .progress import Progress, Style

Floats = NDArray[np.floating]


def bake(
    model_path: Path, curves_path: Path, out: Path, *, start: int = 1, fps: float | None = None, detail: bool = True,
    device: str = "auto", evaluation: str = "cached", style: Style = "auto",
) -> dict[str, Any]:  # fmt: skip
    """Bake every row of the curves. Raises AimError for a model or curves that cannot be read, or an output that is neither."""
    if out.suffix not in (".npz", "", ".obj"):
        raise AimError(f"The output '{out}' is of no known kind.", remedy="Name a .npz, or a folder for an OBJ sequence.")
    if fps is not None and not fps > 0:
        raise AimError(f"fps is {fps}.", remedy="Give a positive number of frames a second.")
    model = FaceModel.load(model_path, device, evaluation=evaluation)
    curves = read_curves(curves_path, fps)
    weights, notes = match_controls(curves, model.targets)
    with Progress(style) as progress:
        for note in notes:
            progress.note(note, warning=True)
        progress.note(model.status)
        progress.stage("bake", len(weights))
        if out.suffix == ".npz":
            _write_npz(model, weights, curves.times, curves.fps, out, detail, progress)
        else:
            _write_objs(model, weights, out.with_suffix(""), start, detail, progress)
    return {"frames": len(weights), "fps": curves.fps, "vertices": len(model.mesh.points), "unmatched": notes, "status": model.status}


def _write_objs(model: FaceModel, weights: Floats, folder: Path, start: int, detail: bool, progress: Progress) -> None:
    digits = max(4, len(str(start + len(weights) - 1)))
    for i, row in enumerate(weights):
        write_obj(folder / f"frame_{start + i:0{digits}d}.obj", model.mesh.with_points(model.points(row, detail=detail)))
        progress.step(i + 1, len(weights), frame=start + i)


def _write_npz(model: FaceModel, weights: Floats, times: Floats, fps: float, out: Path, detail: bool, progress: Progress) -> None:
    """frames (F, V, 3) float32 are streamed into the archive; everything else is small."""
    jaws = np.stack([model.jaw(row) for row in weights])
    small = {
        "times": times, "jaw_matrices": jaws, "head_matrices": np.broadcast_to(np.eye(4), jaws.shape), "fps": np.float64(fps),
        "targets": np.array(model.targets, np.str_), "mm_per_unit": np.float64(model.mm_per_unit),
        "faces_counts": model.mesh.counts, "faces_corners": model.mesh.corners,
    }  # fmt: skip
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("frames.npy", "w", force_zip64=True) as stream:
            shape = (len(weights), len(model.mesh.points), 3)
            np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
            for i, row in enumerate(weights):
                stream.write(np.ascontiguousarray(model.points(row, detail=detail), "<f4").tobytes())
                progress.step(i + 1, len(weights), frame=i)
        for name, array in small.items():
            with archive.open(f"{name}.npy", "w") as stream:
                np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
