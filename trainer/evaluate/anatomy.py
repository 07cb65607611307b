"""How true the learned and the estimated anatomy are: at constraints used, not used and left out by region;
estimated bones judged, and written to look at.
"""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats
from aim_maya.core.files import atomic_path, write_json
from aim_maya.core.mesh import Mesh, vertex_normals
from aim_maya.core.obj import write_obj
from aim_maya.core.progress import Progress
from aim_maya.core.training_options import TrainConfig
from aim_maya.runtime import FaceModel
from trainer.actor.bones import (
    BONE_REGIONS,
    DEPTHS_MM,
    SKULL_REGIONS,
    EstimatedBones,
    bone_regions,
    site_vertices,
)
from trainer.actor.constraints import JAW, SKULL, Constraints
from trainer.actor.landmarks import Landmarks
from trainer.geometry.smooth import edge_lengths
from trainer.geometry.surface import LONGEST_MM, Surface, exposed, outside
from trainer.learn.fields import NeutralFields, neutral_fields, on_open_border
from trainer.learn.loop import Training
from trainer.learn.problem import Problem

from . import pictures

# How true the learned anatomy is: at constraints that were used and not used, by region, at the table's
# sites; inside the skin, on the right bone.


def anatomy_accuracy(problem: Problem, at: NeutralFields) -> dict[str, Any]:
    """All figures of the anatomy, mm; lengths from bone point to bone unless said otherwise. None for a face
    trained without bones."""
    if not len(problem.constraints.covered):
        return {}
    actor, landmarks = problem.actor, problem.tissue.landmarks
    figures: dict[str, Any] = constraint_accuracy(problem.constraints, at, actor.mm_per_unit)
    figures["outside_skin"] = outside_skin(actor, at.bone)
    figures |= roughness(actor.neutral, at.thickness, at.normals, actor.mm_per_unit)
    if landmarks is not None:
        figures["regions"] = region_accuracy(problem.constraints, at, landmarks, actor)
        figures["sites"] = site_depths(problem.constraints, at, landmarks, actor)
    return figures


def constraint_accuracy(constraints: Constraints, at: NeutralFields, mm: float) -> dict[str, float]:
    """At the constraints used: |b - bone|. At covered vertices that were not: b to the ray's hit, to the
    nearest bone, and how often that is the wrong one, mm and shares.
    """
    hit = np.linalg.norm(at.bone[constraints.covered] - constraints.bone, axis=1) * mm
    unseen = ~constraints.used
    surface, which = nearest_bone(at.bone[constraints.covered][unseen], constraints)
    surface *= mm
    depth = np.abs(at.thickness[constraints.covered] - constraints.thickness)[unseen] * mm
    return {
        "covered_share": len(constraints.covered) / len(at.bone),
        "used": int(constraints.used.sum()),
        "used_share": float(constraints.used.sum() / len(at.bone)),
        "used_mean": float(hit[~unseen].mean()) if constraints.used.any() else 0.0,
        "unseen_hit_median": float(np.median(hit[unseen])),
        "unseen_hit_p95": float(np.quantile(hit[unseen], 0.95)),
        "unseen_surface_median": float(np.median(surface)),
        "unseen_surface_p95": float(np.quantile(surface, 0.95)),
        "unseen_thickness_median": float(np.median(depth)),
        "wrong_bone_share": float((which != constraints.which[unseen]).mean()),
    }


def nearest_bone(points: Floats, constraints: Constraints) -> tuple[Floats, NDArray[np.integer]]:
    """Distance (P,) of points (P, 3) from the nearest bone, model unit, and which it is: 0 skull, 1 jaw."""
    bones = constraints.surface
    found = Surface.of(bones).closest(points)
    return found.distance, (bones.triangle_face[found.triangle] >= constraints.skull_faces).astype(np.int64)


def outside_skin(actor: Actor, bone: Floats) -> int:
    """How many bone points (V, 3) lie outside the neutral's skin; vertices on its open borders are not
    asked.
    """
    return int((outside(bone, actor.neutral) & ~on_open_border(actor)).sum())


def roughness(mesh: Mesh, thickness: Floats, normals: Floats, mm_per_unit: float) -> dict[str, float]:
    """How rough the anatomy is along the edges of the outer skin, as an edit would show it.

    mesh: the neutral; thickness (V,) and unit normals (V, 3) at its vertices, model unit. Outer edges: no
    skin within 30 mm in front of either end. Figures: outer_edges; steep_share of them where thickness
    changes by more than 1 mm a mm; slope_p99, slope_max, mm a mm; turn_p99, turn_max, degrees of the normal
    an edge.
    """
    lengths = edge_lengths(mesh)
    outer = exposed(mesh, vertex_normals(mesh), LONGEST_MM / mm_per_unit)
    kept = outer[mesh.edges].all(1) & (lengths > 0)
    if not kept.any():
        return {}
    one, other = mesh.edges[kept].T
    slope = np.abs(thickness[one] - thickness[other]) / lengths[kept]
    turn = 2 * np.degrees(np.arcsin(np.clip(np.linalg.norm(normals[one] - normals[other], axis=1) / 2, 0, 1)))
    return {
        "outer_edges": int(kept.sum()),
        "steep_share": float((slope > 1).mean()),
        "slope_p99": float(np.quantile(slope, 0.99)),
        "slope_max": float(slope.max()),
        "turn_p99": float(np.quantile(turn, 0.99)),
        "turn_max": float(turn.max()),
    }


def region_accuracy(
    constraints: Constraints, at: NeutralFields, landmarks: Landmarks, actor: Actor
) -> dict[str, dict[str, float]]:
    """{region: vertices, median and p95 at covered vertices that were not used}."""
    ids = constraints.covered[~constraints.used]
    label = bone_regions(landmarks.frame.to_head(actor.neutral.points[ids]), landmarks)
    surface = nearest_bone(at.bone[ids], constraints)[0] * actor.mm_per_unit
    found = {name: surface[label == name] for name in BONE_REGIONS}
    return {
        name: {"vertices": len(d), "median": float(np.median(d)), "p95": float(np.quantile(d, 0.95))}
        for name, d in found.items()
        if len(d)
    }


def site_depths(
    constraints: Constraints, at: NeutralFields, landmarks: Landmarks, actor: Actor
) -> dict[str, dict[str, float | None]]:
    """{site: the table's depth, the learned thickness, and the given bone's where a ray found it}, mm; the
    mean of both sides."""
    mm, measured = actor.mm_per_unit, np.full(len(at.bone), np.nan)
    measured[constraints.covered] = constraints.thickness * mm
    names, ids = site_vertices(landmarks, landmarks.frame.to_head(actor.neutral.points))
    rows: dict[str, dict[str, float | None]] = {}
    for site in dict.fromkeys(names):
        chosen = ids[[name == site for name in names]]
        seen = measured[chosen][np.isfinite(measured[chosen])]
        rows[site] = {
            "table": DEPTHS_MM[site],
            "learned": float(at.thickness[chosen].mean() * mm),
            "given": float(seen.mean()) if len(seen) else None,
        }
    return rows


# How well the anatomy is guessed where a whole region of constraints is missing: one cheek, the chin, one
# brow.

LEFT_OUT = ("cheek", "chin", "brow")


def leave_regions_out(
    problem: Problem, config: TrainConfig, device: torch.device, progress: Progress
) -> dict[str, Any]:
    """{region: anatomy figures (mm) over that region's constraints, none of which was used}.

    Only D, N and K are learned again, from scratch, without the region; the skin is taken as given. Ours
    only: in the paper's form they do not learn alone.
    """
    result: dict[str, Any] = {}
    for region in LEFT_OUT:
        inside = region_of(problem, region)
        thinned = replace(problem, constraints=problem.constraints.without(inside))
        thinned = replace(thinned, tissue=problem.tissue.relearned(problem.actor, thinned.constraints))
        training = Training(thinned, replace(config, losses="aim"), float("inf"), device)
        training.learn_anatomy(progress, f"without the {region}")
        at = neutral_fields(thinned, training.networks, problem.template.points)
        at = replace(at, bone=problem.actor.neutral.points - at.thickness[:, None] * at.normals)
        c, kept = problem.constraints, np.flatnonzero(inside)
        scored = replace(
            c,
            covered=c.covered[kept],
            bone=c.bone[kept],
            thickness=c.thickness[kept],
            normal=c.normal[kept],
            which=c.which[kept],
            used=np.zeros(len(kept), bool),
        )
        figures = constraint_accuracy(scored, at, problem.actor.mm_per_unit)
        result[region] = {"constraints": len(kept)} | {
            k: v for k, v in figures.items() if k.startswith("unseen")
        }
    return result


def region_of(problem: Problem, region: str) -> NDArray[np.bool_]:
    """(C,) constraints inside a region, found from the anatomy: its side of the facial plane and its place on
    skull or jaw."""
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


# How far estimated bones are from the ones an actor has: by region, beside the error they were said to have.


def bone_accuracy(actor: Actor, bones: EstimatedBones) -> dict[str, Any] | None:
    """{skull, jaw: median and p90 from the estimate's vertices to the real surface of the same bone; regions:
    {name: median}}, mm.

    None when the actor has no bones to judge by.
    """
    if actor.skull is None or actor.jaw is None:
        return None
    skull, jaw = _distances(bones.skull, actor.skull, actor), _distances(bones.jaw, actor.jaw, actor)
    label = bone_regions(
        bones.landmarks.frame.to_head(np.concatenate([bones.skull.points, bones.jaw.points])), bones.landmarks
    )
    both = np.concatenate([skull, jaw])
    on_skull = np.arange(len(both)) < len(skull)
    by_region = {}
    for name in BONE_REGIONS:
        chosen = (label == name) & (on_skull if name in SKULL_REGIONS else ~on_skull)
        if chosen.any():
            by_region[name] = float(np.median(both[chosen]))
    return {"skull": _summary(skull), "jaw": _summary(jaw), "regions": by_region}


def _distances(estimate: Mesh, real: Mesh, actor: Actor) -> Floats:
    return Surface.of(real).closest(estimate.points).distance * actor.mm_per_unit


def _summary(distance: Floats) -> dict[str, float]:
    return {"median": float(np.median(distance)), "p90": float(np.quantile(distance, 0.9))}


# Estimated bones as files that a rigger can look at, mend and put beside neutral.obj: two meshes, what they
# rest on, a picture.


def write_bones(folder: Path, actor: Actor, bones: EstimatedBones) -> None:
    """skull.obj and jaw.obj, of these what was wanted; bones.json (landmarks in object space, error to expect
    a region), bones.png."""
    for name in bones.wanted:
        write_obj(folder / f"{name}.obj", getattr(bones, name))
    write_json(folder / "bones.json", bones_summary(bones))
    with atomic_path(folder / "bones.png") as temporary:
        temporary.write_bytes(pictures.png(bones_picture(actor, bones)))


def bones_summary(bones: EstimatedBones) -> dict[str, Any]:
    """Where the estimate comes from, in plain values."""
    at = bones.landmarks
    return {
        "report": bones.report,
        "expected_error_mm": bones.expected_mm,
        "vertices": bones.vertices,
        "landmarks": {
            name: [round(float(v), 4) for v in at.frame.to_object(point)] for name, point in at.points.items()
        },
        "landmarks_given": list(at.given),
        "landmarks_by_proportion": list(at.guessed),
    }


def bones_picture(actor: Actor, bones: EstimatedBones) -> Any:
    """The landmarks on the skin, and the bones, from the front and from the side."""
    made, axes = pictures.figure(4)
    marks = bones.landmarks.frame.to_object(np.array(list(bones.landmarks.points.values())))
    for i, turn in enumerate((0.0, 80.0)):
        pictures.draw(axes[2 * i], actor.neutral, actor.neutral.points, turn=turn, up=actor.up)
        pictures.scatter(axes[2 * i], marks, "#a02020", turn=turn, up=actor.up, size=14)
        pictures.draw_bones(axes[2 * i + 1], bones.skull, bones.jaw, turn=turn, up=actor.up)
        axes[2 * i + 1].set_xlim(axes[2 * i].get_xlim())
        axes[2 * i + 1].set_ylim(axes[2 * i].get_ylim())
    axes[0].set_title("landmarks")
    axes[1].set_title("estimated skull and jaw")
    return made


# The report's pictures of skull, jaw and what was learned of them, and the figures of the training.

_STILL_MM = 0.05  # jaws that move less are left out


def anatomy_section(model: FaceModel, actor: Actor | None, metrics: dict[str, Any] | None) -> str:
    """HTML: the picture, then the jaw's error, the bones' by region, and the thickness at the table's sites,
    where the metrics hold them."""
    source = str(model.manifest.get("bones", "given"))
    if not model.data.has_anatomy:
        return (
            "<p class=note>This face was trained without bones: it has expressions alone, and cannot be "
            "edited by tissue or bones.</p>"
        )
    parts = [f"<p class=note>Bones: {html.escape(source)}.</p>"]
    parts.append(
        pictures.embedded(anatomy_figure(model, actor), "bones and learned bone points from front and side")
    )
    if metrics:
        parts += [_jaw(metrics), _regions(metrics), _sites(metrics)]
    return "".join(parts)


def anatomy_figure(model: FaceModel, actor: Actor | None = None) -> Any:
    """The actor's bones, when there are any, and the learned bone surface with the skin's own faces, from the
    front and from the side."""
    up = str(model.manifest["up"])
    learned = _learned(model)
    given = (
        (actor.skull, actor.jaw)
        if actor is not None and actor.skull is not None and actor.jaw is not None
        else None
    )
    made, axes = pictures.figure(4 if given else 2)
    for i, turn in enumerate((0.0, 80.0)):
        axis = axes[i * (2 if given else 1)]
        pictures.draw_bones(axis, *learned, turn=turn, up=up)
        axis.set_title("learned bone points as a surface\n(darker: follows the jaw)" if i == 0 else "")
        if given:
            other = axes[2 * i + 1]
            pictures.draw_bones(other, *given, turn=turn, up=up)
            other.set_xlim(axis.get_xlim())
            other.set_ylim(axis.get_ylim())
            other.set_title("the actor's own skull and jaw" if i == 0 else "")
    return made


def _learned(model: FaceModel) -> tuple[Mesh, Mesh]:
    """The skin's faces on the learned bone points, parted by the skinning weight."""
    mesh = model.mesh.with_points(model.anatomy.bone_points.astype(np.float64))
    jaw = np.add.reduceat(model.anatomy.skinning_weight[mesh.corners], mesh.starts) / mesh.counts > 0.5
    return _faces(mesh, ~jaw), _faces(mesh, jaw)


def _faces(mesh: Mesh, chosen: NDArray[np.bool_]) -> Mesh:
    return Mesh(mesh.points, mesh.counts[chosen], mesh.corners[np.repeat(chosen, mesh.counts)])


def _table(title: str, head: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    cells = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return (
        f"<h3>{html.escape(title)}</h3><table><tr>"
        + "".join(f"<th>{html.escape(h)}</th>" for h in head)
        + f"</tr>{cells}</table>"
    )


def _jaw(metrics: dict[str, Any]) -> str:
    error = metrics.get("jaw", {}).get("error")
    if not error:
        return ""
    rows = [["all targets", "", f"{error['mean']:.2f}", ""]]
    rows += [
        [r["target"], f"{r['motion']:.2f}", f"{r['error']:.2f}", f"{r['degrees']:.2f}"]
        for r in error["targets"]
        if max(r["motion"], r["error"]) > _STILL_MM
    ]
    return _table(
        "The jaw, at the lower teeth", ["target", "true motion, mm", "error, mm", "error, degrees"], rows
    )


def _regions(metrics: dict[str, Any]) -> str:
    found = metrics.get("anatomy", {}).get("regions", {})
    rows = [[name, str(r["vertices"]), f"{r['median']:.2f}", f"{r['p95']:.2f}"] for name, r in found.items()]
    return _table(
        "Bone points that were not learned from, to the bone",
        ["region", "vertices", "median, mm", "p95, mm"],
        rows,
    )


def _sites(metrics: dict[str, Any]) -> str:
    found = metrics.get("anatomy", {}).get("sites", {})
    rows = [
        [name, f"{r['table']:g}", f"{r['learned']:.1f}", "" if r["given"] is None else f"{r['given']:.1f}"]
        for name, r in found.items()
    ]
    return _table(
        "Soft-tissue depth at the sites of the published table",
        ["site", "table, mm", "learned, mm", "to the given bone, mm"],
        rows,
    )
