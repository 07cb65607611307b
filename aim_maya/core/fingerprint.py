"""Made from the same inputs? The fingerprint of whatever decides an output, and the note beside an output
that says what it was made from.

A file counts by its content (pass its Path): whoever copies it to a farm and back changes its time, not the
result. Where the content is too large to read at every start, and stays where it is (scans, Maya scenes,
exported caches), it counts by path, size and time of change: pass `file_state(path)`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

from .errors import AimError
from .files import check_regular, read_json, write_json

_PLAIN = (str, bool, int, float, complex, bytes, Fraction, Enum, type(None))
_ANY_SIZE = 2**62


def fingerprint(*parts: object) -> str:
    """SHA-256 (64 hex digits) over files (Path: by content), arrays, dataclasses, mappings, lists and plain
    values.

    Arrays count by dtype, shape and values, dataclasses by name and fields, mappings and sets in any order.
    Raises AimError for a file that cannot be read, TypeError for a part that has no lasting value.

    >>> fingerprint("a", 1) == fingerprint("a", 1) != fingerprint("a", 1.0)
    True
    """
    digest = hashlib.sha256()
    for part in parts:
        _add(digest, part)
    return digest.hexdigest()


def _add(digest: Any, part: object) -> None:
    """Every value with its kind and length before it, so that no two lists of parts read alike."""
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        _tag(digest, type(part).__name__)
        _add(digest, {field.name: getattr(part, field.name) for field in dataclasses.fields(part)})
    elif isinstance(part, Mapping):
        _tag(digest, f"mapping {len(part)}")
        for key in sorted(part, key=repr):
            _add(digest, key)
            _add(digest, part[key])
    elif isinstance(part, list | tuple):
        _tag(digest, f"list {len(part)}")
        for item in part:
            _add(digest, item)
    elif isinstance(part, set | frozenset):
        _add(digest, sorted(part, key=repr))
    elif isinstance(part, Path):
        _tag(digest, "file")
        digest.update(_content(part))
    elif hasattr(part, "dtype") and hasattr(part, "tobytes"):  # numpy's; this file needs no numpy itself
        array: Any = part
        if array.dtype.hasobject:
            raise TypeError("An array of objects has no fingerprint.")
        _tag(digest, f"array {array.dtype.str} {array.shape}")
        digest.update(array.tobytes())
    elif isinstance(part, _PLAIN):
        _tag(digest, f"{type(part).__name__} {part!r}")
    else:
        raise TypeError(f"{type(part).__name__} has no fingerprint.")


def _tag(digest: Any, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    digest.update(f"{len(data)}:".encode() + data)


def _content(path: Path) -> bytes:
    check_regular(path, _ANY_SIZE)  # a pipe would be waited for
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise AimError(
            f"Cannot read {path}: {error.strerror}.",
            "The drive is gone, or fails.",
            "Mount it again, or copy the file to another drive.",
        ) from error


def file_state(path: str | Path) -> dict[str, Any]:
    """Path, size in bytes and time of change in ns, of a folder also those of the files in it; None where
    there is nothing. For contents that are too large to read."""
    file = Path(path)
    try:
        state = file.stat()
        inside = [p for p in sorted(file.iterdir()) if p.is_file()] if file.is_dir() else []
    except OSError:
        return {"path": str(path), "bytes": None, "modified": None}
    known: dict[str, Any] = {"path": str(path), "bytes": state.st_size, "modified": state.st_mtime_ns}
    return known | ({"files": [file_state(p) for p in inside]} if inside else {})


# The note beside an output: {"inputs": fingerprint, "output": fingerprint} and whatever else its writer
# keeps.


def write_note(note: Path, inputs: str, output: object = None, **others: Any) -> None:
    """Say what an output is made from. output: once it is there, its Path, or file_state of a large one.
    Raises AimError when it cannot be written."""
    made = None if output is None else fingerprint(output)
    write_json(note, {"inputs": inputs, "output": made} | others)


def read_note(note: Path) -> dict[str, Any]:
    """What write_note wrote; {} where there is none, or it is cut off or another program's."""
    try:
        noted = read_json(note)
    except AimError:
        return {}
    return noted if isinstance(noted, dict) else {}


def is_complete(note: Path, inputs: str, output: object) -> bool:
    """Whether the output is there as it was written (Path: by content, or file_state), from these inputs."""
    noted = read_note(note)
    if noted.get("inputs") != inputs or noted.get("output") is None:
        return False
    try:
        return bool(noted["output"] == fingerprint(output))
    except AimError:  # it is gone
        return False
