"""One neural fit, as published: frames drawn at random from disk; small networks give head, jaw and
coefficients.

    |x - x*|^2 + 0.75 |w|^2 + 0.05 |w_j - w_(j+1)|^2,        x = H LBS(rest + sum_i w_i(c) e'_i, T, k)

Every term is a mean: over points and frames, in square millimetres, and over coefficients (no unit).
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aim_maya import __version__
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.fingerprint import fingerprint
from aim_maya.core.progress import Progress
from trainer.fit.equations import complete
from trainer.fit.options import FitOptions, NeuralOptions
from trainer.fit.scans import Frames
from trainer.learn.optimisers import Adam, Muon

from .networks import CoefficientNetwork, MotionNetwork, NeuralFace, chained

# What was seen of a take, at random: frames of points on disk, so that memory does not grow with the length.


@dataclass(frozen=True, eq=False)
class Recording:
    """points (F, P, 3) float32, model unit, object space, all NaN where a coordinate is missing, at vertices
    (P,) of the model; confidence (P,).

    counts (F,): points that are seen and trusted. anywhere (P,): in some frame. fingerprint: of all points,
    to tell another take by.
    """

    points: Floats
    vertices: Ints
    confidence: Floats
    counts: Ints
    anywhere: NDArray[np.bool_]
    fingerprint: str

    @property
    def seen(self) -> Ints:
        """The frames in which something was seen, in order."""
        return np.flatnonzero(self.counts)

    def at(self, frames: Ints, columns: Ints) -> Floats:
        """(B, N, 3) points of some frames, at vertices[columns]."""
        return np.stack([self.points[frame][columns] for frame in frames])


def record(scans: Frames, confidence: Floats, folder: Path | None = None) -> Recording:
    """Look through the scans once, and keep them in a file without a name in `folder`. confidence (P,).

    Raises AimError for frames of another mesh, or nothing seen at all.
    """
    frames, counts, size = list[str](), list[int](), len(scans.vertices)
    anywhere = np.zeros(size, bool)
    with tempfile.TemporaryFile(dir=folder) as file:
        for frame in scans:
            points = frame.astype(np.float32, order="C")
            seen = complete(points) & (confidence > 0)
            points[~seen] = np.nan
            counts.append(int(seen.sum()))
            anywhere |= seen
            frames.append(fingerprint(points))
            file.write(points.tobytes())
        if not any(counts):
            raise AimError(
                f"No point was seen in any of {len(counts)} frames.",
                "All of them are NaN, or have no confidence.",
                "Look at the scans, and at --confidence.",
            )
        file.flush()
        stored = np.memmap(file, np.float32, "r", shape=(len(counts), size, 3))
    return Recording(stored, scans.vertices, confidence, np.array(counts), anywhere, fingerprint(frames))


# One neural fit, as published: small networks give head, jaw and coefficients; their weights and a code a
# frame are learned.

_WINDOW_BY_WINDOW = 0.7  # of the schedule


class OtherTerm(Protocol):
    """A further loss, such as 2D landmarks through a camera."""

    def __call__(self, frames: Ints, points: Callable[[Tensor], Tensor]) -> Tensor:
        """The weighted term, a scalar, of frames (B,) by number. points: vertex ids (P,) -> (B, P, 3) mm from
        the model's centre, differentiable."""


class Motion(NamedTuple):
    """Rigid motions (B, 3, 4) about the model's centre, mm. asked: the jaw that the coefficients ask for."""

    head: Tensor
    jaw: Tensor
    asked: Tensor


class NeuralFit:
    """State of one fit: networks, codes, optimisers, step.

    Of `options` the jaw and the head are looked at.
    """

    def __init__(
        self,
        face: NeuralFace,
        recording: Recording,
        options: FitOptions,
        neural: NeuralOptions,
        terms: Sequence[OtherTerm] = (),
    ) -> None:
        self.face, self.recording, self.options, self.neural, self.terms = (
            face,
            recording,
            options,
            neural,
            terms,
        )
        self.device, self.step, self.total = face.rest.device, 0, neural.total(len(recording.seen))
        draw, targets = torch.Generator().manual_seed(neural.seed), face.basis.shape[1]
        self.coefficients = CoefficientNetwork(
            neural.code_size, targets, neural.width, neural.activation, draw
        ).to(self.device)
        self.motions = MotionNetwork(neural.code_size, max(neural.width // 2, 8), neural.activation, draw).to(
            self.device
        )
        codes = 0.1 * torch.randn(len(recording.counts), neural.code_size, generator=draw)
        self.codes = torch.nn.Parameter(codes.to(self.device))
        self.start = self._start()
        self.optimisers = self._optimisers()
        self.random = np.random.default_rng(neural.seed)
        where = np.where(recording.anywhere, face.draw[recording.vertices], 0.0)
        self._chance, self._complete = where / where.sum(), np.count_nonzero(where) == len(face.rest)

    def _start(self) -> Tensor:
        """(F, 3, 4) where the head of every frame is to begin with."""
        if self.options.head == "still":
            return torch.eye(4, device=self.device)[:3].repeat(len(self.codes), 1, 1)
        placed = [
            self.face.placed(self.face.to_mm(points), self.recording.vertices)
            for points in self.recording.points
        ]
        return torch.tensor(np.array(placed), dtype=torch.float32, device=self.device)

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        networks = [*self.coefficients.parameters(), *self.motions.parameters()]
        matrices = [*self.coefficients.hidden.matrices(), *self.motions.hidden.matrices()]
        taken = {id(m) for m in matrices}
        groups = [
            {"params": [p for p in networks if id(p) not in taken], "share": 1.0},
            {"params": [self.codes], "share": self.neural.code_rate},
        ]
        made: list[torch.optim.Optimizer] = [
            Adam(groups, lr=self.neural.rate, betas=(0.9, 0.99)),
            Muon(matrices, lr=self.neural.rate),
        ]
        return made

    def run(self, progress: Progress, save: Callable[[], None]) -> None:
        """Learn to the end of the schedule. Raises Cancelled (after saving) when the progress says so."""
        progress.stage("fit", self.total, self.step)
        misses: list[float] = []
        try:
            while self.step < self.total:
                loss, miss = self._one_step()
                misses.append(miss)
                self.step += 1
                if self.step % self.neural.check_every == 0 or self.step == self.total:
                    progress.step(self.step, self.total, loss=loss, error_mm=float(np.mean(misses)))
                    misses.clear()
                    if self.step % (5 * self.neural.check_every) == 0:
                        save()
                else:
                    progress.step(self.step, self.total)
        finally:
            save()

    def _one_step(self) -> tuple[float, float]:
        """One step of all optimisers; the loss and the mean miss of the points drawn, mm."""
        self._set_rate()
        frames, columns = self._frames(), self._columns()
        vertices = torch.from_numpy(self.recording.vertices[columns]).to(self.device)
        found = torch.from_numpy(self.face.to_mm(self.recording.at(frames, columns))).to(self.device)
        seen = ~torch.isnan(found[..., 0])
        sure = seen * torch.from_numpy(self.recording.confidence[columns]).float().to(self.device)
        points, w = self.predict(frames, vertices)
        off = torch.where(seen[..., None], points - found, 0.0).square().sum(-1)
        loss = (off * sure).sum() / sure.sum().clamp_min(1e-9) + self._price(frames, w)
        for term in self.terms:
            loss = loss + term(frames, lambda vertices: self.predict(frames, vertices)[0])
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for optimiser in self.optimisers:
            optimiser.step()
        return float(loss.detach()), float(off.detach().sqrt().sum() / seen.sum().clamp_min(1))

    def _price(self, frames: Ints, w: Tensor) -> Tensor:
        """What coefficients (B, P, T), their change between the two frames of every pair, and a jaw of its
        own cost."""
        everywhere = w if self._complete else self._everywhere(frames)
        pairs = w.view(-1, 2, *w.shape[1:])
        price = (
            self.neural.weight_l2 * everywhere.square().mean()
            + self.neural.weight_smooth * (pairs[:, 1] - pairs[:, 0]).square().mean()
        )
        if self.options.jaw == "free" and self.neural.weight_jaw:
            motion = self.motion(frames)
            price = price + self.neural.weight_jaw * self.face.apart(motion.jaw, motion.asked)
        return price

    def predict(self, frames: Ints, ids: Tensor) -> tuple[Tensor, Tensor]:
        """(B, P, 3) mm from the centre and coefficients (B, P, T) of frames by number, at vertices ids
        (P,).
        """
        w = self.coefficients(self.codes[frames], self.face.template[ids])
        motion = self.motion(frames)
        return self.face.points(ids, w, motion.jaw, motion.head), w

    def motion(self, frames: Ints) -> Motion:
        """Head and jaw of frames by number.

        F_T's head comes before where the frame was placed to begin with.
        """
        codes, face = self.codes[frames], self.face
        head, jaw = self.motions(codes)
        start = self.start[frames]
        head, jaw = start if self.options.head == "still" else chained(start, head), face.about_pivot(jaw)
        if self.options.jaw == "free" and self.neural.jaw_alone:
            return Motion(head, jaw, jaw)
        tied = face.tied_jaw(self.coefficients(codes, face.template[face.anchors]))
        return Motion(head, tied if self.options.jaw == "tied" else chained(jaw, tied), tied)

    def _everywhere(self, frames: Ints) -> Tensor:
        """Coefficients at vertices of the whole face: where nothing was seen they are to be small, too."""
        ids = self.random.integers(len(self.face.template), size=max(self.neural.points // 4, 64))
        coefficients: Tensor = self.coefficients(
            self.codes[frames], self.face.template[torch.from_numpy(ids).to(self.device)]
        )
        return coefficients

    def _columns(self) -> NDArray[np.int64]:
        """Recording points of a step, those that expressions move more often; all that were ever seen where
        they are few."""
        if np.count_nonzero(self._chance) <= self.neural.points:
            return np.flatnonzero(self._chance)
        return self.random.choice(len(self._chance), self.neural.points, p=self._chance)

    def _frames(self) -> Ints:
        """Pairs of neighbouring frames. A long take is taken in window by window, half of each draw from what
        was learned before; at the end all alike."""
        seen, pairs = self.recording.seen, self.neural.frames // 2
        windows = -(-len(seen) // self.neural.window)
        at = self._window(self.step, windows)
        if 0 < at < windows and self._window(self.step - 1, windows) < at:
            self._begin_window(seen[at * self.neural.window :], seen[at * self.neural.window - 1])
        first, last = (
            (at * self.neural.window, min((at + 1) * self.neural.window, len(seen)))
            if at < windows
            else (0, len(seen))
        )
        new = self.random.integers(first, max(last - 1, first + 1), size=pairs)
        if 0 < at < windows:
            new[: pairs // 2] = self.random.integers(0, first, size=pairs // 2)
        return seen[np.minimum(np.stack([new, new + 1], axis=1), len(seen) - 1).ravel()]

    def _window(self, step: int, windows: int) -> int:
        """The window that a step learns; `windows` in the last part of the schedule, which learns all."""
        return min(int(step / (_WINDOW_BY_WINDOW * self.total) * windows), windows)

    @torch.no_grad()
    def _begin_window(self, frames: Ints, before: int) -> None:
        self.codes[frames] = self.codes[before].clone()

    def _set_rate(self) -> None:
        rate = (
            self.neural.rate
            * min(1.0, (self.step + 1) / 50)
            * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.step / self.total)))
        )
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group.get("share", 1.0)

    @property
    def inputs(self) -> str:
        """The fingerprint of what is fitted, with which options."""
        return fingerprint(__version__, self.recording.fingerprint, self.options, self.neural)

    def state(self) -> dict[str, Any]:
        """All of it as tensors and plain values, for torch.save."""
        return {
            "neural_fit": self.inputs,
            "step": self.step,
            "codes": self.codes.detach(),
            "coefficients": self.coefficients.state_dict(),
            "motions": self.motions.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "random": self.random.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state` was taken. Raises AimError when that was another fit."""
        if state.get("neural_fit") != self.inputs:
            raise AimError(
                "The checkpoint belongs to something else.",
                "It is a training's, or of a fit to other frames or with other options.",
                "Fit without --resume.",
            )
        self.step = state["step"]
        with torch.no_grad():
            self.codes.copy_(state["codes"])
        self.coefficients.load_state_dict(state["coefficients"])
        self.motions.load_state_dict(state["motions"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.random.bit_generator.state = state["random"]
