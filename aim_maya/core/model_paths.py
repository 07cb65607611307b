"""Where a model file named in a scene is looked for. The host says where its scene and project are; nothing
here asks it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from .errors import AimError

PATH_VARIABLE = "AIM_MODEL_PATH"


@dataclass(frozen=True)
class SearchContext:
    """folders: beside the scene and its references, then the project. mapped: (from, to) prefixes, the host's
    dirmap. own: beside the file that the asking node came with, then beside the files that hold that one."""

    folders: tuple[str, ...] = ()
    mapped: tuple[tuple[str, str], ...] = ()
    own: tuple[str, ...] = ()


def expand(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Replace $NAME, ${NAME}, %NAME% and a leading ~; unknown variables stay as written."""
    known = os.environ if environment is None else environment

    def value(match: re.Match[str]) -> str:
        return known.get(next(g for g in match.groups() if g), match.group(0))

    return os.path.expanduser(re.sub(r"\$(\w+)|\$\{(\w+)\}|%(\w+)%", value, text.strip()))


def resolve(
    text: str,
    context: SearchContext,
    environment: Mapping[str, str] | None = None,
    what: str = "model",
    *,
    meant: Callable[[Path], bool] | None = None,
) -> Path:
    """The file that `text` names: an absolute path that exists wins, or what it is mapped to; then it is
    looked for in the node's own folders, the others, and those of AIM_MODEL_PATH.

    meant: whether a file is the very one that was asked for. Of several found in folders the first such is
    taken, and only where there is none the first. Raises AimError that lists every place tried, and says
    `what` was looked for.
    """
    known = os.environ if environment is None else environment
    name = expand(text, known).replace("\\", "/")
    if not name:
        raise AimError(f"No {what} file is named.", remedy=f"Set the node's '{what}'.")
    named, places = _named(name, context), _places(name, context, known)
    for place in named:
        if place.is_file():
            return place
    found = [place for place in places if place.is_file()]
    if found:
        return next((place for place in found if meant is not None and meant(place)), found[0])
    places = list(dict.fromkeys(named + places))
    listed = "; ".join(str(p) for p in places)
    raise AimError(
        f"The {what} '{text}' was not found. Tried: {listed}.",
        "It was moved, the drive is not mounted, or the scene came from another machine.",
        f"Set the path anew, put the file beside the scene, or name its folder in {PATH_VARIABLE}.",
    )


def is_absolute(name: str) -> bool:
    """Whether a path names its drive or root, in either system's way."""
    return Path(name).is_absolute() or PureWindowsPath(name).is_absolute()


def _named(name: str, context: SearchContext) -> list[Path]:
    """The absolute path itself, and what the host's dirmap makes of a path."""
    named = [Path(name)] if is_absolute(name) else []
    for source, target in context.mapped:
        prefix = source.replace("\\", "/").rstrip("/")
        if name == prefix or name.startswith(prefix + "/"):
            named.append(Path(target + name[len(prefix) :]))
    return named


def _places(name: str, context: SearchContext, known: Mapping[str, str]) -> list[Path]:
    """Where a file of that name may lie."""
    variable = (f for f in known.get(PATH_VARIABLE, "").split(os.pathsep) if f)
    last = name.rsplit("/", 1)[-1]
    tails = [last] if is_absolute(name) else list(dict.fromkeys([name, last]))
    folders = dict.fromkeys([*context.own, *context.folders, *variable])
    return list(dict.fromkeys(Path(folder) / tail for folder in folders for tail in tails))
