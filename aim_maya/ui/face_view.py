"""The widget that shows a FaceScene's picture and turns the mouse and the keys into camera moves."""

from __future__ import annotations

import time

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from .face_scene import FaceScene

_STEP = 10.0  # degrees a key press


class FaceView(QWidget):
    """Draws when it is painted, however often it was asked to before; `drawn` gives the milliseconds."""

    drawn = Signal(float)

    def __init__(self, scene: FaceScene, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene, self._from = scene, QPointF()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setToolTip("Drag: orbit. Right or middle drag: pan. Wheel: zoom. Arrows, + and - do the same; Home shows the whole face.")
        self.setAccessibleName("The face")

    def sizeHint(self) -> QSize:
        """As the benchmarks have it."""
        return QSize(900, 700)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the scene and show it."""
        began = time.perf_counter()
        pixels = self._scene.picture()
        image = QImage(pixels.data, pixels.shape[1], pixels.shape[0], pixels.shape[1] * 4, QImage.Format.Format_RGBX8888)
        painter = QPainter(self)
        upright = image.flipped(Qt.Orientation.Vertical) if hasattr(image, "flipped") else image.mirrored()  # the first row was the lowest
        upright.setDevicePixelRatio(self.devicePixelRatioF())
        painter.drawImage(0, 0, upright)
        painter.end()
        self.drawn.emit(1000 * (time.perf_counter() - began))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As many pixels as the screen has."""
        ratio = self.devicePixelRatioF()
        self._scene.resize(round(event.size().width() * ratio), round(event.size().height() * ratio))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember where."""
        self._from = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Orbit or pan."""
        moved = event.position() - self._from
        self._from = event.position()
        if event.buttons() & Qt.MouseButton.LeftButton and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._scene.orbit(180 * moved.x() / self.height(), -180 * moved.y() / self.height())
        else:
            self._scene.pan(moved.x() / self.height(), -moved.y() / self.height())
        self.update()

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
        turns = {Qt.Key.Key_Left: (-_STEP, 0.0), Qt.Key.Key_Right: (_STEP, 0.0), Qt.Key.Key_Up: (0.0, _STEP), Qt.Key.Key_Down: (0.0, -_STEP)}
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
