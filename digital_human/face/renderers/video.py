"""The video renderer: a base video goes on, and only the mouth in it is new.

Head, eyes, hair and hands are those of the base video; of the motion track only the lower face is
used. The new mouth is put in with the pose that the head has in each frame.
"""

from __future__ import annotations

import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.face.mesh import Box
from digital_human.face.motion import INDEX, MotionFrame
from digital_human.face.renderers.photo import HEIGHTS
from digital_human.face.renderers.video_mouth import VideoMouth
from digital_human.face.renderers.video_playhead import Playhead
from digital_human.face.video_bundle import BASE, BRIDGES, VideoAvatar
from digital_human.face.video_frames import FrameReader

_SPEECH = np.array(
    [INDEX[name] for name in ("jawOpen", "mouthPucker", "mouthFunnel", "mouthStretchLeft")]
)
_OPEN = 0.06  # a curve above this is speech
_HOLD = 15  # frames for which a pause still counts as speech


class VideoRenderer:
    """Draws one video avatar; implements `digital_human.face.renderers.base.Renderer`.

    Args:
        avatar: The avatar.
        height: Height of the pictures in pixels.
        in_order: Show the frame of the base video that has the motion's pts, once.

    Raises:
        InputError: ``height`` is out of range, or a video of the bundle cannot be read.
    """

    def __init__(self, avatar: VideoAvatar, height: int, *, in_order: bool = False) -> None:
        if not HEIGHTS[0] <= height <= HEIGHTS[1]:
            raise InputError(
                f"height {height}: must be between {HEIGHTS[0]} and {HEIGHTS[1]} pixels",
                fix="ask for a usual picture height, e.g. 720",
            )
        native_width, native_height = avatar.manifest.canvas
        self._size = max(2, round(native_width * height / native_height)), height
        self._fps = avatar.manifest.fps
        self._count = avatar.track.count
        self._base = FrameReader(avatar.path / BASE, self._size, exact=in_order)
        self._bridges = FrameReader(avatar.path / BRIDGES, self._size, exact=in_order)
        self._playhead = Playhead(avatar.track, in_order=in_order)
        scale = self._size[0] / native_width, height / native_height
        self._mouth = VideoMouth(avatar, self._size, np.array(scale, np.float32))
        self._silent = _HOLD

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        return self._size

    @property
    def fps(self) -> int:
        """Frames per second the avatar was made for."""
        return self._fps

    @property
    def moving(self) -> tuple[Box, ...]:
        """All of the picture: it is a video."""
        return (Box(0, 0, *self._size),)

    def render(self, motion: MotionFrame) -> ByteArray:
        """Draw ``motion`` as uint8 [h, w, 4], opaque."""
        curves = np.clip(np.nan_to_num(motion.curves), 0, 1).astype(np.float32)
        self._silent = 0 if curves[_SPEECH].max() > _OPEN else self._silent + 1
        index = self._playhead.move(motion.pts, self._silent < _HOLD)
        picture = self._read(index)
        tongue = float(np.clip(np.nan_to_num(motion.tongue), 0, 1))
        self._mouth.draw(picture, index, curves, tongue)
        return picture

    def _read(self, index: int) -> ByteArray:
        """Frame ``index`` of the base video or, counted on, of the bridges."""
        if index < self._count:
            return self._base.read(index)
        if (landing := self._playhead.landing) is not None:
            self._base.approach(landing)
        return self._bridges.read(index - self._count)
