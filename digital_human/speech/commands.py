"""``digital-human voice``: which voices there are, and a way to hear them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from digital_human.errors import InputError, ResourceError
from digital_human.safety.audit import AuditLog, record_export
from digital_human.safety.labels import audio_label
from digital_human.safety.moderation import Moderator, gate
from digital_human.speech.loudness import normalise
from digital_human.speech.speaker import Speaker
from digital_human.speech.types import Language
from digital_human.speech.voices import load_voices

app = typer.Typer(no_args_is_help=True, help="Voices: the people who can be heard.")


@app.command("list", epilog="Example: digital-human voice list")
def list_voices() -> None:
    """Show every voice, its languages and its licence."""
    table = Table()
    for column in ("name", "shown as", "gender", "languages", "engine", "licence"):
        table.add_column(column)
    for voice in load_voices():
        table.add_row(
            voice.name, " / ".join(voice.display.values()), voice.gender,
            ", ".join(voice.languages), voice.engine, voice.licence,
        )  # fmt: skip
    Console().print(table)


@app.command(
    "say", epilog='Example: digital-human voice say xiaoyi "你好，欢迎收看。" -o hello.wav'
)
def say(
    voice: Annotated[str, typer.Argument(help="Name of a voice.")],
    text: Annotated[str, typer.Argument(help="What to say.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="WAV file.")] = Path("speech.wav"),
    language: Annotated[
        str | None, typer.Option("--language", help="zh, en or ja; the voice's own by default.")
    ] = None,
    speed: Annotated[float, typer.Option("--speed", min=0.6, max=1.6)] = 1.0,
    allow: Annotated[
        str | None,
        typer.Option("--allow", metavar="REASON", help="Speak what moderation blocks; logged."),
    ] = None,
) -> None:
    """Speak a text into a WAV file at −16 LUFS, after the audible label of generated sound."""
    known: dict[str, Language] = {"zh": "zh", "en": "en", "ja": "ja"}
    if language is not None and language not in known:
        raise InputError(
            f"--language {language}: unsupported", fix=f"use one of {', '.join(known)}"
        )
    audit = AuditLog()
    gate(Moderator.default().check(text), allow, audit, voice=voice)
    speaker = Speaker(voice, speed=speed)
    spoken = list(speaker.say(text, language=known[language] if language else None))
    if not spoken:
        raise InputError(f"{text[:20]!r} has nothing that can be spoken", fix="give words")
    rate = spoken[0].rate
    pcm = normalise(np.concatenate([speech.pcm for speech in spoken]), rate)
    # Where there is no picture, the audible label stands before the content.
    quiet = np.zeros(rate * 3 // 10, np.float32)
    pcm = np.concatenate([quiet, audio_label(rate), quiet, pcm])
    try:
        soundfile.write(out, pcm, rate)
    except soundfile.SoundFileError as error:
        raise ResourceError(
            f"cannot write {out}: {error}", fix="check the folder and the free space"
        ) from error
    record_export(out, log=audit, voice=voice, seconds=round(len(pcm) / rate, 2))
    name = escape(str(out))
    Console(soft_wrap=True).print(f"[green]wrote[/] {name} ({len(pcm) / rate:.1f} s)")
