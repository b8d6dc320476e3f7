"""Whisper through CTranslate2, encoding only the audio there is.

faster-whisper pads every utterance to 30 s, which costs 1.3 s of CPU for the encoder of the base
model alone. Its encoder takes shorter spectrograms as well: with 1.5 s of silence behind the speech
(less makes the decoder go on after the end) a question of 4 s costs 0.2 s, and the transcripts are
no worse.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from digital_human.config import settings
from digital_human.core.frames import FloatArray
from digital_human.errors import Cancelled, InputError, ResourceError
from digital_human.models import store
from digital_human.speech.hearing import EAR_RATE, Heard
from digital_human.speech.recognizers.base import Recognised
from digital_human.speech.recognizers.guards import (
    is_chinese,
    is_echo,
    is_hallucination,
    letters,
    loop,
    tidy,
    without_loop,
)
from digital_human.speech.synthesizers.base import never

_READY = 2  # models that are loaded; a further one takes half a second and 80 MB
_MOST = 6  # calls at a time, most of them hung
_LONGEST = 28 * EAR_RATE
_PADDING = int(1.5 * EAR_RATE)
_SHORTEST = 5 * EAR_RATE  # Shorter spectrograms make the decoder go round in circles.
_SILENCE = 1e-3  # Peak below −60 dBFS.
_TOKENS = 12, 10.0  # Most tokens of an utterance: so many, and so many a second.
_PROMPT_TOKENS = 160
# Least confidence and most probability of no speech of a name or two of the prompt that were said:
# from 0.59 and up to 0.19 where they were called in a hall; a confidence of up to 0.40 on noise.
_NAMED = 0.5, 0.3
_UNREPEATED = 1.15  # Repetition penalty of the second try after a loop.
_USUAL = 0.9  # Prior of the language that was spoken so far.
_OPENING: dict[Heard, str] = {"zh": "以下是普通话的句子。", "en": "", "ja": ""}


class WhisperRecognizer:
    """Whisper base, int8, greedy; one instance serves all sessions.

    Args:
        folder: Of a CTranslate2 Whisper model; by default the store's ``whisper-base``.
        threads: CPU threads of one decode; by default half of the budget, two at most: on two cores
            that something else uses too, two threads wait for each other longer than one takes.

    Raises:
        WeightsError: The model is not in the store.
    """

    languages: frozenset[Heard] = frozenset({"zh", "en", "ja"})

    def __init__(self, folder: Path | None = None, *, threads: int | None = None) -> None:
        import ctranslate2
        import tokenizers
        from faster_whisper.feature_extractor import FeatureExtractor

        folder = folder or store().path("whisper-base")
        self._storage: Any = ctranslate2.StorageView
        self._load = partial(
            ctranslate2.models.Whisper,
            str(folder),
            device="cpu",
            compute_type="int8",
            intra_threads=threads or max(1, min(2, settings().cpu_threads // 2)),
        )
        self._free: list[Any] = [self._load() for _ in range(_READY)]
        self._busy = 0
        self._taking = threading.Lock()
        tokenizer: Any = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer = tokenizer
        self._features = FeatureExtractor(feature_size=self._free[0].n_mels)
        token: Callable[[str], int] = tokenizer.token_to_id
        self._start = token("<|startoftranscript|>")
        self._before = token("<|startofprev|>")
        self._task = token("<|transcribe|>"), token("<|notimestamps|>")
        self._end = token("<|endoftext|>")

    def recognise(
        self,
        pcm: FloatArray,
        *,
        language: Heard | None,
        usual: Heard | None = None,
        prompt: str = "",
        cancelled: Callable[[], bool] = never,
    ) -> Recognised:
        """Write down ``pcm``; see `Recognizer.recognise`."""
        if language is not None and language not in self.languages:
            raise InputError(
                f"language {language!r}: not one that Whisper is used for here",
                fix=f"one of {', '.join(sorted(self.languages))}, or none to tell zh from en",
            )
        pcm = pcm[-_LONGEST:]
        if not pcm.size or float(np.max(np.abs(pcm))) < _SILENCE:
            return Recognised("", language or usual or "zh", 0.0, 1.0)
        _check(cancelled)
        certainty = 1.0
        with self._model() as model:
            encoded = self._encode(model, pcm)
            _check(cancelled)
            if language is None:
                language, certainty = _language(model, encoded, usual)
            write = partial(self._write, model, encoded, language)
            heard = self._heard(write, language, prompt, pcm.size / EAR_RATE, cancelled)
        if language == "en" and is_chinese(heard.text):
            return replace(heard, language="zh", certainty=0.5)
        return replace(heard, certainty=certainty)

    @contextmanager
    def _model(self) -> Iterator[Any]:
        """A model for one call; one that hangs keeps its own, and who asks again gets another."""
        with self._taking:
            if self._busy == _MOST:
                raise ResourceError(
                    f"{_MOST} calls of the recogniser do not come back", fix="restart the program"
                )
            self._busy += 1
        model = None
        try:
            try:
                model = self._free.pop()
            except IndexError:
                model = self._load()
            yield model
        finally:
            with self._taking:
                self._busy -= 1
                if model is not None and len(self._free) < _READY:
                    self._free.append(model)

    def _heard(
        self,
        write: Callable[..., tuple[str, float, float]],
        language: Heard,
        prompt: str,
        seconds: float,
        cancelled: Callable[[], bool],
    ) -> Recognised:
        """The text after the guards; a loop and an echo of the prompt get a second try.

        A name or two of the prompt that the model is sure of were said: on noise it reads names
        back with little confidence, or over and over.
        """
        # Names in the other script would be written in it.
        lines = [one for one in prompt.splitlines() if is_chinese(one) is not (language == "en")]
        prompt = lines[0] if lines else ""
        told = _OPENING[language] + prompt
        text, confidence, no_speech = write(told, seconds)
        _check(cancelled)
        sure, unlikely = _NAMED
        named = confidence >= sure and no_speech <= unlikely and _names(text, prompt) in (1, 2)
        if prompt and not named and is_echo(tidy(text), told):
            told = _OPENING[language]
            text, confidence, no_speech = write(told, seconds)
            _check(cancelled)
        if loop(tidy(text), seconds) is not None:
            text, confidence, _ = write(told, seconds, _UNREPEATED)
            _check(cancelled)
        kept = without_loop(tidy(text), seconds)
        echoes = not named and is_echo(kept, told)
        if echoes or is_hallucination(
            kept, seconds=seconds, confidence=confidence, no_speech=no_speech
        ):
            return Recognised("", language, confidence, no_speech, dropped=text)
        return Recognised(kept, language, confidence, no_speech)

    def _encode(self, model: Any, pcm: FloatArray) -> Any:
        heard = np.zeros(max(pcm.size + _PADDING, _SHORTEST), np.float32)
        heard[: pcm.size] = pcm
        mel = self._features(heard, padding=0)
        even = np.ascontiguousarray(mel[np.newaxis, :, : mel.shape[1] // 2 * 2], np.float32)
        return model.encode(self._storage.from_array(even))

    def _write(
        self,
        model: Any,
        encoded: Any,
        language: Heard,
        told: str,
        seconds: float,
        repetition: float = 1.0,
    ) -> tuple[str, float, float]:
        """Text, confidence and probability of no speech."""
        start = [self._start, self._tokenizer.token_to_id(f"<|{language}|>"), *self._task]
        if told:
            ids = self._tokenizer.encode(" " + told, add_special_tokens=False).ids
            start = [self._before, *ids[-_PROMPT_TOKENS:], *start]
        few, rate = _TOKENS
        (result,) = model.generate(
            encoded,
            [start],
            beam_size=1,
            repetition_penalty=repetition,
            max_length=len(start) + few + int(rate * seconds),
            return_scores=True,
            return_no_speech_prob=True,
        )
        ids = [i for i in result.sequences_ids[0] if i < self._end]
        text = self._tokenizer.decode(ids)
        return text, math.exp(min(0.0, result.scores[0])), float(result.no_speech_prob)


def _language(model: Any, encoded: Any, usual: Heard | None) -> tuple[Heard, float]:
    likely = dict(model.detect_language(encoded)[0])
    prior = _USUAL if usual == "zh" else 1 - _USUAL if usual == "en" else 0.5
    chinese = likely["<|zh|>"] * prior
    english = likely["<|en|>"] * (1 - prior)
    share = chinese / max(chinese + english, 1e-12)
    return ("zh", share) if share >= 0.5 else ("en", 1 - share)


def _names(text: str, prompt: str) -> int:
    """How many of the names that ``prompt`` lists ``text`` says; 0 when it says anything else."""
    said = letters(text)
    names = sorted(filter(None, map(letters, re.split("[、,]", prompt))), key=len, reverse=True)
    one = "|".join(map(re.escape, names))
    return len(re.findall(one, said)) if names and re.fullmatch(f"(?:{one})+", said) else 0


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("the recognition was not wanted any more")
