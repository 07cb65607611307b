"""Chunks of one shot, baked apart, joined to one file with the same bytes of points: npz or USD."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path, check_apart
from trainer.bake.formats.plain import FrameReader, npz_provenance, stream_npz
from trainer.bake.formats.usd import USD_ENDINGS, as_text_if_wanted, usd_provenance
from trainer.usd.stage import CrateStream, copy_without_samples, sampled_attributes, usd, usd_errors

from .shot import range_fingerprint


@dataclass(frozen=True)
class _Chunk:
    path: Path
    source: str
    first: float
    last: float
    step: float


def merge(chunks: Sequence[Path], out: Path) -> dict[str, Any]:
    """Join chunks, in any order, into `out`; returns its first and last frame and their number.

    Chunks are outputs of `bake --frames A-B` of one ending. Raises AimError when one is missing or no bake,
    when they are not of the same model, curves and options, or when frames are missing between them or there
    twice.
    """
    if not chunks:
        raise AimError(
            "There are no chunks to merge.", "The pattern matches nothing.", "Name the files that were baked."
        )
    kind = out.suffix.lower()
    if kind not in (".npz", *USD_ENDINGS):
        raise AimError(
            f"'{out}' cannot be merged to.",
            "Only npz and USD are.",
            "An OBJ sequence needs no merging; bake Alembic in one piece.",
        )
    check_apart(out, *chunks)
    described = sorted(
        (_describe(Path(path), kind == ".npz") for path in chunks), key=lambda chunk: chunk.first
    )
    _check(described)
    frames = _merge_npz(described, out) if kind == ".npz" else _merge_usd(described, out)
    return {
        "chunks": len(described),
        "frames": frames,
        "first": described[0].first,
        "last": described[-1].last,
        "output": str(out),
    }


def _describe(path: Path, npz: bool) -> _Chunk:
    found = (npz_provenance(path) if npz else usd_provenance(path)) if path.is_file() else None
    if found is None:
        why = (
            "It was written by another program, or has another ending than the output."
            if path.is_file()
            else "Its task failed, or did not run."
        )
        raise AimError(
            f"{path} is no chunk that `aimface bake` wrote."
            if path.is_file()
            else f"The chunk {path} is missing.",
            why,
            "Bake it again.",
        )
    return _Chunk(path, found.source, found.first, found.last, found.step)


def _check(chunks: list[_Chunk]) -> None:
    for one, other in pairwise(chunks):
        if one.source != other.source:
            raise AimError(
                f"{one.path.name} and {other.path.name} are not of one shot.",
                "Model, curves, options or version differ.",
                "Bake all chunks again with the same.",
            )
        if abs(other.first - one.last - one.step) > 1e-6:
            twice = other.first < one.last + one.step
            raise AimError(
                f"{one.path.name} ends at frame {one.last:g} and {other.path.name} begins at "
                f"{other.first:g}.",
                "Frames are there twice."
                if twice
                else f"Frames between are missing; the step is {one.step:g}.",
                "Give every chunk once.",
            )


def _merge_npz(chunks: list[_Chunk], out: Path) -> int:
    """Frames are copied one by one; small arrays over time are joined, the others are the first chunk's."""
    over_time = ("times", "jaw_matrices", "head_matrices", "frame_numbers")
    heads = []
    for chunk in chunks:
        with FrameReader(chunk.path) as reader:
            heads.append((reader.shape, reader.small))

    def frames() -> Iterator[np.ndarray]:
        for chunk in chunks:
            with FrameReader(chunk.path) as reader:
                yield from reader

    def small() -> dict[str, Any]:
        joined = {name: np.concatenate([arrays[name] for _, arrays in heads]) for name in over_time}
        return (
            heads[0][1]
            | joined
            | {"fingerprint": np.array(_fingerprint(chunks)), "last": np.float64(chunks[-1].last)}
        )

    count = sum(shape[0] for shape, _ in heads)
    stream_npz(out, (count, heads[0][0][1], 3), frames(), small)
    return count


def _merge_usd(chunks: list[_Chunk], out: Path) -> int:
    usd("Merging USD")
    from pxr import Sdf

    codes: set[float] = set()

    def write(path: Path) -> None:
        with usd_errors(f"Merging to {out} failed"):
            target = Sdf.Layer.CreateNew(
                str(path), args={"format": "usdc"} if path.suffix.lower() == ".usd" else {}
            )
            copy_without_samples(Sdf.Layer.OpenAsAnonymous(str(chunks[0].path)), target)
            target.endTimeCode = chunks[-1].last
            about = target.customLayerData
            target.customLayerData = about | {
                "aim": about["aim"] | {"fingerprint": _fingerprint(chunks), "last": chunks[-1].last}
            }
            stream = CrateStream(target, out)
            for chunk in chunks:
                codes.update(_copy_samples(Sdf.Layer.OpenAsAnonymous(str(chunk.path)), stream))
            stream.finish()

    with atomic_path(out) as temporary:
        as_text_if_wanted(write, temporary, out)
    return len(codes)


def _copy_samples(layer: Any, stream: CrateStream) -> set[float]:
    paths = sampled_attributes(layer)
    codes = {path: layer.ListTimeSamplesForPath(path) for path in paths}
    for code in sorted(set().union(*codes.values())):
        for path in paths:
            if (value := layer.QueryTimeSample(path, code)) is not None:
                stream.set(path, code, value, 12 * len(value) if hasattr(value, "__len__") else 128)
    return set().union(*codes.values())


def _fingerprint(chunks: list[_Chunk]) -> str:
    """The fingerprint a bake of the whole range in one piece would have."""
    return range_fingerprint(
        chunks[0].source,
        Fraction(chunks[0].first).limit_denominator(1_000_000),
        Fraction(chunks[-1].last).limit_denominator(1_000_000),
    )
