"""An Open Job Description template (jobtemplate-2023-09) as it grows: parameters, the steps of a chain, what
each needs; and written to disk.

Whatever a step reads or makes is a Product: its path as the template writes it, and the step that makes it. A
step depends on the makers of what it needs, so a chain is built by handing products on; nobody writes a
dependency by hand.

A further link is one more function here: it takes products, adds a step, and returns what it makes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aim_maya.core.dependencies import how_to_install
from aim_maya.core.errors import AimError
from aim_maya.core.files import write_json, write_text

# An Open Job Description template (jobtemplate-2023-09) as it grows: parameters, steps, and what each step
# needs of others.

SPECIFICATION = "jobtemplate-2023-09"
_MOST_PARAMETERS, _MOST_STEPS, _LONGEST_NAME, _LONGEST_PATH = 50, 100, 64, 1024


@dataclass(frozen=True)
class Product:
    """A file or folder: `path` may hold {{Param.X}}; `maker` is the step that makes it, None for what is
    there before the job."""

    path: str
    maker: str | None = None


@dataclass(frozen=True)
class Hosts:
    """What a machine must have, for steps that are heavy: 0 asks for nothing. timeout_s ends a task that
    hangs."""

    cores: int = 0
    memory_gib: float = 0.0
    gpu: bool = False
    timeout_s: int = 0

    def requirements(self) -> dict[str, Any]:
        """The template's hostRequirements, or {}."""
        wanted = {
            "amount.worker.vcpu": self.cores,
            "amount.worker.memory": round(self.memory_gib * 1024),
            "amount.worker.gpu": int(self.gpu),
        }
        amounts = [{"name": name, "min": least} for name, least in wanted.items() if least]
        return {"amounts": amounts} if amounts else {}


@dataclass
class Job:
    """A template under construction; `values` holds what its path parameters are on this machine."""

    name: str
    description: str
    hosts: Hosts = Hosts()
    values: dict[str, Path] = field(default_factory=dict)
    parameters: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        checked_text(self.name)

    def command(self, program: str) -> None:
        """Every task runs this program; the job may be given another (AimFace=/studio/bin/aimface)."""
        self._parameter(
            {
                "name": "AimFace",
                "type": "STRING",
                "description": "The aimface command on the machines",
                "default": program,
            }
        )

    def input(self, name: str, path: Path, what: str) -> Product:
        """A file or folder that the job reads. Raises AimError when it is not there."""
        if not path.exists():
            raise AimError(
                f"There is no {path}.",
                f"It was to be {what}.",
                "Check the path; the job would fail on every machine.",
            )
        return Product(self._path(name, path, what, "DIRECTORY" if path.is_dir() else "FILE", "IN"))

    def folder(self, name: str, path: Path, what: str) -> Product:
        """A folder that the job writes into."""
        if path.exists() and not path.is_dir():
            raise AimError(f"{path} is a file.", f"It was to be {what}.", "Name a folder.")
        return Product(self._path(name, path, what, "DIRECTORY", "OUT"))

    def step(
        self,
        name: str,
        arguments: Sequence[str | Product],
        makes: str,
        tasks: Mapping[str, Sequence[str]] | None = None,
    ) -> Product:
        """One run of aimface, or one for each value of a task parameter. `makes` is the path of what comes of
        it.

        Raises AimError for a name that a template cannot hold, or more steps than a job may have.
        """
        checked_text(name)
        named = self._unused(_identifier(name), [s["name"] for s in self.steps], "steps", _MOST_STEPS)
        run: dict[str, Any] = {
            "command": "{{Param.AimFace}}",
            "args": [a.path if isinstance(a, Product) else a for a in arguments],
            "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": 30},
        }
        if self.hosts.timeout_s:
            run["timeout"] = self.hosts.timeout_s
        made: dict[str, Any] = {"name": named}
        before = dict.fromkeys(a.maker for a in arguments if isinstance(a, Product) and a.maker)
        if before:
            made["dependencies"] = [{"dependsOn": maker} for maker in before]
        if tasks:
            made["parameterSpace"] = {
                "taskParameterDefinitions": [
                    {"name": n, "type": "STRING", "range": list(v)} for n, v in tasks.items()
                ]
            }
        if self.hosts.requirements():
            made["hostRequirements"] = self.hosts.requirements()
        self.steps.append(made | {"script": {"actions": {"onRun": run}}})
        return Product(makes, named)

    def template(self, folder: Path) -> dict[str, Any]:
        """The whole template, to be written into `folder`: paths below it are defaults, as the specification
        allows."""
        parameters = [p | self._default(p["name"], folder) for p in self.parameters]
        return {
            "specificationVersion": SPECIFICATION,
            "name": self.name,
            "description": self.description,
            "parameterDefinitions": parameters,
            "steps": self.steps,
        }

    def _default(self, name: str, folder: Path) -> dict[str, str]:
        path = self.values.get(name)
        if path is None or not path.is_relative_to(folder.resolve()):
            return {}
        return {"default": path.relative_to(folder.resolve()).as_posix()}

    def _path(self, name: str, path: Path, what: str, kind: str, flow: str) -> str:
        absolute = path.resolve()
        if len(str(absolute)) > _LONGEST_PATH:
            raise AimError(
                f"The path {str(absolute)[:60]}... has {len(str(absolute))} characters; a job "
                f"parameter may have {_LONGEST_PATH}."
            )
        made = self._parameter(
            {
                "name": _identifier(name),
                "type": "PATH",
                "objectType": kind,
                "dataFlow": flow,
                "description": what,
            }
        )
        self.values[made] = absolute
        return f"{{{{Param.{made}}}}}"

    def _parameter(self, definition: dict[str, Any]) -> str:
        name = self._unused(
            definition["name"], [p["name"] for p in self.parameters], "parameters", _MOST_PARAMETERS
        )
        self.parameters.append(definition | {"name": name})
        return name

    @staticmethod
    def _unused(name: str, taken: list[str], what: str, most: int) -> str:
        if len(taken) >= most:
            raise AimError(
                f"The job has more than {most} {what}, which is all that the specification allows.",
                remedy="Write several jobs, each with fewer actors or takes.",
            )
        return (
            name
            if name not in taken
            else next(n for i in range(2, 10**6) if (n := f"{name[: _LONGEST_NAME - 8]}_{i}") not in taken)
        )


def checked_text(text: str) -> str:
    """A name or an option as it is. Raises AimError for what a template would read as an expression, or
    cannot hold."""
    braces = next((mark for mark in ("{{", "}}") if mark in text), "")
    if braces:
        raise AimError(
            f"'{text[:120]}' cannot be in a job: it has '{braces}'.",
            "In a job's template two braces are an expression.",
            "Rename it.",
        )
    if any(
        unicodedata.category(c) in ("Cc", "Cs") for c in text
    ):  # a surrogate: a file name that is not UTF-8
        raise AimError(
            f"{text[:120]!r} cannot be in a job.",
            "It has a control character, or is not UTF-8.",
            "Rename it.",
        )
    return text


def _identifier(name: str) -> str:
    """A name that templates accept: letters, digits and underscores."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")[:_LONGEST_NAME]
    return plain if plain[:1].isalpha() else f"_{plain}"


# The links of a chain, each a step made of the products before it: train -> fit -> retarget -> bake -> merge.

FRAMES = "Frames"  # the task parameter: 'A-B'
_PIECE = "{{Task.Param." + FRAMES + "}}"


def add_train(
    job: Job, name: str, actor: Product, models: Product, preset: str, options: Sequence[str]
) -> Product:
    """Train one actor; the model is <models>/<name>.aim. A task that comes back goes on from its checkpoint,
    or finds the work done."""
    out = f"{models.path}/{name}.aim"
    return job.step(
        f"Train_{name}",
        ["train", actor, "-o", out, "--preset", preset, "--if-needed", "--progress", "openjd", *options],
        out,
    )


def add_fit(
    job: Job, name: str, model: Product, frames: Product, folder: Product, options: Sequence[str]
) -> Product:
    """Fit one capture; the performance is <folder>/<name>.aimperf, and takes the place of curves in a bake. A
    task that comes back goes on."""
    out = f"{folder.path}/{name}.aimperf"
    return job.step(
        f"Fit_{name}", ["fit", model, frames, "-o", out, "--resume", "--progress", "openjd", *options], out
    )


def add_retarget(
    job: Job,
    name: str,
    source: Product,
    target: Product,
    take: Product,
    folder: Product,
    options: Sequence[str | Product],
) -> Product:
    """Carry a performance, or curves, from the source's model to the target's: <folder>/<name>.aimperf. The
    same comes of it as often as it runs."""
    out = f"{folder.path}/{name}.aimperf"
    arguments: list[str | Product] = [
        "retarget",
        take,
        "--source",
        source,
        "--target",
        target,
        "-o",
        out,
        "--progress",
        "openjd",
        *options,
    ]
    return job.step(f"Retarget_{name}", arguments, out)


def add_bake(
    job: Job,
    name: str,
    model: Product,
    take: Product,
    folder: Product,
    ending: str,
    ranges: Sequence[str],
    options: Sequence[str],
) -> list[Product]:
    """Bake one take, a task for each range of frames; the chunks, in order. A finished chunk is not baked
    again."""
    stem = f"{folder.path}/chunks/{name}"
    chunk = f"{stem}.{_PIECE}{ending}"
    arguments: list[str | Product] = [
        "bake",
        model,
        take,
        "-o",
        chunk,
        f"--frames={_PIECE}",
        "--resume",
        "--progress",
        "openjd",
        *options,
    ]
    made = job.step(f"Bake_{name}", arguments, chunk, {FRAMES: ranges})
    return [Product(f"{stem}.{piece}{ending}", made.maker) for piece in ranges]


def add_whole_bake(
    job: Job,
    name: str,
    model: Product,
    take: Product,
    folder: Product,
    ending: str,
    frames: str,
    options: Sequence[str],
) -> Product:
    """Bake one take in one piece, for files that cannot be joined."""
    out = f"{folder.path}/{name}{ending}"
    return job.step(
        f"Bake_{name}",
        ["bake", model, take, "-o", out, f"--frames={frames}", "--resume", "--progress", "openjd", *options],
        out,
    )


def add_merge(job: Job, name: str, chunks: Sequence[Product], folder: Product, ending: str) -> Product:
    """Join the chunks of one take into <folder>/<name><ending>."""
    out = f"{folder.path}/{name}{ending}"
    return job.step(f"Merge_{name}", ["farm", "merge", *chunks, "-o", out], out)


# A job on disk: a template with the values of its paths beside it, or a job bundle folder as AWS Deadline
# Cloud takes it.


def write_job(job: Job, out: Path) -> list[Path]:
    """Write OUT.yaml or OUT.json and OUT.parameters.json, or a folder with template.yaml and
    parameter_values.yaml; the files written.

    Raises AimError for another ending, without PyYAML, or when nothing can be written there.
    """
    if out.suffix in (".yaml", ".yml", ".json"):
        values = out.with_suffix(".parameters.json")
        write_text(out, _text(job.template(out.absolute().parent), out.suffix))
        write_json(values, {name: str(path) for name, path in job.values.items()})
        return [out, values]
    if out.suffix:
        raise AimError(
            f"The job '{out}' has another ending.",
            remedy="Name a .yaml or .json file, or a folder for a job bundle.",
        )
    template, values = out / "template.yaml", out / "parameter_values.yaml"
    write_text(template, _text(job.template(out.absolute()), ".yaml"))
    write_text(
        values,
        _text(
            {"parameterValues": [{"name": name, "value": str(path)} for name, path in job.values.items()]},
            ".yaml",
        ),
    )
    return [template, values]


def _text(data: dict[str, Any], ending: str) -> str:
    if ending == ".json":
        return json.dumps(data, indent=2) + "\n"
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise AimError(
            "YAML cannot be written here: PyYAML is not installed.",
            remedy=f"Name a .json, which says the same. Or: {how_to_install('farm', 'PyYAML')}",
        ) from error
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=160)
    return text
