"""What `make matrix` runs under each Python and numpy: every module of core, runtime and jobs imports, and a
model answers.

`make FILE` trains a small head (with the trainer's Python); `run FILE` needs numpy and onnxruntime only.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path


def make(path: Path) -> None:
    """Train a small head, and write points that every Python has to give again."""
    import numpy as np

    from aim_maya.core.run_folder import RunFolder
    from aim_maya.core.training_options import TrainConfig
    from aim_maya.runtime import FaceModel
    from trainer.sample import sample_actor
    from trainer.train import train

    train(
        sample_actor((12, 16)),
        path,
        TrainConfig(preset="draft", device="cpu"),
        RunFolder(path.with_suffix(".run")),
        style="none",
    )
    model = FaceModel.load(path, "cpu")
    np.savez(
        path.with_suffix(".npz"),
        **{f"frame{i}": model.points(weights) for i, weights in enumerate(frames(model.targets))},
    )


def frames(targets: tuple[str, ...]) -> list[dict[str, float]]:
    """A few poses."""
    return [{}, {targets[0]: 1.0}, dict.fromkeys(targets[:9], 0.3), {"jawOpen": 0.5, targets[3]: 0.8}]


def run(path: Path) -> str:
    """Import everything, evaluate, edit, and compare with what the trainer's Python gave."""
    import numpy as np

    import aim_maya
    from aim_maya.runtime import Edit, FaceModel

    for package in ("core", "runtime", "jobs", "checks"):
        for module in pkgutil.walk_packages(
            [str(Path(aim_maya.__file__).parent / package)], f"aim_maya.{package}."
        ):
            importlib.import_module(module.name)
    worst = 0.0
    with np.load(path.with_suffix(".npz")) as wanted:
        for evaluation in ("cached", "full"):
            model = FaceModel.load(path, "cpu", evaluation=evaluation)
            for i, weights in enumerate(frames(model.targets)):
                worst = max(
                    worst,
                    float(np.abs(model.points(weights) - wanted[f"frame{i}"]).max()) * model.mm_per_unit,
                )
            assert np.isfinite(model.edited(Edit(thickness=1.1, jaw_arc=0.5)).points({"jawOpen": 1.0})).all()
    assert worst < 1e-3, f"points differ by {worst} mm"
    from aim_maya.core.curves import read_curves

    curves = path.with_suffix(".csv")
    curves.write_text("frame,jawOpen\n1,0\n2,1\n", encoding="utf-8")
    assert read_curves(curves).names == ("jawOpen",)
    return f"passed: numpy {np.__version__}, points within {worst:.1e} mm of those of the trainer's Python"


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    else:
        sys.stdout.write(run(Path(sys.argv[2])) + "\n")
