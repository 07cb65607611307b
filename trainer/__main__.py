"""The `aimface` command: finds the command's module, and nothing else is imported before it is known."""

from __future__ import annotations

import contextlib
import inspect
import io
import math
import os
import platform
import re
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from aim_maya import __version__
from aim_maya.core.errors import AimError, Cancelled, MachineError, first_line, nearest_name

COMMANDS = {
    "demo": "the whole line on the head that comes with the package, in minutes",
    "sample": "write a built-in head as an actor folder",
    "check": "look at an actor before training: what is found, what is not used, and why",
    "train": "train an actor folder into an actor.aim",
    "info": "say what an actor.aim holds",
    "fit": "fit a model to scans or 2D landmarks: an .aimperf",
    "retarget": "carry a performance to another actor: an .aimperf of its model",
    "report": "a self-contained HTML page of pictures and figures",
    "bake": "weight curves to USD, Alembic, npz or an OBJ sequence",
    "rig": "a native rig for USD, glTF, Blender and FBX: exact, with no plug-in",
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
DONE, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130
"""Exit codes, the same for every command; docs/reference/commands.md."""
SHORT_WAITS = ("GOMP_SPINCOUNT", "2000")
"""Torch's threads (libgomp's) wait for each other spinning, 300,000 rounds by default: where another program
takes a core, that is the time they would have worked in, and a training all but stands still.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0 done, 1 the machine or this program failed (or the doctor found a
    failure), 2 bad input, 130 stopped by the user.

    Where the command does not end with 0, the file of --json holds what was said: {"error": {what, cause,
    remedy}, "exit_code"}.
    """
    os.environ.setdefault(*SHORT_WAITS)
    _print_any_name()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        given, path = _without_log(given)
        if not path:
            return _main(given)
        with said_to(path, f"aimface {__version__}: aimface {shlex.join(given)}") as end:
            code = _main(given)
            end(f"exit code {code}")
            return code
    except AimError as error:  # of --log itself
        _complain(error)
        return _ended(given, BAD_INPUT, error)


def _main(given: list[str]) -> int:
    """One command, whatever becomes of it; returns the exit code."""
    if not given or given[0] in ("-h", "--help"):
        sys.stdout.write(_overview())
        return DONE if given else BAD_INPUT
    if given[0] == "--version":
        sys.stdout.write(f"aimface {__version__}\n")
        return DONE
    try:
        code = _run(given[0], given[1:])
    except AimError as error:
        _complain(error)
        return _ended(given, FAILED if isinstance(error, MachineError) else BAD_INPUT, error)
    except (Cancelled, KeyboardInterrupt, BrokenPipeError) as stopped:
        return _ended(given, STOPPED, _stopped(stopped))
    except (MemoryError, OSError) as error:
        failed = _machine_failed(error)
        _complain(failed)
        return _ended(given, FAILED, failed)
    except SystemExit as ended:  # tyro: help, or a command line that it does not understand
        if ended.code:
            remedy = f"aimface {given[0]} --help tells more."
            _ended(given, BAD_INPUT, AimError("The command line was not understood.", "", remedy))
        raise
    except Exception as error:  # a fault of this program: the traceback is for its makers
        what = f"{type(error).__name__}: {first_line(error)}"
        _ended(given, FAILED, AimError(what, "It is a fault of this program.", "Report it, please."))
        raise
    try:
        sys.stdout.flush()
    except OSError:  # nobody reads any more, or the log's disk is full: the work is done all the same
        _print_nowhere()
    return code


class _Copied:
    """A stream that is also copied to the log, without what moves a terminal's cursor. A disk that takes no
    more stops the log and not the work.
    """

    def __init__(self, stream: TextIO, log: TextIO) -> None:
        self._stream, self._log, self._line = stream, log, ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self.copy(text)
        return self._stream.write(text)

    def copy(self, text: str) -> None:
        """To the log alone."""
        *lines, rest = (self._line + re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)).split("\n")
        self._line = rest.rpartition("\r")[2]
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        shown = [line.rstrip().rpartition("\r")[2] for line in lines]
        with contextlib.suppress(OSError, ValueError):
            self._log.write("".join(f"{now} {line}\n" for line in shown if line))
            self._log.flush()


@contextlib.contextmanager
def said_to(path: str | Path, begun: str) -> Iterator[Callable[[str], None]]:
    """While it is open, what goes to standard output and standard error goes to the end of the file at
    `path`, too; `begun` is its first line. Gives end(text), which says how it ended: else it was a fault.

    Raises AimError when the file cannot be written.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        log = Path(path).open("a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115  closed below
    except (OSError, ValueError) as error:
        what = f"Cannot write the log {path}: {getattr(error, 'strerror', None) or error}."
        raise AimError(what, "It is a folder, or may not be written.", "Choose another file.") from error
    streams = sys.stdout, sys.stderr
    out, err = (_Copied(stream, log) for stream in streams)
    began, ends = time.monotonic(), ["stopped"]
    err.copy(f"{begun}\nPython {platform.python_version()}, {platform.platform()}\n")
    sys.stdout, sys.stderr = out, err  # type: ignore[assignment]
    try:
        yield lambda text: ends.append(text)
    except SystemExit as ended:  # help, or a command line that was not understood
        ends.append(f"exit code {ended.code or 0}")
        raise
    except Exception:
        err.copy(traceback.format_exc())
        ends.append("ended by a fault")
        raise
    finally:
        sys.stdout, sys.stderr = streams
        for copied in (out, err):
            copied.copy("\n")  # a line that was not ended
        err.copy(f"{ends[-1]} after {time.monotonic() - began:.1f} s\n")
        with contextlib.suppress(OSError):
            log.close()


def _without_log(arguments: Sequence[str]) -> tuple[list[str], str]:
    """The arguments without --log FILE, and the file: '' without one. Raises AimError where it names none,
    or one of the command's own.
    """
    kept, named, rest = list[str](), "", iter(arguments)
    for word in rest:
        if word == "--log" or word.startswith("--log="):
            named = word.removeprefix("--log=") if "=" in word else next(rest, "")
            if not named:
                raise AimError("--log has no file.", remedy="Give one: --log work.log.")
        else:
            kept.append(word)
    if named and named in (word.partition("=")[2] if word.startswith("--") else word for word in kept):
        what = f"--log names {named}, which the command reads or writes itself."
        raise AimError(what, "It would be lost.", "Choose another file.")
    return kept, named


def _print_any_name() -> None:
    """Names that a stream's code page does not have are written as escapes: a log file on Windows must not
    end work that is done.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _print_nowhere() -> None:
    """What Python still writes at its end would fail again, and become the exit code."""
    with contextlib.suppress(OSError, ValueError):  # ValueError: a stream that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stopped(error: BaseException) -> AimError:
    """What is said of work that was stopped."""
    if isinstance(error, BrokenPipeError):
        _print_nowhere()
        return AimError("The reader of the output went away.")
    if isinstance(error, Cancelled):
        sys.stderr.write(f"Stopped: {error}. What is on disk is whole; --resume goes on from there.\n")
        return AimError(f"Stopped: {error}.", "", "What is on disk is whole; --resume goes on from there.")
    sys.stderr.write("Stopped.\n")
    return AimError("Stopped.")


def _machine_failed(error: MemoryError | OSError) -> AimError:
    """What is said where memory, a disk or a drive gave way, and nothing on the way knew a better
    sentence.
    """
    if isinstance(error, MemoryError):
        cause = "The input is too large, or other programs hold it."
        return AimError("The memory of this machine does not suffice.", cause, "Take less at a time.")
    where = f": {error.filename}" if error.filename else ""
    cause = "A disk is full, or a drive is not mounted or not allowed."
    return AimError(f"{error.strerror or first_line(error)}{where}.", cause, "Try again.")


def _json_file(arguments: Sequence[str]) -> str:
    """The file that --json names, '' without one. Raises AimError when it is an input or output, too."""
    named, others = "", []
    rest = iter(arguments)
    for word in rest:
        if word == "--json":
            named = next(rest, "")
        elif word.startswith("--json="):
            named = word.removeprefix("--json=")
        else:
            others.append(word.partition("=")[2] if word.startswith("--") else word)
    if named and named in others:
        what = f"--json names {named}, which the command reads or writes itself."
        raise AimError(what, "It would be lost.", "Choose another file.")
    return named


def _ended(arguments: Sequence[str], code: int, error: AimError) -> int:
    """Write the error to the file that --json names, where it can be written; returns the code."""
    from aim_maya.core.files import write_json

    with contextlib.suppress(AimError):  # the error itself is told already
        if named := _json_file(arguments):
            said = {"what": error.what, "cause": error.cause, "remedy": error.remedy}
            write_json(named, {"error": said, "exit_code": code})
    return code


def _run(name: str, arguments: list[str]) -> int:
    if name not in COMMANDS:
        raise AimError(
            f"There is no command '{name}'.", nearest_name(name, COMMANDS), "aimface --help lists them."
        )
    _json_file(arguments)
    try:
        return _imported(name, arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(("trainer", "aim_maya")):
            raise
        raise AimError(
            f"'aimface {name}' needs the package '{error.name}', which is not installed.",
            "Only part of the extras was installed.",
            _extra_that_brings(name, error.name or ""),
        ) from error


def _extra_that_brings(name: str, package: str) -> str:
    """The remedy for a missing package."""
    from aim_maya.checks.parts import PARTS
    from aim_maya.core.dependencies import how_to_install

    package = package.partition(".")[0]
    part = next((part for part in PARTS if part.package == package), None)
    extra, brings = ("train", package) if part is None else (part.extra, part.pip)
    told = how_to_install("view" if name == "view" else extra, brings)
    return f"{told}. Without it: python -m aim_maya.doctor" if name == "doctor" else told


def _imported(name: str, arguments: list[str]) -> int:
    from trainer.commands import command

    found = command(name)
    import tyro

    options: Any = tyro.cli(
        found.options, args=arguments, prog=f"aimface {name}", description=inspect.cleandoc(found.about)
    )
    figures = found.run(options)
    target = getattr(options, "json", None)
    if target is not None:
        from aim_maya.core.files import write_json

        write_json(target, _finite(figures))
    return found.exit_code(figures) if found.exit_code else DONE


def _finite(figures: Any) -> Any:
    """The figures with null for what was not measured: JSON has no NaN."""
    if isinstance(figures, dict):
        return {name: _finite(value) for name, value in figures.items()}
    if isinstance(figures, list | tuple):
        return [_finite(value) for value in figures]
    return None if isinstance(figures, float) and not math.isfinite(figures) else figures


def _overview() -> str:
    lines = "\n".join(f"  {name:<9} {text}" for name, text in COMMANDS.items())
    return (
        f"aimface {__version__}: facial rigs that know their anatomy\n\nusage: aimface COMMAND "
        f"[options]\n\n{lines}\n\naimface COMMAND --help tells more. --log FILE, of every command, "
        "also writes what it says to the end of FILE.\nExit codes: 0 done, 1 the machine or this program "
        "failed, 2 the request cannot be met, 130 stopped.\n"
    )


def _complain(error: AimError) -> None:
    sys.stderr.write(f"Error: {error.what}\n")
    if error.cause:
        sys.stderr.write(f"  Likely cause: {error.cause}\n")
    if error.remedy:
        sys.stderr.write(f"  What to do:   {error.remedy}\n")


if __name__ == "__main__":
    sys.exit(main())
