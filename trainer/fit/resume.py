"""A fit that was stopped goes on: what is done lies beside the output until the output is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aim_maya.core.aim_file import pack_arrays, unpack_arrays
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path

from .take import Take


class Resume:
    """The file OUT.partial; `mark` says what is fitted with which options, so that nothing else is gone on with."""

    def __init__(self, out: Path, mark: str) -> None:
        self.path, self.mark = out.with_name(out.name + ".partial"), mark

    def write(self, take: Take) -> None:
        """Keep what is done; nothing for a take without frames."""
        if not take.flags:
            return
        with atomic_path(self.path) as temporary:
            temporary.write_bytes(
                pack_arrays(
                    mark=np.array(self.mark), unknowns=np.array(take.unknowns), twists=np.array(take.twists), heads=np.array(take.heads),
                    residual=np.array(take.residual), flags=np.array(take.flags),
                )
            )  # fmt: skip

    def read(self, count: int) -> Take | None:
        """What was done of this very fit, or None."""
        if not self.path.is_file():
            return None
        try:
            arrays = unpack_arrays(self.path.read_bytes(), str(self.path))
        except AimError:
            return None
        if str(arrays.get("mark")) != self.mark or arrays["unknowns"].shape[1:] != (count,):
            return None
        return Take(list(arrays["unknowns"]), list(arrays["twists"]), list(arrays["heads"]), [float(r) for r in arrays["residual"]], [int(f) for f in arrays["flags"]])

    def done(self) -> None:
        """The output is there."""
        self.path.unlink(missing_ok=True)
