"""Frames summed in blocks: against frame by frame, and the same bytes however a take is cut into chunks."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")

from threadpoolctl import threadpool_limits

from aim_maya.core.curves import Curves, FrameRange, write_curves
from aim_maya.runtime import Edit, FaceModel
from trainer.bake.take import BLOCK, CurveSource, TakeOptions, sampled

FRAMES = 50


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


@pytest.fixture(scope="module")
def take(model: FaceModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every control, each at rest for long stretches, so that neighbours differ in what is active."""
    rng = np.random.default_rng(7)
    values = rng.uniform(0, 1, (FRAMES, len(model.targets))) * np.repeat(
        rng.random((FRAMES // 5, len(model.targets))) < 0.3, 5, axis=0
    )
    path = tmp_path_factory.mktemp("take") / "take.csv"
    write_curves(path, Curves(model.targets, values, np.arange(FRAMES) / 24, 24))
    return path


def points(model: FaceModel, take: Path, **options: str) -> list[bytes]:
    found = sampled(take, TakeOptions(**options))  # type: ignore[arg-type]
    source, _ = CurveSource.of(model, found)
    with threadpool_limits(1):  # as the bake does
        return [source.points(i).tobytes() for i in range(found.frames.count)]


@pytest.fixture(scope="module")
def one_run(model: FaceModel, take: Path) -> dict[str, list[bytes]]:
    return {step: points(model, take, frames=f"1-{FRAMES}", step=step) for step in ("1", "2", "1/3")}


@settings(deadline=None, max_examples=25)
@given(step=st.sampled_from(["1", "2", "1/3"]), data=st.data())
def test_any_chunk_has_the_bytes_of_one_run(
    model: FaceModel, take: Path, one_run: dict[str, list[bytes]], step: str, data: st.DataObject
) -> None:
    """Chunks of any length at any place, of one frame too, at whole steps and between the take's own
    frames.
    """
    whole = [n for n in range(1, FRAMES + 1) if (n - 1) % Fraction(step) == 0]
    first, last = sorted((data.draw(st.sampled_from(whole)), data.draw(st.sampled_from(whole))))
    start = int((first - 1) / Fraction(step))
    chunk = points(model, take, frames=f"{first}-{last}", step=step)
    assert chunk == one_run[step][start : start + len(chunk)]


def test_blocks_against_frame_by_frame(model: FaceModel, take: Path) -> None:
    found = sampled(take, TakeOptions(frames="3-44"))
    source, unmatched = CurveSource.of(model, found)
    assert unmatched == []
    for i in reversed(range(found.frames.count)):
        assert np.abs(source.points(i) - model.points(found.curves.values[i])).max() < 1e-4
        assert np.array_equal(source.activations(i), model.data.rig.activations(found.curves.values[i]))
        assert np.array_equal(source.jaw(i), model.jaw(found.curves.values[i]))


@pytest.mark.parametrize("detail", [True, False])
def test_displacements_under_an_edit(model: FaceModel, detail: bool) -> None:
    """One product for all frames gives what each gives alone; gains, and frames at rest, among them."""
    rng, v = np.random.default_rng(3), len(model.mesh.points)
    edited = model.edited(Edit(thickness=1.2, jaw_arc=0.5, expression_gain=rng.uniform(0, 2, v)))
    rows = rng.uniform(0, 1, (5, len(model.data.rig.targets)))
    rows[1] = 0
    memory = np.empty((5, v, 3), np.float32)
    for displacements in (edited.displacements(rows, detail), edited.displacements(rows, detail, memory)):
        for row, displacement in zip(rows, displacements, strict=True):
            assert (
                np.abs(edited.posed(row, None, detail, displacement) - edited.posed(row, None, detail)).max()
                < 1e-4
            )
    assert np.array_equal(
        edited.posed(rows[1], None, detail, displacements[1]), edited.posed(rows[1], None, detail)
    )


@given(
    first=st.fractions(-2000, 2000, max_denominator=12),
    count=st.integers(1, 60),
    step=st.fractions(Fraction(1, 9), 7, max_denominator=9),
)
def test_a_range_in_blocks(first: Fraction, count: int, step: Fraction) -> None:
    frames = FrameRange(first, first + (count - 1) * step, step, first - 3)
    assert frames.positions.tolist() == [float(number - frames.take_start) for number in frames.numbers]
    wider, before = frames.in_blocks(BLOCK)
    assert wider.count % BLOCK == 0
    assert wider.count - count < 2 * BLOCK
    assert wider.numbers[before : before + count] == frames.numbers
    for i in (0, count // 2, count - 1):  # a chunk that begins there has the same blocks
        chunk, ahead = FrameRange(frames.numbers[i], frames.last, step, frames.take_start).in_blocks(BLOCK)
        assert chunk.first == wider.numbers[(before + i) // BLOCK * BLOCK]
        assert ahead == (before + i) % BLOCK
