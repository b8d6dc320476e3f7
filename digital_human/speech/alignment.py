"""Forced alignment without a model of its own: when each phoneme of a known text is spoken.

The text is spoken by our own Kokoro, whose phone times are exact; both sounds become cepstra, and
the cheapest monotonic path between them (Viterbi over the reference's frames: dynamic time warping
in which every frame of the recording counts once; Sakoe & Chiba 1978) carries the times over.
Silence is told from energy and taken out of both sounds first, so that a pause may stand anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from digital_human.core.frames import FloatArray
from digital_human.errors import Cancelled, InputError
from digital_human.speech.cepstra import (
    COARSE,
    HOP,
    RATE,
    IntArray,
    cepstra,
    coarser,
    energy_db,
    normalised,
    pitch,
    resampled,
    speech_frames,
    unit_rows,
)  # fmt: skip
from digital_human.speech.speaker import shared_synthesizer
from digital_human.speech.synthesizers.base import Synthesizer, never
from digital_human.speech.text.clauses import split
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.phonemes import SILENCE
from digital_human.speech.types import Language, Phone, Word
from digital_human.speech.voices import Voice

LONGEST = 20 * 60.0
"""Seconds of a recording that can be aligned at once."""
DOUBTFUL = 0.5
"""Below this confidence the text is probably not what is said."""

# Path: cost of staying at a frame of the reference and of going on by 2 or 3 of them at once.
_STEPS = np.array([0.15, 0.0, 0.1, 0.3], np.float32)
# Cost of a pause of 0.3 s and more of the recording inside a phone, and inside a word; between
# words it is free, and shorter ones cost less.
_PAUSE_IN_PHONE, _PAUSE_IN_WORD = 24.0, 16.0
_LONG_PAUSE = 60
_COARSE_BAND = 3000  # coarse frames: two minutes
_FINE_BAND = 400  # fine frames: 2 s
_WHOLE = 6000  # fine frames up to which no coarse path is needed: 30 s
_RIDGE = 0.01
_SHUFFLED = 60  # frames of a block of the shuffled reference
# How much lower the cost of a frame is than with the reference shuffled: wrong texts reach 0.06,
# recordings of the text 0.2 and more, those of a far microphone less.
_SCALE = 0.03, 0.13
_CHANGE_OF_SEX = 165.0  # Hz, between the median pitches of men and women
_REFERENCES: dict[Language, tuple[str, str]] = {
    "zh": ("zm_yunxi", "zf_xiaoxiao"),
    "en": ("am_fenrir", "af_heart"),
    "ja": ("jm_kumo", "jf_alpha"),
}


@dataclass(frozen=True, slots=True)
class Aligned:
    """A recording with the times of its text.

    Attributes:
        spoken: The text as it is read, after normalisation and pronunciation entries.
        phones: In order, covering the recording without gaps; samples at the recording's rate.
        words: In order; joined they give the text back.
        confidence: 0…1; below 0.5 the text is probably not what is said.
    """

    spoken: str
    phones: tuple[Phone, ...]
    words: tuple[Word, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class _Reference:
    """The text in our own voice, its times in samples of its own rate."""

    pcm: FloatArray
    rate: int
    spoken: str
    phones: tuple[Phone, ...]  # sounding ones only
    owner: tuple[int, ...]  # index of the word of each phone
    words: tuple[str, ...]


def align(
    pcm: FloatArray,
    rate: int,
    text: str,
    language: Language,
    *,
    lexicon: Lexicon | None = None,
    synthesizer: Synthesizer | None = None,
    cancelled: Callable[[], bool] = never,
) -> Aligned:
    """Find when each phoneme and word of ``text`` is spoken in ``pcm``.

    Args:
        pcm: float32 [n], mono: one voice saying ``text``.
        rate: Its samples per second.
        text: What is said, as written.
        language: Main language of the text.
        lexicon: Pronunciation entries.
        synthesizer: Engine that knows Kokoro's voices; by default the process's own.
        cancelled: Asked while the work goes on.

    Returns:
        Phones over the whole recording. A text with nothing to read gives silence and no words.

    Raises:
        InputError: The recording is silent, much too short for the text, or longer than `LONGEST`.
        Cancelled: ``cancelled`` said yes.
        WeightsError: Kokoro's weights are not there.
    """
    if len(pcm) > LONGEST * rate:
        raise InputError(
            f"a recording of {len(pcm) / rate / 60:.0f} minutes is too long to align at once",
            fix=f"cut it into parts of at most {LONGEST / 60:.0f} minutes with their texts",
        )
    clauses = split(text, language)
    if not clauses:
        whole = (Phone(SILENCE, 0, len(pcm)),) if len(pcm) else ()
        return Aligned("", whole, (), 1.0)
    sound = resampled(pcm, rate)
    energy = energy_db(sound)
    speech = speech_frames(energy)
    if len(speech) < 4:
        raise InputError("the recording is silent", fix="give one in which the text is spoken")
    engine = synthesizer or shared_synthesizer("kokoro")
    low = pitch(sound, speech) < _CHANGE_OF_SEX
    best: Aligned | None = None
    for voice in (_voice(language, low=low), _voice(language, low=not low)):
        reference = _speak(text, language, engine, voice, lexicon, cancelled)
        if not reference.phones:
            return Aligned(reference.spoken, (Phone(SILENCE, 0, len(pcm)),), (), 1.0)
        if len(speech) < 2 * len(reference.phones):
            raise InputError(
                f"{len(speech) * HOP / RATE:.1f} s of speech are too short for "
                f"{len(text)} characters",
                fix="give the text of this recording, and all of the recording",
            )
        found = _carry(reference, sound, speech, len(pcm), rate, cancelled)
        if best is None or found.confidence > best.confidence:
            best = found
        if best.confidence >= DOUBTFUL:
            break
    assert best is not None
    return best


def _carry(
    reference: _Reference,
    sound: FloatArray,
    speech: IntArray,
    length: int,
    rate: int,
    cancelled: Callable[[], bool],
) -> Aligned:
    """Warp the reference's times onto the recording."""
    positions, bounds = _reference_frames(reference, len(speech))
    source = normalised(cepstra(resampled(reference.pcm, reference.rate), positions))
    heard = normalised(cepstra(sound, speech * HOP))
    pauses = _pause_costs(bounds, reference.owner, len(positions))
    path, _ = _warp(source, heard, speech, pauses, cancelled)
    nearer = _adapted(source, heard, path)
    path, cost = _warp(nearer, heard, speech, pauses, cancelled)
    # First frame of the recording (counted without pauses) of each phone.
    starts = np.searchsorted(path, bounds[:-1], side="left")
    starts = _increasing(starts, len(speech))
    phones, spans = _phones(reference, speech, starts, length, rate)
    words = _words(reference, spans)
    confidence = _confidence(source, heard, cost, cancelled)
    return Aligned(reference.spoken, phones, words, confidence)


def _speak(
    text: str,
    language: Language,
    engine: Synthesizer,
    voice: Voice,
    lexicon: Lexicon | None,
    cancelled: Callable[[], bool],
) -> _Reference:
    """The text clause by clause in our own voice; words take the white space between clauses."""
    sounds: list[FloatArray] = []
    phones: list[Phone] = []
    owner: list[int] = []
    words: list[str] = []
    spoken: list[str] = []
    length = position = 0
    for clause in split(text, language):
        said = engine.synthesize(
            replace(clause, pause=0), voice, lexicon=lexicon, cancelled=cancelled
        )
        start = text.index(clause.text, position)
        if words:
            words[-1] += text[position:start]
        position = start + len(clause.text)
        first = len(words)
        words.extend(word.text for word in said.words)
        for phone in said.phones:
            if phone.symbol == SILENCE:
                continue
            middle = (phone.start + phone.end) // 2
            index = sum(word.start <= middle for word in said.words) - 1
            phones.append(replace(phone, start=phone.start + length, end=phone.end + length))
            owner.append(first + max(0, index))
        sounds.append(said.pcm)
        spoken.append(said.spoken)
        length += len(said.pcm)
    if words:
        words[0] = text[: text.index(words[0])] + words[0]
        words[-1] += text[position:]
    joint = " " if language == "en" else ""
    pcm = np.concatenate(sounds)
    return _Reference(
        pcm, engine.rate, joint.join(spoken), tuple(phones), tuple(owner), tuple(words)
    )


def _voice(language: Language, *, low: bool) -> Voice:
    """The reference voice whose pitch is nearer."""
    style = _REFERENCES[language][0 if low else 1]
    return Voice(
        name="reference", display={}, gender="male" if low else "female", languages=(language,),
        engine="kokoro", style={style: 1.0}, licence="Apache-2.0", source="Kokoro-82M v1.0",
        consent="synthetic",
    )  # fmt: skip


def _reference_frames(reference: _Reference, count: int) -> tuple[IntArray, IntArray]:
    """Where the reference is looked at so that it has about as many frames as the recording.

    Returns:
        Samples at `RATE` of the frames of its sounding phones, and the first frame of each phone
        with the number of frames at the end.
    """
    scale = RATE / reference.rate
    total = sum(phone.end - phone.start for phone in reference.phones) * scale
    hop = total / count
    positions: list[npt.NDArray[np.float64]] = []
    bounds = [0]
    rest = 0.0
    for phone in reference.phones:
        a, b = phone.start * scale, phone.end * scale
        frames = np.arange(a + rest, b, hop)
        if not len(frames):
            frames = np.array([(a + b) / 2])
        rest = max(0.0, frames[-1] + hop - b) if frames[-1] + hop > b else 0.0
        positions.append(frames)
        bounds.append(bounds[-1] + len(frames))
    return np.rint(np.concatenate(positions)).astype(np.int64), np.array(bounds, np.int64)


def _pause_costs(bounds: IntArray, owner: Sequence[int], count: int) -> FloatArray:
    """float32 [count]: what a pause of the recording behind each frame of the reference costs."""
    costs = np.full(count, _PAUSE_IN_PHONE, np.float32)
    ends = bounds[1:] - 1
    costs[ends] = _PAUSE_IN_WORD
    last = [i for i in range(len(owner)) if i + 1 == len(owner) or owner[i + 1] != owner[i]]
    costs[ends[last]] = 0.0
    return costs


def _warp(
    source: FloatArray,
    heard: FloatArray,
    speech: IntArray,
    pauses: FloatArray,
    cancelled: Callable[[], bool],
) -> tuple[IntArray, float]:
    """The frame of the reference at each frame of the recording, and the mean cost of a frame.

    Long recordings get a coarse path first; the fine one stays near it.
    """
    gaps = np.diff(speech, prepend=speech[0] - 1) - 1
    weights = np.minimum(gaps / _LONG_PAUSE, 1).astype(np.float32)
    if len(heard) <= _WHOLE:
        centres = np.linspace(0, len(source) - 1, len(heard))
        return _viterbi(source, heard, centres, _WHOLE, weights, pauses, cancelled)
    starts = np.arange(0, len(heard), COARSE)
    rough_weights = np.asarray(np.maximum.reduceat(weights, starts) / COARSE, np.float32)
    rough_pauses = np.minimum.reduceat(pauses, np.arange(0, len(source), COARSE))
    rough_source, rough_heard = coarser(source), coarser(heard)
    centres = np.linspace(0, len(rough_source) - 1, len(rough_heard))
    rough, _ = _viterbi(
        rough_source, rough_heard, centres, _COARSE_BAND, rough_weights, rough_pauses, cancelled
    )
    at = np.arange(len(heard)) / COARSE - 0.5
    centres = np.interp(at, np.arange(len(rough)), rough) * COARSE
    return _viterbi(source, heard, centres, _FINE_BAND, weights, pauses, cancelled)


def _adapted(source: FloatArray, heard: FloatArray, path: IntArray) -> FloatArray:
    """The reference's features brought to the recording's voice and room by a linear map.

    The map is fitted to the pairs on a first path (ridge regression), shrunk towards none.
    """
    paired = np.c_[source[path], np.ones(len(path), np.float32)]
    ridge = np.float32(_RIDGE * len(path)) * np.eye(paired.shape[1], dtype=np.float32)
    width = heard.shape[1]
    map_ = np.linalg.solve(paired.T @ paired + ridge, paired.T @ heard + ridge[:, :width])
    return unit_rows(np.c_[source, np.ones(len(source), np.float32)] @ map_)


def _viterbi(
    source: FloatArray,
    heard: FloatArray,
    centres: npt.NDArray[np.float64],
    band: int,
    weights: FloatArray,
    pauses: FloatArray,
    cancelled: Callable[[], bool],
) -> tuple[IntArray, float]:
    """Cheapest monotonic path from the first pair of frames to the last within a band.

    Args:
        source: float32 [m, d], unit rows.
        heard: float32 [n, d], unit rows.
        centres: [n] frames of the source around which the path is looked for.
        band: Frames of the source considered at each frame heard.
        weights: float32 [n], 0…1: the pause that stands before each frame heard.
        pauses: float32 [m]: what a full pause behind each frame of the source costs.
        cancelled: Asked now and then.

    Returns:
        int64 [n] frames of the source, never falling, and the mean cost of a frame.
    """
    count, band = len(source), min(band, len(source))
    lows = np.clip(np.rint(centres).astype(np.int64) - band // 2, 0, count - band)
    lows[0], lows[-1] = 0, count - band
    lows = np.maximum.accumulate(lows)
    moves = np.zeros((len(heard), band), np.uint8)
    edge = len(_STEPS) - 1
    before = np.full(count + edge, np.inf, np.float32)
    before[edge] = 1 - source[0] @ heard[0]
    for j in range(1, len(heard)):
        if j % 2048 == 0 and cancelled():
            raise Cancelled("the alignment was not wanted any more")
        low = int(lows[j])
        if weights[j]:
            before[edge:] += weights[j] * pauses
        ways = np.stack([
            before[edge + low - k : edge + low - k + band] + _STEPS[k] for k in range(edge + 1)
        ])  # fmt: skip
        best = ways.argmin(axis=0)
        moves[j] = best
        after = np.full(count + edge, np.inf, np.float32)
        after[edge + low : edge + low + band] = (
            ways[best, np.arange(band)] + 1 - source[low : low + band] @ heard[j]
        )
        before = after
    path = np.empty(len(heard), np.int64)
    state = int(np.argmin(before[edge:])) if not np.isfinite(before[-1]) else count - 1
    total = float(before[edge + state])
    for j in range(len(heard) - 1, -1, -1):
        path[j] = state
        state -= int(moves[j, state - lows[j]]) if j else 0
    return path, total / len(heard)


def _increasing(starts: IntArray, count: int) -> IntArray:
    """Starts made strictly rising within ``count`` frames, so that every phone has one."""
    steps = np.arange(len(starts))
    starts = np.maximum.accumulate(starts - steps) + steps
    result: IntArray = np.minimum(starts, count - len(starts) + steps)
    result[0] = 0
    return result


def _phones(
    reference: _Reference, speech: IntArray, starts: IntArray, length: int, rate: int
) -> tuple[tuple[Phone, ...], list[tuple[int, int]]]:
    """Phones over the whole recording with the silences between them, and each phone's span."""
    scale = rate / RATE * HOP
    ends = np.append(starts[1:], len(speech))
    spans: list[tuple[int, int]] = []
    phones: list[Phone] = []
    position = 0
    for phone, first, last in zip(reference.phones, starts, ends, strict=True):
        frames = speech[first:last]
        parts = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
        kept = max(parts, key=len)  # a pause inside a phone leaves its longer part
        start = max(position, round(float(kept[0]) * scale))
        end = min(length, max(start + 1, round(float(kept[-1] + 1) * scale)))
        if start > position:
            phones.append(Phone(SILENCE, position, start))
        phones.append(Phone(phone.symbol, start, end, phone.stress))
        spans.append((start, end))
        position = end
    if position < length:
        phones.append(Phone(SILENCE, position, length))
    return tuple(phones), spans


def _words(reference: _Reference, spans: Sequence[tuple[int, int]]) -> tuple[Word, ...]:
    """Words with the times of their phones; one without phones goes with the word before it."""
    words: list[Word] = []
    carry = ""
    for index, text in enumerate(reference.words):
        own = [span for span, word in zip(spans, reference.owner, strict=True) if word == index]
        if own:
            words.append(Word(carry + text, own[0][0], own[-1][1]))
            carry = ""
        elif words:
            words[-1] = replace(words[-1], text=words[-1].text + text)
        else:
            carry += text
    return tuple(words)


def _confidence(
    source: FloatArray, heard: FloatArray, cost: float, cancelled: Callable[[], bool]
) -> float:
    """How much better the text fits than the same sounds in another order do.

    Args:
        source: float32 [m, d] of the reference.
        heard: float32 [n, d] of the recording.
        cost: Mean cost of a frame on the path.
        cancelled: Asked now and then.
    """
    size = max(8, min(_SHUFFLED, len(source) // 8))
    blocks = np.split(source, np.arange(size, len(source), size))
    free = np.zeros(len(source), np.float32)
    unbroken = np.zeros(len(heard), np.float32)
    centres = np.linspace(0, len(source) - 1, len(heard))
    other = np.inf
    for order in (range(len(blocks))[::-1], np.random.default_rng(0).permutation(len(blocks))):
        wrong = np.concatenate([blocks[i] for i in order])
        path, _ = _viterbi(wrong, heard, centres, _FINE_BAND, unbroken, free, cancelled)
        nearer = _adapted(wrong, heard, path)
        _, found = _viterbi(nearer, heard, centres, _FINE_BAND, unbroken, free, cancelled)
        other = min(other, found)
    nothing, certain = _SCALE
    return float(np.clip((1 - cost / other - nothing) / (certain - nothing), 0, 1))
