"""The unit of an actor: millimetres in one unit of its files, chosen or typed; empty takes what the files say."""

from __future__ import annotations

import math
import re

from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from aim_maya.core.errors import AimError

_CHOICES = ("1  (millimetres)", "10  (centimetres)", "25.4  (inches)", "100  (decimetres)", "1000  (metres)")
_NUMBER = re.compile(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(mm)?\s*(\(.*\))?\s*")


class UnitField(QComboBox):
    """mm per unit as a number with its name."""

    def __init__(self, without: str, parent: QWidget | None = None) -> None:
        """without: what is taken when nothing is chosen, in words."""
        super().__init__(parent)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.addItems(["", *_CHOICES])
        line = QLineEdit()
        line.setPlaceholderText(without)
        self.setLineEdit(line)
        self.setAccessibleName("Unit")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(len(without))

    def mm_per_unit(self) -> float | None:
        """The number, None where it is left to the files. Raises AimError for what is no length."""
        text = self.currentText().strip()
        if not text:
            return None
        found = _NUMBER.fullmatch(text.replace(",", "."))
        try:
            value = float(found[1]) if found else math.nan
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise AimError(
                f"The unit is '{text}'.", "It is to be the millimetres in one unit of the actor's files, a number above zero.",
                "Choose one of the list, or leave it empty.",
            )  # fmt: skip
        return value
