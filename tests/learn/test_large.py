"""What keeps the training of large rigs within memory and time changes no figure: pieces, and principal
columns in place of all targets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aim_maya.core.actor import Actor
from aim_maya.core.controls import Control, Rig
from aim_maya.core.errors import Cancelled
from aim_maya.core.mesh import subdivide
from aim_maya.core.progress import Progress
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import NetworkSize, TrainConfig
from trainer.evaluate.score import accuracy, new_points
from trainer.learn import problem as problems
from trainer.learn.fields import field_pieces
from trainer.learn.loop import Training
from trainer.learn.model import networks_for
from trainer.learn.problem import Problem, make_tables, prepare
from trainer.learn.solvers import (
    LEFT,
    NEARLY,
    SHARE,
    columns_needed,
    count_the_worst,
    known_jaw,
    principal_columns,
    ridge_config,
    settle,
    solve,
    with_width,
    worst_pairs,
)
from trainer.train import train

CPU = torch.device("cpu")
CONFIG = ridge_config(TrainConfig(), 96)


@pytest.fixture(scope="module")
def problem(small: Actor) -> Problem:
    return prepare(small, TrainConfig(bones="none", jaw="teeth"))


def test_pieces_give_what_all_at_once_gives(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    """The linear solution and every figure of it."""

    def figures() -> tuple[torch.Tensor, dict[str, object]]:
        networks = solve(problem, make_tables(problem, CPU), CONFIG)
        last = networks.nets["expression"].last.weight
        return last, accuracy(problem, networks, known_jaw(problem, CPU))  # type: ignore[return-value]

    whole, known = figures()
    monkeypatch.setattr(problems, "PIECE", 1)
    assert len(problems.pieces(problem, 658)) == 3
    last, found = figures()
    assert torch.allclose(last, whole, atol=1e-4)
    for group in ("skin", "neutral", "between"):
        assert found[group] == pytest.approx(known[group], rel=1e-3, abs=1e-6)
    assert known["skin"]["mean"] > 0.01  # type: ignore[index]


def test_new_points_are_those_of_a_subdivision(small: Actor) -> None:
    mesh, shape = small.neutral, small.stack[0]
    assert np.allclose(new_points(mesh) @ shape, subdivide(mesh).carry(shape)[len(mesh.points) :], atol=1e-9)


def test_principal_columns_spread_to_the_targets(problem: Problem) -> None:
    """All of them to the targets' own displacements, correctives given their parents; few with no more left
    over than the least squares of that rank."""
    tables, jaw = make_tables(problem, CPU), known_jaw(problem, CPU)
    weight = torch.rand(len(tables.c), 1, generator=torch.Generator().manual_seed(0))
    n = 3 * tables.targets
    full = principal_columns(problem, tables, weight, jaw, n)
    few = principal_columns(problem, tables, weight, jaw, 20, fairness=0.0)
    assert full.mixing is not None
    assert few.mixing is not None
    assert few.values.shape[1] == 20
    assert tables.matrix is not None  # the sample has correctives

    shapes = torch.tensor(problem.normalised(problem.actor.stack), dtype=torch.float32).transpose(0, 1)
    networks = networks_for(CONFIG, tables.targets, tables.rest_size, tables.motion_size)
    for found, most in ((full, 1e-6), (few, None)):
        basis = (found.values @ found.mixing).view(len(tables.c), tables.targets, 3)
        posed = networks.pose(tables.rows[:, :3], weight, basis, jaw, tables.matrix)
        left = float((posed - shapes).norm())
        if most is None:
            singular = torch.linalg.svdvals(full.values.double())
            assert left == pytest.approx(float(singular[20:].norm()), rel=0.05)
        else:
            assert float((posed - shapes).abs().max()) < most


def test_small_targets_have_their_share_of_the_columns(problem: Problem) -> None:
    tables, jaw = make_tables(problem, CPU), known_jaw(problem, CPU)
    weight = torch.zeros(len(tables.c), 1)

    def worst(fairness: float) -> float:
        """What is left over of a target's motion at the trained poses, the worst of all."""
        full, few = (
            principal_columns(problem, tables, weight, jaw, n, fairness) for n in (3 * tables.targets, 20)
        )
        assert few.mixing is not None
        assert full.mixing is not None
        truth, found = full.values @ full.mixing, few.values @ few.mixing
        left, size = ((x.view(len(x), -1, 3).square().sum((0, 2))) for x in (found - truth, truth))
        return float((left / size)[size > 0].max())

    assert worst(0.5) < 0.5 * worst(0.0)


def test_few_columns_are_learned_for_all_targets(problem: Problem) -> None:
    """A network of 48 features learns 48 columns of over a hundred; what is exported has every target."""
    config = replace(TrainConfig(), anatomy_steps=1, steps=300, batch=256, check_every=40)
    narrow = replace(config, expression=NetworkSize(48, 2, 10.0, 30.0))
    training = Training(problem, narrow, 1e9, CPU)
    assert training.networks.columns == 48 < 3 * training.tables.targets
    before = training.mean_error_mm()
    assert training.tables.rows.shape[1] == problems.LABELS  # K may still change
    for _ in range(301):
        training._one_step()
        training.step += 1
    assert training.tables.rows.shape[1] == problems.LABELS + 48
    skin, learned = training.networks.surface(training.tables.c)
    assert training._mixing is not None
    spread = training.networks.spread(training._mixing)
    assert torch.allclose(spread.surface(training.tables.c)[1], learned @ training._mixing, atol=1e-5)
    assert torch.allclose(spread.surface(training.tables.c)[0], skin, atol=1e-6)
    training.step -= 1
    learned_mm = training.mean_error_mm()
    training.step += 1
    assert training.whole.columns == spread.columns == 3 * training.tables.targets
    assert training.mean_error_mm() < learned_mm < 0.7 * before


def test_the_last_layer_at_the_end_is_the_best_there_is(problem: Problem) -> None:
    """No small change of it, for any target, fits vertices and face centres better."""
    training = Training(problem, replace(TrainConfig(), anatomy_steps=1, steps=20, batch=64), 1e9, CPU)
    for _ in range(21):
        training._one_step()
        training.step += 1
    t, whole = training.tables, training.whole
    columns = principal_columns(problem, t, whole.weight(t.c), training.jaw, 10**6)
    truth = columns.values if columns.mixing is None else columns.values @ columns.mixing
    faces = torch.arange(len(t.corners))
    centres = t.face_points(faces, t.filled)[0]
    t.rows = torch.cat([t.rows[:, : problems.LABELS], truth], 1)
    between = t.face_points(faces, t.filled)[1][:, problems.LABELS :]
    weight = torch.cat([training._density()[:, None], torch.ones(len(centres), 1)])
    left = weight * torch.cat([whole.surface(t.c)[1] - truth, whole.surface(centres)[1] - between]).double()
    features = torch.cat([whole.nets["expression"].features(x) for x in (t.c, centres)]).double()  # type: ignore[operator,union-attr]
    slope = (features.T @ left).abs().max() / (features.norm(dim=0).max() * left.norm(dim=0).max())
    assert slope < 0.01


def of_places(small: Actor, count: int, reach_mm: float) -> Actor:
    """The head with so many targets, each of a place of its own."""
    rng, points, shapes = np.random.default_rng(0), small.neutral.points, {}
    for i in range(count):
        square = ((points - points[rng.integers(len(points))]) ** 2).sum(1)
        shapes[f"place_{i}"] = points + np.exp(-square / (2 * reach_mm**2))[:, None] * rng.normal(size=3)
    rig = Rig(tuple(Control(name, i, ((1.0, name),)) for i, name in enumerate(shapes)))
    return replace(small, name="places", shapes=shapes, rig=rig, lower_teeth_shapes={})


def test_the_width_of_e_follows_from_what_is_independent_in_the_targets(
    small: Actor, problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More features for many places, and the file and the log say so; the ordinary ones for as many targets
    that are much the same, and for what was asked; no look at all where the coordinates are fewer."""
    open_width = TrainConfig(bones="none", steps=2, anatomy_steps=2, batch=64, device="cpu")
    many, alike = of_places(small, 300, 8.0), of_places(small, 300, 30.0)
    ready = prepare(many, open_width)
    tables, jaw = make_tables(ready, CPU), known_jaw(ready, CPU)
    needed = columns_needed(ready, tables, jaw)

    def left(count: int) -> float:
        """Of the worst target's motion."""
        weight = tables.unpack(tables.rows)[4]
        full, few = (principal_columns(ready, tables, weight, jaw, n) for n in (900, count))
        assert few.mixing is not None
        apart, size = (
            x.view(len(x), -1, 3).square().sum((0, 2))
            for x in (few.values @ few.mixing - full.values, full.values)
        )
        return float((apart / size).sqrt().max())

    assert left(needed) <= LEFT < left(needed - 1)
    asked = replace(open_width, expression=NetworkSize(256, 3, 30.0, 90.0))
    assert with_width(ready, tables, asked) == (asked, "")

    same = prepare(alike, open_width)
    assert with_width(same, make_tables(same, CPU), open_width)[0].expression.width == 256

    run = RunFolder(tmp_path / "run")
    metrics = train(many, tmp_path / "many.aim", open_width, run, style="none").metrics
    width = metrics["config"]["expression"]["width"]
    assert needed < width > 256
    assert run.load()["networks"]["nets.expression.hidden.1.weight"].shape == (width, width)
    notes = [json.loads(line).get("text", "") for line in run.progress.read_text().splitlines()]
    assert any(f"{needed} independent columns" in note and f"has {width} features" in note for note in notes)
    assert open_width.expression.width == 0

    monkeypatch.setattr("trainer.learn.solvers.columns_needed", lambda *_: 1 / 0)
    ordinary, note = with_width(problem, make_tables(problem, CPU), TrainConfig())
    assert (ordinary.expression, note) == (NetworkSize(256, 4, 30.0, 90.0), "")


def test_the_worst_count_more_at_the_end(problem: Problem) -> None:
    """The largest error of all vertices and targets falls, and the mean hardly rises."""
    training = Training(problem, replace(TrainConfig(), anatomy_steps=1, steps=20, batch=64), 1e9, CPU)
    for _ in range(21):
        training._one_step()
        training.step += 1
    t = training.tables
    if training._mixing is not None:  # of combinations: as if they were targets
        t.rows = torch.cat([t.rows[:, : problems.LABELS], t.rows[:, problems.LABELS :] @ training._mixing], 1)

    def misses() -> torch.Tensor:
        skin, learned = training.whole.surface(t.c)
        left = (learned - t.rows[:, problems.LABELS :]).view(len(t.c), -1, 3) + (skin - t.rows[:, :3])[
            :, None
        ]
        return left.norm(dim=2).detach()

    before = misses()
    count_the_worst(t, training.whole, training._density())
    assert misses().max() < 0.97 * before.max()
    assert misses().mean() < 1.2 * before.mean()


def test_a_few_far_off_do_not_take_all_that_the_worst_count_more() -> None:
    """Together they count SHARE of everything, and none of them more than the worst that are not alone."""
    rng = torch.Generator().manual_seed(0)
    off = torch.rand(4000, 10, generator=rng).pow(8)
    more = worst_pairs(off)
    assert float((more * off.square()).sum() / off.square().sum()) == pytest.approx(SHARE, rel=1e-3)
    assert not more[off < NEARLY * off.max()].any()
    assert more.argmax() == off.argmax()
    counted = []
    for far in (20.0, 500.0):
        off[0, 0], off[1:4, 1] = far, 2.5
        counted.append(worst_pairs(off) * off.square())
    assert counted[0][0, 0] == pytest.approx(float(counted[1][0, 0]), rel=1e-4)  # however far off
    assert counted[1][0, 0] < 0.5 * counted[1][1:].sum()


@pytest.mark.parametrize(
    ("width", "points"), [(64, (768, 1536)), (256, (768, 1536)), (384, (1152, 1536)), (768, (2304, 2304))]
)
def test_a_wider_network_draws_more_points(
    problem: Problem, width: int, points: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three for each of its features at the least: of half as many 512 features learned to 7 % of the worst
    of 800 targets' motion in place of 5.4."""
    config = TrainConfig(
        bones="none",
        steps=10,
        anatomy_steps=5,
        check_every=1000,
        expression=NetworkSize(width, 1, 30.0, 90.0),
    )
    training, drawn = Training(problem, config, 1.0, CPU), list[int]()
    draw = Training._draw

    def noted(self: Training, count: int, *others: int) -> object:
        drawn.append(count)
        return draw(self, count, *others)

    monkeypatch.setattr(Training, "_draw", noted)
    training.run(Progress("none"), lambda: None)
    assert (drawn[0], drawn[-1]) == points
    assert drawn == [points[0]] * 6 + [points[1]] * 4


def test_a_finished_training_shows_all_of_its_steps(problem: Problem) -> None:
    """One in twenty ended a step short of it: 2,799 of 2,800."""
    training = Training(problem, TrainConfig(bones="none"), 1.0, CPU)
    for steps in range(300, 500):
        training.config = replace(training.config, steps=steps)
        training.step = training.total
        assert training.shown == (1500 + steps, 1500 + steps)


@pytest.mark.parametrize("which", ["draft", "trained"])
def test_the_template_settles_where_the_networks_miss_least(
    problem: Problem, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No vertex misses by more than before, all together by less, between the vertices, too; no face of the
    template turns over; problem and tables agree. Stopped half-way, nothing has changed."""
    tables, jaw = make_tables(problem, CPU), known_jaw(problem, CPU)
    if which == "draft":
        networks = solve(problem, tables, CONFIG)
    else:
        training = Training(problem, replace(TrainConfig(bones="none"), steps=20, batch=64), 1e9, CPU, tables)
        monkeypatch.setattr("trainer.learn.loop.settle", lambda problem, *_: problem)
        training.run(Progress("none"), lambda: None)
        networks = training.whole
    before, begun = accuracy(problem, networks, jaw), tables.c.clone()

    def squares(at: Problem) -> np.ndarray:
        found = []
        for part, field in field_pieces(at, networks, jaw, at.template.points):
            truth = problem.shapes_at(part).transpose(1, 0, 2)
            neutral = field.skin - problem.actor.neutral.points[part]
            found.append(np.square(field.posed - truth).sum((0, 2)) + np.square(neutral).sum(1))
        return np.concatenate(found)

    with pytest.raises(Cancelled):
        settle(problem, tables, networks, jaw, stop_at(5))
    assert torch.equal(tables.c, begun)
    settled = settle(problem, tables, networks, jaw)
    first, then = squares(problem), squares(settled)
    assert (then <= first * (1 + 1e-4) + 1e-12).all()
    assert then.sum() < 0.9 * first.sum()
    after = accuracy(settled, networks, jaw)
    assert after["skin"]["mean"] < before["skin"]["mean"]
    assert after["between"]["face_centre_mean"] < 1.02 * before["between"]["face_centre_mean"]
    assert after["skin"]["max"] <= 1.001 * before["skin"]["max"]
    np.testing.assert_allclose(settled.template.coordinates, tables.c.numpy(), atol=1e-6)
    first_three = problem.actor.neutral.starts[:, None] + np.arange(3)
    a, b, c = np.moveaxis(problem.actor.neutral.corners[first_three], 1, 0)
    old, new = (
        np.cross(at[b] - at[a], at[c] - at[b]) for at in (problem.template.points, settled.template.points)
    )
    assert ((old * new).sum(1) > 0).all()
    np.testing.assert_allclose(
        settled.template.points - settled.template.offset, problem.actor.neutral.points, atol=1e-9
    )


def stop_at(call: int) -> Callable[[], None]:
    """Raises Cancelled when it is called so often."""
    left = [call]

    def look() -> None:
        left[0] -= 1
        if not left[0]:
            raise Cancelled("stopped")

    return look
