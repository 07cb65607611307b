"""An actor understood: loaded by its ending, landmarks, head frame, bones, constraints, the jaw's motion."""

from aim_maya.core import lazy

__all__ = ["estimate_bones", "find_constraints", "find_jaw", "find_landmarks", "load_actor"]

__getattr__ = lazy(
    __name__,
    load="load_actor",
    landmarks="find_landmarks",
    bones="estimate_bones",
    constraints="find_constraints",
    jaw="find_jaw",
)
