"""What this Maya does that no document says: cached playback, scheduling, libraries."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from maya import cmds

from aim_maya.checks.device import session_checks
from aim_maya.runtime import FaceModel, deformation, session
from aim_maya.scene.actions.attach import attach

from .lab import Lab
from .timing import key_everything

_FRAMES = (1, 20, 40, 60, 30)


@contextmanager
def _evaluated(mode: str, *, cached: bool) -> Iterator[None]:
    before = cmds.evaluationManager(query=True, mode=True)[0]
    was = bool(cmds.evaluator(name="cache", query=True, enable=True))
    cmds.evaluationManager(mode=mode)
    cmds.evaluator(name="cache", enable=cached)
    try:
        yield
    finally:
        cmds.evaluator(name="cache", enable=was)
        cmds.evaluationManager(mode=before)


def check_cached_playback_shows_the_same_frames(lab: Lab) -> None:
    """The cache evaluator on: forwards, back again over what was cached, and after a slider was moved."""
    rig = lab.rig()
    key_everything(rig)
    node = attach(rig.mesh, lab.model).node

    def frames() -> list[Any]:
        shown = []
        for frame in (*_FRAMES, *_FRAMES):
            cmds.currentTime(frame)
            shown.append(lab.points(rig.mesh))
        return shown

    for thickness in (1.0, 1.5):
        cmds.setAttr(f"{node}.thickness", thickness)
        with _evaluated("off", cached=False):
            plain = frames()
        with _evaluated("parallel", cached=True):
            cached = frames()
        for a, b in zip(cached, plain, strict=True):
            assert np.array_equal(a, b), f"a cached frame differs at thickness {thickness}"


def check_nodes_are_evaluated_one_at_a_time(lab: Lab) -> None:
    """Two faces in parallel evaluation: while one deforms, and gives Python's lock away, no other does."""
    for name in ("one", "two"):
        rig = lab.rig(name)
        key_everything(rig)
        attach(rig.mesh, lab.model)
    inside, most, lock, plain = 0, 0, threading.Lock(), deformation.Deformation.offset

    def watched(self: deformation.Deformation, *arguments: Any) -> Any:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.005)
        try:
            return plain(self, *arguments)
        finally:
            with lock:
                inside -= 1

    deformation.Deformation.offset = watched  # type: ignore[method-assign]
    try:
        with _evaluated("parallel", cached=False):
            for frame in _FRAMES:
                cmds.currentTime(frame)
    finally:
        deformation.Deformation.offset = plain  # type: ignore[method-assign]
    assert most == 1, f"{most} nodes deformed at once"


def check_onnxruntime_opens_a_session(lab: Lab) -> None:
    """Where onnxruntime is installed it computes here, on whichever device it takes; the report says
    which."""
    failed = [f"{c.name}: {c.found}" for c in session_checks() if c.state == "fail"]
    assert not failed, failed


def check_blas_is_held_to_one_thread(lab: Lab) -> None:
    """While a face deforms numpy's OpenBLAS has one thread, afterwards what it had."""
    library = session.library()
    if library is None:  # another BLAS, which is left alone
        return
    get, _ = library
    rig = lab.rig()
    node, before, seen, plain = attach(rig.mesh, lab.model).node, get(), [], FaceModel.points

    def points(self: FaceModel, *a: Any, **k: Any) -> Any:
        seen.append(get())
        return plain(self, *a, **k)

    FaceModel.points = points  # type: ignore[method-assign]
    try:
        cmds.setAttr(f"{node}.jawOpen", 1.0)
        lab.points(rig.mesh)
    finally:
        FaceModel.points = plain  # type: ignore[method-assign]
    assert seen
    assert set(seen) == {1}, seen
    assert get() == before


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
