"""Everything a training can be told, in one place: field docstrings are the command's help and the window's
tooltips."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from aim_maya.core.errors import AimError, nearest_name

Quality = Literal["draft", "standard", "final"]
Activation = Literal["sine", "relu", "gelu"]
WIDTH = 256  # of network E, for a rig of ordinary size


@dataclass(frozen=True)
class NetworkSize:
    """One coordinate network: width of its hidden layers (0, of E alone: as many as the targets need), their
    number, and the first layer's frequencies from low to high."""

    width: int
    depth: int
    low: float
    high: float


@dataclass(frozen=True)
class LossWeights:
    """Weight of every loss term; a term of weight 0 is not evaluated. The paper's own are in PAPER, ours in
    AIM."""

    skin: float = 1.0
    """Skin position in every shape (paper: L_S)."""
    neutral: float = 1.0
    """Skin position of the neutral from the anatomy, b0 + d0 n0 (paper: part of L_S)."""
    anatomy_point: float = 1.0
    """Bone point at the constraint vertices (paper: L_A)."""
    anatomy_thickness: float = 1.0
    """Thickness at the constraint vertices (paper: L_A)."""
    anatomy_normal: float = 1.0
    """Anatomy normal at the constraint vertices (paper: L_A)."""
    thickness_zero: float = 0.0
    """Thickness towards zero where there is no constraint (paper: L_D, 7.5e-4)."""
    symmetry: float = 0.0
    """Anatomy points symmetric about the facial plane (paper: L_sym, 1e-4)."""
    skinning_zero: float = 0.0
    """Skinning weight zero where the jaw has no influence (paper: L_K, 1e2)."""
    thickness_smooth: float = 0.0
    """Thickness towards the smooth label that `prior` makes of constraints and depth table (ours, in place of
    L_D)."""
    inside: float = 0.0
    """Thickness no larger than there is room for inside the skin (ours)."""
    gentle: float = 0.0
    """Thickness that changes by less than 1 mm a mm along outer skin, and a normal that turns by less than 15
    degrees an edge (ours: what an edit scales has no cliffs)."""
    normal_skin: float = 0.0
    """Anatomy normal towards the skin's normal (ours: they are the same where a ray found the bone)."""
    skinning_fit: float = 0.0
    """Skinning weight towards the smooth one under which the jaw explains most of the shapes (ours, in place
    of L_K)."""


PAPER = LossWeights(thickness_zero=7.5e-4, symmetry=1e-4, skinning_zero=1e2)
AIM = LossWeights(
    neutral=0.3, thickness_smooth=1.0, inside=5.0, gentle=2.0, normal_skin=0.3, skinning_fit=1.0
)
LOSSES = {"aim": AIM, "paper": PAPER}


@dataclass
class TrainConfig:
    """How to train. Saved beside the result, carried by the checkpoint."""

    preset: Quality = "standard"
    """draft: seconds, random sine features and one linear solve. standard: minutes. final: more than twice
    the steps."""
    losses: Literal["aim", "paper"] = "aim"
    """Which loss weights: this project's, or the paper's."""
    jaw: Literal["auto", "teeth", "poses", "estimate", "free"] = "auto"
    """Where the jaw's motion comes from; auto takes the best source the actor has."""
    bones: Literal["auto", "none"] = "auto"
    """auto: the actor's skull and jaw, or estimated ones. none: expressions alone, for a face whose bones
    cannot be had: no anatomy, no edits."""
    prior: Literal["depth", "smooth"] = "depth"
    """Thickness away from constraints: towards published tissue depths, or only smooth. The paper's, towards
    zero, comes with --losses paper."""
    without: tuple[str, ...] = ()
    """Loss terms to leave out, by name (for ablations): thickness_smooth, normal_skin, skinning_fit,
    symmetry, ..."""
    open_template: bool = True
    """Open lips and lids in the template space; off (for ablations) the neutral itself is the template."""
    loose_teeth: bool = False
    """Take the best rigid motion of lower teeth that do not move rigidly (more than 2 mm off), instead of
    refusing them."""
    seed: int = 0
    """Seed of every random number; the same seed gives the same model on the same machine."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes CUDA when it is there."""
    steps: int = 0
    """Optimiser steps; 0 takes the preset's."""
    anatomy_steps: int = 1500
    """Steps of thickness and normal, which are learned beside the skin; the skinning weight, before it, has a
    fifth of them (our form only)."""
    batch: int = 1536
    """Points a step; an E that is wider than usual takes more."""
    hard_share: float = 0.35
    """Share of the points drawn by their error so far."""
    face_share: float = 0.3
    """Share of the points drawn inside faces, so that the fields hold between the vertices."""
    rate: float = 1e-3
    """Largest learning rate; it warms up and falls along a cosine, in steps."""
    activation: Activation = "sine"
    """Activation of all five networks (sine is SIREN)."""
    restarts: int = 2
    """How often a network that stalls on a plateau is begun again with another rate and frequency."""
    check_every: int = 100
    """Steps between two looks at the error over all vertices."""
    bone: NetworkSize = field(default_factory=lambda: NetworkSize(160, 3, 20.0, 60.0))
    """Network B, in the paper's form only: ours is a head on E's hidden layers."""
    thickness: NetworkSize = field(default_factory=lambda: NetworkSize(128, 3, 20.0, 60.0))
    """Network D."""
    normal: NetworkSize = field(default_factory=lambda: NetworkSize(128, 3, 20.0, 60.0))
    """Network N."""
    skinning: NetworkSize = field(default_factory=lambda: NetworkSize(96, 2, 10.0, 30.0))
    """Network K."""
    expression: NetworkSize = field(default_factory=lambda: NetworkSize(0, 4, 30.0, 90.0))
    """Network E, whose hidden layers B shares in our form. Width 0: 256, and up to 768 for rigs whose targets
    have more that is independent in them than 256 features can tell."""

    def __post_init__(self) -> None:
        """Raises AimError for a value that cannot be trained with."""
        for name, good in (
            ("steps", self.steps >= 0),
            ("anatomy_steps", self.anatomy_steps >= 0),
            ("batch", self.batch >= 16),
            ("hard_share", 0 <= self.hard_share < 1),
            ("face_share", 0 <= self.face_share < 1 - self.hard_share),
            ("rate", 0 < self.rate < 1),
            ("restarts", self.restarts >= 0),
            ("check_every", self.check_every >= 1),
        ):
            if not good:
                raise AimError(
                    f"{name} is {getattr(self, name)}.",
                    "It is out of range.",
                    "Leave it out to take the default; --help tells what it means.",
                )
        terms = [f.name for f in dataclasses.fields(LossWeights)]
        for term in self.without:
            if term not in terms:
                raise AimError(
                    f"There is no loss term '{term}' to leave out.",
                    nearest_name(term, terms),
                    f"The terms: {', '.join(terms)}.",
                )

    @property
    def skin_steps(self) -> int:
        """Optimiser steps of the skin: those asked for, or the preset's. More where its last layer is not
        solved on the way: in the paper's form, and with a jaw that is learned."""
        solved = self.losses == "aim" and self.jaw != "free"
        return (
            self.steps
            or {"draft": 300, "standard": 1300 if solved else 2500, "final": 5000 if solved else 7000}[
                self.preset
            ]
        )

    def network(self, name: str) -> NetworkSize:
        """The size of a network, `bone`, `thickness`, `normal`, `skinning` or `expression`; E's width is the
        ordinary one where it is left open."""
        size: NetworkSize = getattr(self, name)
        return size if size.width else dataclasses.replace(size, width=WIDTH)

    @property
    def weights(self) -> LossWeights:
        """The loss weights that `losses` names, less the terms left out."""
        return dataclasses.replace(LOSSES[self.losses], **dict.fromkeys(self.without, 0.0))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the manifest and the checkpoint."""
        return dataclasses.asdict(self)


def config_from_json(data: dict[str, Any]) -> TrainConfig:
    """The inverse of to_json. Raises AimError naming an unknown key and the nearest known one."""
    known = {f.name for f in dataclasses.fields(TrainConfig)}
    for key in data:
        if key not in known:
            raise AimError(
                f"The training configuration has the unknown key '{key}'.", nearest_name(key, known)
            )
    sizes = {k: NetworkSize(**v) for k, v in data.items() if isinstance(v, dict)}
    return TrainConfig(**(data | sizes | {"without": tuple(data.get("without", ()))}))
