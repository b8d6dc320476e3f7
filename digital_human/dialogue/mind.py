"""Decides what to say: from the knowledge where it is sure, else with the language model."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from digital_human.core.stage import ModelThread
from digital_human.dialogue import prompt
from digital_human.dialogue.answer import BRIEF, LONG, Answering, letters
from digital_human.dialogue.doggerel import Doggerel
from digital_human.dialogue.grounding import written_in
from digital_human.dialogue.history import History
from digital_human.dialogue.intent import Intent, follows_up, intent_of, wants_more
from digital_human.dialogue.judge import Judge
from digital_human.dialogue.knowledge import Findings, Knowledge
from digital_human.dialogue.knowledge.entries import spoken
from digital_human.dialogue.knowledge.shapes import shape_of, tells
from digital_human.dialogue.llm.base import Leans, Llm, Message, never
from digital_human.dialogue.llm.running import Running
from digital_human.dialogue.llm.workers import Thread
from digital_human.dialogue.misheard import restored
from digital_human.dialogue.persona import Persona
from digital_human.dialogue.place import Place
from digital_human.dialogue.poems import Poems
from digital_human.dialogue.recall import Recall
from digital_human.dialogue.repertoire import Repertoire
from digital_human.dialogue.spoken import Sentences
from digital_human.dialogue.types import Act, Line, Origin, Replaced, Source, Sources, Thought
from digital_human.safety.moderation import Moderator
from digital_human.safety.words import Level
from digital_human.speech.text.emotion import emotion_of
from digital_human.speech.types import Language

_GIVES_AWAY = re.compile(
    r"通义|千问|阿里|语言模型|大模型|训练数据|系统提示|提示词|我的(?:规则|指令|设定)"
    r"|qwen|alibaba|openai|chatgpt|language model|system prompt|my (?:rules|instructions)",
    re.IGNORECASE,
)
NEAR_ENOUGH = 0.52
"""Cosine from which a passage may be spoken where the language model has nothing to say."""
NEAR_TO_GO_ON = 0.6
"""The same behind what it has said."""
_LEAKED = 9  # characters of the rules in a row that give them away
_PATIENCE = 40  # pieces within which something that may be said must have come


class Mind:
    """Answers for one persona; shared by its sessions, used from the event loop's thread.

    Args:
        persona: Who answers.
        llm: The language model; None answers from the knowledge only.
        llm_thread: Where ``llm`` runs.
        knowledge: What the persona knows; None for nothing.
        moderator: Judges every line.
        poems: What the persona recites; None for nothing.
        place: What it knows of the place it stands in; None for nothing.
        today: Gives the time, with its zone.
    """

    def __init__(
        self,
        persona: Persona,
        *,
        llm: Llm | None,
        llm_thread: Thread | None,
        knowledge: Knowledge | None,
        moderator: Moderator,
        poems: Poems | None = None,
        place: Place | None = None,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._persona, self._moderator, self._knowledge = persona, moderator, knowledge
        self._llm = None if llm is None or llm_thread is None else Running(llm, llm_thread)
        self._judge = None
        if llm_thread is not None and isinstance(llm, Leans):
            self._judge = Judge(llm, llm_thread, persona)
        self._searching = ModelThread("knowledge")
        self._repertoire = Repertoire(
            persona, self._searching, poems=poems, place=place, today=today,
            doggerel=self._poetic(llm, llm_thread, poems),
        )  # fmt: skip
        self._recall = Recall(knowledge, self._judge, self._searching)
        self._rules = {
            language: letters(prompt.rules_text(persona, language))
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
        language, text = self._persona.language(language), restored(text)
        intent = intent_of(text)
        if (line := self._own_words(intent, language, history)) is not None:
            yield line
            return
        if (theme := self._repertoire.wished(text)) is not None:
            improvised = self._repertoire.improvised(theme, language, cancelled)
            async with contextlib.aclosing(improvised) as thoughts:
                async for thought in thoughts:
                    yield thought
            return
        known, guessed = await self._repertoire.by_heart(text, language, history)
        if known is not None:
            yield Sources((known.source,))
            for line in known.said:
                for thought in self._moderated(line.text, line.language, line.origin):
                    spoken_so = isinstance(thought, Line) and thought.text == line.text
                    yield line if spoken_so else thought
            return
        found = await self._recall.find(text, language, history, guessed)
        findings = found.findings
        sure = await self._recall.answer(found, language, cancelled)
        if sure is not None:
            source = await self._repertoire.illustrated(sure.source, text)
            yield Sources((source,))
            for thought in self._moderated(sure.text, language, "knowledge"):
                yield thought
            also = await self._recall.also(text, language, sure, cancelled)
            if also is not None:
                yield Sources((source, also.source))
                for thought in self._moderated(also.text, language, "knowledge"):
                    yield thought
            return
        sources = findings.about
        if self._llm is None or not (sources or intent != "question"):
            yield self._declined(language, history)
            return
        if sources:
            first, *others = sources
            yield Sources((await self._repertoire.illustrated(first, text), *others))
        messages = self._prompt(text, language, history, sources, intent)
        long = wants_more(text) or history.visit.depth(text) == "deep"
        answer = Answering(LONG if long else BRIEF, language, text, sources)
        async with contextlib.aclosing(self._generated(messages, answer, cancelled)) as thoughts:
            async for thought in thoughts:
                yield thought
        if not answer.enough:
            for thought in self._instead(answer, findings, language, history):
                yield thought

    async def expect(
        self,
        text: str,
        language: Language,
        history: History,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> None:
        """Have the language model read what the answer to ``text`` will need, if it needs it.

        Args:
            text: What the visitor has said so far.
            language: Language of the answer.
            history: What was said before; not changed.
            cancelled: Whether the words are others by now; asked by model threads too.

        Raises:
            Cancelled: ``cancelled`` said so; what was read is kept.
            DigitalHumanError: The language model failed.
        """
        language, text = self._persona.language(language), restored(text)
        intent = intent_of(text)
        if self._llm is None or self._own_words(intent, language, history) is not None:
            return
        if self._repertoire.wished(text) is not None:
            return
        known, guessed = await self._repertoire.by_heart(text, language, history)
        if known is not None:
            return
        found = await self._recall.find(text, language, history, guessed)
        findings = found.findings
        if found.judge is not None:
            first = findings.likely[0]
            await self._llm.read(found.judge.prompt(found.asked, language, first), cancelled)
        elif findings.sure is None and (findings.about or intent != "question"):
            messages = self._prompt(text, language, history, findings.about, intent)
            await self._llm.read(messages, cancelled)

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
        model, persona = self._llm.model, self._persona
        if history is not None and (exchanges := history.exchanges):
            system = prompt.system(persona, persona.language(exchanges[-1].language))
            model.warm([system, *history.messages()], cancelled=cancelled)
            return
        for language in persona.languages:
            model.warm(prompt.head(persona, language), cancelled=cancelled)
        self._repertoire.warm(cancelled)

    def heads(self) -> list[list[Message]]:
        """What prompts begin with, whoever asks and whatever; the language model is to keep it."""
        languages = self._persona.languages
        heads = [prompt.head(self._persona, language) for language in languages]
        if self._judge is not None:
            heads += [self._judge.head(language) for language in self._judge.languages]
        return heads

    def exams(self) -> list[Callable[[Callable[[], bool]], None]]:
        """What must be done before the language model may judge: one call for each language, given
        what says whether it is to stop; each runs in the language model's thread.

        Raises (each of them):
            Cancelled: It was stopped.
            ResourceError: The language model failed.
        """
        judge = self._judge
        if judge is None:
            return []
        return [partial(judge.prepare, language) for language in judge.languages]

    def lessons(self) -> list[Callable[[Callable[[], bool]], None]]:
        """What the language model can learn of the knowledge while nobody needs it.

        Returns:
            One call for each passage, given what says whether it is to stop. Each runs in the
            language model's thread, and takes no time when the passage was learned before.

        Raises (each of them):
            Cancelled: It was stopped.
            ResourceError: It cannot be kept on the disk.
        """
        if self._llm is None or self._knowledge is None:
            return []
        model = self._llm.model

        def lesson(source: Source, language: Language) -> Callable[[Callable[[], bool]], None]:
            def learn(cancelled: Callable[[], bool]) -> None:
                if (text := prompt.passage(source, language)) is not None:
                    head = prompt.head(self._persona, language)
                    model.learn(head, text, cancelled=cancelled)

            return learn

        return [
            lesson(source, language)
            for source, language in self._knowledge.passages()
            if language in self._persona.languages
        ]

    def close(self) -> None:
        """End the search thread; the language model belongs to whoever made it."""
        self._searching.close()

    # What is said without a language model ------------------------------------------------------

    def _own_words(self, intent: Intent, language: Language, history: History) -> Line | None:
        if intent == "repeat":
            before = next((e for e in reversed(history.exchanges) if e.answer), None)
            if before is not None and before.language == language:
                return Line(before.answer, language, "script")
            return Line(self._persona.choice("ask_again", language, 0), language, "script")
        words = self._persona.talk(intent, language, len(history.exchanges))
        return None if words is None else Line(words, language, "script", emotion="warm")

    def _instead(
        self, answer: Answering, findings: Findings, language: Language, history: History
    ) -> Iterator[Thought]:
        """What is said when the model has not answered: the passage itself, if it is near."""
        wanted = shape_of(answer.question)
        told = [s for s in findings.about if wanted is None or tells(s.text, *wanted)]
        near = next((s for s in told if written_in(s.text, language)), None)
        least = NEAR_TO_GO_ON if answer.said else NEAR_ENOUGH
        if answer.unfounded or answer.begun or near is None or near.score < least:
            yield self._declined(language, history)
            return
        yield from self._moderated(spoken(near.text, language), language, "knowledge")

    def _poetic(
        self, llm: Llm | None, thread: Thread | None, poems: Poems | None
    ) -> Doggerel | None:
        if llm is None or thread is None or "zh" not in self._persona.languages:
            return None
        known = [line for poem in poems.poems for line in poem.lines] if poems is not None else []
        return Doggerel(llm, thread, self._moderator, known)

    def _declined(self, language: Language, history: History) -> Line:
        words = self._persona.choice("decline", language, len(history.exchanges))
        return Line(words, language, "decline")

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
        before = history.messages() if needed else []
        asked = prompt.question(text, sources, language, history.visit.line(text, language))
        return [prompt.system(self._persona, language), *before, asked]

    async def _generated(
        self,
        messages: Sequence[Message],
        answer: Answering,
        cancelled: Callable[[], bool],
    ) -> AsyncGenerator[Thought, None]:
        assert self._llm is not None
        sentences = Sentences(answer.language)
        pieces = self._llm.pieces(messages, answer.length.tokens, cancelled)
        written = 0
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                written += 1
                if written > _PATIENCE and not answer.said:
                    return
                for found in sentences.feed(piece):
                    for thought in self._judged(found, answer):
                        yield thought
                    if answer.over:
                        return
        for found in sentences.end():
            for thought in self._judged(found, answer):
                yield thought
        answer.end()

    def _judged(self, found: str | Act, answer: Answering) -> Iterator[Thought]:
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
        said, rules = letters(text), self._rules[language]
        size = _LEAKED if language != "en" else 3 * _LEAKED
        return any(said[i : i + size] in rules for i in range(len(said) - size + 1))
