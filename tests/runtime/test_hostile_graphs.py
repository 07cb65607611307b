"""Graphs in a model file that is otherwise whole, hashes recomputed: refused before a runtime opens them, or
never believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from aim_maya.core.container import read_aim, write_aim
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel
from aim_maya.runtime.engine import BoundGraph
from aim_maya.runtime.frame import FrameGraph
from aim_maya.runtime.graph_check import check_graph

Change = Callable[[onnx.ModelProto], onnx.ModelProto | bytes | None]


def altered(draft: Path, folder: Path, change: Change, member: str = "full_frame.onnx") -> Path:
    """A copy of the model with one graph changed, and everything else right."""
    manifest, members = read_aim(draft)
    model = onnx.load_model_from_string(FaceModel.load(draft, "cpu").data.graph(member))
    result = change(model)
    members[member] = result if isinstance(result, bytes) else (result or model).SerializeToString()
    path = folder / "altered.aim"
    write_aim(path, {k: v for k, v in manifest.items() if k not in ("format", "schema", "members")}, members)
    return path


def without(draft: Path, folder: Path, *names: str) -> Path:
    """A copy of the model with fewer members."""
    manifest, members = read_aim(draft)
    path = folder / "less.aim"
    write_aim(
        path,
        {k: v for k, v in manifest.items() if k not in ("format", "schema", "members")},
        {name: member for name, member in members.items() if name not in names},
    )
    return path


def feed_points(
    model: onnx.ModelProto, *nodes: onnx.NodeProto, constants: dict[str, np.ndarray] | None = None
) -> None:
    """Let `points` come from these nodes instead of the model's."""
    for node in model.graph.node:
        if "points" in node.output:
            node.output[0] = "points_before"
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in (constants or {}).items()
    )


def external(location: str) -> Change:
    def change(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "64")):
            tensor.external_data.add(key=key, value=value)

    return change


def output_as(kind: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        feed_points(model, helper.make_node("Cast", ["points_before"], ["points"], to=kind))
        model.graph.output[0].type.tensor_type.elem_type = kind

    return change


def text_output(model: onnx.ModelProto) -> None:
    feed_points(
        model,
        helper.make_node(
            "Constant", [], ["points"], value=helper.make_tensor("t", TensorProto.STRING, [1], [b"x"])
        ),
    )
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.STRING


def one_row(model: onnx.ModelProto) -> None:
    feed_points(
        model,
        helper.make_node("Slice", ["points_before", "s0", "s1", "s0"], ["points"]),
        constants={"s0": np.array([0], np.int64), "s1": np.array([1], np.int64)},
    )


def nan_constant(model: onnx.ModelProto) -> None:
    feed_points(
        model,
        helper.make_node("Add", ["points_before", "nan"], ["points"]),
        constants={"nan": np.array([np.nan], np.float32)},
    )


def filled(count: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        feed_points(
            model,
            helper.make_node("ConstantOfShape", ["size"], ["points"]),
            constants={"size": np.array([count], np.int64)},
        )

    return change


def loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Identity", ["x"], ["x2"])],
        "body",
        [helper.make_tensor_value_info(n, k, s) for n, k, s in (("i", 7, []), ("c", 9, []), ("x", 1, None))],
        [helper.make_tensor_value_info(n, k, s) for n, k, s in (("c2", 9, []), ("x2", 1, None))],
    )
    feed_points(
        model,
        helper.make_node("Loop", ["rounds", "", "points_before"], ["points"], body=body),
        constants={"rounds": np.array(2**62, np.int64)},
    )


def outer(model: onnx.ModelProto) -> None:
    feed_points(
        model,
        helper.make_node("Mul", ["tall", "wide"], ["huge"]),
        helper.make_node("ReduceSum", ["huge", "axes"], ["sum"], keepdims=1),
        helper.make_node("Add", ["points_before", "sum"], ["points"]),
        constants={
            "tall": np.ones((140_000, 1), np.float32),
            "wide": np.ones((1, 140_000), np.float32),
            "axes": np.array([0, 1], np.int64),
        },
    )


def slow(model: onnx.ModelProto) -> None:
    """A thousand products of a size that each model may have once."""
    nodes = [helper.make_node("MatMul", ["points_before", "in"], ["h0"])]
    nodes += [helper.make_node("MatMul", [f"h{i}", "square"], [f"h{i + 1}"]) for i in range(1000)]
    nodes += [helper.make_node("MatMul", ["h1000", "out"], ["points"])]
    ones = {
        "in": np.ones((3, 2000), np.float32),
        "square": np.ones((2000, 2000), np.float32),
        "out": np.ones((2000, 3), np.float32),
    }
    feed_points(model, *nodes, constants=ones)


def large_constant(model: onnx.ModelProto) -> None:
    feed_points(
        model,
        helper.make_node("Identity", ["points_before"], ["points"]),
        constants={"big": np.zeros(2**26, np.float32)},
    )


def domain(model: onnx.ModelProto) -> None:
    model.opset_import.add(domain="com.example", version=1)


def opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 999


def newer_ir(model: onnx.ModelProto) -> None:
    model.ir_version = 99


def more_inputs(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def fewer_inputs(model: onnx.ModelProto) -> None:
    del model.graph.input[-1]


def reshaped(model: onnx.ModelProto) -> None:
    feed_points(
        model,
        helper.make_node("Reshape", ["points_before", "size"], ["points"]),
        constants={"size": np.array([7, 3], np.int64)},
    )


def gathered(model: onnx.ModelProto) -> None:
    feed_points(
        model,
        helper.make_node("Gather", ["points_before", "at"], ["points"]),
        constants={"at": np.array([2**40], np.int64)},
    )


def function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function("", "F", ["a"], ["b"], [helper.make_node("Identity", ["a"], ["b"])], [])
    )


HOSTILE: dict[str, Change] = {
    "external, relative": external("weights.bin"),
    "external, parent": external("../weights.bin"),
    "external, absolute": external("/etc/hostname"),
    "external, device": external("/dev/zero"),
    "text": text_output,
    "double": output_as(TensorProto.DOUBLE),
    "text by cast": output_as(TensorProto.STRING),
    "one row": one_row,
    "NaN": nan_constant,
    "4 GiB": filled(2**30),
    "1 PiB": filled(2**48),
    "loop": loop,
    "outer product": outer,
    "a thousand products": slow,
    "constant of 256 MiB": large_constant,
    "domain": domain,
    "opset 999": opset,
    "IR 99": newer_ir,
    "one input more": more_inputs,
    "one input fewer": fewer_inputs,
    "reshape": reshaped,
    "gather": gathered,
    "function": function,
    "empty": lambda _: b"",
    "cut off": lambda model: model.SerializeToString()[:-100],
    "noise": lambda _: bytes(range(256)) * 8,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_graph_is_refused_in_one_sentence(name: str, draft: Path, tmp_path: Path) -> None:
    path = altered(draft, tmp_path, HOSTILE[name])
    with pytest.raises(AimError, match=r"full_frame\.onnx is not opened"):
        FaceModel.load(path, "cpu", evaluation="full")
    assert np.isfinite(FaceModel.load(path, "cpu").points({})).all()  # cached evaluation needs no graph


@pytest.mark.parametrize(
    "member", ["fields.onnx", "pose.onnx", "full.onnx", "pose_frame.onnx", "full_frame.onnx"]
)
def test_our_own_graphs_pass(member: str, draft: Path) -> None:
    data = FaceModel.load(draft, "cpu").data
    check_graph(data.graph(member), member, "it", {"V": len(data.neutral), "T": len(data.rig.targets)})


def test_a_missing_graph_is_one_sentence(draft: Path, tmp_path: Path) -> None:
    path = without(draft, tmp_path, "full.onnx", "full_frame.onnx")
    with pytest.raises(AimError, match=r"has no full\.onnx"):
        FaceModel.load(path, "cpu", evaluation="full")


@pytest.mark.parametrize(
    "answer",
    [np.zeros((1, 3), np.float32), np.zeros((9, 3)), np.full((9, 3), np.nan, np.float32), np.array(["x"])],
)
def test_what_a_graph_answers_is_not_believed(
    answer: np.ndarray, draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runtime or driver that fails silently: cached evaluation takes over, and the status says so."""
    model, plain = FaceModel.load(draft, "cpu", evaluation="full"), FaceModel.load(draft, "cpu")
    graph = model._engine._graph
    assert isinstance(graph, FrameGraph)
    monkeypatch.setattr(graph.memory, "run", lambda: answer)
    assert np.array_equal(model.points({"jawOpen": 0.5}), plain.points({"jawOpen": 0.5}))
    assert "the graph gave" in model.status


def test_what_the_graph_of_an_older_file_answers_is_not_believed(
    draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where the file has only the portable graphs."""
    older = without(draft, tmp_path, "full_frame.onnx", "pose_frame.onnx")
    answer = np.full((9, 3), np.nan, np.float32)
    model, plain = FaceModel.load(older, "cpu", evaluation="full"), FaceModel.load(draft, "cpu")
    graph = model._engine._graph
    assert isinstance(graph, BoundGraph)

    class Binding:
        def __getattr__(self, _: str) -> Callable[..., None]:
            return lambda *_: None

        def copy_outputs_to_cpu(self) -> list[np.ndarray]:
            return [answer]

    monkeypatch.setattr(graph, "_binding", Binding())
    silent = SimpleNamespace(run_with_iobinding=lambda *_: None)
    monkeypatch.setattr(graph, "session", replace(graph.session, handle=silent))
    monkeypatch.setattr(graph, "_keep", lambda *_: None)
    assert np.array_equal(model.points({"jawOpen": 0.5}), plain.points({"jawOpen": 0.5}))
    assert "the graph gave" in model.status


def test_the_check_reads_what_onnx_writes(draft: Path) -> None:
    """The small protobuf reader sees every constant, node, input and output that onnx does."""
    from aim_maya.runtime.graph_check import Checked

    model = FaceModel.load(draft, "cpu")
    graph = model.data.graphs["full.onnx"]
    seen = Checked(graph, {"V": len(model.data.neutral), "T": len(model.data.rig.targets)})
    nodes, inputs, outputs = seen._read()
    onnx_graph = onnx.load_model_from_string(graph).graph
    assert [(n.operator, n.inputs, n.outputs) for n in nodes] == [
        (n.op_type, list(n.input), list(n.output)) for n in onnx_graph.node
    ]
    assert inputs == {i.name: i.type.tensor_type.elem_type for i in onnx_graph.input}
    assert outputs == {o.name: o.type.tensor_type.elem_type for o in onnx_graph.output}
    assert {n: v.shape for n, v in seen._values.items()} == {
        c.name: tuple(c.dims) for c in onnx_graph.initializer
    }
