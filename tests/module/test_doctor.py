"""The doctor: true findings on a sound installation, and on broken ones a line with the name and a remedy
instead of a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aim_maya import doctor
from aim_maya.checks import Check, device, first_line, guarded, host, parts, worst
from aim_maya.core import dependencies
from aim_maya.runtime import session
from trainer.__main__ import main as aimface

ROOT = Path(__file__).resolve().parents[2]


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {c.name: c for c in checks}


def run_doctor(
    before: str = "", *arguments: str, part: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    # the others take long
    only = f"from aim_maya import doctor\ndoctor.PARTS = [p for p in doctor.PARTS if p.name == {part!r}]"
    code = f"import sys\n{before}\n{only}\nsys.exit(doctor.main(sys.argv[1:]))"
    env = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env=env,
        check=False,
    )


@pytest.fixture(autouse=True)
def _few_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some optional parts take seconds to import; test_a_sound_installation tries all of them."""
    monkeypatch.setattr(doctor, "PARTS", ())


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No variables of a real Maya; the user's Maya folder is the test's own."""
    for name in ("AIM_MAYA_DEPS", "AIM_MODEL_PATH", "MAYA_MODULE_PATH", "MAYA_PLUG_IN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAYA_APP_DIR", str(tmp_path / "Maya é"))
    return tmp_path


def test_a_sound_installation(
    quiet: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PARTS", parts.PARTS)
    assert doctor.main(["--device", "cpu", "--json", str(quiet / "r.json")]) == 0
    told = json.loads((quiet / "r.json").read_text(encoding="utf-8"))
    found = {c["name"]: c for c in told["checks"]}
    assert found["numpy"]["state"] == "ok"
    assert np.__version__ in found["numpy"]["found"]
    assert "asked for cpu, got cpu (CPUExecutionProvider)" in found["session"]["found"]
    assert set(found) >= {
        "Python",
        "platform",
        "onnxruntime",
        "providers available",
        "installation goes to",
        "disk, temporary",
        "PySide6",
        "AIM_MODEL_PATH",
        "Maya",
    }
    assert told["worst"] in ("ok", "info", "warn")
    assert all(c["remedy"] for c in told["checks"] if c["state"] in ("warn", "fail"))
    assert "numpy" in capsys.readouterr().out


def test_the_hand_written_model_is_valid() -> None:
    import onnx

    model = onnx.load_from_string(device.tiny_model())
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)


def test_onnxruntime_blocked() -> None:
    done = run_doctor("sys.modules['onnxruntime'] = None")
    assert done.returncode == 0, done.stderr
    assert "cached evaluation works without it" in done.stdout
    assert "-> In Maya: bin/aim-mayapy install" in done.stdout
    assert "session" not in done.stdout
    assert done.stderr == ""


def installed(folder: Path, package: str, code: str) -> str:
    """A PYTHONPATH under which a package is this code."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text(code, encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize(
    ("package", "name", "code", "said"),
    [
        (
            "torch",
            "PyTorch",
            "raise OSError('libtorch_cpu.so: cannot open shared object file')",
            "OSError: libtorch_cpu.so: cannot",
        ),
        ("vtkmodules", "VTK", "import os; os.abort()", "its process ended by signal 6"),
        (
            "pxr",
            "USD",
            "raise ImportError('built for another Python')",
            "ImportError: built for another Python",
        ),
        (
            "PySide6",
            "PySide6",
            "raise ImportError('libEGL.so.1: cannot open shared object file')",
            "ImportError: libEGL.so.1: cannot open",
        ),
        ("yaml", "PyYAML", "import sys; sys.exit(5)", "its process ended with 5"),
    ],
)
def test_what_is_installed_and_does_not_work_is_a_failure(
    tmp_path: Path, package: str, name: str, code: str, said: str
) -> None:
    done = run_doctor(part=name, PYTHONPATH=installed(tmp_path, package, code))
    assert done.returncode == 1, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"fail  {name}")]
    assert f"is installed and does not work: {said}" in line
    assert next(part.purpose for part in parts.PARTS if part.name == name) in line
    assert f"Something fails: {name}; see above." in done.stdout
    assert "All is well" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_what_is_not_installed_is_no_failure_and_is_named(
    quiet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = [
        replace(part, package=f"no_{part.package}")
        for part in parts.PARTS
        if part.name in ("PyTorch", "Blender")
    ]
    kept = [part for part in parts.PARTS if part.name == "PyYAML"]
    monkeypatch.setattr(doctor, "PARTS", [*absent, *kept])
    assert doctor.main(["--device", "cpu", "--json", str(quiet / "r.json")]) == 0
    out = capsys.readouterr().out
    assert (
        "Not installed, and needed only for what it is for: PyTorch (training, fits by networks), "
        "Blender (Alembic caches without Maya)." in out
    )
    assert "All is well" not in out
    for part in absent:
        assert dependencies.how_to_install(part.extra, part.pip) in out
    told = json.loads((quiet / "r.json").read_text(encoding="utf-8"))
    assert {c["name"]: c["state"] for c in told["checks"] if c["purpose"]} == {
        "PyTorch": "info",
        "Blender": "info",
        "PyYAML": "ok",
    }


def test_a_folder_of_a_part_s_name_where_one_stands_is_not_that_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aim_nothing").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    part = replace(parts.PARTS[0], package="aim_nothing")
    (found,) = parts.part_checks(Path(sys.executable), dict(os.environ), [part])
    assert (found.state, found.found) == ("info", "not installed")


def test_a_part_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_WAIT_S", 0.5)
    part = replace(parts.PARTS[0], package="json", code="import time; time.sleep(60)")
    (found,) = parts.part_checks(Path(sys.executable), dict(os.environ), [part])
    assert found.state == "fail"
    assert "does not answer" in found.found


def test_in_maya_the_parts_are_those_of_the_trainer_s_python(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path | None, list[str]]] = []
    monkeypatch.setattr(doctor, "PARTS", parts.PARTS)
    monkeypatch.setattr(doctor, "find", lambda: Path("/trainer/python"))
    monkeypatch.setattr(
        doctor,
        "part_checks",
        lambda python, environment, some: asked.append((python, [p.name for p in some])) or [],
    )
    doctor.optional_checks(True)
    assert asked[0][0] == Path("/trainer/python")
    assert "PyTorch" in asked[0][1]
    assert not {"PySide6", "VTK", "Blender"} & set(asked[0][1])


@pytest.mark.parametrize(
    "how",
    [
        "sys.modules['numpy'] = None",
        "class B:\n def find_spec(self, name, *a):\n  if name in ('numpy', 'onnxruntime'): raise "
        "ImportError('blocked: ' + name)\nsys.meta_path.insert(0, B())",
    ],
)
def test_numpy_blocked(how: str) -> None:
    done = run_doctor(how)
    assert done.returncode == 1
    assert (
        "nothing can be evaluated without it" in done.stdout
        or "cannot be imported: ImportError: blocked: numpy" in done.stdout
    )
    assert "Something fails" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_broken_numpy_is_told_from_an_absent_one(tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    page = (
        "\n\nIMPORTANT: PLEASE READ THIS\n\nOriginal error was: libopenblas.so: cannot open shared "
        "object file\n"
    )
    (tmp_path / "numpy/__init__.py").write_text(f"raise ImportError({page!r})", encoding="utf-8")
    done = run_doctor(f"sys.path.insert(0, {str(tmp_path)!r})")
    assert done.returncode == 1
    assert "is there and cannot be imported: libopenblas.so: cannot open shared object file" in done.stdout
    assert "another Python or platform" in done.stdout


def test_an_ascii_log_takes_any_path(tmp_path: Path) -> None:
    done = run_doctor("", PYTHONIOENCODING="ascii", AIM_MODEL_PATH=str(tmp_path / "modèle"))
    assert done.returncode == 0, done.stderr
    assert "mod?le" in done.stdout


class FakeRuntime(ModuleType):
    """onnxruntime-gpu on a machine where CUDA falls back silently."""

    __version__ = "1.26.0"
    SessionOptions = SimpleNamespace

    def __init__(self, said: str, cuda: bool = False) -> None:
        super().__init__("onnxruntime")
        self.__file__ = __file__
        self.said, self.cuda = said, cuda
        options = SimpleNamespace(add_session_config_entry=lambda *a: None)
        self.SessionOptions = lambda: options  # type: ignore[assignment, misc]

    def get_available_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def preload_dlls(self) -> None:
        sys.stdout.write(self.said)

    def InferenceSession(self, graph: bytes, options: Any, providers: list[Any], **_: Any) -> Any:
        names = [p if isinstance(p, str) else p[0] for p in providers]
        got = names if self.cuda or "CUDAExecutionProvider" not in names else ["CPUExecutionProvider"]
        return Opened(got, lambda x: x @ x)


class Opened:
    """A session of it."""

    def __init__(self, providers: list[str], gives: Callable[[Any], Any]) -> None:
        self.get_providers = lambda: providers
        self.run = lambda outputs, feeds: [gives(feeds["x"])]


LACKS = """\
Failed to load libcublasLt.so.12: libcublasLt.so.12: cannot open shared object file: No such file or directory
Failed to load /d/libcudnn.so.9: file too short
Please follow the instructions
"""


def cuda_findings(
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    driver: tuple[int, int] | None,
    asked: str = "auto",
    cuda: bool = False,
    built: int = 12,
) -> dict[str, Check]:
    monkeypatch.setitem(sys.modules, "onnxruntime", FakeRuntime(said, cuda))
    for module in (device, session):
        monkeypatch.setattr(module, "driver_version", lambda: driver)
    monkeypatch.setattr(device, "cuda_major", lambda runtime: built)
    return by_name(device.session_checks(asked))


def test_missing_cuda_libraries_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = cuda_findings(monkeypatch, LACKS, (12, 4))
    assert found["session"].state == "ok"
    assert "asked for auto, got cpu" in found["session"].found
    assert found["CUDA driver"] == Check("CUDA driver", "ok", "supports CUDA 12.4")
    assert found["CUDA libraries"].state == "warn"
    assert found["CUDA libraries"].found == "missing: libcublasLt.so.12; /d/libcudnn.so.9 (file too short)"
    assert "install --cuda" in found["CUDA libraries"].remedy
    assert capsys.readouterr().out == ""  # what onnxruntime prints is told once, in our words


def test_an_old_driver_and_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cuda_findings(monkeypatch, "", (12, 4), built=13)
    assert found["CUDA driver"].found == "supports CUDA 12.4, onnxruntime needs 13"
    assert found["CUDA driver"].remedy == "Update the NVIDIA driver."
    assert cuda_findings(monkeypatch, LACKS, None)["CUDA driver"].state == "info"
    asked = cuda_findings(monkeypatch, LACKS, None, "cuda")
    assert asked["session"].state == "fail"
    assert asked["CUDA driver"].state == "warn"


def test_cuda_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cuda_findings(monkeypatch, "", (13, 0), "cuda", cuda=True)
    assert "got cuda" in found["session"].found
    assert {c.state for c in found.values()} == {"ok"}


def test_a_session_that_computes_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = FakeRuntime("", cuda=True)
    nonsense = Opened(["CUDAExecutionProvider"], np.zeros_like)
    monkeypatch.setattr(FakeRuntime, "InferenceSession", lambda *a, **k: nonsense)
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    for module in (device, session):
        monkeypatch.setattr(module, "driver_version", lambda: (12, 4))
    assert by_name(device.session_checks("auto"))["session"].state == "fail"


def test_two_variants_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("onnxruntime-1.26.0", "onnxruntime_gpu-1.26.0"):
        (tmp_path / f"{kind}.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    found = by_name(host.package_checks({}))["onnxruntime, variants"]
    assert found.state == "warn"
    assert str(tmp_path) in found.found


def test_a_copy_that_the_host_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = SimpleNamespace(__file__=str(tmp_path / "zip/numpy/__init__.py"), __version__="1.24.0")
    monkeypatch.setitem(sys.modules, "numpy", foreign)  # type: ignore[arg-type]
    found = by_name(host.package_checks(host.imported_files()))
    assert found["numpy"].state == "fail"
    assert "1.24.0, another tool's, imported by the host before us" in found["numpy"].found
    assert found["numpy, other copies"].state == "warn"


def test_ours_is_told_from_the_hosts(quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = dependencies.user_folder() / "numpy/__init__.py"
    file.parent.mkdir(parents=True)
    assert host.whose(SimpleNamespace(__file__=str(file))) == "ours"
    assert host.whose(np) == "this Python's"


def test_a_folder_that_cannot_be_written(quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (quiet / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("AIM_MAYA_DEPS", str(quiet / "file" / "deps é"))
    found = by_name(host.folder_checks() + host.environment_checks())
    assert found["installation goes to"].state == "warn"
    assert "AIM_MAYA_DEPS" in found["installation goes to"].remedy
    assert found["AIM_MAYA_DEPS"].state == "warn"


def test_two_modules_on_the_path(quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b c"):
        (quiet / name).mkdir()
        (quiet / name / "aim_maya.mod").touch()
    monkeypatch.setenv("MAYA_MODULE_PATH", os.pathsep.join([str(quiet / "a"), str(quiet / "b c"), ""]))
    found = by_name(host.environment_checks())["module path"]
    assert found.state == "warn"
    assert "b c" in found.found


def fake_maya(monkeypatch: pytest.MonkeyPatch, **commands: Any) -> None:
    made: Any = SimpleNamespace(cmds=SimpleNamespace(**commands))
    monkeypatch.setitem(sys.modules, "maya", made)


def test_in_maya(quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def about(**asked: bool) -> Any:
        return {"version": "2026", "apiVersion": 20260100, "batch": False}[next(iter(asked))]

    fake_maya(
        monkeypatch,
        about=about,
        evaluationManager=lambda **f: ["parallel"],
        pluginInfo=lambda name, **f: False,
    )
    found = by_name(doctor.maya_checks())
    assert found["Maya"].found == "2026, API 20260100, interactive"
    assert found["evaluation mode"].found == "parallel"
    assert found["plug-in"].state == "fail"
    assert "aim_maya.mod" in found["plug-in"].remedy
    plugins = quiet / "plug-ins"
    plugins.mkdir()
    (plugins / "aim_deformer.py").touch()
    monkeypatch.setenv("MAYA_PLUG_IN_PATH", str(plugins))
    assert by_name(doctor.maya_checks())["plug-in"].state == "ok"
    monkeypatch.setattr(doctor, "__file__", str(quiet / "mine/aim_maya/doctor.py"))
    own = quiet / "mine/plug-ins/aim_deformer.py"
    own.parent.mkdir(parents=True)
    own.touch()
    fake_maya(
        monkeypatch,
        about=about,
        evaluationManager=lambda **f: ["off"],
        pluginInfo=lambda name, **f: str(plugins / "aim_deformer.py") if "path" in f else True,
    )
    assert by_name(doctor.maya_checks())["plug-in"].state == "warn"


def test_a_maya_that_answers_nothing(quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*names: Any, **flags: Any) -> Any:
        raise RuntimeError("no")

    fake_maya(monkeypatch, about=refuse, evaluationManager=refuse, pluginInfo=refuse)
    assert by_name(doctor.maya_checks())["Maya"].state == "warn"
    fake_maya(monkeypatch)  # no commands at all and no maya.standalone: still a finding
    assert by_name(doctor.examine(device="cpu"))["Maya"].state == "warn"


def test_msvcp140(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(
        host, "_loaded_library", lambda name: ("C:/Maya/bin/msvcp140.dll", (14, 36, 32532, 0))
    )
    (found,) = host.windows_checks()
    assert (found.state, found.found) == ("warn", "14.36.32532.0, C:/Maya/bin/msvcp140.dll")
    monkeypatch.setattr(host, "_loaded_library", lambda name: ("C:/x.dll", (14, 44, 0, 0)))
    assert host.windows_checks()[0].state == "ok"


def test_whatever_a_probe_raises_becomes_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> list[Check]:
        raise OSError("the drive is gone")

    for name in (
        "python_checks",
        "folder_checks",
        "package_checks",
        "session_checks",
        "windows_checks",
        "disk_checks",
        "trainer_checks",
        "environment_checks",
    ):
        monkeypatch.setattr(doctor, name, broken)
    found = [c for c in doctor.examine() if "the drive is gone" in c.found]
    assert len(found) == 8
    assert {c.state for c in found} == {"warn"}


def test_helpers() -> None:
    assert guarded("x", lambda: sys.exit(3))[0].found == "could not be examined: SystemExit: 3"
    assert (
        first_line("a\nImportError: DLL load failed while importing x\nb")
        == "ImportError: DLL load failed while importing x"
    )
    assert worst([]) == "info"


def test_a_bad_model_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad é.aim").write_bytes(b"nothing")
    assert aimface(["doctor", str(tmp_path / "bad é.aim")]) == 1
    assert "cannot be read as a .aim file" in capsys.readouterr().out
    assert doctor.main([str(tmp_path / "none.aim"), "--json", str(tmp_path / "bad é.aim" / "x.json")]) == 2


def test_imports_nothing_but_the_standard_library() -> None:
    code = (
        "import sys\nfor n in ('numpy', 'onnxruntime', 'torch', 'maya', 'PySide6', 'tyro'): "
        "sys.modules[n] = None\nimport aim_maya.doctor"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("mode", "held", "state"),
    [(["parallel"], "1", "warn"), (["off"], "1", "info"), (["parallel"], "0", "info"), (None, "", "info")],
)
def test_python_s_lock_under_parallel_evaluation(
    mode: object, held: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAYA_RETAIN_PYTHON_GIL", held)
    found = host.gil_check(mode)
    assert (found.name, found.state) == ("evaluation mode", state)
    assert ("MAYA_RETAIN_PYTHON_GIL" in found.found) == (held == "1")
    assert ("safe_publish" in found.remedy) == (held == "1")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Autodesk's library is missed on Linux only")
def test_a_maya_that_would_end_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "ADP_LIBRARY", tmp_path / "AdpSDKCore.so")
    monkeypatch.setenv("AIM_AUTODESK", str(tmp_path))
    assert host.adp_checks() == []
    (tmp_path / "maya2027").mkdir()
    (found,) = host.adp_checks()
    assert found.state == "warn"
    assert "code 255" in found.found
    assert "AdpSDKCore.so" in found.remedy
    (tmp_path / "AdpSDKCore.so").touch()
    assert host.adp_checks() == []
