"""The .aim container: deterministic, whole or refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from aim_maya.core.container import AIM, read_aim, write_aim
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel


def rewrite(source: Path, target: Path, change) -> Path:
    """Copy a .aim member by member through change(name, bytes) -> bytes or None."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


def test_same_input_same_bytes(tmp_path: Path) -> None:
    for name in ("a.aim", "b.aim"):
        write_aim(tmp_path / name, {"x": 1}, {"mesh.npz": b"123"})
    assert (tmp_path / "a.aim").read_bytes() == (tmp_path / "b.aim").read_bytes()
    manifest, members = read_aim(tmp_path / "a.aim")
    assert members == {"mesh.npz": b"123"}
    assert manifest["schema"] == AIM.schema == 3


def test_truncated(draft: Path, tmp_path: Path) -> None:
    data = draft.read_bytes()
    for share in (0.0, 0.1, 0.5, 0.99):
        (tmp_path / "cut.aim").write_bytes(data[: int(share * len(data))])
        with pytest.raises(AimError, match=r"cut\.aim"):
            FaceModel.load(tmp_path / "cut.aim")


def test_altered_member(draft: Path, tmp_path: Path) -> None:
    def flip(name: str, data: bytes) -> bytes:
        return data if name != "fields.onnx" else data[:-1] + bytes([data[-1] ^ 1])

    with pytest.raises(AimError, match=r"'fields.onnx' is not the one that was written"):
        FaceModel.load(rewrite(draft, tmp_path / "x.aim", flip))


def test_one_bit_anywhere_in_the_data(draft: Path, tmp_path: Path) -> None:
    data = bytearray(draft.read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "bit.aim").write_bytes(data)
    with pytest.raises(AimError):
        FaceModel.load(tmp_path / "bit.aim")


def test_missing_member(draft: Path, tmp_path: Path) -> None:
    with pytest.raises(AimError, match=r"'mesh.npz' is missing"):
        FaceModel.load(rewrite(draft, tmp_path / "x.aim", lambda n, d: None if n == "mesh.npz" else d))


def test_newer_schema(draft: Path, tmp_path: Path) -> None:
    def newer(name: str, data: bytes) -> bytes:
        return json.dumps(json.loads(data) | {"schema": 99}).encode() if name == "manifest.json" else data

    with pytest.raises(AimError, match="schema 99"):
        FaceModel.load(rewrite(draft, tmp_path / "x.aim", newer))


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "sub/mesh.npz"])
def test_members_that_point_elsewhere(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.aim", "w") as archive:
        archive.writestr("manifest.json", "{}")
        archive.writestr(name, b"x")
    with pytest.raises(AimError, match="unexpected member"):
        read_aim(tmp_path / "x.aim")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.aim", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", "{}", zipfile.ZIP_STORED)
        archive.writestr("mesh.npz", b"\0" * 10_000_000)
    with pytest.raises(AimError, match="claims 10000000 bytes"):
        read_aim(tmp_path / "x.aim")


def test_absurd_declared_size(draft: Path, tmp_path: Path) -> None:
    data = bytearray(draft.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 20 : at + 28] = b"\xff\xff\xff\x7f" * 2
    (tmp_path / "x.aim").write_bytes(data)
    with pytest.raises(AimError):
        read_aim(tmp_path / "x.aim")


def test_not_a_zip_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "x.aim").write_text("hello")
    with pytest.raises(AimError, match="cannot be read"):
        read_aim(tmp_path / "x.aim")
    with pytest.raises(AimError, match="no model at"):
        read_aim(tmp_path / "none.aim")


def test_manifest_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.aim", "w") as archive:
        archive.writestr("manifest.json", '{"format": "other", "members": {}}')
    with pytest.raises(AimError, match="not one of this project"):
        read_aim(tmp_path / "x.aim")


def test_what_a_killed_write_left_goes_with_the_next_and_a_living_one_stays(tmp_path: Path) -> None:
    """A process is killed while it writes; another is in the middle of it; the file is written again."""
    import os
    import subprocess
    import sys
    import time

    from aim_maya.core.files import atomic_path, write_text

    out = tmp_path / "a.obj"
    code = (
        "import os, sys; from aim_maya.core.files import atomic_path\nwith "
        f"atomic_path({str(out)!r}) as t: t.write_text('half'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).resolve().parents[2])
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".a.obj.")
    assert left.suffix == ".obj"
    os.utime(left, (time.time() - 60, time.time() - 60))
    with atomic_path(out) as living:
        os.utime(living, (time.time() - 60, time.time() - 60))
        write_text(out, "whole")
        assert living.exists()
        living.write_text("last")
    assert [p.name for p in tmp_path.iterdir()] == ["a.obj"]
    assert out.read_text() == "last"
