"""How far an estimated jaw is from the true one, at the lower teeth: targets whose jaw moves and those whose jaw is still, apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError

from .constraints import Constraints
from .jaw import find_jaw, rigid_fits

Floats = NDArray[np.floating]
MOVING_MM = 1.0


def score_jaw(actor: Actor, poses: dict[str, Floats], truth: dict[str, Floats], points: Floats) -> dict[str, Any]:
    """Mean error at points (P, 3) of the jaw, mm: over all targets; of moving ones also as a share of their motion; degrees."""
    rows: list[dict[str, Any]] = []
    for target in actor.rig.targets:
        true, found = truth.get(target, np.eye(4)), poses.get(target, np.eye(4))
        motion = float(np.linalg.norm(rigid.apply(true, points) - points, axis=1).mean()) * actor.mm_per_unit
        error = float(np.linalg.norm(rigid.apply(true, points) - rigid.apply(found, points), axis=1).mean()) * actor.mm_per_unit
        turn = float(np.degrees(np.linalg.norm(rigid.log(found @ np.linalg.inv(true))[:3])))
        rows.append({"target": target, "motion": motion, "error": error, "degrees": turn})
    moving, still = [r for r in rows if r["motion"] > MOVING_MM], [r for r in rows if r["motion"] <= MOVING_MM]
    shares = [r["error"] / r["motion"] for r in moving]
    return {
        "mean": float(np.mean([r["error"] for r in rows])), "moving": len(moving), "moving_share": float(np.mean(shares)) if shares else 0.0,
        "moving_worst": max(shares, default=0.0), "still_mean": float(np.mean([r["error"] for r in still])) if still else 0.0,
        "still_max": max((r["error"] for r in still), default=0.0), "targets": rows,
    }  # fmt: skip


def compare_estimates(actor: Actor, constraints: Constraints) -> dict[str, dict[str, Any]]:
    """Scores of: no motion at all, robust rigid fits, and the estimate, against the lower teeth. Raises AimError without teeth."""
    if actor.lower_teeth is None or not actor.lower_teeth_shapes:
        raise AimError(f"'{actor.name}' has no lower teeth to judge by.", remedy="Add lower_teeth.obj and lower_teeth/<target>.obj.")
    truth, points = _true_poses(actor, constraints), actor.lower_teeth.points
    candidates: dict[str, dict[str, Floats]] = {"no motion": {}, "rigid fits": rigid_fits(actor, constraints), "estimate": find_jaw(actor, constraints, "estimate").poses}
    return {name: score_jaw(actor, poses, truth, points) for name, poses in candidates.items()}


def jaw_figures(actor: Actor, constraints: Constraints, poses: dict[str, Floats]) -> dict[str, Any] | None:
    """score_jaw of a training's jaw against the lower teeth; None for an actor without teeth in its targets."""
    if actor.lower_teeth is None or not actor.lower_teeth_shapes:
        return None
    return score_jaw(actor, poses, _true_poses(actor, constraints), actor.lower_teeth.points)


def _true_poses(actor: Actor, constraints: Constraints) -> dict[str, Floats]:
    return find_jaw(actor, constraints, "teeth", loose_teeth=True).poses
