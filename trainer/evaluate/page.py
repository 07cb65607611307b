"""A face that anyone can open: one HTML file in which the head turns, the sliders move it, and colours say
what was learned. Nothing is loaded from anywhere.

The page evaluates the model by itself (face_page/face.js) and draws it with three.js (face_page/vendor). Its
content security policy names every script by its hash and allows nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.files import write_text
from aim_maya.core.progress import Progress
from aim_maya.runtime import PRESETS, FaceModel
from aim_maya.runtime.face_parts import GROUPS

from .packed import Beside, PlayedTake, packed

_SCRIPTS = ("vendor/three.min.js", "face.js", "view.js", "panel.js")
_TABLES = 500_000_000  # bytes of the targets under all edits
_WHOLE = "html,body{height:100%;margin:0}.aim{height:100vh;height:100dvh}"


@dataclass(frozen=True)
class FaceInPage:
    """A face in pieces of HTML: the style, the face itself, and after all else its data and scripts. policy:
    what the page it stands in may run."""

    style: str
    body: str
    scripts: str
    policy: str


@dataclass(frozen=True)
class Shown:
    """What a page shows beside the model. edits {name: (what it does, the model under it)} come before the
    presets; initial: the one that is on at first. errors (T, V) mm, of the networks; made when not given.
    detail False: the skin is what the networks make of it."""

    edits: Mapping[str, tuple[str, FaceModel]] = field(default_factory=dict)
    initial: str | None = None
    detail: bool = True
    parts: tuple[Beside, ...] = ()
    take: PlayedTake | None = None
    errors: Floats | None = None


def write_page(
    model: FaceModel, out: Path, shown: Shown | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Write the page of an unedited model; returns its figures. Raises AimError when `out` cannot be
    written, and as FaceModel.edited does for edits."""
    face = face_in_page(model, shown or Shown(), progress=progress)
    name = html.escape(str(model.manifest["name"]))
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{policy_tag(face)}'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{name}: AIM face</title>'
        f"<style>{_WHOLE}{face.style}</style></head>\n<body>{face.body}{face.scripts}</body></html>\n"
    )
    write_text(out, page)
    return {"page": str(out), "bytes": out.stat().st_size}


def policy_tag(face: FaceInPage) -> str:
    """The <meta> that goes first into the head of whatever holds the face; it holds for pages opened as
    files, too."""
    return f'<meta http-equiv="Content-Security-Policy" content="{face.policy}">'


def face_in_page(
    model: FaceModel, shown: Shown, *, embedded: bool = False, progress: Progress | None = None
) -> FaceInPage:
    """The pieces. embedded: among other things in a page that scrolls. Raises AimError as FaceModel.edited
    does."""
    errors = shown.errors
    if errors is None:
        errors = network_errors(model, progress or Progress("none"))
    edits = _edits(model, shown.edits)
    block = packed(model, edits, errors, shown.parts, shown.take, shown.detail, progress)
    if shown.initial is not None:
        block.head["initial"] = [e["name"] for e in block.head["edits"]].index(shown.initial)
    block.head["groups"] = GROUPS
    data = base64.b64encode(zlib.compress(block.to_bytes(), 6)).decode()
    scripts = [asset(name) for name in _SCRIPTS]
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts
    )
    return FaceInPage(
        style=asset("face.css"),
        body=asset("face.html").replace("{{embedded}}", "yes" if embedded else "no"),
        scripts=f'<script type="text/plain" id="aim-licences">\n{asset("vendor/LICENSES")}</script>\n'
        f'<script type="text/plain" id="aim-data">{data}</script>\n'
        + "\n".join(f"<script>{script}</script>" for script in scripts),
        policy=f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'",
    )


def network_errors(
    model: FaceModel, progress: Progress, shapes: Mapping[str, Floats] | None = None
) -> Floats:
    """(T, V) mm: what the networks alone miss of every target at its trained pose; of `shapes` {target: (V,
    3)}, or of those that the file holds."""
    rig = model.data.rig
    progress.stage("errors of the networks", len(rig.targets))
    errors = np.zeros((len(rig.targets), len(model.mesh.points)), np.float32)
    for i, target in enumerate(rig.targets):
        pose = rig.trained_pose(target)
        truth = model.points(pose) if shapes is None else shapes[target]
        errors[i] = np.linalg.norm(model.points(pose, detail=False) - truth, axis=1) * model.mm_per_unit
        progress.step(i + 1, len(rig.targets))
    return errors


def _edits(model: FaceModel, given: Mapping[str, tuple[str, FaceModel]]) -> dict[str, tuple[str, FaceModel]]:
    """The edits asked for, then those presets that this model can wear, and that memory has room for: each
    changes every target."""
    made = dict(given)
    room = _TABLES // max(12 * len(model.data.rig.targets) * len(model.mesh.points), 1)
    for name, (about, recipe) in PRESETS.items():
        if name not in made and len(made) < room:
            try:
                made[name] = (about, model.edited(recipe))
            except AimError:  # a face without bones, or without the landmarks that presets are placed by
                continue
    return made


@cache
def asset(name: str) -> str:
    """The text of a file of face_page."""
    return resources.files(__package__).joinpath("face_page", *name.split("/")).read_text(encoding="utf-8")
