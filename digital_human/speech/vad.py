"""Whether a stretch of 32 ms holds a voice: Silero VAD."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.errors import ResourceError, install_fix

WINDOW = 512
"""Samples of one decision at 16 kHz."""

_CONTEXT = 64


class SileroVad:
    """Silero VAD v6, one window at a time (github.com/snakers4/silero-vad, MIT).

    The model file is the one inside the faster-whisper package. Its session is shared by the
    process; the recurrent state belongs to the instance, so every microphone has its own.

    Raises:
        ResourceError: faster-whisper is not installed.
    """

    def __init__(self) -> None:
        self._session = _session()
        self._hidden = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)
        self._input = np.zeros((1, _CONTEXT + WINDOW), np.float32)

    def __call__(self, window: FloatArray) -> float:
        """Probability of a voice in ``window``, float32 [512] at 16 kHz, −1…1."""
        self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
        self._input[0, _CONTEXT:] = window
        probability, self._hidden, self._cell = self._session.run(
            None, {"input": self._input, "h": self._hidden, "c": self._cell}
        )
        return float(probability.reshape(-1)[0])


@lru_cache(maxsize=1)
def _session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(_model_file()), options, providers=["CPUExecutionProvider"]
    )


def _model_file() -> Path:
    spec = find_spec("faster_whisper")
    folders = spec.submodule_search_locations if spec else None
    files = sorted(Path(folders[0], "assets").glob("silero_vad_v*.onnx")) if folders else []
    if not files:
        raise ResourceError(
            "voice activity detection needs the package 'faster-whisper'",
            fix=install_fix("live"),
        )
    return files[-1]
