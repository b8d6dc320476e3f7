"""The sample place on a Sunday in November, and what it says to a question."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from digital_human.dialogue.persona import load_persona
from digital_human.dialogue.place import Place
from digital_human.speech.types import Language

PERSONA = load_persona("dongpo")
ZONE = ZoneInfo("Asia/Shanghai")
SUNDAY = datetime(2026, 11, 22, 14, 30, tzinfo=ZONE)


@pytest.fixture(scope="module")
def place() -> Place:
    """The place of 苏东坡."""
    assert PERSONA.place_folder is not None
    return Place.open(PERSONA.place_folder)


def told(
    place: Place,
    text: str,
    language: Language | None = None,
    now: datetime = SUNDAY,
    at: str | None = None,
) -> str:
    """All that is said, empty for nothing; in the language of the question by default."""
    language = language or ("en" if text.isascii() else "zh")
    found = place.answer(text, language, now=now, at=at)
    return " ".join(line.text for line in found.said) if found and found.sure else ""
