"""The viewer outside Maya: the window, a picture, a movie, or the measurement of how fast it draws."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np

from aim_maya.core.actor_folder import read_actor
from aim_maya.core.curves.take import parse_weights
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel
from aim_maya.runtime.edit import EditRecipe, preset, read_recipe
from aim_maya.ui import app

from .drawing import FaceScene, can_draw
from .face import Map, ViewedFace
from .pictures import movie, picture_size, saved_picture
from .timeline import Player
from .window import ViewWindow

ROUNDS, FRAMES = 7, 30


class Asked(Protocol):
    """What the command was given; `aimface view --help` says what each means."""

    model: Path
    actor: Path | None
    weights: tuple[str, ...]
    colours: Map
    bones: bool
    edit: Path | None
    preset: str | None
    curves: Path | None
    device: Any
    screenshot: Path | None
    window: bool
    bench: bool
    light: bool
    size: str | None
    movie: Path | None

    @property
    def camera(self) -> str | None:
        """The name of a place to look from."""


def view(asked: Asked) -> dict[str, Any]:
    """Do what was asked; returns figures. Raises AimError for what is no model, no control, no picture, or
    where nothing can be drawn."""
    app.check_writable(asked.screenshot)
    app.check_writable(asked.movie, ".mp4")
    size = picture_size(asked.size) if asked.size else (1280, 720) if asked.movie else (900, 700)
    model = FaceModel.load(asked.model, asked.device)
    weights = parse_weights(asked.weights, model.targets)
    player = Player()
    if asked.curves is not None:
        player.load(asked.curves, model.data)
        weights = player.weights_at(0) if player.performance is None else weights
    actor = read_actor(asked.actor, any_size=True) if asked.actor else None
    if not can_draw():
        raise AimError(
            "Nothing can be drawn here.",
            "This Linux machine has no display, and neither EGL nor OSMesa.",
            "Install libegl1 and libgl1-mesa-dri (or libosmesa6).",
        )
    face = ViewedFace(model, FaceScene(str(model.manifest["up"]), size), actor)
    face.look.colours, face.look.bones = asked.colours, asked.bones
    recipe = read_recipe(asked.edit) if asked.edit else preset(asked.preset) if asked.preset else None
    face.pose(weights)
    face.edit(recipe or EditRecipe())
    if player.performance is not None:
        face.perform(player.performance, 0.0)
    if asked.camera is not None:
        face.camera(asked.camera)
    if face.legend is not None and (asked.movie or asked.screenshot):  # it has letters
        _need_no_display()
        app.application(dark=not asked.light)
    if asked.movie is not None:
        return {"movie": str(asked.movie), "frames": movie(face, player, asked.movie), "size": list(size)}
    if asked.screenshot is not None and not asked.window:
        saved_picture(face, asked.screenshot, size)
        return {"picture": str(asked.screenshot), "device": face.scene.device}
    if asked.bench or asked.screenshot:
        _need_no_display()
    qt = app.application(dark=not asked.light)
    window = ViewWindow(face)
    window.set_up(weights, recipe)
    if asked.bench:
        return bench(window)
    if asked.curves is not None:
        window.play_file(asked.curves)
    return {"exit_code": app.show(window, qt, picture=asked.screenshot), "device": face.scene.device}


def _need_no_display() -> None:
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    ):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def bench(window: ViewWindow) -> dict[str, Any]:
    """Milliseconds from a slider's move to its picture on the widget, beside a bare update and render of the
    same scene, in turns.

    Bare: the same points written to the same surface, and the library's own render call; no model, no
    normals, no window.
    """
    window.show()
    window.view.setFixedSize(900, 700)
    app.application().processEvents()
    slider, scene, skin = window.sliders.rows[0].slider, window.face.scene, window.face.skin
    other = np.array(skin.points)

    def whole(i: int) -> None:
        slider.setValue(1 + (37 * i) % slider.maximum())
        window.view.repaint()

    def bare(_: int) -> None:
        skin.points[:] = other
        skin.touch()
        scene.window.Render()

    for work in (whole, bare):
        _median_ms(work, 10)
    pairs = [(_median_ms(whole, FRAMES), _median_ms(bare, FRAMES)) for _ in range(ROUNDS)]
    ratios = [b / w for w, b in pairs]
    return {
        "vertices": len(other),
        "device": scene.device,
        "slider_to_picture_ms": median(w for w, _ in pairs),
        "bare_ms": median(b for _, b in pairs),
        "rate_over_bare": median(ratios),
        "rate_over_bare_least": min(ratios),
        "rounds": ROUNDS,
        "frames": FRAMES,
    }


def _median_ms(work: Callable[[int], None], times: int) -> float:
    taken = []
    for i in range(times):
        began = time.perf_counter()
        work(i)
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken)


def bench_table(figures: dict[str, Any]) -> str:
    """The measurement in words."""
    return (
        f"{figures['vertices']} vertices at 900x700, drawn by {figures['device']}: slider to picture "
        f"{figures['slider_to_picture_ms']:.1f} ms "
        f"({1000 / figures['slider_to_picture_ms']:.0f} a second), bare update and render "
        f"{figures['bare_ms']:.1f} ms; "
        f"rate over bare {figures['rate_over_bare']:.2f} (median of {figures['rounds']} turns of "
        f"{figures['frames']}, least {figures['rate_over_bare_least']:.2f})"
    )
