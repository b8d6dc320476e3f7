"""Which frame of a base video comes next: an endless loop that suits speech and silence."""

from __future__ import annotations

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face.video_bundle import BaseTrack
from digital_human.face.video_frames import FPS

_AHEAD = 2 * FPS  # frames that the liveliness after a jump is judged by
_BETTER = 1.2  # how many times livelier or calmer a jump must make it
_PAUSE = 3 * FPS  # frames between two jumps that nothing forces
_AGAIN = 12 * FPS  # frames before the same jump is taken again
_GAP = FPS  # a greater step of the motion's pts starts anew


class Playhead:
    """Walks through the frames of a base video; its own state for every renderer.

    Args:
        track: The base video's.
        in_order: Show the frame that has the motion's pts; the loop goes on after the last one.
    """

    def __init__(self, track: BaseTrack, *, in_order: bool = False) -> None:
        self._count = track.count
        self._in_order = in_order
        self._jumps = [tuple(int(v) for v in row) for row in track.jumps]
        self._ahead = _mean_ahead(track.energy, self._jumps[0][0])
        self._by_leave: dict[int, list[int]] = {}
        for number, jump in enumerate(self._jumps):
            self._by_leave.setdefault(jump[0], []).append(number)
        self._bridge: int | None = None  # the jump whose bridge is being crossed
        self._pts: int | None = None
        self._position = 0
        self._walked = 0
        self._taken: dict[int, int] = {}

    def move(self, pts: int, speaking: bool) -> int:
        """The frame to show for ``pts``; ``speaking`` asks for lively ones."""
        if self._in_order and pts < self._count:
            self._position, self._bridge = max(pts, 0), None
        elif self._pts is None or not 0 <= pts - self._pts <= _GAP:
            self._start(pts)
        else:
            for _ in range(pts - self._pts):
                self._step(speaking)
        self._pts = pts
        return self._position

    @property
    def landing(self) -> int | None:
        """The frame behind the bridge that is being crossed."""
        return None if self._bridge is None else self._jumps[self._bridge][1]

    def _start(self, pts: int) -> None:
        """Take the place that belongs to ``pts``."""
        self._walked, self._taken = 0, {}
        if self._in_order:
            self._position, self._bridge = self._count - 1, None
            for _ in range(pts - self._position):
                self._step(speaking=False)
            return
        leave, enter, first, length = self._jumps[0]
        place = pts % (leave - enter + length)
        across = place - (leave - enter)
        self._bridge = 0 if across >= 0 else None
        self._position = first + across if across >= 0 else enter + place

    def _step(self, speaking: bool) -> None:
        self._walked += 1
        ahead = self._position + 1
        if self._bridge is not None:
            _, enter, first, length = self._jumps[self._bridge]
            if ahead < first + length:
                self._position = ahead
            else:
                self._position, self._bridge = enter, None
            return
        number = self._choose(ahead, speaking)
        if number is None:
            self._position = ahead
            return
        if number and self._jumps[number][0] < self._count:
            self._taken[number] = self._walked
        self._bridge, self._position = number, self._jumps[number][2]

    def _choose(self, ahead: int, speaking: bool) -> int | None:
        """The jump to take instead of going on to frame ``ahead``, if any."""
        if ahead == self._jumps[0][0]:
            return 0
        if ahead == self._count:
            return self._by_leave[ahead][0]
        best, gain = None, _BETTER
        rested = self._walked - max(self._taken.values(), default=-_PAUSE) >= _PAUSE
        for number in self._by_leave.get(ahead, []) if rested else []:
            if self._walked - self._taken.get(number, -_AGAIN) < _AGAIN:
                continue
            after = self._ahead[self._jumps[number][1]] / self._ahead[ahead]
            ratio = float(after if speaking else 1 / after)
            if ratio > gain:
                best, gain = number, ratio
        return best


def _mean_ahead(energy: FloatArray, end: int) -> FloatArray:
    """Mean liveliness of the frames that follow each one, up to the end of the loop."""
    total = np.concatenate([[0.0], np.cumsum(energy, dtype=np.float64)])
    here = np.arange(len(energy))
    stop = np.clip(here + _AHEAD, 1, max(end, 1))
    stop = np.maximum(stop, here + 1)
    return np.asarray((total[stop] - total[here]) / (stop - here) + 1e-6, np.float32)
