"""An actor from USD: sparse offsets, in-betweens, units, and meshes under other transforms."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import vertex_normals
from tests.conftest import grid_mesh
from trainer.__main__ import main
from trainer.actor import load_actor

pxr = pytest.importorskip("pxr", reason="usd-core is not installed")


def write_usd(actor: Actor, path: Path, scale: tuple[float, float, float] = (1, 1, 1)) -> None:
    """The sample in centimetres, z up said, the face lifted and its bones under another parent."""
    from pxr import Gf, Usd, UsdGeom, UsdSkel

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    face = UsdGeom.Xform.Define(stage, "/head")
    face.AddTranslateOp().Set(Gf.Vec3d(0, 17, 3))
    face.AddScaleOp().Set(Gf.Vec3f(*scale))

    def mesh(at: str, source, points) -> UsdGeom.Mesh:
        made = UsdGeom.Mesh.Define(stage, at)
        made.CreatePointsAttr([Gf.Vec3f(*p) for p in points.tolist()])
        made.CreateFaceVertexCountsAttr(source.counts.tolist())
        made.CreateFaceVertexIndicesAttr(source.corners.tolist())
        return made

    skin = mesh("/head/skin", actor.neutral, actor.neutral.points / 10)
    binding = UsdSkel.BindingAPI.Apply(skin.GetPrim())
    names = ["jawOpen", "eyeBlink_L"]
    targets = []
    for name in names:
        shape = UsdSkel.BlendShape.Define(stage, f"/head/skin/{name}")
        delta = (actor.shapes[name] - actor.neutral.points) / 10
        moved = np.flatnonzero(np.abs(delta).max(1) > 0)
        shape.CreateOffsetsAttr([Gf.Vec3f(*d) for d in delta[moved].tolist()])
        shape.CreatePointIndicesAttr(moved.tolist())
        if name == "eyeBlink_L":
            between = shape.CreateInbetween("half")
            between.SetWeight(0.5)
            half = (actor.shapes["eyeBlink_L_half"] - actor.neutral.points) / 10
            between.SetOffsets([Gf.Vec3f(*d) for d in half[moved].tolist()])
        targets.append(shape.GetPath())
    binding.CreateBlendShapesAttr(names)
    binding.CreateBlendShapeTargetsRel().SetTargets(targets)
    assert actor.skull is not None
    mesh(
        "/bones/skull", actor.skull, actor.skull.points / 10 + [0, 17, 3]
    )  # another parent: the same place in the world
    stage.Save()


def test_reads_what_was_written(sample: Actor, tmp_path: Path) -> None:
    write_usd(sample, tmp_path / "a.usda")
    actor = load_actor(tmp_path / "a.usda")
    assert actor.mm_per_unit == pytest.approx(10)
    assert actor.up == "z"
    assert actor.neutral.topology_hash == sample.neutral.topology_hash
    assert actor.rig.names == ("jawOpen", "eyeBlink_L")
    assert actor.rig.controls[1].knots == ((0.5, "eyeBlink_L_half"), (1.0, "eyeBlink_L"))
    assert actor.shapes["jawOpen"] * 10 == pytest.approx(sample.shapes["jawOpen"], abs=1e-4)
    assert actor.skull is not None
    assert sample.skull is not None
    assert actor.skull.points * 10 == pytest.approx(sample.skull.points, abs=1e-4)


def test_bad_usd(sample: Actor, tmp_path: Path) -> None:
    (tmp_path / "x.usda").write_text("hello")
    with pytest.raises(AimError, match="cannot be opened as USD"):
        load_actor(tmp_path / "x.usda")
    with pytest.raises(AimError, match="no actor at"):
        load_actor(tmp_path / "none.usd")
    (tmp_path / "empty.usda").write_text("#usda 1.0\n")
    with pytest.raises(AimError, match="no mesh with UsdSkel"):
        load_actor(tmp_path / "empty.usda")
    write_usd(sample, tmp_path / "s.usda", (1, 2, 1))
    with pytest.raises(AimError, match="scaled unevenly"):
        load_actor(tmp_path / "s.usda")


GRID = grid_mesh(4, 5)
SMILE = "uniform vector3f[] offsets = [(0, 1, 2)]\n uniform int[] pointIndices = [7]"
OPEN = "uniform vector3f[] offsets = [(0, -3, 0), (0, -2, 0)]\n uniform int[] pointIndices = [9, 3]"


def grid_text(**parts: str) -> str:
    """A grid of 20 points, 120 mm wide, with the blend shapes `open` and `smile`; each part of the text can
    be another one."""
    given = {
        "points": f"point3f[] points = {[tuple(p) for p in (GRID.points * 30).tolist()]}",
        "faces": f"int[] faceVertexCounts = {GRID.counts.tolist()}\n int[] faceVertexIndices = "
        f"{GRID.corners.tolist()}",
        "more": "",
        "names": '["open", "smile"]',
        "targets": "[</head/face/open>, </head/face/smile>]",
        "open": OPEN,
        "smile": SMILE,
        "kind": "BlendShape",
    } | parts
    return """#usda 1.0
(
 defaultPrim = "head"
 metersPerUnit = 0.001
 upAxis = "Y"
)
def SkelRoot "head" {{
 def Mesh "face" (prepend apiSchemas = ["SkelBindingAPI"]) {{
 {points}
 {faces}
 {more}
 uniform token[] skel:blendShapes = {names}
 rel skel:blendShapeTargets = {targets}
 def BlendShape "open" {{
 {open}
 }}
 def {kind} "smile" {{
 {smile}
 }}
 }}
}}
""".format(**given)


def read(folder: Path, **parts: str) -> Actor:
    (folder / "a.usda").write_text(grid_text(**parts), encoding="utf-8")
    return load_actor(folder / "a.usda")


def moved(actor: Actor, name: str) -> dict[int, list[float]]:
    """The points that a shape moves, and how."""
    delta = actor.shapes[name] - actor.neutral.points
    return {int(i): delta[i].round(4).tolist() for i in np.flatnonzero(np.abs(delta).max(1) > 0)}


def sampled(text: str) -> str:
    """Every array of a part as one time sample."""
    return "\n".join(
        f"{line.split(' = ')[0]}.timeSamples = {{ 1001: {line.split(' = ')[1]} }}"
        for line in text.split("\n")
    )


@pytest.mark.parametrize(
    ("parts", "smile"),
    [
        ({}, {7: [0, 1, 2]}),
        ({"smile": "uniform vector3f[] offsets = []\n uniform int[] pointIndices = []"}, {}),
        ({"smile": ""}, {}),
        ({"smile": "uniform int[] pointIndices = [4]"}, {}),
        (
            {"smile": f"uniform vector3f[] offsets = [{'(0, 0, 0), ' * 7}(0, 1, 2){', (0, 0, 0)' * 12}]"},
            {7: [0, 1, 2]},
        ),
        (
            {
                "smile": "uniform vector3f[] offsets = [(0, 1, 0), (0, 0, 2)]\n uniform int[] "
                "pointIndices = [7, 7]"
            },
            {7: [0, 1, 2]},
        ),
    ],
)
def test_targets_move_what_usdskel_moves(
    tmp_path: Path, parts: dict[str, str], smile: dict[int, list[float]]
) -> None:
    """Empty, without offsets, without indices, an index twice, in any order: as usd-core's own functions do
    it."""
    from pxr import Usd, UsdGeom, UsdSkel

    actor = read(tmp_path, **parts)
    assert moved(actor, "smile") == smile
    assert moved(actor, "open") == {3: [0, -2, 0], 9: [0, -3, 0]}
    assert any("'smile' is identical" in warning for warning in actor.warnings) == (not smile)
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    prim = stage.GetPrimAtPath("/head/face")
    shapes, points = (
        UsdSkel.BlendShapeQuery(UsdSkel.BindingAPI(prim)),
        UsdGeom.Mesh(prim).GetPointsAttr().Get(),
    )
    active = shapes.ComputeSubShapeWeights([0.0, 1.0])
    shapes.ComputeDeformedPoints(
        *active, shapes.ComputeBlendShapePointIndices(), shapes.ComputeSubShapePointOffsets(), points
    )
    assert actor.shapes["smile"] == pytest.approx(np.array(points))


def test_one_time_sample_is_the_mesh(tmp_path: Path) -> None:
    plain, text = read(tmp_path), grid_text()
    points, counts, corners = text.split("\n")[8].strip(), *[line.strip() for line in text.split("\n")[9:11]]
    actor = read(tmp_path, points=sampled(points), faces=sampled(f"{counts}\n{corners}"))
    assert actor.neutral.topology_hash == plain.neutral.topology_hash
    assert np.array_equal(actor.neutral.points, plain.neutral.points)
    values = points.split(" = ")[1]
    still = f"point3f[] points.timeSamples = {{ 1: {values}, 2: None, 3: {values} }}"
    assert np.array_equal(read(tmp_path, points=still).neutral.points, plain.neutral.points)
    moving = f"point3f[] points.timeSamples = {{ 1: {values}, 2: {values.replace('120.0', '121.0')} }}"
    with pytest.raises(
        AimError, match=r"/head/face.points changes over time: it is not the same at 2 as at 1"
    ):
        read(tmp_path, points=moving)
    assert np.array_equal(
        read(tmp_path, points=f"{points}\n{moving}").neutral.points, plain.neutral.points
    )  # a rest beside them


def test_left_handed_faces_are_turned_round(tmp_path: Path) -> None:
    """The same surface, with reversed corners under leftHanded: the same outward normals, and UVs that stay
    with their corners."""
    plain = read(tmp_path)
    back = GRID.corners.reshape(-1, 4)[:, ::-1].ravel()
    uvs = [(round(float(x), 3), round(float(y), 3)) for x, y in GRID.points[back, :2]]
    text = (
        f'uniform token orientation = "leftHanded"\n texCoord2f[] primvars:st = {uvs} '
        '(interpolation = "faceVarying")'
    )
    faces = f"int[] faceVertexCounts = {GRID.counts.tolist()}\n int[] faceVertexIndices = {back.tolist()}"
    actor = read(tmp_path, faces=faces, more=text)
    assert np.array_equal(vertex_normals(actor.neutral), vertex_normals(plain.neutral))
    assert actor.neutral.uvs is not None
    assert actor.neutral.uv_corners is not None
    assert actor.neutral.uvs[actor.neutral.uv_corners] == pytest.approx(
        GRID.points[actor.neutral.corners, :2]
    )


_UVS = [(round(0.1 * i, 2), 0.5) for i in range(20)]
_CORNERS = grid_mesh(4, 5).corners.tolist()


@pytest.mark.parametrize(
    "text",
    [
        f'texCoord2f[] primvars:st = {_UVS} (interpolation = "vertex")',
        f'float2[] primvars:st = {_UVS} (interpolation = "varying")',
        f'texCoord2f[] primvars:UVMap = {[_UVS[i] for i in _CORNERS]} (interpolation = "faceVarying")',
        f'texCoord2f[] primvars:st = {_UVS} (interpolation = "faceVarying")\n int[] '
        f"primvars:st:indices = {_CORNERS}",
        f'texCoord2f[] primvars:st = {_UVS[::-1]} (interpolation = "vertex")\n int[] '
        f"primvars:st:indices = {list(range(19, -1, -1))}",
        'texCoord2f[] primvars:st ( interpolation = "vertex" )\n texCoord2f[] primvars:st.timeSamples '
        f"= {{ 1: {_UVS} }}",
    ],
)
def test_uvs_come_along(tmp_path: Path, text: str) -> None:
    neutral = read(tmp_path, more=text).neutral
    assert neutral.uvs is not None
    assert neutral.uv_corners is not None
    assert neutral.uvs[neutral.uv_corners] == pytest.approx(np.array(_UVS)[_CORNERS], abs=1e-6)


def test_uvs_that_do_not_fit_are_left_out(tmp_path: Path) -> None:
    for text in (f"{_UVS[:9]}", f'{_UVS[:9]} (interpolation = "vertex")'):
        actor = read(tmp_path, more=f"texCoord2f[] primvars:st = {text}")
        assert actor.neutral.uvs is None
    assert any("primvars:st> do not fit" in w or "primvars:st do not fit" in w for w in actor.warnings)


def test_an_instance_is_looked_into(tmp_path: Path) -> None:
    plain = read(tmp_path)
    (tmp_path / "shot.usda").write_text(
        '#usda 1.0\n( metersPerUnit = 0.001\n upAxis = "Y" )\ndef Xform "hero" ( instanceable = true\n '
        "prepend references = @./a.usda@ ) {}\n"
    )
    actor = load_actor(tmp_path / "shot.usda")
    assert np.array_equal(actor.stack, plain.stack)
    (tmp_path / "a.usda").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    with pytest.raises(AimError, match=r"a\.usda is a Git LFS pointer"):
        load_actor(tmp_path / "shot.usda")
    (tmp_path / "a.usda").unlink()
    with pytest.raises(
        AimError, match=r"has no mesh with UsdSkel blend shapes\. What it refers to was not all found"
    ):
        load_actor(tmp_path / "shot.usda")


def test_in_betweens_keep_apart_from_targets(tmp_path: Path) -> None:
    """An in-between `half` of `open` beside a target that is named `open_half`: two stay two."""
    between = "uniform vector3f[] inbetweens:half = [(0, -1, 0), (0, -1, 0)] ( weight = 0.5 )"
    actor = read(tmp_path, names='["open", "open_half"]', open=f"{OPEN}\n {between}")
    assert actor.rig.controls[0].knots == ((0.5, "open_half_2"), (1.0, "open"))
    assert moved(actor, "open_half") == {7: [0, 1, 2]}
    assert moved(actor, "open_half_2") == {3: [0, -1, 0], 9: [0, -1, 0]}


_HALF = "uniform vector3f[] inbetweens:half"


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"names": '["open", "open"]'}, "Two blend shapes of /head/face are named 'open'"),
        ({"names": '["open", "Open"]'}, "differ by case only"),
        ({"names": '["open", "../smile"]'}, "/head/face is named '../smile'"),
        ({"names": '["open", "smile", "more"]'}, "/head/face has 3 skel:blendShapes for 2"),
        ({"names": '["open"]'}, "/head/face has 1 skel:blendShapes for 2"),
        (
            {"targets": "[</head/face/open>, </head/face/gone>]"},
            "'smile' of /head/face is to be at /head/face/gone",
        ),
        ({"kind": "Scope"}, "to be at /head/face/smile, where there is none"),
        (
            {"smile": SMILE.replace("[7]", "[-1]")},
            "/head/face/smile moves point -1, and the mesh has points 0 to 19",
        ),
        ({"smile": SMILE.replace("[7]", "[20]")}, "/head/face/smile moves point 20"),
        ({"smile": SMILE.replace("[7]", "[7, 8]")}, "/head/face/smile has 1 offsets for 2 of 20 points"),
        (
            {"smile": SMILE.replace("pointIndices = [7]", "more = []")},
            "/head/face/smile has 1 offsets for 20 of 20 points",
        ),
        (
            {"smile": f"{SMILE}\n {_HALF} ( weight = 0.5 )"},
            "The in-between 'half' of /head/face/smile has no offsets",
        ),
        ({"smile": f"{SMILE}\n {_HALF} = [(0, 0, 1)]"}, "'half' of /head/face/smile has the weight None"),
        (
            {"smile": f"{SMILE}\n {_HALF} = [(0, 0, 1)] ( weight = 1 )"},
            "'half' of /head/face/smile has the weight 1",
        ),
        (
            {"smile": f"{SMILE}\n {_HALF} = [(0, 0, 1)] ( weight = 0 )"},
            "'half' of /head/face/smile has the weight 0",
        ),
        (
            {"faces": "int[] faceVertexCounts = [4]\n int[] faceVertexIndices = [0, 1, 6, 20]"},
            "/head/face names point 20",
        ),
        (
            {"faces": "int[] faceVertexCounts = [4]\n int[] faceVertexIndices = [0, 1, 6, -1]"},
            "/head/face names point -1",
        ),
        (
            {"faces": "int[] faceVertexCounts = [4, 4]\n int[] faceVertexIndices = [0, 1, 6, 5]"},
            "/head/face has 4 face corners",
        ),
        (
            {"faces": "int[] faceVertexCounts = [4, -4]\n int[] faceVertexIndices = []"},
            "/head/face has a face of -4 corners",
        ),
        ({"faces": ""}, "The mesh /head/face has no faces"),
        ({"points": ""}, "The mesh /head/face has no points"),
        ({"points": "point3f[] points = [(0, nan, 0)]"}, r"/head/face has point 0 at [0.0, nan, 0.0]"),
        (
            {
                "more": "matrix4d xformOp:transform = ( (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, "
                "0, 0, 1) )\n"
                ' uniform token[] xformOpOrder = ["xformOp:transform"]'
            },
            "/head/face is scaled to nothing",
        ),
        (
            {
                "more": "matrix4d xformOp:transform = ( (1, 0, 0, 0), (1, 1, 0, 0), (0, 0, 1, 0), (0, "
                "0, 0, 1) )\n"
                ' uniform token[] xformOpOrder = ["xformOp:transform"]'
            },
            "/head/face is scaled unevenly or sheared",
        ),
    ],
)
def test_what_usdskel_cannot_evaluate_is_refused_by_its_prim(
    tmp_path: Path, parts: dict[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the user walks: the command ends with 2 and one sentence, and writes nothing."""
    (tmp_path / "a.usda").write_text(grid_text(**parts), encoding="utf-8")
    assert main(["train", str(tmp_path / "a.usda"), "-o", str(tmp_path / "o.aim"), "--any-size"]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
    assert [file.name for file in tmp_path.iterdir()] == ["a.usda"]


def test_files_that_are_no_usd(tmp_path: Path) -> None:
    import os

    (tmp_path / "a.usdc").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    with pytest.raises(AimError, match="is a Git LFS pointer"):
        load_actor(tmp_path / "a.usdc")
    (tmp_path / "b.usda").write_bytes(b'#usda 1.0\ndef "\xff\xfe {\n')
    with pytest.raises(AimError, match="cannot be opened as USD"):
        load_actor(tmp_path / "b.usda")
    (tmp_path / "d.usd").mkdir()
    with pytest.raises(AimError, match="it is a folder"):
        load_actor(tmp_path / "d.usd")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "p.usda")
        (tmp_path / "s.usda").write_text("#usda 1.0\n( subLayers = [@./p.usda@] )\n")
        for name in ("p.usda", "s.usda"):
            with pytest.raises(AimError, match=r"p\.usda: it is a pipe"):
                load_actor(tmp_path / name)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux")
def test_a_damaged_count_takes_no_memory(tmp_path: Path) -> None:
    """A binary file whose table of contents asks for 2^40 of something ends at once, and the bound with
    it.
    """
    import resource

    from pxr import Sdf

    (tmp_path / "a.usda").write_text(grid_text())
    assert Sdf.Layer.FindOrOpen(str(tmp_path / "a.usda")).Export(str(tmp_path / "a.usdc"))
    whole = (tmp_path / "a.usdc").read_bytes()
    contents = int.from_bytes(whole[16:24], "little")
    sections = [
        int.from_bytes(whole[at + 16 : at + 24], "little") for at in range(contents + 8, len(whole) - 31, 32)
    ]
    before = resource.getrlimit(resource.RLIMIT_AS)
    for i, start in enumerate(sections):
        (tmp_path / f"{i}.usdc").write_bytes(
            whole[:start] + (2**40).to_bytes(8, "little") + whole[start + 8 :]
        )
        with pytest.raises(AimError, match=rf"{i}\.usdc"):
            load_actor(tmp_path / f"{i}.usdc")
    assert sections
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_a_file_that_ends_its_reader_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """USD itself can abort on a damaged binary file: it is read in a process of its own first, and text is
    not."""
    from pxr import Sdf

    from trainer.usd import stage as crate

    plain = read(tmp_path)
    assert Sdf.Layer.FindOrOpen(str(tmp_path / "a.usda")).Export(str(tmp_path / "b.usdc"))
    assert np.array_equal(load_actor(tmp_path / "b.usdc").stack, plain.stack)
    monkeypatch.setattr(crate, "_TRIAL", "import os; os.abort()")
    with pytest.raises(AimError, match=r"b\.usdc cannot be opened as USD: its reader was ended"):
        load_actor(tmp_path / "b.usdc")
    monkeypatch.setattr(crate, "_TRIAL", "import time; time.sleep(60)")
    monkeypatch.setattr(crate, "_PATIENCE_S", 0.2)
    with pytest.raises(AimError, match="does not come to an end"):
        load_actor(tmp_path / "b.usdc")
