"""The page of a face, opened as a file in headless Chromium and used through its own controls.

Skips where Playwright's Python package or Chromium is absent (`apt install chromium`; AIM_CHROMIUM names
another)."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.container import NO_BONES
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.mesh import Mesh
from aim_maya.core.progress import Progress
from aim_maya.runtime import PRESETS, Edit, FaceModel
from aim_maya.runtime.face_parts import named_group, pairs
from tests.helpers.few_edits import few_edits
from tests.in_maya.tiny import tiny, write_tiny
from trainer.__main__ import main
from trainer.evaluate.packed import Block, PlayedTake, crowns, moved
from trainer.evaluate.page import Shown, write_page

WITHIN_MM = 0.01


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Headless Chromium that draws WebGL 2 without a graphics card."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed (extra 'browser')"
    )
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = os.environ.get("AIM_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.skip("Chromium is not installed (apt install chromium)")
    flags = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=[*flags, "--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page in the browser, and all that it asked for and complained of."""

    def __init__(self, browser: Any, path: Path, width: int = 900, height: int = 560) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": height}, has_touch=width < 600)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on(
            "console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None
        )
        self.page.goto(path.as_uri())
        self.page.wait_for_selector(".aim[data-ready]", timeout=30_000)

    def points(self) -> np.ndarray:
        """(V, 3) as the page has them now."""
        found = self.page.evaluate("Array.from(window.aim.points())")
        return np.array(found, np.float32).reshape(-1, 3)

    def slider(self, name: str) -> Any:
        return self.page.locator(f'input[data-control="{name}"]')

    def set(self, weights: dict[str, float]) -> None:
        """All sliders to zero by the page's button, then each of these by its own."""
        self.page.get_by_role("button", name="Reset").click()
        for name, value in weights.items():
            self.slider(name).fill(f"{value:.3f}")

    def press(self, name: str) -> None:
        self.page.locator("button", has_text=re.compile(f"^{name}$")).click()

    def picture(self) -> np.ndarray:
        """(H, W, 3) what is seen of the face."""
        from PIL import Image

        self.page.wait_for_timeout(120)
        return np.asarray(Image.open(io.BytesIO(self.page.locator(".aim-stage").screenshot())).convert("RGB"))


def apart_mm(opened: Opened, model: FaceModel, expected: np.ndarray) -> float:
    return float(np.linalg.norm(opened.points() - expected, axis=1).max()) * model.mm_per_unit


def random_weights(model: FaceModel, seed: int, active: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(model.targets), min(active, len(model.targets)), replace=False)
    return {model.targets[i]: round(float(rng.uniform(0.05, 1)), 3) for i in chosen}


@pytest.fixture(scope="module")
def model(small_draft: Path) -> FaceModel:
    return FaceModel.load(small_draft, "cpu")


@pytest.fixture(scope="module")
def take(model: FaceModel) -> PlayedTake:
    weights = np.zeros((25, len(model.targets)))
    weights[:, model.targets.index("jawOpen")] = np.linspace(0, 0.9, 25)
    weights[:, model.targets.index("mouthSmile_L")] = np.linspace(1, 0.2, 25)
    return PlayedTake("take.csv", 24.0, weights)


@pytest.fixture(scope="module")
def shown(model: FaceModel, take: PlayedTake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "face's page.html"
    maps = np.random.default_rng(2).uniform(0.9, 1.1, len(model.mesh.points)).astype(np.float32)
    edits = {
        "maps": ("", model.edited(Edit(thickness=maps, expression_gain=maps, jaw_gain=1.2, jaw_arc=0.7)))
    }
    write_page(model, out, Shown(edits=edits, take=take))
    return out


@pytest.fixture(scope="module")
def opened(chromium: Any, shown: Path) -> Iterator[Opened]:
    made = Opened(chromium, shown)
    yield made
    made.page.close()


def test_sliders_give_the_models_points(opened: Opened, model: FaceModel) -> None:
    """In-betweens, a combination and the jaw among them; the linear look in between; numbers beyond the
    slider."""
    opened.press("None")
    combined = {"jawOpen": 1.0, "mouthClose": 0.8, "eyeBlink_L": 0.3, "eyeBlink_R": 0.75}
    for seed in range(12):
        weights = combined if not seed else random_weights(model, seed, 1 + seed % 10)
        opened.set(weights)
        assert apart_mm(opened, model, model.points(weights)) < WITHIN_MM, weights
    for arc in (0.0, 0.4):
        opened.slider("jawArc").fill(str(arc))
        opened.set(combined)
        assert apart_mm(opened, model, model.edited(Edit(jaw_arc=arc)).points(combined)) < WITHIN_MM
    opened.slider("jawArc").fill("1")
    opened.page.get_by_label("jawOpen, number").fill("1,4")
    opened.page.keyboard.press("Enter")
    weights = combined | {"jawOpen": 1.4}
    assert apart_mm(opened, model, model.points(weights)) < WITHIN_MM


def test_mouse_and_keys_move_a_slider(opened: Opened, model: FaceModel) -> None:
    opened.set({})
    box = opened.slider("jawOpen").bounding_box()
    opened.slider("jawOpen").scroll_into_view_if_needed()
    box = opened.slider("jawOpen").bounding_box()
    opened.page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2)
    opened.page.keyboard.press("ArrowRight")
    weights = opened.page.evaluate("window.aim.weights()")
    assert 0.6 < weights["jawOpen"] < 0.8
    assert apart_mm(opened, model, model.points(weights)) < WITHIN_MM
    opened.page.keyboard.press("/")
    opened.page.get_by_label("Search controls").fill("blink")
    assert not opened.slider("jawOpen").is_visible()
    assert opened.slider("eyeBlink_R").is_visible()
    opened.press("Link L R")
    opened.slider("eyeBlink_L").fill("0.5")
    opened.press("Link L R")
    assert opened.page.evaluate("window.aim.weights().eyeBlink_R") == 0.5
    opened.page.get_by_label("Search controls").fill("")


def test_edits_and_presets(opened: Opened, model: FaceModel) -> None:
    weights = {"jawOpen": 0.8, "mouthSmile_L": 0.5}
    maps = np.random.default_rng(2).uniform(0.9, 1.1, len(model.mesh.points)).astype(np.float32)
    opened.set(weights)
    opened.press("Maps")
    own = model.edited(Edit(thickness=maps, expression_gain=maps, jaw_gain=1.2, jaw_arc=0.7))
    assert apart_mm(opened, model, own.points(weights)) < WITHIN_MM
    for name in ("heavier", "long_jaw"):
        opened.press(name.capitalize().replace("_", " "))
        assert apart_mm(opened, model, model.edited(PRESETS[name][1]).points(weights)) < WITHIN_MM
    opened.slider("editAmount").fill("0.5")
    half = model.edited(PRESETS["long_jaw"][1].scaled(0.5)).points(weights)
    assert (
        apart_mm(opened, model, half) < 5 * WITHIN_MM
    )  # scaled again by the handles, not in a straight line
    opened.slider("editAmount").fill("1")
    opened.press("None")
    assert apart_mm(opened, model, model.points(weights)) < WITHIN_MM


def test_a_take_plays_and_scrubs(opened: Opened, model: FaceModel, take: PlayedTake) -> None:
    opened.page.get_by_label("Frame").fill("7")
    assert apart_mm(opened, model, model.points(take.weights[7])) < WITHIN_MM
    assert float(opened.slider("jawOpen").input_value()) == pytest.approx(0.9 * 7 / 24, abs=1e-3)
    opened.page.get_by_label("Play").click()
    for _ in range(100):  # not wait_for_function: the page allows no eval
        if opened.page.evaluate("window.aim.panel.frame") > 9:
            break
        opened.page.wait_for_timeout(50)
    opened.page.get_by_label("Stop").click()
    frame = opened.page.evaluate("window.aim.panel.frame")
    assert apart_mm(opened, model, model.points(take.weights[frame])) < WITHIN_MM
    opened.set({})
    assert apart_mm(opened, model, model.points({})) < WITHIN_MM


def test_what_is_seen_changes(opened: Opened) -> None:
    """The face is drawn, turns, has colours with a legend in mm, a skull, and two halves when compared."""
    opened.set({"jawOpen": 1.0})
    plain = opened.picture()
    middle = plain[len(plain) // 3 : -len(plain) // 3, plain.shape[1] // 3 : -plain.shape[1] // 3]
    assert (middle.astype(int)[..., 0] - middle[..., 2] > 15).mean() > 0.5  # skin, not the backdrop
    opened.page.locator("canvas").focus()
    opened.page.keyboard.press("ArrowLeft")
    assert np.abs(opened.picture().astype(int) - plain).max() > 60
    for colours, words in (("Motion", "neutral"), ("Tissue", "Soft tissue"), ("Error", "jawOpen")):
        opened.press(colours)
        seen = opened.picture()
        legend = opened.page.locator(".aim-legend").inner_text()
        assert words in legend
        assert "mm" in legend
        assert np.abs(seen.astype(int) - plain).mean() > 5
    opened.press("Jaw share")
    assert "jaw" in opened.page.locator(".aim-legend").inner_text()
    opened.press("Skin")
    before = opened.picture()
    opened.press("Skull")
    assert np.abs(opened.picture().astype(int) - before).mean() > 3
    opened.press("Skull")
    opened.press("Neutral")
    halves = np.abs(opened.picture().astype(int) - before).mean((0, 2))
    assert halves[: len(halves) * 2 // 5].mean() > 3 * halves[len(halves) * 3 // 5 :].mean()
    opened.press("Off")


def test_nothing_is_asked_of_a_network_and_nothing_fails(opened: Opened) -> None:
    assert [url.split("/")[-1] for url in opened.asked] == ["face's%20page.html"] or len(opened.asked) == 1
    assert opened.complaints == []


def test_a_telephone(chromium: Any, shown: Path) -> None:
    small = Opened(chromium, shown, 390, 844)
    assert small.page.evaluate("document.documentElement.scrollWidth") <= 390
    box = small.page.locator("canvas").bounding_box()
    assert box["width"] == 390
    assert box["height"] > 400
    small.slider("jawOpen").scroll_into_view_if_needed()
    thumb = small.slider("jawOpen").bounding_box()
    assert thumb["height"] >= 30
    small.page.touchscreen.tap(thumb["x"] + thumb["width"] / 2, thumb["y"] + thumb["height"] / 2)
    assert small.page.evaluate("window.aim.weights().jawOpen") == pytest.approx(0.5, abs=0.1)
    assert small.complaints == []
    small.page.close()


def test_another_unit_no_bones_and_a_performance(chromium: Any, tmp_path: Path) -> None:
    """A head in centimetres, 150 cm above the floor, whose bones are not known; its jaw is driven from
    outside."""
    head = FaceModel.load(write_tiny(tmp_path / "tiny.aim", tiny()), "cpu")
    bare = replace(head.data, manifest=head.data.manifest | {"bones": NO_BONES})
    model = FaceModel(bare, Edit(), head._engine)
    rng = np.random.default_rng(3)
    activations = rng.uniform(0, 1, (3, len(bare.rig.targets)))
    jaws = np.array([bare.motion.transform(a, 0.5) for a in activations])
    played = PlayedTake("p", 24.0, np.zeros((3, len(model.targets))), activations, jaws, None)
    write_page(model, tmp_path / "tiny.html", Shown(take=played))
    made = Opened(chromium, tmp_path / "tiny.html")
    weights = {"eyeBlink_L": 0.7, "jawOpen": 0.6, "mouthSmile_L": 0.9}
    made.set(weights)
    assert apart_mm(made, model, model.points(weights)) < WITHIN_MM
    made.page.get_by_label("Frame").fill("2")
    assert apart_mm(made, model, model.posed(activations[2], jaws[2])) < WITHIN_MM
    assert made.page.locator("button", has_text="Skull").count() == 0
    assert made.complaints == []
    made.page.close()


def test_the_command_with_a_take_and_an_edit(
    chromium: Any, model: FaceModel, small_draft: Path, small_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "take.csv").write_text("time,jawOpen,eyeBlink_L\n0,0,0\n1,0.9,0.6\n")
    write_recipe = '{"bones": {"chin_forward_mm": 3}, "jaw_gain": 0.8}'
    (tmp_path / "mine.json").write_text(write_recipe)
    words = ["--curves", "take.csv", "--fps", "10", "--edit", "mine.json", "--actor", str(small_folder)]
    given = [str(tmp_path / w) if w.endswith((".csv", ".json")) else w for w in words]
    assert (
        main(["rig", str(small_draft), "-o", str(tmp_path / "face.html"), *given, "--progress", "none"]) == 0
    )
    made = Opened(chromium, tmp_path / "face.html")
    edited = model.edited(json.loads(write_recipe))
    assert made.page.locator("button", has_text=re.compile("^Mine$")).get_attribute("aria-checked") == "true"
    made.page.get_by_label("Frame").fill("5")
    assert apart_mm(made, model, edited.points({"jawOpen": 0.45, "eyeBlink_L": 0.3})) < WITHIN_MM
    assert made.complaints == []
    made.page.close()


def test_the_report_begins_with_a_verdict_and_the_face(
    chromium: Any, model: FaceModel, small_draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_edits(monkeypatch)
    assert main(["report", str(small_draft), "-o", str(tmp_path / "r.html"), "--progress", "none"]) == 0
    made = Opened(chromium, tmp_path / "r.html")
    assert made.page.locator(".verdict b").inner_text() in ("Good.", "Usable.", "Not good yet.")
    verdict = made.page.locator(".verdict").inner_text()
    first = made.page.locator("table td").first.inner_text()
    assert f"Look at {first} first" in verdict
    assert "mm off on average" in verdict
    made.set({"jawOpen": 0.5})
    assert apart_mm(made, model, model.points({"jawOpen": 0.5})) < WITHIN_MM
    made.page.get_by_role("link", name="The jaw on its arc").click()
    made.page.locator("details img").first.wait_for(state="visible", timeout=10_000)
    assert made.page.locator("nav a").count() == made.page.locator("main > details").count() >= 5
    assert made.complaints == []
    made.page.close()


def test_only_scripts_that_the_page_names_may_run(shown: Path) -> None:
    text = shown.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 4
    for script in scripts:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy[1]
    assert "unsafe-eval" not in policy[1]
    assert "default-src 'none'" in policy[1]
    assert "Permission is hereby granted" in text  # the licences of what is inside


def test_steps_are_finer_than_what_is_promised() -> None:
    """Ten targets at once stay below a hundredth of a millimetre; large motions are kept as they are."""
    rng = np.random.default_rng(0)
    for size, scale in ((5.0, 0.1), (5.0, 10.0), (30.0, 1.0), (90.0, 1.0)):
        row = rng.uniform(-size, size, (500, 3)).astype(np.float32) / scale
        row[::2] = 0
        block = Block({})
        kept = moved(block, row, scale)
        ids = np.flatnonzero(np.unpackbits(block.arrays[kept["mask"]], bitorder="little"))
        back = np.zeros_like(row)
        back[ids] = block.arrays[kept["steps"]].T * kept["scale"]
        assert np.linalg.norm(back - row, axis=1).max() * scale < WITHIN_MM / 10
        assert len(ids) == 250


def test_groups_by_name() -> None:
    expected = {
        "browInnerUp_L": "Brows",
        "L_eyebrow_raise": "Brows",
        "eyebrows-left-down": "Brows",
        "eyeBlink_L": "Eyes",
        "upperLidRaise": "Eyes",
        "noseSneer_R": "Nose",
        "cheekSquint_L": "Cheeks",
        "lipsTogetherUL": "Mouth",
        "CTRL:mouthPucker": "Mouth",
        "jawOpen": "Jaw",
        "chinRaiser": "Jaw",
        "tongueOut": "Mouth",
        "AU12": "",
        "slide": "",
        "eclipse": "",
    }
    assert {name: named_group(name) for name in expected} == expected


def test_sides_of_one_control() -> None:
    names = [
        "eyeBlink_L",
        "eyeBlink_R",
        "eye-left-slit",
        "eye-right-slit",
        "jawLeft",
        "jawRight",
        "mouthLeft",
    ]
    assert pairs(names) == {
        "eyeBlink_L": ("eyeBlink", "l"),
        "eyeBlink_R": ("eyeBlink", "r"),
        "eye-left-slit": ("eye-slit", "l"),
        "eye-right-slit": ("eye-slit", "r"),
    }


def test_an_output_that_cannot_be_written(model: FaceModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AimError):
        write_page(model, tmp_path / "file" / "page.html")


def test_a_stop_is_heard_while_the_face_is_packed(model: FaceModel, tmp_path: Path) -> None:
    """After the errors of all targets; nothing is left behind."""
    asked = itertools.count()
    told = Progress("none", cancelled=lambda: next(asked) >= len(model.data.rig.targets) + 2)
    with pytest.raises(Cancelled, match=f"stopped at step 3 of {len(model.data.rig.targets)}"):
        write_page(model, tmp_path / "face.html", progress=told)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("up", [True, False], ids=["lower", "upper"])
def test_roots_of_teeth_do_not_stand_out_of_the_jaw(up: bool) -> None:
    sign, mm = (1.0 if up else -1.0), 10.0  # a mesh in centimetres

    def pillar(wide: float, high: float, x: float) -> tuple[np.ndarray, list[tuple[int, ...]]]:
        """Rings of four from the tip down; wide, high and x in mm."""
        ring = np.array([(-1, 0, -1), (1, 0, -1), (1, 0, 1), (-1, 0, 1)]) * [wide / 2, 0, wide / 2]
        rows = [ring + np.array([x, -sign * y, 0]) for y in np.linspace(0, high, 14)]
        faces = [
            (4 * r + i, 4 * r + (i + 1) % 4, 4 * r + 4 + (i + 1) % 4, 4 * r + 4 + i)
            for r in range(13)
            for i in range(4)
        ]
        return np.concatenate(rows) / mm, faces

    parts = [pillar(8, 26, 0), pillar(8, 9, 20), pillar(60, 20, 80)]  # rooted, a crown, teeth with their gums
    points = np.concatenate([p for p, _ in parts])
    faces = np.array([np.array(f) + 56 * i for i, (_, fs) in enumerate(parts) for f in fs])
    mesh = Mesh(points, np.full(len(faces), 4), faces.ravel())
    shown = crowns(mesh, np.eye(3) * mm, up)
    rooted, others = shown[:56] * mm, shown[56:]
    assert 7 < np.ptp(rooted[:, 1]) <= 10
    assert np.array_equal(rooted[0], points[0] * mm)  # the tip stays
    assert np.array_equal(others, points[56:])
