"""A card that is only pretended: torch's tensors in memory, known as CUDA's, so that what mixes the two
devices fails here as it would there.

What is on the card stays there and what is not must be carried over by name; results are the processor's.
Rules, of the CUDA semantics in torch's documentation and of what its kernels raise:

* an operation takes tensors of one device; a number without dimensions may come from the processor;
* a tensor is indexed by places on its own device or on the processor; places on the card find nothing in the
  processor's memory;
* `copy_`, `to`, `cpu` and `cuda` carry over; `numpy` and `from_numpy` know the processor alone;
* random numbers are drawn where their generator is.

It doesn't know which kernels there are, nor how fast they would be: that is `make gpu-check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

CARD = torch.device("cuda", 0)
_CARRYING = {"copy_", "_has_compatible_shallow_copy_type"}
_INDEXING = {"__getitem__", "__setitem__", "index_put_", "index_put"}
_TOLD = {"numpy", "__array__"}


class OnCard(Tensor):
    """A tensor that says that it is on the card."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where it pretends to be."""
        return CARD

    is_cuda = True  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _plain(self).__reduce_ex__(protocol)


def _plain(tensor: Tensor) -> Tensor:
    return tensor.as_subclass(Tensor) if isinstance(tensor, OnCard) else tensor


def _carried(tensor: Any) -> Any:
    if not isinstance(tensor, Tensor) or isinstance(tensor, OnCard):
        return tensor
    return tensor.as_subclass(OnCard)


def _to(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Tensor:
    """Tensor.to: the type is changed as told, and then where it says that it is."""
    given = [*args[1:], kwargs.get("device"), kwargs.get("other")]
    asked = [a for a in given if isinstance(a, str | torch.device | Tensor)]
    place = torch.device(getattr(asked[0], "device", asked[0])) if asked else args[0].device
    cpu = torch.device("cpu")
    args = [args[0], *(cpu if isinstance(a, str | torch.device) else a for a in args[1:])]
    kwargs = {
        name: cpu if name == "device" and value is not None else value for name, value in kwargs.items()
    }
    result = function(*args, **kwargs)
    return _carried(result) if place.type == "cuda" else _plain(result)


class PretendedCard(TorchFunctionMode):
    """While it is entered, device "cuda" is there."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(function, "__name__", "")
        owner = getattr(getattr(function, "__self__", None), "__name__", "")
        if name in ("__get__", "__set__", "__delete__"):
            name = f"{name} {owner}"
        return self._done(function, name, args, kwargs)

    def _done(self, function: Callable[..., Any], name: str, args: Any, kwargs: dict[str, Any]) -> Any:
        tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
        if name == "cuda":
            return _carried(args[0])
        if name == "cpu":
            return _plain(args[0])
        if name in _TOLD and isinstance(args[0], OnCard):
            raise TypeError(
                "can't convert a tensor of the card to numpy: it has to be carried to the processor first"
            )
        if name == "__deepcopy__":
            made = (
                _carried(args[0].detach().clone())
                if isinstance(args[0], OnCard)
                else args[0].detach().clone()
            )
            made.requires_grad_(args[0].requires_grad)._is_param = isinstance(args[0], torch.nn.Parameter)
            return made
        if name == "to":
            return _to(function, args, kwargs)
        on_card = self._on_card(name, args, kwargs, tensors)
        asked = kwargs.get("device")
        if asked is not None:
            on_card, kwargs["device"] = torch.device(asked).type == "cuda", torch.device("cpu")
            if on_card and kwargs.get("generator") is not None:
                raise RuntimeError(f"{name}: expected a 'cuda' generator and found one of 'cpu'")
        result = function(*args, **kwargs)
        return tree_map(_carried, result) if on_card else result

    def _on_card(self, name: str, args: Any, kwargs: dict[str, Any], tensors: list[Tensor]) -> bool:
        """Whether the result is on the card. Raises RuntimeError where devices are mixed."""
        if not tensors:
            return False
        if name in _CARRYING or name.startswith("__set__"):
            return isinstance(tensors[0], OnCard)
        if name in _INDEXING:
            itself, places = args[0], [x for x in tree_flatten(args[1])[0] if isinstance(x, Tensor)]
            if not isinstance(itself, OnCard) and any(isinstance(x, OnCard) for x in places):
                raise RuntimeError(
                    f"{name}: indices should be on the same device as the indexed tensor (cpu)"
                )
            tensors = [itself, *(x for x in tree_flatten(args[2:])[0] if isinstance(x, Tensor))]
        card = [isinstance(x, OnCard) for x in tensors]
        strays = [x for x in tensors if not isinstance(x, OnCard) and x.ndim]
        if any(card) and strays:
            raise RuntimeError(
                f"{name}: expected all tensors to be on the same device, but found at least two, "
                f"{[(tuple(x.shape), 'cuda' if isinstance(x, OnCard) else 'cpu') for x in tensors]}"
            )
        return any(card)


@contextmanager
def pretended_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch with a card, within."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)  # Adam asks a real driver
    overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with PretendedCard():
            yield
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(overwrite)
