"""Renders a script: check, render what is missing, join, label, sign, log."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from filelock import FileLock
from rich.console import Console
from rich.markup import escape

from digital_human.apps.news import segment as parts
from digital_human.apps.news.check import Checked, check_script, check_space, print_verdict
from digital_human.apps.news.consent import ConsentWatch
from digital_human.apps.news.load import ScriptFile
from digital_human.apps.news.plan import (
    FPS,
    RATE,
    SegmentPlan,
    cache_key,
    plan_people,
    plan_programme,
)
from digital_human.apps.news.pool import render_missing
from digital_human.apps.news.script import text_in
from digital_human.apps.news.timeline import with_audible_label
from digital_human.config import settings
from digital_human.core.frames import FloatArray
from digital_human.errors import ConsentError, InputError
from digital_human.media.captions import CaptionStyle, CaptionTrack, Cue, clause_cues, join_cues
from digital_human.media.encoder import H264, WITH_ALPHA, AlphaName, Coding, disk_errors
from digital_human.media.muxer import AUDIO_RATE, mux
from digital_human.models.files import file_sha256
from digital_human.safety.audit import AuditLog, record_export
from digital_human.safety.moderation import summary
from digital_human.safety.provenance import (
    label_and_sign,
    new_label,
    payload_digest,
    write_labels,
)
from digital_human.speech.loudness import TARGET_LUFS, normalise
from digital_human.speech.types import Language, Word

CACHE_BYTES = 6_000_000_000
_STALE = 86_400  # s after which an unfinished segment belongs to a render that crashed
# The muxer writes the sound on two equal channels, which BS.1770 adds up.
STEREO_GAIN = 3.01


@dataclass(frozen=True)
class RenderOptions:
    """How to render.

    Attributes:
        allow: Reason to go on although moderation blocks the script.
        fresh: Render every segment again.
        workers: Segments at once; 0 is one for each core.
        alpha: Only the people, with alpha, coded so; None is the whole programme.
        unlabelled: With ``alpha``: leave out the visible label, for this reason.
    """

    allow: str | None = None
    fresh: bool = False
    workers: int = 0
    alpha: AlphaName | None = None
    unlabelled: str | None = None

    @property
    def coding(self) -> Coding:
        """How the file is coded."""
        return H264 if self.alpha is None else WITH_ALPHA[self.alpha]

    def plans(self, file: ScriptFile, language: Language) -> list[SegmentPlan]:
        """The segments to render."""
        if self.alpha is None:
            return plan_programme(file, language)
        return plan_people(file, language, self.alpha, labelled=self.unlabelled is None)


def render_script(
    file: ScriptFile, target: Path, options: RenderOptions, console: Console | None = None
) -> list[Path]:
    """Render ``file`` to one labelled and signed file for each language.

    WebM has no place for a signature; it carries the AIGC key only.

    Args:
        file: The script.
        target: The file, with the suffix of the coding; with several languages ``-zh`` and so on
            is added to its name.
        options: See `RenderOptions`.
        console: Where progress goes.

    Returns:
        The files written.

    Raises:
        DigitalHumanError: Nothing half-written is left; finished segments are kept.
    """
    console = console or Console(stderr=True, highlight=False)
    checked = check_script(file)
    print_verdict(console, checked)
    checked.gate(options.allow)
    larger = options.coding.bytes_per_second / H264.bytes_per_second
    check_space(file, checked.estimated_seconds * larger, target.parent, settings().cache_dir)
    if options.unlabelled is not None:
        _take_over_duty(file, options)
    with disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for language in file.script.languages:
        name = f"{target.stem}-{language}" if len(file.script.languages) > 1 else target.stem
        out = target.with_name(f"{name}{options.coding.suffix}")
        _render_language(checked, language, out, options, console)
        written.append(out)
    _prune()
    return written


def _render_language(
    checked: Checked, language: Language, out: Path, options: RenderOptions, console: Console
) -> None:
    started = time.monotonic()
    plans = options.plans(checked.file, language)
    root = settings().cache_dir / "segments"
    folders = [root / cache_key(plan) for plan in plans]
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    missing = {
        folder: plan
        for plan, folder in zip(plans, folders, strict=True)
        if options.fresh or not (folder / parts.NOTES).exists()
    }
    kept = len(plans) - len(missing)
    if kept:
        console.print(f"{kept} of {len(plans)} segments are unchanged since they were rendered")
    people = [person for plan in plans for person in plan.people.values()]
    watch = ConsentWatch((p.avatar for p in people), (p.voice for p in people))
    jobs = [(plan, folder) for folder, plan in missing.items()]
    try:
        render_missing(jobs, options.workers, console, watch.check)
        with console.status("joining, labelling and signing"):
            seconds = _join(checked, language, options, plans, folders, out, watch)
    except ConsentError:
        _forget(plans, folders, watch)
        raise
    took = time.monotonic() - started
    console.print(
        f"[green]wrote[/] {escape(str(out))}: {seconds:.1f} s of video in {took:.1f} s "
        f"({seconds / took:.2f}x real time), captions beside it\n"
        f"  check it: digital-human verify {escape(str(out))}",
        soft_wrap=True,
    )


def _take_over_duty(file: ScriptFile, options: RenderOptions) -> None:
    """Record why a file is to be without the visible label, which whoever asks then has to add.

    Raises:
        InputError: There is no reason, or the file is not one for editing.
    """
    reason = (options.unlabelled or "").strip()
    if not reason or options.alpha is None:
        raise InputError(
            "--unlabelled: needs a reason" if options.alpha else "--unlabelled: needs --alpha",
            fix='say who adds the label, such as --alpha prores --unlabelled "added in the edit"',
        )
    detail = {"script": file.path.name, "reason": reason, "alpha": options.alpha}
    AuditLog().append("unlabelled", detail)


def _forget(plans: list[SegmentPlan], folders: list[Path], watch: ConsentWatch) -> None:
    """Remove the finished segments with an avatar or a voice whose consent has ended."""
    for plan, folder in zip(plans, folders, strict=True):
        if any(watch.lost(person.avatar, person.voice) for person in plan.people.values()):
            shutil.rmtree(folder, ignore_errors=True)


def _join(
    checked: Checked,
    language: Language,
    options: RenderOptions,
    plans: list[SegmentPlan],
    folders: list[Path],
    out: Path,
    watch: ConsentWatch,
) -> float:
    notes = [json.loads((folder / parts.NOTES).read_text(encoding="utf-8")) for folder in folders]
    for folder in folders:
        (folder / parts.NOTES).touch()
    frames = [int(note["frames"]) for note in notes]
    starts = [0, *accumulate(frames)]
    title = text_in(checked.file.script.title, language)
    marks = json.dumps(list(_marks(notes, starts)), ensure_ascii=False)
    with disk_errors(out), tempfile.TemporaryDirectory(prefix=".dh-", dir=out.parent) as name:
        work = Path(name) / out.name
        mux(
            [folder / parts.video_of(plan) for plan, folder in zip(plans, folders, strict=True)],
            _sound(folders), work, fps=FPS, metadata={"title": title}, coding=options.coding,
            progress=lambda _: watch.check(),
        )  # fmt: skip
        if options.alpha == "webm":
            label = new_label(payload=payload_digest(work))
            write_labels(work, work, label)
        else:
            label = label_and_sign(work, work, title=title)
        track = _captions(plans, notes, starts)
        track.write(work.with_suffix(".srt"))
        track.write(work.with_suffix(".vtt"))
        work.with_suffix(".marks.json").write_text(marks, encoding="utf-8")
        work.with_suffix(".spoken.txt").write_text(_transcript(notes), encoding="utf-8")
        watch.check()
        for finished in sorted(Path(name).iterdir()):
            finished.replace(out.parent / finished.name)
    record_export(
        out,
        produce_id=label.produce_id,
        script_sha256=file_sha256(checked.file.path),
        moderation=summary(checked.verdict),
        language=language,
        seconds=round(starts[-1] / FPS, 2),
        visible_label=options.unlabelled is None,
        avatars=sorted({p.avatar for plan in plans for p in plan.people.values()}),
        voices=sorted({p.voice for plan in plans for p in plan.people.values()}),
    )
    return starts[-1] / FPS


def _sound(folders: list[Path]) -> FloatArray:
    """The programme's sound at the muxer's rate: −16 LUFS, with the audible label at its start."""
    pieces = [soundfile.read(folder / parts.SOUND, dtype="float32")[0] for folder in folders]
    pcm = soxr.resample(np.concatenate(pieces), RATE, AUDIO_RATE).astype(np.float32)
    pcm = normalise(pcm, AUDIO_RATE, TARGET_LUFS - STEREO_GAIN)
    return with_audible_label(pcm, AUDIO_RATE)


def _captions(
    plans: list[SegmentPlan], notes: list[dict[str, Any]], starts: list[int]
) -> CaptionTrack:
    cues: list[Cue] = []
    for plan, note, start in zip(plans, notes, starts, strict=False):
        style = CaptionStyle(plan.language, portrait=plan.size[1] > plan.size[0])
        for clause in note["clauses"]:
            words = [Word(*word) for word in clause["words"]]
            cues += clause_cues(words, start * RATE // FPS + clause["at"], style)
    return CaptionTrack(join_cues(cues, starts[-1] * RATE // FPS), RATE)


def _transcript(notes: list[dict[str, Any]]) -> str:
    """What is spoken, normalised, a clause a line."""
    return "".join(f"{clause['spoken']}\n" for note in notes for clause in note["clauses"])


def _marks(notes: list[dict[str, Any]], starts: list[int]) -> Iterator[dict[str, object]]:
    """Phones on the programme's time line, in seconds, for measuring the lips."""
    for note, start in zip(notes, starts, strict=False):
        for clause in note["clauses"]:
            at = clause["at"]
            for symbol, first, last in clause["phones"]:
                yield {
                    "symbol": symbol,
                    "start": round(start / FPS + (at + first) / RATE, 4),
                    "end": round(start / FPS + (at + last) / RATE, 4),
                }


def _prune() -> None:
    """Forget what crashed renders left, and the segments used longest ago beyond `CACHE_BYTES`."""
    root = settings().cache_dir / "segments"
    entries = []
    with suppress(OSError), FileLock(root / ".lock"):
        for folder in root.iterdir():
            notes = folder / parts.NOTES
            if notes.exists():
                size = sum(path.stat().st_size for path in folder.iterdir())
                entries.append((notes.stat().st_mtime, size, folder))
            elif folder.suffix == ".part" and folder.stat().st_mtime < time.time() - _STALE:
                shutil.rmtree(folder, ignore_errors=True)
        total = sum(size for _, size, _ in entries)
        for _, size, folder in sorted(entries):
            if total <= CACHE_BYTES:
                break
            shutil.rmtree(folder, ignore_errors=True)
            total -= size
