"""An edit as people write it: by regions, handles and files, in one JSON file. docs/editing.md describes every entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import parse_json, read_json, write_json
from aim_maya.core.handles import HANDLES
from aim_maya.core.json_fields import is_number
from aim_maya.core.regions import check_region

SCHEMA = 1
LARGEST = 1e9  # of any number in an edit: beyond it float32 overflows
ALL = "all"
Factor = float | dict[str, float] | list[float]


@dataclass(frozen=True)
class EditRecipe:
    """Entries of an edit file; the default changes nothing. Lengths in mm. Files are found from `folder`, where the recipe came from.

    thickness, expression_gain: one factor, or {region: factor} with "all" for the rest, or one a vertex. bones: {handle: mm}.
    """

    thickness: Factor = 1.0
    thickness_map: str | None = None
    bones: dict[str, float] = field(default_factory=dict)
    bone_offset: str | list[list[float]] | float | None = None
    expression_gain: Factor = 1.0
    jaw_gain: float = 1.0
    jaw_pose: list[list[float]] | None = None
    jaw_arc: float = 1.0
    neutral: str | None = None
    folder: Path = Path()

    def to_json(self) -> dict[str, Any]:
        """The entries that say something, as an edit file holds them; files by their own names."""
        default = EditRecipe()
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "folder"}
        return {"schema": SCHEMA} | {name: value for name, value in named.items() if value != getattr(default, name)}

    def scaled(self, amount: float) -> EditRecipe:
        """So much of it: 0 nothing, 1 all; factors go from 1, lengths from 0. What has no amount (files, a jaw pose) stays whole."""

        def factor(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: 1 + amount * (v - 1) for name, v in value.items()}
            return (1 + amount * (np.asarray(value) - 1)).tolist()

        return replace(
            self, thickness=factor(self.thickness), expression_gain=factor(self.expression_gain), jaw_gain=factor(self.jaw_gain), jaw_arc=factor(self.jaw_arc),
            bones={name: amount * mm for name, mm in self.bones.items()},
        )  # fmt: skip

    def changed(self, assignments: Iterable[str]) -> EditRecipe:
        """With NAME=VALUE applied: "thickness=1.2", "thickness.cheeks=1.3", "bones.jaw_longer_mm=5", or a handle by itself. Raises AimError."""
        entries = self.to_json()
        for text in assignments:
            name, equals, value = text.partition("=")
            if not equals:
                raise AimError(f"'{text}' is not NAME=VALUE.", remedy="For example thickness=1.2 or bones.jaw_longer_mm=5.")
            outer, _, inner = (f"bones.{name}" if name in HANDLES else name).partition(".")
            entries[outer] = _within(entries.get(outer), inner, _value(value)) if inner else _value(value)
        return recipe_from_json(entries, "the edit", self.folder)

    def moved(self, folder: Path) -> EditRecipe:
        """The same, with its files named from another folder: relative below it, absolute elsewhere."""

        def renamed(name: Any) -> Any:
            if not isinstance(name, str):
                return name
            path = (self.folder / name).absolute()
            return path.relative_to(folder.absolute()).as_posix() if path.is_relative_to(folder.absolute()) else path.as_posix()

        files = {name: renamed(getattr(self, name)) for name in ("thickness_map", "bone_offset", "neutral")}
        return replace(self, **files, folder=folder)

    def write(self, path: Path) -> None:
        """As an edit file, with its files named from there. Raises AimError where it cannot be written."""
        write_json(path, self.moved(path.parent).to_json())


def _within(before: Any, name: str, value: Any) -> dict[str, Any]:
    if isinstance(before, dict):
        return {**before, name: value}
    return {name: value} if before is None else {ALL: before, name: value}


def _value(text: str) -> Any:
    try:
        return parse_json(text, "the value")
    except AimError:  # a text, as the name of a file is
        return text


def read_recipe(path: str | Path) -> EditRecipe:
    """The recipe of an edit file. Raises AimError for a file that cannot be read, a newer schema, unknown entries, or values of another kind."""
    return recipe_from_json(read_json(path), str(path), Path(path).parent)


def recipe_from_json(data: Any, where: str, folder: Path = Path()) -> EditRecipe:
    """A recipe from its JSON; `where` is named in errors. Raises AimError as read_recipe does."""
    known = [f.name for f in fields(EditRecipe) if f.name != "folder"]
    if not isinstance(data, Mapping):
        raise AimError(f"{where} must hold an object with entries among {', '.join(known)}.")
    entries = dict(data)
    schema = entries.pop("schema", SCHEMA)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise AimError(f"{where} has schema {str(schema)[:40]}; this version reads up to {SCHEMA}.", "A newer version of AIM for Maya wrote it.", "Update.")
    for name in entries:
        if name not in known:
            raise AimError(f"{where} has the unknown entry '{name}'.", nearest_name(str(name), known), f"Known entries: {', '.join(known)}.")
    return EditRecipe(**{name: _checked(name, value, where) for name, value in entries.items()}, folder=folder)


def _checked(name: str, value: Any, where: str) -> Any:
    """The value of an entry, or AimError."""
    if name in ("thickness", "expression_gain") and isinstance(value, Mapping):
        for region in value:
            if region != ALL:
                check_region(str(region), f"{where}: '{name}'")
        return {str(region): _number(f"{name}.{region}", v, where) for region, v in value.items()}
    if name == "bones":
        if not isinstance(value, Mapping):
            raise AimError(f"{where}: 'bones' holds {str(value)[:40]}, not handles and their mm.", remedy=f"Handles: {', '.join(HANDLES)}.")
        for handle in value:
            if handle not in HANDLES:
                raise AimError(f"{where}: 'bones' has the unknown handle '{handle}'.", nearest_name(str(handle), HANDLES), f"Handles: {', '.join(HANDLES)}.")
        return {str(handle): _number(f"bones.{handle}", mm, where) for handle, mm in value.items()}
    if name in ("jaw_gain", "jaw_arc"):
        return _number(name, value, where)
    if name in ("thickness_map", "neutral") or (name == "bone_offset" and isinstance(value, str)):
        if value is not None and not isinstance(value, str):
            raise AimError(f"{where}: '{name}' is not the name of a file.")
        return value
    return None if value is None and name in ("jaw_pose", "bone_offset") else _numbers(name, value, where)


def _number(name: str, value: Any, where: str) -> float:
    if not is_number(value) or abs(value) > LARGEST:
        raise AimError(f"{where}: '{name}' is {str(value)[:40]}, not a number up to {LARGEST:g}.")
    return float(value)


def _numbers(name: str, value: Any, where: str) -> Any:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise AimError(f"{where}: '{name}' is not a number or a list of numbers ({error}).") from error
    if array.dtype.kind not in "fiu" or not (np.abs(array) <= LARGEST).all():
        raise AimError(f"{where}: '{name}' is not a number or a list of numbers: it is, or holds, text, NaN or more than {LARGEST:g}.")
    return array.astype(np.float64).tolist()
