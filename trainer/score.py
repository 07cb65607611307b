"""Every figure of a training, in mm: skin at and between the vertices, each target against its own motion, the neutral, the anatomy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh, face_means, subdivide

from .anatomy_score import anatomy_score
from .evaluated import evaluate
from .model import FaceNetworks, JawPoses
from .problem import Problem

Floats = NDArray[np.floating]
MOVING_MM = 0.1


def score(problem: Problem, networks: FaceNetworks, jaw: JawPoses, seen: Callable[[Floats], None] | None = None) -> dict[str, Any]:
    """All figures of one set of networks, detail off. seen: shown the errors at every vertex of every shape (T, V), mm."""
    actor, mm = problem.actor, problem.actor.mm_per_unit
    at = evaluate(problem, networks, jaw, problem.template.points)
    error = np.linalg.norm(at.posed - actor.stack, axis=2) * mm
    if seen is not None:
        seen(error)
    motion = np.linalg.norm(actor.stack - actor.neutral.points, axis=2) * mm
    neutral = np.linalg.norm(at.skin - actor.neutral.points, axis=1) * mm
    return {
        "skin": distribution(error) | {"moving_mean": float(error[motion > MOVING_MM].mean()) if (motion > MOVING_MM).any() else 0.0},
        "neutral": distribution(neutral),
        "targets": target_rows(actor.rig.targets, error, motion),
        "worst_relative": max((r["relative"] for r in target_rows(actor.rig.targets, error, motion)), default=0.0),
        "between": between_vertices(problem, networks, jaw, float(error.mean())),
        "anatomy": anatomy_score(problem, at),
    }


def distribution(error: Floats) -> dict[str, float]:
    """mean, p99, p99.9 and max of errors of any shape."""
    p99, p999 = np.quantile(error, [0.99, 0.999])
    return {"mean": float(error.mean()), "p99": float(p99), "p999": float(p999), "max": float(error.max())}


def target_rows(targets: tuple[str, ...], error: Floats, motion: Floats) -> list[dict[str, Any]]:
    """One row a target: mean and max error (mm), and RMS error over RMS motion, both over the vertices that it moves."""
    rows = []
    for name, e, m in zip(targets, error, motion, strict=True):
        moved = m > MOVING_MM
        relative = float(np.sqrt(np.square(e[moved]).mean() / np.square(m[moved]).mean())) if moved.any() else 0.0
        rows.append({"target": name, "mean": float(e.mean()), "max": float(e.max()), "motion_max": float(m.max()), "relative": relative})
    return rows


def between_vertices(problem: Problem, networks: FaceNetworks, jaw: JawPoses, vertex_mean: float) -> dict[str, float]:
    """Mean error at face centres and after one subdivision, against the means of the corners, and the mesh's own flatness, mm."""
    actor, mm = problem.actor, problem.actor.mm_per_unit
    finer = subdivide(actor.neutral)
    v = len(actor.neutral.points)
    template = finer.carry(problem.template.points)[v:]
    truth = np.stack([finer.carry(shape)[v:] for shape in actor.stack])
    error = np.linalg.norm(evaluate(problem, networks, jaw, template).posed - truth, axis=2) * mm
    centres = error[:, len(actor.neutral.edges) :]
    return {
        "face_centre_mean": float(centres.mean()), "face_centre_max": float(centres.max()), "subdivided_mean": float(error.mean()),
        "face_centre_over_vertex": float(centres.mean() / max(vertex_mean, 1e-9)), "flatness_mean": flatness(actor.neutral) * mm,
    }  # fmt: skip


def flatness(mesh: Mesh) -> float:
    """Mean distance of every face's corners from the plane through its centre with its mean normal, model unit."""
    centre = face_means(mesh, mesh.points)
    arm = mesh.points[mesh.corners] - centre[mesh.corner_face]
    following = arm[mesh.following]
    normal = np.add.reduceat(np.cross(arm, following), mesh.starts, axis=0)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    return float(np.abs((arm * normal[mesh.corner_face]).sum(1)).mean())
