"""The viewer: sliders on the left, the face in the middle of things, what is seen of it below."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from aim_maya.core.errors import AimError
from aim_maya.runtime import EditRecipe

from .edit_panel import EditPanel
from .face_view import FaceView
from .messages import show_error
from .player import Player
from .target_sliders import TargetSliders
from .viewed_face import ViewedFace

Floats = NDArray[np.floating]
_MAPS = {"none": "Plain", "thickness": "Soft-tissue thickness", "weight": "Skinning weight", "error": "Error against the shapes"}


class ViewWindow(QWidget):
    """Widgets around a ViewedFace."""

    def __init__(self, face: ViewedFace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.face, self.message = face, None
        self.setWindowTitle(f"AIM: {face.model.manifest['name']}")
        self.sliders, self.view, self.player = TargetSliders(face.model.data.rig.controls), FaceView(face.scene), Player(self)
        self.skin, self.bones, self.wires, self.detail = QCheckBox("&Skin"), QCheckBox("Skull and &jaw"), QCheckBox("&Wireframe"), QCheckBox("&Detail")
        self.colours, self.play, self.caption, self.status = QComboBox(), QPushButton("&Play curves ..."), QLabel(), QLabel()
        self.edits = EditPanel(face.has_anatomy)
        self.gains = self.edits.gains
        self._times: list[float] = []
        self._told = 0.0
        self._lay_out()
        self._connect()

    message: QMessageBox | None

    def _lay_out(self) -> None:
        self.skin.setChecked(True)
        self.detail.setChecked(True)
        self.detail.setToolTip("On: every trained shape is exact. Off: the networks alone")
        self.bones.setToolTip("The learned bone under every point of the skin; the jaw's in orange")
        self.colours.addItems(list(_MAPS.values()))
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
        look.skin, look.bones, look.wires, look.detail = (box.isChecked() for box in (self.skin, self.bones, self.wires, self.detail))
        look.colours = list(_MAPS)[self.colours.currentIndex()]  # type: ignore[assignment]
        self.face.dress()
        self._show()

    def _show(self) -> None:
        self.caption.setText("  ".join(text for text in (self.face.caption, *self.face.model.edit_notes) if text))
        self.view.update()

    def _drawn(self, ms: float) -> None:
        self._times = [*self._times[-29:], ms]
        if time.perf_counter() < self._told:
            return  # a label that changes with every picture would cost as much as a small face
        self._told = time.perf_counter() + 0.25
        self.status.setText(f"Frame {median(self._times):.1f} ms (median of {len(self._times)})   Drawn by {self.face.scene.device}\nModel: {self.face.model.status}")

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
