"""A file a command: an `Options` dataclass whose field docstrings are the help, and `run(options) ->
figures`. Short commands share a file with their like: there they are `NameOptions`, whose docstring is the
command's help, and `run_name`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SHARED = {
    "sample": "built_in",
    "demo": "built_in",
    "check": "actors",
    "bones": "actors",
    "jaw": "actors",
    "bake": "writers",
    "rig": "writers",
    "train": "trainings",
    "accuracy": "trainings",
    "ablate": "trainings",
    "info": "models",
    "report": "models",
    "ui": "machine",
    "view": "machine",
    "doctor": "machine",
    "bench": "machine",
}
"""{command: its file}, where that has another name."""


@dataclass(frozen=True)
class Command:
    """options: the dataclass; run: from it to figures; exit_code: from figures that can be bad news."""

    about: str
    options: type
    run: Callable[[Any], dict[str, Any]]
    exit_code: Callable[[dict[str, Any]], int] | None


def command(name: str) -> Command:
    """Import a command. Raises ModuleNotFoundError for a package that it needs."""
    module: Any = importlib.import_module(f"trainer.commands.{SHARED.get(name, name)}")
    if name not in SHARED:
        return Command(module.__doc__, module.Options, module.run, None)
    options = getattr(module, f"{name.capitalize()}Options")
    judge = getattr(module, f"exit_code_{name}", None)
    return Command(options.__doc__, options, getattr(module, f"run_{name}"), judge)
