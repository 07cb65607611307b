"""`aimface check`: what an actor holds, what is not used and why, and whether it can be trained, before
minutes are spent.

The command line and the training window show the same report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .actor import Actor
from .actor_folder import read_actor
from .errors import AimError
from .mesh import Mesh
from .obj import read_points
from .strays import find_mesh, hidden, strays

_PREFIX_MARKS = ":|."
_NOT_ON_WINDOWS = set('<>:"|?*')
_LISTED = 8
_UNIT_NAMES = {1.0: "millimetres", 10.0: "centimetres", 25.4: "inches", 100.0: "decimetres", 1000.0: "metres"}


@dataclass
class Examination:
    """found: {what: value}; unused and warnings in sentences; reason: why it cannot be trained, None when it
    can."""

    path: Path
    found: dict[str, Any] = field(default_factory=dict)
    unused: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    reason: AimError | None = None

    @property
    def trainable(self) -> bool:
        """Whether it can be trained."""
        return self.reason is None

    def figures(self) -> dict[str, Any]:
        """For --json."""
        error = self.reason
        reason = None if error is None else {"what": error.what, "cause": error.cause, "remedy": error.remedy}
        return {
            "actor": str(self.path),
            "trainable": self.trainable,
            "reason": reason,
            "found": self.found,
            "unused": self.unused,
            "warnings": self.warnings,
        }

    def text(self) -> str:
        """The report in lines, without the reason."""
        lines = [f"{self.path}"]
        lines += [f"  {name:<14} {_shown(value)}" for name, value in self.found.items()]
        if self.unused:
            lines += ["Not used:"]
            lines += [
                f"  {entry['name']}: {entry['why']}"
                + (f"; it should be {entry['better']}" * bool(entry["better"]))
                for entry in self.unused
            ]
        if self.warnings:
            lines += ["Warnings:"] + [f"  {warning}" for warning in self.warnings]
        if self.trainable:
            lines += [
                "It can be trained."
                if not self.warnings
                else "It can be trained; look at the warnings first."
            ]
        return "\n".join(lines) + "\n"


def examine(
    path: str | Path,
    *,
    mm_per_unit: float | None = None,
    any_size: bool = False,
    load: Callable[..., Actor] = read_actor,
) -> Examination:
    """Look at an actor as training would. load: reads other kinds of files than this package can, as
    read_actor does.

    Raises nothing for a bad actor: that is its `reason`.
    """
    found = Examination(Path(path))
    if found.path.is_dir():
        _look_at_files(found)
    try:
        actor = load(found.path, mm_per_unit=mm_per_unit, any_size=any_size)
    except AimError as error:
        found.reason = error
        return found
    found.found |= _figures(actor)
    found.warnings += [warning for warning in actor.warnings if not warning.startswith("Not used: ")]
    found.warnings += [*_names(actor), *_motions(actor), *_teeth_of(actor), *_pieces(actor.neutral)]
    return found


def _look_at_files(found: Examination) -> None:
    """What is not read of a folder, also when it cannot be read at all."""
    vertices = None
    try:
        neutral = find_mesh(found.path, "neutral")
        vertices = None if neutral is None else len(read_points(neutral))
    except AimError:
        pass  # load says it
    found.unused = [{"name": s.name, "why": s.why, "better": s.better} for s in strays(found.path, vertices)]
    left = hidden(found.path)
    if left:
        why = "hidden, from a write that was killed or from macOS, and never read; they can be deleted"
        found.unused += [{"name": name, "why": why, "better": ""} for name in left]


def _figures(actor: Actor) -> dict[str, Any]:
    size = np.ptp(actor.neutral.points, axis=0) * actor.mm_per_unit
    knots = sum(len(control.knots) > 1 for control in actor.rig.controls)
    moving = (
        len([t for t in actor.lower_teeth_shapes if t in actor.rig.targets])
        if actor.lower_teeth is not None
        else 0
    )
    poses = len([t for t in actor.jaw_poses or {} if t in actor.rig.targets])
    jaw = (
        f"lower teeth, {moving} targets"
        if moving
        else f"jaw_poses.json, {poses} targets"
        if actor.jaw_poses is not None
        else ""
    )
    return {
        "name": actor.name,
        "vertices": len(actor.neutral.points),
        "faces": len(actor.neutral.counts),
        "size_mm": [round(float(x), 1) for x in size],
        "unit": f"{_UNIT_NAMES.get(actor.mm_per_unit, f'{actor.mm_per_unit:g} mm')}, {actor.up} up",
        "mm_per_unit": actor.mm_per_unit,
        "targets": len(actor.rig.targets),
        "controls": len(actor.rig.controls),
        "in_betweens": knots,
        "combinations": len(actor.rig.poses),
        "skull": _bone(actor.skull),
        "jaw": _bone(actor.jaw),
        "lower_teeth": "none" if actor.lower_teeth is None else f"{len(actor.lower_teeth.points)} vertices",
        "jaw_motion": jaw or "estimated from the skin",
        "landmarks": "found by themselves" if actor.landmarks is None else "given",
    }


def _bone(mesh: Mesh | None) -> str:
    return "estimated from the skin" if mesh is None else f"given, {len(mesh.points)} vertices"


def _names(actor: Actor) -> list[str]:
    """Prefixes of other programs, and names that not every system can keep."""
    names = [*dict.fromkeys([*actor.rig.names, *actor.rig.targets])]
    short = {name: _without_prefix(name) for name in names}
    marked = [name for name in names if short[name] != name]
    found = []
    if marked:
        example = f"'{marked[0]}' should be '{short[marked[0]]}'"
        found.append(f"{len(marked)} names carry a prefix, and curves will not find them: {example}.")
    common = _common_prefix(actor.rig.names)
    if not marked and common:
        example = f"'{actor.rig.names[0]}' should be '{actor.rig.names[0].removeprefix(common)}'"
        found.append(f"All controls begin with '{common}', and curves may not find them: {example}.")
    bad = [name for name in names if name not in marked and _NOT_ON_WINDOWS & set(name)]
    if bad:
        found.append(f"Windows cannot keep files of these names: {_listed(bad)}.")
    return found


def _without_prefix(name: str) -> str:
    """jawOpen of head:jawOpen, blendShape1.jawOpen and |head|jawOpen; a name that ends in a mark is left."""
    cut = max(name.rfind(mark) for mark in _PREFIX_MARKS) + 1
    return name[cut:] if 0 < cut < len(name) and not name[cut:].isdigit() else name


def _common_prefix(names: tuple[str, ...]) -> str:
    """What four names or more all begin with, up to its last underscore: anna_ of anna_jawOpen, anna_smile
    ...; '' without one."""
    if len(names) < 4:
        return ""
    first, last = min(names), max(names)
    same = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    cut = first[:same].rfind("_") + 1
    return first[:cut] if all(len(name) > cut for name in names) else ""


def _motions(actor: Actor) -> list[str]:
    """Shapes that are each other's copy, move the whole head, or are doubtful by how little they move."""
    neutral = actor.neutral.points
    extent = float(np.ptp(neutral, axis=0).max())
    by_bytes: dict[bytes, str] = {}
    found, moved_whole = [], []
    for target in actor.rig.targets:
        points = actor.shapes[target]
        key = points.tobytes()
        if key in by_bytes and not np.array_equal(points, neutral):
            found.append(f"Shapes '{by_bytes[key]}' and '{target}' are the same.")
        by_bytes.setdefault(key, target)
        if float(np.linalg.norm(points - neutral, axis=1).min()) > 0.01 * extent:
            moved_whole.append(target)
    if moved_whole:
        found.append(f"The whole head moves in {_listed(moved_whole)}: was its transform not frozen?")
    return found


def _teeth_of(actor: Actor) -> list[str]:
    """Bones and teeth that lie outside the neutral's surroundings: another unit or space."""
    low, high = actor.neutral.points.min(0), actor.neutral.points.max(0)
    found = []
    for name in ("skull", "jaw", "lower_teeth"):
        mesh: Mesh | None = getattr(actor, name)
        if mesh is None or not len(mesh.points):
            continue
        inside = float(((mesh.points >= low) & (mesh.points <= high)).all(1).mean())
        ratio = float(
            np.ptp(mesh.points, axis=0).max() / max(np.ptp(actor.neutral.points, axis=0).max(), 1e-30)
        )
        if inside < 0.5 or ratio < 0.05:
            found.append(
                f"{name} does not lie inside the neutral ({inside:.0%} of it does, at {ratio:.3g} "
                "times its size): another unit or space?"
            )
    return found


def _pieces(mesh: Mesh) -> list[str]:
    """Parts of the neutral that hang on nothing else: eyes, teeth, lashes. Vertices at one place count as
    joined."""
    sizes = pieces(mesh)
    found = []
    loose = len(mesh.points) - len(np.unique(mesh.corners))
    if loose:
        found.append(f"{loose} vertices of the neutral belong to no face.")
    if len(sizes) > 1:
        rest = f"{', '.join(str(n) for n in sizes[:_LISTED])}{' ...' if len(sizes) > _LISTED else ''}"
        found.append(
            f"The neutral has {len(sizes)} separate pieces, of {rest} vertices: eyes, teeth and the "
            "like have no bones, and edits carry each as a rigid whole; better leave them out."
        )
    return found


def pieces(mesh: Mesh) -> list[int]:
    """Vertices of every connected piece that has faces, the largest first. Vertices at exactly one place are
    joined."""
    _, place = np.unique(mesh.points, axis=0, return_inverse=True)
    place = place.reshape(-1)
    label = connected(place[mesh.edges], int(place.max(initial=-1)) + 1)[place]
    used = np.unique(mesh.corners)
    return sorted(np.unique(label[used], return_counts=True)[1].tolist(), reverse=True)


def connected(edges: NDArray[np.integer], count: int) -> NDArray[np.integer]:
    """(count,) the smallest id of every node's connected part, by edges (E, 2)."""
    label = np.arange(count)
    while True:
        low = np.minimum(label[edges[:, 0]], label[edges[:, 1]])
        new = label.copy()
        for side in (0, 1):
            # the root takes the smaller label, and everything below it with it
            np.minimum.at(new, label[edges[:, side]], low)
        new = new[new]
        if np.array_equal(new, label):
            return label
        label = new


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def _shown(value: Any) -> str:
    return " x ".join(f"{x:g}" for x in value) if isinstance(value, list) else str(value)
