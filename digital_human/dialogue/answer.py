"""An answer of the language model in the making: which of its sentences may be said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from digital_human.dialogue.grounding import grounded, numbers, written_in
from digital_human.dialogue.knowledge.content import content
from digital_human.dialogue.types import Source
from digital_human.speech.types import Language

# What the model says when the passages do not hold the answer: the persona has words for that.
_UNKNOWN = re.compile(
    r"资料|(?:我|这个|暂时|目前|并)?不(?:太)?(?:知道|清楚|了解|确定)|没有(?:提到|提及|说明|相关|具体)|无法(?:确定|回答|提供)"
    r"|\bnotes?\b|\b(?:don't|do not) (?:know|have)|not (?:sure|mentioned|specified|provided)"
    r"|no information|unable to|can(?:'t|not) (?:answer|provide|say)",
    re.IGNORECASE,
)
# Politeness that says nothing.
_EMPTY = re.compile(
    r"^(?:好的|当然|没问题|我?明白了?|我?知道了|嗯|您好|你好|sure|of course|certainly|ok(?:ay)?)"
    r"(?:[，,。！!]*(?:可以|我?(?:明白|知道)了?))?[，,。！!.]*$"
    r"|^(?:那|就)?(?:让)?我?来?(?:帮|给|为)(?:您|你).{0,4}(?:安排|介绍|讲|说|推荐|规划).{0,6}[。！!：:]$",
    re.IGNORECASE,
)
_TELLS = 2  # words or pairs of characters of the passages that make clauses an answer
_MISSES = 2  # sentences that rest on nothing before an answer is given up


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


class Answering:
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
        self.question = question
        self._passages = "\n\n".join(f"{s.title}\n{s.text}" for s in sources)
        titles = "|".join(re.escape(s.title) for s in sources if s.title) or "(?!)"
        self._translated = any(not written_in(s.text, language) for s in sources)
        self._title = re.compile(rf"^(?:{titles})(?:[：:。？?]+\s*|$)")
        self._said: set[str] = set()
        self._clause = ""  # what was said of a clause that goes on
        self._clauses: list[str] = []
        self._left_off = False
        self._sentence = ""  # what the model has written of the sentence that goes on
        self._sentences, self._characters = 0, 0.0

    def admit(self, text: str) -> str:
        """``text`` as it may be said, and counts it; "" when it may not.

        A sentence that was said already, or that rests on nothing, ends the answer: what a small
        model writes after it is no better. Only its very first sentence may be left out. That the
        passages do not hold the answer ends it too.
        """
        if not self._said:
            text = self._title.sub("", text)
        plain = letters(text)
        if not plain or plain == letters(self.question) or _EMPTY.match(text):
            return ""
        if plain in self._said or (self._passages and _UNKNOWN.search(text)):
            self.over = True
            self.unfounded = plain not in self._said
            return ""
        ends = text.rstrip("”\"'」』)）").endswith(("。", "！", "？", "!", "?", ".", "…"))
        skipped, self._skips = self._skips, False
        clause, self._clause = self._clause + text, ""
        before, self._sentence = self._sentence, "" if ends else self._sentence + text
        self._left_off = clause != text
        if skipped or not self._rests_on_sources(clause, before):
            # What is left of a sentence whose beginning was not said makes no sense.
            self._skips = not ends
            self._misses += not skipped
            self.over = bool(self._said) or self._misses >= _MISSES
            self.unfounded = not (numbers(text) <= numbers(f"{self._passages}\n{self.question}"))
            return ""
        self._left_off = False
        self._said.add(plain)
        if text[-1:].isalnum():
            self._clause = clause if self.language != "en" else f"{clause} "
        else:
            self._clauses.append(clause)
        self._sentences += ends
        self.whole = self.whole or ends
        self._characters += len(text) / (3 if self.language == "en" else 1)
        full = self._characters >= self.length.characters
        self.over = ends and (full or self._sentences >= self.length.sentences)
        return text

    def _rests_on_sources(self, text: str, before: str) -> bool:
        return not self._passages or grounded(
            text, self._passages, self.question, before=before, translated=self._translated
        )

    @property
    def enough(self) -> bool:
        """Whether what was said is an answer, though its sentence was not ended: its clauses tell
        something of the passages that was not in the question."""
        told = content("".join(self._clauses)) & content(self._passages)
        return self.whole or len(told - content(self.question)) >= _TELLS

    @property
    def said(self) -> bool:
        """Whether anything was said."""
        return bool(self._said)

    @property
    def begun(self) -> bool:
        """Whether the beginning of a clause was said and the rest of it was not."""
        return self._left_off

    def end(self) -> None:
        """The model is done: what was said last is complete without a full stop."""
        self.whole = self.whole or (bool(self._said) and not self.over)


def letters(text: str) -> str:
    """``text`` without marks, spaces and case."""
    return "".join(c for c in text.casefold() if c.isalnum())
