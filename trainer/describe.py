"""The training's options as data for a form: `python -m trainer.describe` writes aim_maya/ui/training_options.json.

The window inside Maya has no trainer to ask, and may follow one on another Python; so what TrainConfig's fields and their docstrings
say travels with it as a file, which a test compares with the class.
"""

from __future__ import annotations

import ast
import inspect
import sys
import typing
from dataclasses import MISSING, Field, astuple, fields
from pathlib import Path
from typing import Any

from aim_maya.core.files import write_json

from .config import NetworkSize, TrainConfig

FILE = Path(__file__).resolve().parents[1] / "aim_maya" / "ui" / "training_options.json"
_KINDS = {bool: "switch", int: "whole", float: "number"}


def described() -> list[dict[str, Any]]:
    """One entry a field, in order: name, kind (choice, switch, whole, number, names, size), default, help, and the choices."""
    helps, types = _docstrings(), typing.get_type_hints(TrainConfig)
    return [_entry(f, types[f.name], helps[f.name]) for f in fields(TrainConfig)]


def _entry(field: Field[Any], kind: Any, text: str) -> dict[str, Any]:
    default: Any = field.default_factory() if field.default_factory is not MISSING else field.default
    entry: dict[str, Any] = {"name": field.name, "kind": _KINDS.get(kind, "names"), "default": default, "help": text}
    if typing.get_origin(kind) is typing.Literal:
        entry |= {"kind": "choice", "choices": list(typing.get_args(kind))}
    elif kind is NetworkSize:
        entry |= {"kind": "size", "default": list(astuple(default)), "parts": [f.name for f in fields(NetworkSize)]}
    elif entry["kind"] == "names":
        entry["default"] = list(default)
    return entry


def _docstrings() -> dict[str, str]:
    """{field: the string literal under it}."""
    tree = ast.parse(inspect.getsource(TrainConfig)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[field.target.id] = inspect.cleandoc(str(text.value.value)).replace("\n", " ")
    return found


if __name__ == "__main__":
    write_json(FILE, described())
    sys.stdout.write(f"wrote {FILE}\n")
