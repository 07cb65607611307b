"""The results as markdown: one table of mean errors, method by setting, and one of everything for each setting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.figures import markdown

from .run import mean_scores
from .settings import SETTINGS

Lines = list[dict[str, Any]]
_HEADER = ("", "mean", "over seeds", "median", "p95", "max", "jitter, mm/frame^2", "jaw", "unknowns", "ms a frame", "prepared in s")


def tables(results: Lines, figures: Sequence[str] = ()) -> str:
    """Everything as one markdown text."""
    methods = list(dict.fromkeys(line["method"] for line in results))
    settings = list(dict.fromkeys(line["setting"] for line in results))
    by_case = {(m, s): [r for r in results if r["method"] == m and r["setting"] == s] for m in methods for s in settings}
    rows = [[m, *(_mean(by_case[m, s]) for s in settings)] for m in methods]
    parts = ["Mean error, mm:\n\n" + markdown(["", *settings], rows)]
    parts += [f"{SETTINGS[s].title}, mm ({_tuned_on(results, s)}):\n\n" + markdown(_HEADER, [_row(m, by_case[m, s]) for m in methods if by_case[m, s]]) for s in settings]
    return "\n\n".join([*parts, *figures])


def steady_table(results: Lines) -> str:
    """One row a method, rate and kind."""
    header = ["fps", "frames", "", "mean, mm", "jitter, mm/frame^2", "peaks", "least kept", "mean kept"]
    keys = ("mean", "jitter", "peaks")
    order = sorted(results, key=lambda r: (r["fps"], r["kind"]))
    rows = [[f"{r['fps']:g}", r["kind"], r["method"], *(_known(r[k]) for k in keys), _percent(r["least_peak"]), _percent(r["mean_peak"])] for r in order]
    return markdown(header, rows)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _mean(lines: Lines) -> object:
    return float(np.mean([line["mean"] for line in lines])) if lines else ""


def _tuned_on(results: Lines, setting: str) -> str:
    actors = sorted({line["tuned_on"] for line in results if line["setting"] == setting and line["tuned_on"]})
    seeds = len({line["seed"] for line in results if line["setting"] == setting})
    return f"{seeds} seed{'s' if seeds > 1 else ''}" + (f", tuned on {', '.join(actors)}" if actors else "")


def _row(method: str, lines: Lines) -> list[object]:
    s = mean_scores(lines)
    spread = f"+- {np.std([line['mean'] for line in lines]):.2g}" if len(lines) > 1 else ""
    times = [float(np.mean([line[key] for line in lines])) for key in ("frame_ms", "prepare_s")]
    return [method, s.mean, spread, s.median, s.p95, s.max, _known(s.jitter), _known(s.jaw), lines[0]["unknowns"], *times]


def _known(value: float | None) -> object:
    return "" if value is None else value
