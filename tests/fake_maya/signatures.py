"""How many arguments each method of API 1.0 that is used here takes (without self), after the C++ reference
of Maya 2025.

The stand-in enforces it, and a test compares every call in our code with it. One class a line group:
`Class(Base)`, then its own methods; `name` alone takes no argument, `name:1,2` one or two.
"""

from __future__ import annotations

_TABLE = """
MObject
    __init__:0,1 assign:1 hasFn:1 isNull
MObjectHandle
    __init__:0,1 isAlive isValid object
MTypeId
    __init__:0,1,2 id
MFnBase
    __init__:0,1 object type
MVector
    __init__:0,1,2,3 length normal normalize
MPoint
    __init__:0,1,2,3,4
MFloatVector
    __init__:0,1,2,3 length
MFloatPoint
    __init__:0,1,2,3,4
MMatrix
    __init__:0,1 get:1 inverse transpose
MAngle
    __init__:0,1,2 value
MDistance
    __init__:0,1,2 value
MTime
    __init__:0,1,2 unit value
MIntArray
    __init__:0,1,2 append:1 clear copy:1 get:1 insert:2 length remove:1 set:2
MFloatArray
    __init__:0,1,2 append:1 clear copy:1 get:1 insert:2 length remove:1 set:2
MDoubleArray
    __init__:0,1,2 append:1 clear copy:1 get:1 insert:2 length remove:1 set:2
MPointArray
    __init__:0,1,2 append:1,3,4 clear copy:1 get:1 insert:2 length remove:1 set:2,4,5
MFloatPointArray
    __init__:0,1,2 append:1,3,4 clear copy:1 get:1 insert:2 length remove:1 set:2,4,5
MObjectArray
    append:1 clear length remove:1 set:2
MPlugArray
    append:1 clear length remove:1 set:2
MScriptUtil
    __init__:0,1,2,3,4 asDouble4Ptr asDoublePtr asIntPtr createFromList:2 createMatrixFromList:2
MFnAttribute(MFnBase)
    internal isHidden name parent setArray:1 setCached:1 setChannelBox:1 setConnectable:1 setHidden:1
    setIndexMatters:1 setInternal:1 setKeyable:1 setNiceNameOverride:1 setReadable:1 setStorable:1
    setUsedAsFilename:1 setUsesArrayDataBuilder:1 setWorldSpace:1 setWritable:1 shortName
MFnNumericAttribute(MFnAttribute)
    child:1 create:3,4,5,6 setMax:1,2,3 setMin:1,2,3 setSoftMax:1 setSoftMin:1
MFnUnitAttribute(MFnAttribute)
    create:3,4 setMax:1 setMin:1 setSoftMax:1 setSoftMin:1
MFnEnumAttribute(MFnAttribute)
    addField:2 create:2,3
MFnTypedAttribute(MFnAttribute)
    create:3,4
MFnMatrixAttribute(MFnAttribute)
    create:2,3
MFnMessageAttribute(MFnAttribute)
    create:2
MFnCompoundAttribute(MFnAttribute)
    addChild:1 child:1 create:2
MFnData(MFnBase)
MFnNumericData(MFnData)
    create:1
MFnStringData(MFnData)
    create:0,1 set:1 string
MFnMatrixData(MFnData)
    create:0,1 matrix set:1
MFnSingleIndexedComponent(MFnBase)
    create:1 element:1 elementCount getElements:1 isEmpty
MFnGeometryData(MFnData)
    componentTagContents:1 objectGroupComponent:1 resolveComponentTagExpression:1,2
MFnMeshData(MFnGeometryData)
    create
MPlug
    __init__:0,1,2 array asBool asChar asDouble asFloat asInt asMAngle asMDistance asMObject:0,1 asMTime
    asShort asString attribute child:1 connectedTo:3 destinations:1 elementByLogicalIndex:1
    evaluateNumElements getExistingArrayAttributeIndices:1 info isConnected isNull name node parent setBool:1
    setDouble:1 setFloat:1 setInt:1 setKeyable:1 setMObject:1 setShort:1 setString:1 source
MFnDependencyNode(MFnBase)
    addAttribute:1,2 attribute:1 findAlias:2 findPlug:1,2 getAliasList:1 getConnections:1 name plugsAlias:1
    setName:1,2 uuid
MDagPath
    __init__:0,1 child:1 fullPathName hasFn:1 isValid length node pop:0,1 push:1 transform
MFnDagNode(MFnDependencyNode)
    child:1 fullPathName parent:1
MFnTransform(MFnDagNode)
MSelectionList
    __init__:0,1 add:1,2,3 clear getDagPath:2,3 getDependNode:2 getPlug:2 isEmpty length
MFnMesh(MFnDagNode)
    create:5,6,7,8 getAssignedUVs:2,3 getPoints:1,2 getRawPoints getUVs:2,3 getVertices:2 numFaceVertices
    numPolygons numUVs:0,1 numVertices setPoints:1,2
MItGeometry
    __init__:1,2,3 allPositions:1,2 component count index isDone next position:0,1 reset setAllPositions:1,2
    setPosition:1,2
MDataHandle
    __init__:0,1 asAngle asBool asChar asDistance asDouble asDouble3 asFloat asFloat3 asFloatMatrix
    asFloatVector asInt asLong asMatrix asMesh asShort asString asTime asUChar asVector attribute child:1
    copy:1 data setBool:1 setChar:1 setClean setDouble:1 setFloat:1 setInt:1 setMMatrix:1 setMObject:1
    setShort:1 setString:1 type
MArrayDataHandle
    __init__:1 builder elementCount elementIndex inputValue jumpToArrayElement:1 jumpToElement:1 next
    outputValue set:1 setClean
MArrayDataBuilder
    __init__:1,2,3 elementCount
MDGContext
    __init__:0,1 isNormal
MDataBlock
    __init__:1 context inputArrayValue:1 inputValue:1 outputArrayValue:1 outputValue:1 setClean:1
MEvaluationNode
    __init__:1 dirtyPlugExists:1
MGlobal
    apiVersion displayInfo:1 executeCommand:1,2,3 getActiveSelectionList:1 getSelectionListByName:2
MFileIO
    isReadingFile
MMessage
    removeCallback:1
MSceneMessage
    addCallback:2,3 removeCallback:1
MDGModifier
    __init__ connect:2,4 createNode:1 disconnect:2,4 doIt
MPxNode
    __init__ addAttribute:1 attributeAffects:2,3 compute:2 copyInternalData:1 getExternalContent:1 name
    postConstructor postEvaluation:3 preEvaluation:2 schedulingType setDependentsDirty:2 setExternalContent:1
    thisMObject type
MPxGeometryFilter(MPxNode)
    deform:4
MPxDeformerNode(MPxGeometryFilter)
MFnPlugin(MFnBase)
    __init__:1,2,3,4 deregisterNode:1 name registerNode:4,5,6
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
