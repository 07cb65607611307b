"""The layout's rules: what each folder may import, walked in a fresh process with the forbidden packages
blocked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

_WALK = """
import importlib, pkgutil, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Block())
package = importlib.import_module({package!r})
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
for name in {absent!r}:
    assert name not in sys.modules, name + " was imported"
"""

TRAINING = ["torch", "igl", "scipy", "onnx", "matplotlib", "tyro", "rich"]


def walk(
    package: str, blocked: list[str], absent: list[str] | None = None
) -> subprocess.CompletedProcess[str]:
    code = _WALK.format(package=package, blocked=blocked, absent=absent or [])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize(
    ("package", "blocked", "absent"),
    [
        ("aim_maya.core", ["maya", "PySide6", "onnxruntime", "pxr", *TRAINING], []),
        ("aim_maya.jobs", ["maya", "PySide6", "onnxruntime", "pxr", "numpy", *TRAINING], []),
        ("aim_maya.runtime", ["maya", "PySide6", "pxr", *TRAINING], ["onnxruntime"]),
        ("aim_maya.ui", ["maya", "pxr", "trainer", "onnxruntime", *TRAINING], []),
        ("trainer", ["maya", "PySide6", "vtkmodules", "pxr"], []),
    ],
)
def test_imports(package: str, blocked: list[str], absent: list[str]) -> None:
    done = walk(package, blocked, absent)
    assert done.returncode == 0, done.stderr


def test_the_maya_side_imports_only_what_maya_has() -> None:
    """aim_maya.scene, with the stand-in for Maya: no trainer, no Qt, no training packages, onnxruntime not
    before it is needed."""
    walk_scene = (
        "import sys; sys.path.insert(0, '.'); from tests import fake_maya; fake_maya.install()"
        + _WALK.format(
            package="aim_maya.scene", blocked=["PySide6", "pxr", "trainer", *TRAINING], absent=["onnxruntime"]
        )
    )
    done = subprocess.run(
        [sys.executable, "-c", walk_scene], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_walk_notices_a_forbidden_import() -> None:
    done = walk("trainer", ["torch"])
    assert done.returncode != 0
    assert "blocked: torch" in done.stderr


@pytest.mark.parametrize("command", ["bake", "rig", "info", "bench", "doctor", "farm", "ui", "view"])
def test_commands_for_farm_blades_need_nothing_of_the_training(command: str) -> None:
    code = (
        "import sys\nsys.modules |= dict.fromkeys(('torch', 'igl', 'scipy'))\n"
        f"from trainer.commands import command\ncommand('{command}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_the_plain_parts_of_the_windows_need_no_qt() -> None:
    """A training can be started, followed and explained without Qt."""
    code = "import sys\nsys.modules['PySide6'] = None\n" + "\n".join(
        f"import aim_maya.{name}"
        for name in (
            "core.run_folder",
            "ui.host",
            "ui.training.process",
            "ui.training.python",
            "ui.training.options",
        )
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_no_pickle_in_what_is_read() -> None:
    for file in [*ROOT.glob("aim_maya/**/*.py"), *ROOT.glob("trainer/**/*.py")]:
        text = file.read_text(encoding="utf-8")
        assert "allow_pickle=True" not in text, file
        assert "weights_only=False" not in text, file
