"""Edits of the Kokoro ONNX graph: durations as an output, pitch as an input, no silence decoded.

The decoder is made faster too (`kokoro_quick`).

The model was trained on recordings with 0.3–0.6 s of silence at both ends and gives that silence to
the first and the last token, more than half of a short clause. Shorter durations would swallow
speech, because pitch and energy are predicted over the frames. So the prediction keeps every frame
and only what the decoder gets is cropped: phoneme features, pitch and energy.

The predicted pitch is moved and its excursions are scaled about its mean, in semitones, before the
decoder gets it: it excites with that pitch, while the phoneme features, which hold the resonances
of the mouth, stay.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from digital_human.errors import ResourceError, WeightsError
from digital_human.speech.synthesizers.kokoro_quick import quickened

DURATIONS = "/encoder/Clip_output_0"
"""float32 [1, tokens], units of 25 ms."""
FIRST, LAST = "crop/first", "crop/last"
"""int64 [1] each: the units [first, last) that the sound covers."""
LEAD, TAIL_TOKENS, TAIL = "lead", "tail_tokens", "tail"
"""Inputs, int64 [1] each: units kept of the first token, number of tokens at the end that hold
silence, units kept of those together."""
PITCH, RANGE = "pitch", "range"
"""Inputs, float32 [1] each: the factor of the pitch, and that of its excursions, in semitones,
about their mean."""

_VOICED = 50.0  # hertz; silence is predicted as 3…20
# What the decoder gets, with its frames per unit on the last axis.
_CURVE, _MOVED = "/encoder/Reshape_output_0", "pitch/moved"  # hertz, near 0 without voice
_DECODED = {
    "/encoder/MatMul_1_output_0": 1,  # phoneme features
    _MOVED: 2,
    "/encoder/Reshape_1_output_0": 2,  # energy
}
_PREDICTED = {_CURVE, *_DECODED} - {_MOVED}


def write_timed(path: Path, target: Path) -> None:
    """Write the model at ``path`` with its edits to ``target``.

    The file is kept, since a process that edits the graph itself never gives that memory back.

    Raises:
        WeightsError: ``path`` is not the Kokoro-82M v1.0 model.
        ResourceError: ``target`` cannot be written.
    """
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf raises its own kinds
        raise WeightsError(
            f"{path}: not an ONNX model: {error}", fix="digital-human models pull kokoro-int8"
        ) from error
    made = {name for node in model.graph.node for name in node.output}
    missing = {DURATIONS, *_PREDICTED} - made
    if missing:
        raise WeightsError(
            f"{path}: no {', '.join(sorted(missing))} in the graph",
            fix="use the Kokoro-82M v1.0 ONNX export",
        )
    _move_pitch(model.graph)
    _crop(model.graph)
    _put(model.graph, quickened(model))
    write_whole(model, target)


def write_whole(model: Any, target: Path) -> None:
    """Write an ONNX model to ``target``, whole or not at all.

    Raises:
        ResourceError: ``target`` cannot be written.
    """
    part = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as file:
            part = Path(file.name)
            file.write(model.SerializeToString())
        os.replace(part, target)
    except OSError as error:
        if part is not None:
            part.unlink(missing_ok=True)
        raise ResourceError(
            f"cannot write {target}: {error.strerror or error}",
            fix="free some disk space, or point DH_HOME at a folder that can be written",
        ) from error


def open_session(path: Path, threads: int) -> Any:
    """An ONNX Runtime session of the edited model on ``threads`` CPU threads.

    Raises:
        WeightsError: The file cannot be opened.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin between operators would take the renderer's core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises its own kinds
        raise WeightsError(f"{path}: cannot be opened: {error}", fix=f"rm {path}") from error


def _constant(graph: Any, name: str, *values: float, kind: type = np.int64) -> str:
    from onnx import numpy_helper

    graph.initializer.append(numpy_helper.from_array(np.array(values, kind), name))
    return name


def _move_pitch(graph: Any) -> None:
    """Multiply the pitch curve by ``PITCH`` and widen it about its mean by ``RANGE``."""
    from onnx import TensorProto, helper

    node = helper.make_node
    real = partial(_constant, graph, kind=np.float32)
    threshold, one = real("pitch/threshold", _VOICED), real("pitch/1", 1)
    nodes = [
        node("Greater", [_CURVE, threshold], ["pitch/voiced"]),
        node("Cast", ["pitch/voiced"], ["pitch/weight"], to=TensorProto.FLOAT),
        node("Max", [_CURVE, one], ["pitch/above"]),
        node("Log", ["pitch/above"], ["pitch/log"]),
        node("Mul", ["pitch/log", "pitch/weight"], ["pitch/weighted"]),
        node("ReduceSum", ["pitch/weighted"], ["pitch/sum"], keepdims=1),
        node("ReduceSum", ["pitch/weight"], ["pitch/count"], keepdims=1),
        node("Max", ["pitch/count", one], ["pitch/frames"]),
        node("Div", ["pitch/sum", "pitch/frames"], ["pitch/mean"]),
        node("Sub", ["pitch/log", "pitch/mean"], ["pitch/excursion"]),
        node("Sub", [RANGE, one], ["pitch/wider"]),
        node("Mul", ["pitch/excursion", "pitch/wider"], ["pitch/further"]),
        node("Exp", ["pitch/further"], ["pitch/widening"]),
        node("Mul", ["pitch/widening", PITCH], ["pitch/factor"]),
        node("Where", ["pitch/voiced", "pitch/factor", one], ["pitch/applied"]),
        node("Mul", [_CURVE, "pitch/applied"], [_MOVED]),
    ]
    for consumer in graph.node:
        for index, value in enumerate(consumer.input):
            if value == _CURVE:
                consumer.input[index] = _MOVED
    graph.node.extend(nodes)
    for name in (PITCH, RANGE):
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]))


def _crop(graph: Any) -> None:
    """Compute the crop from the durations, slice what the decoder gets, add the outputs."""
    from onnx import TensorProto, helper

    constant = partial(_constant, graph)
    node = helper.make_node
    zero, one, two = constant("crop/0", 0), constant("crop/1", 1), constant("crop/2", 2)
    end, axis = constant("crop/end", 2**40), constant("crop/axis", -1)
    nodes = [
        node("Cast", [DURATIONS], ["crop/cast"], to=TensorProto.INT64),
        node("Reshape", ["crop/cast", constant("crop/flat", -1)], ["crop/units"]),
        node("Slice", ["crop/units", zero, one, zero], ["crop/head"]),
        node("Sub", ["crop/head", LEAD], ["crop/head_over"]),
        node("Max", ["crop/head_over", zero], [FIRST]),
        node("Neg", [TAIL_TOKENS], ["crop/tail_from"]),
        node("Slice", ["crop/units", "crop/tail_from", end, zero], ["crop/tail_units"]),
        node("ReduceSum", ["crop/tail_units"], ["crop/tail_length"], keepdims=1),
        node("Sub", ["crop/tail_length", TAIL], ["crop/tail_over"]),
        node("Max", ["crop/tail_over", zero], ["crop/dropped"]),
        node("ReduceSum", ["crop/units"], ["crop/all"], keepdims=1),
        node("Sub", ["crop/all", "crop/dropped"], [LAST]),
        node("Mul", [FIRST, two], ["crop/first2"]),
        node("Mul", [LAST, two], ["crop/last2"]),
    ]
    for name, frames in _DECODED.items():
        for consumer in graph.node:
            for index, value in enumerate(consumer.input):
                if value == name:
                    consumer.input[index] = f"{name}/crop"
        bounds = [FIRST, LAST] if frames == 1 else ["crop/first2", "crop/last2"]
        nodes.append(node("Slice", [name, *bounds, axis], [f"{name}/crop"]))
    _put(graph, [*graph.node, *nodes])
    for name in (LEAD, TAIL_TOKENS, TAIL):
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.INT64, [1]))
    graph.output.append(helper.make_tensor_value_info(DURATIONS, TensorProto.FLOAT, None))
    for name in (FIRST, LAST):
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.INT64, [1]))


def _put(graph: Any, nodes: Iterable[Any]) -> None:
    """Make ``nodes`` the graph's, in an order that it may run in."""
    ordered = _sorted(nodes)
    del graph.node[:]
    graph.node.extend(ordered)


def _sorted(nodes: Iterable[Any]) -> list[Any]:
    """``nodes`` so that each follows what it reads, otherwise in their order."""
    from onnx import NodeProto

    waiting = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    unmade = {name for node in waiting for name in node.output}
    result: list[Any] = []
    while waiting:
        later = []
        for node in waiting:
            if unmade.isdisjoint(node.input):
                result.append(node)
                unmade.difference_update(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise WeightsError("the Kokoro graph has a loop", fix="pull kokoro-int8 again")
        waiting = later
    return result
