"""The Anatomical Implicit face Model: five sine-activated coordinate networks and a rigid jaw a target
(Chandran & Zoss, CVPR 2024).

The first layer's frequencies are spread from low to high instead of one omega for all: a single omega that
shines on one actor stalls on another. ReLU and GELU are options of the same class, for ablations.

All inside lengths are normalised: x = (X - centre) / scale, with one centre and scale for template, neutral,
shapes and bones.

    s0  = b0 + d0 n0                                        the neutral skin is built from the anatomy
    s_p = LBS(s0 + sum_i A_pi e_i, T_p, k)                  skin at the trained pose of target p
    s_p = LBS(s0, T_p, k) + sum_i A_pi e_i                  the same in the paper's form
"""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from aim_maya.core.training_options import Activation, NetworkSize, TrainConfig

# Sine-activated coordinate networks (V. Sitzmann et al., Implicit Neural Representations with Periodic
# Activations, 2020).

OMEGA = 30.0  # of the hidden layers, as in the paper on SIREN
STILL = 0.01  # a sigmoid below this is no skinning weight at all
SINE = 120  # multiplications in the time of a sine


class Siren(nn.Module):
    """(P, 3) template coordinates in [-1, 1] -> (P, outputs)."""

    def __init__(
        self,
        size: NetworkSize,
        outputs: int,
        activation: Activation = "sine",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.activation = activation
        widths = self._widths = [3] + [size.width] * size.depth
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.last = nn.Linear(size.width, outputs)
        self._initialise(size, generator)

    @torch.no_grad()
    def _initialise(self, size: NetworkSize, generator: torch.Generator | None) -> None:
        """Weights that keep the activations' distribution from layer to layer (SIREN, section 3.2)."""
        for layer in [*self.hidden, self.last]:
            assert isinstance(layer, nn.Linear)
            bound = math.sqrt(6 / layer.in_features) / (OMEGA if self.activation == "sine" else 1.0)
            layer.weight.uniform_(-bound, bound, generator=generator)
            phase = 1 / math.sqrt(layer.in_features)  # wide enough that hidden sines start at all phases
            layer.bias.uniform_(-phase, phase, generator=generator)
        first = self.hidden[0]
        assert isinstance(first, nn.Linear)
        frequency = torch.exp(torch.linspace(math.log(size.low), math.log(size.high), size.width))
        first.weight.uniform_(-1 / 3, 1 / 3, generator=generator)
        first.weight.mul_(frequency[:, None] / (OMEGA if self.activation == "sine" else 10.0))
        first.bias.uniform_(-math.pi, math.pi, generator=generator)
        first.bias.div_(OMEGA if self.activation == "sine" else 3.0)

    def features(self, c: Tensor) -> Tensor:
        """(P, width) what the last, linear layer sees: H(c)."""
        h = c
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            if self.activation == "sine":  # omega times the weights: they are few beside the points
                h = torch.sin(nn.functional.linear(h, OMEGA * layer.weight, OMEGA * layer.bias))
            else:
                h = getattr(nn.functional, self.activation)(layer(h))
        return h

    def forward(self, c: Tensor) -> Tensor:
        """(P, outputs)."""
        out: Tensor = self.last(self.features(c))
        return out

    def matrices(self) -> list[nn.Parameter]:
        """The square weight matrices between hidden layers: those that a matrix-aware optimiser takes."""
        return [layer.weight for layer in list(self.hidden)[1:]]  # type: ignore[union-attr,misc]

    def effort(self, points: int) -> float:
        """What a step at so many points costs a processor, in multiplications: forward, backward and Muon."""
        inner = sum(b * (a + SINE) for a, b in itertools.pairwise(self._widths))
        return 3 * points * (inner + self.last.weight.numel()) + sum(
            15 * w.numel() ** 1.5 for w in self.matrices()
        )


@dataclass
class Fields:
    """The neutral at P template points, normalised units: bone, normal, skin (P, 3), thickness, weight (P,
    1)."""

    bone: Tensor
    thickness: Tensor
    normal: Tensor
    weight: Tensor
    skin: Tensor


@dataclass
class AllFields(Fields):
    """And the expression displacements, basis (P, T, 3)."""

    basis: Tensor


class JawPoses(nn.Module):
    """A rigid motion a trained pose: 6D rotation (Zhou et al. 2019) and translation, normalised units; frozen
    where it is known."""

    def __init__(self, transforms: Tensor, learn: bool) -> None:
        super().__init__()
        self.six = nn.Parameter(
            transforms[:, :3, :2].transpose(1, 2).reshape(-1, 6).clone(), requires_grad=learn
        )
        self.shift = nn.Parameter(transforms[:, :3, 3].clone(), requires_grad=learn)
        still = (transforms == torch.eye(4)).flatten(1).all(1)
        self.moving: Tensor
        self.register_buffer(
            "moving", torch.arange(len(transforms)) if learn else torch.nonzero(~still).flatten()
        )

    def rotations(self) -> Tensor:
        """(T, 3, 3) from the 6D representation by Gram-Schmidt."""
        a, b = self.six[:, :3], self.six[:, 3:]
        x = nn.functional.normalize(a, dim=1)
        y = nn.functional.normalize(b - (x * b).sum(1, keepdim=True) * x, dim=1)
        return torch.stack([x, y, torch.linalg.cross(x, y)], 2)

    def carry(self, points: Tensor, weight: Tensor) -> Tensor:
        """k (T_p x - x) for points (P, T, 3) and weight (P, 1); zero for poses whose jaw is still."""
        if not len(self.moving):
            return torch.zeros_like(points)
        turn = self.rotations()[self.moving] - torch.eye(3, device=points.device)
        moved = torch.einsum("ptj,tij->pti", points[:, self.moving], turn) + self.shift[self.moving]
        return torch.zeros_like(points).index_copy(1, self.moving, weight[:, :, None] * moved)


class FaceNetworks(nn.Module):
    """B, D, N, K and E in one of two forms, `AimNetworks` and `PaperNetworks`; `networks_for` chooses.

    rest_size and motion_size are the typical lengths of B's and E's outputs, so that last layers stay of
    order one. columns: how many numbers of the shapes E gives, 3T; a training that learns their principal
    columns has fewer, and ends with `spread`. The forms differ in what the networks give, how the neutral is
    built, and where the displacement acts; the graphs of each are in trainer/export/graphs.py.
    """

    form: ClassVar[Literal["aim", "paper"]]
    anatomy_alone: ClassVar[bool]
    """Whether D, N and K learn alone before the skin begins."""
    bone_outputs: ClassVar[int]
    """How many of E's first outputs are B."""

    def __init__(
        self,
        config: TrainConfig,
        targets: int,
        rest_size: float,
        motion_size: float,
        columns: int | None = None,
    ) -> None:
        super().__init__()
        self.rest_size, self.motion_size, self.targets = rest_size, motion_size, targets
        self.columns = 3 * targets if columns is None else columns
        generator = torch.Generator().manual_seed(config.seed)
        self.nets = nn.ModuleDict(
            {
                name: Siren(config.network(name), n, config.activation, generator)
                for name, n in self.outputs().items()
            }
        )

    def effort(self, name: str, points: int) -> float:
        """Siren.effort of one of the networks."""
        net = self.nets[name]
        assert isinstance(net, Siren)
        return net.effort(points)

    def outputs(self) -> dict[str, int]:
        """{network: how many numbers it gives at a point}, in the order in which they are drawn."""
        return {"thickness": 1, "normal": 3, "skinning": 1, "expression": self.bone_outputs + self.columns}

    def surface(self, c: Tensor) -> tuple[Tensor, Tensor]:
        """The neutral skin s0 (P, 3) and E's columns (P, K), the displacements of all targets one after the
        other, at template coordinates c (P, 3), by the shortest way there is."""
        raise NotImplementedError

    @torch.no_grad()
    def spread(self, mixing: Tensor) -> FaceNetworks:
        """The same networks with the displacements themselves, (P, 3T) = columns (P, K) @ mixing (K, 3T):
        only the last layer is another."""
        result = self.of_columns(mixing.shape[1])
        last, own, n = self.nets["expression"].last, result.nets["expression"].last, self.bone_outputs
        for name in ("weight", "bias"):
            old = getattr(last, name).double()
            getattr(own, name).copy_(torch.cat([old[:n], mixing.double().T @ old[n:]]))
        return result

    def of_columns(self, columns: int) -> FaceNetworks:
        """A copy with a last layer of E for so many columns, of no values yet."""
        result = copy.deepcopy(self)
        net = result.nets["expression"]
        last = net.last
        assert isinstance(last, nn.Linear)
        net.last = nn.Linear(last.in_features, self.bone_outputs + columns, device=last.weight.device)
        result.columns = columns
        return result

    def _anatomy(self, c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Bone point, thickness, normal and neutral skin at c (P, 3)."""
        raise NotImplementedError

    def pose(
        self, skin: Tensor, weight: Tensor, basis: Tensor, jaw: JawPoses, matrix: Tensor | None
    ) -> Tensor:
        """(P, T, 3) skin at every trained pose, of a neutral (P, 3), weight (P, 1) and E's
        displacements (P, T, 3). matrix A (T, T), or None for the identity."""
        raise NotImplementedError

    def rest_to_learn(self, skin: Tensor, weight: Tensor, neutral: Tensor) -> tuple[Tensor, Tensor]:
        """The neutral and the weight that L_S poses, where the true neutral (P, 3) is known."""
        raise NotImplementedError

    def bone_to_learn(self, c: Tensor, neutral: Tensor, thickness: Tensor, normal: Tensor) -> Tensor:
        """Bone point (P, 3) as L_A sees it, of thickness (P, 1) and normal (P, 3) at c, where the true
        neutral (P, 3) is known."""
        raise NotImplementedError

    def weight(self, c: Tensor) -> Tensor:
        """(P, 1) skinning weight k in [0, 1]; exactly 0 over the skull alone, where a sigmoid never ends."""
        return torch.relu((1 + STILL) * torch.sigmoid(4 * self.nets["skinning"](c)) - STILL)

    def depth(self, c: Tensor) -> Tensor:
        """(P, 1) thickness."""
        return 0.1 * nn.functional.softplus(self.nets["thickness"](c) - 2)

    def normal(self, c: Tensor) -> Tensor:
        """(P, 3) unit normal."""
        return nn.functional.normalize(self.nets["normal"](c), dim=1)

    def tissue(self, c: Tensor) -> tuple[Tensor, Tensor]:
        """Thickness (P, 1) and unit normal (P, 3)."""
        return self.depth(c), self.normal(c)

    def rest(self, c: Tensor) -> Fields:
        """B, D, N and K at template coordinates c (P, 3)."""
        bone, thickness, normal, skin = self._anatomy(c)
        return Fields(bone, thickness, normal, self.weight(c), skin)

    def fields(self, c: Tensor) -> AllFields:
        """All five at template coordinates c (P, 3)."""
        f = self.rest(c)
        basis = self.surface(c)[1].view(len(c), self.targets, 3)
        return AllFields(f.bone, f.thickness, f.normal, f.weight, f.skin, basis)


class AimNetworks(FaceNetworks):
    """Ours: B is a head on E's hidden layers that places the skin, b0 := s0 - d0 n0 follows, and e acts
    before skinning.

    The two forms span the same functions, but here the dense data, the skin, reaches one large network
    directly, and the small ones need not repair each other.
    """

    form, anatomy_alone, bone_outputs = "aim", True, 3

    def surface(self, c: Tensor) -> tuple[Tensor, Tensor]:
        """The neutral skin and E's displacements, out of one network."""
        out = self.nets["expression"](c)
        return c + self.rest_size * out[:, :3], self.motion_size * out[:, 3:]

    def _anatomy(self, c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        thickness, normal = self.tissue(c)
        skin = self.surface(c)[0]
        return skin - thickness * normal, thickness, normal, skin

    def pose(
        self, skin: Tensor, weight: Tensor, basis: Tensor, jaw: JawPoses, matrix: Tensor | None
    ) -> Tensor:
        """s = LBS(s0 + e, T, k)."""
        before = skin[:, None] + _mixed(basis, matrix)
        return before + jaw.carry(before, weight)

    def rest_to_learn(
        self,
        skin: Tensor,  # noqa: ARG002
        weight: Tensor,
        neutral: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """E starts from the true neutral and from K as it stands: were it to chase the errors of B and of a K
        that still moves, all its targets would."""
        return neutral, weight.detach()

    def bone_to_learn(
        self,
        c: Tensor,  # noqa: ARG002
        neutral: Tensor,
        thickness: Tensor,
        normal: Tensor,
    ) -> Tensor:
        """B follows from the skin: were its own error let in here, what D and N leave over would bend the
        skin."""
        return neutral - thickness * normal


class PaperNetworks(FaceNetworks):
    """The paper's: B is a network of its own that places the bone point, s0 = b0 + d0 n0, e acts after
    skinning, and all five learn together."""

    form, anatomy_alone, bone_outputs = "paper", False, 0

    def outputs(self) -> dict[str, int]:
        """The others', and B."""
        return super().outputs() | {"bone": 3}

    def surface(self, c: Tensor) -> tuple[Tensor, Tensor]:
        """The neutral skin from the anatomy, and E's displacements."""
        out = self.nets["expression"](c)
        return self._anatomy(c)[3], self.motion_size * out

    def _anatomy(self, c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        thickness, normal = self.tissue(c)
        bone = self._bone(c)
        return bone, thickness, normal, bone + thickness * normal

    def _bone(self, c: Tensor) -> Tensor:
        bone: Tensor = c + self.rest_size * self.nets["bone"](c)
        return bone

    def pose(
        self, skin: Tensor, weight: Tensor, basis: Tensor, jaw: JawPoses, matrix: Tensor | None
    ) -> Tensor:
        """s = LBS(s0, T, k) + e."""
        before = skin[:, None].expand(-1, basis.shape[1], -1)
        return before + jaw.carry(before, weight) + _mixed(basis, matrix)

    def rest_to_learn(
        self,
        skin: Tensor,
        weight: Tensor,
        neutral: Tensor,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """As it is: every network learns from every error."""
        return skin, weight

    def bone_to_learn(
        self,
        c: Tensor,
        neutral: Tensor,  # noqa: ARG002
        thickness: Tensor,  # noqa: ARG002
        normal: Tensor,  # noqa: ARG002
    ) -> Tensor:
        """As it is: of a network of its own."""
        return self._bone(c)


def networks_for(
    config: TrainConfig, targets: int, rest_size: float, motion_size: float, columns: int | None = None
) -> FaceNetworks:
    """Fresh networks in the form that config.losses names."""
    forms = {form.form: form for form in (AimNetworks, PaperNetworks)}
    return forms[config.losses](config, targets, rest_size, motion_size, columns)


def _mixed(basis: Tensor, matrix: Tensor | None) -> Tensor:
    """(P, T, 3) displacements (P, T, 3) summed to those at the trained poses by A (T, T)."""
    return basis if matrix is None else torch.einsum("pi,nij->npj", matrix, basis)
