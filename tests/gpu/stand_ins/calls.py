"""What the stand-ins wrote down: calls in order, each with its thread."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

# calls that the host waits in
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
_KERNELS = re.compile(r"launch|product|cudaMemsetAsync|cublas[SDCZ](?!et|estroy|reate)[a-z]")
ALLOCATIONS = ("cudaMalloc", "cudaMallocAsync", "cudaHostAlloc", "cudaMallocHost")


@dataclass(frozen=True)
class Call:
    """thread: its number; rest: what else the line says."""

    thread: int
    name: str
    rest: str

    @property
    def short(self) -> str:
        """The name, with a copy's direction."""
        return f"{self.name} {self.rest.split()[0]}" if self.name.startswith("cudaMemcpy") else self.name


Calls = list[Call]


def read(path: Path) -> dict[str, Calls]:
    """The calls after each mark, '' those before the first; marks are of one name once."""
    sections: dict[str, Calls] = {"": []}
    last = sections[""]
    for line in path.read_text(encoding="utf-8").splitlines():
        thread, name, *rest = line.split(" ", 2)
        if name == "mark":
            last = sections.setdefault(rest[0], [])
        else:
            last.append(Call(int(thread), name, rest[0] if rest else ""))
    return sections


def of(calls: Iterable[Call], *names: str) -> Calls:
    """Those with one of the names."""
    return [call for call in calls if call.name in names]


def kernels(calls: Iterable[Call]) -> int:
    """How many kernels they start, those of products too."""
    return sum(_KERNELS.match(call.name) is not None for call in calls)


def threads(calls: Iterable[Call]) -> int:
    """How many threads made them."""
    return len({call.thread for call in calls})


def recorded(calls: Calls) -> list[Calls]:
    """What was called, of whatever thread, while a stream was captured: a list a capture."""
    found: list[Calls] = []
    being = False
    for call in calls:
        if call.name == "cudaStreamBeginCapture":
            found.append([])
            being = True
        elif call.name == "cudaStreamEndCapture":
            being = False
        elif being:
            found[-1].append(call)
    return found


def in_words(calls: Iterable[Call]) -> str:
    """Their order, repetitions counted: '3 (cudaMemcpy HtoD, cudaStreamSynchronize), cudaGraphLaunch'."""
    names = [call.short for call in calls]
    pairs: list[str] = []
    while names:
        both = len(names) > 1 and names[0].startswith("cudaMemcpy HtoD") and names[1] in WAITS
        pairs.append(f"({names[0]}, {names[1]})" if both else names[0])
        names = names[2 if both else 1 :]
    counted = [(name, len(list(group))) for name, group in groupby(pairs)]
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in counted)


# Inside the process that the stand-ins are loaded into.


@cache
def _stand_in() -> Any:
    return ctypes.CDLL("libcudart.so.13")


def mark(text: str) -> None:
    """Begin a section."""
    _stand_in().card_mark(text.encode())


def quiet(yes: bool) -> None:
    """Whether calls are not written down, for times."""
    _stand_in().card_quiet(int(yes))


def fail(error: int) -> None:
    """Let every call fail from now on."""
    _stand_in().card_fail(error)


def refuse_launch(after: int) -> None:
    """Let a launch fail while a stream is captured, the one after so many."""
    _stand_in().card_refuse_launch(after)
