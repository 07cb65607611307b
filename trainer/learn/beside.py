"""Who learns when: K, then the skin; and D and N beside them, so that both sides are busy. Nothing that
either side learns depends on how the two take turns."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import torch

from aim_maya.core.progress import Progress
from aim_maya.core.training_options import WIDTH, TrainConfig

from .fields import TissueLearner
from .model import FaceNetworks

# of its points a step takes at first, in so much of a schedule: they do as well, while there are so many for
# each of E's features, of which WIDTH has three; of fewer a wider E learns little more than their noise
START, UNTIL = 0.5, 0.6
FEWER, MORE = 5, 2  # K learns in so many times fewer steps than D and N, of so many times the skin's points
CHUNK = 10  # steps in which D and N are given a share of theirs
ASIDE = 1.1  # of a step's time: solutions and looks at the errors besides
FASTER = 1.4  # on twice the cores


@dataclass(frozen=True)
class Schedule:
    """Of K's and the skin's steps, and of those of D and N beside them: how many, of how many points, and how
    much of the time each takes. tissue: None where all learn together; principal: the jaw is known, and
    principal columns are learned."""

    config: TrainConfig
    networks: FaceNetworks
    tissue: TissueLearner | None
    principal: bool

    @property
    def skinning_first(self) -> int:
        """Steps given to K alone before the skin begins, while D and N begin, too; none in a form where all
        learn together."""
        return 0 if self.tissue is None else math.ceil(self.config.anatomy_steps / FEWER)

    @property
    def total(self) -> int:
        """Steps of K and then of the skin; those of D and N are beside them."""
        return self.skinning_first + self.config.skin_steps

    def points(self, done: int) -> int:
        """Of the skin's step after so many."""
        early = self.principal and done < UNTIL * self.config.skin_steps
        return self._points[0 if early else 1]

    @property
    def _points(self) -> tuple[int, int]:
        """Points of a step of the skin, at first and later."""
        first = START * max(1.0, self.config.network("expression").width / WIDTH)
        return int(first * self.config.batch), int(max(first, 1.0) * self.config.batch)

    def spent(self, step: int) -> float:
        """What K's and the skin's steps up to a number cost, in the unit of Siren.effort."""
        effort, batch = self.networks.effort, self.config.batch
        alone = min(step, self.skinning_first) * effort("skinning", MORE * batch)
        done = max(step - self.skinning_first, 0)
        few = min(done, math.ceil(UNTIL * self.config.skin_steps)) if self.principal else 0
        first, whole = (effort("expression", points) for points in self._points)
        return ASIDE * (alone + few * first + (done - few) * whole)

    @property
    def window(self) -> float:
        """How much the others have cost when D and N are to be inside: as much as they, at the most all."""
        assert self.tissue is not None
        return min(self.tissue.work * self.tissue.effort, self.spent(self.total - 1))

    def due(self, step: int) -> int:
        """How many steps D and N have when K and the skin have so many."""
        assert self.tissue is not None
        part = self.spent(step) / max(self.window, 1e-9)
        return min(self.tissue.steps, math.ceil(self.tissue.work * part))

    def shown(self, step: int) -> tuple[int, int]:
        """Steps done and steps in all, for people: those of D and N and of the skin, which are by turns
        together and alone, counted evenly over the time that they take."""
        if self.tissue is None:
            return step, self.total
        steps = self.tissue.steps + self.config.skin_steps
        return int(steps * (self._time(step) / self._time(self.total))), steps

    def _time(self, step: int) -> float:
        """Until a step: with all cores the skin is this much faster."""
        spent, window = self.spent(step), self.window
        return min(spent, window) + max(spent - window, 0.0) / FASTER


class Beside:
    """A thread for what nothing else waits for, and half of the cores for either side while it is there. On
    one core, and beside a GPU, all is done in turn."""

    def __init__(self, alone: bool) -> None:
        self._cores = torch.get_num_threads()
        own = self._cores // 2
        self._pool = None
        if not alone and own:
            self._pool = ThreadPoolExecutor(1, "aim-tissue", torch.set_num_threads, (own,))
        self._job: Future[Any] | None = None

    def share(self, halved: bool) -> None:
        """Half of the cores for this side, or all."""
        if self._pool is not None:
            torch.set_num_threads(self._cores - self._cores // 2 * halved)

    @property
    def busy(self) -> bool:
        """Whether a job is not done."""
        return self._job is not None and not self._job.done()

    def do(self, job: Callable[[], Any]) -> None:
        """Begin a job, once the one before is done."""
        self.join()
        if self._pool is None:
            job()
        else:
            self._job = self._pool.submit(job)

    def join(self) -> None:
        """Wait for the job's end. Raises what it raised."""
        if self._job is not None:
            wait([self._job])
            job, self._job = self._job, None
            job.result()

    def close(self) -> None:
        """Wait, and give the cores back."""
        if self._pool is not None:
            self._pool.shutdown()
        self.share(False)

    def give_share(self, schedule: Schedule, step: int, progress: Progress) -> None:
        """D and N take so many of their steps beside so many of K's and the skin's that both sides are busy;
        then what is outside is brought in; then the skin has all cores. Called before each step; raises
        Cancelled."""
        tissue = schedule.tissue
        if tissue is None:
            return
        spent, window = schedule.spent(step), schedule.window
        self.share(halved=spent < window)
        if spent >= window:
            self.end(schedule, step, progress)
        elif step % CHUNK == 0 and not (self.busy and schedule.due(step) == tissue.steps):
            self.join()
            until = schedule.due(step + CHUNK)
            if tissue.step < until:
                self.do(lambda: tissue.learn(until))
            elif tissue.step == tissue.steps and not tissue.ended:
                self.do(lambda: tissue.settle(progress.cancelled))

    def end(self, schedule: Schedule, step: int, progress: Progress) -> None:
        """Wait until D and N have all of their steps and are inside. Raises Cancelled."""
        tissue = schedule.tissue
        self.join()
        while tissue is not None and not tissue.ended:
            self.do(lambda: tissue.learn(tissue.steps))
            self.do(lambda: tissue.settle(progress.cancelled))
            self.join()
            progress.step(*schedule.shown(step))
