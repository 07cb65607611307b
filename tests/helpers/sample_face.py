"""What Maya's menu entry *Sample face* ships: the sample actor on a coarse grid in Maya's centimetres, its
model trained with small networks, and its lower teeth.

    python -m tests.helpers.sample_face [FOLDER]

Writes sample.aim (about 1.2 MB, 2 minutes) and lower_teeth.obj; by default where the product has them.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from aim_maya.core.actor import Actor
from aim_maya.core.mesh import Mesh
from aim_maya.core.obj import write_obj
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import NetworkSize, TrainConfig
from trainer.sample import sample_actor
from trainer.train import train

GRID = (24, 32)
MM_PER_UNIT = 10.0
PLACE = Path(__file__).resolve().parents[2] / "aim_maya" / "sample"


def actor() -> Actor:
    """The sample actor on the coarse grid, in centimetres."""
    made = sample_actor(GRID)

    def scaled(mesh: Mesh | None) -> Mesh | None:
        return None if mesh is None else mesh.with_points(mesh.points / MM_PER_UNIT)

    neutral = scaled(made.neutral)
    assert neutral is not None
    return replace(
        made,
        neutral=neutral,
        shapes={name: points / MM_PER_UNIT for name, points in made.shapes.items()},
        skull=scaled(made.skull),
        jaw=scaled(made.jaw),
        lower_teeth=scaled(made.lower_teeth),
        lower_teeth_shapes={n: points / MM_PER_UNIT for n, points in made.lower_teeth_shapes.items()},
        mm_per_unit=MM_PER_UNIT,
    )


def make(folder: Path) -> None:
    """Train and write."""
    made, small = actor(), NetworkSize(48, 2, 20.0, 60.0)
    config = TrainConfig(
        device="cpu",
        bone=small,
        thickness=small,
        normal=small,
        skinning=NetworkSize(32, 2, 10.0, 30.0),
        expression=NetworkSize(96, 3, 30.0, 90.0),
    )
    folder.mkdir(parents=True, exist_ok=True)
    assert made.lower_teeth is not None
    write_obj(folder / "lower_teeth.obj", made.lower_teeth)
    train(made, folder / "sample.aim", config, RunFolder(folder / "sample.run"), style="plain")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else PLACE)
