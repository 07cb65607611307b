"""The rows of the table by name, and what of each is tuned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aim_maya.core.errors import AimError, nearest_name
from trainer.baselines.alm import Alm, AlmOptions
from trainer.baselines.gbs import Gbs, GbsOptions
from trainer.baselines.method import Face, Method
from trainer.baselines.pbs import Pbs, PbsOptions

from .aim import Aim, AimOptions

Tuned = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """make(face, unknowns, tuned) -> the method with about that many unknowns a frame. grids: {option: values searched}; needs_anatomy: only with a trained model.

    asked_for: too slow to be among the rows unless it is named.
    """

    name: str
    make: Callable[[Face, int, Tuned], Method]
    grids: Mapping[str, tuple[Any, ...]]
    local: bool = True
    needs_anatomy: bool = False
    asked_for: bool = False


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
        Row("PBS", _pbs, {"ridge": _decades(-6, 4), "consistency": _decades(-6, 4), "overlap": (1.25, 1.5, 2.0, 3.0, 4.0, 6.0)}),
        Row(
            "ALM",
            _alm,
            {"consistency": _tens(-4, 2), "ridge": _tens(-4, 3), "anatomy": _tens(-4, 2), "components": (4, 6, 9, 12, 16, 20), "overlap": (1.25, 1.5, 2.0, 3.0)},
            needs_anatomy=True,
        ),
        Row("AIM global", lambda face, _, __: Aim(face, AimOptions("global")), {}, local=False, needs_anatomy=True),
        Row("AIM local", lambda face, unknowns, _: Aim(face, AimOptions("local", unknowns=unknowns)), {}, needs_anatomy=True),
        Row("AIM local, neural", lambda face, _, __: Aim(face, AimOptions("local", "neural")), {}, local=False, needs_anatomy=True, asked_for=True),
    )
}


def chosen_rows(names: tuple[str, ...] | None, with_model: bool) -> list[Row]:
    """The rows by name, or all that can be had. Raises AimError for an unknown name, and for one that needs a model that is not there."""
    for name in names or ():
        if name not in ROWS:
            raise AimError(f"There is no method '{name}'.", nearest_name(name, ROWS), f"Methods: {', '.join(ROWS)}.")
        if ROWS[name].needs_anatomy and not with_model:
            raise AimError(f"The method '{name}' needs the anatomy of a trained model.", remedy="Give --model FILE.aim.")
    return [row for row in ROWS.values() if (row.name in names if names else not row.asked_for and (with_model or not row.needs_anatomy))]
