"""Situations in which the product once did something else than right, as users run them: one command a case,
through its files.

The cases lie beside the repository and skip where they are absent. Each row: the case, the command, its exit
code, words that it says, and the file that it has to leave. {case} is the case's folder, copied where
something has to be added to it; MODEL, FULL, CURVES and SCANS are the coarse sample's, the sample's, and
curves and scans that fit the coarse one.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from trainer.__main__ import main

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
OBJ_READ = (
    "appledouble",
    "bom_neutral",
    "bom_shape",
    "cont_usemtl",
    "continuation_face",
    "crlf",
    "freeform",
    "indent_shape",
    "latin1",
    "negative",
    "slashes",
    "two_spaces",
    "uppercase",
    "vcolor",
)
CSV_READ = {
    "semicolon": "30 rows",
    "utf16": "30 rows",
    "bom_crlf": "30 rows",
    "quoted_numbers": "30 rows",
    "trailing_comma": "30 rows",
    "frame_upper": "30 rows",
    "timestamp": "30 rows",
    "mesh_prefix": "2 of 2 columns drive",
    "a2f_json": "2 of 2 columns drive",
    "comment": "before the header",
    "latin1": "cp1252",
    "ms": "milliseconds",
    "epoch": "counts from 1970",
    "percent": "percent",
}
AIM_REFUSED = (
    "detail_scales_empty",
    "detail_steps_text",
    "face_count_huge",
    "face_out_of_range",
    "jaw_twist_inf",
    "manifest_baked_list",
    "manifest_no_writer",
    "mm_per_unit_negative",
    "mm_per_unit_text",
    "mm_per_unit_zero",
    "nan_field",
    "npy_header_memory",
    "npy_header_token",
    "npz_bad_deflate",
    "npz_bomb",
)
FIT = "fit FULL -o OUT.aimperf --progress none"
ROWS: list[tuple[str, str, int, str]] = [
    *[(f"reports/obj_{name}", "check {case}/actor --any-size", 0, "36 vertices") for name in OBJ_READ],
    ("reports/obj_uppercase_skull", "check {case}/actor --any-size", 0, "skull"),
    ("reports/obj_comma", "check {case}/actor --any-size", 2, "decimal commas"),
    ("reports/obj_msvc_nan", "check {case}/actor --any-size", 2, "line 11"),
    ("reports/obj_utf16", "check {case}/actor --any-size", 2, "UTF-16"),
    ("reports/obj_lfs_pointer", "check {case}/actor --any-size", 2, "Git LFS pointer"),
    *[(f"reports/csv_{name}", "curves {case}/TAKE --model FULL", 0, says) for name, says in CSV_READ.items()],
    ("reports/csv_nfd", "curves {case}/take.csv --model FULL", 0, "1 of 2 columns"),
    ("reports/csv_nfd", "curves {case}/nfd.csv --model FULL", 2, "columns"),
    ("reports/llf_60_in_30_labels", "curves {case}/take.csv --model FULL", 0, "at 60 frames a second"),
    ("reports/llf_short_take", "curves {case}/take.csv --model FULL", 0, "is a guess"),
    ("reports/farm_braces", "farm bake MODEL {{Param.x}}.csv --to baked -o OUT.yaml", 2, "{{"),
    (
        "reports/fit_landmarks",
        "fit FULL --landmarks {case}/points.json --camera {case}/cameras.json --sites {case}/landmarks.json "
        "--contour fixed -o OUT.aimperf --progress none",
        0,
        "wrote 4 frames",
    ),
    (
        "reports/mp_normalised_undeclared",
        f"{FIT} --landmarks {{case}}/points.json --camera {{case}}/cameras.json",
        2,
        "normalised",
    ),
    (
        "reports/mp_468",
        f"{FIT} --landmarks {{case}}/points.json --camera {{case}}/cameras.json --mode global",
        0,
        "wrote",
    ),
    (
        "reports/mp_xyz",
        f"{FIT} --landmarks {{case}}/points.json --camera {{case}}/cameras.json --mode global",
        0,
        "wrote",
    ),
    ("reports/lfs_pointers", "info {case}/p.aim", 2, "git lfs pull"),
    ("reports/lfs_pointers", "info {case}/p.aimperf", 2, "git lfs pull"),
    ("reports/lfs_pointers", "curves {case}/p.csv", 2, "git lfs pull"),
    ("reports/lfs_pointers", "curves {case}/p.usdc", 2, "git lfs pull"),
    ("reports/lfs_pointers", "train {case}/p.usdc -o OUT.aim", 2, "git lfs pull"),
    ("reports/lfs_pointers", "fit MODEL {case}/p.npz -o OUT.aimperf", 2, "git lfs pull"),
    (
        "reports/lfs_pointers",
        f"{FIT} --landmarks {{case}}/p.json --camera {{case}}/p.json",
        2,
        "git lfs pull",
    ),
    *[
        (f"heads/{name}", "check {case}", 0, says)
        for name, says in {
            "plain": "It can be trained.",
            "mouth_bag": "It can be trained",
            "reversed_winding": "All faces of the neutral look inwards",
        }.items()
    ],
    ("heads/whole_body", "check {case}", 2, "a whole body"),
    ("heads/flat_nose", "check {case}", 2, "No nose was found"),
    ("heads/mask", "bones {case} -o OUT.bones", 2, "--bones none"),
    ("heads/mask", "check {case} --bones none", 0, "It can be trained."),
    ("reports/usd_empty_target", "check {case}/head.usdc --any-size", 0, "identical"),
    ("reports/usd_target_no_offsets", "check {case}/head.usdc --any-size", 0, "identical"),
    ("reports/usd_inbetween_no_offsets", "train {case}/head.usdc -o OUT.aim", 2, "in-between 'half'"),
    ("reports/usd_instance", "check {case}/shot.usda --any-size", 0, "skull"),
    ("reports/usd_left_handed", "check {case}/head.usdc --any-size", 0, "36 vertices"),
    ("reports/usd_points_one_sample", "check {case}/head.usdc --any-size", 0, "36 vertices"),
    ("reports/usd_unsorted_indices", "check {case}/head.usdc --any-size", 0, "36 vertices"),
    ("reports/usd_uvs", "check {case}/head.usdc --any-size", 0, "36 vertices"),
    ("reports/usd_negative_index", "train {case}/head.usdc -o OUT.aim", 2, "-1"),
    ("reports/usd_same_names", "train {case}/head.usdc -o OUT.aim", 2, "'jawOpen'"),
    ("reports/usd_curves_blocked", "curves {case}/anim.usda", 2, "blocked"),
    ("reports/usd_curves_empty", "curves {case}/anim.usda", 2, "No weights were exported"),
    ("reports/usd_curves_instance", "curves {case}/shot.usda", 0, "5 rows"),
    *[(f"fuzz/aim_{name}", "info {case}/case.aim", 2, "case.aim") for name in AIM_REFUSED],
    ("fuzz/obj_index_overflow", "train {case}/actor -o OUT.aim --any-size", 2, "line 5"),
    ("fuzz/actor_json_knot_big_int", "train {case}/actor -o OUT.aim --any-size", 2, "300 digits"),
    ("fuzz/actor_json_mm_big_int", "train {case}/actor -o OUT.aim --any-size", 2, "300 digits"),
    ("fuzz/actor_json_poses_number", "train {case}/actor -o OUT.aim --any-size", 2, "'poses'"),
    ("fuzz/actor_neutral_fifo", "train {case}/actor -o OUT.aim --any-size", 2, "pipe"),
    ("fuzz/dotfiles_actor", "train {case}/actor -o OUT.aim --any-size", 2, ""),
    ("fuzz/dotfiles_appledouble", "train {case}/actor -o OUT.aim --any-size", 2, ""),
    ("fuzz/csv_many_columns", "curves {case}/c.csv", 0, "30000 curves"),
    ("fuzz/csv_untracked_quadratic", "curves {case}/c.csv", 0, "rows"),
    ("fuzz/curves_fifo", "curves {case}/fifo", 2, "pipe"),
    ("fuzz/usd_curves_none_sample", "curves {case}/c.usda", 2, "blocked"),
    ("fuzz/usd_curves_rate_nan", "curves {case}/c.usda", 2, "timeCodesPerSecond is nan"),
    ("fuzz/usd_message_not_utf8", "curves {case}/c.usda", 2, "cannot be opened"),
    ("fuzz/usd_face_out_of_range", "train {case}/a.usda -o OUT.aim", 2, "point 9"),
    ("fuzz/usd_more_names_than_targets", "train {case}/a.usda -o OUT.aim", 2, "2 skel:blendShapes"),
    ("fuzz/camera_width_big_int", f"{FIT} --landmarks {{case}}/l.json --camera {{case}}/c.json", 2, ""),
    ("fuzz/landmarks_fps_big_int", f"{FIT} --landmarks {{case}}/l.json --camera {{case}}/c.json", 2, ""),
    (
        "fuzz/landmarks_frame_gap_memory",
        f"{FIT} --landmarks {{case}}/l.csv --camera {{case}}/c.json --mode global",
        2,
        "",
    ),
    (
        "fuzz/confidence_empty",
        "fit MODEL SCANS -o OUT.aimperf --progress none --confidence {case}/c.npy",
        2,
        "c.npy",
    ),
    ("fuzz/frames_fps_array", "fit MODEL {case}/s.npz -o OUT.aimperf", 2, "s.npz"),
    ("fuzz/edit_big_int", "edit MODEL --edit {case}/e.json --obj OUT.obj", 2, ""),
    ("fuzz/edit_bone_offset_not_zip", "edit MODEL --edit {case}/e.json --obj OUT.obj", 2, "off.npz"),
    ("fuzz/edit_thickness_dev_zero", "edit MODEL --edit {case}/e.json --obj OUT.obj", 2, "device"),
    ("fuzz/edit_thickness_fifo", "edit MODEL --edit {case}/e.json --obj OUT.obj", 2, "pipe"),
    ("fuzz/json_deep", "edit MODEL --edit {case}/e.json -o OUT.aim", 2, "nested too deep"),
    ("fuzz/checkpoint_no_message", "train ACTOR -o OUT.aim --run {case}/o.run --resume", 2, "it is empty"),
    ("fuzz/onnx_reads_file", "info {case}/case.aim", 0, "case.aim"),
]
PIPES = {
    "fuzz/actor_neutral_fifo": "actor/neutral.obj",
    "fuzz/curves_fifo": "fifo",
    "fuzz/edit_thickness_fifo": "fifo",
}


@pytest.fixture(scope="module")
def places(
    small_draft: Path, draft: Path, small_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    from aim_maya.runtime import FaceModel

    folder = tmp_path_factory.mktemp("beside")
    model = FaceModel.load(small_draft, "cpu")
    frames = np.stack([model.points({"jawOpen": w}) for w in (0.0, 0.5)])
    np.savez(folder / "scans.npz", frames=frames, fps=24.0)
    return {"MODEL": small_draft, "FULL": draft, "SCANS": folder / "scans.npz", "ACTOR": small_folder}


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the repository")
@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
@pytest.mark.parametrize(
    "row", range(len(ROWS)), ids=[f"{case}: {command.split()[0]}" for case, command, _, _ in ROWS]
)
def test_a_case(
    row: int,
    places: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, command, code, says = ROWS[row]
    case = tmp_path / Path(name).name
    shutil.copytree(CASES / name, case, copy_function=shutil.copyfile)
    for folder in (case, *(p for p in case.rglob("*") if p.is_dir())):
        folder.chmod(0o755)
    if name in PIPES:
        (case / PIPES[name]).unlink(missing_ok=True)
        os.mkfifo(case / PIPES[name])
    monkeypatch.chdir(tmp_path)
    words = [str(places.get(word, word)).replace("{case}", str(case)) for word in command.split()]
    words = [
        word.replace("/TAKE", f"/{next(case.glob('take.*')).name}") if "/TAKE" in word else word
        for word in words
    ]
    assert main(words) == code
    told = capsys.readouterr()
    assert says in " ".join((told.out + told.err).split())
    assert "Traceback" not in told.err
    out = next((tmp_path / word for word in words if word.startswith("OUT.")), None)
    assert out is None or out.exists() == (code == 0), "half a file, or none"
    left = [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    assert not left


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the repository")
def test_every_case_has_its_row() -> None:
    """Cases that go another way than one command are in the tests of their own subject, named here."""
    elsewhere = {
        "reports/duplicate_short_names",
        "reports/pickle_model",
        "reports/scene_opens_with_errors",
        "reports/skel_names_collide",
        "reports/stdout_cp1252",
        "reports/usd_curves_unicode",
        "reports/scans_missing_number",
        "reports/llf_untracked_many",
        "fuzz/dotfiles_frames",
        "fuzz/fit_partial_cut",
        "fuzz/target_name_mathtext",
    }
    present = {
        f"{folder.name}/{case.name}"
        for folder in CASES.iterdir()
        if folder.is_dir()
        for case in folder.iterdir()
    }
    assert present == {name for name, *_ in ROWS} | elsewhere
