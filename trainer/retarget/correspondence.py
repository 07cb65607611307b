"""Where every vertex of the target lies on the source's face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.runtime import FaceModel

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Correspondence:
    """corners (V_B, 3) vertices of the source with shares (V_B, 3) that add up to 1; identical: the same mesh, vertex by vertex."""

    corners: Ints
    shares: Floats
    identical: bool = False

    @classmethod
    def same(cls, vertices: int) -> Correspondence:
        """Vertex by vertex."""
        return cls(np.repeat(np.arange(vertices)[:, None], 3, axis=1), np.tile([1.0, 0.0, 0.0], (vertices, 1)), True)

    def carry(self, values: Floats) -> Floats:
        """(V_A, ...) -> (V_B, ...), linear over the source's triangles."""
        if self.identical:
            return values
        at = values[self.corners]
        carried: Floats = np.einsum("vc,vc...->v...", self.shares.astype(values.dtype), at)
        return carried


def find_correspondence(source: FaceModel, target: FaceModel, controls: Floats) -> Correspondence:
    """Vertex by vertex where both have one topology; else by registering the surfaces. controls (C_B, C_A) as ControlMap has them. Raises AimError for a face that is not found."""
    if source.manifest["topology_hash"] == target.manifest["topology_hash"]:
        return Correspondence.same(len(target.data.neutral))
    from .register import registered

    return registered(source, target, controls)
