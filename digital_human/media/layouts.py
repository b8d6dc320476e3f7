"""Where everything goes: one description per layout, resolved for any landscape or portrait size.

All lengths are written for a shortest side of 720 and scale with it, so a script never holds
coordinates. Boxes that can be on the screen together never overlap.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from digital_human.errors import InputError
from digital_human.media.shot import Framing, LayoutName, Side

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rect:
    """A box in pixels."""

    x: int
    y: int
    w: int
    h: int

    @property
    def right(self) -> int:
        """One past the last column."""
        return self.x + self.w

    @property
    def bottom(self) -> int:
        """One past the last row."""
        return self.y + self.h

    @property
    def centre(self) -> tuple[int, int]:
        """The middle."""
        return self.x + self.w // 2, self.y + self.h // 2

    def overlaps(self, other: Rect) -> bool:
        """Whether the two share a pixel."""
        return (
            self.x < other.right and other.x < self.right
            and self.y < other.bottom and other.y < self.bottom
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Regions:
    """A layout at one size.

    Attributes:
        size: Width and height.
        unit: Pixels per written length (shortest side / 720).
        faces: One box from crown to chin for each anchor, left to right.
        desk: Row of the desk's top edge; the frame's height when there is no desk.
        strap: Lower third and headline strip.
        strap_right: Lower third of the right-hand anchor; None where there is one anchor.
        caption: Two lines of captions.
        ticker: The scrolling line, clock excluded.
        clock: The clock at the ticker's left end.
        logo: Corner of the station.
        label: Label of generated content, at its large size.
        panel: Picture panel or weather card.
        source: Credit of a picture that fills the screen; inside ``panel`` where there is one.
        title: Words of an opening or closing.
    """

    size: Size
    unit: float
    faces: tuple[Rect, ...]
    desk: int
    strap: Rect
    strap_right: Rect | None
    caption: Rect
    ticker: Rect
    clock: Rect
    logo: Rect
    label: Rect
    panel: Rect | None = None
    source: Rect | None = None
    title: Rect | None = None

    def boxes(self) -> dict[str, Rect]:
        """Every box that may be seen at the same time as the others, by name."""
        out: dict[str, Rect] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Rect):
                out[f.name] = value
        for number, face in enumerate(self.faces):
            out[f"face{number}"] = face
        if self.title is not None:  # A title stands alone, only the label stays.
            out = {name: out[name] for name in ("title", "label")}
        return out


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a renderer's picture goes.

    Attributes:
        x: Column of its left edge; may be negative.
        y: Row of its top edge.
        width: Columns it is drawn in.
        height: Rows it is drawn in; a renderer that can should render at this size.
    """

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """A layout in written lengths: face boxes as (centre x, crown y, height), panel, desk row.

    Horizontal places are fractions of the width.
    """

    faces: tuple[tuple[float, float, float], ...]
    desk: float
    panel: tuple[float, float, float, float] | None = None


_WIDE: dict[LayoutName, _Plan] = {
    "anchor_full": _Plan(((0.50, 74, 248),), 566),
    "anchor_half": _Plan(((0.50, 66, 318),), 640),
    "beside": _Plan(((0.245, 112, 226),), 566, (0.462, 104, 0.5, 360)),
    "broll": _Plan((), 720),
    "two_anchors": _Plan(((0.30, 112, 226), (0.70, 112, 226)), 566),
    "weather": _Plan(((0.205, 132, 216),), 566, (0.40, 104, 0.562, 362)),
    "title_open": _Plan((), 720),
    "title_close": _Plan((), 720),
}
_TALL: dict[LayoutName, _Plan] = {
    "anchor_full": _Plan(((0.50, 220, 322),), 872),
    "anchor_half": _Plan(((0.50, 196, 372),), 960),
    "beside": _Plan(((0.50, 596, 210),), 1016, (0.044, 156, 0.912, 396)),
    "broll": _Plan((), 1280),
    "two_anchors": _Plan(((0.285, 384, 196), (0.715, 384, 196)), 816),
    "weather": _Plan(((0.50, 690, 150),), 1016, (0.044, 156, 0.912, 500)),
    "title_open": _Plan((), 1280),
    "title_close": _Plan((), 1280),
}
# Faces are this much wider than half their height from crown to chin.
_FACE_ASPECT = 0.74


def regions(layout: LayoutName, size: Size, side: Side = "left", anchors: int = 1) -> Regions:
    """Resolve ``layout`` for a picture of ``size``.

    Args:
        layout: Name of the layout.
        size: Width and height in pixels, both even.
        side: Where the anchor sits in ``beside`` and ``weather`` (landscape only).
        anchors: How many are seen; ``weather`` with none centres its card.

    Raises:
        InputError: The size is odd, too small, nearly square or very long.
    """
    width, height = size
    if min(size) < 240 or width % 2 or height % 2 or not 1.5 <= max(size) / min(size) <= 2.4:
        raise InputError(
            f"picture size {width}x{height}: sides must be even, at least 240, and the longer one "
            "1.5 to 2.4 times the shorter",
            fix="use 1280x720, 1920x1080 or 720x1280",
        )
    u = min(size) / 720
    tall = height > width
    plan = (_TALL if tall else _WIDE)[layout]
    # Written rows grow with the long side of a portrait picture, so that any shape is filled.
    v = height / 1280 if tall else u
    mirror = side == "right" and not tall

    def box(x: float, y: float, w: float, h: float) -> Rect:
        return Rect(round(x), round(y), round(w), round(h))

    faces = []
    for cx, top, h in plan.faces[: max(anchors, 0)]:
        cx = 1 - cx if mirror else cx
        w = h * _FACE_ASPECT
        faces.append(box(cx * width - w * u / 2, top * v, w * u, h * u))
    panel = None
    if plan.panel:
        px, py, pw, ph = plan.panel
        if not faces and not tall:
            px = (1 - pw) / 2
        elif mirror:
            px = 1 - px - pw
        panel = box(px * width, py * v, pw * width, ph * v)
    margin = 32 * u
    foot = _foot_tall(width, height, u) if tall else _foot_wide(width, height, u)
    two = layout == "two_anchors"
    strap, right = _straps(foot["strap"], two)
    head_y = 60 * v if tall else 28 * u
    title = None
    if layout in ("title_open", "title_close"):
        title = box(width * 0.08, height * (0.34 if tall else 0.30), width * 0.84, 300 * u)
    source = None
    if layout == "broll":
        source = box(width - margin - 360 * u, head_y + 72 * u, 360 * u, 34 * u)
    return Regions(
        size=size, unit=u, faces=tuple(faces), desk=min(height, round(plan.desk * v)),
        strap=strap, strap_right=right, caption=foot["caption"], ticker=foot["ticker"],
        clock=foot["clock"],
        logo=box(margin, head_y, 250 * u, 60 * u),
        label=box(width - margin - 360 * u, head_y, 360 * u, 60 * u),
        panel=panel, source=source, title=title,
    )  # fmt: skip


def _foot_wide(width: int, height: int, u: float) -> dict[str, Rect]:
    """Ticker on the bottom, captions above it, straps above those."""
    bar = round(44 * u)
    y = height - bar - round(14 * u)
    clock = round(118 * u)
    margin = round(32 * u)
    caption = Rect(round(width * 0.12), y - round(98 * u), round(width * 0.76), round(90 * u))
    return {
        "clock": Rect(margin, y, clock, bar),
        "ticker": Rect(margin + clock, y, width - 2 * margin - clock, bar),
        "caption": caption,
        "strap": Rect(margin, caption.y - round(88 * u), width - 2 * margin, round(82 * u)),
    }


def _foot_tall(width: int, height: int, u: float) -> dict[str, Rect]:
    """As `_foot_wide`, higher up: players of portrait video draw their own controls below."""
    bar = round(48 * u)
    y = height - bar - round(84 * height / 1280)
    clock = round(124 * u)
    margin = round(24 * u)
    caption = Rect(margin, y - round(124 * u), width - 2 * margin, round(112 * u))
    return {
        "clock": Rect(margin, y, clock, bar),
        "ticker": Rect(margin + clock, y, width - 2 * margin - clock, bar),
        "caption": caption,
        "strap": Rect(margin, caption.y - round(104 * u), width - 2 * margin, round(92 * u)),
    }


def _straps(row: Rect, two: bool) -> tuple[Rect, Rect | None]:
    """The strap row, or its two halves."""
    if not two:
        return row, None
    half = (row.w - max(8, row.h // 8)) // 2
    return Rect(row.x, row.y, half, row.h), Rect(row.right - half, row.y, half, row.h)


_LARGEST_HEAD = 0.5  # most of its window's height that a head may take
_LARGEST_FREE = 0.8  # and of what is above the strips


def window(regions_: Regions, index: int, framing: Framing, *, stacked: bool = False) -> Rect:
    """The part of the screen that an anchor with surroundings of its own fills.

    The whole screen, beside a panel what the panel leaves, and for two anchors a half; less of it
    where an upright picture would have to be enlarged until strips cover the face.

    Args:
        regions_: The layout.
        index: Which anchor, from the left.
        framing: Where the face is in its picture.
        stacked: On a portrait screen, one of two above the other; else they are side by side.
    """
    box = _room(regions_, index, stacked)
    head = (framing.chin - framing.crown) * box.w / framing.aspect
    free = min(box.bottom, regions_.strap.y) - box.y
    largest = min(_LARGEST_HEAD * box.h, _LARGEST_FREE * free)
    if head <= largest:
        return box
    width = min(box.w, max(round(box.h * framing.aspect), round(box.w * largest / head)))
    return Rect(box.x + (box.w - width) // 2, box.y, width, box.h)


def _room(regions_: Regions, index: int, stacked: bool) -> Rect:
    """What a layout leaves for one anchor."""
    width, height = regions_.size
    gap = max(2, round(6 * regions_.unit))
    if len(regions_.faces) == 2:
        if stacked and height > width:
            top = regions_.label.bottom + 2 * gap
            half = (regions_.strap.y - 3 * gap - top) // 2
            return Rect(0, top + index * (half + gap), width, half)
        half = (width - gap) // 2
        return Rect(index * (half + gap), 0, width - half - gap if index else half, height)
    panel = regions_.panel
    if panel is None:
        return Rect(0, 0, width, height)
    edge = round(22 * regions_.unit)
    if height > width:
        return Rect(0, panel.bottom + edge, width, height - panel.bottom - edge)
    if panel.centre[0] > width / 2:
        return Rect(0, 0, panel.x - edge, height)
    return Rect(panel.right + edge, 0, width - panel.right - edge, height)


_CLOSER = 1.6  # most that a picture is enlarged beyond filling its window


def place_opaque(
    regions_: Regions, index: int, picture: Size, framing: Framing, box: Rect
) -> Placement:
    """Where a picture with surroundings of its own goes, so that it covers ``box``.

    The face is as large as in the layout's face box if it can be, and as high up.

    Args:
        regions_: The layout.
        index: Which anchor, from the left.
        picture: Width and height of the renderer's picture, any scale.
        framing: Where the face is in it.
        box: What `window` gave.
    """
    face = regions_.faces[index]
    least = max(box.w / picture[0], box.h / picture[1])
    scale = face.h / ((framing.chin - framing.crown) * picture[1])
    scale = min(max(scale, least), _CLOSER * least)
    w, h = int(np.ceil(picture[0] * scale)), int(np.ceil(picture[1] * scale))
    head = (framing.chin - framing.crown) * h
    wanted = face.y if box.h == regions_.size[1] else box.y + 0.12 * box.h
    # The chin stays above the strips.
    top = max(box.y, min(wanted, regions_.strap.y - round(12 * regions_.unit) - head))
    x = round(box.x + box.w / 2 - framing.centre * w)
    y = round(top - framing.crown * h)
    return Placement(min(box.x, max(box.right - w, x)), min(box.y, max(box.bottom - h, y)), w, h)


def place(regions_: Regions, index: int, picture: Size, framing: Framing) -> Placement:
    """Where the renderer's picture of one anchor goes.

    Its face fills the layout's face box; a bust too short to reach behind the desk is enlarged
    about its crown until it does.

    Args:
        regions_: The layout.
        index: Which anchor, from the left.
        picture: Width and height of the renderer's picture, any scale.
        framing: Where the face is in it.
    """
    face = regions_.faces[index]
    width, height = picture
    scale = face.h / ((framing.chin - framing.crown) * height)
    below = min(regions_.size[1], regions_.desk + round(18 * regions_.unit))
    scale = max(scale, (below - face.y) / ((1 - framing.crown) * height))
    w, h = round(width * scale), round(height * scale)
    return Placement(
        x=round(face.x + face.w / 2 - framing.centre * w),
        y=round(face.y - framing.crown * h),
        width=w,
        height=h,
    )
