"""The user's units: what values of `cmds`, keys among them, are counted in."""

from __future__ import annotations

from maya import cmds

_CENTIMETRES = {"mm": 0.1, "cm": 1.0, "m": 100.0, "km": 1e5, "in": 2.54, "ft": 30.48, "yd": 91.44}
_RATES = {"game": 15.0, "film": 24.0, "pal": 25.0, "ntsc": 30.0, "show": 48.0, "palf": 50.0, "ntscf": 60.0}
_DEGREES = {"deg": 1.0, "rad": 57.29577951308232}


def frames_per_second() -> float:
    """Of the scene's time slider: 'film' is 24, '29.97fps' is what it says."""
    name = str(cmds.currentUnit(query=True, time=True))
    return _RATES[name] if name in _RATES else float(name.removesuffix("fps").removesuffix("df"))


def centimetres() -> float:
    """In one user unit of length."""
    return _CENTIMETRES[str(cmds.currentUnit(query=True, linear=True))]


def degrees() -> float:
    """In one user unit of angle."""
    return _DEGREES[str(cmds.currentUnit(query=True, angle=True))]
