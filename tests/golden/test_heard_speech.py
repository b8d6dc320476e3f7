"""The heard mouth against the marks it learned from, on speech with known phones."""

from __future__ import annotations

import numpy as np
import pytest

from digital_human.face.animation.articulation import COLUMN, STEP, articulate
from digital_human.face.animation.heard import ROW, hear
from digital_human.face.animation.prosody import analyse, pauses
from digital_human.speech.synthesizers.kokoro import KokoroSynthesizer
from digital_human.speech.types import Clause, Language
from digital_human.speech.voices import load_voice

pytestmark = [pytest.mark.weights, pytest.mark.slow]

GAP = {"jawOpen": 0.32, "mouthUpperUp": 0.05, "mouthLowerDown": 0.06}


@pytest.mark.parametrize(
    ("text", "language", "voice", "least"),
    [
        ("今天天气很好，我们一起去公园散步吧。", "zh", "xiaoyi", 0.8),
        ("Pam bought a big purple umbrella for my mother.", "en", "heart", 0.65),
        ("爸爸陪妹妹买葡萄，明明跑步拍皮球。", "zh", "yunxi", 0.65),
    ],
)
def test_it_moves_as_the_marks_do_and_finds_closures(
    text: str, language: Language, voice: str, least: float
) -> None:
    speech = KokoroSynthesizer().synthesize(Clause(text, language), load_voice(voice))
    rows = hear(speech.pcm, speech.rate)
    prosody = analyse(speech, 0.0)
    silences = pauses([(-9.0, 0.0), *prosody.silences, (len(speech.pcm) / speech.rate, 9.0)])
    count = round(len(speech.pcm) / speech.rate / ROW)
    track = articulate(prosody.gestures, silences, 0, round(count * ROW / STEP), 0.04)
    step = round(ROW / STEP)

    def gap(pose: np.ndarray, lips: np.ndarray) -> np.ndarray:
        return sum(pose[:, COLUMN[n]] * share for n, share in GAP.items()) * (1.0 - lips)

    wanted = gap(track.pose, track.lips)[::step][:count]
    ours = gap(rows.pose, rows.lips)[:count]
    assert np.corrcoef(ours, wanted)[0, 1] > least
    shut = [
        ours[max(0, int(p.start / speech.rate / ROW) - 3) : int(p.end / speech.rate / ROW) + 3]
        for p in speech.phones
        if p.symbol[:1] in "pbm"
    ]
    usual = float(np.percentile(ours, 90))
    assert len(shut) >= 3
    assert np.mean([s.min() < 0.3 * usual for s in shut]) > 0.7
