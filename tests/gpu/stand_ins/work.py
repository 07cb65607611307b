"""What is done with the stand-ins loaded: `python -m tests.gpu.stand_ins.work PART [MODEL]`, in a process of
its own, since some of it ends the process. Prints what it found as JSON in the last line."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.dependencies import missing_libraries
from aim_maya.core.training_options import TrainConfig
from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.frame import FrameGraph, FullFrame, PoseFrame
from aim_maya.runtime.graph_check import GRAPHS
from aim_maya.runtime.model_data import ModelData
from aim_maya.runtime.session import import_onnxruntime
from tests.gpu import machine

from . import calls

if TYPE_CHECKING:
    import torch

    from trainer.learn.loop import Training

FRAMES = 300  # of which the median is taken
STEPS = 20
_GRAPH = {"enable_cuda_graph": "1", "arena_extend_strategy": "kSameAsRequested"}


def frames(path: Path) -> dict[str, Any]:
    """A model's graphs and frames as the product evaluates them."""
    model = FaceModel.load(path, "cpu")
    data, rng, edit = model.data, np.random.default_rng(0), Edit()
    active = [data.rig.activations(rng.uniform(0.05, 0.5, len(model.targets))) for _ in range(16)]
    found: dict[str, Any] = {"vertices": len(data.neutral), "placement": machine.placement(data, "cuda")}
    for name, kind in (("full", FullFrame), ("cached", PoseFrame)):
        found |= _evaluated(name, lambda kind=kind: kind(data, "cuda"), active, edit)
        gc.collect()
    return found


def _evaluated(name: str, made: Callable[[], FrameGraph], active: list[Floats], edit: Edit) -> dict[str, Any]:
    """Frames of one graph, in several threads and beside another."""
    calls.mark(f"{name}: open")
    frame = made()

    def evaluate(title: str) -> None:
        calls.mark(f"{name}: {title}")
        frame.points(active[0], None, edit, True)

    evaluate("first frame")
    evaluate("frame")
    _in_thread(lambda: evaluate("frame in thread A"))
    _in_thread(lambda: evaluate("frame in thread B"))
    calls.mark(f"{name}: another model")
    other = made()
    evaluate("frame beside it")
    calls.quiet(True)
    ms = _median(lambda i: frame.points(active[i % len(active)], None, edit, True))
    calls.quiet(False)
    calls.mark(f"{name}: let go")
    del other
    return {f"{name} ms": ms}


def sessions(path: Path) -> dict[str, Any]:
    """Bare sessions of onnxruntime, with options and threads that the product does not give them."""
    data = FaceModel.load(path, "cpu").data
    ways: dict[str, tuple[dict[str, str], bool]] = {
        "TF32 by default": ({}, True),
        "TF32 off": ({"use_tf32": "0"}, True),
        "with patterns": (_GRAPH, True),
        "without patterns": (_GRAPH, False),
    }
    for name, (options, pattern) in ways.items():
        run = _bare(data, options, pattern)
        calls.mark(name)
        run()
        calls.mark(f"{name}: over")
    run = _bare(data, _GRAPH, False)
    for thread in "AB":
        calls.mark(f"thread {thread}")
        _in_thread(run)
    calls.mark("over")
    try:
        _bare(data, {"enable_cuda_grph": "1"}, False)
    except Exception as error:  # noqa: BLE001 - onnxruntime's own, untyped
        return {"unknown option": str(error)}
    return {"unknown option": "taken"}


def spoilt(path: Path) -> dict[str, Any]:
    """A launch fails while a frame is recorded."""
    calls.refuse_launch(2)
    return {"report": PoseFrame(FaceModel.load(path, "cpu").data, "cuda").session.report}


def failing(path: Path, evaluation: str) -> dict[str, Any]:
    """The card fails after a frame."""
    model = FaceModel.load(path, "cuda", evaluation=evaluation)
    right = FaceModel.load(path, "cpu")
    weights = np.full(len(model.targets), 0.3)
    model.points(weights)
    calls.fail(719)
    difference = float(np.abs(model.points(weights) - right.points(weights)).max()) * model.mm_per_unit
    status = model.status
    del model
    return {"mm": difference, "status": status}


def bare_failing(path: Path) -> dict[str, Any]:
    """The card fails, and onnxruntime's own session with a recording is let go: this may not return."""
    run = _bare(FaceModel.load(path, "cpu").data, _GRAPH, False)
    run()
    calls.fail(719)
    raised = "nothing"
    try:
        run()
    except Exception as error:  # noqa: BLE001 - onnxruntime's own, untyped
        raised = str(error)[:200]
    sys.stderr.write(f"Run raised: {raised}\n")
    del run
    return {"raised": raised}


def training() -> dict[str, Any]:
    """Steps of each kind on the ICT head of the package, started kernel by kernel, and recorded."""
    import torch

    from trainer.learn import passes, solvers
    from trainer.learn.loop import Training
    from trainer.learn.problem import make_tables, prepare
    from trainer.sample import ict_head

    # of matrices that nothing computed: they are singular
    torch.linalg.solve = lambda a, b: torch.linalg.solve_ex(a, b)[0]
    torch.linalg.inv = lambda a: torch.linalg.inv_ex(a)[0]
    torch.linalg.eigh = _by_the_host(torch.linalg.eigh)
    torch.unique, torch.nonzero = _by_the_host(torch.unique), _by_the_host(torch.nonzero)
    device, config = torch.device("cuda"), TrainConfig(device="cuda")
    calls.quiet(True)
    problem = prepare(ict_head(), config)
    found: dict[str, Any] = {}
    for name, aside in (("kernel by kernel", lambda device: None), ("recorded", passes._stream_aside)):
        with mock.patch.object(passes, "_stream_aside", aside):
            tables = make_tables(problem, device)
            config, _ = solvers.with_width(problem, tables, config)
            learned = Training(problem, config, 1.0, device, tables)
        found |= _steps(name, learned)
    calls.quiet(False)
    calls.mark("loop")
    _loop(device)
    calls.mark("over")
    return found


def _by_the_host(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a tensor whose result is as large as its values say, computed on the processor."""

    def computed(tensor: torch.Tensor, *given: Any, **named: Any) -> Any:
        result = function(tensor.cpu(), *given, **named)
        several = isinstance(result, tuple)
        there = [part.to(tensor.device) for part in (result if several else (result,))]
        return tuple(there) if several else there[0]

    return computed


def _loop(device: torch.device) -> None:
    """From the first step to the last, on a coarse head."""
    from aim_maya.core.progress import Progress
    from trainer.learn.loop import Training
    from trainer.learn.problem import make_tables, prepare
    from trainer.sample import sample_actor

    config = TrainConfig(device="cuda", anatomy_steps=60, steps=120, check_every=20, batch=256, restarts=0)
    problem = prepare(sample_actor((20, 26)), config)
    Training(problem, config, 1.0, device, make_tables(problem, device)).run(Progress("none"), lambda: None)


def _steps(name: str, learned: Training) -> dict[str, float]:
    """ms of a step of each kind; what one calls is after its mark."""
    from trainer.learn.passes import WARM

    tissue, tables, found = learned.tissue, learned.tables, dict[str, float]()
    assert tissue is not None
    kinds: dict[str, tuple[int, Callable[[], object]]] = {
        "K": (0, learned._one_step),
        "D and N": (0, lambda: tissue.learn(tissue.step + 1)),
        "the skin, half of the points": (learned.skinning_first + 1, learned._one_step),
        "the skin, all points": (learned.total - STEPS - WARM - 3, learned._one_step),
    }
    for kind, (first, step) in kinds.items():
        learned.step = first
        if kind == "the skin, all points":
            learned.pairs = tables.c.new_zeros(len(tables.c), tables.targets)

        def one(_: int, step: Callable[[], object] = step) -> None:
            step()
            learned.step += 1

        calls.quiet(False)
        calls.mark(f"{kind}, {name}: until it is recorded")
        for i in range(WARM + 1):
            one(i)
        calls.mark(f"{kind}, {name}")
        one(0)
        calls.mark(f"{kind}, {name}: over")
        calls.quiet(True)
        found[f"{kind}, {name}"] = _median(one, STEPS)
    return found


def _bare(data: ModelData, options: dict[str, str], pattern: bool) -> Callable[[], None]:
    """What runs full_frame.onnx in a session of onnxruntime itself, bound to memory of the card."""
    runtime = import_onnxruntime()
    missing_libraries(runtime)  # loads those of pip, which are found only after this
    given = runtime.SessionOptions()
    given.log_severity_level, given.enable_mem_pattern = 4, pattern
    session = runtime.InferenceSession(
        data.graph("full_frame.onnx"),
        given,
        providers=[("CUDAExecutionProvider", options), "CPUExecutionProvider"],
        enable_fallback=0,
    )
    sizes = {"V": len(data.neutral), "T": len(data.rig.targets), "3T": 3 * len(data.rig.targets)}
    binding = session.io_binding()

    def on_card(shape: tuple[int | str, ...]) -> Any:
        zeros = np.zeros([n if isinstance(n, int) else sizes[n] for n in shape], np.float32)
        return runtime.OrtValue.ortvalue_from_numpy(zeros, "cuda", 0)

    for name, (_, shape) in GRAPHS["full_frame.onnx"][0].items():
        binding.bind_ortvalue_input(name, on_card(shape))
    binding.bind_ortvalue_output("points", on_card(("V", 3)))
    return lambda: session.run_with_iobinding(binding)


def _in_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def _median(work: Callable[[int], object], count: int = FRAMES) -> float:
    """ms."""
    taken = []
    for i in range(count):
        begin = time.perf_counter_ns()
        work(i)
        taken.append((time.perf_counter_ns() - begin) / 1e6)
    return float(np.median(taken))


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "frames": frames,
    "sessions": sessions,
    "spoilt": spoilt,
    "failing cached": lambda path: failing(path, "cached"),
    "failing full": lambda path: failing(path, "full"),
    "failing alone": bare_failing,
    "training": lambda path: training(),
}

if __name__ == "__main__":
    said = PARTS[sys.argv[1]](Path(sys.argv[2]))
    sys.stdout.write(json.dumps(said) + "\n")
