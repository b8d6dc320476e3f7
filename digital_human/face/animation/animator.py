"""Speech in, animation frames out: the streaming animator of live sessions and news alike."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face.animation import mouth as mouths
from digital_human.face.animation.articulation import (
    NAMES,
    SPEED,
    STEP,
    Gesture,
    Track,
    articulate,
    smoothstep,
)
from digital_human.face.animation.body import Breath, Head
from digital_human.face.animation.emotion import Brows, Expression
from digital_human.face.animation.eyes import Eyes
from digital_human.face.animation.heardspeech import HeardSpeech
from digital_human.face.animation.looks import ActName, Look, Looks
from digital_human.face.animation.mouth import Mouth
from digital_human.face.animation.prosody import Prosody, analyse, pauses, unmarked
from digital_human.face.motion import MotionFrame
from digital_human.speech.types import Emotion, Speech

_LEAD = 0.01  # s the mouth is ahead of the sound; recordings of speakers show 0–20 ms
_BLOCK = 0.6  # s of articulation computed at a time
_KEEP = 1.5  # s speech is remembered after it has been heard
_RELEASE = 0.12  # s the mouth takes to close after `Animator.cut`
_EASE_IN = 1.2  # s until head, gaze and breath live fully
_EASE_OUT = 0.9  # s they take to settle
_MOUTH_IN, _MOUTH_OUT = 0.08, 0.2  # s the mouth takes from and to the neutral pose
_FOREVER = 1e9
_BREATH_PAUSE = 0.25  # s a pause must last to begin a phrase
_NOD_CHANCE, _LIFT_CHANCE = 0.6, 0.5
_LOOK_AHEAD = 0.3  # s by which nods and brow raises are known before their peak
_SLEW = np.array([SPEED[name] for name in NAMES]) * 1.1


@dataclass(frozen=True, slots=True)
class _Placed:
    start: float
    end: float
    emotion: Emotion
    prosody: Prosody
    cut: bool = False
    heard: HeardSpeech | None = None


class Animator:
    """Turns speech placed on a stream's time line into one `MotionFrame` per video frame.

    Frames are asked for in order; speech may be added at any time before it is due (0.5 s ahead
    gives full coarticulation). The result depends only on the seed, the speech and the order of
    calls. One instance belongs to one thread at a time.

    Args:
        fps: Frames per second.
        seed: Of blinks, gaze, head and breath.
    """

    def __init__(self, fps: int, seed: int = 0) -> None:
        if fps < 1:
            raise ValueError(f"fps {fps}: must be at least 1")
        self._fps = fps
        eyes, head, breath, self._rng, looks = np.random.default_rng(seed).spawn(5)
        self._eyes, self._head, self._breath = Eyes(eyes), Head(head), Breath(breath)
        self._expression, self._brows, self._looks = Expression(), Brows(), Looks(looks)
        self._placed: list[_Placed] = []
        self._silences: list[tuple[float, float]] = [(-_FOREVER, _FOREVER)]
        self._accents: deque[tuple[float, float]] = deque()
        self._track: Track | None = None
        self._release: tuple[float, Mouth] | None = None
        self._cut_pending = False
        self._shown = Mouth.rest()
        self._next = 0
        self._origin = 0
        self._settle: int | None = None
        self._activity = 0.0
        self._speaking = False
        self._emotion: Emotion = "neutral"

    def add(self, speech: Speech, at: int) -> None:
        """Place ``speech`` so that its first sample is heard at stream sample ``at``.

        Args:
            speech: With timings; the mouth of speech without any goes by the sound.
            at: Position in samples of ``speech.rate`` from the start of the stream.
        """
        start = at / speech.rate
        end = start + len(speech.pcm) / speech.rate
        emotion = speech.clause.emotion
        if unmarked(speech):
            heard = HeardSpeech(start, speech.rate)
            heard.feed(speech.pcm)
            heard.finish()
            placed = _Placed(start, end, emotion, heard.prosody(), heard=heard)
        else:
            placed = _Placed(start, end, emotion, analyse(speech, start))
        self._place(placed)
        self._accents = deque(sorted([*self._accents, *placed.prosody.accents]))
        self._changed()

    def add_heard(self, pcm: FloatArray, rate: int, at: int, emotion: Emotion = "neutral") -> None:
        """Place sound without marks: a recording, or a live voice piece by piece.

        A piece that begins where the last one ended goes on with it. The mouth of a moment is
        known once `heard.LOOKAHEAD` of sound after it is here (0.08 s before its frame is asked
        for); what is not here by then counts as silence.

        Args:
            pcm: float32 [n] mono, −1…1.
            rate: Samples per second.
            at: Position of its first sample, in samples of ``rate`` from the start of the stream.
            emotion: What the face shows.

        Raises:
            WeightsError: The lip network's file is damaged.
        """
        start = at / rate
        for placed in reversed(self._placed):
            heard = placed.heard
            if heard and heard.open and heard.rate == rate and abs(heard.end - start) < 0.5 / rate:
                break
        else:
            heard = HeardSpeech(start, rate)
            placed = _Placed(start, start, emotion, Prosody((), (), ()), heard=heard)
            self._place(placed)
        heard.feed(pcm)
        prosody = heard.prosody()
        grown = replace(placed, end=heard.end, emotion=emotion, prosody=prosody)
        self._placed[self._placed.index(placed)] = grown
        new = prosody.accents[len(placed.prosody.accents) :]
        self._accents = deque(sorted([*self._accents, *new]))
        self._changed()

    def _place(self, placed: _Placed) -> None:
        self._placed.append(placed)
        self._placed.sort(key=lambda p: p.start)

    def cut(self, pts: int) -> None:
        """Drop all speech from frame ``pts`` on and close the mouth gently (barge-in)."""
        time = pts / self._fps + _LEAD
        still = self._shown if pts <= self._next else self._mouth(time)
        self._release = (time, still)
        self._placed = [_truncated(p, time) for p in self._placed if p.start < time]
        self._accents = deque(a for a in self._accents if a[0] < time)
        self._cut_pending = True
        self._changed()

    def look(self, look: Look) -> None:
        """Take a look of attention from the next frame on; ``idle`` and ``speaking`` take none."""
        time = self._next / self._fps
        self._looks.take(look, time)
        self._eyes.look(look, self._looks.side, time)

    def act(self, name: ActName) -> None:
        """Begin a short gesture with the next frame."""
        self._looks.act(name, self._next / self._fps)

    def settle(self, at_frame: int) -> None:
        """Ease everything to the neutral pose so that frame ``at_frame`` shows it exactly.

        A stream begins neutral, so segments rendered apart join there without a jump. Movement
        begins anew after it.
        """
        self._settle = at_frame

    def frame(self, pts: int, epoch: int = 0) -> MotionFrame:
        """The animation of video frame ``pts``.

        Args:
            pts: Frame index; calls come in order.
            epoch: Stamped on the result.

        Raises:
            ValueError: ``pts`` lies before a frame already given out.
        """
        if pts < self._next:
            raise ValueError(f"pts {pts}: frame {self._next} is next; frames come in order")
        dt = max(1, pts - self._next + 1) / self._fps
        self._next = pts + 1
        time = pts / self._fps
        self._forget(time)
        ease, mouth_ease, until = self._easing(pts)

        silent, onset, phrase = self._around(time)
        self._state(time, dt, silent)
        self._accentuate(time)

        posture, manner = self._looks.step(time, dt)
        head = self._head.step(time, dt, ease, self._activity) + posture * np.float32(ease)
        curves = self._eyes.step(time, ease, head, self._speaking, until)
        quiet = 0.0 if silent is None else min(time - silent[0], silent[1] - time)
        upper, corners = self._expression.step(dt, self._emotion, silent is None, quiet)
        mouth = self._mouth(time + _LEAD)
        if mouth_ease < 1.0:
            mouth = Mouth.rest().toward(mouth, mouth_ease)
        self._shown = mouth = self._slewed(mouth, dt)
        lips, tongue = mouths.curves(mouth, corners * np.float32(ease))
        curves += (upper + self._brows.step(time) + manner) * np.float32(ease) + lips
        breath = self._breath.step(time, onset, phrase) * ease
        np.clip(curves, 0.0, 1.0, out=curves)
        return MotionFrame(curves, head, tongue, breath, pts, epoch)

    def _mouth(self, time: float) -> Mouth:
        """The mouth at ``time`` before the last speed limit."""
        lo, hi = int(time / STEP) - 1, int(time / STEP) + 3
        if self._track is None or lo < self._track.first or hi > self._track.last:
            gestures = [g for p in self._placed for g in p.prosody.gestures]
            last = lo + int(_BLOCK / STEP)
            self._track = articulate(gestures, self._silences, lo, last, 1 / self._fps)
        mouth = mouths.sample(self._track, time)
        for placed in self._placed:
            if placed.heard and (heard := placed.heard.mouth(time)):
                mouth = mouth.joined(heard)
        if self._release is not None and time >= self._release[0]:
            since, still = self._release
            share = float(smoothstep((time - since) / _RELEASE))
            if share >= 1.0:
                self._release = None
            mouth = still.toward(mouth, share)
        return mouth

    def _slewed(self, mouth: Mouth, dt: float) -> Mouth:
        """Speech that came too late to be anticipated does not make the mouth jump."""
        step = _SLEW * dt
        pose = np.clip(mouth.pose, self._shown.pose - step, self._shown.pose + step)
        return Mouth(pose, mouth.lips, mouth.teeth)

    def _easing(self, pts: int) -> tuple[float, float, float]:
        """Shares of life and of speech shown, and the time by which blinks must be over."""
        since = (pts - self._origin) / self._fps
        ease, speech = float(smoothstep(since / _EASE_IN)), float(smoothstep(since / _MOUTH_IN))
        if self._settle is None:
            return ease, speech, _FOREVER
        left = (self._settle - pts) / self._fps
        if left <= 0:
            self._origin, self._settle = self._settle, None
            if pts == self._origin:
                return 0.0, 0.0, pts / self._fps
            return self._easing(pts)
        ease *= float(smoothstep(left / _EASE_OUT))
        speech = min(speech, float(smoothstep(left / _MOUTH_OUT)))
        return ease, speech, pts / self._fps + left

    def _around(self, time: float) -> tuple[tuple[float, float] | None, float, float]:
        """The silence around ``time``, the next onset after a pause and that phrase's length."""
        inside: tuple[float, float] | None = None
        for i, (start, end) in enumerate(self._silences):
            if start <= time < end:
                inside = (start, end)
            if end > time and end - start >= _BREATH_PAUSE and end < _FOREVER:
                following = self._silences[i + 1][0] if i + 1 < len(self._silences) else end
                return inside, end, following - end
        return inside, float("inf"), 0.0

    def _state(self, time: float, dt: float, silent: tuple[float, float] | None) -> None:
        """Notice where phrases begin and end, and how the speech of the moment feels."""
        speaking = silent is None
        if speaking and not self._speaking:
            self._head.phrase()
        if not speaking and self._speaking:
            self._eyes.phrase_end(time, self._easing(self._next - 1)[2])
            if silent is not None and silent[1] - silent[0] > 2.0:
                self._head.rest()
        self._speaking = speaking
        self._activity += (float(speaking) - self._activity) * (1 - float(np.exp(-dt / 0.4)))
        for placed in self._placed:
            if placed.start <= time < placed.end:
                self._emotion = placed.emotion

    def _accentuate(self, time: float) -> None:
        """Nods and brow raises for accents that are near."""
        while self._accents and self._accents[0][0] - _LOOK_AHEAD <= time:
            peak, strength = self._accents.popleft()
            if self._rng.random() < _NOD_CHANCE:
                self._head.nod(peak + 0.05, strength)
            if self._rng.random() < _LIFT_CHANCE:
                self._brows.lift(peak, 0.12 + 0.16 * strength)

    def _changed(self) -> None:
        """Recompute the silences after the speech has changed."""
        self._track = None
        if not self._placed:
            self._silences = [(-_FOREVER, _FOREVER)]
            return
        spans = [(-_FOREVER, self._placed[0].start)]
        for placed, following in zip(self._placed, [*self._placed[1:], None], strict=True):
            spans += placed.prosody.silences
            end = following.start if following else _FOREVER
            if end > placed.end:
                spans.append((placed.end, end))
        self._silences = pauses(spans)

    def _forget(self, time: float) -> None:
        """Drop speech that has been heard, and speech that was cut."""
        if self._cut_pending and self._release is not None and time + _LEAD >= self._release[0]:
            self._cut_pending = False
            self._placed = [p for p in self._placed if not p.cut]
            self._changed()
        if any(p.end < time - _KEEP for p in self._placed):
            self._placed = [p for p in self._placed if p.end >= time - _KEEP]
            self._changed()


def _truncated(placed: _Placed, time: float) -> _Placed:
    """``placed`` without what follows ``time``."""
    if placed.heard:
        placed.heard.cut(time)
    p = placed.prosody
    gestures = tuple(
        Gesture(g.start, min(g.end, time), g.viseme, g.gain) for g in p.gestures if g.start < time
    )
    silences = tuple((a, min(b, time)) for a, b in p.silences if a < time)
    kept = Prosody(gestures, silences, tuple(a for a in p.accents if a[0] < time))
    return replace(placed, end=min(placed.end, time), prosody=kept, cut=True)
