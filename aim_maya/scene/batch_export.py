"""Export of one open scene: choose the faces, see that their models run, write one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maya import cmds

from aim_maya.core.errors import AimError
from aim_maya.jobs.plan import Item, sampling
from aim_maya.jobs.whole import check_whole

from .caches import write_alembic, write_usd
from .faces import Face, examine, find_faces
from .fbx import make_stand, write_fbx
from .files import fresh_path
from .work import NoFaces, Outcome


def export(item: Item, options: dict[str, Any]) -> Outcome:
    """Bake the faces of the open scene into item.output. Raises AimError."""
    faces = find_faces(options["nodes"])
    if not any(face.node for face in faces):
        raise NoFaces()
    span = sampling(options, _playback())
    cmds.currentTime(span.first)
    outcome = Outcome([_looked_at(face, options) for face in faces])
    outcome.figures["frames"] = {"first": span.first, "last": span.last, "step": span.step, "sub_frames": list(span.sub_frames), "samples": len(span.times)}
    with fresh_path(item.output) as temporary:
        if options["format"] == "fbx":
            _fbx(faces, span, options, temporary, outcome)
        else:
            write = write_alembic if options["format"] == "abc" else write_usd
            write([f.transform for f in faces], span, temporary, world=options["space"] == "world", strip_namespaces=options["strip_namespaces"])
        check_whole(temporary)
        outcome.figures["bytes"] = temporary.stat().st_size
    return outcome


def _playback() -> tuple[float, float]:
    return float(cmds.playbackOptions(query=True, minTime=True)), float(cmds.playbackOptions(query=True, maxTime=True))


def _looked_at(face: Face, options: dict[str, Any]) -> dict[str, Any]:
    """What the report says of a face. Raises AimError where the model does not run: the shot would go out with the linear face."""
    found = {"mesh": face.transform} | (examine(face.node) if face.node else {"node": None})
    problems = found.get("problems")
    if problems and not options["allow_broken"]:
        raise AimError(f"{face.node} does not deform: {'; '.join(problems)}", "The face would go out without its model.", "Mend it, or say --allow-broken.")
    return found


def _fbx(faces: list[Face], span: Any, options: dict[str, Any], out: Path, outcome: Outcome) -> None:
    stands = [make_stand(face, span, options["samples"]) for face in faces]
    for row, stand in zip(outcome.faces, stands, strict=True):
        row["native"], row["residual"] = stand.mesh, stand.figures
        outcome.notes += stand.notes
        worst, most = stand.figures["shot_mm"], options["max_residual"]
        if most is not None and worst["max"] > most:
            raise AimError(
                f"The native targets are {worst['max']:.3g} mm off at frame {worst['frame']:g}; {most:g} were allowed.", "The jaw's arc and edits are more than linear targets can follow.",
                "Take abc or usd, which are exact, or allow more with --max-residual.",
            )  # fmt: skip
    write_fbx([stand.mesh for stand in stands], out)
