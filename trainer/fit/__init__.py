"""Fitting a face model to what was seen of a performance: scans, landmarks, or both."""

from aim_maya.core import lazy

__all__ = ["FitOptions", "build_performance", "fit_scans", "open_frames"]

__getattr__ = lazy(
    __name__, fit="fit_scans", options="FitOptions", performance="build_performance", scans="open_frames"
)
