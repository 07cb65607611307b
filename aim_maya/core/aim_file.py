"""The .aim file: a trained model in one container."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .arrays import pack_arrays
from .container import AIM, read_container, unpack_arrays, write_container

__all__ = ["NO_BONES", "pack_arrays", "read_aim", "unpack_arrays", "write_aim"]

NO_BONES = "none: trained without bones"
"""What the manifest says under "bones" where there is no anatomy in the file."""


def write_aim(path: str | Path, manifest: Mapping[str, Any], members: Mapping[str, bytes]) -> None:
    """Write a model whole or not at all; the same input gives the same bytes. Raises AimError as write_container does."""
    write_container(AIM, path, manifest, members)


def read_aim(path: str | Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """manifest, {member: bytes}. Raises AimError as read_container does."""
    return read_container(AIM, path)
