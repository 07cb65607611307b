"""A mapping to begin from: by names, by the table of ARKit shapes and action units, and by how alike the
displacements look."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aim_maya.core.curves.take import key
from aim_maya.core.files import read_json
from aim_maya.runtime import FaceModel
from trainer.geometry.smooth import vertex_areas

from .mapping import Drivers, same_names
from .registration import Correspondence, find_correspondence

_TABLE = Path(__file__).parent / "name_tables" / "arkit_facs.json"
_ALIKE = 0.6  # cosine below which two displacements are not called the same expression


def suggested(source: FaceModel, target: FaceModel) -> Drivers:
    """{target control: {source control: factor}}, the surest first: names, the table, then the displacement
    fields.

    A control for which nothing is found is left out. Raises AimError where the two faces cannot be
    registered.
    """
    drivers = same_names(source.data.rig, target.data.rig)
    for name in target.targets:
        if name not in drivers and (row := _by_table(name, source.targets)):
            drivers[name] = row
    taken = {s for row in drivers.values() for s in row}
    targets, sources = (
        [t for t in target.targets if t not in drivers],
        [s for s in source.targets if s not in taken],
    )
    if targets and sources:
        controls = np.array(
            [[drivers.get(t, {}).get(s, 0.0) for s in source.targets] for t in target.targets]
        )
        drivers |= _by_fields(source, target, find_correspondence(source, target, controls), targets, sources)
    return {name: drivers[name] for name in target.targets if name in drivers}


def concept(name: str) -> tuple[str, str]:
    """(concept, side): names that the table holds in one row are one concept."""
    stem, side = key(name)
    for row in read_json(_TABLE)["same"]:
        known = [key(other) for other in row]
        if (stem, side) in known:
            return known[0]
        if (stem, "") in known:
            return known[0][0], side
    return stem, side


def _by_table(name: str, sources: tuple[str, ...]) -> dict[str, float]:
    stem, side = concept(name)
    found = [s for s in sources if concept(s) == (stem, side)] or [
        s for s in sources if concept(s)[0] == stem and (not side or not concept(s)[1])
    ]
    return {s: 1.0 / len(found) for s in found}


def _by_fields(
    source: FaceModel, target: FaceModel, match: Correspondence, targets: list[str], sources: list[str]
) -> Drivers:
    """Pairs of controls whose full poses move the face alike, the most alike first, each used once."""
    root = np.sqrt(vertex_areas(target.mesh))[:, None]
    ours = np.array([root * (target.points({t: 1.0}) - target.data.neutral) for t in targets]).reshape(
        len(targets), -1
    )
    theirs = np.array(
        [root * match.carry(source.points({s: 1.0}) - source.data.neutral) for s in sources]
    ).reshape(len(sources), -1)
    lengths = np.linalg.norm(ours, axis=1)[:, None] * np.linalg.norm(theirs, axis=1)
    alike = ours @ theirs.T / np.maximum(lengths, 1e-12)
    drivers: Drivers = {}
    while alike.size and alike.max() >= _ALIKE:
        i, j = (int(k) for k in np.unravel_index(alike.argmax(), alike.shape))
        drivers[targets[i]] = {sources[j]: 1.0}
        alike[i], alike[:, j] = -1.0, -1.0
    return drivers
