"""The neutral-to-template map on the mesh itself, on a subdivided one, and off the surface."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aim_maya.core.mesh import subdivide
from aim_maya.runtime import FaceModel
from trainer.learn.template import template_at


def test_vertices_and_subdivided_vertices_land_where_the_template_has_them(draft: Path) -> None:
    data = FaceModel.load(draft).data
    apart = data.mesh.points[:, 1] > -20  # away from the lips, where one point of space belongs to two sides
    found = template_at(data, data.mesh.points)
    assert np.abs(found - data.template)[apart].max() < 1e-5
    edges = data.mesh.edges[apart[data.mesh.edges].all(1)]
    middle = 0.5 * (data.mesh.points[edges[:, 0]] + data.mesh.points[edges[:, 1]])
    wanted = 0.5 * (data.template[edges[:, 0]] + data.template[edges[:, 1]])
    error = np.linalg.norm(template_at(data, middle) - wanted, axis=1) * data.manifest["scale"]
    assert np.quantile(error, 0.99) < 0.05
    assert len(subdivide(data.mesh).refined.points) > len(data.mesh.points)


def test_a_point_above_the_skin_keeps_its_height(draft: Path) -> None:
    data = FaceModel.load(draft).data
    top = int(data.mesh.points[:, 1].argmax())
    lifted = data.mesh.points[[top]] + [0, 4.0, 0]
    height = np.linalg.norm(template_at(data, lifted) - data.template[top]) * data.manifest["scale"]
    assert abs(height - 4.0) < 0.5
