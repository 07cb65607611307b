"""Whole folders of scenes: opened, worked on, exported, saved."""

from .files import safe_publish

__all__ = ["safe_publish"]
