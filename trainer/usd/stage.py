"""A USD layer whose time samples go to disk as they come, binary or as text: one sample in memory at a time.

The crate format keeps saved samples in the file and out of memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.dependencies import how_to_install
from aim_maya.core.errors import AimError, MachineError
from aim_maya.core.files import check_regular

# USD files: opened with their faults told in one sentence, and written with time samples that go to disk as
# they come.

_FLUSH_BYTES = 8 * 2**20
_LARGEST = 2**40
_PATIENCE_S = 120.0
# bytes: for anything, for each of USD's threads, for each byte of text
_ALLOWED, _A_THREAD, _A_BYTE = (2**30, 80 * 2**20, 64)


def usd(doing: str = "USD") -> ModuleType:
    """The pxr package. Raises AimError when usd-core is not installed."""
    try:
        import pxr
    except ImportError as error:
        raise AimError(
            f"{doing} needs the package usd-core, which is not installed.",
            remedy=how_to_install("usd", "usd-core"),
        ) from error
    return pxr


def usd_failures() -> tuple[type[Exception], ...]:
    """What USD raises: its own exception, and Python's where the text of that quotes bytes that are no UTF-8,
    or memory is short."""
    from pxr import Tf

    return Tf.ErrorException, UnicodeDecodeError, MemoryError


@contextlib.contextmanager
def usd_errors(what: str) -> Iterator[None]:
    """USD's own exceptions while writing as one sentence."""
    try:
        yield
    except usd_failures() as error:
        raise MachineError(
            f"{what}: {_said(error)}.", "The disk may be full.", "Nothing was left behind; try again."
        ) from error


@contextlib.contextmanager
def usd_reading(path: Path) -> Iterator[None]:
    """USD's own exceptions while reading as one sentence."""
    try:
        yield
    except usd_failures() as error:
        raise AimError(
            f"{path} cannot be opened as USD ({_said(error)}).",
            "It is damaged or something else.",
            "Write or copy it again.",
        ) from error


@contextlib.contextmanager
def bounded_memory(size: int = 0) -> Iterator[None]:
    """USD takes what a damaged file asks for, up to hours of paging: here at most 1 GiB, and what a file of
    `size` bytes can need.

    It holds on Linux, for the whole process; USD then says that memory is short, and its readers end as for
    any other damage.
    """
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = held + _ALLOWED + _A_THREAD * (os.cpu_count() or 1) + _A_BYTE * size
    resource.setrlimit(
        resource.RLIMIT_AS, (min(limit, *(bound for bound in (soft, hard) if bound >= 0), sys.maxsize), hard)
    )
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


_TRIAL = """
import sys
from pxr import Usd
for prim in Usd.Stage.Open(sys.argv[1]).Traverse(Usd.TraverseInstanceProxies()):
    for entry in prim.GetProperties():
        entry.Get() if isinstance(entry, Usd.Attribute) else entry.GetTargets()
"""


def _tried(path: Path) -> int:
    """The size of a file that USD can be trusted with: binary ones are first read in a process of their own,
    as damage can end it.

    Raises AimError for a file that is no plain one, and where that process is ended or does not end. What it
    raises is left to the reading that follows.
    """
    size = check_regular(path, _LARGEST).stat().st_size
    with path.open("rb") as stream:
        binary = stream.read(8).startswith((b"PXR-USDC", b"PK"))
    if binary:
        what = f"{path} cannot be opened as USD"
        try:
            with bounded_memory(size):
                done = subprocess.run(
                    [sys.executable, "-c", _TRIAL, str(path)],
                    capture_output=True,
                    timeout=_PATIENCE_S,
                    check=False,
                )
        except subprocess.TimeoutExpired as error:
            raise AimError(
                f"{what}: its reader does not come to an end.", "It is damaged.", "Export it again."
            ) from error
        if done.returncode not in (0, 1):
            raise AimError(
                f"{what}: its reader was ended ({done.returncode}).", "It is damaged.", "Export it again."
            )
    return size


def open_stage(path: Path) -> Any:
    """The stage of a USD file, payloads loaded.

    Raises AimError for one that cannot be opened, and for pipes, devices and Git LFS pointers in its place or
    that of a file that it refers to.
    """
    from pxr import Sdf, Usd

    size = _tried(path)
    with usd_reading(path), bounded_memory(size):
        layers = [Sdf.Layer.FindOrOpen(str(path))]
    seen = {path.resolve()}
    with usd_reading(path):
        for layer in layers:  # which grows
            for asset in layer.GetCompositionAssetDependencies():
                file = Path(layer.ComputeAbsolutePath(asset))
                if file.exists() and file.resolve() not in seen:  # USD itself warns of what is missing
                    seen.add(file.resolve())
                    more = _tried(file)
                    size += more
                    with (
                        contextlib.suppress(*usd_failures()),
                        bounded_memory(more),
                    ):  # what cannot be opened is not composed
                        layers += filter(None, [Sdf.Layer.FindOrOpen(str(file))])
        with bounded_memory(size):
            return Usd.Stage.Open(layers[0])


def broken_references(stage: Any) -> str:
    """A sentence for the first file that the stage refers to and does not find; empty when all are there."""
    errors = stage.GetCompositionErrors()
    return f"What it refers to was not all found ({_said(errors[0])})." if errors else ""


def valid_names(names: Iterable[str]) -> list[str]:
    """A prim name for every name, in order: valid in every version of USD, and no two alike, whatever the
    case.

    A name that is valid keeps itself; others get `_` in place of what is not allowed, and a number where that
    is taken.
    """
    from pxr import Tf

    given = list(names)
    taken = {name.lower() for name in given if Tf.IsValidIdentifier(name)}
    made = []
    for name in given:
        plain = valid = Tf.MakeValidIdentifier(name)
        number = 2
        while valid != name and valid.lower() in taken:
            valid, number = f"{plain}_{number}", number + 1
        taken.add(valid.lower())
        made.append(valid)
    return made


def _said(error: Exception) -> str:
    """What USD says of an error, without where in its source it was raised."""
    try:
        raw = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
    except UnicodeDecodeError as bytes_in_it:  # pxr makes the text when it is asked for
        raw = bytes_in_it.object.decode(errors="replace")
    lines = [line.strip() for line in raw.splitlines() if line.strip()]
    said = (
        re.sub(r"( matching)? pxrInternal_.*", "", lines[0].split(" : ", 1)[-1].strip("'")) if lines else ""
    )
    return said[:200] or "USD failed"


class CrateStream:
    """Time samples into a layer at most 8 MiB ahead of the disk; `finish` writes the rest."""

    def __init__(self, layer: Any, path: Path) -> None:
        self.layer, self._path, self._waiting = layer, path, 0

    def set(self, path: str, code: float, value: Any, size: int = 256) -> None:
        """One sample of the attribute at `path`; size: its bytes, about. Raises AimError when the disk is
        full."""
        self.layer.SetTimeSample(path, code, value)
        self._waiting += size
        if self._waiting > _FLUSH_BYTES:
            self.finish()

    def finish(self) -> None:
        """Write what waits. Raises AimError when the disk is full."""
        with usd_errors(f"Writing {self._path} failed"):
            if not self.layer.Save():
                raise MachineError(
                    f"Writing {self._path} failed.",
                    "The disk may be full.",
                    "Nothing was left behind; try again.",
                )
        self._waiting = 0


def sampled_attributes(layer: Any) -> list[str]:
    """Paths of all attributes with time samples."""
    from pxr import Sdf

    found: list[str] = []
    layer.Traverse(
        Sdf.Path.absoluteRootPath,
        lambda path: found.append(str(path)) if layer.GetNumTimeSamplesForPath(path) else None,
    )
    return sorted(found)


def copy_without_samples(source: Any, target: Any) -> None:
    """Everything of a layer but its time samples, into an empty layer."""
    from pxr import Sdf

    root = source.pseudoRoot
    for key in root.ListInfoKeys():
        target.pseudoRoot.SetInfo(key, root.GetInfo(key))

    def wanted(_kind: Any, field: str, *_rest: Any) -> bool:
        return field != "timeSamples"

    for prim in source.rootPrims:
        Sdf.CopySpec(source, prim.path, target, prim.path, wanted, lambda *_: True)


# A binary USD layer as text, one sample in memory at a time: USD's own writer would hold them all.

_PLACE = 900_000_000  # a time code that no shot has: placeholder number n stands at _PLACE + n


def write_as_text(binary: Path, out: Path, named: Path) -> None:
    """Write the layer `binary` as usda to `out` (`named` in messages). Raises AimError for a layer that
    cannot be read."""
    from pxr import Sdf

    with usd_errors(f"Writing {named} failed"):
        source, still = Sdf.Layer.OpenAsAnonymous(str(binary)), Sdf.Layer.CreateAnonymous(".usda")
        copy_without_samples(source, still)
        order = sampled_attributes(source)
        for number, path in enumerate(order):
            kind = type(source.QueryTimeSample(path, source.ListTimeSamplesForPath(path)[0]))
            still.SetTimeSample(path, float(_PLACE + number), kind())
        pieces = re.split(r"^ *(9000\d{5}): .*\n", still.ExportToString(), flags=re.MULTILINE)
        with out.open("w", encoding="utf-8") as stream:
            for piece in pieces:
                if re.fullmatch(r"9000\d{5}", piece):
                    stream.writelines(_lines(source, order[int(piece) - _PLACE]))
                else:
                    stream.write(piece)


def _lines(layer: Any, path: str) -> Iterator[str]:
    for code in layer.ListTimeSamplesForPath(path):
        yield f"            {code!r}: {_text(layer.QueryTimeSample(path, code))},\n"


def _text(value: Any) -> str:
    array = np.array(value)
    if array.ndim == 2 and array.shape[1] == 3:  # nine digits give a float32 back exactly
        return "[" + ", ".join(f"({x:.9g}, {y:.9g}, {z:.9g})" for x, y, z in array.tolist()) + "]"
    if array.ndim == 1:
        return "[" + ", ".join(f"{x:.9g}" for x in array.tolist()) + "]"
    return "( " + ", ".join("(" + ", ".join(repr(x) for x in row) + ")" for row in array.tolist()) + " )"


def vec3f(points: Floats) -> Any:
    """(N, 3) as USD's own array, copied once: in one piece where that can be done, as FromNumpy converts
    number by number."""
    from pxr import Vt

    points = np.ascontiguousarray(points, np.float32)
    if not _shows_its_memory():
        return Vt.Vec3fArray.FromNumpy(points)
    made = Vt.Vec3fArray(len(points))  # nobody else has it yet, so that it may be filled from outside
    ctypes.memmove(_address(made), points.ctypes.data, points.nbytes)
    return made


@cache
def _shows_its_memory() -> bool:
    """Whether numpy sees a USD array's own memory, as it does up to usd-core 26.11; a copy of it would be
    filled in vain."""
    from pxr import Vt

    tried = Vt.Vec3fArray(1)
    ctypes.memmove(_address(tried), np.ones(3, np.float32).ctypes.data, 12)
    return tuple(tried[0]) == (1, 1, 1)


def _address(array: Any) -> int:
    return int(np.asarray(array).ctypes.data)
