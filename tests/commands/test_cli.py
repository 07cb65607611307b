"""The command line as a user meets it: exit codes, one clear message, nothing half-written."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import trainer
import trainer.__main__ as cli
from aim_maya import doctor
from aim_maya.core import dependencies
from aim_maya.core.dependencies import how_to_install
from aim_maya.core.obj import read_obj
from aim_maya.runtime import FaceModel
from trainer.__main__ import COMMANDS, SHORT_WAITS, main


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_threads_wait_without_spinning_for_long_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    name, value = SHORT_WAITS
    monkeypatch.delenv(name, raising=False)
    main(["--version"])
    assert os.environ[name] == value
    monkeypatch.setenv(name, "7")
    main(["--version"])
    assert os.environ[name] == "7"


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    assert "Did you mean 'train'" in capsys.readouterr().err
    assert main(["nosuch"]) == 2
    assert "Did you mean" not in capsys.readouterr().err  # nothing is near


def test_bad_input_exits_2_with_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(tmp_path / "none"), "-o", str(tmp_path / "x.aim")]) == 2
    err = capsys.readouterr().err
    assert "no actor at" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
    assert main(["train", str(tmp_path), "-o", str(tmp_path / "x.zip")]) == 2
    assert main(["info", str(tmp_path / "none.aim")]) == 2


def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small_folder: Path
) -> None:
    for name, module in [(m, sys.modules[m]) for m in sys.modules if m.startswith("trainer.")]:
        monkeypatch.delitem(sys.modules, name)
        if (
            name.count(".") == 1
        ):  # the package's attribute is another's by the end, which later tests would patch
            monkeypatch.setattr(trainer, name.partition(".")[2], module, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["train", str(small_folder), "-o", str(small_folder.parent / "x.aim")]) == 2
    said = capsys.readouterr().err
    assert "needs the package" in said
    assert '".[train]"' in said


@pytest.mark.parametrize(
    ("name", "package", "remedies"),
    [
        ("view", "PySide6.QtCore", ('".[view]"',)),
        ("ui", "PySide6.QtCore", ('".[ui]"',)),
        ("info", "tyro", ('".[cli]"',)),
        ("doctor", "tyro", ('".[cli]"', "python -m aim_maya.doctor")),
        ("rig", "nobody_knows", ('".[train]"',)),
    ],
)
def test_a_missing_package_names_the_extra_that_brings_it(
    name: str,
    package: str,
    remedies: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def absent(name: str, arguments: list[str]) -> int:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(cli, "_imported", absent)
    assert main([name]) == 2
    said = capsys.readouterr().err
    assert f"needs the package '{package}'" in said
    assert all(remedy in said for remedy in remedies), said


def test_a_missing_package_is_told_by_a_line_that_works_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert how_to_install("usd", "usd-core").endswith('pip install -e ".[usd]" -c constraints.txt')
    monkeypatch.setattr(dependencies, "MODULE_ROOT", tmp_path)  # no checkout
    monkeypatch.setattr(dependencies.importlib.metadata, "version", lambda _: "1.0.0")
    assert how_to_install("usd", "usd-core") == 'pip install "aim-maya[usd]"'

    def absent(name: str) -> str:
        raise dependencies.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(dependencies.importlib.metadata, "version", absent)  # in Maya's module
    assert how_to_install("usd", "usd-core") == "pip install usd-core"


def test_sample_writes_an_actor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["sample", str(tmp_path / "s"), "--head", "procedural", "--json", str(tmp_path / "s.json")]) == 0
    )
    assert f"aimface train {tmp_path / 's'} trains it" in capsys.readouterr().out
    assert (tmp_path / "s/neutral.obj").exists()
    assert len(json.loads((tmp_path / "s.json").read_text())["targets"]) >= 20


def test_info(draft: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["info", str(draft), "--json", str(tmp_path / "i.json")]) == 0
    out = capsys.readouterr().out
    assert "7822" in out
    assert "jawOpen" in out
    assert json.loads((tmp_path / "i.json").read_text())["vertex_count"] == 7822


def curves(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


GOOD = "time,jawOpen,eyeBlink,nosuch\n0.0,0.0,0.2,1\n0.041667,0.5,0.4,1\n0.083333,1.0,1.0,1\n"


def test_bake_npz(draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["bake", str(draft), str(curves(tmp_path / "c.csv", GOOD)), "-o", str(tmp_path / "o.npz")]) == 0
    )
    assert "'nosuch' matches no control" in capsys.readouterr().err
    model = FaceModel.load(draft)
    with np.load(tmp_path / "o.npz", allow_pickle=False) as baked:
        assert baked["fps"] == pytest.approx(24)
        assert tuple(baked["targets"]) == model.targets
        w = {"jawOpen": 0.5, "eyeBlink_L": 0.4, "eyeBlink_R": 0.4}  # the rig splits eyeBlink into sides
        assert (
            np.abs(baked["frames"][1] - model.points(w)).max() < 1e-4
        )  # blocks of frames are summed at once: equal, but for the last bits
        assert baked["jaw_matrices"][1] == pytest.approx(model.jaw(w))
        assert baked["head_matrices"].shape == (3, 4, 4)
        assert baked["times"] == pytest.approx([0, 0.041667, 0.083333])


def test_bake_obj_sequence(draft: Path, tmp_path: Path) -> None:
    assert (
        main(
            [
                "bake",
                str(draft),
                str(curves(tmp_path / "c.csv", GOOD)),
                "-o",
                str(tmp_path / "seq"),
                "--start",
                "1001",
            ]
        )
        == 0
    )
    files = sorted((tmp_path / "seq").iterdir())
    assert [f.name for f in files] == ["frame_1001.obj", "frame_1002.obj", "frame_1003.obj"]
    mesh = read_obj(files[2])
    assert mesh.topology_hash == FaceModel.load(draft).mesh.topology_hash


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no frames"),
        ("time,jawOpen\n", "no frames"),
        ("jawOpen\n1\n", "no 'frame' or 'time' column"),
        ("time,jawOpen\n0,x\n", "line 2, column 'jawOpen': 'x'"),
        ("time,jawOpen\n0,nan\n", "'nan' is not a finite number"),
        ("time,jawOpen\n1,1\n0,1\n", "line 3: the time runs backwards"),
        ("time,jawOpen\n0,1,2\n", "3 values under 2 columns"),
    ],
)
def test_bad_curves(
    draft: Path, tmp_path: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["bake", str(draft), str(curves(tmp_path / "c.csv", text)), "-o", str(tmp_path / "o.npz")]) == 2
    )
    assert says in capsys.readouterr().err
    assert not (tmp_path / "o.npz").exists()


def test_bake_needs_a_known_ending(draft: Path, tmp_path: Path) -> None:
    assert (
        main(["bake", str(draft), str(curves(tmp_path / "c.csv", GOOD)), "-o", str(tmp_path / "o.mov")]) == 2
    )


def test_bench_prints_ratios(small_draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            [
                "bench",
                str(small_draft),
                "--rounds",
                "10",
                "--device",
                "cpu",
                "--json",
                str(tmp_path / "b.json"),
            ]
        )
        == 0
    )
    rows = json.loads((tmp_path / "b.json").read_text())["frames"]
    assert [r["vertices"] for r in rows] == [658] * 3 + [rows[3]["vertices"]] * 3
    assert rows[3]["vertices"] > 2500
    assert all(r["ratio"] > 0 for r in rows)
    assert "cached / bare" in capsys.readouterr().out


def test_doctor_tries_a_model(draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PARTS", ())  # they take seconds: tests/module/test_doctor.py
    assert main(["doctor", str(draft), "--device", "cpu", "--json", str(tmp_path / "d.json")]) == 0
    found = {c["name"]: c for c in json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))["checks"]}
    assert "7822 vertices" in found["model"]["found"]
    for name in ("model, cached", "model, full"):
        assert "a frame takes" in found[name]["found"]
    assert "onnxruntime" in found["model, full"]["found"]
