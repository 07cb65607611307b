"""A fit that was stopped goes on: what is done lies beside the output until the output is there."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from aim_maya.core.arrays import checked_array, pack_arrays, read_arrays
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path

from .take import Take


class Resume:
    """The file OUT.partial; `mark` says what is fitted with which options, so that nothing else is gone on with."""

    def __init__(self, out: Path, mark: str) -> None:
        self.path, self.mark = out.with_name(out.name + ".partial"), mark

    def write(self, take: Take) -> None:
        """Keep what is done; nothing for a take without frames. Raises AimError where the folder cannot be written."""
        if not take.flags:
            return
        arrays = pack_arrays(
            mark=np.array(self.mark),
            unknowns=np.array(take.unknowns),
            twists=np.array(take.twists),
            heads=np.array(take.heads),
            residual=np.array(take.residual),
            flags=np.array(take.flags),
        )
        with atomic_path(self.path) as temporary:
            temporary.write_bytes(arrays)

    def read(self, count: int) -> Take | None:
        """What was done of this very fit, count numbers a frame; None where nothing was, or of another fit.

        Raises AimError for a file that is cut off, altered, or something else: what it holds cannot be gone on with.
        """
        if not self.path.exists():
            return None
        where = str(self.path)
        try:
            arrays = read_arrays(self.path, where)
            mark = checked_array(arrays, "mark", (), where, kinds="U")
            unknowns = checked_array(arrays, "unknowns", (None, None), where, finite=False)
            frames = len(unknowns)
            twists = checked_array(arrays, "twists", (frames, 6), where, finite=False)
            heads = checked_array(arrays, "heads", (frames, 4, 4), where, finite=False)
            residual = checked_array(arrays, "residual", (frames,), where, finite=False)
            flags = checked_array(arrays, "flags", (frames,), where, kinds="iu")
        except AimError as error:
            raise AimError(error.what, error.cause, f"Remove {self.path.name}, or fit without --resume: it begins anew.") from error
        if str(mark) != self.mark or unknowns.shape[1] != count or not frames:
            return None
        residuals = [float(r) for r in residual]
        return Take(list(unknowns), list(twists), list(heads), residuals, [int(f) for f in flags])

    def done(self) -> None:
        """The output is there."""
        with contextlib.suppress(OSError):  # a path below a file, or a folder that is read-only: writing says so
            self.path.unlink(missing_ok=True)
