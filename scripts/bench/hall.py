"""Figures of the ears in a hall: who is heard, what breaks in, and whether denoising helps words.

    python scripts/bench/hall.py ../shared/data/speech                # everything
    python scripts/bench/hall.py ../shared/data/speech --only near barge words

- near: a visitor at arm's length and people further off (heard 10 and 15 dB lower, in the hall's
  reverberation) speak in turn: share of near voices that became turns and of far ones that did
  not, with and without near-field gating.
- barge: the digital human speaks for ten minutes while the hall is noisy and people further off
  talk: holds and false interruptions.
- words: character (zh) and word (en) error rate in noise at 10 dB, with and without WebRTC's noise
  suppression.

The recogniser of the first two hears words in everything, which is the worst case.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "eval"))

from hearing import in_room, load, play  # noqa: E402
from readback import compare  # noqa: E402

from digital_human.core.frames import FloatArray  # noqa: E402
from digital_human.speech.hall import Hall, NearField  # noqa: E402
from digital_human.speech.hearing import (  # noqa: E402
    EAR_RATE,
    Action,
    Commit,
    Hold,
    Interrupt,
    Transcript,
)
from digital_human.speech.recognizers.base import Recognised  # noqa: E402

NEAR = -26.0  # dBFS of near voices
VISITORS, SENTENCES = 3.0, 1.5  # dB by which visitors differ, and sentences
DECAY = 1.4  # s until the hall's sound has fallen by 60 dB
CLOSE, DISTANT = 8.0, -4.0  # dB of direct to reverberant sound
GAP = 2.0  # s between voices
MINUTES = 10
JFK = (
    "And so my fellow Americans, ask not what your country can do for you, "
    "ask what you can do for your country."
)


@dataclass(frozen=True)
class Voice:
    """Somebody who speaks in the scene, from sample ``start`` to ``end``."""

    near: bool
    start: int
    end: int


class Everything:
    """A recogniser that hears words in any sound."""

    languages = frozenset({"zh", "en"})

    def recognise(self, pcm: FloatArray, **_: object) -> Recognised:
        return Recognised("讲讲断桥吧", "zh", 0.8, 0.02, 0.99)


def room(seed: int, direct: float) -> FloatArray:
    """An impulse response of the hall with ``direct`` dB of direct to reverberant sound."""
    times = np.arange(round(DECAY * EAR_RATE)) / EAR_RATE
    tail = np.random.default_rng(seed).standard_normal(times.size) * 10 ** (-3 * times / DECAY)
    tail[:32] = 0.0
    tail *= np.sqrt(10 ** (-direct / 10) / np.sum(tail**2))
    tail[0] = 1.0
    return tail.astype(np.float32)


def spoken(pcm: FloatArray, level: float, direct: float, seed: int) -> FloatArray:
    """``pcm`` in the hall, its louder syllables at ``level`` dBFS."""
    heard = fftconvolve(pcm, room(seed, direct))[: pcm.size + EAR_RATE // 4].astype(np.float32)
    windows = heard[: heard.size // 512 * 512].reshape(-1, 512)
    levels = 10 * np.log10(np.mean(windows**2, axis=1) + 1e-12)
    loud = np.quantile(levels[levels > levels.max() - 40], 0.8)
    return heard * np.float32(10 ** ((level - loud) / 20))


def filled(noise: FloatArray, size: int, level: float, seed: int) -> FloatArray:
    """``size`` samples of ``noise`` at ``level`` dBFS."""
    turned = np.roll(noise, int(np.random.default_rng(seed).integers(noise.size)))
    pcm = np.resize(turned, size)
    return (pcm * 10 ** (level / 20) / np.sqrt(np.mean(pcm**2))).astype(np.float32)


def chatter(voices: Sequence[FloatArray], seconds: float, people: int, seed: int) -> FloatArray:
    """Many people talking at once, far off."""
    rng, mixed = np.random.default_rng(seed), np.zeros(round(seconds * EAR_RATE), np.float32)
    for person in range(people):
        order = rng.permutation(len(voices))
        talk = np.concatenate([spoken(voices[i], -30, DISTANT, person) for i in order])
        mixed += np.resize(np.roll(talk, int(rng.integers(talk.size))), mixed.size)
    return mixed


def scene(
    near: Sequence[FloatArray], far: Sequence[FloatArray], below: float, noise: FloatArray,
    noise_level: float, seed: int,
) -> tuple[FloatArray, list[Voice]]:  # fmt: skip
    """One visitor and others further off in turn, in noise; the microphone and who spoke when."""
    rng, parts, voices = np.random.default_rng(seed), [], []
    visitor = NEAR + rng.normal(0, VISITORS)
    at = 4 * EAR_RATE
    for number, pcm in enumerate([v for pair in zip(near, far, strict=False) for v in pair]):
        is_near = number % 2 == 0
        level = visitor + rng.normal(0, SENTENCES) - (0.0 if is_near else below)
        sound = spoken(pcm[: 6 * EAR_RATE], level, CLOSE if is_near else DISTANT, seed + number)
        voices.append(Voice(is_near, at, at + sound.size - EAR_RATE // 4))
        parts.append((at, sound))
        at += sound.size + round(GAP * EAR_RATE)
    microphone = filled(noise, at, noise_level, seed)
    for start, sound in parts:
        microphone[start : start + sound.size] += sound
    return np.clip(microphone, -1, 1), voices


def used_hall() -> Hall:
    """A hall in which some visitors have been understood before."""
    hall, rng = Hall(), np.random.default_rng(3)
    for level in NEAR + rng.normal(0, VISITORS, 8):
        hall.met(level)
    return hall


async def listen(
    microphone: FloatArray, near: NearField | None, *, speaking: bool = False
) -> list[tuple[float, Action]]:
    """What a listener tells of ``microphone``; the digital human speaks all the time or never."""
    ears = await play(
        microphone,
        recognizer=Everything(),  # type: ignore[arg-type]
        judge=lambda pcm: 0.9,  # type: ignore[arg-type]
        near=near, speaking=speaking,
    )  # fmt: skip
    return ears.actions


def _share(voice: Voice, turns: Sequence[Transcript]) -> float:
    """How much of ``voice`` is in turns."""
    first, last = voice.start / EAR_RATE, voice.end / EAR_RATE
    inside = sum(max(0.0, min(t.end, last) - max(t.start, first)) for t in turns)
    return inside / (last - first)


def who_is_heard(data: Data) -> None:
    """Print how many near voices were kept and far ones ignored."""
    print(f"{'noise':>9} {'SNR':>4} {'far':>5} {'gate':>5} {'near kept':>10} {'far ignored':>12}")
    for name, noise in data.noises.items():
        for snr in (10, 30):
            for below in (10.0, 15.0):
                # Noise against the voice's mean power, which is 4 dB below its loud syllables.
                microphone, voices = scene(
                    data.near, data.far, below, noise, NEAR - 4 - snr, seed=len(name) + snr
                )
                for gated in (False, True):
                    near = NearField(used_hall()) if gated else None
                    told = asyncio.run(listen(microphone, near))
                    spans = [a.transcript for _, a in told if isinstance(a, Commit)]
                    heard = {v: _share(v, spans) for v in voices}
                    kept = [share > 0.5 for v, share in heard.items() if v.near]
                    ignored = [share < 0.2 for v, share in heard.items() if not v.near]
                    print(
                        f"{name:>9} {snr:>4} {-below:>5.0f} {'yes' if gated else 'no':>5} "
                        f"{sum(kept):>6}/{len(kept):<3} {sum(ignored):>8}/{len(ignored):<3}",
                        flush=True,
                    )


def what_breaks_in(data: Data) -> None:
    """Print what interrupts the digital human though nobody near speaks."""
    print(
        f"{'noise':>9} {'far':>5} {'gate':>5} {'holds':>6} {'interruptions':>14}  in {MINUTES} min"
    )
    size = MINUTES * 60 * EAR_RATE
    for name, noise in data.noises.items():
        microphone = filled(noise, size, NEAR - 14, seed=1)
        rng, at = np.random.default_rng(2), 5 * EAR_RATE
        while at < size - 12 * EAR_RATE:
            pcm = data.far[int(rng.integers(len(data.far)))][: 6 * EAR_RATE]
            sound = spoken(pcm, NEAR - rng.uniform(10, 15), DISTANT, int(rng.integers(99)))
            microphone[at : at + sound.size] += sound
            at += sound.size + round(rng.uniform(2, 8) * EAR_RATE)
        for gated in (False, True):
            near = None
            if gated:
                hall = Hall()
                hall.met(NEAR)  # a visitor who was understood is being answered
                near = NearField(hall)
            told = asyncio.run(listen(np.clip(microphone, -1, 1), near, speaking=True))
            holds = sum(isinstance(a, Hold) for _, a in told)
            stops = sum(isinstance(a, Interrupt) for _, a in told)
            gate = "yes" if gated else "no"
            print(f"{name:>9} {'10-15':>5} {gate:>5} {holds:>6} {stops:>14}", flush=True)


def words(data: Data) -> None:
    """Print error rates with and without noise suppression."""
    from aec_audio_processing import AudioProcessor

    from digital_human.speech.recognizers.whisper import WhisperRecognizer

    def suppressed(pcm: FloatArray) -> FloatArray:
        processor = AudioProcessor(
            enable_aec=False, enable_ns=True, ns_level=1, enable_agc=False, enable_vad=False
        )
        processor.set_stream_format(EAR_RATE, 1)
        block = EAR_RATE // 100
        lead = np.resize(pcm, EAR_RATE)  # the suppressor learns the noise first
        whole = np.concatenate((lead, pcm))
        whole = whole[: whole.size // block * block]
        raw = (np.clip(whole, -1, 1) * 32767).astype("<i2").reshape(-1, block)
        out = b"".join(processor.process_stream(part.tobytes()) for part in raw)
        return (np.frombuffer(out, "<i2").astype(np.float32) / 32768)[EAR_RATE:]

    recognizer = WhisperRecognizer()
    impulse = np.zeros(64, np.float32)
    impulse[0] = 1.0
    print(f"{'noise':>9} {'language':>9} {'errors without':>15} {'with suppression':>17}")
    for name, noise in data.noises.items():
        for language, texts in data.texts.items():
            wrong, right = [0.0, 0.0], 0
            for pcm, text in texts:
                noisy = in_room(pcm, impulse, noise, 10.0)
                right += 1
                for way, heard in enumerate((noisy, suppressed(noisy))):
                    found = recognizer.recognise(
                        heard, language=language, usual=None, prompt="", cancelled=lambda: False
                    )
                    result = compare(text, found.text, language)
                    rate = result.words if language == "en" else result.characters
                    wrong[way] += rate or 0.0
            print(f"{name:>9} {language:>9} {wrong[0] / right:>14.1%} {wrong[1] / right:>16.1%}")


class Data:
    """The recordings."""

    def __init__(self, folder: Path) -> None:
        synth = sorted((folder / "zh_synth").glob("*.wav"))
        real = folder / "zh_real" / "BAC009S0764W0121.wav"
        jfk = load(folder / "jfk.wav")
        talkers = sorted((folder / "en_speakers").iterdir())
        english = [load(p) for one in talkers for p in sorted(one.glob("*.flac"))]
        self.near = [*(load(p) for p in synth[::2]), load(real), *english[::5]]
        self.far = [english[i] for i in range(len(english)) if i % 5][: len(self.near)]
        self.noises = {n: load(folder / "noise" / f"{n}.wav") for n in ("noise1", "noise3")}
        self.noises["chatter"] = chatter(self.far, 40, 6, seed=7)
        rows = (folder / "zh_synth" / "transcripts.tsv").read_text("utf-8").splitlines()
        lines = {cells[0]: cells[2] for row in rows[1:] if (cells := row.split("\t"))}
        spoken_texts = [(load(p), lines[p.name]) for p in synth]
        self.texts = {"zh": spoken_texts[:6], "en": [(jfk, JFK)]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parts = {"near": who_is_heard, "barge": what_breaks_in, "words": words}
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    chosen = parser.parse_args()
    data = Data(chosen.data)
    for part in chosen.only:
        parts[part](data)


if __name__ == "__main__":
    main()
