"""Registers the aimDeformer node with Maya. API 1.0: a module that defines maya_useNewAPI would be given
objects of the other API."""

import sys

from aim_maya.core.dependencies import add_dependency_folder

add_dependency_folder()

from maya import OpenMayaMPx  # noqa: E402

from aim_maya import __version__  # noqa: E402


def initializePlugin(plugin):
    """Called by Maya when the plug-in is loaded."""
    from aim_maya.scene.node import registration

    try:
        registration.register(OpenMayaMPx.MFnPlugin(plugin, "AIM for Maya", __version__, "Any"), _deformer)
    except Exception as error:
        sys.stderr.write(f"aim_deformer could not be loaded: {error}\n")
        raise


def _deformer():
    from aim_maya.scene.node.node import AimDeformer

    return AimDeformer


def uninitializePlugin(plugin):
    """Called by Maya when the plug-in is unloaded."""
    from aim_maya.scene.node import registration

    try:
        registration.deregister(OpenMayaMPx.MFnPlugin(plugin))
    except Exception as error:
        sys.stderr.write(f"aim_deformer stays loaded: {error}\n")
        raise
