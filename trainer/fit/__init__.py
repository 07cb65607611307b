"""Fitting a face model to what was seen of a performance: scans, landmarks, or both."""

from aim_maya.core import lazy

__all__ = ["FitOptions", "fit_scans", "open_frames"]

__getattr__ = lazy(__name__, fit="fit_scans", options="FitOptions", scans="open_frames")
