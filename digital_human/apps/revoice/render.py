"""New lips for an existing video: consent, moderation, picture, sound, label, signature, log."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from digital_human.apps.revoice.base import agreed, base_video
from digital_human.apps.revoice.sound import Words, read_sound, write_down
from digital_human.config import settings
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import ConsentError, InputError
from digital_human.face.animation import Animator
from digital_human.face.renderers.base import Renderer
from digital_human.face.video_frames import FPS
from digital_human.media.encoder import PartEncoder, disk_errors
from digital_human.media.furniture import label_sprite
from digital_human.media.layouts import Rect
from digital_human.media.muxer import AUDIO_RATE, mux
from digital_human.models.files import file_sha256
from digital_human.safety.audit import AuditLog, record_export
from digital_human.safety.commands import verdict_table
from digital_human.safety.consent import Consent, Consents
from digital_human.safety.moderation import gate, summary
from digital_human.safety.provenance import label_and_sign
from digital_human.speech.hearing import Heard

LABELS: dict[Heard, str] = {
    "zh": "AI生成 · 口型",
    "en": "AI生成 · AI lips",
    "ja": "AI生成 · AI映像",
}
_LARGE = 4 * FPS  # frames with the label as high as GB 45438-2025 asks for at the start
_MARGIN = 0.018  # free around the label, of the shortest side
_ASK = FPS  # frames between looks at whether the consent still holds


@dataclass(frozen=True, slots=True)
class Order:
    """What to make.

    Attributes:
        video: A video of one person.
        audio: The speech.
        out: The MP4 to write.
        consent: TOML file of a consent; None looks for one on record.
        language: Of the speech; None hears it.
        allow: Reason to go on although moderation refuses the words.
    """

    video: Path
    audio: Path
    out: Path
    consent: Path | None = None
    language: Heard | None = None
    allow: str | None = None


def revoice_video(order: Order, console: Console | None = None) -> Path:
    """Write ``order.out``: the video's pictures with lips that say the recording.

    The picture of output frame k is the video's frame k; after its last one the video goes on with
    its own loop.

    Raises:
        DigitalHumanError: Something is wrong with the files, the words are refused, or there is no
            consent; nothing half-written is left.
    """
    console = console or Console(stderr=True, highlight=False)
    started = time.monotonic()
    _check_target(order)
    pcm = read_sound(order.audio)
    consent = agreed(order.video, order.consent)
    words = _judged(order, pcm, console)
    with _bars(console) as bars:
        task = bars.add_task("reading the video", total=1.0)

        def progress(step: str, share: float) -> None:
            if not step.startswith("warning"):  # about short loops, which a film seldom needs
                bars.update(task, description=step, completed=share)

        avatar = base_video(order.video, consent, progress)
        bars.update(task, completed=1.0)
        frames = math.ceil(len(pcm) / AUDIO_RATE * FPS)
        with disk_errors(order.out):
            order.out.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".dh-", dir=order.out.parent) as folder:
                work = Path(folder) / order.out.name
                part = Path(folder) / "picture.mp4"
                drawing = bars.add_task("drawing", total=frames)
                pictures = _pictures(avatar.in_order(), pcm, frames, words.language)
                _encode(pictures, part, consent, lambda n: bars.update(drawing, completed=n))
                mux([part], pcm, work, fps=FPS, metadata={"title": order.out.stem})
                label = label_and_sign(work, work, title=order.out.stem, origin="composite")
                work.replace(order.out)
    record_export(
        order.out,
        produce_id=label.produce_id,
        video_sha256=file_sha256(order.video),
        audio_sha256=file_sha256(order.audio),
        consent=consent.id,
        moderation=summary(words.verdict),
        language=words.language,
        seconds=round(frames / FPS, 2),
    )
    took = time.monotonic() - started
    console.print(
        f"[green]wrote[/] {escape(str(order.out))}: {frames / FPS:.1f} s of video in {took:.1f} s\n"
        f"  check it: digital-human verify {escape(str(order.out))}",
        soft_wrap=True,
    )
    return order.out


def _check_target(order: Order) -> None:
    out = order.out
    if out.suffix.lower() != ".mp4":
        raise InputError(f"--out {out}: not an .mp4 file", fix=f"use {out.with_suffix('.mp4')}")
    for given in (order.video, order.audio):
        if out.exists() and given.exists() and out.samefile(given):
            raise InputError(f"--out {out}: is the file that is read", fix="choose another name")


def _judged(order: Order, pcm: FloatArray, console: Console) -> Words:
    """What the recording says, let through by moderation."""
    with _bars(console) as bars:
        task = bars.add_task("writing down what is said", total=1.0)
        words = write_down(pcm, order.language, lambda share: bars.update(task, completed=share))
    if words.verdict.hits:
        console.print(verdict_table(words.verdict, words.text))
    else:
        said = "nothing found" if words.text else "no words were recognised"
        console.print(f"[green]ok[/] moderation: {said}")
    gate(words.verdict, order.allow, AuditLog(), audio=order.audio.name)
    return words


def _pictures(
    renderer: Renderer, pcm: FloatArray, frames: int, language: Heard
) -> Iterator[ByteArray]:
    """The labelled pictures in order, uint8 [h, w, 3] RGB."""
    animator = Animator(FPS)
    animator.add_heard(pcm, AUDIO_RATE, 0)
    text = LABELS[language]
    width, height = renderer.size
    margin = max(4, round(_MARGIN * min(width, height)))
    room = Rect(margin, margin, width - 2 * margin, height)
    large, small = (
        label_sprite(text, room, min(width, height), large=size) for size in (True, False)
    )
    for k in range(frames):
        picture = np.ascontiguousarray(renderer.render(animator.frame(k))[..., :3])
        sprite, x = large if k < _LARGE else small
        sprite.draw(picture, x, margin)
        yield picture


def _encode(
    pictures: Iterator[ByteArray], path: Path, consent: Consent, progress: Callable[[int], None]
) -> None:
    """Encode ``pictures``; stops when the consent is revoked meanwhile."""
    consents = Consents()
    first = next(pictures)
    encoder = PartEncoder(path, (first.shape[1], first.shape[0]), FPS, settings().cpu_threads)
    try:
        encoder.write(first)
        for picture in pictures:
            if encoder.frames % _ASK == 0 and not consents.valid(consent.id):
                raise ConsentError(
                    f"consent {consent.id!r}: was revoked while the video was made",
                    fix="ask for a new consent; see digital-human consent list",
                )
            encoder.write(picture)
            progress(encoder.frames)
        encoder.close()
    except BaseException:
        encoder.abort()
        raise


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
        console=console, transient=True,
    ) as bars:  # fmt: skip
        yield bars
