"""The decoder's faster operators against those that they replace, on small graphs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.speech.synthesizers import kokoro_graph
from digital_human.speech.synthesizers.kokoro_quick import quickened

onnx = pytest.importorskip("onnx")
CHANNELS, OUTPUTS, LENGTH = 48, 64, 200
Values = dict[str, npt.NDArray[Any]]


def model_of(nodes: list[Any], constants: Values) -> Any:
    """A model from ``in`` to ``out``, both float32 [1, channels, n]."""
    helper = onnx.helper
    sound = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "decoder",
        [sound("in", 1, [1, CHANNELS, None])], [sound("out", 1, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def run(model: Any, sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString())
    made: npt.NDArray[np.float32] = session.run(["out"], {"in": sound})[0]
    return made


def quick(model: Any) -> Counter[str]:
    """Edit the model in place; how many of each operator it has then."""
    kokoro_graph._put(model.graph, quickened(model))
    return Counter(node.op_type for node in model.graph.node)


def convolution(kind: str, inputs: list[str], output: str, **other: Any) -> Any:
    plain = {"strides": [1], "group": 1}
    return onnx.helper.make_node(kind, inputs, [output], name="/decoder/conv", **(plain | other))


def decibels(wanted: npt.NDArray[np.float32], made: npt.NDArray[np.float32]) -> float:
    assert wanted.shape == made.shape
    return float(10 * np.log10(np.square(wanted).sum() / np.square(wanted - made).sum()))


@pytest.fixture
def sound() -> npt.NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((1, CHANNELS, LENGTH)).astype(np.float32)


@pytest.mark.parametrize(
    ("taps", "dilation", "bias"), [(1, 1, False), (3, 1, True), (7, 3, True), (11, 5, True)]
)
def test_a_float_convolution(
    sound: npt.NDArray[np.float32], taps: int, dilation: int, bias: bool
) -> None:
    random = np.random.default_rng(2)
    pad = dilation * (taps - 1) // 2
    constants: Values = {
        # Output channels of very different size: each has its own scale.
        "w": (random.standard_normal((OUTPUTS, CHANNELS, taps))
              * np.geomspace(0.01, 10, OUTPUTS)[:, None, None]).astype(np.float32),
        "b": random.standard_normal(OUTPUTS).astype(np.float32),
    }  # fmt: skip
    inputs = ["in", "w", "b"] if bias else ["in", "w"]
    node = convolution(
        "Conv", inputs, "out", dilations=[dilation], pads=[pad, pad], kernel_shape=[taps]
    )
    model = model_of([node], constants)
    wanted = run(model, sound)
    assert quick(model)["Conv"] == 0
    made = run(model, sound)
    assert decibels(wanted, made) > 35
    assert decibels(wanted[:, :8], made[:, :8]) > 30
    assert (
        decibels(wanted[..., :5], made[..., :5]) > 30 < decibels(wanted[..., -5:], made[..., -5:])
    )


def int8_model(bias: bool) -> Any:
    """A convolution as `onnxruntime.quantization.quantize_dynamic` writes it."""
    node = onnx.helper.make_node
    random = np.random.default_rng(3)
    constants: Values = {
        "w": np.clip(random.normal(120, 25, (OUTPUTS, CHANNELS, 3)), 0, 255).astype(np.uint8),
        "wz": np.array(120, np.uint8),
        "ws": np.array([0.004], np.float32),
        "b": random.standard_normal(OUTPUTS).astype(np.float32),
        "shape": np.array([1, -1, 1]),
    }
    nodes = [
        node("DynamicQuantizeLinear", ["in"], ["x", "xs", "xz"]),
        node("Mul", ["xs", "ws"], ["scale"]),
        convolution("ConvInteger", ["x", "w", "xz", "wz"], "sum", dilations=[1], pads=[1, 1]),
    ]
    if bias:
        nodes += [
            node("Div", ["b", "scale"], ["b/scaled"]),
            node("Floor", ["b/scaled"], ["b/whole"]),
            node("Cast", ["b/whole"], ["b/int"], to=onnx.TensorProto.INT32),
            node("Reshape", ["b/int", "shape"], ["b/column"]),
            node("Add", ["sum", "b/column"], ["total"]),
        ]
    nodes += [
        node("Cast", ["total" if bias else "sum"], ["real"], to=onnx.TensorProto.FLOAT),
        node("Mul", ["real", "scale"], ["out"]),
    ]
    return model_of(nodes, constants)


@pytest.mark.parametrize("bias", [False, True])
def test_an_int8_convolution(sound: npt.NDArray[np.float32], bias: bool) -> None:
    model = int8_model(bias)
    wanted = run(model, sound)
    left = quick(model)
    assert left["ConvInteger"] == 0 and left["MatMulIntegerToFloat"] == 1
    assert left["Cast"] == left["Div"] == left["Mul"] == 0, "scales and bias are in the product"
    assert {t.name for t in model.graph.initializer}.isdisjoint({"w", "wz", "ws"})
    assert decibels(wanted, run(model, sound)) > 35


def test_no_sum_of_two_products_leaves_16_bits() -> None:
    # The loudest input and weights there can be: saturated sums would come out a fifth too small.
    weight = np.ones((OUTPUTS, CHANNELS, 3), np.float32)
    node = convolution("Conv", ["in", "w"], "out", dilations=[1], pads=[1, 1])
    model = model_of([node], {"w": weight})
    quick(model)
    loud = np.ones((1, CHANNELS, LENGTH), np.float32)
    made = run(model, loud)
    assert made[0, :, 1:-1] == pytest.approx(3 * CHANNELS, rel=0.01)


def test_what_a_product_does_not_replace_stays() -> None:
    weight = np.ones((OUTPUTS, CHANNELS, 3), np.float32)
    strided = convolution("Conv", ["in", "w"], "out", strides=[2], dilations=[1], pads=[1, 1])
    assert quick(model_of([strided], {"w": weight}))["Conv"] == 1
    few = convolution("Conv", ["in", "w"], "out", dilations=[1], pads=[1, 1])
    assert quick(model_of([few], {"w": weight[:8]}))["Conv"] == 1
    before = convolution("Conv", ["in", "w"], "out", dilations=[1], pads=[1, 1])
    before.name = "/encoder/conv"
    assert quick(model_of([before], {"w": weight}))["Conv"] == 1


def test_normalisation_with_two_users(sound: npt.NDArray[np.float32]) -> None:
    node = onnx.helper.make_node
    random = np.random.default_rng(4)
    column = (1, CHANNELS, 1)
    constants: Values = {
        "axis": np.array([2]),
        "eps": np.array(1e-5, np.float32),
        **{name: random.standard_normal(column).astype(np.float32) for name in "fghk"},
    }
    nodes = [
        node("ReduceMean", ["in", "axis"], ["mean"]),
        node("Sub", ["in", "mean"], ["centred"]),
        node("Mul", ["centred", "centred"], ["squares"]),
        node("ReduceMean", ["squares", "axis"], ["variance"]),
        node("Add", ["variance", "eps"], ["more"]),
        node("Sqrt", ["more"], ["root"]),
        node("Div", ["centred", "root"], ["/decoder/normal"]),
        node("Mul", ["f", "/decoder/normal"], ["one"]),
        node("Add", ["one", "g"], ["first"]),
        node("Mul", ["h", "/decoder/normal"], ["two"]),
        node("Add", ["two", "k"], ["second"]),
        node("Concat", ["first", "second"], ["out"], axis=1),
    ]
    model = model_of(nodes, constants)
    loud = sound * np.float32(3) + np.float32(5)
    wanted = run(model, loud)
    left = quick(model)
    assert left["InstanceNormalization"] == 2 and not left["ReduceMean"] and not left["Div"]
    assert decibels(wanted, run(model, loud)) > 90
