"""Who wakes a dozing kiosk by its name, and what wakes it that should not.

    python scripts/bench/wake.py ../shared/data/speech --calls out/calls     # about 15 minutes
    python scripts/bench/wake.py ../shared/data/speech --calls out/calls --only cost

The ears are the real ones: near-field gate, VAD, turn machine, Smart Turn, Whisper base with the
hot words of the persona, its knowledge and its place, on the clock of the recording.

- calls: the product's own voices call it, in Chinese and English, near by, in quiet and in noise of
  the hall at 10 dB: missed calls, and how long it takes from the end of the call. Voices that speak
  another language than their own have an accent. The sound is made once and kept in ``--calls``.
- others: people who stand near and talk of something else (recordings of ../shared/data, and the
  product's voices telling of the persona): false wakes.
- noise: minutes of hall without near voices: false wakes.
- cost: processor time of a dozing minute.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr
from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "eval"))

from hall import CLOSE, NEAR, chatter, filled, spoken  # noqa: E402
from hearing import load, play, silence  # noqa: E402

from digital_human.apps.live.wake import DOZING, Call, Doze, WakeWords  # noqa: E402
from digital_human.core.frames import FloatArray  # noqa: E402
from digital_human.dialogue.knowledge.knowledge import Knowledge  # noqa: E402
from digital_human.dialogue.persona import Persona, load_persona  # noqa: E402
from digital_human.dialogue.place.place import Place  # noqa: E402
from digital_human.speech.endpoint import EndpointJudge  # noqa: E402
from digital_human.speech.hall import Hall, NearField  # noqa: E402
from digital_human.speech.hearing import EAR_RATE, Action, Commit  # noqa: E402
from digital_human.speech.recognizers.whisper import WhisperRecognizer  # noqa: E402
from digital_human.speech.speaker import Speaker  # noqa: E402
from digital_human.speech.types import Language  # noqa: E402

CALLS: dict[Language, tuple[str, ...]] = {
    "zh": (
        "你好，东坡。", "东坡先生。", "东坡。", "苏东坡。", "苏学士。", "东坡，雷峰塔几点关门？",
        "苏东坡，给我背一首水调歌头。", "东坡先生，厕所在哪里？", "你好，东坡，三潭印月怎么走？",
    ),
    "en": (
        "Hello, Su Dongpo.", "Su Dongpo.", "Hello Dongpo.", "Dongpo!",
        "Su Dongpo, where are the toilets?", "Hello Su Dongpo, tell me about the lake.",
        "Hey Dongpo, when does Leifeng Pagoda close?",
    ),
}  # fmt: skip
ASKING = frozenset(
    text
    for texts in CALLS.values()
    for text in texts
    if text[-1] in "?？" or "，给" in text or "tell" in text
)
OTHERS: dict[Language, tuple[str, ...]] = {
    "zh": (
        "苏东坡是北宋的大文豪。", "东坡肉是杭州的名菜，去尝尝吧。", "东坡在杭州做过两任地方官。",
        "这条堤就是苏东坡修的。", "我们先去断桥，再去看雷峰塔。", "你看，这个屏幕上有个老头儿。",
        "苏东坡的诗我只会背一首。", "同学们跟紧一点，不要掉队。",
    ),
    "en": (
        "Su Dongpo was a poet of the Song dynasty.", "Don't push, there is room for everybody.",
        "So, did you see the pagoda?", "The causeway was built by Su Dongpo.",
        "Let us sit down for a moment.", "Which temple is that over there?",
    ),
}  # fmt: skip
VOICES: dict[Language, tuple[tuple[str, str], ...]] = {
    "zh": (("native", "xiaoxiao xiaoyi yunjian yunxi"), ("accent", "heart fenrir")),
    "en": (("native", "heart bella michael fenrir"), ("accent", "xiaoxiao yunxi")),
}
PARTS = ["calls", "others", "noise", "cost"]
GAP = 2.5  # s of hall between calls
MINUTES = 5


class Ears:
    """Everything that hears, loaded once.

    Args:
        persona: Who is called.
    """

    def __init__(self, persona: Persona) -> None:
        self._recognizer, self._judge = WhisperRecognizer(), EndpointJudge()
        self._hot_words = _hot_words(persona)
        self._words = WakeWords(persona.wake_words, persona.hot_words)

    def doze(self, microphone: FloatArray) -> tuple[list[tuple[float, str, Call]], int]:
        """Calls that a dozing session hears: when, in which words, which; and its utterances."""
        wakes: list[tuple[float, str, Call]] = []
        at, text, utterances = 0.0, "", 0

        def woken(call: Call) -> None:
            wakes.append((at, text, call))

        def take(now: float, action: Action) -> None:
            nonlocal at, text, utterances
            if isinstance(action, Commit):
                at, text, utterances = now, action.transcript.text, utterances + 1
            doze.take(action)
            doze.set(True)  # the next one is a session of its own

        doze = Doze(self._words, lambda action: None, woken)
        doze.set(True)
        asyncio.run(
            play(
                microphone, recognizer=self._recognizer, judge=self._judge, policy=DOZING,
                words=self._hot_words, near=NearField(Hall()), take=take, learns=False,
            )
        )  # fmt: skip
        return wakes, utterances


def _hot_words(persona: Persona) -> tuple[str, ...]:
    """The names that a session with this persona listens for."""
    words = [*persona.hot_words, *persona.wake_words["en"]]
    if persona.knowledge_folder is not None:
        opened = Knowledge.open(persona.knowledge_folder, also=persona.shared_knowledge)
        words += opened.hot_words
    if persona.place_folder is not None:
        words += Place.open(persona.place_folder).hot_words
    return tuple(words)


def voiced(folder: Path, language: Language, voice: str, texts: Sequence[str]) -> list[FloatArray]:
    """The texts spoken by one of the product's voices, kept in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    speaker: Speaker | None = None
    sounds = []
    for text in texts:
        path = folder / f"{voice}-{''.join(c for c in text if c.isalnum())}.wav"
        if not path.is_file():
            speaker = speaker or Speaker(voice, cache=None)
            clauses = list(speaker.say(text, language=language))
            pcm = np.concatenate([clause.pcm for clause in clauses])
            soundfile.write(path, soxr.resample(pcm, clauses[0].rate, EAR_RATE), EAR_RATE)
        sounds.append(load(path))
    return sounds


def line(
    sounds: Sequence[FloatArray], noise: FloatArray, level: float, seed: int
) -> tuple[FloatArray, list[tuple[float, float]]]:
    """Near voices one after the other in noise at ``level`` dBFS, and when each is heard (s)."""
    parts, spans = [silence(4.0)], list[tuple[float, float]]()
    at = 4.0
    for number, pcm in enumerate(sounds):
        loud = np.flatnonzero(np.abs(pcm) > 0.02)
        heard = spoken(pcm[: loud[-1]], NEAR, CLOSE, seed + number)
        spans.append((at, at + loud[-1] / EAR_RATE))
        parts += [heard, silence(GAP)]
        at += heard.size / EAR_RATE + GAP
    clean = np.concatenate(parts)
    return np.clip(clean + filled(noise, clean.size, level, seed), -1, 1), spans


class Bench:
    """The parts.

    Args:
        data: Folder of ../shared/data/speech.
        calls: Where what the voices say is kept.
    """

    def __init__(self, data: Path, calls: Path) -> None:
        self._data, self._calls = data, calls
        self._console = Console(width=140)
        self._ears = Ears(load_persona("dongpo"))
        talkers = sorted((data / "en_speakers").iterdir())
        self._english = [load(p) for one in talkers for p in sorted(one.glob("*.flac"))]
        self._noises = {n: load(data / "noise" / f"{n}.wav") for n in ("noise1", "noise3")}
        self._noises["chatter"] = chatter(self._english, 60, 6, seed=7)

    def calls(self) -> None:
        """Print how many calls are missed and how long the others take."""
        table = Table(
            "language", "voices", "hall", "calls", "missed", "with a question", "missed",
            "woken after (median, most)",
        )  # fmt: skip
        scenes = [("quiet", "noise1", 30.0), *((n, n, 10.0) for n in ("noise1", "chatter"))]
        for language, groups in VOICES.items():
            for kind, voices in groups:
                for name, noise, snr in scenes:
                    self._scene(table, language, kind, voices.split(), name, noise, snr)
        self._console.print(table)

    def _scene(
        self, table: Table, language: Language, kind: str, voices: list[str], name: str, noise: str,
        snr: float,
    ) -> None:  # fmt: skip
        missed, counts, waits = [0, 0], [0, 0], list[float]()
        for seed, voice in enumerate(track(voices, f"{language}, {kind}, {name}")):
            texts = CALLS[language]
            sounds = voiced(self._calls, language, voice, texts)
            # Noise against the voice's mean power, which is 4 dB below its loud syllables.
            microphone, spans = line(sounds, self._noises[noise], NEAR - 4 - snr, seed)
            wakes, _ = self._ears.doze(microphone)
            for text, (start, end) in zip(texts, spans, strict=True):
                asks = text in ASKING
                counts[asks] += 1
                own = [at for at, _, _ in wakes if start + 0.2 < at < end + GAP]
                waits += [at - end for at in own[:1]]
                if not own:
                    missed[asks] += 1
                    self._console.print(f"  missed: {voice}, {name}: {text}")
        wait = f"{np.median(waits):.2f} s, {max(waits):.2f} s" if waits else "never"
        cells = [f"{counts[0]}", f"{missed[0]}", f"{counts[1]}", f"{missed[1]}", wait]
        table.add_row(language, kind, name, *cells)

    def others(self) -> None:
        """Print what near talk that is no call wakes."""
        folder = self._data
        chinese = [
            load(p) for d in ("zh_real", "zh_synth") for p in sorted((folder / d).glob("*.wav"))
        ]
        more = [load(p) for p in sorted((folder / "clone_refs").glob("*.wav"))]
        near = load(folder / "echo" / "DLhjtuwiEkS-68TsUVvW5g_nearend_singletalk_mic.wav")
        sets = {
            "recordings, zh and en": [
                *chinese,
                *self._english,
                *more,
                near,
                load(folder / "jfk.wav"),
            ],
            "told of him, zh": self._told("zh"),
            "told of him, en": self._told("en"),
        }
        table = Table("who talks", "hall", "minutes", "utterances", "false wakes")
        for name, sounds in sets.items():
            for hall, snr in (("noise1", 30.0), ("noise1", 10.0), ("chatter", 10.0)):
                microphone, _ = line(sounds, self._noises[hall], NEAR - 4 - snr, 1)
                wakes, utterances = self._ears.doze(microphone)
                minutes = microphone.size / EAR_RATE / 60
                self._report(f"{name}, {hall} {snr:g} dB", wakes)
                cells = [f"{minutes:.1f}", f"{utterances}", f"{len(wakes)}"]
                table.add_row(name, f"{hall}, {snr:g} dB", *cells)
        self._console.print(table)

    def _told(self, language: Language) -> list[FloatArray]:
        groups = [voices.split() for _, voices in VOICES[language]]
        voices = [voice for group in groups for voice in group]
        return [s for v in voices for s in voiced(self._calls, language, v, OTHERS[language])]

    def noise(self) -> None:
        """Print what a hall without near voices wakes."""
        table = Table("hall", "level", "minutes", "utterances", "false wakes")
        for name, noise in self._noises.items():
            for level in (NEAR - 14, NEAR):
                microphone = filled(noise, MINUTES * 60 * EAR_RATE, level, 1)
                wakes, utterances = self._ears.doze(np.clip(microphone, -1, 1))
                self._report(f"{name} {level:g} dBFS", wakes)
                cells = [f"{MINUTES}", f"{utterances}", f"{len(wakes)}"]
                table.add_row(name, f"{level:g} dBFS", *cells)
        self._console.print(table)

    def cost(self) -> None:
        """Print the processor time of dozing."""
        talk, _ = line(self._english, self._noises["noise1"], NEAR - 24, 1)
        sounds = {"silence": silence(120), "people talk near by without a pause": talk}
        sounds |= {n: filled(v, 120 * EAR_RATE, NEAR - 14, 1) for n, v in self._noises.items()}
        table = Table("hall", "utterances a minute", "CPU of a minute", "of an hour", "of a core")
        for name, microphone in sounds.items():
            begun = time.process_time()
            _, utterances = self._ears.doze(microphone[: 120 * EAR_RATE])
            spent = (time.process_time() - begun) / 2
            cells = [f"{utterances / 2:.1f}", f"{spent:.2f} s", f"{60 * spent:.0f} s"]
            table.add_row(name, *cells, f"{spent / 60:.1%}")
        self._console.print(table)

    def _report(self, where: str, wakes: list[tuple[float, str, Call]]) -> None:
        for at, text, _ in wakes:
            self._console.print(f"  woken: {where}, {at:.1f} s: {text}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--calls", type=Path, required=True, help="where the calls are kept")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    chosen = parser.parse_args()
    bench = Bench(chosen.data, chosen.calls)
    for part in chosen.only:
        getattr(bench, part)()


if __name__ == "__main__":
    main()
