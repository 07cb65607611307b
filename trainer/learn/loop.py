"""Training, top to bottom: draw points, weigh the losses, step, look, restart what stalls, save, stop when
asked."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from aim_maya.core.errors import Cancelled
from aim_maya.core.progress import Progress
from aim_maya.core.training_options import NetworkSize, TrainConfig

from . import losses
from .fields import bring_inside
from .model import FaceNetworks, JawPoses, networks_for
from .problem import LABELS, Problem, TrainingTables, make_tables, normalised_shapes, pieces
from .solvers import Adam, Muon, count_the_worst, principal_columns, solve_columns, with_best_last

# times the linear solution's error: a network that is still above this at a third of its steps has stalled
PLATEAU = 4.0
ADAM = 2.0  # times the rate: the first and the last layers, where all terms are plain regressions
SKIN_MUON = 0.6  # times the rate: the hidden layers of the skin, whose last layer is solved
START, UNTIL = 0.5, 0.6  # of its points a step takes at first, in so much of a schedule: they do as well
SOLVE = 50  # steps from one solution of the last layer to the next
MOST = 8.0  # times the mean
LOOK = (0.35, 1.0)  # where in the schedule to judge


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
        nets = self.networks.nets
        matrices = [w for net in nets.values() for w in net.matrices()]  # type: ignore[operator]
        taken = {id(w) for w in matrices}
        others = [
            p
            for p in [*self.networks.parameters(), *self.jaw.parameters()]
            if p.requires_grad and id(p) not in taken
        ]
        self.optimisers: list[torch.optim.Optimizer] = [
            Adam(others, lr=self.rate, betas=(0.9, 0.99), fused=True)
        ]
        if matrices:  # Muon on the square matrices reaches in a third of the time what Adam alone does
            self.optimisers.append(Muon(matrices, lr=self.rate))
        self.generator = torch.Generator().manual_seed(config.seed + 1000 * self.restarts)
        self.hardness = torch.ones(len(t.c))

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
        steps = self.total
        progress.stage("train", steps, self.step)
        try:
            while self.step < steps:
                if self.step == self.anatomy_first:
                    self._settle_anatomy(progress, steps)
                loss = self._one_step()
                self.step += 1
                if self.step <= self.anatomy_first:
                    progress.step(
                        self.step,
                        steps,
                        **({"loss": loss} if self.step % self.config.check_every == 0 else {}),
                    )
                elif self.step % self.config.check_every == 0 or self.step == steps:
                    vertices, targets = self.errors_mm()
                    error = float(vertices.mean())
                    seen(vertices, targets)
                    self.curve.append({"step": self.step, "loss": loss, "error_mm": error})
                    progress.step(self.step, steps, loss=loss, error_mm=error)
                    if self._stalled(error, loss):
                        self._restart(progress, error)
                    elif self.step % (5 * self.config.check_every) == 0:
                        save()
                else:
                    progress.step(self.step, steps)
            self._finish(progress)
        finally:
            save()

    def learn_anatomy(self, progress: Progress, stage: str) -> None:
        """The first phase alone: D, N and K. Raises Cancelled."""
        progress.stage(stage, self.anatomy_first)
        while self.step < self.anatomy_first:
            loss = self._one_step()
            self.step += 1
            progress.step(
                self.step,
                self.anatomy_first,
                **({"loss": loss} if self.step % self.config.check_every == 0 else {}),
            )
        self._settle_anatomy(progress, self.anatomy_first)

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
        self._set_rate()
        if self.step >= self.anatomy_first:
            self._take_up_skin()
            if self._principal and (self.step - self.anatomy_first) % SOLVE == 0:
                solve_columns(self.tables, self.networks, self._density())
        terms, miss = losses.Terms(self.config.weights), None
        anatomy = losses.AnatomyTerms(terms, self.tables, self.networks, self._draw_of)
        batch = int(self._share() * self.config.batch)
        if self.step < self.anatomy_first:
            anatomy.dense(*self._draw(batch // 2, 0, int(batch * self.config.face_share))[:2])
            anatomy.sparse()
        else:
            hard, inside = int(batch * self.config.hard_share), int(batch * self.config.face_share)
            c, rows, ids = self._draw(batch, hard, inside)
            miss = self._skin_terms(terms, c, rows)
            if not self.networks.anatomy_alone:
                anatomy.sparse()
        loss = terms.total()
        if loss is None:  # every term of this phase is left out
            return 0.0
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)  # a network without a gradient keeps still
        loss.backward()
        for optimiser in self.optimisers:
            optimiser.step()
        if miss is not None:
            self.hardness[ids] = 0.7 * self.hardness[ids] + 0.3 * miss[: len(ids)].cpu().clamp_min(1e-10)
        return float(loss.detach())

    def _settle_anatomy(self, progress: Progress, steps: int) -> None:
        """Between the phases: what bone points are still outside the skin are brought in. Stopped half-way,
        nothing has been done."""
        if not self._brings_inside:
            return
        before = copy.deepcopy(self.networks.state_dict())
        try:
            bring_inside(self.problem, self.networks, self.tables, lambda: progress.step(self.step, steps))
        except Cancelled:
            self.networks.load_state_dict(before)
            raise

    def _finish(self, progress: Progress) -> None:
        """At the end: the worst pairs of vertex and target count more in the last layer, and bone points are
        brought inside below the skin as the networks place it, a hair beside the neutral. Stopped half-way,
        it begins anew from the checkpoint, which knows nothing of it."""
        if not self._principal:
            return
        self._take_up_skin()
        if self._mixing is None:
            count_the_worst(self.tables, self.whole, self._density())
        if not self._brings_inside:
            return
        progress.stage("bones inside")

        def look() -> None:
            if progress.cancelled():
                raise Cancelled("stopped while bones were brought inside")

        try:
            bring_inside(self.problem, self.whole, self.tables, look, placed=True)
        except BaseException:  # an interrupt, too
            self._solved = None
            raise

    @property
    def _brings_inside(self) -> bool:
        told = bool(self.config.weights.inside) and len(self.tables.anchors) > 0
        return self.networks.anatomy_alone and told

    @property
    def anatomy_first(self) -> int:
        """Steps given to D, N and K alone before the skin begins; none in a form where all five learn
        together."""
        return self.config.anatomy_steps if self.networks.anatomy_alone else 0

    @property
    def total(self) -> int:
        """Steps of the whole schedule."""
        return self.anatomy_first + self.config.skin_steps

    def _share(self) -> float:
        """Of the points a step: fewer at first, when any of them tell the way."""
        done = self.step - self.anatomy_first
        return START if self._principal and 0 <= done < UNTIL * self.config.skin_steps else 1.0

    def _set_rate(self) -> None:
        """In each phase: warm up over 100 steps, then a cosine down to a hundredth. Adam goes faster than
        Muon, but where jaw and skin learn from each other."""
        first = self.anatomy_first
        at, of = (self.step, first) if self.step < first else (self.step - first, self.config.skin_steps)
        rate = self.rate * min(1.0, (at + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * at / of)))
        adam, muon = (
            (ADAM, 1.0) if self.step < first else (ADAM, SKIN_MUON) if self._principal else (1.0, 1.0)
        )
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * (muon if isinstance(optimiser, Muon) else adam)

    def _draw(self, count: int, hard: int, inside: int) -> tuple[Tensor, Tensor, Tensor]:
        """Template points and rows of one batch: vertices evenly, `hard` vertices by their error so far,
        points inside faces; and the vertices."""
        t, g = self.tables, self.generator
        inside = min(inside, count - hard)
        ids = torch.randint(len(t.c), (count - hard - inside,), generator=g)
        if hard:
            by_error = torch.multinomial(self._drawn_for_error(), hard, replacement=True, generator=g)
            ids = torch.cat([ids, by_error])
        faces = torch.randint(len(t.corners), (inside,), generator=g).to(self.device)
        shares = -torch.log(torch.rand(inside, t.corners.shape[1], generator=g).clamp_min(1e-12)).to(
            self.device
        )
        on_device = ids.to(self.device)
        face_c, face_rows = t.face_points(faces, shares)
        return torch.cat([t.c[on_device], face_c]), torch.cat([t.rows[on_device], face_rows]), ids

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

    def _skin_terms(self, terms: losses.Terms, c: Tensor, rows: Tensor) -> Tensor:
        """L_S in every shape and for the neutral. Returns how far each point misses (P,), in units of the
        motion's size."""
        t, nets = self.tables, self.networks
        neutral, truth = t.unpack(rows)[:2]
        skin, learned = nets.surface(c)
        if not self._principal:
            basis = learned.view(len(c), t.targets, 3)
            start = nets.rest_to_learn(skin, nets.weight(c), neutral)
            learned = nets.pose(*start, basis, self.jaw, t.matrix).flatten(1)
        size = t.motion_size * t.targets**0.5  # a mean over the targets, of a sum over columns
        terms.add("skin", lambda: losses.position(learned / size, truth / size))
        rest = t.rest_size
        if self._principal and nets.columns < 3 * t.targets:  # what the neutral is off, many small ones are
            rest = min(rest, (rest * t.motion_size) ** 0.5)
        terms.add("neutral", lambda: losses.position(skin / rest, neutral / rest))
        with torch.no_grad():
            miss: Tensor = (learned - truth).square().sum(1) + (skin - neutral).square().sum(1)
            return miss / t.motion_size**2

    def _draw_of(self, rows: int, count: int) -> Tensor:
        """(count,) places among so many rows."""
        return torch.randint(rows, (count,), generator=self.generator).to(self.device)

    @torch.no_grad()
    def errors_mm(self) -> tuple[Tensor, Tensor]:
        """Distance of the networks' skin from the shapes, mm: of every vertex, mean over the shapes (V,); of
        every shape, mean over the vertices (T,)."""
        self._take_up_skin()
        t, nets = self.tables, self.whole
        vertices, targets = [], torch.zeros(t.targets, device=t.c.device)
        for part in pieces(self.problem, len(t.c)):
            f = nets.fields(t.c[part])
            posed = nets.pose(f.skin, f.weight, f.basis, self.jaw, t.matrix)
            miss = posed - normalised_shapes(self.problem, part, self.device)
            apart = miss.norm(dim=2) * self.problem.mm
            vertices.append(apart.mean(1))
            targets += apart.sum(0)
        if self.step < self.anatomy_first:
            self._leave_skin()  # K is not at its end yet
        return torch.cat(vertices), targets / len(t.c)

    def mean_error_mm(self) -> float:
        """Mean distance of the networks' skin from every shape, over all vertices, mm."""
        return float(self.errors_mm()[0].mean())

    def _stalled(self, error: float, loss: float) -> bool:
        """A plateau is judged against the linear solution of the same data, at a third of the schedule and at
        its end."""
        if not math.isfinite(loss) or not math.isfinite(error):
            return True
        done = self.step - self.anatomy_first
        before, now = (done - self.config.check_every) / self.config.skin_steps, done / self.config.skin_steps
        return any(before < at <= now for at in LOOK) and error > PLATEAU * self.reference_mm

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
        self.step = 0
        self._begin(self.config)

    def state(self) -> dict[str, Any]:
        """All of it as tensors and plain values, for torch.save."""
        return {
            "config": self.config.to_json(),
            "step": self.step,
            "restarts": self.restarts,
            "rate": self.rate,
            "curve": self.curve,
            "networks": self.networks.state_dict(),
            "jaw": self.jaw.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "random": self.generator.get_state(),
            "hardness": self.hardness,
            "reference_mm": self.reference_mm,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state` was taken; the problem must be the same. Raises what torch raises
        for another's, and ValueError."""
        self.restarts, self.rate, self.step = int(state["restarts"]), float(state["rate"]), int(state["step"])
        self.curve = list(state["curve"])
        if not (0 <= self.step <= self.total and 0 < self.rate < 1 and self.restarts >= 0):
            raise ValueError(f"step {self.step} of {self.total} at rate {self.rate:g}")
        self.networks.load_state_dict(state["networks"])
        self.jaw.load_state_dict(state["jaw"])
        if len(state["optimisers"]) != len(self.optimisers):
            raise ValueError(f"{len(state['optimisers'])} optimisers, not {len(self.optimisers)}")
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
            for parameter, kept in optimiser.state.items():
                if any(
                    value.ndim and value.shape != parameter.shape
                    for value in kept.values()
                    if isinstance(value, Tensor)
                ):
                    raise ValueError("the optimiser's state is of other networks")
        self.generator.set_state(state["random"])
        if state["hardness"].shape != self.hardness.shape:
            shape = tuple(state["hardness"].shape)
            raise ValueError(f"{len(self.hardness)} vertices, and a sampling table of shape {shape}")
        self.hardness = state["hardness"].float()
