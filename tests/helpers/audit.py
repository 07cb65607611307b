"""`make audit`: the pinned packages against the public list of known faults. Skips, saying so, where that
list cannot be reached."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NO_NETWORK = (
    "ConnectionError",
    "ServiceError",
    "Failed to establish",
    "Max retries",
    "timed out",
    "Connection",
    "NameResolution",
)


def main() -> int:
    """Exit code 0 when nothing is known against the pins, or nothing could be asked."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--no-deps",
        "--disable-pip",
        "-r",
        str(ROOT / "constraints.txt"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        sys.stdout.write("not audited: the list of known faults did not answer\n")
        return 0
    told = done.stdout + done.stderr
    if done.returncode and any(word in told for word in NO_NETWORK):
        sys.stdout.write("not audited: the list of known faults cannot be reached from here\n")
        return 0
    sys.stdout.write(told)
    unknown = told.count("could not be audited")
    if unknown:
        sys.stdout.write(
            f"\n{unknown} packages could not be audited: the list of known faults cannot be reached "
            "from here\n"
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
