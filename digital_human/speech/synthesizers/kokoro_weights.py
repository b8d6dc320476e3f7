"""Parameters of Kokoro-82M between its ONNX file and the torch model (numpy and onnx only).

The export kept most names, but weights of linear layers are transposed, those of normed
convolutions are products without a name, and the gates of LSTMs are in another order. Weights are
found through the graph: a weight belongs to the bias that is used with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.errors import WeightsError

Layout = Literal["same", "transposed", "lstm"]

_FIX = "digital-human models pull kokoro-fp32"
_RENAMED = (
    ("encoder.bert.embeddings.", "bert."),
    ("encoder.bert.encoder.albert_layer_groups.0.albert_layers.0.", "bert.layer."),
    ("encoder.bert.encoder.", "bert."),
    ("encoder.", ""),
    ("decoder.decoder.", "decoder."),
)
_BASIS = "decoder.decoder.generator.stft.istft.stft."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a parameter of the torch model lies in the ONNX file.

    Attributes:
        initializer: Its name there.
        layout: How it lies there.
    """

    initializer: str
    layout: Layout


def open_model(path: Path) -> Any:
    """Parse an ONNX file.

    Raises:
        WeightsError: It is none.
    """
    import onnx

    try:
        return onnx.load(str(path))
    except Exception as error:  # protobuf raises its own kinds
        raise WeightsError(f"{path}: not an ONNX model: {error}", fix=_FIX) from error


def read(path: Path) -> dict[str, FloatArray]:
    """All parameters of the torch model by name.

    Args:
        path: The float32 ONNX file.

    Raises:
        WeightsError: The file is not Kokoro-82M in float32.
    """
    from onnx import numpy_helper

    model = open_model(path)
    values = {t.name: t for t in model.graph.initializer}
    result: dict[str, FloatArray] = {}
    for name, place in _places(model.graph).items():
        array = np.array(numpy_helper.to_array(values[place.initializer]), np.float32)
        if place.layout == "lstm":
            result.update(_lstm(name, array))
        else:
            result[name] = np.ascontiguousarray(array.T) if place.layout == "transposed" else array
    basis, windows = (f"{_BASIS}{name}" for name in ("inverse_basis", "window_sum"))
    if len(result) < 450 or basis not in values or windows not in values:
        raise WeightsError(f"{path}: not Kokoro-82M with weights in float32", fix=_FIX)
    result["decoder.generator.inverse_basis"] = np.array(numpy_helper.to_array(values[basis]))
    sums = np.array(numpy_helper.to_array(values[windows]))
    result["decoder.generator.window_sum"] = np.where(sums > 0, sums, 1).astype(np.float32)
    return result


def places(path: Path) -> Mapping[str, Place]:
    """Where the parameters of the torch model lie in the ONNX file, LSTMs left out."""
    stat = path.stat()
    return _known_places(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=2)
def _known_places(path: Path, size: int, changed: int) -> Mapping[str, Place]:
    found = _places(open_model(path).graph)
    return {name: place for name, place in found.items() if place.layout != "lstm"}


def _places(graph: Any) -> dict[str, Place]:
    names = {t.name for t in graph.initializer}
    found = {_rename(n): Place(n, "same") for n in names if n.startswith(("encoder.", "decoder."))}
    found = {name: place for name, place in found.items() if ".stft." not in name}
    biases = {
        value: other
        for node in graph.node
        if node.op_type == "Add"
        for value, other in (node.input, reversed(node.input))
        if other in names and other.endswith(".bias")
    }
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose") and node.input[1] in names:
            name = _rename(node.input[2])[: -len(".bias")] if len(node.input) > 2 else _path(node)
            if ".istft." not in name:
                found[f"{name}.weight"] = Place(node.input[1], "same")
        elif node.op_type == "MatMul" and node.output[0] in biases:
            name = _rename(biases[node.output[0]])
            found[name.removesuffix("bias") + "weight"] = Place(node.input[1], "transposed")
        elif node.op_type == "LSTM":
            for suffix, value in zip(
                ("weight_ih", "weight_hh", "bias"), node.input[1:4], strict=True
            ):
                found[f"{_path(node)}.{suffix}"] = Place(value, "lstm")
    return found


def _rename(initializer: str) -> str:
    for old, new in _RENAMED:
        if initializer.startswith(old):
            initializer = new + initializer.removeprefix(old)
            break
    return initializer.replace(".linear_layer.", ".")


def _path(node: Any) -> str:
    """The module of a node, from the node's name."""
    path = node.name.strip("/").split("/")[:-1]
    if path[0] == "decoder":
        return ".".join(path[1:])
    path = path[1:]
    own = path[0].split(".")[0] in ("text_encoder", "predictor", "bert", "bert_encoder")
    return ".".join(path if own else ["predictor", *path])


def _lstm(name: str, array: FloatArray) -> dict[str, FloatArray]:
    """One ONNX array of both directions → torch's, gates from i, o, f, c to i, f, c, o."""
    module, _, kind = name.rpartition(".")

    def gates(values: FloatArray) -> FloatArray:
        i, o, f, c = np.split(values, 4)
        return np.concatenate([i, f, c, o])

    result: dict[str, FloatArray] = {}
    for rows, suffix in zip(array, ("", "_reverse"), strict=True):
        if kind == "bias":
            for part, values in zip(("bias_ih", "bias_hh"), np.split(rows, 2), strict=True):
                result[f"{module}.{part}_l0{suffix}"] = gates(values)
        else:
            result[f"{module}.{kind}_l0{suffix}"] = gates(rows)
    return result
