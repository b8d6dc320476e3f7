"""What every language model backend does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from digital_human.core.frames import FloatArray

_OTHER_BYTES_PER_TOKEN = 4
_MESSAGE_TOKENS = 6  # what a chat template puts around a message


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a chat.

    Attributes:
        role: Who says it.
        content: Plain text; control tokens of the model in it are never obeyed.
    """

    role: Literal["system", "user", "assistant"]
    content: str


def never() -> bool:
    """A `cancelled` that never is."""
    return False


class Llm(Protocol):
    """A chat model. `cancelled` may be set by any thread.

    One thread at a time calls it, unless its backend has the capability ``parallel``.
    """

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 160,
        cancelled: Callable[[], bool] = never,
    ) -> Iterator[str]:
        """Answer the last message.

        A history that is too long for the model is shortened, the system message and the last
        message kept.

        Args:
            messages: The system message, the history, the question.
            max_tokens: The answer ends after so many.
            cancelled: Asked between tokens and while the prompt is read.

        Yields:
            Pieces of the answer, each valid text, as they come.

        Raises:
            Cancelled: ``cancelled`` said so.
            ResourceError: The model failed or the server cannot be reached.
            InputError: The server refuses the key or the model's name.
        """
        ...

    def warm(self, messages: Sequence[Message], *, cancelled: Callable[[], bool] = never) -> None:
        """Read ``messages``, the head of prompts to come, while nobody waits.

        Raises:
            Cancelled: ``cancelled`` said so; what was read is kept.
        """
        ...

    def learn(
        self, head: Sequence[Message], passage: str, *, cancelled: Callable[[], bool] = never
    ) -> None:
        """Read a passage once and keep it on the disk, so that no later prompt has to read it.

        Args:
            head: What it is read behind: prompts in which it serves have these messages, the last
                one going on with this passage, or with others that were learned behind ``head``
                and then this one. Anything may follow.
            passage: Of the knowledge, ending with a line end; never what a visitor said.
            cancelled: Asked while it is read.

        Raises:
            Cancelled: ``cancelled`` said so.
            ResourceError: It cannot be kept.
        """
        ...

    def forget(self, kept: Sequence[Sequence[Message]]) -> None:
        """Let go of all that visitors said and were answered.

        Args:
            kept: Heads of prompts to come, which are nobody's words and are not read again.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


@dataclass(frozen=True, slots=True)
class LineForm:
    """The form of a verse in Chinese characters.

    Attributes:
        length: Characters of each line.
        marks: What stands behind each line; as many as there are lines.
        signs: Characters that lines are written in.
        again: Those of them that may occur in more than one line.
        twice: Those that may occur more than once in a line; next to each other all may.
        ends: Given the lines before, the characters that may end the next one.
        judge: Given the lines so far, what the last one adds to the verse's score, which is the
            sum of its characters' log-probabilities; minus infinity ends that attempt.
    """

    length: int
    marks: tuple[str, ...]
    signs: frozenset[str]
    again: frozenset[str]
    twice: frozenset[str]
    ends: Callable[[tuple[str, ...]], frozenset[str]]
    judge: Callable[[tuple[str, ...]], float]


@dataclass(frozen=True, slots=True)
class Written:
    """A verse as a model has written it.

    Attributes:
        lines: Without their marks.
        score: Log-probability of a character (natural), on average, and what the judge added.
    """

    lines: tuple[str, ...]
    score: float


@runtime_checkable
class WritesLines(Protocol):
    """A language model that can be held to a form; backends with the capability ``lines``."""

    def write(
        self,
        messages: Sequence[Message],
        form: LineForm,
        *,
        width: Callable[[int], int],
        seed: int = 0,
        cancelled: Callable[[], bool] = never,
    ) -> list[Written]:
        """Answer the last message with a verse of the given form.

        Args:
            messages: The system message, examples, the wish.
            form: What it keeps to, whatever the model would rather write.
            width: Attempts that are followed side by side, given the lines that they have.
            seed: Another one gives another verse.
            cancelled: Asked between tokens and while the prompt is read.

        Returns:
            Verses, the best first, at most as many as were followed; none when no attempt came to
            an end.

        Raises:
            Cancelled: ``cancelled`` said so.
            ResourceError: The model failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Leaning:
    """What a language model leans to behind a prompt.

    Attributes:
        odds: How much rather it would begin its answer with one word than with another: the log of
            the odds (natural), 0 for neither.
        state: What its next token follows from, float32 [width of the model]: the normed output
            of its last layer for the prompt's last token.
    """

    odds: float
    state: FloatArray


@runtime_checkable
class Leans(Llm, Protocol):
    """A language model that tells what it leans to; backends with the capability ``leaning``."""

    @property
    def name(self) -> str:
        """The model as the store names it, e.g. ``qwen2.5-coder-1.5b``; empty for another file."""
        ...

    def leaning(
        self,
        messages: Sequence[Message],
        one: str,
        other: str,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Leaning:
        """What it would answer, of two words.

        Args:
            messages: The system message, examples, the question.
            one: A word; its first token counts.
            other: Another word.
            cancelled: Asked while the prompt is read.

        Raises:
            Cancelled: ``cancelled`` said so; what was read is kept.
            ResourceError: The model failed.
        """
        ...


def estimate_tokens(text: str) -> int:
    """About how many tokens ``text`` has: a Chinese character is one, four Latin letters are."""
    other = sum(1 for c in text if ord(c) < 0x2E80)
    return len(text) - other + -(-other // _OTHER_BYTES_PER_TOKEN)


def estimate_prompt(messages: Sequence[Message]) -> int:
    """About how many tokens ``messages`` have as a prompt."""
    return sum(estimate_tokens(m.content) + _MESSAGE_TOKENS for m in messages)


def shortened(
    messages: Sequence[Message], room: int, count: Callable[[Sequence[Message]], int]
) -> list[Message]:
    """Leave out history, oldest first, then the head of the longest message, until it fits.

    Args:
        messages: A system message (if any) first, the question last.
        room: Tokens there are.
        count: Tokens of a prompt.
    """
    kept = list(messages)
    start = 1 if kept and kept[0].role == "system" else 0
    while count(kept) > room and len(kept) - start > 1:
        # A user's message goes together with the answer to it.
        end = start + 2 if kept[start].role == "user" and len(kept) - start > 2 else start + 1
        del kept[start:end]
    while count(kept) > room and any(m.content for m in kept):
        index = max(range(len(kept)), key=lambda i: len(kept[i].content))
        longest = kept[index]
        kept[index] = Message(longest.role, longest.content[len(longest.content) // 4 + 1 :])
    return kept
