"""``digital-human revoice``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from digital_human.apps.revoice.render import Order, revoice_video
from digital_human.errors import InputError
from digital_human.speech.hearing import Heard

LANGUAGES = ("zh", "en", "ja")
EPILOG = (
    "Example: digital-human revoice talk.mp4 --audio dubbed.wav --consent c.toml\n\n"
    "A video of a real person needs that person's consent (digital-human consent template); once "
    "recorded, --consent need not be given again for the same video."
)


def revoice(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video of one person.")],
    audio: Annotated[
        Path, typer.Option("--audio", "-a", help="The speech: any sound or video file.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The MP4; by default VIDEO with -revoiced in its name."),
    ] = None,
    consent: Annotated[
        Path | None,
        typer.Option("--consent", help="The consent, a TOML file; its use must include news."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", help="Of the speech (zh, en, ja); by default zh or en, heard."),
    ] = None,
    allow: Annotated[
        str | None,
        typer.Option(
            "--allow",
            metavar="REASON",
            help="Go on although moderation refuses the words; the reason is logged.",
        ),
    ] = None,
) -> None:
    """Give a video new lips for another recording; the picture stays frame for frame the same.

    The result lasts as long as the sound. Where that is longer than the video, the video goes on
    with its own loop, without a cut.
    """
    if language is not None and language not in LANGUAGES:
        raise InputError(
            f"--language {language}: unknown", fix=f"use one of {', '.join(LANGUAGES)}"
        )
    target = out or video.with_name(f"{video.stem}-revoiced.mp4")
    revoice_video(Order(video, audio, target, consent, cast(Heard | None, language), allow))
