"""How alike a made voice and a person are, and what it costs: measured on held-out recordings.

The judging encoders took no part in the fitting. Beside each figure stand what the person's own
recordings reach (the ceiling), the nearest stock voice (the start) and other speakers (the floor).
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from digital_human.config import settings
from digital_human.core.frames import FloatArray
from digital_human.models import store
from digital_human.speech.cloning.card import Likeness, Measures, Sound
from digital_human.speech.cloning.curves import pitch
from digital_human.speech.cloning.encoders import (
    SpeakerEncoder,
    alike,
    judging_encoders,
    loss_encoder,
)
from digital_human.speech.cloning.recordings import RATE
from digital_human.speech.cloning.references import Progress, References, Utterance
from digital_human.speech.loudness import normalise
from digital_human.speech.recognizers import RECOGNIZERS
from digital_human.speech.recognizers.base import Recognizer
from digital_human.speech.speaker import Speaker
from digital_human.speech.text.phonemes import MARKS, STRESS, read
from digital_human.speech.text.symbols import SILENCE
from digital_human.speech.types import Language, Phone, Speech
from digital_human.speech.voices import Voice

SENTENCES: dict[Language, tuple[str, ...]] = {
    "en": (
        "The old bridge across the river was closed for repairs all summer.",
        "Please leave your coat by the door and follow me to the garden.",
        "A gentle wind moved the yellow leaves along the empty street.",
        "She opened the letter slowly and read every word of it twice.",
        "Our train will arrive on time if the weather stays this calm.",
        "Most visitors walk past the small museum without noticing it.",
        "He said the soup tasted better with fresh bread and butter.",
        "We watched the boats come home while the sun went down.",
    ),
    "zh": (
        "老街尽头的茶馆每天早上都坐满了人。",
        "请把外套放在门口，跟我到花园里来。",
        "一阵微风吹过，黄色的叶子落了一地。",
        "她慢慢打开那封信，从头到尾读了两遍。",
        "如果天气一直这么好，火车应该会准时到。",
        "很多游客从小博物馆门前走过，却没有注意到它。",
        "他说这碗汤配上新鲜的面包味道更好。",
        "太阳下山的时候，我们看着渔船回到港口。",
    ),
    "ja": (
        "古い橋は夏の間ずっと工事中でした。",
        "上着を入口に置いて、庭までついて来てください。",
        "やさしい風が黄色い葉を運んでいきました。",
        "彼女は手紙をゆっくり開けて、二回読みました。",
        "天気がよければ、電車は時間どおりに着くでしょう。",
        "多くの人は小さな博物館に気づかずに通り過ぎます。",
    ),
}
"""What every voice is asked to say; no figures, so that there is one way of writing each."""

_NATIVE: dict[Language, str] = {"en": "ab", "zh": "z", "ja": "j"}
_JUDGED = 4  # sentences, beside the held-out texts, whose voice is judged
_LEVEL = -23.0  # LUFS at which all are judged
_MOS_SECONDS = 9.01
# DNSMOS's raw outputs to the scale of its listeners, from its authors' fit (speech, background,
# overall).
_MOS_FIT = (
    (-0.08397278, 1.22083953, 0.0052439),
    (-0.13166888, 1.60915514, -0.39604546),
    (-0.06766283, 1.11546468, 0.04602535),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Sentences in one voice."""

    texts: tuple[str, ...]
    sounds: tuple[FloatArray, ...]
    phones: tuple[tuple[Phone, ...], ...]


class Judge:
    """Measures voices against one person.

    Args:
        references: The person; only ``held_out`` and, for the ceiling, ``train`` are compared.
        nearest: The stock voice to compare with; by default the nearest.
        progress: Told the step and the share that is done.
        recognizer: Judges whether a voice is understood; by default Whisper.

    Raises:
        WeightsError: A model is missing.
    """

    def __init__(
        self,
        references: References,
        *,
        nearest: str = "",
        progress: Progress = lambda step, share: None,
        recognizer: Recognizer | None = None,
    ) -> None:
        self._references, self._language = references, references.language
        self._recognizer = recognizer or RECOGNIZERS["whisper"].create()
        self._floors = preset_vectors(self._language, progress)
        self.nearest = nearest or nearest_preset(references.train, self._language)
        progress(f"stock voice {self.nearest}", 0.8)
        self._stock = self._said(preset_voice(self.nearest, self._language))
        self._person = {
            encoder.name: [
                [encoder.embed(u.pcm, RATE) for u in part]
                for part in (references.held_out, references.train)
            ]
            for encoder in judging_encoders()
        }
        progress("the person and the stock voice are measured", 1.0)

    def measures(self, voice: Voice) -> Measures:
        """Measure ``voice``, whose files are in its folder."""
        own = self._said(voice)
        held_out = self._references.held_out
        return Measures(
            self.nearest,
            self._likeness(own),
            sound_of([u.pcm for u in held_out], [u.phones for u in held_out]),
            self._sound(self._stock),
            self._sound(own),
        )

    def heard(self, voice: Voice, language: Language) -> tuple[float, dict[str, float]]:
        """Share of phonemes of ``voice`` not recognised, and by encoder how like the person it is.

        Four standard sentences in any language; the likeness is to the held-out recordings.
        """
        sample = speak(voice, SENTENCES[language][:_JUDGED], language)
        like = {
            encoder.name: alike(
                self._person[encoder.name][0], [encoder.embed(pcm, RATE) for pcm in sample.sounds]
            )
            for encoder in judging_encoders()
        }
        return errors(sample, language, self._recognizer, _phonemes), like

    def _said(self, voice: Voice) -> Sample:
        texts = *SENTENCES[self._language], *(u.text for u in self._references.held_out)
        return speak(voice, texts, self._language)

    def _sound(self, sample: Sample) -> Sound:
        wrong = errors(sample, self._language, self._recognizer)
        return replace(sound_of(sample.sounds, sample.phones), error=wrong)

    def _likeness(self, own: Sample) -> tuple[Likeness, ...]:
        judged = slice(len(SENTENCES[self._language]) - _JUDGED, None)
        found = []
        for encoder in judging_encoders():
            person, others = self._person[encoder.name]

            def like(sample: Sample, encoder: SpeakerEncoder = encoder) -> float:
                sounds = sample.sounds[judged]
                held_out = self._person[encoder.name][0]
                return alike(held_out, [encoder.embed(pcm, RATE) for pcm in sounds])

            floor = alike(person, list(self._floors[encoder.name].values()))
            ceiling = alike(person, others)
            found.append(Likeness(encoder.name, floor, like(self._stock), like(own), ceiling))
        return tuple(found)


def speak(
    voice: Voice, texts: Sequence[str], language: Language, *, level: float | None = _LEVEL
) -> Sample:
    """``texts`` in ``voice``, cut to what sounds; each at ``level`` LUFS, or as it is."""
    speaker = Speaker(voice, cache=None)
    sounds, phones = [], []
    for text in texts:
        pcm, marks = _joined(list(speaker.say(text, language=language)))
        sounds.append(pcm if level is None else normalise(pcm, RATE, level))
        phones.append(marks)
    return Sample(tuple(texts), tuple(sounds), tuple(phones))


def nearest_preset(utterances: Sequence[Utterance], language: Language) -> str:
    """The stock voice most like the utterances by all encoders, the judging ones included."""
    known = preset_vectors(language)
    total: dict[str, float] = dict.fromkeys(next(iter(known.values())), 0.0)
    for encoder in (loss_encoder(), *judging_encoders()):
        person = [encoder.embed(u.pcm, RATE) for u in utterances]
        likeness = {name: alike(person, [v]) for name, v in known[encoder.name].items()}
        spread = max(float(np.std(list(likeness.values()))), 1e-6)
        for name, value in likeness.items():
            total[name] += value / spread
    return max(total, key=lambda name: total[name])


def preset_voice(name: str, language: Language) -> Voice:
    """A stock voice of Kokoro."""
    return Voice(
        name="stock", display={"en": name}, gender="female" if name[1] == "f" else "male",
        languages=(language,), engine="kokoro", style={name: 1.0}, licence="Apache-2.0",
        source="Kokoro-82M v1.0 by hexgrad", consent="synthetic",
    )  # fmt: skip


def preset_vectors(
    language: Language, progress: Progress = lambda step, share: None
) -> dict[str, dict[str, FloatArray]]:
    """Encoder → stock voice → vector, of all stock voices of the language; kept in the cache."""
    names = [
        path.stem
        for path in sorted(store().path("kokoro-voices").glob("*.bin"))
        if path.stem[0] in _NATIVE[language]
    ]
    text = SENTENCES[language][0]
    encoders = (loss_encoder(), *judging_encoders())
    key = json.dumps([names, text, [e.name for e in encoders]])
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    path = settings().cache_dir / "presets" / f"{language}-{digest}.npz"
    if not path.is_file():
        arrays: dict[str, FloatArray] = {}
        for number, name in enumerate(names):
            progress(f"stock voice {name}", 0.8 * number / len(names))
            (pcm,) = speak(preset_voice(name, language), [text], language).sounds
            for encoder in encoders:
                arrays[f"{encoder.name}/{name}"] = encoder.embed(pcm, RATE)
        _save(path, arrays)
    with np.load(path, allow_pickle=False) as kept:
        return {e.name: {n: kept[f"{e.name}/{n}"] for n in names} for e in encoders}


def errors(
    sample: Sample,
    language: Language,
    recognizer: Recognizer,
    units: Callable[[str, Language], list[str]] | None = None,
) -> float:
    """Share of units of `SENTENCES` that are not recognised.

    Args:
        sample: What was said.
        language: Its language.
        recognizer: Writes it down.
        units: Cuts a text into what is counted; words by default (Chinese, Japanese: characters).
    """
    cut = units or _units
    wrong = total = 0
    for text, pcm in zip(sample.texts, sample.sounds, strict=True):
        if text not in SENTENCES[language]:
            continue
        ear = np.asarray(soxr.resample(pcm, RATE, 16_000), np.float32)
        said, wanted = recognizer.recognise(ear, language=language).text, cut(text, language)
        wrong += _distance(cut(said, language), wanted)
        total += len(wanted)
    return wrong / max(1, total)


def sound_of(sounds: Sequence[FloatArray], phones: Sequence[Sequence[Phone]]) -> Sound:
    """Quality, pitch and rate of sounds with their phones; not the recognition error."""
    hertz = _voiced(sounds)
    low, middle, high = np.percentile(hertz, [10, 50, 90]) if len(hertz) else (0.0, 0.0, 0.0)
    spoken = [p for marks in phones for p in marks if p.symbol != SILENCE]
    seconds = sum(p.end - p.start for p in spoken) / RATE
    return Sound(
        error=None,
        quality=mean_opinion(np.concatenate(sounds)),
        pitch=float(middle),
        range=float(12 * np.log2(high / low)) if low > 0 else 0.0,
        rate=len(spoken) / seconds if seconds else 0.0,
    )


def pitch_of(sounds: Sequence[FloatArray]) -> float:
    """Median pitch in Hz of sounds at 24 kHz; 0 where there is none."""
    hertz = _voiced(sounds)
    return float(np.median(hertz)) if len(hertz) else 0.0


def _voiced(sounds: Sequence[FloatArray]) -> FloatArray:
    hertz = np.concatenate([pitch(pcm) for pcm in sounds])
    return hertz[hertz > 0]


def mean_opinion(pcm: FloatArray) -> tuple[float, float, float]:
    """DNSMOS P.835 of a sound: speech, background, overall, 1 to 5.

    Reddy, Gopal, Cutler: "DNSMOS P.835", ICASSP 2022; windows of 9 s side by side.

    Args:
        pcm: float32 [n] at 24 kHz; repeated when shorter than 9 s.
    """
    heard = np.asarray(soxr.resample(pcm, RATE, 16_000), np.float32)
    size = int(_MOS_SECONDS * 16_000)
    count = max(1, len(heard) // size)
    windows = np.resize(heard, max(size, len(heard)))[: count * size].reshape(count, size)
    session = _mos_session()
    raw = [session.run(None, {"input_1": window[None]})[0][0] for window in windows]
    speech, background, overall = (
        float(np.mean([np.polyval(fit, value) for value in values]))
        for fit, values in zip(_MOS_FIT, np.array(raw).T, strict=True)
    )
    return speech, background, overall


@lru_cache(maxsize=1)
def _mos_session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings().cpu_threads
    return onnxruntime.InferenceSession(
        str(store().path("dnsmos") / "sig_bak_ovr.onnx"),
        options,
        providers=["CPUExecutionProvider"],
    )


def _joined(spoken: Sequence[Speech]) -> tuple[FloatArray, tuple[Phone, ...]]:
    """Clauses behind one another, without silence at the ends."""
    pcm = np.concatenate([speech.pcm for speech in spoken])
    starts = np.cumsum([0, *(len(speech.pcm) for speech in spoken)])
    phones = [
        replace(phone, start=phone.start + int(at), end=phone.end + int(at))
        for speech, at in zip(spoken, starts, strict=False)
        for phone in speech.phones
    ]
    sounding = [phone for phone in phones if phone.symbol != SILENCE]
    first, last = sounding[0].start, sounding[-1].end
    kept = [p for p in phones if p.start >= first and p.end <= last]
    return pcm[first:last], tuple(
        replace(p, start=p.start - first, end=p.end - first) for p in kept
    )


def _units(text: str, language: Language) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).lower()
    if language == "en":
        letters = "".join(c if c.isalnum() or c == "'" else " " for c in plain)
        return letters.split()
    return [c for c in plain if c.isalnum()]


def _phonemes(text: str, language: Language) -> list[str]:
    """How ``text`` sounds, tones and stress aside: homophones are alike."""
    pieces = read(text, language, None).pieces
    return [c for one in pieces for c in one.phonemes if c.isalpha() and c not in STRESS + MARKS]


def _distance(heard: Sequence[str], wanted: Sequence[str]) -> int:
    """Insertions, deletions and substitutions between two sequences (Levenshtein)."""
    row = list(range(len(wanted) + 1))
    for count, unit in enumerate(heard, start=1):
        above, row[0] = row[0], count
        for at, want in enumerate(wanted, start=1):
            cost = min(row[at] + 1, row[at - 1] + 1, above + (unit != want))
            above, row[at] = row[at], cost
    return row[-1]


def _save(path: Path, arrays: dict[str, FloatArray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(part, **arrays)  # type: ignore[arg-type]
    part.replace(path)
