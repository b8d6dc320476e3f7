"""Reads speech back with Whisper base and compares it with what should have been said.

Errors are edit distances over the length of the reference. Mandarin is compared in pinyin without
tones, because the recogniser chooses among homophones freely, and in characters; English in words.
Both sides are normalised to spoken form first, so "3.5%" and "百分之三点五" are the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
from pypinyin import lazy_pinyin

from digital_human.models import store
from digital_human.safety.folding import simplified
from digital_human.speech.text.normalise import normalise
from digital_human.speech.types import Language

WHISPER_RATE = 16000
_PROMPT = {"zh": "以下是普通话新闻。", "en": None, "ja": None}


@dataclass(frozen=True, slots=True)
class Readback:
    """What was heard and how far it is from the reference (rates, 0 is perfect).

    Attributes:
        heard: Whisper's text, simplified characters.
        pinyin: Toneless-pinyin error rate; None for languages but Chinese.
        characters: Character error rate; None for languages but Chinese.
        words: Word error rate; None for languages but English.
        confusions: What differs, as ``(reference, heard)``.
    """

    heard: str
    pinyin: float | None
    characters: float | None
    words: float | None
    confusions: tuple[tuple[str, str], ...]


def read_back(
    pcm: npt.NDArray[np.float32], rate: int, reference: str, language: Language
) -> Readback:
    """Transcribe ``pcm`` (float32 [n] mono) and compare it with ``reference`` as written."""
    heard = transcribe(pcm, rate, language)
    return compare(reference, heard, language)


def compare(reference: str, heard: str, language: Language) -> Readback:
    """Compare two texts after bringing both to spoken form."""
    if language == "en":
        wanted, got = english_words(reference), english_words(heard)
        return Readback(heard, None, None, _rate(wanted, got), _confusions(wanted, got))
    wanted, got = characters(reference), characters(heard)
    sounds, heard_sounds = syllables(reference), syllables(heard)
    return Readback(
        heard,
        _rate(sounds, heard_sounds),
        _rate(wanted, got),
        None,
        _confusions(sounds, heard_sounds),
    )


def transcribe(pcm: npt.NDArray[np.float32], rate: int, language: Language) -> str:
    """Whisper base's text of the sound."""
    sound = soxr.resample(pcm, rate, WHISPER_RATE).astype(np.float32)
    segments, _ = _whisper().transcribe(
        sound,
        language=language,
        beam_size=5,
        temperature=0.0,
        condition_on_previous_text=False,
        initial_prompt=_PROMPT[language],
    )
    text = "".join(segment.text for segment in segments).strip()
    return simplified(text) if language == "zh" else text


def characters(text: str) -> list[str]:
    """Chinese characters and Latin letters of the spoken form."""
    # The recogniser writes the range 6到8 as "6-8".
    ranges = re.sub(r"(?<![\d-])(\d{1,2})-(\d{1,2})(?![\d-])", r"\1到\2", text)
    spoken = normalise(ranges, "zh").spoken.lower()
    return [c for c in spoken if c.isalnum()]


def syllables(text: str) -> list[str]:
    """Toneless pinyin of the characters, polyphones read in context; Latin letter by letter."""
    joined = "".join(characters(text))
    return lazy_pinyin(joined, errors=lambda other: list(other))  # type: ignore[arg-type]


def english_words(text: str) -> list[str]:
    """Lower-case words of the spoken form."""
    spoken = normalise(text, "en").spoken.lower().replace("’", "'")
    spoken = re.sub(r"\b((?:[a-z]\.)+[a-z])\.?", lambda m: m[1].replace(".", ""), spoken)
    spoken = re.sub(r"\b(mister|mr)\b\.?", "mr", spoken)
    spoken = re.sub(r"\b(doctor|dr)\b\.?", "dr", spoken)
    return re.findall(r"[a-z]+(?:'[a-z]+)?", spoken.replace("-", " "))


def _rate(wanted: Sequence[str], got: Sequence[str]) -> float:
    return _table(wanted, got)[-1, -1] / max(1, len(wanted))


def _table(wanted: Sequence[str], got: Sequence[str]) -> npt.NDArray[np.int64]:
    """Levenshtein distances of all prefixes."""
    table = np.zeros((len(wanted) + 1, len(got) + 1), np.int64)
    table[:, 0] = np.arange(len(wanted) + 1)
    table[0] = np.arange(len(got) + 1)
    for i, a in enumerate(wanted, 1):
        for j, b in enumerate(got, 1):
            change = table[i - 1, j - 1] + (a != b)
            table[i, j] = min(change, table[i - 1, j] + 1, table[i, j - 1] + 1)
    return table


def _confusions(wanted: Sequence[str], got: Sequence[str]) -> tuple[tuple[str, str], ...]:
    table = _table(wanted, got)
    i, j = len(wanted), len(got)
    found: list[tuple[str, str]] = []
    while i or j:
        if i and j and table[i, j] == table[i - 1, j - 1] + (wanted[i - 1] != got[j - 1]):
            i, j = i - 1, j - 1
            if wanted[i] != got[j]:
                found.append((wanted[i], got[j]))
        elif i and table[i, j] == table[i - 1, j] + 1:
            i -= 1
            found.append((wanted[i], ""))
        else:
            j -= 1
            found.append(("", got[j]))
    return tuple(reversed(found))


@lru_cache(maxsize=1)
def _whisper() -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(
        str(store().path("whisper-base")), device="cpu", compute_type="int8", cpu_threads=2
    )
