"""OBJ sequences: one file a frame, each whole or absent; parts beside the skin go into folders of their names."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from aim_maya.core.obj import write_obj

from .shot import Shot, moved, number_text


def write_objs(shot: Shot, folder: Path, resume: bool) -> int:
    """Write frame_<number>.obj for every frame; with resume, frames that carry this shot's fingerprint are kept. Returns how many were."""
    comment = f"aimface bake {shot.marks.source}"
    digits = max(4, len(str(int(max(abs(n) for n in shot.numbers)))))
    kept = 0
    for i, number in enumerate(shot.numbers):
        name = f"frame_{number_text(Fraction(number), digits)}.obj"
        files = {part.name: folder / part.name / name for part in shot.parts} | {"": folder / name}
        if resume and all(_first_line(file) == f"# {comment}" for file in files.values()):
            kept += 1
        else:
            for part in shot.parts:
                points = moved(part.mesh.points, shot.motion(part, i)) if shot.moves(part) else part.mesh.points
                write_obj(files[part.name], part.mesh.with_points(points), comment)
            write_obj(files[""], shot.model.mesh.with_points(shot.source.points(i)), comment)
        shot.progress.step(i + 1, len(shot.numbers), frame=float(number))
    return kept


def _first_line(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return stream.readline(200).rstrip("\n")
    except OSError:
        return ""
