"""Scene-wide commands of the first need: time, units, primitives, plug-ins, painting, file(new)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fake_maya.values import Geometry, Topology, UVSet

from .core import Flags, command, flatten, short_name

if TYPE_CHECKING:
    from tests.fake_maya.session import Session


@command("currentTime", "update")
def current_time(session: Session, args: list[Any], flags: Flags) -> float:
    """The current frame, or go to one."""
    if not flags.get("query") and args:
        session.set_time(float(flatten(args)[0]))
    return session.time / session.ticks_per_frame


@command("currentUnit", "linear angle time fullName updateAnimation")
def current_unit(session: Session, args: list[Any], flags: Flags) -> Any:
    """The user's units."""
    names = {"mm": "millimeter", "cm": "centimeter", "m": "meter", "km": "kilometer", "in": "inch", "ft": "foot", "yd": "yard", "deg": "degree", "rad": "radian"}
    for flag in ("linear", "angle", "time"):
        if flag not in flags:
            continue
        if flags.get("query"):
            return names.get(session.units[flag], session.units[flag]) if flags.get("fullName") else session.units[flag]
        value = {v: k for k, v in names.items()}.get(flags[flag], flags[flag])
        from tests.fake_maya.session import CENTIMETRES, TICKS

        if value not in {"linear": CENTIMETRES, "angle": {"deg", "rad"}, "time": TICKS}[flag]:
            raise RuntimeError(f"currentUnit: {value!r} is no {flag} unit")
        frame = session.time / session.ticks_per_frame
        session.journal.put(session.units, flag, value)
        if flag == "time" and flags.get("updateAnimation", True):
            session.journal.assign(session, "time", frame * session.ticks_per_frame)
        session.evaluator.dirty_all()
    return None


def _grid(session: Session, origin: np.ndarray, u: np.ndarray, v: np.ndarray, nu: int, nv: int) -> tuple[np.ndarray, list[list[int]]]:
    points = np.array([origin + u * i / nu + v * j / nv for j in range(nv + 1) for i in range(nu + 1)])
    row = nu + 1
    faces = [[j * row + i, j * row + i + 1, (j + 1) * row + i + 1, (j + 1) * row + i] for j in range(nv) for i in range(nu)]
    return points, faces


def _add(session: Session, name: str, points: np.ndarray, faces: list[list[int]], uvs: np.ndarray | None = None) -> list[str]:
    counts = np.array([len(f) for f in faces], np.int32)
    corners = np.array([c for f in faces for c in f], np.int32)
    topology = Topology(len(points), counts, corners)
    if uvs is not None:
        topology.uv_sets["map1"] = UVSet(uvs[:, 0].astype(np.float32), uvs[:, 1].astype(np.float32), counts, corners)
    transform, _ = session.make_mesh(name, Geometry(np.asarray(points, np.float32), topology=topology))
    session.journal.assign(session, "selection", [short_name(session, transform)])
    session.modified = True
    return [short_name(session, transform)]


@command("polyPlane", "name width height subdivisionsX subdivisionsY constructionHistory axis createUVs")
def poly_plane(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """A plane in x and z (or facing `axis` z), without construction history."""
    width, height = (flags.get(f, 1.0) * session.centimetres for f in ("width", "height"))
    nu, nv = flags.get("subdivisionsX", 10), flags.get("subdivisionsY", 10)
    up = tuple(flags.get("axis", (0, 1, 0))) == (0, 0, 1)
    v_axis = np.array([0, 1.0, 0]) if up else np.array([0, 0, -1.0])
    u, v = np.array([width, 0, 0]), v_axis * height
    points, faces = _grid(session, -(u + v) / 2, u, v, nu, nv)
    uvs = np.array([[i / nu, j / nv] for j in range(nv + 1) for i in range(nu + 1)])
    return _add(session, flags.get("name") or "pPlane1", points, faces, uvs)


@command("polyCube", "name width height depth constructionHistory axis createUVs subdivisionsX subdivisionsY subdivisionsZ")
def poly_cube(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """A cube of eight points, without construction history."""
    size = [flags.get(f, 1.0) * session.centimetres / 2 for f in ("width", "height", "depth")]
    signs = [(-1, -1, 1), (1, -1, 1), (-1, 1, 1), (1, 1, 1), (-1, 1, -1), (1, 1, -1), (-1, -1, -1), (1, -1, -1)]
    faces = [[0, 1, 3, 2], [2, 3, 5, 4], [4, 5, 7, 6], [6, 7, 1, 0], [1, 7, 5, 3], [6, 0, 2, 4]]
    return _add(session, flags.get("name") or "pCube1", np.array(signs) * size, faces)


@command("polySphere", "name radius subdivisionsX subdivisionsY constructionHistory axis createUVs")
def poly_sphere(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """A sphere of rings with two poles, without construction history."""
    radius = flags.get("radius", 1.0) * session.centimetres
    nu, nv = flags.get("subdivisionsX", 20), flags.get("subdivisionsY", 20)
    points = [
        [np.sin(np.pi * j / nv) * np.sin(2 * np.pi * i / nu), -np.cos(np.pi * j / nv), np.sin(np.pi * j / nv) * np.cos(2 * np.pi * i / nu)]
        for j in range(1, nv)
        for i in range(nu)
    ]
    faces = [[j * nu + i, j * nu + (i + 1) % nu, (j + 1) * nu + (i + 1) % nu, (j + 1) * nu + i] for j in range(nv - 2) for i in range(nu)]
    bottom, top = len(points), len(points) + 1
    points += [[0, -1, 0], [0, 1, 0]]
    last = (nv - 2) * nu
    faces += [[(i + 1) % nu, i, bottom] for i in range(nu)] + [[last + i, last + (i + 1) % nu, top] for i in range(nu)]
    return _add(session, flags.get("name") or "pSphere1", np.array(points) * radius, faces)


@command("loadPlugin", "quiet allPlugins name", undoable=False)
def load_plugin(session: Session, args: list[Any], flags: Flags) -> list[str] | None:
    """Load Python plug-ins by path or name; None when all were loaded."""
    found = [session.plugins.load(name) for name in flatten(args)]
    return [n for n in found if n] or None


@command("unloadPlugin", "force", undoable=False)
def unload_plugin(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """Unload plug-ins."""
    for name in flatten(args):
        session.plugins.unload(name, force=bool(flags.get("force")))
    session.journal.flush()
    return flatten(args)


@command("pluginInfo", "loaded path version vendor apiVersion listPlugins dependNode registered name autoload pluginsInUse unloadOk", undoable=False)
def plugin_info(session: Session, args: list[Any], flags: Flags) -> Any:
    """Questions about plug-ins."""
    if flags.get("listPlugins"):
        return list(session.plugins.loaded) or None
    if flags.get("edit"):
        return None
    from pathlib import Path

    record = session.plugins.loaded.get(Path(flatten(args)[0]).stem) if args else None
    if flags.get("loaded"):
        return record is not None
    if flags.get("registered"):
        return record is not None or session.plugins.find(flatten(args)[0]) is not None
    if record is None:
        raise RuntimeError(f"pluginInfo: {args} is not loaded")
    answers = {
        "path": record.path,
        "version": record.version,
        "vendor": record.vendor,
        "apiVersion": record.api,
        "name": record.name,
        "dependNode": list(record.types) or None,
        "autoload": False,
    }
    answers["unloadOk"] = not any(n.type.plugin == record.name for n in session.graph)
    return next(answers[f] for f in flags if f in answers)


@command("makePaintable", "attrType shapeMode remove activate altAttribute uiName clearAll activateAll", undoable=False)
def make_paintable(session: Session, args: list[Any], flags: Flags) -> None:
    """Record what may be painted."""
    name = ".".join(args)
    if flags.get("remove"):
        session.paintable.pop(name, None)
    else:
        session.paintable[name] = flags
