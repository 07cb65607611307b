"""PySide6 windows that run inside Maya and on their own; `Host` is all they know of the application around
them.

No maya, no torch, no trainer: a training is a process, and its RUN folder (docs/reference/run_folder.md) is
all that passes between. `training.python`, `training.options` and `host` use no Qt either.
"""
