"""On this machine: the windows that need no Maya, a training's and a model's; what is installed on it; and
how fast a model is there. numpy is imported by nothing above a function here."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from aim_maya.checks import as_figures, as_text
from aim_maya.doctor import examine


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


@dataclass
class DoctorOptions:
    """Examine this installation and say what to do: packages, CUDA, folders, Maya; with a model, which device
    it gets and the time of a frame.
    """

    model: tyro.conf.Positional[Path | None] = None
    """An actor.aim to try as well."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """cuda: it counts as a failure when CUDA cannot be had."""
    json: Path | None = None
    """Write the findings here as JSON."""


def run_doctor(options: DoctorOptions) -> dict[str, Any]:
    """Print the findings; returns them."""
    checks = examine(options.model, options.device)
    sys.stdout.write(as_text(checks))
    return as_figures(checks)


def exit_code_doctor(figures: dict[str, Any]) -> int:
    """1 when something fails."""
    return int(figures["worst"] == "fail")


@dataclass
class BenchOptions:
    """Measure a model on this machine: cached frames against a bare numpy blendshape, performances, all
    networks every frame, load, memory.
    """

    model: tyro.conf.Positional[Path]
    """The .aim file."""
    rounds: int = 300
    """Paired calls a row; 300 take one to two minutes, 5000 a quarter of an hour."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto also measures CUDA when it is there."""
    json: Path | None = None
    """Write the figures here as JSON."""


_COLUMNS = {
    "vertices": "vertices",
    "active": "active",
    "cached ms": "cached_ms",
    "bare ms": "bare_ms",
    "fastest bare": "bare",
    "cached / bare": "ratio",
    "moved": "moved",
    "sparse ms": "sparse_ms",
    "cached / sparse": "sparse_ratio",
    "p99 ms": "cached_p99_ms",
    "p99 / median": "p99_over_median",
}


def run_bench(options: BenchOptions) -> dict[str, Any]:
    """Measure and print."""
    # late: a doctor comes where these do not start
    from aim_maya.runtime import FaceModel
    from trainer.evaluate.tables import markdown
    from trainer.research.bench import bench, performance_frames

    figures = bench(options.model, options.rounds, options.device)
    figures["performance"] = performance_frames(
        FaceModel.load(options.model, "cpu"), max(options.rounds // 10, 1)
    )
    cold, changing, played = figures["cold"], figures["changing_sets_ms"], figures["performance"]
    size = figures["tables"]
    moments = ", ".join(
        f"{name} {row['median_ms']:.2f} (p99 {row['p99_ms']:.2f})" for name, row in played["moments"].items()
    )
    lines = [
        markdown(list(_COLUMNS), [[row[key] for key in _COLUMNS.values()] for row in figures["frames"]]),
        "",
        *[
            f"10 active controls, mean ms, {name}: "
            + ", ".join(f"{which} {ms:.3f} ({ms / means['the same']:.2f})" for which, ms in means.items())
            for name, means in changing.items()
        ],
        *[
            f"until an edit shows, {b['vertices']} vertices, {b['edit']}: {b['median_ms']:.0f} ms "
            f"(at most {b['max_ms']:.0f})"
            for b in figures["edits_built"]
        ],
        *[
            f"edited ({e['edit']}), 10 active: {e['edited_ms']:.3f} ms, unedited "
            f"{e['unedited_ms']:.3f} ms, ratio {e['ratio']:.2f}"
            for e in figures["edited"]
        ],
        f"a moment of a performance, {played['targets']} targets on {played['columns']} spatial "
        f"functions, ms: {moments}",
        *[
            f"all networks every frame, {f['device']}: {_ms(f['median_ms'])} "
            f"({'; '.join(part for part in (f['graph'], f['report'].rstrip('.')) if part)})"
            for f in figures["full"]
        ],
        f"fresh process: import {cold['import_s']:.3f} s, to first points "
        f"{cold['load_to_first_points_s']:.3f} s, peak {cold['peak_memory_mib']:.0f} MiB",
        f"file: {figures['bytes'] / 1e6:.1f} MB; tables in memory {size['rows_mb']:.1f} MB, the points that "
        f"targets move {size['moved_mb']:.1f}, all vertices {size['whole_mb']:.1f}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return figures


def _ms(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.1f} ms"
