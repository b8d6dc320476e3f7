"""From the pieces a language model writes to sentences that can be spoken."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from digital_human.dialogue.opening import first_limit
from digital_human.dialogue.types import Act
from digital_human.speech.text.clauses import speakable, split
from digital_human.speech.text.delivery import voice_tag
from digital_human.speech.types import Language

FIRST: dict[Language, int] = {"zh": 6, "en": 4, "ja": 8}
"""Characters (English: words) after which a first clause may end at a comma."""
_WEAK = re.compile(r"[，；：]|[,;:](?=\s)|——")
_HAN_WORDS = re.compile(r"[\u3040-\u9fff\s，：《》“”「」]+")
# Beginnings without markup, in the language: they can be said before their sentence is complete.
_PLAIN: dict[Language, re.Pattern[str]] = {
    "zh": _HAN_WORDS, "en": re.compile(r"[A-Za-z',\s-]+"), "ja": _HAN_WORDS,
}  # fmt: skip
_OPEN, _CLOSED = "([（【〈《“「『", ")]）】〉》”」』"
_FENCE = "```"

_GESTURES = {
    "nod": r"点(?:了)?点?头|nod",
    "shake": r"摇(?:了)?摇?头|shak\w* (?:her |his |my )?head",
    "smile": r"微?笑|smil|grin|laugh",
    "surprise": r"惊|surpris|gasp",
    "wink": r"眨|wink",
    "think": r"思考|沉思|想了?[一想]|think|ponder",
    "look-left": r"(?:看|望)(?:向|着)?左|向左|look\w* (?:to the )?left",
    "look-right": r"(?:看|望)(?:向|着)?右|向右|look\w* (?:to the )?right",
    "look-up": r"抬头|look\w* up",
    "look-down": r"低头|look\w* down",
}
_ROUND = re.compile(r"[（(]([^（()）]{1,24})[)）]")
_DIRECTION = re.compile(r"[\[【]([^\[\]【】]{1,24})[\]】]|(?<!\*)\*([^*\n]{1,24})\*(?!\*)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_URL = re.compile(r"(?:https?://|www\.)\S+")
_TAG = re.compile(r"<\|?[^<>\n]{1,40}\|?>")
_BULLET = re.compile(r"^\s*(?:[-*•·▪>|]+\s+|#{1,6}\s*|\d{1,2}[.、)）]\s*(?!\d))+")
_MARKUP = re.compile(r"\*\*|__|~~|[`|]|(?<!\w)\*|\*(?!\w)")
_SPEAKER = re.compile(
    r"^\s*(?:云舒|讲解员|助手|回答?|答案?|assistant|answer|guide|yun shu|a)\s*[:：]\s*",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"^\s*(?:根据|依据|按照|从)?(?:以上|上述|上面|您?提供|所给|这些|相关|我的|现有|已有|的)*(?:资料|材料|信息|内容)"
    r"(?:显示|可知|来看|里?中?(?:提到|所述|记载)?)?[，,：:]\s*"
    r"|^\s*(?:according to|based on) (?:the |my |these |your )*(?:provided |given |above )*"
    r"(?:notes?|information|passages?|texts?|materials?)(?: provided| given)?,\s*",
    re.IGNORECASE,
)
_MARKS = re.compile(
    r"[（(]\s*(?:被打断|中断|interrupted)\s*[)）]|【(?:资料|游客)】|\[(?:notes|visitor)\]", re.I
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_FOREIGN = re.compile(r"[\u0400-\u052f\u0600-\u06ff\u0e00-\u0e7f\uac00-\ud7af]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_LATIN_WORD = re.compile(r"[A-Za-z]{2,}")


class Sentences:
    """Cuts a stream of pieces into speakable sentences and gestures.

    The first one may be only a clause, or the first words of a long one, so that speaking can
    begin; code blocks are left out.

    Args:
        language: The only language that is let through.
    """

    def __init__(self, language: Language) -> None:
        self._language: Language = language
        self._buffer = self._held = ""
        self._begun = self._code = False
        self._least = FIRST[language]

    def feed(self, piece: str) -> Iterator[str | Act]:
        """Take ``piece``; yields what is complete now."""
        self._buffer += self._without_code(piece)
        while (cut := self._cut()) > 0:
            raw, self._buffer = self._buffer[:cut], self._buffer[cut:]
            yield from self._cleaned(raw)

    def end(self) -> Iterator[str | Act]:
        """What is left when no more pieces come."""
        rest, self._buffer = self._buffer, ""
        if not self._code:
            yield from self._cleaned(rest)

    def _cleaned(self, raw: str) -> Iterator[str | Act]:
        text, acts = clean(raw, self._language)
        yield from acts
        if text:
            # What goes on from a beginning without a mark ends at the next one.
            self._begun, self._least = not text[-1].isalnum(), 0
            yield text

    def _cut(self) -> int:
        """Where the first complete sentence (or first clause) of the buffer ends; 0 for nowhere."""
        clauses = split(self._buffer, self._language)
        end = 0
        if len(clauses) > 1:
            end = self._buffer.index(clauses[0].text) + len(clauses[0].text)
        if not self._begun:
            upto = end or len(self._buffer)
            marks = [mark.end() for mark in _WEAK.finditer(self._buffer, 0, upto)]
            for mark in marks:
                head = self._buffer[:mark]
                if _length(head, self._language) >= self._least and _closed(head):
                    return mark
            if not end and self._least:
                return self._early(marks[-1] if marks else 0)
        return end

    def _early(self, start: int) -> int:
        """Where a first clause that has grown long ends, between words behind ``start``; or 0."""
        rest = self._buffer[start:]
        end = first_limit(rest, self._language)
        head = self._buffer[: start + end]
        plain = _PLAIN[self._language].fullmatch(head)
        return len(head) if end < len(rest) and plain and _closed(head) else 0

    def _without_code(self, piece: str) -> str:
        """``piece`` less what stands between fences, which may be split over pieces."""
        *ended, last = (self._held + piece).split(_FENCE)
        kept = ""
        for part in ended:
            kept += "" if self._code else part
            self._code = not self._code
        plain = last.rstrip("`")
        self._held = last[len(plain) :]
        return kept if self._code else kept + plain


def clean(text: str, language: Language) -> tuple[str, list[Act]]:
    """``text`` as it can be spoken, and the gestures its stage directions name.

    Returns:
        "" for a text that is in another language or has nothing to say.
    """
    acts: list[Act] = []

    def direction(found: re.Match[str]) -> str:
        words = next(group for group in found.groups() if group)
        act = _manner(words) or gesture(words)
        acts.extend([act] if act else [])
        return ""

    def aside(found: re.Match[str]) -> str:
        if (act := gesture(found[1])) is not None:
            acts.append(act)
            return ""
        return "" if language == "en" and _HAN.search(found[1]) else found[0]

    text = _LINK.sub(r"\1", text).replace("**", "")
    for pattern in (_URL, _TAG, _MARKS):
        text = pattern.sub("", text)
    for pattern in (_BULLET, _SPEAKER, _REFERENCE):
        text = pattern.sub("", text)
    text = _ROUND.sub(aside, _DIRECTION.sub(direction, text))
    text = "".join(c for c in _MARKUP.sub("", text) if not _pictorial(c))
    text = re.sub(r"\s+", " ", text).strip().lstrip("，,、；;：:。")
    text = _in_language(text, language)
    return (text, acts) if speakable(text) else ("", acts)


def gesture(direction: str) -> Act | None:
    """The gesture that a stage direction such as ``微笑着点头`` stands for."""
    for name, pattern in _GESTURES.items():
        if re.search(pattern, direction, re.IGNORECASE):
            return Act(name)
    return None


def _manner(direction: str) -> Act | None:
    """The manner of voice that a stage direction such as ``slow 0.5`` stands for."""
    try:
        tag = voice_tag(direction)
    except ValueError:  # its number is out of range
        return None
    return None if tag is None else Act(f"{tag.name} {tag.value:g}")


def _in_language(text: str, language: Language) -> str:
    """``text``, or "" when it is in another language."""
    if _FOREIGN.search(text) or (language != "ja" and _KANA.search(text)):
        return ""
    han = len(_HAN.findall(text))
    latin = len(_LATIN_WORD.findall(text))
    if language == "en":
        if han > latin:
            return ""
        return re.sub(r"\s*[《“]?[\u3400-\u9fff]+[》”]?", "", text)
    return "" if latin > 3 and han < latin else text


def _length(text: str, language: Language) -> int:
    return len(text.split()) if language == "en" else sum(c.isalnum() for c in text)


def _closed(text: str) -> bool:
    return all(text.count(a) == text.count(b) for a, b in zip(_OPEN, _CLOSED, strict=True))


def _pictorial(char: str) -> bool:
    """Whether ``char`` is an emoji, a dingbat or a modifier of one."""
    if char in "\u200d\ufe0f\ufe0e\u20e3\ufffd":
        return True
    return ord(char) >= 0x2600 and unicodedata.category(char) in ("So", "Sk")
