"""Each loss term on numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch

from aim_maya.core.training_options import LossWeights
from trainer.learn import losses


def t(*rows: object) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def test_position() -> None:
    assert losses.position(t([1, 2, 3], [0, 0, 0]), t([1, 2, 1], [3, 0, 4])) == pytest.approx((4 + 25) / 2)


def test_thickness_terms() -> None:
    assert losses.anatomy_thickness(t([1.0], [3.0]), t([2.0], [3.0])) == pytest.approx(0.5)
    assert losses.thickness_zero(t([1.0], [3.0])) == pytest.approx(5.0)
    assert losses.towards(t([1.0], [3.0]), t([0.0], [1.0])) == pytest.approx(2.5)


def test_normals_count_twice_one_minus_cosine() -> None:
    assert losses.anatomy_normal(t([1, 0, 0]), t([0.6, 0.8, 0])) == pytest.approx(2 * (1 - 0.6))


def test_skinning_zero() -> None:
    assert losses.skinning_zero(t([0.5], [0.0])) == pytest.approx(0.125)


def test_symmetry_vanishes_for_a_mirrored_pair() -> None:
    """About the plane x = 2: the image of (5, 1, 0) is (-1, 1, 0)."""
    normal, offset = t([1, 0, 0])[0], torch.tensor(2.0, dtype=torch.float64)
    assert losses.symmetry(t([5, 1, 0]), t([-1, 1, 0]), normal, offset) == pytest.approx(0)
    assert losses.symmetry(t([5, 1, 0]), t([-1, 3, 0]), normal, offset) == pytest.approx(4)


def test_terms_are_weighed_and_added() -> None:
    terms = losses.Terms(LossWeights(skin=2.0, neutral=0.5))
    terms.add("skin", lambda: torch.tensor(3.0))
    terms.add("neutral", lambda: torch.tensor(4.0))
    assert terms.total() == pytest.approx(8)


def test_a_term_without_a_weight_is_not_evaluated() -> None:
    terms = losses.Terms(LossWeights(symmetry=0.0, skin=1.0))
    terms.add("symmetry", lambda: pytest.fail("evaluated"))
    assert terms.total() is None
    assert not terms.wants("symmetry", "inside")
    assert terms.wants("symmetry", "skin")


def test_a_network_is_evaluated_once_for_all_who_ask() -> None:
    calls = []

    def doubled(c: torch.Tensor) -> torch.Tensor:
        calls.append(len(c))
        return 2 * c

    asked = losses.Asked()
    one, other = asked.at(doubled, t([1.0, 2.0, 3.0])), asked.at(doubled, t([4.0, 5.0, 6.0], [7.0, 8.0, 9.0]))
    assert other().tolist() == [[8, 10, 12], [14, 16, 18]]
    assert one().tolist() == [[2, 4, 6]]
    assert calls == [3]
