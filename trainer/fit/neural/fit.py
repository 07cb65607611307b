"""The neural solver of local fits, from scans to a performance: whole, or stopped and resumed; its
coefficient network as ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.performance import Flag, PerformanceData
from aim_maya.core.progress import Progress
from aim_maya.core.run_folder import RunFolder
from aim_maya.runtime import FaceModel
from aim_maya.runtime.performance import build_performance, residual_figures
from aim_maya.runtime.session import open_session
from trainer.export.graphs import ACTIVATIONS
from trainer.export.pose_graph import Graph
from trainer.fit.equations import complete
from trainer.fit.options import FitOptions, NeuralOptions
from trainer.fit.scans import Frames, check_scale, read_confidence
from trainer.fit.take import filled, filled_rigid
from trainer.learn.run import pick_device

from .networks import CoefficientNetwork, neural_face
from .training import NeuralFit, OtherTerm, record

# The coefficient network of a neural fit as ONNX: (code of a frame, template points) -> coefficients.

_LARGEST_DIFFERENCE = 1e-3  # of a coefficient


def coefficient_graph(network: CoefficientNetwork) -> bytes:
    """ "code" (1, Z) and "template" (V, 3) -> "coefficients" (V, T), float32, opset 17. The code's share of
    the first layer is formed once."""
    graph = Graph()
    hidden = network.hidden
    graph.keep(
        one=1.0,
        half=0.5,
        root2=float(np.sqrt(2)),
        place=_columns(network.place.weight),
        place_bias=_array(network.place.bias),
        phases=_columns(network.code.weight),
    )
    graph.add(
        "coded = MatMul(code, phases)\n phase = Add(coded, place_bias)\n placed = MatMul(template, "
        "place)\n a0 = Add(placed, phase)"
    )
    for i, layer in enumerate([*hidden.layers, network.last]):
        graph.add(ACTIVATIONS[hidden.activation].format(o=f"h{i}", i=f"a{i}"))
        graph.keep(**{f"w{i}": _columns(layer.weight), f"b{i}": _array(layer.bias)})  # type: ignore[arg-type]
        out = "coefficients" if layer is network.last else f"a{i + 1}"
        graph.add(f"m{i} = MatMul(h{i}, w{i})\n {out} = Add(m{i}, b{i})")
    size, targets = network.code.in_features, network.last.out_features
    return graph.build(
        "coefficients", f"float[1,{size}] code, float[V,3] template", f"float[V,{targets}] coefficients"
    )


def checked_graph(network: CoefficientNetwork, codes: Floats, template: Floats) -> tuple[bytes, float]:
    """The graph, and its largest difference from torch over some of codes (F, Z) on template (V, 3). Raises
    AimError when that is too large."""
    serialised = coefficient_graph(network)
    session = open_session(serialised, "cpu").handle
    largest, some = 0.0, template[:: max(1, len(template) // 2048)]
    device = network.place.weight.device
    for frame in np.unique(np.linspace(0, len(codes) - 1, 8).astype(int)):
        with torch.no_grad():
            given = (torch.from_numpy(part).to(device) for part in (codes[frame : frame + 1], some))
            expected = network(*given)[0].cpu().numpy()
        found = session.run(["coefficients"], {"code": codes[frame : frame + 1], "template": some})[0]
        largest = max(largest, float(np.abs(found - expected).max()))
    if not largest < _LARGEST_DIFFERENCE:
        raise AimError(
            f"The exported coefficients differ by {largest:.2g} from the fitted ones.",
            "The fit did not converge, or this onnxruntime computes with less precision.",
            "Fit again with a smaller rate.",
        )
    return serialised, largest


def _columns(weight: torch.Tensor) -> Floats:
    array: Floats = weight.detach().cpu().numpy().T.astype(np.float32)
    return array


def _array(bias: torch.Tensor) -> Floats:
    array: Floats = bias.detach().cpu().numpy().astype(np.float32)
    return array


# What a neural fit gives: motions, codes and the network as a performance, with the distance of every frame
# to what was seen.

_CHUNK, _FAR_MM = 4096, 2.5


def performance_of(fit: NeuralFit, model: FaceModel, fps: float, progress: Progress) -> PerformanceData:
    """The fit as arrays. Frames in which nothing was seen lie between their neighbours. Raises AimError when
    the exported network is another one; Cancelled."""
    counts = fit.recording.counts
    progress.stage("score", len(counts))
    residual = np.full(len(counts), np.nan)
    for frame in range(len(counts)):
        progress.step(frame, len(counts))
        if counts[frame]:
            residual[frame] = _miss_mm(fit, frame)
    with torch.no_grad():
        motion = fit.motion(np.arange(len(counts)))
        head, jaw = (fit.face.to_model(m.double().cpu().numpy()) for m in (motion.head, motion.jaw))
    codes, empty = fit.codes.detach().cpu().numpy().copy(), counts == 0
    for rows in (codes, head, jaw):
        rows[empty] = np.nan
    codes = filled(codes)
    network, parity = checked_graph(fit.coefficients, codes, model.data.template)
    partly = ~empty & (counts < np.count_nonzero(fit.recording.confidence > 0))
    flags = np.where(
        empty,
        Flag.EMPTY,
        np.where(partly, Flag.PARTLY, 0) | np.where(residual > _FAR_MM, Flag.LARGE_RESIDUAL, 0),
    ).astype(np.uint8)
    figures = {"iterations": fit.step, "parity": parity} | residual_figures(residual)
    vertices, targets = len(model.data.neutral), len(model.data.rig.targets)
    arrays = PerformanceData(
        fps=fps,
        head=filled_rigid(head),
        jaw=filled_rigid(jaw),
        coefficients=np.zeros((len(counts), targets, 0), np.float32),
        basis=np.zeros((vertices, 0), np.float32),
        network=network,
        codes=codes,
        residual_mm=residual,
        flags=flags,
    )
    return build_performance(
        model.data, arrays, solver="neural", tied=fit.options.jaw == "tied", figures=figures
    )


@torch.no_grad()
def _miss_mm(fit: NeuralFit, frame: int) -> float:
    """Mean distance to the points seen in a frame."""
    columns, total, frames = np.flatnonzero(complete(fit.recording.points[frame])), 0.0, np.array([frame])
    for some in np.split(columns, range(_CHUNK, len(columns), _CHUNK)):
        vertices = torch.from_numpy(fit.recording.vertices[some]).to(fit.device)
        points = fit.predict(frames, vertices)[0][0].cpu().numpy()
        seen = fit.face.to_mm(fit.recording.at(frames, some))[0]
        total += float(np.linalg.norm(points - seen, axis=1).sum())
    return total / len(columns)


def fit_neural(
    model: FaceModel,
    scans: Frames,
    options: FitOptions,
    neural: NeuralOptions,
    progress: Progress,
    *,
    device: str = "auto",
    run: RunFolder | None = None,
    resume: bool = False,
    terms: Sequence[OtherTerm] = (),
) -> PerformanceData:
    """Fit coefficients that vary over the face. scans: (P, 3) a frame at scans.vertices of the model, model
    unit, NaN where a point is missing.

    Of `options` jaw, head, fps, confidence and detail count here; coefficients are smooth over time by a
    loss, noise and drift have no estimate. run: keeps the checkpoint; with resume the fit goes on from it.
    Raises AimError for a global fit, scans of another mesh or scale, nothing seen, or a checkpoint of another
    fit; Cancelled, with the checkpoint on disk, when asked to stop.
    """
    if options.mode != "local":
        raise AimError(
            "The neural solver fits weights that vary over the face.",
            "--mode global was asked for.",
            "Leave out --solver neural, or --mode global.",
        )
    state = run.load() if run is not None and resume else None
    progress.stage("prepare")
    check_scale(model, scans, progress)
    if run is not None:
        run.path.mkdir(parents=True, exist_ok=True)
    confidence = read_confidence(options.confidence, len(model.data.neutral))[scans.vertices]
    recording = record(scans, confidence, run.path if run else None)
    face = neural_face(model, pick_device(device), detail=options.detail)
    fit = NeuralFit(face, recording, options, neural, terms)
    if state is not None:
        fit.restore(state)
        progress.note(f"Resuming at step {fit.step} of {fit.total}.")
    fit.run(progress, lambda: run.save(fit.state()) if run is not None else None)
    return performance_of(fit, model, options.fps or scans.fps or 30.0, progress)
