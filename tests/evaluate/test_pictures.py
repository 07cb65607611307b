"""What a picture of a face shows: no holes, the nearest surface, colours at their places."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.mesh import Mesh, joined
from tests.conftest import grid_mesh
from trainer.evaluate import report
from trainer.evaluate.pictures import FaceView, chart, draw, figure

RED, GREEN = np.array([255.0, 0.0, 0.0]), np.array([0.0, 255.0, 0.0])


def square(z: float, size: float = 1.0) -> Mesh:
    """One quad that faces the viewer: as coarse as a mesh can be."""
    points = size * np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    return Mesh(points + np.array([0, 0, z]), np.array([4], np.int32), np.arange(4, dtype=np.int32))


def seen(mesh: Mesh, colours: np.ndarray, **options: object) -> np.ndarray:
    face = FaceView(mesh, mesh.points, turn=0.0, **options)  # type: ignore[arg-type]
    return face.picture(face.blended(colours), 1.0, 0.0)


@pytest.mark.parametrize("size", [(40, 60), (500, 400), None])
def test_a_large_face_has_no_holes(size: tuple[int, int] | None) -> None:
    picture = seen(square(0.0), np.tile(RED, (4, 1)), size=size)
    rows, columns = np.nonzero(picture[..., 3])
    inside = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert (inside == [255, 0, 0, 255]).all()
    assert inside.shape[0] == pytest.approx(0.96 * min(picture.shape[:2]), abs=2)


def test_the_nearest_surface_is_seen_and_backs_only_when_asked() -> None:
    both = joined(square(0.0), square(1.0, 0.5))
    for order in (both, both.with_points(both.points * [1, 1, -1])):
        in_front = np.abs(order.points[4:, 2]).max() == order.points[4:, 2].max()
        picture = seen(order, np.repeat([RED, GREEN], 4, axis=0), size=(101, 101))
        assert picture[50, 50, :3].tolist() == (GREEN if in_front else RED).tolist()
        assert picture[10, 10, :3].tolist() == RED.tolist()
    away = Mesh(square(0.0).points, np.array([4], np.int32), np.arange(4, dtype=np.int32)[::-1].copy())
    assert not seen(away, np.tile(RED, (4, 1)))[..., 3].any()
    assert seen(away, np.tile(RED, (4, 1)), two_sided=True)[..., 3].any()


def test_colours_are_where_their_vertices_are() -> None:
    mesh = grid_mesh(9, 9)
    face = FaceView(mesh, mesh.points, turn=0.0)
    left, right, bottom, top = face.extent
    across = face.picture(
        np.repeat(255 * face.blended(mesh.points[:, :1] / mesh.points[:, 0].max()), 3, 1), 1.0, 0
    )
    column = np.flatnonzero(across[len(across) // 2, :, 3])
    x = left + (column + 0.5) / across.shape[1] * (right - left)
    assert np.abs(across[len(across) // 2, column, 0] / 255 - x / mesh.points[:, 0].max()).max() < 0.01
    assert (bottom, left) < (mesh.points[:, 1].min(), mesh.points[:, 0].min())
    assert (top, right) > (mesh.points[:, 1].max(), mesh.points[:, 0].max())


def test_a_face_is_drawn_with_a_margin_round_it(sample: Actor) -> None:
    made, axes = figure(1)
    draw(axes[0], sample.neutral, sample.neutral.points, turn=0.0, heat=sample.neutral.points[:, 2])
    low, high = sample.neutral.points[:, 0].min(), sample.neutral.points[:, 0].max()
    assert axes[0].get_xlim() == pytest.approx((low - 0.05 * (high - low), high + 0.05 * (high - low)))
    made.canvas.draw()


@pytest.mark.parametrize(("targets", "named"), [(53, 53), (120, 120), (121, 61), (800, 115)])
def test_bars_have_names_that_can_be_read(targets: int, named: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bar's, or as many as have room, and those are short."""
    made = []
    monkeypatch.setattr(report.pictures, "chart", lambda *size: made.append(chart(*size)) or made[-1])
    monkeypatch.setattr(report.pictures, "draw", lambda *_, **__: None)
    monkeypatch.setattr(report.pictures, "embedded", lambda *_: "")
    names = [f"a_long_name_of_a_target_{i:03}" for i in range(targets)]
    model = SimpleNamespace(
        data=SimpleNamespace(rig=SimpleNamespace(targets=names)), mesh=None, manifest={"up": "y"}
    )
    error = np.linspace(0.5, 0.1, targets)[:, None] * np.ones(4)
    report._errors(model, report.Measured(lambda i: np.zeros((4, 3)), error, error, 0.0))
    shown = [text.get_text() for text in made[0][1].get_xticklabels()]
    assert len(shown) == named
    assert shown[:2] == (names[:2] if named == targets else [f"{names[0][:21]}..."] * 2)
