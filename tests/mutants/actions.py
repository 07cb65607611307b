"""Faults in what a user does in a scene: attach, restore, capture, teeth, anatomy, performances, native
targets."""

from __future__ import annotations

from . import Fault

ATTACH = "aim_maya/scene/actions/attach.py"
RESTORE = "aim_maya/scene/actions/restore.py"
CAPTURE = "aim_maya/scene/actions/capture.py"
ANATOMY = "aim_maya/scene/actions/anatomy.py"
TEETH = ANATOMY
PERFORMANCES = "aim_maya/scene/actions/performances.py"
NATIVE = "aim_maya/scene/actions/native.py"
REPORT = "aim_maya/scene/actions/attach_report.py"
CHAIN = "aim_maya/scene/rig/chain.py"
FOLLOWERS = "aim_maya/scene/rig/followers.py"
PLUGS = "aim_maya/scene/rig/plugs.py"
BLEND = "aim_maya/scene/rig/blend_shape.py"
MESHES = "aim_maya/scene/rig/meshes.py"

FAULTS = [
    # one undo step each
    Fault(
        "attach in many steps", ATTACH, '    with undo_chunk("aimAttach"):\n', "    if True:\n", ("attach",)
    ),
    Fault(
        "restore in many steps",
        RESTORE,
        '    with undo_chunk("aimRestore"):\n        released = release_all(f"{node}',
        '    if True:\n        released = release_all(f"{node}',
        ("attach",),
    ),
    Fault(
        "teeth in many steps", TEETH, '    with undo_chunk("aimDriveTeeth"):\n', "    if True:\n", ("scene",)
    ),
    Fault(
        "teeth released in many steps",
        TEETH,
        '    with undo_chunk("aimReleaseTeeth"):\n',
        "    if True:\n",
        ("scene",),
    ),
    Fault(
        "anatomy in many steps", ANATOMY, '    with undo_chunk("aimAnatomy"):\n', "    if True:\n", ("scene",)
    ),
    Fault(
        "a sculpt in many steps", ANATOMY, '    with undo_chunk("aimSculpt"):\n', "    if True:\n", ("edit",)
    ),
    Fault(
        "keys in many steps",
        PERFORMANCES,
        '    with undo_chunk("aimKeyPerformance"):\n',
        "    if True:\n",
        ("performance",),
    ),
    Fault(
        "a performance in many steps",
        PERFORMANCES,
        '    with undo_chunk("aimLoadPerformance"):\n',
        "    if True:\n",
        ("performance",),
    ),
    Fault(
        "native targets in many steps",
        NATIVE,
        '    with undo_chunk("aimBakeBack"):\n',
        "    if True:\n",
        ("attach",),
    ),
    Fault(
        "a sample face in many steps", NATIVE, ', undo_chunk("aimSampleFace"):', ":", ("sample", "session")
    ),
    # attach and restore
    Fault(
        "a plug that the node has not",
        ATTACH,
        'f"{node}.faceBindMatrix", face',
        'f"{node}.faceBindMatrx", face',
        ("attach", "node"),
    ),
    Fault("a matrix without its type", ATTACH, 'face, type="matrix")', "face)", ("node",)),
    Fault(
        "the face's place at bind is another's",
        ATTACH,
        'f"{transform_of(structure.shape)}.worldMatrix[0]"',
        'f"{transform_of(structure.shape)}.worldInverseMatrix[0]"',
        ("node",),
    ),
    Fault(
        "controls by their order",
        ATTACH,
        '";".join(f"{control}={index}" for control, index in plan.matched.items())',
        '";".join(f"{control}={index}" for index, control in enumerate(plan.matched))',
        ("attach", "node"),
    ),
    Fault(
        "a name that differs by case is lost",
        ATTACH,
        "        elif as_alias(control).lower() in lowered:\n",
        "        elif False:\n",
        ("attach",),
    ),
    Fault("an alias of the node's own", ATTACH, "    _check_aliases(plan.structure)\n", "", ("attach",)),
    Fault(
        "replace is the default on references",
        ATTACH,
        'mode = "overlay" if cmds.referenceQuery',
        'mode = "replace" if cmds.referenceQuery',
        ("scene",),
    ),
    Fault(
        "the jaw opens twice",
        ATTACH,
        "    if plan.double_jaw and double_jaw not in DOUBLE_JAW:\n",
        "    if False:\n",
        ("attach",),
    ),
    Fault(
        "still jaws move",
        ATTACH,
        '            cmds.setAttr(f"{node}.jawGain", 0.0)\n',
        "            pass\n",
        ("attach",),
    ),
    Fault(
        "base paint is lost",
        ATTACH,
        "    if any(v != 1.0 for v in values):\n",
        "    if False:\n",
        ("attach",),
    ),
    Fault("another mesh is attached to", ATTACH, "    check_rest(structure, face)\n", "", ("attach",)),
    Fault(
        "a record that is no text",
        RESTORE,
        'json.dumps(asdict(record)), type="string"',
        "json.dumps(asdict(record))",
        ("attach",),
    ),
    Fault("the old node is fed on", RESTORE, "    stop_feeding(node, old.node)\n", "", ("attach",)),
    Fault("paint of the meantime is lost", RESTORE, "    _paint_back(node, old)\n", "", ("attach",)),
    Fault(
        "what was moved stays with the node", RESTORE, "    move_node(node, old.node, own)\n", "", ("attach",)
    ),
    Fault(
        "teeth stay open after restore",
        RESTORE,
        '        released = release_all(f"{node}.outJawMatrix")\n',
        "        released = []\n",
        ("scene",),
    ),
    Fault(
        "the node stays after restore", RESTORE, "        cmds.delete(node)\n", "        pass\n", ("attach",)
    ),
    Fault("the report looks at one frame", REPORT, "    if not times:\n", "    if True:\n", ("attach",)),
    Fault(
        "the report names another frame", REPORT, "float(times[found.row])", "float(found.row)", ("attach",)
    ),
    # the chain, plugs and what hangs on them
    Fault("membership is lost", CHAIN, "    _copy_membership(old, new)\n", "", ("attach",)),
    Fault(
        "a tag's expression is lost",
        CHAIN,
        '        cmds.setAttr(new.expression, expression, type="string")\n',
        "        pass\n",
        ("attach",),
    ),
    Fault(
        "the first geometry for any",
        CHAIN,
        'return f"{self.node}.input[{self.index}].inputGeometry"',
        'return f"{self.node}.input[0].inputGeometry"',
        ("attach",),
    ),
    Fault(
        "one of the meshes behind is lost",
        CHAIN,
        "    for target in targets:\n        disconnect_source(target)\n        if source is not None:",
        "    for target in targets[1:]:\n        disconnect_source(target)\n        if source is not None:",
        ("attach",),
    ),
    Fault(
        "the order is not read back",
        CHAIN,
        "    if not any(order[i : i + size] == wanted for i in range(len(order) - size + 1)):\n",
        "    if False:\n",
        ("twin",),
    ),
    Fault(
        "a flag of nodeType that is none",
        CHAIN,
        "cmds.nodeType(node, inherited=True)",
        "cmds.nodeType(node, inherit=True)",
        ("attach",),
    ),
    Fault(
        "groupParts end the walk",
        CHAIN,
        '("inputGeometry", "inputPolymesh",',
        '("inputPolymesh",',
        ("attach", "twin"),
    ),
    Fault(
        "aliases are lost",
        PLUGS,
        '            cmds.aliasAttr(alias, f"{new}.weight[{index}]")\n        move_plug',
        "            pass\n        move_plug",
        ("attach",),
    ),
    Fault(
        "mutes are lost",
        PLUGS,
        'move_plug(f"{old}.{name}[{index}]", f"{new}.{name}[{index}]", keep=(old, new))',
        "pass",
        ("attach",),
    ),
    Fault(
        "overlay is not muted",
        FOLLOWERS,
        '            cmds.connectAttr(f"{old}.{name}[{index}]", f"{node}.{name}[{index}]")',
        "            pass",
        ("attach",),
    ),
    Fault(
        "a misspelt single attribute",
        PLUGS,
        'SINGLE = ("envelope", "nodeState", "supportNegativeWeights")',
        'SINGLE = ("envelope", "nodeState", "supportNegativeWeight")',
        ("attach",),
    ),
    Fault(
        "other meshes lose their driver",
        PLUGS,
        '        connect(f"{new}.{plug}", f"{old}.{plug}")\n',
        "        pass\n",
        ("attach",),
    ),
    Fault(
        "teeth are wrapped",
        FOLLOWERS,
        'Follower(mesh, "jaw" if _RIGID',
        'Follower(mesh, "proximityWrap" if _RIGID',
        ("attach",),
    ),
    Fault(
        "a driven key is read backwards",
        FOLLOWERS,
        "    return (source, inputs[at]) if",
        "    return (source, values[at]) if",
        ("capture",),
    ),
    Fault(
        "a driver that cannot be set is used",
        FOLLOWERS,
        "return (driver, value) if cmds.getAttr(driver, settable=True) else None",
        "return (driver, value)",
        ("capture",),
    ),
    Fault(
        "connections are not forced",
        PLUGS,
        "    cmds.connectAttr(source, destination, force=True)",
        "    cmds.connectAttr(source, destination)",
        ("attach", "performance", "scene"),
    ),
    Fault(
        "a conversion's factor is lost",
        PLUGS,
        "        if self.factor is not None and made",
        "        if False and made",
        ("twin",),
    ),
    Fault("locks are lost", PLUGS, "    set_lock(new, state.locked)\n", "", ("attach",)),
    Fault(
        "what drives is not put back",
        PLUGS,
        "                state.driver.drive(plug)\n",
        "                pass\n",
        ("capture",),
    ),
    Fault(
        "values are not put back",
        PLUGS,
        "                cmds.setAttr(plug, state.value)\n",
        "                pass\n",
        ("capture",),
    ),
    Fault(
        "runs are not put back",
        PLUGS,
        "                cmds.setAttr(plug, *state, size=len(state))\n",
        "                pass\n",
        ("bulk", "capture"),
    ),
    Fault(
        "a driven element of a map is overwritten",
        PLUGS,
        "    driven = {int(",
        "    driven = set() and {int(",
        ("bulk",),
    ),
    Fault(
        "runs end one too early",
        PLUGS,
        "        if found and found[-1][1] == i - 1:\n",
        "        if found and found[-1][1] == i - 2:\n",
        ("bulk", "capture"),
        "the runs are the same elements, one each: more calls, the same values",
    ),
    Fault(
        "a map is read from its second run on",
        PLUGS,
        "        if first < count:\n",
        "        if 0 < first < count:\n",
        ("bulk", "capture"),
    ),
    Fault("holding leaves undo steps", PLUGS, "    with without_undo():\n", "    if True:\n", ("capture",)),
    Fault(
        "keys are stepped",
        PLUGS,
        'inTangentType="linear", outTangentType="linear"',
        'inTangentType="step", outTangentType="step"',
        ("performance", "batch"),
    ),
    Fault(
        "old keys stay between the new",
        PLUGS,
        "    cmds.cutKey(plug, clear=True)\n",
        "",
        ("performance", "batch"),
    ),
    # capture
    Fault("the envelope is not held", BLEND, '    state[f"{node}.envelope"] = 1.0\n', "", ("capture",)),
    Fault(
        "deformers before are in the shapes", BLEND, "for name in before}", "for name in []}", ("capture",)
    ),
    Fault(
        "paint is in the shapes",
        BLEND,
        "        state |= ones(painted)\n",
        "        pass\n",
        ("capture", "bulk"),
    ),
    Fault(
        "a muted folder mutes its shapes",
        BLEND,
        '.directoryVisibility": True',
        '.directoryVisibility": False',
        ("capture",),
    ),
    Fault("in-betweens at another value", BLEND, "(item - 5000) / 1000", "(item - 5000) / 500", ("capture",)),
    Fault(
        "another mesh of the blendShape",
        BLEND,
        "            return slot.index\n",
        "            return 0\n",
        ("capture", "attach"),
    ),
    Fault(
        "a combination by another method",
        BLEND,
        'cmds.getAttr(f"{combiner}.combinationMethod"), "multiply")',
        'None, "multiply")',
        ("capture", "attach"),
    ),
    Fault(
        "combinations are off at their pose",
        CAPTURE,
        "        values |= {structure.plug(i): 1.0 for i in _active_combinations(structure, pose)}\n",
        "",
        ("capture",),
    ),
    Fault(
        "bones stay where they stand",
        CAPTURE,
        "    return read_mesh(shape, into_space(shape_points(shape), transform_of(shape), face))",
        "    return read_mesh(shape, shape_points(shape))",
        ("capture",),
    ),
    Fault(
        "teeth and jaw joint at their bind exchanged",
        CAPTURE,
        "driven_jaw(face, self.bind, world_matrix(self.control), face, face)",
        "driven_jaw(face, world_matrix(self.control), self.bind, face, face)",
        ("capture",),
    ),
    Fault(
        "static teeth are not said",
        CAPTURE,
        "        elif self.teeth is not None or self.control is not None:\n",
        "        elif False:\n",
        ("capture",),
    ),
    Fault(
        "a stop is not heard",
        CAPTURE,
        "        if not progress(done / len(actor.rig.targets), target):\n",
        "        if not progress(done / len(actor.rig.targets), target) and False:\n",
        ("capture",),
    ),
    Fault(
        "spaces the wrong way round",
        MESHES,
        "np.linalg.inv(uniform_world_matrix(face)) @ uniform_world_matrix(of)",
        "np.linalg.inv(uniform_world_matrix(of)) @ uniform_world_matrix(face)",
        ("capture",),
    ),
    Fault(
        "a stretched bone is taken",
        MESHES,
        "scales.min() <= 0 or np.abs(gram",
        "scales.min() <= 0 or 0 * np.abs(gram",
        ("capture",),
    ),
    Fault(
        "the first of two of a name",
        MESHES,
        "    if len(found) > 1:\n",
        "    if False:\n",
        ("names", "shots", "capture"),
    ),
    Fault(
        "points as SWIG does not take them",
        MESHES,
        "setPoints(array, OpenMaya.MSpace.kObject)",
        "setPoints(array, space=OpenMaya.MSpace.kObject)",
        ("attach", "scene"),
    ),
    Fault(
        "points in the world",
        MESHES,
        "setPoints(array, OpenMaya.MSpace.kObject)",
        "setPoints(array, OpenMaya.MSpace.kWorld)",
        ("scene", "attach"),
    ),
    Fault(
        "the first mesh of the future",
        MESHES,
        "        if plug in seen or not _takes_geometry(attribute):\n",
        "        if plug in seen:\n",
        ("names", "attach", "scene"),
    ),
    Fault(
        "UVs of single precision counts",
        MESHES,
        "    mesh.getUVs(u, v)\n",
        "    mesh.getUVs(v, u)\n",
        ("capture",),
    ),
    # teeth, anatomy, performances, native targets
    Fault(
        "teeth in the world's space",
        TEETH,
        '((2, f"{face}.worldInverseMatrix[0]"), (4, f"{face}.worldMatrix[0]"))',
        '((2, f"{face}.worldMatrix[0]"), (4, f"{face}.worldInverseMatrix[0]"))',
        ("scene",),
    ),
    Fault(
        "teeth by their own parentMatrix",
        TEETH,
        'cmds.connectAttr(f"{parent}.worldMatrix[0]", f"{mult}.matrixIn[1]")',
        'cmds.connectAttr(f"{name}.parentMatrix[0]", f"{mult}.matrixIn[1]")',
        ("scene",),
    ),
    Fault(
        "teeth stay moved when released",
        TEETH,
        '        cmds.setAttr(plug, before, type="matrix")\n',
        "        pass\n",
        ("scene",),
    ),
    Fault(
        "under a skinCluster teeth follow the transform",
        TEETH,
        'skinned = any(cmds.nodeType(slot.node) == "skinCluster" and slot.node not in own for slot in stack(shape))',
        "skinned = False",
        ("scene", "attach"),
    ),
    Fault(
        "bones without their colours",
        ANATOMY,
        '    cmds.polyColorSet(shape, create=True, colorSet=COLOUR_SET, representation="RGB")\n',
        "",
        ("scene",),
    ),
    Fault(
        "bones keep their history",
        ANATOMY,
        "    cmds.delete(bones, constructionHistory=True)\n",
        "",
        ("scene",),
    ),
    Fault(
        "a sculpt is not read again",
        ANATOMY,
        '        cmds.setAttr(f"{node}.reload", cmds.getAttr(f"{node}.reload") + 1)\n',
        "",
        ("edit",),
    ),
    Fault(
        "a sculpt on a driven jaw is taken to be on the learned one",
        ANATOMY,
        'return from_list(cmds.getAttr(f"{node}.outJawMatrix"))',
        "return None",
        ("edit",),
    ),
    Fault(
        "a target's sculpt is taken to be of the unedited face",
        ANATOMY,
        "model.unedited_shape(target, mesh.points, jaw)",
        "mesh.points",
        ("edit",),
    ),
    Fault(
        "a sculpt in centimetres",
        ANATOMY,
        "(sculpted.points - model.data.bone) * model.mm_per_unit",
        "(sculpted.points - model.data.bone)",
        ("edit",),
    ),
    Fault(
        "the edit before is lost",
        ANATOMY,
        '    return read_recipe(paths.file_of(node, "edit")).moved(file.parent)',
        "    return EditRecipe()",
        ("edit",),
    ),
    Fault(
        "a flag of playbackOptions that is none",
        PERFORMANCES,
        "cmds.playbackOptions(query=True, minTime=True)",
        "cmds.playbackOptions(query=True, minimumTime=True)",
        ("plays", "performance"),
    ),
    Fault(
        "frames of the take as the scene's",
        PERFORMANCES,
        "first + f * frames_per_second() / performance.fps",
        "first + f",
        ("performance",),
    ),
    Fault(
        "keys in centimetres",
        PERFORMANCES,
        "np.repeat([centimetres(), degrees()], 3)",
        "np.repeat([1.0, degrees()], 3)",
        ("performance",),
    ),
    Fault(
        "keys in degrees",
        PERFORMANCES,
        "np.repeat([centimetres(), degrees()], 3)",
        "np.repeat([centimetres(), 1.0], 3)",
        ("performance",),
    ),
    Fault("a driven slider is keyed", PERFORMANCES, "    if driven:\n", "    if False:\n", ("performance",)),
    Fault(
        "the take plays on over its keys",
        PERFORMANCES,
        '        cmds.setAttr(f"{node}.performance", "", type="string")\n',
        "        pass\n",
        ("performance",),
    ),
    Fault(
        "a locator that drives nothing",
        PERFORMANCES,
        '    cmds.setAttr(f"{node}.jawMode", 1)\n',
        "",
        ("performance",),
    ),
    Fault(
        "native targets one place on",
        NATIVE,
        "target=(base, control.index, mesh, value)",
        "target=(base, control.index + 1, mesh, value)",
        ("attach", "batch"),
    ),
    Fault(
        "in-betweens and full targets exchanged",
        NATIVE,
        "inBetween=not outermost",
        "inBetween=outermost",
        ("attach", "batch"),
    ),
    Fault(
        "native combinations follow nothing",
        NATIVE,
        '        cmds.connectAttr(f"{combiner}.outputWeight", f"{node}.weight[{index}]")\n',
        "",
        ("attach", "batch"),
    ),
    Fault(
        "the copy follows the model's indices",
        NATIVE,
        '            connect(f"{node}.weight[{place[position]}]", plug)',
        '            connect(f"{node}.weight[{control.index}]", plug)',
        ("attach",),
    ),
    Fault(
        "the copy stands still", NATIVE, "        _drive(node, targets, baked.rig)\n", "", ("attach", "batch")
    ),
]
