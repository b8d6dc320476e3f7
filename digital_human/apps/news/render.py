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
from digital_human.apps.news.load import ScriptFile
from digital_human.apps.news.plan import FPS, RATE, SegmentPlan, cache_key, plan_programme
from digital_human.apps.news.pool import render_missing
from digital_human.apps.news.script import text_in
from digital_human.apps.news.timeline import with_audible_label
from digital_human.config import settings
from digital_human.core.frames import FloatArray
from digital_human.media.captions import CaptionStyle, CaptionTrack, Cue, clause_cues, join_cues
from digital_human.media.encoder import disk_errors
from digital_human.media.muxer import AUDIO_RATE, mux
from digital_human.models.files import file_sha256
from digital_human.safety.audit import record_export
from digital_human.safety.moderation import summary
from digital_human.safety.provenance import label_and_sign
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
    """

    allow: str | None = None
    fresh: bool = False
    workers: int = 0


def render_script(
    file: ScriptFile, target: Path, options: RenderOptions, console: Console | None = None
) -> list[Path]:
    """Render ``file`` to one labelled and signed MP4 for each language.

    Args:
        file: The script.
        target: The MP4; with several languages ``-zh`` and so on is added to its name.
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
    check_space(file, checked.estimated_seconds, target.parent, settings().cache_dir)
    with disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for language in file.script.languages:
        name = f"{target.stem}-{language}" if len(file.script.languages) > 1 else target.stem
        out = target.with_name(f"{name}.mp4")
        _render_language(checked, language, out, options, console)
        written.append(out)
    _prune()
    return written


def _render_language(
    checked: Checked, language: Language, out: Path, options: RenderOptions, console: Console
) -> None:
    started = time.monotonic()
    plans = plan_programme(checked.file, language)
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
    render_missing([(plan, folder) for folder, plan in missing.items()], options.workers, console)
    with console.status("joining, labelling and signing"):
        seconds = _join(checked, language, plans, folders, out)
    took = time.monotonic() - started
    console.print(
        f"[green]wrote[/] {escape(str(out))}: {seconds:.1f} s of video in {took:.1f} s "
        f"({seconds / took:.2f}x real time), captions beside it\n"
        f"  check it: digital-human verify {escape(str(out))}",
        soft_wrap=True,
    )


def _join(
    checked: Checked, language: Language, plans: list[SegmentPlan], folders: list[Path], out: Path
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
            [folder / parts.VIDEO for folder in folders], _sound(folders), work, fps=FPS,
            metadata={"title": title},
        )  # fmt: skip
        label = label_and_sign(work, work, title=title)
        track = _captions(plans, notes, starts)
        track.write(work.with_suffix(".srt"))
        track.write(work.with_suffix(".vtt"))
        work.with_suffix(".marks.json").write_text(marks, encoding="utf-8")
        work.with_suffix(".spoken.txt").write_text(_transcript(notes), encoding="utf-8")
        for finished in sorted(Path(name).iterdir()):
            finished.replace(out.parent / finished.name)
    record_export(
        out,
        produce_id=label.produce_id,
        script_sha256=file_sha256(checked.file.path),
        moderation=summary(checked.verdict),
        language=language,
        seconds=round(starts[-1] / FPS, 2),
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
