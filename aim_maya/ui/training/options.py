"""What a training can be told, as data for the form, and the form's values as arguments of `aimface train`.

The window inside Maya has no trainer to ask, and may follow one on another Python; so what TrainConfig's
fields and their docstrings say travels with it as a file, which a test compares with the class.
"""

from __future__ import annotations

import ast
import inspect
import sys
import typing
from dataclasses import MISSING, Field, astuple, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from aim_maya.core.errors import AimError
from aim_maya.core.files import read_json, write_json
from aim_maya.core.training_options import NetworkSize, TrainConfig

# What a training can be told, as data for the form, and the form's values as arguments of `aimface train`.

FILE = Path(__file__).with_name("training_options.json")
FIRST = ("preset", "device", "jaw")  # always shown; the rest is folded


@dataclass(frozen=True)
class Option:
    """One field of the trainer's configuration. kind: choice, switch, whole, number, names (a list), size (of
    a network: `parts` numbers)."""

    name: str
    kind: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ").capitalize()

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
    """Every option, in the trainer's order."""
    entries: list[dict[str, Any]] = read_json(FILE)
    return tuple(
        Option(
            e["name"],
            e["kind"],
            e["default"],
            e["help"],
            tuple(e.get("choices", ())),
            tuple(e.get("parts", ())),
        )
        for e in entries
    )


def arguments(values: dict[str, Any]) -> list[str]:
    """Arguments for `aimface train` from {option: value}; what is missing stays at its default. Raises
    AimError for a value that is none."""
    return [
        text
        for option in options()
        if option.name in values
        for text in option.arguments(values[option.name])
    ]


# The training's options as data for a form: `python -m aim_maya.ui.training.options` writes
# aim_maya/ui/training/training_options.json.

_WRITTEN = FILE
_KINDS = {bool: "switch", int: "whole", float: "number"}


def described() -> list[dict[str, Any]]:
    """One entry a field, in order: name, kind (choice, switch, whole, number, names, size), default, help,
    and the choices."""
    helps, types = _docstrings(), typing.get_type_hints(TrainConfig)
    return [_entry(f, types[f.name], helps[f.name]) for f in fields(TrainConfig)]


def _entry(field: Field[Any], kind: Any, text: str) -> dict[str, Any]:
    default: Any = field.default_factory() if field.default_factory is not MISSING else field.default
    entry: dict[str, Any] = {
        "name": field.name,
        "kind": _KINDS.get(kind, "names"),
        "default": default,
        "help": text,
    }
    if typing.get_origin(kind) is typing.Literal:
        entry |= {"kind": "choice", "choices": list(typing.get_args(kind))}
    elif kind is NetworkSize:
        entry |= {
            "kind": "size",
            "default": list(astuple(default)),
            "parts": [f.name for f in fields(NetworkSize)],
        }
    elif entry["kind"] == "names":
        entry["default"] = list(default)
    return entry


def _docstrings() -> dict[str, str]:
    """{field: the string literal under it}."""
    tree = ast.parse(inspect.getsource(TrainConfig)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            found[field.target.id] = inspect.cleandoc(str(text.value.value)).replace("\n", " ")
    return found


if __name__ == "__main__":
    write_json(_WRITTEN, described())
    sys.stdout.write(f"wrote {_WRITTEN}\n")
