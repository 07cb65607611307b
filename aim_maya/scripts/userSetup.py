"""Run by Maya at start-up: puts the menu in, once the interface is there. Nothing in batch, and never in the
way of start-up."""


def _aim_maya_start() -> None:
    from maya import cmds

    def install() -> None:
        try:
            from aim_maya.scene.shelf import menu  # type: ignore

            menu.install()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with our module, Maya must start
            cmds.warning(
                f"AIM for Maya is installed and its menu could not be made: {error}. Run "
                "`bin/aim-mayapy doctor` in its folder."
            )

    if not cmds.about(batch=True):
        cmds.evalDeferred(install, lowestPriority=True)  # after other tools have put theirs in


try:
    _aim_maya_start()
except Exception as _error:  # noqa: BLE001 - no maya.cmds yet: nothing to put a menu into
    __import__("sys").stderr.write(f"AIM for Maya: start-up was skipped ({_error}).\n")
finally:
    del _aim_maya_start  # every userSetup.py shares one namespace
