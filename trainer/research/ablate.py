"""What each part of the training is worth: the same actor trained again and again, every time with one thing
changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import read_json
from aim_maya.core.progress import Style
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import LossWeights, TrainConfig
from trainer.train import train

_DATA = (
    "skin",
    "neutral",
    "anatomy_point",
    "anatomy_thickness",
    "anatomy_normal",
)  # what is learned from; the other terms regularise


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
