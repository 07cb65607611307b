"""Every node of every graph against onnxruntime's published table of CUDA kernels: none may fall to the CPU
for want of one, which would cost two copies a frame and forbid a CUDA graph; and against what the oldest
onnxruntime has on the CPU."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, shape_inference

from aim_maya.runtime import FaceModel

from .machine import GRAPHS_OF_A_MODEL, OF_A_FRAME

# docs/OperatorKernels.md of microsoft/onnxruntime, section CUDAExecutionProvider, at commit 001d12d2:
# types of the kernels that serve opset 17. Operands that say how (axes, sizes of a Reshape) are read on the
# CPU.
_REAL = frozenset({"float", "double", "float16"})
_NUMBER = _REAL | {"int32", "int64"}
_ANY = _NUMBER | {"bool"}
CUDA: dict[str, frozenset[str]] = {
    **dict.fromkeys(("Sin", "Cos", "Sqrt", "Softplus", "Sigmoid", "Relu", "Erf", "Gemm", "MatMul"), _REAL),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Max", "Less", "ReduceSum"), _NUMBER),
    **dict.fromkeys(("Identity", "Reshape", "Transpose", "Concat", "Slice", "Cast"), _ANY),
    "Where": _ANY,  # opset 16
}

# The same of the CPU, in float64, of onnxruntime 1.21.1: the operators with which it opens pose.onnx. It has
# no Cos.
CPU_DOUBLE = frozenset(
    (
        *("Add", "Sub", "Mul", "Div", "Sqrt", "Sin", "Less", "Where", "ReduceSum", "MatMul"),
        *("Reshape", "Transpose", "Concat", "Slice", "Cast"),
    )
)


@pytest.mark.parametrize("name", GRAPHS_OF_A_MODEL)
def test_every_node_has_a_cuda_kernel(name: str, small_draft: Path) -> None:
    whole = FaceModel.load(small_draft, "cpu").data.graph(name)
    model = shape_inference.infer_shapes(onnx.load_model_from_string(whole))
    graph = model.graph
    assert model.opset_import[0].version == 17
    kinds = {c.name: c.data_type for c in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        kinds[value.name] = value.type.tensor_type.elem_type
    assert len(graph.node) > 8
    for node in graph.node:
        for operand in node.input[: 3 if node.op_type == "Where" else 1]:
            assert TensorProto.DataType.Name(kinds[operand]).lower() in CUDA[node.op_type], node
        if TensorProto.DOUBLE in {kinds[name] for name in [*node.input, *node.output]}:
            assert node.op_type in CPU_DOUBLE, node
        if name in OF_A_FRAME:
            assert {TensorProto.FLOAT} == {kinds[out] for out in node.output}, "float32 alone"
