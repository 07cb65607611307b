"""The left side of the training window: what to train on, where to write, and how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
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
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from aim_maya.core.actor_check import Examination
from aim_maya.core.errors import AimError
from aim_maya.ui.app import error_text
from aim_maya.ui.host import Host, Source, checked_actor, parts_found

from .fields import Field, PathLine, UnitField, add_row, make_field, set_value, value_of
from .options import FIRST, Option, options
from .worker import Worker

# The training window's form of `aimface check`: the same report, in a box.


class CheckButton(QPushButton):
    """Examines what `asked` names (the actor's path, and millimetres a unit or None) off the window's thread,
    and shows what it found.

    box: the last report, None before the first.
    """

    def __init__(self, asked: Callable[[], tuple[str, float | None]], parent: QWidget | None = None) -> None:
        super().__init__("Chec&k", parent)
        self.setToolTip("What the actor holds, what is not used and why, and whether it can be trained")
        self._asked = asked
        self._worker: Worker | None = None
        self.box: QMessageBox | None = None
        self.clicked.connect(self.check)

    def check(self) -> None:
        """Begin; the box comes when it is done."""
        try:
            actor, mm_per_unit = self._asked()
        except AimError as error:  # a unit that is none
            self._failed(error)
            return
        self.setEnabled(False)
        self._worker = Worker(lambda _report, _stop: checked_actor(actor, mm_per_unit), self)
        self._worker.done.connect(self._show)
        self._worker.failed.connect(self._failed)
        self._worker.finished.connect(self._done)
        self._worker.begin()

    def _show(self, found: Examination) -> None:
        said = "" if found.reason is None else f"Cannot be trained: {error_text(found.reason)}"
        good = found.reason is None and not found.warnings
        self._say("\n\n".join(part for part in (found.text().strip(), said) if part), good)

    def _failed(self, error: AimError) -> None:
        self._say(error_text(error), False)

    def _done(self) -> None:
        self.setEnabled(True)

    def _say(self, text: str, good: bool) -> None:
        icon = QMessageBox.Icon.Information if good else QMessageBox.Icon.Warning
        self.box = QMessageBox(icon, "Check", text, QMessageBox.StandardButton.Ok, self)
        self.box.setTextFormat(Qt.TextFormat.PlainText)
        self.box.setModal(False)
        self.box.show()


# The left side of the training window: what to train on, where to write, and how.

_PARTS = (
    ("skull", "S&kull", "The skull's mesh, inside the neutral"),
    ("jaw", "&Jaw bone", "The jaw's mesh"),
    ("lower_teeth", "T&eeth", "The lower teeth, which tell how the jaw moves"),
)


class TrainForm(QWidget):
    """Holds what the user chose; does nothing by itself but look for what is there. `failed` (AimError) when
    the host cannot answer."""

    failed = Signal(object)

    def __init__(self, host: Host, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self.actor, self.out, self.mesh, self.blend_shape = PathLine(), PathLine(), PathLine(), QComboBox()
        self.blend_shape.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.blend_shape.setMinimumContentsLength(24)
        self.blend_shape.currentTextChanged.connect(self.blend_shape.setToolTip)
        self.parts = {name: PathLine() for name, _, _ in _PARTS}
        self.unit = UnitField("as Maya has it: 10" if host.in_application else "as its files say, or 1")
        self._named_for = ""  # whom the output was named for
        self.found = QLabel()
        self.found.setWordWrap(True)
        self.fields: dict[str, Field] = {option.name: make_field(option) for option in options()}
        self.stops = QCheckBox("Stop the training when this window c&loses")
        self.stops.setToolTip(
            "Off: it goes on, and any window can follow it again. On: it stops with a checkpoint; "
            "ticked when it begins, also when the application crashes."
        )
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self._scene_group() if host.in_application else self._files_group())
        rows.addWidget(self._training_group())
        rows.addWidget(self._advanced())
        rows.addStretch(1)
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setMinimumWidth(inside.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area, 1)
        column.addWidget(self.stops)
        self.actor.edited.connect(self._actor_named)
        self.mesh.edited.connect(lambda name: self._name_output(name.split("|")[-1].split(":")[-1]))

    def _files_group(self) -> QWidget:
        group = QGroupBox("Actor")
        form = _form(group)
        tip = "An actor folder, a dataset.npz, or a USD file with UsdSkel blend shapes"
        _add_path(form, "&Actor", self.actor, "Browse ...", self._browse_actor, tip)
        form.addRow(self.found)
        add_row(
            form,
            "&Unit",
            self.unit,
            "Millimetres in one unit of the actor's files; it overrides what they say",
        )
        self.check = CheckButton(lambda: (self.actor.text(), self.unit.mm_per_unit()))
        form.addRow(self.check)
        return group

    def _scene_group(self) -> QWidget:
        group = QGroupBox("Scene")
        form = _form(group)
        tip = "The face; its blendShape is read as it is now"
        _add_path(form, "Sk&in mesh", self.mesh, "Selected", self.take_selected, tip)
        add_row(form, "&blendShape", self.blend_shape, "The node to learn from")
        for name, text, tip in _PARTS:
            self.parts[name].setAccessibleName(text.replace("&", ""))
            add_row(form, text, self.parts[name], tip + "; found by its name, or leave empty")
        form.addRow(self.found)
        add_row(
            form,
            "&Unit",
            self.unit,
            "Millimetres in one of Maya's centimetres: other than 10 where the face is not in real size",
        )
        self.mesh.editingFinished.connect(self._mesh_named)
        return group

    def _training_group(self) -> QWidget:
        group = QGroupBox("Training")
        form = _form(group)
        tip = "The .aim file to write; the RUN folder lies beside it"
        _add_path(form, "&Output", self.out, "Browse ...", self._browse_out, tip)
        for name, key in zip(FIRST, ("Pre&set", "&Device", "Ja&w source"), strict=True):
            add_row(form, key, self.fields[name])
        return group

    def _advanced(self) -> QWidget:
        button, inside = QToolButton(), QWidget()
        button.setText("Ad&vanced")
        button.setCheckable(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setArrowType(Qt.ArrowType.RightArrow)
        button.setAutoRaise(True)
        form = _form(inside)
        for option in options():
            if option.name not in FIRST:
                add_row(form, option.label, self.fields[option.name])
        inside.setVisible(False)
        button.toggled.connect(inside.setVisible)
        button.toggled.connect(
            lambda on: button.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        )
        folded = QWidget()
        column = QVBoxLayout(folded)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(button)
        column.addWidget(inside)
        self.advanced = button
        return folded

    def source(self) -> Source:
        """What to train on. Raises AimError for a unit that is none."""
        unit = self.unit.mm_per_unit()
        if not self._host.in_application:
            return Source(actor=self.actor.text().strip(), mm_per_unit=unit)
        skull, jaw, teeth = (self.parts[name].text().strip() for name, _, _ in _PARTS)
        mesh, shape = self.mesh.text().strip(), self.blend_shape.currentText()
        return Source(mesh=mesh, blend_shape=shape, skull=skull, jaw=jaw, lower_teeth=teeth, mm_per_unit=unit)

    def output(self) -> Path | None:
        """The .aim file, or None when none is named."""
        text = self.out.text().strip()
        return Path(text).expanduser().absolute() if text else None

    def values(self) -> dict[str, Any]:
        """{option: value as shown}."""
        return {name: value_of(field) for name, field in self.fields.items()}

    def to_settings(self) -> dict[str, Any]:
        """What to remember; options at their default are not, so that a better default of tomorrow counts."""
        defaults: dict[str, Option] = {o.name: o for o in options()}
        changed = {
            name: value for name, value in self.values().items() if not _is_default(defaults[name], value)
        }
        return {
            "actor": self.actor.text(),
            "out": self.out.text(),
            "named_for": self._named_for,
            "unit": self.unit.currentText(),
            "stops": self.stops.isChecked(),
            "advanced": self.advanced.isChecked(),
            "options": changed,
        }

    def from_settings(self, kept: dict[str, Any]) -> None:
        """Show what was remembered; what is unknown or of another kind is passed over."""
        self.actor.setText(str(kept.get("actor", "")))
        self.out.setText(str(kept.get("out", "")))
        self._named_for = str(kept.get("named_for", self._named_for))
        self.unit.setCurrentText(str(kept.get("unit", "")))
        self.stops.setChecked(kept.get("stops") is True)
        self.advanced.setChecked(kept.get("advanced") is True)
        remembered = kept.get("options")
        for name, value in (remembered if isinstance(remembered, dict) else {}).items():
            if name in self.fields:
                set_value(self.fields[name], value)

    def take_selected(self) -> None:
        """Fill the scene's part from the selection."""
        try:
            found = self._host.selected()
        except AimError as error:
            self.failed.emit(error)
            return
        self.mesh.setText(found.mesh)
        self._offer(found.blend_shapes)
        for name, line in self.parts.items():
            line.setText(getattr(found, name))

    def _mesh_named(self) -> None:
        """Another mesh was typed: it has blendShapes of its own."""
        try:
            shapes = (
                tuple(self._host.blend_shapes(self.mesh.text().strip())) if self.mesh.text().strip() else ()
            )
        except AimError as error:
            shapes = ()
            self.found.setText(error.what)  # no dialog: it would come up whenever the field loses the focus
        else:
            self.found.clear()
        self._offer(shapes)

    def _offer(self, shapes: tuple[str, ...]) -> None:
        chosen = self.blend_shape.currentText()
        self.blend_shape.clear()
        self.blend_shape.addItems(shapes)
        self.blend_shape.setCurrentIndex(max(self.blend_shape.findText(chosen), 0) if shapes else -1)

    def _actor_named(self, text: str) -> None:
        self.found.setText(parts_found(text))
        path = Path(text.strip()).expanduser().absolute()
        if text.strip() and path.exists():
            self._name_output(output_of(path).stem, path.parent)

    def _name_output(self, name: str, folder: Path | None = None) -> None:
        """The output follows the actor: one that was named for the actor before, or is empty, gets the new
        one's name.

        folder: where it goes when there is none yet; without, an empty one stays empty. One of another name
        is the user's own.
        """
        out = self.output()
        if out is None and folder is not None:
            self.out.setText(str(folder / f"{name}.aim"))
        elif (
            out is not None and self._named_for and out.stem == self._named_for and name and name != out.stem
        ):
            self.out.setText(str(out.with_name(f"{name}.aim")))
        if name:
            self._named_for = name

    def _browse_actor(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Actor folder", self.actor.text())
        if chosen:
            self.actor.setText(chosen)
            self.out.editingFinished.emit()

    def _browse_out(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self,
            "Model to write",
            self.out.text(),
            "AIM models (*.aim)",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if chosen:
            self.out.setText(chosen if chosen.endswith(".aim") else f"{chosen}.aim")
            self.out.editingFinished.emit()


def output_of(actor: Path) -> Path:
    """The model beside an actor. A folder's name may hold a dot: anna.v1 and anna.v2 are two."""
    return actor.with_suffix(".aim") if actor.is_file() else actor.with_name(f"{actor.name}.aim")


def _is_default(option: Option, value: Any) -> bool:
    try:
        return bool(option.parsed(value) == option.default)
    except AimError:
        return False


def _form(parent: QWidget) -> QFormLayout:
    form = QFormLayout(parent)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return form


def _add_path(
    form: QFormLayout, text: str, line: PathLine, button: str, slot: Callable[[], None], tip: str
) -> None:
    """Label and button, and below them the field, as wide as there is room."""
    push, label = QPushButton(button), QLabel(text)
    push.clicked.connect(slot)
    label.setBuddy(line)
    for widget in (label, line):
        widget.setToolTip(tip)
    line.setAccessibleName(text.replace("&", ""))
    row = QHBoxLayout()
    row.addWidget(label)
    row.addStretch(1)
    row.addWidget(push)
    form.addRow(row)
    form.addRow(line)
