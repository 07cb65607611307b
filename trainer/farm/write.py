"""A job on disk: a template with the values of its paths beside it, or a job bundle folder as AWS Deadline Cloud takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aim_maya.core.errors import AimError
from aim_maya.core.files import write_json, write_text

from .job import Job


def write_job(job: Job, out: Path) -> list[Path]:
    """Write OUT.yaml or OUT.json and OUT.parameters.json, or a folder with template.yaml and parameter_values.yaml; the files written.

    Raises AimError for another ending, without PyYAML, or when nothing can be written there.
    """
    if out.suffix in (".yaml", ".yml", ".json"):
        values = out.with_suffix(".parameters.json")
        write_text(out, _text(job.template(out.absolute().parent), out.suffix))
        write_json(values, {name: str(path) for name, path in job.values.items()})
        return [out, values]
    if out.suffix:
        raise AimError(f"The job '{out}' has another ending.", remedy="Name a .yaml or .json file, or a folder for a job bundle.")
    template, values = out / "template.yaml", out / "parameter_values.yaml"
    write_text(template, _text(job.template(out.absolute()), ".yaml"))
    write_text(values, _text({"parameterValues": [{"name": name, "value": str(path)} for name, path in job.values.items()]}, ".yaml"))
    return [template, values]


def _text(data: dict[str, Any], ending: str) -> str:
    if ending == ".json":
        return json.dumps(data, indent=2) + "\n"
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise AimError("YAML cannot be written here: PyYAML is not installed.", remedy='Name a .json, which says the same; or pip install -e ".[farm]".') from error
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=160)
    return text
