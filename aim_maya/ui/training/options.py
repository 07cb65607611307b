"""What a training can be told, for the form, and the form's values as arguments of `aimface train`.

All of it is read off TrainConfig: its fields are the options, the texts below them the tooltips.
"""

from __future__ import annotations

import ast
import inspect
import typing
from dataclasses import MISSING, Field, astuple, dataclass, fields
from functools import cache
from typing import Any

from aim_maya.core.errors import AimError
from aim_maya.core.training_options import NetworkSize, TrainConfig

FIRST = ("preset", "device", "jaw")  # always shown; the rest is folded
_LABELS = {  # where the option's name is a word of the trade
    "losses": "Method",
    "prior": "Thickness between bones",
    "without": "Leave out",
    "open_template": "Open lips and lids",
    "loose_teeth": "Accept loose teeth",
    "seed": "Random seed",
    "steps": "Steps (0: by preset)",
    "anatomy_steps": "Steps for the anatomy",
    "batch": "Points a step",
    "hard_share": "Share of hard points",
    "face_share": "Share between vertices",
    "rate": "Learning rate",
    "restarts": "New starts when stuck",
    "check_every": "Steps between checks",
    "bone": "Network for bone",
    "thickness": "Network for thickness",
    "normal": "Network for direction",
    "skinning": "Network for skinning",
    "expression": "Network for expression",
}
_KINDS = {bool: "switch", int: "whole", float: "number"}


@dataclass(frozen=True)
class Option:
    """One field of TrainConfig. kind: choice, switch, whole, number, names (a list), size (of a network:
    `parts` numbers)."""

    name: str
    kind: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name as people read it."""
        return _LABELS.get(self.name) or self.name.replace("_", " ").capitalize()

    def parsed(self, value: Any) -> Any:
        """The value in its own type, from text too. Raises AimError naming the option."""
        try:
            if self.kind == "whole":
                return int(value)
            if self.kind == "number":
                return float(value)
            words = value.replace(",", " ").split() if isinstance(value, str) else value
            if self.kind == "names":
                return [str(word) for word in words]
            if self.kind == "size":
                numbers = [float(word) for word in words]
                if len(numbers) != len(self.parts):
                    raise ValueError
                return [
                    int(n) if isinstance(d, int) else n for n, d in zip(numbers, self.default, strict=True)
                ]
        except (TypeError, ValueError) as error:
            wanted = {"whole": "a whole number", "number": "a number"}.get(
                self.kind, f"{len(self.parts)} numbers: {', '.join(self.parts)}"
            )
            raise AimError(f"{self.label}: '{value}' is not {wanted}.", remedy=self.help) from error
        return value

    def arguments(self, value: Any) -> list[str]:
        """This option on the command line; nothing for its default."""
        value = self.parsed(value)
        flag = f"--{self.name.replace('_', '-')}"
        if value == self.default:
            return []
        if self.kind == "switch":
            return [flag if value else f"--no-{flag[2:]}"]
        if self.kind == "names":
            return [flag, *value]
        if self.kind == "size":
            return [
                text
                for part, number in zip(self.parts, value, strict=True)
                for text in (f"{flag}.{part}", str(number))
            ]
        return [flag, str(value)]


@cache
def options() -> tuple[Option, ...]:
    """Every option, in the order of TrainConfig."""
    helps, types = _docstrings(), typing.get_type_hints(TrainConfig)
    return tuple(_option(f, types[f.name], helps.get(f.name, "")) for f in fields(TrainConfig))


def arguments(values: dict[str, Any]) -> list[str]:
    """Arguments for `aimface train` from {option: value}; what is missing stays at its default. Raises
    AimError for a value that is none."""
    return [
        text
        for option in options()
        if option.name in values
        for text in option.arguments(values[option.name])
    ]


def _option(field: Field[Any], kind: Any, text: str) -> Option:
    default: Any = field.default_factory() if field.default_factory is not MISSING else field.default
    if typing.get_origin(kind) is typing.Literal:
        return Option(field.name, "choice", default, text, choices=typing.get_args(kind))
    if kind is NetworkSize:
        parts = tuple(f.name for f in fields(NetworkSize))
        return Option(field.name, "size", list(astuple(default)), text, parts=parts)
    if kind in _KINDS:
        return Option(field.name, _KINDS[kind], default, text)
    return Option(field.name, "names", list(default), text)


def _docstrings() -> dict[str, str]:
    """{field: the text below it}, from a folder or a zip; nothing where the source was left out."""
    try:
        source = inspect.getsource(TrainConfig)
    except OSError:
        return {}
    made = ast.parse(source).body[0]
    assert isinstance(made, ast.ClassDef)
    found = {}
    for field, text in zip(made.body, made.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                found[name] = inspect.cleandoc(words).replace("\n", " ")
    return found
