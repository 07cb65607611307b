"""The report's page on skull, jaw and what was learned of them: pictures from front and side, and the figures of the training."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.mesh import Mesh
from aim_maya.runtime import FaceModel

from . import pictures

Floats = NDArray[np.floating]
_STILL_MM = 0.05


def anatomy_section(model: FaceModel, actor: Actor | None, metrics: dict[str, Any] | None) -> str:
    """HTML: the picture, then the jaw's error, the bones' by region, and the thickness at the table's sites, where the metrics hold them."""
    source = str(model.manifest.get("bones", "given"))
    if not model.data.has_anatomy:
        return "<h2>No anatomy</h2><p class=note>This face was trained without bones: it has expressions alone, and cannot be edited by tissue or bones.</p>"
    parts = ["<h2>Skull, jaw and the learned anatomy</h2>", f"<p class=note>Bones: {html.escape(source)}.</p>"]
    parts.append(pictures.embedded(anatomy_figure(model, actor), "bones and learned bone points from front and side"))
    if metrics:
        parts += [_jaw(metrics), _regions(metrics), _sites(metrics)]
    return "".join(parts)


def anatomy_figure(model: FaceModel, actor: Actor | None = None) -> Any:
    """The actor's bones, when there are any, and the learned bone surface with the skin's own faces, from the front and from the side."""
    up = str(model.manifest["up"])
    learned = _learned(model)
    given = (actor.skull, actor.jaw) if actor is not None and actor.skull is not None and actor.jaw is not None else None
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
    return f"<h2>{html.escape(title)}</h2><table><tr>" + "".join(f"<th>{html.escape(h)}</th>" for h in head) + f"</tr>{cells}</table>"


def _jaw(metrics: dict[str, Any]) -> str:
    error = metrics.get("jaw", {}).get("error")
    if not error:
        return ""
    rows = [["all targets", "", f"{error['mean']:.2f}", ""]]
    rows += [[r["target"], f"{r['motion']:.2f}", f"{r['error']:.2f}", f"{r['degrees']:.2f}"] for r in error["targets"] if max(r["motion"], r["error"]) > _STILL_MM]
    return _table("The jaw, at the lower teeth", ["target", "true motion, mm", "error, mm", "error, degrees"], rows)


def _regions(metrics: dict[str, Any]) -> str:
    found = metrics.get("anatomy", {}).get("regions", {})
    rows = [[name, str(r["vertices"]), f"{r['median']:.2f}", f"{r['p95']:.2f}"] for name, r in found.items()]
    return _table("Bone points that were not learned from, to the bone", ["region", "vertices", "median, mm", "p95, mm"], rows)


def _sites(metrics: dict[str, Any]) -> str:
    found = metrics.get("anatomy", {}).get("sites", {})
    rows = [[name, f"{r['table']:g}", f"{r['learned']:.1f}", "" if r["given"] is None else f"{r['given']:.1f}"] for name, r in found.items()]
    return _table("Soft-tissue depth at the sites of the published table", ["site", "table, mm", "learned, mm", "to the given bone, mm"], rows)
