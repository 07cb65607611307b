"""What a training from the start would replace: a finished model, or one that can be resumed. It is asked for first."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from .run_state import RunReader, can_resume


def in_the_way(out: Path, folder: Path) -> list[str]:
    """In sentences, what is at the output and in its RUN folder; [] where nothing would be lost."""
    found = []
    if out.exists():
        written = time.strftime("%Y-%m-%d %H:%M", time.localtime(out.stat().st_mtime))
        found.append(f"{out} is a finished model, written {written}.")
    if can_resume(folder):
        reader = RunReader(folder)
        reader.look()
        s = reader.snapshot
        who = f" of '{s.actor}'" if s.actor else ""
        step = f" (step {s.step} of {s.steps})" if s.steps else ""
        if s.state == "done":
            found.append(f"{folder} holds the finished training{who}.")
        else:
            found.append(f"{folder} holds a training{who} that Resume would go on with{step}.")
    return found


def free_output(out: Path) -> Path:
    """The first of NAME_2.aim, NAME_3.aim ... that neither a model nor a training has."""
    number = 2
    while True:
        other = out.with_name(f"{out.stem}_{number}.aim")
        if not other.exists() and not other.with_suffix(".run").exists():
            return other
        number += 1


class ReplaceQuestion(QMessageBox):
    """`replace` is what was clicked when the training may take the place of what is there, `beside` when both are to be kept."""

    def __init__(self, found: list[str], other: Path, parent: QWidget | None = None) -> None:
        text = "\n\n".join([*found, "Training from the start replaces it. What is there now is then lost."])
        super().__init__(QMessageBox.Icon.Question, "AIM for Maya", text, QMessageBox.StandardButton.NoButton, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.replace = self.addButton("&Replace it", QMessageBox.ButtonRole.DestructiveRole)
        self.beside = self.addButton(f"&Keep it, train {other.name}", QMessageBox.ButtonRole.AcceptRole)
        self.stay = self.addButton(QMessageBox.StandardButton.Cancel)
        self.setDefaultButton(self.stay)
        self.setEscapeButton(self.stay)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
