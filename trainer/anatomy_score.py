"""How true the learned anatomy is: at constraints that were used and not used, by region, at the table's sites; inside the skin, on the right bone."""

from __future__ import annotations

from typing import Any

import igl
import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.mesh import vertex_normals

from .bones.depth import site_vertices
from .bones.sites import DEPTHS_MM
from .constraints import Constraints
from .evaluated import Evaluated
from .inside import outside
from .landmarks import Landmarks
from .problem import Problem
from .regions import REGIONS, regions

Floats = NDArray[np.floating]
_BORDER_MM = 0.05  # skin that is 'outside' this far below itself lies on an open border, where inside means nothing


def anatomy_score(problem: Problem, at: Evaluated) -> dict[str, Any]:
    """All figures of the anatomy, mm; lengths from bone point to bone unless said otherwise. None for a face trained without bones."""
    if not len(problem.constraints.covered):
        return {}
    actor, landmarks = problem.actor, problem.tissue.landmarks
    figures: dict[str, Any] = anatomy_figures(problem.constraints, at, actor.mm_per_unit)
    figures["outside_skin"] = outside_skin(actor, at.bone)
    if landmarks is not None:
        figures["regions"] = by_region(problem.constraints, at, landmarks, actor)
        figures["sites"] = at_sites(problem.constraints, at, landmarks, actor)
    return figures


def anatomy_figures(constraints: Constraints, at: Evaluated, mm: float) -> dict[str, float]:
    """At the constraints used: |b - bone|. At covered vertices that were not: b to the ray's hit, to the nearest bone, and how often
    that is the wrong one, mm and shares.
    """
    hit = np.linalg.norm(at.bone[constraints.covered] - constraints.bone, axis=1) * mm
    unseen = ~constraints.used
    surface, which = nearest_bone(at.bone[constraints.covered][unseen], constraints)
    surface *= mm
    depth = np.abs(at.thickness[constraints.covered] - constraints.thickness)[unseen] * mm
    return {
        "covered_share": len(constraints.covered) / len(at.bone), "used": int(constraints.used.sum()), "used_share": float(constraints.used.sum() / len(at.bone)),
        "used_mean": float(hit[~unseen].mean()) if constraints.used.any() else 0.0, "unseen_hit_median": float(np.median(hit[unseen])), "unseen_hit_p95": float(np.quantile(hit[unseen], 0.95)),
        "unseen_surface_median": float(np.median(surface)), "unseen_surface_p95": float(np.quantile(surface, 0.95)),
        "unseen_thickness_median": float(np.median(depth)), "wrong_bone_share": float((which != constraints.which[unseen]).mean()),
    }  # fmt: skip


def nearest_bone(points: Floats, constraints: Constraints) -> tuple[Floats, NDArray[np.integer]]:
    """Distance (P,) of points (P, 3) from the nearest bone, model unit, and which it is: 0 skull, 1 jaw."""
    surface = constraints.surface
    squared, triangle, _ = igl.point_mesh_squared_distance(np.ascontiguousarray(points), surface.points, surface.triangles)
    return np.sqrt(squared), (surface.triangle_face[triangle] >= constraints.skull_faces).astype(np.int64)


def outside_skin(actor: Actor, bone: Floats) -> int:
    """How many bone points (V, 3) lie outside the neutral's skin; vertices on its open borders are not asked."""
    skin = actor.neutral
    below = skin.points - _BORDER_MM / actor.mm_per_unit * vertex_normals(skin)
    return int((outside(bone, skin) & ~outside(below, skin)).sum())


def by_region(constraints: Constraints, at: Evaluated, landmarks: Landmarks, actor: Actor) -> dict[str, dict[str, float]]:
    """{region: vertices, median and p95 at covered vertices that were not used}."""
    ids = constraints.covered[~constraints.used]
    label = regions(landmarks.frame.to_head(actor.neutral.points[ids]), landmarks)
    surface = nearest_bone(at.bone[ids], constraints)[0] * actor.mm_per_unit
    found = {name: surface[label == name] for name in REGIONS}
    return {name: {"vertices": len(d), "median": float(np.median(d)), "p95": float(np.quantile(d, 0.95))} for name, d in found.items() if len(d)}


def at_sites(constraints: Constraints, at: Evaluated, landmarks: Landmarks, actor: Actor) -> dict[str, dict[str, float | None]]:
    """{site: the table's depth, the learned thickness, and the given bone's where a ray found it}, mm; the mean of both sides."""
    mm, measured = actor.mm_per_unit, np.full(len(at.bone), np.nan)
    measured[constraints.covered] = constraints.thickness * mm
    names, ids = site_vertices(landmarks, landmarks.frame.to_head(actor.neutral.points))
    rows: dict[str, dict[str, float | None]] = {}
    for site in dict.fromkeys(names):
        chosen = ids[[name == site for name in names]]
        seen = measured[chosen][np.isfinite(measured[chosen])]
        rows[site] = {"table": DEPTHS_MM[site], "learned": float(at.thickness[chosen].mean() * mm), "given": float(seen.mean()) if len(seen) else None}
    return rows
