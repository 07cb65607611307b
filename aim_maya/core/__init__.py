"""Meshes, blendshapes, rigid motion, actor folders, weight curves and the .aim container: stdlib + numpy,
nothing else."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["Actor", "AimError", "Cancelled", "Mesh", "PerformanceData", "Rig", "read_actor", "write_actor"]


def lazy(package: str, **names: str) -> Callable[[str], Any]:
    """The `__getattr__` (PEP 562) of `package`: its public names, imported when somebody asks for one, so
    that a command loads no more than it uses. names: {module in it: its public names, separated by spaces}.

    >>> find = lazy("aim_maya.core", rigid="exp log")
    >>> find("exp")([0, 0, 0, 1, 2, 3]).tolist()[0]
    [1.0, 0.0, 0.0, 1.0]
    """
    home = {name: module for module, listed in names.items() for name in listed.split()}

    def find(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(importlib.import_module(f"{package}.{home[name]}"), name)

    return find


__getattr__ = lazy(
    __name__,
    errors="AimError Cancelled",
    mesh="Mesh",
    actor="Actor",
    actor_folder="read_actor write_actor",
    controls="Rig",
    performance="PerformanceData",
)
