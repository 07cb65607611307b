"""OpenMayaUI, as far as docking a window needs it: a control's Qt widget by its name. A workspace control has a box layout."""

from __future__ import annotations

from typing import Any

from .boundary import current


class _Pointer:
    """What SWIG returns: only int() makes use of it."""

    def __init__(self, address: int) -> None:
        self._address = address

    def __int__(self) -> int:
        return self._address


class MQtUtil:
    """Static methods only."""

    @staticmethod
    def findControl(name: str) -> _Pointer | None:
        """The widget of a control, or None."""
        session = current()
        if name not in session.ui:
            return None
        return _Pointer(_address(_widgets(session).setdefault(name, _made())))


def _widgets(session: Any) -> dict[str, Any]:
    held: dict[str, Any] = session.extras.setdefault("qt_controls", {})
    return held


def _made() -> Any:
    from PySide6.QtWidgets import QVBoxLayout, QWidget

    widget = QWidget()
    QVBoxLayout(widget)
    return widget


def _address(widget: Any) -> int:
    import shiboken6

    return int(shiboken6.getCppPointer(widget)[0])
