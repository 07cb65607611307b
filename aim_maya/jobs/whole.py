"""Is an exported file whole? A full disk or a crash in a plug-in may leave one that only looks finished."""

from __future__ import annotations

import struct
from pathlib import Path

from aim_maya.core.errors import AimError

_HEAD, _TAIL = 88, 64
_FBX_END = bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")  # the last 16 bytes of every binary FBX


def check_whole(path: Path) -> None:
    """Look at the marks that each format sets last. Raises AimError for a file that is missing, empty or cut off."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
            stream.seek(max(0, size - _TAIL))
            tail = stream.read()
    except OSError as error:
        raise AimError(f"The exporter wrote no {path.suffix} file ({error.strerror}).", "It failed without saying so.", "Look at the log above.") from error
    kind = path.suffix.lower()
    if not _closed(kind, head, tail, size):
        raise AimError(
            f"The {kind} file came out cut off or damaged ({size} bytes).", "The disk is full, or the exporter failed half-way.", "Free some space and run it again."
        )


def _closed(kind: str, head: bytes, tail: bytes, size: int) -> bool:
    if kind == ".abc":  # Ogawa: byte 5 becomes 0xff when the archive is closed; HDF5 has its own head
        return head[:6] == b"Ogawa\xff" or head[:8] == b"\x89HDF\r\n\x1a\n"
    if kind == ".fbx":
        return tail.endswith(_FBX_END) if head.startswith(b"Kaydara FBX Binary") else head.startswith(b"; FBX") and tail.rstrip().endswith(b"}")
    if head.startswith(b"PXR-USDC"):  # the offset of the table of contents, which is written last
        return len(head) >= 24 and 0 < struct.unpack("<q", head[16:24])[0] < size
    return head.startswith(b"#usda") and kind != ".usdc" and tail.rstrip().endswith(b"}")
