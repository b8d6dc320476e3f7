"""What every recognizer must do, on real speech, noise and silence."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from digital_human.errors import Cancelled, InputError, ResourceError
from digital_human.speech.hearing import EAR_RATE
from digital_human.speech.recognizers import RECOGNIZERS, whisper
from digital_human.speech.recognizers.base import Recognised, Recognizer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "eval"))

from hearing import load, with_loss  # noqa: E402
from readback import compare  # noqa: E402

pytestmark = [pytest.mark.weights, pytest.mark.slow]


@pytest.fixture(scope="module", params=RECOGNIZERS.names())
def recognizer(request: pytest.FixtureRequest) -> Recognizer:
    made: Recognizer = RECOGNIZERS[request.param].create()
    return made


@pytest.mark.data
def test_writes_chinese_in_simplified_characters(recognizer: Recognizer, data_dir: Path) -> None:
    pcm = load(data_dir / "speech" / "zh_synth" / "zf_xiaobei_4.wav")
    for sound in (pcm, with_loss(pcm, 0.05)):
        heard = recognizer.recognise(sound, language=None)
        result = compare("等一下，我想问一下门票多少钱。", heard.text, "zh")
        assert heard.language == "zh"
        assert result.characters is not None and result.characters <= 0.08
    assert heard.confidence > 0.6
    assert heard.no_speech < 0.3


@pytest.mark.data
def test_writes_english(recognizer: Recognizer, data_dir: Path) -> None:
    pcm = load(data_dir / "speech" / "jfk.wav")
    heard = recognizer.recognise(pcm, language=None)
    said = (
        "And so my fellow Americans, ask not what your country can do for you, "
        "ask what you can do for your country."
    )
    result = compare(said, heard.text, "en")
    assert heard.language == "en"
    assert result.words is not None and result.words <= 0.05


@pytest.mark.data
def test_names_of_the_prompt_are_heard_and_not_read_back(
    recognizer: Recognizer, data_dir: Path
) -> None:
    prompt = "苏堤、雷峰塔、苏东坡"
    pcm = load(data_dir / "speech" / "zh_synth" / "zm_yunyang_2.wav")
    assert recognizer.recognise(pcm, language="zh", prompt=prompt).text.count("雷峰塔") == 1
    noise = load(data_dir / "speech" / "noise" / "noise1.wav")
    for start in (2, 10, 16):
        clip = noise[start * EAR_RATE : (start + 2) * EAR_RATE]
        assert recognizer.recognise(clip, language="zh", prompt=prompt).text == ""


def test_silence_has_no_text(recognizer: Recognizer) -> None:
    rng = np.random.default_rng(0)
    for pcm in (
        np.zeros(0, np.float32),
        np.zeros(2 * EAR_RATE, np.float32),
        (rng.standard_normal(2 * EAR_RATE) * 1e-2).astype(np.float32),
    ):
        assert recognizer.recognise(pcm, language=None).text == ""


def test_cancelled_work_is_dropped(recognizer: Recognizer) -> None:
    pcm = (np.random.default_rng(0).standard_normal(EAR_RATE) * 0.1).astype(np.float32)
    with pytest.raises(Cancelled):
        recognizer.recognise(pcm, language="zh", cancelled=lambda: True)


def test_an_unknown_language_is_refused(recognizer: Recognizer) -> None:
    with pytest.raises(InputError, match="'fr'"):
        recognizer.recognise(np.ones(EAR_RATE, np.float32), language="fr")  # type: ignore[arg-type]


@pytest.mark.data
def test_calls_that_hang_keep_nobody_from_being_heard(
    recognizer: Recognizer, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to a number, so that they do not fill the memory."""
    monkeypatch.setattr(whisper, "_MOST", 4)
    pcm = load(data_dir / "speech" / "zh_synth" / "zf_xiaobei_4.wav")
    before = recognizer.recognise(pcm, language="zh")
    inside, free = threading.Semaphore(0), threading.Event()

    def hang() -> bool:
        """In the middle of the work: the first question comes before it."""
        if threading.current_thread() in asked:
            inside.release()
            free.wait(60)
        asked.add(threading.current_thread())
        return False

    asked: set[threading.Thread] = set()
    with ThreadPoolExecutor(4) as threads:
        hung: list[Future[Recognised]] = []

        def one_more() -> None:
            work = partial(recognizer.recognise, pcm, language="zh", cancelled=hang)
            hung.append(threads.submit(work))
            assert inside.acquire(timeout=60)

        try:
            for _ in range(3):
                one_more()
            assert recognizer.recognise(pcm, language="zh").text == before.text
            one_more()
            with pytest.raises(ResourceError, match="do not come back"):
                recognizer.recognise(pcm, language="zh")
        finally:
            free.set()
        assert {call.result(60).text for call in hung} == {before.text}
    assert recognizer.recognise(pcm, language="zh").text == before.text
