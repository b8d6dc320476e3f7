"""What is on the screen: the programme's look and, shot by shot, what changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

LayoutName = Literal[
    "anchor_full", "anchor_half", "beside", "broll", "two_anchors", "weather",
    "title_open", "title_close",
]  # fmt: skip
ThemeName = Literal["blue", "light"]
Side = Literal["left", "right"]
Sky = Literal["sunny", "cloudy", "overcast", "rain", "storm", "snow", "fog", "wind"]


@dataclass(frozen=True, slots=True)
class Framing:
    """Where the person is inside the renderer's picture, as fractions of its height and width.

    Attributes:
        crown: Row of the top of the hair.
        chin: Row of the chin.
        centre: Column of the middle of the face.
        opaque: The picture brings its own surroundings and is to fill its place.
        aspect: Width of the picture by its height; counts where it is opaque.
    """

    crown: float = 0.08
    chin: float = 0.50
    centre: float = 0.50
    opaque: bool = False
    aspect: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.crown < self.chin <= 1:
            raise ValueError(f"framing: crown {self.crown} must lie above chin {self.chin}")


@dataclass(frozen=True, slots=True)
class NameTag:
    """A lower third.

    Attributes:
        name: The person.
        title: Role under the name.
        start: First frame, from the start of the shot.
        frames: How many frames it stays, animation included.
        side: Edge of the screen it comes from.
    """

    name: str
    title: str = ""
    start: int = 10
    frames: int = 125
    side: Side = "left"


@dataclass(frozen=True, slots=True)
class CityWeather:
    """One entry of the weather card; temperatures in °C."""

    name: str
    sky: Sky
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Shot:
    """One camera position or full-screen picture; frames count from its own start.

    Attributes:
        layout: Arrangement, see `digital_human.media.layouts`.
        frames: Length.
        anchors: Who is seen, left to right: keys into the pictures given to the compositor.
        framings: Where each anchor is in the renderer's picture; the default for those missing.
        tags: Lower thirds; the headline waits while one is shown on its side.
        headline: Words of the headline strip, or the heading of the weather card.
        pictures: For ``beside`` and ``broll``; they share the shot's time.
        video: For ``broll`` and ``beside``, instead of pictures; starts again when it ends.
        source: Credit in the corner of pictures and video.
        cities: For ``weather``.
        title: For ``title_open`` and ``title_close``.
        subtitle: Second line of a title.
        side: Where the anchor sits in ``beside`` and ``weather``.
    """

    layout: LayoutName
    frames: int
    anchors: tuple[str, ...] = ()
    framings: Mapping[str, Framing] = field(default_factory=dict)
    tags: tuple[NameTag, ...] = ()
    headline: str = ""
    pictures: tuple[Path, ...] = ()
    video: Path | None = None
    source: str = ""
    cities: tuple[CityWeather, ...] = ()
    title: str = ""
    subtitle: str = ""
    side: Side = "left"

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"shot of {self.frames} frames: needs at least 1")
        most = {"two_anchors": 2, "broll": 0, "title_open": 0, "title_close": 0}
        if len(self.anchors) > most.get(self.layout, 1):
            raise ValueError(f"layout {self.layout} cannot show anchors {self.anchors}")


@dataclass(frozen=True, slots=True)
class Look:
    """What stays on the screen during the whole programme.

    Attributes:
        theme: Studio and colours.
        accent: Colour of strips as ``#RRGGBB``; None is the theme's own.
        background: Instead of the studio's wall: a picture, a video that is looped, or a colour as
            ``#RRGGBB``.
        logo: Words in the corner.
        logo_picture: Picture in the corner, instead of the words.
        clock: ``HH:MM``, or empty for none.
        ticker: Items of the scrolling line, or empty for none.
        label: The visible label of generated content; empty draws none.
        label_large: Frames from the programme's start during which the label is at least 5 % of
            the shortest side high (GB 45438-2025 asks for 2 s); afterwards it is smaller.
    """

    theme: ThemeName = "blue"
    accent: str | None = None
    background: Path | str | None = None
    logo: str = ""
    logo_picture: Path | None = None
    clock: str = ""
    ticker: tuple[str, ...] = ()
    label: str = "AI生成"
    label_large: int = 100
