"""Is an exported file whole? A full disk or a crash in a plug-in may leave one that only looks finished."""

from __future__ import annotations

import struct
from pathlib import Path

from aim_maya.core.errors import AimError

_USDC_HEAD = 88  # PXR-USDC, version, offset of the table of contents


def check_whole(path: Path) -> None:
    """Look at the marks that each format sets last. Raises AimError for a file that is missing, empty or cut off."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(_USDC_HEAD)
    except OSError as error:
        raise AimError(f"The exporter wrote no {path.suffix} file ({error.strerror}).", "It failed without saying so.", "Look at the log above.") from error
    kind = path.suffix.lower()
    good = bool(size)
    if kind == ".abc":  # Ogawa: byte 5 becomes 0xff when the archive is closed; HDF5 has its own head
        good = head[:6] == b"Ogawa\xff" or head[:8] == b"\x89HDF\r\n\x1a\n"
    elif head[:8] == b"PXR-USDC":
        good = len(head) >= 24 and 0 < struct.unpack("<q", head[16:24])[0] < size
    elif kind in (".usda", ".usd", ".usdc"):
        good = head.startswith(b"#usda") and kind != ".usdc"
    elif kind == ".fbx":
        good = head.startswith((b"Kaydara FBX Binary", b"; FBX")) and size > 27
    if not good:
        raise AimError(
            f"The {kind} file came out cut off or damaged ({size} bytes).", "The disk is full, or the exporter failed half-way.", "Free some space and run it again."
        )
