"""One stored zip of a manifest and named members, refused in one sentence when anything is off: what .aim and
.aimperf files are.

manifest.json names every member with its size and SHA-256; no pickle is ever read; names are a fixed list, so
nothing can point outside; sizes are checked before a byte is unpacked.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import UNREADABLE, read_arrays
from .errors import AimError
from .files import atomic_path, check_regular, parse_json

LARGEST_MEMBER = 2**31
LARGEST_FILE = 2**32
_LARGEST_MANIFEST = 2**24
_AGAIN = "Export or copy the file again."


@dataclass(frozen=True)
class Format:
    """name: as the manifest has it, and the files' ending; what: in words; schema: the newest that is read;
    members: every name there may be."""

    name: str
    what: str
    schema: int
    members: tuple[str, ...]


_GRAPHS = ("fields.onnx", "pose.onnx", "full.onnx", "pose_frame.onnx", "full_frame.onnx")
AIM = Format("aim", "model", 3, (*_GRAPHS, "mesh.npz"))
AIMPERF = Format("aimperf", "performance", 1, ("performance.npz", "coefficients.onnx"))
_FORMATS = (AIM, AIMPERF)


def write_container(
    kind: Format, path: str | Path, manifest: Mapping[str, Any], members: Mapping[str, bytes]
) -> None:
    """Write members and a manifest that names their sizes and hashes; atomically, and byte for byte the same
    for the same input.

    Raises AimError for a manifest that JSON cannot hold, and where the file cannot be written.
    """
    listed = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in members.items()
    }
    try:
        whole = {"format": kind.name, "schema": kind.schema} | dict(manifest) | {"members": listed}
        text = json.dumps(whole, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        what = f"{path} cannot be written: its manifest holds what JSON does not ({error})."
        raise AimError(what, "A figure is NaN, infinite or no plain value.") from error
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, data in [("manifest.json", text.encode()), *members.items()]:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)


def read_container(kind: Format, path: str | Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """manifest, {member: bytes}. Raises AimError for a file that is missing, cut off, altered, too large, of
    another kind or of a newer schema."""
    file = Path(path)
    if not file.exists():
        cause, remedy = "The path is misspelt or the drive is not mounted.", f"Give a .{kind.name} file."
        raise AimError(f"There is no {kind.what} at {file}.", cause, remedy)
    check_regular(file, LARGEST_FILE)
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _read_manifest(kind, file, archive)
            listed = manifest["members"].items()
            members = {name: _read_member(kind, file, archive, name, about) for name, about in listed}
    except UNREADABLE as error:
        what = f"{file} cannot be read as a .{kind.name} file ({error})."
        raise AimError(what, "It is cut off, altered, or something else.", _AGAIN) from error
    return manifest, members


def read_manifest(kind: Format, path: str | Path) -> dict[str, Any]:
    """The manifest alone, its members neither read nor hashed: which file is this? Raises AimError."""
    file = Path(path)
    check_regular(file, LARGEST_FILE)
    try:
        with zipfile.ZipFile(file) as archive:
            return _read_manifest(kind, file, archive)
    except UNREADABLE as error:
        raise AimError(f"{file} cannot be read as a .{kind.name} file ({error}).", "", _AGAIN) from error


def model_hash(manifest: Mapping[str, Any]) -> str:
    """What a scene remembers of a model, by its manifest: topology and content."""
    about = manifest["members"].get("mesh.npz", {})
    return f"{manifest.get('topology_hash', '')}:{about.get('sha256', '')}"


def _read_manifest(kind: Format, file: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    _check_entries(kind, file, archive)
    manifest = parse_json(archive.read("manifest.json"), f"{file}: its manifest")
    valid = (
        isinstance(manifest, dict)
        and manifest.get("format") == kind.name
        and isinstance(manifest.get("members"), dict)
    )
    if not valid or not all(isinstance(about, dict) for about in manifest["members"].values()):
        raise AimError(f"{file}: its manifest is not one of this project.", "It was altered.", _AGAIN)
    schema = manifest.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or not 1 <= schema <= kind.schema:
        raise AimError(
            f"{file} has schema {manifest.get('schema')}; this version reads up to {kind.schema}.",
            "A newer version of AIM for Maya wrote it.",
            "Update, or export it again with this version.",
        )
    return dict(manifest)


def _check_entries(kind: Format, file: Path, archive: zipfile.ZipFile) -> None:
    """Raises AimError for a member of another name, of a size no file needs, or without a manifest."""
    names = archive.namelist()
    for entry in archive.infolist():
        if entry.filename not in ("manifest.json", *kind.members):
            other = next((f for f in _FORMATS if entry.filename in f.members), None)
            if other is not None:
                what = f"{file} is a {other.what}, and a {kind.what} is needed."
                raise AimError(what, "The two were exchanged.", f"Give a .{kind.name} file.")
            what = f"{file} holds an unexpected member '{entry.filename[:80]}'."
            raise AimError(what, "It was not written by this project.", _AGAIN)
        if (
            entry.file_size > LARGEST_MEMBER
            or entry.compress_type != zipfile.ZIP_STORED
            or entry.file_size != entry.compress_size
        ):
            claim = f"{file}: member '{entry.filename}' claims {entry.file_size} bytes"
            raise AimError(f"{claim}, more than a {kind.what} needs.", remedy=_AGAIN)
    if len(set(names)) < len(names):
        raise AimError(f"{file} holds a member twice.", "It was not written by this project.", _AGAIN)
    if "manifest.json" not in names:
        raise AimError(f"{file} has no manifest.json.", f"It is a zip, but not a .{kind.name} file.", _AGAIN)
    size = archive.getinfo("manifest.json").file_size
    if size > _LARGEST_MANIFEST:
        raise AimError(f"{file}: its manifest is {size} bytes long.", "It was altered.", _AGAIN)


def _read_member(
    kind: Format, file: Path, archive: zipfile.ZipFile, name: str, about: Mapping[str, Any]
) -> bytes:
    if name not in kind.members or name not in archive.namelist():
        raise AimError(f"{file}: the member '{name[:80]}' is missing.", "The file was altered.", _AGAIN)
    data = archive.read(name)
    if len(data) != about.get("bytes") or hashlib.sha256(data).hexdigest() != about.get("sha256"):
        what = f"{file}: the member '{name}' is not the one that was written (SHA-256 differs)."
        raise AimError(what, "The file was altered.", _AGAIN)
    return data


def unpack_arrays(data: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays of pack_arrays; raises AimError for anything that is not a plain, uncompressed npz."""
    return read_arrays(data, where, limit=LARGEST_MEMBER, packed=False)


# The .aim file: a trained model in one container.

NO_BONES = "none: trained without bones"
"""What the manifest says under "bones" where there is no anatomy in the file."""


def write_aim(path: str | Path, manifest: Mapping[str, Any], members: Mapping[str, bytes]) -> None:
    """Write a model whole or not at all; the same input gives the same bytes. Raises AimError as
    write_container does."""
    write_container(AIM, path, manifest, members)


def read_aim(path: str | Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """manifest, {member: bytes}. Raises AimError as read_container does."""
    return read_container(AIM, path)
