"""Who stands before the microphone and who is only in the same hall, told by their levels.

A voice at arm's length is 10 dB and more above the same voice a few metres away (the inverse
distance law), and in a noisy hall it is what stands clear of the noise. So a voice counts when it
is well above the hall's floor and not far below the voices that were talked with. What is learnt of
those comes from voices without the hall's reverberation only: near the mouth the level falls
steeply between syllables, while far away it falls as slowly as the hall decays.
"""

from __future__ import annotations

from collections import deque

import numpy as np

_FLOOR_WINDOWS = 250  # 8 s of windows of 32 ms
_FLOOR_SHARE = 0.2  # quantile: between words even a talker leaves the floor to be heard
_FLOOR_EVERY = 8  # windows between looks
_SILENT = -90.0  # dBFS: a muted microphone says nothing about the hall
_LOOK_BACK = 10  # windows, 320 ms: a syllable
_LOUDEST = 2  # of them the second loudest is the level of the voice: a click is one window
_CLEAR = 10.0  # dB above the floor that make a voice clear …
_CLEAR_SPEAKING = 12.0  # … and that it takes to break in on the digital human
_BELOW = 9.0  # dB below the voices that were talked with …
_BELOW_SPEAKING = 6.0  # … and below them to break in
_GOES_ON = 4.0  # dB by which a voice may fall once it has begun
_WHOLE = 1.5  # dB more than a beginning needs that a whole turn has, by its median
_QUIET_ONES = 0.25  # visitors quieter than this quantile do not count for the next one
_VISITS = 24  # turns remembered, as levels only
_JUDGED_FROM = 6  # voiced windows of a turn
_LEARNT_FROM = 24
_FALL_OVER = 3  # windows, 96 ms, over which the level falls
_FALL_PART, _STEEP = 0.95, 6.5  # quantile of the falls, and dB of it at arm's length


class Hall:
    """The hall round one microphone: its noise, and how loud near voices are there.

    It outlives sessions and holds levels only; used from the event loop.
    """

    def __init__(self) -> None:
        self._windows: deque[float] = deque(maxlen=_FLOOR_WINDOWS)
        self._near: deque[tuple[float, float]] = deque(maxlen=_VISITS)  # level, floor then
        self._count = 0
        self._expected: float | None = _SILENT
        self.floor = _SILENT
        """Level of the hall in dBFS, between voices."""

    def hear(self, level: float) -> None:
        """Take the level of one window in dBFS, whatever was in it."""
        if level <= _SILENT:
            return
        self._windows.append(level)
        self._count += 1
        if self._count % _FLOOR_EVERY == 1:
            self.floor = float(np.quantile(self._windows, _FLOOR_SHARE))
            self._expected = None

    def met(self, level: float) -> None:
        """A visitor was understood at ``level`` dBFS."""
        self._near.append((level, self.floor))
        self._expected = None

    @property
    def near(self) -> float:
        """Level in dBFS of visitors who speak softly; `_SILENT` before the first one.

        Where the hall is quieter than it was then, the voices are expected to be so too: the
        microphone may have been turned down or changed.
        """
        if self._expected is None:
            levels = [level + min(0.0, self.floor - floor) for level, floor in self._near]
            self._expected = float(np.quantile(levels, _QUIET_ONES)) if levels else _SILENT
        return self._expected


class NearField:
    """Tells the visitor of one session from the others in the hall.

    Args:
        hall: Where the microphone stands.
    """

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._recent: deque[float] = deque(maxlen=_LOOK_BACK)
        self._levels: list[float] = []  # of the turn's windows
        self._voices: list[float] = []  # of its voice, in those that are voiced
        self._own: list[float] = []
        self._own_level: float | None = None
        self._breaks_in = False

    def __call__(self, level: float, *, voiced: bool, going_on: bool, speaking: bool) -> bool:
        """Whether the window is of a voice that stands near.

        Args:
            level: Of the window, RMS in dBFS.
            voiced: Whether a voice is in it at all.
            going_on: Whether a near voice has begun and not ended.
            speaking: Whether the digital human speaks, and would be broken in on.
        """
        self._hall.hear(level)
        self._recent.append(level)
        voice = sorted(self._recent)[-_LOUDEST:][0]
        if not going_on:
            self._breaks_in = speaking
        if going_on:
            self._levels.append(level)
            if voiced:
                self._voices.append(voice)
        if going_on and self._breaks_in and self.is_far:
            return False  # some loud syllables of a far voice do not add up to an interruption
        return voiced and voice >= self._least(speaking) - (_GOES_ON if going_on else 0.0)

    def begin(self) -> None:
        """A turn begins."""
        self._levels.clear()
        self._voices.clear()

    @property
    def is_far(self) -> bool:
        """Whether the turn as a whole was spoken by somebody further off."""
        if len(self._voices) < _JUDGED_FROM:
            return False
        below = _BELOW_SPEAKING if self._breaks_in else _BELOW
        return float(np.median(self._voices)) < self._near() - below + _WHOLE

    def understood(self) -> None:
        """The turn gave words that are answered: learn how loud near voices are."""
        if len(self._voices) < _LEARNT_FROM:
            return
        levels = np.array(self._levels)
        falls = levels[:-_FALL_OVER] - levels[_FALL_OVER:]
        if float(np.quantile(falls, _FALL_PART)) >= _STEEP:
            voice = float(np.median(self._voices))
            self._own.append(voice)
            self._own_level = float(np.median(self._own))
            self._hall.met(voice)

    def _least(self, speaking: bool) -> float:
        """Level in dBFS from which a voice may be the visitor's."""
        if speaking:
            return max(self._hall.floor + _CLEAR_SPEAKING, self._near() - _BELOW_SPEAKING)
        return max(self._hall.floor + _CLEAR, self._near() - _BELOW)

    def _near(self) -> float:
        """Level in dBFS of the visitor, or of those before; `_SILENT` when nobody has spoken."""
        return self._hall.near if self._own_level is None else self._own_level
