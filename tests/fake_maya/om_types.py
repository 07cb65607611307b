"""OpenMaya 1.0: type numbers and spaces (Maya 2025)."""

from __future__ import annotations

from .boundary import constants

_MFN = """
    kInvalid=0 kBase=1 kNamedObject=2 kDependencyNode=4 kAddDoubleLinear=5 kAffect=6 kAnimCurve=7
    kBlendWeighted=29 kDagNode=107 kTransform=110 kJoint=121 kShape=248 kCamera=250 kGeometric=265
    kNurbsCurve=267 kLattice=279 kLocator=281 kNurbsSurface=294 kMesh=296 kShadingEngine=320 kExpression=327
    kGeometryFilt=334 kBlendShape=336 kCombinationShape=337 kTweak=345 kWeightGeometryFilt=346
    kClusterFilter=347 kDeltaMush=350 kGroupId=356 kGroupParts=357 kMatrixMult=396 kPluginDependNode=459
    kSet=471 kTime=520 kUnitConversion=529 kUnknown=532 kComponent=535 kCurveCVComponent=536
    kMeshEdgeComponent=551 kMeshPolygonComponent=552 kMeshVertComponent=554 kAttribute=565
    kNumericAttribute=566 kDoubleAngleAttribute=567 kDoubleLinearAttribute=569 kTimeAttribute=571
    kEnumAttribute=572 kUnitAttribute=573 kTypedAttribute=574 kCompoundAttribute=575 kGenericAttribute=576
    kMatrixAttribute=578 kFloatMatrixAttribute=579 kMessageAttribute=580 kPlugin=582 kData=583
    kComponentListData=584 kDoubleArrayData=585 kIntArrayData=586 kMatrixData=589 kMeshData=590
    kNurbsCurveData=592 kNumericData=593 kPointArrayData=603 kStringData=606 kStringArrayData=607
    kVectorArrayData=608 kPluginDeformerNode=616 kScript=640 kSkinClusterFilter=687 kGeometryData=713
    kSingleIndexedComponent=714 kDisplayLayer=734 kReference=756 kAnimLayer=1021 kBlendNodeBase=1022
    kFloatArrayData=1038 kControllerTag=1129 kDecomposeMatrix=1136 kPickMatrix=1139
"""


@constants(_MFN)
class MFn:
    """Type numbers."""


@constants("kInvalid kTransform kPreTransform kPostTransform=3 kWorld kLast kObject=2")
class MSpace:
    """Coordinate spaces."""
