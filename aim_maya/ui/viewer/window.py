"""The viewer: sliders on the left, the face in the middle of things, turned by mouse and keys, what is seen
of it below.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from aim_maya.core.errors import AimError
from aim_maya.core.typed import Floats
from aim_maya.runtime.edit import EditRecipe
from aim_maya.runtime.face_parts import controls
from aim_maya.ui.app import dress, show_error

from .drawing import FaceScene
from .edit_panel import EditPanel, PresetBox
from .face import ViewedFace
from .sliders import Player, TargetSliders

# The widget that shows a FaceScene's picture and turns the mouse and the keys into camera moves.

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
        self.setToolTip(
            "Drag: orbit. Right or middle drag: pan. Wheel: zoom. Arrows, + and - do the same; Home "
            "shows the whole face."
        )
        self.setAccessibleName("The face")

    def sizeHint(self) -> QSize:
        """As the benchmarks have it."""
        return QSize(900, 700)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the scene and show it."""
        began = time.perf_counter()
        pixels = self._scene.picture()
        image = QImage(
            pixels.data, pixels.shape[1], pixels.shape[0], pixels.shape[1] * 4, QImage.Format.Format_RGBX8888
        )
        painter = QPainter(self)
        upright = (
            image.flipped(Qt.Orientation.Vertical) if hasattr(image, "flipped") else image.mirrored()
        )  # the first row was the lowest
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
        if (
            event.buttons() & Qt.MouseButton.LeftButton
            and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
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


# The viewer: sliders on the left, the face in the middle of things, what is seen of it below.

_MAPS = {
    "none": "Plain",
    "thickness": "Soft-tissue thickness",
    "weight": "Skinning weight",
    "error": "Error against the shapes",
}
_NO_BONES = "Trained without bones: no skull, jaw and tissue to show, and expressions alone to edit."


class ViewWindow(QWidget):
    """Widgets around a ViewedFace."""

    def __init__(self, face: ViewedFace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.face, self.message = face, None
        self.setWindowTitle(f"AIM: {face.model.manifest['name']}")
        self.sliders, self.view, self.player = (
            TargetSliders(face.model.data.rig.controls, [c["group"] for c in controls(face.model.data)]),
            FaceView(face.scene),
            Player(self),
        )
        self.skin, self.bones, self.wires, self.detail = (
            QCheckBox("&Skin"),
            QCheckBox("Skull and &jaw"),
            QCheckBox("&Wireframe"),
            QCheckBox("&Detail"),
        )
        self.colours, self.play, self.caption, self.status = (
            QComboBox(),
            QPushButton("&Play curves ..."),
            QLabel(),
            QLabel(),
        )
        self.edits = EditPanel(face.has_anatomy)
        self.gains = self.edits.gains
        self._times: list[float] = []
        self._told = 0.0
        self._lay_out()
        self._connect()
        dress(self)

    message: QMessageBox | None

    def _lay_out(self) -> None:
        self.skin.setChecked(True)
        self.detail.setChecked(True)
        self.detail.setToolTip("On: every trained shape is exact. Off: the networks alone")
        self.bones.setToolTip("The learned bone under every point of the skin; the jaw's in orange")
        self.colours.addItems(list(_MAPS.values()))
        if not self.face.original.data.has_anatomy:
            self.bones.setEnabled(False)
            self.gains["thickness"].setEnabled(False)
            self.bones.setToolTip(_NO_BONES)
            for kind in ("thickness", "weight"):
                self.colours.setItemData(list(_MAPS).index(kind), 0, Qt.ItemDataRole.UserRole - 1)
        for label in (self.caption, self.status):
            label.setWordWrap(True)  # a long line would widen the window
        left = QWidget()
        column = QVBoxLayout(left)
        column.addWidget(self.sliders, 1)
        column.addWidget(self.play)
        column.addWidget(self.edits)
        column.addWidget(self._look_group())
        right = QWidget()
        picture = QVBoxLayout(right)
        picture.setContentsMargins(0, 0, 0, 0)
        picture.addWidget(self.view, 1)
        picture.addWidget(self.caption)
        picture.addWidget(self.status)
        split = QSplitter()
        split.addWidget(left)
        split.addWidget(right)
        split.setStretchFactor(1, 1)
        QHBoxLayout(self).addWidget(split)
        self.resize(1260, 780)

    def _look_group(self) -> QWidget:
        group = QGroupBox("Look")
        column, row, last, label = QVBoxLayout(group), QHBoxLayout(), QHBoxLayout(), QLabel("&Colours")
        for box in (self.skin, self.bones, self.wires, self.detail):
            row.addWidget(box)
        column.addLayout(row)
        self.colours.setAccessibleName("Colours")
        label.setBuddy(self.colours)
        last.addWidget(label)
        last.addWidget(self.colours, 1)
        column.addLayout(last)
        return group

    def _connect(self) -> None:
        self.sliders.changed.connect(self._pose)
        self.edits.changed.connect(self._edit)
        self.edits.presets.opened.connect(self._picture_presets)
        for box in (self.skin, self.bones, self.wires, self.detail):
            box.toggled.connect(self._dress)
        self.colours.currentIndexChanged.connect(self._dress)
        self.view.drawn.connect(self._drawn)
        self.play.clicked.connect(self._play)
        self.player.frame.connect(lambda weights, _number: self.sliders.set_weights(weights))

    def set_up(self, weights: Floats, recipe: EditRecipe | None = None) -> None:
        """Make the widgets say what the face was told before there were any, and show an edit."""
        look = self.face.look
        self.bones.setChecked(look.bones)
        self.colours.setCurrentIndex(list(_MAPS).index(look.colours))
        self.sliders.set_weights(weights)
        if recipe is not None:
            self.edits.set_recipe(recipe)

    def _pose(self) -> None:
        self.face.pose(self.sliders.weights())
        self._show()

    def _picture_presets(self) -> None:
        """Beside every preset this face under it."""
        for name, pixels in self.face.preset_pictures(PresetBox.PICTURE).items():
            self.edits.presets.picture(name, pixels)

    def _edit(self) -> None:
        try:
            self.face.edit(self.edits.recipe())
        except AimError as error:
            self.message = show_error(self, error)
        self._show()

    def reset_edit(self) -> None:
        """The face as it was trained."""
        self.edits.reset.click()

    def _dress(self) -> None:
        look = self.face.look
        look.skin, look.bones, look.wires, look.detail = (
            box.isChecked() for box in (self.skin, self.bones, self.wires, self.detail)
        )
        look.colours = list(_MAPS)[self.colours.currentIndex()]  # type: ignore[assignment]
        self.face.dress()
        self._show()

    def _show(self) -> None:
        notes = () if self.face.original.data.has_anatomy else (_NO_BONES,)
        self.caption.setText(
            "  ".join(text for text in (*notes, self.face.caption, *self.face.model.edit_notes) if text)
        )
        self.view.update()

    def _drawn(self, ms: float) -> None:
        self._times = [*self._times[-29:], ms]
        if time.perf_counter() < self._told:
            return  # a label that changes with every picture would cost as much as a small face
        self._told = time.perf_counter() + 0.25
        self.status.setText(
            f"Frame {median(self._times):.1f} ms (median of {len(self._times)})   Drawn by "
            f"{self.face.scene.device}\nModel: {self.face.model.status}"
        )

    def _play(self) -> None:
        if self.player.playing:
            self.stop()
            return
        chosen, _ = QFileDialog.getOpenFileName(self, "Weight curves", "", "Curves (*.csv *.json)")
        if chosen:
            self.play_file(Path(chosen))

    def play_file(self, path: Path) -> None:
        """Play a CSV of weight curves, over and over; a file that is none comes up as a message."""
        try:
            notes = self.player.load(path, self.face.model.data.rig)
        except AimError as error:
            self.message = show_error(self, error)
            return
        self.play.setText("Sto&p")
        self.play.setToolTip("\n".join(notes))
        self.player.play(True)

    def stop(self) -> None:
        """Stop playing; the sliders stay where they are."""
        self.player.play(False)
        self.play.setText("&Play curves ...")
