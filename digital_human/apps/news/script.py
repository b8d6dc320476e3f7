"""The news script: a pydantic model of the YAML file, and its published JSON schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)

from digital_human.face.animation import Direction, take_directions
from digital_human.speech.types import Emotion, Language

SIZES: dict[str, tuple[int, int]] = {
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "portrait": (720, 1280),
}
Size = Literal["720p", "1080p", "portrait"]
Layout = Literal["full", "half", "beside", "story", "two", "weather"]
Sky = Literal["sunny", "cloudy", "overcast", "rain", "storm", "snow", "fog", "wind"]

Text = str | dict[Language, str]
Colour = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$", examples=["#1677ff"])]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
Background = Annotated[
    Colour | Path, Field(description="Instead of the studio: #RRGGBB, a picture, or a video.")
]


def _directed(text: Text) -> Text:
    """Refuse stage directions that do not exist."""
    for words in text.values() if isinstance(text, dict) else (text,):
        take_directions(words, strict=True)
    return text


Spoken = Annotated[Text, AfterValidator(_directed)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Anchor(_Strict):
    """A person who speaks in the script."""

    avatar: Name = Field(description="Avatar bundle, see `digital-human avatar list`.")
    voice: Name | dict[Language, Name] = Field(
        description="Voice, see `digital-human voice list`; or one voice for each language."
    )
    name: Text = Field(description="Name in the lower third.")
    title: Text = Field(default="", description="Role in the lower third.")
    speed: float = Field(default=1.0, ge=0.6, le=1.6, description="1.0 is the voice's own pace.")


class Turn(_Strict):
    """What one anchor says without being interrupted by another."""

    anchor: Name = Field(description="Key of an entry in `anchors`.")
    say: Spoken = Field(
        description="The words to speak; [nod], [微笑 0.5], [slow], [停顿 0.8] are done there."
    )
    emotion: Emotion | None = Field(
        default=None, description="Of face and voice; without it, taken from the words."
    )
    _directions: dict[Language | None, tuple[Direction, ...]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _take_directions(self) -> Turn:
        """From here on `say` holds only what is spoken: what is judged, read and shown."""
        if isinstance(self.say, str):
            self.say, self._directions[None] = take_directions(self.say)
            return self
        taken = {language: take_directions(words) for language, words in self.say.items()}
        self.say = {language: words for language, (words, _) in taken.items()}
        self._directions.update({language: found for language, (_, found) in taken.items()})
        return self

    def directions(self, language: Language) -> tuple[Direction, ...]:
        """The stage directions in the words of ``language``."""
        return self._directions.get(None if isinstance(self.say, str) else language, ())


class City(_Strict):
    """One line of the weather card."""

    name: Text
    sky: Sky
    low: int = Field(ge=-90, le=60, description="°C")
    high: int = Field(ge=-90, le=60, description="°C")

    @model_validator(mode="after")
    def _in_order(self) -> City:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class Titles(_Strict):
    """An opening or closing title."""

    title: Text
    subtitle: Text = ""
    seconds: float = Field(default=3.0, ge=2.0, le=15.0)


class Segment(_Strict):
    """A stretch of the programme with one layout."""

    layout: Layout = Field(
        default="full",
        description="full: one anchor; half: closer; beside: anchor and picture panel; "
        "story: anchor introduces, then pictures or a video fill the screen; "
        "two: both anchors at the desk; weather: anchor and weather card.",
    )
    headline: Text = Field(default="", description="Headline strip.")
    anchor: Name | None = Field(default=None, description="Who says `say`.")
    say: Spoken | None = Field(
        default=None,
        description="The words to speak; [nod], [微笑 0.5], [slow], [停顿 0.8] are done there.",
    )
    emotion: Emotion | None = None
    turns: list[Turn] = Field(default_factory=list, description="Instead of `anchor` and `say`.")
    pictures: list[Path] = Field(default_factory=list, description="For `beside` and `story`.")
    video: Path | None = Field(default=None, description="For `story`; its own sound is not used.")
    cities: list[City] = Field(default_factory=list, max_length=8, description="For `weather`.")
    source: Text = Field(default="", description="Credit shown on pictures, e.g. 图：本台.")
    background: Background | None = Field(
        default=None, description="As the programme's, for this segment alone."
    )

    @model_validator(mode="after")
    def _who_says_what(self) -> Segment:
        if self.turns and (self.say is not None or self.anchor is not None):
            raise ValueError("give either `turns`, or `anchor` and `say`, not both")
        if not self.turns:
            if self.say is None or self.anchor is None:
                raise ValueError("nobody speaks: give `anchor` and `say`, or `turns`")
            self.turns = [Turn(anchor=self.anchor, say=self.say, emotion=self.emotion)]
            self.anchor = self.say = None
        if self.layout == "beside" and len(self.pictures) != 1:
            raise ValueError("layout `beside` needs exactly one entry in `pictures`")
        if self.layout == "story" and bool(self.pictures) == bool(self.video):
            raise ValueError("layout `story` needs either `pictures` or a `video`, one of them")
        if self.layout == "weather" and not self.cities:
            raise ValueError("layout `weather` needs `cities`")
        if self.layout == "two" and len({t.anchor for t in self.turns}) != 2:
            raise ValueError("layout `two` needs turns of exactly two different anchors")
        return self


class Script(_Strict):
    """A news programme."""

    version: Literal[1] = Field(description="Version of this format.")
    title: Text = Field(description="Name of the programme; also the file's title.")
    languages: list[Language] = Field(default=["zh"], min_length=1)
    size: Size = "720p"
    clock: str = Field(default="", pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$", examples=["19:00"])
    theme: Literal["blue", "light"] = "blue"
    accent: Colour | None = Field(default=None, description="Colour of strips, #RRGGBB.")
    background: Background | None = None
    logo: Text | None = Field(default=None, description="Words in the corner.")
    logo_picture: Path | None = Field(default=None, description="Picture in the corner.")
    ticker: list[Text] = Field(default_factory=list)
    captions: bool = Field(default=True, description="Burn captions in; SRT is always written.")
    lexicon: dict[str, str] = Field(
        default_factory=dict,
        description="Readings for this script, e.g. {重庆: chong2 qing4}.",
    )
    anchors: dict[Name, Anchor] = Field(min_length=1)
    opening: Titles | None = Field(
        default=None, description="At least 2 s: the label of generated content is large so long."
    )
    segments: list[Segment] = Field(min_length=1, max_length=500)
    closing: Titles | None = None


def text_in(text: Text, language: Language) -> str:
    """The words of ``text`` in ``language``; a plain string serves every language."""
    return text if isinstance(text, str) else text.get(language, "")


def voice_in(anchor: Anchor, language: Language) -> str | None:
    """The anchor's voice for ``language``, None when the script names none."""
    return anchor.voice if isinstance(anchor.voice, str) else anchor.voice.get(language)


def slug(text: str) -> str:
    """A file name made of ``text``."""
    return re.sub(r"[^\w-]+", "-", text).strip("-").lower() or "news"


def json_schema() -> dict[str, Any]:
    """The JSON schema editors use to complete and check a script."""
    schema = Script.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "digital_human news script"
    return schema


def schema_text() -> str:
    """The published schema file's content."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n"
