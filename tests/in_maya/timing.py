"""Milliseconds of a frame in this Maya: the attached face against the native blendShape, in every evaluation
mode."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from maya import cmds

from aim_maya.scene.actions.attach import attach

from .lab import Lab, Rig

_FRAMES = 60


def measure(folder: Path) -> list[str]:
    """Markdown rows; a mode that Maya refuses says so."""
    lines = ["| evaluation | native, ms a frame | model, ms a frame |", "| --- | --- | --- |"]
    for mode in ("off", "serial", "parallel"):
        try:
            native, model = _frames(folder, mode, attached=False), _frames(folder, mode, attached=True)
        except RuntimeError as error:
            lines.append(f"| {mode} | {error} | |")
            continue
        lines.append(f"| {mode} | {native:.2f} | {model:.2f} |")
    return lines


def _frames(folder: Path, mode: str, *, attached: bool) -> float:
    lab = Lab(folder)
    rig = lab.rig()
    key_everything(rig)
    if attached:
        attach(rig.mesh, lab.model)
    cmds.evaluationManager(mode=mode)
    times = []
    for frame in range(1, _FRAMES + 1):
        begin = time.perf_counter()
        cmds.currentTime(frame)
        lab.points(rig.mesh)
        times.append(time.perf_counter() - begin)
    cmds.evaluationManager(mode="off")
    return float(np.median(times[5:]) * 1000)


def key_everything(rig: Rig) -> None:
    """A key at frame 1 and one at frame 60 on every slider that nothing drives."""
    for alias, index in rig.index.items():
        plug = f"{rig.node}.weight[{index}]"
        if cmds.listConnections(plug, source=True, destination=False):
            continue
        for frame, value in ((1, 0.0), (_FRAMES, 1.0)):
            cmds.setKeyframe(rig.node, attribute=alias, time=frame, value=value)
