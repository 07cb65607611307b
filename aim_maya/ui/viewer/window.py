"""The viewer: targets and edits on the left, the face in the middle of things with what is seen of it above,
and the take that is played below."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.runtime.edit import EditRecipe
from aim_maya.runtime.face_parts import controls
from aim_maya.ui.app import dress, show_error

from .drawing import CAMERAS
from .edit_panel import EditPanel, PresetBox
from .face import ViewedFace
from .face_view import FaceView
from .pictures import saved_picture
from .sliders import TargetSliders
from .timeline import Player, Timeline

_MAPS = {
    "none": "Plain",
    "thickness": "Tissue thickness",
    "weight": "Skinning weight",
    "error": "Error in mm",
}
_NO_BONES = "Trained without bones: no skull, jaw and tissue to show, and expressions alone to edit."
_ONE_STEP = 0.7  # seconds: changes that follow sooner are undone together
_UNDOS = 200


class ViewWindow(QWidget):
    """Widgets around a ViewedFace."""

    def __init__(self, face: ViewedFace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.face, self.message = face, None
        self.setWindowTitle(f"AIM: {face.model.manifest['name']}")
        self.sliders, self.view, self.player = (
            TargetSliders(face.model.data.rig.controls, [c["group"] for c in controls(face.model.data)]),
            FaceView(face),
            Player(self),
        )
        self.timeline = Timeline(self.player)
        self.play = self.timeline.play
        self.skin, self.bones, self.guess, self.wires, self.detail = (
            QCheckBox("&Skin"),
            QCheckBox("Skull and &jaw"),
            QCheckBox("Guessed &bone"),
            QCheckBox("&Wireframe"),
            QCheckBox("&Detail"),
        )
        self.looks = (self.skin, self.bones, self.guess, self.wires, self.detail)
        self.colours, self.camera, self.drags = QComboBox(), QComboBox(), QCheckBox("Drag t&he face")
        self.compare, self.picture = QPushButton("Be&fore"), QPushButton("P&icture ...")
        self.caption, self.status = QLabel(), QLabel()
        self.edits = EditPanel(face.has_anatomy, face.original.data.handle_sliders)
        self.gains = self.edits.gains
        self._times: list[float] = []
        self._told = self._changed = 0.0
        self._undo: list[Floats] = []
        self._last, self._playing = self.sliders.weights(), False
        self._lay_out()
        self._connect()
        dress(self)

    message: QMessageBox | None

    def _lay_out(self) -> None:
        self.skin.setChecked(True)
        self.detail.setChecked(True)
        self.drags.setChecked(True)
        self.detail.setToolTip("On: every trained shape is exact. Off: the networks alone")
        self.bones.setToolTip("The learned bone under every point of the skin; the jaw's in orange")
        self.guess.setToolTip("Bone where it is a guess (lips, lids, ears, neck), dimmed")
        self.drags.setToolTip(
            "A drag on the face moves what is under the mouse; Alt+drag turns it. Undo: Ctrl+Z"
        )
        self.compare.setToolTip("Hold this, or B: the face without its edit; without an edit the neutral")
        self.picture.setToolTip("Save this view as PNG, 2000 pixels high")
        self.colours.addItems(list(_MAPS.values()))
        self.colours.setAccessibleName("Colours")
        self.colours.setMinimumContentsLength(11)
        self.colours.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.camera.setMinimumContentsLength(8)
        self.camera.addItem("Camera")
        for name in CAMERAS:
            self.camera.addItem(name.replace("_", " ").capitalize(), name)
        self.camera.setAccessibleName("Camera")
        if not self.face.original.data.has_anatomy:
            for widget in (self.bones, self.guess, self.gains["thickness"]):
                widget.setEnabled(False)
                widget.setToolTip(_NO_BONES)
            for kind in ("thickness", "weight"):
                self.colours.setItemData(list(_MAPS).index(kind), 0, Qt.ItemDataRole.UserRole - 1)
        for label in (self.caption, self.status):
            label.setObjectName("soft")
            label.setWordWrap(True)  # a long line would widen the window
        left, right, split = QWidget(), QWidget(), QSplitter()
        column, middle = QVBoxLayout(left), QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        middle.setContentsMargins(10, 0, 0, 0)
        middle.setSpacing(8)
        column.addWidget(self.sliders, 1)
        column.addWidget(self.edits)
        for row in (_row(*self.looks, None, self.colours), self.view, self.timeline):
            middle.addWidget(row, int(row is self.view))
        middle.addWidget(_row(self.camera, self.compare, self.picture, self.drags, None))
        middle.addWidget(self.caption)
        middle.addWidget(self.status)
        split.addWidget(left)
        split.addWidget(right)
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(14, 14, 14, 12)
        outer.addWidget(split)
        self.resize(1320, 820)

    def _connect(self) -> None:
        self.sliders.changed.connect(self._pose)
        self.edits.changed.connect(self._edit)
        self.edits.presets.opened.connect(self._picture_presets)
        for box in self.looks:
            box.toggled.connect(self._dress)
        self.colours.currentIndexChanged.connect(self._dress)
        self.view.drawn.connect(self._drawn)
        self.view.took.connect(self._begin_step)
        self.view.pulled.connect(lambda i, weight: self.sliders.rows[i].value.setValue(weight))
        self.drags.toggled.connect(lambda on: setattr(self.view, "drags", on))
        self.timeline.open.clicked.connect(self._open_take)
        self.player.frame.connect(self._frame)
        self.camera.activated.connect(self._look_from)
        self.compare.pressed.connect(lambda: self._before(True))
        self.compare.released.connect(lambda: self._before(False))
        self.picture.clicked.connect(self._save_picture)
        undo = QAction(self, shortcut=QKeySequence(QKeySequence.StandardKey.Undo))
        undo.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        undo.triggered.connect(self.undo)
        self.addAction(undo)

    def set_up(self, weights: Floats, recipe: EditRecipe | None = None) -> None:
        """Make the widgets say what the face was told before there were any, and show an edit."""
        look = self.face.look
        self.bones.setChecked(look.bones)
        self.colours.setCurrentIndex(list(_MAPS).index(look.colours))
        self.sliders.set_weights(weights)
        self.sliders.reveal()
        if recipe is not None:
            self.edits.set_recipe(recipe)
        self._undo.clear()

    def _pose(self) -> None:
        weights = self.sliders.weights()
        if not self._playing:
            if self.player.performance is not None:
                self.player.play(False)  # the sliders have the word again
            if time.perf_counter() - self._changed > _ONE_STEP:
                self._undo = [*self._undo[1 - _UNDOS :], self._last]
            self._changed = time.perf_counter()
        self._last = weights
        self.face.pose(weights)
        self._show()

    def _begin_step(self) -> None:
        """What comes now is undone on its own."""
        self._changed = 0.0

    def undo(self) -> None:
        """The weights before the last change of them."""
        if self._undo:
            weights = self._undo.pop()
            self._changed = time.perf_counter()
            self.sliders.set_weights(weights)
            self._begin_step()

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
        look.skin, look.bones, look.guess, look.wires, look.detail = (box.isChecked() for box in self.looks)
        look.colours = list(_MAPS)[self.colours.currentIndex()]  # type: ignore[assignment]
        self.face.dress()
        self._show()

    def _before(self, on: bool) -> None:
        self.face.before(on)
        self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """B held down shows the face before."""
        if event.key() == Qt.Key.Key_B and not event.isAutoRepeat():
            self._before(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """And after."""
        if event.key() == Qt.Key.Key_B and not event.isAutoRepeat():
            self._before(False)
        else:
            super().keyReleaseEvent(event)

    def _look_from(self, index: int) -> None:
        if self.camera.itemData(index):
            self.face.camera(self.camera.itemData(index))
            self.view.update()

    def _save_picture(self) -> None:
        name = f"{self.face.model.manifest['name']}.png"
        chosen, _ = QFileDialog.getSaveFileName(self, "Picture", name, "Picture (*.png)")
        if chosen:
            self.save_picture(Path(chosen))

    def save_picture(self, path: Path, height: int = 2000) -> None:
        """Save what is seen as PNG; what cannot be written comes up as a message."""
        try:
            size = (round(height * self.view.width() / max(self.view.height(), 1)), height)
            saved_picture(self.face, path.with_suffix(".png"), size)
        except AimError as error:
            self.message = show_error(self, error)

    def _show(self) -> None:
        notes = () if self.face.original.data.has_anatomy else (_NO_BONES,)
        said = "  ".join(text for text in (*notes, self.face.caption, *self.face.model.edit_notes) if text)
        self.caption.setText(said)
        self.caption.setVisible(bool(said))
        self.view.update()

    def _drawn(self, ms: float) -> None:
        self._times = [*self._times[-29:], ms]
        if time.perf_counter() < self._told:
            return  # a label that changes with every picture would cost as much as a small face
        self._told = time.perf_counter() + 0.25
        self.status.setText(
            f"Frame {median(self._times):.1f} ms, drawn by {self.face.scene.device}   "
            f"{self.face.model.status}"
        )

    def _frame(self, weights: Floats | None, number: int) -> None:
        if weights is not None:
            self._playing = True
            self.sliders.set_weights(weights)
            self._playing = False
            return
        assert self.player.performance is not None
        try:
            self.face.perform(self.player.performance, float(number))
        except AimError as error:
            self.player.play(False)
            self.message = show_error(self, error)
        self._show()

    def _open_take(self) -> None:
        kinds = "Curves and performances (*.csv *.json *.aimperf)"
        chosen, _ = QFileDialog.getOpenFileName(self, "Take", "", kinds)
        if chosen:
            self.play_file(Path(chosen))

    def play_file(self, path: Path) -> None:
        """Play weight curves or a fitted performance; a file that is none comes up as a message."""
        try:
            notes = self.player.load(path, self.face.model.data)
        except AimError as error:
            self.message = show_error(self, error)
            return
        self.timeline.loaded(path.name, notes)
        self.player.play(True)

    def stop(self) -> None:
        """Stop playing; the face stays as it is."""
        self.player.play(False)


def _row(*widgets: QWidget | None) -> QWidget:
    """Side by side; None is the room that is left."""
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(10)
    for widget in widgets:
        if widget is None:
            row.addStretch(1)
        else:
            row.addWidget(widget)
    return made
