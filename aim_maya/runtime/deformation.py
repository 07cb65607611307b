"""What a deformer adds to its input: the node's arithmetic, without the host.

replace:  points(w, jaw, edit) - points(0) of the unedited model
overlay:  the same, less what the linear blendshape before it has already done
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aim_maya.core.typed import Floats

from .edit import Edit
from .face_model import FaceModel
from .performance import Playing


@dataclass(frozen=True, eq=False)
class Deformation:
    """One model under one edit. Offsets are float32, model unit, object space.

    overlay: the linear blendshape stays live before the deformer. detail: exact at the trained poses.
    """

    model: FaceModel
    edit: Edit
    overlay: bool = False
    detail: bool = True

    @cached_property
    def face(self) -> FaceModel:
        """The model under the edit; the model itself where there is none, so that many nodes share its
        tables."""
        return self.model if self.edit.is_default else self.model.edited(self.edit)

    @cached_property
    def _shows_at_rest(self) -> bool:
        return self.edit.moves_rest

    @cached_property
    def _reference(self) -> Floats:
        return self.model.points(np.zeros(len(self.model.targets)), detail=self.detail)

    @cached_property
    def _linear(self) -> FaceModel:
        return self.model.edited(Edit(jaw_arc=0.0))

    def offset(self, weights: Floats, jaw: Floats | None, playing: Playing | None = None) -> Floats | None:
        """(V, 3) to add to the input, or None when nothing moves: then the model is not called at all.

        weights (C,) in the controls' order; jaw (4, 4) column vectors takes the learned jaw's place; a
        performance that plays takes the weights' place, or a part of it. The head's motion is not in the
        points. Raises AimError for a NaN.
        """
        still = jaw is None or np.array_equal(jaw, np.eye(4))
        if playing is None and still and not weights.any() and not self._shows_at_rest:
            return None
        offset = self._points(weights, jaw, playing)
        offset = np.subtract(offset, self._reference, out=offset)
        if self.overlay and weights.any():
            offset -= self._linear.points(weights)
            offset += self.model.data.neutral
        return offset

    def _points(self, weights: Floats, jaw: Floats | None, playing: Playing | None) -> Floats:
        if playing is None:
            return self.face.points(weights, jaw=jaw, detail=self.detail)
        return self.face.performance_points(
            playing.performance,
            playing.f,
            head=False,
            detail=self.detail,
            weights=weights,
            blend=playing.blend,
            jaw=jaw,
        )
