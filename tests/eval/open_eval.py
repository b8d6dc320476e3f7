"""Asks the open questions through the mind with its real language model; prints every answer.

Says for each how many tokens were read after the question was known and how many were written until
something could be said: what the answer waits for, whatever else the machine does.

python tests/eval/open_eval.py
"""

from __future__ import annotations

import asyncio
import statistics
import time
import tomllib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.progress import track

from digital_human.config import settings
from digital_human.core.stage import ModelThread
from digital_human.dialogue.history import History
from digital_human.dialogue.knowledge import Knowledge
from digital_human.dialogue.llm import LLMS
from digital_human.dialogue.llm.base import Message, never
from digital_human.dialogue.mind import Mind
from digital_human.dialogue.persona import load_persona
from digital_human.dialogue.types import Line
from digital_human.safety.moderation import Moderator
from digital_human.speech.types import Language

FILE = Path(__file__).with_name("open_questions.toml")


@dataclass(frozen=True, slots=True)
class Asked:
    """An open question.

    Attributes:
        text: As heard.
        language: Its language.
        words: Of which a good answer holds at least one; empty when it cannot be answered.
    """

    text: str
    language: Language
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the mind said to one question.

    Attributes:
        question: The question.
        text: All its lines.
        origins: Where they came from.
        first: Seconds to the first line.
        total: Seconds to the last.
        read: Tokens read before the first token of the answer.
        written: Pieces written until the first line could be said.
    """

    question: Asked
    text: str
    origins: tuple[str, ...]
    first: float
    total: float
    read: int
    written: int

    @property
    def declined(self) -> bool:
        """Whether it was left unanswered."""
        return "decline" in self.origins

    @property
    def right(self) -> bool:
        """Whether it holds what is expected; for a person to look at again."""
        return any(word in self.text for word in self.question.words)


def read_open() -> list[Asked]:
    """The open questions, those that cannot be answered last."""
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    found = [
        Asked(text, cast(Language, language), tuple(words.split("|")))
        for text, language, words in content["open"]
    ]
    return found + [Asked(text, cast(Language, lang)) for text, lang in content["unknown"]]


class Counted:
    """A language model whose tokens are counted; everything else is the model's own."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.read = self.written = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def stream(self, messages: Sequence[Message], **options: Any) -> Iterator[str]:
        """As the model's."""
        self.written = 0
        for piece in self._model.stream(messages, **options):
            self.read = getattr(self._model, "evaluated", 0) if not self.written else self.read
            self.written += 1
            yield piece


async def ask(mind: Mind, model: Counted, question: Asked) -> Reply:
    """One question without anything said before."""
    start = time.perf_counter()
    first, lines, written = 0.0, list[Line](), 0
    async for thought in mind.think(question.text, question.language, History()):
        if isinstance(thought, Line):
            if not lines:
                first, written = time.perf_counter() - start, model.written
            lines.append(thought)
    text = (" " if question.language == "en" else "").join(line.text for line in lines)
    origins = tuple(dict.fromkeys(line.origin for line in lines))
    total = time.perf_counter() - start
    return Reply(question, text, origins, first, total, model.read, written)


async def ask_all(questions: list[Asked]) -> AsyncIterator[Reply]:
    """Every question in turn, through the shipped persona and the model of the settings."""
    persona = load_persona("xihu")
    knowledge = Knowledge.open(persona.folder / (persona.knowledge or ""))
    llm = Counted(LLMS[settings().llm.backend].create(settings().llm))
    thread = ModelThread("llm")
    moderator = Moderator.default()
    mind = Mind(persona, llm=llm, llm_thread=thread, knowledge=knowledge, moderator=moderator)
    try:
        await thread.call(mind.warm)
        for lesson in track(mind.lessons(), "passages", console=Console(stderr=True)):
            await thread.call(lesson, never)
        for question in questions:
            yield await ask(mind, llm, question)
    finally:
        mind.close()
        thread.close()
        llm.close()


async def main() -> None:
    """Print every answer with its times, and the counts."""
    replies: list[Reply] = []
    async for reply in ask_all(read_open()):
        replies.append(reply)
        state = "declined" if reply.declined else "right" if reply.right else "look"
        known = "" if reply.question.words else "(unknown) "
        print(
            f"{state:<9}{reply.first:5.2f}s{reply.total:6.2f}s {reply.read:4} read "
            f"{reply.written:3} written {'+'.join(reply.origins):<10}"
            f"{known}{reply.question.text}\n          → {reply.text}",
            flush=True,
        )
    open_ = [r for r in replies if r.question.words]
    by_model = [r for r in open_ if "llm" in r.origins]
    unknown = [r for r in replies if not r.question.words]
    print(
        f"{len(open_)} open: {sum(r.right and not r.declined for r in open_)} hold what is"
        f" expected, {sum(r.declined for r in open_)} declined; {len(unknown)} unknown:"
        f" {sum(r.declined for r in unknown)} declined;"
        f" medians of the model: {statistics.median(r.read for r in by_model):.0f} tokens read,"
        f" {statistics.median(r.written for r in by_model):.0f} pieces and"
        f" {statistics.median(r.first for r in by_model):.2f} s to the first line"
    )


if __name__ == "__main__":
    asyncio.run(main())
