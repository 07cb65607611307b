"""The deformer on the stand-in, where the real host cannot be made to: counts of calls, contexts, files being
read, failing devices."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel
from aim_maya.runtime import model_data as model_data_module
from aim_maya.runtime.deformation import open_models
from tests.bench import bench_node


class Bench:
    """A mesh with a node on it, without attach."""

    def __init__(self, session: Any, folder: Path) -> None:
        from maya import cmds

        from tests.in_maya.tiny import tiny, write_tiny

        self.session, self.cmds, self.head = session, cmds, tiny()
        self.model = write_tiny(folder / "tiny.aim", self.head).as_posix()
        self.mesh, self.node = self.face("face")

    def face(self, name: str) -> tuple[str, str]:
        mesh = self.session.add_mesh(
            name, self.head.mesh.points, self.head.mesh.counts, self.head.mesh.corners
        )
        node = self.cmds.deformer(mesh, type="aimDeformer")[0]
        self.cmds.setAttr(f"{node}.model", self.model, type="string")
        return mesh, node

    def set(self, name: str, value: Any, **flags: Any) -> None:
        self.cmds.setAttr(f"{self.node}.{name}", value, **flags)

    def points(self) -> np.ndarray:
        points: np.ndarray = self.session.points(self.mesh)
        return points

    def status(self) -> str:
        return str(self.cmds.getAttr(f"{self.node}.status"))


@pytest.fixture
def bench(maya: Any, tmp_path: Path) -> Bench:
    return Bench(maya, tmp_path)


def test_calls_in_one_deform_do_not_grow(maya: Any, tmp_path: Path) -> None:
    counts = {
        size: bench_node.calls_of_one_deform(maya, *bench_node.scene(maya, tmp_path, *size))
        for size in ((400, 10), (400, 50), (6400, 50))
    }
    assert len(set(counts.values())) == 1, counts
    assert next(iter(counts.values())) < 90  # two an attribute that is read


def test_no_memory_is_left_behind(maya: Any, tmp_path: Path) -> None:
    """One small object an evaluation would be 22,000 bytes, time and again; what numpy keeps of freed arrays
    is up to 15,000, once."""
    face = bench_node.scene(maya, tmp_path, 400, 10)
    grown: list[int] = []
    while not grown or (grown[-1] >= 12_000 and len(grown) < 3):
        grown.append(bench_node.growth(maya, *face, 400))
    assert grown[-1] < 12_000, grown


def test_200_nodes_open_one_model_once(maya: Any, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    read, plain = [], model_data_module.read_aim
    monkeypatch.setattr(model_data_module, "read_aim", lambda path: read.append(path) or plain(path))
    faces = [bench.face(f"f{i}") for i in range(200)]
    for mesh, node in faces:
        bench.cmds.setAttr(f"{node}.weight[0]", 1.0)
        maya.points(mesh)
    assert len(read) == 1
    assert len([m for m in open_models() if m.data.path.as_posix() == bench.model]) == 1


def test_nothing_active_does_not_call_the_model(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.points()
    monkeypatch.setattr(FaceModel, "points", lambda *_, **__: pytest.fail("the model was called"))
    for name, value in (
        ("weight[3]", 0.0),
        ("jawGain", 0.5),
        ("jawArc", 0.2),
        ("expressionGain", 3.0),
        ("mode", 1),
        ("jawMode", 1),
    ):
        bench.set(name, value)
        bench.points()
    bench.set("weight[0]", 1.0)
    bench.set("envelope", 0.0)
    bench.points()
    assert bench.session.errors == []


def test_what_was_computed_is_clean(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The jaw is computed once for all who ask, and again when something changes."""
    from aim_maya.scene.node.models import NodeModels

    called, plain = [], NodeModels.jaw
    monkeypatch.setattr(NodeModels, "jaw", lambda self, *a: called.append(1) or plain(self, *a))
    for count, value in enumerate((0.5, 1.0), 1):
        bench.set("weight[0]", value)
        for _ in range(3):
            bench.cmds.getAttr(f"{bench.node}.outJawMatrix")
        assert len(called) == count


@pytest.mark.parametrize("batch", [False, True])
def test_what_evaluation_says_waits_for_the_main_thread_unless_in_batch(
    maya: Any, bench: Bench, monkeypatch: pytest.MonkeyPatch, batch: bool
) -> None:
    """Parallel playback evaluates on other threads, where the script editor may not be written to; in batch
    nothing is ever idle."""
    from aim_maya.scene import maya as host

    said: list[bool] = []

    class Editor(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "nowhere.aim" in record.getMessage():
                said.append(threading.current_thread() is threading.main_thread())

    editor = Editor()
    monkeypatch.setattr(maya, "batch", batch)
    host.begin_log()
    host.logger.addHandler(editor)
    try:
        for frame in (1, 2):
            bench.cmds.setKeyframe(f"{bench.node}.weight[0]", time=frame, value=float(frame))
        bench.set("model", "nowhere.aim", type="string")
        maya.playback([1, 2], mode="parallel")
        assert said == ([False] if batch else [])
        maya.idle()
        assert said == [not batch]
    finally:
        host.logger.removeHandler(editor)
        host.end_log()


def test_two_contexts_at_once(maya: Any, bench: Bench) -> None:
    """A background context at another frame, on another thread, while the normal one plays."""
    for frame, value in ((1, 0.0), (50, 1.0)):
        bench.cmds.setKeyframe(f"{bench.node}.weight[0]", time=frame, value=value)
    bench.cmds.setAttr(f"{bench.node}.weightList[0].weights[3]", 0.5)
    expected = {}
    for frame in (5, 20, 35, 50):
        bench.cmds.currentTime(frame)
        expected[frame] = bench.points()
    wrong: list[Any] = []

    def background() -> None:
        for i in range(40):
            frame = (5, 20, 35, 50)[i % 4]
            geometry = maya.evaluate_background(f"{bench.node}.outputGeometry[0]", frame)
            if not np.array_equal(np.asarray(geometry.points, np.float32), expected[frame]):
                wrong.append(frame)

    threads = [threading.Thread(target=background) for _ in range(2)]
    for thread in threads:
        thread.start()
    for i in range(40):
        frame = (35, 5, 50, 20)[i % 4]
        bench.cmds.currentTime(frame)
        if not np.array_equal(bench.points(), expected[frame]):
            wrong.append(("normal", frame))
    for thread in threads:
        thread.join()
    assert wrong == []
    assert maya.violations == []


@pytest.mark.parametrize("strict", [False, True])
def test_a_painted_map_that_time_drives_in_a_background_context(
    maya: Any, bench: Bench, strict: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cached playback: each frame has its own map, and neither context sees the other's."""
    bench.set("weight[0]", 1.0)
    rest, full = bench.head.mesh.points, bench.head.shapes["jawOpen"]
    moved = int(np.abs(full - rest).max(1).argmax())
    for frame, value in ((0, 0.0), (10, 1.0)):
        bench.cmds.setKeyframe(
            f"{bench.node}.weightList[0].weights[{moved}]",
            time=frame,
            value=value,
            inTangentType="linear",
            outTangentType="linear",
        )
    monkeypatch.setattr(maya, "manager_skips_hidden", strict)
    for there, here in ((2, 4), (8, 4), (3, 9), (3, 1)):
        bench.cmds.currentTime(here)
        geometry = maya.evaluate_background(f"{bench.node}.outputGeometry[0]", there)
        for shown, frame in ((geometry.points, there), (bench.points(), here)):
            share = np.float64(frame) / 10
            assert np.abs(shown[moved] - rest[moved] - share * (full - rest)[moved]).max() < 2e-4
    assert maya.violations == []


def test_parallel_playback_calls_pre_evaluation_and_never_set_dependents_dirty(
    maya: Any, bench: Bench
) -> None:
    from aim_maya.scene.node.node import AimDeformer

    for frame, value in ((1, 0.0), (10, 1.0)):
        bench.cmds.setKeyframe(f"{bench.node}.weight[0]", time=frame, value=value)
    maya.playback(range(1, 11), mode="parallel")
    in_parallel = bench.points()
    maya.playback([10], mode="off")
    assert np.array_equal(bench.points(), in_parallel)
    assert np.abs(in_parallel - bench.head.shapes["jawOpen"]).max() < 2e-4
    assert maya.dependents_calls == 0 or "setDependentsDirty" not in vars(AimDeformer)
    assert "setDependentsDirty" not in vars(AimDeformer)
    assert maya.violations == []


def test_points_that_are_no_numbers_stay_alone(maya: Any, bench: Bench) -> None:
    points = bench.head.mesh.points.copy()
    points[7] = np.nan
    bad = maya.add_mesh("bad", points, bench.head.mesh.counts, bench.head.mesh.corners)
    node = bench.cmds.deformer(bad, type="aimDeformer")[0]
    bench.cmds.setAttr(f"{node}.model", bench.model, type="string")
    bench.cmds.setAttr(f"{node}.weight[0]", 1.0)
    shown = maya.points(bad)
    assert np.isnan(shown[7]).all()
    assert np.abs(np.delete(shown - bench.head.shapes["jawOpen"], 7, 0)).max() < 2e-4


def test_a_file_that_is_missing_is_looked_for_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in every frame: places to look in may be network drives."""
    from aim_maya.scene.node import models

    asked, plain = [], models.paths.find
    monkeypatch.setattr(models.paths, "find", lambda *a, **k: asked.append(a) or plain(*a, **k))
    bench.set("model", "/nowhere/gone.aim", type="string")
    for value in (0.1, 0.2, 0.3):
        bench.set("weight[0]", value)
        bench.points()
    assert len(asked) == 1
    assert "/nowhere/gone.aim" in bench.status()


def test_a_curve_is_left_alone_and_named(maya: Any, bench: Bench) -> None:
    from tests.fake_maya.values import Geometry

    curve = maya.create_node("nurbsCurve")
    curve.values["cached"] = {(): Geometry(np.arange(12, dtype=np.float32).reshape(4, 3), "nurbsCurve")}
    bench.cmds.connectAttr(f"{curve.name}.local", f"{bench.node}.input[2].inputGeometry")
    shown = maya.value(f"{bench.node}.outputGeometry[2]")
    assert np.array_equal(shown.points, np.arange(12).reshape(4, 3))
    assert "not a mesh" in bench.status()


def test_a_mesh_without_vertices(maya: Any, bench: Bench) -> None:
    empty = maya.add_mesh("empty", np.zeros((0, 3)), [], [])
    node = bench.cmds.deformer(empty, type="aimDeformer")[0]
    bench.cmds.setAttr(f"{node}.model", bench.model, type="string")
    bench.cmds.setAttr(f"{node}.weight[0]", 1.0)
    assert len(maya.points(empty)) == 0
    assert "0 vertices" in str(bench.cmds.getAttr(f"{node}.status"))


def test_the_model_s_points_at_ten_times_the_size_are_refused(maya: Any) -> None:
    from aim_maya.scene.actions.attach import compare_rest

    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 3))
    with pytest.raises(AimError, match="10 times the size"):
        compare_rest(10 * points, points, "face")
    with pytest.raises(AimError, match="from the model's neutral"):
        compare_rest(points + 5, points, "face")
    compare_rest(points + 1e-6, points, "face")


def test_a_device_that_fails_half_way_goes_on_and_is_said_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.set("weight[0]", 1.0)
    expected = bench.points()
    model = next(m for m in open_models() if m.data.path.as_posix() == bench.model)

    class Failing:
        class session:
            device = "cuda"

        def points(self, *_: object) -> np.ndarray:
            raise RuntimeError("CUDA failure 719: unspecified launch failure")

    model._engine._graph = Failing()  # type: ignore[assignment]
    with caplog.at_level(logging.WARNING, "aim_maya"):
        for value in (0.5, 0.6, 1.0):
            bench.set("weight[0]", value)
            shown = bench.points()
    assert np.array_equal(shown, expected)
    assert len(caplog.records) == 1
    assert "719" in bench.status()


def test_without_onnxruntime_cached_evaluation_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for device, evaluation in ((0, 0), (1, 0), (0, 1)):
        bench.set("device", device)
        bench.set("evaluation", evaluation)
        bench.set("weight[0]", 1.0)
        assert np.abs(bench.points() - bench.head.shapes["jawOpen"]).max() < 2e-4
    assert "onnxruntime cannot be imported" in bench.status()
    assert "numpy" in bench.status()


def test_a_model_whose_graph_cannot_be_opened_goes_on_with_its_fields(bench: Bench) -> None:
    """The made-up model's graphs are empty: full evaluation is asked for, cached evaluation answers, and
    status says why."""
    bench.set("evaluation", 1)
    bench.set("weight[0]", 1.0)
    assert np.abs(bench.points() - bench.head.shapes["jawOpen"]).max() < 2e-4
    assert "pose.onnx is not opened" in bench.status() or "full.onnx is not opened" in bench.status()


def test_full_evaluation_gives_the_same_points(maya: Any, draft: Path, sample: Any) -> None:
    """All networks every frame, on a model whose graphs are real."""
    from maya import cmds

    mesh = maya.add_mesh("sample", sample.neutral.points, sample.neutral.counts, sample.neutral.corners)
    node = cmds.deformer(mesh, type="aimDeformer")[0]
    cmds.setAttr(f"{node}.model", draft.as_posix(), type="string")
    model = FaceModel.load(draft, "cpu")
    for control, value in (("jawOpen", 0.7), ("mouthSmile_L", 0.4)):
        cmds.setAttr(f"{node}.weight[{model.targets.index(control)}]", value)
    cached = maya.points(mesh)
    cmds.setAttr(f"{node}.evaluation", 1)
    cmds.setAttr(f"{node}.device", 2)
    full = maya.points(mesh)
    assert "full evaluation" in str(cmds.getAttr(f"{node}.status"))
    assert np.abs(full - cached).max() < 2e-3
    assert maya.errors == []


def test_while_a_file_is_read_the_input_is_left_alone(
    maya: Any, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.set("weight[0]", 1.0)
    called, plain = [], FaceModel.points
    monkeypatch.setattr(
        FaceModel, "points", lambda self, *a, **k: called.append(maya.reading) or plain(self, *a, **k)
    )
    path = (tmp_path / "scene.ma").as_posix()
    bench.cmds.file(rename=path)
    bench.cmds.file(save=True, type="mayaAscii")
    maya.pull_while_reading = True
    try:
        bench.cmds.file(path, open=True, force=True)
    finally:
        maya.pull_while_reading = False
    assert not any(called), "the model was evaluated before the file was read"
    assert np.abs(bench.points() - bench.head.shapes["jawOpen"]).max() < 2e-4
    assert maya.errors == []
    assert maya.violations == []


def test_a_second_copy_of_the_plug_in_says_so(maya: Any, tmp_path: Path) -> None:
    from maya import cmds

    copy = tmp_path / "aim_deformer_copy.py"
    copy.write_text((Path(__file__).parents[2] / "plug-ins/aim_deformer.py").read_text())
    with pytest.raises(RuntimeError, match="second copy"):
        cmds.loadPlugin(str(copy))
    maya.errors.clear()


def test_an_edit_file_and_a_bad_one(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "edit.json"
    file.write_text('{"thickness": 2.0}')
    rest = bench.points()
    bench.set("edit", file.as_posix(), type="string")
    model = FaceModel.load(bench.model, "cpu")
    assert np.abs(bench.points() - rest - model.data.thickness[:, None] * model.data.normals).max() < 2e-4
    bad = tmp_path / "bad.json"
    bad.write_text('{"thicknes": 2.0}')
    bench.set("edit", bad.as_posix(), type="string")
    assert np.array_equal(bench.points(), rest)
    assert "Did you mean 'thickness'" in bench.status()


def test_attach_and_restore_grow_linearly_with_targets(maya: Any, tmp_path: Path) -> None:
    """Keys on every target; twice the targets, twice the calls."""
    from maya import cmds

    from aim_maya.scene.actions.attach import attach
    from aim_maya.scene.actions.restore import restore
    from tests.in_maya.tiny import write_tiny

    counts: dict[str, list[int]] = {"attach": [], "restore": []}
    for targets in (13, 26, 53):
        cmds.file(newFile=True, force=True)
        head = bench_node.big_head(100, targets)
        model = write_tiny(tmp_path / f"m{targets}.aim", head)
        face = maya.add_mesh("face", head.mesh.points, head.mesh.counts, head.mesh.corners)
        node = cmds.blendShape(face, name="shapes")[0]
        for i, (name, points) in enumerate(head.shapes.items()):
            target = maya.add_mesh(name, points, head.mesh.counts, head.mesh.corners)
            cmds.blendShape(node, edit=True, target=(face, i, target, 1.0))
            cmds.delete(target)
            cmds.setKeyframe(node, attribute=name, time=1, value=0.0)
            cmds.setKeyframe(node, attribute=name, time=9, value=1.0)
        with maya.counting() as calls:
            attach(face, model.as_posix())
        counts["attach"].append(sum(calls.values()))
        with maya.counting() as calls:
            restore(face)
        counts["restore"].append(sum(calls.values()))
    for name, (small, middle, large) in counts.items():
        assert large - middle <= 1.15 * (middle - small) * 27 / 13, (name, counts)


def test_members_of_an_old_style_group_are_asked_for_in_one_call(maya: Any, bench: Bench) -> None:
    """groupParts and groupId, as scenes before 2022 have them: the ids come from the group, not member by
    member."""
    cmds = bench.cmds
    mesh = maya.add_mesh("grouped", bench.head.mesh.points, bench.head.mesh.counts, bench.head.mesh.corners)
    node = cmds.deformer(mesh, type="aimDeformer")[0]
    original = cmds.listConnections(f"{node}.input[0].inputGeometry", source=True, plugs=True)[0]
    parts, group = cmds.createNode("groupParts"), cmds.createNode("groupId")
    cmds.setAttr(f"{parts}.inputComponents", 2, "vtx[3]", "vtx[100:200]", type="componentList")
    cmds.setAttr(f"{node}.input[0].componentTagExpression", "", type="string")
    cmds.connectAttr(original, f"{parts}.inputGeometry")
    for target in (f"{parts}.groupId", f"{node}.input[0].groupId"):
        cmds.connectAttr(f"{group}.groupId", target)
    cmds.connectAttr(f"{parts}.outputGeometry", f"{node}.input[0].inputGeometry", force=True)
    cmds.setAttr(f"{node}.model", bench.model, type="string")
    cmds.setAttr(f"{node}.weight[0]", 1.0)
    with maya.counting() as calls:
        shown = maya.points(mesh)
    member = np.zeros(len(shown), bool)
    member[[3, *range(100, 201)]] = True
    expected = np.where(member[:, None], bench.head.shapes["jawOpen"], bench.head.mesh.points)
    assert np.abs(shown - expected).max() < 2e-4
    assert calls["MItGeometry.index"] == 0, calls
    from aim_maya.scene.rig import chain

    shape = cmds.listRelatives(mesh, shapes=True, noIntermediate=True, fullPath=True)[0]
    assert [slot.node for slot in chain.stack(shape)] == [node]
    assert str(chain.original(shape)).rsplit("|", 1)[-1] == original.split(".")[0].rsplit("|", 1)[-1]


def test_a_bulk_answer_of_another_number_is_not_taken(
    maya: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a group or a tag says more than the iterator has, the iterator is asked."""
    from maya import OpenMaya

    from tests.in_maya.checks_scene import check_membership_subsets
    from tests.in_maya.lab import Lab

    plain = OpenMaya.MFnSingleIndexedComponent.getElements

    def one_more(self: Any, array: Any) -> None:
        plain(self, array)
        array.append(0)

    monkeypatch.setattr(OpenMaya.MFnSingleIndexedComponent, "getElements", one_more)
    with maya.counting() as calls:
        check_membership_subsets(Lab(tmp_path))
    assert calls["MItGeometry.index"]


def test_members_by_component_tags_are_asked_for_in_one_call(maya: Any, tmp_path: Path) -> None:
    from tests.in_maya.checks_scene import check_membership_subsets
    from tests.in_maya.lab import Lab

    with maya.counting() as calls:
        check_membership_subsets(Lab(tmp_path))
    assert calls["MItGeometry.index"] == 0, calls


def test_an_attach_that_fails_half_way_leaves_nothing(
    maya: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aim_maya.scene.actions import attach as attach_module
    from tests.in_maya.checks_attach import busy_rig, snapshot
    from tests.in_maya.lab import Lab

    lab = Lab(tmp_path)
    rig = busy_rig(lab)
    before = snapshot(rig)
    plain = attach_module.move_node

    def half_way(old: str, new: str) -> None:
        plain(old, new)
        raise RuntimeError("the connection is locked")

    monkeypatch.setattr(attach_module, "move_node", half_way)
    with pytest.raises(RuntimeError, match="locked"):
        attach_module.attach(rig.mesh, lab.model)
    assert snapshot(rig) == before


@pytest.mark.parametrize(("mode", "wiring"), [("replace", "take_place"), ("overlay", "put_after")])
def test_an_attach_that_another_tool_takes_out_again_leaves_nothing(
    maya: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, wiring: str
) -> None:
    """The order of the deformers is read back, whatever was asked for."""
    from aim_maya.scene.actions.attach import attach
    from aim_maya.scene.rig import chain
    from tests.in_maya.checks_attach import busy_rig, snapshot
    from tests.in_maya.lab import Lab

    lab = Lab(tmp_path)
    rig = busy_rig(lab)
    before, plain = snapshot(rig), getattr(chain, wiring)

    def undone(old: chain.Slot, new: chain.Slot) -> None:
        plain(old, new)
        chain.take_out(new)

    monkeypatch.setattr(chain, wiring, undone)
    with pytest.raises(AimError, match="were to follow one another"):
        attach(rig.mesh, lab.model, mode=mode)
    assert snapshot(rig) == before


def test_one_plug_that_cannot_be_held_does_not_keep_the_others_from_coming_back(
    maya: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A weight locked in a referenced file: refused by name, and what was held before it is as it was."""
    from maya import cmds

    from aim_maya.scene.rig import plugs

    for name in ("a", "b", "driver"):
        cmds.createNode("transform", name=name)
    cmds.connectAttr("driver.translateX", "a.translateX")
    cmds.setAttr("b.translateX", 3.0)
    cmds.setAttr("b.translateX", lock=True)
    plain = cmds.setAttr

    def refusing(plug: str, *args: Any, **flags: Any) -> Any:
        if plug == "b.translateX" and flags.get("lock") is False:
            raise RuntimeError(
                "The attribute 'b.translateX' was locked in a referenced file, and cannot be unlocked."
            )
        return plain(plug, *args, **flags)

    monkeypatch.setattr(plugs.cmds, "setAttr", refusing)
    with (
        pytest.raises(AimError, match=r"b\.translateX cannot be unlocked"),
        plugs.held({"a.translateX": 1.0, "b.translateX": 1.0}),
    ):
        pytest.fail("nothing was refused")
    assert cmds.listConnections("a.translateX", source=True, plugs=True) == ["driver.translateX"]
    assert cmds.getAttr("b.translateX") == 3.0


def test_a_conversion_that_is_deleted_while_a_plug_is_held_comes_back_with_its_factor(maya: Any) -> None:
    """As Maya deletes one that drives nothing; riggers set the factor by hand."""
    from maya import cmds

    from aim_maya.scene.rig import plugs

    for name in ("control", "driven"):
        cmds.createNode("transform", name=name)
    cmds.connectAttr("control.rotateX", "driven.translateX")
    conversion = cmds.ls(type="unitConversion")[0]
    cmds.setAttr(f"{conversion}.conversionFactor", 0.25)
    cmds.setAttr("control.rotateX", 30.0)
    before = cmds.getAttr("driven.translateX")
    with plugs.held({"driven.translateX": 1.0}):
        cmds.delete(conversion)
        assert cmds.getAttr("driven.translateX") == 1.0
    assert cmds.getAttr("driven.translateX") == before
    (conversion,) = cmds.ls(type="unitConversion")
    assert cmds.getAttr(f"{conversion}.conversionFactor") == 0.25


def test_a_polygon_operation_after_the_blend_shape(maya: Any, tmp_path: Path) -> None:
    """Faces come from where the blendShape gives them, not from the mesh at the end of the chain."""
    from aim_maya.scene.actions import capture as capture_module
    from tests.in_maya.lab import Lab

    lab = Lab(tmp_path)
    rig = lab.rig()
    read: list[str] = []
    plain = capture_module.plug_mesh

    def noted(plug: str) -> Any:
        read.append(plug)
        return plain(plug)

    capture_module.plug_mesh = noted  # type: ignore[assignment]
    try:
        actor = capture_module.capture(rig.mesh, any_size=True).actor
    finally:
        capture_module.plug_mesh = plain  # type: ignore[assignment]
    assert read == [f"{rig.node}.outputGeometry[0]"]
    assert actor.neutral.topology_hash == lab.head.mesh.topology_hash


CHECKS_WITHOUT_LAPACK = (
    ("checks_node", "check_between_the_poses_the_jaw_turns"),
    ("checks_node", "check_a_driven_jaw"),
    ("checks_node", "check_painted_weights_are_sparse_and_follow_changes"),
    ("checks_edit", "check_handles_and_presets_show_at_rest_and_in_poses"),
    ("checks_edit", "check_a_target_is_sculpted"),
    ("checks_performance", "check_a_performance_blends_with_the_sliders"),
)


@pytest.mark.parametrize(("part", "name"), CHECKS_WITHOUT_LAPACK)
def test_nothing_of_lapack_and_one_blas_thread_while_the_host_evaluates(
    maya: Any, tmp_path: Path, part: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models are read, edits laid out and performances opened in the first evaluation that needs them."""
    import importlib

    from numpy.linalg import _umath_linalg

    from aim_maya.runtime import session
    from aim_maya.scene.node.node import AimDeformer
    from tests.in_maya.lab import Lab

    inside, called, threads = threading.local(), [], []
    held = {"threads": 7}

    def put(count: int) -> None:
        held["threads"] = count

    monkeypatch.setattr(session, "library", lambda: (lambda: held["threads"], put))

    def trapped(name: str, plain: Any) -> Any:
        def call(*a: Any, **k: Any) -> Any:
            if getattr(inside, "depth", 0):
                called.append(name)
            return plain(*a, **k)

        return call

    for routine in dir(_umath_linalg):
        if isinstance(getattr(_umath_linalg, routine), np.ufunc):
            monkeypatch.setattr(
                _umath_linalg, routine, trapped(routine, getattr(_umath_linalg, routine)), raising=True
            )

    def watched(plain: Any) -> Any:
        def call(*a: Any) -> Any:
            inside.depth = getattr(inside, "depth", 0) + 1
            try:
                return plain(*a)
            finally:
                inside.depth -= 1

        return call

    points = FaceModel.posed
    monkeypatch.setattr(
        FaceModel,
        "posed",
        lambda self, *a, **k: (
            (inside.__dict__.get("depth") and threads.append(held["threads"])) or points(self, *a, **k)
        ),
    )
    for method in ("deform", "compute"):
        monkeypatch.setattr(AimDeformer, method, watched(vars(AimDeformer)[method]))
    getattr(importlib.import_module(f"tests.in_maya.{part}"), name)(Lab(tmp_path))
    assert called == []
    assert set(threads) == {1}, "numpy's BLAS had more than one thread while the host evaluated"
    assert held["threads"] == 7, "the count of threads was not put back"


def test_the_count_of_blas_threads_is_numpy_s_own() -> None:
    """What is found in this process is OpenBLAS as numpy was linked with it, and answers."""
    from aim_maya.runtime import session

    wheel = "openblas" in str(np.show_config(mode="dicts")).lower()
    found = session.library()
    assert (found is not None) == wheel
    if found is None:
        return
    get, put = found
    before = get()
    put(2)
    try:
        with session.one_thread():
            assert get() == 1
            with session.one_thread():
                assert get() == 1
            assert get() == 1
        assert get() == 2
    finally:
        put(before)


def test_painted_maps_of_a_large_head_are_read_and_held_in_bulk(maya: Any) -> None:
    """All vertices painted, one of them driven: as many calls for 3,000 as for 25,000; all is put back."""
    from maya import cmds

    from aim_maya.scene.rig import plugs
    from aim_maya.scene.rig.blend_shape import base_weights, neutral_state, read_structure

    head = bench_node.big_head(3_000, 1)
    face = maya.add_mesh("face", head.mesh.points, head.mesh.counts, head.mesh.corners)
    target = maya.add_mesh("up", head.shapes["t00"], head.mesh.counts, head.mesh.corners)
    node, count = cmds.blendShape(target, face)[0], len(head.mesh.points)
    painted = np.random.default_rng(3).uniform(0, 1, count).astype(np.float32).tolist()
    base = f"{node}.inputTarget[0].baseWeights"
    cmds.setAttr(f"{base}[0:{count - 1}]", *painted, size=count)
    cmds.setAttr(f"{node}.weightList[0].weights[7]", 0.5)
    cmds.createNode("transform", name="driver")
    cmds.setAttr("driver.translateX", 0.25)
    cmds.connectAttr("driver.translateX", f"{base}[100]")
    expected = [*painted[:100], 0.25, *painted[101:]]
    expected[7] *= 0.5
    structure = read_structure(node, "faceShape")
    with maya.counting() as calls:
        assert base_weights(structure, count) == expected
        with plugs.held(neutral_state(structure)):
            assert set(plugs.ramp(base, count)) == {1.0}
            assert plugs.ramp(f"{node}.weightList[0].weights", count)[7] == 1.0
    assert sum(calls.values()) < 100, calls
    assert base_weights(structure, count) == expected
    assert cmds.listConnections(f"{base}[100]", source=True, plugs=True) == ["driver.translateX"]


def test_the_units_of_the_user(maya: Any) -> None:
    from maya import cmds

    from aim_maya.scene.actions import performances

    before = {kind: cmds.currentUnit(query=True, **{kind: True}) for kind in ("linear", "angle", "time")}
    for kind, name, expected, asked in (
        ("linear", "mm", 0.1, performances.centimetres),
        ("linear", "m", 100.0, performances.centimetres),
        ("linear", "in", 2.54, performances.centimetres),
        ("angle", "rad", 180 / np.pi, performances.degrees),
        ("angle", "deg", 1.0, performances.degrees),
        ("time", "film", 24.0, performances.frames_per_second),
        ("time", "60fps", 60.0, performances.frames_per_second),
    ):
        cmds.currentUnit(**{kind: name})
        assert asked() == pytest.approx(expected), name
    cmds.currentUnit(**before)


def test_a_drive_that_is_mapped_to_another(
    maya: Any, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aim_maya.scene.node import paths

    monkeypatch.setattr(maya, "dir_maps", [("Z:/old", tmp_path.as_posix())])
    paths.refresh()
    bench.set("model", "Z:/old/tiny.aim", type="string")
    bench.set("weight[0]", 1.0)
    assert np.abs(bench.points() - bench.head.shapes["jawOpen"]).max() < 2e-4


def test_what_a_look_at_the_faces_says(maya: Any, tmp_path: Path) -> None:
    """An envelope of zero is a warning; the shape before all deformers is no face; baking leaves the time."""
    from maya import cmds

    from aim_maya.jobs.options import Sampling
    from aim_maya.scene.actions.attach import attach
    from aim_maya.scene.batch.export import make_stand
    from aim_maya.scene.rig.meshes import examine, find_faces
    from tests.in_maya.lab import Lab

    lab = Lab(tmp_path)
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    assert examine(node)["warnings"] == []
    cmds.setAttr(f"{node}.envelope", 0.0)
    assert examine(node)["warnings"] == ["its envelope is 0: the model does nothing"]
    shapes = cmds.listRelatives(rig.mesh, shapes=True, fullPath=True)
    (original,) = [s for s in shapes if cmds.getAttr(f"{s}.intermediateObject")]
    with pytest.raises(AimError, match="Nothing in the scene that has a mesh"):
        find_faces([original])
    cmds.currentTime(7)
    make_stand(find_faces([rig.mesh])[0], Sampling(1, 3, 1, (0.0,)), 20)
    assert cmds.currentTime(query=True) == 7


def test_undo_is_off_again_after_an_action(maya: Any, tmp_path: Path) -> None:
    """As in mayapy: a long batch must not fill a queue that nobody asked for."""
    from maya import cmds

    from aim_maya.scene.actions.attach import attach
    from tests.in_maya.lab import Lab

    lab = Lab(tmp_path)
    rig = lab.rig()
    cmds.undoInfo(stateWithoutFlush=False)
    try:
        attach(rig.mesh, lab.model)
        assert not cmds.undoInfo(query=True, state=True)
    finally:
        cmds.undoInfo(stateWithoutFlush=True)


def test_a_mistake_of_ours_leaves_the_face(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised while deforming stays inside: the input is shown, and status names the error."""
    from aim_maya.runtime.deformation import Deformation

    def wrong(*_: object) -> None:
        raise KeyError("a mistake")

    monkeypatch.setattr(Deformation, "offset", wrong)
    bench.set("weight[0]", 1.0)
    assert np.array_equal(bench.points(), bench.head.mesh.points.astype(np.float32))
    assert "unexpected KeyError: 'a mistake'" in bench.status()
    assert bench.session.errors == []


def test_as_many_vertices_and_other_faces_is_another_mesh(maya: Any, bench: Bench) -> None:
    mesh = bench.head.mesh
    turned = mesh.corners.copy()
    turned[:4] = np.roll(turned[:4], 1)
    other = maya.add_mesh("turned", mesh.points, mesh.counts, turned)
    node = bench.cmds.deformer(other, type="aimDeformer")[0]
    bench.cmds.setAttr(f"{node}.model", bench.model, type="string")
    bench.cmds.setAttr(f"{node}.weight[0]", 1.0)
    assert np.array_equal(maya.points(other), mesh.points.astype(np.float32))
    assert "is not the mesh of tiny.aim" in str(bench.cmds.getAttr(f"{node}.status"))
