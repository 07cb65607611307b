"""A model to a native rig in a file: options, what is animated, and which writer an ending has."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.bake_back import control_weights
from aim_maya.core.curves import FrameRange
from aim_maya.core.curves.take import exact_rate
from aim_maya.core.errors import AimError
from aim_maya.core.files import check_apart
from aim_maya.core.progress import Progress, Style
from aim_maya.runtime import PRESETS, Edit, FaceModel, preset
from aim_maya.runtime.edit import read_recipe
from aim_maya.runtime.edit_build import build_edits
from aim_maya.runtime.native_rig import Knot, NativeRig, shape_names
from trainer.bake.shot import Shot, bones, provenance, teeth, teeth_files
from trainer.bake.take import CurveSource, ShotFrames, TakeOptions, shown
from trainer.evaluate.packed import PlayedTake
from trainer.evaluate.page import Shown, write_page

WRITERS = {
    ".usda": "trainer.rig.rig:write_usd",
    ".usdc": "trainer.rig.rig:write_usd",
    ".usd": "trainer.rig.rig:write_usd",
    ".glb": "trainer.rig.gltf:write_glb",
    ".blend": "trainer.rig.blender:write_blend",
    ".fbx": "trainer.rig.blender:write_fbx",
    ".html": "trainer.rig.rig:write_html",
}
"""What writes an ending: write(job, out) -> figures."""


@dataclass(frozen=True)
class RigOptions(TakeOptions):
    """What goes into the rig, and what it plays."""

    curves: Path | None = None
    """Animate it: weight curves (CSV, Live Link Face, USD), or a fitted performance (.aimperf) of --mode
    global."""
    edit: Path | None = None
    """The face under this edit file (JSON)."""
    preset: str | None = None
    """The face under one of the edits that come along; aimface edit --list names them."""
    actor: Path | None = None
    """Actor folder: its upper_teeth.obj and lower_teeth.obj come along, each on its joint."""
    bones: bool = False
    """The learned bone points of skull and jaw too, as points (USD, glTF, .blend)."""
    material: str = "skin"
    """Name of the skin's material."""
    in_betweens: bool = True
    """USD: a control's knots are in-betweens of one shape; --no-in-betweens gives each a shape of its own,
    for programs that do not read them (Blender)."""
    head: bool = True
    """The head's motion of a performance is on the joint skull; --no-head leaves the head where the model
    has it."""
    detail: bool = True
    """Exact at the trained poses; --no-detail takes everything from the networks."""


@dataclass(frozen=True)
class Animation:
    """F frames: activations (F, T) of the targets, jaws (F, 4, 4) relative to the head, heads (F, 4, 4),
    float64, in the rig's own space; fps frames a second of `numbers`.

    sliders (F, C): the controls' weights. jaw_follows: the jaw is where the sliders put it.
    """

    numbers: list[Fraction]
    fps: Fraction
    activations: Floats
    jaws: Floats
    heads: Floats
    sliders: Floats
    jaw_follows: bool

    @property
    def seconds(self) -> Floats:
        """(F,) from the first frame on."""
        return np.array([float((n - self.numbers[0]) / self.fps) for n in self.numbers])

    def in_space(self, native: NativeRig, other: NativeRig) -> Animation:
        """The same motion of a rig that was `native` and is `other` now."""
        change = native.change_to(other.mm_per_unit, other.up)
        back = np.linalg.inv(change)
        return replace(self, jaws=change @ self.jaws @ back, heads=change @ self.heads @ back)


@dataclass(frozen=True)
class RigJob:
    """What a writer gets. shot: the frames as FaceModel has them; without an animation, the face at rest."""

    native: NativeRig
    shot: Shot
    animation: Animation | None
    options: RigOptions


def write_rig(
    model_path: Path,
    out: Path,
    options: RigOptions | None = None,
    *,
    device: str = "auto",
    style: Style = "auto",
) -> dict[str, Any]:
    """Write the native rig of a model; returns the figures.

    Raises AimError for an ending that no writer has, an edit that bends the jaw's arc, a performance that
    varies over the face, names that collide, a package that is missing, and an output that cannot be written
    or is an input.
    """
    options = options or RigOptions()
    writer = _writer(out)
    check_apart(out, *(path for path in (model_path, options.curves, options.edit) if path is not None))
    began = time.perf_counter()
    model = edited_model(FaceModel.load(model_path, device), options.edit, options.preset)
    parts = (teeth(options.actor, model) if options.actor else ()) + (bones(model) if options.bones else ())
    native = NativeRig.of(model, parts, options.detail)
    with Progress(style) as progress:
        shot, animation, notes = _played(model, native, options, progress)
        for note in (*model.edit_notes, *notes):
            progress.note(note, warning=True)
        progress.stage("rig", len(shot.numbers))
        extra = writer(RigJob(native, shot, animation, options), out)
    return {
        "output": str(out),
        "targets": len(native.targets),
        "vertices": len(native.rest),
        "parts": [part.name for part in native.parts],
        "frames": 0 if animation is None else len(shot.numbers),
        "bytes": out.stat().st_size,
        "notes": [*model.edit_notes, *notes],
        "seconds": round(time.perf_counter() - began, 3),
    } | extra


def edited_model(model: FaceModel, edit: Path | None, name: str | None) -> FaceModel:
    """The model under a preset and an edit file; itself without. Raises AimError as both do."""
    recipes = ([preset(name)] if name else []) + ([read_recipe(edit)] if edit else [])
    if not recipes:
        return model
    return model.edited(build_edits(recipes, model.data))


def _writer(out: Path) -> Any:
    place = WRITERS.get(out.suffix.lower())
    if place is None:
        raise AimError(
            f"The output '{out}' is of no known kind.", remedy=f"Name one of {', '.join(WRITERS)}."
        )
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)


def _played(
    model: FaceModel, native: NativeRig, options: RigOptions, progress: Progress
) -> tuple[Shot, Animation | None, list[str]]:
    """The frames, their animation where there is one, and what should be said of them."""
    files = [*(teeth_files(options.actor) if options.actor else []), *filter(None, [options.edit])]
    source: ShotFrames
    if options.curves is None:
        rows = np.zeros((1, len(model.targets)))
        source, taken = CurveSource(model, rows, 0, options.detail), None
        notes: list[str] = []
        frames, rate = FrameRange(Fraction(1), Fraction(1), Fraction(1), Fraction(1)), Fraction(30)
    else:
        taken, source, notes = shown(model, options.curves, options, "a native rig", options.head)
        frames, rate = taken.frames, exact_rate(taken.curves.fps)
        notes = [*taken.curves.notes, *notes]
        files.append(options.curves)
    chosen = {k: v for k, v in vars(options).items() if k not in ("actor", "edit", "curves", "frames")}
    shot = Shot(
        name=native.name,
        model=model,
        source=source,
        numbers=frames.numbers,
        times=np.zeros(1) if taken is None else taken.curves.times,
        fps=rate,
        step=frames.step,
        provenance=provenance(model, files, chosen, frames),
        detail=options.detail,
        parts=native.parts,
        material=options.material,
        progress=progress,
    )
    if taken is None:
        return shot, None, notes
    animation, said = _animation(native, shot)
    return shot, animation, [*notes, *said]


def _animation(native: NativeRig, shot: Shot) -> tuple[Animation, list[str]]:
    source, count = shot.source, len(shot.numbers)
    activations = np.array([source.activations(i) for i in range(count)]).reshape(count, -1)
    jaws = np.array([source.jaw(i) for i in range(count)])
    notes = []
    if isinstance(source, CurveSource):
        sliders, follows = source.weights[source.before : source.before + count], True
    else:
        sliders, left = control_weights(native.rig, activations)
        learned = np.array([native.jaw(row) for row in activations])
        follows = bool(np.abs(learned - jaws).max(initial=0.0) < 1e-6 * native.size)
        if left.max(initial=0.0) > 1e-4:
            notes.append(
                f"the sliders reach the performance's activations within {left.max():.2g}; formats that play "
                "targets hold them exactly"
            )
    return Animation(
        shot.numbers,
        shot.fps,
        activations,
        jaws,
        np.array([source.head(i) for i in range(count)]),
        sliders,
        follows,
    ), notes


def write_usd(job: RigJob, out: Path) -> dict[str, Any]:
    """UsdSkel: a shape a control with its in-betweens; a shape a target for a performance, which is fitted on
    these, and where no in-betweens are wanted. Raises AimError as write_skel does."""
    from trainer.bake.formats.skel import Channel, SkelRig, control_channels, write_skel

    native, animation = job.native, job.animation
    if not job.options.in_betweens or (animation and not isinstance(job.shot.source, CurveSource)):
        named = zip(shape_names(native.rig), native.targets, strict=True)
        channels = [Channel(name, t.ids, t.deltas) for name, t in named]
        rig = SkelRig(native, channels, job.shot.source.activations, animation is not None)
        return dict(write_skel(job.shot, out, rig))
    channels, ones = control_channels(native)
    sliders = np.zeros((1, len(ones))) if animation is None else animation.sliders
    owned = np.array([bool(c.knots) for c in native.rig.controls], bool)
    combined = [i for i, t in enumerate(native.targets) if not isinstance(t.drive, Knot)]

    def weights(i: int) -> Floats:
        return np.concatenate([(sliders[i] / ones)[owned], job.shot.source.activations(i)[combined]])

    return dict(write_skel(job.shot, out, SkelRig(native, channels, weights, animation is not None)))


def write_html(job: RigJob, out: Path) -> dict[str, Any]:
    """A page that shows the face to anyone, with the presets and the job's own edit as buttons, and the
    animation as a take. Raises AimError as write_page does."""
    options, model, a = job.options, job.shot.model, job.animation
    name = " + ".join(filter(None, [options.preset, options.edit.stem if options.edit else None]))
    about = PRESETS[name][0] if name in PRESETS else ""
    take = None
    if a is not None:
        performed = not isinstance(job.shot.source, CurveSource)
        moves = performed and np.abs(a.heads - np.eye(4)).max(initial=0.0) > 1e-6
        take = PlayedTake(
            name=options.curves.name if options.curves else "",
            fps=float(a.fps / job.shot.step),
            weights=a.sliders,
            activations=a.activations if performed else None,
            jaw=a.jaws if performed else None,
            head=a.heads if moves else None,
        )
    shown = Shown(
        edits={name: (about, model)} if name else {},
        initial=name or None,
        detail=options.detail,
        parts=job.native.parts,
        take=take,
    )
    return write_page(model.edited(Edit()), out, shown, job.shot.progress)
