"""Files that are whole or absent: write under a temporary name, then rename."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import AimError


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` on success, remove it on any error.

    Raises AimError when the folder cannot be written, or `path` is a folder itself.
    """
    final = Path(path)
    if final.is_dir():
        raise AimError(f"Cannot write {final}: a folder has that name.", remedy="Choose another output.")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=final.suffix, dir=final.parent)
        os.close(handle)
    except OSError as error:
        raise AimError(f"Cannot write {final}: {error.strerror}.", "The folder is read-only, or a file stands in its place.", "Choose another output.") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, final)
    except OSError as error:
        raise AimError(f"Writing {final} failed: {error.strerror}.", "The disk may be full.", "Nothing was left behind; try again.") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_apart(out: str | Path, *inputs: str | Path) -> None:
    """Raises AimError when `out` is one of the files that it is made of."""
    for file in inputs:
        if Path(out).resolve() == Path(file).resolve():
            raise AimError(f"The output {out} is an input, too.", "It would be lost.", "Choose another output.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically, indented, in the given key order; NaN is refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Parse a JSON file. Raises AimError with the line of a syntax error."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise AimError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise AimError(f"{path} is not valid JSON: {error}.", remedy="Mend that line, or remove the file if it is optional.") from error
