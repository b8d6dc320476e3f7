"""Decides what to say: from the knowledge where it is sure, else with the language model."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from digital_human.core.stage import ModelThread
from digital_human.dialogue import prompt
from digital_human.dialogue.grounding import grounded, numbers, written_in
from digital_human.dialogue.history import History
from digital_human.dialogue.intent import Intent, follows_up, intent_of, wants_more
from digital_human.dialogue.knowledge import Findings, Knowledge
from digital_human.dialogue.knowledge.entries import spoken
from digital_human.dialogue.llm.base import Llm, Message, never
from digital_human.dialogue.persona import Persona
from digital_human.dialogue.spoken import Sentences
from digital_human.dialogue.types import Act, Line, Origin, Replaced, Source, Sources, Thought
from digital_human.errors import Cancelled
from digital_human.safety.moderation import Moderator
from digital_human.safety.words import Level
from digital_human.speech.text.emotion import emotion_of
from digital_human.speech.types import Language

_HISTORY = 320  # tokens of what was said before, where a question needs it
_GIVES_AWAY = re.compile(
    r"通义|千问|阿里|语言模型|大模型|训练数据|系统提示|提示词|我的(?:规则|指令|设定)"
    r"|qwen|alibaba|openai|chatgpt|language model|system prompt|my (?:rules|instructions)",
    re.IGNORECASE,
)
# What the model says when the passages do not hold the answer: the persona has words for that.
_UNKNOWN = re.compile(
    r"资料|(?:我|这个|暂时|目前|并)?不(?:太)?(?:知道|清楚|了解|确定)|没有(?:提到|提及|说明|相关|具体)|无法(?:确定|回答|提供)"
    r"|\bnotes?\b|\b(?:don't|do not) (?:know|have)|not (?:sure|mentioned|specified|provided)"
    r"|no information|unable to|can(?:'t|not) (?:answer|provide|say)",
    re.IGNORECASE,
)
NEAR_ENOUGH = 0.52
"""Cosine from which a passage may be spoken where the language model has nothing to say."""
# Politeness that says nothing.
_EMPTY = re.compile(
    r"^(?:好的|当然|没问题|我?明白了?|我?知道了|嗯|您好|你好|sure|of course|certainly|ok(?:ay)?)"
    r"(?:[，,。！!]*(?:可以|我?(?:明白|知道)了?))?[，,。！!.]*$",
    re.IGNORECASE,
)
_MISSES = 2  # sentences that rest on nothing before an answer is given up
_LEAKED = 9  # characters of the rules in a row that give them away


@dataclass(frozen=True, slots=True)
class Length:
    """How long an answer may be.

    Attributes:
        tokens: Tokens generated at most.
        sentences: Sentences at most.
        characters: No sentence is begun after so many; English counts a third.
    """

    tokens: int
    sentences: int
    characters: int


BRIEF, LONG = Length(96, 3, 90), Length(280, 8, 260)


class Mind:
    """Answers for one persona; shared by its sessions, used from the event loop's thread.

    Args:
        persona: Who answers.
        llm: The language model; None answers from the knowledge only.
        llm_thread: Where ``llm`` runs.
        knowledge: What the persona knows; None for nothing.
        moderator: Judges every line.
    """

    def __init__(
        self,
        persona: Persona,
        *,
        llm: Llm | None,
        llm_thread: ModelThread | None,
        knowledge: Knowledge | None,
        moderator: Moderator,
    ) -> None:
        self._persona, self._moderator, self._knowledge = persona, moderator, knowledge
        self._llm = None if llm is None or llm_thread is None else _Running(llm, llm_thread)
        self._searching = ModelThread("knowledge")
        self._rules = {
            language: _letters(prompt.rules_text(persona, language))
            for language in persona.languages
        }

    async def think(
        self,
        text: str,
        language: Language,
        history: History,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> AsyncGenerator[Thought]:
        """Answer ``text``.

        Args:
            text: What the visitor said.
            language: Language of the answer.
            history: What was said before; not changed.
            cancelled: Whether the answer is still wanted; asked by model threads too.

        Yields:
            `Sources` before lines that rest on passages, then lines as soon as each is complete.

        Raises:
            Cancelled: ``cancelled`` said so.
            DigitalHumanError: The language model failed.
        """
        language = self._persona.language(language)
        intent = intent_of(text)
        if (line := self._own_words(intent, language, history)) is not None:
            yield line
            return
        findings = await self._search(text, language, history)
        if findings.sure is not None:
            yield Sources((findings.sure.source,))
            for thought in self._moderated(findings.sure.text, language, "knowledge"):
                yield thought
            return
        sources = findings.about
        if self._llm is None or not (sources or intent != "question"):
            yield self._declined(language, history)
            return
        if sources:
            yield Sources(sources)
        messages = self._prompt(text, language, history, sources, intent)
        answer = _Answer(LONG if wants_more(text) else BRIEF, language, text, sources)
        async with contextlib.aclosing(self._generated(messages, answer, cancelled)) as thoughts:
            async for thought in thoughts:
                yield thought
        if not answer.whole:
            for thought in self._instead(answer, findings, language, history):
                yield thought

    def settled(self, text: str, language: Language) -> Line | None:
        """The answer to ``text`` that needs no language model, if there is one."""
        language = self._persona.language(language)
        intent = intent_of(text)
        if intent == "repeat":
            return None
        if (words := self._persona.talk(intent, language, 0)) is not None:
            return Line(words, language, "script", emotion="warm")
        if self._knowledge is None:
            return None
        sure = self._knowledge.search(text, language).sure
        return Line(sure.text, language, "knowledge") if sure else None

    def warm(
        self, history: History | None = None, *, cancelled: Callable[[], bool] = never
    ) -> None:
        """Have the language model read what the next prompt begins with; runs in its thread.

        Args:
            history: Of the session that will ask; None reads the persona only.
            cancelled: Whether a question came in between.
        """
        if self._llm is None:
            return
        spoken = history.exchanges[-1].language if history and history.exchanges else None
        languages = self._persona.languages if spoken is None else (spoken,)
        for language in languages:
            before = [] if history is None else history.messages(_HISTORY)
            head = [prompt.system(self._persona, self._persona.language(language)), *before]
            self._llm.model.warm(head, cancelled=cancelled)

    def close(self) -> None:
        """End the search thread; the language model belongs to whoever made it."""
        self._searching.close()

    # What is said without a language model ------------------------------------------------------

    def _own_words(self, intent: Intent, language: Language, history: History) -> Line | None:
        if intent == "repeat":
            before = next((e for e in reversed(history.exchanges) if e.answer), None)
            if before is not None and before.language == language:
                return Line(before.answer, language, "script")
            return Line(self._persona.ask_again[language], language, "script")
        words = self._persona.talk(intent, language, len(history.exchanges))
        return None if words is None else Line(words, language, "script", emotion="warm")

    def _instead(
        self, answer: _Answer, findings: Findings, language: Language, history: History
    ) -> Iterator[Thought]:
        """What is said when the model has not answered: the passage itself, if it is near."""
        near = next((s for s in findings.about if written_in(s.text, language)), None)
        if answer.unfounded or near is None or near.score < NEAR_ENOUGH:
            yield self._declined(language, history)
            return
        yield from self._moderated(spoken(near.text, language), language, "knowledge")

    def _declined(self, language: Language, history: History) -> Line:
        words = self._persona.choice("decline", language, len(history.exchanges))
        return Line(words, language, "decline")

    # The knowledge ------------------------------------------------------------------------------

    async def _search(self, text: str, language: Language, history: History) -> Findings:
        if self._knowledge is None:
            return Findings((), None, 0.0)
        search = self._knowledge.search
        found = await self._searching.call(search, text, language)
        asked = [e.question for e in history.exchanges[-3:] if e.question]
        if not found.about and found.sure is None and asked and follows_up(text):
            joined = f"{asked[-1]} {text}"
            further = await self._searching.call(search, joined, language)
            # What is sure of both together may answer only the earlier one.
            return replace(further, sure=None)
        return found

    # The language model -------------------------------------------------------------------------

    def _prompt(
        self,
        text: str,
        language: Language,
        history: History,
        sources: Sequence[Source],
        intent: Intent,
    ) -> list[Message]:
        needed = follows_up(text) or (intent == "chat" and not sources)
        before = history.messages(_HISTORY) if needed else []
        asked = prompt.question(text, sources, language)
        return [prompt.system(self._persona, language), *before, asked]

    async def _generated(
        self,
        messages: Sequence[Message],
        answer: _Answer,
        cancelled: Callable[[], bool],
    ) -> AsyncGenerator[Thought, None]:
        assert self._llm is not None
        sentences = Sentences(answer.language)
        pieces = self._llm.pieces(messages, answer.length.tokens, cancelled)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                for found in sentences.feed(piece):
                    for thought in self._judged(found, answer):
                        yield thought
                    if answer.over:
                        return
        for found in sentences.end():
            for thought in self._judged(found, answer):
                yield thought
        answer.end()

    def _judged(self, found: str | Act, answer: _Answer) -> Iterator[Thought]:
        """What may be shown of one sentence."""
        if answer.over:
            return
        if isinstance(found, Act):
            yield found
            return
        if self._gives_away(found, answer.language):
            return
        if text := answer.admit(found):
            for thought in self._moderated(text, answer.language, "llm"):
                yield thought
                if isinstance(thought, Replaced):
                    answer.over = answer.whole = True

    def _moderated(self, text: str, language: Language, origin: Origin) -> Iterator[Thought]:
        thought = self._moderate(text, language, origin)
        yield thought
        if isinstance(thought, Replaced):
            yield Line(self._persona.replaced[language], language, "decline")

    def _moderate(self, text: str, language: Language, origin: Origin) -> Line | Replaced:
        verdict = self._moderator.check(text)
        if verdict.level is Level.BLOCK:
            categories = tuple(sorted({hit.category for hit in verdict.blocked}))
            return Replaced(text, str(verdict.level), categories)
        return Line(text, language, origin, emotion=emotion_of(text))

    def _gives_away(self, text: str, language: Language) -> bool:
        """Whether ``text`` tells the rules or the model behind the persona."""
        if _GIVES_AWAY.search(text):
            return True
        letters, rules = _letters(text), self._rules[language]
        size = _LEAKED if language != "en" else 3 * _LEAKED
        return any(letters[i : i + size] in rules for i in range(len(letters) - size + 1))


class _Running:
    """A language model and the thread it runs in."""

    def __init__(self, model: Llm, thread: ModelThread) -> None:
        self.model, self._thread = model, thread

    async def pieces(
        self, messages: Sequence[Message], max_tokens: int, cancelled: Callable[[], bool]
    ) -> AsyncGenerator[str, None]:
        """The pieces of an answer; leaving the iteration stops the model before it returns."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        stop, started = threading.Event(), threading.Event()

        def unwanted() -> bool:
            return stop.is_set() or cancelled()

        def work() -> None:
            started.set()
            for piece in self.model.stream(messages, max_tokens=max_tokens, cancelled=unwanted):
                loop.call_soon_threadsafe(queue.put_nowait, piece)

        running = asyncio.ensure_future(self._thread.call(work))
        running.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (piece := await queue.get()) is not None:
                yield piece
            await running
        finally:
            stop.set()
            if not started.is_set():
                running.cancel()
            with contextlib.suppress(Cancelled, asyncio.CancelledError):
                await running


class _Answer:
    """An answer in the making: what it may say, when it is over, and whether it is one at all.

    Args:
        length: How long it may be.
        language: Its language.
        question: What it answers.
        sources: What it rests on; empty for small talk.
    """

    def __init__(
        self, length: Length, language: Language, question: str, sources: Sequence[Source]
    ) -> None:
        self.length, self.language = length, language
        self.over = self.whole = self.unfounded = False
        self._misses, self._skips = 0, False
        self._question = question
        self._passages = "\n\n".join(f"{s.title}\n{s.text}" for s in sources)
        titles = "|".join(re.escape(s.title) for s in sources if s.title) or "(?!)"
        self._translated = any(not written_in(s.text, language) for s in sources)
        self._title = re.compile(rf"^(?:{titles})(?:[：:。？?]+\s*|$)")
        self._said: set[str] = set()
        self._sentences, self._characters = 0, 0.0

    def admit(self, text: str) -> str:
        """``text`` as it may be said, and counts it; "" when it may not.

        A sentence that was said already, or that rests on nothing, ends the answer: what a small
        model writes after it is no better. Only its very first sentence may be left out. That the
        passages do not hold the answer ends it too.
        """
        if not self._said:
            text = self._title.sub("", text)
        letters = _letters(text)
        if not letters or letters == _letters(self._question) or _EMPTY.match(text):
            return ""
        if letters in self._said or (self._passages and _UNKNOWN.search(text)):
            self.over = True
            self.unfounded = letters not in self._said
            return ""
        ends = text.rstrip("”\"'」』)）").endswith(("。", "！", "？", "!", "?", ".", "…"))
        skipped, self._skips = self._skips, False
        if skipped or not self._rests_on_sources(text):
            # What is left of a sentence whose beginning was not said makes no sense.
            self._skips = not ends
            self._misses += not skipped
            self.over = bool(self._said) or self._misses >= _MISSES
            self.unfounded = not (numbers(text) <= numbers(f"{self._passages}\n{self._question}"))
            return ""
        self._said.add(letters)
        self._sentences += ends
        self.whole = self.whole or ends
        self._characters += len(text) / (3 if self.language == "en" else 1)
        full = self._characters >= self.length.characters
        self.over = ends and (full or self._sentences >= self.length.sentences)
        return text

    def _rests_on_sources(self, text: str) -> bool:
        return not self._passages or grounded(
            text, self._passages, self._question, translated=self._translated
        )

    def end(self) -> None:
        """The model is done: what was said last is complete without a full stop."""
        self.whole = self.whole or (bool(self._said) and not self.over)


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
