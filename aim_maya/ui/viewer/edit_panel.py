"""Editing by sliders: gains, tissue of every region, handles on the bones, presets; what it says is an
EditRecipe, in and out of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from aim_maya.core.errors import AimError
from aim_maya.core.handles import HANDLES
from aim_maya.core.regions import REGIONS
from aim_maya.runtime.edit import ALL, PRESETS, EditRecipe, Factor, preset, read_recipe
from aim_maya.ui.app import show_error

_GAINS = (
    ("jaw_gain", "J&aw gain", "The learned jaw's motion, times this"),
    ("expression_gain", "E&xpression gain", "The skin's own motion, times this"),
    ("thickness", "Thic&kness", "Soft tissue between bone and skin, times this"),
)
_FINE = 10
_FILTER = "Edit (*.json)"


class PresetBox(QComboBox):
    """The presets by name; `opened` before the list is first shown, for whoever can draw them."""

    opened = Signal()
    PICTURE = 96

    def __init__(self) -> None:
        super().__init__()
        self._opened = False
        self.setIconSize(QSize(1, 1))  # of the closed box, which has room for the name alone
        self.setMaximumHeight(self.sizeHint().height())
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def showPopup(self) -> None:
        """Qt's own, after `opened`."""
        if not self._opened:
            self._opened = True
            self.opened.emit()
        self.setIconSize(QSize(self.PICTURE, self.PICTURE))
        super().showPopup()

    def hidePopup(self) -> None:
        """Qt's own."""
        super().hidePopup()
        self.setIconSize(QSize(1, 1))

    def picture(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """Show (H, W, 4) RGBA, the bottom row first, beside a preset's name."""
        height, width = pixels.shape[:2]
        upright = np.ascontiguousarray(pixels[::-1])
        image = QImage(upright.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)
        self.setItemIcon(self.findData(name), QIcon(QPixmap.fromImage(image)))


class EditPanel(QGroupBox):
    """`changed` once for every change, however many sliders it moved."""

    changed = Signal()

    def __init__(
        self,
        anatomy: bool = True,
        ends: Mapping[str, tuple[float, float]] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """anatomy: whether the model has regions and handles; ends {handle: (lowest, highest)} mm, where they
        are not the usual ones."""
        super().__init__("Edit", parent)
        self._quiet, self._rest = False, EditRecipe()
        self.message: QMessageBox | None = None
        self.gains = {name: self._slider(tip, 0, 200, 100) for name, _, tip in _GAINS}
        self.tissue = {
            name: self._slider(f"Tissue of this region ({name.replace('_', ' ')}), times this", 0, 250, 100)
            for name in REGIONS
        }
        self.bones = {}
        for name, handle in HANDLES.items():
            low, high = (ends or {}).get(name, handle.ends)
            self.bones[name] = self._slider(f"{handle.about}, mm", round(low * _FINE), round(high * _FINE), 0)
        self.presets, self.fold, self.more = PresetBox(), QToolButton(), QScrollArea()
        self.amount = self._slider(
            "How much of the preset, in percent; to the left the other way", -100, 100, 100
        )
        self.load, self.save, self.reset = (
            QPushButton("&Open ..."),
            QPushButton("Sa&ve ..."),
            QPushButton("Unedi&ted"),
        )
        self._lay_out()
        self._connect()
        for widget in (self.fold, self.presets, self.amount):
            widget.setEnabled(anatomy)

    def _slider(self, tip: str, low: int, high: int, value: int) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(low, high)
        slider.setValue(value)
        slider.setToolTip(tip)
        slider.setAccessibleName(tip.split(",")[0])
        slider.valueChanged.connect(self._moved)
        return slider

    def _dose(self, percent: int) -> None:
        """So much of the chosen preset."""
        index = self.presets.currentIndex()
        if not self._quiet and self.presets.itemData(index):
            self.set_recipe(preset(self.presets.itemData(index), percent / 100))
            self.presets.setCurrentIndex(index)

    def _lay_out(self) -> None:
        column, form, row = QVBoxLayout(self), QFormLayout(), QHBoxLayout()
        for name, text, _ in _GAINS:
            _add(form, text, self.gains[name], _times)
        self.presets.addItem("Choose ...")
        for name, (about, _) in PRESETS.items():
            self.presets.addItem(name.replace("_", " ").capitalize(), name)
            self.presets.setItemData(self.presets.count() - 1, about, Qt.ItemDataRole.ToolTipRole)
        self.presets.setAccessibleName("Presets")
        label = QLabel("Pr&eset")
        label.setBuddy(self.presets)
        form.addRow(label, _row(self.presets, self.amount, _percent))
        self.fold.setText("Bones and re&gions")
        self.fold.setCheckable(True)
        self.fold.setArrowType(Qt.ArrowType.RightArrow)
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold.setAutoRaise(True)
        self._lay_out_more()
        for button in (self.load, self.save, self.reset):
            row.addWidget(button)
        column.addLayout(form)
        column.addWidget(self.fold)
        column.addWidget(self.more)
        column.addLayout(row)

    def _lay_out_more(self) -> None:
        inside = QWidget()
        form = QFormLayout(inside)
        for name, slider in self.bones.items():
            _add(form, name.removesuffix("_mm").replace("_", " ").capitalize(), slider, _millimetres)
        for name, slider in self.tissue.items():
            _add(form, f"{name.replace('_', ' ').capitalize()}, tissue", slider, _times)
        self.more.setWidget(inside)
        self.more.setWidgetResizable(True)
        self.more.setFrameShape(QFrame.Shape.NoFrame)
        self.more.setFixedHeight(
            12 * self.fontMetrics().height()
        )  # of the rest the targets' sliders have most need
        self.more.setVisible(False)

    def _connect(self) -> None:
        self.fold.toggled.connect(self._unfold)
        self.presets.activated.connect(self._choose)
        self.amount.valueChanged.disconnect(self._moved)  # it moves the other sliders
        self.amount.valueChanged.connect(self._dose)
        self.reset.clicked.connect(lambda: self.set_recipe(EditRecipe()))
        self.load.clicked.connect(self._load)
        self.save.clicked.connect(self._save)

    def recipe(self) -> EditRecipe:
        """What the sliders say, with what no slider shows (files, one side of a region, a jaw pose) as it was
        loaded."""
        gain = {name: slider.value() / 100 for name, slider in self.gains.items()}
        bones = {name: slider.value() / _FINE for name, slider in self.bones.items() if slider.value()}
        tissue = {name: slider.value() / 100 for name, slider in self.tissue.items() if slider.value() != 100}
        return replace(
            self._rest,
            jaw_gain=gain["jaw_gain"],
            bones=bones,
            thickness=_joined(self._rest.thickness, gain["thickness"], tissue, REGIONS),
            expression_gain=_joined(self._rest.expression_gain, gain["expression_gain"], {}, ()),
        )

    def set_recipe(self, recipe: EditRecipe) -> None:
        """Move all sliders; `changed` comes once."""
        self._quiet, self._rest = True, recipe
        thickness = recipe.thickness if isinstance(recipe.thickness, dict) else {}
        self.gains["jaw_gain"].setValue(round(100 * recipe.jaw_gain))
        for name in ("thickness", "expression_gain"):
            self.gains[name].setValue(round(100 * _of_all(getattr(recipe, name))))
        for name, slider in self.tissue.items():
            slider.setValue(round(100 * thickness.get(name, 1.0)))
        for name, slider in self.bones.items():
            slider.setValue(round(_FINE * recipe.bones.get(name, 0.0)))
        self.presets.setCurrentIndex(0)
        self._quiet = False
        self.changed.emit()

    def load_file(self, path: Path) -> None:
        """Take the edit of a file; one that is none comes up as a message."""
        try:
            self.set_recipe(read_recipe(path))
        except AimError as error:
            self.message = show_error(self, error)

    def save_file(self, path: Path) -> None:
        """Write what the sliders say as an edit file; what cannot be written comes up as a message."""
        try:
            self.recipe().write(path)
        except AimError as error:
            self.message = show_error(self, error)

    def _moved(self) -> None:
        if not self._quiet:
            self.changed.emit()

    def _unfold(self, shown: bool) -> None:
        self.fold.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self.more.setVisible(shown)

    def _choose(self, index: int) -> None:
        name = self.presets.itemData(index)
        if name:
            self.set_recipe(preset(name, self.amount.value() / 100))
            self.presets.setCurrentIndex(index)

    def _load(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Edit", "", _FILTER)
        if chosen:
            self.load_file(Path(chosen))

    def _save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Edit", "edit.json", _FILTER)
        if chosen:
            self.save_file(Path(chosen))


def _add(form: QFormLayout, text: str, slider: QSlider, said: Callable[[int], str]) -> None:
    label = QLabel(text)
    label.setBuddy(slider)
    label.setToolTip(slider.toolTip())
    form.addRow(label, _row(None, slider, said))


def _row(first: QWidget | None, slider: QSlider, said: Callable[[int], str]) -> QHBoxLayout:
    """The slider with its number in words after it, and perhaps a widget before."""
    number, row = QLabel(), QHBoxLayout()
    number.setMinimumWidth(number.fontMetrics().horizontalAdvance("+12.0 mm"))
    number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    number.setText(said(slider.value()))
    slider.valueChanged.connect(lambda value: number.setText(said(value)))
    if first is not None:
        row.addWidget(first, 3)
    row.addWidget(slider, 1)
    row.addWidget(number)
    return row


def _times(value: int) -> str:
    return f"x {value / 100:.2f}"


def _percent(value: int) -> str:
    return f"{value:+d} %" if value else "0 %"


def _millimetres(value: int) -> str:
    return f"{value / _FINE:+.1f} mm" if value else "0 mm"


def _of_all(factor: Factor) -> float:
    if isinstance(factor, dict):
        return factor.get(ALL, 1.0)
    return factor if isinstance(factor, int | float) else 1.0


def _joined(loaded: Factor, everywhere: float, shown: dict[str, float], names: tuple[str, ...]) -> Factor:
    """One factor, or {region: factor}: what sliders show is theirs, the rest as it was loaded; one a vertex
    stays."""
    if isinstance(loaded, list):
        return loaded
    hidden = {
        name: value
        for name, value in (loaded.items() if isinstance(loaded, dict) else ())
        if name not in (*names, ALL)
    }
    together = {**hidden, **shown}
    return {ALL: everywhere, **together} if together else everywhere
