"""`make gpu-check`, or `python -m tests.gpu.check`: in at most four minutes whether and how fast a face runs
on this machine's NVIDIA card.

It looks where every node runs, compares every way of evaluating with numpy, lets the device fail, measures
frames, and trains a head on the card. A stage that fails does not keep the others from their figures; each
says on the error stream how long it took. Needs the packages of the extra `train`, and onnxruntime-gpu (for
CUDA 12 or 13) in onnxruntime's place. Prints tables and writes gpu_check.md and gpu_check.json after each
stage; exit code 0 when everything is right, 1 when something is not, 2 with one sentence where a package or
CUDA is missing.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

# modules that the stages import, and what pip calls them
NEEDED = {
    "numpy": "numpy",
    "torch": "torch",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime-gpu",
    "scipy": "scipy",
    "igl": "libigl",
    "PIL": "pillow",
}


def main(arguments: list[str] | None = None) -> int:
    """Check, print, write; the exit code."""
    options = _options(arguments)
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    try:
        if missing:
            raise ModuleNotFoundError(f"{', '.join(missing)} not installed in {sys.executable}")
        from .stages import run
    except ImportError as error:  # of a library, too, that does not load
        remedy = f"pip install {' '.join(missing)}" if missing else "install it again"
        sys.stderr.write(f"The check cannot begin: {error}; {remedy}.\n")
        return 2
    return run(options)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.gpu.check", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--out", type=Path, default=Path("out/gpu"))
    parser.add_argument("--actor", type=Path, help="train this one in place of the ICT head of the package")
    parser.add_argument("--model", type=Path, help="train nothing, and take this .aim file")
    parser.add_argument("--preset", default="standard", help="of the training")
    parser.add_argument(
        "--coarse", action="store_true", help="a coarse head and few frames: the script itself"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
