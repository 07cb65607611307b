"""Batch work over scenes on disk: exports by Maya's own plug-ins, folders attached and restored, bad scenes
in between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from maya import OpenMaya, cmds

from aim_maya.jobs.options import Sampling, parse
from aim_maya.jobs.results import DONE, FAILED, SKIPPED, Result
from aim_maya.jobs.supervisor import make_plan
from aim_maya.scene.actions.attach import attach
from aim_maya.scene.batch import run as batch_run

from .checks_scene import other_actor
from .lab import Lab, Rig, close
from .timing import key_everything
from .tiny import write_tiny


def run(*words: object) -> list[Result]:
    """What `aim-mayapy batch` does with these words, in this process."""
    plan = make_plan(parse([str(w) for w in words]))
    results: list[Result] = []
    batch_run.prepare(plan)
    batch_run.run(plan, lambda _: None, results.append)
    return results


def save(path: Path) -> Path:
    """Save the scene under this name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cmds.file(rename=path.as_posix())
    cmds.file(save=True, type="mayaAscii")
    return path


def shot(lab: Lab) -> tuple[Path, Rig, str]:
    """A saved scene: an attached face with keys, turned and moved, under a moved group."""
    rig = lab.rig()
    key_everything(rig)
    group = cmds.createNode("transform", name="head_group")
    cmds.setAttr(f"{group}.translate", 3.0, -1.0, 2.0, type="double3")
    cmds.setAttr(f"{group}.rotateZ", 20.0)
    mesh = cmds.parent(rig.mesh, group, relative=True)[0]
    cmds.setAttr(f"{mesh}.rotateY", 30.0)
    node = attach(mesh, lab.model).node
    return save(lab.folder / "scenes/shot one.ma"), rig, node


def shown(lab: Lab, scene: Path, mesh: str, times: list[float]) -> dict[float, np.ndarray]:
    """{time: (V, 3) object-space points} that a mesh shows in a scene."""
    cmds.file(scene.as_posix(), open=True, force=True)
    points = {}
    for time in times:
        cmds.currentTime(time)
        points[time] = lab.points(mesh)
    return points


def check_usd_has_the_points_of_every_sample(lab: Lab) -> None:
    """Sub-frames and a step; read back through USD itself; world space stands in the root's transform."""
    scene, rig, _ = shot(lab)
    sampling = Sampling(2, 8, 3, (-0.25, 0.0, 0.25))
    done = run(
        "export",
        scene,
        "-o",
        lab.folder / "out",
        "--format",
        "usd",
        "--frames",
        "2-8",
        "--step",
        3,
        "--sub-frames",
        -0.25,
        0,
        0.25,
    )[0]
    assert done.state == DONE, done.error
    assert done.figures["frames"]["samples"] == 9
    from pxr import Gf, Usd, UsdGeom

    stage = Usd.Stage.Open(done.output)
    mesh = next(UsdGeom.Mesh(p) for p in stage.Traverse() if p.IsA(UsdGeom.Mesh))
    assert sorted(mesh.GetPointsAttr().GetTimeSamples()) == sampling.times
    for time, points in shown(lab, scene, rig.mesh, sampling.times).items():
        close(np.array(mesh.GetPointsAttr().Get(time)), points, 1e-4)
    world = Gf.Matrix4d(*cmds.getAttr(f"{rig.mesh}.worldMatrix[0]"))
    place = UsdGeom.XformCache(2.0).GetLocalToWorldTransform(mesh.GetPrim())
    close(np.array(place), np.array(world), 1e-6)


def check_alembic_is_written_whole(lab: Lab) -> None:
    """One archive, closed; nothing else is left in the folder but the note of what it was made from. A mesh
    below another that goes out is written with it, once."""
    scene, rig, node = shot(lab)
    before = scene.read_bytes()
    done = run("export", scene, "-o", lab.folder / "out", "--frames", "1-5", "--nodes", "face*")[0]
    assert done.state == DONE, done.error
    assert [face["node"] for face in done.faces] == [node]
    assert sorted(p.name for p in (lab.folder / "out").iterdir()) == ["shot one.abc", "shot one.abc.json"]
    assert scene.read_bytes() == before
    cmds.file(scene.as_posix(), open=True, force=True)
    cmds.parent(lab.mesh("lower_teeth", lab.head.mesh), rig.mesh, relative=True)
    both = save(scene.parent / "both.ma")
    words = ("--frames", "1-2", "--nodes", rig.mesh, "lower_teeth")
    done = run("export", both, "-o", lab.folder / "out", *words)[0]
    assert done.state == DONE, done.error


def check_fbx_safe_targets_follow_the_model(lab: Lab) -> None:
    """Native targets, keyed; the residual over the shot and over other poses is in the report; too large a
    one is refused."""
    scene, _, _ = shot(lab)
    done = run(
        "export", scene, "-o", lab.folder / "out", "--format", "fbx", "--frames", "1-60", "--step", 10
    )[0]
    assert done.state == DONE, done.error
    residual = done.faces[0]["residual"]
    assert 0 < residual["shot_mm"]["max"] < 3.0, residual
    assert residual["held_out_mm"]["rms"] < residual["held_out_mm"]["linear_rms"], residual
    refused = run(
        "export",
        scene,
        "-o",
        lab.folder / "tight",
        "--format",
        "fbx",
        "--frames",
        "30-31",
        "--max-residual",
        1e-6,
    )[0]
    assert refused.state == FAILED
    assert "mm off at frame" in (refused.error or {})["what"]
    assert not list((lab.folder / "tight").iterdir())


def check_a_folder_is_attached_and_restored(lab: Lab) -> None:
    """Every scene of a folder; the report has the largest difference; restored scenes show what they showed;
    --resume does nothing twice."""
    folder, points = lab.folder / "rigs", {}
    for name in ("a", "deep/b"):
        cmds.file(newFile=True, force=True)
        rig = lab.rig()
        key_everything(rig)
        path = save(folder / f"{name}.ma")
        points[path] = shown(lab, path, rig.mesh, [1.0, 30.0])
    model = folder / "tiny.aim"  # beside a scene that will lie elsewhere
    model.write_bytes(Path(lab.model).read_bytes())
    attached = run("attach", folder, "--model", model, "-o", lab.folder / "attached")
    assert [r.state for r in attached] == [DONE, DONE], [r.error for r in attached]
    assert all(r.faces[0]["largest_difference"]["mm"] > 0.1 for r in attached)
    assert [r.state for r in run("check", lab.folder / "attached")] == [DONE, DONE]
    again = run("attach", folder, "--model", model, "-o", lab.folder / "attached", "--resume")
    assert [r.state for r in again] == [SKIPPED, SKIPPED]
    other = write_tiny(lab.folder / "other.aim", other_actor(lab.head))
    refused = run("attach", lab.folder / "attached", "--model", other, "-o", lab.folder / "refused")
    assert [r.state for r in refused] == [FAILED, FAILED]
    assert all("has another model than" in (r.error or {})["what"] for r in refused), refused
    restored = run("restore", lab.folder / "attached", "-o", lab.folder / "restored")
    assert [r.state for r in restored] == [DONE, DONE], [r.error for r in restored]
    for path, before in points.items():
        now = shown(lab, lab.folder / "restored" / path.relative_to(folder), "face", list(before))
        for time, value in before.items():
            close(now[time], value, 1e-4)


def check_a_bad_scene_does_not_stop_the_rest(lab: Lab) -> None:
    """A scene that is none, one without a model, one whose model is gone: each says why, the good one is
    done."""
    scene, _, node = shot(lab)
    folder = scene.parent
    (folder / "broken.ma").write_text("this is not a scene {{{", encoding="utf-8")
    cmds.setAttr(f"{node}.model", "gone.aim", type="string")
    save(folder / "lost.ma")
    cmds.file(newFile=True, force=True)
    save(folder / "plain.ma")
    states = {
        Path(r.scene).stem: r for r in run("export", folder, "-o", lab.folder / "out", "--frames", "1-2")
    }
    assert {k: r.state for k, r in states.items()} == {
        "broken": FAILED,
        "lost": FAILED,
        "plain": FAILED,
        "shot one": DONE,
    }, states
    for name, words in (
        ("broken", "cannot be opened"),
        ("lost", "gone.aim"),
        ("plain", "has no aimDeformer"),
    ):
        assert words in json.dumps(states[name].error), states[name].error
    assert sorted(p.name for p in (lab.folder / "out").iterdir()) == ["shot one.abc", "shot one.abc.json"]


def check_batch_evaluates_in_plain_dg(lab: Lab) -> None:
    """The evaluation manager is off in every scene, so that a Python node cannot hang Maya; whatever was on
    before, and whatever the scene turns on as it opens."""
    scene, _, _ = shot(lab)
    cmds.evaluationManager(mode="parallel")
    modes: list[Any] = []
    plan = make_plan(parse(["check", str(scene)]))
    batch_run.prepare(plan)

    def turned_on(*_: object) -> None:
        modes.append("opened")
        cmds.evaluationManager(mode="parallel")

    scripts = OpenMaya.MSceneMessage.addCallback(OpenMaya.MSceneMessage.kAfterOpen, turned_on)
    try:
        batch_run.run(
            plan, lambda _: None, lambda _: modes.append(cmds.evaluationManager(query=True, mode=True))
        )
    finally:
        OpenMaya.MMessage.removeCallback(scripts)
    assert modes.pop(0) == "opened"
    assert "off" in str(modes[0]), modes


def check_a_safe_publish_puts_the_modes_back(lab: Lab) -> None:
    """Plain DG and no cached playback inside, also after an error; then what the user had."""
    from aim_maya.scene.batch import safe_publish

    before = cmds.evaluationManager(query=True, mode=True)
    cmds.evaluationManager(mode="parallel")
    cmds.evaluator(name="cache", enable=True)
    try:
        with safe_publish():
            assert cmds.evaluationManager(query=True, mode=True) == ["off"]
            assert not cmds.evaluator(name="cache", query=True, enable=True)
            raise KeyError("an export that failed")
    except KeyError:
        pass
    assert cmds.evaluationManager(query=True, mode=True) == ["parallel"]
    assert cmds.evaluator(name="cache", query=True, enable=True)
    scene, _, _ = shot(lab)
    run("check", scene)
    assert cmds.evaluationManager(query=True, mode=True) == ["parallel"], "batch left its mode behind"
    cmds.evaluationManager(mode=before[0])


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
