"""Kokoro-82M in torch: for a GPU and for many clauses at once.

Clauses that arrive while the model runs are spoken together in the next run. On a CPU the ONNX
model is faster.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from digital_human.config import settings
from digital_human.errors import Cancelled, InputError, WeightsError
from digital_human.models import store
from digital_human.speech.synthesizers import kokoro_net
from digital_human.speech.synthesizers.kokoro import SILENT_LEAD, SILENT_TAIL, quick_hash
from digital_human.speech.synthesizers.kokoro_base import Decoded, Kokoro, Prompt
from digital_human.speech.synthesizers.kokoro_blocks import StyledBlock, VocoderBlock
from digital_human.speech.voices import Voice

_CODE_VERSION = "1"
_BATCH = 16
_NETS = 3  # the model itself and those of adapted voices that stay open; each takes 0.4 GB
_POLL = 0.02

Precision = Literal["float32", "bfloat16"]


@dataclass(slots=True, eq=False)
class _Request:
    """A clause that waits for its run."""

    voice: Voice
    line: kokoro_net.Line
    cancelled: Callable[[], bool]
    done: threading.Event = field(default_factory=threading.Event)
    spoken: kokoro_net.Spoken | None = None
    error: Exception | None = None


class KokoroTorchSynthesizer(Kokoro):
    """Kokoro in torch. Calls from several threads share runs of the model, 16 clauses at most.

    Args:
        model: ONNX file with the parameters; by default the store's ``kokoro-fp32``.
        voices: Folder of style tables; by default the store's ``kokoro-voices``.
        threads: Threads of one run on a CPU; 0 takes the program's budget.
        device: ``cpu`` or ``cuda``; empty takes a GPU when there is one.
        precision: Of the vocoder; durations and pitch are always computed in float32.
        compiled: Whether the vocoder is compiled at its first run, which takes a minute.

    Raises:
        WeightsError: A file is missing.
        InputError: There is no such device here.
    """

    def __init__(
        self,
        model: Path | None = None,
        voices: Path | None = None,
        threads: int = 0,
        device: str = "",
        precision: Precision = "float32",
        compiled: bool = False,
    ) -> None:
        super().__init__(voices)
        self._model = model or store().path("kokoro-fp32") / "model.onnx"
        if not self._model.is_file():
            raise WeightsError(
                f"{self._model}: no such file", fix="digital-human models pull kokoro-fp32"
            )
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise InputError(f"device {device!r}: no GPU is in reach", fix="leave it empty")
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._threads = threads or settings().cpu_threads
        self._precision = precision
        self._compiled = compiled
        self._nets: OrderedDict[str, kokoro_net.KokoroNet] = OrderedDict()
        self._running = threading.Lock()
        self._waiting: list[_Request] = []
        self._queue = threading.Lock()
        self._batch: list[_Request] = []
        self._fingerprint = f"kokoro-torch-{_CODE_VERSION}-{precision}-{quick_hash(self._model)}"

    @property
    def fingerprint(self) -> str:
        """Names the model file, the precision and the version of this code."""
        return self._fingerprint

    def _decode(self, prompt: Prompt, cancelled: Callable[[], bool]) -> Decoded:
        """Wait for a run; whoever finds the model idle runs it for all that wait."""
        manner = prompt.manner
        line = kokoro_net.Line(
            prompt.tokens,
            prompt.style,
            manner.speed,
            manner.pitch,
            manner.range,
            (SILENT_LEAD, prompt.silent, SILENT_TAIL),
        )
        request = _Request(prompt.voice, line, cancelled)
        if cancelled():
            raise Cancelled("synthesis was cancelled")
        with self._queue:
            self._waiting.append(request)
        while not request.done.is_set():
            if self._running.acquire(timeout=_POLL):
                try:
                    if not request.done.is_set():
                        self._run_waiting()
                finally:
                    self._running.release()
            elif cancelled():
                break
        if cancelled():
            raise Cancelled("synthesis was cancelled")
        if request.error is not None:
            raise request.error
        if request.spoken is None:
            raise Cancelled("synthesis was cancelled")
        return Decoded(request.spoken.sound, request.spoken.durations, request.spoken.first)

    def _run_waiting(self) -> None:
        """Run the model once, for the first that waits and for others with its weights."""
        with self._queue:
            self._waiting = [request for request in self._waiting if not _dropped(request)]
            if not self._waiting:
                return
            adapter = _weights(self._waiting[0].voice)
            batch = [r for r in self._waiting if _weights(r.voice) == adapter][:_BATCH]
            self._waiting = [r for r in self._waiting if r not in batch]
        self._batch = batch
        threads = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            net = self._opened(batch[0].voice)
            for request, spoken in zip(batch, net.speak([r.line for r in batch]), strict=True):
                request.spoken = spoken
        except Cancelled:
            pass
        except Exception as error:
            for request in batch:
                request.error = error
        finally:
            torch.set_num_threads(threads)
            for request in batch:
                request.done.set()

    def _stop_when_cancelled(self, *_: object) -> None:
        """Before each block: leave the run when nobody wants any of its sentences."""
        if all(request.cancelled() for request in self._batch):
            raise Cancelled("synthesis was cancelled")

    def _opened(self, voice: Voice) -> kokoro_net.KokoroNet:
        """The network with the voice's weights, read at the first clause that needs it."""
        key = _weights(voice)
        if key in self._nets:
            self._nets.move_to_end(key)
            return self._nets[key]
        net = kokoro_net.load(self._model, self._device)
        if voice.adapter:
            from digital_human.speech.synthesizers.kokoro_adapter import apply_changes, read_adapter

            apply_changes(net, self._model, read_adapter(voice.file(voice.adapter)))
        for module in net.modules():
            if isinstance(module, StyledBlock | VocoderBlock):
                module.register_forward_pre_hook(self._stop_when_cancelled)
        if self._compiled:
            net.decoder.generator.compile(dynamic=True)
        net.precision = torch.bfloat16 if self._precision == "bfloat16" else torch.float32
        self._nets[key] = net
        while len(self._nets) > _NETS:
            self._nets.popitem(last=False)
        return net


def _weights(voice: Voice) -> str:
    """Tells the model's own weights (empty) from those of an adapted voice."""
    return voice.fingerprint if voice.adapter else ""


def _dropped(request: _Request) -> bool:
    """Whether a waiting request was cancelled; it is then told so."""
    if request.cancelled():
        request.done.set()
    return request.done.is_set()
