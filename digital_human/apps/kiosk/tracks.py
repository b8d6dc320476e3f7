"""Follows faces from picture to picture: which is which, do they look, are they alive.

A painted or printed face never changes. Its picture now is laid over an earlier one as exactly as
possible (so a camera that shakes does not matter) and brought to the same contrast (so light does
not matter); where lips, lids or a turn of the head left a difference, somebody lives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from digital_human.apps.kiosk.faces import Face
from digital_human.apps.kiosk.presence import Person
from digital_human.core.frames import ByteArray, FloatArray

_LOST = 3.0  # seconds without a face until its track ends
_STEP = (1.0, 3.0)  # widths that a face may move from picture to picture, and more per second
_GROWS = 1.7  # factor by which its width may change
_IN = (25.0, -28.0, 28.0)  # yaw either way, lowest and highest pitch of somebody who looks
_OUT = (38.0, -42.0, 40.0)  # the same for somebody who was looking
_STEADY, _TRUSTED = 1.5, 0.6  # seconds of a look after which landmarks count for so long
_HOLD = 1.0  # seconds for which a look outlasts its landmarks

_SIDE = 48  # pixels of the square in which a face is compared
_ALL = np.full((_SIDE, _SIDE), 255, np.uint8)
_EDGE = 6  # pixels at its border that are left out
_STIR = 0.42  # difference that is life; standard deviations of the face's own contrast
_MOVED, _NEARER = 0.3, 1.2  # widths, factor: a face that moved this much lives
_HIDDEN = 0.7  # seconds without a face after which a difference is what hid it
_STIRS = 2  # so many stirs make a living face
_STILL = 5.0  # seconds without a stir that make a picture
_WAKES = 8  # times in a row that a picture must be seen changed to be alive after all
_PROVED = 40  # times in a row after which it is not compared with the picture any more
_ALIVE = 20.0  # seconds without a stir after which nobody is alive
_PICTURES = 8  # that are kept while nobody sees them
_FORGET = 3600.0  # seconds for which they are kept


@dataclass(slots=True)
class _Track:
    """One face followed."""

    id: int
    face: Face
    seen: float
    metres: float
    anchor: Face  # where the patch was taken
    patch: FloatArray
    stirred: float
    looking: bool = False
    looked: float = -math.inf
    began: float = math.inf  # when the look began
    measured: float = -math.inf  # when its landmarks were seen
    stirs: int = 0
    alive: bool = False
    picture: FloatArray | None = None  # how it looks as a picture on the wall
    hung: Face | None = None  # where it hangs
    changed: int = 0  # times in a row that it did not look so

    def apart(self, face: Face) -> float:
        """Distance to another face in widths."""
        return math.hypot(self.face.x - face.x, self.face.y - face.y) / face.width

    def grown(self, face: Face) -> float:
        """Factor between the widths, at least 1."""
        return max(self.face.width / face.width, face.width / self.face.width)

    @property
    def hangs(self) -> bool:
        """Whether it was taken for a picture, and nothing said otherwise since."""
        return self.picture is not None and not self.alive

    def is_hung_at(self, face: Face) -> bool:
        """Whether a face is where the picture hangs, and as large."""
        place = self.hung
        if place is None:
            return False
        moved = math.hypot(place.x - face.x, place.y - face.y)
        return moved < _MOVED * face.width and 1 / _NEARER < place.width / face.width < _NEARER

    def is_picture(self, grey: ByteArray) -> bool:
        """Whether it looks as the picture that it was taken for."""
        if self.picture is None or self.hung is None:
            return False
        return not _differs(self.picture, grey, self.hung)


class Tracks:
    """All faces that are followed, and the pictures on the walls."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 1

    @property
    def settled(self) -> bool:
        """Whether every face in the last picture is known to be a picture itself."""
        return all(t.hangs for t in self._tracks)

    def forget(self) -> None:
        """Drop everybody; pictures on the walls stay."""
        self._tracks = [t for t in self._tracks if t.hangs]

    def steady(self, now: float) -> list[Face]:
        """Faces that have been looking for so long that it need not be seen in every picture."""
        return [
            t.face
            for t in self._tracks
            if t.alive and now - t.began > _STEADY and now - t.measured < _TRUSTED
        ]

    def follow(self, faces: list[Face], grey: ByteArray, now: float) -> tuple[Person, ...]:
        """Take in the faces of one picture.

        Args:
            faces: The nearest first.
            grey: uint8 [h, w], the picture.
            now: Seconds.

        Returns:
            The living among them, the nearest first.
        """
        self._drop(now)
        taken: list[_Track] = []
        for face in faces:
            track = self._match(face, grey, now, taken)
            if track is None:
                track = self._meet(face, grey, now)
            else:
                _live(track, face, grey, now)
            _look(track, face, now)
            track.face, track.seen = face, now
            track.metres += 0.5 * (face.metres - track.metres)
            taken.append(track)
        living = [Person(t.id, t.metres, t.looking) for t in taken if t.alive]
        return tuple(sorted(living, key=lambda person: person.metres))

    def _match(self, face: Face, grey: ByteArray, now: float, taken: list[_Track]) -> _Track | None:
        """The track of a face. A picture stays where it hangs, whoever walks past it."""
        free = [t for t in self._tracks if not any(t is other for other in taken)]
        for t in free:
            if t.hangs and t.is_hung_at(face) and t.is_picture(grey):
                return t
        near = [
            t
            for t in free
            if now - t.seen <= _LOST
            and t.apart(face) <= _STEP[0] + _STEP[1] * min(now - t.seen, 0.5)
            and t.grown(face) <= _GROWS
            and (t.is_hung_at(face) or not t.hangs)
        ]
        return min(near, key=lambda t: t.apart(face), default=None)

    def _meet(self, face: Face, grey: ByteArray, now: float) -> _Track:
        patch = _patch(grey, face)
        track = _Track(self._next, face, now, face.metres, face, patch, now)
        self._next += 1
        self._tracks.append(track)
        return track

    def _drop(self, now: float) -> None:
        pictures = sorted((t for t in self._tracks if t.hangs), key=lambda t: -t.seen)[:_PICTURES]
        self._tracks = [
            t
            for t in self._tracks
            if now - t.seen <= _LOST or (any(t is p for p in pictures) and now - t.seen <= _FORGET)
        ]


def _look(track: _Track, face: Face, now: float) -> None:
    """Decide whether the face looks at the camera; a look is easier to keep than to begin."""
    if math.isnan(face.yaw):
        track.looking = track.looking and now - track.looked <= _HOLD
        return
    yaw, low, high = _OUT if track.looking else _IN
    was, track.looking = track.looking, abs(face.yaw) <= yaw and low <= face.pitch <= high
    if not track.looking:
        track.began = math.inf
    elif not was:
        track.began = now
    if track.looking:
        track.looked = now
    if not face.guessed:
        track.measured = now


def _live(track: _Track, face: Face, grey: ByteArray, now: float) -> None:
    """Decide whether the face lives."""
    if track.picture is not None:
        if track.is_picture(grey):
            track.changed, track.stirs, track.alive, track.stirred = 0, 0, False, now
            return
        # Somebody who walks past hides it in part, twice and briefly.
        track.changed += 1
        if track.changed < _WAKES:
            return
        if track.changed > _PROVED:
            track.picture = None
    anchor = track.anchor
    if now - track.seen > _HIDDEN and not track.alive:
        track.anchor, track.patch = face, _patch(grey, face)
        return
    moved = math.hypot(face.x - anchor.x, face.y - anchor.y) > _MOVED * anchor.width
    grown = max(face.width / anchor.width, anchor.width / face.width) > _NEARER
    if moved or grown or _differs(track.patch, grey, anchor):
        track.stirs += 1
        track.stirred, track.anchor, track.patch = now, face, _patch(grey, face)
        track.alive = track.alive or track.stirs >= _STIRS
    elif now - track.stirred > (_ALIVE if track.alive else _STILL):
        track.alive, track.stirs, track.changed = False, 0, 0
        track.picture, track.hung = track.patch, anchor


def _patch(grey: ByteArray, face: Face) -> FloatArray:
    """The face cut out, float32 [_SIDE, _SIDE], without slow shades, which are light."""
    scale = _SIDE / face.width
    left, top = face.x - face.width / 2, face.y - face.width / 2
    margin = math.ceil(0.1 * face.width) + 2
    x0, y0 = max(0, math.floor(left) - margin), max(0, math.floor(top) - margin)
    x1, y1 = math.ceil(left + face.width) + margin, math.ceil(top + face.width) + margin
    part = cv2.GaussianBlur(grey[y0:y1, x0:x1], (0, 0), max(0.5, 0.6 / scale))
    shift = np.array([[scale, 0, (x0 - left) * scale], [0, scale, (y0 - top) * scale]], np.float32)
    square = cv2.warpAffine(part, shift, (_SIDE, _SIDE), borderMode=cv2.BORDER_REPLICATE)
    patch = square.astype(np.float32)
    return np.asarray(patch - cv2.GaussianBlur(patch, (0, 0), _SIDE / 5), np.float32)


def _differs(earlier: FloatArray, grey: ByteArray, where: Face) -> bool:
    """Whether the face at that place has changed.

    The place is aligned by ECC (Evangelidis and Psarakis 2008), which ignores gain and offset.
    """
    now = _patch(grey, where)
    move = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 12, 1e-3)
    try:
        _, shift = cv2.findTransformECC(earlier, now, move, cv2.MOTION_TRANSLATION, stop, _ALL, 3)
    except cv2.error:  # no way to lay one over the other
        return True
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = np.asarray(cv2.warpAffine(now, shift, (_SIDE, _SIDE), flags=how), np.float32)
    inner = slice(_EDGE, -_EDGE)
    a, b = earlier[inner, inner], moved[inner, inner]
    rest = (a - a.mean()) / (a.std() + 2) - (b - b.mean()) / (b.std() + 2)
    return float(np.abs(cv2.GaussianBlur(rest, (0, 0), 1.2)).max()) > _STIR
