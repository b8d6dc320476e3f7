"""Whether sentences in two languages keep one voice, by the two encoders that judge made voices.

    python scripts/bench/mixed.py --voice xiaoyi --voice yunxi --voice heart
    DH_HOME=home python scripts/bench/mixed.py --voice NAME --out mixed.json

Each voice says Chinese, English and mixed sentences of about the same length. Printed are the
cosines of different sentences: in one language, across the two, of the mixed with each, and, as the
floor, of the mixed sentences with those of the other voices.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.speech.cloning.encoders import judging_encoders
from digital_human.speech.cloning.measure import speak
from digital_human.speech.cloning.recordings import RATE
from digital_human.speech.types import Language
from digital_human.speech.voices import load_voice

SENTENCES: dict[str, tuple[Language, tuple[str, ...]]] = {
    "zh": (
        "zh",
        (
            "老街尽头的茶馆每天早上都坐满了人。",
            "如果天气一直这么好，火车应该会准时到。",
            "很多游客从小博物馆门前走过，却没有注意到它。",
        ),
    ),
    "en": (
        "en",
        (
            "Please leave your coat by the door and follow me to the garden.",
            "Our train will arrive on time if the weather stays this calm.",
            "Most visitors walk past the small museum without noticing it.",
        ),
    ),
    "mixed": (
        "zh",
        (
            "请大家打开Bluetooth，然后搜索West Lake Museum。",
            "这个project的deadline是星期五，请不要miss掉。",
            "导游说Good morning everyone，然后带我们上了船。",
        ),
    ),
}
Vectors = dict[str, list[FloatArray]]


def cosine(one: list[FloatArray], other: list[FloatArray], *, same: bool = False) -> float:
    """Mean over pairs; of different sentences only when both lists are the ``same``."""
    pairs = itertools.combinations(one, 2) if same else itertools.product(one, other)
    return float(np.mean([a @ b for a, b in pairs]))


def main() -> None:
    """Speak, measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", action="append", required=True)
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    encoders = judging_encoders()
    found: dict[str, dict[str, Vectors]] = {encoder.name: {} for encoder in encoders}
    for name in options.voice:
        voice = load_voice(name)
        for kind, (language, texts) in SENTENCES.items():
            sounds = speak(voice, texts, language).sounds
            for encoder in encoders:
                vectors = [encoder.embed(pcm, RATE) for pcm in sounds]
                found[encoder.name].setdefault(name, {})[kind] = vectors
    heads = ["zh, zh", "en, en", "zh, en", "mixed, mixed", "mixed, zh", "mixed, en", "other voices"]
    print("| voice | encoder | " + " | ".join(heads) + " |")
    print("|" + "---|" * (len(heads) + 2))
    figures = []
    for name in options.voice:
        for encoder in encoders:
            own = found[encoder.name][name]
            others = [v for n, all_ in found[encoder.name].items() if n != name
                      for v in all_["mixed"]]  # fmt: skip
            row = [
                cosine(own["zh"], own["zh"], same=True),
                cosine(own["en"], own["en"], same=True),
                cosine(own["zh"], own["en"]),
                cosine(own["mixed"], own["mixed"], same=True),
                cosine(own["mixed"], own["zh"]),
                cosine(own["mixed"], own["en"]),
                cosine(own["mixed"], others) if others else float("nan"),
            ]
            figures.append(
                {"voice": name, "encoder": encoder.name, **dict(zip(heads, row, strict=True))}
            )
            print(f"| {name} | {encoder.name} | " + " | ".join(f"{v:.2f}" for v in row) + " |")
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
