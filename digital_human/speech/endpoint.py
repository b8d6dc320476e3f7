"""Whether a visitor who fell silent has finished: Smart Turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.models import store
from digital_human.speech.hearing import EAR_RATE

_SECONDS = 8
_SAMPLES = _SECONDS * EAR_RATE
_VARIANCE_FLOOR = 1e-7


class EndpointJudge:
    """Smart Turn v3.2: a Whisper-tiny encoder that hears intonation (BSD-2, Daily).

    One instance serves all sessions from any thread: the ONNX session keeps no state.

    Args:
        model: Path of the ONNX file; by default the store's ``smart-turn``.
        threads: CPU threads of one judgement.

    Raises:
        WeightsError: The model is not in the store.
    """

    def __init__(self, model: Path | None = None, *, threads: int = 1) -> None:
        import onnxruntime
        from faster_whisper.feature_extractor import FeatureExtractor

        path = model or store().path("smart-turn") / "smart-turn-v3.2-cpu.onnx"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._features = FeatureExtractor(chunk_length=_SECONDS)

    def __call__(self, pcm: FloatArray) -> float:
        """Probability that the turn is complete.

        Args:
            pcm: float32 [n] at 16 kHz, the turn so far with the silence after it; the last 8 s
                are heard.
        """
        heard = np.zeros(_SAMPLES, np.float32)
        tail = pcm[-_SAMPLES:]
        if tail.size:
            heard[-tail.size :] = tail
        heard = (heard - heard.mean()) / np.sqrt(heard.var() + _VARIANCE_FLOOR)
        mel = self._features(heard, padding=0)[:, : _SECONDS * 100].astype(np.float32)
        (probability,) = self._session.run(None, {"input_features": mel[np.newaxis]})
        return float(probability.reshape(-1)[0])
