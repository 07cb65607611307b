"""The benchmark that comes with the repository: its data is what it says, its commands exist, and its page
tells what was found beside the paper.
"""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tyro

from aim_maya.core import rigid
from benchmark import reproduce as script
from benchmark.page import page
from trainer.commands import command
from trainer.commands.trainings import variants
from trainer.research.methods import ROWS

ROOT = Path(__file__).resolve().parents[2]
METRICS = {
    "skin": {"mean": 0.04, "p999": 0.3, "max": 0.8},
    "neutral": {"mean": 0.02},
    "anatomy": {"unseen_surface_median": 0.28, "unseen_surface_p95": 1.9},
    "jaw": {"error": {"mean": 0.01}},
    "seconds": {"total": 113.2},
}


def lines(options: Any) -> dict[str, Any]:
    """What `aimface compare` would say of these rows."""
    methods = options.methods or [name for name, row in ROWS.items() if not row.asked_for]
    base = {"seed": 0, "mean": 0.1, "unknowns": 1200, "jaw": 0.5}
    results = [base | {"method": m, "setting": s} for m in methods for s in options.settings or ("all",)]
    curve = [r | {"asked": n} for r in results for n in options.curve_unknowns] if options.curve else []
    return {"results": results, "curve": curve}


_ONE_AT_A_TIME = threading.Lock()


def answered(words: list[str], *_: object) -> int:
    """In place of a command: its line is understood, and its figures are written."""
    name, *rest = words
    with _ONE_AT_A_TIME:  # steps run in threads here, and tyro's caches are one thread's
        options = tyro.cli(command(name).options, args=rest)
    if name == "ablate":
        assert set(options.only or ()) <= set(variants(options.config))
        keys = ("skin_mean", "skin_p999", "skin_max", "neutral", "jaw_mean", "bone_median", "bone_p95")
        figures: Any = {"as configured": dict.fromkeys(keys, 0.1), "ReLU": {"error": "it <failed>"}}
    else:
        figures = METRICS if name == "train" else lines(options)
    options.json.write_text(json.dumps(figures))
    return 0


@pytest.mark.parametrize("plan", [script.QUICK, script.FULL], ids=["quick", "full"])
def test_every_step_is_a_command_and_the_page_tells_it(
    plan: script.Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "aimface", answered)
    monkeypatch.setattr(script, "unpack", lambda *_: None)
    run = script.Run(tmp_path, resume=False)
    found = script.reproduce(plan, ["actor_a", "actor_b"], run)
    about = {"quick": plan is script.QUICK, "minutes": 1.0, "machine": "two <cores>"}
    text = page(found, run.ran, about, tmp_path)
    for said in ("actor_a", "0.83", "0.31", "AIM local", "it &lt;failed&gt;", "two &lt;cores&gt;", "ReLU"):
        assert said in text
    assert {line.split()[1] for line, _ in run.ran} == {"train", "compare", "ablate"}
    again = script.Run(tmp_path, resume=True)
    assert script.reproduce(plan, ["actor_a", "actor_b"], again) == found
    assert again.ran == []  # all figures were there


def test_two_steps_at_once_and_none_before_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both, log = threading.Barrier(2), list[str]()

    def command(words: list[str], _log: Path, threads: int, _children: list[Any]) -> int:
        log.append(f"{words[0]} begins")
        assert threads == 3
        if words[0] == "train":
            both.wait(10)  # broken, and an error, where one waits for the other
        log.append(f"{words[0]} ends")
        return 0

    monkeypatch.setattr(script, "aimface", command)
    steps = [script.Step("a", ("train",)), script.Step("b", ("train",)), script.Step("c", ("compare",), "a")]
    script.Run(tmp_path, resume=False, cores=6).all(steps)
    assert log.index("compare begins") > log.index("train ends")


def test_a_step_that_fails_ends_all_and_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    steps = [
        script.Step("long", ("demo", "--out", str(tmp_path / "demo"))),  # minutes, if nothing ends it
        script.Step("bad", ("info", "nothing.aim")),
        script.Step("never", ("info", "x"), "long"),
    ]
    with pytest.raises(SystemExit, match="2"):
        script.Run(tmp_path, resume=False, cores=2).all(steps)
    assert "What to do" in capfd.readouterr().err
    assert not (tmp_path / "logs/never.log").exists()


def test_the_actor_and_its_frames_are_written(tmp_path: Path, actor_a: Path) -> None:
    script.unpack("actor_a", tmp_path, 2)
    given, made = (np.load(p) for p in (actor_a / "performance_open.npz", tmp_path / "actor_a.npz"))
    assert len(made["frames"]) == 12
    kept = [int(np.flatnonzero(given["clip"] == c)[9]) for c in np.unique(given["clip"])]
    neutral = script.read_packed(ROOT / "benchmark/actor_a/head.npz").neutral.points
    true = neutral + given["frames_q"][kept] * float(given["scale_mm"])
    assert np.abs(made["frames"][::2] - true).max() < 1e-4
    assert all(rigid.is_rigid(m) for m in made["jaw_matrices"])
    assert sorted(p.stem for p in (tmp_path / "actor_a/shapes").iterdir()) == sorted(
        p.stem for p in (actor_a / "shapes").iterdir()
    )


def test_the_data_is_small_and_licensed() -> None:
    folder = ROOT / "benchmark"
    assert sum(file.stat().st_size for file in folder.rglob("*.npz")) < 15_000_000
    licences = (folder / "LICENSES.txt").read_text()
    assert "USC Institute for Creative Technologies" in licences
    assert "Ken Martin, Will Schroeder, Bill Lorensen" in licences
    named = re.findall(r"`([\w/]+\.(?:npz|json|txt))`", (folder / "README.md").read_text())
    assert all((folder / name).is_file() for name in named if "/" in name)
