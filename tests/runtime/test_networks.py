"""What the networks displace, evaluated by numpy when it is asked for; and graphs that share constants."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from aim_maya.core.container import read_aim, write_aim
from aim_maya.core.controls import Control, Rig
from aim_maya.core.errors import AimError
from aim_maya.core.posing import Columns, JawMotion, LinearBlend
from aim_maya.core.training_options import NetworkSize, TrainConfig
from aim_maya.runtime import FaceModel, graph_bytes, networks
from aim_maya.runtime.networks import Networks, displacements, with_constants, without_constants
from aim_maya.runtime.session import open_session
from trainer.export.edited import GraphEdit, edited_graphs
from trainer.export.graphs import fields_graph
from trainer.learn.model import networks_for

V = 1500  # more than one block of vertices
FEW, MANY = 4, 12  # targets: fewer numbers a vertex than features, and more
CENTRE = np.array([0.1, 0.2, 0.3])
SMALL = NetworkSize(24, 3, 10.0, 40.0)
PLAIN = GraphEdit(0, None, None, None, None, 1.0, 1.0, None)


def graph_of(targets: int = MANY, losses: str = "aim", activation: str = "sine") -> bytes:
    """fields.onnx of networks as they are drawn, of a rig whose first two targets turn the jaw."""
    config = TrainConfig(
        losses=losses,  # type: ignore[arg-type]
        activation=activation,  # type: ignore[arg-type]
        **dict.fromkeys(("bone", "thickness", "normal", "skinning", "expression"), SMALL),
    )
    names = [f"target_{i}" for i in range(targets)]
    rig = Rig(tuple(Control(name, i, ((1.0, name),)) for i, name in enumerate(names)), ())
    twists = np.zeros((targets, 6))
    twists[:2] = [[0.3, 0, 0, 0, 1, 0], [0, 0.2, 0.1, 1, 0, 0]]
    motion = JawMotion(twists)
    return fields_graph(
        networks_for(config, targets, 0.1, 0.1), CENTRE, 80.0, motion, LinearBlend.of(rig, motion, CENTRE)
    )


@pytest.fixture(scope="module")
def template() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (V, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("targets", "losses", "activation", "edited"),
    [
        (MANY, "aim", "sine", False),
        (MANY, "aim", "sine", True),
        (FEW, "aim", "sine", True),
        (MANY, "aim", "relu", False),
        (MANY, "aim", "gelu", False),
        (MANY, "paper", "sine", False),
        (FEW, "paper", "sine", True),
    ],
)
def test_numpy_displaces_as_the_runtime_does(
    template: np.ndarray, targets: int, losses: str, activation: str, edited: bool
) -> None:
    """Ours as sums of columns where these are fewer, those of a baked edit, too; else all at once."""
    graph = graph_of(targets, losses, activation)
    if edited:
        rng, gain = np.random.default_rng(1), np.ones((V, 1), np.float32)
        for number in range(2):  # an edit of the edited
            now = rng.uniform(0.5, 1.5, (V, 1)).astype(np.float32)
            graph = edited_graphs(
                {"fields.onnx": graph}, replace(PLAIN, number=number, expression=now, thickness=gain)
            )["fields.onnx"]
            gain = now
    wanted = open_session(graph, "cpu").handle.run(["basis"], {"template": template})[0]
    found = displacements(graph, "a file", {"V": V, "T": targets}, template)
    assert isinstance(found, Columns) == (losses == "aim" and targets == MANY)
    assert len(found) == targets
    assert np.abs(wanted).max() > 1
    for i in range(targets):
        assert found[i].dtype == np.float32
        assert np.abs(found[i] - wanted[:, i]).max() < 1e-4


def test_a_network_of_another_kind_is_evaluated_in_one_piece(template: np.ndarray) -> None:
    """A value that goes across the vertices: blocks would give something else."""
    graph = onnx.load_model_from_string(graph_of())
    node = next(n for n in graph.graph.node if "E_features" in n.output)
    node.output[0] = "features"
    graph.graph.initializer.append(
        onnx.numpy_helper.from_array(np.linspace(0, 1, V, dtype=np.float32)[:, None], "by_vertex")
    )
    graph.graph.node.insert(
        list(graph.graph.node).index(node) + 1,
        onnx.helper.make_node("Mul", ["features", "by_vertex"], ["E_features"]),
    )
    altered = graph.SerializeToString()
    wanted = open_session(altered, "cpu").handle.run(["basis"], {"template": template})[0]
    found = displacements(altered, "a file", {"V": V, "T": MANY}, template)
    assert np.abs(found[2] - wanted[:, 2]).max() < 1e-4


def test_they_are_evaluated_once_and_when_they_are_asked_for(
    draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, real = [], networks.displacements

    def counted(*arguments: object) -> object:
        calls.append(1)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(networks, "displacements", counted)
    model, found = FaceModel.load(draft, "cpu"), list[np.ndarray]()
    weights = np.linspace(0, 1, len(model.targets))
    model.points(weights)
    model.edited({"thickness": 1.1}).points(weights)
    assert isinstance(model.data.learned, Networks)
    assert not calls
    threads = [
        threading.Thread(target=lambda: found.append(model.points(weights, detail=False))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(found) == 4
    assert all(np.array_equal(points, found[0]) for points in found)


def test_neighbours_are_formed_together(template: np.ndarray) -> None:
    """In whatever order they are asked for, and all at once."""
    graph = graph_of()
    wanted = displacements(graph, "a file", {"V": V, "T": MANY}, template)
    found = Networks(graph, template, MANY, "a file")
    for i in (3, MANY - 1, 4, 0):
        assert np.abs(found[i] - wanted[i]).max() < 1e-5
    whole = found.whole()
    assert whole.shape == (MANY, V, 3)
    for i in range(MANY):
        assert np.abs(whole[i] - wanted[i]).max() < 1e-5
        assert np.array_equal(found[i], whole[i])


def altered_file(draft: Path, out: Path, change: dict[str, bytes | None]) -> Path:
    """A copy whose members are these; None: not there."""
    manifest, members = read_aim(draft)
    about = {k: v for k, v in manifest.items() if k not in ("format", "schema", "members")}
    write_aim(out, about, {k: v for k, v in {**members, **change}.items() if v is not None})
    return out


def test_a_file_without_its_networks_is_refused_at_once(draft: Path, tmp_path: Path) -> None:
    """Not in the middle of a shot, when someone turns detail off."""
    fields = read_aim(draft)[1]["fields.onnx"]
    for change, said in (
        (None, r"has no fields\.onnx"),
        (b"", r"fields\.onnx is not opened"),
        (fields[:-100], r"fields\.onnx is not opened"),
    ):
        with pytest.raises(AimError, match=said):
            FaceModel.load(altered_file(draft, tmp_path / "x.aim", {"fields.onnx": change}), "cpu")


def test_wild_networks_are_one_sentence(draft: Path, tmp_path: Path) -> None:
    graph = onnx.load_model_from_string(read_aim(draft)[1]["fields.onnx"])
    last = next(c for c in graph.graph.initializer if c.name == "E_last")
    wild = np.full(tuple(last.dims), 1e30, np.float32)
    last.CopyFrom(onnx.numpy_helper.from_array(wild, "E_last"))
    path = altered_file(draft, tmp_path / "x.aim", {"fields.onnx": graph.SerializeToString()})
    model = FaceModel.load(path, "cpu")
    assert np.array_equal(
        model.points({"jawOpen": 1.0}), FaceModel.load(draft, "cpu").points({"jawOpen": 1.0})
    )
    with pytest.raises(AimError, match="its networks displace points by"):
        model.points({"jawOpen": 1.0}, detail=False)


# Constants that graphs share.


def test_a_graph_leaves_out_what_another_one_has(draft: Path) -> None:
    """In the file; read, it is whole, and the one that onnx knows."""
    members, model = read_aim(draft)[1], FaceModel.load(draft, "cpu")
    lean, full = members["full_frame.onnx"], members["full.onnx"]
    whole = model.data.graph("full_frame.onnx")
    assert len(lean) < 0.2 * len(whole)
    onnx.checker.check_model(onnx.load_model_from_string(whole), full_check=True)
    assert without_constants(whole, full) == lean
    for name in ("fields.onnx", "pose.onnx", "full.onnx", "pose_frame.onnx"):
        assert model.data.graph(name) is model.data.graphs[name]
    assert with_constants(full, whole, "a file", "full.onnx") is full  # it lacks nothing


def test_what_is_not_in_the_other_one_is_refused(draft: Path, tmp_path: Path) -> None:
    full = onnx.load_model_from_string(read_aim(draft)[1]["full.onnx"])
    for i, constant in enumerate(full.graph.initializer):
        if constant.name == "E_last":
            del full.graph.initializer[i]
            break
    for change, said in (
        (full.SerializeToString(), r"full_frame\.onnx is not opened: a node 'MatMul' has operands"),
        (None, r"full_frame\.onnx is not opened: a node"),
        (b"\x01", r"full_frame\.onnx is not opened: its bytes are damaged"),
    ):
        path = altered_file(draft, tmp_path / "x.aim", {"full.onnx": change})
        with pytest.raises(AimError, match=said):
            FaceModel.load(path, "cpu", evaluation="full")
        assert np.isfinite(FaceModel.load(path, "cpu").points({})).all()


def test_numbers_of_protobuf() -> None:
    for number in (0, 1, 127, 128, 300, 2**21, 2**32 + 5):
        made = networks._as_varint(number)
        assert graph_bytes._varint(memoryview(made), 0) == (number, len(made))
