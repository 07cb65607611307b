"""Regularisation of the baselines: searched on one actor, used on others, kept in tuned.json with what it reached.

The search knows the truth of the actor it runs on, which a fit never does: the baselines get the better of it. It goes along one option
at a time over a fixed grid until no option gains any more, from the middle of every grid for the first setting and then from the best of the one before; asked for again, from what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aim_maya.core.errors import AimError
from aim_maya.core.files import read_json, write_json

STORE = Path(__file__).with_name("tuned.json")
_ROUNDS = 4
Options = dict[str, Any]


def search(grids: Mapping[str, tuple[Any, ...]], judge: Callable[[Options], float], starts: list[Options]) -> tuple[Options, float, list[str]]:
    """The options with the smallest judge, what it is, and which options ended at an edge of their grid (more than two values)."""
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


def _descended(grids: Mapping[str, tuple[Any, ...]], value: Callable[[Options], float], best: Options) -> Options:
    for _ in range(_ROUNDS):
        before = dict(best)
        for name, grid in grids.items():
            best = _walked(name, grid, value, best)
        if best == before:
            break
    return best


def _walked(name: str, grid: tuple[Any, ...], value: Callable[[Options], float], best: Options) -> Options:
    """Along one option from where it stands, in both directions, as long as it gains; one worse value is stepped over."""
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
        f"'{method}' was tuned for the setting '{setting}' on no actor other than '{actor}'.", "The settings of tuned.json are of this very actor, or of other methods.",
        "Run aimface compare OTHER_ACTOR OTHER_FRAMES --tune first.",
    )  # fmt: skip


def read_store(path: Path) -> dict[str, Any]:
    """{actor: {method: {setting: {options, error, edges}}}}, empty when there is none. Raises AimError for another kind of file."""
    if not path.exists():
        return {}
    store = read_json(path)
    if not isinstance(store, dict) or not all(isinstance(e, dict) and "options" in e for _, _, _, e in _entries(store)):
        raise AimError(f"{path} holds no tuned options.", "It is another file.", "Remove it and run aimface compare --tune.")
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
    write_json(path, {a: {m: dict(sorted(s.items())) for m, s in sorted(ms.items())} for a, ms in sorted(store.items())})
