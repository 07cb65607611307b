"""Curves as other programs write them: what is read, what is said of it, and what comes out of `aimface
curves` and `bake`.
"""

from __future__ import annotations

import json
import os
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.curves import Curves, match_controls, read_curves, resampled
from aim_maya.core.curves.clock import clock_kind
from aim_maya.core.curves.take import ControlNames
from aim_maya.core.errors import AimError
from trainer.__main__ import main

RAMP = [(i / 30, i / 10) for i in range(11)]


def file(folder: Path, data: str | bytes, name: str = "take.csv") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def table(
    separator: str = ",",
    mark: str = ".",
    head: str = "time",
    end: str = "\n",
    quote: str = "",
    tail: str = "",
) -> str:
    rows = [
        [head, "jawOpen"],
        *([f"{t:.4f}".replace(".", mark), f"{w:.2f}".replace(".", mark)] for t, w in RAMP),
    ]
    return "".join(separator.join(f"{quote}{field}{quote}" for field in row) + tail + end for row in rows)


def is_the_ramp(curves: Curves) -> bool:
    return (
        curves.names == ("jawOpen",)
        and np.allclose(curves.values[:, 0], [w for _, w in RAMP])
        and curves.fps == 30
    )


@pytest.mark.parametrize(
    "data",
    [
        table(";", ","),
        table(";"),
        table("\t"),
        table("\t", ","),
        table(quote='"'),
        table(",", ",", quote='"'),
        table(end="\r\n"),
        table(end="\r"),
        table(tail=","),
        table(";", ",", tail=";"),
        table().replace("\n", ",\n").replace("jawOpen,", "jawOpen"),
        "\ufeff" + table(),
        table(";", ",").encode("utf-16"),
        table("\t").encode("utf-16-le"),
        "# exported\n// by hand\n" + table(),
        "sep=;\n" + table(";"),
        "Take,7\n\nRate,30\n" + table(),
        table().replace("0.0667", "# half\n0.0667") + "\n,\n   \n",
        "".join(
            f"{i - 1 if i else ''},{line}\n" for i, line in enumerate(table().splitlines())
        ),  # an index column without a name
    ],
)
def test_separators_marks_and_encodings(tmp_path: Path, data: str | bytes) -> None:
    assert is_the_ramp(read_curves(file(tmp_path, data)))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (table().replace("0.0667", "0,0667"), "line 4: 3 values under 2 columns"),
        (table(",", ","), "Export it with semicolons"),
        (table(";", ",").replace("0,40", "0.4"), "line 6, column 'jawOpen': '0.4' is not a finite number"),
        (table().replace("0.40", "1e31"), "beyond 1e30"),
        (table().encode() + b"\0" * 64, "ends in 64 zero bytes"),
        (b"\x89PNG\r\n\x1a\n\x00\x01time,jawOpen\n0,1\n", "no text file"),
        (table() * 2, "line 13, column 'jawOpen': 'jawOpen' is not a finite number"),
        (table().split("\n", 1)[0] + "\n" + 2 * table().split("\n", 1)[1], "Two takes are in one file"),
        (",,\n" + table(), None),
        ("", "It is empty"),
    ],
)
def test_what_is_said_of_other_files(tmp_path: Path, data: str | bytes, says: str | None) -> None:
    path = file(tmp_path, data)
    if says is None:
        assert is_the_ramp(read_curves(path))
        return
    with pytest.raises(AimError) as error:
        read_curves(path)
    assert says in str(error.value)


def test_only_files_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert main(["curves", str(tmp_path / "pipe.csv")]) == 2
    assert "a pipe or device" in capsys.readouterr().err
    assert main(["curves", str(tmp_path)]) == 2


def test_names_of_western_windows(tmp_path: Path) -> None:
    curves = read_curves(file(tmp_path, "time,Lächeln\n0,0\n0.1,1\n".encode("cp1252")))
    assert curves.names == ("Lächeln",)
    assert "cp1252" in curves.notes[0]


# --- clocks


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Time (s)", ("time", "s")),
        ("time_ms", ("time", "ms")),
        ("timeMs", ("time", "ms")),
        ("Timestamp [us]", ("time", "us")),
        ("timestamp", ("time", "")),
        ("TIME", ("time", "")),
        ("milliseconds", ("time", "ms")),
        ("FrameNumber", ("frame", "")),
        ("FRAME_NUMBER", ("frame", "")),
        ("frame idx", ("frame", "")),
        ("TimeCode", ("code", "")),
        ("SMPTE", ("code", "")),
        ("jawOpen", None),
        ("timesSmiled", None),
    ],
)
def test_what_a_clock_is_called(name: str, kind: tuple[str, str] | None) -> None:
    assert clock_kind(name) == kind


@pytest.mark.parametrize(
    ("head", "first", "unit", "says"),
    [
        ("time", 0.0, 1e3, "read as milliseconds"),
        ("timestamp", 0.0, 1e6, "read as microseconds"),
        ("time_ms", 0.0, 1e3, ""),
        ("timestamp_us", 5.0, 1e6, ""),
        ("time", 1.7e9, 1.0, "counts from 1970"),
        ("timestamp", 1.7e9, 1e3, "counts from 1970"),
        ("timestamp_ns", 1.7e9, 1e9, "counts from 1970"),
        ("Timestamp", 0.0, 1.0, ""),
    ],
)
def test_units_of_time(tmp_path: Path, head: str, first: float, unit: float, says: str) -> None:
    rows = "".join(f"{(first + i / 60) * unit:.6f},{i / 60:.4f}\n" for i in range(61))
    curves = read_curves(file(tmp_path, f"{head},jawOpen\n{rows}"))
    assert curves.fps == 60
    assert curves.times[-1] - curves.times[0] == pytest.approx(1, abs=1e-6)
    assert any(says in note for note in curves.notes) if says else curves.notes == ()


def test_seconds_that_are_called_so_stay_seconds(tmp_path: Path) -> None:
    curves = read_curves(file(tmp_path, "time_s,jawOpen\n0,0\n10,1\n20,0\n"))
    assert curves.times.tolist() == [0, 10, 20]
    assert "0.1 frames a second" in curves.notes[0]


def test_times_on_the_clock(tmp_path: Path) -> None:
    rows = "".join(f"01:00:{i / 25:06.3f},0\n" for i in range(26))
    for head in ("time", "timecode"):
        curves = read_curves(file(tmp_path, f"{head},jawOpen\n{rows}"))
        assert curves.fps == 25
        assert curves.times[0] == 3600
    assert read_curves(file(tmp_path, "time,jawOpen\n00:00:01:00,0\n00:00:01:01,1\n")).times[
        1
    ] == pytest.approx(1 + 1 / 30)


def labels(count: int, base: int, rows: int, part: bool = True) -> str:
    text = "Timecode,BlendshapeCount,JawOpen\n"
    for i in range(count):
        label, sub = divmod(i, rows)
        text += (
            f"10:00:{label // base:02d}:{label % base:02d}"
            + (f".{1000 * sub // rows:03d}" if part else "")
            + f",61,{i / count:.4f}\n"
        )
    return text


@pytest.mark.parametrize(
    ("base", "rows", "part"), [(30, 2, True), (30, 4, True), (25, 2, True), (30, 2, False), (24, 2, False)]
)
def test_more_rows_than_labels(tmp_path: Path, base: int, rows: int, part: bool) -> None:
    count = 3 * base * rows
    curves = read_curves(file(tmp_path, labels(count, base, rows, part)))
    assert curves.fps == base * rows
    assert len(curves.times) == count
    assert np.diff(curves.times) == pytest.approx(1 / curves.fps, abs=1e-3 / base)
    assert f"{base * rows} frames a second" in curves.notes[0]
    taken = resampled(curves, curves.fps, np.arange(count, dtype=float))
    assert taken.values == pytest.approx(curves.values)


def test_a_rate_that_is_a_guess_is_said(tmp_path: Path) -> None:
    assert "30 frames a second is a guess" in read_curves(file(tmp_path, labels(20, 60, 1))).notes[0]
    assert read_curves(file(tmp_path, labels(20, 60, 1)), 60).notes == ()
    assert read_curves(file(tmp_path, labels(40, 24, 1))).fps == 24  # the last label of a second was seen
    assert read_curves(file(tmp_path, labels(300, 60, 1))).notes == ()


def test_long_takes_are_read_in_seconds(tmp_path: Path) -> None:
    """Half the rows without a face, as a phone writes them when it is put down."""
    text = "Timecode,BlendshapeCount,JawOpen,MouthClose\n"
    text += "".join(
        f"{i // 216000:02d}:{i // 3600 % 60:02d}:{i // 60 % 60:02d}:{i % 60:02d}.000,"
        + ("61,0.5,0.25\n" if i % 2 else "0,,\n")
        for i in range(120_000)
    )
    path = file(tmp_path, text)
    began = time.perf_counter()
    curves = read_curves(path)
    assert time.perf_counter() - began < 8  # 0.7 s on an idle machine; it was minutes
    assert (len(curves.times), curves.fps) == (60_000, 60)
    wide = file(
        tmp_path,
        "time," + ",".join(f"c{i}" for i in range(30_000)) + "\n0" + ",0" * 30_000 + "\n",
        "wide.csv",
    )
    began = time.perf_counter()
    with pytest.raises(AimError, match="None of the take's 30000 columns"):
        match_controls(read_curves(wide), ["jawOpen", "mouthClose"])
    assert time.perf_counter() - began < 8


def test_labels_of_rows_without_values_say_the_rate(tmp_path: Path) -> None:
    text = labels(300, 60, 1).splitlines()
    rows = [line.rsplit(",", 2)[0] + ",0," if i > 3 else line for i, line in enumerate(text)]
    assert read_curves(file(tmp_path, "\n".join(rows))).fps == 60


# --- names


@pytest.mark.parametrize(
    ("column", "control"),
    [
        ("head_lod0_mesh__jawOpen", "jawOpen"),
        ("char01:face_bs.jawOpen", "jawOpen"),
        ("face_bs.eyeBlink_L", "eyeBlink_L"),
        ("|head|JawOpen", "jawOpen"),
        ("head__EyeBlinkLeft", "eyeBlink_L"),
        (unicodedata.normalize("NFD", "Lächeln"), "Lächeln"),
        ("jawOpen.001", None),
        ("smile.L", "smile_L"),
        ("mesh.007", None),
    ],
)
def test_names_with_something_before_them(column: str, control: str | None) -> None:
    controls = ("jawOpen", "eyeBlink_L", "eyeBlink_R", "Lächeln", "smile_L", "007")
    assert [controls[i] for i in ControlNames(controls).driven(column)] == ([control] if control else [])


def test_controls_with_something_before_them() -> None:
    controls = ("face__jawOpen", "face__smile", unicodedata.normalize("NFD", "teeth__Zähne"), "a__x", "b__x")
    names = ControlNames(controls)
    assert [names.driven(name) for name in ("jawOpen", "other:smile", "Zähne", "x")] == [[0], [1], [2], []]


def test_a_take_that_drives_nothing_is_refused(
    draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(tmp_path, "time,jawOpn,blink\n0,0,0\n0.1,1,1\n")
    assert main(["bake", str(draft), str(path), "-o", str(tmp_path / "o.npz")]) == 2
    said = capsys.readouterr().err
    assert "None of the take's 2 columns drives a control" in said
    assert "jawOpn, blink" in said
    assert "Did you mean 'jawOpen'?" in said
    assert not (tmp_path / "o.npz").exists()


def test_warnings_come_once(draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"extra{i}" for i in range(40)]
    path = file(
        tmp_path, "time,jawOpen," + ",".join(names) + "\n" + "".join(f"{t},0{',0' * 40}\n" for t in (0, 0.1))
    )
    assert main(["bake", str(draft), str(path), "-o", str(tmp_path / "o.npz")]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Warning")]
    assert len(said) == 1
    assert "40 columns match no control: 'extra0'" in said[0]
    assert "and 28 more" in said[0]


# --- scale


def percent(tmp_path: Path) -> Path:
    return file(
        tmp_path,
        "time,jawOpen,eyeBlink_L,other\n" + "".join(f"{t:.4f},{100 * w},{50 * w},7000\n" for t, w in RAMP),
    )


def test_percent_is_said_and_scaled(draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = file(
        tmp_path,
        "time,jawOpen,eyeBlink_L\n" + "".join(f"{t:.4f},{w},{w / 2}\n" for t, w in RAMP),
        "plain.csv",
    )
    for name, given in (
        ("plain", [plain]),
        ("found", [percent(tmp_path)]),
        ("told", [percent(tmp_path), "--scale", "0.01"]),
    ):
        assert main(["bake", str(draft), *map(str, given), "-o", str(tmp_path / f"{name}.npz")]) == 0
        assert ("taken as percent" in capsys.readouterr().err) == (name == "found")
    # a quiet part of the take is scaled as the whole is
    assert (
        main(
            ["bake", str(draft), str(percent(tmp_path)), "-o", str(tmp_path / "part.npz"), "--frames", "1-2"]
        )
        == 0
    )
    frames = {
        name: np.load(tmp_path / f"{name}.npz")["frames"] for name in ("plain", "found", "told", "part")
    }
    assert frames["found"] == pytest.approx(frames["plain"], abs=1e-4)
    assert frames["told"] == pytest.approx(frames["plain"], abs=1e-4)
    assert frames["part"] == pytest.approx(frames["plain"][:2], abs=1e-4)


def test_curves_writes_percent_only_when_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file(tmp_path, "time,jawOpen\n" + "".join(f"{t:.4f},{100 * w}\n" for t, w in RAMP))
    assert main(["curves", str(path), "-o", str(tmp_path / "as_is.csv")]) == 0
    assert "look like percent" in capsys.readouterr().out
    assert main(["curves", str(path), "-o", str(tmp_path / "scaled.csv"), "--scale", "0.01"]) == 0
    assert read_curves(tmp_path / "as_is.csv").values.max() == 100
    assert read_curves(tmp_path / "scaled.csv").values.max() == pytest.approx(1)


@pytest.mark.parametrize(
    ("values", "reach", "factor", "says"),
    [
        ([0.5, 1.5], 1, 1, ""),
        ([0.5, 3], 1, 1, "for percent give --scale 0.01"),
        ([50, 80], 1, 0.01, "taken as percent"),
        ([50, 80], 100, 1, ""),  # a rig whose sliders go to 100
        ([8, 10], 10, 1, ""),
        ([8, 10], 1, None, "--scale 0.1 for 0 to 10"),
        ([200, 255], 1, None, "on another scale"),
        ([0.5, 90, 0.2, 0.1], 1, None, "or a value is wrong"),  # one of many columns
        ([0.5, float("nan")], 1, None, "not all finite"),
    ],
)
def test_which_weights_are_percent(
    values: list[float], reach: float, factor: float | None, says: str
) -> None:
    names = tuple(f"c{i}" for i in range(len(values)))
    curves = Curves(names, np.array([values]), np.zeros(1), 30.0)
    if factor is None:
        with pytest.raises(AimError, match=says):
            match_controls(curves, names, reach=[reach] * len(names))
        return
    weights, notes = match_controls(curves, names, reach=[reach] * len(names))
    assert weights[0] == pytest.approx(np.array(values) * factor)
    assert any(says in note for note in notes) if says else notes == []


def test_a_scale_that_is_none(tmp_path: Path) -> None:
    for scale in ("0", "nan", "inf"):
        assert main(["curves", str(percent(tmp_path)), "--scale", scale]) == 2


# --- Audio2Face


def test_audio2face(draft: Path, tmp_path: Path) -> None:
    about = {
        "exportFps": 30.0,
        "numPoses": 2,
        "numFrames": 3,
        "facsNames": ["jawOpen", "eyeBlinkLeft"],
        "weightMat": [[0, 0.2], [0.5, 0.4], [1, 0]],
    }
    path = file(tmp_path, json.dumps(about), "take.json")
    curves = read_curves(path)
    assert (curves.names, curves.fps, curves.values[1].tolist()) == (
        ("jawOpen", "eyeBlinkLeft"),
        30,
        [0.5, 0.4],
    )
    assert read_curves(path, 60).fps == 60
    assert main(["bake", str(draft), str(path), "-o", str(tmp_path / "o.npz")]) == 0
    assert np.load(tmp_path / "o.npz")["frames"].shape[0] == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weightMat": [[0, 0], [1]]}, "weightMat"),
        ({"weightMat": []}, "no frames"),
        ({"weightMat": [[0, 1e31]]}, "1e30"),
        ({"exportFps": 0}, "exportFps"),
        ({"facsNames": ["a", "a"]}, "facsNames"),
        ({"facsNames": None}, "facsNames"),
        ({"exportFps": "fast"}, "exportFps"),
    ],
)
def test_audio2face_that_is_none(tmp_path: Path, change: dict, says: str) -> None:
    about = {"exportFps": 30.0, "facsNames": ["jawOpen", "eyeBlinkLeft"], "weightMat": [[0, 0.2], [0.5, 0.4]]}
    with pytest.raises(AimError, match=says):
        read_curves(file(tmp_path, json.dumps(about | change), "take.json"))
    with pytest.raises(AimError, match="no facsNames and weightMat"):
        read_curves(file(tmp_path, "{}", "take.json"))
