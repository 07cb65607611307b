"""A face as a picture with the legend of its colours, as PNG and as a movie, of any size."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QLinearGradient, QPainter

from aim_maya.core.dependencies import how_to_install
from aim_maya.core.errors import AimError, MachineError, first_line
from aim_maya.core.files import atomic_path
from aim_maya.core.progress import Progress
from aim_maya.ui.app import save_png

from .face import Legend, ViewedFace
from .timeline import Player

_SMALLEST, _LARGEST = 16, 8192  # pixels
_FPS, _TURN = 30.0, 180  # of a movie; frames of one turn about the face


def upright_image(face: ViewedFace) -> QImage:
    """The scene's picture, its top row first; good until the next one is drawn."""
    pixels = face.scene.picture()
    image = QImage(
        pixels.data, pixels.shape[1], pixels.shape[0], pixels.shape[1] * 4, QImage.Format.Format_RGBX8888
    )
    return image.flipped(Qt.Orientation.Vertical) if hasattr(image, "flipped") else image.mirrored()


def draw_legend(painter: QPainter, legend: Legend, height: int, scale: float) -> None:
    """A bar of the colours with its title above and numbers below, at the lower left of a picture so high."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    font = QFont(painter.font())
    font.setPixelSize(round(12 * scale))
    box = QRectF(18 * scale, height - 86 * scale, 250 * scale, 68 * scale)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(27, 31, 35, 220))
    painter.drawRoundedRect(box, 10 * scale, 10 * scale)
    inner = box.adjusted(14 * scale, 9 * scale, -14 * scale, -8 * scale)
    bar = QRectF(inner.left(), inner.top() + 22 * scale, inner.width(), 8 * scale)
    colours = QLinearGradient(bar.topLeft(), bar.topRight())
    for i, colour in enumerate(legend.colours):
        colours.setColorAt(i / (len(legend.colours) - 1), QColor(*(round(float(c)) for c in colour)))
    painter.setBrush(colours)
    painter.drawRoundedRect(bar, 4 * scale, 4 * scale)
    painter.setFont(font)
    painter.setPen(QColor("#98a2ab"))
    below = QRectF(inner.left(), bar.bottom() + 3 * scale, inner.width(), 16 * scale)
    places = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight)
    for place, mark in zip(places, legend.marks, strict=True):
        painter.drawText(below, place, mark)
    font.setWeight(QFont.Weight.DemiBold)
    painter.setFont(font)
    painter.setPen(QColor("#e6e9ec"))
    title = painter.fontMetrics().elidedText(legend.title, Qt.TextElideMode.ElideRight, round(inner.width()))
    painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, title)


def with_legend(face: ViewedFace) -> QImage:
    """The scene's picture with the legend of its colours, RGBX8888."""
    image = upright_image(face).copy()
    if face.legend is not None:
        painter = QPainter(image)
        draw_legend(painter, face.legend, image.height(), max(min(image.width(), image.height()) / 700, 0.5))
        painter.end()
    return image


def saved_picture(face: ViewedFace, path: Path, size: tuple[int, int]) -> None:
    """The face as PNG, of any size, with the legend of its colours. Raises AimError where it cannot be
    written."""
    before = face.scene.window.GetSize()
    face.scene.resize(*size)
    try:
        if face.legend is None:
            face.scene.save(path)
            return
        image = with_legend(face)
    finally:
        face.scene.resize(*before)
    save_png(image, path)


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
            writer.close()
            written = 0  # where the disk is full for the last of it, the encoder does not tell who called it
            with contextlib.suppress(RuntimeError):
                written = int(imageio_ffmpeg.count_frames_and_secs(str(temporary))[0])
            if written != count:
                raise RuntimeError(f"{written} of {count} frames are in it")
        except (OSError, RuntimeError) as error:
            raise MachineError(
                f"{path.name} was not written: {first_line(error)}.",
                "The encoder ended, or could not write all of it.",
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
