"""The public names of a package, imported when somebody asks for one: a command loads no more than it
uses.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def lazy(package: str, **names: str) -> Callable[[str], Any]:
    """The `__getattr__` (PEP 562) of `package`. names: {module in it: its public names, separated by spaces}.

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
