"""What the training window costs its user: `python -m tests.bench.bench_window [--actor FOLDER]`; needs no
display.

Prints, on this machine: seconds from `aimface ui` to the first painted window (a fresh process, three times);
the longest time that the window's event loop was held up while a training ran, by a probe every 5 ms; the
time from Cancel to the window's "Stopping", told by the trainer, and to a checkpoint that can be resumed,
while it prepares, solves and learns.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_FIRST_PAINT = """
import sys, time
from trainer.__main__ import main
def watch():
    from aim_maya.ui.training import window as app
    from PySide6.QtCore import QEvent, QObject, QTimer
    class Seen(QObject):
        def eventFilter(self, watched, event):
            if event.type() == QEvent.Type.Paint:
                sys.stdout.write(f"painted {time.time() - float(sys.argv[1])}\\n")
                sys.stdout.flush()
                window.removeEventFilter(self)
                QTimer.singleShot(0, window.close)
            return False
    shown = app.show
    def show(widget, application, **options):
        global window, seen
        window, seen = widget, Seen()
        window.installEventFilter(seen)
        return shown(widget, application, **options)
    app.show = show
import trainer.commands.machine as command
run = command.run_ui
command.run_ui = lambda options: (watch(), run(options))[1]
sys.exit(main(["ui"]))
"""


def first_paint() -> float:
    """Seconds from starting the process to the first paint event of the window."""
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_PAINT, str(time.time())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split("painted ")[1])


class Probe:
    """Asks for a call every 5 ms and keeps the longest time between two."""

    def __init__(self) -> None:
        from PySide6.QtCore import QTimer

        self.longest, self._last = 0.0, time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._called)
        self._timer.start()

    def _called(self) -> None:
        now = time.perf_counter()
        self.longest, self._last = max(self.longest, now - self._last), now

    def reset(self) -> None:
        """Forget what was before."""
        self.longest, self._last = 0.0, time.perf_counter()


def wait(app: Any, what: Any, seconds: float = 300.0) -> float:
    """Run the event loop until it is so; returns the seconds it took."""
    from PySide6.QtCore import QEventLoop

    began = time.perf_counter()
    while not what():
        if time.perf_counter() - began > seconds:
            raise SystemExit("it did not happen in time")
        app.processEvents(
            QEventLoop.ProcessEventsFlag.WaitForMoreEvents | QEventLoop.ProcessEventsFlag.AllEvents
        )  # the probe's timer is the next at the latest
    return time.perf_counter() - began


def cancel_at(
    app: Any, window: Any, stage: str, steps: int, *, watch: Probe | None = None, for_s: float = 0.0
) -> dict[str, float]:
    """Train until a stage has so many steps, look on for a while, cancel: seconds to the trainer's word and
    to its end with a checkpoint."""
    from aim_maya.core.run_folder import can_resume

    window.train()
    wait(app, lambda: window.snapshot.stage == stage and window.snapshot.step >= steps)
    longest = 0.0
    if watch is not None:
        watch.reset()
        until = time.perf_counter() + for_s
        wait(app, lambda: time.perf_counter() > until)
        longest = watch.longest
    began = time.perf_counter()
    window.cancel()
    wait(app, lambda: window.snapshot.state in ("cancelling", "cancelled"))
    told = time.perf_counter() - began
    wait(app, lambda: window.snapshot.state == "cancelled")
    assert can_resume(window.folder)
    return {"told_s": told, "stopped_s": time.perf_counter() - began, "longest_s": longest}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actor", type=Path, help="an actor folder; the built-in sample when not given")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the event loop is watched")
    options = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    seconds = ", ".join(f"{first_paint():.2f}" for _ in range(3))
    print(f"aimface ui, from start to first paint: {seconds} s")  # noqa: T201
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CONFIG_HOME"] = name
        folder = Path(name)
        if options.actor is None:
            subprocess.run(
                [sys.executable, "-m", "trainer", "sample", str(folder / "sample")],
                cwd=ROOT,
                check=True,
                capture_output=True,
            )
        measure(options.actor or folder / "sample", folder, options.seconds)
    return 0


def measure(actor: Path, folder: Path, seconds: float) -> None:
    """The window in this process, the trainer in its own."""
    from aim_maya.ui.app import application
    from aim_maya.ui.host import FilesHost
    from aim_maya.ui.training.window import TrainWindow

    app = application()
    window, probe = TrainWindow(FilesHost()), Probe()
    window.form.actor.setText(str(actor))
    window.form.out.setText(str(folder / "x.aim"))
    window.form.fields["anatomy_steps"].setText("100")  # type: ignore[union-attr]
    window.show()
    for stage, steps, watched in (("prepare", 0, None), ("linear solution", 0, None), ("train", 150, probe)):
        found = cancel_at(app, window, stage, steps, watch=watched, for_s=seconds)
        text = (
            f"cancel in '{stage}': told after {found['told_s']:.2f} s, stopped with a checkpoint "
            f"after {found['stopped_s']:.2f} s"
        )
        print(  # noqa: T201
            text
            + (
                f"; event loop held up for {1000 * found['longest_s']:.0f} ms at most in {seconds:g} s "
                "of training"
                if watched
                else ""
            )
        )
    window.close()


if __name__ == "__main__":
    sys.exit(main())
