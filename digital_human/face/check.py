"""How good an avatar is: drawn, looked at from outside, measured, and judged by stated limits.

The avatar shows every shape of the sheet, opens its mouth step by step, keeps silent for ten
seconds and reads a sentence full of p, b and m. All figures are taken from the pictures by
`digital_human.face.measure`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image
from rich.table import Table
from rich.text import Text

from digital_human.config import settings
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face import measure
from digital_human.face.animation import Animator
from digital_human.face.avatar import Avatar, open_avatar
from digital_human.face.bundle import NEURAL_NOTICE
from digital_human.face.motion import INDEX, MotionFrame
from digital_human.face.regions import face_area, upper_face
from digital_human.face.renderers.base import Renderer
from digital_human.face.shape import JAW_GAP, LOWER_GAP, MAX_GAP, UPPER_GAP
from digital_human.face.sheet import MOUTHS, all_shapes, contact_sheet, motion, over, write_film
from digital_human.face.video_bundle import VideoAvatar
from digital_human.speech.speaker import Speaker
from digital_human.speech.types import Speech
from digital_human.speech.voices import load_voice

CARD = "check.json"
Verdict = Literal["pass", "warn", "fail", "none"]

CLOSED = 0.012  # io above the gap at rest up to which lips count as closed
SILENCE, LEAD = 10.0, 0.4  # s
SENTENCE = "爸爸妈妈，明天八点半，我们带朋友去北边的湖畔，拍一百张美丽的照片。"
_VOICES = {"female": "xiaoyi", "male": "yunxi", "unspecified": "xiaoyi"}
_STEPS = 11  # of the mouth's opening, jawOpen 0…`_WIDEST`
_WIDEST = 0.6
_MOVED = ("a", "o", "i", "u")  # mouths whose patch is looked at for a seam


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure must reach.

    Attributes:
        what: For people.
        unit: For people.
        good: From here on (or down to here) it passes.
        bad: Beyond it fails; between the two is a warning.
    """

    what: str
    unit: str
    good: float
    bad: float

    def judge(self, value: float) -> Verdict:
        """The verdict on a value; ``none`` when it could not be measured."""
        if not np.isfinite(value):
            return "none"
        sign = 1 if self.good > self.bad else -1
        if sign * value >= sign * self.good:
            return "pass"
        return "warn" if sign * value >= sign * self.bad else "fail"


LIMITS: dict[str, Limit] = {
    "silence_closed": Limit("lips closed in silence", "share", 0.99, 0.97),
    "silence_motion": Limit("lip motion in silence", "px at 512²", 0.30, 0.50),
    "gap_reached": Limit("lip gap at jawOpen 0.6, reached of asked", "ratio", 0.85, 0.65),
    "gap_error": Limit("lip gap, mean error over the sweep", "io", 0.015, 0.030),
    "gap_follows": Limit("lip gap in speech, asked and seen", "r", 0.95, 0.85),
    "closures": Limit("p b m closed", "share", 0.95, 0.85),
    "upper_face": Limit("upper face unmoved by the mouth", "SSIM", 0.985, 0.95),
    "rest_likeness": Limit("face at rest like the picture", "SSIM", 0.95, 0.88),
    "rest_shape": Limit("landmarks at rest off the picture", "io", 0.012, 0.025),
    "seam": Limit("edge of the mouth patch", "ratio", 1.15, 1.40),
    "flicker": Limit("skin at the mouth flickers more than the rest", "grey levels", 1.0, 2.5),
    "sharpness": Limit("mouth as sharp as at rest", "ratio", 0.70, 0.45),
    "cpu_ms": Limit("CPU per frame", "ms", 20.0, 36.0),
}


@dataclass(frozen=True, slots=True)
class Card:
    """What a check found.

    Attributes:
        avatar: Its name.
        kind: What draws it.
        picture: Width and height drawn for the check, px.
        io: Outer-eye distance in these pictures, px.
        figures: Name of a `LIMITS` entry → value; NaN when it could not be measured.
        made: UTC time, ISO 8601.
        files: sha256 of the bundle's files at that time, so that an old card shows.
        notes: What could not be measured, and why.
    """

    avatar: str
    kind: str
    picture: tuple[int, int]
    io: float
    figures: dict[str, float]
    made: str
    files: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Name of a figure → verdict."""
        return {name: LIMITS[name].judge(value) for name, value in self.figures.items()}

    @property
    def verdict(self) -> Verdict:
        """The worst verdict."""
        order: tuple[Verdict, ...] = ("fail", "warn", "pass")
        return next((v for v in order if v in self.verdicts.values()), "none")

    def json(self) -> str:
        """The card as JSON, with limits and verdicts."""
        figures = {
            name: {
                "value": round(value, 5) if np.isfinite(value) else None,
                "verdict": self.verdicts[name],
                **asdict(LIMITS[name]),
            }
            for name, value in self.figures.items()
        }
        data = asdict(self) | {"figures": figures, "verdict": self.verdict}
        return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


@dataclass(slots=True)
class _Subject:
    """An avatar under test."""

    avatar: Avatar
    renderer: Renderer
    rest: FloatArray
    figures: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def draw(self, frame: MotionFrame) -> ByteArray:
        """An RGB picture of its own."""
        return over(self.renderer.render(frame))


def check_avatar(
    name: str | Path, out: Path, progress: Callable[[str, float], None] = lambda step, share: None
) -> Card:
    """Draw and measure an avatar of any kind.

    Writes ``NAME-sheet.png``, ``NAME-talk.mp4`` and ``NAME-check.json`` into ``out``; the card of
    one of the user's own avatars is also kept as ``check.json`` in its folder.

    Args:
        name: Name or folder of the avatar.
        out: Folder for the results.
        progress: Told what is done and how much of it, 0…1.

    Raises:
        InputError: The avatar is unknown or damaged, or no face is seen in its picture.
        ConsentError: A real person did not agree, or does no more.
        WeightsError: Landmark model or voice are not here; says how to pull them.
    """
    avatar = open_avatar(name)
    renderer = avatar.renderer(check_height(avatar))
    title = avatar.manifest.name
    rest = measure.follow([over(renderer.render(MotionFrame.rest()))], keep=False)
    if not rest.seen.all():
        raise InputError(
            f"avatar {title!r}: no face is found in its picture at rest",
            fix="make it again from a picture that shows the face larger and from the front",
        )
    subject = _Subject(avatar, renderer, rest.points[0])
    if avatar.manifest.kind == "photo" and settings().face == "neural":
        subject.notes.append(NEURAL_NOTICE)
    out.mkdir(parents=True, exist_ok=True)
    progress("shapes", 0.0)
    pictures = {caption: subject.draw(frame) for caption, frame in all_shapes().items()}
    width, height = renderer.size
    heading = f"{title} ({avatar.manifest.kind}), {width} x {height}, io {rest.io:.0f} px"
    Image.fromarray(contact_sheet(pictures, subject.rest, heading)).save(out / f"{title}-sheet.png")
    _identity(subject, pictures)
    progress("opening", 0.1)
    _sweep(subject)
    progress("silence", 0.2)
    _silence(subject)
    progress("speech", 0.5)
    _talk(subject, out / f"{title}-talk.mp4")
    card = Card(
        avatar=title,
        kind=avatar.manifest.kind,
        picture=renderer.size,
        io=round(rest.io, 2),
        figures={key: subject.figures.get(key, float("nan")) for key in LIMITS},
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        files=dict(avatar.manifest.files),
        notes=tuple(subject.notes),
    )
    (out / f"{title}-check.json").write_text(card.json(), "utf-8")
    if avatar.path.parent == settings().home / "avatars":
        (avatar.path / CARD).write_text(card.json(), "utf-8")
    progress("done", 1.0)
    return card


def check_height(avatar: Avatar, face: float = 512.0) -> int:
    """Height of the pictures in which the face fills ``face``², no larger than its own picture."""
    native = avatar.manifest.canvas[1]
    scale = face / 512 * measure.IO_512 / avatar.manifest.face.eye_distance
    return max(64, min(native, round(native * scale)) // 2 * 2)


def asked_gap(frame: MotionFrame) -> float:
    """Lip gap in io that a frame's curves ask for, by the convention of `face.shape`."""
    opening = max(0.0, frame["jawOpen"] - frame["mouthClose"])
    upper = (frame["mouthUpperUpLeft"] + frame["mouthUpperUpRight"]) / 2
    lower = (frame["mouthLowerDownLeft"] + frame["mouthLowerDownRight"]) / 2
    return min(MAX_GAP, JAW_GAP * opening + UPPER_GAP * upper + LOWER_GAP * lower)


def card_table(cards: Sequence[Card]) -> Table:
    """One column for each avatar, coloured by verdict, beside the limits."""
    table = Table("measure", "unit", "pass", "fail")
    for card in cards:
        table.add_column(f"{card.avatar}\n({card.kind})", justify="right")
    styles = {"pass": "green", "warn": "yellow", "fail": "bold red", "none": "dim"}
    for name, limit in LIMITS.items():
        sign = ("≥", "<") if limit.good > limit.bad else ("≤", ">")
        cells = []
        for card in cards:
            value, verdict = card.figures[name], card.verdicts[name]
            cells.append(Text(f"{value:.3f}" if np.isfinite(value) else "–", styles[verdict]))
        row = (limit.what, limit.unit, f"{sign[0]} {limit.good:g}", f"{sign[1]} {limit.bad:g}")
        table.add_row(*row, *cells)
    verdicts = [Text(card.verdict, styles[card.verdict]) for card in cards]
    table.add_row("all", "", "", "", *verdicts, end_section=True)
    return table


def _identity(subject: _Subject, pictures: dict[str, ByteArray]) -> None:
    """Whether it is the person of the picture, and stays so while the mouth moves."""
    rest = measure.luminance(pictures["rest"])
    upper = upper_face(rest.shape, subject.rest)
    mouths = {name: measure.luminance(pictures[name]) for name in MOUTHS if name != "rest"}
    subject.figures["upper_face"] = min(
        measure.likeness(rest, shaped, upper) for shaped in mouths.values()
    )
    seams = [measure.seam(rest, mouths[name], subject.rest) for name in _MOVED]
    known = [value for value in seams if np.isfinite(value)]
    subject.figures["seam"] = max(known, default=float("nan"))
    canvas = over(subject.avatar.canvas)
    width, height = subject.renderer.size
    canvas = np.asarray(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    # A film's first picture may show the person speaking: there the mouth is no part of it.
    filmed = subject.avatar.manifest.kind == "video"
    face = upper if filmed else face_area(rest.shape, subject.rest)
    subject.figures["rest_likeness"] = measure.likeness(measure.luminance(canvas), rest, face)
    both = measure.follow([canvas], keep=False).points, subject.rest[None]
    if not np.isfinite(both[0]).all():
        subject.notes.append("rest_shape: no face is found in the canvas")
        return
    points = measure.straighten(np.concatenate(both))[:, : lm.MESH]
    if filmed:
        points = points[:, subject.rest[: lm.MESH, 1] < subject.rest[lm.NOSE_BASE, 1]]
    apart = np.linalg.norm(points[0] - points[1], axis=1)
    subject.figures["rest_shape"] = float(np.sqrt((apart**2).mean()))


def _sweep(subject: _Subject) -> None:
    """Opens the mouth step by step and compares the lip gap with the one asked for."""
    frames = [motion({"jawOpen": value}) for value in np.linspace(0, _WIDEST, _STEPS)]
    take = measure.follow((subject.draw(frame) for frame in frames), keep=False)
    if not take.seen.all():
        subject.notes.append("gap: the face is lost when the mouth opens")
        return
    gaps, asked = take.gaps(), np.array([asked_gap(frame) for frame in frames])
    rise = gaps - gaps[0]
    subject.figures["gap_error"] = float(np.abs(np.maximum(asked, gaps[0]) - gaps).mean())
    subject.figures["gap_reached"] = float(1 - abs(1 - rise[-1] / (asked[-1] - gaps[0])))


def _silence(subject: _Subject) -> None:
    """Listens to ten silent seconds with life: pose, breath, gaze and lids move, lips do not."""
    fps = subject.renderer.fps
    animator = Animator(fps, seed=7)
    frames = [animator.frame(pts) for pts in range(round(SILENCE * fps))]
    take = measure.follow((subject.draw(frame) for frame in frames), keep=False)
    closed_at = _rest_gap(subject) + CLOSED
    gaps = take.gaps()[take.seen]
    subject.figures["silence_closed"] = float((gaps <= closed_at).sum()) / len(frames)
    lips, forehead = measure.unrest(take, _asked_motion(subject, frames, take))
    subject.figures["silence_motion"] = measure.beyond(lips, forehead)
    subject.notes.append(
        f"silence: landmarks of the lips move {lips:.2f} px, those of the still forehead "
        f"{forehead:.2f} px; what the lips move more is judged"
    )
    if isinstance(subject.avatar, VideoAvatar) and not subject.avatar.track.talks:
        subject.notes.append("silence: every picture is the film's own, and so is what its lips do")


def _asked_motion(
    subject: _Subject, frames: Sequence[MotionFrame], take: measure.Take
) -> FloatArray:
    """What the track asks of everything but the mouth, float32 [n, k]."""
    upper = [i for name, i in INDEX.items() if not name.startswith(("mouth", "jaw", "tongue"))]
    curves = np.array([frame.curves[upper] for frame in frames], np.float32)
    heads = np.array([frame.head for frame in frames], np.float32)
    breath = np.array([[frame.breath] for frame in frames], np.float32)
    asked = [curves, heads, breath]
    if subject.avatar.manifest.kind == "video":
        # The head moves as it was filmed.
        asked.append(measure.pose_angles(take))
    return np.concatenate(asked, axis=1)


def _talk(subject: _Subject, film: Path) -> None:
    """Reads a sentence; measures lips, flicker, sharpness and cost."""
    fps = subject.renderer.fps
    voice = _VOICES[subject.avatar.manifest.gender]
    animator, marks, spoken, at = Animator(fps, seed=11), [], [], LEAD
    for speech in Speaker(load_voice(voice, "news")).say(SENTENCE, language="zh"):
        animator.add(speech, round(at * speech.rate))
        marks += list(_labials(speech, at))
        spoken.append(speech)
        at += len(speech.pcm) / speech.rate
    frames = [animator.frame(pts) for pts in range(round((at + LEAD) * fps))]
    spent: list[int] = []
    take = measure.follow(_timed(subject, frames, spent))
    subject.figures["cpu_ms"] = float(np.median(spent)) / 1e6
    sound = np.concatenate([np.zeros(round(LEAD * spoken[0].rate), np.float32),
                            *(speech.pcm for speech in spoken)])  # fmt: skip
    write_film(film, take.pictures, fps, sound, spoken[0].rate)
    seen = take.seen
    gaps = take.gaps()
    asked = np.array([asked_gap(frame) for frame in frames])
    subject.figures["gap_follows"] = float(np.corrcoef(gaps[seen], asked[seen])[0, 1])
    subject.figures["closures"] = _closures(gaps, marks, fps, _rest_gap(subject) + CLOSED)
    still = measure.steady(take)
    subject.figures["flicker"] = measure.beyond(*measure.flicker(still))
    quiet = MotionFrame.rest()
    resting = measure.follow(subject.draw(quiet) for _ in range(3))
    subject.figures["sharpness"] = measure.sharpness(still) / measure.sharpness(
        measure.steady(resting)
    )
    if not seen.all():
        subject.notes.append(f"speech: no face in {int((~seen).sum())} of {len(seen)} frames")


def _timed(
    subject: _Subject, frames: Sequence[MotionFrame], spent: list[int]
) -> Iterator[ByteArray]:
    for frame in frames:
        start = time.process_time_ns()
        picture = subject.renderer.render(frame)
        spent.append(time.process_time_ns() - start)
        yield over(picture)


def _labials(speech: Speech, at: float) -> Iterator[tuple[float, float]]:
    """Start and end in seconds of every p, b and m."""
    for phone in speech.phones:
        if phone.symbol[:1] in ("p", "b", "m"):
            yield at + phone.start / speech.rate, at + phone.end / speech.rate


def _closures(
    gaps: FloatArray, marks: Sequence[tuple[float, float]], fps: int, closed_at: float
) -> float:
    """Share of the marks in which the lips meet, from a frame before to a frame after."""
    times = np.arange(len(gaps)) / fps
    shut = []
    for start, end in marks:
        near = gaps[(times >= start - 1 / fps) & (times <= end + 1 / fps)]
        if np.isfinite(near).any():
            shut.append(float(np.nanmin(near)) <= closed_at)
    return float(np.mean(shut)) if shut else float("nan")


def _rest_gap(subject: _Subject) -> float:
    return float(lm.lip_gap(subject.rest))
