"""The accuracy of a training, in mm: skin at and between the vertices, each target against its own motion,
the neutral, the jaw at the lower teeth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh, face_means, subdivide
from trainer.actor.constraints import Constraints
from trainer.actor.jaw import find_jaw, rigid_fits
from trainer.learn.fields import network_fields
from trainer.learn.model import FaceNetworks, JawPoses
from trainer.learn.problem import Problem

from .anatomy import anatomy_accuracy

MOVING_MM = 0.1


def accuracy(
    problem: Problem, networks: FaceNetworks, jaw: JawPoses, seen: Callable[[Floats], None] | None = None
) -> dict[str, Any]:
    """All figures of one set of networks, detail off. seen: shown the errors at every vertex of every shape
    (T, V), mm."""
    actor, mm = problem.actor, problem.actor.mm_per_unit
    at = network_fields(problem, networks, jaw, problem.template.points)
    error = np.linalg.norm(at.posed - actor.stack, axis=2) * mm
    if seen is not None:
        seen(error)
    motion = np.linalg.norm(actor.stack - actor.neutral.points, axis=2) * mm
    neutral = np.linalg.norm(at.skin - actor.neutral.points, axis=1) * mm
    return {
        "skin": distribution(error)
        | {"moving_mean": float(error[motion > MOVING_MM].mean()) if (motion > MOVING_MM).any() else 0.0},
        "neutral": distribution(neutral),
        "targets": target_rows(actor.rig.targets, error, motion),
        "worst_relative": max(
            (r["relative"] for r in target_rows(actor.rig.targets, error, motion)), default=0.0
        ),
        "between": between_vertices(problem, networks, jaw, float(error.mean())),
        "anatomy": anatomy_accuracy(problem, at),
    }


def distribution(error: Floats) -> dict[str, float]:
    """mean, p99, p99.9 and max of errors of any shape."""
    p99, p999 = np.quantile(error, [0.99, 0.999])
    return {"mean": float(error.mean()), "p99": float(p99), "p999": float(p999), "max": float(error.max())}


def target_rows(targets: tuple[str, ...], error: Floats, motion: Floats) -> list[dict[str, Any]]:
    """One row a target: mean and max error (mm), and RMS error over RMS motion, both over the vertices that
    it moves."""
    rows = []
    for name, e, m in zip(targets, error, motion, strict=True):
        moved = m > MOVING_MM
        relative = (
            float(np.sqrt(np.square(e[moved]).mean() / np.square(m[moved]).mean())) if moved.any() else 0.0
        )
        rows.append(
            {
                "target": name,
                "mean": float(e.mean()),
                "max": float(e.max()),
                "motion_max": float(m.max()),
                "relative": relative,
            }
        )
    return rows


def between_vertices(
    problem: Problem, networks: FaceNetworks, jaw: JawPoses, vertex_mean: float
) -> dict[str, float]:
    """Mean error at face centres and after one subdivision, against the means of the corners, and the mesh's
    own flatness, mm."""
    actor, mm = problem.actor, problem.actor.mm_per_unit
    finer = subdivide(actor.neutral)
    v = len(actor.neutral.points)
    template = finer.carry(problem.template.points)[v:]
    truth = np.stack([finer.carry(shape)[v:] for shape in actor.stack])
    error = np.linalg.norm(network_fields(problem, networks, jaw, template).posed - truth, axis=2) * mm
    centres = error[:, len(actor.neutral.edges) :]
    return {
        "face_centre_mean": float(centres.mean()),
        "face_centre_max": float(centres.max()),
        "subdivided_mean": float(error.mean()),
        "face_centre_over_vertex": float(centres.mean() / max(vertex_mean, 1e-9)),
        "flatness_mean": flatness(actor.neutral) * mm,
    }


def flatness(mesh: Mesh) -> float:
    """Mean distance of every face's corners from the plane through its centre with its mean normal, model
    unit."""
    centre = face_means(mesh, mesh.points)
    arm = mesh.points[mesh.corners] - centre[mesh.corner_face]
    following = arm[mesh.following]
    normal = np.add.reduceat(np.cross(arm, following), mesh.starts, axis=0)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    return float(np.abs((arm * normal[mesh.corner_face]).sum(1)).mean())


# How far an estimated jaw is from the true one, at the lower teeth: targets whose jaw moves and those whose
# jaw is still, apart.

JAW_MOVING_MM = 1.0


def jaw_accuracy(
    actor: Actor, poses: dict[str, Floats], truth: dict[str, Floats], points: Floats
) -> dict[str, Any]:
    """Mean error at points (P, 3) of the jaw, mm: over all targets; of moving ones also as a share of their
    motion; degrees."""
    rows: list[dict[str, Any]] = []
    for target in actor.rig.targets:
        true, found = truth.get(target, np.eye(4)), poses.get(target, np.eye(4))
        motion = float(np.linalg.norm(rigid.apply(true, points) - points, axis=1).mean()) * actor.mm_per_unit
        error = (
            float(np.linalg.norm(rigid.apply(true, points) - rigid.apply(found, points), axis=1).mean())
            * actor.mm_per_unit
        )
        turn = float(np.degrees(np.linalg.norm(rigid.log(found @ np.linalg.inv(true))[:3])))
        rows.append({"target": target, "motion": motion, "error": error, "degrees": turn})
    moving, still = (
        [r for r in rows if r["motion"] > JAW_MOVING_MM],
        [r for r in rows if r["motion"] <= JAW_MOVING_MM],
    )
    shares = [r["error"] / r["motion"] for r in moving]
    return {
        "mean": float(np.mean([r["error"] for r in rows])),
        "moving": len(moving),
        "moving_share": float(np.mean(shares)) if shares else 0.0,
        "moving_worst": max(shares, default=0.0),
        "still_mean": float(np.mean([r["error"] for r in still])) if still else 0.0,
        "still_max": max((r["error"] for r in still), default=0.0),
        "targets": rows,
    }


def jaw_estimate_accuracy(actor: Actor, constraints: Constraints) -> dict[str, dict[str, Any]]:
    """Scores of: no motion at all, robust rigid fits, and the estimate, against the lower teeth. Raises
    AimError without teeth."""
    if actor.lower_teeth is None or not actor.lower_teeth_shapes:
        raise AimError(
            f"'{actor.name}' has no lower teeth to judge by.",
            remedy="Add lower_teeth.obj and lower_teeth/<target>.obj.",
        )
    truth, points = _true_poses(actor, constraints), actor.lower_teeth.points
    candidates: dict[str, dict[str, Floats]] = {
        "no motion": {},
        "rigid fits": rigid_fits(actor, constraints),
        "estimate": find_jaw(actor, constraints, "estimate").poses,
    }
    return {name: jaw_accuracy(actor, poses, truth, points) for name, poses in candidates.items()}


def trained_jaw_accuracy(
    actor: Actor, constraints: Constraints, poses: dict[str, Floats]
) -> dict[str, Any] | None:
    """jaw_accuracy of a training's jaw against the lower teeth; None for an actor without teeth in its
    targets.
    """
    if actor.lower_teeth is None or not actor.lower_teeth_shapes:
        return None
    return jaw_accuracy(actor, poses, _true_poses(actor, constraints), actor.lower_teeth.points)


def _true_poses(actor: Actor, constraints: Constraints) -> dict[str, Floats]:
    return find_jaw(actor, constraints, "teeth", loose_teeth=True).poses
