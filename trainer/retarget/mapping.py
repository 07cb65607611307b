"""Which control of the source drives which control of the target, as matrices over controls and over
targets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats
from aim_maya.core.controls import Control, Rig
from aim_maya.core.curves.take import hits, key
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import read_json

Drivers = dict[str, dict[str, float]]  # {control of the target: {control of the source: factor}}
BY_NAMES = "names"  # in the place of a mapping file


@dataclass(frozen=True, eq=False)
class ControlMap:
    """controls (C_B, C_A): weights of the target's controls from the source's; targets (T_B, T_A): the same
    for activations.

    shown (T_A, T_A): of the source's activations what the target can show. Two halves that drive one control
    come out as their mean.
    """

    controls: Floats
    targets: Floats
    shown: Floats

    @property
    def used(self) -> NDArray[np.bool_]:
        """(T_A,): which targets of the source have a counterpart."""
        return np.asarray((self.targets != 0).any(axis=0))


def same_names(source: Rig, target: Rig) -> Drivers:
    """Controls of the same name, however sides and cases are written; one control drives both halves of a
    split one, and two halves the mean."""
    drivers: Drivers = {}
    for name in source.names:
        for i in hits(name, target.names):
            drivers.setdefault(target.names[i], {name: 1.0})
    for name in target.names:
        if name not in drivers and (found := hits(name, source.names)):
            drivers[name] = {source.names[i]: 1.0 / len(found) for i in found}
    return drivers


def mapping_files(given: Sequence[str], targets: Sequence[Path]) -> dict[Path, Path | None]:
    """{target: its mapping file, or None where names do}. given: none, one for all, or one each. Raises
    AimError for another number of them."""
    each = list(given) * len(targets) if len(given) == 1 else list(given) or [BY_NAMES] * len(targets)
    if len(each) != len(targets):
        raise AimError(
            f"{len(each)} mappings are given for {len(targets)} targets.",
            remedy=f"Give one for all, or one each in their order; '{BY_NAMES}' where names do.",
        )
    return {
        target: None if mapping == BY_NAMES else Path(mapping)
        for target, mapping in zip(targets, each, strict=True)
    }


def read_mapping(path: str | Path, source: Rig, target: Rig) -> Drivers:
    """{target control: source control, or {source control: factor}} from JSON. Raises AimError naming the
    entry that cannot be meant."""
    data = read_json(path)
    if not isinstance(data, Mapping):
        raise AimError(
            f"{path} holds no table of controls.",
            remedy='Write {"control of the target": "control of the source"} or {...: {"control": factor}}.',
        )
    drivers: Drivers = {}
    for name, given in data.items():
        _known(name, target.names, f"{path}: the target")
        drivers[name] = _factors(given, f"{path}: '{name}'")
        for driver in drivers[name]:
            _known(driver, source.names, f"{path}: '{name}': the source")
    if not any(drivers.values()):
        raise AimError(
            f"{path} maps no control.", "It is empty.", "Fill it in; --suggest FILE writes one to begin from."
        )
    return drivers


def control_map(drivers: Drivers, source: Rig, target: Rig) -> ControlMap:
    """The matrices of a table; a control that is not in it stays at zero. Raises AimError when no control is
    left.

    Knots go to the knots at their place where both controls have as many; else the weight, sum of values
    times activations, goes to the outermost. A combination goes to the one of the same name, or of the same
    controls.
    """
    if not any(drivers.values()):
        raise AimError(
            "The two models have no control in common.",
            "Their controls are named differently.",
            "Give --mapping, a JSON file; --suggest writes one to begin from.",
        )
    controls, targets = (
        np.zeros((len(target.names), len(source.names))),
        np.zeros((len(target.targets), len(source.targets))),
    )
    shown = np.eye(len(source.targets))
    for name, row in drivers.items():
        for driver, factor in row.items():
            i, j = target.names.index(name), source.names.index(driver)
            controls[i, j] = factor
            _map_knots(targets, target, source, target.controls[i], source.controls[j], factor)
    for row in drivers.values():
        if _are_halves(row) and all(
            (controls[:, source.names.index(driver)] != 0).sum() == 1 for driver in row
        ):
            _mix_halves(shown, source, *(source.controls[source.names.index(driver)] for driver in row))
    _map_poses(targets, target, source, controls)
    if not targets.any():
        raise AimError(
            "The mapping moves no target.",
            "All its factors are 0, or its controls have no knots.",
            "Give factors other than 0; --suggest writes a mapping to begin from.",
        )
    return ControlMap(controls, targets, shown)


def _map_knots(matrix: Floats, target: Rig, source: Rig, to: Control, by: Control, factor: float) -> None:
    pairs = (
        list(zip(to.knots, by.knots, strict=True))
        if len(to.knots) == len(by.knots)
        else [(max(to.knots, key=lambda k: abs(k[0])), k) for k in by.knots if to.knots]
    )
    for (value, name), (driving, driver) in pairs:
        matrix[target.targets.index(name), source.targets.index(driver)] = factor * driving / value


def _are_halves(row: Mapping[str, float]) -> bool:
    """Whether a control is driven by left and right of one thing alike."""
    named = [key(driver) for driver in row]
    return (
        sorted(side for _, side in named) == ["l", "r"]
        and len({stem for stem, _ in named}) == 1
        and len(set(row.values())) == 1
    )


def _mix_halves(shown: Floats, source: Rig, left: Control, right: Control) -> None:
    if [value for value, _ in left.knots] == [value for value, _ in right.knots]:
        for (_, one), (_, other) in zip(left.knots, right.knots, strict=True):
            pair = [source.targets.index(one), source.targets.index(other)]
            shown[np.ix_(pair, pair)] = 0.5


def _map_poses(matrix: Floats, target: Rig, source: Rig, controls: Floats) -> None:
    for pose in target.poses:
        wanted = {target.names.index(c) for c in pose.weights}
        for other in source.poses:
            driven = {
                int(i) for c in other.weights for i in np.flatnonzero(controls[:, source.names.index(c)])
            }
            if other.target == pose.target or driven == wanted:
                matrix[target.targets.index(pose.target), source.targets.index(other.target)] = 1.0
                break


def _factors(given: Any, where: str) -> dict[str, float]:
    row = {given: 1.0} if isinstance(given, str) else given
    if not isinstance(row, Mapping) or not all(
        isinstance(f, int | float) and not isinstance(f, bool) and math.isfinite(f) for f in row.values()
    ):
        raise AimError(
            f"{where} is {str(given)[:60]!r}.",
            remedy="Give the name of a control, or a table {control: factor}.",
        )
    return {str(name): float(factor) for name, factor in row.items()}


def _known(name: str, names: tuple[str, ...], where: str) -> None:
    if name not in names:
        raise AimError(
            f"{where} has no control '{name}'.", nearest_name(name, names), "See aimface info for the names."
        )
