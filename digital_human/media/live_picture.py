"""The picture of a live session: the person before a background, with the AI label always in sight.

Everything that stands still is drawn once into each of a few buffers; a frame only draws the boxes
in which the person moves.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face.avatar import Avatar
from digital_human.face.motion import MotionFrame
from digital_human.media.blend import PersonBlender
from digital_human.media.furniture import label_sprite
from digital_human.media.layouts import Rect, Size
from digital_human.media.studio import backdrop
from digital_human.media.studio_wall import Camera, noise
from digital_human.safety.labels import check_label_text

BUFFERS = 4
"""How many pictures exist at a time: one is valid until ``BUFFERS - 1`` more have been drawn."""
_SMALLEST, _LARGEST = 240, 2160
_CROWN = 0.085  # least row of the top of the hair, of the picture's height
_HEAD = 0.52  # least height of the head, crown to chin, of the picture's height
_HEAD_ASPECT = 0.80  # width of a head by its height
_MARGIN = 0.018  # free around the label, of the shortest side


class LivePicture:
    """Draws one avatar for one session; one instance belongs to one thread at a time.

    Args:
        avatar: The avatar.
        size: Width and height of the picture in pixels, both even.
        label: Visible label of generated content; stays at the height GB 45438-2025 asks for,
            since onlookers come at any time.
        background: A picture's path or ``#RRGGBB``; by default a view over a lake.

    Raises:
        InputError: The size, the label or the background is wrong.
    """

    def __init__(
        self, avatar: Avatar, size: Size, *, label: str, background: Path | str | None = None
    ) -> None:
        width, height = size
        if width % 2 or height % 2 or not (_SMALLEST <= min(size) and max(size) <= _LARGEST):
            raise InputError(
                f"picture size {width}x{height}: sides must be even, {_SMALLEST} to {_LARGEST}",
                fix="use 576x768, 512x512 or 1280x720",
            )
        check_label_text(label)
        self._size = size
        margin = max(4, round(_MARGIN * min(size)))
        room = Rect(margin, margin, width - 2 * margin, height)
        self._label, self._label_x = label_sprite(label, room, min(size), large=True)
        self._label_y = margin
        free = 0
        if self._label_x < (width + _HEAD_ASPECT * _HEAD * height) / 2:
            free = self._label.height + 2 * margin
        rows, self._corner = _stand(avatar, size, free)
        self._renderer = avatar.renderer(rows)
        self._people = PersonBlender()
        if background is None:
            self._base = _lakeside(width, height)
        else:
            camera = Camera(width, height)
            self._base = backdrop("light", camera, height, background).base
        still = self._base.copy()
        body = self._renderer.render(MotionFrame.rest())
        self._people.draw(still, body, *self._corner)
        self._label.draw(still, self._label_x, self._label_y)
        self._buffers = [still.copy() for _ in range(BUFFERS)]
        self._next = 0
        self._moving = self._visible()

    @property
    def size(self) -> Size:
        """Width and height of the picture."""
        return self._size

    def draw(self, motion: MotionFrame) -> ByteArray:
        """Draw ``motion``.

        Returns:
            uint8 [h, w, 3] RGB, drawn over again after ``BUFFERS - 1`` more calls.
        """
        rgba = self._renderer.render(motion)
        frame = self._buffers[self._next]
        self._next = (self._next + 1) % BUFFERS
        x, y = self._corner
        label = Rect(self._label_x, self._label_y, self._label.width, self._label.height)
        for box in self._moving:
            inside = slice(box.y, box.bottom), slice(box.x, box.right)
            frame[inside] = self._base[inside]
            part = rgba[box.y - y : box.bottom - y, box.x - x : box.right - x]
            self._people.draw(frame[inside], part, 0, 0)
            if box.overlaps(label):
                clip = (box.x, box.y, box.w, box.h)
                self._label.draw(frame, label.x, label.y, clip=clip)
        return frame

    def _visible(self) -> list[Rect]:
        """The moving boxes of the person, in the picture."""
        x, y = self._corner
        out = []
        for box in self._renderer.moving:
            left, top = max(0, x + box.x), max(0, y + box.y)
            right = min(self._size[0], x + box.x + box.width)
            bottom = min(self._size[1], y + box.y + box.height)
            if left < right and top < bottom:
                out.append(Rect(left, top, right - left, bottom - top))
        return out


def _stand(avatar: Avatar, size: Size, free: int) -> tuple[int, tuple[int, int]]:
    """Height in which to render the bust so that it fills the picture, and its left top corner.

    Args:
        avatar: The avatar.
        size: The picture's.
        free: Rows above the hair that are kept free.
    """
    canvas_height, canvas_width = avatar.canvas.shape[:2]
    covered = np.flatnonzero((avatar.canvas[..., 3] > 127).any(axis=1))
    crown = float(covered[0]) / canvas_height
    face = avatar.manifest.face
    head = face.chin[1] / canvas_height - crown
    width, height = size
    above = max(_CROWN, free / height)
    rows = max((1 - above) / (1 - crown), _HEAD / head) * height
    left = width / 2 - face.eyes[0] / canvas_width * rows * canvas_width / canvas_height
    # Rounded up: the bust's last row must not show.
    return int(np.ceil(rows)) + 1, (round(left), round(above * height - crown * rows))


@lru_cache(maxsize=6)
def _lakeside(width: int, height: int) -> ByteArray:
    """A misty lake with hills behind, out of focus, uint8 [h, w, 3], read-only."""
    rng = np.random.default_rng(7)
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    shore = 0.60 * height
    short = min(width, height)

    def tone(*value: float) -> FloatArray:
        return np.array(value, np.float32)

    up = np.clip(yy / shore, 0, 1)[..., None]
    sky = tone(176, 205, 216) * (1 - up) + tone(240, 236, 222) * up
    glow = np.exp(-(((xx / width - 0.70) / 0.42) ** 2) - ((yy / shore - 0.62) / 0.5) ** 2)
    sky += glow[..., None] * tone(18, 8, -14)
    hills = ((0.30, 0.10, tone(186, 205, 208)), (0.20, 0.085, tone(152, 182, 184)),
             (0.09, 0.06, tone(116, 156, 152)))  # fmt: skip
    x = np.arange(width, dtype=np.float32) / short
    for rise, swing, colour in hills:
        ridge = np.full(width, rise, np.float32)
        for octave in range(4):
            wave = 1.1 * 1.9**octave
            ridge += swing * 0.55**octave * np.sin(wave * x * 2.4 + rng.uniform(0, 6.3))
        top = shore - np.maximum(ridge, 0.01)[None] * short * 0.9
        edge = 0.012 * short
        cover = np.clip((yy - top) / edge, 0, 1)[..., None]
        mist = np.clip((shore - yy) / (0.22 * short), 0, 1)[..., None] * 0.75 + 0.25
        sky += cover * mist * (colour - sky)
    below = np.minimum(2 * shore - yy, shore - 1)
    mirrored = cv2.remap(sky, xx, np.maximum(below, 0), cv2.INTER_LINEAR)
    depth = np.clip((yy - shore) / (height - shore), 0, 1)[..., None]
    water = mirrored * (0.93 - 0.20 * depth) + tone(4, 12, 14) * depth
    picture = np.where((yy < shore)[..., None], sky, water).astype(np.float32)
    picture = cv2.GaussianBlur(picture, (0, 0), short / 55).astype(np.float32)
    fall = np.hypot((xx / width - 0.5) * 1.0, (yy / height - 0.40) * 0.9)
    picture *= np.clip(1.05 - 0.28 * fall**1.6, 0.6, 1.05)[..., None]
    dither = (noise(height, width, 5) - 0.5)[..., None] * 1.6
    out: ByteArray = (picture + dither).round().clip(0, 255).astype(np.uint8)
    out.flags.writeable = False
    return out
