"""From recordings of a person to what a voice is fitted to: utterances with texts and phones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.speech.alignment import align
from digital_human.speech.cloning.gate import (
    MOST_SPEECH,
    problems_of,
    refused,
    warnings_of,
)
from digital_human.speech.cloning.recordings import (
    RATE,
    STEP,
    Recording,
    denoised,
    read_recording,
)
from digital_human.speech.loudness import normalise
from digital_human.speech.recognizers import RECOGNIZERS
from digital_human.speech.recognizers.base import Recognizer
from digital_human.speech.types import Language, Phone, Word

Progress = Callable[[str, float], None]

LOUDNESS = -23.0  # LUFS
LONGEST = 12.0  # s of an utterance
HELD_OUT = 3.0, 0.2  # s, share

_DENOISE = 22.0  # dB
_CONFIDENT = 0.3  # recognition
_ALIGNED = 0.4
_SHORTEST = 1.0
_LEAST_LONGEST, _PARTS = 4.0, 0.4  # s, share of all speech: what an utterance may be long at least
_JOINED = 0.7  # s: longer pauses part utterances
_EDGE = 0.08  # s kept around speech


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of speech with what is said in it.

    Attributes:
        pcm: float32 [n], mono, at 24 kHz, −23 LUFS, without rumble and strong noise.
        text: What is said, as recognised.
        language: Of the text.
        phones: In order, covering ``pcm``; samples at 24 kHz.
        words: In order; joined they give ``text``.
        source: sha256 of the recording.
    """

    pcm: FloatArray
    text: str
    language: Language
    phones: tuple[Phone, ...]
    words: tuple[Word, ...]
    source: str

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.pcm) / RATE


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in the recordings.

    Attributes:
        seconds: Length of all recordings.
        speech: Seconds of speech in them.
        snr: Decibels between speech and background, of the worst recording.
        denoised: Names of the recordings that noise was taken out of.
        clipped: Share of cut-off samples, of the worst recording.
        one_voice: CAM++ cosine between the two halves that differ most; 1 when there is too little.
        language: Spoken language.
        warnings: What would make a better voice.
    """

    seconds: float
    speech: float
    snr: float
    denoised: tuple[str, ...]
    clipped: float
    one_voice: float
    language: Language
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class References:
    """What a voice is fitted to, and what it is judged by.

    Attributes:
        train: For fitting.
        held_out: For judging only; never used in the fitting.
        report: See `Report`.
    """

    train: tuple[Utterance, ...]
    held_out: tuple[Utterance, ...]
    report: Report

    @property
    def language(self) -> Language:
        """The person's language."""
        return self.report.language

    def save(self, folder: Path) -> None:
        """Write them into ``folder``: a FLAC file for each utterance and ``references.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        listed: dict[str, list[object]] = {"train": [], "held_out": []}
        for part, utterances in (("train", self.train), ("held_out", self.held_out)):
            for number, utterance in enumerate(utterances):
                name = f"{part}-{number}.flac"
                soundfile.write(folder / name, utterance.pcm, RATE, subtype="PCM_24")
                fields = asdict(replace(utterance, pcm=np.zeros(0, np.float32)))
                listed[part].append({**fields, "pcm": name})
        text = json.dumps({"report": asdict(self.report), **listed}, ensure_ascii=False)
        (folder / "references.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> References:
        """Read what `save` wrote.

        Raises:
            InputError: It is not there or not whole.
        """
        try:
            data = json.loads((folder / "references.json").read_text(encoding="utf-8"))
            parts = {
                part: tuple(_utterance(folder, fields) for fields in data[part])
                for part in ("train", "held_out")
            }
            report = data["report"]
            lists = {name: tuple(report[name]) for name in ("denoised", "warnings")}
            return cls(parts["train"], parts["held_out"], Report(**{**report, **lists}))
        except (OSError, ValueError, KeyError, TypeError, soundfile.SoundFileError) as error:
            raise InputError(
                f"{folder}: the prepared recordings cannot be read: {error}",
                fix="remove the folder and begin again",
            ) from error


def prepare(
    paths: Sequence[Path],
    *,
    language: Language | None = None,
    progress: Progress = lambda step, share: None,
    recognizer: Recognizer | None = None,
) -> References:
    """Find the speech in recordings, clean it, cut it, write it down and align it.

    Deterministic: the same files give the same utterances.

    Args:
        paths: Recordings of one person, of any common format.
        language: Spoken language; heard when None.
        progress: Told the step and the share that is done.
        recognizer: Writes down what is said; by default Whisper.

    Raises:
        RecordingsRefused: They are too short, too noisy, clipped, of two people, or not speech.
        InputError: A file cannot be read.
        WeightsError: A model is missing.
    """
    recordings = []
    for number, path in enumerate(paths):
        progress(f"reading {path.name}", 0.1 * number / len(paths))
        recordings.append(read_recording(path))
    progress("who speaks", 0.1)
    one_voice, problems = problems_of(recordings)
    if problems:
        raise refused(problems)
    cuts, cleaned = [], []
    for recording in recordings:
        pcm = recording.pcm
        if recording.snr < _DENOISE:
            progress(f"taking noise out of {recording.path.name}", 0.2)
            pcm = denoised(pcm, recording.speech)
            cleaned.append(recording.path.name)
        cuts += [(recording, pcm[a:b]) for a, b in _spans(recordings, recording, pcm)]
    cuts = _enough(cuts)
    recognizer = recognizer or RECOGNIZERS["whisper"].create()
    utterances = _written(cuts, language, recognizer, progress)
    spoken = utterances[0].language
    kept = _aligned(utterances, progress)
    train, held_out = split_held_out(kept)
    report = Report(
        seconds=sum(r.seconds for r in recordings),
        speech=sum(r.speech_seconds for r in recordings),
        snr=min(r.snr for r in recordings),
        denoised=tuple(cleaned),
        clipped=max(r.clipped for r in recordings),
        one_voice=one_voice,
        language=spoken,
        warnings=warnings_of(recordings, cleaned, len(cuts) - len(kept)),
    )
    progress("recordings are ready", 1.0)
    return References(train, held_out, report)


def split_held_out(
    utterances: Sequence[Utterance],
) -> tuple[tuple[Utterance, ...], tuple[Utterance, ...]]:
    """Whole utterances for fitting and for judging: at least 3 s and a fifth for the latter.

    Of all choices that hold back enough, the one that holds back least.

    Raises:
        RecordingsRefused: There is only one utterance.
    """
    if len(utterances) < 2:
        raise refused(
            ["the speech is one stretch without a pause: nothing could be held back to judge by"]
        )
    least = max(HELD_OUT[0], HELD_OUT[1] * sum(u.seconds for u in utterances))
    least = min(least, sum(sorted(u.seconds for u in utterances)[:-1]))
    # Sums of lengths that can be reached, each with the utterances that reach it.
    reached: dict[int, tuple[int, ...]] = {0: ()}
    for number, utterance in enumerate(utterances):
        length = round(utterance.seconds * 100)
        for total, chosen in tuple(reached.items()):
            if len(chosen) + 1 < len(utterances):
                reached.setdefault(total + length, (*chosen, number))
    held = reached[min(total for total in reached if total >= round(least * 100) - len(utterances))]
    return (
        tuple(u for number, u in enumerate(utterances) if number not in held),
        tuple(u for number, u in enumerate(utterances) if number in held),
    )


def _spans(
    recordings: Sequence[Recording], recording: Recording, pcm: FloatArray
) -> list[tuple[int, int]]:
    """Utterances of a recording in samples: cut at pauses, and at weak moments where too long."""
    total = sum(r.speech_seconds for r in recordings)
    # A short recording still gives parts to fit to and parts to judge by.
    longest = int(min(LONGEST, max(_LEAST_LONGEST, _PARTS * total)) * RATE)
    edges = np.flatnonzero(np.diff(np.pad(recording.speech.astype(np.int8), 1)))
    stretches = [(int(a) * STEP, min(int(b) * STEP, len(pcm))) for a, b in edges.reshape(-1, 2)]
    joined: list[tuple[int, int]] = []
    for start, end in stretches:
        if joined and start - joined[-1][1] <= _JOINED * RATE and end - joined[-1][0] <= longest:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    spans = []
    for start, end in joined:
        while end - start > longest:
            cut = _weakest(pcm, start + longest // 2, start + longest)
            spans.append((start, cut))
            start = cut
        spans.append((start, end))
    edge = int(_EDGE * RATE)
    ends = [0, *(end for _, end in spans), len(pcm)]
    starts = [0, *(start for start, _ in spans), len(pcm)]
    return [
        (max(start - edge, (ends[i] + start) // 2), min(end + edge, (end + starts[i + 2]) // 2))
        for i, (start, end) in enumerate(spans)
        if end - start >= _SHORTEST * RATE
    ]


def _weakest(pcm: FloatArray, first: int, last: int) -> int:
    """Where between two samples it is quietest for 60 ms."""
    size = int(0.06 * RATE)
    power = np.convolve(pcm[first:last].astype(np.float64) ** 2, np.ones(size), "valid")
    return first + int(power.argmin()) + size // 2


def _enough(cuts: list[tuple[Recording, FloatArray]]) -> list[tuple[Recording, FloatArray]]:
    """The first utterances that make up `MOST_SPEECH`."""
    ends = np.cumsum([len(pcm) for _, pcm in cuts]) / RATE
    if not len(ends):
        raise refused([f"no stretch of speech is {_SHORTEST:g} s long"])
    return cuts[: max(1, int(np.searchsorted(ends, MOST_SPEECH)) + 1)]


def _written(
    cuts: Sequence[tuple[Recording, FloatArray]],
    language: Language | None,
    recognizer: Recognizer,
    progress: Progress,
) -> list[Utterance]:
    """Utterances with their texts, without phones yet; unclear ones are left out."""
    heard = []
    for number, (recording, pcm) in enumerate(cuts):
        progress("writing down what is said", 0.3 + 0.3 * number / len(cuts))
        ear = np.asarray(soxr.resample(pcm, RATE, 16_000), np.float32)
        heard.append((recording, pcm, recognizer.recognise(ear, language=language)))
    if language is None:
        seconds: Counter[Language] = Counter()
        for _, pcm, said in heard:
            seconds[said.language] += len(pcm)
        language = seconds.most_common(1)[0][0]
        heard = [(r, pcm, said) for r, pcm, said in heard if said.language == language]
    clear = [
        Utterance(
            normalise(_faded(pcm), RATE, LOUDNESS), said.text, language, (), (), recording.sha256
        )
        for recording, pcm, said in heard
        if said.text and said.confidence >= _CONFIDENT
    ]
    if not clear:
        raise refused([f"what is said could not be understood as {language}"])
    return clear


def _aligned(utterances: Sequence[Utterance], progress: Progress) -> list[Utterance]:
    """The utterances whose texts fit what is heard, with the times of their phones and words."""
    kept = []
    for number, utterance in enumerate(utterances):
        progress("aligning", 0.6 + 0.4 * number / len(utterances))
        try:
            found = align(utterance.pcm, RATE, utterance.text, utterance.language)
        except InputError:
            continue
        if found.confidence >= _ALIGNED and found.phones:
            kept.append(replace(utterance, phones=found.phones, words=found.words))
    if len(kept) < 2:
        raise refused(["what is said could not be aligned with the text that was recognised"])
    return kept


def _faded(pcm: FloatArray) -> FloatArray:
    """``pcm`` with soft edges of 5 ms."""
    ramp = np.linspace(0, 1, RATE // 200, dtype=np.float32)
    result = pcm.copy()
    result[: len(ramp)] *= ramp
    result[-len(ramp) :] *= ramp[::-1]
    return result


def _utterance(folder: Path, fields: dict[str, Any]) -> Utterance:
    name = str(fields["pcm"])
    if "/" in name or "\\" in name:
        raise ValueError(f"{name!r} leads out of the folder")
    pcm, rate = soundfile.read(folder / name, dtype="float32")
    if rate != RATE or pcm.ndim != 1:
        raise ValueError(f"{name}: {rate} samples a second, {pcm.ndim} channels")
    timed = {
        "phones": tuple(Phone(**phone) for phone in fields["phones"]),
        "words": tuple(Word(**word) for word in fields["words"]),
    }
    return Utterance(**{**fields, **timed, "pcm": pcm})
