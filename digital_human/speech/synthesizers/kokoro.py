"""Kokoro-82M (StyleTTS 2 with an ISTFTNet decoder) through ONNX Runtime, with phone timings.

The graph's duration predictor is made an output: one value per token, in units of 25 ms, that place
every phone in the sound. The silence at both ends is hardly decoded (see `kokoro_graph`).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from digital_human.config import settings
from digital_human.core.frames import FloatArray
from digital_human.errors import Cancelled, InputError, WeightsError
from digital_human.models import store
from digital_human.speech.loudness import limit
from digital_human.speech.synthesizers import kokoro_graph as graph
from digital_human.speech.synthesizers.base import never
from digital_human.speech.synthesizers.timing import Owned, Timed, to_phones, to_words
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.phonemes import SILENCE, TONES, Piece, read
from digital_human.speech.types import Clause, Language, Phone, Speech
from digital_human.speech.voices import Voice

RATE = 24000
# Tokens of one run of the model; its positions end at 512, two of them are pads.
MAX_TOKENS = 400
_UNIT = RATE * 25 // 1000
# The decoder's sound runs ahead of the durations: measured from bursts of stops and from the
# correlation of vowels with energy, 55-60 ms for every voice tried, Mandarin and English.
_AHEAD = int(0.06 * RATE)
_LEAD, _TAIL = int(0.03 * RATE), int(0.06 * RATE)
_FADE = int(0.004 * RATE)
# Units that are decoded of the silence before the first phone, and from the start of the last
# token that sounds: 0.1 s and 0.2 s more than was ever heard.
_SILENT_LEAD, _SILENT_TAIL = 8, 16
_CODE_VERSION = "3"
_WARM: dict[Language, str] = {"zh": "您好。", "en": "Hello.", "ja": "はい。"}

# Kokoro-82M v1.0 config.json "vocab".
_VOCABULARY: dict[str, int] = {
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


class KokoroSynthesizer:
    """Speaks Mandarin, English and Japanese with the 54 voices of Kokoro and blends of them.

    Args:
        model: ONNX file; by default the store's ``kokoro-int8``.
        voices: Folder of style tables; by default the store's ``kokoro-voices``.
        threads: Threads of one run; 0 takes the program's budget.

    Raises:
        WeightsError: A file is missing.
    """

    rate = RATE
    languages: frozenset[Language] = frozenset({"zh", "en", "ja"})

    def __init__(
        self, model: Path | None = None, voices: Path | None = None, threads: int = 0
    ) -> None:
        self._model = model or store().path("kokoro-int8") / "model.onnx"
        self._voices = voices or store().path("kokoro-voices")
        if not self._model.is_file():
            raise WeightsError(
                f"{self._model}: no such file", fix="digital-human models pull kokoro-int8"
            )
        self._threads = threads or settings().cpu_threads
        self._session: Any = None
        self._opening = threading.Lock()
        self._styles: dict[tuple[tuple[str, float], ...], FloatArray] = {}
        self._fingerprint = f"kokoro-{_CODE_VERSION}-{_quick_hash(self._model)}"

    @property
    def fingerprint(self) -> str:
        """Names the model file and the version of this code."""
        return self._fingerprint

    def warm(self, voice: Voice) -> None:
        """See `Synthesizer.warm`."""
        for language in voice.languages:
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
        style = self._style(voice)
        sounds: list[FloatArray] = []
        phones: list[Owned] = []
        length = 0
        for chunk in _chunks(reading.pieces):
            pcm, owned = self._run(reading.pieces, chunk, style, voice.speed, cancelled)
            phones.extend(_shift(o, length) for o in owned)
            sounds.append(pcm)
            length += len(pcm)
        words = to_words(clause.text, reading.pieces, phones)
        pause = round(clause.pause / voice.speed * RATE / 1000)
        sounds.append(np.zeros(pause, np.float32))
        pcm = np.concatenate(sounds)
        gained = limit(pcm * np.float32(10 ** (voice.gain / 20)), RATE)
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
        style: FloatArray,
        speed: float,
        cancelled: Callable[[], bool],
    ) -> tuple[FloatArray, list[Owned]]:
        """Speak the pieces of one chunk: its sound, trimmed, and its phones."""
        symbols = [(c, i) for i in chunk for c in pieces[i].phonemes if c in _VOCABULARY]
        while symbols and symbols[-1][0] == " ":
            symbols.pop()
        tokens = [0, *(_VOCABULARY[c] for c, _ in symbols), 0]
        feeds = {
            "tokens": np.array([tokens], np.int64),
            "style": style[len(symbols) - 1],
            "speed": np.array([speed], np.float32),
            graph.LEAD: np.array([_SILENT_LEAD]),
            graph.TAIL_TOKENS: np.array([_last_sounding([c for c, _ in symbols]) + 1]),
            graph.TAIL: np.array([_SILENT_TAIL]),
        }
        sound, durations, first, last = self._session_run(feeds, cancelled)
        if (last - first) * _UNIT != len(sound):
            raise WeightsError(
                f"{self._model.name}: {len(sound)} samples but durations of {last - first} units",
                fix="not the Kokoro-82M v1.0 model: run `digital-human models pull kokoro-int8`",
            )
        ends = (np.cumsum(durations).astype(np.int64) - first) * _UNIT - _AHEAD
        bounds = [0, *(int(end) for end in np.clip(ends[:-1], 0, len(sound))), len(sound)]
        named = [("", -1), *symbols, ("", -1)]
        timed = [
            Timed(c, i, a, b) for (c, i), a, b in zip(named, bounds[:-1], bounds[1:], strict=True)
        ]
        return _trim(sound, to_phones(timed, sound, RATE))

    def _session_run(
        self, feeds: dict[str, Any], cancelled: Callable[[], bool]
    ) -> tuple[FloatArray, FloatArray, int, int]:
        """Run the graph; a watching thread stops it in the middle when it is cancelled.

        Returns:
            The sound, the tokens' durations, and the first unit and one past the last of the sound.
        """
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

        watcher = None
        if cancelled is not never:
            watcher = threading.Thread(target=watch, name="kokoro-cancel", daemon=True)
            watcher.start()
        try:
            sound, durations, first, last = self._opened().run(
                ["audio", graph.DURATIONS, graph.FIRST, graph.LAST], feeds, options
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
        units = cast(FloatArray, np.rint(durations.ravel()))
        return cast(FloatArray, sound.ravel()), units, int(first[0]), int(last[0])

    def _opened(self) -> Any:
        """The session, opened at the first clause that is not in a cache."""
        with self._opening:
            if self._session is None:
                timed = settings().cache_dir / "kokoro" / f"{self._fingerprint}.onnx"
                if not timed.is_file():
                    graph.write_timed(self._model, timed)
                self._session = graph.open_session(timed, self._threads)
            return self._session

    def _style(self, voice: Voice) -> FloatArray:
        """float32 [510, 1, 256]: the weighted mean of the voice's styles."""
        key = tuple(voice.style.items())
        if key not in self._styles:
            tables = [self._table(name) * np.float32(weight) for name, weight in key]
            self._styles[key] = np.sum(tables, axis=0, dtype=np.float32)
        return self._styles[key]

    def _table(self, name: str) -> FloatArray:
        path = self._voices / f"{name}.bin"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in self._voices.glob("*.bin")))
            raise InputError(f"Kokoro has no voice {name!r}", fix=f"style may name: {known}")
        table = np.fromfile(path, np.float32)
        if table.size != 510 * 256:
            raise WeightsError(
                f"{path}: {table.size} numbers, not 510 x 256",
                fix="digital-human models pull kokoro-voices",
            )
        return cast(FloatArray, table.reshape(510, 1, 256))


def _last_sounding(symbols: Sequence[str]) -> int:
    """How far from the end, counted from 1, the last symbol with sound is; 0 when there is none."""
    for index, symbol in enumerate(reversed(symbols), 1):
        if symbol.isalpha() or symbol in TONES:
            return index
    return 0


def _quick_hash(path: Path) -> str:
    """Hash of the size and three samples of the file: tells models apart without reading all."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for offset in (0, size // 2, max(0, size - 65536)):
            file.seek(offset)
            digest.update(file.read(65536))
    return digest.hexdigest()[:16]


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
