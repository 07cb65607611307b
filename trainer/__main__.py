"""The `aimface` command: finds the command's module, and nothing else is imported before it is known."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from aim_maya import __version__
from aim_maya.core.errors import AimError, Cancelled, nearest_name

COMMANDS = {
    "demo": "the whole line on the built-in sample actor, in minutes",
    "sample": "write the built-in sample actor as an actor folder",
    "train": "train an actor folder into an actor.aim",
    "info": "say what an actor.aim holds",
    "fit": "fit a model to scans or 2D landmarks: an .aimperf",
    "retarget": "carry a performance to another actor: an .aimperf of its model",
    "report": "a self-contained HTML page of pictures and figures",
    "bake": "weight curves to USD, Alembic, npz or an OBJ sequence",
    "curves": "look at weight curves, resample and convert them",
    "ui": "the training window, without Maya",
    "edit": "edit a face by its anatomy, and bake the edited actor",
    "view": "look at a model: sliders, anatomy, errors",
    "bench": "measure speed and memory of a model on this machine",
    "doctor": "examine this installation and say what to do",
    "farm": "work for a render farm as Open Job Description templates",
    "ablate": "train an actor with one thing changed at a time: what each is worth",
    "bones": "estimate skull and jaw from the skin alone",
    "compare": "the model beside the baselines on one take",
    "jaw": "judge the jaw estimated from the skin against true teeth",
    "accuracy": "train several actors and seeds and print the table of figures",
}
BAD_INPUT, CANCELLED = 2, 130
SHORT_WAITS = ("GOMP_SPINCOUNT", "2000")
"""Torch's threads (libgomp's) wait for each other spinning, 300,000 rounds by default: where another program takes a core, that is the time they would have worked in, and a training all but stands still."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0 done, 1 the doctor found a failure, 2 bad input, 130 stopped by the user."""
    os.environ.setdefault(*SHORT_WAITS)
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        sys.stdout.write(_overview())
        return 0 if given else BAD_INPUT
    if given[0] == "--version":
        sys.stdout.write(f"aimface {__version__}\n")
        return 0
    try:
        return _run(given[0], given[1:])
    except AimError as error:
        _complain(error)
        return BAD_INPUT
    except Cancelled as stopped:
        sys.stderr.write(f"Stopped: {stopped}. What is on disk is whole; --resume goes on from there.\n")
        return CANCELLED
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return CANCELLED


def _run(name: str, arguments: list[str]) -> int:
    if name not in COMMANDS:
        raise AimError(f"There is no command '{name}'.", nearest_name(name, COMMANDS), "aimface --help lists them.")
    try:
        return _imported(name, arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(("trainer", "aim_maya")):
            raise
        raise AimError(
            f"'aimface {name}' needs the package '{error.name}', which is not installed.", "Only part of the extras was installed.",
            'Install the project with the extra it needs: pip install -e ".[train]" -c constraints.txt',
        ) from error  # fmt: skip


def _imported(name: str, arguments: list[str]) -> int:
    module: Any = importlib.import_module(f"trainer.commands.{name}")
    import tyro

    options = tyro.cli(module.Options, args=arguments, prog=f"aimface {name}", description=module.__doc__)
    figures = module.run(options)
    target = getattr(options, "json", None)
    if target is not None:
        from aim_maya.core.files import write_json

        write_json(target, figures)
    judge = getattr(module, "exit_code", None)  # for a command whose figures can be bad news
    return judge(figures) if judge else 0


def _overview() -> str:
    lines = "\n".join(f"  {name:<9} {text}" for name, text in COMMANDS.items())
    return f"aimface {__version__}: facial rigs that know their anatomy\n\nusage: aimface COMMAND [options]\n\n{lines}\n\naimface COMMAND --help tells more.\n"


def _complain(error: AimError) -> None:
    sys.stderr.write(f"Error: {error.what}\n")
    if error.cause:
        sys.stderr.write(f"  Likely cause: {error.cause}\n")
    if error.remedy:
        sys.stderr.write(f"  What to do:   {error.remedy}\n")


if __name__ == "__main__":
    sys.exit(main())
