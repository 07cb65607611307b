"""How long the fuzzing runs: AIM_FUZZ examples a reader (`make fuzz`: 2,000), a few of them in `make
test`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.helpers.once import made_once

EXAMPLES = int(os.environ.get("AIM_FUZZ", "40"))
LONG = "AIM_FUZZ" in os.environ
settings.register_profile(
    "fuzz",
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    if LONG
    else (Phase.explicit, Phase.generate),
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a head of 312 vertices: actor (its folder), tiny.aim, tiny.run."""
    from aim_maya.core.actor_folder import write_actor
    from aim_maya.core.run_folder import RunFolder
    from aim_maya.core.training_options import TrainConfig
    from trainer.sample import sample_actor
    from trainer.train import train

    def make(folder: Path) -> None:
        actor = sample_actor((12, 16))
        write_actor(actor, folder / "actor")
        train(
            actor,
            folder / "tiny.aim",
            TrainConfig(preset="draft", device="cpu"),
            RunFolder(folder / "tiny.run"),
            style="none",
        )

    return made_once(tmp_path_factory, "tiny", make)
