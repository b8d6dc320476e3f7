"""Speech in many voices with the mouth movement of its own marks: what the lip network learns from.

    python scripts/train/lips/synth.py --out build/lips/speech --minutes 40 --budget 420

Sentences of `texts.txt`, rows of letters, digits and short words, and (with --texts) utterances of
a folder of KdConv dialogues are read by Kokoro's 54 voices and random blends of two of them, at
0.85 to 1.2 of normal speed. Every file holds 16 kHz sound and the teacher's rows of 10 ms:
`articulate` run on the marks. Call it again to go on where it stopped; the seed fixes the order.
--cached takes the clauses that the program itself has spoken before, with their marks, as well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import soxr
import typer
from rich.progress import Progress, track

from digital_human.config import settings
from digital_human.face.animation.articulation import STEP, articulate
from digital_human.face.animation.heardmel import HOP, RATE
from digital_human.face.animation.prosody import analyse, pauses
from digital_human.models import store
from digital_human.speech.cache import from_int16
from digital_human.speech.synthesizers.kokoro import KokoroSynthesizer
from digital_human.speech.types import Clause, Language, Phone, Speech
from digital_human.speech.voices import Voice

LEAD, TAIL = 0.3, 0.4  # s of silence around the speech
FRAME = 0.04  # s; closures last at least this long
_FOREVER = 1e9
_SHORT = (
    "blue green red white black brown bin lay place set pick drop bring at by in with from now "
    "soon again please open pump beam map lamp home five four above fun window yellow purple "
    "mama papa baby bubble pepper movie people problem number maybe"
).split()
_LETTERS = [f"{c}." for c in "ABCDEFGHIJKLMNOPQRSTUVXYZ"]
_DIGITS = {
    "en": "zero one two three four five six seven eight nine ten".split(),
    "zh": list("零一二三四五六七八九十"),
}


def _rows(rng: np.random.Generator) -> tuple[Language, str]:
    """Letters, digits and short words in any order."""
    if rng.random() < 0.25:
        return "zh", "".join(rng.choice(_DIGITS["zh"], rng.integers(5, 10))) + "。"
    pool = [*_SHORT, *_DIGITS["en"], *_LETTERS]
    words = list(rng.choice(pool, rng.integers(5, 9)))
    return "en", " ".join(words).rstrip(".") + "."


def _dialogues(path: Path) -> list[str]:
    """Utterances of 8 to 40 characters."""
    talks = json.loads(path.read_text(encoding="utf-8"))
    lines = [m["message"] for talk in talks for m in talk["messages"]]
    return sorted({line for line in lines if 8 <= len(line) <= 40 and line.isprintable()})


def jobs(seed: int, texts: Path | None) -> Iterator[tuple[str, Clause, Voice]]:
    """An endless row of (name, clause, voice)."""
    rng = np.random.default_rng(seed)
    own = [line.partition("|")[::2] for line in _own().splitlines()]
    talks = _dialogues(texts) if texts else []
    names = sorted(p.stem for p in store().path("kokoro-voices").glob("*.bin"))
    order: list[int] = []
    number = 0
    while True:
        kind = rng.random()
        if kind < 0.22:
            language, text = _rows(rng)
        elif kind < 0.42 and talks:
            language, text = "zh", talks[int(rng.integers(len(talks)))]
        else:
            if not order:
                order = list(rng.permutation(len(own)))
            language, text = own[order.pop()]  # type: ignore[assignment]
        native = [n for n in names if n[0] in ("z" if language == "zh" else "ab")]
        pool = native if rng.random() < 0.75 else names
        style = {str(rng.choice(pool)): 1.0}
        if rng.random() < 0.35:
            two, shares = rng.choice(native, 2, replace=False), rng.dirichlet([3, 3])
            style = {str(n): float(w) for n, w in zip(two, shares, strict=True)}
        voice = Voice(
            name="training", display={}, gender="female", languages=("zh", "en"), engine="kokoro",
            style=style, speed=float(rng.uniform(0.85, 1.2)), licence="Apache-2.0",
            source="Kokoro-82M", consent="synthetic",
        )  # fmt: skip
        yield f"{number:04d}", Clause(text, language), voice
        number += 1


def _own() -> str:
    return (Path(__file__).parent / "texts.txt").read_text(encoding="utf-8").strip()


def rows(speech: Speech) -> dict[str, np.ndarray]:
    """16 kHz sound with silence around it, and the teacher's rows for it."""
    sound = soxr.resample(speech.pcm, speech.rate, RATE)
    pcm = np.concatenate(
        [np.zeros(round(LEAD * RATE)), sound, np.zeros(round(TAIL * RATE))]
    ).astype(np.float32)
    count = len(pcm) // HOP
    prosody = analyse(speech, LEAD)
    end = LEAD + len(speech.pcm) / speech.rate
    silences = pauses([(-_FOREVER, LEAD), *prosody.silences, (end, _FOREVER)])
    track = articulate(prosody.gestures, silences, 0, 2 * count, FRAME)
    time_ = np.arange(count) * 2 * STEP
    quiet = np.zeros(count, bool)
    for a, b in silences:
        quiet |= (time_ >= a) & (time_ < b)
    return {
        "pcm": np.round(pcm * 32767).astype(np.int16),
        "pose": track.pose[::2].astype(np.float16),
        "lips": track.lips[::2].astype(np.float16),
        "teeth": track.teeth[::2].astype(np.float16),
        "quiet": quiet,
    }


def save(path: Path, data: dict[str, np.ndarray]) -> None:
    """Write whole or not at all."""
    partial = path.with_suffix(".part.npz")
    np.savez_compressed(partial, **data)
    partial.replace(path)


def cached() -> Iterator[tuple[str, Speech]]:
    """The program's own spoken clauses, one of each text and length."""
    seen = set()
    for path in sorted((settings().cache_dir / "clauses").glob("*/*.npz")):
        with np.load(path) as file:
            head = json.loads(str(file["head"]))
            pcm = from_int16(file["pcm"])
        key = head["spoken"], len(pcm)
        if key in seen or len(pcm) < head["rate"] // 2:
            continue
        seen.add(key)
        phones = tuple(Phone(*phone) for phone in head["phones"])
        clause = Clause(head["spoken"], "zh")
        yield path.stem[:12], Speech(clause, head["spoken"], pcm, head["rate"], phones, (), 0)


def main(
    out: Annotated[Path, typer.Option(help="Folder of the files.")] = Path("build/lips/speech"),
    minutes: Annotated[float, typer.Option(help="Speech wanted in all.")] = 40.0,
    budget: Annotated[float, typer.Option(help="Seconds after which this call ends.")] = 1e9,
    seed: Annotated[int, typer.Option()] = 7,
    texts: Annotated[Path | None, typer.Option(help="KdConv dialogues (JSON).")] = None,
    take_cached: Annotated[bool, typer.Option("--cached", help="Take cached clauses too.")] = False,
) -> None:
    """Synthesise until there is enough."""
    out.mkdir(parents=True, exist_ok=True)
    if take_cached:
        for name, speech in track(cached(), "cached clauses", transient=True):
            if not (path := out / f"c-{name}.npz").exists():
                save(path, rows(speech))
    synthesizer = KokoroSynthesizer(threads=1)
    started, seconds = time.monotonic(), 0.0
    with Progress() as progress:
        task = progress.add_task("speech", total=minutes * 60)
        for name, clause, voice in jobs(seed, texts):
            path = out / f"{name}.npz"
            if not path.exists():
                if time.monotonic() - started > budget:
                    break
                data = rows(synthesizer.synthesize(clause, voice))
                save(path, data)
                seconds += len(data["pcm"]) / RATE
            else:
                with np.load(path) as known:
                    seconds += len(known["quiet"]) * HOP / RATE
            progress.update(task, completed=seconds)
            if seconds >= minutes * 60:
                break
    typer.echo(f"{seconds / 60:.1f} min of speech in {out}")


if __name__ == "__main__":
    typer.run(main)
