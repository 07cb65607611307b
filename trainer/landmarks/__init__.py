"""Facial landmarks: given, or found from the form of the neutral."""

from .find import Landmarks, find_landmarks

__all__ = ["Landmarks", "find_landmarks"]
