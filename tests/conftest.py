"""Shared fixtures: a small actor that trains in seconds, its draft model, and the real heads when they are
beside the repository."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

# tests run side by side: threads of their own would only get in each other's way
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["QT_QPA_PLATFORM"] = "offscreen"
# Images for containers often forbid Python to keep what it compiles. Hundreds of processes are started here,
# and each would compile this tree anew: a quarter of a second a process, and as much again for every test file.
if os.environ.get("PYTHONDONTWRITEBYTECODE") != "mutants":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def _qt_loads() -> bool:
    """pytest-qt ends the whole run where Qt's libraries are not all there (libegl1 on a bare Linux): then the
    windows' tests skip."""
    try:
        import PySide6.QtWidgets  # noqa: F401
    except ImportError:
        return False
    return True


pytest_plugins = ["pytestqt.plugin"] if _qt_loads() else []

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.actor_folder import write_actor
from aim_maya.core.mesh import Mesh
from tests.helpers.once import made_once

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
# The files with the longest tests go first, so that none of them is what one worker still does when the other
# has finished.
LONGEST = (
    "training_process",
    "farm",
    "train_window",
    "command_lines",
    "real_heads",
    "real_faces",
    "bones",
    "cli",
    "training",
    "node",
    "ablate",
    "maya_batch",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {f"test_{name}": i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def pytest_collection_finish() -> None:
    """What imports and collecting made stays to the end: to look through it again and again for garbage would
    be a fifth of all work of small objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def head_data(name: str) -> Path:
    """Folder of a real head, or skip."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"the real head '{name}' is not beside the repository")
    return folder


@pytest.fixture(scope="session")
def ict_rig() -> Path:
    return head_data("ict_rig")


@pytest.fixture(scope="session")
def actor_a() -> Path:
    return head_data("actor_a")


@pytest.fixture(scope="session")
def sample() -> Actor:
    from trainer.sample import sample_actor

    return sample_actor()


@pytest.fixture(scope="session")
def sample_folder(sample: Actor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return (
        made_once(tmp_path_factory, "actor", lambda folder: write_actor(sample, folder / "sample")) / "sample"
    )


@pytest.fixture(scope="session")
def small() -> Actor:
    """The sample head on a coarser grid, 658 vertices: for what is about the course of a training, and not
    about a face."""
    from trainer.sample import sample_actor

    return sample_actor((20, 26))


@pytest.fixture(scope="session")
def small_folder(small: Actor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return (
        made_once(tmp_path_factory, "small", lambda folder: write_actor(small, folder / "sample")) / "sample"
    )


@pytest.fixture(scope="session")
def draft(sample: Actor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample actor trained with the draft preset."""
    from aim_maya.core.run_folder import RunFolder
    from aim_maya.core.training_options import TrainConfig
    from trainer.train import train

    def make(folder: Path) -> None:
        train(
            sample,
            folder / "sample.aim",
            TrainConfig(preset="draft", device="cpu"),
            RunFolder(folder / "sample.run"),
            style="none",
        )

    return made_once(tmp_path_factory, "draft", make) / "sample.aim"


@pytest.fixture(scope="session")
def small_draft(small: Actor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The coarse sample head trained with the draft preset."""
    from aim_maya.core.run_folder import RunFolder
    from aim_maya.core.training_options import TrainConfig
    from trainer.train import train

    def make(folder: Path) -> None:
        train(
            small,
            folder / "small.aim",
            TrainConfig(preset="draft", device="cpu"),
            RunFolder(folder / "small.run"),
            style="none",
        )

    return made_once(tmp_path_factory, "small_draft", make) / "small.aim"


def turned(actor: Actor, twist: list[float], scale: float = 1.0) -> Actor:
    """The actor's neutral and bones moved rigidly by a twist, then scaled together with its unit."""
    motion = rigid.exp(twist)

    def moved(mesh: Mesh | None) -> Mesh | None:
        return None if mesh is None else mesh.with_points(scale * rigid.apply(motion, mesh.points))

    neutral = moved(actor.neutral)
    assert neutral is not None
    return replace(
        actor,
        neutral=neutral,
        skull=moved(actor.skull),
        jaw=moved(actor.jaw),
        mm_per_unit=actor.mm_per_unit / scale,
    )


def grid_mesh(rows: int = 4, columns: int = 5) -> Mesh:
    """A flat grid of quads in the xy plane, unit spacing."""
    y, x = np.mgrid[0:rows, 0:columns]
    points = np.stack([x.ravel(), y.ravel(), np.zeros(rows * columns)], 1).astype(np.float64)
    ids = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]], 2).reshape(-1, 4)
    return Mesh(points, np.full(len(quads), 4, np.int32), quads.ravel().astype(np.int32))


_STAND_IN: dict[str, Any] = {}  # the modules of the shared application: a test may install one of its own


@pytest.fixture(scope="session")
def _maya_application() -> Iterator[Any]:
    """The stand-in for Maya, one application a test process, as in the real host; the module's plug-ins are
    on its path, as its .mod file puts them there, and nothing is loaded."""
    from tests import fake_maya

    session = fake_maya.install()
    _STAND_IN.update({name: module for name, module in sys.modules.items() if name.split(".")[0] == "maya"})
    yield session
    fake_maya.uninstall()
    for name in [n for n in sys.modules if n.startswith("aim_maya.scene")]:
        del sys.modules[name]


@pytest.fixture
def maya(_maya_application: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stand-in, with an empty scene and nothing held against us yet; a test before may have run one of
    its own. The plug-in is there as scripts have it there: by the product's own `load`."""
    from tests.fake_maya import boundary

    sys.modules.update(_STAND_IN)
    boundary.make_current(_maya_application)
    monkeypatch.setenv("MAYA_PLUG_IN_PATH", str(Path(__file__).resolve().parents[1] / "plug-ins"))
    from maya import cmds

    from aim_maya.scene.node.registration import load

    cmds.file(newFile=True, force=True)
    load()
    for record in (_maya_application.violations, _maya_application.errors):
        record.clear()
    return _maya_application
