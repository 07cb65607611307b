"""Arrays by the kind of their numbers, for annotations; and read from files that nobody vouches for: npy and
npz, bounded in memory before a byte is unpacked, and never a pickle."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .errors import AimError
from .files import check_regular, read_bytes

# Shapes, units and spaces stand in the docstrings.
Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
Flags = NDArray[np.bool_]

LARGEST = 2**32
_MOST_MEMBERS = 4096
_LONGEST_HEADER = 65536
_KINDS = "biufSU"
_WORDS = {"f": "decimal numbers", "iu": "whole numbers", "fiu": "numbers", "U": "texts", "b": "truth values"}
_AGAIN = "Write or copy the file again."
# What numpy and zipfile raise for files that are none: neither has one exception of its own.
_OF_NUMPY = (ValueError, TypeError, LookupError, OverflowError, MemoryError, SyntaxError, TokenError)
_OF_ZIPFILE = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error)
UNREADABLE = (*_OF_NUMPY, OSError, EOFError, RuntimeError, *_OF_ZIPFILE)


def pack_arrays(**arrays: Any) -> bytes:
    """Arrays as one uncompressed npz in memory."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def read_arrays(
    source: str | Path | bytes,
    where: str = "",
    *,
    limit: int = LARGEST,
    only: Collection[str] | None = None,
    packed: bool = True,
) -> dict[str, NDArray[Any]]:
    """{name: array} of an npz: numbers, truth values and texts; `only` those named, when given.

    source: a path, or the bytes of one. limit: bytes that all arrays together may take. packed: whether
    members may be compressed. Raises AimError, naming `where` (or the path), for anything else than such a
    file.
    """
    name = where or ("the npz" if isinstance(source, bytes) else str(source))
    stream: IO[bytes] | Path = (
        io.BytesIO(source) if isinstance(source, bytes) else check_regular(source, limit)
    )
    try:
        with zipfile.ZipFile(stream) as archive:
            members = _members(archive, name, limit, packed)
            arrays: dict[str, NDArray[Any]] = {}
            for key in members if only is None else [k for k in members if k in only]:
                with archive.open(members[key]) as member:
                    arrays[key] = _read_npy(member, members[key].file_size)
            return arrays
    except UNREADABLE as error:
        raise _unreadable(name, error) from error


def read_array(path: str | Path, limit: int = LARGEST) -> NDArray[Any]:
    """The array of an npy file. Raises AimError for anything else."""
    data = read_bytes(path, limit)
    try:
        return _read_npy(io.BytesIO(data), len(data))
    except UNREADABLE as error:
        raise _unreadable(str(path), error) from error


def checked_array(
    arrays: Mapping[str, Any],
    name: str,
    shape: tuple[int | None, ...],
    where: str,
    *,
    kinds: str = "f",
    finite: bool = True,
) -> NDArray[Any]:
    """The array of that name. shape: None stands for any length; kinds: numpy's letters, 'f' float, 'iu'
    whole numbers, 'U' text.

    Raises AimError, naming `where`, when it is missing, of another shape or kind, or holds NaN or infinity
    where it must not.
    """
    if name not in arrays:
        raise AimError(
            f"{where}: the array '{name}' is missing.", "It was altered, or is of another kind.", _AGAIN
        )
    array = np.asarray(arrays[name])
    fits = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in kinds:
        size = " x ".join("any" if n is None else str(n) for n in shape) or "one value"
        what = f"{where}: '{name}' is {array.dtype} {array.shape}, not {size} {_WORDS.get(kinds, 'values')}."
        raise AimError(what, "It was altered, or its arrays do not belong together.", _AGAIN)
    if finite and array.dtype.kind == "f" and not np.isfinite(array).all():
        at = np.argwhere(~np.isfinite(array))[0].tolist()
        what = f"{where}: '{name}' holds NaN or infinity, at {at} first."
        raise AimError(what, "It was altered, or badly computed.", _AGAIN)
    return array


def check_faces(
    counts: Any, corners: Any, vertices: int, where: str
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """counts (F,) and corners (C,) as int32, after checks. Raises AimError unless they are whole numbers that
    name vertices."""
    given = {"counts": counts, "corners": corners}
    n = checked_array(given, "counts", (None,), where, kinds="iu").astype(np.int64)
    at = checked_array(given, "corners", (None,), where, kinds="iu")
    low, high = (int(at.min()), int(at.max())) if len(at) else (0, -1)
    bad = ""
    if len(n) and (int(n.min()) < 3 or int(n.max()) > len(at)):
        bad = f"a face has {int(n.min())} to {int(n.max())} corners"
    elif int(n.sum()) != len(at):
        bad = f"its faces have {int(n.sum())} corners, and {len(at)} are given"
    elif low < 0 or high >= vertices:
        bad = f"a face names vertex {low if low < 0 else high}, and there are {vertices}"
    if bad:
        raise AimError(f"{where}: {bad}.", "It was altered, or its arrays do not belong together.", _AGAIN)
    return n.astype(np.int32), at.astype(np.int32)


def _members(archive: zipfile.ZipFile, name: str, limit: int, packed: bool) -> dict[str, zipfile.ZipInfo]:
    """{array: its entry}. Raises AimError for too many, too large, doubled, encrypted, or compressed where
    that is not allowed."""
    entries = archive.infolist()
    if len(entries) > _MOST_MEMBERS:
        raise AimError(f"{name} holds {len(entries)} arrays.", "It is not of this project.", _AGAIN)
    members: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        key = entry.filename.removesuffix(".npy")
        methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) if packed else (zipfile.ZIP_STORED,)
        if key in members or entry.flag_bits & 1 or entry.compress_type not in methods:
            what = f"{name}: '{key[:60]}' is doubled, encrypted or compressed."
            raise AimError(what, "It is not of this project.", _AGAIN)
        members[key] = entry
    total = sum(entry.file_size for entry in entries)
    if total > limit:
        size = f"{total / 2**20:.0f} MiB, and at most {limit / 2**20:.0f} MiB are read"
        raise AimError(
            f"{name}: its arrays would take {size}.", "It was altered, or holds more than is needed.", _AGAIN
        )
    return members


def _read_npy(stream: IO[bytes], size: int) -> NDArray[Any]:
    """One npy from a stream of `size` bytes. The header is checked against the size before anything is set
    aside for it."""
    version = np.lib.format.read_magic(stream)  # type: ignore[arg-type]
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"npy version {version}")
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = reader(stream, max_header_size=_LONGEST_HEADER)  # type: ignore[arg-type]
    if dtype.kind not in _KINDS or dtype.fields is not None:
        raise ValueError(
            f"an array of {dtype}" if dtype.kind != "O" else "pickled objects, which are never read"
        )
    count = math.prod(shape)
    if len(shape) > 8 or any(n < 0 for n in shape) or count * dtype.itemsize > size:
        raise ValueError(f"its header asks for {shape} of {dtype}, more than the file holds")
    data = stream.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise EOFError("it is cut off")
    array: NDArray[Any] = np.frombuffer(bytearray(data), dtype, count)
    if dtype.byteorder == ">":
        array = array.astype(dtype.newbyteorder("<"))
    return array.reshape(shape, order="F" if fortran else "C")


def _unreadable(name: str, error: BaseException) -> AimError:
    why = " ".join(str(error).split())[:160] or type(error).__name__
    return AimError(f"{name} cannot be read ({why}).", "It is cut off, altered, or something else.", _AGAIN)
