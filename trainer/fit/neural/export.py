"""The coefficient network of a neural fit as ONNX: (code of a frame, template points) -> coefficients."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from aim_maya.core.errors import AimError
from aim_maya.runtime.session import open_session
from trainer.graphs import ACTIVATIONS
from trainer.onnx_graph import Graph

from .networks import CoefficientNetwork

Floats = NDArray[np.floating]
_LARGEST_DIFFERENCE = 1e-3  # of a coefficient


def coefficient_graph(network: CoefficientNetwork) -> bytes:
    """ "code" (1, Z) and "template" (V, 3) -> "coefficients" (V, T), float32, opset 17. The code's share of the first layer is formed once."""
    graph = Graph()
    hidden = network.hidden
    graph.keep(
        one=1.0, half=0.5, root2=float(np.sqrt(2)), place=_columns(network.place.weight), place_bias=_array(network.place.bias), phases=_columns(network.code.weight)
    )
    graph.add("coded = MatMul(code, phases)\n phase = Add(coded, place_bias)\n placed = MatMul(template, place)\n a0 = Add(placed, phase)")
    for i, layer in enumerate([*hidden.layers, network.last]):
        graph.add(ACTIVATIONS[hidden.activation].format(o=f"h{i}", i=f"a{i}"))
        graph.keep(**{f"w{i}": _columns(layer.weight), f"b{i}": _array(layer.bias)})  # type: ignore[arg-type]
        out = "coefficients" if layer is network.last else f"a{i + 1}"
        graph.add(f"m{i} = MatMul(h{i}, w{i})\n {out} = Add(m{i}, b{i})")
    size, targets = network.code.in_features, network.last.out_features
    return graph.build("coefficients", f"float[1,{size}] code, float[V,3] template", f"float[V,{targets}] coefficients")


def checked_graph(network: CoefficientNetwork, codes: Floats, template: Floats) -> tuple[bytes, float]:
    """The graph, and its largest difference from torch over some of codes (F, Z) on template (V, 3). Raises AimError when that is too large."""
    serialised = coefficient_graph(network)
    session = open_session(serialised, "cpu").handle
    largest, some = 0.0, template[:: max(1, len(template) // 2048)]
    device = network.place.weight.device
    for frame in np.unique(np.linspace(0, len(codes) - 1, 8).astype(int)):
        with torch.no_grad():
            expected = network(torch.from_numpy(codes[frame : frame + 1]).to(device), torch.from_numpy(some).to(device))[0].cpu().numpy()
        given = session.run(["coefficients"], {"code": codes[frame : frame + 1], "template": some})[0]
        largest = max(largest, float(np.abs(given - expected).max()))
    if not largest < _LARGEST_DIFFERENCE:
        raise AimError(
            f"The exported coefficients differ by {largest:.2g} from the fitted ones.", "The fit did not converge, or this onnxruntime computes with less precision.",
            "Fit again with a smaller rate.",
        )  # fmt: skip
    return serialised, largest


def _columns(weight: torch.Tensor) -> Floats:
    array: Floats = weight.detach().cpu().numpy().T.astype(np.float32)
    return array


def _array(bias: torch.Tensor) -> Floats:
    array: Floats = bias.detach().cpu().numpy().astype(np.float32)
    return array
