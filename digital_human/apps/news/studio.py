"""The people and the cameras of one segment: voices, animators, renderers and the compositor."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping

import cv2

from digital_human.apps.news.plan import FPS, RATE, SegmentPlan, TurnPlan
from digital_human.apps.news.timeline import SAMPLES, Timeline, is_moody
from digital_human.core.frames import ByteArray
from digital_human.face.animation import Animator, voice_tags
from digital_human.face.avatar import open_avatar
from digital_human.face.renderers.base import Renderer
from digital_human.media.captions import CaptionStyle, CaptionTrack, Cue, clause_cues, join_cues
from digital_human.media.compositor import Compositor
from digital_human.media.cutout import Cutouts
from digital_human.media.framing import frame_of
from digital_human.media.shot import Shot
from digital_human.speech.speaker import Speaker
from digital_human.speech.text.emotion import emotion_of
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.types import Emotion, Speech
from digital_human.speech.voices import load_voice

# Programme frame handed to the compositor in every segment but the first: past the time in which
# the label must be large.
_LATER = 10_000
_FADE = 12


class Studio:
    """What one segment needs; each method is used by one thread.

    Args:
        plan: The segment.
        threads: CPU threads for pictures.
    """

    def __init__(self, plan: SegmentPlan, threads: int) -> None:
        cv2.setNumThreads(threads)
        self._plan = plan
        self._avatars = {key: open_avatar(p.avatar) for key, p in plan.people.items()}
        lexicon = Lexicon.from_mapping(dict(plan.lexicon), where="the script's lexicon")
        self._speakers = {
            key: Speaker(load_voice(p.voice, "news"), lexicon=lexicon, speed=p.speed)
            for key, p in plan.people.items()
        }
        self.framings = {key: frame_of(avatar) for key, avatar in self._avatars.items()}
        self._renderers: dict[tuple[str, int], Renderer] = {}
        self.compositor = Compositor(plan.size, FPS, plan.look)
        self._cutouts = Cutouts(plan.size, plan.look) if plan.alpha else None

    def say(self, turn: TurnPlan, cancelled: Callable[[], bool]) -> Iterator[Speech]:
        """Speak a turn clause by clause."""
        emotion: Emotion = turn.emotion or emotion_of(turn.text)
        if is_moody(turn.directions):  # The script's cues set the face.
            emotion = "neutral"
        return self._speakers[turn.anchor].say(
            turn.text, language=self._plan.language, emotion=emotion,
            tags=voice_tags(turn.directions), cancelled=cancelled,
        )  # fmt: skip

    def draw(
        self, timeline: Timeline, shots: Mapping[int, int] | None = None
    ) -> Iterator[ByteArray]:
        """Draw the segment frame by frame; each array is the caller's own.

        They are uint8 [h, w, 3] RGB, or [h, w, 4] RGBA for a plan with alpha.

        Args:
            timeline: The segment.
            shots: Draw only one frame of these shots: shot number → frame of the shot. The
                people are animated up to it all the same.
        """
        plan = self._plan
        animators = {key: self.animator(key, timeline) for key in plan.people}
        captions = caption_track(plan, timeline) if plan.captions else None
        first = 0 if plan.index == 0 else _LATER
        cues = deque(sorted(timeline.cues, key=lambda cue: cue.frame))
        previous: ByteArray | None = None
        picture: ByteArray | None = None
        for number, (start, shot) in enumerate(timeline.shots):
            # Pictures fade in; a change of camera is a cut.
            fades = number > 0 and shot.layout == "broll"
            previous = picture.copy() if fades and picture is not None else None
            for t in range(shot.frames):
                pts = start + t
                while cues and cues[0].frame <= pts:
                    cue = cues.popleft()
                    animators[cue.anchor].act(cue.act)
                motions = {key: animator.frame(pts) for key, animator in animators.items()}
                if shots is not None and shots.get(number) != t:
                    continue
                people = {
                    key: self.renderer(shot, key).render(motions[key]) for key in shot.anchors
                }
                if self._cutouts is not None:
                    yield self._cutouts.compose(shot, people, programme_t=first + pts)
                    continue
                caption = captions.cue_at(pts / FPS) if captions else None
                picture = self.compositor.compose(
                    shot, t, people, caption.lines if caption else (),
                    programme_t=first + pts, previous=previous, fade=_FADE,
                )  # fmt: skip
                yield picture.copy()

    def animator(self, key: str, timeline: Timeline) -> Animator:
        """The anchor's motion through the segment, settled at both ends so that cuts join."""
        seed = hashlib.sha256(f"{key}/{self._plan.index}".encode()).digest()
        animator = Animator(FPS, int.from_bytes(seed[:4], "big"))
        for item in timeline.placed:
            if item.anchor == key:
                animator.add(item.speech, item.at)
        animator.settle(timeline.frames)
        return animator

    def renderer(self, shot: Shot, key: str) -> Renderer:
        """The anchor's renderer at the size the shot needs."""
        avatar = self._avatars[key]
        height, width = avatar.canvas.shape[:2]
        stage = self._cutouts or self.compositor
        rows = stage.placement(shot, key, (width, height)).height
        if (key, rows) not in self._renderers:
            self._renderers[key, rows] = avatar.renderer(rows)
        return self._renderers[key, rows]


def caption_track(plan: SegmentPlan, timeline: Timeline) -> CaptionTrack:
    """The segment's captions, on its own time line."""
    style = CaptionStyle(plan.language, portrait=plan.size[1] > plan.size[0])
    cues: list[Cue] = []
    for item in timeline.placed:
        cues += clause_cues(item.speech.words, item.at, style)
    return CaptionTrack(join_cues(cues, timeline.frames * SAMPLES), RATE)
