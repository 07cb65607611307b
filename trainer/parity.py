"""A .aim file gets its name only when every way to compute a frame from it agrees."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.aim_file import write_aim
from aim_maya.core.errors import AimError
from aim_maya.core.posing import pose_matrix
from aim_maya.runtime import FaceModel
from aim_maya.runtime.session import open_session

Floats = NDArray[np.floating]
PARITY_MM = 1e-3


def write_checked(
    path: str | Path, manifest: Mapping[str, Any], members: Mapping[str, bytes], posed: Floats | None = None, agrees_with: FaceModel | None = None
) -> dict[str, float]:
    """Write a .aim file with its parity figures (mm) in the manifest, and return them.

    posed (T, V, 3): torch's skin at the trained poses. agrees_with: a model that the file has to give the same points as.
    Raises AimError, and writes nothing, when any of them differ by more than 1e-3 mm.
    """
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.aim"
        write_aim(draft, {**manifest, "parity_mm": {"unchecked": 0.0}}, members)
        figures = parity(draft, posed) | ({} if agrees_with is None else {"edited_baked": apart(FaceModel.load(draft, "cpu"), agrees_with)})
    worst = max(figures.values())
    if worst > PARITY_MM:
        raise AimError(
            f"Export stopped: torch, ONNX and cached evaluation differ by {worst:.2e} mm ({figures}).",
            "A network with very large values, or an onnxruntime that computes in reduced precision.",
            "Nothing was written. Train again with another seed, or report this.",
        )
    write_aim(path, {**manifest, "parity_mm": figures}, members)
    return figures


def parity(path: Path, posed: Floats | None = None) -> dict[str, float]:
    """Largest differences in mm of everything from cached points at trained poses: the graphs' fields and frames, and torch's where given."""
    cached, full = FaceModel.load(path, "cpu"), FaceModel.load(path, "cpu", evaluation="full")
    data, rig, mm = cached.data, cached.data.rig, cached.mm_per_unit
    fields = open_session(data.graph("fields.onnx"), "cpu").handle.run(None, {"template": data.template})
    stored = (data.bone, data.thickness[:, None], data.normals, data.weight[:, None], data.basis.transpose(1, 0, 2))
    lengths = (mm, mm, 10.0, 10.0, mm)  # a normal and a skinning weight count by what they do to 10 mm
    names = ("bone", "thickness", "normals", "weight", "basis")
    figures = {n: float(np.abs(a - b).max()) * s for n, a, b, s in zip(names, fields, stored, lengths, strict=True)}
    pose_session = open_session(data.graph("pose.onnx"), "cpu").handle
    inputs_of_pose = [i.name for i in pose_session.get_inputs()]
    differences = {"full_cached": 0.0, "pose_cached": 0.0, "full_cached_detail": 0.0} | ({} if posed is None else {"torch_cached": 0.0})
    for i in _chosen(pose_matrix(rig)):
        controls = rig.trained_pose(rig.targets[i])
        points = cached.points(controls, detail=False)
        inputs = dict(zip(inputs_of_pose, [*stored, *_default_edit(rig.activations(controls), len(points))], strict=True))
        others = {"full_cached": full.points(controls, detail=False), "pose_cached": pose_session.run(["points"], inputs)[0]}
        others |= {} if posed is None else {"torch_cached": posed[i]}
        now = {name: float(np.abs(points - other).max()) for name, other in others.items()}
        now["full_cached_detail"] = float(np.abs(cached.points(controls) - full.points(controls)).max())
        differences = {name: max(value, now[name]) for name, value in differences.items()}
    return figures | {name: value * mm for name, value in differences.items()}


def apart(one: FaceModel, other: FaceModel, frames: int = 8) -> float:
    """Largest difference in mm of two models at random weights, with and without detail."""
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(frames):
        weights = rng.uniform(0, 1, len(one.targets)) * (rng.random(len(one.targets)) < 0.5)
        worst = max(worst, *(float(np.abs(one.points(weights, detail=d) - other.points(weights, detail=d)).max()) for d in (True, False)))
    return worst * one.mm_per_unit


def _chosen(matrix: Floats) -> list[int]:
    """At most twelve trained poses, evenly spread, every combination among them."""
    combinations = [i for i, row in enumerate(matrix) if (row != 0).sum() > 1]
    return sorted({*np.linspace(0, len(matrix) - 1, min(12, len(matrix))).round().astype(int).tolist(), *combinations[:12]})


def _default_edit(activations: Floats, vertices: int) -> list[Floats]:
    """Inputs of pose.onnx behind the fields: weights, jaw, jaw_given, jaw_gain, jaw_arc, thickness_gain, bone_offset, expression_gain."""
    ones, none = np.ones((vertices, 1), np.float32), np.zeros((vertices, 3), np.float32)
    return [activations, np.eye(4), np.array(0.0), np.array(1.0), np.array(1.0, np.float32), ones, none, ones]
