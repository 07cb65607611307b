"""`rez build --install` in this folder: the Maya module, unpacked, as a package of a studio."""

name = "aim_maya"
version = "1.0.0"
description = "Facial rigs that know their anatomy, in Maya"
authors = ["AIM for Maya contributors"]
requires = ["~maya-2025+<2028"]
private_build_requires = ["python-3"]
build_command = "python {root}/build.py {root} {build_path} {install_path}"


def commands():  # noqa: D103
    env.MAYA_MODULE_PATH.append("{root}")  # noqa: F821  rez gives it
