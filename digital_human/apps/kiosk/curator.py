"""What the curator learns of visits: questions that stayed unanswered, and counts by the day.

Nothing that tells who asked is written: no session, no time of day, and of a question only what
does not speak of the visitor.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import structlog
from filelock import FileLock

from digital_human.config import settings
from digital_human.core.events import Event, Events
from digital_human.core.stage import ModelThread
from digital_human.errors import InputError, ResourceError

UNANSWERED, USAGE = "unanswered.jsonl", "usage.json"
_QUESTIONS = 5000  # kept; the oldest go first
_DAYS = 800
_WAITING = 500  # questions that may wait for the disk; the oldest is dropped
_EVERY = 2.0  # s between writes
_LONGEST = 300  # characters of a question
_COUNTS = ("visits", "questions", "unanswered", "misheard", "good", "bad")
log = structlog.get_logger()

# Clauses that speak of the visitor or of somebody they know are left out whole; what only frames a
# question is not taken for one.
_CLAUSE = re.compile(r"[^，。！？；,.!?;\n]*[，。！？；,.!?;\n]*")
_FRAME = re.compile(
    r"(?:请问|麻烦|能不能|可以)?(?:我|我们|咱们?)(?:想|要|能|可以|可不可以|能不能|应该|该|需要|怎么|从这里|在哪里?|还)"
    r"|(?:告诉|给|跟|带|教|帮)(?:我们?|咱们?)|\b(?:can|could|may|should|do|must|shall) (?:i|we)\b"
    r"|\b(?:i|we)(?:'d like| would like| want| need) to\b|\b(?:tell|show|give|help) (?:me|us)\b",
    re.IGNORECASE,
)
_PERSONAL = re.compile(
    r"[我俺咱]|本人|[他她](?:们)?(?:叫|姓|是|住|今年)|名字?叫|小名|姓名"
    r"|(?:爸|妈|爷爷|奶奶|孩子|儿子|女儿|同学|同事|朋友|先生|太太|老公|老婆)(?:名字)?(?:叫|姓|今年|是)"
    r"|[\d零一二两三四五六七八九十]+岁|电话是|手机|身份证|车牌|微信|生日|病历|住址"
    r"|[路街道巷弄里村]\s*[\d零一二三四五六七八九十百]+\s*(?:号|弄|栋|幢)|[\d一二三四五六七八九十]+(?:栋|幢|单元|室)"
    r"|\b(?:i|we|my|our|mine|ours|me|us)\b|\bcall(?:ed)? (?:me|him|her)\b|\bthis is [A-Z]"
    r"|\byears? old\b|\bname(?:'s| is)\b|\bnamed\b"
    r"|私|僕|わたし|と申します|といいます|歳",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*|https?://\S+"
    r"|(?:[+＋]?\d[\d\s()-]{4,}\d|\d{5,})"
    r"|[零〇一二三四五六七八九幺两](?:[\s,，]*[零〇一二三四五六七八九幺两]){4,}|[A-Za-z]+[_\d][\w-]{3,}"
    r"|\b(?:(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double)[\s,-]+){4,}\w+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question that the persona could not answer.

    Attributes:
        question: Without what speaks of the visitor.
        language: Its language.
        day: ISO date of the kiosk's own calendar.
    """

    question: str
    language: str
    day: str


@dataclass(frozen=True, slots=True)
class Day:
    """Counts of one day.

    Attributes:
        visits: Conversations in which somebody was greeted or said something.
        questions: Turns that were understood, spoken and typed.
        unanswered: Those that the persona did not know.
        misheard: Times it had to ask again.
        good: Visitors whose last touch was yes.
        bad: Visitors whose last touch was no.
    """

    visits: int = 0
    questions: int = 0
    unanswered: int = 0
    misheard: int = 0
    good: int = 0
    bad: int = 0


def without_person(text: str) -> str:
    """``text`` without the clauses that speak of the visitor, and without numbers to reach them."""
    clauses = _CLAUSE.findall(_CONTACT.sub("", text[:2000]))
    kept = [clause for clause in clauses if not _PERSONAL.search(_FRAME.sub("", clause))]
    rest = "".join(kept).strip(" ，、,;；")
    return rest[:_LONGEST] if any(char.isalnum() for char in rest) else ""


def curator_folder(persona: str) -> Path:
    """Where the curator's files of ``persona`` are.

    Raises:
        InputError: It is no name of a persona.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", persona):
        raise InputError(f"persona {persona!r} is no name of a persona", fix="give its name")
    return settings().home / "kiosk" / persona


class Curator:
    """Follows the sessions of one persona's kiosk; used from the event loop.

    Args:
        folder: Where the files go, see `curator_folder`; made when needed.
        today: The kiosk's calendar.
    """

    def __init__(self, folder: Path, today: Callable[[], date] = date.today) -> None:
        self._folder, self._today = folder, today
        self._questions: deque[Unanswered] = deque(maxlen=_WAITING)
        self._counts: dict[str, Counter[str]] = {}
        self._writing = asyncio.Lock()
        self._failing = False

    def watch(self, events: Events) -> Callable[[], None]:
        """Follow one session, which is one visit; returns what ends it."""
        return events.listen(_Visit(self).take)

    async def run(self) -> None:
        """Write what came in every two seconds, in a thread of its own, until cancelled; nothing is
        left unwritten then. What a full disk refuses is kept and written later."""
        with ModelThread("curator") as thread:
            try:
                while True:
                    await asyncio.sleep(_EVERY)
                    await asyncio.shield(self._flush(thread))  # what has begun is finished
            finally:
                await self._flush(thread)

    def count(self, name: str, more: int = 1, day: str | None = None) -> str:
        """Add ``more`` to one of the counts of `Day`, by default today's; returns the day."""
        day = day or self._today().isoformat()
        self._counts.setdefault(day, Counter())[name] += more
        return day

    def unanswered(self, question: str, language: str) -> None:
        """A question was not answered."""
        day = self.count("unanswered")
        if words := without_person(question):
            self._questions.append(Unanswered(words, language, day))

    async def _flush(self, thread: ModelThread) -> None:
        async with self._writing:  # what the one before could not write is there again then
            questions, counts = list(self._questions), self._counts
            self._questions.clear()
            self._counts = {}
            try:
                if questions:
                    await thread.call(_append, self._folder / UNANSWERED, questions)
                    questions = []
                if counts:
                    await thread.call(_add, self._folder / USAGE, counts)
            except Exception as error:
                self._questions = deque([*questions, *self._questions], maxlen=_WAITING)
                for day, more in counts.items():
                    self._counts.setdefault(day, Counter()).update(more)
                if not self._failing:
                    log.error("visits are not counted", cause=f"{type(error).__name__}: {error}")
                self._failing = True
            else:
                self._failing = False


class _Visit:
    """One session's events as counts."""

    def __init__(self, curator: Curator) -> None:
        self._curator = curator
        self._counted = False
        self._rated: tuple[str, str] | None = None  # what was counted, and on which day

    def take(self, event: Event) -> None:
        match event.kind:
            case "heard.final":
                self._begin()
                self._curator.count("questions")
            case "reply.started" if event.data.get("origin") == "greeting":
                self._begin()
            case "unanswered":
                self._curator.unanswered(event.data["question"], event.data["language"])
            case "misheard":
                self._curator.count("misheard")
            case "rated":
                self._rate("good" if event.data["score"] else "bad")

    def _begin(self) -> None:
        if not self._counted:
            self._counted = True
            self._curator.count("visits")

    def _rate(self, name: str) -> None:
        """The last touch of a visit counts."""
        if self._rated is not None:
            before, day = self._rated
            self._curator.count(before, -1, day)
        self._rated = name, self._curator.count(name)


# The files ----------------------------------------------------------------------------------------


def read_unanswered(folder: Path) -> list[Unanswered]:
    """The questions in ``folder``, oldest first; a line that a power cut left half is passed over.

    Raises:
        ResourceError: The file cannot be read.
    """
    return [one for line in _lines(folder / UNANSWERED) if (one := _question(line)) is not None]


def read_usage(folder: Path) -> dict[date, Day]:
    """The counts in ``folder`` by day, in order.

    Raises:
        ResourceError: The file cannot be read, or is damaged.
    """
    days = {date.fromisoformat(day): Day(**counts) for day, counts in _days(folder / USAGE).items()}
    return dict(sorted(days.items()))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _trouble(path, error) from error


def _question(line: str) -> Unanswered | None:
    try:
        return Unanswered(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _days(path: Path) -> dict[str, dict[str, int]]:
    text = "\n".join(_lines(path))
    if not text:
        return {}
    try:
        days = json.loads(text)["days"]
        return {str(day): {k: int(counts[k]) for k in _COUNTS} for day, counts in days.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ResourceError(
            f"usage {path} is damaged: {error}", fix="move it away; counting begins anew"
        ) from error


def _append(path: Path, questions: Sequence[Unanswered]) -> None:
    new = [json.dumps(asdict(one), ensure_ascii=False) for one in questions]
    with _locked(path):
        _replace(path, "\n".join([*_lines(path), *new][-_QUESTIONS:]) + "\n")


def _add(path: Path, more: Mapping[str, Counter[str]]) -> None:
    with _locked(path):
        try:
            days = _days(path)
        except ResourceError as error:
            log.error("damaged counts are put aside", cause=error.message)
            os.replace(path, path.with_suffix(".damaged"))
            days = {}
        for day, counts in more.items():
            now = days.setdefault(day, dict.fromkeys(_COUNTS, 0))
            days[day] = {name: max(0, now[name] + counts[name]) for name in _COUNTS}
        kept = dict(sorted(days.items())[-_DAYS:])
        _replace(path, json.dumps({"format": 1, "days": kept}, indent=1) + "\n")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(path.with_name("lock")):
            yield
    except OSError as error:
        raise _trouble(path, error) from error


def _replace(path: Path, text: str) -> None:
    """Write ``text`` so that the file is whole whenever the power goes."""
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text.encode("utf-8", "replace"))
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _trouble(path: Path, error: OSError) -> ResourceError:
    return ResourceError(
        f"{path}: {error.strerror or error}", fix="make the folder writable or free some space"
    )
