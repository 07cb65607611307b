"""What each stage shows of itself: short lists of names that exist, and examples in docstrings that run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import shutil
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest

import aim_maya
import trainer

STAGES = [
    "aim_maya.core",
    "aim_maya.runtime",
    "trainer.geometry",
    "trainer.usd",
    "trainer.actor",
    "trainer.sample",
    "trainer.learn",
    "trainer.export",
    "trainer.evaluate",
    "trainer.fit",
    "trainer.retarget",
    "trainer.bake",
    "trainer.research",
]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_shows_a_few_names_that_exist(stage: str) -> None:
    package = importlib.import_module(stage)
    assert 1 <= len(package.__all__) <= 8
    for name in package.__all__:
        found = getattr(package, name)
        assert found is not None, name
        assert found.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing


def test_types_are_told_to_type_checkers() -> None:
    for package in (aim_maya, trainer):
        assert (Path(package.__file__ or "").parent / "py.typed").exists()


def test_a_wheel_takes_every_file() -> None:
    root = Path(aim_maya.__file__ or "").parents[1]
    data = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    taken = {
        file
        for package, patterns in data.items()
        for pattern in patterns
        for file in root.joinpath(*package.split(".")).glob(pattern)
    }
    for top in ("aim_maya", "trainer"):
        for file in (root / top).rglob("*"):
            if file.is_file() and file.suffix not in (".py", ".pyc") and file.name[0] != ".":
                assert file in taken, file


def modules_with_examples() -> list[str]:
    found = []
    for package in (aim_maya, trainer):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=lambda _: None):
            spec = module.module_finder.find_spec(module.name, None)  # type: ignore[call-arg]
            if spec and spec.origin and ">>> " in Path(spec.origin).read_text(encoding="utf-8"):
                found.append(module.name)
    return found


def test_examples_are_found() -> None:
    assert {"aim_maya.runtime", "aim_maya.runtime.face_model", "aim_maya.runtime.performance"} <= set(
        modules_with_examples()
    )


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_run(name: str, draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aim_maya.runtime import FaceModel

    shutil.copy(draft, tmp_path / "actor.aim")
    model = FaceModel.load(draft, "cpu")
    _take(model, tmp_path / "take.aimperf")
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(
        importlib.import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    assert result.attempted
    assert not result.failed


def _take(model: object, path: Path) -> None:
    from aim_maya.core.performance import PerformanceData, write_performance

    rig, mesh = model.data.rig, model.mesh  # type: ignore[attr-defined]
    still = np.broadcast_to(np.eye(4), (20, 4, 4)).copy()
    about = {
        "targets": list(rig.targets),
        "model": "sample",
        "topology_hash": mesh.topology_hash,
        "vertices": len(mesh.points),
        "mm_per_unit": 1.0,
        "mode": "global",
        "solver": "linear",
        "jaw": "free",
        "figures": {},
    }
    weights = np.zeros((20, len(rig.targets), 1), np.float32)
    basis = np.ones((len(mesh.points), 1), np.float32)
    write_performance(path, PerformanceData(24.0, still, still, weights, basis, about=about))


def test_no_training_that_was_tried_lies_in_the_repository() -> None:
    """A run folder says where on a machine it was made."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(
        ["git", "-C", root, "ls-files"], capture_output=True, text=True, check=True
    ).stdout
    assert [name for name in listed.split() if ".run/" in name] == []
    assert [name for name in listed.split() if name.endswith(".aim")] == ["aim_maya/sample/sample.aim"]
