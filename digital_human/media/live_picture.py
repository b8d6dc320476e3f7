"""The picture of a live session: the person before a background, with the AI label always in sight.

A background can be changed while the session runs: `LivePicture.prepare` makes it ready in any
thread, `LivePicture.show` puts it in the place of the old one between two pictures.
"""

from __future__ import annotations

import logging
from collections import deque
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.core.stage import ModelThread
from digital_human.errors import DigitalHumanError, InputError
from digital_human.face.avatar import Avatar
from digital_human.face.motion import MotionFrame
from digital_human.face.renderers.base import Renderer
from digital_human.media.clips import is_picture
from digital_human.media.footage import Loop, first_picture, footage
from digital_human.media.framing import frame_of
from digital_human.media.furniture import label_sprite
from digital_human.media.grounds import (
    BUFFERS,
    Ground,
    MatteGround,
    OpaqueGround,
    Stand,
    StillGround,
    VideoGround,
)
from digital_human.media.layouts import Rect, Size
from digital_human.media.studio import backdrop
from digital_human.media.studio_wall import Camera, noise
from digital_human.safety.labels import check_label_text

__all__ = ["BUFFERS", "Background", "LivePicture"]

Background = Path | str
"""A picture's or a video's path, or a colour as ``#RRGGBB``."""
_SMALLEST, _LARGEST = 240, 2160
_CROWN = 0.085  # least row of the top of the hair, of the picture's height
_HEAD = 0.52  # least height of the head, crown to chin, of the picture's height
_HEAD_ASPECT = 0.80  # width of a head by its height
_MARGIN = 0.018  # free around the label, of the shortest side
_OPAQUE_HEAD = 0.36  # as `_HEAD`, where the avatar's own surroundings fill the picture
_CLOSER = 1.5  # most that such a picture is enlarged beyond filling

log = logging.getLogger(__name__)


class LivePicture:
    """Draws one avatar for one session; `draw` belongs to one thread at a time.

    Args:
        avatar: The avatar; an opaque one fills the picture and brings its own background.
        size: Width and height of the picture in pixels, both even.
        label: Visible label of generated content; stays at the height GB 45438-2025 asks for,
            since onlookers come at any time.
        background: By default a view over a lake. A video shows its first picture until it is
            ready to play.
        fps: Frames per second, for a video.
        matte: For mixers: a picture of twice the width, the person's straight colour on the left,
            its matte on the right; there is no background.

    Raises:
        InputError: The size, the label or the background is wrong.
    """

    def __init__(
        self,
        avatar: Avatar,
        size: Size,
        *,
        label: str,
        background: Background | None = None,
        fps: int = 25,
        matte: bool = False,
    ) -> None:
        width, height = size
        if width % 2 or height % 2 or not (_SMALLEST <= min(size) and max(size) <= _LARGEST):
            raise InputError(
                f"picture size {width}x{height}: sides must be even, {_SMALLEST} to {_LARGEST}",
                fix="use 576x768, 512x512 or 1280x720",
            )
        check_label_text(label)
        self._avatar, self._fps, self._matte = avatar, fps, matte
        margin = max(4, round(_MARGIN * min(size)))
        room = Rect(margin, margin, width - 2 * margin, height)
        sprite, x = label_sprite(label, room, min(size), large=True)
        free = 0
        if x < (width + _HEAD_ASPECT * _HEAD * height) / 2:
            free = sprite.height + 2 * margin
        place = _fill if avatar.manifest.opaque else _stand
        rows, corner = place(avatar, size, free)
        self._renderer = avatar.renderer(rows)
        self._rest = self._renderer.render(MotionFrame.rest()).copy()
        moving = tuple(_visible(self._renderer, corner, size))
        self._stand = Stand(size, corner, moving, sprite, (x, margin))
        self._coming: deque[Ground] = deque()
        self._replaced = False
        self._ground = self._first(background)

    @property
    def size(self) -> Size:
        """Width and height of the picture."""
        width, height = self._stand.size
        return (2 * width, height) if self._matte else (width, height)

    def draw(self, motion: MotionFrame) -> ByteArray:
        """Draw ``motion``.

        Returns:
            uint8 [h, w, 3] RGB, drawn over again after ``BUFFERS - 1`` more calls.
        """
        while self._coming:
            self._ground.close()
            self._ground = self._coming.popleft()
        return self._ground.draw(self._renderer.render(motion))

    def prepare(self, background: Background | None) -> Ground:
        """Make a background ready; may take seconds, in any thread.

        Raises:
            InputError: The background is wrong, or this picture has none of its own.
        """
        if self._avatar.manifest.opaque:
            raise InputError(
                f"avatar {self._avatar.manifest.name!r} brings its own background, which cannot "
                "be replaced",
                fix="use an avatar that was cut out, such as one made from a photo",
            )
        if self._matte:
            raise InputError(
                "background: this picture is a matte, the mixer puts the background behind it",
                fix="change the background in the mixer",
            )
        if isinstance(background, Path) and not is_picture(background):
            loop = Loop(footage(background, self._stand.size, self._fps))
            return VideoGround(self._stand, loop)
        return self._still(background)

    def show(self, ground: Ground) -> None:
        """Draw on ``ground``, which `prepare` made, from the next picture on."""
        self._replaced = True
        self._coming.append(ground)

    def _first(self, background: Background | None) -> Ground:
        if self._matte:
            return MatteGround(self._stand, self._rest)
        if self._avatar.manifest.opaque:
            return OpaqueGround(self._stand)
        if not isinstance(background, Path) or is_picture(background):
            return self._still(background)
        poster = first_picture(background, self._stand.size)
        thread = ModelThread("background")
        thread.submit(self._start_video, background, thread)
        return StillGround(self._stand, poster, self._rest)

    def _start_video(self, path: Path, thread: ModelThread) -> None:
        try:
            ground = self.prepare(path)
        except DigitalHumanError as error:
            log.error("the background stays still: %s", error)
        else:
            if not self._replaced:
                self._coming.append(ground)
        finally:
            thread.shutdown(wait=False)

    def _still(self, background: Background | None) -> Ground:
        width, height = self._stand.size
        if background is None:
            base = _lakeside(width, height)
        else:
            base = backdrop("light", Camera(width, height), height, background).base
        return StillGround(self._stand, base, self._rest)


def _visible(renderer: Renderer, corner: tuple[int, int], size: Size) -> list[Rect]:
    """The moving boxes of the person, in the picture."""
    x, y = corner
    out = []
    for box in renderer.moving:
        left, top = max(0, x + box.x), max(0, y + box.y)
        right = min(size[0], x + box.x + box.width)
        bottom = min(size[1], y + box.y + box.height)
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
    framing = frame_of(avatar)
    head = framing.chin - framing.crown
    width, height = size
    above = max(_CROWN, free / height)
    rows = max((1 - above) / (1 - framing.crown), _HEAD / head) * height
    left = width / 2 - framing.centre * rows * canvas_width / canvas_height
    # Rounded up: the bust's last row must not show.
    return int(np.ceil(rows)) + 1, (round(left), round(above * height - framing.crown * rows))


def _fill(avatar: Avatar, size: Size, free: int) -> tuple[int, tuple[int, int]]:
    """As `_stand`, for an avatar whose pictures are to cover the whole picture."""
    canvas_height, canvas_width = avatar.canvas.shape[:2]
    framing = frame_of(avatar)
    width, height = size
    aspect = canvas_width / canvas_height
    least = max(height, width / aspect)
    closer = _OPAQUE_HEAD * height / (framing.chin - framing.crown)
    rows = int(np.ceil(min(max(least, closer), _CLOSER * least))) + 1
    columns = rows * aspect
    x = min(0.0, max(width - int(columns), width / 2 - framing.centre * columns))
    # A head that is larger than the picture is cropped above and below alike.
    spare = height - (framing.chin - framing.crown) * rows
    above = min(max(_CROWN * height, free), spare / 2)
    y = min(0.0, max(height - rows, above - framing.crown * rows))
    return rows, (round(x), round(y))


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
