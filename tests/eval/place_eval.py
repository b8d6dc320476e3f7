"""Asks the held-out questions about the place through the mind and judges the answers by program.

python tests/eval/place_eval.py           without a language model
python tests/eval/place_eval.py --llm     with the one of the settings
python tests/eval/place_eval.py FILE      other questions than those of place_heldout.toml
"""

from __future__ import annotations

import asyncio
import re
import sys
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from digital_human.config import settings
from digital_human.core.stage import ModelThread
from digital_human.dialogue.history import History
from digital_human.dialogue.knowledge import Embedder, Knowledge
from digital_human.dialogue.llm import LLMS
from digital_human.dialogue.llm.base import Llm, never
from digital_human.dialogue.mind import Mind
from digital_human.dialogue.persona import load_persona
from digital_human.dialogue.place import Place
from digital_human.dialogue.poems import Poems
from digital_human.dialogue.types import Line
from digital_human.safety.moderation import Moderator
from digital_human.speech.types import Language

HELDOUT = Path(__file__).resolve().parent / "place_heldout.toml"
NOW = datetime(2026, 11, 22, 14, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question.

    Attributes:
        text: As heard.
        language: Its language.
        facts: What the answer must hold, each in one of several wordings; empty when it cannot be
            answered.
    """

    text: str
    language: Language
    facts: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said to a question.

    Attributes:
        question: The question.
        text: All lines.
        origins: Where they came from.
    """

    question: Asked
    text: str
    origins: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether it holds every fact, or for an unknown was declined and nothing else."""
        if not self.question.facts:
            return self.origins == ("decline",)
        text = _figures(self.text.lower())
        return "decline" not in self.origins and all(
            any(_figures(word.lower()) in text for word in fact) for fact in self.question.facts
        )


def _figures(text: str) -> str:
    """Text with years in one way of writing: 一〇八二 is 1082."""
    return re.sub(r"[〇零一二三四五六七八九]{4}", lambda year: year[0].translate(_DIGITS), text)


def read_questions(path: Path = HELDOUT) -> list[Asked]:
    """The questions of a file, the unknown ones last."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    known = [
        Asked(text, cast(Language, language), tuple(tuple(fact.split("|")) for fact in facts))
        for text, language, facts in content["answerable"]
    ]
    return known + [Asked(text, cast(Language, lang)) for text, lang in content["unknown"]]


async def ask_all(
    questions: list[Asked], *, embedder: Embedder | None = None, llm: Llm | None = None
) -> AsyncIterator[Reply]:
    """Every question by itself, through the shipped persona."""
    persona = load_persona("dongpo")
    assert persona.knowledge_folder and persona.poems_file and persona.place_folder
    thread = ModelThread("llm") if llm is not None else None
    mind = Mind(
        persona,
        llm=llm,
        llm_thread=thread,
        knowledge=Knowledge.open(
            persona.knowledge_folder, also=persona.shared_knowledge, embedder=embedder
        ),
        moderator=Moderator.default(),
        poems=Poems.load(persona.poems_file),
        place=Place.open(persona.place_folder),
        today=lambda: NOW,
    )
    try:
        if thread is not None:
            await thread.call(mind.warm)
            for exam in mind.exams():
                await thread.call(exam, never)
        for question in questions:
            lines = [
                thought
                async for thought in mind.think(question.text, question.language, History())
                if isinstance(thought, Line)
            ]
            joint = " " if question.language == "en" else ""
            text = joint.join(line.text for line in lines)
            yield Reply(question, text, tuple(dict.fromkeys(line.origin for line in lines)))
    finally:
        mind.close()
        if thread is not None:
            thread.close()


async def main() -> None:
    """Print every answer, and the counts."""
    llm = LLMS[settings().llm.backend].create(settings().llm) if "--llm" in sys.argv else None
    files = [Path(name) for name in sys.argv[1:] if name != "--llm"]
    questions = read_questions(*files)
    replies: list[Reply] = []
    async for reply in ask_all(questions, llm=llm):
        replies.append(reply)
        state = "right" if reply.right else "WRONG"
        origins = "+".join(reply.origins)
        print(f"{state} {origins:<10}{reply.question.text}\n      → {reply.text}", flush=True)
    known = [reply for reply in replies if reply.question.facts]
    unknown = [reply for reply in replies if not reply.question.facts]
    print(
        f"{sum(r.right for r in known)} of {len(known)} answered right, "
        f"{sum(r.right for r in unknown)} of {len(unknown)} unknown declined"
    )
    if llm is not None:
        llm.close()


if __name__ == "__main__":
    asyncio.run(main())
