"""The built-in heads: ICT-FaceKit's, as a real face; and a procedural one for tests, with its skull, jaw and
teeth, whose jaw is truly rigid."""

from .actor import sample_actor, true_jaw_poses
from .packed import ict_head, read_packed, write_ict_head

__all__ = ["ict_head", "read_packed", "sample_actor", "true_jaw_poses", "write_ict_head"]
