"""Every reader against files that came to harm. `make fuzz` gives each 2,000; `make test` a few. AIM_FUZZ=N
sets the number.

A reader may read what it is given, or raise AimError. Anything else, more than 2 s of a core's time, more
than 512 MiB, or points that are NaN, is a fault. The seed is in the failure's report: run it again with
--hypothesis-seed.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core import rigid
from aim_maya.core.actor_folder import read_actor, write_dataset
from aim_maya.core.container import AIM, AIMPERF, model_hash, read_manifest
from aim_maya.core.errors import AimError
from aim_maya.core.performance import PerformanceData, write_performance
from aim_maya.runtime import FaceModel, Performance
from tests.actor.test_packed import rounded
from tests.runtime.test_tables import with_columns
from trainer.sample.packed import write_packed

from .damage import (
    Draw,
    arrays_damaged,
    bytes_damaged,
    container_damaged,
    json_damaged,
    json_text,
    text_damaged,
    whole,
)

CPU_S, MEMORY = 2, 512 * 2**20
WEIGHTS = {"jawOpen": 0.7, "mouthSmile_L": 1.0}


class Hang(BaseException):
    """A reader took too long."""


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """At most 512 MiB more than now, and 2 s of this process's time."""

    def late(*_: object) -> None:
        raise Hang

    with open("/proc/self/statm") as stream:
        now = int(stream.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGPROF, late)
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, before[1]))
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def read_model(path: Path, tiny: Path) -> None:
    with contextlib.suppress(
        AimError
    ):  # what a scene compares before it opens one of several: it may differ, not fail
        assert isinstance(model_hash(read_manifest(AIM, path)), str)
    model = FaceModel.load(path, "cpu")
    for weights in ({}, dict.fromkeys(model.targets[:3], 0.7)):
        assert np.isfinite(model.points(weights)).all()
        assert np.isfinite(model.points(weights, detail=False)).all()
        assert np.isfinite(model.jaw(weights)).all()
    full = FaceModel.load(path, "cpu", evaluation="full")
    assert np.isfinite(full.points(dict.fromkeys(model.targets[:3], 0.7))).all()


def read_performance(path: Path, tiny: Path) -> None:
    performance, model = Performance.load(path), FaceModel.load(tiny / "tiny.aim", "cpu")
    assert np.isfinite(model.performance_points(performance, performance.frame_count / 2)).all()
    assert np.isfinite(performance.head(0.5)).all()


def read_the_actor(path: Path, tiny: Path) -> None:
    actor = read_actor(path)
    assert np.isfinite(actor.neutral.points).all()
    assert all(np.isfinite(points).all() for points in actor.shapes.values())


def read_packed_head(path: Path, tiny: Path) -> None:
    from trainer.sample import read_packed

    actor = read_packed(path)
    assert np.isfinite(actor.neutral.points).all()
    assert np.isfinite(actor.stack).all()
    assert all(points.shape[1] == 3 for points in actor.lower_teeth_shapes.values())


def read_scans(path: Path, tiny: Path) -> None:
    from trainer.fit.scans import open_frames

    frames = open_frames(path, 312)
    assert sum(1 for points in frames if points.shape == (len(frames.vertices), 3)) == frames.count


def read_curves(path: Path, tiny: Path) -> None:
    from trainer.bake.take import TakeOptions, sampled

    taken = sampled(path, TakeOptions()).curves
    assert np.isfinite(taken.values).all()


def read_edit(path: Path, tiny: Path) -> None:
    from aim_maya.runtime.edit import read_recipe

    model = FaceModel.load(tiny / "tiny.aim", "cpu")
    assert np.isfinite(model.edited(read_recipe(path)).points(WEIGHTS)).all()


def read_landmarks(path: Path, tiny: Path) -> None:
    from trainer.fit.cameras.landmark_files import read_landmarks as read

    read(path)


def read_cameras(path: Path, tiny: Path) -> None:
    from trainer.fit.cameras.camera import read_cameras as read

    assert all(np.isfinite(camera.extrinsics).all() for camera in read(path, 1.0))


def read_confidence(path: Path, tiny: Path) -> None:
    from trainer.fit.scans import read_confidence as read

    assert np.isfinite(read(path, 312)).all()


def read_usd(path: Path, tiny: Path) -> None:
    from trainer.actor import load_actor

    actor = load_actor(path, any_size=True)
    assert all(np.isfinite(points).all() for points in actor.shapes.values())


def read_checkpoint(path: Path, tiny: Path) -> None:
    from aim_maya.core.run_folder import RunFolder

    RunFolder(path.parent).load()


def model_file(draw: Draw, tiny: Path, folder: Path) -> Path:
    container_damaged(draw, AIM, tiny / "tiny.aim", folder / "a.aim", "mesh.npz")
    return folder / "a.aim"


def older_model_file(draw: Draw, tiny: Path, folder: Path) -> Path:
    """As schema 2 has it of hundreds of targets: sums of columns in place of networks that are asked."""
    whole = folder / "whole.aim"
    if not whole.exists():
        with_columns(tiny / "tiny.aim", whole)
    container_damaged(draw, AIM, whole, folder / "a.aim", "mesh.npz")
    return folder / "a.aim"


def performance_file(draw: Draw, tiny: Path, folder: Path) -> Path:
    model = FaceModel.load(tiny / "tiny.aim", "cpu")
    t, v, f = len(model.data.rig.targets), 312, 3
    rng = np.random.default_rng(0)
    still = np.broadcast_to(np.eye(4), (f, 4, 4)).copy()
    still[1] = rigid.exp([0.1, 0.0, 0.0, 1.0, 2.0, 0.0])
    about = {
        "targets": list(model.data.rig.targets),
        "vertices": v,
        "model": "tiny",
        "topology_hash": model.mesh.topology_hash,
        "mm_per_unit": 1.0,
        "mode": "local",
        "solver": "linear",
        "jaw": "free",
        "figures": {"mean": 0.1},
    }
    numbers = [rng.random(shape).astype(np.float32) for shape in ((f, t, 4), (v, 4), (f, 4, 3))]
    write_performance(
        folder / "whole.aimperf",
        PerformanceData(24.0, still, still, numbers[0], numbers[1], numbers[2], about=about),
    )
    container_damaged(draw, AIMPERF, folder / "whole.aimperf", folder / "a.aimperf", "performance.npz")
    return folder / "a.aimperf"


def small_actor(tiny: Path, folder: Path) -> Path:
    """The actor with three of its shapes, since a folder is read whole each time."""
    if not (folder / "actor").exists():
        (folder / "actor" / "shapes").mkdir(parents=True)
        for file in ("neutral.obj", "lower_teeth.obj"):
            shutil.copy(tiny / "actor" / file, folder / "actor" / file)
        for target in ("jawOpen", "mouthSmile_L", "browInnerUp"):
            shutil.copy(tiny / "actor" / "shapes" / f"{target}.obj", folder / "actor" / "shapes")
    return folder / "actor"


ABOUT = {
    "name": "a",
    "mm_per_unit": 1.0,
    "up": "y",
    "controls": [
        {"name": n, "index": i, "knots": [[1.0, n]]} for i, n in enumerate(("jawOpen", "mouthSmile_L"))
    ],
    "poses": [{"target": "browInnerUp", "weights": {"jawOpen": 1.0, "mouthSmile_L": 1.0}}],
}


def actor_folder(draw: Draw, tiny: Path, folder: Path) -> Path:
    actor = small_actor(tiny, folder)
    (actor / "actor.json").write_bytes(json_text(json_damaged(draw, ABOUT)))
    poses = {"jawOpen": np.eye(4).tolist()}
    (actor / "jaw_poses.json").write_bytes(
        json_text(json_damaged(draw, poses)) if draw(st.booleans()) else json_text(poses)
    )
    return actor


def actor_obj(draw: Draw, tiny: Path, folder: Path) -> Path:
    actor = small_actor(tiny, folder)
    name = draw(st.sampled_from(["neutral.obj", "shapes/jawOpen.obj", "lower_teeth.obj"]))
    for file in ("neutral.obj", "shapes/jawOpen.obj", "lower_teeth.obj"):
        text = (tiny / "actor" / file).read_text()
        whole = text.encode()
        damaged = draw(st.sampled_from([text_damaged, lambda d, t: bytes_damaged(d, t.encode())]))
        (actor / file).write_bytes(damaged(draw, text) if file == name else whole)
    return actor


def dataset(draw: Draw, tiny: Path, folder: Path) -> Path:
    whole = folder / "whole.npz"
    if not whole.exists():
        write_dataset(read_actor(small_actor(tiny, folder)), whole)
    with np.load(whole, allow_pickle=False) as arrays:
        (folder / "a.npz").write_bytes(arrays_damaged(draw, dict(arrays)))
    return folder / "a.npz"


def packed_head(draw: Draw, tiny: Path, folder: Path) -> Path:
    whole = folder / "whole.npz"
    if not whole.exists():
        write_packed(rounded(read_actor(small_actor(tiny, folder))), whole)
    with np.load(whole, allow_pickle=False) as arrays:
        (folder / "a.npz").write_bytes(arrays_damaged(draw, dict(arrays)))
    return folder / "a.npz"


def scans(draw: Draw, tiny: Path, folder: Path) -> Path:
    arrays = {"frames": np.zeros((2, 312, 3), np.float32), "fps": np.array(24.0), "vertices": np.arange(312)}
    (folder / "a.npz").write_bytes(arrays_damaged(draw, arrays))
    return folder / "a.npz"


PLAIN = "frame,jawOpen,mouthSmile_L\n" + "".join(f"{i},{i / 10},{1 - i / 10}\n" for i in range(8))
LIVE = "Timecode,BlendshapeCount,EyeBlinkLeft,JawOpen\n" + "".join(
    f"10:00:00:{i:02d}.000,2,{i / 20},0.5\n" for i in range(8)
)


def curves(draw: Draw, tiny: Path, folder: Path) -> Path:
    text = draw(st.sampled_from([PLAIN, LIVE]))
    damaged = text_damaged(draw, text, ",") if draw(st.booleans()) else bytes_damaged(draw, text.encode())
    (folder / "a.csv").write_bytes(damaged)
    return folder / "a.csv"


EDIT = {
    "schema": 1,
    "thickness": {"cheeks": 1.2, "all": 1.0},
    "bones": {"jaw_longer_mm": 3.0},
    "jaw_gain": 1.1,
    "jaw_arc": 0.5,
    "expression_gain": 1.0,
    "jaw_pose": [[1, 0, 0, 0], [0, 1, 0, -1], [0, 0, 1, 0], [0, 0, 0, 1]],
}


def edit(draw: Draw, tiny: Path, folder: Path) -> Path:
    (folder / "e.json").write_bytes(json_text(json_damaged(draw, EDIT)))
    return folder / "e.json"


def edit_map(draw: Draw, tiny: Path, folder: Path) -> Path:
    stream = io.BytesIO()
    np.save(stream, np.ones(312, np.float32))
    (folder / "map.npy").write_bytes(bytes_damaged(draw, stream.getvalue()))
    (folder / "e.json").write_text(json.dumps({"schema": 1, "thickness_map": "map.npy"}))
    return folder / "e.json"


LANDMARKS = {
    "convention": "multipie68",
    "fps": 30,
    "cameras": {
        "left": {
            "width": 1920,
            "height": 1080,
            "frames": [[[812.1, 530.4, 0.9], [815.0, 560.2]], None, {"30": {"x": 960, "y": 540}}],
        },
        "right": {"frames": [{"30": [960, 540]}, None, None]},
    },
}
CAMERAS = {
    "unit": "mm",
    "axes": "opencv",
    "cameras": [
        {
            "name": "left",
            "width": 1920,
            "height": 1080,
            "K": [[2000, 0, 960], [0, 2000, 540], [0, 0, 1]],
            "distortion": [-0.05, 0.01],
            "R": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
            "t": [0, 0, 900],
        },
        {
            "name": "right",
            "width": 1920,
            "height": 1080,
            "focal": "unknown",
            "axes": "maya",
            "unit": "cm",
            "camera_to_world": [[1, 0, 0, 31], [0, 1, 0, 0], [0, 0, 1, 85], [0, 0, 0, 1]],
        },
    ],
}


def landmarks(draw: Draw, tiny: Path, folder: Path) -> Path:
    (folder / "l.json").write_bytes(json_text(json_damaged(draw, LANDMARKS)))
    return folder / "l.json"


def landmark_rows(draw: Draw, tiny: Path, folder: Path) -> Path:
    stream = io.StringIO()
    rows = [
        ["frame", "camera", "id", "x", "y", "confidence"],
        *([f, "front", p, 900 + p, 500 + f, 0.9] for f in range(3) for p in (8, 30)),
    ]
    csv.writer(stream, lineterminator="\n").writerows(rows)
    (folder / "l.csv").write_bytes(text_damaged(draw, stream.getvalue(), ","))
    return folder / "l.csv"


def cameras(draw: Draw, tiny: Path, folder: Path) -> Path:
    (folder / "c.json").write_bytes(json_text(json_damaged(draw, CAMERAS)))
    return folder / "c.json"


def confidence(draw: Draw, tiny: Path, folder: Path) -> Path:
    stream = io.BytesIO()
    np.save(stream, np.ones(312))
    ending, data = draw(st.sampled_from([(".npy", stream.getvalue()), (".txt", b"1.0\n" * 312)]))
    (folder / f"c{ending}").write_bytes(bytes_damaged(draw, data))
    return folder / f"c{ending}"


USD = """#usda 1.0
(
    metersPerUnit = 0.001
    upAxis = "Y"
    defaultPrim = "Head"
)
def SkelRoot "Head" {
    def Mesh "face" (
        prepend apiSchemas = ["SkelBindingAPI"]
    )
    {
        int[] faceVertexCounts = [4, 3]
        int[] faceVertexIndices = [0, 1, 2, 3, 2, 3, 4]
        point3f[] points = [(0, 0, 0), (100, 0, 0), (100, 200, 0), (0, 200, 50), (50, 250, 0)]
        uniform token[] skel:blendShapes = ["jawOpen", "smile"]
        rel skel:blendShapeTargets = [</Head/face/jawOpen>, </Head/face/smile>]
        def BlendShape "jawOpen" {
            uniform vector3f[] offsets = [(0, -5, 0), (0, -9, 0)]
            uniform int[] pointIndices = [0, 1]
        }
        def BlendShape "smile" {
            uniform vector3f[] offsets = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0), (1, 1, 1)]
        }
    }
}
"""
USD_TAKE = """#usda 1.0
(
    timeCodesPerSecond = 24
    startTimeCode = 1
    endTimeCode = 3
)
def SkelAnimation "take" {
    uniform token[] blendShapes = ["jawOpen", "smile"]
    float[] blendShapeWeights.timeSamples = {
        1: [0, 1],
        2: [0.5, 0.5],
        3: [1, 0],
    }
}
"""


def usd_actor(draw: Draw, tiny: Path, folder: Path) -> Path:
    (folder / "a.usda").write_bytes(text_damaged(draw, USD, ", "))
    return folder / "a.usda"


def usd_take(draw: Draw, tiny: Path, folder: Path) -> Path:
    (folder / "c.usda").write_bytes(text_damaged(draw, USD_TAKE, ", "))
    return folder / "c.usda"


def checkpoint(draw: Draw, tiny: Path, folder: Path) -> Path:
    file = folder / "checkpoint.pt"
    file.write_bytes(bytes_damaged(draw, (tiny / "tiny.run" / "checkpoint.pt").read_bytes()))
    return file


READERS: dict[str, tuple[Callable[[Draw, Path, Path], Path], Callable[[Path, Path], Any]]] = {
    "model": (model_file, read_model),
    "older model": (older_model_file, read_model),
    "performance": (performance_file, read_performance),
    "actor folder": (actor_folder, read_the_actor),
    "obj": (actor_obj, read_the_actor),
    "dataset": (dataset, read_the_actor),
    "packed head": (packed_head, read_packed_head),
    "scans": (scans, read_scans),
    "curves": (curves, read_curves),
    "edit": (edit, read_edit),
    "edit map": (edit_map, read_edit),
    "landmarks": (landmarks, read_landmarks),
    "landmark rows": (landmark_rows, read_landmarks),
    "cameras": (cameras, read_cameras),
    "confidence": (confidence, read_confidence),
    "usd actor": (usd_actor, read_usd),
    "usd take": (usd_take, read_curves),
    "checkpoint": (checkpoint, read_checkpoint),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused(name: str, tiny: Path, tmp_path: Path) -> None:
    make, read = READERS[name]
    outcomes = {"read": 0, "refused": 0}
    read(make(whole, tiny, tmp_path), tiny)  # the example is one that the reader knows

    @settings(settings.get_profile("fuzz"))
    @given(st.data())
    def examples(data: st.DataObject) -> None:
        path = make(data.draw, tiny, tmp_path)
        try:
            with bounded():
                read(path, tiny)
            outcomes["read"] += 1
        except AimError as error:
            outcomes["refused"] += 1
            told = error.what
        else:
            told = "read"
        assert 0 < len(told) < 1000

    examples()
    assert outcomes["refused"], "nothing was refused: the damage does not reach the reader"
