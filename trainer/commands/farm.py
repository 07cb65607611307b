"""Write work for a render farm as an Open Job Description template (train, bake, fit, retarget), and join
what it baked (merge)."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from aim_maya.core.curves import Curves
from aim_maya.core.errors import AimError
from aim_maya.core.training_options import Quality
from trainer.farm import (
    Hosts,
    Job,
    Product,
    add_bake,
    add_fit,
    add_merge,
    add_retarget,
    add_train,
    add_whole_bake,
    checked_text,
    write_job,
)
from trainer.retarget.mapping import mapping_files

from .farm_frames import split, wanted


@dataclass
class Farm:
    """What every job takes."""

    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The job: JOB.yaml or JOB.json (the values of its paths go to JOB.parameters.json), or a folder for a
    job bundle."""
    preset: Quality = "standard"
    """Training preset of every actor."""
    train_options: str = ""
    """More options for `aimface train`, in one text: --train-options="--seed 2 --jaw estimate"."""
    program: str = "aimface"
    """The aimface command as the machines know it; the job's parameter AimFace overrides it."""
    cores: int = 0
    """CPU cores a machine must have; 0: any."""
    memory_gib: float = 0.0
    """Memory a machine must have; 0: any."""
    gpu: bool = False
    """Ask for machines with a GPU."""
    timeout_s: int = 0
    """Seconds after which a task counts as hung; 0: the farm's own limit."""

    def job(self, name: str, description: str) -> Job:
        """An empty job of these settings."""
        for what in ("cores", "memory_gib", "timeout_s"):
            if getattr(self, what) < 0:
                raise AimError(
                    f"{what} is {getattr(self, what)}.", remedy="Give a number above zero, or leave it out."
                )
        made = Job(name[:128], description, Hosts(self.cores, self.memory_gib, self.gpu, self.timeout_s))
        made.command(self.program)
        return made


@dataclass(kw_only=True)
class Train(Farm):
    """Train actors: one step each, all side by side."""

    actors: tyro.conf.Positional[tuple[Path, ...]]
    """Actor folders, dataset.npz or USD files."""
    models: Path
    """Folder for the models: <actor>.aim."""


@dataclass(kw_only=True)
class Bake(Farm):
    """Bake takes in chunks and join them. An actor in the place of the model is trained first."""

    source: tyro.conf.Positional[Path]
    """The .aim file; or an actor (folder, dataset.npz, USD), which the job trains before it bakes."""
    takes: tyro.conf.Positional[tuple[Path, ...]]
    """Curves or performances, as `aimface bake` takes them."""
    to: Path
    """Folder for what is baked: <take><ending>, and chunks/ with the pieces."""
    ending: Literal[".usd", ".usdc", ".usda", ".npz", ".abc"] = ".usdc"
    """Kind of file, as `aimface bake` knows them. Alembic cannot be joined: a take of it is one task."""
    frames: str | None = None
    """First and last frame, A-B, as --start counts them; all of each take when not given."""
    chunk: int = 250
    """Frames (samples, with a --step) that one task bakes, at most."""
    bake_options: str = ""
    """More options for `aimface bake`, in one text: --bake-options="--fps 24 --start 1001"."""


@dataclass(kw_only=True)
class Fit(Bake):
    """Fit captured frames, then bake what was fitted. An actor in the place of the model is trained first."""

    takes: tyro.conf.Positional[tuple[Path, ...]]
    """Captured frames, as `aimface fit` takes them: folders of OBJs, or npz files with `frames`."""
    fit_options: str = ""
    """More options for `aimface fit`, in one text: --fit-options="--mode global"."""
    only: bool = False
    """Fit alone: <take>.aimperf, and nothing is baked."""


@dataclass(kw_only=True)
class Retarget(Fit):
    """Carry takes to other actors, then bake them there. Captured frames are fitted first, actors in the
    place of models are trained first."""

    takes: tyro.conf.Positional[tuple[Path, ...]]
    """Captured frames, which are fitted to the source; or its performances or curves, which are carried as
    they are."""
    targets: tuple[Path, ...]
    """The models to carry them to; or actors, which the job trains."""
    mapping: tuple[str, ...] = ()
    """Mapping files as `aimface retarget` takes them: one for all targets, or one each, "names" for one that
    goes by names."""
    retarget_options: str = ""
    """More options for `aimface retarget`, in one text: --retarget-options="--carry stretch"."""
    only: bool = False
    """Retarget alone: <take>.<target>.aimperf, and nothing is baked."""


@dataclass(kw_only=True)
class Merge:
    """Join chunks of one take that follow each other into one file, as one run would have baked it."""

    chunks: tyro.conf.Positional[tuple[Path, ...]]
    """The chunks, in any order."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The file to write, of the chunks' kind."""


@tyro.conf.configure(tyro.conf.CascadeSubcommandArgs)
@dataclass
class Options:
    """What `aimface farm` takes."""

    work: Annotated[
        Annotated[Train, tyro.conf.subcommand("train")]
        | Annotated[Bake, tyro.conf.subcommand("bake")]
        | Annotated[Fit, tyro.conf.subcommand("fit")]
        | Annotated[Retarget, tyro.conf.subcommand("retarget")]
        | Annotated[Merge, tyro.conf.subcommand("merge")],
        tyro.conf.arg(name=""),
    ]
    """The work."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Write the job, or merge; returns what was written."""
    work = options.work
    if isinstance(work, Merge):
        return _merge(work)
    job = (
        _training(work)
        if isinstance(work, Train)
        else _carrying(work)
        if isinstance(work, Retarget)
        else _baking(work)
    )
    files = write_job(job, work.out)
    tasks = {s["name"]: len(_range(s)) or 1 for s in job.steps}
    sys.stdout.write(
        "".join(f"{name}: {count} task{'s' if count > 1 else ''}\n" for name, count in tasks.items())
    )
    sys.stdout.write(f"wrote {' and '.join(str(f) for f in files)}\n")
    if work.out.suffix:
        sys.stdout.write(f"on this machine: openjd run {files[0]} -p file://{files[1]}\n")
    return {"files": [str(f) for f in files], "steps": tasks}


def _range(step: dict[str, Any]) -> list[str]:
    return [v for p in step.get("parameterSpace", {}).get("taskParameterDefinitions", []) for v in p["range"]]


def _training(work: Train) -> Job:
    if not work.actors:
        raise AimError(
            "No actor is named.", remedy="aimface farm train ACTOR ... --models FOLDER -o job.yaml"
        )
    job = work.job(
        f"AIM train {', '.join(a.stem for a in work.actors)}", "Trains actors into actor.aim files."
    )
    models = job.folder("Models", work.models, "the folder for the trained models")
    for name, actor in _named(work.actors).items():
        add_train(
            job,
            name,
            job.input(f"Actor_{name}", actor, "an actor to train"),
            models,
            work.preset,
            _words(work.train_options),
        )
    return job


def _baking(work: Bake) -> Job:
    if not work.takes:
        raise AimError(
            "No curves or performances are named.",
            remedy="aimface farm bake MODEL CURVES ... --to FOLDER -o job.yaml (or fit, with captured "
            "frames)",
        )
    fits = isinstance(work, Fit)
    does = (
        "Fits captured frames to a face model"
        if fits
        else "Bakes curves through a face model, in chunks, and joins them"
    )
    job = work.job(f"AIM {'fit' if fits else 'bake'} {', '.join(t.stem for t in work.takes)}", f"{does}.")
    folder = job.folder("Baked", work.to, "the folder for what is baked")
    model = _model(job, work, work.source, folder)
    for name, take in _named(work.takes).items():
        given = job.input(f"Take_{name}", take, "captured frames to fit" if fits else "curves to bake")
        if isinstance(work, Fit):
            from .farm_frames import (
                captured_clock,  # with what fits have need of: machines that bake and merge may lack it
            )

            shown, clock = (
                add_fit(job, name, model, given, folder, _words(work.fit_options)),
                captured_clock(take, _words(work.fit_options)),
            )
            if not work.only:
                _bake_one(job, work, name, model, shown, folder, clock)
        else:
            _bake_one(job, work, name, model, given, folder, take)
    return job


def _carrying(work: Retarget) -> Job:
    if not work.takes or not work.targets:
        raise AimError(
            f"No {'targets' if work.takes else 'takes'} are named.",
            remedy="aimface farm retarget MODEL FRAMES ... --targets OTHER.aim ... --to FOLDER -o job.yaml",
        )
    from trainer.commands.retarget import whole_take

    from .farm_frames import captured_clock, carried_clock, checked_words, is_captured

    words, mappings = _words(work.retarget_options), mapping_files(work.mapping, work.targets)
    carrying = checked_words(words)
    job = work.job(
        f"AIM retarget {', '.join(t.stem for t in work.takes)}",
        "Fits captured frames, carries them to other actors' models and bakes them there.",
    )
    folder = job.folder("Baked", work.to, "the folder for what is baked")
    names = {path: name for name, path in _named((work.source, *work.targets)).items()}
    source = _model(job, work, work.source, folder)
    targets = {names[path]: _model(job, work, path, folder, f"_{names[path]}") for path in work.targets}
    given: dict[str, list[str | Product]] = {
        names[path]: ["--mapping", job.input(f"Mapping_{names[path]}", file, "a mapping of controls")]
        for path, file in mappings.items()
        if file
    }
    for name, path in _named(work.takes).items():
        captured, take = (
            is_captured(path),
            job.input(f"Take_{name}", path, "captured frames, a performance, or curves"),
        )
        scans: list[str | Product] = ["--scans", take] if captured else []
        shown = add_fit(job, name, source, take, folder, _words(work.fit_options)) if captured else take
        if captured:
            whole_take(carrying)
        clock = (
            captured_clock(path, _words(work.fit_options))
            if captured
            else carried_clock(path, work.source, words)
        )
        for other, model in targets.items():
            carried = add_retarget(
                job, f"{name}.{other}", source, model, shown, folder, [*scans, *given.get(other, []), *words]
            )
            if not work.only:
                _bake_one(job, work, f"{name}.{other}", model, carried, folder, clock)
    return job


def _model(job: Job, work: Bake, path: Path, folder: Product, which: str = "") -> Product:
    """A model that is there, or one that the job trains."""
    if path.suffix == ".aim":
        return job.input(f"Model{which}", path, "a model")
    return add_train(
        job,
        path.stem,
        job.input(f"Actor{which}", path, "an actor to train"),
        folder,
        work.preset,
        _words(work.train_options),
    )


def _bake_one(
    job: Job, work: Bake, name: str, model: Product, shown: Product, folder: Product, take: Path | Curves
) -> None:
    """Bake curves, or a performance, in chunks and join them, or in one piece where they cannot be joined."""
    options = _words(work.bake_options)
    frames = wanted(take, options, work.frames)
    if work.ending == ".abc":
        add_whole_bake(
            job, name, model, shown, folder, work.ending, split(frames, len(frames.numbers))[0], options
        )
    else:
        chunks = add_bake(job, name, model, shown, folder, work.ending, split(frames, work.chunk), options)
        add_merge(job, name, chunks, folder, work.ending)


def _named(paths: tuple[Path, ...]) -> dict[str, Path]:
    """{name in the job: path}; two of one name would write one file."""
    named: dict[str, Path] = {}
    for path in paths:
        name = checked_text(path.resolve().stem)
        if name in named:
            raise AimError(
                f"{named[name]} and {path} would both be called '{name}'.",
                "They have the same name in different folders.",
                "Rename one, or write two jobs.",
            )
        named[name] = path
    return named


def _words(text: str) -> list[str]:
    try:
        return shlex.split(checked_text(text))
    except ValueError as error:
        raise AimError(
            f"The options '{text}' cannot be read ({error}).", "A quote is open.", "Close it."
        ) from error


def _merge(work: Merge) -> dict[str, Any]:
    from trainer.bake.merge import merge

    figures = merge(work.chunks, work.out)
    sys.stdout.write(f"joined {figures['chunks']} chunks, {figures['frames']} frames, into {work.out}\n")
    return figures
