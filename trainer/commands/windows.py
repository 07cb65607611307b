"""Windows that need no Maya: a training's, and a model's."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro


@dataclass
class UiOptions:
    """Open the training window, without Maya: choose an actor, train it, watch it, stop and resume it."""

    path: tyro.conf.Positional[Path | None] = None
    """An actor folder to train, or the RUN folder of a training to follow."""
    light: bool = False
    """The system's colours instead of dark ones."""
    screenshot: Path | None = None
    """Save a picture of the window as PNG and close it."""
    after_s: float = 0.5
    """Seconds to wait before the picture."""
    json: Path | None = None
    """Write the exit code here as JSON."""


def run_ui(options: UiOptions) -> dict[str, Any]:
    """Show the window until it is closed."""
    from aim_maya.ui.app import check_writable
    from aim_maya.ui.training.window import train_window

    check_writable(options.screenshot)
    return {
        "exit_code": train_window(options.path, options.screenshot, options.after_s, dark=not options.light)
    }


@dataclass
class ViewOptions:
    """Look at a model: a slider for every control, the learned skull and jaw, thickness, skinning weight,
    errors; curves and performances played; pictures and movies.
    """

    model: tyro.conf.Positional[Path]
    """The .aim file."""
    actor: Path | None = None
    """Measure errors against this actor's shapes; else against those the file holds."""
    weights: Annotated[tuple[str, ...], tyro.conf.arg(aliases=["-w"])] = ()
    """Controls to begin with, as NAME=VALUE."""
    colours: Literal["none", "thickness", "weight", "error"] = "none"
    """What the skin's colours mean to begin with."""
    bones: bool = False
    """Show the learned skull and jaw through the skin."""
    edit: Path | None = None
    """Show the model under this edit file (JSON)."""
    preset: str | None = None
    """Show the model under one of the edits that come along; aimface edit --list names them."""
    curves: Path | None = None
    """Play these weight curves (CSV) or this fitted performance (.aimperf); a picture shows the first
    frame.
    """
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model is evaluated."""
    screenshot: Path | None = None
    """Save a picture as PNG and end; needs no display."""
    size: str | None = None
    """Pixels of the picture or movie: 2000 for a square, or 1920x1080."""
    camera: (
        Literal["front", "three_quarter", "three_quarter_right", "profile", "profile_right", "whole"] | None
    ) = None
    """Look from here; the sides are the subject's left, or right."""
    movie: Path | None = None
    """Save the curves or the performance, or else one turn about the face, as MP4 and end; needs the extra
    [movie]."""
    window: bool = False
    """The picture is of the whole window, with its sliders."""
    bench: bool = False
    """Measure slider to picture beside a bare update and render of the same scene, print, and end; needs no
    display."""
    light: bool = False
    """The system's colours instead of dark ones."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run_view(options: ViewOptions) -> dict[str, Any]:
    """Show the window until it is closed, or make the picture, or measure."""
    # before numpy: its idle threads spin, and take the processor from the drawing
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from aim_maya.ui.viewer import app

    figures = app.view(options)
    if options.bench:
        sys.stdout.write(app.bench_table(figures) + "\n")
    elif made := options.movie or options.screenshot:
        sys.stdout.write(f"wrote {made}\n")
    return figures
