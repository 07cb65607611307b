"""A neural performance whose coefficients are known."""

from __future__ import annotations

import numpy as np

from aim_maya.core.performance import PerformanceData
from aim_maya.runtime import FaceModel
from tests.in_maya.takes import about, motions


def neural_performance(model: FaceModel, frames: int = 6, seed: int = 0) -> PerformanceData:
    """A network in the place of basis and coefficients: c = sin(template A + code B), so that the truth is
    known."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng, t = np.random.default_rng(seed), len(model.data.rig.targets)
    a, b = rng.normal(0, 1, (3, t)).astype(np.float32), rng.normal(0, 1, (2, t)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["template", "a"], ["x"]),
        helper.make_node("MatMul", ["code", "b"], ["y"]),
        helper.make_node("Add", ["x", "y"], ["z"]),
        helper.make_node("Sin", ["z"], ["coefficients"]),
    ]
    graph = helper.make_graph(
        nodes,
        "coefficients",
        [
            helper.make_tensor_value_info("code", TensorProto.FLOAT, [1, "Z"]),
            helper.make_tensor_value_info("template", TensorProto.FLOAT, ["V", 3]),
        ],
        [helper.make_tensor_value_info("coefficients", TensorProto.FLOAT, ["V", t])],
        [numpy_helper.from_array(a, "a"), numpy_helper.from_array(b, "b")],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(network)
    head, jaw = motions(frames, model)
    said = about(model, mode="local", solver="neural", figures={"a": a.tolist(), "b": b.tolist()})
    return PerformanceData(
        30.0,
        head,
        jaw,
        np.zeros((frames, t, 0), np.float32),
        np.zeros((len(model.mesh.points), 0), np.float32),
        network=network.SerializeToString(),
        codes=rng.normal(size=(frames, 2)).astype(np.float32),
        about=said,
    )


def neural_truth(model: FaceModel, data: PerformanceData, frame: int) -> np.ndarray:
    """(T, V) float64 coefficients of a neural_performance."""
    a, b = (np.array(data.about["figures"][name]) for name in "ab")
    assert data.codes is not None
    truth: np.ndarray = np.sin(model.data.template @ a + data.codes[frame].astype(np.float64) @ b).T
    return truth
