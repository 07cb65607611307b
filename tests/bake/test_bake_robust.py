"""aimface bake when things go wrong: bad input, a full or read-only disk, and being killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.curves import Curves, write_curves
from trainer.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    t = np.arange(300) / 24
    path = tmp_path_factory.mktemp("take") / "take.csv"
    write_curves(
        path,
        Curves(
            ("jawOpen", "eyeBlink"), np.stack([0.5 - 0.5 * np.cos(t), 0.5 + 0.5 * np.sin(9 * t)], 1), t, 24
        ),
    )
    return path


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--frames", "20-10"], "runs backwards"),
        (["--frames", ""], "no frame range"),
        (["--frames", "200-301"], "not all in the take, which has 1-300"),
        (["--step", "0"], "The step is 0"),
        (["--fps", "0"], "fps is 0"),
        (["--curve-fps", "-1"], "curve-fps is -1"),
        (["--skel"], "--skel has no effect on 'o.npz'"),
        (["--actor", "nowhere"], "--actor has no effect"),
    ],
)
def test_bad_options(
    draft: Path, take: Path, tmp_path: Path, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bake", str(draft), str(take), "-o", str(tmp_path / "o.npz"), *options]) == 2
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["o.npz", "o.usdc", "seq"])
def test_missing_files(
    draft: Path, take: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bake", str(tmp_path / "none.aim"), str(take), "-o", str(tmp_path / name)]) == 2
    assert "There is no model at" in capsys.readouterr().err
    assert main(["bake", str(draft), str(tmp_path / "none.csv"), "-o", str(tmp_path / name)]) == 2
    assert "none.csv: No such file" in capsys.readouterr().err
    (tmp_path / "teeth").mkdir()
    if name != "o.npz":
        assert (
            main(
                [
                    "bake",
                    str(draft),
                    str(take),
                    "-o",
                    str(tmp_path / name),
                    "--actor",
                    str(tmp_path / "teeth"),
                ]
            )
            == 2
        )
        assert "no upper_teeth.obj" in capsys.readouterr().err
    (tmp_path / "teeth" / "face.usda").touch()
    words = ["bake", str(draft), str(take), "-o", str(tmp_path / "o.usdc"), "--actor"]
    assert main([*words, str(tmp_path / "teeth" / "face.usda")]) == 2
    assert "is one file; teeth are read from the OBJ files of an actor folder" in capsys.readouterr().err
    assert [f.name for f in tmp_path.iterdir()] == ["teeth"]


def test_no_input_is_written_over(
    draft: Path, take: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curves, link = tmp_path / "anim.usda", tmp_path / "link.usda"
    assert main(["curves", str(take), "-o", str(curves), "--frames", "1-9"]) == 0
    link.symlink_to(curves)
    chunk = tmp_path / "chunk.npz"
    assert main(["bake", str(draft), str(curves), "-o", str(chunk), "--progress", "none"]) == 0
    before = {file: file.read_bytes() for file in (curves, chunk)}
    for command in (
        ["bake", draft, curves, "-o", curves],
        ["bake", draft, curves, "-o", link],
        ["curves", curves, "-o", curves, "--fps", "30"],
        ["farm", "merge", chunk, "-o", chunk],
    ):
        assert main([str(word) for word in command]) == 2
        assert "is an input, too. Likely cause: It would be lost" in " ".join(capsys.readouterr().err.split())
    assert before == {file: file.read_bytes() for file in (curves, chunk)}


@pytest.mark.parametrize("name", ["o.npz", "o.usdc", "o.usda"])
def test_a_folder_in_the_outputs_place(
    draft: Path, take: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).mkdir()
    assert main(["bake", str(draft), str(take), "-o", str(tmp_path / name), "--frames", "1-3"]) == 2
    assert "a folder has that name" in capsys.readouterr().err
    assert [f.name for f in tmp_path.rglob("*")] == [name]


def test_teeth_of_another_unit(
    draft: Path, take: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from aim_maya.core.obj import write_obj
    from tests.conftest import grid_mesh

    write_obj(tmp_path / "actor/lower_teeth.obj", grid_mesh().with_points(grid_mesh().points * 1000))
    assert (
        main(
            [
                "bake",
                str(draft),
                str(take),
                "-o",
                str(tmp_path / "o.usdc"),
                "--actor",
                str(tmp_path / "actor"),
            ]
        )
        == 2
    )
    assert "lie outside the head of the model" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["o.npz", "o.usdc", "o.usda", "seq"])
def test_a_folder_that_cannot_be_written(
    draft: Path, take: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["bake", str(draft), str(take), "-o", str(tmp_path / "file" / name), "--frames", "1-3"]) == 2
    assert "Cannot write" in capsys.readouterr().err
    if os.geteuid():
        (tmp_path / "closed").mkdir(mode=0o555)
        assert (
            main(["bake", str(draft), str(take), "-o", str(tmp_path / "closed" / name), "--frames", "1-3"])
            == 2
        )
        assert "Cannot write" in capsys.readouterr().err


def aimface(*arguments: object, **options: object) -> list[str]:
    return [sys.executable, "-m", "trainer", *map(str, arguments), "--progress", "none"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of file sizes are tried on Linux")
@pytest.mark.parametrize(
    ("name", "options"), [("o.npz", []), ("o.usdc", []), ("o.usda", []), ("o.usd", ["--skel"]), ("seq", [])]
)
def test_a_full_disk(draft: Path, take: Path, tmp_path: Path, name: str, options: list[str]) -> None:
    """Files may grow to 300 kB here, as on a disk with no more room than that."""
    import resource

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = subprocess.run(
        aimface("bake", draft, take, "-o", tmp_path / name, "--frames", "1-80", *options),
        preexec_fn=small,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 1, done.stderr  # the machine's: a farm tries it again on another one
    assert "The disk may be full" in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(file.is_file() for file in tmp_path.rglob("*"))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_killed_at_twenty_moments(draft: Path, take: Path, tmp_path: Path) -> None:
    """Under its final name a file is whole or absent, whenever the process dies; --resume finishes what is
    left and clears up."""
    chance = random.Random(5)
    outs = [tmp_path / name for name in ("o.usdc", "o.npz", "seq")]
    whole = 0
    for kill in range(20):
        out = outs[kill % 3]
        arguments = aimface(
            "bake", draft, take, "-o", out, "--resume", *(["--frames", "1-12"] if out.name == "seq" else [])
        )
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started = time.monotonic()
        while process.poll() is None and not list(tmp_path.rglob(".*")) and time.monotonic() - started < 30:
            time.sleep(0.002)  # until it writes
        time.sleep(chance.uniform(0, 0.35))
        process.kill()
        process.wait()
        whole += _check_whole(tmp_path)
        if out.is_file() and kill < 17:
            out.unlink()
    for out in outs:
        done = subprocess.run(
            aimface(
                "bake",
                draft,
                take,
                "-o",
                out,
                "--resume",
                *(["--frames", "1-12"] if out.name == "seq" else []),
            ),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert _check_whole(tmp_path) == 14
    assert not list(tmp_path.rglob(".*"))  # nothing temporary is left


def _check_whole(folder: Path) -> int:
    """Every file under a final name is read in full; returns how many there are."""
    from aim_maya.core.obj import read_obj

    count = 0
    for file in folder.rglob("*"):
        if file.is_dir() or file.name.startswith("."):
            continue
        count += 1
        if file.suffix == ".npz":
            with np.load(file) as baked:
                assert baked["frames"].shape[0] == 300
        elif file.suffix == ".usdc":
            pxr_usd = pytest.importorskip("pxr.Usd")
            stage = pxr_usd.Stage.Open(str(file))
            points = stage.GetPrimAtPath(f"{stage.GetDefaultPrim().GetPath()}/skin").GetAttribute("points")
            assert len(points.GetTimeSamples()) == 300
            assert len(points.Get(300.0)) == 7822
        else:
            assert len(read_obj(file).points) == 7822
    return count
