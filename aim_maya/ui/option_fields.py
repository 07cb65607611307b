"""A widget for each option of the training, with the option's own help as tooltip."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QLineEdit, QWidget

from .options import Option

Field = QComboBox | QCheckBox | QLineEdit


def make_field(option: Option) -> Field:
    """The widget, at the option's default."""
    widget: Field
    if option.kind == "choice":
        widget = QComboBox()
        widget.addItems(option.choices)
    elif option.kind == "switch":
        widget = QCheckBox()
    else:
        widget = QLineEdit()
    widget.setToolTip(option.help)
    widget.setAccessibleName(option.label)
    widget.setAccessibleDescription(option.help)
    set_value(widget, option.default)
    return widget


def set_value(widget: Field, value: Any) -> None:
    """Show a value; one that a choice does not know is left out."""
    if isinstance(widget, QComboBox):
        widget.setCurrentIndex(max(widget.findText(str(value)), 0))
    elif isinstance(widget, QCheckBox):
        widget.setChecked(bool(value))
    else:
        widget.setText(" ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in value) if isinstance(value, list | tuple) else f"{value}")


def value_of(widget: Field) -> Any:
    """What it holds: text of a choice or a line, True or False."""
    if isinstance(widget, QComboBox):
        return widget.currentText()
    return widget.isChecked() if isinstance(widget, QCheckBox) else widget.text()


def add_row(form: QFormLayout, text: str, widget: QWidget, tip: str = "") -> None:
    """A labelled row; an ampersand in the text is the row's key."""
    label = QLabel(text)
    label.setBuddy(widget)
    label.setToolTip(tip or widget.toolTip())
    if tip:
        widget.setToolTip(tip)
    form.addRow(label, widget)
