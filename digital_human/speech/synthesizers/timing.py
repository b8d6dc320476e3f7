"""Model durations and sound → phones and words on the clause's own sample line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.speech.text.phonemes import MARKS, SILENCE, STRESS, Piece
from digital_human.speech.types import Phone, Word

_STOPS = frozenset("ptkbdɡʨʦꭧʧʤʣʥʔ")
_HOP = 0.005
_MIN_SILENCE = 0.1
_MIN_PHONE = 0.01
_CLOSURE = 0.06
# Quieter than this, relative to the loudest 10 ms, is silence.
_FLOOR_DB = -38.0


@dataclass(frozen=True, slots=True)
class Timed:
    """One symbol of the phoneme string with the samples the model gave it.

    Attributes:
        symbol: Kokoro symbol; empty for the pads at both ends.
        piece: Index of its `Piece`; −1 for pads.
        start: First sample.
        end: One past the last sample.
    """

    symbol: str
    piece: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Owned:
    """A phone and the piece it belongs to (−1 for silence)."""

    phone: Phone
    piece: int


def to_phones(symbols: Sequence[Timed], pcm: FloatArray, rate: int) -> list[Owned]:
    """Join marks to their phones, share out gaps, and cut silence out of the sound.

    Kokoro gives a tone mark or the last phone before a pause the pause's time, so silence is taken
    from the sound itself: quiet stretches of 100 ms and more, closures of stops excepted.

    Args:
        symbols: In order, covering the sound.
        pcm: float32 [n].
        rate: Samples per second.

    Returns:
        Phones covering 0…n without gaps.
    """
    phones = _share_gaps(_join_marks(symbols))
    quiet = silences(pcm, rate)
    result: list[Owned] = []
    for owned in phones:
        kept = _carve(owned, quiet, rate)
        if kept is None and result and result[-1].phone.end > owned.phone.start - rate // 5:
            result[-1:] = _share_end(result[-1], owned, rate)
        elif kept is not None:
            result.append(kept)
    if not result:
        return [Owned(Phone(SILENCE, 0, len(pcm)), -1)] if len(pcm) else []
    return _cover(result, len(pcm))


def silences(pcm: FloatArray, rate: int) -> list[tuple[int, int]]:
    """Quiet stretches of at least 100 ms, as ``(start, end)`` samples; ends count from 30 ms."""
    hop = int(_HOP * rate)
    count = len(pcm) // hop
    if count == 0:
        return [(0, len(pcm))]
    power = np.square(pcm[: count * hop]).reshape(count, hop).mean(axis=1)
    smooth = np.convolve(np.pad(power, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    threshold = max(float(smooth.max()) * 10 ** (_FLOOR_DB / 10), 1e-9)
    quiet = np.concatenate([[False], smooth < threshold, [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    runs = []
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        at_end = a == 0 or b == count
        if (b - a) * _HOP >= (0.03 if at_end else _MIN_SILENCE):
            runs.append((int(a) * hop, len(pcm) if b == count else int(b) * hop))
    return runs


def to_words(text: str, pieces: Sequence[Piece], phones: Sequence[Owned]) -> list[Word]:
    """Words as written, each with the time of its phones; joined they give ``text``.

    Args:
        text: `Clause.text`.
        pieces: Of its `Reading`.
        phones: From `to_phones`, shifted to their final place.

    Returns:
        Words in order. Marks and spaces go with the word before them.
    """
    times: dict[int, tuple[int, int]] = {}
    for owned in phones:
        if owned.piece >= 0:
            first, _ = times.get(owned.piece, (owned.phone.start, 0))
            times[owned.piece] = (first, owned.phone.end)
    spans: list[list[int]] = []  # written start, written end, first sample, last sample
    for index, piece in enumerate(pieces):
        if index not in times:
            continue
        start, end = times[index]
        if spans and piece.start < spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], piece.end)
            spans[-1][3] = end
        else:
            spans.append([piece.start, piece.end, start, end])
    words = []
    for i, (_, _, start, end) in enumerate(spans):
        a = 0 if i == 0 else spans[i][0]
        b = spans[i + 1][0] if i + 1 < len(spans) else len(text)
        words.append(Word(text[a:b], start, end))
    return words


def _join_marks(symbols: Sequence[Timed]) -> list[Owned]:
    """Phones with their marks; gaps (marks of punctuation, spaces, pads) keep symbol ``_``."""
    phones: list[Owned] = []
    stressed = 1.0
    stress_start: int | None = None
    for timed in symbols:
        if timed.symbol in STRESS and timed.symbol:
            stressed = 1.3 if timed.symbol == "ˈ" else 1.15
            stress_start = timed.start
        elif timed.symbol in MARKS and timed.symbol and phones and phones[-1].piece >= 0:
            last = phones[-1]
            phone = Phone(last.phone.symbol, last.phone.start, timed.end, last.phone.stress)
            phones[-1] = Owned(phone, last.piece)
        elif timed.symbol.isalpha():
            start = timed.start if stress_start is None else stress_start
            phones.append(Owned(Phone(timed.symbol, start, timed.end, stressed), timed.piece))
            stressed, stress_start = 1.0, None
        else:
            phones.append(Owned(Phone(SILENCE, timed.start, timed.end), -1))
    return phones


def _share_gaps(phones: list[Owned]) -> list[Owned]:
    """Give the time of gaps to the phones beside them, half each; silence is cut out later."""
    result: list[Owned] = []
    gap_start: int | None = None
    for owned in phones:
        if owned.piece < 0:
            gap_start = owned.phone.start if gap_start is None else gap_start
            continue
        phone = owned.phone
        if gap_start is not None:
            middle = (gap_start + phone.start) // 2 if result else gap_start
            if result:
                last = result[-1]
                stretched = Phone(last.phone.symbol, last.phone.start, middle, last.phone.stress)
                result[-1] = Owned(stretched, last.piece)
            phone = Phone(phone.symbol, middle, phone.end, phone.stress)
            gap_start = None
        result.append(Owned(phone, owned.piece))
    if result and gap_start is not None:
        last = result[-1]
        end = phones[-1].phone.end
        stretched = Phone(last.phone.symbol, last.phone.start, end, last.phone.stress)
        result[-1] = Owned(stretched, last.piece)
    return result


def _carve(owned: Owned, quiet: list[tuple[int, int]], rate: int) -> Owned | None:
    """Cut the silences out of one phone; its longest sounding stretch, None if it is silent."""
    phone = owned.phone
    start, end = phone.start, phone.end
    shortest = int(_MIN_PHONE * rate)
    if phone.symbol in _STOPS:
        # The closure of a stop is silent and belongs to it: cut only what is longer than one.
        closure = int(_CLOSURE * rate)
        ends = [b - closure if b < end else (b if a > start else end - closure) for a, b in quiet]
        quiet = [(a, b) for (a, _), b in zip(quiet, ends, strict=True) if b > a]
    kept: list[tuple[int, int]] = []
    position = start
    for a, b in sorted((max(a, start), min(b, end)) for a, b in quiet if a < end and b > start):
        kept.append((position, a))
        position = max(position, b)
    kept.append((position, end))
    a, b = max(kept, key=lambda span: span[1] - span[0])
    if b - a < shortest:
        return None
    return Owned(Phone(phone.symbol, a, b, phone.stress), owned.piece)


def _share_end(last: Owned, silent: Owned, rate: int) -> list[Owned]:
    """Give a phone that the model put into the silence after ``last`` the end of ``last``."""
    phone = last.phone
    middle = phone.end - min(int(0.05 * rate), (phone.end - phone.start) // 3)
    return [
        Owned(Phone(phone.symbol, phone.start, middle, phone.stress), last.piece),
        Owned(Phone(silent.phone.symbol, middle, phone.end, silent.phone.stress), silent.piece),
    ]


def _cover(phones: list[Owned], length: int) -> list[Owned]:
    """Fill what no phone covers with silence."""
    result: list[Owned] = []
    position = 0
    for owned in phones:
        phone = owned.phone
        start = max(phone.start, position)
        end = min(phone.end, length)
        if end <= start:
            continue
        if start > position:
            result.append(Owned(Phone(SILENCE, position, start), -1))
        result.append(Owned(Phone(phone.symbol, start, end, phone.stress), owned.piece))
        position = end
    if position < length:
        result.append(Owned(Phone(SILENCE, position, length), -1))
    return result
