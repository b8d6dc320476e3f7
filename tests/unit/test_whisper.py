"""What Whisper's recogniser makes of names that it was told and may only be reading back."""

from __future__ import annotations

import pytest

from digital_human.speech.hearing import Heard
from digital_human.speech.recognizers.base import Recognised
from digital_human.speech.recognizers.whisper import WhisperRecognizer
from digital_human.speech.synthesizers.base import never

PROMPT = "苏东坡、东坡、西湖、苏堤春晓\nSu Dongpo, Dongpo, West Lake"

Written = tuple[str, float, float]


class Scripted(WhisperRecognizer):
    """Its guards, with the model's answers written down.

    Args:
        answers: Text, confidence and probability of no speech of every try.
    """

    def __init__(self, *answers: Written) -> None:
        self._answers = list(answers)
        self.told: list[str] = []

    def _answer(self, told: str, seconds: float, repetition: float = 1.0) -> Written:
        self.told.append(told)
        return self._answers.pop(0)

    def hear(self, language: Heard) -> Recognised:
        """What it makes of an utterance of 1.2 s."""
        return self._heard(self._answer, language, PROMPT, 1.2, never)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "苏东坡"),
        ("zh", "苏东坡。"),
        ("zh", "苏堤春晓"),
        ("zh", "东坡，东坡"),
        ("en", " Su Dongpo"),
        ("en", " West Lake."),
    ],
)
def test_a_name_said_alone_is_kept_when_the_model_is_sure(language: Heard, text: str) -> None:
    whisper = Scripted((text, 0.6, 0.19))
    assert whisper.hear(language).text == text.strip()
    assert len(whisper.told) == 1


@pytest.mark.parametrize(
    ("language", "first"),
    [
        ("zh", ("苏东坡", 0.4, 0.1)),  # unsure
        ("zh", ("苏东坡", 0.9, 0.5)),  # perhaps nobody spoke
        ("zh", ("苏东坡、东坡、西湖", 0.7, 0.1)),  # a piece of the list
        ("zh", ("苏东坡，苏东坡，苏东坡", 0.7, 0.1)),
        ("zh", ("以下是普通话的句子。", 0.9, 0.1)),  # what goes before the list
        ("en", (" Su Dongpo, Dongpo", 0.38, 0.2)),
        ("en", (" Su Dongpo, Dongpo, Dongpo,", 0.62, 0.26)),
    ],
)
def test_names_read_back_are_recognised_again_without_the_list(
    language: Heard, first: Written
) -> None:
    whisper = Scripted(first, ("舒东婆", 0.15, 0.6))
    assert whisper.hear(language).text == ""
    assert "Dongpo" in whisper.told[0] or "东坡" in whisper.told[0]
    assert "Dongpo" not in whisper.told[1] and "东坡" not in whisper.told[1]
    again = Scripted(first, ("你好" if language == "zh" else "Hello there", 0.8, 0.1))
    assert again.hear(language).text in ("你好", "Hello there")


def test_speech_with_a_name_in_it_is_left_alone() -> None:
    assert Scripted(("苏东坡是谁？", 0.4, 0.1)).hear("zh").text == "苏东坡是谁？"
