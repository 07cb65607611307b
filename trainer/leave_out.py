"""How well the anatomy is guessed where a whole region of constraints is missing: one cheek, the chin, one brow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .anatomy_score import anatomy_figures
from .config import TrainConfig
from .constraints import JAW, SKULL
from .evaluated import evaluate
from .learn import Training
from .problem import Problem
from .progress import Progress

REGIONS = ("cheek", "chin", "brow")


def leave_regions_out(problem: Problem, config: TrainConfig, device: torch.device, progress: Progress) -> dict[str, Any]:
    """{region: anatomy figures (mm) over that region's constraints, none of which was used}.

    Only D, N and K are learned again, from scratch, without the region; the skin is taken as given. Ours only: in the paper's form they
    do not learn alone.
    """
    result: dict[str, Any] = {}
    for region in REGIONS:
        inside = region_of(problem, region)
        thinned = replace(problem, constraints=problem.constraints.without(inside))
        thinned = replace(thinned, tissue=problem.tissue.relearned(problem.actor, thinned.constraints))
        training = Training(thinned, replace(config, losses="aim"), float("inf"), device)
        training.learn_anatomy(progress, f"without the {region}")
        at = evaluate(thinned, training.networks, training.jaw, problem.template.points)
        at = replace(at, bone=problem.actor.neutral.points - at.thickness[:, None] * at.normals)
        c, kept = problem.constraints, np.flatnonzero(inside)
        scored = replace(
            c, covered=c.covered[kept], bone=c.bone[kept], thickness=c.thickness[kept], normal=c.normal[kept], which=c.which[kept],
            used=np.zeros(len(kept), bool),
        )  # fmt: skip
        figures = anatomy_figures(scored, at, problem.actor.mm_per_unit)
        result[region] = {"constraints": len(kept)} | {k: v for k, v in figures.items() if k.startswith("unseen")}
    return result


def region_of(problem: Problem, region: str) -> NDArray[np.bool_]:
    """(C,) constraints inside a region, found from the anatomy: its side of the facial plane and its place on skull or jaw."""
    c, plane, points = problem.constraints, problem.mirror.plane, problem.actor.neutral.points
    at = points[c.covered]
    side = at @ plane.normal - plane.offset
    up = {"y": 1, "z": 2}.get(problem.actor.up, 1)
    height = at[:, up]
    half_width = float(np.quantile(np.abs(side), 0.95))
    jaw_height = height[c.which == JAW]
    low, top = float(jaw_height.min()), float(np.quantile(height[c.which == SKULL], 0.98))
    share = (height - low) / max(top - low, 1e-9)
    if region == "chin":
        return (c.which == JAW) & (np.abs(side) < 0.3 * half_width)
    if region == "brow":
        return (c.which == SKULL) & (side > 0.1 * half_width) & (share > 0.55) & (share < 0.75)
    return (side > 0.3 * half_width) & (share > 0.25) & (share < 0.5)
