"""ONNX graphs written in ONNX's own text syntax: lines, the constants they name, and a checked model."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

Floats = NDArray[np.floating]


@dataclass
class Graph:
    """Lines of ONNX text and the constants they name; `build` turns them into a checked model."""

    lines: list[str] = field(default_factory=list)
    constants: dict[str, Floats] = field(default_factory=dict)

    def add(self, text: str) -> None:
        """Append nodes, one or more to the text."""
        self.lines.append(text)

    def keep(self, **constants: Floats | float) -> None:
        """Add constants; a plain float becomes a float32 scalar."""
        for name, value in constants.items():
            self.constants[name] = np.asarray(value, np.float32) if type(value) is float else np.asarray(value)

    def build(self, name: str, inputs: str, outputs: str) -> bytes:
        """Serialised model. inputs and outputs are typed ONNX text, for example 'float[V,3] points'."""
        body = "\n".join(self.lines)
        text = f'<ir_version: 8, opset_import: ["" : 17], producer_name: "aimface">\n{name} ({inputs}) => ({outputs}) {{\n{body}\n}}'
        model = onnx.parser.parse_model(text)
        model.graph.initializer.extend(numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in self.constants.items())
        onnx.checker.check_model(model, full_check=True)
        serialised: bytes = model.SerializeToString()
        return serialised
