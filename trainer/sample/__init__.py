"""The built-in heads: ICT-FaceKit's, as a real face; and a procedural one for tests, with its skull, jaw and
teeth, whose jaw is truly rigid."""

from aim_maya.core import lazy

__all__ = ["ict_head", "read_packed", "sample_actor", "true_jaw_poses", "write_ict_head", "write_ict_model"]

__getattr__ = lazy(
    __name__,
    actor="sample_actor true_jaw_poses",
    packed="ict_head read_packed write_ict_head write_ict_model",
)
