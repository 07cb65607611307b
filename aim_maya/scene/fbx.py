"""The FBX-safe form of a face: a copy with a native blendShape that follows the model, keyed at every sample, and its residual.

FBX carries no custom deformers, no combinationShape and no drivers: every weight of the copy, those of combinations too, is sampled and
keyed. What comes after the model in the deformer stack (a skinCluster) is not in the copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from maya import cmds, mel
from numpy.typing import NDArray

from aim_maya.core.errors import AimError
from aim_maya.core.frames import Sampling
from aim_maya.runtime import current_model

from .faces import Face, after_model, model_file
from .mesh_reader import plug_points
from .native import bake_native
from .plugs import disconnect_source, key_linear

Floats = NDArray[np.floating]
_SETTINGS = (  # every switch that decides what is in the file; the rest stay as FBXResetExport leaves them
    "FBXResetExport", "FBXExportShapes -v true", "FBXExportSkins -v false", "FBXExportInputConnections -v false", "FBXExportAnimationOnly -v false",
    "FBXExportBakeComplexAnimation -v false", "FBXExportApplyConstantKeyReducer -v false", "FBXExportConstraints -v false", "FBXExportCameras -v false",
    "FBXExportLights -v false", "FBXExportEmbeddedTextures -v false", "FBXExportInAscii -v false", "FBXExportGenerateLog -v false",
)  # fmt: skip


@dataclass(frozen=True)
class Stand:
    """The copy that stands in for a face: mesh and blendShape, figures (mm) for the report, notes."""

    mesh: str
    blend_shape: str
    figures: dict[str, Any]
    notes: list[str]


def make_stand(face: Face, sampling: Sampling, samples: int) -> Stand:
    """Build the copy and key it. Raises AimError for a mesh without a model."""
    if face.node is None:
        raise AimError(f"{face.transform} has no model.", "Only faces can be given native targets.", "Leave it out, or take abc or usd.")
    made = bake_native(face.transform, samples)
    plugs = [f"{made.blend_shape}.weight[{i}]" for i in cmds.getAttr(f"{made.blend_shape}.weight", multiIndices=True) or []]
    model = current_model(model_file(face.node), "cpu")
    track = _sample(face.node, made.blend_shape, plugs, sampling, model.mm_per_unit)
    _key(plugs, sampling, track.weights)
    figures = {"held_out_mm": made.residual, "shot_mm": track.figures()}
    return Stand(made.mesh, made.blend_shape, figures, _left_out(face))


def _left_out(face: Face) -> list[str]:
    """What moves the face and is not in the copy."""
    later = after_model(face)
    notes = [f"{', '.join(later)} comes after the model on {face.transform} and is not in the FBX"] if later else []
    pairs = cmds.listConnections(face.transform, source=True, destination=False, plugs=True, connections=True) or []
    moved = [plug.rpartition(".")[2] for plug in pairs[::2] if plug.rpartition(".")[2].startswith(("translate", "rotate", "scale", "offsetParentMatrix"))]
    if moved:
        notes.append(f"{face.transform} itself is moved by {', '.join(moved)}: the FBX has it where it stands now; its parents' motion is in")
    return notes


@dataclass(frozen=True)
class _Track:
    """times (F,), weights (F, W), and the distance of the copy from the face: rms (F,), largest (F,), mm."""

    times: list[float]
    weights: Floats
    rms: Floats
    largest: Floats

    def figures(self) -> dict[str, float]:
        worst = int(np.argmax(self.largest))
        return {"rms": float(np.sqrt(np.mean(np.square(self.rms)))), "max": float(self.largest[worst]), "frame": self.times[worst]}


def _sample(node: str, targets: str, plugs: list[str], sampling: Sampling, mm: float) -> _Track:
    """Go through the shot: the copy's weights, and how far it is from the face where the model ends."""
    before = float(cmds.currentTime(query=True))
    weights, rms, largest = [], [], []
    for time in sampling.times:
        cmds.currentTime(time)
        weights.append([float(cmds.getAttr(plug)) for plug in plugs])
        distance = np.linalg.norm(plug_points(f"{node}.outputGeometry[0]") - plug_points(f"{targets}.outputGeometry[0]"), axis=1) * mm
        rms.append(float(np.sqrt(np.mean(np.square(distance)))))
        largest.append(float(distance.max()))
    cmds.currentTime(before)
    return _Track(sampling.times, np.array(weights), np.array(rms), np.array(largest))


def _key(plugs: list[str], sampling: Sampling, weights: Floats) -> None:
    """Cut what drives the weights and key what was sampled, linear between."""
    for plug, column in zip(plugs, weights.T, strict=True):
        disconnect_source(plug)
        key_linear(plug, sampling.times, column.tolist())


def write_fbx(meshes: Sequence[str], out: Path) -> None:
    """Export meshes with their native targets and keys. Raises AimError with the exporter's words."""
    cmds.select(list(meshes), replace=True)
    try:
        for line in (*_SETTINGS, f"FBXExport -f {mel_text(out.as_posix())} -s"):
            mel.eval(line)
    except RuntimeError as error:
        raise AimError(f"The FBX export failed ({str(error).strip()}).", "The disk may be full, or fbxmaya is too old.", "Look at the log above.") from error


def mel_text(text: str) -> str:
    """A string literal of MEL that stands for `text`, whatever is in it."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, escaped)
    return f'"{text}"'
