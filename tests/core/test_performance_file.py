"""The .aimperf container: what is written is read again, to the bit; anything else is refused in one
sentence."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aim_maya.core import rigid
from aim_maya.core.container import read_aim
from aim_maya.core.errors import AimError
from aim_maya.core.performance import Flag, PerformanceData, read_performance, write_performance
from tests.core.test_aim_file import rewrite

T, V = 3, 7
ABOUT = {
    "targets": ["a", "b", "c"],
    "model": "anna",
    "topology_hash": "0" * 64,
    "vertices": V,
    "mm_per_unit": 1.0,
    "mode": "local",
    "solver": "linear",
    "jaw": "free",
    "figures": {"mean_mm": 0.25},
}


def made(
    frames: int = 4, columns: int = 2, seed: int = 0, offsets: bool = True, network: bytes | None = None
) -> PerformanceData:
    rng = np.random.default_rng(seed)
    head, jaw = (np.stack([rigid.exp(x) for x in rng.normal(0, 0.5, (frames, 6))]) for _ in range(2))
    m = 0 if network is not None else columns
    return PerformanceData(
        29.97,
        head,
        jaw,
        rng.normal(size=(frames, T, m)).astype(np.float32),
        rng.normal(size=(V, m)).astype(np.float32),
        offsets=rng.normal(size=(frames, m, 3)).astype(np.float32) if offsets and m else None,
        network=network,
        codes=None if network is None else rng.normal(size=(frames, 5)).astype(np.float32),
        residual_mm=np.where(rng.random(frames) < 0.3, np.nan, rng.random(frames)),
        flags=rng.integers(0, 8, frames).astype(np.uint8),
        about=ABOUT,
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    frames=st.integers(1, 5),
    columns=st.integers(1, 3),
    seed=st.integers(0, 99),
    offsets=st.booleans(),
    network=st.none() | st.binary(max_size=20),
)
def test_round_trip(frames: int, columns: int, seed: int, offsets: bool, network: bytes | None) -> None:
    data = made(frames, columns, seed, offsets, network)
    if columns == 3:
        data = replace(
            data, fields=np.ones((2, V, 3), np.float32), amounts=np.full((frames, 2), 0.5, np.float32)
        )
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.aimperf", "b.aimperf"):
            write_performance(Path(folder) / name, data)
        assert (Path(folder) / "a.aimperf").read_bytes() == (Path(folder) / "b.aimperf").read_bytes()
        back = read_performance(Path(folder) / "a.aimperf")
    for name in (
        "head",
        "jaw",
        "coefficients",
        "basis",
        "offsets",
        "codes",
        "fields",
        "amounts",
        "residual_mm",
        "flags",
    ):
        one, other = getattr(data, name), getattr(back, name)
        assert (one is None and other is None) or (
            one.dtype == other.dtype and np.array_equal(one, other, equal_nan=name == "residual_mm")
        ), name
    assert (back.network, back.fps, dict(back.about)) == (network, 29.97, ABOUT)


def test_residuals_and_flags_may_be_left_out(tmp_path: Path) -> None:
    write_performance(
        tmp_path / "p.aimperf", replace(made(), residual_mm=np.zeros(0), flags=np.zeros(0, np.uint8))
    )
    back = read_performance(tmp_path / "p.aimperf")
    assert np.isnan(back.residual_mm).all()
    assert Flag(int(back.flags[0])) == Flag(0)
    assert not back.head.flags.writeable


def nan_at(array: np.ndarray) -> np.ndarray:
    changed = array.copy()
    changed[-1].flat[-1] = np.nan
    return changed


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: {"head": 2 * d.head}, "head of frame 0 is no rigid motion"),
        (lambda d: {"jaw": d.jaw.transpose(0, 2, 1)}, "jaw of frame 0 is no rigid motion"),
        (lambda d: {"jaw": d.jaw @ np.diag([1.0, 1, -1, 1])}, "no rigid motion"),
        (lambda d: {"jaw": nan_at(d.jaw)}, "jaw of frame 3 is no rigid motion"),
        (lambda d: {"jaw": d.jaw[:2]}, r"'jaw' is float64 \(2, 4, 4\)"),
        (
            lambda d: {"coefficients": nan_at(d.coefficients)},
            "'coefficients' holds NaN or infinity at frame 3",
        ),
        (lambda d: {"coefficients": d.coefficients[:, :2]}, r"not float32 \(4, 3, 2\)"),
        (lambda d: {"basis": d.basis[1:]}, r"'basis' is float32 \(6, 2\), not float32 \(7, 2\)"),
        (lambda d: {"basis": nan_at(d.basis)}, "'basis' holds NaN"),
        (lambda d: {"offsets": d.offsets[:, :1]}, "'offsets' is"),
        (lambda d: {"fields": d.basis[None, :, :1].repeat(3, 2)}, "one is missing"),
        (lambda d: {"fields": np.zeros((2, V, 3)), "amounts": np.zeros((4, 1))}, "'amounts' is"),
        (lambda d: {"network": b"x"}, "neither a basis with numbers nor a network"),
        (
            lambda d: {"basis": d.basis[:, :0], "coefficients": d.coefficients[..., :0], "offsets": None},
            "neither a basis",
        ),
        (lambda d: {"residual_mm": -np.ones(4)}, "'residual_mm' is"),
        (lambda d: {"flags": np.zeros(3, np.uint8)}, "'flags' is"),
        (lambda d: {"fps": 0.0}, "at 0.0 frames a second"),
        (lambda d: {"fps": float("nan")}, "at nan frames a second"),
        (lambda d: {"head": d.head[:0]}, "has 0 frames"),
        (lambda d: {"about": ABOUT | {"targets": ["a", "a", "b"]}}, "'targets' of its manifest"),
        (lambda d: {"about": ABOUT | {"vertices": 0}}, "'vertices' of its manifest"),
        (
            lambda d: {"about": {k: v for k, v in ABOUT.items() if k != "mode"}},
            "'mode' of its manifest is 'None', not one of global, local",
        ),
        (lambda d: {"about": ABOUT | {"mm_per_unit": float("inf")}}, "'mm_per_unit'"),
        (lambda d: {"about": ABOUT | {"figures": {"mean": float("nan")}}}, "holds what JSON does not"),
    ],
)
def test_what_does_not_fit_together_is_not_written(tmp_path: Path, change: Any, says: str) -> None:
    data = made()
    with pytest.raises(AimError, match=says):
        write_performance(tmp_path / "p.aimperf", replace(data, **change(data)))
    assert list(tmp_path.iterdir()) == []


def test_cut_and_altered(tmp_path: Path) -> None:
    write_performance(tmp_path / "p.aimperf", made())
    whole = (tmp_path / "p.aimperf").read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        (tmp_path / "cut.aimperf").write_bytes(whole[:at])
        with pytest.raises(AimError, match=r"cut\.aimperf"):
            read_performance(tmp_path / "cut.aimperf")
    flipped = bytearray(whole)
    flipped[whole.index(b"NUMPY") + 400] ^= 1
    (tmp_path / "bit.aimperf").write_bytes(flipped)
    with pytest.raises(AimError):
        read_performance(tmp_path / "bit.aimperf")


def test_manifests_of_something_else(tmp_path: Path) -> None:
    write_performance(tmp_path / "p.aimperf", made())

    def with_entries(**entries: Any) -> Path:
        def change(name: str, data: bytes) -> bytes:
            return json.dumps(json.loads(data) | entries).encode() if name == "manifest.json" else data

        return rewrite(tmp_path / "p.aimperf", tmp_path / "x.aimperf", change)

    for entries, says in (
        ({"schema": 2}, "schema 2; this version reads up to 1"),
        ({"format": "aim"}, "not one of this project"),
        ({"fps": "fast"}, "'fps or about' is missing"),
        ({"members": {"performance.npz": 3}}, "not one of this project"),
        ({"members": {}}, "performance.npz"),
        ({"about": []}, "is missing"),
    ):
        with pytest.raises(AimError, match=says):
            read_performance(with_entries(**entries))


def test_a_model_in_the_place_of_a_performance_and_back(draft: Path, tmp_path: Path) -> None:
    write_performance(tmp_path / "p.aimperf", made())
    with pytest.raises(AimError, match="is a performance, and a model is needed"):
        read_aim(tmp_path / "p.aimperf")
    with pytest.raises(AimError, match="is a model, and a performance is needed"):
        read_performance(draft)
    with pytest.raises(AimError, match=r"no performance at .*none\.aimperf"):
        read_performance(tmp_path / "none.aimperf")


@pytest.mark.parametrize("name", ["head", "jaw", "coefficients", "basis", "offsets", "residual_mm", "flags"])
def test_a_single_number_in_the_place_of_an_array(name: str, tmp_path: Path) -> None:
    with pytest.raises(AimError):
        write_performance(tmp_path / "a.aimperf", replace(made(), **{name: np.array(1.0)}))


def test_the_earlier_name_of_a_solver_is_read(tmp_path: Path) -> None:
    write_performance(tmp_path / "today.aimperf", made())
    before = rewrite(
        tmp_path / "today.aimperf",
        tmp_path / "before.aimperf",
        lambda name, data: data.replace(b'"linear"', b'"fast"') if name == "manifest.json" else data,
    )
    assert b'"fast"' in before.read_bytes()
    assert read_performance(before).about["solver"] == "linear"
