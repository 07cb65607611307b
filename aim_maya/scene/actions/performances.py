"""A performance put on a face: played by its node, or, when one weight says it for the whole face, keyed on
the sliders. One undo step each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from maya import cmds

from aim_maya.core.arrays import Floats
from aim_maya.core.bake_back import control_weights
from aim_maya.core.errors import AimError
from aim_maya.core.rigid import translations_rotations
from aim_maya.runtime import FaceModel, Performance
from aim_maya.runtime.deformation import current_model
from aim_maya.scene.maya import from_list, to_list, undo_chunk
from aim_maya.scene.node import paths
from aim_maya.scene.node.settings import positions
from aim_maya.scene.rig.blend_shape import find_node
from aim_maya.scene.rig.meshes import model_file
from aim_maya.scene.rig.plugs import connect, key_linear, node_of, source_of

from .attach import file_for_scene

_CHANNELS = ("translateX", "translateY", "translateZ", "rotateX", "rotateY", "rotateZ")


@dataclass
class Keyed:
    """The node; the plugs that were keyed; the locators of a free jaw and of the head, if any; what the user
    should know."""

    node: str
    plugs: list[str]
    locators: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def load_performance(mesh: str, path: str | Path, start: float | None = None) -> str:
    """Let the node on `mesh` play a performance from scene frame `start` (the playback range's first) on, at
    its own rate; returns the node.

    performanceFrame is keyed, unless something drives it. Raises AimError, and changes nothing, when the
    model and it do not belong together.
    """
    node = find_node(mesh)
    performance, _ = _opened(node, path)
    times, last = _times(performance, start), performance.frame_count - 1
    driven = source_of(f"{node}.performanceFrame")
    with undo_chunk("aimLoadPerformance"):
        cmds.setAttr(f"{node}.performance", file_for_scene(path), type="string")
        if driven is None or cmds.nodeType(node_of(driven)).startswith("animCurveT"):
            key_linear(
                f"{node}.performanceFrame", [times[0], times[-1]][: last + 1], [0.0, float(last)][: last + 1]
            )
    return node


def key_performance(mesh: str, path: str | Path | None = None, start: float | None = None) -> Keyed:
    """Key a global performance (the node's own when path is None) on the sliders, from scene frame `start`
    on; the node then plays none.

    A jaw that is free is keyed on a locator that drives jawMatrix, with the head's motion on another. Raises
    AimError, and changes nothing, for a performance that varies over the face, for sliders that something
    else drives, and for a jaw that is driven already.
    """
    node = find_node(mesh)
    performance, model = _opened(node, path or str(paths.file_of(node, "performance")))
    if not performance.is_global:
        raise AimError(
            f"{performance.name} varies over the face: sliders cannot show it.",
            "It was fitted with --mode local.",
            "Let the node play it (Load performance).",
        )
    free = performance.data.about["jaw"] == "free"
    plugs = _slider_plugs(node, model)
    if free:
        _check_jaw(node)
    times, frames = _times(performance, start), range(performance.frame_count)
    weights, left = control_weights(model.data.rig, np.stack([performance.activations_at(f) for f in frames]))
    keyed = Keyed(node, list(plugs))
    if left.max() > 1e-6:
        keyed.notes.append(f"the sliders cannot show all of it: an activation is up to {left.max():.3g} off")
    with undo_chunk("aimKeyPerformance"):
        for plug, position in plugs.items():
            key_linear(plug, times, weights[:, position].tolist())
        if free:
            keyed.locators = [
                _jaw_locator(node, model, performance, times),
                _head_locator(node, performance, times),
            ]
        cmds.setAttr(f"{node}.performance", "", type="string")
    return keyed


def _opened(node: str, path: str | Path) -> tuple[Performance, FaceModel]:
    model, performance = current_model(model_file(node), "cpu"), Performance.load(path)
    performance.check(model.data)
    return performance, model


def _times(performance: Performance, start: float | None) -> list[float]:
    """Scene frames of the performance's frames."""
    first = float(cmds.playbackOptions(query=True, minTime=True)) if start is None else start
    return [first + f * frames_per_second() / performance.fps for f in range(performance.frame_count)]


def _slider_plugs(node: str, model: FaceModel) -> dict[str, int]:
    """{plug to key: position among the controls}: the node's weights, or those of the live blendShape that
    drives them. Raises AimError."""
    found, driven = {}, []
    for index, position in positions(model.data.rig, str(cmds.getAttr(f"{node}.controlMap") or "")).items():
        plug = f"{node}.weight[{index}]"
        source = source_of(plug)
        if source is not None and cmds.nodeType(node_of(source)) == "blendShape":
            plug, source = source, source_of(source)
        if source is not None and not cmds.nodeType(node_of(source)).startswith("animCurveT"):
            driven.append(f"{plug} (by {source})")
        found[plug] = position
    if driven:
        raise AimError(
            f"{len(driven)} sliders are driven: {', '.join(driven[:5])}.",
            "A rig's controls move them.",
            "Let the node play the file (Load performance), or cut what drives them.",
        )
    return found


def _check_jaw(node: str) -> None:
    for name in ("jawMatrix", "headMatrix"):
        source = source_of(f"{node}.{name}")
        if source is not None:
            raise AimError(
                f"{node}.{name} is driven by {source}, and the performance's jaw was fitted freely.",
                "The rig has a jaw of its own.",
                "Fit with --jaw tied, or disconnect it first.",
            )


def _jaw_locator(node: str, model: FaceModel, performance: Performance, times: Sequence[float]) -> str:
    """A locator at the middle of the face whose motion is the jaw's, driving jawMatrix."""
    face, bind = from_list(cmds.getAttr(f"{node}.faceBindMatrix")), np.eye(4)
    bind[:3, 3] = face[:3, :3] @ model.data.centre + face[:3, 3]
    motions = [face @ performance.jaw(f) @ np.linalg.inv(face) @ bind for f in range(performance.frame_count)]
    locator = _keyed_locator(f"{node}_jaw", np.stack(motions), times)
    cmds.setAttr(f"{node}.jawBindMatrix", to_list(bind), type="matrix")
    connect(f"{locator}.worldMatrix[0]", f"{node}.jawMatrix")
    cmds.setAttr(f"{node}.jawMode", 1)
    return locator


def _head_locator(node: str, performance: Performance, times: Sequence[float]) -> str:
    """A locator with the head's motion in the world: at the origin where the head has not moved."""
    face = from_list(cmds.getAttr(f"{node}.faceBindMatrix"))
    return _keyed_locator(
        f"{node}_head",
        np.stack([face @ performance.head(f) @ np.linalg.inv(face) for f in range(performance.frame_count)]),
        times,
    )


def _keyed_locator(name: str, motions: Floats, times: Sequence[float]) -> str:
    locator = str(cmds.createNode("transform", name=name, skipSelect=True))
    cmds.createNode("locator", name=f"{name}Shape", parent=locator, skipSelect=True)
    values = translations_rotations(motions) / np.repeat([centimetres(), degrees()], 3)
    for channel, column in zip(_CHANNELS, values.T, strict=True):
        key_linear(f"{locator}.{channel}", times, column.tolist())
    return locator


# The user's units: what values of `cmds`, keys among them, are counted in.

_CENTIMETRES = {"mm": 0.1, "cm": 1.0, "m": 100.0, "km": 1e5, "in": 2.54, "ft": 30.48, "yd": 91.44}
_RATES = {"game": 15.0, "film": 24.0, "pal": 25.0, "ntsc": 30.0, "show": 48.0, "palf": 50.0, "ntscf": 60.0}
_DEGREES = {"deg": 1.0, "rad": 57.29577951308232}


def frames_per_second() -> float:
    """Of the scene's time slider: 'film' is 24, '29.97fps' is what it says."""
    name = str(cmds.currentUnit(query=True, time=True))
    return _RATES[name] if name in _RATES else float(name.removesuffix("fps").removesuffix("df"))


def centimetres() -> float:
    """In one user unit of length."""
    return _CENTIMETRES[str(cmds.currentUnit(query=True, linear=True))]


def degrees() -> float:
    """In one user unit of angle."""
    return _DEGREES[str(cmds.currentUnit(query=True, angle=True))]
