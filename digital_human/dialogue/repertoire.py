"""What a persona says without searching what it knows: of its place, poems, verse of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from digital_human.core.stage import ModelThread
from digital_human.dialogue.doggerel import FAILED, Doggerel, lead
from digital_human.dialogue.history import History
from digital_human.dialogue.knowledge.knowledge import Answer, Likely
from digital_human.dialogue.persona import Persona
from digital_human.dialogue.place import Place, Told
from digital_human.dialogue.poems import Poems, Recital
from digital_human.dialogue.types import Line, Source, Sources, Thought
from digital_human.dialogue.wishes import wished
from digital_human.speech.types import Language

_GUESSED = 0.5  # evidence's score of what is computed though not every word is understood
_BACK = 3  # exchanges within which a place was spoken of that is still meant


class Repertoire:
    """Answers that are computed, recited or made up.

    Args:
        persona: Who answers.
        thread: Where place and poems are searched.
        poems: What is recited; None for nothing.
        place: What is known of the place it stands in; None for nothing.
        doggerel: Improvises verse; None where no language model does.
        today: Gives the time, with its zone.
    """

    def __init__(
        self,
        persona: Persona,
        thread: ModelThread,
        *,
        poems: Poems | None,
        place: Place | None,
        doggerel: Doggerel | None,
        today: Callable[[], datetime],
    ) -> None:
        self._thread, self._place, self._doggerel, self._today = thread, place, doggerel, today
        self._poems = poems if "zh" in persona.languages else None

    def wished(self, text: str) -> str | None:
        """What a verse is wished about, see `wishes.wished`; None when none can be made up."""
        return wished(text) if self._doggerel is not None else None

    async def by_heart(
        self, text: str, language: Language, history: History
    ) -> tuple[Recital | Told | None, Likely | None]:
        """What is computed of the place, or a poem, when ``text`` asks for that.

        Returns:
            The answer, if there is one; and without it what may be one, of what is computed of the
            place though some words are not understood: it is to be read.
        """
        told = await self._of_place(text, language, history)
        if told is not None and told.sure:
            return told, None
        if self._poems is not None:
            earlier = [source for one in history.exchanges for source in one.sources]
            recital = await self._thread.call(self._poems.answer, text, language, earlier)
            if recital is not None:
                return recital, None
        return None, None if told is None else guess(told, language)

    async def _of_place(self, text: str, language: Language, history: History) -> Told | None:
        if self._place is None:
            return None
        recent = [source for one in history.exchanges[-_BACK:] for source in one.sources]
        answer = partial(
            self._place.answer, now=self._today(), at=history.visit.spot, earlier=recent
        )
        return await self._thread.call(answer, text, language)

    async def illustrated(self, source: Source, text: str) -> Source:
        """``source`` with the place's picture of what ``text`` asks about, if there is one."""
        if self._place is None or source.picture:
            return source
        picture = await self._thread.call(self._place.depicted, text, source.title)
        return replace(source, picture=picture)

    async def improvised(
        self, theme: str, language: Language, cancelled: Callable[[], bool]
    ) -> AsyncGenerator[Thought]:
        """A verse about ``theme``, said to be made up before it is heard; it is written meanwhile.

        Raises:
            Cancelled: ``cancelled`` said so.
            DigitalHumanError: The language model failed.
        """
        assert self._doggerel is not None
        poet = self._poems.poet[0] if self._poems is not None else ""
        yield Line(lead(language, poet), language, "script", emotion="warm")
        verse = await self._doggerel.write(theme, cancelled)
        if verse is None:
            yield Line(FAILED[language], language, "script")
            return
        yield Sources((verse.source(theme),))
        for line in verse.said():
            yield line

    def warm(self, cancelled: Callable[[], bool]) -> None:
        """Have the language model read what a verse begins with; runs in its thread."""
        if self._doggerel is not None:
            self._doggerel.warm(cancelled)


def guess(told: Told, language: Language) -> Likely:
    """What is told of the place, as something that may be an answer."""
    said = (" " if language == "en" else "").join(line.text for line in told.said)
    return Likely(Answer(said, language, told.source), _GUESSED)
