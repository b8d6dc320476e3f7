"""From a script to independent segments that can be rendered, cached and joined."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import digital_human
from digital_human.apps.news.load import ScriptFile
from digital_human.apps.news.script import SIZES, Script, Segment, Text, Titles, text_in, voice_in
from digital_human.config import settings
from digital_human.face.animation import Direction
from digital_human.face.manifest import MANIFEST, find_bundle
from digital_human.media.encoder import AlphaName
from digital_human.media.shot import CityWeather, Look
from digital_human.models.files import file_sha256
from digital_human.safety.labels import label_text
from digital_human.speech.speaker import shared_synthesizer
from digital_human.speech.types import Emotion, Language
from digital_human.speech.voices import load_voice

FPS = 25
RATE = 24_000
_CHARACTERS_PER_SECOND = {"zh": 4.6, "en": 14.5, "ja": 7.0}
# Rooms whose code decides what a finished segment looks and sounds like.
_RENDERING = ("core", "speech", "face", "media", "apps/news")


@dataclass(frozen=True, slots=True)
class TurnPlan:
    """What one anchor says in one go, in one language, and what it acts meanwhile."""

    anchor: str
    text: str
    emotion: Emotion | None
    directions: tuple[Direction, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """An anchor in one language."""

    avatar: str
    voice: str
    speed: float
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """Everything that decides a segment's picture and sound, and nothing else.

    Attributes:
        index: Position in the programme, titles included.
        layout: Layout of the script, or ``title_open`` / ``title_close``.
        language: Language of the programme.
        size: Width and height in pixels.
        look: What stays on the screen.
        people: Anchors who speak here, by their key in the script, in its order.
        tags: Anchors who get a lower third here.
        seconds: Length, for titles.
        alpha: Coding with alpha of the people alone; None is the whole picture.
    """

    index: int
    layout: str
    language: Language
    size: tuple[int, int]
    look: Look
    people: dict[str, Person]
    tags: tuple[str, ...] = ()
    turns: tuple[TurnPlan, ...] = ()
    headline: str = ""
    pictures: tuple[Path, ...] = ()
    video: Path | None = None
    source: str = ""
    cities: tuple[CityWeather, ...] = ()
    title: str = ""
    subtitle: str = ""
    seconds: float = 0.0
    lexicon: tuple[tuple[str, str], ...] = ()
    captions: bool = True
    alpha: AlphaName | None = None

    @property
    def name(self) -> str:
        """What progress bars and messages call it."""
        return self.headline or self.title or f"{self.layout} {self.index}"

    @property
    def estimated_seconds(self) -> float:
        """Length before anything is spoken."""
        characters = sum(len(turn.text) for turn in self.turns)
        return self.seconds or 1.0 + characters / _CHARACTERS_PER_SECOND[self.language]


def plan_programme(file: ScriptFile, language: Language) -> list[SegmentPlan]:
    """Split a script into segments for one language; pure, renders nothing."""
    return _programme(file, language, _look(file, language), tuple(_parts(file.script)))


def plan_people(
    file: ScriptFile, language: Language, alpha: AlphaName, *, labelled: bool
) -> list[SegmentPlan]:
    """As `plan_programme`, for the people alone, with alpha: without titles, pictures and strips.

    Args:
        file: The script.
        language: Language of the programme.
        alpha: How it is coded.
        labelled: Whether the visible label is drawn.
    """
    look = Look(label=label_text(language) if labelled else "")
    spoken = tuple(part for part in _parts(file.script) if isinstance(part[1], Segment))
    return [
        replace(
            plan, alpha=alpha, look=look, layout="full" if plan.layout == "story" else plan.layout,
            tags=(), pictures=(), video=None, source="", cities=(), captions=False,
        )
        for plan in _programme(file, language, look, spoken)
    ]  # fmt: skip


def _look(file: ScriptFile, language: Language) -> Look:
    script = file.script
    return Look(
        theme=script.theme,
        accent=script.accent,
        background=file.backing(script.background),
        logo=text_in(script.logo, language) if script.logo else "",
        logo_picture=file.resolve(script.logo_picture) if script.logo_picture else None,
        ticker=tuple(filter(None, (text_in(item, language) for item in script.ticker))),
        label=label_text(language),
    )


def _programme(
    file: ScriptFile,
    language: Language,
    look: Look,
    parts: Sequence[tuple[str, Segment | Titles]],
) -> list[SegmentPlan]:
    seen: set[str] = set()
    plans: list[SegmentPlan] = []
    elapsed = 0.0
    for layout, part in parts:
        plan = _plan(file, language, len(plans), layout, part, look, seen)
        clock = _clock(file.script.clock, elapsed)
        plan = replace(plan, look=replace(_rotated(plan.look, plan.index), clock=clock))
        seen.update(plan.people)
        elapsed += plan.estimated_seconds
        plans.append(plan)
    return plans


def _parts(script: Script) -> Iterator[tuple[str, Segment | Titles]]:
    if script.opening:
        yield "title_open", script.opening
    for segment in script.segments:
        yield segment.layout, segment
    if script.closing:
        yield "title_close", script.closing


def _plan(
    file: ScriptFile,
    language: Language,
    index: int,
    layout: str,
    part: Segment | Titles,
    look: Look,
    seen: set[str],
) -> SegmentPlan:
    size = SIZES[file.script.size]

    def words(text: Text) -> str:
        return text_in(text, language)

    if isinstance(part, Titles):
        return SegmentPlan(
            index, layout, language, size, look, {},
            title=words(part.title), subtitle=words(part.subtitle), seconds=part.seconds,
        )  # fmt: skip
    if part.background is not None:
        look = replace(look, background=file.backing(part.background))
    speaking = {turn.anchor for turn in part.turns}
    people = {
        key: Person(
            anchor.avatar,
            voice_in(anchor, language) or "",
            anchor.speed,
            words(anchor.name),
            words(anchor.title),
        )
        for key, anchor in file.script.anchors.items()
        if key in speaking
    }
    return SegmentPlan(
        index, layout, language, size, look, people,
        tags=tuple(key for key in people if key not in seen),
        turns=tuple(
            TurnPlan(t.anchor, words(t.say), t.emotion, t.directions(language)) for t in part.turns
        ),
        headline=words(part.headline),
        pictures=tuple(file.resolve(p) for p in part.pictures),
        video=file.resolve(part.video) if part.video else None,
        source=words(part.source),
        cities=tuple(CityWeather(words(c.name), c.sky, c.low, c.high) for c in part.cities),
        lexicon=tuple(sorted(file.script.lexicon.items())),
        captions=file.script.captions,
    )  # fmt: skip


def _rotated(look: Look, index: int) -> Look:
    """The ticker starts with another item in each segment, whatever the others' lengths."""
    if not look.ticker:
        return look
    shift = index % len(look.ticker)
    return replace(look, ticker=look.ticker[shift:] + look.ticker[:shift])


def _clock(start: str, elapsed: float) -> str:
    if not start:
        return ""
    hours, minutes = map(int, start.split(":"))
    minutes += hours * 60 + int(elapsed // 60)
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def cache_key(plan: SegmentPlan) -> str:
    """sha256 of everything a segment is made of: plan, voices, faces, media and the program."""
    media = [*plan.pictures, plan.video, plan.look.logo_picture]
    if isinstance(plan.look.background, Path):
        media.append(plan.look.background)
    voices = [load_voice(person.voice, "news") for person in plan.people.values()]
    material = {
        "plan": asdict(plan),
        "program": _program_digest(),
        "faces": {
            p.avatar: _file_digest(find_bundle(p.avatar) / MANIFEST) for p in plan.people.values()
        },
        "voices": [(voice.model_dump(), voice.fingerprint) for voice in voices],
        "media": [_file_digest(path) for path in media if path],
        "lexicon": [_file_digest(settings().home / f"lexicon.{kind}") for kind in ("toml", "csv")],
        "engines": sorted({shared_synthesizer(voice.engine).fingerprint for voice in voices}),
    }
    text = json.dumps(material, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache
def _program_digest() -> str:
    root = Path(digital_human.__file__).parent
    digest = hashlib.sha256(digital_human.__version__.encode())
    for room in _RENDERING:
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _file_digest(path: Path) -> str:
    return file_sha256(path) if path.is_file() else ""
