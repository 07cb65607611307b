"""USD: stages written as samples come, an actor and weight curves read and written."""

from aim_maya.core import lazy

__all__ = ["CrateStream", "open_stage", "read_usd_actor", "read_usd_curves", "write_usd_curves"]

__getattr__ = lazy(
    __name__,
    actor="read_usd_actor",
    curves="read_usd_curves write_usd_curves",
    stage="open_stage CrateStream",
)
