"""A USD layer whose time samples go to disk as they come: the crate format keeps saved samples in the file and out of memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from aim_maya.core.errors import AimError

_FLUSH_BYTES = 8 * 2**20


def usd(doing: str = "USD") -> ModuleType:
    """The pxr package. Raises AimError when usd-core is not installed."""
    try:
        import pxr
    except ImportError as error:
        raise AimError(f"{doing} needs the package usd-core, which is not installed.", remedy='pip install -e ".[usd]" -c constraints.txt') from error
    return pxr


@contextlib.contextmanager
def usd_errors(what: str) -> Iterator[None]:
    """USD's own exceptions as one sentence."""
    from pxr import Tf

    try:
        yield
    except Tf.ErrorException as error:
        raise AimError(f"{what}: {_said(error)}.", "The disk may be full.", "Nothing was left behind; try again.") from error


def open_stage(path: Path) -> Any:
    """The stage of a USD file. Raises AimError for one that cannot be opened."""
    from pxr import Tf, Usd

    try:
        return Usd.Stage.Open(str(path))
    except Tf.ErrorException as error:
        raise AimError(f"{path} cannot be opened as USD ({_said(error)}).", "It is damaged or something else.") from error


def _said(error: Exception) -> str:
    """What USD says of an error, without where in its source it was raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].split(" : ")[-1].strip("'")[:200] if lines else "USD failed"


class CrateStream:
    """Time samples into a layer at most 8 MiB ahead of the disk; `finish` writes the rest."""

    def __init__(self, layer: Any, path: Path) -> None:
        self.layer, self._path, self._waiting = layer, path, 0

    def set(self, path: str, code: float, value: Any, size: int = 256) -> None:
        """One sample of the attribute at `path`; size: its bytes, about. Raises AimError when the disk is full."""
        self.layer.SetTimeSample(path, code, value)
        self._waiting += size
        if self._waiting > _FLUSH_BYTES:
            self.finish()

    def finish(self) -> None:
        """Write what waits. Raises AimError when the disk is full."""
        with usd_errors(f"Writing {self._path} failed"):
            if not self.layer.Save():
                raise AimError(f"Writing {self._path} failed.", "The disk may be full.", "Nothing was left behind; try again.")
        self._waiting = 0


def sampled_attributes(layer: Any) -> list[str]:
    """Paths of all attributes with time samples."""
    from pxr import Sdf

    found: list[str] = []
    layer.Traverse(Sdf.Path.absoluteRootPath, lambda path: found.append(str(path)) if layer.GetNumTimeSamplesForPath(path) else None)
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
