"""Sentence embeddings: Universal Sentence Encoder multilingual v3 on ONNX Runtime.

The published network (Yang et al., "Multilingual Universal Sentence Encoder for Semantic
Retrieval", 2019): SentencePiece pieces, three convolutions over windows of 2, 3 and 5 pieces, a sum
over the sentence and a small feed-forward network. It is written as an ONNX graph here because
single matrix products this small run ten times slower, and burn every core, in a threaded BLAS.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

_CHUNKS = 17
_WIDTH = 512
_BRANCH = 256
# Window of a convolution and how many pieces of it lie left of the middle.
_WINDOWS = ((2, 0), (3, 1), (5, 2))
_BOS, _EOS = 1, 2
_LONGEST = 256
_MODEL = "use-multilingual"


class Embedder(Protocol):
    """Turns texts of any supported language into vectors of one space."""

    @property
    def name(self) -> str:
        """Changes whenever the vectors would; part of the index's key."""

    @property
    def width(self) -> int:
        """Numbers in a vector."""

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Embed texts.

        Args:
            texts: Any number of them.

        Returns:
            float32 [n, width], rows of length 1.
        """


class UseEmbedder:
    """Universal Sentence Encoder multilingual v3; about 2 ms of one core for a question.

    Thread-safe: the session and the tokenizer keep no state between calls.

    Args:
        folder: Where ``weights.npz`` and ``sp.model`` are.
    """

    name = "use-multilingual-v3"
    width = _WIDTH

    def __init__(self, folder: Path) -> None:
        from sentencepiece import SentencePieceProcessor

        self._pieces = SentencePieceProcessor(model_file=str(folder / "sp.model"))
        with np.load(folder / "weights.npz", allow_pickle=False) as archive:
            weights = {name: archive[name] for name in archive.files}
        # Piece p is row p // 17 of part p % 17; every part has a scale and an offset of its own.
        rows = weights["q1"].shape[0]
        self._table = np.empty((_CHUNKS * rows, _WIDTH), dtype=np.uint8)
        for chunk in range(_CHUNKS):
            self._table[chunk::_CHUNKS] = weights[f"q{chunk + 1}"]
        self._scale = weights["scale"].astype(np.float32)
        self._low = weights["lo"].astype(np.float32)
        self._session = _session(weights)

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Embed texts one by one; see `Embedder`."""
        out = np.empty((len(texts), _WIDTH), dtype=np.float32)
        for row, text in enumerate(texts):
            out[row] = self._session.run(None, {"pieces": self._embedded(text)})[0][0]
        return out

    def _embedded(self, text: str) -> Vectors:
        """The piece embeddings of a text, float32 [pieces, 512]."""
        pieces = self._pieces.encode(text)[:_LONGEST]
        ids = np.array([_BOS, *pieces, _EOS], dtype=np.int64)
        chunk = ids % _CHUNKS
        vectors = self._table[ids].astype(np.float32)
        vectors *= self._scale[chunk, None]
        vectors += self._low[chunk, None]
        return vectors


def default_embedder() -> UseEmbedder:
    """The embedder of the model store.

    Raises:
        WeightsError: Its weights have not been pulled.
    """
    from digital_human.models import store

    return UseEmbedder(store().path(_MODEL))


def _session(weights: dict[str, npt.NDArray[Any]]) -> Any:
    """The network after the embedding table, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    model = _Graph(weights).build()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class _Graph:
    """Builds the network as ONNX from its weights.

    Args:
        weights: The arrays of ``weights.npz`` other than the table.
    """

    def __init__(self, weights: dict[str, npt.NDArray[Any]]) -> None:
        self._weights = weights
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def build(self) -> bytes:
        """The serialised model: ``pieces`` float32 [n, 512] in, float32 [1, 512] out."""
        from onnx import TensorProto, helper

        output = self._head(self._sum(self._branches("pieces")))
        graph = helper.make_graph(
            self._nodes,
            "use",
            [helper.make_tensor_value_info("pieces", TensorProto.FLOAT, ["n", _WIDTH])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, _WIDTH])],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        return bytes(model.SerializeToString())

    def _node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        from onnx import helper

        names = [f"{kind}{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0]

    def _constant(self, array: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"c{len(self._constants)}"
        kind = np.int64 if array.dtype.kind == "i" else np.float32
        contiguous = np.ascontiguousarray(array, dtype=kind)
        self._constants.append(numpy_helper.from_array(contiguous, name))
        return name

    def _weight(self, name: str) -> str:
        return self._constant(self._weights[name])

    def _norm(self, x: str, gamma: npt.NDArray[Any], beta: npt.NDArray[Any]) -> str:
        epsilon = float(self._weights["eps"])
        return self._node(
            "LayerNormalization", x, self._constant(gamma), self._constant(beta), epsilon=epsilon
        )

    def _joined(self, prefix: str, axis: int) -> npt.NDArray[Any]:
        return np.concatenate([self._weights[f"{prefix}{n}"] for n, _ in _WINDOWS], axis=axis)

    def _branches(self, x: str) -> str:
        """Pieces beside what the three convolutions make of them: [n, 512 + 3 × 256]."""
        projected = self._node("MatMul", x, self._constant(self._joined("proj", 1)))
        projected = self._node("Add", projected, self._constant(self._joined("proj_b", 0)))
        normal = self._norm(projected, self._joined("ln_g", 0), self._joined("ln_b", 0))
        # [n, 768] → [1, 768, n]: the shape a convolution wants.
        turned = self._node("Transpose", normal, perm=[1, 0])
        turned = self._node("Unsqueeze", turned, self._constant(np.array([0])))
        outputs = [x]
        for index, (window, left) in enumerate(_WINDOWS):
            bounds = [index * _BRANCH, (index + 1) * _BRANCH]
            ends = [self._constant(np.array([bound])) for bound in bounds]
            branch = self._node("Slice", turned, *ends, self._constant(np.array([1])))
            for layer in ("1", "2"):
                branch = self._convolution(branch, layer, window, left)
            flat = self._node("Squeeze", branch, self._constant(np.array([0])))
            outputs.append(self._node("Transpose", flat, perm=[1, 0]))
        return self._node("Concat", *outputs, axis=1)

    def _convolution(self, x: str, layer: str, window: int, left: int) -> str:
        matrix = self._weights[f"w{layer}_{window}"]
        kernel = matrix.reshape(window, _BRANCH, _BRANCH).transpose(2, 1, 0)
        out = self._node(
            "Conv",
            x,
            self._constant(kernel),
            self._weight(f"b{layer}_{window}"),
            pads=[left, window - 1 - left],
        )
        return self._node("Add", self._node("Relu", out), x)

    def _sum(self, features: str) -> str:
        """The sentence: the projected mean times the square root of its length, [1, 512]."""
        normal = self._norm(features, self._weights["ln_g"], self._weights["ln_b"])
        mean = self._node("ReduceMean", normal, axes=[0], keepdims=1)
        dense = self._node("MatMul", mean, self._weight("cnn_W"))
        dense = self._node("Add", dense, self._weight("cnn_b"))
        length = self._node("Shape", features, start=0, end=1)
        root = self._node("Sqrt", self._node("Cast", length, to=1))
        return self._node("Mul", dense, root)

    def _head(self, x: str) -> str:
        def times(value: str, weight: str) -> str:
            return self._node("MatMul", value, self._weight(weight))

        y0 = self._node("Relu", times(x, "d0"))
        y1 = self._node("Relu", self._node("Add", times(x, "p1"), times(y0, "d1")))
        y2 = self._node("Relu", times(y1, "d2"))
        z = self._node("Tanh", self._node("Add", times(y1, "p3"), times(y2, "d3")))
        return self._node("LpNormalization", z, axis=1, p=2)
