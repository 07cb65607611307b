"""A fitted performance as arrays, and the .aimperf file that holds it: what a fit gives and a model plays.

    p(v) = rest(v) + sum_i c_i(v) e'_i(v) + o(v),   c_i(v) = sum_m basis[v, m] coefficients[f, i, m]
    o(v) = sum_m basis[v, m] offsets[f, m] + sum_r amounts[f, r] fields[r, v]
    x(v) = head LBS(p(v), jaw, k(v))

e'_i are the model's displacements before skinning. A fit with one weight a target and frame is the same with
a basis of one column of ones. The fields are what a retarget carries over of a capture beside the targets:
finer than a basis, and few for a whole take. A neural fit has a network in place of basis and coefficients:
(code of the frame, template point) -> c(v).

performance.npz holds the arrays of PerformanceData under its own names; coefficients.onnx the network of a
neural fit; the manifest fps, the numbers of frames and `about`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntFlag
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats

from . import rigid
from .arrays import pack_arrays
from .container import AIMPERF, read_container, unpack_arrays, write_container
from .errors import AimError

# A fitted performance as arrays: what a fit gives, a `.aimperf` file holds, and a model plays.


class Flag(IntFlag):
    """What is to be known of one frame."""

    EMPTY = 1  # nothing was seen: interpolated from its neighbours, or held
    PARTLY = 2  # points were missing
    LARGE_RESIDUAL = 4  # far from what this model usually reaches: another actor, or a damaged scan


@dataclass(frozen=True, eq=False)
class PerformanceData:
    """F frames of T targets on V vertices, model unit, object space, column vectors.

    head, jaw (F, 4, 4) float64 rigid. coefficients (F, T, M), offsets (F, M, 3) or None, basis (V, M),
    float32; with a network these are (F, T, 0) and (V, 0), network the ONNX bytes ("code" (1, Z), "template"
    (V, 3) -> "coefficients" (V, T)) and codes (F, Z) float32. fields (R, V, 3) displacements before skinning
    with amounts (F, R), float32, or None. residual_mm (F,) mean distance to what was seen, NaN where nothing
    was. flags (F,) of Flag. about: names, topology, figures (plain JSON values).
    """

    fps: float
    head: Floats
    jaw: Floats
    coefficients: Floats
    basis: Floats
    offsets: Floats | None = None
    network: bytes | None = None
    codes: Floats | None = None
    fields: Floats | None = None
    amounts: Floats | None = None
    residual_mm: Floats = field(default_factory=lambda: np.zeros(0))
    flags: NDArray[np.integer] = field(default_factory=lambda: np.zeros(0, np.uint8))
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def frame_count(self) -> int:
        """F."""
        return len(self.head)

    @property
    def is_global(self) -> bool:
        """Whether one weight a target and frame says it all: such a performance is also plain weight
        curves.
        """
        return (
            self.network is None
            and self.basis.shape[1] == 1
            and self.offsets is None
            and self.fields is None
            and bool(np.ptp(self.basis) == 0)
        )


# The .aimperf file: a fitted performance in one container, every array checked on the way in and out.

_CHOICES = {"mode": ("global", "local"), "solver": ("linear", "neural"), "jaw": ("free", "tied")}
_ARRAYS = ("head", "jaw", "coefficients", "basis", "residual_mm", "flags")
_OPTIONAL = ("offsets", "codes", "fields", "amounts")
_RIGID = 1e-4
_LARGEST = 1e7  # of any number in it: beyond, sums leave what float32 holds
_FASTEST = 1e6  # frames a second
_AGAIN = "Fit it again, or copy the file again."
_BEFORE = {"fast": "linear"}  # what 0.1 called a solver


def write_performance(path: str | Path, data: PerformanceData) -> None:
    """Write a performance, whole or not at all; the same data gives the same bytes.

    residual_mm and flags that are left out are written as NaN and 0. Raises AimError naming what does not fit
    together.
    """
    data = checked(data, str(path))
    arrays = {name: getattr(data, name) for name in _ARRAYS} | {
        name: a for name in _OPTIONAL if (a := getattr(data, name)) is not None
    }
    members = {"performance.npz": pack_arrays(**arrays)} | (
        {} if data.network is None else {"coefficients.onnx": data.network}
    )
    write_container(
        AIMPERF, path, {"fps": data.fps, "frames": data.frame_count, "about": dict(data.about)}, members
    )


def read_performance(path: str | Path) -> PerformanceData:
    """Read and verify a performance. Raises AimError in one sentence for anything that is not whole."""
    manifest, members = read_container(AIMPERF, path)
    arrays = unpack_arrays(members.get("performance.npz", b""), f"{path}: performance.npz")
    missing = [name for name in _ARRAYS if name not in arrays]
    if (
        missing
        or not isinstance(manifest.get("fps"), int | float)
        or not isinstance(manifest.get("about"), dict)
    ):
        raise AimError(
            f"{path}: '{(missing or ['fps or about'])[0]}' is missing.", "The file was altered.", _AGAIN
        )
    data = PerformanceData(
        fps=float(manifest["fps"]),
        **{name: arrays[name] for name in _ARRAYS},
        offsets=arrays.get("offsets"),
        codes=arrays.get("codes"),
        fields=arrays.get("fields"),
        amounts=arrays.get("amounts"),
        network=members.get("coefficients.onnx"),
        about=_today(manifest["about"]),
    )
    return checked(data, str(path))


def _today(about: dict[str, Any]) -> dict[str, Any]:
    """What a file says of itself, in today's words."""
    solver = about.get("solver")
    return about | ({"solver": _BEFORE[solver]} if isinstance(solver, str) and solver in _BEFORE else {})


def checked(data: PerformanceData, where: str) -> PerformanceData:
    """The data with its arrays in the types that files have, read-only. Raises AimError naming `where` and
    what is wrong."""
    f = _size(data.head, 0)
    if f < 1 or not math.isfinite(data.fps) or not 0 < data.fps <= _FASTEST:
        raise AimError(
            f"{where} has {f} frames at {data.fps} frames a second.",
            "Nothing was fitted.",
            "Fit at least one frame, and give its rate.",
        )
    _check_about(data.about, where)
    t, v = len(data.about["targets"]), data.about["vertices"]
    made: dict[str, Any] = {
        "head": _rigid(data.head, "head", f, where),
        "jaw": _rigid(data.jaw, "jaw", f, where),
    }
    m = data.basis.shape[-1] if data.basis.ndim == 2 else -1
    shapes = {"coefficients": (f, t, m), "basis": (v, m)} | (
        {} if data.offsets is None else {"offsets": (f, m, 3)}
    )
    if (data.network is None) != (m > 0) or (data.codes is None) != (data.network is None):
        raise AimError(
            f"{where}: its coefficients are neither a basis with numbers nor a network with codes.",
            "It was put together wrongly.",
            _AGAIN,
        )
    if data.codes is not None:
        shapes["codes"] = (f, _size(data.codes, -1))
    if data.fields is not None and data.amounts is not None:
        r = _size(data.fields, 0)
        shapes |= {"fields": (r, v, 3), "amounts": (f, r)}
    elif data.fields is not data.amounts:
        raise AimError(
            f"{where}: of its fields and their amounts one is missing.",
            "It was put together wrongly.",
            _AGAIN,
        )
    for name, shape in shapes.items():
        made[name] = _finite(getattr(data, name), name, shape, where)
    made["residual_mm"] = _a_frame(data.residual_mm, "residual_mm", np.full(f, np.nan), where).astype(
        np.float64
    )
    made["flags"] = _a_frame(data.flags, "flags", np.zeros(f), where).astype(np.uint8)
    for array in made.values():
        array.flags.writeable = False
    return replace(data, **made)


def _size(array: Any, axis: int) -> int:
    """The length of an array along an axis; 0 for a single number, which has none."""
    shape = np.shape(array)
    return int(shape[axis]) if shape else 0


def _finite(array: Any, name: str, shape: tuple[int, ...], where: str) -> Floats:
    """(shape) float32, contiguous. Raises AimError for another shape or type, NaN and infinity."""
    given = np.asarray(array)
    if given.shape != shape or given.dtype.kind != "f":
        raise AimError(
            f"{where}: '{name}' is {given.dtype} {given.shape}, not float32 {shape}.",
            "The arrays do not belong together.",
            _AGAIN,
        )
    if not np.isfinite(given).all():
        frame = (
            f" at frame {int(np.argwhere(~np.isfinite(given))[0, 0])}"
            if name not in ("basis", "fields")
            else ""
        )
        raise AimError(
            f"{where}: '{name}' holds NaN or infinity{frame}.", "The fit did not converge there.", _AGAIN
        )
    if given.size and np.abs(given).max() > _LARGEST:
        raise AimError(
            f"{where}: '{name}' goes up to {np.abs(given).max():.3g}.",
            "The fit did not converge there.",
            _AGAIN,
        )
    return np.array(given, np.float32, order="C")


def _rigid(array: Any, name: str, frames: int, where: str) -> Floats:
    """(F, 4, 4) float64. Raises AimError naming the first frame whose matrix is not rigid."""
    given = np.asarray(array)
    if given.shape != (frames, 4, 4) or given.dtype.kind != "f":
        raise AimError(
            f"{where}: '{name}' is {given.dtype} {given.shape}, not float64 ({frames}, 4, 4).",
            "The arrays do not belong together.",
            _AGAIN,
        )
    m = np.array(given, np.float64, order="C")
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(m).all(axis=(1, 2)))
    r = np.where(finite[:, None, None], m, 0)[:, :3, :3]
    straight = np.abs(r @ r.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2)) < _RIGID
    affine = np.abs(np.nan_to_num(m[:, 3]) - [0, 0, 0, 1]).max(axis=1) < _RIGID
    near = np.abs(np.nan_to_num(m[:, :3, 3])).max(axis=1) < _LARGEST
    bad = np.flatnonzero(~(finite & straight & affine & near & (rigid.determinant(r) > 0)))
    if len(bad):
        raise AimError(
            f"{where}: the {name} of frame {bad[0]} is no rigid motion.",
            "It is scaled, mirrored, transposed, or not a number.",
            _AGAIN,
        )
    return m


def _a_frame(array: Any, name: str, absent: NDArray[Any], where: str) -> NDArray[Any]:
    """One number a frame, `absent` where there are none. Raises AimError for another shape or a negative
    number."""
    given = np.asarray(array)
    if given.shape == (0,):
        return absent
    if (
        given.shape != absent.shape
        or given.dtype.kind not in "fui"
        or (given < 0).any()
        or np.isinf(given).any()
    ):
        raise AimError(
            f"{where}: '{name}' is {given.dtype} {given.shape}, not one number from zero on for each "
            f"of {len(absent)} frames.",
            "The file was altered.",
            _AGAIN,
        )
    return given.copy()


def _check_about(about: Mapping[str, Any], where: str) -> None:
    def wrong(name: str, what: str) -> AimError:
        return AimError(
            f"{where}: '{name}' of its manifest is {str(about.get(name))[:60]!r}, not {what}.",
            "The file was altered, or written by hand.",
            _AGAIN,
        )

    targets = about.get("targets")
    if (
        not isinstance(targets, list | tuple)
        or not all(isinstance(t, str) for t in targets)
        or len(set(targets)) != len(targets)
    ):
        raise wrong("targets", "a list of distinct names")
    if (
        not isinstance(about.get("vertices"), int)
        or isinstance(about["vertices"], bool)
        or about["vertices"] < 1
    ):
        raise wrong("vertices", "a number of vertices")
    for name in ("model", "topology_hash"):
        if not isinstance(about.get(name), str):
            raise wrong(name, "a text")
    unit = about.get("mm_per_unit")
    if isinstance(unit, bool) or not isinstance(unit, int | float) or not math.isfinite(unit) or unit <= 0:
        raise wrong("mm_per_unit", "a number above zero")
    for name, known in _CHOICES.items():
        if about.get(name) not in known:
            raise wrong(name, f"one of {', '.join(known)}")
    if not isinstance(about.get("figures"), Mapping):
        raise wrong("figures", "a table of figures")
