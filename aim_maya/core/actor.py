"""An actor: a neutral, its shapes, the controls that drive them, and whatever is known of bones, teeth, jaw
and size.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats

from . import rigid
from .controls import Control, Rig
from .errors import AimError, nearest_name
from .json_fields import Fields
from .mesh import Mesh, triangle_areas

# Is this the size of a head? The check that catches metres read as millimetres before anything is trained on
# them.

SMALLEST_MM, LARGEST_MM = 90.0, 800.0  # a face mask without its neck; head, neck and shoulders
_FLAT = 0.17  # of a head's size: a body is flatter, a mask without ears is not
_SLIM = 0.35  # depth over height: standing bodies are below, heads above
_UNITS = {"millimetres": 1.0, "centimetres": 10.0, "inches": 25.4, "decimetres": 100.0, "metres": 1000.0}


def check_head_size(points: NDArray[np.floating], mm_per_unit: float, what: str) -> str:
    """A warning where points (V, 3) have a head's size and are as flat as a body, else "".

    Raises AimError when their largest extent, taken to mm, is no head's; says which unit it looks like.
    """
    extent = float(np.ptp(points, axis=0).max())
    size = extent * mm_per_unit
    slim = float(np.ptp(points, axis=0).min()) / max(extent, 1e-30)
    if SMALLEST_MM <= size <= LARGEST_MM:
        unit = next((name for name, scale in _UNITS.items() if 1000 <= extent * scale <= 2500), "")
        if slim >= _FLAT or not unit or mm_per_unit != 1.0:  # a unit that was given is believed
            return ""
        return (
            f"{what} is {extent:.4g} units across and {slim * extent:.3g} deep, flat for a head. If it is a "
            f"whole body in {unit}, give the head alone, with its unit."
        )
    if 1000 <= size <= 2500 and slim < _SLIM:
        raise AimError(
            f"{what} is {extent:.4g} units across, which at {mm_per_unit:g} mm a unit is "
            f"{size / 1000:.3g} m: a whole body, and no head.",
            "The mesh holds the body as well as the head.",
            "Give the head alone: neutral and shapes cut at the neck, with the same vertices in all of them.",
        )
    fitting = [
        f"{name} (mm_per_unit {scale:g})" for name, scale in _UNITS.items() if 150 <= extent * scale <= 500
    ]
    raise AimError(
        f"{what} is {extent:.4g} units across, which at {mm_per_unit:g} mm a unit is {size:.4g} mm; a "
        f"head is {SMALLEST_MM:g} to {LARGEST_MM:g} mm.",
        f"It looks like {' or '.join(fitting)}."
        if fitting
        else "The mesh may be scaled, or hold more than a head.",
        'Give "mm_per_unit" in actor.json or --mm-per-unit; --any-size skips this check.',
    )


# An actor: a neutral, its shapes, the controls that drive them, and whatever is known of bones, teeth and
# jaw.

# a shape of the neutral's form this many times larger or smaller; inches to centimetres are 2.54 times
_OTHER_UNIT = 1.7
_UNIT_RATIOS = [r for one in (2.54, 10.0, 25.4, 100.0, 1000.0) for r in (one, 1 / one)]
_WINDOWS_DEVICES = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)),
}


@dataclass
class Actor:
    """shapes {target: (V, 3) float64 absolute, model unit}; jaw_poses {target: (4, 4)}; landmarks {name:
    vertex id}."""

    name: str
    neutral: Mesh
    shapes: dict[str, Floats]
    rig: Rig
    mm_per_unit: float = 1.0
    up: str = "y"
    skull: Mesh | None = None
    jaw: Mesh | None = None
    lower_teeth: Mesh | None = None
    lower_teeth_shapes: dict[str, Floats] = field(default_factory=dict)
    jaw_poses: dict[str, Floats] | None = None
    landmarks: Any = None
    warnings: list[str] = field(default_factory=list)

    @property
    def stack(self) -> Floats:
        """(T, V, 3) float64 absolute shapes in the rig's target order."""
        return (
            np.stack([self.shapes[t] for t in self.rig.targets])
            if self.rig.targets
            else np.zeros((0, *self.neutral.points.shape))
        )


def default_rig(targets: Iterable[str]) -> Rig:
    """Every target its own control at value 1, names sorted by byte."""
    ordered = sorted(targets, key=lambda name: name.encode())
    return Rig(tuple(Control(name, i, ((1.0, name),)) for i, name in enumerate(ordered)))


def check_actor(actor: Actor, *, any_size: bool = False) -> None:
    """Refuse what cannot be trained on and note what is odd in actor.warnings.

    Raises AimError naming the shape or file and the value: vertex counts, finite values, scale, names, size
    of the head.
    """
    neutral = actor.neutral
    if not len(neutral.counts):
        raise AimError(
            f"The neutral of '{actor.name}' has no faces.",
            "It was exported as points only.",
            "Export it with its polygons.",
        )
    if not np.isfinite(actor.mm_per_unit) or actor.mm_per_unit <= 0:
        raise AimError(
            f"mm_per_unit is {actor.mm_per_unit}.",
            remedy="Give a positive number: 1 for millimetres, 10 for centimetres.",
        )
    if not any_size:
        flat = check_head_size(neutral.points, actor.mm_per_unit, f"The neutral of '{actor.name}'")
        actor.warnings += [flat] if flat else []
    degenerate = int(
        (
            triangle_areas(neutral.points, neutral.triangles) <= 1e-12 * float(np.ptp(neutral.points)) ** 2
        ).sum()
    )
    if degenerate:
        actor.warnings.append(
            f"The neutral has {degenerate} degenerate triangle(s); their area is zero and they are not "
            "sampled."
        )
    if not actor.rig.targets:
        raise AimError(
            f"'{actor.name}' has no shapes.",
            "The shapes folder is empty or missing.",
            "Put <target>.obj files into shapes/.",
        )
    _check_shapes(actor)
    for target, teeth in actor.lower_teeth_shapes.items():
        if actor.lower_teeth is not None and teeth.shape != actor.lower_teeth.points.shape:
            raise AimError(
                f"lower_teeth/{target}.obj has {len(teeth)} vertices, lower_teeth.obj "
                f"{len(actor.lower_teeth.points)}."
            )
    for target, pose in (actor.jaw_poses or {}).items():
        if not rigid.is_rigid(pose):
            raise AimError(
                f"The jaw pose of '{target}' is not a rigid 4x4 matrix.",
                "Row vectors, scale or shear.",
                "Write p' = M p.",
            )


def _check_shapes(actor: Actor) -> None:
    """Raises AimError of the first shape that is wrong, and says how many more are."""
    half_head = 0.5 * float(np.ptp(actor.neutral.points, axis=0).max())
    wrong: list[AimError] = []
    for target in actor.rig.targets:
        try:
            if target not in actor.shapes:
                why = nearest_name(target, actor.shapes) or "A control or pose names it."
                raise AimError(
                    f"Target '{target}' of '{actor.name}' has no shape.", why, f"Add shapes/{target}.obj."
                )
            _check_shape(actor, target, actor.shapes[target], half_head)
        except AimError as error:
            wrong.append(error)
    if wrong:
        more = f" ({len(wrong) - 1} more shape(s) are wrong, too.)" if len(wrong) > 1 else ""
        raise AimError(wrong[0].what + more, wrong[0].cause, wrong[0].remedy)


def _check_shape(actor: Actor, target: str, points: Floats, half_head: float) -> None:
    neutral = actor.neutral.points
    if points.shape != neutral.shape:
        raise AimError(
            f"Shape '{target}' has {len(points)} vertices, the neutral {len(neutral)}.",
            "It was exported from another mesh or with vertices merged.",
            "Export it again with vertex order kept.",
        )
    if not np.isfinite(points).all():
        bad = int(np.flatnonzero(~np.isfinite(points).all(1))[0])
        raise AimError(
            f"Shape '{target}' has vertex {bad} at {points[bad].tolist()}.",
            "NaN or infinite coordinates.",
            "Export it again.",
        )
    check_space(f"Shape '{target}'", points, neutral)
    motion = np.linalg.norm(points - neutral, axis=1)
    if motion.max() > half_head:
        raise AimError(
            f"Shape '{target}' moves vertex {int(motion.argmax())} by {motion.max():.4g} units, more "
            f"than half the head ({half_head:.4g}).",
            "Another vertex order, or a transform that was not frozen.",
            "Export it in the neutral's space and order.",
        )
    if motion.max() == 0:
        actor.warnings.append(
            f"Shape '{target}' is identical to the neutral; it is kept and will do nothing."
        )


def check_space(what: str, points: Floats, neutral: Floats) -> None:
    """Raises AimError when points (V, 3) are the neutral's (V, 3) in another unit, or differences from it and
    no positions."""
    rest, given = (p - p.mean(0) for p in (neutral, points))
    size = float(np.sqrt(np.square(rest).mean()))
    if size == 0 or np.abs(points).max() > 1e15 * size:
        return
    factor = float((given * rest).mean()) / size**2
    alike = float(np.sqrt(np.square(given - factor * rest).mean())) < 0.2 * abs(factor) * size
    if alike and not 1 / _OTHER_UNIT < factor < _OTHER_UNIT:
        # the motion is in it, too
        factor = next((unit for unit in _UNIT_RATIOS if abs(factor / unit - 1) < 0.1), factor)
        raise AimError(
            f"{what} is {factor:.3g} times the size of the neutral.",
            "It was exported in another unit." if factor > 0 else "It was exported mirrored.",
            f"Export it in the neutral's unit (scale it by {1 / factor:.3g}).",
        )
    near_origin = float(np.median(np.linalg.norm(points, axis=1))) < 0.2 * size
    if near_origin and float(np.median(np.linalg.norm(points - neutral, axis=1))) > 0.5 * size:
        raise AimError(
            f"The points of {what[0].lower()}{what[1:]} lie at the origin (half of them within "
            f"{0.2 * size:.4g} "
            "units) and not on the face.",
            "It holds differences from the neutral (deltas), and positions are needed.",
            "Export the posed mesh itself: the neutral plus the differences.",
        )


def rig_for(targets: Iterable[str], rig: Rig | None, warnings: list[str]) -> Rig:
    """The given rig, or the default one; shapes that no control or pose names are listed in warnings."""
    names = list(targets)
    if rig is None:
        return default_rig(names)
    unused = [name for name in names if name not in rig.targets]
    if unused:
        warnings.append(
            f"{len(unused)} shape(s) belong to no control or pose and are left out: {', '.join(unused[:8])}."
        )
    return rig


def check_names(names: Iterable[str], where: str) -> None:
    """Raise AimError for names that cannot be files on every system: a shape is a file, here or after an
    export.

    Two that differ by case or by the encoding of an accent only would be one file on half of the world's
    disks.
    """
    seen: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFC", name).casefold()
        why = _no_file_name(name)
        if why:
            raise AimError(f"{where}: {name[:60]!a} cannot be a shape's name: {why}.", remedy="Rename it.")
        if key in seen:
            raise AimError(
                f"{where}: '{seen[key]}' and '{name}' differ by case only.", remedy="Rename one of them."
            )
        seen[key] = name


def _no_file_name(name: str) -> str:
    """Why a name cannot be a file's, or ''."""
    if not name.strip() or name[0] == "." or name[-1] in " .":
        return "it is empty, begins with a dot, or ends with a dot or a space"
    if any(c in "/\\" or not (c.isprintable() or c.isspace()) or c in "\n\r\t\v\f" for c in name):
        return "it holds a slash or a character that cannot be printed"
    if name.split(".")[0].rstrip().upper() in _WINDOWS_DEVICES:
        return "Windows keeps it for a device"
    return "it is longer than 200 bytes" if len(name.encode(errors="replace")) > 200 else ""


def jaw_poses_from_json(data: Any, where: str) -> dict[str, Floats]:
    """{target: 4x4 nested lists} -> {target: (4, 4)}. Raises AimError naming the target that is not a 4x4."""
    poses = Fields(data, where)
    return {target: poses.numbers(target, (4, 4)) for target in poses}
