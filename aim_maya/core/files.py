"""Files: read only where they are plain files of a sensible size, and written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import AimError, MachineError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LARGEST_TEXT = 2**30
LARGEST_JSON = 2**28
DEEPEST_JSON = 64
_LARGEST_NUMBER = 1e300
_LEFT_FOR_S = 3600.0  # a temporary file that nobody has written to for this long was left by a killed process
_JUST_MADE_S = 2.0  # one this young may be made and not locked yet
_LFS = b"version https://git-lfs.github.com/spec/"


def check_regular(path: str | Path, limit: int = LARGEST_TEXT) -> Path:
    """The path, of a plain file of at most `limit` bytes that holds its own data.

    Raises AimError for a file that is missing, a folder, pipe or device, too large, or a Git LFS pointer.
    """
    file = Path(path)
    try:
        state = file.stat()
        if stat.S_ISREG(state.st_mode):
            with file.open("rb") as stream:
                head = stream.read(len(_LFS))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or str(error)
        raise AimError(
            f"Cannot read {file}: {why}.",
            "The path is misspelt, or not mounted or allowed.",
            "Give the path of a file that is there and that you may read.",
        ) from error
    if not stat.S_ISREG(state.st_mode):
        kind = "a folder" if stat.S_ISDIR(state.st_mode) else "a pipe or device"
        raise AimError(f"Cannot read {file}: it is {kind}, and a file is needed.", remedy="Give a file.")
    if state.st_size > limit:
        size = f"{state.st_size / 2**20:.0f} MiB long, and at most {limit / 2**20:.0f} MiB are read"
        raise AimError(
            f"Cannot read {file}: it is {size}.",
            "It is another file than its name says.",
            "Give the right file.",
        )
    if head == _LFS:
        raise AimError(
            f"{file} is a Git LFS pointer, not the file itself.",
            "The repository was cloned without its large files.",
            "Run `git lfs pull` in that repository.",
        )
    return file


def read_bytes(path: str | Path, limit: int = LARGEST_TEXT) -> bytes:
    """The bytes of a plain file. Raises AimError as check_regular does."""
    file = check_regular(path, limit)
    try:
        with file.open("rb") as stream:
            # by its size: asking for the limit would take the limit's memory before anything is read
            data = stream.read(min(limit, os.fstat(stream.fileno()).st_size) + 1)
    except (OSError, MemoryError) as error:
        raise AimError(
            f"Cannot read {file}: {getattr(error, 'strerror', None) or 'out of memory'}.",
            "Its drive fails or is gone, or other programs hold the memory.",
            "Copy it to another drive, or close programs, and try again.",
        ) from error
    if len(data) > limit:
        raise AimError(
            f"Cannot read {file}: it grew past {limit} bytes while it was read.",
            "Another program writes to it.",
            "Wait until that program is done.",
        )
    return data


def read_text(path: str | Path, limit: int = LARGEST_TEXT, errors: str = "strict") -> str:
    """UTF-8 text of a plain file, without its byte order mark. Raises AimError also for UTF-16 and other
    encodings.

    errors: 'strict', or 'replace' for formats that may hold names in other encodings and numbers in ASCII.
    """
    data = read_bytes(path, limit)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:64]:
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff") or 0 in data[1:64:2] or 0 in data[:64:2]
        cause = "It is UTF-16, as PowerShell's `>` writes." if utf16 else "It is a binary file."
        raise AimError(f"{path} is not UTF-8 text.", cause, "Save it as UTF-8.")
    try:
        return data.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise AimError(
            f"{path}, line {line}: it is not UTF-8 text.",
            "It was saved in another encoding, or it is a binary file.",
            "Save it as UTF-8.",
        ) from error


def natural(name: str) -> tuple[Any, ...]:
    """A key that sorts f_2 before f_10, and else by character."""
    parts = (part for part in re.split(r"(\d+)", name) if part)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts), name


def visible_files(folder: str | Path, *endings: str) -> list[Path]:
    """The plain files of a folder with one of these endings in any case, in natural order of their names.

    Hidden ones are left out: what a killed write left, and macOS's `._name` on network drives. Empty when
    there is no folder.
    """
    try:
        found = [
            p
            for p in Path(folder).iterdir()
            if not p.name.startswith(".") and p.suffix.lower() in endings and not p.is_dir()
        ]
    except OSError:
        return []
    return sorted(found, key=lambda p: natural(p.name))


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` on success, remove it on any error.

    What earlier writes of this file left when they were killed is removed first. Raises AimError when the
    folder cannot be written, or `path` is a folder itself.
    """
    final = Path(path)
    handle, temporary = _beside(final)
    try:
        if fcntl is None:
            os.close(handle)  # Windows renames no file that is open
        else:
            # goes with the process: what is not locked was left by a dead one
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, final)
    except OSError as error:
        raise MachineError(
            f"Writing {final} failed: {error.strerror}.",
            "The disk may be full.",
            "Nothing was left behind; try again.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
        if fcntl is not None:
            os.close(handle)


def check_output(path: str | Path) -> None:
    """Raises AimError as atomic_path would, before long work for a file that cannot be written then."""
    if Path(path).parent.is_dir():  # one that is to be made may still turn out not to be needed
        handle, temporary = _beside(Path(path))
        os.close(handle)
        temporary.unlink(missing_ok=True)


def _beside(final: Path) -> tuple[int, Path]:
    """A new file beside the one that is to be written: its descriptor and path."""
    if final.is_dir():
        raise AimError(f"Cannot write {final}: a folder has that name.", remedy="Choose another output.")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(final)
        handle, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=final.suffix, dir=final.parent)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise AimError(
            f"Cannot write {final}: {why}.",
            "The folder is read-only, or a file stands in its place.",
            "Choose another output.",
        ) from error
    return handle, Path(name)


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files of writes of `path` that were killed: those that no process holds.

    Where the system cannot tell (Windows, some network drives), those that nobody has touched for an hour.
    """
    left = re.compile(re.escape(f".{path.name}.") + r"[a-z0-9_]{8}" + re.escape(path.suffix))
    with contextlib.suppress(OSError):
        for other in path.parent.iterdir():
            if left.fullmatch(other.name) and time.time() - other.stat().st_mtime > (
                _JUST_MADE_S if _is_free(other) else _LEFT_FOR_S
            ):
                other.unlink(missing_ok=True)


def _is_free(file: Path) -> bool:
    """Whether no process that is alive writes this temporary file."""
    if fcntl is None:
        return False
    try:
        with file.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def check_writable(path: str | Path) -> None:
    """Before long work, not after it: raises AimError, as atomic_path does, unless a file can be written at
    `path`. Makes its folder."""
    with contextlib.suppress(_Tried), atomic_path(path):
        raise _Tried


class _Tried(Exception):
    """The temporary file could be made."""


def check_apart(out: str | Path, *inputs: str | Path) -> None:
    """Raises AimError when `out` is one of the files that it is made of."""
    for file in inputs:
        if Path(out).resolve() == Path(file).resolve():
            raise AimError(
                f"The output {out} is an input, too.", "It would be lost.", "Choose another output."
            )


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


def read_json(path: str | Path, limit: int = LARGEST_JSON, *, nan_as_null: bool = False) -> Any:
    """Parse a JSON file. Raises AimError as read_text and parse_json do."""
    return parse_json(read_text(path, limit), str(path), nan_as_null=nan_as_null)


def parse_json(text: str | bytes, where: str, *, nan_as_null: bool = False) -> Any:
    """The value of JSON text; every number in it is finite and fits a float. nan_as_null: NaN and infinity
    are read as null.

    Raises AimError, naming `where`, with the line of a syntax error, and for nesting over 64 levels, NaN,
    infinity and numbers that no float holds.
    """
    mend = "Mend that line, or remove the file if it is optional."
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(text, parse_constant=_null if nan_as_null else _refuse_constant)
        _check_values(value, 0)
    except RecursionError as error:
        raise AimError(
            f"{where} is not sensible JSON: it is nested too deep.", "It is damaged, or not of this kind."
        ) from error
    except (
        ValueError,
        MemoryError,
    ) as error:  # UnicodeDecodeError, JSONDecodeError and int's limit on digits are ValueErrors
        raise AimError(f"{where} is not valid JSON: {error}.", remedy=mend) from error
    return value


def _null(_name: str) -> None:
    return None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"it holds {name}, and every number must be finite")


def _check_values(value: Any, depth: int) -> None:
    if depth > DEEPEST_JSON:
        raise RecursionError
    if isinstance(value, dict):
        for entry in value.values():
            _check_values(entry, depth + 1)
    elif isinstance(value, list):
        for entry in value:
            _check_values(entry, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it holds a number that no float holds")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST_NUMBER:
        raise ValueError("it holds a number of over 300 digits")


_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def decoded(path: Path, data: bytes, what: str, remedy: str) -> tuple[str, list[str]]:
    """The text of a file that other programs write, and a note where its encoding was a guess; `what` it is
    in words. Raises AimError with that remedy for what is no text."""
    no_text = f"Cannot read {what} {path}: it is no text file."
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "") or _wide(data) or "utf-8"
    notes: list[str] = []
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        try:
            if encoding != "utf-8":
                raise error
            text = data.decode("cp1252")  # what spreadsheets of western Windows write
        except UnicodeDecodeError:
            raise AimError(no_text, "It is damaged, or of another kind.", remedy) from error
        notes.append("The file is not UTF-8: its names were read as cp1252 (Western European).")
    if data and text.rstrip("\0") != text:
        lost = len(text) - len(text.rstrip("\0"))
        cause = "It was not written to its end: the disk was full, or the power failed."
        raise AimError(f"{path} ends in {lost} zero bytes.", cause, "Export it again.")
    if any(text.find(chr(c)) >= 0 for c in range(32) if c not in (9, 10, 11, 12, 13)):
        raise AimError(no_text, "It is binary.", remedy)
    return text, notes


def _wide(data: bytes) -> str:
    """UTF-16 without its mark: every other byte of the beginning is zero."""
    head = data[:64]
    if len(head) > 3 and not any(head[1::2]) and all(head[0::2]):
        return "utf-16-le"
    return "utf-16-be" if len(head) > 3 and not any(head[0::2]) and all(head[1::2]) else ""
