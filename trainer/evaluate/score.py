"""The accuracy of a training, in mm: skin at and between the vertices, each target against its own motion,
the neutral, the jaw at the lower teeth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh, face_means
from trainer.actor.constraints import Constraints
from trainer.actor.jaw import find_jaw, rigid_fits
from trainer.learn.fields import NeutralFields, field_pieces, joined
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
    rest, size = actor.neutral.points, (len(actor.rig.targets), len(actor.neutral.points))
    error, motion, found = np.empty(size, np.float32), np.empty(size, np.float32), []
    for part, at in field_pieces(problem, networks, jaw, problem.template.points):
        shapes = problem.shapes_at(part).transpose(1, 0, 2)
        error[:, part] = np.linalg.norm(at.posed - shapes, axis=2) * mm
        motion[:, part] = np.linalg.norm(shapes - rest[part], axis=2) * mm
        found.append(NeutralFields(at.bone, at.normals, at.thickness, at.weight, at.skin))
    fields = joined(found)
    if seen is not None:
        seen(error)
    moving = motion > MOVING_MM
    rows = target_rows(actor.rig.targets, error, motion)
    neutral = np.linalg.norm(fields.skin - rest, axis=1) * mm
    return {
        "skin": distribution(error)
        | {"moving_mean": float(error[moving].mean(dtype=np.float64)) if moving.any() else 0.0},
        "neutral": distribution(neutral),
        "targets": rows,
        "worst_relative": max((r["relative"] for r in rows), default=0.0),
        "between": between_vertices(problem, networks, jaw, float(error.mean(dtype=np.float64))),
        "anatomy": anatomy_accuracy(problem, fields),
    }


def distribution(error: Floats) -> dict[str, float]:
    """mean, p99, p99.9 and max of errors of any shape."""
    p99, p999 = np.quantile(error, [0.99, 0.999])
    mean = float(error.mean(dtype=np.float64))
    return {"mean": mean, "p99": float(p99), "p999": float(p999), "max": float(error.max())}


def target_rows(targets: tuple[str, ...], error: Floats, motion: Floats) -> list[dict[str, Any]]:
    """One row a target: mean and max error (mm), and RMS error over RMS motion, both over the vertices that
    it moves."""
    rows = []
    for name, e, m in zip(targets, error.astype(np.float64), motion.astype(np.float64), strict=True):
        moved = m > MOVING_MM
        share = np.sqrt(np.square(e[moved]).mean() / np.square(m[moved]).mean()) if moved.any() else 0.0
        row = {"mean": e.mean(), "max": e.max(), "motion_max": m.max(), "relative": share}
        rows.append({"target": name} | {figure: float(value) for figure, value in row.items()})
    return rows


def between_vertices(
    problem: Problem, networks: FaceNetworks, jaw: JawPoses, vertex_mean: float
) -> dict[str, float]:
    """Mean error at face centres and after one subdivision, against the means of the corners, and the mesh's
    own flatness, mm."""
    actor, mm = problem.actor, problem.actor.mm_per_unit
    means = new_points(actor.neutral)
    template = means @ problem.template.points
    total, centres, largest = 0.0, 0.0, 0.0
    edges, count = len(actor.neutral.edges), len(template)
    for part, at in field_pieces(problem, networks, jaw, template):
        here = means[part]
        used, local = np.unique(here.indices, return_inverse=True)
        local_means = sp.csr_matrix((here.data, local, here.indptr), shape=(here.shape[0], len(used)))
        truth = (local_means @ problem.shapes_at(used).reshape(len(used), -1)).reshape(here.shape[0], -1, 3)
        error = np.linalg.norm(at.posed - truth.transpose(1, 0, 2), axis=2) * mm
        inside = error[:, max(edges - part.start, 0) :]
        total += float(error.sum())
        centres += float(inside.sum())
        largest = max(largest, float(inside.max(initial=0.0)))
    targets = max(len(actor.rig.targets), 1)
    centre_mean = centres / max((count - edges) * targets, 1)
    return {
        "face_centre_mean": centre_mean,
        "face_centre_max": largest,
        "subdivided_mean": total / max(count * targets, 1),
        "face_centre_over_vertex": centre_mean / max(vertex_mean, 1e-9),
        "flatness_mean": flatness(actor.neutral) * mm,
    }


def new_points(mesh: Mesh) -> sp.csr_matrix:
    """(E + F, V) the middles of the edges and then the centres of the faces as means of vertices: what one
    subdivision adds."""
    edges = mesh.edges
    columns = np.concatenate([edges.ravel(), mesh.corners])
    shares = np.concatenate([np.full(2 * len(edges), 0.5), 1.0 / mesh.counts[mesh.corner_face]])
    starts = np.concatenate([[0], np.cumsum(np.r_[np.full(len(edges), 2), mesh.counts])])
    return sp.csr_matrix((shares, columns, starts), shape=(len(starts) - 1, len(mesh.points)))


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
        moved = rigid.apply(true, points)
        motion, error = (
            float(np.linalg.norm(moved - other, axis=1).mean()) * actor.mm_per_unit
            for other in (points, rigid.apply(found, points))
        )
        turn = float(np.degrees(np.linalg.norm(rigid.log(found @ np.linalg.inv(true))[:3])))
        rows.append({"target": target, "motion": motion, "error": error, "degrees": turn})
    moving = [r for r in rows if r["motion"] > JAW_MOVING_MM]
    still = [r for r in rows if r["motion"] <= JAW_MOVING_MM]
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
        remedy = "Add lower_teeth.obj and lower_teeth/<target>.obj."
        raise AimError(f"'{actor.name}' has no lower teeth to judge by.", remedy=remedy)
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
