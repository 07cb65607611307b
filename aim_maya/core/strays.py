"""What lies in an actor folder and is not read: why, and the name it should have where one can be guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .errors import AimError
from .files import visible_files
from .obj import read_points

MESHES = ("neutral", "skull", "jaw", "lower_teeth")
FOLDERS = ("shapes", "lower_teeth")
JSONS = ("actor", "jaw_poses", "landmarks")
_WORDS = {  # of a file's name, besides _NOISE, and what it then stands for
    "neutral": ("neutral", "rest", "base", "basemesh", "bindpose", "rest pose", "neutral pose"),
    "skull": ("skull", "cranium"),
    "jaw": ("jaw", "mandible", "jawbone", "lower jaw"),
    "lower_teeth": ("lower teeth", "lowerteeth", "bottom teeth", "teeth lwr", "teeth down", "teeth dn"),
}
_NOISE = (
    frozenset(("geo", "mesh", "msh", "obj", "grp", "shape", "model", "ply", "poly", "bone", "bones"))
    | frozenset(("lod", "hi", "hires", "res", "high", "head", "face", "m", "c", "ctr"))
    | frozenset(("final", "v", "the", "my", "export", "exported", "copy", "new"))
)
_SHAPE_FOLDERS = frozenset(
    ["shapes", "shape", "targets", "blendshapes", "blendshape", "morphs", "morphtargets", "expressions"]
)
_SCENES = frozenset((".fbx", ".usd", ".usda", ".usdc", ".usdz", ".abc", ".glb", ".gltf")) | frozenset(
    (".ma", ".mb", ".blend", ".ply", ".stl")
)
_QUIET = {"dataset.npz", "LICENSES.txt"}


@dataclass(frozen=True)
class Stray:
    """name: of a file or folder, relative to the actor's; why it is not read; better: the name it should
    have, or ''."""

    name: str
    why: str
    better: str = ""

    @property
    def sentence(self) -> str:
        """For a report."""
        return f"{self.name}: {self.why}" + (f"; it should be {self.better}" if self.better else "") + "."


def find_mesh(folder: Path, name: str) -> Path | None:
    """The file `name`.obj of a folder, its ending in any case; None without one. Raises AimError when there
    are two."""
    found = [file for file in visible_files(folder, ".obj") if file.stem == name]
    if len(found) > 1:
        raise AimError(
            f"{folder} has both {found[0].name} and {found[1].name}.", remedy="Move one of them away."
        )
    return found[0] if found else None


def strays(folder: Path, vertices: int | None = None) -> list[Stray]:
    """Everything visible in an actor folder that read_actor passes over; vertices: the neutral's, to tell
    shapes from other meshes."""
    entries = sorted(entry for entry in _entries(folder) if not entry.name.startswith("."))
    there = {entry.name for entry in entries}
    found = [stray for entry in entries if (stray := _stray(entry, there, vertices)) is not None]
    for name in FOLDERS:
        found += [_inside(name, entry) for entry in sorted(_entries(folder / name)) if _odd(entry)]
    return found


def hidden(folder: Path) -> list[str]:
    """Hidden OBJs, relative to the actor folder: left by a killed write, or macOS's `._name`. They are never
    read."""
    places = (folder, *(folder / name for name in FOLDERS))
    return sorted(
        str(entry.relative_to(folder))
        for place in places
        for entry in _entries(place)
        if entry.name[0] == "." and entry.suffix.lower() == ".obj"
    )


def in_short(found: list[Stray]) -> list[str]:
    """The strays that were probably meant to be read, as one warning; none when there are none."""
    meant = [f"{stray.name} (should be {stray.better})" for stray in found if stray.better]
    if not meant:
        return []
    more = f" and {len(meant) - 6} more" if len(meant) > 6 else ""
    return [f"Not used: {', '.join(meant[:6])}{more}. `aimface check` tells why."]


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _stray(entry: Path, there: set[str], vertices: int | None) -> Stray | None:
    """What is wrong with one entry of the actor folder itself; None for what is read, or does not ask to
    be.
    """
    ending = entry.suffix.lower()
    if entry.is_dir():
        return _stray_folder(entry, there)
    if ending == ".obj":
        return None if entry.stem in MESHES else _stray_mesh(entry, there, vertices)
    if ending == ".json":
        meant = next((name for name in JSONS if _letters(name) == _letters(entry.stem)), "")
        if entry.name in {f"{name}.json" for name in JSONS}:
            return None
        return Stray(
            entry.name, "it is not a file that an actor folder has", f"{meant}.json" if meant else ""
        )
    if ending in _SCENES:
        return Stray(entry.name, "scenes inside an actor folder are not read")
    return None if entry.name in _QUIET else Stray(entry.name, "it is not part of an actor folder")


def _stray_folder(entry: Path, there: set[str]) -> Stray | None:
    if entry.name in FOLDERS:
        return None
    meant = (
        "shapes"
        if _letters(entry.name) in _SHAPE_FOLDERS
        else "lower_teeth"
        if _letters(entry.name) == "lowerteeth"
        else ""
    )
    files = visible_files(entry, ".obj")
    if not files or meant in there:
        return Stray(f"{entry.name}/", "folders of other names are not read")
    return Stray(f"{entry.name}/", f"its {len(files)} OBJ files are not read", f"{meant}/" if meant else "")


def _stray_mesh(entry: Path, there: set[str], vertices: int | None) -> Stray:
    meant = _meant(entry.stem)
    if meant and not any(name.lower() == f"{meant}.obj" for name in there - {entry.name}):
        return Stray(entry.name, "it is not a name that is read", f"{meant}.obj")
    if meant:
        return Stray(entry.name, f"{meant}.obj is there already")
    try:
        count = len(read_points(entry))
    except AimError as error:
        return Stray(entry.name, f"it is not a name that is read, and no OBJ ({error.what.rstrip('.')})")
    if count == vertices:
        return Stray(
            entry.name, "it has the neutral's vertices but does not lie in shapes/", f"shapes/{entry.name}"
        )
    return Stray(entry.name, f"another mesh, of {count} vertices")


def _odd(entry: Path) -> bool:
    return not entry.name.startswith(".") and (entry.is_dir() or entry.suffix.lower() != ".obj")


def _inside(name: str, entry: Path) -> Stray:
    files = visible_files(entry, ".obj") if entry.is_dir() else []
    if files:
        return Stray(
            f"{name}/{entry.name}/",
            f"the {len(files)} OBJ files in this folder are not read",
            f"{name}/{files[0].name} and so on",
        )
    return Stray(f"{name}/{entry.name}", "only OBJ files are read here")


def _meant(stem: str) -> str:
    """Which of MESHES a name like Skull_LOD0 or LowerTeeth_geo stands for, or ''."""
    spaced = re.sub(r"([a-z])([A-Z])|[^A-Za-z]+", r"\1 \2", stem)
    words = {word.lower() for word in spaced.split()} - _NOISE
    return next((name for name, meant in _WORDS.items() if words in [set(m.split()) for m in meant]), "")


def _letters(name: str) -> str:
    """Lower case without separators: jawPoses, Jaw-Poses and jaw_poses are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
