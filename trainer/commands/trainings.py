"""One training; several, and a table of their figures; and one with one thing changed at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import read_json, write_text
from aim_maya.core.progress import Style
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import LossWeights, TrainConfig
from trainer.actor import load_actor
from trainer.evaluate.tables import accuracy_table, markdown
from trainer.learn.run import RunInputs


@dataclass
class TrainOptions:
    """Train an actor folder into an actor.aim. Ctrl-C, or a file named `cancel` in the run folder, stops
    cleanly; --resume goes on.
    """

    actor: tyro.conf.Positional[Path]
    """Actor folder, a dataset.npz, or a USD file with UsdSkel blend shapes."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The .aim file to write."""
    run: Path | None = None
    """RUN folder for progress, checkpoint and metrics; OUT with .run when not given."""
    resume: bool = False
    """Go on from the run folder's checkpoint."""
    if_needed: bool = False
    """For farms, where a task may come twice: nothing when OUT came of the same actor and settings, else from
    their checkpoint, else from the start."""
    mm_per_unit: float | None = None
    """Millimetres in one unit of the actor's files; overrides actor.json."""
    any_size: bool = False
    """Skip the check that the neutral is the size of a head."""
    leave_out: bool = False
    """Also report how well the anatomy is guessed with whole regions of constraints missing."""
    stop_with_parent: bool = False
    """Stop, leaving a checkpoint, when standard input ends: whatever started this is gone."""
    progress: Style = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    """Everything about the training itself."""


def run_train(options: TrainOptions) -> dict[str, Any]:
    """Train; returns the metrics."""
    if options.out.suffix != ".aim":
        raise AimError(
            f"The output is '{options.out}'.", "It has another ending.", "Name a file that ends in .aim."
        )
    actor = load_actor(options.actor, mm_per_unit=options.mm_per_unit, any_size=options.any_size)
    folder = RunFolder(options.run or options.out.with_suffix(".run"))
    inputs = RunInputs.of(folder, actor, options.config) if options.if_needed else None
    if inputs is not None and inputs.is_complete(options.out):
        sys.stdout.write(f"{options.out} is finished already\n")
        return dict(read_json(folder.metrics))
    from trainer.train import train  # late: torch takes two seconds to import, and a farm asks often

    resume = options.resume or (inputs is not None and inputs.can_resume())
    if inputs is not None:
        inputs.begin()
    trained = train(
        actor,
        options.out,
        options.config,
        folder,
        resume=resume,
        style=options.progress,
        leave_out=options.leave_out,
        with_parent=options.stop_with_parent,
        source=options.actor,
    )
    if inputs is not None:
        inputs.complete(options.out)
    if options.progress != "json":
        sys.stdout.write(accuracy_table(trained.metrics) + f"\nwrote {options.out}\n")
    return trained.metrics


@dataclass
class AccuracyOptions:
    """Train several actors with several seeds and print one table: the figures that
    docs/research/benchmarks.md shows.
    """

    actors: tyro.conf.Positional[tuple[Path, ...]]
    """Actor folders."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out/accuracy")
    """Folder for the models and their run folders."""
    seeds: int = 3
    """Seeds 0, 1, ... of each actor."""
    leave_out: bool = False
    """Also leave whole regions of constraints out."""
    progress: Style = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    """Everything about the training itself."""


ACCURACY = (
    "actor",
    "seed",
    "mean",
    "p99.9",
    "max",
    "moving",
    "worst/motion",
    "neutral",
    "face/vertex",
    "used",
    "hit med",
    "surf med",
    "surf p95",
    "restarts",
    "s",
)


def run_accuracy(options: AccuracyOptions) -> dict[str, Any]:
    """Train them all; a row each, printed as it is known."""
    from trainer.train import train

    rows, figures = [], []
    for folder in options.actors:
        actor = load_actor(folder)
        for seed in range(options.seeds):
            config = TrainConfig(**(vars(options.config) | {"seed": seed}))
            name = f"{actor.name}_{seed}"
            m = train(
                actor,
                options.out / f"{name}.aim",
                config,
                RunFolder(options.out / f"{name}.run"),
                style=options.progress,
                leave_out=options.leave_out,
            ).metrics
            rows.append(_row(m, seed))
            figures.append(m)
            sys.stdout.write(
                " ".join(str(x) if not isinstance(x, float) else f"{x:.4g}" for x in rows[-1]) + "\n"
            )
            sys.stdout.flush()
    sys.stdout.write("\n" + markdown(ACCURACY, rows) + "\n")
    return {"rows": figures}


def _row(m: dict[str, Any], seed: int) -> list[Any]:
    skin, anatomy = m["skin"], m["anatomy"]
    return [
        m["actor"],
        seed,
        skin["mean"],
        skin["p999"],
        skin["max"],
        skin["moving_mean"],
        m["worst_relative"],
        m["neutral"]["mean"],
        m["between"]["face_centre_over_vertex"],
        anatomy["used_mean"],
        anatomy["unseen_hit_median"],
        anatomy["unseen_surface_median"],
        anatomy["unseen_surface_p95"],
        m["restarts"],
        m["seconds"]["total"],
    ]


ABLATED = (
    "",
    "skin mean, mm",
    "p99.9",
    "max",
    "neutral",
    "jaw, mm",
    "bone median",
    "p95",
    "outside",
    "restarts",
    "s",
)


@dataclass
class AblateOptions:
    """What each part of the training is worth: train one actor again and again with one thing changed each
    time.
    """

    actor: tyro.conf.Positional[Path]
    """The actor; with lower teeth its jaw is judged, too."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out/ablate")
    """Folder for the models, their run folders and table.md."""
    progress: Style = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    """Everything about the training itself: what every variant starts from."""
    only: tuple[str, ...] | None = None
    """Only these rows of the table, by name."""


def run_ablate(options: AblateOptions) -> dict[str, Any]:
    """Train them all; a line each as it is known, then the table."""

    def told(name: str, figures: dict[str, Any]) -> None:
        shown = figures.get("error") or ", ".join(
            f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
            for k, v in figures.items()
            if v is not None
        )
        sys.stdout.write(f"{name}: {shown}\n")
        sys.stdout.flush()

    figures = ablate(
        load_actor(options.actor), options.config, options.out, options.progress, told, options.only
    )
    if all("error" in f for f in figures.values()):
        raise AimError(
            "No variant could be trained.",
            f"The first said: {next(iter(figures.values()))['error']}",
            "Train the actor first: aimface train.",
        )
    table = markdown(ABLATED, [_cells(name, f) for name, f in figures.items()])
    write_text(options.out / "table.md", table + "\n")
    sys.stdout.write("\n" + table + "\n")
    return figures


def _cells(name: str, figures: dict[str, Any]) -> list[Any]:
    if "error" in figures:
        return [name, figures["error"], *[""] * (len(ABLATED) - 2)]
    shown = ["" if v is None else v for k, v in figures.items() if k != "not_exported"]
    return [f"{name} (not exported)" if "not_exported" in figures else name, *shown]


# The variants, and what is known of each.

# what is learned from; the other terms regularise
_DATA = ("skin", "neutral", "anatomy_point", "anatomy_thickness", "anatomy_normal")


def variants(config: TrainConfig) -> dict[str, TrainConfig]:
    """{name of the row: configuration}: as configured, then each thing changed alone."""
    terms = [f.name for f in fields(LossWeights) if f.name not in _DATA and getattr(config.weights, f.name)]
    rows = {"as configured": config}
    for name, kind in (("ReLU", "relu"), ("GELU", "gelu")):
        if kind != config.activation:
            rows[name] = replace(config, activation=kind)  # type: ignore[arg-type]
    rows |= {f"without {term}": replace(config, without=(*config.without, term)) for term in terms}
    rows["prior: smooth"] = replace(config, prior="smooth")
    rows["template closed"] = replace(config, open_template=False)
    for source in ("estimate", "free"):
        rows[f"jaw: {source}"] = replace(config, jaw=source)  # type: ignore[arg-type]
    rows["the paper's losses and form"] = replace(config, losses="paper", without=())
    return rows


def ablate(
    actor: Actor,
    config: TrainConfig,
    folder: Path,
    style: Style,
    told: Callable[[str, dict[str, Any]], None],
    only: tuple[str, ...] | None = None,
) -> dict[str, dict[str, Any]]:
    """Train every variant, or only those named, into `folder`; told(row, figures) as each is known. A variant
    that cannot be trained has its error as a figure. Raises AimError for a name that no variant has."""
    from trainer.train import train

    figures: dict[str, dict[str, Any]] = {}
    all_of_them = variants(config)
    for name in only or ():
        if name not in all_of_them:
            raise AimError(
                f"There is no variant '{name}'.",
                nearest_name(name, all_of_them),
                f"Variants: {', '.join(all_of_them)}.",
            )
    for name, changed in all_of_them.items():
        if only and name not in only:
            continue
        stem = "".join(c if c.isalnum() else "_" for c in name)
        run = RunFolder(folder / f"{stem}.run")
        run.metrics.unlink(missing_ok=True)
        try:
            figures[name] = row(train(actor, folder / f"{stem}.aim", changed, run, style=style).metrics)
        except AimError as error:
            scored = run.metrics.exists()  # trained and judged, and then not fit to be written
            figures[name] = (
                row(read_json(run.metrics)) | {"not_exported": str(error)}
                if scored
                else {"error": str(error)}
            )
        told(name, figures[name])
    return figures


def row(metrics: dict[str, Any]) -> dict[str, Any]:
    """The figures of one training: skin and neutral, jaw against the teeth, bone at unseen vertices (mm),
    restarts and seconds."""
    skin, anatomy, jaw = metrics["skin"], metrics["anatomy"], metrics["jaw"]["error"]
    return {
        "skin_mean": skin["mean"],
        "skin_p999": skin["p999"],
        "skin_max": skin["max"],
        "neutral": metrics["neutral"]["mean"],
        "jaw_mean": jaw["mean"] if jaw else None,
        "bone_median": anatomy.get("unseen_surface_median"),
        "bone_p95": anatomy.get("unseen_surface_p95"),
        "outside": anatomy.get("outside_skin"),
        "restarts": metrics["restarts"],
        "seconds": metrics["seconds"]["total"],
    }
