"""Examine this installation and say what to do: packages, CUDA, folders, Maya; with a model, which device it
gets and the time of a frame."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from aim_maya.checks import as_figures, as_text
from aim_maya.doctor import examine


@dataclass
class Options:
    """What `aimface doctor` takes."""

    model: tyro.conf.Positional[Path | None] = None
    """An actor.aim to try as well."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """cuda: it counts as a failure when CUDA cannot be had."""
    json: Path | None = None
    """Write the findings here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Print the findings; returns them."""
    checks = examine(options.model, options.device)
    sys.stdout.write(as_text(checks))
    return as_figures(checks)


def exit_code(figures: dict[str, Any]) -> int:
    """1 when something fails."""
    return int(figures["worst"] == "fail")
