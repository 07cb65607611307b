"""Do a model and a mesh belong together? Topology first, then rest points: a mesh ten times the size has the same faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel

from . import chain
from .blend_shape import Structure
from .capture_state import neutral_state
from .mesh_reader import plug_mesh, plug_points, shape_points
from .plugs import held

Floats = NDArray[np.floating]


def check_rest(structure: Structure, model: FaceModel) -> None:
    """Raises AimError with both vertex counts and hashes, the factor between the sizes, or how far apart the rest points are."""
    mesh, wanted = plug_mesh(f"{structure.node}.outputGeometry[{structure.geometry}]"), str(model.manifest["topology_hash"])
    if mesh.topology_hash != wanted:
        raise AimError(
            f"{structure.shape} has {len(mesh.points)} vertices and topology {mesh.topology_hash[:12]}; "
            f"{model.data.path.name} was trained on {len(model.data.neutral)} vertices, {wanted[:12]}.",
            "The model belongs to another mesh, or faces or vertex order changed since it was trained.", "Train on this mesh, or attach to the mesh it was trained on.",
        )  # fmt: skip
    compare_rest(_rest(structure), model.data.neutral.astype(np.float64), structure.shape)


def _rest(structure: Structure) -> Floats:
    """The points before all deformers, read off the original shape; where there is none, off the blendShape held at zero."""
    original = chain.original(structure.shape)
    if original is not None:
        return shape_points(original)
    with held(neutral_state(structure)):
        return plug_points(f"{structure.node}.outputGeometry[{structure.geometry}]")


def compare_rest(rest: Floats, neutral: Floats, name: str) -> None:
    """Raises AimError when points (V, 3) are the neutral's at another scale, or elsewhere by more than 1 % of the head."""
    a, b = rest - rest.mean(0), neutral - neutral.mean(0)
    size = float(np.sqrt((b * b).sum(1).mean()))
    factor = float(np.sqrt((a * a).sum() / (b * b).sum()))
    if abs(factor - 1) > 0.01:
        raise AimError(
            f"{name} is {factor:.4g} times the size of the model's neutral.", "One of the two is in another unit, or was scaled.",
            "Train on the mesh as it is in this scene, or scale it back and freeze the transformation.",
        )  # fmt: skip
    apart = np.linalg.norm(rest - neutral, axis=1)
    if float(np.median(apart)) > 0.01 * size:
        raise AimError(
            f"{name} at rest is {float(np.median(apart)):.4g} units (median) from the model's neutral, at most {float(apart.max()):.4g}.",
            "The mesh was moved or resculpted since the model was trained, or its points were frozen elsewhere.",
            "Train again on this mesh.",
        )
