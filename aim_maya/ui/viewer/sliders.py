"""A slider for every control of a model, in groups, with search, favourites, reset and random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from aim_maya.core.arrays import Floats
from aim_maya.core.controls import Control
from aim_maya.core.curves.take import plain
from aim_maya.runtime.face_parts import GROUPS, named_group, pairs
from aim_maya.ui import app

_FINE = 1000  # slider steps in one unit of weight
_OPEN = 120  # controls: with more the groups begin closed
_NAMES = (108, 168)  # pixels of the lines' names: longer ones have dots, and are whole in their tooltip


class TargetSliders(QWidget):
    """`changed` once for every change, however many sliders it moved. Controls stand in groups, left and
    right on one line."""

    changed = Signal()

    def __init__(
        self,
        controls: tuple[Control, ...],
        groups: Sequence[str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """groups: of every control, one of face_parts.GROUPS; by the names alone when not given."""
        super().__init__(parent)
        self._controls, self._quiet, self._busy = controls, False, False
        self._groups = list(groups or (named_group(c.name) or "Other" for c in controls))
        self.search, self.random, self.reset = QLineEdit(), QPushButton("Ra&ndom"), QPushButton("&Reset")
        self.link, self.only = QPushButton("&Link L R"), QToolButton()
        self.search.setPlaceholderText("Search (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search controls")
        self.search.textChanged.connect(self._filter)
        find = QAction(self, shortcut=QKeySequence(QKeySequence.StandardKey.Find))
        find.triggered.connect(self.search.setFocus)
        self.addAction(find)
        self.random.setToolTip("A few controls at random")
        self.random.clicked.connect(self.set_random)
        self.reset.setToolTip("All controls to 0")
        self.reset.clicked.connect(lambda: self.set_weights(np.zeros(len(self._controls))))
        self.link.setCheckable(True)
        self.link.setToolTip("Move left and right together")
        self.only.setText("\u2605")
        self.only.setObjectName("star")
        self.only.setCheckable(True)
        self.only.setToolTip("Show the favourites alone")
        self.only.setAccessibleName("Favourites alone")
        self.only.toggled.connect(self._filter)
        self.rows = [_Row(control, partial(self._moved, i)) for i, control in enumerate(controls)]
        self._lay_out()
        self.link.setEnabled(any(line.twins for line in self.lines))

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(0)
        self.lines, self.sections = self._make_lines(), {}
        longest = max((line.label.wanted for line in self.lines), default=0)
        for line in self.lines:
            line.label.setFixedWidth(min(max(longest, _NAMES[0]), _NAMES[1]))
        for name in GROUPS:
            own = [line for line in self.lines if line.group == name]
            if own:
                self.sections[name] = section = _Section(name, own)
                section.head.setChecked(len(self.rows) <= _OPEN)
                column.addWidget(section)
        column.addStretch(1)
        self._kept = set(app.load("viewer").get("favourites", []))
        for line in self.lines:
            line.star.setChecked(bool(self._kept & set(line.names)))
            line.star.toggled.connect(partial(self._star, line))
        self._area = area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setMinimumWidth(min(inside.sizeHint().width(), 440) + 12)
        top = QHBoxLayout()
        top.setSpacing(6)
        top.addWidget(self.search, 1)
        for widget in (self.only, self.link, self.random, self.reset):
            top.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(area, 1)

    def _make_lines(self) -> list[_Line]:
        """One for a control, or for the two sides of one."""
        sides, lines = pairs([c.name for c in self._controls]), list[_Line]()
        stems: dict[tuple[str, str], dict[str, int]] = {}
        for i, control in enumerate(self._controls):
            stem, side = sides.get(control.name, ("", ""))
            if side:
                stems.setdefault((stem, self._groups[i]), {})[side] = i
        for i, control in enumerate(self._controls):
            stem, side = sides.get(control.name, ("", ""))
            both = stems.get((stem, self._groups[i]), {})
            if len(both) < 2:
                lines.append(_Line(control.name, self._groups[i], [self.rows[i]]))
            elif side == "l":
                self.rows[both["l"]].twin, self.rows[both["r"]].twin = both["r"], both["l"]
                lines.append(_Line(stem, self._groups[i], [self.rows[both["l"]], self.rows[both["r"]]]))
        return lines

    def weights(self) -> Floats:
        """(C,) as the sliders stand."""
        return np.array([row.value.value() for row in self.rows])

    def set_weights(self, weights: Floats) -> None:
        """Move all sliders; `changed` comes once."""
        self._quiet = True
        for row, weight in zip(self.rows, weights, strict=True):
            row.value.setValue(float(weight))
        self._quiet = False
        self.changed.emit()

    def reveal(self) -> None:
        """Scroll, once it is laid out, to the first control that is not at zero, and as far as there is room
        to the last."""
        moved = [line for line in self.lines if any(row.value.value() for row in line.rows)]
        for line in moved:
            self.sections[line.group].head.setChecked(True)
        for line in moved[::-1]:
            QTimer.singleShot(0, partial(self._area.ensureWidgetVisible, line, 0, 40))

    def set_random(self) -> None:
        """A few of them, well inside the range of their sliders; the numbers beside them may go beyond."""
        generator = np.random.default_rng()
        weights = np.zeros(len(self.rows))
        for i in generator.choice(len(self.rows), min(5, len(self.rows)), replace=False):
            slider = self.rows[i].slider
            low, high = slider.minimum() / _FINE, slider.maximum() / _FINE
            # a control may have a side below zero, or only that
            end = high if high > 0 and (low == 0 or generator.random() < 0.5) else low
            weights[i] = generator.uniform(0.2, 1.0) * end
        self.set_weights(weights)

    def favourites(self) -> list[str]:
        """The names of the starred controls of this model."""
        return [name for line in self.lines if line.star.isChecked() for name in line.names]

    def _star(self, line: _Line, on: bool) -> None:
        """Kept between starts, by name: those of other models stay."""
        self._kept = self._kept | set(line.names) if on else self._kept - set(line.names)
        app.keep("viewer", app.load("viewer") | {"favourites": sorted(self._kept)})
        self._filter()

    def _moved(self, i: int, value: float) -> None:
        if self._quiet:
            return
        twin = self.rows[i].twin
        if self.link.isChecked() and twin is not None:
            self._quiet = True
            self.rows[twin].value.setValue(value)
            self._quiet = False
        self.changed.emit()

    def _filter(self, _changed: object = None) -> None:
        wanted = self.search.text().strip().lower()
        for line in self.lines:
            named = any(wanted in name.lower() for name in (line.label.full, line.group, *line.names))
            line.setVisible(named and (line.star.isChecked() or not self.only.isChecked()))
        for section in self.sections.values():
            section.filter(bool(wanted) or self.only.isChecked())


class _Section(QWidget):
    """A group's lines below its name, which folds them."""

    def __init__(self, name: str, lines: list[_Line]) -> None:
        super().__init__()
        self._lines, self._body = lines, QWidget()
        self.head = QToolButton()
        self.head.setObjectName("group")
        self.head.setText(f"{name}   {sum(len(line.names) for line in lines)}")
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setArrowType(Qt.ArrowType.RightArrow)
        self.head.setCheckable(True)
        self.head.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.head.toggled.connect(self._fold)
        column, inside = QVBoxLayout(self), QVBoxLayout(self._body)
        for layout in (column, inside):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(0)
        for line in lines:
            inside.addWidget(line)
        column.addWidget(self.head)
        column.addWidget(self._body)
        self._body.setVisible(False)

    def _fold(self, on: bool) -> None:
        self.head.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self._body.setVisible(on)

    def filter(self, searching: bool) -> None:
        """What was found is seen, in a folded group too."""
        self.setVisible(not searching or any(not line.isHidden() for line in self._lines))
        self._body.setVisible(searching or self.head.isChecked())


class _Name(QLabel):
    """A name without its namespace, with dots where it is longer than its room; whole in its tooltip."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.full = text
        self.setToolTip(text)

    @property
    def wanted(self) -> int:
        """Pixels of all of it."""
        return self.fontMetrics().horizontalAdvance(plain(self.full)) + 2

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's own cuts letters in two."""
        painter = QPainter(self)
        fitting = self.fontMetrics().elidedText(plain(self.full), Qt.TextElideMode.ElideMiddle, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, fitting)


class _Line(QWidget):
    """Star and name, then slider and number of one control, or of its left and right."""

    def __init__(self, text: str, group: str, rows: list[_Row]) -> None:
        super().__init__()
        self.group, self.names, self.twins, self.rows = (
            group,
            [row.name for row in rows],
            len(rows) == 2,
            rows,
        )
        self.label, self.star = _Name(text), QToolButton()
        self.star.setText("\u2605")
        self.star.setObjectName("star")
        self.star.setCheckable(True)
        self.star.setToolTip(f"{text} is a favourite")
        self.star.setAccessibleName(f"{text} is a favourite")
        self.star.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.label.setBuddy(rows[0].value)
        line = QHBoxLayout(self)
        line.setContentsMargins(2, 1, 0, 1)
        line.setSpacing(5)
        line.addWidget(self.star)
        line.addWidget(self.label)
        for row, side in zip(rows, "LR", strict=False):
            row.label = self.label
            if self.twins:
                letter = QLabel(side)
                letter.setObjectName("soft")
                line.addWidget(letter)
            line.addWidget(row.slider, 1)
            line.addWidget(row.value)


class _Number(QDoubleSpinBox):
    """Without buttons, and with their room: a style sheet keeps it free."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The text has all of it."""
        super().resizeEvent(event)
        self.lineEdit().setGeometry(self.rect())

    def showEvent(self, event: QShowEvent) -> None:
        """A style sheet that came later lays out again."""
        super().showEvent(event)
        self.lineEdit().setGeometry(self.rect())


class _Row:
    """Slider and number of one control; the number is the truth and may go beyond the slider."""

    label: QLabel

    def __init__(self, control: Control, moved: Callable[[float], None]) -> None:
        values = [value for value, _ in control.knots] or [1.0]
        low, high = min(0.0, *values), max(0.0, *values)
        self.name, self.low, self.high = control.name, low, high
        self.twin: int | None = None  # the other side's place
        self.slider, self.value = QSlider(Qt.Orientation.Horizontal), _Number()
        self.slider.setRange(round(low * _FINE), round(high * _FINE))
        self.slider.setProperty("two_sided", low < 0 < high)  # no bar: it would begin at the low end
        self.slider.setMinimumWidth(50)
        self.slider.setAccessibleName(control.name)
        self.slider.setToolTip(control.name)
        self.value.setRange(low - 1, high + 1)
        self.value.setSingleStep(0.05)
        self.value.setDecimals(3)
        self.value.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.value.setFixedWidth(42)
        self.value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.value.setAccessibleName(control.name)
        self.value.setToolTip(control.name)
        self.slider.valueChanged.connect(self._from_slider)
        self.value.valueChanged.connect(self._from_number)
        self.value.valueChanged.connect(moved)

    def _from_slider(self, value: int) -> None:
        if (
            round(self.value.value() * _FINE) != value
            and self.slider.minimum() <= value <= self.slider.maximum()
        ):
            self.value.setValue(value / _FINE)

    def _from_number(self, value: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(value * _FINE))
        self.slider.blockSignals(False)
