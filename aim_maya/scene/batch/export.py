"""Export of one open scene: its faces to Alembic, USD or the FBX-safe form, with every model seen to run.

FBX carries no custom deformers, no combinationShape and no drivers: every weight of the copy, those of
combinations too, is sampled and keyed. What comes after the model in the deformer stack (a skinCluster) is
not in the copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from maya import cmds, mel

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.jobs.options import Item, Sampling
from aim_maya.jobs.results import check_complete
from aim_maya.jobs.supervisor import sampling
from aim_maya.runtime.deformation import current_model
from aim_maya.scene.actions.native import bake_native
from aim_maya.scene.rig.meshes import Face, after_model, examine, find_faces, model_file, plug_points
from aim_maya.scene.rig.plugs import disconnect_source, key_linear

from .files import NoFaces, SceneReport, fresh_path

# Point caches of meshes as Maya's own exporters write them: Alembic and USD. Deformers run as in the scene,
# frame by frame.


def write_alembic(
    roots: Sequence[str], sampling: Sampling, out: Path, *, world: bool, strip_namespaces: bool
) -> None:
    """One Ogawa archive of these transforms. Raises AimError with the exporter's words."""
    words = [f"-frameRange {_number(sampling.first)} {_number(sampling.last)} -step {_number(sampling.step)}"]
    words += [
        f"-frameRelativeSample {_number(sub)}"
        for sub in sorted(sampling.sub_frames)
        if sampling.sub_frames != (0.0,)
    ]
    words += ["-uvWrite", "-writeVisibility", "-dataFormat ogawa"]
    words += ["-worldSpace"] if world else []
    words += ["-stripNamespaces"] if strip_namespaces else []
    words += [f"-root {root}" for root in outermost(roots)]
    words.append(f"-file {_quoted(out.as_posix())}")
    _command("AbcExport", j=" ".join(words))


def write_usd(
    roots: Sequence[str], sampling: Sampling, out: Path, *, world: bool, strip_namespaces: bool
) -> None:
    """One USD file: points as time samples, no skeleton, no blend shapes. `world` is in the transform of each
    root prim, points are object space.

    Raises AimError with the exporter's words.
    """
    flags: dict[str, Any] = {
        "file": out.as_posix(),
        "exportRoots": outermost(roots),
        "frameRange": (sampling.first, sampling.last),
        "frameStride": sampling.step,
        "frameSample": sorted(sampling.sub_frames),
        "exportBlendShapes": False,
        "exportSkels": "none",
        "exportSkin": "none",
        "exportUVs": True,
        "staticSingleSample": False,
        "stripNamespaces": strip_namespaces,
        "defaultUSDFormat": "usda" if out.suffix == ".usda" else "usdc",
    }
    if world:
        flags["worldspace"] = True
    _command("mayaUSDExport", **flags)


def outermost(roots: Sequence[str]) -> list[str]:
    """Full paths without those that lie below another: the exporter takes children along, and refuses them
    twice."""
    return [r for r in dict.fromkeys(roots) if not any(r.startswith(f"{other}|") for other in roots)]


def _number(value: float) -> str:
    return f"{value:.12g}"


def _quoted(path: str) -> str:
    """The job string is cut at spaces; quotes keep a path together."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _command(name: str, **flags: Any) -> None:
    """A plug-in's command, which no stub knows. An older plug-in that has not a flag says so."""
    command = getattr(cmds, name, None)
    if command is None:
        raise AimError(
            f"Maya has no command {name}.",
            "Its plug-in is not loaded.",
            "Install it, or take another --format.",
        )
    try:
        command(**flags)
    except TypeError as error:
        raise AimError(
            f"{name} refused its arguments ({error}).",
            "This plug-in is too old: `worldspace` came to mayaUSDExport late.",
            "--space object, or --format abc.",
        ) from error
    except (RuntimeError, OSError) as error:
        raise AimError(
            f"{name} failed ({str(error).strip()}).",
            "The disk may be full, or the scene holds something it cannot write.",
            "Look at the log above.",
        ) from error


# The FBX-safe form of a face: a copy with a native blendShape that follows the model, keyed at every sample,
# and its residual.

_SETTINGS = (  # every switch that decides what is in the file; the rest stay as FBXResetExport leaves them
    "FBXResetExport",
    "FBXExportShapes -v true",
    "FBXExportSkins -v false",
    "FBXExportInputConnections -v false",
    "FBXExportAnimationOnly -v false",
    "FBXExportBakeComplexAnimation -v false",
    "FBXExportApplyConstantKeyReducer -v false",
    "FBXExportConstraints -v false",
    "FBXExportCameras -v false",
    "FBXExportLights -v false",
    "FBXExportEmbeddedTextures -v false",
    "FBXExportInAscii -v false",
    "FBXExportGenerateLog -v false",
)


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
        raise AimError(
            f"{face.transform} has no model.",
            "Only faces can be given native targets.",
            "Leave it out, or take abc or usd.",
        )
    made = bake_native(face.transform, samples)
    plugs = [
        f"{made.blend_shape}.weight[{i}]"
        for i in cmds.getAttr(f"{made.blend_shape}.weight", multiIndices=True) or []
    ]
    model = current_model(model_file(face.node), "cpu")
    track = _sample(face.node, made.blend_shape, plugs, sampling, model.mm_per_unit)
    _key(plugs, sampling, track.weights)
    figures = {"held_out_mm": made.residual, "shot_mm": track.figures()}
    return Stand(made.mesh, made.blend_shape, figures, _left_out(face))


def _left_out(face: Face) -> list[str]:
    """What moves the face and is not in the copy."""
    later = after_model(face)
    notes = (
        [f"{', '.join(later)} comes after the model on {face.transform} and is not in the FBX"]
        if later
        else []
    )
    pairs = (
        cmds.listConnections(face.transform, source=True, destination=False, plugs=True, connections=True)
        or []
    )
    moved = [
        plug.rpartition(".")[2]
        for plug in pairs[::2]
        if plug.rpartition(".")[2].startswith(("translate", "rotate", "scale", "offsetParentMatrix"))
    ]
    if moved:
        notes.append(
            f"{face.transform} itself is moved by {', '.join(moved)}: the FBX has it where it stands "
            "now; its parents' motion is in"
        )
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
        return {
            "rms": float(np.sqrt(np.mean(np.square(self.rms)))),
            "max": float(self.largest[worst]),
            "frame": self.times[worst],
        }


def _sample(node: str, targets: str, plugs: list[str], sampling: Sampling, mm: float) -> _Track:
    """Go through the shot: the copy's weights, and how far it is from the face where the model ends."""
    before = float(cmds.currentTime(query=True))
    weights, rms, largest = [], [], []
    for time in sampling.times:
        cmds.currentTime(time)
        weights.append([float(cmds.getAttr(plug)) for plug in plugs])
        distance = (
            np.linalg.norm(
                plug_points(f"{node}.outputGeometry[0]") - plug_points(f"{targets}.outputGeometry[0]"), axis=1
            )
            * mm
        )
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
        raise AimError(
            f"The FBX export failed ({str(error).strip()}).",
            "The disk may be full, or fbxmaya is too old.",
            "Look at the log above.",
        ) from error


def mel_text(text: str) -> str:
    """A string literal of MEL that stands for `text`, whatever is in it."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, escaped)
    return f'"{text}"'


# Export of one open scene: choose the faces, see that their models run, write one file.


def export(item: Item, options: dict[str, Any]) -> SceneReport:
    """Bake the faces of the open scene into item.output. Raises AimError."""
    faces = find_faces(options["nodes"])
    if not any(face.node for face in faces):
        raise NoFaces()
    span = sampling(options, _playback())
    cmds.currentTime(span.first)
    report = SceneReport([_looked_at(face, options) for face in faces])
    report.figures["frames"] = {
        "first": span.first,
        "last": span.last,
        "step": span.step,
        "sub_frames": list(span.sub_frames),
        "samples": len(span.times),
    }
    with fresh_path(item.output) as temporary:
        if options["format"] == "fbx":
            _fbx(faces, span, options, temporary, report)
        else:
            write = write_alembic if options["format"] == "abc" else write_usd
            write(
                [f.transform for f in faces],
                span,
                temporary,
                world=options["space"] == "world",
                strip_namespaces=options["strip_namespaces"],
            )
        check_complete(temporary)
        report.figures["bytes"] = temporary.stat().st_size
    return report


def _playback() -> tuple[float, float]:
    return float(cmds.playbackOptions(query=True, minTime=True)), float(
        cmds.playbackOptions(query=True, maxTime=True)
    )


def _looked_at(face: Face, options: dict[str, Any]) -> dict[str, Any]:
    """What the report says of a face. Raises AimError where the model does not run: the shot would go out
    with the linear face."""
    found = {"mesh": face.transform} | (examine(face.node) if face.node else {"node": None})
    problems = found.get("problems")
    if problems and not options["allow_broken"]:
        raise AimError(
            f"{face.node} does not show its model: {'; '.join(problems)}",
            "The face would go out without its model.",
            "Mend it, or say --allow-broken.",
        )
    return found


def _fbx(faces: list[Face], span: Any, options: dict[str, Any], out: Path, report: SceneReport) -> None:
    stands = [make_stand(face, span, options["samples"]) for face in faces]
    for row, stand in zip(report.faces, stands, strict=True):
        row["native"], row["residual"] = stand.mesh, stand.figures
        report.notes += stand.notes
        worst, most = stand.figures["shot_mm"], options["max_residual"]
        if most is not None and worst["max"] > most:
            raise AimError(
                f"The native targets are {worst['max']:.3g} mm off at frame {worst['frame']:g}; "
                f"{most:g} were allowed.",
                "The jaw's arc and edits are more than linear targets can follow.",
                "Take abc or usd, which are exact, or allow more with --max-residual.",
            )
    write_fbx([stand.mesh for stand in stands], out)
