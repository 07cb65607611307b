"""How the numbers of the fits' prior are judged: every target is left out in turn and fitted with the rest.

    python -m tests.bench.bench_prior ACTOR.aim [--landmarks landmarks68.json] [--vertices 0:6706]
    [--targets-step 2] [--set strain=0.3,local=4 --set weight=0.6 ...]

A target's full shape, its jaw taken as known, is seen as in `aimface compare`: dense and clean, with 1 mm of
noise, with 12 mm blocks left out, 5 % of the vertices with 1 mm of noise, the 68 landmarks. Prints a row for
the prior as it is and for every --set: mean error in mm over the vertices asked for (in blocks: over what was
left out), before skinning, and the geometric mean of a row over the first one. No performance is looked at.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from aim_maya.runtime import FaceModel
from trainer.evaluate.tables import markdown
from trainer.fit.equations import Seen
from trainer.fit.linear import FINE_MODES, UNKNOWNS, PrincipalSpace, principal_space
from trainer.fit.space import FaceSpace, Prior, face_space
from trainer.research.settings import BLOCK_SHARE, SPARSE_SHARE, blocks
from trainer.research.take import read_landmarks, scored_vertices


def cases(
    points: np.ndarray, scored: np.ndarray, landmarks: np.ndarray | None
) -> dict[str, tuple[np.ndarray, float, float, np.ndarray]]:
    """{setting: (vertices seen, noise added in mm, noise that the fit reckons with in mm, scored (V,))}."""
    rng = np.random.default_rng(0)
    every, out = np.arange(len(points)), blocks(points, scored, rng)
    assert abs(out[scored].mean() - BLOCK_SHARE) < 0.05
    few = np.sort(rng.choice(len(points), int(SPARSE_SHARE * len(points)), replace=False))
    found = {
        "all": (every, 0.0, 0.1, scored),
        "noise": (every, 1.0, 1.0, scored),
        "blocks": (np.flatnonzero(~out), 0.0, 0.1, scored & out),
    }
    found["sparse"] = (few, 1.0, 1.0, scored)
    return found | ({} if landmarks is None else {"landmarks": (landmarks, 0.0, 0.3, scored)})


def without(space: FaceSpace, target: int) -> FaceSpace:
    return replace(
        space,
        directions=np.delete(space.directions, target, axis=0),
        twists=np.delete(space.twists, target, axis=0),
    )


def missed(
    space: PrincipalSpace,
    shape: np.ndarray,
    case: tuple[np.ndarray, float, float, np.ndarray],
    rng: np.random.Generator,
) -> float:
    """Mean error in mm of a displacement (V, 3)."""
    vertices, added, reckoned, scored = case
    unit = space.mm_per_unit
    seen = Seen(space, vertices, np.ones(len(vertices)), reckoned / unit)
    u = seen.solved(seen.gathered(shape[vertices] + added / unit * rng.standard_normal((len(vertices), 3))))
    where = np.flatnonzero(scored)
    return float(np.linalg.norm(space.displaced(u, where) - shape[where], axis=1).mean()) * unit


def row(
    model: FaceModel,
    prior: Prior,
    chosen: range,
    told: dict[str, tuple[np.ndarray, float, float, np.ndarray]],
) -> np.ndarray:
    """Mean over the targets, a setting each."""
    whole = face_space(model, local=True, modes=FINE_MODES, prior=prior)
    errors = []
    for target in chosen:
        space = principal_space(without(whole, target), model.mesh, UNKNOWNS)
        shape = whole.directions[target].astype(np.float64)
        errors.append([missed(space, shape, case, np.random.default_rng(target)) for case in told.values()])
    return np.mean(errors, axis=0)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--landmarks", type=Path)
    parser.add_argument("--vertices", default=":")
    parser.add_argument("--targets-step", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], dest="changes")
    given = parser.parse_args()
    model = FaceModel.load(given.model, "cpu")
    v = len(model.data.neutral)
    told = cases(
        model.data.neutral * model.mm_per_unit,
        scored_vertices(given.vertices, v),
        read_landmarks(given.landmarks, v) if given.landmarks else None,
    )
    chosen, first, rows = range(0, len(model.data.rig.targets), given.targets_step), None, []
    for change in ["", *given.changes]:
        values = {k: float(x) for k, x in (pair.split("=") for pair in change.split(",") if pair)}
        found = row(model, replace(Prior.fine(), **values), chosen, told)
        first = found if first is None else first
        rows.append(
            [
                change or "as it is",
                *(f"{x:.4f}" for x in found),
                f"{np.exp(np.log(found / first).mean()):.3f}",
            ]
        )
        sys.stdout.write(f"{rows[-1]}\n")
        sys.stdout.flush()
    sys.stdout.write(markdown(["prior", *told, "over the first"], rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
