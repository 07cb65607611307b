"""The moving picture of the README: the jaw opens as a linear blendshape and on its arc, side by side.

python -m tests.helpers.moving_picture ACTOR.aim -o docs/pictures/linear_and_arc.gif
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aim_maya.core.arrays import Floats
from aim_maya.core.mesh import Mesh
from aim_maya.runtime import Edit, FaceModel
from trainer.evaluate.pictures import FaceView, view

TURN, FRAMES, MOST, TARGET = 62.0, 22, 1.7, "jawOpen"
SKIN, BACK, TRAIL = (240, 202, 180), (70, 42, 40), {"linear": (196, 60, 50), "arc": (20, 110, 160)}
GREY = (110, 110, 110)
TALL, HEAD, CROP = 620, 50, (0.3, 0.24, 0.98, 0.94)  # pixels; left, top, right, bottom as shares


def framed(points: Floats, corners: Floats, face: Mesh) -> tuple[Mesh, Floats]:
    """The mesh with corners (8, 3) that no face uses: every frame has the same bounds."""
    return face.with_points(np.concatenate([points, corners])), np.concatenate([points, corners])


def bounding_corners(poses: list[Floats]) -> Floats:
    """(8, 3) corners of the box round all poses, upright in the view."""
    seen = np.concatenate([view(points, TURN, "y") for points in poses])
    low, high = seen.min(0), seen.max(0)
    box = np.array(
        [[(low, high)[i][0], (low, high)[j][1], (low, high)[k][2]] for i, j, k in np.ndindex(2, 2, 2)]
    )
    return view(box, -TURN, "y")


def drawn(face: Mesh, points: Floats, corners: Floats) -> tuple[Image.Image, FaceView]:
    """One pose: skin from outside, dark where one looks at its inside."""
    mesh, all_points = framed(points, corners, face)
    made = Image.new("RGBA", (1, 1))
    for two_sided, colour in ((True, BACK), (False, SKIN)):
        seen = FaceView(mesh, all_points, turn=TURN, size=(TALL, TALL), two_sided=two_sided)
        colours = np.broadcast_to(np.array(colour, float), (len(seen.blended(all_points)), 3))
        layer = Image.fromarray(seen.picture(colours, 0.4, 0.62))
        made = layer if two_sided else Image.alpha_composite(made, layer)
    return made, seen


def on_picture(point: Floats, seen: FaceView) -> tuple[float, float]:
    """Pixels of a point (3,)."""
    x, y, _ = view(point[None], TURN, "y")[0]
    left, right, bottom, top = seen.extent
    return TALL * (x - left) / (right - left), TALL * (top - y) / (top - bottom)


def moving_picture(model: FaceModel) -> list[Image.Image]:
    """The frames, there and back."""
    weights = MOST * (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, FRAMES)))
    models = {"linear": model.edited(Edit(jaw_arc=0.0)), "arc": model}
    poses = {
        name: [m.points({TARGET: float(w)}).astype(float) for w in weights] for name, m in models.items()
    }
    corners = bounding_corners(poses["linear"] + poses["arc"])
    rest = poses["arc"][0]
    below = rest[:, 1] < np.quantile(rest[:, 1], 0.45)
    motion = np.linalg.norm(poses["arc"][-1] - rest, axis=1) * below
    chin = int(np.argmax(np.where(motion > 0.9 * motion.max(), rest[:, 2], -np.inf)))
    frames = []
    font = ImageFont.load_default(17)
    for f in range(FRAMES):
        sides = []
        for name in models:
            picture, seen = drawn(model.mesh, poses[name][f], corners)
            board = Image.alpha_composite(Image.new("RGBA", picture.size, (255, 255, 255, 255)), picture)
            pen = ImageDraw.Draw(board)
            trail = [on_picture(poses[name][g][chin], seen) for g in range(FRAMES)]
            pen.line(trail, fill=(*TRAIL[name], 255), width=2)
            x, y = trail[f]
            pen.ellipse((x - 6, y - 6, x + 6, y + 6), fill=(*TRAIL[name], 255))
            cut = board.crop(tuple(int(TALL * share) for share in CROP)).convert("RGB")
            side = Image.new("RGB", (cut.width, cut.height + HEAD), "white")
            side.paste(cut, (0, HEAD))
            said = "linear blendshape" if name == "linear" else "AIM: the jaw on its arc"
            ImageDraw.Draw(side).text((12, 6), said, fill=TRAIL[name], font=font)
            ImageDraw.Draw(side).text(
                (12, 27), f"{TARGET} {weights[f]:.1f}", fill=GREY, font=ImageFont.load_default(14)
            )
            sides.append(side)
        whole = Image.new("RGB", (sum(s.width for s in sides), sides[0].height), "white")
        for i, side in enumerate(sides):
            whole.paste(side, (i * side.width, 0))
        frames.append(whole)
    return frames + frames[-2:0:-1]


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description="The moving picture of the README.")
    parser.add_argument("model", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/pictures/linear_and_arc.gif"))
    options = parser.parse_args()
    frames = moving_picture(FaceModel.load(options.model, "cpu"))
    palette = frames[len(frames) // 2].quantize(58)
    colours = (palette.getpalette() or [])[: 58 * 3]
    for colour in (*TRAIL.values(), GREY, (255, 255, 255)):
        colours += colour
    palette.putpalette(colours)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    small[0].save(options.out, save_all=True, append_images=small[1:], duration=60, loop=0, optimize=True)


if __name__ == "__main__":
    main()
