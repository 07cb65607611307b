"""One self-contained HTML page about a trained model, its skull and its jaw, in pictures that a rigger
understands.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path, write_text
from aim_maya.core.json_fields import Fields
from aim_maya.core.mesh import Mesh
from aim_maya.core.progress import Progress
from aim_maya.core.typed import Floats
from aim_maya.runtime import FaceModel

from . import pictures
from .anatomy import roughness
from .score import distribution, target_rows

# The report's page on skull, jaw and what was learned of them: pictures from front and side, and the figures
# of the training.

_STILL_MM = 0.05


def anatomy_section(model: FaceModel, actor: Actor | None, metrics: dict[str, Any] | None) -> str:
    """HTML: the picture, then the jaw's error, the bones' by region, and the thickness at the table's sites,
    where the metrics hold them."""
    source = str(model.manifest.get("bones", "given"))
    if not model.data.has_anatomy:
        return (
            "<h2>No anatomy</h2><p class=note>This face was trained without bones: it has "
            "expressions alone, and cannot be edited by tissue or bones.</p>"
        )
    parts = [
        "<h2>Skull, jaw and the learned anatomy</h2>",
        f"<p class=note>Bones: {html.escape(source)}.</p>",
    ]
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


def _anatomy_table(title: str, head: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    cells = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return (
        f"<h2>{html.escape(title)}</h2><table><tr>"
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
    return _anatomy_table(
        "The jaw, at the lower teeth", ["target", "true motion, mm", "error, mm", "error, degrees"], rows
    )


def _regions(metrics: dict[str, Any]) -> str:
    found = metrics.get("anatomy", {}).get("regions", {})
    rows = [[name, str(r["vertices"]), f"{r['median']:.2f}", f"{r['p95']:.2f}"] for name, r in found.items()]
    return _anatomy_table(
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
    return _anatomy_table(
        "Soft-tissue depth at the sites of the published table",
        ["site", "table, mm", "learned, mm", "to the given bone, mm"],
        rows,
    )


# One self-contained HTML page about a trained model, in pictures that a rigger understands.

WORST = 4
_ANATOMY = (
    ("used_mean", "bone point at the constraints used, mean"),
    ("unseen_hit_median", "bone point to the ray's hit, unseen, median"),
    ("unseen_surface_median", "bone point to the bone, unseen, median"),
    ("unseen_surface_p95", "bone point to the bone, unseen, p95"),
)

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em;color:#222}
h1{font-size:1.6em}h2{font-size:1.2em;margin-top:2em;border-bottom:1px solid #ddd}img{max-width:100%}
table{border-collapse:collapse}td,th{padding:.25em .9em;text-align:left;border-bottom:1px solid #eee}td+td{text-align:right}p.note{color:#666}"""


def write_pictures(model: FaceModel, folder: Path, actor: Actor | None = None) -> None:
    """The report's first pictures as PNG files, for documents."""
    for name, made in (
        ("hero", hero_figure(model)),
        ("jaw", jaw_figure(model)),
        ("anatomy", anatomy_figure(model, actor) if model.data.has_anatomy else None),
    ):
        if made is not None:
            with atomic_path(folder / f"{name}.png") as temporary:
                temporary.write_bytes(pictures.png(made))


@dataclass(frozen=True)
class Measured:
    """The shapes at their trained poses (T, V, 3), the networks' errors (T, V) mm with detail off, and the
    largest with it, mm.
    """

    truth: Floats
    error: Floats
    exact_mm: float


def write_report(
    model: FaceModel,
    out: Path,
    actor: Actor | None = None,
    metrics: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the page. With an actor, errors are measured against its shapes; without, against the shapes the
    file holds.

    Raises AimError when the actor is another one, and for metrics that are none of a training.
    """
    told = progress or Progress("none")
    if metrics is not None:
        _check_metrics(metrics)
    measured = _measured(model, actor, told)
    sections = []
    for name, section in (
        ("picture of the face", lambda: _hero(model)),
        ("picture of the jaw", lambda: _anatomy(model)),
        ("picture of the anatomy", lambda: anatomy_section(model, actor, metrics)),
        ("pictures of the errors", lambda: _errors(model, measured)),
        ("tables", lambda: _curve(model, metrics) + _table(model, measured, metrics)),
    ):
        told.stage(name)
        sections.append(section())
    name = html.escape(str(model.manifest["name"]))
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{name}: AIM "
        f"report</title><style>{_STYLE}</style><h1>{name}</h1>" + "".join(sections)
    )
    write_text(out, page + "</html>\n")
    return {"report": str(out), "bytes": out.stat().st_size}


def _check_metrics(metrics: dict[str, Any]) -> None:
    """Raises AimError for a file that is no metrics.json, before anything is measured."""
    found = Fields(metrics, "The metrics")
    found.fields("seconds").number("total", low=0)
    found.text("device")
    if "anatomy" in found:
        found.fields("anatomy")
    for point in found.objects("curve", ()):
        for name in ("step", "error_mm", "loss"):
            point.number(name)


def _measured(model: FaceModel, actor: Actor | None, progress: Progress) -> Measured:
    """Every shape, with detail and without; minutes for a face of many vertices and targets."""
    rig = model.data.rig
    if actor is not None and (
        actor.neutral.topology_hash != model.manifest["topology_hash"]
        or set(actor.rig.targets) != set(rig.targets)
    ):
        what = (
            f"'{actor.name}' is not the actor that {model.data.path} was trained on: faces or targets differ."
        )
        raise AimError(what, remedy="Give the actor folder it was trained on.")
    if not rig.targets:
        raise AimError(
            f"{model.data.path} has no targets.",
            "It was trained on a neutral alone.",
            "There is nothing to report on.",
        )
    progress.stage("errors of the networks", len(rig.targets))
    truth, error = [], []
    exact = 0.0
    for i, target in enumerate(rig.targets):
        pose = rig.trained_pose(target)
        whole = model.points(pose).astype(np.float64)
        truth.append(whole if actor is None else actor.shapes[target])
        exact = max(exact, float(np.linalg.norm(whole - truth[-1], axis=1).max()))
        error.append(np.linalg.norm(model.points(pose, detail=False) - truth[-1], axis=1) * model.mm_per_unit)
        progress.step(i + 1, len(rig.targets), mean_mm=float(error[-1].mean()))
    return Measured(np.stack(truth), np.stack(error), exact * model.mm_per_unit)


def _up(model: FaceModel) -> str:
    return str(model.manifest["up"])


def hero_figure(model: FaceModel) -> Any:
    """The face, the learned bone points inside it, the thickness of the tissue between, and the skinning
    weight.
    """
    mm, up = model.mm_per_unit, _up(model)
    made, axes = pictures.figure(4 if model.data.has_anatomy else 1)
    pictures.draw(axes[0], model.mesh, model.mesh.points, up=up)
    axes[0].set_title("neutral")
    if not model.data.has_anatomy:
        return made
    anatomy = model.anatomy
    share = anatomy.skinning_weight[:, None]
    colours = (1 - share) * np.array([0.45, 0.55, 0.70]) + share * np.array([0.85, 0.45, 0.25])
    pictures.draw(axes[1], model.mesh, model.mesh.points, up=up, colour=(0.97, 0.94, 0.92))
    pictures.scatter(axes[1], anatomy.bone_points.astype(np.float64), colours, up=up)
    axes[1].set_title("learned bone points (orange: jaw)")
    thickness = anatomy.thickness * mm
    limits = (0.0, float(np.quantile(thickness, 0.98)))
    pictures.draw(axes[2], model.mesh, model.mesh.points, up=up, heat=thickness, limits=limits)
    axes[2].set_title("soft-tissue thickness")
    pictures.scale(made, axes[2], limits, "mm")
    pictures.draw(
        axes[3], model.mesh, model.mesh.points, up=up, heat=anatomy.skinning_weight, colours="magma"
    )
    axes[3].set_title("skinning weight to the jaw")
    pictures.scale(made, axes[3], (0, 1), "", "magma")
    return made


def _hero(model: FaceModel) -> str:
    jaw = model.manifest["jaw"]
    text = f"Jaw from {html.escape(jaw['source'])}: {html.escape(jaw['report'])}."
    return (
        pictures.embedded(hero_figure(model), "neutral, bone points, thickness and skinning weight")
        + f"<p class=note>{text}</p>"
    )


def jaw_figure(model: FaceModel) -> Any | None:
    """The target that turns the jaw most, on its arc, with the bone points carried along; None when every jaw
    is still.
    """
    rig = model.data.rig
    turns = [float(np.linalg.norm(model.jaw(rig.trained_pose(t))[:3, :3] - np.eye(3))) for t in rig.targets]
    if not turns or max(turns) < 1e-6:
        return None
    target = rig.targets[int(np.argmax(turns))]
    made, axes = pictures.figure(4)
    for axis, share in zip(axes, (0.0, 0.5, 1.0, 1.0), strict=True):
        controls = share * rig.trained_pose(target)
        pictures.draw(axis, model.mesh, model.points(controls).astype(np.float64), up=_up(model), turn=60)
        if share:
            jaw = model.jaw(controls)
            if model.data.has_anatomy:
                bone = model.anatomy.bone_points.astype(np.float64)
                k = model.anatomy.skinning_weight[:, None]
                carried = bone + k * (bone @ jaw[:3, :3].T + jaw[:3, 3] - bone)
                pictures.scatter(axis, carried, "#b5522b", up=_up(model), turn=60, size=0.6)
        axis.set_title(f"{pictures.label(target)} {share:g}")
    axes[3].clear()
    pictures.draw(
        axes[3],
        model.mesh,
        model.points(rig.trained_pose(target), detail=False).astype(np.float64),
        up=_up(model),
        turn=60,
    )
    axes[3].set_title("networks alone (detail off)")
    return made


def _anatomy(model: FaceModel) -> str:
    made = jaw_figure(model)
    return (
        ""
        if made is None
        else "<h2>The jaw on its arc</h2>" + pictures.embedded(made, "the jaw at 0, 0.5 and 1")
    )


def _errors(model: FaceModel, measured: Measured) -> str:
    rig, error = model.data.rig, measured.error
    order = np.argsort(-error.mean(1))
    bars, axis = pictures.chart(13, 3.4)
    axis.bar(range(len(order)), error[order].mean(1), color="#4a7ba6")
    axis.set_xticks(
        range(len(order)),
        [pictures.label(rig.targets[i]) for i in order],
        rotation=70,
        ha="right",
        fontsize=7,
    )
    axis.set_ylabel("mean error, mm")
    worst = np.argsort(-error.max(1))[:WORST]
    made, axes = pictures.figure(len(worst))
    limits = (0.0, max(float(np.quantile(error, 0.999)), 1e-3))
    for a, i in zip(axes, worst, strict=True):
        pictures.draw(
            a, model.mesh, measured.truth[i], up=_up(model), heat=error[i], limits=limits, colours="inferno"
        )
        a.set_title(f"{pictures.label(rig.targets[i])}: max {error[i].max():.2f} mm")
    pictures.scale(made, axes, limits, "error, mm", "inferno")
    return (
        "<h2>Error of the networks (detail off)</h2>"
        + pictures.embedded(bars, "mean error per target")
        + "<h2>The worst targets</h2>"
        + pictures.embedded(made, "error heat maps")
        + "<p class=note>With detail on, every trained pose is exact.</p>"
    )


def _curve(model: FaceModel, metrics: dict[str, Any] | None) -> str:
    curve = (metrics or model.manifest.get("training", {})).get("curve") or []
    if not curve:
        return ""
    made, left = pictures.chart(8, 3)
    right = left.twinx()
    steps = [c["step"] for c in curve]
    left.semilogy(range(len(steps)), [c["error_mm"] for c in curve], color="#4a7ba6")
    left.set_ylabel("mean error, mm", color="#4a7ba6")
    left.set_xlabel("looks at all vertices")
    right.semilogy(range(len(steps)), [c["loss"] for c in curve], color="#c0703c", linewidth=0.8)
    right.set_ylabel("loss", color="#c0703c")
    return "<h2>Training</h2>" + pictures.embedded(made, "error and loss over the steps")


def _table(model: FaceModel, measured: Measured, metrics: dict[str, Any] | None) -> str:
    error = measured.error
    motion = np.linalg.norm(measured.truth - model.mesh.points, axis=2) * model.mm_per_unit
    rows = [(f"networks alone, {k}", f"{v:.3f} mm") for k, v in distribution(error).items()]
    rows.append(("with detail, largest error at any trained pose", f"{measured.exact_mm:.5f} mm"))
    for key, label in _ANATOMY:
        if metrics and key in metrics.get("anatomy", {}):
            rows.append((label, f"{metrics['anatomy'][key]:.3f} mm"))
    if metrics and "wrong_bone_share" in metrics.get("anatomy", {}):
        rows.append(
            (
                "unseen bone points nearest to the other bone",
                f"{100 * metrics['anatomy']['wrong_bone_share']:.2f} %",
            )
        )
        rows.append(("bone points outside the skin", str(metrics["anatomy"]["outside_skin"])))
    anatomy = model.anatomy if model.data.has_anatomy else None
    rough = anatomy and roughness(model.mesh, anatomy.thickness, anatomy.normals, model.mm_per_unit)
    if rough:
        rows += [
            ("outer edges where thickness changes by over 1 mm a mm", f"{100 * rough['steep_share']:.2f} %"),
            ("the anatomy normal's turn along an outer edge, p99", f"{rough['turn_p99']:.1f} degrees"),
        ]
    if metrics:
        rows.append(("time", f"{metrics['seconds']['total']:.0f} s on {metrics['device']}"))
    body = "".join(f"<tr><td>{html.escape(a)}</td><td>{html.escape(b)}</td></tr>" for a, b in rows)
    per_target = "".join(
        f"<tr><td>{html.escape(r['target'])}</td><td>{r['mean']:.3f}</td><td>{r['max']:.2f}</td><td>{r['motion_max']:.1f}</td><td>{100 * r['relative']:.1f} %</td></tr>"
        for r in target_rows(model.data.rig.targets, error, motion)
    )
    head = (
        "<tr><th>target</th><th>mean mm</th><th>max mm</th><th>largest motion mm</th><th>error over "
        "motion</th></tr>"
    )
    return (
        f"<h2>Figures</h2><table>{body}</table><h2>Every target (networks "
        f"alone)</h2><table>{head}{per_target}</table>"
    )
