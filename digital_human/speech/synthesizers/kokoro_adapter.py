"""Changes of Kokoro's weights for one voice: a small ``.npz`` and its merging into the model.

For each changed initializer NAME of the float32 ONNX file the arrays ``NAME::a`` [rows, r] and
``NAME::b`` [r, cols] hold a low-rank change (Hu et al. 2021) of the weight seen as a matrix
[rows, everything else], or ``NAME::d`` holds the whole change.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError, ResourceError, WeightsError
from digital_human.speech.synthesizers.kokoro_graph import write_whole
from digital_human.speech.synthesizers.kokoro_weights import open_model, places

if TYPE_CHECKING:
    from digital_human.speech.synthesizers.kokoro_net import KokoroNet

_MAX_BYTES = 64_000_000
_MAX_RANK = 64


def read_adapter(path: Path) -> dict[str, FloatArray]:
    """The changes by initializer, each as one whole array [rows, cols] or of any shape for ``::d``.

    Raises:
        InputError: The file is not an adapter.
    """
    fix = "make the voice again: digital-human voice create"
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > _MAX_BYTES:
            raise InputError(f"{path}: {size / 1e6:.0f} MB unpacked, over 64", fix=fix)
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: np.asarray(stored[key], np.float32) for key in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not an adapter: {error}", fix=fix) from error
    changes: dict[str, FloatArray] = {}
    for key, array in arrays.items():
        name, _, kind = key.rpartition("::")
        if not np.isfinite(array).all():
            raise InputError(f"{path}: {key} is not finite", fix=fix)
        if kind == "d" and name:
            changes[name] = array
        elif kind == "a" and name:
            other = arrays.get(f"{name}::b")
            if other is None or array.ndim != 2 or other.ndim != 2:
                raise InputError(f"{path}: {name}: needs ::a and ::b, both matrices", fix=fix)
            if array.shape[1] != other.shape[0] or array.shape[1] > _MAX_RANK:
                raise InputError(
                    f"{path}: {name}: {array.shape} and {other.shape} do not multiply", fix=fix
                )
            changes[name] = array @ other
        elif kind != "b" or f"{name}::a" not in arrays:
            raise InputError(f"{path}: unknown array {key!r}", fix=fix)
    if not changes:
        raise InputError(f"{path}: holds no change", fix=fix)
    return changes


def write_adapter(path: Path, arrays: Mapping[str, FloatArray]) -> None:
    """Write the arrays of an adapter (keys ``NAME::a``, ``NAME::b``, ``NAME::d``) in one step."""
    part = path.with_name(f".{path.name}.{os.getpid()}.npz")
    try:
        np.savez(part, allow_pickle=False, **{k: v.astype(np.float32) for k, v in arrays.items()})
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ResourceError(
            f"cannot write {path}: {error.strerror or error}", fix="free some disk space"
        ) from error


def adapted_model(base_onnx: Path, adapter: Path, target: Path) -> None:
    """Write the float32 model with an adapter merged into its weights.

    Args:
        base_onnx: ONNX file of ``kokoro-fp32``.
        adapter: The adapter's ``.npz``.
        target: Where the merged ONNX file goes; replaced in one step.

    Raises:
        InputError: The adapter is damaged or made for another model.
        WeightsError: ``base_onnx`` is not an ONNX model.
        ResourceError: ``target`` cannot be written.
    """
    from onnx import numpy_helper

    changes = read_adapter(adapter)
    model = open_model(base_onnx)
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    for name, change in changes.items():
        if name not in initializers:
            raise _unfit(adapter, f"the model has no {name}")
        weight = numpy_helper.to_array(initializers[name])
        if weight.dtype != np.float32:
            raise WeightsError(
                f"{base_onnx}: weights are {weight.dtype}, not float32",
                fix="digital-human models pull kokoro-fp32",
            )
        merged = weight + _shaped(change, weight.shape, adapter, name)
        initializers[name].CopyFrom(numpy_helper.from_array(merged, name))
    write_whole(model, target)


def apply_changes(net: KokoroNet, base_onnx: Path, changes: Mapping[str, FloatArray]) -> None:
    """Add an adapter's changes to the parameters of a torch model in place.

    Args:
        net: From `kokoro_net.load`.
        base_onnx: The ONNX file it was loaded from.
        changes: From `read_adapter`.

    Raises:
        InputError: The changes do not fit the model.
    """
    import torch

    found = places(base_onnx)
    layouts = {place.initializer: (name, place.layout) for name, place in found.items()}
    parameters = dict(net.named_parameters())
    for initializer, change in changes.items():
        if initializer not in layouts:
            raise _unfit(base_onnx, f"the model has no {initializer}")
        name, layout = layouts[initializer]
        parameter = parameters[name]
        shape = tuple(parameter.shape)
        turned = layout == "transposed"
        delta = _shaped(change, shape[::-1] if turned else shape, base_onnx, initializer)
        with torch.no_grad():
            array = np.ascontiguousarray(delta.T if turned else delta)
            parameter.add_(torch.from_numpy(array).to(parameter.device))


def _shaped(change: FloatArray, shape: tuple[int, ...], path: Path, name: str) -> FloatArray:
    if change.size != int(np.prod(shape)) or (change.ndim and change.shape[0] != shape[0]):
        raise _unfit(path, f"{name}: a change of {change.shape} for a weight of {shape}")
    return change.reshape(shape)


def _unfit(path: Path, why: str) -> InputError:
    return InputError(
        f"{path}: does not fit the model: {why}", fix="make the voice again with this version"
    )
