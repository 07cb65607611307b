"""The rows of the comparison by name: the model's own fits and the baselines, and what of each is tuned,
searched and kept.

The search knows the truth of the actor it runs on, which a fit never does: the baselines get the better of
it. It goes along one option at a time over a fixed grid until no option gains any more, from the middle of
every grid for the first setting and then from the best of the one before; asked for again, from what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aim_maya.core.arrays import Flags, Floats
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import read_json, write_json
from aim_maya.core.performance import PerformanceData
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel, Performance
from trainer.fit.fit import fit_scans
from trainer.fit.options import FitOptions
from trainer.fit.scans import Frames

from .alm import Alm, AlmOptions
from .blendshapes import Gbs, GbsOptions, Pbs, PbsOptions
from .method import Face, Method, Observed, Solution

# The model's own fits as rows of the table: one weight a frame, weights that vary over the face, and the
# paper's networks.


@dataclass(frozen=True)
class AimOptions:
    """mode and solver as of `aimface fit`; unknowns: how many a frame; iterations of the neural solver, 0 for
    the paper's."""

    mode: Literal["global", "local"] = "local"
    solver: Literal["linear", "neural"] = "linear"
    unknowns: int = 1200
    iterations: int = 0


class Aim:
    """The method for one model. Nothing of it is tuned here: its prior comes from targets left out, its noise
    from the frames themselves."""

    def __init__(self, face: Face, options: AimOptions) -> None:
        if face.model is None:
            raise AimError(
                f"The fits of '{face.name}' need its trained model.", remedy="Give --model FILE.aim."
            )
        self._model, self._options = face.model, options

    def prepare(self, seen: Flags, head_moves: bool) -> None:
        """Whatever the solver prepares, it prepares in fit."""
        self._seen, self._head_moves = np.flatnonzero(seen), head_moves

    def fit(self, observed: Observed) -> Solution:
        """As `aimface fit` would; the head is still where the setting says so, and the drift is known to be
        there."""
        model, mm, o = self._model, self._model.mm_per_unit, self._options
        points = np.stack([observed.frame(f)[self._seen] / np.float32(mm) for f in range(len(observed))])
        scans = Frames.of(points, self._seen, observed.fps)
        options = FitOptions(
            mode=o.mode,
            solver=o.solver,
            head="solve" if self._head_moves else "still",
            slide=observed.drift_mm,
            unknowns=max(o.unknowns - 6, 1),
        )
        with Progress("none") as quiet:
            data = (
                _neural(model, scans, options, o.iterations, quiet)
                if o.solver == "neural"
                else fit_scans(model, scans, options, quiet)
            )
        performance = Performance(data)
        count = data.codes.shape[1] if data.codes is not None else data.about["figures"]["unknowns"] + 6
        return Solution(
            lambda f: model.performance_points(performance, f).astype(np.float64) * mm,
            _mm(data.head, mm),
            _mm(data.jaw, mm),
            count + 6 * self._head_moves,
        )


def _neural(
    model: FaceModel, scans: Frames, options: FitOptions, iterations: int, progress: Progress
) -> PerformanceData:
    from trainer.fit.neural.fit import fit_neural
    from trainer.fit.options import NeuralOptions

    return fit_neural(
        model, scans, replace(options, solver="neural"), NeuralOptions(iterations=iterations), progress
    )


def _mm(motions: Floats, mm: float) -> Floats:
    """Rigid motions (F, 4, 4) in mm."""
    moved = np.array(motions, np.float64)
    moved[:, :3, 3] *= mm
    return moved


# Regularisation of the baselines: searched on one actor, used on others, kept in tuned.json with what it
# reached.

STORE = Path(__file__).with_name("tuned.json")
_ROUNDS = 4
Options = dict[str, Any]


def search(
    grids: Mapping[str, tuple[Any, ...]], judge: Callable[[Options], float], starts: list[Options]
) -> tuple[Options, float, list[str]]:
    """The options with the smallest judge, what it is, and which options ended at an edge of their grid (more
    than two values)."""
    known: dict[tuple[Any, ...], float] = {}

    def value(options: Options) -> float:
        key = tuple(options[name] for name in grids)
        if key not in known:
            known[key] = judge(options)
        return known[key]

    ends = [_descended(grids, value, dict(start)) for start in starts]
    best = min(ends, key=value)
    edges = [name for name, grid in grids.items() if len(grid) > 2 and best[name] in (grid[0], grid[-1])]
    return best, value(best), edges


def _descended(
    grids: Mapping[str, tuple[Any, ...]], value: Callable[[Options], float], best: Options
) -> Options:
    for _ in range(_ROUNDS):
        before = dict(best)
        for name, grid in grids.items():
            best = _walked(name, grid, value, best)
        if best == before:
            break
    return best


def _walked(name: str, grid: tuple[Any, ...], value: Callable[[Options], float], best: Options) -> Options:
    """Along one option from where it stands, in both directions, as long as it gains; one worse value is
    stepped over."""
    at = grid.index(best[name])
    for direction in (1, -1):
        worse, i = 0, at + direction
        while 0 <= i < len(grid) and worse < 2:
            tried = best | {name: grid[i]}
            if value(tried) < value(best):
                best, worse = tried, 0
            else:
                worse += 1
            i += direction
    return best


def middle(grids: Mapping[str, tuple[Any, ...]]) -> Options:
    """Where a search begins."""
    return {name: grid[len(grid) // 2] if len(grid) > 2 else grid[0] for name, grid in grids.items()}


def tuned_elsewhere(store: Mapping[str, Any], actor: str, method: str, setting: str) -> tuple[Options, str]:
    """Options found on another actor than this, and its name. Raises AimError when there are none."""
    for other, entries in store.items():
        found = entries.get(method, {}).get(setting)
        if other != actor and found is not None:
            return dict(found["options"]), other
    raise AimError(
        f"'{method}' was tuned for the setting '{setting}' on no actor other than '{actor}'.",
        "The settings of tuned.json are of this very actor, or of other methods.",
        "Run aimface compare OTHER_ACTOR OTHER_FRAMES --tune first.",
    )


def read_store(path: Path) -> dict[str, Any]:
    """{actor: {method: {setting: {options, error, edges}}}}, empty when there is none. Raises AimError for
    another kind of file."""
    if not path.exists():
        return {}
    store = read_json(path)
    if not isinstance(store, dict) or not all(
        isinstance(e, dict) and "options" in e for _, _, _, e in _entries(store)
    ):
        raise AimError(
            f"{path} holds no tuned options.",
            "It is another file.",
            "Remove it and run aimface compare --tune.",
        )
    return store


def _entries(store: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    for actor, methods in store.items():
        for method, settings in methods.items() if isinstance(methods, dict) else [(actor, {"": None})]:
            for setting, entry in settings.items() if isinstance(settings, dict) else [("", None)]:
                yield actor, method, setting, entry


def keep(path: Path, actor: str, method: str, setting: str, entry: Mapping[str, Any]) -> None:
    """Add one entry to the file, in the order of names, so that a new one changes a few lines."""
    store = read_store(path)
    store.setdefault(actor, {}).setdefault(method, {})[setting] = dict(entry)
    write_json(
        path,
        {a: {m: dict(sorted(s.items())) for m, s in sorted(ms.items())} for a, ms in sorted(store.items())},
    )


# The rows of the table by name, and what of each is tuned.

Tuned = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """make(face, unknowns, tuned) -> the method with about that many unknowns a frame. grids: {option: values
    searched}; needs_anatomy: only with a trained model.

    asked_for: too slow to be among the rows unless it is named. fixed: options that are not searched.
    """

    name: str
    make: Callable[[Face, int, Tuned], Method]
    grids: Mapping[str, tuple[Any, ...]]
    local: bool = True
    needs_anatomy: bool = False
    asked_for: bool = False
    fixed: Mapping[str, Any] = field(default_factory=dict)


def _decades(first: int, last: int) -> tuple[float, ...]:
    """10^first to 10^last in half decades, to two digits."""
    return tuple(float(f"{10 ** (i / 2):.2g}") for i in range(2 * first, 2 * last + 1))


def _tens(first: int, last: int) -> tuple[float, ...]:
    return tuple(10.0**i for i in range(first, last + 1))


def _gbs(face: Face, unknowns: int, tuned: Tuned) -> Method:
    del unknowns
    return Gbs(face, GbsOptions(**tuned))


def _alm(face: Face, unknowns: int, tuned: Tuned) -> Method:
    own = 6 + int(tuned["components"]) + AlmOptions.thickness
    return Alm(face, AlmOptions(patches=max(round((unknowns - 6) / own), 1), **tuned))


def _pbs(face: Face, unknowns: int, tuned: Tuned) -> Method:
    return Pbs(face, PbsOptions(patches=max(round(unknowns / len(face.targets)), 1), **tuned))


ROWS = {
    row.name: row
    for row in (
        Row("GBS", _gbs, {"ridge": _decades(-4, 4), "positive": (False, True)}, local=False),
        Row(
            "PBS",
            _pbs,
            {
                "ridge": _decades(-6, 4),
                "consistency": _decades(-6, 4),
                "overlap": (1.25, 1.5, 2.0, 3.0, 4.0, 6.0),
            },
        ),
        Row(
            "ALM",
            _alm,
            {
                "consistency": _tens(-4, 2),
                "ridge": _tens(-4, 3),
                "anatomy": _tens(-4, 2),
                "components": (4, 6, 9, 12, 16, 20),
                "overlap": (1.25, 1.5, 2.0, 3.0),
            },
            needs_anatomy=True,
        ),
        Row(
            "AIM global",
            lambda face, _, __: Aim(face, AimOptions("global")),
            {},
            local=False,
            needs_anatomy=True,
        ),
        Row(
            "AIM local",
            lambda face, unknowns, _: Aim(face, AimOptions("local", unknowns=unknowns)),
            {},
            needs_anatomy=True,
        ),
        Row(
            "AIM local, neural",
            lambda face, _, fixed: Aim(face, AimOptions("local", "neural", **fixed)),
            {},
            local=False,
            needs_anatomy=True,
            asked_for=True,
        ),
    )
}


def chosen_rows(names: tuple[str, ...] | None, with_model: bool, neural_steps: int = 0) -> list[Row]:
    """The rows by name, or all that can be had; neural_steps: iterations of the neural solver, 0 for the
    paper's. Raises AimError for an unknown name, and for one that needs a model that is not there."""
    for name in names or ():
        if name not in ROWS:
            raise AimError(
                f"There is no method '{name}'.", nearest_name(name, ROWS), f"Methods: {', '.join(ROWS)}."
            )
        if ROWS[name].needs_anatomy and not with_model:
            raise AimError(
                f"The method '{name}' needs the anatomy of a trained model.", remedy="Give --model FILE.aim."
            )
    return [
        replace(row, fixed={"iterations": neural_steps}) if neural_steps and row.asked_for else row
        for row in ROWS.values()
        if (row.name in names if names else not row.asked_for and (with_model or not row.needs_anatomy))
    ]
