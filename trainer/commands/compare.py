"""Compare the model with the baselines (GBS, PBS, ALM) on one take: dense, noisy, with holes, sparse, from
landmarks, under an unsteady head, with drift."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from aim_maya.core.curves import Curves, read_curves
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import write_json, write_text
from aim_maya.core.progress import Progress, Style
from aim_maya.runtime import FaceModel
from trainer.actor import load_actor
from trainer.evaluate.tables import markdown
from trainer.research.compare import Comparison, compare, known_settings, tune_row
from trainer.research.methods import STORE, chosen_rows, keep, read_store
from trainer.research.settings import SETTINGS
from trainer.research.steadiness import RATES, curve_take, steadiness, steady_table
from trainer.research.tables import UNKNOWNS, curve, pictured_frames, tables, write_curve, write_pictures
from trainer.research.take import landmark_vertices, make_face, read_landmarks, read_take, scored_vertices

QUICK = 6


@dataclass
class Options:
    """What `aimface compare` takes."""

    actor: tyro.conf.Positional[Path]
    """The actor whose shapes all methods are built from."""
    frames: tyro.conf.Positional[Path]
    """The true take: an npz with 'frames' (F, V, 3), or a folder of OBJs. Its jaw_matrices, if any, are for
    scoring. Weight curves (.csv): how steady fits of them are, at 30 and 60 fps."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out/compare")
    """Folder for results.jsonl, table.md, figures.json and the pictures."""
    model: Path | None = None
    """The actor's trained model: its rows, and the anatomy that ALM needs. Without it only GBS and PBS are
    compared."""
    methods: tuple[str, ...] | None = None
    """Only these rows."""
    settings: tuple[str, ...] | None = None
    """Only these settings: all, noise, blocks, sparse, landmarks, head, drift."""
    seeds: int = 5
    """How often what is random is drawn again."""
    every: int = 1
    """Take every n-th frame."""
    quick: bool = False
    """Every sixth frame and one seed."""
    unknowns: int = 1200
    """Unknowns a frame of every local method, as nearly as its patches or modes allow."""
    score_vertices: str | None = None
    """Score only these: A:B (B excluded), or a file of vertex ids. All when not given."""
    landmarks: Path | None = None
    """The 68 landmarks as vertex ids, where the actor has none."""
    tune: bool = False
    """Search the baselines' options on this actor, for use on others, and keep them; nothing is compared."""
    tuned: Path = STORE
    """Where tuned options are kept. Those of this very actor are never used on it."""
    curve: bool = False
    """Also the error against the number of unknowns, first seed."""
    curve_unknowns: tuple[int, ...] = UNKNOWNS
    """These numbers of them."""
    neural_steps: int = 0
    """Iterations of 'AIM local, neural'; 0 takes the paper's 10,000 for every 128 frames."""
    resume: bool = False
    """Go on from results.jsonl in the folder, as far as it was made from the same."""
    mm_per_unit: float | None = None
    """Millimetres in one unit of the actor's files; overrides actor.json."""
    progress: Style = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Compare, or tune."""
    _check(options)
    with Progress(options.progress) as progress:
        if options.frames.suffix.lower() == ".csv":
            return _steadiness(options, progress)
        plan, up = _plan(options, progress)
        return _tune(plan, options, progress) if options.tune else _compare(plan, up, options, progress)


def _check(options: Options) -> None:
    for name in options.settings or ():
        if name not in SETTINGS:
            known = f"Settings: {', '.join(SETTINGS)}."
            raise AimError(f"There is no setting '{name}'.", nearest_name(name, SETTINGS), known)
    for name in ("seeds", "every", "unknowns"):
        if getattr(options, name) < 1:
            raise AimError(f"--{name} is {getattr(options, name)}.", remedy="Give a whole number from 1.")
    if min(options.curve_unknowns, default=0) < 1 or options.neural_steps < 0:
        what = "--curve-unknowns needs whole numbers from 1, --neural-steps one from 0."
        raise AimError(what, remedy="Leave them out to take what they are by default.")


def _plan(options: Options, progress: Progress, curves: Curves | None = None) -> tuple[Comparison, str]:
    actor = load_actor(options.actor, mm_per_unit=options.mm_per_unit)
    model = None if options.model is None else FaceModel.load(options.model, device="cpu")
    face, vertices = make_face(actor, model), len(actor.neutral.points)
    scored = np.ones(vertices, bool)
    if options.score_vertices is not None:
        scored = scored_vertices(options.score_vertices, vertices)
    if curves is None:
        if options.landmarks is None:
            landmarks = landmark_vertices(actor.landmarks, vertices)
        else:
            landmarks = read_landmarks(options.landmarks, vertices)
        take = read_take(options.frames, vertices, actor.mm_per_unit)
        take = replace(take, scored=scored, landmarks=landmarks)
        take = take.every(QUICK if options.quick else options.every)
    else:
        take = curve_take(face, curves, RATES[0], scored)[0]
    rows = chosen_rows(options.methods, model is not None, options.neural_steps)
    settings = known_settings(options.settings, take, progress) if curves is None else []
    teeth = None if actor.lower_teeth is None else actor.lower_teeth.points * actor.mm_per_unit
    (options.out / "maps").mkdir(parents=True, exist_ok=True)
    pictured = pictured_frames(take.frames, face.neutral, take.scored)
    seeds = 1 if options.quick else options.seeds
    return Comparison(
        face,
        take,
        teeth,
        rows,
        settings,
        seeds,
        options.unknowns,
        options.out,
        options.tuned,
        options.model,
        pictured,
    ), actor.up


def _steadiness(options: Options, progress: Progress) -> dict[str, Any]:
    curves = read_curves(options.frames)
    plan, _ = _plan(options, progress, curves)

    def told(line: dict[str, Any]) -> None:
        progress.note(
            f"{line['fps']:g} fps, {line['kind']}: {line['method']} jitter {line['jitter']:.4f} "
            f"mm/frame^2, mean {line['mean']:.3f} mm"
        )

    found = steadiness(plan, curves, progress, told)
    text = steady_table(found)
    write_text(plan.folder / "steadiness.md", text + "\n")
    write_json(plan.folder / "steadiness.json", found)
    sys.stdout.write(text + "\n")
    return {"actor": plan.face.name, "steadiness": found}


def _compare(plan: Comparison, up: str, options: Options, progress: Progress) -> dict[str, Any]:
    def told(line: dict[str, Any]) -> None:
        of = f", seed {line['seed']}" if "seed" in line else f", {line['unknowns']} unknowns"
        errors = f"{line['mean']:.3f} mm mean, {line['p95']:.2f} p95"
        progress.note(f"{line['setting']}{of}: {line['method']} {errors}, {line['frame_ms']:.1f} ms a frame")

    results = compare(plan, progress, resume=options.resume, told=told)
    points = curve(plan, options.curve_unknowns, progress, told) if options.curve else []
    parts = []
    if points:
        write_curve(points, plan.folder / "curve.png")
        rows = [[p["setting"], p["method"], p["unknowns"], p["mean"], p["frame_ms"]] for p in points]
        table = markdown(["setting", "method", "unknowns", "mean", "ms a frame"], rows)
        parts.append(f"Error against unknowns, mm:\n\n{table}")
    text = tables(results, parts)
    write_text(plan.folder / "table.md", text + "\n")
    figures = {"actor": plan.face.name, "results": results, "curve": points}
    write_json(plan.folder / "figures.json", figures)
    progress.stage("drawing error maps")
    write_pictures(plan, up)
    sys.stdout.write(text + "\n")
    return figures


def _tune(plan: Comparison, options: Options, progress: Progress) -> dict[str, Any]:
    """A search starts from what is kept for this actor, else from the best of the setting before."""
    found, kept = dict[str, Any](), read_store(options.tuned).get(plan.face.name, {})
    for row in (r for r in plan.rows if r.grids):
        starts: list[dict[str, Any]] = []
        for setting in plan.settings:
            progress.stage(f"tuning {row.name} for {setting.name}")
            before = kept.get(row.name, {}).get(setting.name)
            entry = tune_row(plan, row, setting, [before["options"]] if before else starts, progress)
            starts = [entry["options"]]
            keep(options.tuned, plan.face.name, row.name, setting.name, entry)
            edge = f", at the edge: {entry['edges']}" if entry["edges"] else ""
            progress.note(
                f"{row.name}, {setting.name}: {entry['error']:.3f} mm with {entry['options']}{edge}"
            )
            found[f"{row.name}, {setting.name}"] = entry
    return found
