"""OpenMaya 1.0: MFileIO and messages."""

from __future__ import annotations

import itertools
from typing import Any

from .boundary import api, constants, current, wrong_arguments

_IDS = itertools.count(1)
_SCENE = (
    "kSceneUpdate kBeforeNew kAfterNew kBeforeImport kAfterImport kBeforeOpen kAfterOpen"
    " kBeforeFileRead kAfterFileRead"
    " kAfterSceneReadAndRecordEdits"
    " kBeforeExport=10 kAfterExport kBeforeSave kAfterSave kBeforeReference kAfterReference"
    " kBeforeRemoveReference kAfterRemoveReference kBeforeImportReference kAfterImportReference"
    " kBeforeUnloadReference=22 kAfterUnloadReference kMayaInitialized=29 kMayaExiting kBeforeSaveCheck=33"
    " kBeforeLoadReference=36 kAfterLoadReference kBeforePluginLoad=40 kAfterPluginLoad"
    " kBeforePluginUnload kAfterPluginUnload kBeforeCreateReference kAfterCreateReference"
)


@api
class MFileIO:
    @staticmethod
    def isReadingFile() -> bool:
        return current().reading


@api
class MMessage:
    @staticmethod
    def removeCallback(number: int) -> None:
        if number not in current().callbacks:
            raise RuntimeError("(kInvalidParameter): no such callback")
        del current().callbacks[number]


@api
@constants(_SCENE)
class MSceneMessage:
    @staticmethod
    def addCallback(event: int, function: Any, *data: Any) -> int:
        """Call function(data) on a scene event; its number."""
        if not callable(function):
            raise wrong_arguments("addCallback")
        number = next(_IDS)
        current().callbacks[number] = (("scene", event), function, data[0] if data else None)
        return number

    removeCallback = MMessage.__dict__["removeCallback"]
