"""What every way of running Kokoro-82M shares: its tokens, styles, trims, gain and phone timings.

The model tells a duration for every token, in units of 25 ms, which places every phone in the
sound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError, WeightsError
from digital_human.models import store
from digital_human.speech.loudness import limit
from digital_human.speech.synthesizers.base import never
from digital_human.speech.synthesizers.timing import Owned, Timed, to_phones, to_words
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.phonemes import SILENCE, TONES, Piece, read
from digital_human.speech.types import Clause, Delivery, Language, Phone, Speech
from digital_human.speech.voices import Voice

RATE = 24000
UNIT = RATE * 25 // 1000
"""Samples of a unit of duration."""
# Tokens of one run of the model; its positions end at 512, two of them are pads.
MAX_TOKENS = 400
# The decoder's sound runs ahead of the durations: measured from bursts of stops and from the
# correlation of vowels with energy, 55-60 ms for every voice tried, Mandarin and English.
_AHEAD = int(0.06 * RATE)
_LEAD, _TAIL = int(0.03 * RATE), int(0.06 * RATE)
_FADE = int(0.004 * RATE)
_TEMPO = (0.5, 2.0)
_STYLES, _STYLE, _TIMBRE = 510, 256, 128
_WARM: dict[Language, str] = {"zh": "您好。", "en": "Hello.", "ja": "はい。"}

# Kokoro-82M v1.0 config.json "vocab".
VOCABULARY: dict[str, int] = {
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, '"': 11, "(": 12, ")": 13,
    "“": 14, "”": 15, " ": 16, "\u0303": 17, "ʣ": 18, "ʥ": 19, "ʦ": 20, "ʨ": 21, "ᵝ": 22, "ꭧ": 23,
    "A": 24, "I": 25, "O": 31, "Q": 33, "S": 35, "T": 36, "W": 39, "Y": 41, "ᵊ": 42, "a": 43,
    "b": 44, "c": 45, "d": 46, "e": 47, "f": 48, "h": 50, "i": 51, "j": 52, "k": 53, "l": 54,
    "m": 55, "n": 56, "o": 57, "p": 58, "q": 59, "r": 60, "s": 61, "t": 62, "u": 63, "v": 64,
    "w": 65, "x": 66, "y": 67, "z": 68, "ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "β": 75, "ɔ": 76,
    "ɕ": 77, "ç": 78, "ɖ": 80, "ð": 81, "ʤ": 82, "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87, "ɟ": 90,
    "ɡ": 92, "ɥ": 99, "ɨ": 101, "ɪ": 102, "ʝ": 103, "ɯ": 110, "ɰ": 111, "ŋ": 112, "ɳ": 113,
    "ɲ": 114, "ɴ": 115, "ø": 116, "ɸ": 118, "θ": 119, "œ": 120, "ɹ": 123, "ɾ": 125, "ɻ": 126,
    "ʁ": 128, "ɽ": 129, "ʂ": 130, "ʃ": 131, "ʈ": 132, "ʧ": 133, "ʊ": 135, "ʋ": 136, "ʌ": 138,
    "ɣ": 139, "ɤ": 140, "χ": 142, "ʎ": 143, "ʒ": 147, "ʔ": 148, "ˈ": 156, "ˌ": 157, "ː": 158,
    "ʰ": 162, "ʲ": 164, "↓": 169, "→": 171, "↗": 172, "↘": 173, "ᵻ": 177,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prompt:
    """One run of the model.

    Attributes:
        voice: The voice.
        tokens: The pads at both ends included.
        silent: Tokens at the end that hold no sound, the last that does included.
        style: float32 [1, 256].
        manner: Tempo, pitch and range; the loudness comes afterwards.
    """

    voice: Voice
    tokens: tuple[int, ...]
    silent: int
    style: FloatArray
    manner: Delivery


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a run of the model gives.

    Attributes:
        sound: float32 [n * UNIT].
        durations: int64 [tokens], in units; ``sound`` may begin and end within them.
        first: Unit of the durations at which the sound begins.
    """

    sound: FloatArray
    durations: npt.NDArray[np.int64]
    first: int


class Kokoro(ABC):
    """Speaks Mandarin, English and Japanese with the 54 voices of Kokoro and blends of them.

    Args:
        voices: Folder of style tables; by default the store's ``kokoro-voices``.

    Raises:
        WeightsError: It is missing.
    """

    rate = RATE
    languages: frozenset[Language] = frozenset({"zh", "en", "ja"})

    def __init__(self, voices: Path | None = None) -> None:
        self._voices = voices or store().path("kokoro-voices")
        self._styles: dict[str, FloatArray] = {}

    @abstractmethod
    def _decode(self, prompt: Prompt, cancelled: Callable[[], bool]) -> Decoded:
        """Run the model.

        Raises:
            Cancelled: ``cancelled`` said yes.
            WeightsError: The model is not there or another one.
        """

    def warm(self, voice: Voice) -> None:
        """See `Synthesizer.warm`."""
        for language in voice.languages:
            # The dictionary of Japanese takes long: only for voices whose own language it is.
            if language != "ja" or voice.languages[0] == "ja":
                self.synthesize(Clause(_WARM[language], language), voice)

    def synthesize(
        self,
        clause: Clause,
        voice: Voice,
        *,
        lexicon: Lexicon | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Speech:
        """See `Synthesizer.synthesize`."""
        if clause.language not in voice.languages:
            raise InputError(
                f"voice {voice.name!r} does not read language {clause.language!r}",
                fix=f"it reads {', '.join(voice.languages)}: choose another voice or language",
            )
        reading = read(clause.text, clause.language, lexicon)
        manner = clause.delivery.then(Delivery(speed=voice.speed, loudness=voice.gain))
        manner = replace(manner, speed=min(max(manner.speed, _TEMPO[0]), _TEMPO[1]))
        style = self._style(voice, clause.language)
        sounds: list[FloatArray] = []
        phones: list[Owned] = []
        length = 0
        for chunk in _chunks(reading.pieces):
            pcm, owned = self._run(reading.pieces, chunk, voice, style, manner, cancelled)
            phones.extend(_shift(o, length) for o in owned)
            sounds.append(pcm)
            length += len(pcm)
        words = to_words(clause.text, reading.pieces, phones)
        pause = round(clause.pause / voice.speed * RATE / 1000)
        sounds.append(np.zeros(pause, np.float32))
        pcm = np.concatenate(sounds)
        gained = limit(pcm * np.float32(10 ** (manner.loudness / 20)), RATE)
        return Speech(
            clause=clause,
            spoken=reading.spoken,
            pcm=gained,
            rate=RATE,
            phones=_close(phones, length + pause),
            words=tuple(words),
            epoch=clause.epoch,
        )

    def _run(
        self,
        pieces: Sequence[Piece],
        chunk: range,
        voice: Voice,
        style: FloatArray,
        manner: Delivery,
        cancelled: Callable[[], bool],
    ) -> tuple[FloatArray, list[Owned]]:
        """Speak the pieces of one chunk: its sound, trimmed, and its phones."""
        symbols = [(c, i) for i in chunk for c in pieces[i].phonemes if c in VOCABULARY]
        while symbols and symbols[-1][0] == " ":
            symbols.pop()
        decoded = self._decode(
            Prompt(
                voice,
                (0, *(VOCABULARY[c] for c, _ in symbols), 0),
                _last_sounding([c for c, _ in symbols]) + 1,
                style[len(symbols) - 1],
                manner,
            ),
            cancelled,
        )
        sound = decoded.sound
        ends = (np.cumsum(decoded.durations) - decoded.first) * UNIT - _AHEAD
        bounds = [0, *(int(end) for end in np.clip(ends[:-1], 0, len(sound))), len(sound)]
        named = [("", -1), *symbols, ("", -1)]
        timed = [
            Timed(c, i, a, b) for (c, i), a, b in zip(named, bounds[:-1], bounds[1:], strict=True)
        ]
        return _trim(sound, to_phones(timed, sound, RATE))

    def _style(self, voice: Voice, language: Language) -> FloatArray:
        """float32 [510, 1, 256]: the fitted style, or the weighted mean of the voice's styles."""
        loan = voice.borrowed.get(language)
        key = f"{voice.fingerprint}/{language if loan else ''}"
        if key not in self._styles:
            if (fitted := voice.fitted_style) is not None:
                style = np.tile(fitted, (_STYLES, 1, 1))
                if loan is not None:
                    lent = self._table(loan.voice)[..., :_TIMBRE] - style[..., :_TIMBRE]
                    style[..., :_TIMBRE] += np.float32(loan.share) * lent
                self._styles[key] = style
            else:
                tables = [self._table(n) * np.float32(w) for n, w in voice.style.items()]
                self._styles[key] = np.sum(tables, axis=0, dtype=np.float32)
        return self._styles[key]

    def _table(self, name: str) -> FloatArray:
        path = self._voices / f"{name}.bin"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in self._voices.glob("*.bin")))
            raise InputError(f"Kokoro has no voice {name!r}", fix=f"style may name: {known}")
        table = np.fromfile(path, np.float32)
        if table.size != _STYLES * _STYLE:
            raise WeightsError(
                f"{path}: {table.size} numbers, not {_STYLES} x {_STYLE}",
                fix="digital-human models pull kokoro-voices",
            )
        return cast(FloatArray, table.reshape(_STYLES, 1, _STYLE))


def _last_sounding(symbols: Sequence[str]) -> int:
    """How far from the end, counted from 1, the last symbol with sound is; 0 when there is none."""
    for index, symbol in enumerate(reversed(symbols), 1):
        if symbol.isalpha() or symbol in TONES:
            return index
    return 0


def _chunks(pieces: Sequence[Piece]) -> list[range]:
    """Ranges of pieces that fit the model, cut after a mark or a word where possible."""
    result: list[range] = []
    start = 0
    while start < len(pieces):
        count, end = 0, start
        while end < len(pieces) and count + len(pieces[end].phonemes) <= MAX_TOKENS:
            count += len(pieces[end].phonemes)
            end += 1
        end = max(end, start + 1)
        if end < len(pieces):
            cuts = [i + 1 for i in range(start, end) if pieces[i].phonemes.endswith((", ", ". "))]
            spaces = [i + 1 for i in range(start, end) if pieces[i].phonemes.endswith(" ")]
            end = next((c[-1] for c in (cuts, spaces) if c and c[-1] - start > 10), end)
        result.append(range(start, end))
        start = end
    return result


def _trim(sound: FloatArray, phones: list[Owned]) -> tuple[FloatArray, list[Owned]]:
    """Cut the silence at both ends to a fixed length and fade the new ends."""
    spoken = [o.phone for o in phones if o.piece >= 0]
    if not spoken:
        return np.zeros(0, np.float32), []
    start = max(0, spoken[0].start - _LEAD)
    end = min(len(sound), spoken[-1].end + _TAIL)
    cut = sound[start:end].copy()
    fade = np.linspace(0, 1, min(_FADE, len(cut)), dtype=np.float32)
    cut[: len(fade)] *= fade
    cut[-len(fade) :] *= fade[::-1]
    kept = []
    for owned in phones:
        phone = owned.phone
        a, b = max(phone.start, start) - start, min(phone.end, end) - start
        if b > a:
            kept.append(Owned(replace(phone, start=a, end=b), owned.piece))
    return cut, kept


def _shift(owned: Owned, by: int) -> Owned:
    phone = owned.phone
    return Owned(replace(phone, start=phone.start + by, end=phone.end + by), owned.piece)


def _close(phones: Sequence[Owned], length: int) -> tuple[Phone, ...]:
    """The phones with neighbouring silences joined and the pause at the end."""
    result: list[Phone] = []
    for phone in [*(o.phone for o in phones), Phone(SILENCE, 0, length)]:
        start = result[-1].end if result else 0
        if phone.end <= start:
            continue
        if result and result[-1].symbol == phone.symbol == SILENCE:
            result[-1] = replace(result[-1], end=phone.end)
        else:
            result.append(replace(phone, start=start))
    return tuple(result)
