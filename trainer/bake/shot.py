"""A shot: a model, what it shows at every sampled frame, what moves with the skin, and what a baked file
says it was made from."""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from fractions import Fraction
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aim_maya import __version__
from aim_maya.core.arrays import Floats
from aim_maya.core.curves import FrameRange
from aim_maya.core.errors import AimError
from aim_maya.core.fingerprint import fingerprint
from aim_maya.core.mesh import Mesh
from aim_maya.core.obj import read_obj
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel
from aim_maya.runtime.native_rig import RigidPart

from .take import ShotFrames

# A shot: a model, what it shows at every sampled frame, and what moves with the skin. Frames are made one at
# a time.

_WORTH_A_WORKER = 64  # frames


@dataclass(frozen=True)
class Frame:
    """index: its place in the shot; number: the frame's number (sub-frames are fractions); points (V, 3)
    float32 of the skin, box (2, 3) their lowest and highest corner.
    """

    index: int

    number: Fraction
    points: Floats
    box: Floats


@dataclass(frozen=True)
class Provenance:
    """What a baked file says it was made from. source: fingerprint of model, curves and options;
    fingerprint: of these and the range first, last, step."""

    source: str
    fingerprint: str
    first: float
    last: float
    step: float

    def to_dict(self) -> dict[str, Any]:
        """As it is stored in a cache."""
        return {
            "source": self.source,
            "fingerprint": self.fingerprint,
            "first": self.first,
            "last": self.last,
            "step": self.step,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Provenance | None:
        """From what is stored, or None when it is not all there."""
        try:
            return cls(
                str(stored["source"]),
                str(stored["fingerprint"]),
                *(float(stored[name]) for name in ("first", "last", "step")),
            )
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True)
class Shot:
    """source: what is shown at frame numbers (F,), times (F,) seconds; fps: frames a second of the numbers,
    exact."""

    name: str
    model: FaceModel
    source: ShotFrames
    numbers: list[Fraction]
    times: Floats
    fps: Fraction
    step: Fraction
    provenance: Provenance
    detail: bool = True
    parts: tuple[RigidPart, ...] = ()
    material: str = "skin"
    normals: bool = False
    progress: Progress = field(default_factory=lambda: Progress("none"))

    @contextlib.contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        """Every sampled frame, in order, reported to the progress; each is valid until the next is asked for.

        Where a worker process evaluates them, it begins on entering, while the caller prepares to write.
        """
        count = len(self.numbers)
        if count >= _WORTH_A_WORKER and self.source.on_numpy and can_use_worker():
            with worker_frames(self._evaluated, count, 3 * len(self.model.mesh.points) + 6) as made:
                yield self._reported(made)
        else:
            yield self._reported(self._evaluated(i) for i in range(count))

    def _reported(self, made: Iterable[Floats]) -> Iterator[Frame]:
        for i, flat in enumerate(made):
            yield Frame(i, self.numbers[i], flat[:-6].reshape(-1, 3), flat[-6:].reshape(2, 3))
            self.progress.step(i + 1, len(self.numbers), frame=float(self.numbers[i]))

    def moves(self, part: RigidPart) -> bool:
        """Whether a part is not in the same place in every frame."""
        return part.follows == "jaw" or self.source.moves_head

    def motion(self, part: RigidPart, i: int) -> Floats:
        """(4, 4) float64 motion of a part at frame i: the head's, or that of the jaw on it."""
        head = self.source.head(i)
        return head @ self.source.jaw(i) if part.follows == "jaw" else head

    def _evaluated(self, i: int, out: Floats | None = None) -> Floats:
        """(3V + 6,) float32, in `out` when it is given: points of frame i, then their lowest and highest
        corner."""
        points = self.source.points(i)
        flat = np.empty(points.size + 6, np.float32) if out is None else out
        flat[:-6] = points.reshape(-1)
        # numpy's min along memory takes a third of the time, this copy included
        planar = np.ascontiguousarray(points.T)
        flat[-6:-3], flat[-3:] = planar.min(1), planar.max(1)
        return flat


def moved(points: Floats, matrix: Floats) -> Floats:
    """(V, 3) float32 of points (V, 3) under p' = M p, summed in float64."""
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3], np.float32)


def number_text(number: Fraction, digits: int = 1) -> str:
    """A frame's number for a file name: at least `digits` digits, and decimals only where it is a sub-frame
    (1001.250)."""
    whole, part = divmod(abs(number), 1)
    sign = "-" if number < 0 else ""
    thousandths = round(part * 1000)
    return f"{sign}{int(whole):0{digits}d}" + (f".{thousandths:03d}" if thousandths else "")


# Fingerprints of a bake, written into its output: --resume knows a complete file by them, merging knows
# chunks of one shot.

_LAYOUT = 2  # of the files that are written: another one makes other fingerprints


def provenance(
    model: FaceModel, files: Iterable[Path], options: Mapping[str, Any], frames: FrameRange
) -> Provenance:
    """From the model's manifest, which names the hash of every member, the files' content, the options
    that shape the output, and the frame range. Raises AimError for a file that cannot be read."""
    source = fingerprint(_LAYOUT, __version__, model.manifest, list(files), options)
    first, last = frames.first, frames.numbers[-1]
    return Provenance(
        source, range_fingerprint(source, first, last), float(first), float(last), float(frames.step)
    )


def range_fingerprint(source: str, first: Fraction, last: Fraction) -> str:
    """Of the frames first to last of a source."""
    return fingerprint(source, Fraction(first), Fraction(last))


# What goes along with the skin: teeth from an actor folder, and the learned bones as two clouds of points.

TEETH: dict[str, Literal["jaw", "skull"]] = {"upper_teeth": "skull", "lower_teeth": "jaw"}


def teeth_files(actor: Path) -> list[Path]:
    """The files of an actor folder that hold teeth. Raises AimError when it has none."""
    found = [file for name in TEETH if (file := actor / f"{name}.obj").is_file()]
    if actor.is_file():
        raise AimError(
            f"{actor} is one file; teeth are read from the OBJ files of an actor folder.",
            remedy="Give a folder with lower_teeth.obj and upper_teeth.obj, or leave --actor out.",
        )
    if not found:
        raise AimError(
            f"{actor} has no upper_teeth.obj and no lower_teeth.obj.",
            "It is no actor folder, or one without teeth.",
            "Give the folder with the teeth, or leave --actor out.",
        )
    return found


def teeth(actor: Path, model: FaceModel) -> tuple[RigidPart, ...]:
    """The teeth of an actor folder in the model's unit: the upper ones are the skull's, the lower ones follow
    the jaw.

    Raises AimError for teeth outside the head: another unit, or another actor's.
    """
    parts = []
    low, high = model.mesh.points.min(0), model.mesh.points.max(0)
    for file in teeth_files(actor):
        mesh = read_obj(file)
        inside = ((mesh.points >= low) & (mesh.points <= high)).all(1).mean()
        if inside < 0.5:
            raise AimError(
                f"{file}: {100 * (1 - inside):.0f} % of its vertices lie outside the head of the model.",
                "They are in another unit or space, or belong to another actor.",
                "Export them in the neutral's space and unit.",
            )
        parts.append(RigidPart(file.stem, mesh, TEETH[file.stem], "teeth"))
    return tuple(parts)


def bones(model: FaceModel) -> tuple[RigidPart, ...]:
    """The learned bone point under every skin vertex: those of the jaw (skinning weight >= 0.5) follow it,
    the others are the skull's."""
    anatomy = model.anatomy
    of_jaw = anatomy.skinning_weight >= 0.5
    nothing = np.zeros(0, np.int32)
    clouds: tuple[tuple[str, Any, Literal["jaw", "skull"]], ...] = (
        ("skull_points", ~of_jaw, "skull"),
        ("jaw_points", of_jaw, "jaw"),
    )
    return tuple(
        RigidPart(
            name, Mesh(anatomy.bone_points[chosen].astype(np.float64), nothing, nothing), follows, "bone"
        )
        for name, chosen, follows in clouds
        if chosen.any()
    )


# Frames evaluated in a worker process while this one writes them: USD's calls keep Python's lock, so a thread
# would wait for them.

Fill = Callable[[int, Floats], object]
_BLOCK, _BLOCKS = 16, 4  # frames that are asked for at once, as many as one product sums; how many lie ready
_job: tuple[Fill, Floats, int]  # of the worker: what fills a frame, the ring of frames, their number


def can_use_worker() -> bool:
    """Whether a worker is of use and safe: Linux (macOS' BLAS does not survive a fork), and a second core for
    it.
    """
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


@contextlib.contextmanager
def worker_frames(fill: Fill, count: int, size: int) -> Iterator[Iterator[Floats]]:
    """For i = 0, 1, ... the `size` float32 that fill(i, them) wrote in a worker, which begins now. Each is
    valid until the next is asked for.

    fill must not need threads or locks of this process, of which the worker is a fork. Iterating raises
    AimError when the worker fails or is killed.
    """
    ring = np.frombuffer(mmap.mmap(-1, _BLOCK * _BLOCKS * size * 4), np.float32).reshape(-1, size)
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(1, context, _begin, (fill, ring, count))
    firsts = iter(range(0, count, _BLOCK))
    asked: deque[Future[str]] = deque()

    def ask() -> None:
        if (first := next(firsts, None)) is not None:
            with contextlib.suppress(
                BrokenProcessPool
            ):  # what lies ready is still taken, then its end is told
                asked.append(pool.submit(_fill_block, first))

    def frames() -> Iterator[Floats]:
        for first in range(0, count, _BLOCK):
            try:
                why = asked.popleft().result() if asked else "it was killed"
            except BrokenProcessPool:
                why = "it was killed"
            if why:
                raise AimError(
                    f"The process that evaluates frames stopped after frame {first} of {count}: {why}.",
                    "Memory may be short.",
                    "Try again.",
                )
            for i in range(first, min(first + _BLOCK, count)):
                yield ring[i % len(ring)]
            ask()

    try:
        for _ in range(_BLOCKS):
            ask()
        yield frames()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(fill: Fill, ring: Floats, count: int) -> None:
    """In the worker: Ctrl-C is the parent's to hear; when the parent is gone, so is the worker."""
    global _job
    _job = fill, ring, count
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _fill_block(first: int) -> str:
    """In the worker: '', or why it failed."""
    fill, ring, count = _job
    try:
        for i in range(first, min(first + _BLOCK, count)):
            fill(i, ring[i % len(ring)])
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent raises it
        return str(error)[:400] or type(error).__name__
    return ""
