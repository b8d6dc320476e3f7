"""The people alone, with alpha: what an editor lays over pictures of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.media.blend import bleed, lay_over
from digital_human.media.furniture import label_sprite
from digital_human.media.layouts import Placement, Regions, Size, place, regions
from digital_human.media.shot import Framing, Look, Shot


class Cutouts:
    """Draws the people of a programme where its shots have them, on nothing.

    There is no desk, so that every bust reaches the bottom of the picture.

    Args:
        size: Width and height of the picture.
        look: Only its label is drawn.

    Raises:
        InputError: The size or the label is wrong.
    """

    def __init__(self, size: Size, look: Look) -> None:
        self._size, self._large = size, look.label_large
        home = regions("anchor_full", size)
        self._labels: list[tuple[ByteArray, int, int]] = []
        for large in (True, False) if look.label else ():
            sprite, x = label_sprite(look.label, home.label, min(size), large=large)
            self._labels.append((sprite.rgba(), x, home.label.y))

    def placement(self, shot: Shot, anchor: str, picture: Size) -> Placement:
        """Where a renderer's picture goes; see `Compositor.placement`.

        Raises:
            InputError: The anchor's pictures are not cut out.
        """
        framing = shot.framings.get(anchor, Framing())
        if framing.opaque:
            raise InputError(
                f"anchor {anchor!r} brings its own background: there is nothing to cut out",
                fix="use an avatar that was cut out, such as one made from a photo",
            )
        return place(self._regions(shot), shot.anchors.index(anchor), picture, framing)

    def compose(
        self, shot: Shot, anchors: Mapping[str, ByteArray], *, programme_t: int
    ) -> ByteArray:
        """Draw one frame.

        Args:
            shot: Who is seen where.
            anchors: The renderer's pictures by anchor: uint8 [h, w, 4] RGBA, straight alpha.
            programme_t: Frame from the start of the programme; the label follows it.

        Returns:
            uint8 [h, w, 4] RGBA, straight alpha; colours go on beyond the edges.
        """
        frame: ByteArray = np.zeros((self._size[1], self._size[0], 4), np.uint8)
        for name in shot.anchors:
            rgba = anchors[name]
            spot = self.placement(shot, name, (rgba.shape[1], rgba.shape[0]))
            if max(abs(spot.width - rgba.shape[1]), abs(spot.height - rgba.shape[0])) > 2:
                rgba = cv2.resize(rgba, (spot.width, spot.height)).astype(np.uint8, copy=False)
            lay_over(frame, rgba, spot.x, spot.y)
        if self._labels:
            lay_over(frame, *self._labels[0 if programme_t < self._large else 1])
        frame[..., :3] = bleed(frame)
        return frame

    def _regions(self, shot: Shot) -> Regions:
        where = regions(shot.layout, self._size, shot.side, len(shot.anchors))
        return replace(where, desk=self._size[1])
