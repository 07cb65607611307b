"""From an actor to trained networks: the problem, the model, the losses, the loop."""

from aim_maya.core import lazy

__all__ = ["FaceNetworks", "Problem", "Training", "make_template", "neutral_fields", "prepare"]

__getattr__ = lazy(
    __name__,
    problem="Problem prepare",
    template="make_template",
    model="FaceNetworks",
    loop="Training",
    fields="neutral_fields",
)
