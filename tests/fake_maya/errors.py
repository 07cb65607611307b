"""What the stand-in raises when a contract of Maya is broken, and what Maya itself would raise."""

from __future__ import annotations


class ContractError(AssertionError):
    """A documented rule of Maya was broken: real Maya would crash, corrupt data or give stale results without
    saying so."""


class CycleError(RuntimeError):
    """A plug depends on itself."""


class ReadOnlyError(RuntimeError):
    """A referenced or locked node was asked to change in a way that Maya refuses."""
