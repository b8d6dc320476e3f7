"""The lip network and its ONNX form.

A convolution net on 10 ms mel frames without padding: row i sees `PAST` frames before it and
`AHEAD` after it and nothing else, so that sound fed in pieces gives what the whole sound gives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from digital_human.face.animation.articulation import NAMES
from digital_human.face.animation.heardmel import BANDS

WIDTH = 96
FIRST = 5  # frames the first convolution sees
DILATIONS = (1, 2, 4, 8, 16)
SYMMETRIC = 2  # so many blocks see both ways, the others the past only
AHEAD = FIRST // 2 + sum(DILATIONS[:SYMMETRIC])
PAST = AHEAD + 2 * sum(DILATIONS[SYMMETRIC:])
OUTPUTS = len(NAMES) + 3  # pose, then logits of lips, teeth and quiet


class LipNet(nn.Module):
    """Mel frames float32 [batch, n + PAST + AHEAD, BANDS] → rows [batch, n, OUTPUTS]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(BANDS, WIDTH, FIRST)
        self.wide = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 3, dilation=d) for d in DILATIONS)
        self.point = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 1) for _ in DILATIONS)
        self.head = nn.Conv1d(WIDTH, WIDTH, 1)
        self.out = nn.Conv1d(WIDTH, OUTPUTS, 1)
        for layer in self.point:
            nn.init.zeros_(layer.weight)  # every block begins as the identity
            nn.init.zeros_(layer.bias)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """See the class."""
        x = torch.relu(self.first(mel.transpose(1, 2)))
        for i, (wide, point, d) in enumerate(zip(self.wide, self.point, DILATIONS, strict=True)):
            y = point(torch.relu(wide(x)))
            start = d if i < SYMMETRIC else 2 * d
            x = x[:, :, start : start + y.shape[2]] + y
        return self.out(torch.relu(self.head(x))).transpose(1, 2)


def write_onnx(net: LipNet, path: Path, metadata: dict[str, str]) -> None:
    """Write ``net`` as ONNX: input ``mel`` [1, n + PAST + AHEAD, BANDS], output ``rows``."""
    nodes: list[Any] = []
    weights: list[Any] = []

    def constant(name: str, value: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def conv(layer: nn.Conv1d, x: str, name: str, relu: bool) -> str:
        w = constant(f"{name}.w", layer.weight.detach().numpy().astype(np.float32))
        b = constant(f"{name}.b", layer.bias.detach().numpy().astype(np.float32))
        nodes.append(helper.make_node("Conv", [x, w, b], [name], dilations=list(layer.dilation)))
        if relu:
            nodes.append(helper.make_node("Relu", [name], [f"{name}.r"]))
        return f"{name}.r" if relu else name

    nodes.append(helper.make_node("Transpose", ["mel"], ["t"], perm=[0, 2, 1]))
    x = conv(net.first, "t", "first", True)
    axis = constant("axis", np.array([2], np.int64))
    for i, (wide, point, d) in enumerate(zip(net.wide, net.point, DILATIONS, strict=True)):
        y = conv(point, conv(wide, x, f"wide{i}", True), f"point{i}", False)
        start = d if i < SYMMETRIC else 2 * d
        stop = start - 2 * d or np.iinfo(np.int64).max
        a = constant(f"start{i}", np.array([start], np.int64))
        b = constant(f"stop{i}", np.array([stop], np.int64))
        nodes.append(helper.make_node("Slice", [x, a, b, axis], [f"cut{i}"]))
        nodes.append(helper.make_node("Add", [f"cut{i}", y], [f"sum{i}"]))
        x = f"sum{i}"
    x = conv(net.out, conv(net.head, x, "head", True), "out", False)
    nodes.append(helper.make_node("Transpose", [x], ["rows"], perm=[0, 2, 1]))
    graph = helper.make_graph(
        nodes, "lips",
        [helper.make_tensor_value_info("mel", TensorProto.FLOAT, [1, "frames", BANDS])],
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [1, "rows", OUTPUTS])],
        weights,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, metadata | {"past": str(PAST), "ahead": str(AHEAD)})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
