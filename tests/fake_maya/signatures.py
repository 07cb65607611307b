"""How many arguments each method of API 1.0 takes (without self), after the C++ reference of Maya 2025.

The stand-in enforces it, and a test compares every call in our code with it. One class a line group:
`Class(Base)`, then its own methods; `name` alone takes no argument, `name:1,2` one or two.
"""

from __future__ import annotations

_TABLE = """
MObject
    __init__:0,1 apiType apiTypeStr assign:1 hasFn:1 isNull
MObjectHandle
    __init__:0,1 hashCode isAlive isValid object objectHashCode:1 objectRef
MTypeId
    __init__:0,1,2 id
MFnBase
    __init__:0,1 hasObj:1 object setObject:1 type
MVector
    __init__:0,1,2,3 isEquivalent:1,2 length normal normalize
MPoint
    __init__:0,1,2,3,4 distanceTo:1 isEquivalent:1,2
MFloatVector
    __init__:0,1,2,3 length
MFloatPoint
    __init__:0,1,2,3,4
MMatrix
    __init__:0,1 det3x3 det4x4 get:1 inverse isEquivalent:1,2 isSingular setToIdentity setToProduct:2
    transpose
MFloatMatrix
    __init__:0,1 setToIdentity
MAngle
    __init__:0,1,2 asDegrees asRadians uiUnit value
MDistance
    __init__:0,1,2 asCentimeters asMillimeters asUnits:1 internalToUI:1 internalUnit uiToInternal:1 uiUnit
    value
MTime
    __init__:0,1,2 asUnits:1 uiUnit unit value
MIntArray
    __init__:0,1,2 append:1 clear copy:1 get:1 insert:2 length remove:1 set:2 setLength:1 setSizeIncrement:1
MUintArray
    __init__:0,1,2 append:1 clear copy:1 get:1 insert:2 length remove:1 set:2 setLength:1 setSizeIncrement:1
MFloatArray
    __init__:0,1,2 append:1 clear copy:1 get:1 insert:2 length remove:1 set:2 setLength:1 setSizeIncrement:1
MDoubleArray
    __init__:0,1,2 append:1 clear copy:1 get:1 insert:2 length remove:1 set:2 setLength:1 setSizeIncrement:1
MPointArray
    __init__:0,1,2 append:1,3,4 clear copy:1 get:1 insert:2 length remove:1 set:2,4,5 setLength:1
    setSizeIncrement:1
MFloatPointArray
    __init__:0,1,2 append:1,3,4 clear copy:1 get:1 insert:2 length remove:1 set:2,4,5 setLength:1
    setSizeIncrement:1
MVectorArray
    __init__:0,1,2 append:1 clear copy:1 get:1 insert:2 length remove:1 set:2 setLength:1 setSizeIncrement:1
MFloatVectorArray
    __init__:0,1,2 append:1 clear copy:1 get:1 insert:2 length remove:1 set:2 setLength:1 setSizeIncrement:1
MObjectArray
    append:1 clear length remove:1 set:2
MPlugArray
    append:1 clear length remove:1 set:2
MDagPathArray
    append:1 clear length remove:1 set:2
MScriptUtil
    __init__:0,1,2,3,4 asBoolPtr asCharPtr asDouble2Ptr asDouble3Ptr asDouble4Ptr asDoublePtr asFloat2Ptr
    asFloat3Ptr asFloat4Ptr asFloatPtr asInt2Ptr asInt3Ptr asInt4Ptr asIntPtr asShort2Ptr asShort3Ptr
    asShort4Ptr asShortPtr asUcharPtr asUint2Ptr asUint3Ptr asUint4Ptr asUintPtr createFloatArrayFromList:2
    createFloatMatrixFromList:2 createFromDouble:1,2,3,4 createFromInt:1,2,3,4 createFromList:2
    createIntArrayFromList:2 createMatrixFromList:2 getBool:1 getChar:1 getDouble:1 getDouble2ArrayItem:3
    getDouble3ArrayItem:3 getDouble4ArrayItem:3 getDoubleArrayItem:2 getFloat:1 getFloat2ArrayItem:3
    getFloat3ArrayItem:3 getFloat4ArrayItem:3 getFloatArrayItem:2 getInt:1 getInt2ArrayItem:3
    getInt3ArrayItem:3 getInt4ArrayItem:3 getIntArrayItem:2 getShort:1 getShort2ArrayItem:3
    getShort3ArrayItem:3 getShort4ArrayItem:3 getShortArrayItem:2 getUchar:1 getUint:1 getUint2ArrayItem:3
    getUint3ArrayItem:3 getUint4ArrayItem:3 getUintArrayItem:2 setBool:2 setChar:2 setDouble:2
    setDouble2ArrayItem:4 setDouble3ArrayItem:4 setDouble4ArrayItem:4 setDoubleArray:3 setFloat:2
    setFloat2ArrayItem:4 setFloat3ArrayItem:4 setFloat4ArrayItem:4 setFloatArray:3 setInt:2 setInt2ArrayItem:4
    setInt3ArrayItem:4 setInt4ArrayItem:4 setIntArray:3 setShort:2 setShort2ArrayItem:4 setShort3ArrayItem:4
    setShort4ArrayItem:4 setShortArray:3 setUchar:2 setUint:2 setUint2ArrayItem:4 setUint3ArrayItem:4
    setUint4ArrayItem:4 setUintArray:3
MFnAttribute(MFnBase)
    addToCategory:1 indexMatters internal isArray isCached isChannelBoxFlagSet isConnectable isDynamic
    isHidden isKeyable isReadable isStorable isUsedAsFilename isWorldSpace isWritable name parent
    setAffectsAppearance:1 setAffectsWorldSpace:1 setArray:1 setCached:1 setChannelBox:1 setConnectable:1
    setDisconnectBehavior:1 setHidden:1 setIndeterminant:1 setIndexMatters:1 setInternal:1 setKeyable:1
    setNiceNameOverride:1 setReadable:1 setStorable:1 setUsedAsColor:1 setUsedAsFilename:1
    setUsesArrayDataBuilder:1 setWorldSpace:1 setWritable:1 shortName usesArrayDataBuilder
MFnNumericAttribute(MFnAttribute)
    child:1 create:3,4,5,6 createColor:2 createPoint:2 hasMax hasMin setDefault:1,2,3,4 setMax:1,2,3
    setMin:1,2,3 setSoftMax:1 setSoftMin:1
MFnUnitAttribute(MFnAttribute)
    create:3,4 hasMax hasMin setDefault:1 setMax:1 setMin:1 setSoftMax:1 setSoftMin:1
MFnEnumAttribute(MFnAttribute)
    addField:2 create:2,3 fieldIndex:1 fieldName:1 setDefault:1
MFnTypedAttribute(MFnAttribute)
    create:3,4 setDefault:1
MFnMatrixAttribute(MFnAttribute)
    create:2,3 setDefault:1
MFnMessageAttribute(MFnAttribute)
    create:2
MFnGenericAttribute(MFnAttribute)
    addAccept:1 addDataAccept:1 create:2
MFnCompoundAttribute(MFnAttribute)
    addChild:1 child:1 create:2 numChildren
MFnData(MFnBase)
MFnNumericData(MFnData)
    create:1 setData3Double:3 setData3Float:3
MFnStringData(MFnData)
    create:0,1 set:1 string
MFnMatrixData(MFnData)
    create:0,1 matrix set:1
MFnDoubleArrayData(MFnData)
    array copyTo:1 create:0,1 length set:1,2
MFnIntArrayData(MFnData)
    array copyTo:1 create:0,1 length set:1,2
MFnPointArrayData(MFnData)
    array copyTo:1 create:0,1 length set:1,2
MFnComponentListData(MFnData)
    add:1 clear create length
MFnSingleIndexedComponent(MFnBase)
    addElement:1 addElements:1 create:1 element:1 elementCount getElements:1 isComplete isEmpty
    setCompleteData:1
MFnGeometryData(MFnData)
    componentTagContents:1 getMatrix:1 hasComponentTag:1 hasObjectGroup:1 objectGroupComponent:1
    objectGroupCount resolveComponentTagExpression:1,2
MFnMeshData(MFnGeometryData)
    create
MPlug
    __init__:0,1,2 array asBool asChar asDouble asFloat asInt asMAngle asMDistance asMObject:0,1 asMTime
    asShort asString attribute child:1 connectedTo:3 destinations:1 elementByLogicalIndex:1
    elementByPhysicalIndex:1 evaluateNumElements getExistingArrayAttributeIndices:1 info isArray
    isChannelBoxFlagSet isChild isCompound isConnected isDestination isDynamic isElement isFreeToChange:0,1,2
    isKeyable isLocked isNull isSource logicalIndex name node numChildren numElements parent
    partialName:0,1,2,3,4,5,6 selectAncestorLogicalIndex:2 setBool:1 setChannelBox:1 setChar:1 setDouble:1
    setFloat:1 setInt:1 setKeyable:1 setLocked:1 setMAngle:1 setMDistance:1 setMObject:1 setMTime:1 setShort:1
    setString:1 source
MFnDependencyNode(MFnBase)
    absoluteName addAttribute:1,2 attribute:1 attributeCount findAlias:2 findPlug:1,2 getAliasList:1
    getConnections:1 hasAttribute:1 isDefaultNode isFromReferencedFile isLocked name pluginName plugsAlias:1
    removeAttribute:1,2 setAlias:3,4 setName:1,2 typeId typeName uniqueName userNode uuid
MDagPath
    __init__:0,1 apiType child:1 childCount exclusiveMatrix exclusiveMatrixInverse extendToShape
    extendToShapeDirectlyBelow:1 fullPathName getAPathTo:1,2 getAllPathsTo:2 hasFn:1 inclusiveMatrix
    inclusiveMatrixInverse instanceNumber isInstanced isValid length node numberOfShapesDirectlyBelow:1
    partialPathName pop:0,1 push:1 transform
MFnDagNode(MFnDependencyNode)
    child:1 childCount dagPath fullPathName getPath:1 isInstanced:0,1 isIntermediateObject parent:1
    parentCount partialPathName transformationMatrix
MFnTransform(MFnDagNode)
MSelectionList
    __init__:0,1 add:1,2,3 clear getDagPath:2,3 getDependNode:2 getPlug:2 getSelectionStrings:1,2 isEmpty
    length
MFnMesh(MFnDagNode)
    assignUVs:2,3 create:5,6,7,8 getAssignedUVs:2,3 getPoint:2,3 getPoints:1,2 getPolygonVertices:2
    getRawPoints getUVSetNames:1 getUVs:2,3 getVertices:2 numEdges numFaceVertices numPolygons numUVs:0,1
    numVertices polygonVertexCount:1 setPoints:1,2 syncObject updateSurface
MItGeometry
    __init__:1,2,3 allPositions:1,2 component count currentItem exactCount index isDone next position:0,1
    positionIndex reset setAllPositions:1,2 setPosition:1,2
MDataHandle
    __init__:0,1 asAngle asBool asChar asDistance asDouble asDouble3 asFloat asFloat3 asFloatMatrix
    asFloatVector asInt asLong asMatrix asMesh asNurbsCurve asShort asString asTime asUChar asVector attribute
    child:1 copy:1 data isNumeric set3Double:3 set3Float:3 setBool:1 setChar:1 setClean setDouble:1 setFloat:1
    setInt:1 setMAngle:1 setMFloatMatrix:1 setMMatrix:1 setMObject:1 setMTime:1 setShort:1 setString:1 type
MArrayDataHandle
    __init__:1 builder elementCount elementIndex inputValue jumpToArrayElement:1 jumpToElement:1 next
    outputValue set:1 setAllClean setClean
MArrayDataBuilder
    __init__:1,2,3 addElement:1 elementCount
MDGContext
    __init__:0,1 getTime:1 isNormal
MDataBlock
    __init__:1 context inputArrayValue:1 inputValue:1 isClean:1 outputArrayValue:1 outputValue:1 setClean:1
MEvaluationNode
    __init__:1 datablock dependencyNode dirtyPlug:1 dirtyPlugExists:1
MAnimControl
    currentTime setCurrentTime:1
MFnGeometryFilter(MFnDependencyNode)
    envelope getInputGeometry:1 getOutputGeometry:1 indexForOutputShape:1 setEnvelope:1
MFnBlendShapeDeformer(MFnDependencyNode)
    envelope getBaseObjects:1 numWeights origin setWeight:2 targetItemIndexList:3 weight:1 weightIndexList:1
MGlobal
    apiVersion displayError:1 displayInfo:1 displayWarning:1 executeCommand:1,2,3 executeCommandOnIdle:1,2
    executePythonCommandOnIdle:1,2 getActiveSelectionList:1 getSelectionListByName:2 isRedoing isUndoing
    isYAxisUp mayaState mayaVersion
MFileIO
    currentFile isOpeningFile isReadingFile isWritingFile
MMessage
    removeCallback:1 removeCallbacks:1
MSceneMessage
    addCallback:2,3 removeCallback:1
MEventMessage
    addEventCallback:2,3 removeCallback:1
MNodeMessage
    addAttributeChangedCallback:2,3 addNodePreRemovalCallback:2,3 removeCallback:1
MDGModifier
    __init__ connect:2,4 createNode:1 deleteNode:1 disconnect:2,4 doIt newPlugValueDouble:2 renameNode:2
    undoIt
MDagModifier(MDGModifier)
    createNode:1,2
MPxNode
    __init__ addAttribute:1 addExternalContentForFileAttr:2 attributeAffects:2,3 compute:2 connectionBroken:3
    connectionMade:3 copyInternalData:1 getCacheSetup:4 getExternalContent:1 getFilesToArchive:0,1,2,3
    getInternalValue:2 inheritAttributesFrom:1 isPassiveOutput:1 legalConnection:4 name postConstructor
    postEvaluation:3 preEvaluation:2 schedulingType setDependentsDirty:2 setExistWithoutInConnections:1
    setExistWithoutOutConnections:1 setExternalContent:1 setInternalValue:2 shouldSave:2 thisMObject type
    typeId typeName
MPxGeometryFilter(MPxNode)
    accessoryAttribute accessoryNodeSetup:1 deform:4
MPxDeformerNode(MPxGeometryFilter)
    envelopeWeights:3 weightValue:3
MFnPlugin(MFnBase)
    __init__:1,2,3,4 deregisterNode:1 loadPath name registerCommand:2,3 registerNode:4,5,6 setVersion:1
"""


def _parse(text: str) -> dict[str, dict[str, tuple[int, ...]]]:
    table: dict[str, dict[str, tuple[int, ...]]] = {}
    current: dict[str, tuple[int, ...]] = {}
    for line in text.splitlines():
        if line and not line.startswith(" "):
            name, _, base = line.rstrip(")").partition("(")
            current = table[name] = dict(table[base]) if base else {}
            continue
        for item in line.split():
            method, _, counts = item.partition(":")
            current[method] = tuple(int(c) for c in counts.split(",")) if counts else (0,)
    return table


SIGNATURES = _parse(_TABLE)
