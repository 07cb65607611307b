"""Core and runtime on the Pythons and numpys of Maya 2025 to 2027: `make matrix`. The trainer runs where
torch has wheels: 3.11.

For every Python found on this machine a virtual environment gets numpy, onnxruntime and pytest, and runs the
tests that need no more than these. Prints a table; exit code 1 when one failed, and names the Pythons that
were not found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
NUMPYS = {"1.26": "numpy==1.26.4", "2": "numpy>=2.1,<3"}
TESTS = "matrix_tests.py"


def main() -> int:
    """Run every pair; exit code 0 when all that could run passed."""
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tiny.aim"
        made = subprocess.run(
            [sys.executable, "-m", "tests.helpers.matrix_tests", "make", str(model)], cwd=ROOT, check=False
        )
        if made.returncode:
            return 1
        for version in PYTHONS:
            python = _found(version)
            for name, numpy in NUMPYS.items():
                if python is None:
                    outcome = "no such Python on this machine"
                elif version == "3.13" and name == "1.26":
                    outcome = "numpy 1.26 has no wheels for it"
                else:
                    done = _run(python, numpy, Path(folder) / f"{version}-{name}", model)
                    outcome, failed = done, failed or not done.startswith("passed")
                sys.stdout.write(f"Python {version}, numpy {name}: {outcome}\n")
                sys.stdout.flush()
    return int(failed)


def _found(version: str) -> str | None:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    kept = sorted(versions.glob(f"{version}.*/bin/python"))  # of pyenv, which shows one version at a time
    python = str(kept[-1]) if kept else shutil.which(f"python{version}")
    works = (
        python is not None
        and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    )
    return python if works else None


def _run(python: str, numpy: str, folder: Path, model: Path) -> str:
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    inside = str(folder / "bin" / "python")
    packages = [numpy, "onnxruntime>=1.20"]
    installed = subprocess.run(
        [inside, "-m", "pip", "install", "-q", *packages], capture_output=True, text=True, check=False
    )
    if installed.returncode:
        return f"not installed ({installed.stderr.strip().splitlines()[-1][:120]})"
    done = subprocess.run(
        [inside, "-m", "tests.helpers.matrix_tests", "run", str(model)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else f"FAILED\n{done.stdout}{done.stderr}"


if __name__ == "__main__":
    sys.exit(main())
