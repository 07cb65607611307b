"""Point caches of meshes as Maya's own exporters write them: Alembic and USD. Deformers run as in the scene, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maya import cmds

from aim_maya.core.errors import AimError
from aim_maya.core.frames import Sampling


def write_alembic(roots: Sequence[str], sampling: Sampling, out: Path, *, world: bool, strip_namespaces: bool) -> None:
    """One Ogawa archive of these transforms. Raises AimError with the exporter's words."""
    words = [f"-frameRange {_number(sampling.first)} {_number(sampling.last)} -step {_number(sampling.step)}"]
    words += [f"-frameRelativeSample {_number(sub)}" for sub in sorted(sampling.sub_frames) if sampling.sub_frames != (0.0,)]
    words += ["-uvWrite", "-writeVisibility", "-dataFormat ogawa"]
    words += ["-worldSpace"] if world else []
    words += ["-stripNamespaces"] if strip_namespaces else []
    words += [f"-root {root}" for root in outermost(roots)]
    words.append(f"-file {_quoted(out.as_posix())}")
    _command("AbcExport", j=" ".join(words))


def write_usd(roots: Sequence[str], sampling: Sampling, out: Path, *, world: bool, strip_namespaces: bool) -> None:
    """One USD file: points as time samples, no skeleton, no blend shapes. `world` is in the transform of each root prim, points are object space.

    Raises AimError with the exporter's words.
    """
    flags: dict[str, Any] = {
        "file": out.as_posix(), "exportRoots": outermost(roots), "frameRange": (sampling.first, sampling.last), "frameStride": sampling.step,
        "frameSample": sorted(sampling.sub_frames), "exportBlendShapes": False, "exportSkels": "none", "exportSkin": "none", "exportUVs": True,
        "staticSingleSample": False, "stripNamespaces": strip_namespaces, "defaultUSDFormat": "usda" if out.suffix == ".usda" else "usdc",
    }  # fmt: skip
    if world:
        flags["worldspace"] = True
    _command("mayaUSDExport", **flags)


def outermost(roots: Sequence[str]) -> list[str]:
    """Full paths without those that lie below another: the exporter takes children along, and refuses them twice."""
    return [r for r in dict.fromkeys(roots) if not any(r.startswith(f"{other}|") for other in roots)]


def _number(value: float) -> str:
    return f"{value:.12g}"


def _quoted(path: str) -> str:
    """The job string is cut at spaces; quotes keep a path together."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _command(name: str, **flags: Any) -> None:
    """A plug-in's command, which no stub knows. An older plug-in that has not a flag says so."""
    command = getattr(cmds, name, None)
    if command is None:
        raise AimError(f"Maya has no command {name}.", "Its plug-in is not loaded.", "Install it, or take another --format.")
    try:
        command(**flags)
    except TypeError as error:
        raise AimError(
            f"{name} refused its arguments ({error}).", "This plug-in is too old: `worldspace` came to mayaUSDExport late.", "--space object, or --format abc."
        ) from error
    except (RuntimeError, OSError) as error:
        raise AimError(
            f"{name} failed ({str(error).strip()}).", "The disk may be full, or the scene holds something it cannot write.", "Look at the log above."
        ) from error
