"""Registers the aimDeformer node with Maya. API 1.0: a module that defines maya_useNewAPI would be given
objects of the other API."""

import sys

from aim_maya.core.dependencies import add_dependency_folder

add_dependency_folder()

from maya import OpenMayaMPx  # noqa: E402

from aim_maya import __version__  # noqa: E402


def initializePlugin(plugin):
    """Called by Maya when the plug-in is loaded."""
    from aim_maya.scene.node import node

    try:
        node.register(OpenMayaMPx.MFnPlugin(plugin, "AIM for Maya", __version__, "Any"))
    except Exception as error:
        sys.stderr.write(f"aim_deformer could not be loaded: {error}\n")
        raise


def uninitializePlugin(plugin):
    """Called by Maya when the plug-in is unloaded."""
    from aim_maya.scene.node import node

    node.deregister(OpenMayaMPx.MFnPlugin(plugin))
