"""Maya ASCII as text: statements of tokens, and numbers as Maya writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np


class Quoted(str):
    """A token that stood in quotes."""

    __slots__ = ()


_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(;)|//[^\n]*|/\*.*?\*/|([^\s;"{},]+)', re.S)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


def load_text(path: str) -> str:
    """Text of a file, in the encoding that its line `//Codeset:` names."""
    with open(path, "rb") as file:
        raw = file.read()
    match = re.search(rb"^//Codeset:\s*([\w-]+)", raw[:2000], re.M)
    name = match[1].decode() if match else "UTF-8"
    try:
        return raw.decode(f"cp{name}" if name.isdigit() else name, errors="replace")
    except LookupError:
        return raw.decode("utf-8", errors="replace")


def unescape(text: str) -> str:
    """A MEL string's content."""
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text, flags=re.S)


def quote(text: str) -> str:
    """A string as MEL writes it."""
    escaped = (
        text.replace("\\", "\\\\")
        .replace('"', '\\"')
        .replace("\n", "\\n")
        .replace("\t", "\\t")
        .replace("\r", "\\r")
    )
    return f'"{escaped}"'


def tokens(text: str) -> list[str]:
    """Tokens of one piece of text, without separators. Braces and commas mean nothing more than blanks."""
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        if match[1] is not None:
            found.append(Quoted(unescape(match[1])))
        elif match[3] is not None:
            found.append(match[3])
    return found


def statements(text: str) -> Iterator[list[str]]:
    """Token lists, one a statement; several may stand on a line, one may span many."""
    current: list[str] = []
    for match in _TOKEN.finditer(text):
        if match[2] is not None:
            if current:
                yield current
            current = []
        elif match[1] is not None:
            current.append(Quoted(unescape(match[1])))
        elif match[3] is not None:
            current.append(match[3])
    if current:
        yield current


_ARITY = {"type": 1, "s": 1, "ch": 1, "l": 1, "k": 1, "cb": 1, "ca": 1, "av": 0, "c": 0}
_BOOLS = {"yes": True, "no": False, "on": True, "off": False, "true": True, "false": False}


def split_set_attr(words: list[str]) -> tuple[str, dict[str, str], list[str]]:
    """Plug, flags and values of a setAttr statement (without the word itself)."""
    flags: dict[str, str] = {}
    plug = ""
    values: list[str] = []
    i = 0
    while i < len(words):
        word = words[i]
        name = word[1:]
        if not isinstance(word, Quoted) and word.startswith("-") and name in _ARITY:
            flags[name] = words[i + 1] if _ARITY[name] else "1"
            i += 1 + _ARITY[name]
            continue
        if not plug:
            plug = word
        else:
            values.append(word)
        i += 1
    return plug, flags, values


def number(word: str) -> float:
    """One number; yes and no count as 1 and 0."""
    if word in _BOOLS:
        return float(_BOOLS[word])
    return float(word)


def truth(word: str) -> bool:
    """on, off, yes, no, 1, 0."""
    return _BOOLS[word] if word in _BOOLS else bool(float(word))


def write_number(value: Any, kind: str) -> str:
    """A number as Maya writes it: floats with nine digits, doubles in full, booleans as yes and no."""
    if kind == "bool":
        return "yes" if value else "no"
    if kind in ("long", "short", "byte", "char", "enum"):
        return str(int(value))
    if float(value) == int(value) if abs(value) < 1e15 else False:
        return str(int(value))
    if kind in ("float", "floatLinear"):
        return f"{float(np.float32(value)):.9g}"
    return repr(float(value))
