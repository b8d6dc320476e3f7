"""Speech in many voices with its phoneme marks: what the lip network learns from.

    python scripts/train/lips/synth.py --out build/lips/speech --minutes 40 --budget 420

Kokoro's 54 voices and random blends of two or three read sentences of `texts.txt`, rows of letters,
digits and short words, short commands, Mandarin words with b, p and m, and (with --texts)
utterances of a folder of KdConv dialogues, at 0.8 to 1.25 of normal speed; British voices with
British phonemes. Every file holds 16 kHz sound and its marks; `teacher.py` makes the rows of them.
Call it again to go on where it stopped; the seed fixes the order. --cached takes the clauses that
the program itself has spoken before, with their marks, as well.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import soxr
import typer
from rich.progress import Progress, track
from teacher import Marked

from digital_human.config import settings
from digital_human.face.animation.heardmel import RATE
from digital_human.models import store
from digital_human.speech.cache import from_int16
from digital_human.speech.synthesizers.kokoro import KokoroSynthesizer
from digital_human.speech.text.lexicon import Entry, Lexicon
from digital_human.speech.types import Clause, Language, Phone
from digital_human.speech.voices import Voice

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
_COMMANDS = (
    "put place set lay bin bring take move pick drop leave find give show keep".split(),
    "blue red green white black brown old new small wooden".split(),
    "at by in with on near from under".split(),
    "now again please soon today too".split(),
)
_LIPS = (
    "爸爸 妈妈 伯伯 妹妹 宝宝 奔跑 跑步 皮球 明白 葡萄 面包 苹果 朋友 泡泡 门票 毛病 办法 不怕 "
    "漂亮 便宜 批评 陪伴 麻烦 棉被 米饭 蜜蜂 玻璃 背包 北边 拼命 排练 爬坡 表面 部门 普遍 蓬勃 "
    "斑马 帮忙 白布 冰棒 报名 本部 标明 别买 不免 磨破 拍板 旁边 跑马 配备 碰杯 屏幕 破败 莫名"
).split()


def _rows(rng: np.random.Generator) -> tuple[Language, str]:
    """Letters, digits, short words or words with b, p, m in any order; short commands."""
    kind = rng.random()
    if kind < 0.1:
        return "zh", "".join(rng.choice(_DIGITS["zh"], rng.integers(5, 10))) + "。"
    if kind < 0.35:
        words = list(rng.choice(_LIPS, rng.integers(3, 7)))
        return "zh", "".join(w + str(rng.choice(["", "，"], p=[0.7, 0.3])) for w in words) + "。"
    if kind < 0.7:
        verb, colour, where, last = (str(rng.choice(words)) for words in _COMMANDS)
        letter, digit = str(rng.choice(_LETTERS))[0], str(rng.choice(_DIGITS["en"]))
        return "en", f"{verb} {colour} {where} {letter} {digit} {last}."
    pool = [*_SHORT, *_DIGITS["en"], *_LETTERS]
    words = list(rng.choice(pool, rng.integers(5, 9)))
    return "en", " ".join(words).rstrip(".") + "."


def _dialogues(path: Path) -> list[str]:
    """Utterances of 8 to 40 characters."""
    talks = json.loads(path.read_text(encoding="utf-8"))
    lines = [m["message"] for talk in talks for m in talk["messages"]]
    return sorted({line for line in lines if 8 <= len(line) <= 40 and line.isprintable()})


def _voice(rng: np.random.Generator, language: Language, names: list[str]) -> Voice:
    """One of the voices or a blend of two or three."""
    native = [n for n in names if n[0] in ("z" if language == "zh" else "ab")]
    pool = native if rng.random() < 0.7 else names
    count = int(rng.choice([1, 2, 3], p=[0.4, 0.35, 0.25]))
    if count > 1 and language == "en" and rng.random() < 0.4:
        pool = [n for n in native if n[0] == "b"]
    chosen, shares = rng.choice(pool, count, replace=False), rng.dirichlet([3.0] * count)
    return Voice(
        name="training", display={}, gender="female", languages=("zh", "en"), engine="kokoro",
        style={str(n): float(w) for n, w in zip(chosen, shares, strict=True)},
        speed=float(rng.uniform(0.8, 1.25)), licence="Apache-2.0", source="Kokoro-82M",
        consent="synthetic",
    )  # fmt: skip


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
        if kind < 0.3:
            language, text = _rows(rng)
        elif kind < 0.42 and talks:
            language, text = "zh", talks[int(rng.integers(len(talks)))]
        else:
            if not order:
                order = list(rng.permutation(len(own)))
            language, text = own[order.pop()]  # type: ignore[assignment]
        yield f"{number:04d}", Clause(text, language), _voice(rng, language, names)
        number += 1


@lru_cache(maxsize=1)
def _british() -> Any:
    from hibari.g2p import G2P

    return G2P(british=True)


def accent(clause: Clause, voice: Voice) -> Lexicon | None:
    """British readings of the words, for voices that are mostly British."""
    share = sum(w for name, w in voice.style.items() if name[0] == "b")
    if clause.language != "en" or share <= 0.5:
        return None
    words = sorted(set(re.findall(r"[A-Za-z']+", clause.text)))
    entries = []
    for token in (t for w in words for t in _british().phonemize_tokens(_british().tokenize(w))):
        if token.phonemes and token.text in words:
            entries.append(Entry(token.text, phonemes=token.phonemes))
    return Lexicon(entries)


def _own() -> str:
    return (Path(__file__).parent / "texts.txt").read_text(encoding="utf-8").strip()


def marked(pcm: np.ndarray, rate: int, phones: tuple[Phone, ...]) -> Marked:
    """The speech at `RATE` with its marks in seconds."""
    sound = np.clip(soxr.resample(pcm, rate, RATE), -1.0, 1.0)
    times = [(p.start / rate, p.end / rate, p.stress) for p in phones]
    symbols = [p.symbol for p in phones]
    return Marked(np.round(sound * 32767).astype(np.int16), symbols, np.array(times))


def save(path: Path, data: Marked) -> None:
    """Write whole or not at all."""
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez_compressed(file, pcm=data.pcm, symbols=np.array(data.symbols), times=data.times)
    partial.replace(path)


def cached() -> Iterator[tuple[str, Marked]]:
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
        yield path.stem[:12], marked(pcm, head["rate"], phones)


def main(
    out: Annotated[Path, typer.Option(help="Folder of the files.")] = Path("build/lips/speech"),
    minutes: Annotated[float, typer.Option(help="Speech wanted in all.")] = 40.0,
    budget: Annotated[float, typer.Option(help="CPU seconds after which this call ends.")] = 1e9,
    seed: Annotated[int, typer.Option()] = 7,
    texts: Annotated[Path | None, typer.Option(help="KdConv dialogues (JSON).")] = None,
    take_cached: Annotated[bool, typer.Option("--cached", help="Take cached clauses too.")] = False,
) -> None:
    """Synthesise until there is enough."""
    out.mkdir(parents=True, exist_ok=True)
    if take_cached:
        for name, data in track(cached(), "cached clauses", transient=True):
            if not (path := out / f"c-{name}.npz").exists():
                save(path, data)
    synthesizer = KokoroSynthesizer(threads=1)
    started, seconds = time.process_time(), 0.0
    with Progress() as progress:
        task = progress.add_task("speech", total=minutes * 60)
        for name, clause, voice in jobs(seed, texts):
            if seconds >= minutes * 60:
                break
            path = out / f"{name}.npz"
            if not path.exists():
                if time.process_time() - started > budget:
                    break
                speech = synthesizer.synthesize(clause, voice, lexicon=accent(clause, voice))
                data = marked(speech.pcm, speech.rate, speech.phones)
                save(path, data)
                length = len(data.pcm)
            else:
                with np.load(path) as known:
                    length = len(known["pcm"])
            seconds += length / RATE
            progress.update(task, completed=seconds)
    typer.echo(f"{seconds / 60:.1f} min of speech in {out}")


if __name__ == "__main__":
    typer.run(main)
