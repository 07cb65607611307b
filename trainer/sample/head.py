"""The sample head's neutral: rings of quads, a mouth slit whose lips touch, lids over eyeballs, a nose, ears
and a neck.

Millimetres, y up, +z front, +x the subject's left. Every ring has as many vertices as the grid columns; the
mouth and eyes are slits along a ring whose edges are extruded inwards. The crown is closed by a strip, so
that there is not one triangle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.mesh import Mesh

GRID = (70, 104)  # rows and columns of the outer skin
MOUTH_Y, MOUTH_HALF = -46.0, 25.0
EYE_Y, EYE_X, EYE_HALF = 17.0, 31.0, 14.0
EYEBALL, EYE_Z = 12.5, 78.5
MOUTH_RINGS, EYE_RINGS = 4, 6

# height, half width, depth of the front and of the back: the head without nose, lips, eyes and ears
_PROFILE = np.array(
    [
        [116.0, 14, 22, 14],
        [112, 32, 46, 38],
        [102, 51, 67, 62],
        [85, 64, 82, 79],
        [65, 71, 90, 88],
        [45, 74, 93.5, 91],
        [30, 74, 94, 91],
        [17, 73, 91, 88],
        [0, 71.5, 90.5, 83],
        [-15, 69.5, 90.5, 76],
        [-30, 66.5, 90.5, 69],
        [-46, 62, 90.5, 62],
        [-60, 57, 89.5, 57],
        [-74, 51, 88.5, 53],
        [-86, 45, 83, 51],
        [-93, 43.5, 70, 50.5],
        [-98, 44, 54, 50.5],
        [-104, 45, 42, 51],
        [-115, 46, 36, 52],
        [-135, 48, 34, 54],
        [-160, 56, 36, 58],
    ]
)


@dataclass(frozen=True)
class Head:
    """mesh; base (V, 3): the head without its soft features, for the bones; angle (V,) round the head, 0 in
    front.

    lip (V,): +1 on the upper lip's side of the slit, -1 on the lower's, 0 elsewhere, fading to the corners;
    parent (V,): the edge vertex an inner ring hangs on, itself elsewhere; ring (V,): 0 on the skin, up to 1
    at the innermost ring; eye (V,): 0, +1 left, -1 right. grid (rows, columns): vertex ids of the outer skin,
    the upper side of a slit where there are two.
    """

    mesh: Mesh
    base: Floats
    angle: Floats
    lip: Floats
    parent: Ints
    ring: Floats
    eye: Ints
    lid: Floats
    grid: Ints


def bump(points: Floats, centre: tuple[float, float], size: tuple[float, float]) -> Floats:
    """(V,) Gaussian in the frontal plane, only on the front of the head."""
    x, y = points[:, 0] - centre[0], points[:, 1] - centre[1]
    return np.exp(-0.5 * ((x / size[0]) ** 2 + (y / size[1]) ** 2)) * np.clip(points[:, 2] / 30, 0, 1)


def step(x: Floats | float, low: float, high: float) -> Floats:
    """Smooth step from 0 at low to 1 at high."""
    t = np.clip((np.asarray(x, np.float64) - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _rings(rows: int, columns: int) -> tuple[Floats, Floats]:
    """base points and angles of the rings, (rows * columns, 3) and (rows * columns,)."""
    share = np.linspace(0, 1, rows)
    heights = PchipInterpolator(
        [0, 0.12, 0.26, 0.46, 0.62, 0.79, 0.89, 1.0], [116, 82, 38, 8, -24, -60, -94, -160]
    )(share)
    for wanted in (MOUTH_Y, EYE_Y):
        heights[np.abs(heights - wanted).argmin()] = wanted
    s = np.linspace(-1, 1, columns, endpoint=False) + 1 / columns
    angle = np.pi * (0.5 * s + 0.5 * s**3)  # denser in front
    width, front, back = (PchipInterpolator(_PROFILE[::-1, 0], _PROFILE[::-1, i])(heights) for i in (1, 2, 3))
    c, sn = np.cos(angle), np.sin(angle)
    square = 0.86  # a little squarer than an ellipse: flat temples, a broad front
    x = width[:, None] * np.sign(sn) * np.abs(sn) ** square
    z = np.where(c > 0, front[:, None], back[:, None]) * np.sign(c) * np.abs(c) ** square
    y = np.broadcast_to(heights[:, None], x.shape).copy()
    narrow = step(-y, 55, 92) * (c > 0)  # the jaw comes to a chin
    x *= 1 - 0.18 * narrow * step(z, 10, 80)
    # the jaw line rises towards the ears
    y += 9 * step(-y, 78, 92) * (1 - step(-y, 100, 130)) * step(-z, -70, -30) * step(c, -0.2, 0.3)
    return np.stack([x, y, z], 2).reshape(-1, 3), np.broadcast_to(angle, x.shape).ravel().copy()


def _features(p: Floats) -> Floats:
    """(V, 3) offsets that make a face of the base: nose, sockets, brow, cheeks, lips, chin, ears."""
    d = np.zeros_like(p)
    x, y, z = p.T
    front = np.clip(z / 40, 0, 1)
    ridge = np.interp(y, [-34, -27, -20, -13, 0, 14, 26, 34], [0, 9, 22, 23, 14.5, 7, 3, 0])
    width = np.interp(y, [-34, -22, -13, 0, 20, 34], [11.5, 10.5, 8.0, 6.5, 6.0, 9.0])
    d[:, 2] += front * ridge * np.exp(-0.5 * np.abs(x / width) ** 2.4)
    for side in (-1, 1):
        d[:, 2] += 6.5 * bump(p, (side * 13, -22), (4.2, 4.5))  # wing of the nose
        d[:, 2] -= 5.0 * bump(p, (side * 7, -28.5), (3.2, 2.2))  # nostril
        d[:, 2] -= 9.5 * bump(p, (side * EYE_X, EYE_Y + 1), (13, 9)) + 3 * bump(
            p, (side * 15, EYE_Y + 4), (5, 8)
        )
        d[:, 2] += 4.5 * bump(p, (side * 28, 34), (18, 5.5))  # brow
        d[:, [0, 2]] += np.stack(
            [side * 2.5 * bump(p, (side * 48, -6), (14, 12)), 4.5 * bump(p, (side * 46, -6), (15, 12))], 1
        )
        d[:, 2] -= 3.5 * bump(p, (side * 40, -40), (13, 15))  # hollow of the cheek
        d[:, 2] += 1.8 * bump(p, (side * 4.5, -36), (2.2, 6))  # crests of the philtrum
    d[:, 2] += (
        7.0 * bump(p, (0, MOUTH_Y), (27, 12))
        + 4.5 * bump(p, (0, MOUTH_Y + 5), (17, 4))
        + 5.0 * bump(p, (0, MOUTH_Y - 6), (15, 4.5))
    )
    d[:, 2] -= 4.0 * bump(p, (0, MOUTH_Y - 16), (17, 4.5))  # chin-lip fold
    d[:, 2] += 7.0 * bump(p, (0, -76), (15, 10))
    d += _ears(p)
    return d


def _softened(offsets: Floats, rows: int, columns: int) -> Floats:
    """(rows * columns, 3) offsets smoothed over the grid, more at the sides, where columns are far apart."""
    d = offsets.reshape(rows, columns, 3)
    side = np.zeros((1, columns, 1))
    side[0, np.abs(np.arange(columns) - columns / 2 + 0.5) > 0.22 * columns] = 1.0
    for strength in (0.5 + 0 * side, side, side):
        padded = np.pad(d, ((1, 1), (0, 0), (0, 0)), mode="edge")
        average = (padded[:-2] + padded[2:] + np.roll(d, 1, 1) + np.roll(d, -1, 1)) / 4
        d = d + 0.5 * strength * (average - d)
    return d.reshape(-1, 3)


def _ears(p: Floats) -> Floats:
    """(V, 3) offsets: a shell raised behind the temple, with a rim and a hollow."""
    d = np.zeros_like(p)
    for side in (-1, 1):
        at = (p[:, 1] - 5) / 27, (p[:, 2] + 6 - 0.12 * p[:, 1]) / 14
        r = np.hypot(*at)
        on = (side * p[:, 0] > 30).astype(float)
        back = step(-at[1], -0.6, 0.9)
        shell = (1 - step(r, 0.75, 1.15)) * (0.35 + 0.65 * back)
        rim = np.exp(-0.5 * ((r - 0.82) / 0.16) ** 2) * (0.4 + 0.6 * back)
        d[:, 0] += side * on * (10 * shell + 5 * rim - 6 * np.exp(-0.5 * (r / 0.35) ** 2))
        d[:, 2] -= on * 7 * shell
    return d


class _Builder:
    """Grows the outer rings into the whole head, one slit at a time."""

    def __init__(self, rows: int, columns: int) -> None:
        self.base, self.angle = _rings(rows, columns)
        self.points = self.base + _softened(_features(self.base), rows, columns)
        n = len(self.base)
        self.grid = np.arange(n).reshape(rows, columns)
        self.lower = self.grid.copy()  # what the faces below a ring use: differs along a slit
        self.faces: list[list[int]] = []
        self.lip, self.ring, self.lid = np.zeros(n), np.zeros(n), np.zeros(n)
        self.parent, self.eye = np.arange(n), np.zeros(n, np.int64)

    def append(self, points: Floats, base: Floats, parent: Ints, ring: float, eye: int) -> Ints:
        n = len(self.points)
        self.points, self.base = np.vstack([self.points, points]), np.vstack([self.base, base])
        self.angle = np.r_[self.angle, self.angle[parent]]
        self.lip, self.lid = np.r_[self.lip, self.lip[parent]], np.r_[self.lid, self.lid[parent]]
        self.ring, self.parent = np.r_[self.ring, np.full(len(points), ring)], np.r_[self.parent, parent]
        self.eye = np.r_[self.eye, np.full(len(points), eye)]
        return np.arange(n, n + len(points))

    def slit(self, height: float, low: float, high: float, eye: int) -> tuple[Ints, Floats]:
        """Cut along the ring at `height` between x = low and high. Returns the loop of edge vertices (upper
        side left to right, then the lower side back) and where along the slit each upper vertex is, in -1..1
        with the corners at the ends.
        """
        row = int(np.abs(self.base[self.grid[:, 0], 1] - height).argmin())
        ids = self.grid[row]
        x, z = self.points[ids, 0], self.points[ids, 2]
        columns = np.flatnonzero((x > low) & (x < high) & (z > 0))
        columns = columns[np.argsort(x[columns])]
        along = np.linspace(-1, 1, len(columns) + 2)
        upper = ids[columns]
        step_by = int(np.sign(columns[1] - columns[0]))
        first, last = ids[columns[0] - step_by], ids[columns[-1] + step_by]
        lower = self.append(self.points[upper], self.base[upper], upper, 0.0, eye)
        self.parent[lower] = lower
        self.lower[row, columns] = lower
        self.eye[upper] = eye
        return np.r_[first, upper, last, lower[::-1]], along

    def extrude(self, loop: Ints, points: Floats, ring: float, eye: int, root: Ints) -> Ints:
        """A ring of quads from `loop` to new vertices at `points`, which hang on `root`."""
        inner = self.append(points, self.base[root], root, ring, eye)
        following = np.roll(np.arange(len(loop)), -1)
        self.faces += np.stack([loop, inner, inner[following], loop[following]], 1).tolist()
        return inner

    def head(self) -> Head:
        quads, (rows, columns) = [], self.grid.shape
        for row in range(rows - 1):
            top, bottom = self.lower[row], self.grid[row + 1]
            for column in range(columns):
                right = (column + 1) % columns
                quads.append([top[column], bottom[column], bottom[right], top[right]])
        half = columns // 2
        crown = self.grid[0]
        for i in range(half - 1):  # close the crown by a strip across it
            quads.append([crown[i], crown[i + 1], crown[columns - 2 - i], crown[columns - 1 - i]])
        corners = np.array(quads + self.faces, np.int32)
        mesh = Mesh(
            self.points,
            np.full(len(corners), 4, np.int32),
            corners.ravel(),
            _uvs(self.points, self.angle),
            corners.ravel().copy(),
        )
        return Head(
            mesh, self.base, self.angle, self.lip, self.parent, self.ring, self.eye, self.lid, self.grid
        )


def _uvs(points: Floats, angle: Floats) -> Floats:
    """(V, 2) a cylindrical map."""
    return np.stack([0.5 + angle / (2 * np.pi), (points[:, 1] + 160) / 280], 1)


def build_head(grid: tuple[int, int] = GRID) -> Head:
    """The neutral head; the same every time. grid: rows and columns of the outer skin; columns are even."""
    b = _Builder(*grid)
    for side in (1, -1):
        _open_eye(b, side)
    _cut_mouth(b)
    return b.head()


def _cut_mouth(b: _Builder) -> None:
    loop, along = b.slit(MOUTH_Y, -MOUTH_HALF, MOUTH_HALF, 0)
    n = len(along)
    s = np.r_[along, along[-2:0:-1]]
    side = np.r_[0, np.ones(n - 2), 0, -np.ones(n - 2)]
    taper = np.sqrt(np.clip(1 - s**2, 0, 1))
    b.points[loop, 1] += 1.2 * np.cos(np.pi * s) * taper - 0.8 * (1 - taper)  # a cupid's bow
    b.points[loop, 2] -= 1.0 + 1.0 * (1 - taper)
    b.lip[loop] = side * step(1 - np.abs(s), 0.0, 0.9)
    root, start, at = loop, b.points[loop], loop
    for k in range(1, MOUTH_RINGS + 1):
        inward = np.array([2.5, 6.0, 11.0, 16.0])[k - 1]
        lift = np.array([0.6, 2.2, 4.5, 6.5])[k - 1]
        inner = start + np.stack(
            [-0.12 * inward * s, side * lift * taper, -inward * (0.35 + 0.65 * taper)], 1
        )
        at = b.extrude(at, inner, k / MOUTH_RINGS, 0, root)


def _open_eye(b: _Builder, side: int) -> None:
    loop, along = b.slit(EYE_Y, side * EYE_X - EYE_HALF, side * EYE_X + EYE_HALF, side)
    n = len(along)
    s = np.r_[along, along[-2:0:-1]] * side  # -1 at the nose, +1 outside
    upper = np.r_[0, np.ones(n - 2), 0, -np.ones(n - 2)]
    b.lid[loop] = upper
    edge = b.points[loop]
    arch = np.clip(1 - s**2, 0, 1)
    edge[:, 0] = side * EYE_X + 14.5 * s * side
    edge[:, 1] = EYE_Y - 0.8 + 1.5 * s + np.where(upper > 0, 6.2 * arch**0.8, -4.0 * arch)
    edge[:, 2] = on_eyeball(edge, side, 1.9)
    _ease_to_lid(b, loop, edge)
    b.points[loop] = edge
    b.eye[loop] = side
    at = loop
    for k, (shrink, back) in enumerate(
        [(0.985, 0.9), (0.93, 0.0), (0.75, 0.0), (0.5, 0.0), (0.3, -0.0), (0.17, 0.0)], 1
    ):
        round_ = np.stack(
            [
                np.cos(np.arctan2(edge[:, 1] - EYE_Y, edge[:, 0] - side * EYE_X)),
                np.sin(np.arctan2(edge[:, 1] - EYE_Y, edge[:, 0] - side * EYE_X)),
            ],
            1,
        )
        almond = shrink * (edge[:, :2] - [side * EYE_X, EYE_Y])
        circle = (
            np.array([side * EYE_X, EYE_Y])
            + almond * step(shrink, 0.15, 0.75)[..., None]
            + round_ * 13 * shrink * (1 - step(shrink, 0.15, 0.75))[..., None]
        )
        inner = np.column_stack([circle, np.zeros(len(loop))])
        inner[:, 2] = on_eyeball(inner, side, back)
        at = b.extrude(at, inner, k / EYE_RINGS, side, loop)


def on_eyeball(points: Floats, side: int, above: float) -> Floats:
    """(P,) z of the eyeball's front, `above` it, at points' x and y."""
    r = EYEBALL + above
    square = (points[:, 0] - side * EYE_X) ** 2 + (points[:, 1] - EYE_Y) ** 2
    return (
        EYE_Z
        + np.sqrt(np.clip(r * r - square, (0.3 * r) ** 2, None))
        - 6.0 * np.clip(np.sqrt(square) / r - 0.95, 0, None)
    )


def _ease_to_lid(b: _Builder, loop: Ints, edge: Floats) -> None:
    """Bring the skin round a slit along with its edge, fading out over the lids."""
    moved = edge - b.points[loop]
    skin = np.flatnonzero((b.ring == 0) & ~np.isin(np.arange(len(b.points)), loop) & (b.points[:, 2] > 20))
    d2 = ((b.points[skin, None, :2] - b.points[None, loop, :2]) ** 2).sum(2)
    above = b.points[skin, 1] > EYE_Y
    fits = np.where(b.lid[loop][None] == 0, True, (b.lid[loop][None] > 0) == above[:, None])
    weight = np.where(fits, np.exp(-0.5 * d2 / 6.0**2), 0)
    share = weight.max(1) * (1 - step(np.sqrt(d2.min(1)), 4, 20))
    total = weight.sum(1, keepdims=True)
    b.points[skin] += share[:, None] * (weight @ moved) / np.maximum(total, 1e-12)
