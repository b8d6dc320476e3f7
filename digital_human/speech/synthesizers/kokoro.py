"""Kokoro-82M (StyleTTS 2 with an ISTFTNet decoder) through ONNX Runtime.

The graph's duration predictor is made an output, pitch an input, and the silence at both ends is
hardly decoded (see `kokoro_graph`). A voice with an adapter has a graph of its own.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from digital_human.config import settings
from digital_human.errors import Cancelled, ResourceError, WeightsError
from digital_human.models import store
from digital_human.speech.synthesizers import kokoro_graph as graph
from digital_human.speech.synthesizers.base import never
from digital_human.speech.synthesizers.kokoro_base import UNIT, Decoded, Kokoro, Prompt
from digital_human.speech.voices import Voice

# Units that are decoded of the silence before the first phone, and from the start of the last
# token that sounds: 0.1 s and 0.2 s more than was ever heard.
SILENT_LEAD, SILENT_TAIL = 8, 16
_CODE_VERSION = "5"
_ADAPTED = 2  # models of adapted voices that stay open; each takes 0.4 GB


class KokoroSynthesizer(Kokoro):
    """Kokoro on the CPU: the int8 model, and for voices with an adapter the float32 one.

    Either decodes with int8 products (`kokoro_quick`).

    Args:
        model: ONNX file; by default the store's ``kokoro-int8``.
        voices: Folder of style tables; by default the store's ``kokoro-voices``.
        threads: Threads of one run; 0 takes the program's budget.

    Raises:
        WeightsError: A file is missing.
    """

    def __init__(
        self, model: Path | None = None, voices: Path | None = None, threads: int = 0
    ) -> None:
        super().__init__(voices)
        self._model = model or store().path("kokoro-int8") / "model.onnx"
        if not self._model.is_file():
            raise WeightsError(
                f"{self._model}: no such file", fix="digital-human models pull kokoro-int8"
            )
        self._threads = threads or settings().cpu_threads
        self._session: Any = None
        self._adapted: OrderedDict[str, Any] = OrderedDict()
        self._opening = threading.Lock()
        self._fingerprint = f"kokoro-{_CODE_VERSION}-{quick_hash(self._model)}"

    @property
    def fingerprint(self) -> str:
        """Names the model file and the version of this code."""
        return self._fingerprint

    def _decode(self, prompt: Prompt, cancelled: Callable[[], bool]) -> Decoded:
        """Run the graph; a watching thread stops it in the middle when it is cancelled."""
        import onnxruntime

        if cancelled():
            raise Cancelled("synthesis was cancelled")
        options = onnxruntime.RunOptions()
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                if cancelled():
                    options.terminate = True
                    return

        session = self._opened(prompt.voice)
        watcher = None
        if cancelled is not never:
            watcher = threading.Thread(target=watch, name="kokoro-cancel", daemon=True)
            watcher.start()
        try:
            sound, durations, first, last = session.run(
                [session.get_outputs()[0].name, graph.DURATIONS, graph.FIRST, graph.LAST],
                _feeds(prompt, session.get_inputs()[0].name),
                options,
            )
        except Exception as error:
            if options.terminate:
                raise Cancelled("synthesis was cancelled") from error
            raise
        finally:
            done.set()
            if watcher is not None:
                watcher.join()
        if cancelled():
            raise Cancelled("synthesis was cancelled")
        units = int(last[0]) - int(first[0])
        if units * UNIT != sound.size:
            raise WeightsError(
                f"{self._model.name}: {sound.size} samples but durations of {units} units",
                fix="not the Kokoro-82M v1.0 model: run `digital-human models pull kokoro-int8`",
            )
        return Decoded(sound.ravel(), np.rint(durations.ravel()).astype(np.int64), int(first[0]))

    def _opened(self, voice: Voice) -> Any:
        """The voice's session, opened at the first clause that is not in a cache."""
        with self._opening:
            if voice.adapter:
                return self._open_adapted(voice)
            if self._session is None:
                timed = settings().cache_dir / "kokoro" / f"{self._fingerprint}.onnx"
                if not timed.is_file():
                    graph.write_timed(self._model, timed)
                self._session = graph.open_session(timed, self._threads)
            return self._session

    def _open_adapted(self, voice: Voice) -> Any:
        """The session of the model with the voice's adapter in it.

        Raises:
            WeightsError: The float32 model is not there.
        """
        key = voice.adapter_digest
        if key in self._adapted:
            self._adapted.move_to_end(key)
            return self._adapted[key]
        name = f"kokoro-{_CODE_VERSION}-{voice.name}-{key[:32]}.onnx"
        timed = settings().cache_dir / "kokoro" / name
        if not timed.is_file():
            from digital_human.speech.synthesizers.kokoro_adapter import adapted_model

            merged = timed.with_suffix(f".{os.getpid()}.merged")
            merged.parent.mkdir(parents=True, exist_ok=True)
            try:
                base = store().path("kokoro-fp32") / "model.onnx"
                adapted_model(base, voice.file(voice.adapter), merged)
                graph.write_timed(merged, timed)
            finally:
                merged.unlink(missing_ok=True)
        self._adapted[key] = graph.open_session(timed, self._threads)
        while len(self._adapted) > _ADAPTED:
            self._adapted.popitem(last=False)
        return self._adapted[key]


def _feeds(prompt: Prompt, tokens: str) -> dict[str, Any]:
    """What the graph is given; ``tokens`` is the name of its first input."""
    manner = prompt.manner
    return {
        tokens: np.array([prompt.tokens], np.int64),
        "style": prompt.style,
        "speed": np.array([manner.speed], np.float32),
        graph.PITCH: np.array([2 ** (manner.pitch / 12)], np.float32),
        graph.RANGE: np.array([manner.range], np.float32),
        graph.LEAD: np.array([SILENT_LEAD]),
        graph.TAIL_TOKENS: np.array([prompt.silent]),
        graph.TAIL: np.array([SILENT_TAIL]),
    }


def remove_adapted(name: str) -> list[Path]:
    """Delete the models with an adapter of voice ``name`` in them; returns what was deleted.

    Raises:
        ResourceError: One of them cannot be deleted.
    """
    pattern = re.compile(rf"kokoro-\d+-{re.escape(name)}-[0-9a-f]{{32}}\..+")
    folder = settings().cache_dir / "kokoro"
    found = sorted(path for path in folder.glob("kokoro-*") if pattern.fullmatch(path.name))
    for path in found:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ResourceError(
                f"cannot delete {path}: {error.strerror}", fix="delete it by hand"
            ) from error
    return found


def quick_hash(path: Path) -> str:
    """Hash of the size and three samples of the file: tells models apart without reading all."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for offset in (0, size // 2, max(0, size - 65536)):
            file.seek(offset)
            digest.update(file.read(65536))
    return digest.hexdigest()[:16]
