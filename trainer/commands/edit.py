"""Edit a trained face by its anatomy (tissue, bones, jaw, expressions) and bake the edited actor; nothing is
trained again."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from aim_maya.core.curves.take import parse_weights
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path, check_output
from aim_maya.core.handles import HANDLES
from aim_maya.core.obj import write_obj
from aim_maya.core.progress import Progress, Style
from aim_maya.core.regions import REGIONS
from aim_maya.runtime import PRESETS, FaceModel, preset
from aim_maya.runtime.edit import EditRecipe, read_recipe
from aim_maya.runtime.edit_build import build_edits


@dataclass
class Options:
    """What `aimface edit` takes."""

    model: tyro.conf.Positional[Path | None] = None
    """The .aim file."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The edited actor, a whole .aim."""
    edit: Path | None = None
    """An edit file (JSON); docs/reference/files.md describes it."""
    preset: str | None = None
    """One of the edits that come along; --list shows them. --check and --sheet take several, with commas
    between them."""
    amount: float = 1.0
    """How much of the preset: 0 nothing, 1 all, -1 the other way."""
    set: tuple[str, ...] = ()
    """Entries as NAME=VALUE, over those of the edit file: thickness=1.2, thickness.cheeks=1.3,
    jaw_longer_mm=5."""
    target: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Targets sculpted after the build, as TARGET=FILE: smile=smile.obj, the whole face at the pose where the
    target was trained, in-betweens and combinations too. It is met exactly; other targets stay."""
    name: str | None = None
    """The edited actor's name; else the actor's own with "edited"."""
    save: Path | None = None
    """Also write the edit file and --set together as an edit file."""
    obj: Path | None = None
    """Also write the edited neutral as OBJ: the mesh to attach the edited actor to."""
    picture: Path | None = None
    """Draw the unedited and the edited face, at rest and with --pose, as PNG; without an edit, the presets in
    a row."""
    pose: tuple[str, ...] = ()
    """Controls of the picture's lower row, as NAME=VALUE; else the sculpted --target, or jawOpen, or the
    target that moves the face most."""
    check: bool = False
    """Measure what edits do to this model: whole-face thickness, both ends of every preset and handle, at
    rest and with the jaw open; with --preset only those."""
    sheet: Path | None = None
    """Draw thickness 0.7 to 1.5 and both ends of every preset as one .png or .jpg: three views, jaw open,
    lids closed; what turned by more than 20 degrees is red. With --preset only those."""
    sheet_height: int = 330
    """Pixels of one of the sheet's pictures, 90 to 1000."""
    progress: Style = "auto"
    """How --check and --sheet report progress."""
    list: bool = False
    """Print presets, handles and regions, and end."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Bake, draw, or list."""
    if options.list:
        sys.stdout.write(_listing())
        return {"presets": list(PRESETS), "handles": list(HANDLES), "regions": list(REGIONS)}
    if options.model is None:
        raise AimError("No model is given.", remedy="aimface edit MODEL.aim --preset heavier -o NEW.aim")
    model = FaceModel.load(options.model, "cpu")
    if options.check or options.sheet:
        return _examined(model, options)
    recipes = _recipes(options)
    if options.out is None and options.picture is None and options.obj is None and options.save is None:
        raise AimError("There is nothing to write.", remedy="Give -o NEW.aim, --picture, --obj or --save.")
    for path in (options.out, options.save, options.obj, options.picture):
        if path is not None:
            check_output(path)
    edited = model.edited(build_edits(recipes, model.data))
    for note in edited.edit_notes:
        sys.stdout.write(f"note: {note}\n")
    figures: dict[str, Any] = {"notes": list(edited.edit_notes), "written": []}
    if options.out is not None:
        from trainer.export.edited import bake_edit

        if options.out.exists() and options.out.resolve() == options.model.resolve():
            raise AimError(f"{options.out} is the model that is edited.", remedy="Choose another output.")
        name = options.name or f"{str(model.manifest['name']).removesuffix(' edited')} edited"
        with Progress(options.progress) as progress:
            progress.stage("export")  # half a minute on a busy machine
            figures["parity_mm"] = bake_edit(model, edited, recipes, options.out, name)
    if options.save is not None:
        recipes[-1].write(options.save)
    if options.obj is not None:
        write_obj(options.obj, edited.mesh.with_points(edited.points({})), "edited neutral")
    if options.picture is not None:
        _draw(options.picture, model, recipes, options.pose)
    for path in (options.out, options.save, options.obj, options.picture):
        if path is not None:
            figures["written"].append(str(path))
            sys.stdout.write(f"wrote {path}\n")
    return figures


def _examined(model: FaceModel, options: Options) -> dict[str, Any]:
    """The figures and the sheet of all edits."""
    from trainer.evaluate.edit_check import check_edits, table, write_sheet

    figures = dict[str, Any]()
    only = [name.strip() for name in options.preset.split(",")] if options.preset else []
    for name in only:
        preset(name)  # one that there is not is named before anything is measured
    if not 90 <= options.sheet_height <= 1000:
        raise AimError(f"--sheet-height is {options.sheet_height}.", remedy="Give 90 to 1000 pixels.")
    if options.sheet:
        check_output(options.sheet)
    with Progress(options.progress) as progress:
        if options.check:
            figures |= check_edits(model, progress, only)
        if options.sheet:
            figures["red"] = write_sheet(model, options.sheet, progress, only, options.sheet_height)
    if options.check:
        sys.stdout.write(table(figures))
    if options.sheet:
        sys.stdout.write(f"wrote {options.sheet}\n")
    return figures


def _recipes(options: Options) -> list[EditRecipe]:
    """The preset, and the edit file with what was set over it."""
    recipe = read_recipe(options.edit) if options.edit else EditRecipe()
    recipe = recipe.changed(options.set)
    targets = dict(recipe.targets)
    for text in options.target:
        name, equals, file = text.partition("=")
        if not equals or not file:
            raise AimError(f"'{text}' is not TARGET=FILE.", remedy="For example smile=smile.obj.")
        targets[name] = file if recipe.folder == Path() else str(Path(file).absolute())
    return [
        *([preset(options.preset, options.amount)] if options.preset else []),
        replace(recipe, targets=targets),
    ]


def _draw(path: Path, model: FaceModel, recipes: list[EditRecipe], pose: tuple[str, ...]) -> None:
    from trainer.evaluate import pictures
    from trainer.evaluate.pictures import edits_figure, preset_row
    from trainer.export.skin_fields import widest

    changing = [recipe for recipe in recipes if recipe.to_json() != EditRecipe().to_json()]
    edit = build_edits(changing, model.data)
    sculpted = [name for recipe in changing for name in recipe.targets]
    if pose:
        weights = parse_weights(pose, model.targets)
    elif sculpted:  # where the sculpt is seen
        weights = model.data.rig.trained_pose(sculpted[0])
    else:
        weights = widest(model)[1]
    figure = edits_figure(model, {"edited": edit} if changing else preset_row(), weights)
    with atomic_path(path) as temporary:
        temporary.write_bytes(pictures.png(figure))


def _listing() -> str:
    rows = ["presets:", *(f"  {name:<18} {about}" for name, (about, _) in PRESETS.items())]
    rows += ["handles (bones, mm):", *(f"  {name:<18} {handle.about}" for name, handle in HANDLES.items())]
    return "\n".join([*rows, f"regions: {', '.join(REGIONS)}; each with _L or _R for one side"]) + "\n"
