"""What a script will look and sound like, in seconds: one picture a segment, and the sound."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import soundfile
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from digital_human.apps.news.check import check_script, print_verdict
from digital_human.apps.news.consent import ConsentWatch
from digital_human.apps.news.load import ScriptFile
from digital_human.apps.news.plan import RATE, SegmentPlan, plan_programme
from digital_human.apps.news.studio import Studio
from digital_human.apps.news.timeline import Timeline, lay_out, with_audible_label
from digital_human.config import settings
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.media.encoder import disk_errors
from digital_human.speech.loudness import normalise

_WIDTH, _COLUMNS, _GAP = 560, 2, 12
# Far enough into a shot for straps and captions to be on the screen.
_SETTLED = 40


def preview_script(file: ScriptFile, folder: Path, allow: str | None) -> None:
    """Write ``sheet-LANGUAGE.png`` and ``sound-LANGUAGE.wav`` into ``folder``.

    Raises:
        DigitalHumanError: As for a render.
    """
    console = Console(stderr=True, highlight=False)
    checked = check_script(file)
    print_verdict(console, checked)
    checked.gate(allow)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for language in file.script.languages:
        pictures: list[ByteArray] = []
        sounds: list[FloatArray] = []
        plans = plan_programme(file, language)
        people = [person for plan in plans for person in plan.people.values()]
        watch = ConsentWatch((p.avatar for p in people), (p.voice for p in people))
        for plan in track(plans, f"previewing {language}", console=console, transient=True):
            watch.check()
            studio = Studio(plan, settings().cpu_threads)
            timeline = _timeline(plan, studio)
            sounds.append(timeline.sound())
            pictures += [_look(studio, timeline, shot) for shot in range(len(timeline.shots))]
        watch.check()
        sheet, sound = folder / f"sheet-{language}.png", folder / f"sound-{language}.wav"
        pcm = with_audible_label(normalise(np.concatenate(sounds), RATE), RATE)
        with disk_errors(folder):
            Image.fromarray(_sheet(pictures)).save(sheet)
            soundfile.write(sound, pcm, RATE)
        console.print(
            f"[green]wrote[/] {escape(str(sheet))} and {escape(str(sound))} "
            f"({len(pcm) / RATE:.1f} s, {len(plans)} segments)",
            soft_wrap=True,
        )


def _timeline(plan: SegmentPlan, studio: Studio) -> Timeline:
    spoken = [
        (number, speech)
        for number, turn in enumerate(plan.turns)
        for speech in studio.say(turn, cancelled=lambda: False)
    ]
    return lay_out(plan, spoken, studio.framings)


def _look(studio: Studio, timeline: Timeline, shot: int) -> ByteArray:
    """One picture of a shot, drawn as the render draws it."""
    start, what = timeline.shots[shot]
    t = min(what.frames - 1, max(_SETTLED, what.frames // 3))
    return next(islice(studio.draw(timeline, shots={shot: t}), 1))


def _sheet(pictures: list[ByteArray]) -> ByteArray:
    height = round(pictures[0].shape[0] * _WIDTH / pictures[0].shape[1])
    rows = -(-len(pictures) // _COLUMNS)
    sheet = np.full(
        (rows * (height + _GAP) + _GAP, _COLUMNS * (_WIDTH + _GAP) + _GAP, 3), 24, np.uint8
    )
    for number, picture in enumerate(pictures):
        row, column = divmod(number, _COLUMNS)
        y, x = _GAP + row * (height + _GAP), _GAP + column * (_WIDTH + _GAP)
        small = cv2.resize(picture, (_WIDTH, height), interpolation=cv2.INTER_AREA)
        sheet[y : y + height, x : x + _WIDTH] = small
    return sheet
