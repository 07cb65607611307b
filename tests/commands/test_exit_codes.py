"""How commands end: the exit codes of docs/reference/commands.md, the error in the file of --json, and logs
that cannot hold a name.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from aim_maya.core.errors import Cancelled, first_line
from tests.helpers.few_edits import few_edits
from trainer.__main__ import main
from trainer.commands import models

NAMES = {"jawOpen": "口を開く", "eyeBlink_L": "a$b", "cheekPuff": r"\frac$x$", "eyeBlink_R": "$\\frac"}


def renamed(model: Path, out: Path) -> Path:
    """The model with other names of controls and targets."""
    with zipfile.ZipFile(model) as source, zipfile.ZipFile(out, "w") as made:
        for member in source.infolist():
            data = source.read(member)
            if member.filename == "manifest.json":
                text = data.decode()
                for old, new in NAMES.items():
                    text = text.replace(json.dumps(old), json.dumps(new))
                data = text.encode()
            made.writestr(member.filename, data)
    return out


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "trainer", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, check=False, env=os.environ | environment, timeout=120
    )


def test_a_log_without_the_letters_of_a_name(draft: Path, tmp_path: Path) -> None:
    model = renamed(draft, tmp_path / "named.aim")
    take = tmp_path / "take.csv"
    take.write_text("time,口を開く\n0,0\n0.0333,1\n", encoding="utf-8")
    for arguments in (
        ["info", model],
        ["curves", take, "--model", model],
        ["bake", model, take, "-o", tmp_path / "o.npz"],
    ):
        done = run(*arguments, PYTHONIOENCODING="cp1252")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "o.npz").exists()


def test_any_name_in_the_report(
    draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few_edits(monkeypatch)
    model, page = renamed(draft, tmp_path / "named.aim"), tmp_path / "page.html"
    assert main(["report", str(model), "-o", str(page), "--progress", "lines"]) == 0
    said = capsys.readouterr().err
    assert "errors of the networks" in said
    assert "picture of the jaw" in said
    assert NAMES["cheekPuff"] in page.read_text(encoding="utf-8")


def test_a_report_of_other_metrics(draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "metrics.json").write_text('{"seconds": 3}')
    assert (
        main(
            [
                "report",
                str(draft),
                "-o",
                str(tmp_path / "r.html"),
                "--metrics",
                str(tmp_path / "metrics.json"),
            ]
        )
        == 2
    )
    assert "The metrics: 'seconds' must be an object" in capsys.readouterr().err


def error_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_json_holds_the_error(tmp_path: Path) -> None:
    out = tmp_path / "f.json"
    for json_words in (["--json", str(out)], [f"--json={out}"]):
        out.unlink(missing_ok=True)
        assert main(["info", str(tmp_path / "none.aim"), *json_words]) == 2
        found = error_of(out)
        assert found["exit_code"] == 2
        assert "none.aim" in found["error"]["what"]
        assert set(found["error"]) == {"what", "cause", "remedy"}
    with pytest.raises(SystemExit):
        main(["info", "--sauce", "--json", str(out)])
    assert error_of(out)["exit_code"] == 2


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (Cancelled("at step 3"), 130),
        (KeyboardInterrupt(), 130),
        (MemoryError(), 1),
        (OSError(28, "No space left on device"), 1),
    ],
)
def test_other_endings(
    raised: BaseException,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(_: object) -> None:
        raise raised

    monkeypatch.setattr(models, "run_info", fails)
    assert main(["info", "x.aim", "--json", str(tmp_path / "f.json")]) == code
    assert error_of(tmp_path / "f.json")["exit_code"] == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_fault_of_the_program_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(models, "run_info", fails)
    with pytest.raises(KeyError):
        main(["info", "x.aim", "--json", str(tmp_path / "f.json")])
    assert error_of(tmp_path / "f.json")["exit_code"] == 1


def test_json_has_no_nan_and_spares_the_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "run_info", lambda _: {"a": float("nan"), "b": [1.0, float("inf")]})
    assert main(["info", "x.aim", "--json", str(tmp_path / "f.json")]) == 0
    assert json.loads((tmp_path / "f.json").read_text()) == {"a": None, "b": [1.0, None]}
    take = tmp_path / "take.csv"
    take.write_text("time,jawOpen\n0,0\n1,x\n")
    assert main(["curves", str(take), "--json", str(take)]) == 2
    assert take.read_text().startswith("time,jawOpen")


@pytest.mark.parametrize(
    ("said", "line"), [("", "ValueError"), ("\n \n", "ValueError"), ("\n one \ntwo", "one")]
)
def test_the_first_line_of_an_error(said: str, line: str) -> None:
    assert first_line(ValueError(said)) == line


def test_weights_beyond_all_shapes(draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take = tmp_path / "take.csv"
    take.write_text("time,jawOpen\n0,0\n0.1,1e31\n")
    assert main(["bake", str(draft), str(take), "-o", str(tmp_path / "o.npz")]) == 2
    assert "beyond 1e30" in capsys.readouterr().err


def test_a_log_of_every_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "logs" / "work.log"
    assert main(["trian", "--log", str(log)]) == 2
    with pytest.raises(SystemExit):
        main(["train", f"--log={log}"])
    monkeypatch.setattr(models, "run_info", lambda _options: sys.stdout.write("half\x1b[1m a line") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["info", "x.aim", "--log", str(log), "--json", str(tmp_path / "x.json")])
    lines = log.read_text(encoding="utf-8").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d .", line) for line in lines)
    said = "\n".join(line[20:] for line in lines)
    for text in (
        "aimface trian\n",
        "Error: There is no command 'trian'.",
        "half a line\n",
        "ZeroDivisionError",
        "ended by a fault after",
    ):
        assert text in said
    assert said.count("exit code 2 after") == 2
    assert sys.stdout.__class__.__name__ != "_Copied"


def test_a_log_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, why in (
        (["info", "x.aim", "--log", str(tmp_path)], "Cannot write the log"),
        (["info", "x.aim", "--log", "x.aim"], "which the command reads or writes itself"),
        (["info", "x.aim", "--log"], "--log has no file"),
    ):
        assert main(arguments) == 2
        assert why in capsys.readouterr().err
