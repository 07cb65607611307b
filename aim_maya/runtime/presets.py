"""Edits that come with the product: a name, what it does, and its recipe. They fit any model, since they name regions and handles only."""

from __future__ import annotations

from aim_maya.core.errors import AimError, nearest_name

from .edit_recipe import EditRecipe

PRESETS: dict[str, tuple[str, EditRecipe]] = {  # scenes store a preset by its place here: new ones go to the end
    "thinner": ("Less tissue on cheeks and jaw line", EditRecipe(
        thickness={"cheeks": 0.72, "jaw_line": 0.72, "temple": 0.85, "chin": 0.88, "forehead": 0.95})),
    "heavier": ("More tissue on cheeks, jaw line and chin", EditRecipe(
        thickness={"cheeks": 1.4, "jaw_line": 1.5, "temple": 1.2, "chin": 1.35, "lips": 1.08, "nose": 1.08, "brow": 1.08, "forehead": 1.08})),
    "long_jaw": ("The chin 6 mm further from the hinge", EditRecipe(bones={"jaw_longer_mm": 6.0})),
    "wide_jaw": ("The angles of the jaw 6 mm further out on each side", EditRecipe(bones={"jaw_wider_mm": 6.0})),
    "strong_chin": ("The chin 6 mm forward", EditRecipe(bones={"chin_forward_mm": 6.0})),
    "high_cheekbones": ("Cheekbones 4 mm outwards", EditRecipe(bones={"cheekbones_out_mm": 4.0}, thickness={"cheeks": 0.92})),
    "heavy_brow": ("The brow ridge 4 mm forward", EditRecipe(bones={"brow_forward_mm": 4.0})),
}  # fmt: skip


def preset(name: str, amount: float = 1.0) -> EditRecipe:
    """A preset by its name, so much of it. Raises AimError that names the nearest."""
    if name not in PRESETS:
        raise AimError(f"There is no preset '{name}'.", nearest_name(name, PRESETS), f"Presets: {', '.join(PRESETS)}.")
    recipe = PRESETS[name][1]
    return recipe if amount == 1.0 else recipe.scaled(amount)
