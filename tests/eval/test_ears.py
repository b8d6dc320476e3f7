"""The ears on real recordings: whole turns, noise, and the digital human's own voice."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from digital_human.speech.endpoint import EndpointJudge
from digital_human.speech.hearing import Commit, Duck, Hold, Interrupt, Mode, Partial, Started
from digital_human.speech.recognizers.whisper import WhisperRecognizer

sys.path.insert(0, str(Path(__file__).resolve().parent))

from hearing import load, play, silence  # noqa: E402

pytestmark = [pytest.mark.weights, pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def models() -> tuple[WhisperRecognizer, EndpointJudge]:
    return WhisperRecognizer(), EndpointJudge()


async def test_a_question_is_one_turn(
    models: tuple[WhisperRecognizer, EndpointJudge], data_dir: Path
) -> None:
    pcm = load(data_dir / "speech" / "zh_synth" / "zm_yunyang_2.wav")
    microphone = np.concatenate([silence(1.0), pcm, silence(2.0)])
    ears = await play(microphone, recognizer=models[0], judge=models[1], words=("苏堤", "雷峰塔"))
    (commit,) = [action for _, action in ears.of(Commit)]
    ((started, _),) = ears.of(Started)
    assert "雷峰塔的开放时间" in commit.transcript.text
    assert commit.transcript.language == "zh"
    assert commit.waited < 1.3
    assert started < commit.transcript.start + 0.15
    partials = [action.transcript.text for _, action in ears.of(Partial)]
    assert len(partials) >= 2 and "雷峰塔" in partials[-1]


async def test_noise_is_no_turn(
    models: tuple[WhisperRecognizer, EndpointJudge], data_dir: Path
) -> None:
    noise = load(data_dir / "speech" / "noise" / "noise1.wav")[: 12 * 16000]
    ears = await play(noise, recognizer=models[0], judge=models[1])
    assert ears.of(Commit) == []


@pytest.mark.parametrize(
    ("name", "from_second"),
    [
        ("9mkQhVtzTEy2hDk-6u2Sww_farend_singletalk", None),
        ("DMTgmZwtgUilp4omPK7-OQ_doubletalk", 4.1),
        ("DLhjtuwiEkS-68TsUVvW5g_nearend_singletalk", 0.1),
    ],
)
async def test_only_the_visitor_interrupts(
    models: tuple[WhisperRecognizer, EndpointJudge],
    data_dir: Path,
    name: str,
    from_second: float | None,
) -> None:
    folder = data_dir / "speech" / "echo"
    seconds = 11.0 if from_second is None else from_second + 2.0
    ears = await play(
        load(folder / f"{name}_mic.wav")[: round(seconds * 16000)],
        recognizer=models[0],
        judge=models[1],
        far_end=load(folder / f"{name}_lpb.wav"),
        mode=Mode.SPEAKING,
    )
    if from_second is None:
        assert ears.of(Duck, Hold, Interrupt) == []
        return
    held = [at for at, _ in ears.of(Hold)]
    ((interrupted, _), *_) = ears.of(Interrupt)
    assert from_second < held[0] < from_second + 0.6
    assert interrupted < from_second + 1.3
