"""An actor: a neutral, its shapes, the controls that drive them, and whatever is known of bones, teeth and jaw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import rigid
from .controls import Control, Rig
from .errors import AimError
from .mesh import Mesh, triangle_areas
from .units import check_head_size

Floats = NDArray[np.floating]


@dataclass
class Actor:
    """shapes {target: (V, 3) float64 absolute, model unit}; jaw_poses {target: (4, 4)}; landmarks {name: vertex id}."""

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
        return np.stack([self.shapes[t] for t in self.rig.targets]) if self.rig.targets else np.zeros((0, *self.neutral.points.shape))


def default_rig(targets: Iterable[str]) -> Rig:
    """Every target its own control at value 1, names sorted by byte."""
    ordered = sorted(targets, key=lambda name: name.encode())
    return Rig(tuple(Control(name, i, ((1.0, name),)) for i, name in enumerate(ordered)))


def check_actor(actor: Actor, *, any_size: bool = False) -> None:
    """Refuse what cannot be trained on and note what is odd in actor.warnings.

    Raises AimError naming the shape or file and the value: vertex counts, finite values, scale, names, size of the head.
    """
    neutral = actor.neutral
    if not len(neutral.counts):
        raise AimError(f"The neutral of '{actor.name}' has no faces.", "It was exported as points only.", "Export it with its polygons.")
    if not np.isfinite(actor.mm_per_unit) or actor.mm_per_unit <= 0:
        raise AimError(f"mm_per_unit is {actor.mm_per_unit}.", remedy="Give a positive number: 1 for millimetres, 10 for centimetres.")
    if not any_size:
        check_head_size(neutral.points, actor.mm_per_unit, f"The neutral of '{actor.name}'")
    degenerate = int((triangle_areas(neutral.points, neutral.triangles) <= 1e-12 * float(np.ptp(neutral.points)) ** 2).sum())
    if degenerate:
        actor.warnings.append(f"The neutral has {degenerate} degenerate triangle(s); their area is zero and they are not sampled.")
    if not actor.rig.targets:
        raise AimError(f"'{actor.name}' has no shapes.", "The shapes folder is empty or missing.", "Put <target>.obj files into shapes/.")
    half_head = 0.5 * float(np.ptp(neutral.points, axis=0).max())
    for target in actor.rig.targets:
        if target not in actor.shapes:
            raise AimError(f"Target '{target}' of '{actor.name}' has no shape.", "A control or pose names it.", f"Add shapes/{target}.obj.")
        _check_shape(actor, target, actor.shapes[target], half_head)
    for target, teeth in actor.lower_teeth_shapes.items():
        if actor.lower_teeth is not None and teeth.shape != actor.lower_teeth.points.shape:
            raise AimError(f"lower_teeth/{target}.obj has {len(teeth)} vertices, lower_teeth.obj {len(actor.lower_teeth.points)}.")
    for target, pose in (actor.jaw_poses or {}).items():
        if not rigid.is_rigid(pose):
            raise AimError(f"The jaw pose of '{target}' is not a rigid 4x4 matrix.", "Row vectors, scale or shear.", "Write p' = M p.")


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
        raise AimError(f"Shape '{target}' has vertex {bad} at {points[bad].tolist()}.", "NaN or infinite coordinates.", "Export it again.")
    motion = np.linalg.norm(points - neutral, axis=1)
    if motion.max() > half_head:
        raise AimError(
            f"Shape '{target}' moves vertex {int(motion.argmax())} by {motion.max():.4g} units, more than half the head ({half_head:.4g}).",
            "Another unit, another vertex order, or a transform that was not frozen.",
            "Export it in the neutral's space and order.",
        )
    if motion.max() == 0:
        actor.warnings.append(f"Shape '{target}' is identical to the neutral; it is kept and will do nothing.")


def rig_for(targets: Iterable[str], rig: Rig | None, warnings: list[str]) -> Rig:
    """The given rig, or the default one; shapes that no control or pose names are listed in warnings."""
    names = list(targets)
    if rig is None:
        return default_rig(names)
    unused = [name for name in names if name not in rig.targets]
    if unused:
        warnings.append(f"{len(unused)} shape(s) belong to no control or pose and are left out: {', '.join(unused[:8])}.")
    return rig


def check_names(names: Iterable[str], where: str) -> None:
    """Raise AimError when two names differ by case only: they would be one file on half of the world's disks."""
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            raise AimError(f"{where}: '{seen[name.lower()]}' and '{name}' differ by case only.", remedy="Rename one of them.")
        seen[name.lower()] = name


def jaw_poses_from_json(data: Any, where: str) -> dict[str, Floats]:
    """{target: 4x4 nested lists} -> {target: (4, 4)}. Raises AimError naming the target that is not a 4x4."""
    poses: dict[str, Floats] = {}
    if not isinstance(data, Mapping):
        raise AimError(f"{where} must hold an object {{target: 4x4}}, not {type(data).__name__}.")
    for target, rows in data.items():
        try:
            poses[str(target)] = np.array(rows, np.float64).reshape(4, 4)
        except (TypeError, ValueError) as error:
            raise AimError(f"{where}: the pose of '{target}' is not a 4x4 matrix.", remedy="Write four rows of four numbers.") from error
    return poses
