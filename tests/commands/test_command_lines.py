"""Every `aimface` command line of README.md, CONTRIBUTING.md and docs/ runs as it stands there, one
page after another in a folder of its own.

What a page starts from (actors, models, curves, scans, landmarks, cameras) is made small; what a line writes
is opened, and the next line goes on from it. Only what costs minutes is made cheaper, by the arguments in
CHEAPER.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from aim_maya import doctor
from aim_maya.core.actor import Actor
from aim_maya.core.curves import read_curves
from aim_maya.core.obj import write_obj
from aim_maya.core.performance import read_performance
from aim_maya.runtime import FaceModel, Performance
from tests.helpers.once import made_once
from trainer.__main__ import COMMANDS, main
from trainer.actor.landmarks import find_landmarks
from trainer.evaluate import pictures

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {
    "aimface ui actor": "opens a window: tests/ui/test_train_window.py",
    "aimface view actor.aim": "opens a window: tests/ui/test_view.py",
    "aimface view actor.aim --bones": "opens a window: tests/ui/test_view.py",
    "aimface view actor.aim --preset long_jaw": "opens a window: tests/ui/test_view.py",
    "aimface view anna.aim --bench": "measures for a minute",
}
CHEAPER = {
    "train": ("--preset", "draft", "--device", "cpu"),
    "bench": ("--rounds", "10"),
    "compare": ("--methods", "GBS", "--settings", "all", "--every", "2", "--unknowns", "60"),
    "fit": ("--unknowns", "60", "--modes", "6"),
}
STANDS_FOR = {
    **dict.fromkeys(("ACTOR", "OTHER"), ("anna",)),
    **dict.fromkeys(("ACTOR.aim", "OTHER.aim"), ("anna.aim",)),
    **dict.fromkeys(("FRAMES", "OTHER_FRAMES"), ("scans.npz",)),
    "CURVES.csv": ("curves.csv",),
    "--tune": ("--tune", "--tuned", "tuned.json"),
    "1-250": ("1-2",),
    "251-500": ("3-4",),
}


def command_lines(page: Path) -> list[str]:
    """The lines of a page without what stands behind them: a comment after #, or words after two spaces."""
    text = re.sub(r" *\\\n *", " ", page.read_text(encoding="utf-8"))
    lines = re.findall(r"^ {4,}(aimface .*)$", text, re.M)
    return [re.split(r" {2,}| #", line)[0].strip() for line in lines]


LINES = {
    path: lines
    for path in sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
    if (lines := command_lines(path))
}


def begins_another(page: Path) -> bool:
    """Another page begins with all of its lines, and runs them from the same files."""
    lines = LINES[page]
    return any(len(other) > len(lines) and other[: len(lines)] == lines for other in LINES.values())


@pytest.fixture(scope="module")
def things(
    sample: Actor, small_folder: Path, small_draft: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What the pages begin with, under the names that they use."""
    return made_once(tmp_path_factory, "things", partial(_make, sample, small_folder, small_draft))


def _make(sample: Actor, actor: Path, aim: Path, folder: Path) -> None:
    model = FaceModel.load(aim, "cpu")
    face = find_landmarks(sample)  # the coarse head has too few vertices to find its own
    skin = model.mesh.points
    landmarks = {
        name: skin[np.linalg.norm(skin - face.frame.to_object(point), axis=1).argmin()].tolist()
        for name, point in face.points.items()
    }
    for name in ("anna", "actor_a", "ict_rig", "actor", "ben", "carl", "actor_b"):
        shutil.copy(aim, folder / f"{name}.aim")
    for name in ("actor", "anna", "actors/anna", "actors/carl", "actor_b"):
        shutil.copytree(actor, folder / name)
        (folder / name / "landmarks.json").write_text(json.dumps(landmarks))
    (folder / "models").mkdir()
    shutil.copy(aim, folder / "models/anna.aim")
    smile = [0.0, 0.3, 0.7, 0.4]
    table = "".join(f"{1001 + f},{0.2 * f},{w},{w}\n" for f, w in enumerate(smile))
    for name in ("take", "curves", "take_07", "facecap", "iphone", "takes/010", "takes/020"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / f"{name}.csv").write_text(f"frame,jawOpen,mouthSmile_L,mouthSmile_R\n{table}")
    frames = np.array(
        [
            model.points({"jawOpen": 0.2 * f, "mouthSmile_L": w, "mouthSmile_R": w})
            for f, w in enumerate(smile)
        ]
    )
    (folder / "capture").mkdir()
    for name in ("scans", "performance", "capture/010"):
        np.savez(folder / f"{name}.npz", frames=frames, fps=30.0)
    for number, points in enumerate(frames, 1):
        write_obj(folder / "capture/020" / f"frame_{number:04d}.obj", model.mesh.with_points(points))
    _see(model, frames, folder)
    posed = model.points({"jawOpen": 1.0})
    write_obj(folder / "jawOpen.obj", model.mesh.with_points(posed + np.where(posed[:, 2:] > 60, 0.5, 0)))
    (folder / "edit.json").write_text(
        json.dumps({"thickness": {"cheeks": 1.1}, "bones": {"jaw_longer_mm": 2}})
    )
    assert (
        main(
            [
                "fit",
                str(aim),
                str(folder / "scans.npz"),
                "-o",
                str(folder / "take.aimperf"),
                "--mode",
                "global",
                "--jaw",
                "tied",
                "--progress",
                "none",
            ]
        )
        == 0
    )
    for name in ("take_07", "actor_a"):
        shutil.copy(folder / "take.aimperf", folder / f"{name}.aimperf")


def _see(model: FaceModel, frames: np.ndarray, folder: Path) -> None:
    """points.json, cameras.json and landmarks.json: 68 vertices of the front as a camera a metre away sees
    them."""
    rest = model.mesh.points
    front = np.flatnonzero(rest[:, 2] > np.percentile(rest[:, 2], 80))
    sites = front[np.linspace(0, len(front) - 1, 68).astype(int)]
    camera = {"name": "cam", "width": 1280, "height": 1280, "K": [[2000, 0, 640], [0, 2000, 640], [0, 0, 1]]}
    t = [-rest[:, 0].mean(), rest[:, 1].mean(), 1000.0]
    seen = [(points[sites] * [1, -1, -1] + t) for points in frames]
    pixels = [(2000 * p[:, :2] / p[:, 2:] + 640).tolist() for p in seen]
    (folder / "cameras.json").write_text(
        json.dumps({"cameras": [camera | {"R": [[1, 0, 0], [0, -1, 0], [0, 0, -1]], "t": t}]})
    )
    (folder / "points.json").write_text(json.dumps({"convention": "multipie68", "fps": 30, "frames": pixels}))
    (folder / "landmarks.json").write_text(json.dumps(sites.tolist()))


@pytest.mark.parametrize(
    "page",
    [page for page in LINES if not begins_another(page)],
    ids=lambda page: page.relative_to(ROOT).with_suffix("").as_posix(),
)
def test_command_lines_run_through_their_files(
    page: Path, things: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(things, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "PARTS", ())  # they take seconds: tests/module/test_doctor.py
    monkeypatch.setattr(pictures, "_LONGER_SIDE", 240)  # pixels of the faces in reports and sheets
    for line in LINES[page]:
        words = shlex.split(line)
        if line not in SKIPPED:
            _run([word for given in words[1:] for word in STANDS_FOR.get(given, (given,))])


def _run(words: list[str]) -> None:
    """Exit code 0, and what -o, --obj, --picture ... name can be used."""
    command, *arguments = words
    assert main([command, *arguments, *CHEAPER.get(command, ())]) == 0, " ".join(words)
    for option, value in pairwise(arguments):
        if option in ("-o", "--obj", "--picture", "--suggest", "--screenshot"):
            assert Path(value).exists(), f"{value} of {' '.join(words)}"
            _use(Path(value))


def _use(path: Path) -> None:
    """Open what was written as its reader would."""
    if path.is_dir():
        inside = [file for file in path.iterdir() if file.is_file()]
        assert inside, path
        for file in inside:
            _use(file)
    elif path.suffix in READERS:
        READERS[path.suffix](path)
    else:
        assert path.stat().st_size > 0, path


def _plays(path: Path) -> None:
    """The performance, on a model that it fits."""
    assert main(["bake", "actor.aim", str(path), "-o", "used.npz", "--progress", "none"]) == 0
    with np.load("used.npz") as baked:
        assert np.isfinite(baked["frames"]).all()
        assert len(baked["frames"]) == read_performance(path).frame_count
    Performance.load(path).check(FaceModel.load("actor.aim", "cpu").data)


def _opens_as_usd(path: Path) -> None:
    from pxr import Usd

    assert list(Usd.Stage.Open(str(path)).Traverse())


def _is_a_job(path: Path) -> None:
    from openjd.model import decode_job_template
    from yaml import safe_load

    written = safe_load(path.read_text())
    if path.name == "parameter_values.yaml":  # in a job bundle, beside the template
        assert written["parameterValues"]
    else:
        decode_job_template(template=written)


def _picture(path: Path) -> None:
    assert path.read_bytes().startswith(b"\x89PNG")


READERS: dict[str, Callable[[Path], object]] = {
    ".aim": lambda path: FaceModel.load(path, "cpu").points({"jawOpen": 0.5}),
    ".aimperf": _plays,
    ".csv": read_curves,
    ".json": lambda path: json.loads(path.read_text()),
    ".npz": np.load,
    ".png": _picture,
    ".usda": _opens_as_usd,
    ".usdc": _opens_as_usd,
    ".yaml": _is_a_job,
}


def test_every_skipped_line_is_still_in_a_page_and_every_command_exists() -> None:
    lines = {line for page in LINES.values() for line in page}
    assert set(SKIPPED) <= lines
    assert {line.split()[1] for line in lines} <= set(COMMANDS)
