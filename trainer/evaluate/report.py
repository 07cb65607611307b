"""One self-contained HTML page about a trained model: a verdict in words and numbers, the face itself to be
moved, the targets that deserve a look first, and everything else in folds.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path, write_text
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel
from aim_maya.runtime.native_rig import RigidPart

from . import pictures
from .anatomy import anatomy_figure, anatomy_section, roughness
from .page import FaceInPage, Shown, asset, face_in_page, policy_tag
from .score import distribution, target_rows
from .tables import check_metrics, place_in_words, verdict

WORST = 4
MOST_NAMED = 120  # bars: more names than these would lie on each other; the table names all
_ANATOMY = (
    ("used_mean", "bone point at the constraints used, mean"),
    ("unseen_hit_median", "bone point to the ray's hit, unseen, median"),
    ("unseen_surface_median", "bone point to the bone, unseen, median"),
    ("unseen_surface_p95", "bone point to the bone, unseen, p95"),
)
_SHEET_VIEWS, _SHEET_SIZE = ((0, 35.0), (1, 35.0), (2, 0.0)), (230, 250)  # of the edits' pictures
_STILL_TARGET_MM = 0.5  # a target that moves less is no reason to worry


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
    """shape: (V, 3) of the i-th target at its trained pose; the networks' errors there, detail off, and how far
    it moves, both (T, V) mm; the largest error with detail, mm.
    """

    shape: Callable[[int], Floats]
    error: Floats
    motion: Floats
    exact_mm: float


def write_report(
    model: FaceModel,
    out: Path,
    actor: Actor | None = None,
    metrics: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the page. With an actor, errors are measured against its shapes and its bones are shown;
    without, against the shapes the file holds.

    Raises AimError when the actor is another one, and for metrics that are none of a training.
    """
    told = progress or Progress("none")
    if metrics is not None:
        check_metrics(metrics)
    measured = _measured(model, actor, told)
    shown = Shown(parts=_parts(actor), errors=measured.error.astype(np.float32))
    face = face_in_page(model, shown, embedded=True, progress=told)
    rows = _rows(model, measured)
    sections: list[tuple[str, str]] = []
    for title, stage, section in _sections(model, actor, measured, rows, metrics, told):
        if stage:  # one without says itself what it does
            told.stage(stage)
        if made := section():
            sections.append((title, made))
    said = verdict(model, measured.error, measured.exact_mm, rows, metrics)
    write_text(out, _page(model, face, said, sections, actor))
    return {"report": str(out), "bytes": out.stat().st_size, "verdict": said}


def _sections(
    model: FaceModel,
    actor: Actor | None,
    measured: Measured,
    rows: Sequence[dict[str, Any]],
    metrics: dict[str, Any] | None,
    progress: Progress,
) -> list[tuple[str, str, Callable[[], str]]]:
    """Title, what the progress says, and what makes it; in the page's order."""
    return [
        ("Targets, those to look at first", "table of the targets", lambda: _targets(rows)),
        ("The jaw on its arc", "picture of the jaw", lambda: _jaw_section(model)),
        (
            "Skull, jaw and the learned anatomy",
            "picture of the anatomy",
            lambda: anatomy_section(model, actor, metrics),
        ),
        ("Edits: presets and thickness", "", lambda: _edits(model, progress)),
        ("Errors of the networks", "pictures of the errors", lambda: _errors(model, measured)),
        ("The training", "curve of the training", lambda: _curve(model, metrics)),
        ("All figures", "figures", lambda: _figures(model, measured, metrics)),
    ]


def _page(
    model: FaceModel, face: FaceInPage, said: str, sections: Sequence[tuple[str, str]], actor: Actor | None
) -> str:
    name, about = html.escape(str(model.manifest["name"])), html.escape(_about(model, actor))
    word, _, words = said.partition(". ")
    links = "".join(f"<a href='#s{i}'>{title}</a>" for i, (title, _) in enumerate(sections))
    folds = "".join(
        f"<details id=s{i}{' open' if not i else ''}><summary>{title}</summary>{body}</details>"
        for i, (title, body) in enumerate(sections)
    )
    return (
        f"<!doctype html>\n<html lang=en><head><meta charset=utf-8>{policy_tag(face)}"
        f"<meta name=viewport content='width=device-width,initial-scale=1'><title>{name}: AIM report</title>"
        f"<style>{face.style}{asset('report.css')}</style></head>\n<body><main><header><h1>{name}</h1>"
        f"<p class=note>{about}</p><p class=verdict><b>{word}.</b> {html.escape(words)}</p></header>"
        f"<div class=face>{face.body}</div><nav>{links}</nav>{folds}</main>{face.scripts}</body></html>\n"
    )


def _about(model: FaceModel, actor: Actor | None) -> str:
    """Preset, program, date, size and what errors are measured against, in one line."""
    manifest, preset = model.manifest, _preset(model)
    date = time.strftime("%d %B %Y", time.localtime(model.data.modified / 1e9)).lstrip("0")
    return ", ".join(
        [
            *([f"preset {preset}"] if preset else []),
            str(manifest["writer"]),
            f"model of {date}",
            f"{len(model.mesh.points):,} vertices, {len(model.data.rig.targets)} targets",
            "measured against the shapes in the file"
            if actor is None
            else f"measured against the actor {actor.name}",
        ]
    )


def _preset(model: FaceModel) -> str:
    return str(model.manifest["training"].get("preset", ""))


def _parts(actor: Actor | None) -> tuple[RigidPart, ...]:
    """The actor's bones and lower teeth."""
    if actor is None:
        return ()
    found = (
        ("skull", actor.skull, "skull"),
        ("jaw", actor.jaw, "jaw"),
        ("lower teeth", actor.lower_teeth, "jaw"),
    )
    return tuple(
        RigidPart(name, mesh, "jaw" if follows == "jaw" else "skull", "bone")
        for name, mesh, follows in found
        if mesh is not None and len(mesh.counts)
    )


def _rows(model: FaceModel, measured: Measured) -> list[dict[str, Any]]:
    """target_rows with `where`, those first that miss most of their motion; hardly moving targets last."""
    rows = target_rows(model.data.rig.targets, measured.error, measured.motion)
    for row, error in zip(rows, measured.error, strict=True):
        row["where"] = place_in_words(model, int(error.argmax()))
    return sorted(rows, key=lambda r: (r["motion_max"] < _STILL_TARGET_MM, -r["relative"]))


# The sections.


def _targets(rows: Sequence[dict[str, Any]]) -> str:
    most = max((r["relative"] for r in rows), default=0.0) or 1.0
    body = "".join(
        f"<tr><td>{html.escape(r['target'])}</td>"
        f"<td class=bar><i style='width:{64 * r['relative'] / most:.0f}px'></i>"
        f"{100 * r['relative']:.1f} %</td><td>{r['mean']:.3f}</td><td>{r['max']:.2f}</td>"
        f"<td>{r['motion_max']:.1f}</td><td class=left>{html.escape(r['where'])}</td></tr>"
        for r in rows
    )
    return (
        "<table><tr><th>target</th><th>motion missed</th><th>mean error, mm</th><th>largest error, mm</th>"
        f"<th>largest motion, mm</th><th class=left>largest error at</th></tr>{body}</table>"
        "<p class=note>Of the networks alone. Motion missed: RMS error over RMS motion, "
        "where the target moves the skin.</p>"
    )


def _jaw_section(model: FaceModel) -> str:
    made, jaw = jaw_figure(model), model.manifest["jaw"]
    note = f"<p class=note>Jaw from {html.escape(jaw['source'])}: {html.escape(jaw['report'])}.</p>"
    return ("" if made is None else pictures.embedded(made, "the jaw at 0, 0.5 and 1")) + note


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

    def shape(i: int) -> Floats:
        target = rig.targets[i]
        if actor is not None:
            return actor.shapes[target]
        return model.points(rig.trained_pose(target)).astype(np.float64)

    progress.stage("errors of the networks", len(rig.targets))
    error, motion = (np.empty((len(rig.targets), len(model.mesh.points))) for _ in range(2))
    exact = 0.0
    for i, target in enumerate(rig.targets):
        pose, truth = rig.trained_pose(target), shape(i)
        if actor is not None:
            exact = max(exact, float(np.linalg.norm(model.points(pose) - truth, axis=1).max()))
        error[i] = np.linalg.norm(model.points(pose, detail=False) - truth, axis=1) * model.mm_per_unit
        motion[i] = np.linalg.norm(truth - model.mesh.points, axis=1) * model.mm_per_unit
        progress.step(i + 1, len(rig.targets), mean_mm=float(error[i].mean()))
    return Measured(shape, error, motion, exact * model.mm_per_unit)


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


def _edits(model: FaceModel, progress: Progress) -> str:
    """The sheet of `aimface edit --sheet`, smaller: a row an edit. Nothing for a face that has no edits to
    show."""
    from .edit_check import sheet_rows

    if not model.data.has_anatomy or model.data.skin_field is None:
        return ""
    try:
        from aim_maya.ui.viewer import drawing  # noqa: F401 - asked whether VTK is there

        made = list(sheet_rows(model, progress, views=_SHEET_VIEWS, size=_SHEET_SIZE))
    except (AimError, ImportError) as why:
        what = why.what if isinstance(why, AimError) else "VTK is not installed (the extra `view` has it)."
        return f"<p class=note>No pictures: {html.escape(what)}</p>"
    heads = "".join(f"<th class=left>{html.escape(view)}</th>" for view, _ in made[0].pictures)
    body = "".join(
        f"<tr><td><b>{html.escape(row.name)}</b><p class=note>{html.escape(row.about)}</p>"
        f"<p class=note>{'<br>'.join(f'{html.escape(p)}: {n} red' for p, n in row.red.items())}</p></td>"
        + "".join(
            f"<td class=left>{pictures.jpeg(cell, f'{row.name}, {view}')}</td>" for view, cell in row.pictures
        )
        + "</tr>"
        for row in made
    )
    most = max(made, key=lambda row: max(row.red.values()))
    clean = sum(not any(row.red.values()) for row in made)
    worst = "" if clean == len(made) else f"; most in {most.name}, {max(most.red.values())}"
    return (
        "<p class=note>Triangles that an edit turns by more than 20 degrees are red: none in "
        f"{clean} of {len(made)} rows{html.escape(worst)}. All figures and larger pictures: "
        "<code>aimface edit MODEL --check --sheet FILE</code>.</p>"
        f"<table class=sheet><tr><th></th>{heads}</tr>{body}</table>"
    )


def _errors(model: FaceModel, measured: Measured) -> str:
    rig, error = model.data.rig, measured.error
    order = np.argsort(-error.mean(1))
    bars, axis = pictures.chart(13, 3.4)
    axis.bar(range(len(order)), error[order].mean(1), color="#4a7ba6")
    named = range(0, len(order), -(-len(order) // MOST_NAMED))
    longest, left = 60, ""
    if named.step > 1:
        longest, left = 24, f" One bar in {named.step} is named; the table of the targets names all."
    axis.set_xticks(
        named,
        [pictures.label(rig.targets[order[at]], longest) for at in named],
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
            a, model.mesh, measured.shape(i), up=_up(model), heat=error[i], limits=limits, colours="inferno"
        )
        a.set_title(f"{pictures.label(rig.targets[i])}: max {error[i].max():.2f} mm")
    pictures.scale(made, axes, limits, "error, mm", "inferno")
    return (
        pictures.embedded(bars, "mean error per target")
        + pictures.embedded(made, "error heat maps")
        + "<p class=note>The networks alone (detail off), mean error of every target, and the four with the "
        f"largest errors. With detail on, every trained pose is exact.{left}</p>"
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
    return pictures.embedded(made, "error and loss over the steps")


def _figures(model: FaceModel, measured: Measured, metrics: dict[str, Any] | None) -> str:
    rows = [(f"networks alone, {k}", f"{v:.3f} mm") for k, v in distribution(measured.error).items()]
    rows.append(("with detail, largest error at any trained pose", f"{measured.exact_mm:.5f} mm"))
    anatomy = (metrics or {}).get("anatomy", {})
    rows += [(label, f"{anatomy[key]:.3f} mm") for key, label in _ANATOMY if key in anatomy]
    if "wrong_bone_share" in anatomy:
        share = f"{100 * anatomy['wrong_bone_share']:.2f} %"
        rows.append(("unseen bone points nearest to the other bone", share))
        rows.append(("bone points outside the skin", str(anatomy["outside_skin"])))
    learned = model.anatomy if model.data.has_anatomy else None
    rough = learned and roughness(model.mesh, learned.thickness, learned.normals, model.mm_per_unit)
    if rough:
        steep, turn = f"{100 * rough['steep_share']:.2f} %", f"{rough['turn_p99']:.1f} degrees"
        rows.append(("outer edges where thickness changes by over 1 mm a mm", steep))
        rows.append(("the anatomy normal's turn along an outer edge, p99", turn))
    if metrics:
        rows.append(("time", f"{metrics['seconds']['total']:.0f} s on {metrics['device']}"))
    body = "".join(f"<tr><td>{html.escape(a)}</td><td>{html.escape(b)}</td></tr>" for a, b in rows)
    return f"<table>{body}</table>"
