"""A pinhole camera with radial distortion: what it sees of points, how that changes with them, and the JSON
files it comes in.

OpenCV's convention: x to the right, y down, z forward into the scene; pixels from the upper left corner.

    x_c = R x + t,   (a, b) = (x_c / z_c, y_c / z_c),   s = 1 + k1 r^2 + k2 r^4,  r^2 = a^2 + b^2
    pixel = (fx s a + cx, fy s b + cy)

Equations: R. Hartley, A. Zisserman, Multiple View Geometry in Computer Vision (2003), 6.1 and 7.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import read_json
from aim_maya.core.json_fields import is_number

# A pinhole camera with radial distortion, what it sees of points, and how that changes with them.

# a camera that looks along its -z with y up (Maya, USD, OpenGL) to one of OpenCV, and back
TURNED = np.diag([1.0, -1.0, -1.0, 1.0])
# of the focal plane: keeps a point beside the camera from dividing by zero; it is told apart by its depth
_NEAREST = 1e-6


@dataclass(frozen=True, eq=False)
class View:
    """What a camera sees of P points: pixels (P, 2), jacobian (P, 2, 3) pixels a model unit in world space,
    depth (P,) model unit, below 0 behind it."""

    pixels: Floats
    jacobian: Floats
    depth: Floats


@dataclass(frozen=True, eq=False)
class Camera:
    """width, height, fx, fy, cx, cy in pixels; k1, k2; extrinsics (1, 4, 4), or (F, 4, 4) for a camera that
    moves, world to camera, model unit."""

    name: str
    width: float
    height: float
    fx: float
    fy: float
    cx: float
    cy: float
    k1: float = 0.0
    k2: float = 0.0
    extrinsics: Floats = field(default_factory=lambda: TURNED[None].copy())
    focal_known: bool = True

    def at(self, frame: int) -> Floats:
        """(4, 4) world to camera at a frame.

        Raises AimError for a frame beyond those of a camera that moves.
        """
        if len(self.extrinsics) == 1:
            return self.extrinsics[0]
        if not 0 <= frame < len(self.extrinsics):
            raise AimError(
                f"Camera '{self.name}' has {len(self.extrinsics)} frames, and frame {frame} (from 0) "
                "was asked for.",
                "The landmarks go on for longer.",
            )
        return self.extrinsics[frame]

    def position(self, frame: int = 0) -> Floats:
        """(3,) where it stands in the world, model unit."""
        matrix = self.at(frame)
        where: Floats = -matrix[:3, :3].T @ matrix[:3, 3]
        return where

    def with_focal(self, scale: float) -> Camera:
        """The camera with fx and fy times `scale`."""
        return replace(self, fx=self.fx * scale, fy=self.fy * scale)

    def project(self, points: Floats, frame: int = 0) -> View:
        """See points (P, 3), world, model unit."""
        matrix = self.at(frame)
        turned = points @ matrix[:3, :3].T + matrix[:3, 3]
        z = np.where(np.abs(turned[:, 2]) < _NEAREST, _NEAREST, turned[:, 2])
        flat = turned[:, :2] / z[:, None]
        r2 = (flat**2).sum(axis=1)
        radial = 1.0 + r2 * (self.k1 + self.k2 * r2)
        slope = 2.0 * self.k1 + 4.0 * self.k2 * r2
        bent = radial[:, None, None] * np.eye(2) + slope[:, None, None] * flat[:, :, None] * flat[:, None, :]
        through = np.zeros((len(points), 2, 3))
        through[:, 0, 0] = through[:, 1, 1] = 1.0 / z
        through[:, :, 2] = -flat / z[:, None]
        focal = np.array([self.fx, self.fy])
        pixels = focal * radial[:, None] * flat + [self.cx, self.cy]
        return View(pixels, focal[:, None] * (bent @ through @ matrix[:3, :3]), turned[:, 2])

    @property
    def folds(self) -> bool:
        """Whether the distortion turns back inside the image: then these are no coefficients of this camera's
        lens."""
        corner = (
            max(abs(self.cx), abs(self.width - self.cx)) / self.fx,
            max(abs(self.cy), abs(self.height - self.cy)) / self.fy,
        )
        r2 = np.linspace(0.0, corner[0] ** 2 + corner[1] ** 2, 65)
        return bool((1.0 + 3.0 * self.k1 * r2 + 5.0 * self.k2 * r2**2 <= 0).any())


def looking_at(
    name: str,
    position: Sequence[float],
    target: Sequence[float],
    *,
    focal: float,
    width: float = 1920,
    height: float = 1080,
) -> Camera:
    """A camera at `position` that looks at `target` (3,), world, model unit, with the world's y up in its
    picture."""
    forward = np.asarray(target, np.float64) - np.asarray(position, np.float64)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    matrix[:3, 3] = -matrix[:3, :3] @ np.asarray(position, np.float64)
    return Camera(name, width, height, focal, focal, width / 2, height / 2, extrinsics=matrix[None])


# Camera files: JSON with one or several pinhole cameras, in one of two axis conventions and any unit.
# docs/reference/files.md shows examples.

UNITS_MM = {"mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1000.0, "inch": 25.4}
_FILE = ("cameras", "unit", "axes")
_CAMERA = (
    "name",
    "width",
    "height",
    "K",
    "fx",
    "fy",
    "cx",
    "cy",
    "focal",
    "distortion",
    "k1",
    "k2",
    "R",
    "t",
    "world_to_camera",
    "camera_to_world",
    "unit",
    "axes",
)
_GUESSED_FOCAL = 1.2  # of the longer side: 45 degrees, between a phone and a portrait lens
_LARGEST_IMAGE, _LARGEST = 1e6, 1e12
_FIND = "docs/reference/files.md shows a whole file."


def read_cameras(path: str | Path, mm_per_unit: float) -> tuple[Camera, ...]:
    """Every camera of a file, extrinsics in the model's unit.

    Raises AimError naming the camera and the entry: unknown keys, sizes and focal lengths that are none,
    matrices that are not rigid, a distortion that folds the picture.
    """
    data = read_json(path)
    if not isinstance(data, dict):
        raise AimError(f"{path} holds no camera.", remedy=_FIND)
    listed = data.get("cameras", [data])
    if not isinstance(listed, list) or not listed or not all(isinstance(entry, dict) for entry in listed):
        raise AimError(f"{path}: 'cameras' is not a list of cameras.", remedy=_FIND)
    if "cameras" in data:
        _known(data, _FILE, str(path))
    shared = {key: data[key] for key in ("unit", "axes") if key in data}
    cameras = tuple(_camera(shared | entry, i, str(path), mm_per_unit) for i, entry in enumerate(listed))
    names = [camera.name for camera in cameras]
    if len(set(names)) < len(names):
        raise AimError(f"{path}: two cameras share a name ({', '.join(names)}).", remedy="Give each its own.")
    return cameras


def _camera(entry: dict[str, Any], index: int, path: str, mm_per_unit: float) -> Camera:
    name = str(entry.get("name", f"camera{index + 1}"))
    where = f"{path}, camera '{name}'"
    _known(entry, _CAMERA, where)
    width, height = (
        _number(entry, key, where, least=1.0, most=_LARGEST_IMAGE) for key in ("width", "height")
    )
    fx, fy, cx, cy, known = _intrinsics(entry, where, width, height)
    k1, k2 = _distortion(entry, where)
    camera = Camera(
        name, width, height, fx, fy, cx, cy, k1, k2, _extrinsics(entry, where, mm_per_unit), known
    )
    if camera.folds:
        raise AimError(
            f"{where}: the distortion {k1:g}, {k2:g} folds the picture over itself before its corner.",
            "These are coefficients of another lens model, or of another camera.",
            "Give k1 and k2 of a radial polynomial, in normalised image coordinates (OpenCV's first two).",
        )
    return camera


def _intrinsics(
    entry: dict[str, Any], where: str, width: float, height: float
) -> tuple[float, float, float, float, bool]:
    if "K" in entry:
        k = _array(entry["K"], (3, 3), f"{where}: K")
        if abs(k[0, 1]) > 1e-6 * abs(k[0, 0]) or np.abs(k[2] - [0, 0, 1]).max() > 1e-9:
            raise AimError(
                f"{where}: K is not fx 0 cx, 0 fy cy, 0 0 1.",
                "It is transposed, or has a skew.",
                "Give K by rows.",
            )
        fx, fy, cx, cy = float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2])
        if fx <= 0 or fy <= 0:
            raise AimError(
                f"{where}: the focal lengths {fx:g}, {fy:g} are not positive.",
                "K was written for other axes.",
                'Give it for OpenCV\'s axes and set "axes".',
            )
        return fx, fy, cx, cy, True
    centre = [_number(entry, key, where, default) for key, default in (("cx", width / 2), ("cy", height / 2))]
    focal = entry.get("focal")
    if focal == "unknown" or (focal is None and "fx" not in entry):
        guess = _GUESSED_FOCAL * max(width, height)
        return guess, guess, centre[0], centre[1], False
    fx = _number(entry, "fx" if "fx" in entry else "focal", where, least=1.0)
    return fx, _number(entry, "fy", where, fx, least=1.0), centre[0], centre[1], True


def _distortion(entry: dict[str, Any], where: str) -> tuple[float, float]:
    listed = entry.get("distortion")
    if listed is None:
        return _number(entry, "k1", where, 0.0), _number(entry, "k2", where, 0.0)
    values = _array(listed, None, f"{where}: distortion").ravel()
    if np.abs(values[2:]).max(initial=0.0) > 0:
        raise AimError(
            f"{where}: the distortion has {len(values)} coefficients that are not 0, and only k1 and "
            "k2 are known here.",
            "It is a calibration with tangential terms.",
            "Calibrate with k1 and k2 alone, or undistort the landmarks and leave it out.",
        )
    two = np.r_[values, 0.0, 0.0]
    return float(two[0]), float(two[1])


def _extrinsics(entry: dict[str, Any], where: str, mm_per_unit: float) -> Floats:
    """(1 or F, 4, 4) world to camera in OpenCV's axes and the model's unit; without any, a camera whose world
    is its own, y up, looking along -z."""
    unit, axes = entry.get("unit", "mm"), entry.get("axes", "opencv")
    if axes not in ("opencv", "opengl", "maya", "usd"):
        raise AimError(
            f"{where}: axes '{axes}' are not known.",
            nearest_name(str(axes), ("opencv", "opengl", "maya", "usd")),
            "opencv, or opengl (maya, usd).",
        )
    if not isinstance(unit, str) or (unit != "model" and unit not in UNITS_MM):
        raise AimError(
            f"{where}: the unit '{unit}' is not known.",
            nearest_name(str(unit), (*UNITS_MM, "model")),
            f"One of {', '.join(UNITS_MM)}, model.",
        )
    given = [key for key in ("R", "world_to_camera", "camera_to_world") if key in entry]
    if len(given) > 1 or (given == ["R"]) != ("t" in entry):
        raise AimError(
            f"{where}: where it stands is said by {', '.join(given) or 't alone'}.",
            remedy="Give R and t, or one matrix.",
        )
    if not given:
        return TURNED[None].copy()
    matrices = _matrices(entry, given[0], where)
    if given == ["camera_to_world"]:
        matrices = np.linalg.inv(matrices)
    if axes != "opencv":
        matrices = TURNED @ matrices
    matrices[:, :3, 3] *= 1.0 if unit == "model" else UNITS_MM[unit] / mm_per_unit
    return matrices


def _matrices(entry: dict[str, Any], key: str, where: str) -> Floats:
    """(1 or F, 4, 4) as they are written."""
    if key == "R":
        matrices: Floats = np.eye(4)[None].copy()
        matrices[0, :3, :3], matrices[0, :3, 3] = (
            _array(entry["R"], (3, 3), f"{where}: R"),
            _array(entry["t"], (3,), f"{where}: t"),
        )
    else:
        matrices = _array(entry[key], None, f"{where}: {key}")
        if matrices.shape[-2:] != (4, 4) or matrices.ndim not in (2, 3) or not matrices.size:
            raise AimError(
                f"{where}: {key} has shape {matrices.shape}.",
                remedy="Give one 4x4, or a list of them, one a frame; translation in the last column.",
            )
        matrices = matrices.reshape(-1, 4, 4).copy()
    for i, matrix in enumerate(matrices):
        _check_rigid(
            matrix, f"{where}: " + ("the matrix" if len(matrices) == 1 else f"the matrix of frame {i}")
        )
    return matrices


def _check_rigid(matrix: Floats, where: str) -> None:
    if rigid.is_rigid(matrix):
        return
    likely = "It is scaled, or mirrored."
    if np.abs(matrix[3, :3]).max() > 1e-6 and np.abs(matrix[:3, 3]).max() < 1e-6:
        likely = "It is transposed: the translation lies in the last row, as Maya and USD write it."
    raise AimError(
        f"{where} is not a rigid motion.",
        likely,
        "Give it for column vectors, p' = M p, the translation in the last column, without scale.",
    )


def _known(entry: dict[str, Any], keys: Sequence[str], where: str) -> None:
    for key in entry:
        if key not in keys:
            raise AimError(
                f"{where}: '{key}' is not known.", nearest_name(key, keys), f"Known: {', '.join(keys)}."
            )


def _number(
    entry: dict[str, Any],
    key: str,
    where: str,
    default: float | None = None,
    least: float = -_LARGEST,
    most: float = _LARGEST,
) -> float:
    value: Any = entry.get(key, default)
    if not is_number(value) or not least <= value <= most:
        cause = "" if key in entry else "It is missing."
        raise AimError(
            f"{where}: '{key}' is {str(value)[:40]}, not a number from {least:g} to {most:g}.", cause, _FIND
        )
    return float(value)


def _array(value: Any, shape: tuple[int, ...] | None, where: str) -> Floats:
    try:
        array = np.array(value)
    except ValueError as error:
        raise AimError(
            f"{where} is not made of numbers, or its rows differ in length.", remedy=_FIND
        ) from error
    if (
        array.dtype.kind not in "iuf"
        or (shape is not None and array.shape != shape)
        or np.abs(array.astype(np.float64)).max(initial=0) > _LARGEST
    ):
        raise AimError(
            f"{where} has shape {array.shape}{'' if shape is None else f', not {shape}'}, or holds "
            "what is no such number.",
            remedy=_FIND,
        )
    return array.astype(np.float64)
