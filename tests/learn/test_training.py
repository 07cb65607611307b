"""Training on the sample actor: it learns, stops, resumes, repeats itself, notices a plateau; the paper's
form works too."""

from __future__ import annotations

import json
import math
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from threading import Event, Timer, current_thread
from typing import Literal

import numpy as np
import pytest
import torch

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.progress import Progress
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import LOSSES, LossWeights, NetworkSize, TrainConfig, config_from_json
from aim_maya.runtime import FaceModel
from trainer.learn import fields as learned_fields
from trainer.learn import loop, losses
from trainer.learn.beside import Beside
from trainer.learn.fields import TissueLearner
from trainer.learn.loop import Training
from trainer.learn.model import FaceNetworks, JawPoses, Siren, networks_for
from trainer.learn.problem import Problem, make_tables, prepare
from trainer.train import train

SMALL = NetworkSize(64, 2, 20.0, 60.0)
# without "inside": bringing in the many bone points that so short a training leaves outside would cost more
# than the training
QUICK = TrainConfig(
    steps=60,
    anatomy_steps=30,
    batch=256,
    check_every=20,
    expression=SMALL,
    device="cpu",
    restarts=0,
    without=("inside",),
)


@pytest.fixture(scope="module")
def problem(sample: Actor) -> Problem:
    return prepare(sample, QUICK)


@pytest.fixture(scope="module")
def few(small: Actor) -> Problem:
    return prepare(small, QUICK)


def trained(problem: Problem, config: TrainConfig, **options: object) -> Training:
    training = Training(problem, config, 1e9, torch.device("cpu"))
    with Progress("none", **options) as progress:  # type: ignore[arg-type]
        training.run(progress, lambda: None)
    return training


def test_it_learns(problem: Problem) -> None:
    training = Training(problem, replace(QUICK, steps=200), 1e9, torch.device("cpu"))
    before = training.mean_error_mm()
    with Progress("none") as progress:
        training.run(progress, lambda: None)
    assert training.mean_error_mm() < 0.75 * before


def test_same_seed_same_networks(problem: Problem) -> None:
    a, b = trained(problem, QUICK), trained(problem, QUICK)
    for x, y in zip(a.networks.parameters(), b.networks.parameters(), strict=True):
        assert torch.equal(x, y)
    c = trained(problem, replace(QUICK, seed=1))
    assert not torch.equal(next(iter(a.networks.parameters())), next(iter(c.networks.parameters())))


def resumed(
    problem: Problem, config: TrainConfig, folder: RunFolder, stop: Callable[[Training], bool]
) -> Training:
    """Stopped when `stop` says so, and gone on with in another process, as it were."""
    first = Training(problem, config, 1e9, torch.device("cpu"))
    with Progress("none", cancelled=lambda: stop(first)) as progress, pytest.raises(Cancelled):
        first.run(progress, lambda: folder.save(first.state()))
    second = Training(problem, config_from_json(folder.load()["config"]), 1e9, torch.device("cpu"))
    second.restore(folder.load())
    assert (second.step, second.shown) == (first.step, first.shown)
    with Progress("none") as progress:
        second.run(progress, lambda: None)
    return second


def test_resume_gives_what_an_uninterrupted_run_gives(few: Problem, tmp_path: Path) -> None:
    """Stopped while K is learned, and when the worst count more."""
    config = replace(QUICK, expression=NetworkSize(192, 2, 20.0, 60.0))  # wide enough for every target
    whole = trained(few, config)
    assert whole.pairs is not None
    for step in (3, 60):
        second = resumed(few, config, RunFolder(tmp_path / str(step)), lambda t, step=step: t.step >= step)
        for x, y in zip(whole.whole.parameters(), second.whole.parameters(), strict=True):
            assert torch.equal(x, y)


def test_stopped_while_bones_are_brought_inside_beside_the_skin(
    few: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is undone, and resuming does it whole; nothing else is touched by it."""
    under_way, ends = Event(), Event()

    def bring(_problem: object, networks: FaceNetworks, _tables: object, look: Callable[[], None]) -> None:
        networks.nets["thickness"].last.bias.data += 1.0  # type: ignore[union-attr,operator]
        under_way.set()
        while not ends.is_set():
            look()
        networks.nets["thickness"].last.bias.data += 1.0  # type: ignore[union-attr,operator]

    monkeypatch.setattr(learned_fields, "bring_inside", bring)
    monkeypatch.setattr(loop, "bring_inside", lambda *_, **__: None)
    config = replace(QUICK, without=())
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        ends.set()
        whole = trained(few, config)
        ends.clear()
        under_way.clear()

        def stop(_training: Training) -> bool:
            if under_way.is_set():
                Timer(0.5, ends.set).start()  # long after the training was told to stop
            return under_way.is_set() and not ends.is_set()

        second = resumed(few, config, RunFolder(tmp_path), stop)
        assert ends.wait(5)
    finally:
        torch.set_num_threads(threads)
    for x, y in zip(whole.networks.parameters(), second.networks.parameters(), strict=True):
        assert torch.equal(x, y)


def test_tissue_learned_beside_the_skin_is_what_it_is_in_turn(
    few: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another thread while the skin is learned, or step by step between its own: no bit differs."""
    learned_in, learn = set[str](), TissueLearner.learn

    def noted(tissue: TissueLearner, until: int) -> float:
        learned_in.add(current_thread().name)
        return learn(tissue, until)

    monkeypatch.setattr(TissueLearner, "learn", noted)
    threads, config = torch.get_num_threads(), replace(QUICK, without=())
    try:
        torch.set_num_threads(1)
        in_turn = trained(few, config)
        assert learned_in == {"MainThread"}
        torch.set_num_threads(2)
        monkeypatch.setattr(Beside, "share", lambda *_, **__: torch.set_num_threads(1))
        learned_in.clear()
        beside = trained(few, config)
        assert len(learned_in) == 1, learned_in
        assert "tissue" in learned_in.pop()
    finally:
        torch.set_num_threads(threads)
    for x, y in zip(in_turn.whole.parameters(), beside.whole.parameters(), strict=True):
        assert torch.equal(x, y)


@pytest.mark.parametrize("doing", ["vertices were placed", "bones were brought inside"])
def test_vertices_settle_and_bones_are_brought_inside_at_the_end_whole_or_not_at_all(
    problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doing: str
) -> None:
    """Stopped on the way, the checkpoint knows nothing of it, and resuming does it once."""

    def bring(
        _problem: object, networks: FaceNetworks, _tables: object, look: Callable[[], None], **_: object
    ):  # type: ignore[no-untyped-def]
        networks.nets["thickness"].last.bias.data += 1.0  # type: ignore[union-attr,operator]
        look()

    monkeypatch.setattr(loop, "bring_inside", bring)
    config, folder = replace(QUICK, steps=20, anatomy_steps=5, without=()), RunFolder(tmp_path)
    whole = trained(problem, config)
    first, stages = Training(problem, config, 1e9, torch.device("cpu")), [""]
    last = "settle" if doing == "vertices were placed" else "bones inside"
    with Progress("none", cancelled=lambda: stages[-1] == last) as progress:
        monkeypatch.setattr(progress, "stage", lambda name, *_: stages.append(name))
        with pytest.raises(Cancelled, match=doing):
            first.run(progress, lambda: folder.save(first.state()))
    assert first.problem is problem
    assert torch.equal(first.tables.c, make_tables(problem, torch.device("cpu")).c)
    second = Training(problem, config, 1e9, torch.device("cpu"))
    second.restore(folder.load())
    assert second.step == second.total
    with Progress("none") as progress:
        second.run(progress, lambda: None)
    for a, b in zip(whole.whole.parameters(), second.whole.parameters(), strict=True):
        assert torch.equal(a, b)
    assert np.array_equal(whole.problem.template.points, second.problem.template.points)
    assert not np.array_equal(whole.problem.template.points, problem.template.points)
    bias = [x.nets["thickness"].last.bias for x in (first.networks, second.whole)]  # type: ignore[union-attr]
    assert float((bias[1] - bias[0]).detach()) == pytest.approx(1.0, abs=1e-5)  # type: ignore[operator,union-attr]


def test_cancel_file_leaves_a_checkpoint_and_no_model(small: Actor, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")

    class CancelLater(RunFolder):
        def begin(self) -> None:
            super().begin()
            self.cancel.touch()

    with pytest.raises(Cancelled):
        train(small, tmp_path / "x.aim", QUICK, CancelLater(tmp_path / "run"), style="none")
    assert folder.load()["step"] <= 1  # none, when it was stopped while preparing
    assert not (tmp_path / "x.aim").exists()
    lines = [json.loads(line) for line in folder.progress.read_text().splitlines()]
    assert {line["event"] for line in lines} >= {"run", "stage", "cancelling", "end"}
    other = replace(
        small,
        name="other",
        neutral=small.neutral.with_points(small.neutral.points + np.array([5.0, 0.0, 0.0])),
    )
    with pytest.raises(AimError, match=f"is of '{small.name}', not of 'other'"):
        train(other, tmp_path / "x.aim", QUICK, folder, resume=True, style="none")
    told = replace(QUICK, seed=7)
    train(small, tmp_path / "x.aim", told, folder, resume=True, style="none")
    said = (folder.path / "progress.jsonl").read_text()
    assert f"It goes on with the settings that it was begun with: seed {QUICK.seed}, not 7." in said
    assert FaceModel.load(tmp_path / "x.aim").points({"jawOpen": 1.0}).shape == small.neutral.points.shape


def test_a_training_that_was_interrupted_writes_the_same_file(
    small: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while D and N are learned beside the skin, then --resume: byte for byte what one that ran through
    has written, and the bar begins where it was."""
    config, one_step = replace(QUICK, expression=NetworkSize(192, 2, 20.0, 60.0)), Training._one_step
    train(small, tmp_path / "whole.aim", config, RunFolder(tmp_path / "whole.run"), style="none")

    def interrupted(training: Training) -> float:
        if training.step == 20:
            signal.raise_signal(signal.SIGINT)
        return one_step(training)

    run = RunFolder(tmp_path / "parts.run")
    with monkeypatch.context() as changed, pytest.raises(Cancelled):
        changed.setattr(Training, "_one_step", interrupted)
        train(small, tmp_path / "parts.aim", config, run, style="none")
    assert run.load()["step"] == 21
    train(small, tmp_path / "parts.aim", config, run, resume=True, style="none")
    assert (tmp_path / "parts.aim").read_bytes() == (tmp_path / "whole.aim").read_bytes()
    begun = [e for e in map(json.loads, run.progress.read_text().splitlines()) if e["event"] == "run"]
    assert 0 < begun[1]["resumed_at"] < 90


def test_a_farm_that_ends_a_training_leaves_a_checkpoint() -> None:
    """The first SIGTERM asks, as Ctrl-C does; a second one ends it at once; then all is as before."""
    from trainer.train import _interruptible

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Cancelled), _interruptible() as interruption:
        signal.raise_signal(signal.SIGTERM)
        assert interruption.asked()
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_checkpoints_come_by_the_clock(few: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine a training that was killed began again after five minutes."""
    saved = list[int]()

    def run() -> Training:
        saved.clear()
        training = Training(few, replace(QUICK, check_every=1000), 1e9, torch.device("cpu"))
        training.run(Progress("none"), lambda: saved.append(training.step))
        return training

    training = run()
    assert saved == [training.skinning_first, training.total]
    monkeypatch.setattr(loop, "SAVE_S", -1.0)
    run()
    assert saved == [*range(1, training.total + 1), training.total]


def test_a_plateau_is_noticed_and_mended(problem: Problem, tmp_path: Path) -> None:
    """A rate at which nothing can be learned: the trainer begins again with a smaller one, and says so."""
    config = replace(QUICK, rate=0.3, restarts=2)
    training = Training(problem, config, 0.3, torch.device("cpu"))
    with Progress("none", tmp_path / "log.jsonl") as progress:
        training.run(progress, lambda: None)
    assert training.restarts == 2
    assert training.rate == pytest.approx(0.3 / 4)
    assert training.config.expression.high < QUICK.expression.high
    text = (tmp_path / "log.jsonl").read_text()
    assert text.count("beginning again") == 2
    assert "are on a plateau" in text  # never delivered silently
    resumed = Training(problem, config_from_json(training.state()["config"]), 0.3, torch.device("cpu"))
    resumed.restore(training.state())
    assert resumed.learner.rate == training.learner.rate == training.rate
    assert resumed.state()["tissue"]["rate"] == config.rate  # D and N went on


def test_one_look_at_a_bad_moment_is_no_plateau(few: Problem) -> None:
    training = Training(few, QUICK, 0.1, torch.device("cpu"))
    training.step = training.skinning_first + 40  # at 0.67, the first look behind 0.35
    for errors, stalled in (((0.3, 0.2, 0.7), False), ((0.5, 0.6, 0.7), True), ((0.5, 0.6, math.nan), True)):
        training.curve = [{"step": i, "loss": 1.0, "error_mm": error} for i, error in enumerate(errors)]
        assert training._stalled(errors[-1], 1.0) == stalled


def test_no_checkpoint_and_a_damaged_one(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises(AimError, match="no checkpoint"):
        folder.load()
    folder.checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(AimError, match="cannot be read"):
        folder.load()


def test_paper_form_end_to_end(small: Actor, tmp_path: Path) -> None:
    """B a network of its own, e after skinning, the paper's losses; e is converted on export and parity is
    checked there."""
    config = replace(QUICK, losses="paper")
    made = train(small, tmp_path / "p.aim", config, RunFolder(tmp_path / "run"), style="none")
    assert made.networks.form == "paper"
    assert "bone" in made.networks.nets
    assert max(made.metrics["parity_mm"].values()) <= 1e-3
    assert (
        np.abs(FaceModel.load(tmp_path / "p.aim").points({"jawOpen": 1.0}) - small.shapes["jawOpen"]).max()
        < 1e-3
    )


def test_free_jaw_learns_some_motion(small: Actor, tmp_path: Path) -> None:
    config = replace(QUICK, losses="paper", jaw="free")
    train(small, tmp_path / "f.aim", config, RunFolder(tmp_path / "run"), style="none")
    model = FaceModel.load(tmp_path / "f.aim")
    assert model.manifest["jaw"]["source"] == "free"
    assert not np.array_equal(model.jaw({"jawOpen": 1.0}), np.eye(4))


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_other_activations_export_with_parity(small: Actor, tmp_path: Path, activation: str) -> None:
    config = replace(QUICK, activation=activation, steps=20)
    made = train(small, tmp_path / "a.aim", config, RunFolder(tmp_path / "run"), style="none")
    assert max(made.metrics["parity_mm"].values()) <= 1e-3


TERMS = [f.name for f in fields(LossWeights)]


@pytest.mark.parametrize("form", ["aim", "paper"])
def test_a_term_of_weight_0_is_not_evaluated(
    problem: Problem, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Every term in turn is left out: its formula, and no other's, is then never called; and what has no
    weight from the start is not either."""
    calls: Counter[str] = Counter()
    add = losses.Terms.add

    def counted(terms: losses.Terms, name: str, formula: Callable[[], torch.Tensor]) -> None:
        def evaluated() -> torch.Tensor:
            calls[name] += 1
            return formula()

        add(terms, name, evaluated)

    monkeypatch.setattr(losses.Terms, "add", counted)

    def evaluations(without: tuple[str, ...]) -> set[str]:
        calls.clear()
        config = replace(QUICK, losses=form, steps=1, anatomy_steps=1, without=without)
        training = Training(problem, config, 1e9, torch.device("cpu"))
        if training.tissue is not None:
            assert np.isfinite(training.tissue.learn(training.tissue.steps))
        for step in range(training.total):
            training.step = step
            assert np.isfinite(training._one_step())
        return set(calls)

    assert evaluations(()) == {name for name in TERMS if getattr(LOSSES[form], name)}
    monkeypatch.setitem(LOSSES, form, LossWeights(**dict.fromkeys(TERMS, 1.0)))
    everything = evaluations(())
    smooth = {"thickness_smooth", "normal_skin", "skinning_fit"}  # learned while D, N and K learn alone
    assert everything == (set(TERMS) if form == "aim" else set(TERMS) - smooth)
    for name in TERMS:
        assert evaluations((name,)) == everything - {name}
    assert evaluations(tuple(TERMS)) == set()


def test_steps_form_no_loss_without_its_term(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not through Terms alone: with only the skin's term left, no other formula of losses is called."""
    called: Counter[str] = Counter()
    for name in ("anatomy_thickness", "anatomy_normal", "thickness_zero", "symmetry", "skinning_zero"):
        monkeypatch.setattr(losses, name, lambda *_, name=name: called.update([name]) or torch.zeros(()))
    for name in ("towards", "beyond"):
        monkeypatch.setattr(losses, name, lambda *_, name=name: called.update([name]) or torch.zeros(()))
    config = replace(QUICK, steps=2, anatomy_steps=1, without=tuple(set(TERMS) - {"skin"}))
    trained(problem, config)
    assert not called


def test_a_face_without_bones_is_learned(small: Actor, tmp_path: Path) -> None:
    """No constraint vertex to draw from: its terms and what brings bone points inside are passed over."""
    config = replace(QUICK, bones="none", steps=10, anatomy_steps=5, without=())
    made = train(small, tmp_path / "b.aim", config, RunFolder(tmp_path / "run"), style="none")
    assert not made.metrics["anatomy"]
    assert max(made.metrics["parity_mm"].values()) <= 1e-3


def test_torch_model_is_the_equation() -> None:
    """Both forms' poses and JawPoses against the numpy twin."""
    from aim_maya.core import rigid
    from aim_maya.core.posing import skin

    rng = np.random.default_rng(0)
    transforms = np.stack([np.eye(4), rigid.exp([0.3, 0.1, 0, 0.05, 0.1, -0.2])])
    jaw = JawPoses(torch.tensor(transforms, dtype=torch.float32), learn=False)
    assert jaw.moving.tolist() == [1]
    rest, e, k = rng.normal(size=(7, 3)), rng.normal(size=(7, 2, 3)), rng.uniform(0, 1, 7)
    to = lambda a: torch.tensor(a, dtype=torch.float32)  # noqa: E731
    ours = networks_for(TrainConfig(expression=SMALL), 2, 0.1, 0.1)
    posed = ours.pose(to(rest), to(k[:, None]), to(e), jaw, None).numpy()
    for p in range(2):
        assert posed[:, p] == pytest.approx(skin(rest + e[:, p], transforms[p], k, np.zeros(3)), abs=1e-5)
    papers = networks_for(TrainConfig(expression=SMALL, losses="paper"), 2, 0.1, 0.1)
    after = papers.pose(to(rest), to(k[:, None]), to(e), jaw, None).numpy()
    assert after[:, 1] == pytest.approx(skin(rest, transforms[1], k, np.zeros(3)) + e[:, 1], abs=1e-5)


@pytest.mark.parametrize("form", ["aim", "paper"])
def test_normals_are_unit_and_thickness_positive(form: Literal["aim", "paper"]) -> None:
    networks = networks_for(TrainConfig(expression=SMALL, losses=form), 3, 0.1, 0.1)
    f = networks.fields(torch.rand(50, 3) * 2 - 1)
    assert f.normal.norm(dim=1).detach().numpy() == pytest.approx(np.ones(50), abs=1e-5)
    assert (f.thickness > 0).all()
    assert ((f.weight >= 0) & (f.weight <= 1)).all()
    assert torch.allclose(f.bone + f.thickness * f.normal, f.skin, atol=1e-6)


def test_hidden_sines_are_spread() -> None:
    """The initialisation keeps every layer's activations near sqrt(1/2) RMS, so that depth neither kills nor
    saturates them."""
    net, x = Siren(NetworkSize(256, 4, 30.0, 90.0), 1), torch.rand(500, 3) * 2 - 1
    assert net.features(x).square().mean().sqrt().item() == pytest.approx(0.7071, abs=0.05)


def test_the_two_loss_presets_are_what_they_say() -> None:
    paper = LOSSES["paper"]
    assert (paper.skin, paper.anatomy_point, paper.anatomy_thickness, paper.anatomy_normal) == (1, 1, 1, 1)
    assert (paper.thickness_zero, paper.symmetry, paper.skinning_zero) == (7.5e-4, 1e-4, 1e2)
    assert (paper.thickness_smooth, paper.normal_skin, paper.skinning_fit) == (0, 0, 0)


def test_a_preset_named_on_the_command_line_sets_the_steps() -> None:
    import tyro

    from trainer.commands.trainings import TrainOptions as Options

    options = tyro.cli(Options, args=["actor", "-o", "x.aim", "--preset", "final"])
    assert options.config.skin_steps > 2 * TrainConfig().skin_steps
    assert tyro.cli(Options, args=["actor", "-o", "x.aim", "--steps", "7"]).config.skin_steps == 7


@pytest.mark.parametrize(
    ("name", "value"), [("steps", -1), ("batch", 0), ("rate", 0.0), ("hard_share", 1.5), ("check_every", 0)]
)
def test_settings_out_of_range(name: str, value: float) -> None:
    with pytest.raises(AimError, match=f"{name} is {value}"):
        TrainConfig(**{name: value})  # type: ignore[arg-type]


def test_configuration_round_trip_and_unknown_key() -> None:
    assert config_from_json(json.loads(json.dumps(QUICK.to_json()))) == QUICK
    with pytest.raises(AimError, match="Did you mean 'steps'"):
        config_from_json({"step": 3})


def test_the_report_is_one_self_contained_page(draft: Path, sample: Actor, tmp_path: Path) -> None:
    from trainer.evaluate.edit_check import sheet_edits
    from trainer.evaluate.report import write_report

    write_report(
        FaceModel.load(draft),
        tmp_path / "r.html",
        sample,
        json.loads((draft.with_suffix(".run") / "metrics.json").read_text()),
    )
    text = (tmp_path / "r.html").read_text()
    assert text.count("data:image/png;base64,") >= 4
    rows = len(sheet_edits())
    assert text.count("data:image/jpeg;base64,") == 3 * rows > 90
    assert f"of {rows} rows" in text
    assert "heavy_brow -1" in text
    assert "lids closed: 0 red" in text
    # nothing is loaded: addresses stand in it as the names of XML and in the licences of its program only
    assert not re.search(
        r"""(?:src|href|action|data)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?(?:https?:)?//""", text
    )
    assert "default-src 'none'" in text
    assert "jawOpen" in text
    other = replace(
        sample,
        neutral=sample.neutral.with_points(sample.neutral.points),
        rig=type(sample.rig)(sample.rig.controls[:2]),
    )
    with pytest.raises(AimError, match="is not the actor"):
        write_report(FaceModel.load(draft), tmp_path / "s.html", other)


def test_metres_and_a_head_far_up_turn_out_the_same_in_mm(
    small: Actor, small_draft: Path, tmp_path: Path
) -> None:
    """A copy in metres, 1.7 m above the floor, drafted with the same seed."""
    lift = np.array([0, 1.7, 0])

    def moved(points: np.ndarray) -> np.ndarray:
        return points / 1000 + lift

    def mesh(m):
        return m.with_points(moved(m.points))

    far = replace(
        small,
        neutral=mesh(small.neutral),
        skull=mesh(small.skull),
        jaw=mesh(small.jaw),
        lower_teeth=mesh(small.lower_teeth),
        mm_per_unit=1000.0,
        shapes={k: moved(v) for k, v in small.shapes.items()},
        lower_teeth_shapes={k: moved(v) for k, v in small.lower_teeth_shapes.items()},
    )
    made = train(
        far,
        tmp_path / "m.aim",
        TrainConfig(preset="draft", device="cpu"),
        RunFolder(tmp_path / "run"),
        style="none",
    )
    near = json.loads((small_draft.with_suffix(".run") / "metrics.json").read_text())
    assert made.metrics["skin"]["mean"] == pytest.approx(near["skin"]["mean"], rel=0.02)
    assert made.metrics["neutral"]["mean"] == pytest.approx(near["neutral"]["mean"], rel=0.02)
    model, w = FaceModel.load(tmp_path / "m.aim"), {"jawOpen": 0.6, "mouthSmile_L": 0.5}
    expected = moved(FaceModel.load(small_draft).points(w).astype(np.float64))
    assert np.abs(model.points(w) - expected).max() * 1000 < 2e-3


def test_regions_left_out_are_not_learned_from(problem: Problem) -> None:
    from trainer.evaluate.anatomy import LEFT_OUT, leave_regions_out, region_of

    with Progress("none") as progress:
        figures = leave_regions_out(problem, QUICK, torch.device("cpu"), progress)
    for region in LEFT_OUT:
        inside = region_of(problem, region)
        assert inside.sum() > 30, region
        assert not problem.constraints.without(inside).used[inside].any()
        assert figures[region]["unseen_hit_median"] > 0
    at = problem.actor.neutral.points[problem.constraints.covered]
    assert at[region_of(problem, "chin"), 1].mean() < -60
    assert 20 < at[region_of(problem, "brow"), 1].mean() < 60


def test_a_cancel_that_a_library_turns_into_its_own_error_is_a_cancel() -> None:
    """C++ extensions give back what is raised inside them as a RuntimeError."""
    from trainer.train import _interruptible

    with pytest.raises(Cancelled), _interruptible() as interruption:
        assert interruption.now is not None
        try:
            interruption.now()
            for _ in range(1000):
                time.sleep(0.001)
        except Cancelled as cancelled:
            raise RuntimeError("could not import ndarray") from cancelled
    with pytest.raises(RuntimeError, match="of its own"), _interruptible():
        raise RuntimeError("of its own")
