"""AIM for Maya: facial rigs that know their anatomy.

``aim_maya.core`` is stdlib + numpy, ``aim_maya.runtime`` evaluates a trained ``actor.aim``; neither needs
Maya, torch or Qt.
"""

__version__ = "1.0.0"
