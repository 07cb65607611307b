"""The built-in sample actor: a procedural head, its skull, jaw and teeth, and targets whose jaw is truly
rigid."""

from .actor import sample_actor, true_jaw_poses

__all__ = ["sample_actor", "true_jaw_poses"]
