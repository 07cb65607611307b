"""The links of a chain, each a step made of the products before it: train -> fit -> retarget -> bake -> merge.

A further link is one more function here: it takes products, adds a step, and returns what it makes.
"""

from __future__ import annotations

from collections.abc import Sequence

from .job import Job, Product

FRAMES = "Frames"  # the task parameter: 'A-B'
_PIECE = "{{Task.Param." + FRAMES + "}}"


def add_train(job: Job, name: str, actor: Product, models: Product, preset: str, options: Sequence[str]) -> Product:
    """Train one actor; the model is <models>/<name>.aim. A task that comes back goes on from its checkpoint, or finds the work done."""
    out = f"{models.path}/{name}.aim"
    return job.step(f"Train_{name}", ["train", actor, "-o", out, "--preset", preset, "--if-needed", "--progress", "openjd", *options], out)


def add_fit(job: Job, name: str, model: Product, frames: Product, folder: Product, options: Sequence[str]) -> Product:
    """Fit one capture; the performance is <folder>/<name>.aimperf, and takes the place of curves in a bake. A task that comes back goes on."""
    out = f"{folder.path}/{name}.aimperf"
    return job.step(f"Fit_{name}", ["fit", model, frames, "-o", out, "--resume", "--progress", "openjd", *options], out)


def add_retarget(job: Job, name: str, source: Product, target: Product, take: Product, folder: Product, options: Sequence[str | Product]) -> Product:
    """Carry a performance, or curves, from the source's model to the target's: <folder>/<name>.aimperf. The same comes of it as often as it runs."""
    out = f"{folder.path}/{name}.aimperf"
    arguments: list[str | Product] = ["retarget", take, "--source", source, "--target", target, "-o", out, "--progress", "openjd", *options]
    return job.step(f"Retarget_{name}", arguments, out)


def add_bake(job: Job, name: str, model: Product, take: Product, folder: Product, ending: str, ranges: Sequence[str], options: Sequence[str]) -> list[Product]:
    """Bake one take, a task for each range of frames; the chunks, in order. A finished chunk is not baked again."""
    stem = f"{folder.path}/chunks/{name}"
    chunk = f"{stem}.{_PIECE}{ending}"
    arguments: list[str | Product] = ["bake", model, take, "-o", chunk, f"--frames={_PIECE}", "--resume", "--progress", "openjd", *options]
    made = job.step(f"Bake_{name}", arguments, chunk, {FRAMES: ranges})
    return [Product(f"{stem}.{piece}{ending}", made.maker) for piece in ranges]


def add_whole_bake(job: Job, name: str, model: Product, take: Product, folder: Product, ending: str, frames: str, options: Sequence[str]) -> Product:
    """Bake one take in one piece, for files that cannot be joined."""
    out = f"{folder.path}/{name}{ending}"
    return job.step(f"Bake_{name}", ["bake", model, take, "-o", out, f"--frames={frames}", "--resume", "--progress", "openjd", *options], out)


def add_merge(job: Job, name: str, chunks: Sequence[Product], folder: Product, ending: str) -> Product:
    """Join the chunks of one take into <folder>/<name><ending>."""
    out = f"{folder.path}/{name}{ending}"
    return job.step(f"Merge_{name}", ["farm", "merge", *chunks, "-o", out], out)
