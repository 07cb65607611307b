"""Curves or a performance through a model to point caches, frame by frame: memory does not grow with the
length."""

from __future__ import annotations

import glob
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from threadpoolctl import threadpool_limits

from aim_maya.core.curves import FrameRange
from aim_maya.core.curves.take import exact_rate
from aim_maya.core.errors import AimError
from aim_maya.core.files import check_apart
from aim_maya.core.progress import Progress, Style
from aim_maya.runtime import FaceModel
from aim_maya.runtime.native_rig import RigidPart
from trainer.bake.formats.blender import alembic_provenance, check_alembic, write_alembic
from trainer.bake.formats.plain import npz_provenance, write_npz, write_objs
from trainer.bake.formats.skel import write_skel
from trainer.bake.formats.usd import USD_ENDINGS, usd_provenance, write_usd

from .shot import Provenance, Shot, bones, provenance, teeth, teeth_files
from .take import TakeOptions, shown

ENDINGS = (".npz", ".abc", *USD_ENDINGS)


@dataclass(frozen=True)
class BakeOptions(TakeOptions):
    """What shapes the output, and so its fingerprint."""

    actor: Path | None = None
    """Actor folder: its upper_teeth.obj and lower_teeth.obj are baked too, the lower ones with the jaw (USD,
    Alembic, OBJ)."""
    bones: bool = False
    """The learned bone points of skull and jaw too, as points (USD, Alembic)."""
    normals: bool = False
    """Smooth normals at every frame too (USD, Alembic)."""
    skel: bool = False
    """UsdSkel blend shapes, a jaw joint and their animation in place of points over time; the residual is
    printed."""
    material: str = "skin"
    """Name of the skin's material (USD: bound at ROOT/Looks/NAME; Alembic: a face set)."""
    head: bool = True
    """The head's motion of a performance is in what is written; --no-head leaves the head where the model has
    it."""
    detail: bool = True
    """Exact at the trained poses; --no-detail takes everything from the networks."""
    evaluation: Literal["cached", "full"] = "cached"
    """cached: stored fields. full: all networks every frame."""


def bake(
    model_path: Path,
    curves_path: Path,
    out: Path,
    options: BakeOptions | None = None,
    *,
    device: str = "auto",
    resume: bool = False,
    style: Style = "auto",
) -> dict[str, Any]:
    """Bake the curves or the performance; returns the figures. With resume, an output that carries this
    bake's fingerprint is left as it is.

    Raises AimError for what cannot be read, a performance of another model, frames that are not there, or an
    output that cannot be written or is an input.
    """
    options = options or BakeOptions()
    check_apart(out, model_path, curves_path)
    kind = _kind(out, options)
    began = time.perf_counter()
    model = FaceModel.load(model_path, device, evaluation=options.evaluation)
    one_weight = "UsdSkel" if options.skel else ""
    take, source, unmatched = shown(model, curves_path, options, one_weight, options.head)
    wanted, rate = take.frames, exact_rate(take.curves.fps)
    if kind == ".abc":
        check_alembic(wanted.step, wanted.first)
    made_from = _provenance(model, curves_path, options, kind, wanted)
    if resume:
        _remove_leftovers(out)
        if _is_complete(out, kind, made_from):
            return {"frames": 0, "skipped": True, "fps": float(rate), "output": str(out)}
    # BLAS threads wait for each other on a busy machine: 10 ms a frame in place of 0.3
    with Progress(style) as progress, threadpool_limits(1):
        for note in (*take.curves.notes, *unmatched):
            progress.note(note, warning=True)
        progress.note(model.status)
        shot = Shot(
            name=str(model.manifest.get("name", out.stem)),
            model=model,
            source=source,
            numbers=wanted.numbers,
            times=take.curves.times,
            fps=rate,
            step=wanted.step,
            provenance=made_from,
            detail=options.detail,
            parts=_parts(model, options),
            material=options.material,
            normals=options.normals,
            progress=progress,
        )
        progress.stage("bake", len(shot.numbers))
        extra = _write(shot, out, kind, options, resume)
    return {
        "frames": len(shot.numbers),
        "skipped": False,
        "first": float(wanted.first),
        "last": float(wanted.last),
        "step": float(wanted.step),
        "fps": float(rate),
        "vertices": len(model.mesh.points),
        "unmatched": unmatched,
        "notes": list(take.curves.notes),
        "status": model.status,
        "output": str(out),
        "seconds": round(time.perf_counter() - began, 3),
    } | extra


def _kind(out: Path, options: BakeOptions) -> str:
    """The ending, '' for a folder of OBJs. Raises AimError for one that is unknown, options that do not go
    together."""
    kind = "" if out.suffix.lower() == ".obj" else out.suffix.lower()
    if kind not in ("", *ENDINGS):
        raise AimError(
            f"The output '{out}' is of no known kind.",
            remedy=f"Name one of {', '.join(ENDINGS)}, or a folder for an OBJ sequence.",
        )
    for name, given, where in (
        ("--skel", options.skel, USD_ENDINGS),
        ("--normals", options.normals, (*USD_ENDINGS, ".abc")),
        ("--bones", options.bones, (*USD_ENDINGS, ".abc")),
        ("--actor", options.actor is not None, (*USD_ENDINGS, ".abc", "")),
    ):
        if given and kind not in where:
            raise AimError(
                f"{name} has no effect on '{out.name}'.",
                f"It is for {', '.join(w or 'OBJ folders' for w in where)}.",
                "Leave it out, or choose another output.",
            )
    return kind


def _provenance(
    model: FaceModel, curves: Path, options: BakeOptions, kind: str, frames: FrameRange
) -> Provenance:
    files = [curves, *(teeth_files(options.actor) if options.actor else [])]
    # the range has a fingerprint of its own, and the teeth count by their bytes
    left_out = ("frames", "actor")
    chosen = {name: value for name, value in vars(options).items() if name not in left_out}
    chosen |= {"kind": kind.replace(".usdc", ".usd"), "parts": options.actor is not None}
    return provenance(model, files, chosen, frames)


def _parts(model: FaceModel, options: BakeOptions) -> tuple[RigidPart, ...]:
    return (teeth(options.actor, model) if options.actor else ()) + (bones(model) if options.bones else ())


def _is_complete(out: Path, kind: str, made_from: Provenance) -> bool:
    """Whether the output is there and whole, of this very bake; an OBJ sequence is asked frame by frame
    instead."""
    if kind == "" or not out.is_file():
        return False
    read = {".npz": npz_provenance, ".abc": alembic_provenance}.get(kind, usd_provenance)
    return read(out) == made_from


def _remove_leftovers(out: Path) -> None:
    """Temporary files of bakes to this output that were killed: one output is baked by one process at a
    time.
    """
    if out.suffix.lower() in ("", ".obj"):
        left = list(out.with_suffix("").rglob(".frame_*.obj.*"))
    else:
        left = list(out.parent.glob(f".{glob.escape(out.name)}.*"))
    for path in left:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _write(shot: Shot, out: Path, kind: str, options: BakeOptions, resume: bool) -> dict[str, Any]:
    if kind == ".npz":
        write_npz(shot, out)
    elif kind == ".abc":
        write_alembic(shot, out)
    elif kind == "":
        return {"kept": write_objs(shot, out.with_suffix(""), resume)}
    elif options.skel:
        return dict(write_skel(shot, out))
    else:
        write_usd(shot, out)
    return {}
