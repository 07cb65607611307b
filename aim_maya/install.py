"""Install numpy and onnxruntime for Maya's Python into a folder of their own; Maya's site-packages stay
untouched.

    mayapy -m aim_maya.install                       from the package index
    mayapy -m aim_maya.install --wheels FOLDER       from a folder of wheels, no network
    mayapy -m aim_maya.install --list                what to put into that folder

pip writes into a temporary folder beside the target, the result is tried in a fresh interpreter, and only
then is it renamed: the target is whole, or what it was before. Standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aim_maya.core.dependencies import install_folder, platform_name
from aim_maya.core.errors import AimError, Cancelled

NUMPY = "2.4.6"
# the last that is built for CUDA 12; the same number exists as onnxruntime for Apple silicon
ONNXRUNTIME = "1.26.0"
ONNXRUNTIME_INTEL_MAC = "1.23.2"  # the last with wheels for Intel Macs
CUDA = (
    "nvidia-cublas-cu12==12.9.2.10",
    "nvidia-cuda-nvrtc-cu12==12.9.86",
    "nvidia-cuda-runtime-cu12==12.9.79",
    "nvidia-cufft-cu12==11.4.1.4",
    "nvidia-curand-cu12==10.3.10.19",
    "nvidia-nvjitlink-cu12==12.9.86",
    "nvidia-cudnn-cu12==9.28.0.42",
)
# bytes free that pip needs: download, unpacked copy and the old folder
_ROOM = {False: 10**9, True: 6 * 10**9}
_REASONS = (
    (
        "No module named pip",
        "This Python has no pip.",
        "Run `mayapy -m ensurepip`, or give a folder of wheels to a Python that has pip.",
    ),
    ("No space left", "The disk is full.", "Free some space and try again."),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "A proxy replaces the certificates of the package index.",
        "Give pip your certificate (PIP_CERT), or install from wheels.",
    ),
    (
        "Could not find a version",
        "There is no such wheel for this Python and platform.",
        "Look at `--list`; the wheels must be for this Python's version.",
    ),
    (
        "No matching distribution",
        "There is no such wheel for this Python and platform.",
        "Look at `--list`; the wheels must be for this Python's version.",
    ),
    (
        "Temporary failure in name resolution",
        "There is no network.",
        "Install from a folder of wheels: --wheels FOLDER.",
    ),
    (
        "NewConnectionError",
        "The package index cannot be reached.",
        "Check the proxy (HTTPS_PROXY), or install from a folder of wheels: --wheels FOLDER.",
    ),
    ("getaddrinfo failed", "There is no network.", "Install from a folder of wheels: --wheels FOLDER."),
    ("Permission denied", "The folder cannot be written.", "Set AIM_MAYA_DEPS to a folder of yours."),
)
Report = Callable[[str], None]


def _silent(line: str) -> None:
    """Report nothing."""
    del line


@dataclass(frozen=True)
class Installation:
    """What is installed by which Python into which folder; `wheels` None means from the package index."""

    python: Path
    folder: Path
    packages: tuple[str, ...]
    wheels: Path | None = None
    cuda: bool = False

    @property
    def command(self) -> list[str]:
        """pip's arguments, without the target. --no-deps: what onnxruntime also lists (protobuf, flatbuffers,
        packaging) is not used to run a model."""
        source = ["--no-index", "--find-links", str(self.wheels)] if self.wheels else []
        quiet = [
            "--disable-pip-version-check",
            "--no-input",
            "--no-warn-script-location",
            "--progress-bar",
            "off",
        ]
        return [
            str(self.python),
            "-m",
            "pip",
            "install",
            "--no-deps",
            "--only-binary=:all:",
            *quiet,
            *source,
            *self.packages,
        ]


def requirements(system: str | None = None, cuda: bool = False) -> tuple[str, ...]:
    """The pinned packages for `system` (a name of `platform_name`); with `cuda` also CUDA 12 and cuDNN 9 from
    the package index."""
    system = system or platform_name()
    if system.startswith("mac"):
        return (
            f"numpy=={NUMPY}",
            f"onnxruntime=={ONNXRUNTIME_INTEL_MAC if system == 'mac-x86_64' else ONNXRUNTIME}",
        )
    return (f"numpy=={NUMPY}", f"onnxruntime-gpu=={ONNXRUNTIME}", *(CUDA if cuda else ()))


def find_python(executable: str | Path | None = None) -> Path:
    """The interpreter that runs pip: this one, or in Maya, whose executable is Maya itself, the mayapy beside
    it."""
    own = Path(executable or sys.executable)
    if not own.stem.lower().startswith("maya") or own.stem.lower().startswith("mayapy"):
        return own
    beside = own.with_name("mayapy" + own.suffix if own.suffix.lower() == ".exe" else "mayapy")
    # on a Mac, Maya is in Contents/MacOS and mayapy in Contents/bin
    inside = own.parent.parent / "bin" / beside.name
    for found in (beside, inside):
        if found.is_file():
            return found
    raise AimError(
        f"There is no mayapy beside {own}.",
        "This Maya was moved or cut down.",
        "Run the installation from a shell: bin/aim-mayapy install.",
    )


def make_plan(
    wheels: str | Path | None = None,
    folder: str | Path | None = None,
    cuda: bool = False,
    python: Path | None = None,
) -> Installation:
    """A checked plan. Raises AimError for a folder of wheels that is not there or holds none."""
    source = Path(wheels).expanduser() if wheels else None
    if source is not None and not (source.is_dir() and any(source.glob("*.whl"))):
        raise AimError(
            f"{source} holds no wheels.",
            "The path is misspelt, or the files are one folder further down.",
            "Put there what `--list` names.",
        )
    return Installation(
        python or find_python(),
        Path(folder) if folder else install_folder(),
        requirements(cuda=cuda),
        source,
        cuda,
    )


def install(
    plan: Installation, report: Report = _silent, cancelled: Callable[[], bool] = lambda: False
) -> Path:
    """Carry out the plan; returns the folder. `report` gets lines of progress, `cancelled` is asked five
    times a second.

    Raises AimError when pip fails or the result does not load, Cancelled when asked to stop; the folder is
    then what it was before.
    """
    parent = plan.folder.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{plan.folder.name}.", dir=parent))
    except OSError as error:
        cause = "The folder is read-only, or a file stands in its place."
        raise AimError(
            f"Cannot write {parent}: {error.strerror}.", cause, "Set AIM_MAYA_DEPS to a folder of yours."
        ) from error
    try:
        free = shutil.disk_usage(parent).free
        if free < _ROOM[plan.cuda]:
            raise AimError(
                f"{parent} has {free / 1e9:.1f} GB free; {_ROOM[plan.cuda] / 1e9:.0f} GB are needed.",
                remedy="Free some space, or set AIM_MAYA_DEPS.",
            )
        report(f"Installing {', '.join(plan.packages)} into {plan.folder}")
        code, lines = run_lines([*plan.command, "--target", str(temporary)], report, cancelled)
        if code:
            raise explained(code, lines)
        _try_out(plan.python, temporary, report, cancelled)
        _swap(temporary, plan.folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    report(f"Done: {plan.folder}")
    return plan.folder


def explained(code: int, lines: Sequence[str]) -> AimError:
    """pip's failure as a sentence with its last lines, the likely cause and the remedy."""
    said = [line for line in lines if line.strip()][-4:]
    text = "\n".join(lines)
    cause, remedy = next(
        ((c, r) for mark, c, r in _REASONS if mark in text),
        ("", "Read pip's lines above, or install from a folder of wheels: --wheels FOLDER."),
    )
    return AimError(
        f"pip stopped with exit code {code}: " + (" | ".join(said) or "it said nothing") + ".", cause, remedy
    )


def run_lines(
    command: list[str], report: Report, cancelled: Callable[[], bool], base: Mapping[str, str] | None = None
) -> tuple[int, list[str]]:
    """Run a command in the environment `base` (this process' when None): its exit code and output lines, each
    reported as it comes.

    Raises AimError when it cannot be started, Cancelled (after ending it) when asked to stop. A reader thread
    keeps `cancelled` in use while pip is silent over a long download.
    """
    # a user's pip.conf may say --user, which excludes --target
    settings = {"PIP_USER": "0", "PIP_ROOT_USER_ACTION": "ignore"}
    environment = {**(os.environ if base is None else base), **settings, "PYTHONIOENCODING": "utf-8"}
    try:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
    except OSError as error:
        raise AimError(
            f"{command[0]} cannot be started: {error.strerror}.",
            "It is not an executable file.",
            "Run bin/aim-mayapy install from a shell.",
        ) from error
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_pump, args=(process, lines), daemon=True)
    reader.start()
    output: list[str] = []
    try:
        while True:
            if cancelled():
                raise Cancelled("the installation was stopped; nothing was changed")
            with contextlib.suppress(queue.Empty):
                line = lines.get(timeout=0.2)
                if line is None:
                    return process.wait(), output
                output.append(line)
                report(line)
    finally:
        _end(process)
        reader.join(5)


def _pump(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError):
        for line in process.stdout:
            lines.put(line.rstrip())
    lines.put(None)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _try_out(python: Path, folder: Path, report: Report, cancelled: Callable[[], bool]) -> None:
    """Import what was installed in a fresh interpreter. numpy must load; onnxruntime may not, since cached
    evaluation works without it."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import {0}; print('{0}', {0}.__version__, 'loads')"
    status, lines = run_lines([str(python), "-c", code.format("numpy"), str(folder)], report, cancelled)
    if status:
        raise AimError(
            f"numpy was installed and does not load: {(lines or ['no message'])[-1]}.",
            "A wheel of another Python or platform.",
            "Look at `--list`.",
        )
    status, lines = run_lines(
        [str(python), "-c", code.format("onnxruntime"), str(folder)], _silent, cancelled
    )
    report(
        lines[-1]
        if lines and not status
        else (
            f"Warning: onnxruntime does not load ({(lines or ['no message'])[-1]}). Run the doctor; "
            "cached evaluation works without it."
        )
    )


def _swap(new: Path, final: Path) -> None:
    """Put `new` in the place of `final`; on any failure `final` is what it was."""
    old = Path(tempfile.mkdtemp(prefix=f".{final.name}.old.", dir=final.parent))
    moved = False
    try:
        if final.exists():
            os.replace(final, old / "was")
            moved = True
        new.chmod(0o755)  # mkdtemp makes it private; a studio shares it
        os.replace(new, final)
    except OSError as error:
        if moved and not final.exists():
            os.replace(old / "was", final)
        raise AimError(
            f"{final} cannot be replaced: {error.strerror}.",
            "A running Maya has its libraries loaded.",
            "Close every Maya and run bin/aim-mayapy install.",
        ) from error
    finally:
        shutil.rmtree(old, ignore_errors=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The command: exit code 0 done, 2 not possible, 130 stopped."""
    parser = argparse.ArgumentParser(
        prog="aim_maya.install",
        description="Install numpy and onnxruntime for Maya into a folder of their own.",
    )
    parser.add_argument("--wheels", help="a folder of wheels, instead of the package index")
    parser.add_argument(
        "--folder", help="where to; by default AIM_MAYA_DEPS, the module, or the user's Maya folder"
    )
    parser.add_argument(
        "--cuda", action="store_true", help="also CUDA 12 and cuDNN 9 (about 2 GB), when the machine has none"
    )
    parser.add_argument("--list", action="store_true", help="name the packages and stop")
    options = parser.parse_args(argv)
    if options.list:
        sys.stdout.write("\n".join(requirements(cuda=options.cuda)) + "\n")
        return 0
    try:
        install(make_plan(options.wheels, options.folder, options.cuda), _say)
    except AimError as error:
        sys.stderr.write(
            f"Error: {error.what}\n  Likely cause: {error.cause}\n  What to do:   {error.remedy}\n"
        )
        return 2
    except (Cancelled, KeyboardInterrupt):
        sys.stderr.write("Stopped; nothing was changed.\n")
        return 130
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
