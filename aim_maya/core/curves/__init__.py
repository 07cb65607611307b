"""Weight curves: control values over time, read from files of several kinds, resampled, matched to a model's
controls, written."""

from .files import read_curves, write_curves
from .sampling import FrameRange, Gaps, frame_range, resampled
from .take import Curves, control_reach, match_controls

__all__ = [
    "Curves",
    "FrameRange",
    "Gaps",
    "control_reach",
    "frame_range",
    "match_controls",
    "read_curves",
    "resampled",
    "write_curves",
]
