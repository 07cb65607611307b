"""An anatomical edit: as plain numbers or arrays a vertex, as people write it in one JSON file, and as
presets that come with the product.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import parse_json, read_json, write_json
from aim_maya.core.handles import FIRST_NAMES, HANDLES
from aim_maya.core.json_fields import is_number
from aim_maya.core.regions import check_region

# An anatomical edit: what changes about the face, as plain numbers or per-vertex arrays.


@dataclass(eq=False)
class Sculpts:
    """Targets that were sculpted after the build. shifts {place of the target: (V, 3) float32}: what is
    added, before skinning, at the pose where it was trained, model unit; `edit_build.sculpts_of` makes
    them."""

    shifts: Mapping[int, Floats]
    made: tuple[object, Any] | None = None
    """The tables that `tables.sculpted_tables` formed last, and from which."""

    def __reduce__(self) -> tuple[type[Sculpts], tuple[Mapping[int, Floats]]]:
        return Sculpts, (self.shifts,)

    def then(self, more: Sculpts | None) -> Sculpts:
        """Both; of a target that both have, the second's. The same object where there is no more, so that its
        tables are formed once."""
        return self if more is None or more is self else Sculpts({**self.shifts, **more.shifts})


@dataclass(frozen=True, eq=False)
class Edit:
    """The default edit changes nothing, to the last bit.

    thickness: soft-tissue thickness times this, a number or (V,). bone_offset: added to the bone points, 0 or
    (V, 3), model unit. jaw_gain: the learned jaw's twist times this. expression_gain: displacement times
    this, a number or (V,). jaw_arc: 1 the jaw turns on its arc, 0 the linear sum of the shapes. rest_offset:
    added to the skin of the neutral, 0 or (V, 3), model unit, while the bones stay. jaw_pose: (4, 4) that
    takes the learned jaw's place in every frame, p' = M p, model unit. sculpts: targets sculpted on the
    unedited face, which the rest of the edit carries as it carries trained ones. notes: what was held back
    already, a sentence each.
    """

    thickness: float | Floats = 1.0
    bone_offset: float | Floats = 0.0
    jaw_gain: float = 1.0
    expression_gain: float | Floats = 1.0
    jaw_arc: float = 1.0
    rest_offset: float | Floats = 0.0
    jaw_pose: Floats | None = None
    sculpts: Sculpts | None = None
    notes: tuple[str, ...] = ()

    @property
    def moves_rest(self) -> bool:
        """True when this edit shows with every weight at zero: thickness, bones, neutral, a jaw pose; gains
        and the arc need a weight to act on."""
        posed = self.jaw_pose is not None and not np.array_equal(self.jaw_pose, np.eye(4))
        return bool(
            posed
            or np.any(np.asarray(self.thickness) != 1.0)
            or np.any(self.bone_offset)
            or np.any(self.rest_offset)
        )

    @property
    def is_default(self) -> bool:
        """True for numbers that change nothing; a painted map counts as a change without being looked
        through."""
        entries = (
            self.thickness,
            self.bone_offset,
            self.jaw_gain,
            self.expression_gain,
            self.jaw_arc,
            self.rest_offset,
        )
        same = all(
            not np.ndim(e) and e == d for e, d in zip(entries, (1.0, 0.0, 1.0, 1.0, 1.0, 0.0), strict=True)
        )
        return same and self.jaw_pose is None and self.sculpts is None

    @property
    def skin_offset(self) -> float | Floats:
        """What is added to the skin of the neutral with the bones' and the neutral's own offsets: 0.0 or (V,
        3)."""
        if not np.ndim(self.rest_offset):
            return self.bone_offset
        return self.rest_offset if not np.ndim(self.bone_offset) else self.bone_offset + self.rest_offset

    def then(self, more: Edit) -> Edit:
        """Both edits at once: factors multiply, offsets add, the second's jaw pose and sculpts go before the
        first's. Arrays are of one model."""
        return Edit(
            self.thickness * more.thickness,
            _sum(self.bone_offset, more.bone_offset),
            self.jaw_gain * more.jaw_gain,
            self.expression_gain * more.expression_gain,
            self.jaw_arc * more.jaw_arc,
            _sum(self.rest_offset, more.rest_offset),
            self.jaw_pose if more.jaw_pose is None else more.jaw_pose,
            more.sculpts if self.sculpts is None else self.sculpts.then(more.sculpts),
            self.notes + more.notes,
        )

    def checked(self, vertices: int) -> Edit:
        """This edit with arrays as float32 of the right shape. Raises AimError naming the entry and its
        length."""
        shapes = {
            "thickness": (vertices,),
            "bone_offset": (vertices, 3),
            "expression_gain": (vertices,),
            "rest_offset": (vertices, 3),
        }
        values: dict[str, float | Floats] = {}
        for entry in fields(self):
            if entry.name in ("jaw_pose", "sculpts", "notes"):
                continue
            try:
                array = np.asarray(getattr(self, entry.name), np.float32)
            except (TypeError, ValueError, RuntimeError) as error:
                raise AimError(
                    f"Edit.{entry.name} is not a number or an array of numbers.", remedy="Pass numbers."
                ) from error
            if array.ndim and array.shape != shapes.get(entry.name):
                raise AimError(
                    f"Edit.{entry.name} has shape {array.shape}; this model needs "
                    f"{shapes.get(entry.name, 'one number')}.",
                    "The map belongs to another mesh.",
                    "Make the map on this model's vertices.",
                )
            if not np.isfinite(array).all():
                raise AimError(
                    f"Edit.{entry.name} holds NaN or infinity.", remedy="Paint or compute the map again."
                )
            if entry.name.endswith("_offset") and not array.ndim and array != 0:
                raise AimError(f"Edit.{entry.name} is {float(array)}; it needs 0 or an array (V, 3).")
            values[entry.name] = array if array.ndim else float(getattr(self, entry.name))
        jaw_pose = None if self.jaw_pose is None else checked_jaw(self.jaw_pose)
        rest = {"jaw_pose": jaw_pose, "sculpts": self.sculpts, "notes": self.notes}
        return Edit(**values, **rest)  # type: ignore[arg-type]


def checked_jaw(jaw: object) -> Floats:
    """(4, 4) float64. Raises AimError for anything but a finite 4x4."""
    try:
        matrix = np.asarray(jaw, np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise AimError(
            "The jaw must be a finite 4x4 matrix; this is none.",
            remedy="Pass p' = M p with the translation in M[:3, 3].",
        ) from error
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise AimError(
            f"The jaw must be a finite 4x4 matrix; this one has shape {matrix.shape}.",
            remedy="Pass p' = M p with the translation in M[:3, 3].",
        )
    return matrix


def _sum(a: float | Floats, b: float | Floats) -> float | Floats:
    if not np.ndim(a) or not np.ndim(b):
        return b if np.ndim(b) else a
    return a + b


# An edit as people write it: by regions, handles and files, in one JSON file. docs/reference/files.md
# describes every
# entry.

SCHEMA = 1
LARGEST = 1e9  # of any number in an edit: beyond it float32 overflows
ALL = "all"
Factor = float | dict[str, float] | list[float]


@dataclass(frozen=True)
class EditRecipe:
    """Entries of an edit file; the default changes nothing. Lengths in mm. Files are found from `folder`,
    where the recipe came from.

    thickness, expression_gain: one factor, or {region: factor} with "all" for the rest, or one a vertex.
    bones: {handle: mm}. targets: {target: file of its sculpted shape}.
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
    targets: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()

    def to_json(self) -> dict[str, Any]:
        """The entries that say something, as an edit file holds them; files by their own names."""
        default = EditRecipe()
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "folder"}
        return {"schema": SCHEMA} | {
            name: value for name, value in named.items() if value != getattr(default, name)
        }

    def scaled(self, amount: float) -> EditRecipe:
        """So much of it: 0 nothing, 1 all; factors go from 1, lengths from 0. What has no amount (files, a
        jaw pose) stays whole."""

        def factor(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: 1 + amount * (v - 1) for name, v in value.items()}
            return (1 + amount * (np.asarray(value) - 1)).tolist()

        return replace(
            self,
            thickness=factor(self.thickness),
            expression_gain=factor(self.expression_gain),
            jaw_gain=factor(self.jaw_gain),
            jaw_arc=factor(self.jaw_arc),
            bones={name: amount * mm for name, mm in self.bones.items()},
        )

    def changed(self, assignments: Iterable[str]) -> EditRecipe:
        """With NAME=VALUE applied: "thickness=1.2", "thickness.cheeks=1.3", "bones.jaw_longer_mm=5", or a
        handle by itself. Raises AimError."""
        entries = self.to_json()
        for text in assignments:
            name, equals, value = text.partition("=")
            if not equals:
                raise AimError(
                    f"'{text}' is not NAME=VALUE.",
                    remedy="For example thickness=1.2 or bones.jaw_longer_mm=5.",
                )
            outer, _, inner = (f"bones.{name}" if name in HANDLES or name in FIRST_NAMES else name).partition(
                "."
            )
            inner = FIRST_NAMES.get(inner, inner)
            entries[outer] = _within(entries.get(outer), inner, _value(value)) if inner else _value(value)
        return recipe_from_json(entries, "the edit", self.folder)

    def moved(self, folder: Path) -> EditRecipe:
        """The same, with its files named from another folder: relative below it, absolute elsewhere."""

        def renamed(name: Any) -> Any:
            if not isinstance(name, str):
                return name
            path = (self.folder / name).absolute()
            return (
                path.relative_to(folder.absolute()).as_posix()
                if path.is_relative_to(folder.absolute())
                else path.as_posix()
            )

        files = {name: renamed(getattr(self, name)) for name in ("thickness_map", "bone_offset", "neutral")}
        targets = {name: renamed(file) for name, file in self.targets.items()}
        return replace(self, **files, targets=targets, folder=folder)

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
    """The recipe of an edit file. Raises AimError for a file that cannot be read, a newer schema, unknown
    entries, or values of another kind."""
    return recipe_from_json(read_json(path), str(path), Path(path).parent)


def recipe_from_json(data: Any, where: str, folder: Path = Path()) -> EditRecipe:
    """A recipe from its JSON; `where` is named in errors. Raises AimError as read_recipe does."""
    known = [f.name for f in fields(EditRecipe) if f.name != "folder"]
    if not isinstance(data, Mapping):
        raise AimError(f"{where} must hold an object with entries among {', '.join(known)}.")
    entries = dict(data)
    schema = entries.pop("schema", SCHEMA)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise AimError(
            f"{where} has schema {str(schema)[:40]}; this version reads up to {SCHEMA}.",
            "A newer version of AIM for Maya wrote it.",
            "Update.",
        )
    for name in entries:
        if name not in known:
            raise AimError(
                f"{where} has the unknown entry '{name}'.",
                nearest_name(str(name), [*known, *HANDLES]),
                f"Known entries: {', '.join(known)}. Handles, in mm: {', '.join(HANDLES)}.",
            )
    return EditRecipe(
        **{name: _checked(name, value, where) for name, value in entries.items()}, folder=folder
    )


def _checked(name: str, value: Any, where: str) -> Any:
    """The value of an entry, or AimError."""
    if name in ("thickness", "expression_gain") and isinstance(value, Mapping):
        for region in value:
            if region != ALL:
                check_region(str(region), f"{where}: '{name}'")
        return {str(region): _number(f"{name}.{region}", v, where) for region, v in value.items()}
    if name == "bones":
        if not isinstance(value, Mapping):
            raise AimError(
                f"{where}: 'bones' holds {str(value)[:40]}, not handles and their mm.",
                remedy=f"Handles: {', '.join(HANDLES)}.",
            )
        for handle in value:
            if handle not in HANDLES and handle not in FIRST_NAMES:
                raise AimError(
                    f"{where}: 'bones' has the unknown handle '{handle}'.",
                    nearest_name(str(handle), HANDLES),
                    f"Handles: {', '.join(HANDLES)}.",
                )
        return {
            FIRST_NAMES.get(handle, str(handle)): _number(f"bones.{handle}", mm, where)
            for handle, mm in value.items()
        }
    if name == "targets":
        if not isinstance(value, Mapping) or not all(isinstance(file, str) for file in value.values()):
            raise AimError(
                f"{where}: 'targets' holds {str(value)[:40]}, not targets and the files of their sculpts."
            )
        return {str(target): file for target, file in value.items()}
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
        raise AimError(
            f"{where}: '{name}' is not a number or a list of numbers: it is, or holds, text, NaN or "
            f"more than {LARGEST:g}."
        )
    return array.astype(np.float64).tolist()


# Edits that come with the product, as edit files have them: they fit any model, since they name regions and
# handles only. An amount of -1 is the other end of each: gaunt becomes fleshy, aged younger, a longer jaw
# shorter. Scenes store a preset by its place: in presets.json new ones go to the end.


def _presets(path: Path) -> dict[str, tuple[str, EditRecipe]]:
    entries: dict[str, dict[str, Any]] = read_json(path)
    return {name: (e.pop("about"), recipe_from_json(e, f"{path}: {name}")) for name, e in entries.items()}


PRESETS = _presets(Path(__file__).with_name("presets.json"))
"""{name: (what it does, its recipe)}"""


def preset(name: str, amount: float = 1.0) -> EditRecipe:
    """A preset by its name, so much of it. Raises AimError that names the nearest."""
    if name not in PRESETS:
        raise AimError(
            f"There is no preset '{name}'.", nearest_name(name, PRESETS), f"Presets: {', '.join(PRESETS)}."
        )
    recipe = PRESETS[name][1]
    return recipe if amount == 1.0 else recipe.scaled(amount)
