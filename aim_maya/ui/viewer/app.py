"""The viewer outside Maya: the window, a picture, a movie, or the measurement of how fast it draws."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np

from aim_maya.core.actor_folder import read_actor
from aim_maya.core.curves.take import parse_weights
from aim_maya.core.dependencies import how_to_install
from aim_maya.core.errors import AimError, first_line
from aim_maya.core.files import atomic_path
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel
from aim_maya.runtime.edit import EditRecipe, preset, read_recipe
from aim_maya.ui import app

from .drawing import FaceScene, can_draw
from .face import Map, ViewedFace
from .sliders import Player
from .window import ViewWindow, saved_picture, with_legend

ROUNDS, FRAMES = 7, 30
_SMALLEST, _LARGEST = 16, 8192  # pixels
_FPS, _TURN = 30.0, 180  # of a movie; frames of one turn about the face


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


def picture_size(text: str) -> tuple[int, int]:
    """(width, height) of '1920x1080', or of '2000' for a square. Raises AimError for what is no size."""
    found = re.fullmatch(r"(\d+)(?:x(\d+))?", text.strip().lower())
    sides = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not all(_SMALLEST <= side <= _LARGEST for side in sides):
        raise AimError(
            f"The size is '{text}'.",
            f"It is no number of pixels from {_SMALLEST} to {_LARGEST}, nor two of them with an x between.",
            "Give for example 2000, or 1920x1080.",
        )
    return sides


def movie(face: ViewedFace, player: Player, path: Path) -> int:
    """Write the take that the player has, each frame at its moment, or one turn about the face, as MP4
    (H.264); returns how many frames. Raises AimError where the encoder is missing or fails."""
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise AimError(
            f"{path.name} cannot be written: there is no encoder.",
            "The package imageio-ffmpeg is not installed.",
            how_to_install("movie", "imageio-ffmpeg"),
        ) from error
    fps, moments = player.movie_frames(_FPS)
    count = len(moments) or _TURN
    width, height = (side // 2 * 2 for side in face.scene.window.GetSize())  # H.264 has pairs of pixels
    face.scene.resize(width, height)
    with Progress() as told, atomic_path(path) as temporary:
        told.stage("movie", count)
        writer = imageio_ffmpeg.write_frames(
            str(temporary),
            (width, height),
            fps=fps,
            quality=8,
            macro_block_size=2,
            output_params=["-f", "mp4"],
        )
        try:
            writer.send(None)
            for i in range(count):
                if not len(moments):
                    face.scene.orbit(360 / _TURN, 0)
                elif player.performance is not None:
                    face.perform(player.performance, float(moments[i]))
                else:
                    face.pose(player.weights_at(int(moments[i])))
                writer.send(_frame(face))
                told.step(i + 1, count)
        except (OSError, RuntimeError) as error:
            raise AimError(
                f"{path.name} was not written: {first_line(error)}.",
                "The encoder ended.",
                "See whether the disk is full.",
            ) from error
        finally:
            writer.close()
    return count


def _frame(face: ViewedFace) -> Any:
    """(H, W, 3) uint8, its top row first, with the legend of the colours."""
    if face.legend is None:
        return np.ascontiguousarray(face.scene.picture()[::-1, :, :3])
    image = with_legend(face)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return np.ascontiguousarray(
        rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4)[..., :3]
    )


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
