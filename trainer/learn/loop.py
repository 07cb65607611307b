"""Training, top to bottom: draw points, weigh the losses, step, look, restart what stalls, save, stop when
asked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from aim_maya.core.errors import Cancelled
from aim_maya.core.progress import Progress
from aim_maya.core.training_options import NetworkSize, TrainConfig

from . import losses
from .beside import MORE, Beside, Schedule
from .fields import ADAM, TissueLearner, bring_inside
from .model import FaceNetworks, JawPoses, networks_for
from .optimisers import Learner
from .passes import Evaluated
from .problem import LABELS, Problem, TrainingTables, make_tables, normalised_shapes, pieces
from .solvers import (
    count_the_worst,
    misses,
    principal_columns,
    settle,
    solve_columns,
    with_best_last,
    worst_pairs,
)

# times the linear solution's error: a network that is still above this at a third of its steps has stalled
PLATEAU = 4.0
SKIN_MUON = 0.6  # times the rate: the hidden layers of the skin, whose last layer is solved
SOLVE = 50  # steps from one solution of the last layer to the next
LATE, WEIGH = (
    0.5,
    100,
)  # of the skin's steps, from where the worst pairs count more; steps between two readings
MOST = 8.0  # times the mean
SAVE_S = 60.0  # of the clock from one checkpoint to the next, at the most
LOOK, LAST = (0.35, 1.0), 3  # where in the schedule to judge, and by how many looks at the errors


class Training:
    """State of one training: networks, optimisers, sampling table, step. Everything in it goes into a
    checkpoint."""

    def __init__(
        self,
        problem: Problem,
        config: TrainConfig,
        reference_mm: float,
        device: torch.device,
        tables: TrainingTables | None = None,
    ) -> None:
        self.problem, self.config, self.reference_mm, self.device = problem, config, reference_mm, device
        self.tables = make_tables(problem, device) if tables is None else tables
        self.step, self.restarts = 0, 0
        self.rate, self.curve = config.rate, list[dict[str, float]]()
        self._mixing: Tensor | None = None
        self.tissue: TissueLearner | None
        self._beside, self.tissue = Beside(alone=True), None
        self._begin(config)

    def _begin(self, config: TrainConfig) -> None:
        """Fresh networks, optimisers and sampling table."""
        t = self.tables
        transforms = torch.tensor(self.problem.normalised_transforms(), dtype=torch.float32)
        self._principal = config.losses == "aim" and self.problem.jaw.known
        columns = min(3 * t.targets, config.network("expression").width) if self._principal else None
        self.networks = networks_for(config, t.targets, t.rest_size, t.motion_size, columns).to(self.device)
        self.jaw = JawPoses(transforms, learn=not self.problem.jaw.known).to(self.device)
        self._solved: FaceNetworks | None = None
        self._leave_skin()
        parts = dict(self.networks.nets.items())
        if self.networks.anatomy_alone:
            del parts["thickness"], parts["normal"]
            if self.tissue is None:
                self.tissue = TissueLearner(self.problem, config, t, self.networks)
            else:  # the skin begins again, D and N go on
                self.tissue.go_on_in(self.networks)
        seed = config.seed + 500 + 1000 * self.restarts
        self.learner = Learner([*parts.values(), self.jaw], self.rate, seed)
        self.hardness, self._drawn = torch.ones(len(t.c)), torch.zeros(0, dtype=torch.int64)
        self.pairs: Tensor | None = None

    def run(
        self,
        progress: Progress,
        save: Callable[[], None],
        seen: Callable[[Tensor, Tensor], None] = lambda *_: None,
    ) -> None:
        """Train to the end of the schedule. seen: shown the mean errors of every vertex (V,) and target (T,),
        mm, at each look.

        Raises Cancelled (after saving) when the progress says so.
        """
        asks_skin = self.config.weights.symmetry > 0  # of D and N: no form has it where they learn alone
        self._beside = Beside(alone=self.device.type != "cpu" or self.tissue is None or asks_skin)
        if self.tissue is not None and self.step > self.skinning_first:
            self._beside.share(halved=True)  # as when it was begun: the last bit follows from it
            self._take_up_skin()
        progress.stage("train", self.shown[1], self.shown[0])
        saved = time.monotonic()
        try:
            while self.step < self.total:
                self._beside.give_share(self.schedule, self.step, progress)
                loss = self._one_step()
                self.step += 1
                done = self.step - self.skinning_first
                if done > 0 and (done % self.config.check_every == 0 or self.step == self.total):
                    vertices, targets = self.errors_mm()
                    error = float(vertices.mean())
                    seen(vertices, targets)
                    self.curve.append({"step": self.shown[0], "loss": loss, "error_mm": error})
                    progress.step(*self.shown, loss=loss, error_mm=error)
                    if self._stalled(error, loss):
                        self._restart(progress, error)
                else:
                    at_look = done <= 0 and done % self.config.check_every == 0
                    at, of = self.shown
                    progress.step(at, of, **({"loss": loss} if at_look else {}))
                if done == 0 or time.monotonic() - saved > SAVE_S:
                    save()
                    saved = time.monotonic()
            self._finish(progress)
        finally:
            try:
                save()
            finally:
                self._beside.close()

    def learn_anatomy(self, progress: Progress, stage: str) -> None:
        """D and N alone. Raises Cancelled."""
        assert self.tissue is not None
        progress.stage(stage, self.tissue.steps)
        while self.tissue.step < self.tissue.steps:
            loss = self.tissue.learn(self.tissue.step + 1)
            at_look = self.tissue.step % self.config.check_every == 0
            progress.step(self.tissue.step, self.tissue.steps, **({"loss": loss} if at_look else {}))
        self._beside.end(self.schedule, self.step, progress)

    @property
    def schedule(self) -> Schedule:
        """As the settings and the networks have it now."""
        return Schedule(self.config, self.networks, self.tissue, self._principal)

    @property
    def skinning_first(self) -> int:
        """Steps given to K alone before the skin begins."""
        return self.schedule.skinning_first

    @property
    def total(self) -> int:
        """Steps of K and then of the skin; those of D and N are beside them."""
        return self.schedule.total

    @property
    def shown(self) -> tuple[int, int]:
        """Steps done and steps in all, for people."""
        return self.schedule.shown(self.step)

    @property
    def whole(self) -> FaceNetworks:
        """The networks with the displacements of every target; at the end with the last layer that is best
        for them, which no number of steps would quite reach."""
        if self._principal and self.step == self.total:
            if self._solved is None:
                self._solved = with_best_last(
                    self.problem, self.tables, self.networks, self.jaw, self._density()
                )
            return self._solved
        return self.networks if self._mixing is None else self.networks.spread(self._mixing)

    @torch.no_grad()
    def _take_up_skin(self) -> None:
        """Put what E learns beside the labels: displacements before skinning, where jaw and K keep still
        while it learns, else the shapes themselves."""
        t = self.tables
        if t.rows.shape[1] > LABELS:
            return
        if self._principal:
            weight = torch.cat([self.networks.weight(c) for c in t.c.split(4096)])
            found = principal_columns(self.problem, t, weight, self.jaw, self.networks.columns)
            values, self._mixing = found.values, found.mixing
        else:
            parts = pieces(self.problem, len(t.c))
            shapes = [normalised_shapes(self.problem, part, self.device).flatten(1) for part in parts]
            values = torch.cat(shapes)
        t.rows = torch.cat([t.rows, values], 1)

    def _leave_skin(self) -> None:
        self._mixing = None
        self.tables.rows = self.tables.rows[:, :LABELS]

    def _one_step(self) -> float:
        """One step of K, then of the skin, or of all where all learn together. Returns the loss."""
        config, learner = self.config, self.learner
        if self.step < self.skinning_first:
            return learner.take(
                ("K", self.tables.rows), self._evaluated_k, self.step, self.skinning_first, ADAM
            )[0]
        done = self.step - self.skinning_first
        self._take_up_skin()
        if self._principal and done % SOLVE == 0:
            solve_columns(self.tables, self.networks, self._density())
            late = done >= LATE * config.skin_steps and (self.pairs is None or done % WEIGH == 0)
            if late and self.networks.columns == 3 * self.tables.targets:
                found = worst_pairs(misses(self.tables, self.networks))
                # in the same memory: a step that was recorded for CUDA goes on with it
                self.pairs = found if self.pairs is None else self.pairs.copy_(found)
        points = self.schedule.points(done)
        rates = (ADAM, SKIN_MUON) if self._principal else (1.0, 1.0)
        kind = (points, self.tables.rows, self.pairs)
        loss, miss = learner.take(kind, lambda: self._evaluated_skin(points), done, config.skin_steps, *rates)
        if miss is not None:
            ids = self._drawn
            self.hardness[ids] = 0.7 * self.hardness[ids] + 0.3 * miss[: len(ids)].cpu().clamp_min(1e-10)
        return loss

    def _evaluated_k(self) -> Evaluated:
        config, learner = self.config, self.learner
        terms = losses.Terms(config.weights)
        anatomy = losses.AnatomyTerms(terms, self.tables, self.networks, learner.draw)
        inside = int(MORE * config.batch * config.face_share)
        ids = learner.draw(len(self.tables.c), MORE * config.batch - inside)
        anatomy.skinning_label(*self.tables.drawn(ids, inside, learner.generator, learner.place))
        anatomy.skinning()
        return terms.total(), None

    def _evaluated_skin(self, points: int) -> Evaluated:
        """Of so many points, and how far each misses, or None where no term has a weight."""
        config = self.config
        terms = losses.Terms(config.weights)
        c, rows, ids = self._draw(points, int(points * config.hard_share), int(points * config.face_share))
        miss = self._skin_terms(terms, c, rows, ids)
        if self.tissue is None:
            anatomy = losses.AnatomyTerms(terms, self.tables, self.networks, self.learner.draw)
            anatomy.tissue()
            anatomy.skinning()
        total = terms.total()
        return total, None if total is None else miss

    def _finish(self, progress: Progress) -> None:
        """At the end: the template's vertices settle where the networks miss least, the worst pairs of vertex
        and target count more in the last layer, and bone points are brought inside below the skin as the
        networks place it, a hair beside the neutral. Stopped half-way, it begins anew from the checkpoint,
        which knows nothing of it."""
        if not self._principal:
            return
        self._take_up_skin()

        def look(doing: str) -> None:
            if progress.cancelled():
                raise Cancelled(f"stopped while {doing}")

        before = self.problem, self.tables.c
        progress.stage("settle")
        try:
            placing = partial(look, "vertices were placed")
            self.problem = settle(self.problem, self.tables, self.whole, self.jaw, placing)
            if self._mixing is None:
                count_the_worst(self.tables, self.whole, self._density())
            if self.config.weights.inside and len(self.tables.anchors):
                progress.stage("bones inside")
                bringing = partial(look, "bones were brought inside")
                bring_inside(self.problem, self.whole, self.tables, bringing, placed=True)
        except BaseException:  # an interrupt, too
            self._solved, (self.problem, self.tables.c) = None, before
            raise

    def _draw(self, count: int, hard: int, inside: int) -> tuple[Tensor, Tensor, Tensor]:
        """Template points and rows of one batch: vertices evenly, `hard` vertices by their error so far,
        points inside faces; and the vertices, which are kept for the processor, too."""
        inside, g = min(inside, count - hard), self.learner.generator

        def vertices() -> Tensor:
            self._drawn = torch.randint(len(self.hardness), (count - hard - inside,), generator=g)
            if hard:
                by_error = torch.multinomial(self._drawn_for_error(), hard, replacement=True, generator=g)
                self._drawn = torch.cat([self._drawn, by_error])
            return self._drawn

        ids = self.learner.place(vertices)
        return *self.tables.drawn(ids, inside, g, self.learner.place), ids

    def _drawn_for_error(self) -> Tensor:
        """(V,) how likely each vertex is drawn for its error so far, mean about 1. Where the last layer is
        solved, a few that contradict each other get no more than MOST of it: they would take all there is."""
        share = self.hardness / self.hardness.mean()
        return share.clamp_max(MOST) if self._principal else share

    def _density(self) -> Tensor:
        """(V,) how much more often each vertex is drawn, in the long run, than the centre of a face."""
        hard, inside = self.config.hard_share, max(self.config.face_share, 0.01)
        drawn = (1 - hard - inside) + hard * self._drawn_for_error()
        of_faces = inside * len(self.hardness) / max(len(self.tables.corners), 1)
        return (drawn / of_faces).to(self.device)

    def _skin_terms(self, terms: losses.Terms, c: Tensor, rows: Tensor, ids: Tensor) -> Tensor:
        """L_S in every shape and for the neutral, at vertices `ids` and behind them other points. Returns how
        far each point misses (P,), in units of the motion's size."""
        t, nets = self.tables, self.networks
        neutral, truth = t.unpack(rows)[:2]
        skin, learned = nets.surface(c)
        if not self._principal:
            basis = learned.view(len(c), t.targets, 3)
            start = nets.rest_to_learn(skin, nets.weight(c), neutral)
            learned = nets.pose(*start, basis, self.jaw, t.matrix).flatten(1)
        off = (learned - truth).square()
        if self.pairs is not None:
            off = off.view(len(c), t.targets, 3).sum(2)
            more = self.pairs[ids] * off[: len(ids)]
            off = torch.cat([off[: len(ids)] + more, off[len(ids) :]])
        off = off.sum(1)
        size = t.motion_size * t.targets**0.5  # a mean over the targets, of a sum over columns
        terms.add("skin", lambda: off.mean() / size**2)
        rest = t.rest_size
        if self._principal and nets.columns < 3 * t.targets:  # what the neutral is off, many small ones are
            rest = min(rest, (rest * t.motion_size) ** 0.5)
        terms.add("neutral", lambda: losses.position(skin / rest, neutral / rest))
        with torch.no_grad():
            miss: Tensor = off + (skin - neutral).square().sum(1)
            return miss / t.motion_size**2

    @torch.no_grad()
    def errors_mm(self) -> tuple[Tensor, Tensor]:
        """Distance of the networks' skin from the shapes, mm: of every vertex, mean over the shapes (V,); of
        every shape, mean over the vertices (T,)."""
        self._take_up_skin()
        t, nets = self.tables, self.whole
        vertices, targets = [], torch.zeros(t.targets, device=t.c.device)
        for part in pieces(self.problem, len(t.c)):
            skin, columns = nets.surface(t.c[part])
            basis = columns.view(len(skin), t.targets, 3)
            posed = nets.pose(skin, nets.weight(t.c[part]), basis, self.jaw, t.matrix)
            miss = posed - normalised_shapes(self.problem, part, self.device)
            apart = miss.norm(dim=2) * self.problem.mm
            vertices.append(apart.mean(1))
            targets += apart.sum(0)
        if self.step < self.skinning_first:
            self._leave_skin()  # K is not at its end yet
        return torch.cat(vertices), targets / len(t.c)

    def mean_error_mm(self) -> float:
        """Mean distance of the networks' skin from every shape, over all vertices, mm."""
        return float(self.errors_mm()[0].mean())

    def _stalled(self, error: float, loss: float) -> bool:
        """A plateau is judged against the linear solution of the same data, at a third of the schedule and at
        its end, by the best of the last looks: half-way a step now and then is off by much, for a while."""
        if not math.isfinite(loss) or not math.isfinite(error):
            return True
        done = self.step - self.skinning_first
        before, now = (done - self.config.check_every) / self.config.skin_steps, done / self.config.skin_steps
        looks = [look["error_mm"] for look in self.curve[-LAST:]]
        best = min(look for look in looks if math.isfinite(look))
        return any(before < at <= now for at in LOOK) and best > PLATEAU * self.reference_mm

    def _restart(self, progress: Progress, error: float) -> None:
        if self.restarts >= self.config.restarts:
            progress.note(
                f"The networks are on a plateau at {error:.3f} mm (linear solution "
                f"{self.reference_mm:.3f} mm) "
                f"after {self.restarts} restart(s). "
                "Look at the report before using this model; try another seed or --rate.",
                warning=True,
            )
            return
        self.restarts += 1
        self.rate *= 0.5
        e = self.config.network("expression")
        self.config = replace(
            self.config, expression=NetworkSize(e.width, e.depth, e.low * 0.7, e.high * 0.7)
        )
        progress.note(
            f"Plateau at {error:.3f} mm in step {self.step}: beginning again at rate {self.rate:g}, "
            "frequencies x 0.7.",
            warning=True,
        )
        self._beside.join()
        self.step = 0
        self._begin(self.config)

    def state(self) -> dict[str, Any]:
        """All of it as tensors and plain values, for torch.save."""
        self._beside.join()
        return {
            "config": self.config.to_json(),
            "step": self.step,
            "shown": self.shown[0],
            "restarts": self.restarts,
            "rate": self.rate,
            "curve": self.curve,
            "networks": self.networks.state_dict(),
            "jaw": self.jaw.state_dict(),
            "tissue": {} if self.tissue is None else self.tissue.state(),
            "hardness": self.hardness,
            "pairs": self.pairs,
            "reference_mm": self.reference_mm,
        } | self.learner.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state` was taken; the problem must be the same. Raises what torch raises
        for another's, and ValueError."""
        self.restarts, self.rate, self.step = int(state["restarts"]), float(state["rate"]), int(state["step"])
        self.curve = list(state["curve"])
        if not (0 <= self.step <= self.total and 0 < self.rate < 1 and self.restarts >= 0):
            raise ValueError(f"step {self.step} of {self.total} at rate {self.rate:g}")
        self.networks.load_state_dict(state["networks"])
        self.jaw.load_state_dict(state["jaw"])
        self.learner.restore(state)
        if self.tissue is not None:
            self.tissue.restore(state["tissue"])
        if state["hardness"].shape != self.hardness.shape:
            shape = tuple(state["hardness"].shape)
            raise ValueError(f"{len(self.hardness)} vertices, and a sampling table of shape {shape}")
        self.hardness = state["hardness"].float()
        pairs = state["pairs"]
        if pairs is not None:
            if pairs.shape != (len(self.hardness), self.tables.targets):
                raise ValueError(f"pairs of vertex and target of shape {tuple(pairs.shape)}")
            self.pairs = pairs.float().to(self.device)
