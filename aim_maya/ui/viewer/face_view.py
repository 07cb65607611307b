"""The widget that shows a face's picture and turns the mouse and the keys into camera moves and weights."""

from __future__ import annotations

import time

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from .face import Grip, Pull, ViewedFace
from .pictures import draw_legend, upright_image

_STEP = 10.0  # degrees a key press
_SURE = 5.0  # pixels that the mouse goes before it is said which control it moves


class FaceView(QWidget):
    """Draws when it is painted, however often it was asked to before; `drawn` gives the milliseconds.

    A drag that begins on the face gives `pulled` (control, weight) until it ends; `took` comes before the
    first.
    """

    drawn = Signal(float)
    took = Signal()
    pulled = Signal(int, float)

    def __init__(self, face: ViewedFace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._face, self._scene = face, face.scene
        self._from, self._began = QPointF(), QPointF()
        self._grip: Grip | None = None
        self._pull: Pull | None = None
        self.drags = True
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setToolTip(
            "Drag on the face: moves it. Drag beside it, or with Alt: orbit. Right or middle drag: "
            "pan. Wheel: "
            "zoom. Arrows, + and - do the same; Home shows the whole face."
        )
        self.setAccessibleName("The face")

    def sizeHint(self) -> QSize:
        """As the benchmarks have it."""
        return QSize(900, 700)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the scene and show it."""
        began = time.perf_counter()
        painter = QPainter(self)
        upright = upright_image(self._face)
        upright.setDevicePixelRatio(self.devicePixelRatioF())
        painter.drawImage(0, 0, upright)
        if self._face.legend is not None:
            draw_legend(painter, self._face.legend, self.height(), 1.0)
        painter.end()
        self.drawn.emit(1000 * (time.perf_counter() - began))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As many pixels as the screen has."""
        ratio = self.devicePixelRatioF()
        self._scene.resize(round(event.size().width() * ratio), round(event.size().height() * ratio))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember where, and what of the face is there."""
        self._from = self._began = event.position()
        self._grip = self._pull = None
        plain = event.button() == Qt.MouseButton.LeftButton and not event.modifiers()
        if self.drags and plain:
            ratio = self.devicePixelRatioF()
            self._grip = self._face.grip(ratio * event.position().x(), ratio * event.position().y())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the face, orbit or pan."""
        moved = event.position() - self._from
        self._from = event.position()
        if self._grip is not None:
            self._drag((event.position() - self._began) * self.devicePixelRatioF())
            return
        if (
            event.buttons() & Qt.MouseButton.LeftButton
            and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            self._scene.orbit(180 * moved.x() / self.height(), -180 * moved.y() / self.height())
        else:
            self._scene.pan(moved.x() / self.height(), -moved.y() / self.height())
        self.update()

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        """What was pulled stays."""
        self._grip = self._pull = None

    def _drag(self, way: QPointF) -> None:
        assert self._grip is not None
        drag = (way.x(), way.y())
        if self._pull is None:
            if max(abs(way.x()), abs(way.y())) < _SURE:
                return
            self._pull = self._face.pulled(self._grip, drag)
            if self._pull is None:  # nothing moves that way here
                return
            self.took.emit()
        self.pulled.emit(self._pull.control, self._pull.weight(drag))

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        """The whole face again."""
        self._scene.reset_camera()
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Nearer or farther."""
        self._scene.zoom(1.0015 ** event.angleDelta().y())
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The same without a mouse."""
        turns = {
            Qt.Key.Key_Left: (-_STEP, 0.0),
            Qt.Key.Key_Right: (_STEP, 0.0),
            Qt.Key.Key_Up: (0.0, _STEP),
            Qt.Key.Key_Down: (0.0, -_STEP),
        }
        key = Qt.Key(event.key())
        if key in turns:
            self._scene.orbit(*turns[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self._scene.zoom(1 / 1.15 if key == Qt.Key.Key_Minus else 1.15)
        elif key == Qt.Key.Key_Home:
            self._scene.reset_camera()
        else:
            super().keyPressEvent(event)
            return
        self.update()
