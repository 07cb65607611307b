"""Where a model file named in a scene is looked for. The host says where its scene and project are; nothing
here asks it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from .errors import AimError

PATH_VARIABLE = "AIM_MODEL_PATH"


@dataclass(frozen=True)
class SearchContext:
    """folders: beside the scene and its references, then the project. mapped: (from, to) prefixes, the host's
    dirmap."""

    folders: tuple[str, ...] = ()
    mapped: tuple[tuple[str, str], ...] = ()


def expand(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Replace $NAME, ${NAME}, %NAME% and a leading ~; unknown variables stay as written."""
    known = os.environ if environment is None else environment

    def value(match: re.Match[str]) -> str:
        return known.get(next(g for g in match.groups() if g), match.group(0))

    return os.path.expanduser(re.sub(r"\$(\w+)|\$\{(\w+)\}|%(\w+)%", value, text.strip()))


def resolve(
    text: str, context: SearchContext, environment: Mapping[str, str] | None = None, what: str = "model"
) -> Path:
    """The file that `text` names: an absolute path that exists wins, then the mapped path, then each folder,
    then AIM_MODEL_PATH.

    Raises AimError that lists every place tried, and says `what` was looked for.
    """
    known = os.environ if environment is None else environment
    name = expand(text, known).replace("\\", "/")
    if not name:
        raise AimError(f"No {what} file is named.", remedy=f"Set the node's '{what}'.")
    places = _places(name, context, known)
    for place in places:
        if place.is_file():
            return place
    listed = "; ".join(str(p) for p in places)
    raise AimError(
        f"The {what} '{text}' was not found. Tried: {listed}.",
        "It was moved, the drive is not mounted, or the scene came from another machine.",
        f"Set the path anew, put the file beside the scene, or name its folder in {PATH_VARIABLE}.",
    )


def _places(name: str, context: SearchContext, known: Mapping[str, str]) -> list[Path]:
    absolute = Path(name).is_absolute() or PureWindowsPath(name).is_absolute()
    places = [Path(name)] if absolute else []
    for source, target in context.mapped:
        prefix = source.replace("\\", "/").rstrip("/")
        if name == prefix or name.startswith(prefix + "/"):
            places.append(Path(target + name[len(prefix) :]))
    folders = [*context.folders, *(f for f in known.get(PATH_VARIABLE, "").split(os.pathsep) if f)]
    tails = [name.rsplit("/", 1)[-1]] if absolute else list(dict.fromkeys([name, name.rsplit("/", 1)[-1]]))
    places += [Path(folder) / tail for folder in folders for tail in tails]
    return list(dict.fromkeys(places))
