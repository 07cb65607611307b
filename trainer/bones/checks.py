"""Are skull and jaw what their names say, and does the head look the way heads do here: y up, z forward?"""

from __future__ import annotations

import numpy as np

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError


def check_bones(actor: Actor) -> None:
    """Raises AimError when skull and jaw are swapped, or the jaw shows that the head looks backwards or lies down.

    A mandible's condyles are its highest points and lie behind its chin. Only for heads with y up.
    """
    if actor.skull is None or actor.jaw is None or actor.up != "y":
        return
    skull, jaw = actor.skull.points, actor.jaw.points
    above = skull.mean(0) - jaw.mean(0)
    if abs(above[2]) > 1.2 * abs(above[1]):
        raise AimError(
            f"The skull of '{actor.name}' does not lie above its jaw: its middle is {above[1]:.4g} higher and {above[2]:.4g} further along z.",
            "The head lies on its back or face: it was exported with z up.", "Turn neutral, shapes and bones to y up and z forward.",
        )  # fmt: skip
    if above[1] < 0:
        raise AimError(
            f"The jaw of '{actor.name}' lies above its skull (middles at y = {jaw[:, 1].mean():.4g} and {skull[:, 1].mean():.4g}).",
            "skull.obj and jaw.obj are swapped, or the head hangs upside down.", "Exchange the two files, or turn the head to y up.",
        )  # fmt: skip
    height = np.ptp(jaw[:, 1])
    high, low = jaw[jaw[:, 1] > jaw[:, 1].max() - 0.15 * height], jaw[jaw[:, 1] < jaw[:, 1].min() + 0.25 * height]
    behind, front = float(high[:, 2].mean()), float(low[:, 2].mean())
    if behind > front + 0.1 * float(np.ptp(jaw[:, 2])):
        raise AimError(
            f"The chin of '{actor.name}' lies behind its jaw joints (z = {front:.4g} and {behind:.4g}).", "The head looks along -z.",
            "Turn neutral, shapes and bones by 180 degrees about y, so that the face looks along +z.",
        )  # fmt: skip
