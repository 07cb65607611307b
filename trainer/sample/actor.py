"""The sample actor: bones under its skin, a rigid jaw about its hinge, smooth pushes of the skin, lids that
follow the eyeball; controls with an in-between and a combination.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.actor import Actor, check_actor
from aim_maya.core.arrays import Floats
from aim_maya.core.controls import Control, Pose, Rig
from aim_maya.core.mesh import Mesh, vertex_normals
from aim_maya.core.posing import skin

from .head import EYE_X, EYE_Y, GRID, MOUTH_HALF, MOUTH_Y, Head, build_head, on_eyeball, step

# Skull, mandible and lower teeth of the sample head: its plain form moved inwards by tissue depth, and an
# arch of teeth.

# angle round the head (radians, 0 in front), height (mm), soft-tissue depth (mm): adults, after the table in
# docs/research/bones.md
_DEPTHS = np.array(
    [
        [0.0, 105, 4.5],
        [0.0, 60, 4.5],
        [0.0, 34, 4.8],
        [0.0, 22, 7.0],
        [0.0, 5, 4.0],
        [0.0, -32, 11.0],
        [0.0, -40, 11.0],
        [0.0, -52, 12.0],
        [0.0, -62, 10.0],
        [0.0, -78, 13.0],
        [0.0, -90, 8.0],
        [0.35, 60, 4.0],
        [0.35, 33, 8.5],
        [0.4, 0, 6.5],
        [0.55, -10, 11.0],
        [0.9, 15, 11.0],
        [1.1, 0, 7.0],
        [1.3, 5, 6.5],
        [0.6, -35, 17.0],
        [0.9, -35, 17.0],
        [0.9, -60, 16.0],
        [1.25, -70, 10.5],
        [0.6, -85, 9.0],
        [1.2, 50, 7.0],
        [2.0, 40, 5.5],
        [3.1, 40, 5.5],
        [2.0, 100, 5.0],
        [3.1, 100, 5.0],
        [2.0, -20, 14.0],
        [1.4, -30, 15.0],
    ]
)


def tissue_depth(angle: Floats, height: Floats) -> Floats:
    """(V,) soft-tissue depth in mm, interpolated between the sites by inverse distance."""
    d2 = ((np.abs(angle)[:, None] - _DEPTHS[:, 0]) * 75) ** 2 + (height[:, None] - _DEPTHS[:, 1]) ** 2
    weight = 1 / (d2 + 60.0) ** 1.5
    depth: Floats = (weight * _DEPTHS[:, 2]).sum(1) / weight.sum(1)
    return depth


def jaw_share(points: Floats) -> Floats:
    """(V,) signed height in mm below the line from the mouth to the hinge: > 0 belongs to the mandible."""
    along = np.clip((92 - points[:, 2]) / 80, 0, 1.2)
    below: Floats = (MOUTH_Y + along * 30) - points[:, 1]
    return below


def build_bones(head: Head) -> tuple[Mesh, Mesh]:
    """(skull, jaw): open quad surfaces, outer side only."""
    grid = head.grid
    base = head.base[grid.ravel()]
    # the nasal bones
    base[:, 2] += 8 * np.exp(-0.5 * ((base[:, 0] / 9) ** 2 + ((base[:, 1] - 8) / 12) ** 2)) * (base[:, 2] > 0)
    rows, columns = grid.shape
    quads = np.array(
        [
            [
                r * columns + c,
                (r + 1) * columns + c,
                (r + 1) * columns + (c + 1) % columns,
                r * columns + (c + 1) % columns,
            ]
            for r in range(rows - 1)
            for c in range(columns)
        ]
    )
    plain = Mesh(base, np.full(len(quads), 4, np.int32), quads.ravel().astype(np.int32))
    angle = head.angle[grid.ravel()]
    bone = base - tissue_depth(angle, base[:, 1])[:, None] * vertex_normals(plain)
    x, y, _ = base.T
    share = jaw_share(base)
    socket = ((np.abs(x) - EYE_X) / 17) ** 2 + ((y - EYE_Y) / 13) ** 2 < 1
    pear = (np.abs(x) < 11) & (y < 2) & (y > -27)
    front = np.abs(angle) < 1.75
    skull = (share < -9) & ~(front & (socket | pear)) & (y > -62)
    jaw = (share > 3) & (np.abs(angle) < 1.55) & (y > -94)
    return _part(plain.with_points(bone), skull), _part(plain.with_points(bone), jaw)


def _part(mesh: Mesh, keep: NDArray[np.bool_]) -> Mesh:
    """The quads of which all corners are kept, with the vertices that they use."""
    quads = mesh.corners.reshape(-1, 4)
    quads = quads[keep[quads].all(1)]
    used, corners = np.unique(quads, return_inverse=True)
    return Mesh(mesh.points[used], np.full(len(quads), 4, np.int32), corners.ravel().astype(np.int32))


def build_lower_teeth() -> Mesh:
    """An arch of fourteen crowns as one strip of quads, top and outer side."""
    columns = 14 * 6 + 1
    s = np.linspace(-1, 1, columns)
    arch = np.stack([23.5 * np.sin(1.25 * s) / np.sin(1.25), 40 + 38 * np.cos(1.25 * s)], 1)
    crown = np.abs(np.sin(np.linspace(0, 14 * np.pi, columns)))
    outwards = np.stack([s * 0.9, 1 - 0.75 * np.abs(s)], 1)
    rows = []
    for height, out in ((-58.0, 0.2), (-54.0, 0.9), (-50.5, 0.8), (-49.5, -0.8), (-50.0, -2.5)):
        at = arch + outwards * (out + 0.7 * crown)[:, None]
        rows.append(np.column_stack([at[:, 0], height + 0.8 * crown * (height > -54), at[:, 1]]))
    points = np.concatenate(rows)
    ids = np.arange(len(points)).reshape(len(rows), columns)
    quads = np.stack([ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]], 2).reshape(-1, 4)
    return Mesh(points, np.full(len(quads), 4, np.int32), quads.ravel().astype(np.int32))


def skinning_weight(head: Head) -> Floats:
    """(V,) true weight of the skin to the jaw: sharp between the lips, wide over the cheek, none below the
    chin."""
    root = head.parent
    p = head.mesh.points[root]
    below = jaw_share(p) - 5.0 * head.lip[root]
    band = 5 + 24 * step(np.abs(p[:, 0]), 4, 40) + 15 * step(-p[:, 2], -60, 0)
    weight: Floats = (
        step(below / band, -0.55, 0.65)
        * step(p[:, 1], -112, -88)
        * (1 - step(np.abs(head.angle[root]), 1.2, 1.9))
    )
    return np.where(head.eye[root] != 0, 0.0, weight)


# The sample actor's expressions: a rigid jaw about its hinge, smooth pushes of the skin, and lids that follow
# the eyeball.

HINGE = np.array([0.0, -4.0, 8.0])  # middle of the line through both condyles


def jaw_motion(open_degrees: float = 0.0, forward: float = 0.0, side: float = 0.0) -> Floats:
    """(4, 4): a turn about the hinge's x axis, a turn of `side` degrees about y, and a slide forward, mm."""
    pitch = rigid.exp([np.radians(open_degrees), 0, 0, 0, 0, 0])
    yaw = rigid.exp([0, np.radians(side), 0, 0, 0, 0])
    matrix = yaw @ pitch
    matrix[:3, 3] = HINGE - matrix[:3, :3] @ HINGE + [0.0, -0.15 * forward, forward]
    return matrix


@dataclass(frozen=True)
class Push:
    """A Gaussian push of the skin: centre (x, y) and size (x, y) in the frontal plane, direction (3,) in mm;
    lip 0 both, 1 upper, -1 lower."""

    centre: tuple[float, float]
    size: tuple[float, float]
    by: tuple[float, float, float]
    lip: int = 0


@dataclass(frozen=True)
class Expression:
    """What a target does, for the left side where it has one: jaw, pushes, and how far the lids close (1) or
    open wider (< 0)."""

    jaw: Floats = field(default_factory=lambda: np.eye(4))
    pushes: tuple[Push, ...] = ()
    lids: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)


_M = MOUTH_Y
_SIDED: dict[str, Expression] = {
    "browDown": Expression(pushes=(Push((22, 36), (17, 11), (-2.5, -6, -0.5)),)),
    "browOuterUp": Expression(pushes=(Push((42, 37), (13, 13), (0.5, 8, -2)),)),
    "cheekSquint": Expression(pushes=(Push((38, -4), (17, 12), (0, 5.5, 2.5)),)),
    "eyeBlink": Expression(lids=1.0),
    "eyeWide": Expression(lids=-0.45, pushes=(Push((31, 30), (15, 6), (0, 2, 0)),)),
    "mouthSmile": Expression(
        pushes=(Push((26, _M), (15, 11), (8, 8, -6)), Push((38, -18), (16, 14), (2, 4, 3.5)))
    ),
    "mouthFrown": Expression(pushes=(Push((24, _M - 2), (13, 11), (2, -7, -2)),)),
    "mouthStretch": Expression(pushes=(Push((27, _M - 3), (15, 14), (8, -2, -5)),)),
    "mouthUpperUp": Expression(
        pushes=(Push((11, _M + 4), (11, 9), (0.5, 6, 0.5), 1), Push((13, -24), (8, 9), (0.5, 2, 0)))
    ),
    "mouthLowerDown": Expression(pushes=(Push((11, _M - 4), (11, 9), (0.5, -6, 0), -1),)),
    "noseSneer": Expression(
        pushes=(Push((14, -16), (9, 12), (1, 6, 0)), Push((12, 20), (8, 10), (-1, -2.5, 0.5)))
    ),
}
_WHOLE: dict[str, Expression] = {
    "jawOpen": Expression(
        jaw_motion(17, 3), (Push((26, _M), (9, 9), (-3, -1, 0)), Push((-26, _M), (9, 9), (3, -1, 0)))
    ),
    "jawForward": Expression(jaw_motion(0, 7)),
    "jawLeft": Expression(jaw_motion(1.0, 0, 4.5)),
    "jawRight": Expression(jaw_motion(1.0, 0, -4.5)),
    "browInnerUp": Expression(pushes=(Push((0, 38), (20, 13), (0, 7, -1)),)),
    "cheekPuff": Expression(
        pushes=(Push((42, -38), (17, 16), (7, 0, 7)), Push((-42, -38), (17, 16), (-7, 0, 7)))
    ),
    "mouthFunnel": Expression(
        pushes=(
            Push((0, _M), (24, 15), (0, 0, 7)),
            Push((0, _M + 4), (13, 7), (0, 4, 2), 1),
            Push((0, _M - 4), (13, 7), (0, -5, 2), -1),
            Push((24, _M), (11, 10), (-6, 0, 3)),
            Push((-24, _M), (11, 10), (6, 0, 3)),
        )
    ),
    "mouthPucker": Expression(
        pushes=(
            Push((0, _M), (22, 13), (0, 0, 8)),
            Push((24, _M), (13, 11), (-9, 0, 5)),
            Push((-24, _M), (13, 11), (9, 0, 5)),
        )
    ),
    "mouthLeft": Expression(pushes=(Push((0, _M), (28, 17), (9, 0, -1)),)),
    "mouthRight": Expression(pushes=(Push((0, _M), (28, 17), (-9, 0, -1)),)),
    "mouthShrugLower": Expression(pushes=(Push((0, _M - 8), (19, 13), (0, 3, 4)),)),
    "eyesLookUp": Expression(gaze=(0, 4)),
    "eyesLookDown": Expression(gaze=(0, -5), lids=0.25),
}
HALF_BLINK = 0.5


class Poser:
    """Turns expressions into absolute points of one head."""

    def __init__(self, head: Head) -> None:
        self.head, self.rest, self.weight = head, head.mesh.points, skinning_weight(head)

    def points(self, expression: Expression, side: int = 0) -> Floats:
        """(V, 3) of an expression; side +1 left, -1 right (mirrored), 0 both as written."""
        moved = self.rest.copy()
        for push in expression.pushes:
            moved += self._push(push, side)
        moved = self._eyes(moved, expression, side)
        return skin(moved, expression.jaw, self.weight, HINGE)

    def lips_closed(self, points: Floats) -> Floats:
        """(V, 3) the same pose with the lips brought together: the lower lip comes up more than the upper one
        comes down."""
        h = self.head
        at = self.rest[h.parent]
        edge = np.flatnonzero((h.ring == 0) & (h.lip != 0))
        upper, lower = edge[h.lip[edge] > 0], edge[h.lip[edge] < 0]
        x, top = _sorted(self.rest[upper, 0], points[upper])
        open_by = np.vstack([np.zeros(3), top - _sorted(self.rest[lower, 0], points[lower])[1], np.zeros(3)])
        gap = np.stack(
            [np.interp(at[:, 0], np.r_[-MOUTH_HALF, x, MOUTH_HALF], column) for column in open_by.T], 1
        )
        height = at[:, 1] - MOUTH_Y
        below = np.where(h.lip[h.parent] != 0, h.lip[h.parent] < 0, height < 0)
        share = np.where(
            below, 0.7 * np.exp(-0.5 * (height / 24) ** 2), -0.3 * np.exp(-0.5 * (height / 15) ** 2)
        ) * step(at[:, 2], 20, 55)
        share = np.where(h.eye == 0, share, 0.0)
        return points + share[:, None] * gap

    def _push(self, push: Push, side: int) -> Floats:
        h, mirror = self.head, -1 if side < 0 else 1
        at = self.rest[h.parent]
        x = (at[:, 0] - mirror * push.centre[0]) / push.size[0]
        y = (at[:, 1] - push.centre[1]) / push.size[1]
        share = np.exp(-0.5 * (x * x + y * y)) * step(at[:, 2], 20, 55) * (h.eye == 0)
        if push.lip:
            split = np.clip(h.lip[h.parent] + (at[:, 1] - MOUTH_Y) / 9, -1, 1)
            share = share * step(push.lip * split, -0.6, 0.8)
        return share[:, None] * np.array(push.by) * [mirror, 1, 1]

    def _eyes(self, points: Floats, expression: Expression, side: int) -> Floats:
        for eye in (1, -1):
            if side in (0, eye) and (expression.lids or any(expression.gaze)):
                points = self._one_eye(points, expression, eye)
        return points

    def _one_eye(self, points: Floats, expression: Expression, eye: int) -> Floats:
        h, rest = self.head, self.rest
        result = points.copy()
        edge = np.flatnonzero((h.eye == eye) & (h.ring == 0))
        close = self._closing(edge, expression.lids)
        moved = np.zeros(len(rest))
        moved[edge] = close
        inner = np.flatnonzero((h.eye == eye) & (h.ring > 0))
        follow = (1 - step(h.ring[inner], 0.1, 0.65)) * moved[h.parent[inner]]
        result[edge, 1] += close
        result[edge, 2] = on_eyeball(result[edge], eye, 1.9)
        gaze = step(h.ring[inner], 0.25, 0.6)
        result[inner, 0] += gaze * expression.gaze[0]
        result[inner, 1] += follow + gaze * expression.gaze[1]
        back = on_eyeball(result[inner], eye, 0) - on_eyeball(rest[inner], eye, 0)
        result[inner, 2] = rest[inner, 2] + back
        lids = np.flatnonzero(
            (h.eye == 0)
            & (h.ring == 0)
            & (np.hypot(rest[:, 0] - eye * EYE_X, rest[:, 1] - EYE_Y) < 26)
            & (rest[:, 2] > 40)
        )
        d2 = ((rest[lids, None, :2] - rest[None, edge, :2]) ** 2).sum(2)
        upper = (rest[lids, 1] > EYE_Y)[:, None] == (h.lid[edge] >= 0)[None]
        near = np.exp(-0.5 * d2 / 5.0**2) * upper
        share = near.max(1)
        result[lids, 1] += share * (near @ close) / np.maximum(near.sum(1), 1e-9)
        return result

    def _closing(self, edge: NDArray[np.integer], amount: float) -> Floats:
        """(P,) how far each edge vertex of a lid moves up or down: the upper lid comes down to meet the lower
        one."""
        h, rest = self.head, self.rest
        upper, lower = edge[h.lid[edge] > 0], edge[h.lid[edge] < 0]
        gap = np.interp(rest[edge, 0], *_sorted(rest[upper, 0], rest[upper, 1])) - np.interp(
            rest[edge, 0], *_sorted(rest[lower, 0], rest[lower, 1])
        )
        return np.where(h.lid[edge] > 0, -0.82, np.where(h.lid[edge] < 0, 0.15, 0.0)) * gap * amount


def _sorted(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(x)
    return x[order], y[order]


def expressions() -> dict[str, Callable[[Poser], tuple[Floats, Floats]]]:
    """{target: poser -> (points (V, 3), jaw (4, 4))} of every target, sides written out."""

    def make(expression: Expression, side: int = 0) -> Callable[[Poser], tuple[Floats, Floats]]:
        return lambda poser: (poser.points(expression, side), expression.jaw)

    made = {name: make(e) for name, e in _WHOLE.items()}
    for name, expression in _SIDED.items():
        made |= {f"{name}_L": make(expression, 1), f"{name}_R": make(expression, -1)}
    half = Expression(lids=HALF_BLINK, pushes=(Push((31, 5), (14, 7), (0, 1.2, 0.4)),))
    made |= {"eyeBlink_L_half": make(half, 1), "eyeBlink_R_half": make(half, -1)}
    return made | {
        "mouthClose": lambda poser: (
            poser.lips_closed(poser.points(_WHOLE["jawOpen"])),
            _WHOLE["jawOpen"].jaw,
        )
    }


# The sample actor put together: controls with an in-between (eyeBlink) and a combination (mouthClose over
# jawOpen).


def sample_actor(grid: tuple[int, int] = GRID) -> Actor:
    """The whole actor, the same every time; millimetres, y up. grid: rows and columns of the head; a coarser
    one trains sooner."""
    poser = Poser(build_head(grid))
    posed = {name: make(poser) for name, make in expressions().items()}
    teeth = build_lower_teeth()
    skull, jaw = build_bones(poser.head)
    actor = Actor(
        name="sample",
        neutral=poser.head.mesh,
        shapes={name: points for name, (points, _) in posed.items()},
        rig=_rig(list(posed)),
        skull=skull,
        jaw=jaw,
        lower_teeth=teeth,
        lower_teeth_shapes={name: rigid.apply(motion, teeth.points) for name, (_, motion) in posed.items()},
    )
    check_actor(actor)
    return actor


def true_jaw_poses() -> dict[str, Floats]:
    """{target: (4, 4)} the rigid motions that the sample's jaw was posed with: truth for tests."""
    poser = Poser(build_head())
    return {name: make(poser)[1] for name, make in expressions().items()}


def _rig(targets: list[str]) -> Rig:
    plain = sorted((t for t in targets if not t.endswith("_half")), key=str.encode)
    controls = []
    for i, name in enumerate(plain):
        knots = ((HALF_BLINK, f"{name}_half"), (1.0, name)) if f"{name}_half" in targets else ((1.0, name),)
        controls.append(Control(name, i, () if name == "mouthClose" else knots))
    return Rig(tuple(controls), (Pose("mouthClose", {"jawOpen": 1.0, "mouthClose": 1.0}),))
