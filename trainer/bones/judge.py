"""How far estimated bones are from the ones an actor has: by region, beside the error they were said to have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.mesh import Mesh
from trainer.constraints import surface_distance
from trainer.regions import REGIONS, SKULL_REGIONS, regions

from .estimate import EstimatedBones

Floats = NDArray[np.floating]


def judge_bones(actor: Actor, bones: EstimatedBones) -> dict[str, Any] | None:
    """{skull, jaw: median and p90 from the estimate's vertices to the real surface of the same bone; regions: {name: median}}, mm.

    None when the actor has no bones to judge by.
    """
    if actor.skull is None or actor.jaw is None:
        return None
    skull, jaw = _distances(bones.skull, actor.skull, actor), _distances(bones.jaw, actor.jaw, actor)
    label = regions(bones.landmarks.frame.to_head(np.concatenate([bones.skull.points, bones.jaw.points])), bones.landmarks)
    both = np.concatenate([skull, jaw])
    on_skull = np.arange(len(both)) < len(skull)
    by_region = {}
    for name in REGIONS:
        chosen = (label == name) & (on_skull if name in SKULL_REGIONS else ~on_skull)
        if chosen.any():
            by_region[name] = float(np.median(both[chosen]))
    return {"skull": _summary(skull), "jaw": _summary(jaw), "regions": by_region}


def _distances(estimate: Mesh, real: Mesh, actor: Actor) -> Floats:
    return surface_distance(estimate.points, real) * actor.mm_per_unit


def _summary(distance: Floats) -> dict[str, float]:
    return {"median": float(np.median(distance)), "p90": float(np.quantile(distance, 0.9))}
