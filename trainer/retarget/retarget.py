"""A take of one actor to a performance of another.

    p_A - rest_A = sum_i c_i e'_A,i + left        (before skinning; moments.py)
    p_B - rest_B = sum_i c_i e'_B,i + J left      with T_B from T_A and J between the two neutrals
                                                  (carry.py)

Only targets that have a counterpart take part: whatever the others did is in `left`, and so carried as a
displacement. So is what two halves do differently that have one control for both.

BLAS gets one thread: several wait for each other on a busy machine, 0.7 s a frame in place of 0.02.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.performance import PerformanceData
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel
from aim_maya.runtime.performance import build_performance

from .carry import Carry, FieldGatherer, JawCarrier, carrying
from .mapping import ControlMap
from .moments import CurveMoments, Explainer, Given, Local, Moment, Moments, PerformanceMoments
from .registration import Correspondence, Similarity, find_correspondence, similarity

# What shapes a retarget.


@dataclass(frozen=True)
class RetargetOptions:
    """Options of `aimface retarget`."""

    carry: Carry = "turn"
    """What carries the displacement that no target explains: the turn of the local deformation gradient, with
    its stretch, or with the tissue's thickness too."""
    modes: int = 0
    """How finely the coefficients vary over the face; 0 takes what makes about 1,400 unknowns."""
    doubt: float = 1.8
    """How far, in mm, a point may stay from what the targets explain before they have to: larger gives the
    targets less to do and the carried displacement more."""
    fields: int = 256
    """Most displacement fields to keep beside the targets; 0 drops what they do not explain."""
    fine: float = 0.01
    """What a field less may leave over in any frame, mm root mean square."""

    def checked(self) -> RetargetOptions:
        """Raises AimError naming a number that cannot be meant."""
        for name, value, above in (
            ("modes", self.modes, False),
            ("doubt", self.doubt, True),
            ("fields", self.fields, False),
            ("fine", self.fine, False),
        ):
            if not math.isfinite(value) or value < 0 or (above and value == 0):
                raise AimError(
                    f"{name} is {value}.", remedy=f"Give a number {'above' if above else 'of at least'} zero."
                )
        return self


# A take of one actor to a performance of another.

# frames at a time: more cost memory, the shares of every target at every vertex, and gain nothing
_TIED, _BLOCK = (1e-5, 8)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two models, which control goes to which, where each vertex of the target lies on the source, and how
    one face lies to the other."""

    source: FaceModel
    target: FaceModel
    mapping: ControlMap
    match: Correspondence
    lies: Similarity

    @classmethod
    def of(cls, source: FaceModel, target: FaceModel, mapping: ControlMap) -> Pair:
        """Raises AimError where the two faces cannot be registered."""
        with threadpool_limits(1):
            match = find_correspondence(source, target, mapping.controls)
        return cls(
            source, target, mapping, match, similarity(match.carry(source.mesh.points), target.mesh.points)
        )


def retarget(pair: Pair, moments: Moments, options: RetargetOptions, progress: Progress) -> PerformanceData:
    """The take as a performance of pair.target. Raises AimError for a target without a jaw, options that are
    none, or what the moments raise; Cancelled as progress says."""
    with threadpool_limits(1):
        return _retargeted(pair, moments, options.checked(), progress)


def _retargeted(
    pair: Pair, moments: Moments, options: RetargetOptions, progress: Progress
) -> PerformanceData:
    known = isinstance(moments, CurveMoments) or (moments.performance.is_global and moments.scans is None)
    used = pair.mapping.used
    explainer: Explainer = (
        Given(pair.source, pair.mapping)
        if known
        else Local(pair.source, pair.mapping, options.modes, options.doubt)
    )
    carrier = JawCarrier.of(pair.source, pair.target, pair.mapping.targets, pair.match)
    turn = _carrying(pair, options)
    gatherer = FieldGatherer(len(turn), options.fields, options.fine / pair.target.mm_per_unit)
    tables, twists, heads, lost, frames = [], [], [], [], iter(moments)
    progress.stage("retarget", moments.count)
    while block := list(islice(frames, _BLOCK)):
        found = explainer.explain(block)
        tables += list((pair.mapping.targets[:, used] @ found.table).astype(np.float32))
        for moment, left in zip(block, found.left, strict=True):
            moved = np.einsum("vab,vb->va", turn, pair.match.carry(left))
            gatherer.add(moved)
            lost.append(float(np.linalg.norm(moved, axis=1).mean()))
            twists.append(carrier.carry(moment.twist, moment.activations))
            heads.append(_head(moment, pair.lies))
        progress.step(len(heads), moments.count)
    return _performance(
        pair,
        moments,
        np.array(tables),
        np.array(twists),
        np.array(heads),
        pair.match.carry(explainer.basis),
        gatherer,
        float(np.mean(lost)),
    )


def _carrying(pair: Pair, options: RetargetOptions) -> Floats:
    """(V_B, 3, 3)."""
    source, target = pair.source.data, pair.target.data
    thickness = target.thickness / np.maximum(pair.match.carry(source.thickness), 1e-9)
    return carrying(
        target.mesh,
        pair.match.carry(source.mesh.points),
        pair.lies.scale,
        options.carry,
        thickness.astype(np.float64),
    )


def _head(moment: Moment, lies: Similarity) -> Floats:
    """(4, 4) the same motion about the same place of the other head, as far as it is larger."""
    head = np.eye(4)
    head[:3, :3] = lies.rotation @ moment.head[:3, :3] @ lies.rotation.T
    head[:3, 3] = lies.scale * lies.rotation @ moment.head[:3, 3] + lies.shift - head[:3, :3] @ lies.shift
    return head


def _performance(
    pair: Pair,
    moments: Moments,
    tables: Floats,
    twists: Floats,
    heads: Floats,
    basis: Floats,
    gatherer: FieldGatherer,
    carried: float,
) -> PerformanceData:
    """Frames (F, ...) as the target's performance; carried: what no target explains, mean over all points,
    the target's unit."""
    fields, amounts = gatherer.gathered()
    whole = basis.shape[1] == 1
    tied = whole and np.abs(tables[:, :, 0].astype(np.float64) @ pair.target.data.motion.twists - twists).max(
        initial=0.0
    ) < _TIED * _extent(pair.target)
    unit = pair.target.mm_per_unit
    read = moments.performance.data if isinstance(moments, PerformanceMoments) else None
    extra: dict[str, Any] = {"fields": fields, "amounts": amounts} if len(fields) else {}
    if read is not None:
        extra |= {"residual_mm": read.residual_mm, "flags": read.flags}
    jaws = np.array([rigid.exp(t) for t in twists])
    arrays = PerformanceData(moments.fps, heads, jaws, tables, np.ascontiguousarray(basis), **extra)
    left_mm = float(max(gatherer.left, default=0.0)) * unit
    figures = {"carried_mean_mm": carried * unit, "fields": len(fields), "fields_left_mm": left_mm}
    source = str(pair.source.manifest.get("name", pair.source.data.path.stem))
    return build_performance(pair.target.data, arrays, tied=tied, figures=figures, retargeted_from=source)


def _extent(model: FaceModel) -> float:
    return max(1.0, float(np.abs(model.mesh.points).max()))
