"""Splits text into clauses that can be spoken, shown and cancelled one at a time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from digital_human.speech.text.delivery import Manner, VoiceTag, passages
from digital_human.speech.types import NEUTRAL, Clause, Delivery, Emotion, Language

STRONG = "。！？!?…\n"
MIDDLE = "；;：:"
WEAK = "，,、—"
_CLOSERS = "”’」』》）)】〉\"'"
_OPENERS = "“‘「『《（(【〈"
# Silence after a clause that ends with the mark, in milliseconds, at speed 1.
PAUSES = {"\n": 650, "。": 420, "！": 420, "!": 420, "？": 450, "?": 450, "…": 450, ".": 420}
PAUSES |= {"；": 320, ";": 320, "：": 300, ":": 300, "，": 220, ",": 220, "—": 220, "、": 120}
_NO_MARK_PAUSE = 60
# Longest clause in characters: about 9 s of speech, well under the 510 tokens of Kokoro.
LIMITS: dict[Language, int] = {"zh": 44, "en": 160, "ja": 60}

_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Gen|Col|Sen|Rep|Gov|Capt|Lt|Sgt|Rev|Hon|vs|etc|approx|"
    r"No|Nos|Fig|Vol|Inc|Ltd|Co|Corp|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|e\.g|i\.e|"
    r"a\.m|p\.m)|(?<![A-Za-z])[A-Za-z](?:\.[A-Za-z])*)\.$",
    re.IGNORECASE,
)
_URL = re.compile(
    r"(?:https?://|www\.)[^\s\u3000-\u9fff\uff00-\uffef]+"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+\.[\w.-]+"
)


def split(
    text: str,
    language: Language,
    *,
    epoch: int = 0,
    emotion: Emotion = "neutral",
    first_limit: int | None = None,
    delivery: Delivery = NEUTRAL,
    tags: Sequence[VoiceTag] = (),
    manner: Manner | None = None,
) -> list[Clause]:
    """Split ``text`` into clauses that join back to it (outer white space aside).

    Strong marks (full stop, question, line end) always end a clause; the others end one only where
    the sentence is longer than its language's limit. Marks inside numbers, times, addresses,
    abbreviations and before a closing quote do not count. A clause also ends where a voice tag
    changes the manner or asks for silence.

    Args:
        text: What is to be spoken, as written.
        language: Its main language.
        epoch: Epoch of the clauses.
        emotion: What the face shows.
        first_limit: Characters the first clause may have (for a quick start in a live reply); it
            ends at the first mark of any kind.
        delivery: How it is spoken where no tag says otherwise; with tags both are done.
        tags: Voice tags in ``text``, in order.
        manner: What tags before ``text`` have set; goes on with it.

    Returns:
        The clauses; empty when nothing in ``text`` can be spoken (only emoji or marks).
    """
    ends = list(_boundaries(text, STRONG + "."))
    found, rest = passages(text, tags, manner or Manner(), ends=ends, speakable=speakable)
    made: list[Clause] = []
    for number, passage in enumerate(found):
        manner_of = passage.delivery.then(delivery)
        pieces = _pieces(passage.text, language, None if number else first_limit)
        for index, piece in enumerate(pieces):
            last = number == len(found) - 1 and index == len(pieces) - 1
            pause = round(_pause(piece, last=last) / manner_of.speed)
            made.append(
                Clause(
                    text=piece.strip(),
                    language=language,
                    epoch=epoch,
                    index=len(made),
                    emotion=emotion,
                    pause=pause + (rest if last else 0),
                    last=last,
                    delivery=manner_of,
                    lead=0 if index else passage.lead,
                )
            )
    return made


def _pieces(text: str, language: Language, first_limit: int | None) -> list[str]:
    pieces: list[str] = []
    for sentence in _sentences(text):
        if first_limit is not None and not pieces:
            head, sentence = _first(sentence, first_limit)
            pieces.append(head)
        pieces.extend(_fit(sentence, LIMITS[language]))
    return _attach_unspeakable(pieces)


def speakable(text: str) -> bool:
    """Whether ``text`` holds a letter, a digit or a sign that has a reading."""
    return any(unicodedata.category(c)[0] in "LN" or c in "%℃°$￥€£+=@&" for c in text)


def _boundaries(text: str, marks: str) -> Iterator[int]:
    """Positions after each mark (and the closing quotes behind it) that ends a clause."""
    protected = {i for m in _URL.finditer(text) for i in range(m.start(), m.end() - 1)}
    i = 0
    while i < len(text):
        c = text[i]
        if c in marks and i not in protected and not _inside(text, i):
            end = i + 1
            while end < len(text) and (text[end] in _CLOSERS or text[end] in marks + "."):
                if text[end] in "\"'" and text[end - 1].isspace():
                    break
                end += 1
            yield end
            i = end
        else:
            i += 1


def _inside(text: str, i: int) -> bool:
    """Whether the mark at ``i`` belongs to a number, time, abbreviation or word."""
    c = text[i]
    before, after = text[i - 1 : i], text[i + 1 : i + 2]
    if c in ",:" and before.isdigit() and after.isdigit():
        return True
    if c != ".":
        return False
    if after and not (after.isspace() or after in _CLOSERS or after == "."):
        return after.isascii()  # 3.5, example.com, U.S.A
    if _ABBREVIATION.search(text[max(0, i - 12) : i + 1]):
        rest = text[i + 1 :].lstrip()
        dotted = text[max(0, i - 3) : i + 1].count(".") > 1
        # "in the U.S. The" ends a sentence, "the U.S. economy" and "Dr. Smith" do not.
        return bool(rest) and not (dotted and rest[:1].isupper())
    return False


def _cut(text: str, marks: str) -> list[str]:
    ends = [*_boundaries(text, marks), len(text)]
    starts = [0, *ends]
    return [text[a:b] for a, b in zip(starts, ends, strict=False) if text[a:b].strip()]


def _sentences(text: str) -> list[str]:
    return _cut(text, STRONG + ".")


def _first(sentence: str, limit: int) -> tuple[str, str]:
    end = next(_boundaries(sentence, STRONG + "." + MIDDLE + WEAK), len(sentence))
    if end > limit:
        end = _hard_end(sentence, limit)
    return sentence[:end], sentence[end:]


def _fit(sentence: str, limit: int) -> list[str]:
    """Cut one sentence at ever weaker places until each piece has at most ``limit`` characters."""
    if len(sentence) <= limit:
        return [sentence] if sentence.strip() else []
    for marks in (MIDDLE, WEAK):
        parts = _cut(sentence, marks)
        if len(parts) > 1:
            merged = _merge(parts, limit)
            if len(merged) > 1:
                return [piece for part in merged for piece in _fit(part, limit)]
    pieces = []
    while sentence:
        end = _hard_end(sentence, limit)
        pieces.append(sentence[:end])
        sentence = sentence[end:]
    return pieces


def _merge(parts: list[str], limit: int) -> list[str]:
    """Join neighbours into pieces of even length, none above ``limit`` if it can be helped."""
    total = sum(len(part) for part in parts)
    even = total / -(-total // limit)
    pieces = [parts[0]]
    for part in parts[1:]:
        joined = len(pieces[-1]) + len(part)
        if joined <= limit and len(pieces[-1]) < even * 0.75:
            pieces[-1] += part
        else:
            pieces.append(part)
    if len(pieces) > 1 and len(pieces[-1]) < 6 and len(pieces[-2]) + len(pieces[-1]) <= limit:
        pieces[-2:] = [pieces[-2] + pieces[-1]]
    return pieces


def _hard_end(text: str, limit: int) -> int:
    """Where to cut text that has no marks: at white space, else between Chinese words."""
    if len(text) <= limit:
        return len(text)
    space = text.rfind(" ", limit // 2, limit)
    if space > 0:
        return space + 1
    end = limit
    while end > limit // 2 and text[end - 1].isascii() and text[end].isascii():
        end -= 1
    return end if end > limit // 2 else limit


def _attach_unspeakable(pieces: list[str]) -> list[str]:
    """Glue pieces without anything to read (emoji, lone marks) to the piece before them."""
    result: list[str] = []
    carry = ""
    for piece in pieces:
        if speakable(piece):
            result.append(carry + piece)
            carry = ""
        elif result:
            result[-1] += piece
        else:
            carry += piece
    return result


def _pause(piece: str, last: bool) -> int:
    if piece.rstrip(" \t").endswith("\n"):
        return PAUSES["\n"]
    body = piece.rstrip().rstrip(_CLOSERS + _OPENERS)
    while body and not speakable(body[-1]) and body[-1] not in PAUSES:
        body = body[:-1]
    return PAUSES.get(body[-1:], PAUSES["。"] if last else _NO_MARK_PAUSE)
