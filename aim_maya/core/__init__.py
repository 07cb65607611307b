"""Meshes, blendshapes, rigid motion, actor folders, weight curves and the .aim container: stdlib + numpy,
nothing else."""

from .lazy import lazy

__all__ = ["Actor", "AimError", "Cancelled", "Mesh", "PerformanceData", "Rig", "read_actor", "write_actor"]

__getattr__ = lazy(
    __name__,
    errors="AimError Cancelled",
    mesh="Mesh",
    actor="Actor",
    actor_folder="read_actor write_actor",
    controls="Rig",
    performance="PerformanceData",
)
