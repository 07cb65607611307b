"""Ways in which a file comes to harm, as hypothesis strategies: its bytes, its text, its JSON, its arrays,
and containers of them."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from aim_maya.core.container import Format, read_container, write_container

Draw = Callable[[st.SearchStrategy[Any]], Any]


def whole(strategy: st.SearchStrategy[Any]) -> Any:
    """In the place of hypothesis's draw: the first of what there is to choose from, and no damage."""
    return getattr(strategy, "elements", [False])[0]


NASTY_TOKENS = [
    "",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "-1.#IND",
    "9" * 400,
    "-1",
    "0",
    "1,5",
    "0x10",
    "é",
    "\ufeff",
    "\\",
    "#",
    "/",
    "1/2/3/4",
    '"',
    "a b",
    "2147483648",
    "-2147483649",
    "1e-320",
    "\x00",
    "[" * 200,
    "$",
    "{{x}}",
]
NASTY_VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    1e308,
    -1e308,
    10**400,
    2**63,
    "",
    "x",
    "9" * 300,
    [],
    {},
    [[]],
    [None],
    [1, "a"],
    {"a": {}},
    [0] * 1000,
    "../../etc",
    "\ud800",
]


def bytes_damaged(draw: Draw, data: bytes) -> bytes:
    """Some bytes changed, cut off, doubled or put in between."""
    if draw is whole:
        return data
    result = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(result) - 1, 0)))
        size = draw(st.sampled_from([1, 2, 8, 64, 1024]))
        what = draw(st.sampled_from(["change", "cut", "drop", "double", "insert"]))
        if what == "change":
            result[at : at + size] = draw(st.binary(min_size=1, max_size=8))
        elif what == "cut":
            del result[at:]
        elif what == "drop":
            del result[at : at + size]
        elif what == "double":
            result[at:at] = result[at : at + size]
        else:
            result[at:at] = draw(
                st.sampled_from([b"\0", b"\xff" * 8, b"[" * 500, b"\xef\xbb\xbf", b"\r", b"9" * 400])
            )
    return bytes(result)


def text_damaged(draw: Draw, text: str, separators: str = " ,;") -> bytes:
    """Some lines lost, doubled or swapped, some words replaced, another encoding."""
    if draw is whole:
        return text.encode()
    lines = text.split("\n")
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(["word", "word", "word", "drop", "double", "swap", "join"]))
        if what == "drop" and len(lines) > 1:
            del lines[at]
        elif what == "double":
            lines.insert(at, lines[at])
        elif what == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif what == "join":
            lines[at] += draw(st.sampled_from(NASTY_TOKENS))
        else:
            separator = next((s for s in separators if s in lines[at]), " ")
            words = lines[at].split(separator)
            words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(NASTY_TOKENS))
            lines[at] = separator.join(words)
    coding = draw(st.sampled_from(["utf-8"] * 6 + ["utf-16", "cp1252"]))
    return draw(st.sampled_from(["\n", "\n", "\r\n"])).join(lines).encode(coding, "replace")


def json_damaged(draw: Draw, value: Any) -> Any:
    """Some entry, anywhere, of another kind, missing, doubled under another name, or nested deep."""
    if draw is whole:
        return value
    changed = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        owner, key = _somewhere(draw, changed)
        if owner is None:
            return copy.deepcopy(draw(st.sampled_from(NASTY_VALUES)))
        what = draw(st.sampled_from(["replace", "replace", "replace", "drop", "rename", "more", "deep"]))
        if what == "drop":
            del owner[key]
        elif what == "deep":
            nested: Any = 0
            for _ in range(draw(st.sampled_from([10, 900]))):
                nested = [nested]
            owner[key] = nested
        elif what in ("rename", "more") and isinstance(owner, dict):
            name = draw(st.sampled_from(["x", "", "Targets", "\ud800", "$"]))
            owner[name] = owner.pop(key) if what == "rename" else owner[key]
        elif what == "more":
            owner.append(copy.deepcopy(owner[key]))
        else:
            owner[key] = copy.deepcopy(draw(st.sampled_from(NASTY_VALUES)))
    return changed


def json_text(value: Any) -> bytes:
    """JSON as any program may write it: NaN and infinity, lone surrogates."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _somewhere(draw: Draw, value: Any) -> tuple[Any, Any]:
    owner, key, at = None, None, value
    while isinstance(at, dict | list) and len(at) and (owner is None or draw(st.integers(0, 3))):
        owner = at
        key = (
            draw(st.sampled_from(sorted(at, key=str)))
            if isinstance(at, dict)
            else draw(st.integers(0, len(at) - 1))
        )
        at = at[key]
    return owner, key


def arrays_damaged(draw: Draw, arrays: dict[str, np.ndarray]) -> bytes:
    """An npz with some arrays of other types, sizes or values, missing, added, packed, or with headers that
    lie."""
    if draw is whole:
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        return stream.getvalue()
    changed = dict(arrays)
    lie = ""
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(changed)))
        array = np.asarray(changed[name])
        what = draw(
            st.sampled_from(["type", "size", "value", "value", "drop", "more", "pickle", "lie", "nan"])
        )
        if what == "drop" and len(changed) > 1:
            del changed[name]
        elif what == "type":
            kind = draw(
                st.sampled_from(["f8", "f4", ">f4", "f2", "i1", "u8", "i8", "?", "U4", "S3", "c8", "M8[s]"])
            )
            with np.errstate(all="ignore"):
                changed[name] = (
                    np.zeros(array.shape, kind)
                    if array.dtype.kind in "USOMc" or kind == "M8[s]"
                    else array.astype(kind)
                )
        elif what == "size":
            size = draw(st.sampled_from([(0,), (), (1,), (3,), (2, 3), (1, 1, 1), (0, 3), (5, 4, 4)]))
            changed[name] = np.resize(array, size) if array.size else np.zeros(size, array.dtype)
        elif what in ("value", "nan") and array.size and array.dtype.kind in "fiu":
            array = np.array(array)
            wild = (
                [np.nan, np.inf, -np.inf, 1e38, -1.0, 0.0]
                if array.dtype.kind == "f"
                else [np.iinfo(array.dtype).max, np.iinfo(array.dtype).min, 0]
            )
            array.reshape(-1)[
                draw(st.integers(0, array.size - 1)) :: draw(st.sampled_from([1, 7, array.size]))
            ] = draw(st.sampled_from(wild))
            changed[name] = array
        elif what == "more":
            changed[draw(st.sampled_from(["x", "uvs", "fps", "vertices", "codes", "regions"]))] = array
        elif what == "pickle":
            changed[name] = np.array([{"a": 1}], object)
        elif what == "lie":
            lie = name
    stream = io.BytesIO()
    (np.savez_compressed if draw(st.integers(0, 7)) == 0 else np.savez)(stream, **changed)
    data = stream.getvalue()
    return _lying(draw, data, lie) if lie else data


def _lying(draw: Draw, data: bytes, name: str) -> bytes:
    """The npz with one header that asks for more than there is, or makes no sense."""
    header = draw(
        st.sampled_from(["(3000000000000,)", "(-1,)", "(2,", "(1,)*9", "'x'", "(1e3,)", "(0, 99999999999)"])
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(stream, "w") as after:
        for entry in before.infolist():
            content = before.read(entry)
            if entry.filename == f"{name}.npy":
                text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {header}, }}".ljust(117) + "\n"
                content = (
                    b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + content[128:]
                )
            after.writestr(entry.filename, content)
    return stream.getvalue()


def container_damaged(draw: Draw, kind: Format, file: Path, out: Path, arrays: str) -> None:
    """A copy of a container with its manifest, its arrays, a graph or its bytes damaged; hashes are right
    except for the last."""
    if draw is whole:
        out.write_bytes(file.read_bytes())
        return
    manifest, members = read_container(kind, file)
    about = {k: v for k, v in manifest.items() if k not in ("format", "schema", "members")}
    what = draw(st.sampled_from(["manifest", "manifest", "arrays", "arrays", "member", "bytes"]))
    if what == "bytes":
        out.write_bytes(bytes_damaged(draw, file.read_bytes()))
        return
    if what == "manifest":
        about = json_damaged(draw, about)
    elif what == "arrays":
        with np.load(io.BytesIO(members[arrays]), allow_pickle=False) as given:
            members[arrays] = arrays_damaged(draw, dict(given))
    else:
        name = draw(st.sampled_from(sorted(members)))
        members[name] = bytes_damaged(draw, members[name])
    _write(kind, out, about, members)


def _write(kind: Format, out: Path, about: Any, members: dict[str, bytes]) -> None:
    """As write_container, with a manifest that it would refuse where need be."""
    write_container(kind, out, {}, members)
    with zipfile.ZipFile(out) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    damaged = json_text(manifest | about if isinstance(about, dict) else about)
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in {"manifest.json": damaged, **members}.items():
            archive.writestr(name, data)
