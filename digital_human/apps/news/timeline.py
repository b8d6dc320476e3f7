"""Lays the speech of a segment on its time line and cuts the segment into shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from digital_human.apps.news.plan import FPS, RATE, SegmentPlan
from digital_human.core.frames import FloatArray
from digital_human.face.animation import MOODS, Direction
from digital_human.media.shot import Framing, LayoutName, NameTag, Shot
from digital_human.safety.labels import audio_label
from digital_human.speech.types import Speech

SAMPLES = RATE // FPS
# Frames of silence: before the first word, between two anchors, after the last word.
LEAD, GAP, TAIL = 8, 7, 14
# The audible label starts here; a programme that opens with speech waits until it has been heard.
LABEL_AT, FIRST_LEAD = 0.3, 36
_TAG_FRAMES = 110
# A strip that is to be read, and what lies between two of them.
_READ, _CHANGE = 50, 6
_USUAL_MOOD = 0.55  # level at which a mood looks like an emotion
_STORY_INTRO = 2.2  # s the anchor is seen at least before the pictures of a story


@dataclass(frozen=True, slots=True)
class Placed:
    """A spoken clause at its place.

    Attributes:
        anchor: Who says it.
        speech: The clause.
        at: First sample, from the start of the segment.
        turn: Which turn of the segment it belongs to.
    """

    anchor: str
    speech: Speech
    at: int
    turn: int


@dataclass(frozen=True, slots=True)
class Cue:
    """A stage direction at its time.

    Attributes:
        frame: When it begins, from the start of the segment.
        anchor: Who acts.
        act: As `Animator.act` takes it.
    """

    frame: int
    anchor: str
    act: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A segment ready to be drawn.

    Attributes:
        frames: Length.
        placed: Speech in order.
        shots: First frame and shot, in order, without gaps.
        cues: Stage directions in order.
    """

    frames: int
    placed: tuple[Placed, ...]
    shots: tuple[tuple[int, Shot], ...]
    cues: tuple[Cue, ...] = ()

    def sound(self) -> FloatArray:
        """The segment's sound, float32 [frames * SAMPLES] mono at `RATE`."""
        out = np.zeros(self.frames * SAMPLES, np.float32)
        for item in self.placed:
            end = min(len(out), item.at + len(item.speech.pcm))
            out[item.at : end] += item.speech.pcm[: end - item.at]
        return out


def lay_out(
    plan: SegmentPlan, spoken: Sequence[tuple[int, Speech]], framings: dict[str, Framing]
) -> Timeline:
    """Place ``spoken`` (turn number and clause, in order) and cut the shots of ``plan``."""
    placed: list[Placed] = []
    at, last = (LEAD if plan.index else FIRST_LEAD) * SAMPLES, 0
    for turn, speech in spoken:
        if turn != last:
            at, last = at + GAP * SAMPLES, turn
        placed.append(Placed(plan.turns[turn].anchor, speech, at, turn))
        at += len(speech.pcm)
    frames = round(plan.seconds * FPS) if plan.seconds else -(-at // SAMPLES) + TAIL
    shots = tuple(_shots(plan, placed, frames, framings))
    cues = [cue for number in range(len(plan.turns)) for cue in _cues(plan, placed, number)]
    return Timeline(frames, tuple(placed), shots, tuple(cues))


def _cues(plan: SegmentPlan, placed: Sequence[Placed], number: int) -> list[Cue]:
    """The stage directions of one turn; a mood they set ends with the turn."""
    turn = plan.turns[number]
    said = [item for item in placed if item.turn == number]
    if not turn.directions or not said:
        return []
    cues = [
        Cue(_frame_of(turn.text, d, said), turn.anchor, d.act) for d in turn.directions if d.facial
    ]
    if is_moody(turn.directions):
        if turn.emotion:
            usual = f"{turn.emotion} {_USUAL_MOOD}"
            cues.insert(0, Cue(said[0].at // SAMPLES, turn.anchor, usual))
        end = said[-1].at + len(said[-1].speech.pcm)
        cues.append(Cue(end // SAMPLES, turn.anchor, "neutral"))
    return cues


def is_moody(directions: Sequence[Direction]) -> bool:
    """Whether some of ``directions`` say what the face feels."""
    return any(direction.act.partition(" ")[0] in MOODS for direction in directions)


def _frame_of(text: str, direction: Direction, said: Sequence[Placed]) -> int:
    """Frame at which the word begins before which ``direction`` stands in ``text``."""
    at = 0
    for item in said:
        at = text.index(item.speech.clause.text, at)
        for word in item.speech.words:
            at += len(word.text)
            if at > direction.at and word.text.strip():
                return (item.at + word.start) // SAMPLES
    last = said[-1]
    return (last.at + (last.speech.words[-1].end if last.speech.words else 0)) // SAMPLES


def _shots(
    plan: SegmentPlan, placed: Sequence[Placed], frames: int, framings: dict[str, Framing]
) -> list[tuple[int, Shot]]:
    base = Shot("anchor_full", frames, framings=framings, headline=plan.headline)
    if plan.layout in ("title_open", "title_close"):
        layout: LayoutName = "title_open" if plan.layout == "title_open" else "title_close"
        return [(0, Shot(layout, frames, title=plan.title, subtitle=plan.subtitle))]
    if plan.layout == "story":
        return _story(plan, placed, base)
    if plan.layout == "two":
        tags = _tags(plan, placed, 0, frames)
        return [(0, replace(base, layout="two_anchors", anchors=tuple(plan.people), tags=tags))]
    layouts: dict[str, LayoutName] = {
        "half": "anchor_half",
        "beside": "beside",
        "weather": "weather",
    }
    base = replace(
        base,
        layout=layouts.get(plan.layout, "anchor_full"),
        pictures=plan.pictures if plan.layout == "beside" else (),
        source=plan.source if plan.layout == "beside" else "",
        cities=plan.cities,
    )
    turns = _turn_starts(placed)
    shots = []
    for (start, who), (end, _) in zip(turns, [*turns[1:], (frames, "")], strict=True):
        tags = _tags(plan, placed, start, end)
        shots.append((start, replace(base, frames=end - start, anchors=(who,), tags=tags)))
    return shots


def _story(plan: SegmentPlan, placed: Sequence[Placed], base: Shot) -> list[tuple[int, Shot]]:
    """The anchor for the first clause or clauses, then pictures or video to the end."""
    ends = [(p.at + len(p.speech.pcm)) // SAMPLES for p in placed]
    enough = [end for end in ends[:-1] if end >= _STORY_INTRO * FPS]
    change = enough[0] if enough else 0
    pictures = replace(
        base, layout="broll", frames=base.frames - change, pictures=plan.pictures,
        video=plan.video, source=plan.source,
    )  # fmt: skip
    if not change:
        return [(0, pictures)]
    tags = _tags(plan, placed, 0, change)
    anchor = replace(base, frames=change, anchors=(placed[0].anchor,), tags=tags)
    return [(0, anchor), (change, pictures)]


def _turn_starts(placed: Sequence[Placed]) -> list[tuple[int, str]]:
    """First frame and anchor of each run of clauses by one anchor; cuts fall into the gaps."""
    starts: list[tuple[int, str]] = []
    for item in placed:
        if not starts:
            starts.append((0, item.anchor))
        elif starts[-1][1] != item.anchor:
            starts.append((item.at // SAMPLES - GAP // 2, item.anchor))
    return starts


def _tags(plan: SegmentPlan, placed: Sequence[Placed], start: int, end: int) -> tuple[NameTag, ...]:
    """Lower thirds of those introduced here, shown from the start of their first words."""
    tags = []
    for side, key in zip(("left", "right"), plan.people, strict=False):
        first = next((p.at // SAMPLES for p in placed if p.anchor == key), None)
        if key not in plan.tags or first is None or not start <= first < end:
            continue
        person = plan.people[key]
        begin = first - start + 4
        length = min(_TAG_FRAMES, end - start - begin)
        left = end - start - begin - _CHANGE
        if plan.headline and left >= 2 * _READ:  # The headline comes after it.
            length = min(length, max(_READ, left - _READ))
        if length > 30:
            tags.append(
                NameTag(
                    person.name,
                    person.title,
                    begin,
                    length,
                    "right" if side == "right" and plan.layout == "two" else "left",
                )  # fmt: skip
            )
    return tuple(tags)


def with_audible_label(pcm: FloatArray, rate: int) -> FloatArray:
    """A programme's sound with the rhythm that marks generated content, near its start."""
    mark = audio_label(rate)
    start = round(LABEL_AT * rate)
    out = pcm.copy()
    mark = mark[: max(0, len(out) - start)]
    out[start : start + len(mark)] += mark
    return out
