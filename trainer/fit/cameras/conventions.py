"""Which landmark ids a tracker gives for which site of the face: tables that come as JSON files and can be replaced by the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import read_json

FOLDER = Path(__file__).parent / "convention_tables"


@dataclass(frozen=True)
class Convention:
    """points {site: the ids whose mean it is}; contour: the sites that lie on the outline of the face as a camera sees it."""

    name: str
    points: dict[str, tuple[str, ...]]
    contour: frozenset[str]


def known_conventions() -> tuple[str, ...]:
    """Names of the tables that come with this package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def read_convention(name: str | Path) -> Convention:
    """A table by name, or from a file of the user's. Raises AimError for an unknown name, and for tables that are none."""
    path = Path(name)
    if str(name) in known_conventions():
        path = FOLDER / f"{name}.json"
    elif path.suffix.lower() != ".json":
        raise AimError(
            f"The landmark convention '{name}' is not known.", nearest_name(str(name), known_conventions()), f"One of {', '.join(known_conventions())}, or a file.json."
        )
    data = read_json(path)
    table = data.get("points") if isinstance(data, dict) else None
    if not isinstance(table, dict) or not table:
        raise AimError(f"{path} has no 'points'.", "It is no convention table.", f"Begin from a copy of {FOLDER.name}/multipie68.json.")
    points = {str(site): _ids(ids, f"{path}: site '{site}'") for site, ids in table.items()}
    listed = data.get("contour", [])
    if not isinstance(listed, list):
        raise AimError(f"{path}: 'contour' is {str(listed)[:40]}.", remedy='Give a list of sites: ["0", "1"], or leave it out.')
    contour = frozenset(str(site) for site in listed)
    for site in contour - set(points):
        raise AimError(f"{path}: the contour names '{site}', which has no points.", nearest_name(site, points))
    return Convention(str(data.get("name", path.stem)), points, contour)


def guess_convention(ids: tuple[str, ...]) -> str:
    """The table for as many ids as these. Raises AimError when that says nothing."""
    for count, name in ((68, "multipie68"), (468, "mediapipe478"), (478, "mediapipe478")):
        if set(ids) <= {str(i) for i in range(count)} and (len(ids) == count or (count == 68 and len(ids) < 68)):
            return name
    raise AimError(f"{len(ids)} landmarks a frame belong to no convention known here.", remedy=f"Give --convention: {', '.join(known_conventions())}, or a file.json.")


def _ids(value: Any, where: str) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(i, str | int) and not isinstance(i, bool) for i in listed):
        raise AimError(f"{where} is {value!r}.", remedy="Give an id, or a list of ids whose mean it is.")
    return tuple(str(i) for i in listed)
