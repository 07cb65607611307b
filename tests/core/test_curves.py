"""Curves: what is read, what is refused in which words, and what comes back after writing, resampling and
timecode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aim_maya.core.curves import Curves, frame_range, match_controls, read_curves, resampled, write_curves
from aim_maya.core.curves import clock as tc
from aim_maya.core.curves.files import ARKIT
from aim_maya.core.curves.sampling import positions
from aim_maya.core.curves.take import exact_rate, hits
from aim_maya.core.errors import AimError

RATES = [24, 25, 30, 60, 24000 / 1001, 30000 / 1001, 60000 / 1001]
RIG = (
    "browInnerUp_L",
    "browInnerUp_R",
    "cheekPuff_L",
    "cheekPuff_R",
    "eyeBlink_L",
    "eyeBlink_R",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
)


def csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "c.csv"
    path.write_text(text)
    return path


def take(rows: int = 8, fps: float = 30.0, names: tuple[str, ...] = ("jawOpen", "eyeBlink_L")) -> Curves:
    rng = np.random.default_rng(rows)
    return Curves(names, rng.random((rows, len(names))), np.arange(rows) / float(exact_rate(fps)), fps)


# --- timecode


@given(st.integers(0, 24 * 3600 * 24 - 1), st.sampled_from(RATES))
def test_timecode_and_back(frame: int, fps: float) -> None:
    assert tc.to_frame(tc.to_timecode(frame, fps), fps) == frame


@given(st.integers(0, 24 * 107892 - 1), st.sampled_from([30000 / 1001, 60000 / 1001]))
def test_drop_frame_timecode_and_back(frame: int, fps: float) -> None:
    code = tc.to_timecode(frame, fps, drop=True)
    assert tc.to_frame(code, fps) == frame
    hours, minutes, seconds = (int(part) for part in code.split(";")[0].split(":"))
    assert abs(3600 * hours + 60 * minutes + seconds - frame / fps) < 1.1  # the label stays on the clock


@pytest.mark.parametrize(
    ("frame", "fps", "code"),
    [
        (1799, 29.97, "00:00:59;29"),
        (1800, 29.97, "00:01:00;02"),
        (17982, 29.97, "00:10:00;00"),
        (3600, 59.94, "00:01:00;04"),
        (107892, 29.97, "01:00:00;00"),
    ],
)
def test_drop_frame_labels(frame: int, fps: float, code: str) -> None:
    assert tc.to_timecode(frame, float(exact_rate(fps)), drop=True) == code


def test_no_drop_frame_at_25() -> None:
    with pytest.raises(AimError, match="no drop-frame timecode at 25"):
        tc.to_timecode(1, 25, drop=True)
    with pytest.raises(ValueError, match="leaves out"):
        tc.to_frame("00:01:00;00", 30000 / 1001)


# --- reading


def test_the_rate_is_found(tmp_path: Path) -> None:
    for fps in RATES:
        times = np.arange(200) / fps
        text = "time,jawOpen\n" + "".join(f"{t:.4f},0.5\n" for t in times)
        assert read_curves(csv(tmp_path, text)).fps == pytest.approx(fps, rel=1e-9), fps


def test_frame_numbers_count_at_the_given_rate(tmp_path: Path) -> None:
    path = csv(tmp_path, "frame,jawOpen\n1001,0\n1002,1\n")
    assert read_curves(path).times == pytest.approx([1001 / 30, 1002 / 30])
    assert read_curves(path, 24).times == pytest.approx([1001 / 24, 1002 / 24])
    assert read_curves(path, default_fps=25).times == pytest.approx([1001 / 25, 1002 / 25])


LIVE = (
    "Timecode,BlendshapeCount,"
    + ",".join(n[0].upper() + n[1:] for n in ARKIT)
    + ",HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll"
    + ",RightEyeYaw,RightEyePitch,RightEyeRoll\n"
)


def live_row(code: str, jaw: float) -> str:
    return f"{code},61," + ",".join(str(jaw) if n == "jawOpen" else "0" for n in ARKIT) + ",0.9" * 9 + "\n"


def test_live_link_face(tmp_path: Path) -> None:
    text = (
        LIVE
        + live_row("16:29:59:58.250", 0.1)
        + live_row("16:29:59:59.250", 0.2)
        + "16:30:00:00.250,0"
        + "," * 61
        + "\n"
        + live_row("16:30:00:01.250", 0.4)
    )
    curves = read_curves(csv(tmp_path, text))
    assert curves.fps == 60
    assert len(curves.names) == 52  # no timecode, no count, no rotations
    assert np.diff(curves.times) * 60 == pytest.approx([1, 2])
    assert "1 row(s) hold no values (the first is line 4)" in curves.notes[0]
    weights, notes = match_controls(curves, RIG)
    assert weights[:, RIG.index("jawOpen")] == pytest.approx([0.1, 0.2, 0.4])
    assert not any("Head" in note or "Blendshape" in note for note in notes)


def test_timecode_past_midnight_and_drop_frame(tmp_path: Path) -> None:
    rows = "".join(f"{code},0\n" for code in ("23:59:59;28", "23:59:59;29", "00:00:00;00", "00:00:00;01"))
    curves = read_curves(csv(tmp_path, "timecode,jawOpen\n" + rows))
    assert curves.fps == pytest.approx(30000 / 1001)
    assert np.diff(positions(curves, curves.fps)) == pytest.approx(1, abs=0.2)
    minute = read_curves(csv(tmp_path, "timecode,jawOpen\n00:00:59;29,0\n00:01:00;02,1\n"))
    assert minute.times[1] - minute.times[0] == pytest.approx(
        1001 / 30000
    )  # no gap where labels are left out
    assert read_curves(
        csv(tmp_path, "timecode,jawOpen\n00:00:59:29,0\n00:01:00:02,1\n"), 29.97, drop_frame=True
    ).times[0] == pytest.approx(1799 * 1001 / 30000)


def test_rows_at_one_time(tmp_path: Path) -> None:
    curves = read_curves(csv(tmp_path, "frame,jawOpen\n1,0.1\n2,0.2\n2,0.3\n3,0.4\n"))
    assert curves.values[:, 0].tolist() == [0.1, 0.3, 0.4]
    assert "line 3" in curves.notes[0]


def test_unsorted_rows(tmp_path: Path) -> None:
    path = csv(tmp_path, "frame,jawOpen\n2,0.2\n1,0.1\n\n3,0.3\n")
    with pytest.raises(AimError, match=r"line 3: the time runs backwards.*--sort"):
        read_curves(path)
    assert read_curves(path, sort=True).values[:, 0].tolist() == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time,jawOpen\n0,1\n\n1,x\n", "line 4, column 'jawOpen': 'x' is not a finite number"),
        ("time,jawOpen\n0,1\n1,nan\n", "line 3, column 'jawOpen': 'nan'"),
        ("time,jawOpen\n0,1\n1,\n", "line 3, column 'jawOpen': ''"),
        ("time,jawOpen\n0,1\n1,inf\n", "line 3, column 'jawOpen': 'inf'"),
        ("time,jawOpen\n0,1\nnan,1\n", "line 3, column 'time'"),
        ("time,jawOpen\n0,1\n1\n", "line 3: 1 values under 2 columns"),
        ("time,jawOpen,jawOpen\n0,1,1\n1,1,1\n", "the column 'jawOpen' 2 times"),
        ("timecode,jawOpen\n00:00:01:00,1\n00:00:0x:00,1\n", "line 3: '00:00:0x:00' is no timecode"),
        (
            "timecode,jawOpen\n00:00:01;00,1\n00:01:00;00,1\n",
            "line 3: '00:01:00;00' is a label that drop-frame timecode leaves out",
        ),
        (LIVE + "00:00:00:00,0" + "," * 61 + "\n", "No row has values"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(AimError) as error:
        read_curves(csv(tmp_path, text))
    assert says in str(error.value)


@given(st.text(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.csv"
    path.write_text(text, encoding="utf-8")
    try:
        curves = read_curves(path)
    except AimError:
        return
    assert np.isfinite(curves.values).all()


def test_no_text_file(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes(bytes(range(256)))
    with pytest.raises(AimError, match="Cannot read the curves"):
        read_curves(tmp_path / "c.csv")


# --- names


@pytest.mark.parametrize(
    ("column", "drives"),
    [
        ("jawOpen", ["jawOpen"]),
        ("JawOpen", ["jawOpen"]),
        ("jaw_open", ["jawOpen"]),
        ("EyeBlinkLeft", ["eyeBlink_L"]),
        ("eyeBlinkRight", ["eyeBlink_R"]),
        ("L_eyeBlink", ["eyeBlink_L"]),
        ("browInnerUp", ["browInnerUp_L", "browInnerUp_R"]),
        ("CheekPuff", ["cheekPuff_L", "cheekPuff_R"]),
        ("JawLeft", ["jawLeft"]),
        ("jaw", []),  # left and right are where the jaw goes, not its sides
        ("tongueOut", []),
    ],
)
def test_what_a_column_drives(column: str, drives: list[str]) -> None:
    assert [RIG[i] for i in hits(column, RIG)] == drives


def test_what_matches_nothing_is_listed() -> None:
    curves = take(names=("jawOpn", "tongueOut", "EyeBlinkLeft", "eyeBlink_L"))
    weights, notes = match_controls(curves, RIG)
    assert "2 columns match no control: 'jawOpn' (did you mean 'jawOpen'?), 'tongueOut'." in notes
    assert any("'EyeBlinkLeft' and 'eyeBlink_L' both drive 'eyeBlink_L'" in note for note in notes)
    assert weights[:, RIG.index("eyeBlink_L")] == pytest.approx(curves.values[:, 3])


def test_facecap_on_ict_rig(ict_rig: Path) -> None:
    """Every control of the rig is driven; what the rig splits into sides drives both."""
    controls = tuple(sorted(file.stem for file in (ict_rig / "shapes").glob("*.obj")))
    curves = read_curves(ict_rig.parent / "weights/facecap.csv")
    weights, notes = match_controls(curves, controls)
    assert notes == ["column 'tongueOut' matches no control."]
    for name in ("browInnerUp", "cheekPuff"):
        for side in "LR":
            assert np.array_equal(
                weights[:, controls.index(f"{name}_{side}")], curves.values[:, curves.names.index(name)]
            )
    assert (
        not (weights == 0)
        .all(0)[[i for i, n in enumerate(controls) if n.startswith(("brow", "cheek", "jawOpen"))]]
        .any()
    )


# --- writing and resampling


@given(
    arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=st.floats(-1e6, 1e6)),
    st.sampled_from(RATES),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_csv_round_trip(tmp_path: Path, values: np.ndarray, fps: float) -> None:
    written = Curves(
        tuple(f"c{i}" for i in range(values.shape[1])), values, np.arange(len(values)) / fps, fps
    )
    write_curves(tmp_path / "w.csv", written)
    read = read_curves(tmp_path / "w.csv")
    assert read.names == written.names
    assert np.array_equal(read.values, written.values)
    assert np.array_equal(read.times, written.times)


@pytest.mark.parametrize("fps", [30, 60, 30000 / 1001, 60000 / 1001])
def test_live_link_round_trip(tmp_path: Path, fps: float) -> None:
    written = take(200, fps, ("jawOpen", "eyeBlink_L", "browInnerUp"))
    write_curves(tmp_path / "w.csv", written, "live-link")
    read = read_curves(tmp_path / "w.csv")
    assert read.fps == pytest.approx(fps)
    assert read.times == pytest.approx(written.times, abs=1e-3 / fps)
    for name, arkit in zip(written.names, ("JawOpen", "EyeBlinkLeft", "BrowInnerUp"), strict=True):
        assert np.array_equal(
            read.values[:, read.names.index(arkit)], written.values[:, written.names.index(name)]
        )
    with pytest.raises(AimError, match="has a name that Live Link Face knows"):
        write_curves(tmp_path / "x.csv", take(names=("foo",)), "live-link")
    assert not (tmp_path / "x.csv").exists()


@given(st.integers(1, 40), st.sampled_from(RATES), st.data())
def test_resampling_at_own_times_changes_nothing(rows: int, fps: float, data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    whole = take(rows, fps)
    keep = np.flatnonzero(kept) if any(kept) else np.array([0])
    some = Curves(whole.names, whole.values[keep], whole.times[keep], fps)
    again = resampled(some, fps, positions(some, fps))
    assert np.array_equal(again.values, some.values)
    assert again.times == pytest.approx(some.times, abs=1e-9)


def test_resampling_is_linear_and_exact_in_time() -> None:
    ramp = Curves(("a",), np.arange(301.0)[:, None], np.arange(301) / 30, 30.0)
    for fps in (29.97, 24, 60, 7.5):
        taken = resampled(ramp, fps, frame_range(ramp, fps).positions)
        assert taken.times == pytest.approx(np.arange(len(taken.times)) / float(exact_rate(fps)), abs=1e-12)
        assert taken.values[:, 0] == pytest.approx(taken.times * 30)
        assert len(taken.times) == int(10 * fps) + 1


def test_gaps() -> None:
    full = Curves(("a",), np.arange(10.0)[:, None], np.arange(10) / 30, 30.0)
    keep = [0, 1, 2, 6, 7, 8, 9]
    curves = Curves(("a",), full.values[keep], full.times[keep], 30.0)
    wanted = frame_range(curves, 30).positions
    straight = resampled(curves, 30, wanted)
    assert straight.values[:, 0] == pytest.approx(np.arange(10))
    assert straight.notes == ("gap of 4 frames after 0.067 s: interpolated",)
    assert resampled(curves, 30, wanted, "hold").values[:, 0].tolist() == [0, 1, 2, 2, 2, 2, 6, 7, 8, 9]
    with pytest.raises(AimError, match=r"1 gap\(s\): gap of 4 frames after 0.067 s"):
        resampled(curves, 30, wanted, "refuse")


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"start": 1001}, list(range(1001, 1009))),
        ({"start": 1001, "frames": "1003-1004"}, [1003, 1004]),
        ({"start": -3, "frames": "-2--1"}, [-2, -1]),
        ({"frames": "3"}, [3]),
        ({"frames": "1-8", "step": 3}, [1, 4, 7]),
        ({"frames": "2-3", "step": "0.25"}, [2, 2.25, 2.5, 2.75, 3]),
        ({"frames": "2-3", "step": "1/3"}, [2, 2 + 1 / 3, 2 + 2 / 3, 3]),
    ],
)
def test_frame_ranges(options: dict, numbers: list[float]) -> None:
    assert [float(n) for n in frame_range(take(), 30, **options).numbers] == pytest.approx(numbers)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"step": 0}, "The step is 0"),
        ({"step": "-1"}, "The step is -1"),
        ({"step": "x"}, "The step is 'x'"),
        ({"step": "1/0"}, "The step is '1/0'"),
        ({"step": "1e-9"}, "step"),
        ({"step": "1e999999999"}, "The step is '1e999999999'"),
        ({"frames": "1-" + "9" * 400}, "is no frame range"),
        ({"frames": "5-2"}, "runs backwards. Give the lower number first: 2-5"),
        ({"frames": ""}, "is no frame range. It is empty"),
        ({"frames": "a-b"}, "is no frame range"),
        ({"frames": "1-9"}, "Frames 1-9 are not all in the take, which has 1-8"),
        ({"start": 1001, "frames": "1-8"}, "has 1001-1008"),
    ],
)
def test_bad_frame_ranges(options: dict, says: str) -> None:
    with pytest.raises(AimError) as error:
        frame_range(take(), 30, **options)
    assert says in str(error.value)
