"""The .aim container: one stored zip of a manifest and named members, refused in one sentence when anything is off.

manifest.json names every member with its size and SHA-256; no pickle is ever read; names are a fixed list, so nothing can point
outside; sizes are checked before a byte is unpacked.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import AimError
from .files import atomic_path

FORMAT, SCHEMA = "aim", 1
MEMBERS = ("fields.onnx", "pose.onnx", "full.onnx", "mesh.npz")
LARGEST_MEMBER = 2**31
_LARGEST_MANIFEST = 2**24
_AGAIN = "Export or copy the file again."


def write_aim(path: str | Path, manifest: Mapping[str, Any], members: Mapping[str, bytes]) -> None:
    """Write members and a manifest that names their sizes and hashes; atomically, and byte for byte the same for the same input."""
    listed = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in members.items()}
    text = json.dumps({"format": FORMAT, "schema": SCHEMA} | dict(manifest) | {"members": listed}, indent=1, allow_nan=False)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, data in [("manifest.json", text.encode()), *members.items()]:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)


def read_aim(path: str | Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """manifest, {member: bytes}. Raises AimError for a file that is missing, cut off, altered, too large or of a newer schema."""
    file = Path(path)
    if not file.is_file():
        raise AimError(f"There is no model at {file}.", "The path is misspelt or the drive is not mounted.", "Give a .aim file.")
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _read_manifest(file, archive)
            members = {name: _read_member(file, archive, name, about) for name, about in manifest["members"].items()}
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise AimError(f"{file} cannot be read as a .aim file ({error}).", "It is cut off, altered, or something else.", _AGAIN) from error
    return manifest, members


def _read_manifest(file: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    for entry in archive.infolist():
        if entry.filename not in ("manifest.json", *MEMBERS):
            raise AimError(f"{file} holds an unexpected member '{entry.filename[:80]}'.", "It was not written by this project.", _AGAIN)
        if entry.file_size > LARGEST_MEMBER or entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise AimError(f"{file}: member '{entry.filename}' claims {entry.file_size} bytes, more than a model needs.", remedy=_AGAIN)
    if "manifest.json" not in archive.namelist():
        raise AimError(f"{file} has no manifest.json.", "It is a zip, but not a .aim file.", _AGAIN)
    if archive.getinfo("manifest.json").file_size > _LARGEST_MANIFEST:
        raise AimError(f"{file}: its manifest is {archive.getinfo('manifest.json').file_size} bytes long.", "It was altered.", _AGAIN)
    try:
        manifest = json.loads(archive.read("manifest.json"))
        valid = isinstance(manifest, dict) and manifest.get("format") == FORMAT and isinstance(manifest.get("members"), dict)
    except ValueError:
        valid = False
    if not valid:
        raise AimError(f"{file}: its manifest is not one of this project.", "It was altered.", _AGAIN)
    if not isinstance(manifest.get("schema"), int) or manifest["schema"] > SCHEMA:
        raise AimError(
            f"{file} has schema {manifest.get('schema')}; this version reads up to {SCHEMA}.",
            "A newer version of AIM for Maya wrote it.",
            "Update, or export it again with this version.",
        )
    return dict(manifest)


def _read_member(file: Path, archive: zipfile.ZipFile, name: str, about: Mapping[str, Any]) -> bytes:
    if name not in MEMBERS or name not in archive.namelist():
        raise AimError(f"{file}: the member '{name[:80]}' is missing.", "The file was altered.", _AGAIN)
    data = archive.read(name)
    if len(data) != about.get("bytes") or hashlib.sha256(data).hexdigest() != about.get("sha256"):
        raise AimError(f"{file}: the member '{name}' is not the one that was written (SHA-256 differs).", "The file was altered.", _AGAIN)
    return data


def pack_arrays(**arrays: Any) -> bytes:
    """Arrays as one uncompressed npz in memory."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def unpack_arrays(data: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays of pack_arrays; raises AimError for anything that is not a plain npz."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise AimError(f"{where} cannot be read ({error}).", "The file was altered.", _AGAIN) from error
