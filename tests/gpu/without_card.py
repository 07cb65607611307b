"""`make gpu-rehearsal`, or `python -m tests.gpu.without_card [--model FILE] [--training]`: what onnxruntime-gpu
and torch do with a card, seen on a Linux machine without one.

Libraries of our own take the place of CUDA's (tests/gpu/stand_ins): they keep memory, write down each call with
its thread, compute nothing, and refuse while a stream is captured what CUDA refuses. So it tells what is called
in which order, and no number of a frame. Needs gcc, nm, the packages of the extra `train`, onnxruntime-gpu for
CUDA 13 and, for --training, torch for CUDA 13. Prints a table; exit code 0 when every rule that our code relies on holds, 1 when one does not, 2
with one sentence where something is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .stand_ins import build, calls
from .stand_ins.calls import Call, Calls

_ROOT = Path(__file__).resolve().parents[2]
PACKED = _ROOT / "aim_maya" / "sample" / "sample.aim"
_TF32, _EXACT_MM = "math 3", 1e-3
_FRAME = ["cudaGraphLaunch", "cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaMemcpy DtoH"]
_RECORDINGS = 5  # a kind of step each; the skin's again with the worst pairs
_KINDS = ("K", "D and N", "the skin, half of the points", "the skin, all points")


@dataclass(frozen=True)
class Row:
    """A line of the table; right: whether the rule holds, None where it is only told."""

    what: str
    seen: str
    right: bool | None = None


@dataclass(frozen=True)
class Part:
    """What a process did: its exit code, its figures, its calls after each mark, and what it said."""

    code: int
    found: dict[str, Any]
    sections: dict[str, Calls]
    said: str

    def calls(self, *beginnings: str) -> Calls:
        """Those of the sections whose names begin so, '' for all."""
        return [
            call
            for name, section in self.sections.items()
            if name.startswith(beginnings or ("",))
            for call in section
        ]


class StandIns:
    """The libraries, and processes that have them in CUDA's place."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._libraries = folder, build.build(folder)

    def run(self, *command: str, log: str) -> Part:
        """`python` with a command, to its end."""
        path = self._folder / f"{log}.log"
        environment = os.environ | {
            "LD_PRELOAD": " ".join(map(str, self._libraries)),
            "CARD_LOG": str(path),
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            [sys.executable, *command],
            cwd=_ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        lines = done.stdout.strip().splitlines()
        found = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
        sections = calls.read(path) if path.exists() else {}
        return Part(done.returncode, found, sections, done.stderr)

    def part(self, name: str, model: Path) -> Part:
        """A part of stand_ins/work.py. Raises RuntimeError with its last words where it found nothing, which
        only a failing card may bring about."""
        part = self.run("-m", f"{build.__package__}.work", name, str(model), log=name)
        if not part.found and not name.startswith("failing"):
            raise RuntimeError(f"'{name}' ended with {part.code}: {part.said[-2000:]}")
        return part


def main(arguments: list[str] | None = None) -> int:
    """Build, run, tell; the exit code."""
    parser = argparse.ArgumentParser("tests.gpu.without_card", description=__doc__)
    parser.add_argument("--model", type=Path, default=PACKED, help="in place of the package's coarse head")
    parser.add_argument("--training", action="store_true", help="steps of a training, too")
    options = parser.parse_args(arguments)
    if not options.model.is_file():
        parser.error(f"there is no {options.model}")
    model, missing = options.model.resolve(), build.missing()
    if options.training and find_spec("torch") is None:
        missing.append("torch")
    if missing:
        sys.stderr.write(f"Nothing can be rehearsed: {', '.join(missing)} not there.\n")
        return 2
    try:
        with tempfile.TemporaryDirectory() as folder:
            rows = _rows(Path(folder), model, options.training)
    except (RuntimeError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{error}\n{getattr(error, 'stderr', None) or ''}\n")
        return 1
    sys.stdout.write(_table(rows))
    return 0 if all(row.right is not False for row in rows) else 1


def _rows(folder: Path, model: Path, training: bool) -> list[Row]:
    libraries = StandIns(folder)
    return [
        *_frames(libraries.part("frames", model)),
        *_sessions(libraries.part("sessions", model)),
        *_failures(libraries, model),
        *_check(libraries, folder, model),
        *(_training(libraries.part("training", model)) if training else []),
    ]


def _frames(part: Part) -> list[Row]:
    """Graphs and frames as the product evaluates them."""
    rows = []
    for row in part.found["placement"]:
        nodes = ", ".join(f"{count} nodes on {provider}" for provider, count in row["nodes"].items())
        rows.append(Row(row["graph"], f"{nodes}, {row['copies']} copies", row["right"]))
    for name in ("full", "cached"):
        opened, again = part.calls(f"{name}: open"), part.calls(f"{name}: f")
        graphs = calls.recorded(opened)
        begin = next((i for i, call in enumerate(opened) if call.name == "cudaStreamBeginCapture"), 0)
        stream = opened[begin].rest.split()[0] if opened else ""
        created = calls.of(opened, "cudaStreamCreate")
        flags = [call.rest.split()[-1] for call in created if call.rest.startswith(stream)]
        inside = graphs[0] if graphs else []
        frame = part.sections[f"{name}: frame"]
        order = [call.short for call in frame]
        before, once = calls.kernels(opened[:begin]), calls.kernels(inside)
        rows += [
            Row(
                f"{name}: opened",
                f"{before} kernels started, then {once} recorded, on a stream that waits for no other "
                f"(flags {', '.join(flags)})",
                before == 2 * once > 0 and len(graphs) == 1 and flags == ["1"],
            ),
            Row(
                f"{name}: allocated while recorded, in later frames",
                f"{len(calls.of(inside, *calls.ALLOCATIONS))}, {len(calls.of(again, *calls.ALLOCATIONS))}",
                not calls.of([*inside, *again], *calls.ALLOCATIONS),
            ),
            Row(
                f"{name}: frames of three threads",
                f"{len(calls.recorded(again))} recordings more, {calls.threads([*opened, *again])} thread",
                not calls.recorded(again) and calls.threads([*opened, *again]) == 1,
            ),
            Row(f"{name}: a frame", calls.in_words(frame), order[-4:] == _FRAME and _copied_before(order)),
            Row(
                f"{name}: another model beside it",
                f"{len(calls.recorded(part.calls(f'{name}: another')))} recording of its own",
                len(calls.recorded(part.calls(f"{name}: another"))) == 1,
            ),
            Row(f"{name}: let go", _destroyed(part.sections[f"{name}: let go"], frame)),
            Row(
                f"{name}: host time of a frame of {part.found['vertices']} vertices",
                f"{part.found[f'{name} ms']:.3f} ms",
            ),
        ]
    products = calls.of(part.calls("full", "cached"), "product")
    rounded = [call for call in products if call.rest.endswith(_TF32)]
    return [
        *rows,
        Row("products rounded to TF32", f"{len(rounded)} of {len(products)}", not rounded),
        _refusals("frames", part.calls()),
    ]


def _destroyed(let_go: Calls, frame: Calls) -> str:
    elsewhere = {call.thread for call in let_go}.isdisjoint(call.thread for call in frame)
    names = ("cudaGraphExecDestroy", "cudaStreamDestroy", "cublasDestroy_v2", "cudaFree")
    counts = ", ".join(f"{len(calls.of(let_go, name))} {name}" for name in names)
    return f"{counts}, in {'another thread than' if elsewhere else 'the thread of'} frames"


def _copied_before(order: list[str]) -> bool:
    """Whether what stands before a graph's launch are copies to the card, each waited for."""
    inputs = order[:-4]
    return inputs == ["cudaMemcpy HtoD", "cudaStreamSynchronize"] * (len(inputs) // 2)


def _refusals(what: str, all_calls: Calls) -> Row:
    refused, wrong = calls.of(all_calls, "refused"), calls.of(all_calls, "wrong")
    said = sorted({call.rest for call in [*refused, *wrong]})
    return Row(
        f"{what}: calls refused, copies to or from a wrong place",
        f"{len(refused)}, {len(wrong)}{': ' if said else ''}{'; '.join(said)}",
        not said,
    )


def _sessions(part: Part) -> list[Row]:
    """What onnxruntime does by itself, for which our options and our one thread are there."""

    def maths(name: str) -> set[str]:
        return {call.rest.split(" math ")[1] for call in calls.of(part.sections[name], "product")}

    def bytes_of_last_run(name: str) -> int:
        """Allocated between the first run's last kernel and the recording: by the second run."""
        before = part.sections[name]
        while before and before[-1].name != "cudaStreamBeginCapture":
            before = before[:-1]
        started = [i for i, call in enumerate(before) if calls.kernels([call])]
        second = before[started[len(started) // 2 - 1] :]
        return sum(int(call.rest) for call in calls.of(second, "cudaMalloc"))

    unknown = part.found["unknown option"]
    modes = {call.rest.split()[-1] for call in calls.of(part.calls(), "cudaStreamBeginCapture")}
    recordings = [len(calls.recorded(part.sections[f"thread {name}"])) for name in "AB"]
    handles = [len(calls.of(part.sections[f"thread {name}"], "cublasCreate")) for name in "AB"]
    pattern, none = bytes_of_last_run("with patterns"), bytes_of_last_run("without patterns")
    return [
        Row(
            "cuBLAS's math mode by default, with use_tf32=0",
            f"{_joined(maths('TF32 by default'))}, {_joined(maths('TF32 off'))}",
            maths("TF32 off") == {"0"},
        ),
        Row("an option that is unknown", unknown[-120:].strip(), "enable_cuda_grph" in unknown),
        Row("mode of a capture: 0 global, 1 of its thread", _joined(modes)),
        Row(
            "allocated by the second run with memory patterns, without", f"{pattern}, {none} bytes", none == 0
        ),
        Row(
            "recordings, and handles of cuBLAS, of a first and of a second thread that runs one session",
            f"{recordings[0]}, {recordings[1]}; {handles[0]}, {handles[1]}",
        ),
    ]


def _failures(libraries: StandIns, model: Path) -> list[Row]:
    spoilt, alone = libraries.part("spoilt", model), libraries.part("failing alone", model)
    last = [line for line in alone.said.splitlines() if "what():" in line]
    rows = [
        Row(
            "a launch fails while a frame is recorded",
            spoilt.found["report"],
            "each kernel by itself (recording failed" in spoilt.found["report"] and spoilt.code == 0,
        ),
        Row(
            "the card fails (719), onnxruntime alone",
            f"exit code {alone.code}{', thrown by the destructor' if last else ''}"
            f"{', of the recorded graph' if 'cudaGraphExecDestroy' in ''.join(last) else ''}",
        ),
    ]
    for evaluation in ("cached", "full"):
        part = libraries.part(f"failing {evaluation}", model)
        status, mm = part.found.get("status", "the process ended"), part.found.get("mm", float("nan"))
        right = part.code == 0 and "719" in status and mm < _EXACT_MM
        text = f"exit code {part.code}, {mm:.1e} mm from numpy: {status}"
        rows.append(Row(f"the card fails (719), {evaluation} of ours", text, right))
    return rows


def _check(libraries: StandIns, folder: Path, model: Path) -> list[Row]:
    """The check of a card: it raises nothing, refuses nothing and records every frame; its numbers are none."""
    out = folder / "check"
    part = libraries.run(
        *("-m", "tests.gpu.check", "--device", "cuda", "--coarse", "--model", str(model), "--out", str(out)),
        log="check",
    )
    if not (out / "gpu_check.json").exists():
        return [Row("make gpu-check", f"exit code {part.code}: {part.said[-500:]}", False)]
    figures = json.loads((out / "gpu_check.json").read_text(encoding="utf-8"))
    stages, errors = figures["stages"], figures["errors"]
    plain = [row["way"] for row in figures.get("parity", []) if "recording failed" in row["report"]]
    said = f"{len(stages)} stages, " + ("none raises" if not errors else f"raised: {errors}")
    return [
        Row("make gpu-check --model", said, not errors and len(stages) >= 6),
        Row("make gpu-check: recordings that failed", ", ".join(plain) or "none", not plain),
        _refusals("make gpu-check", part.calls()),
    ]


def _training(part: Part) -> list[Row]:
    rows = []
    for kind in _KINDS:
        plain, recorded = (part.sections[f"{kind}, {name}"] for name in ("kernel by kernel", "recorded"))
        graphs = len(calls.recorded(part.sections[f"{kind}, recorded: until it is recorded"]))
        launched = len(calls.of(recorded, "cudaGraphLaunch"))
        rows.append(
            Row(
                f"a step of {kind}: kernel by kernel, recorded",
                f"{_step(plain)}, {part.found[f'{kind}, kernel by kernel']:.1f} ms of the host; "
                f"{launched} graph and {_step(recorded)}, {part.found[f'{kind}, recorded']:.1f} ms",
                graphs == launched == 1,
            )
        )
    loop = part.sections["loop"]
    return [
        *rows,
        Row(
            "the loop of a training, from the first step to the last",
            f"{len(calls.recorded(loop))} recordings, {len(calls.of(loop, 'cudaGraphLaunch'))} replays",
            0 < len(calls.recorded(loop)) <= _RECORDINGS,
        ),
        _refusals("training", part.calls()),
    ]


def _step(step: list[Call]) -> str:
    return f"{calls.kernels(step)} kernels, {len(calls.of(step, *calls.WAITS))} waits"


def _joined(texts: set[str]) -> str:
    return " and ".join(sorted(texts)) or "none"


def _table(rows: list[Row]) -> str:
    right = {True: "yes", False: "NO", None: ""}
    lines = ["| what | seen | as we rely on |", "| --- | --- | --- |"]
    lines += [f"| {row.what} | {row.seen.replace('|', '/')} | {right[row.right]} |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
