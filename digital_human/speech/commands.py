"""``digital-human voice``: which voices there are, and a way to hear them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import soundfile
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from digital_human.errors import ConsentError, InputError, ResourceError
from digital_human.safety.audit import AuditLog, record_export
from digital_human.safety.consent import read_consent_file
from digital_human.safety.labels import audio_label
from digital_human.safety.moderation import Moderator, gate
from digital_human.speech.loudness import normalise
from digital_human.speech.speaker import Speaker
from digital_human.speech.text.delivery import take_tags
from digital_human.speech.text.languages import language_of
from digital_human.speech.voices import (
    NAME,
    Voice,
    changing_alone,
    load_voice,
    own_voice_names,
    part_folder,
    read_voice,
    require_voice,
    shipped_voice_names,
    voice_folder,
    voice_names,
)

if TYPE_CHECKING:
    from digital_human.speech.cloning.card import Card

app = typer.Typer(no_args_is_help=True, help="Voices: the people who can be heard.")


_console = Console(soft_wrap=True, highlight=False)

_Name = Annotated[str, typer.Argument(help="The voice's name.")]


@app.command("list", epilog="Example: digital-human voice list")
def list_voices() -> None:
    """Show every voice, its languages, whom it imitates and its licence."""
    table = Table("name", "shown as", "gender", "languages", "engine", "person")
    table.add_column("licence", max_width=28, no_wrap=True, overflow="ellipsis")
    for name in voice_names():
        try:
            voice = read_voice(name)
        except InputError as error:
            table.add_row(Text(name), *[""] * 4, Text(f"damaged: {error.message}", "red"), "")
            continue
        said = (
            voice.name, " / ".join(voice.display.values()), voice.gender,
            ", ".join(voice.languages), voice.engine,
        )  # fmt: skip
        table.add_row(*map(Text, said), _person(voice), Text(voice.licence))
    Console().print(table)


@app.command("show", epilog="Example: digital-human voice show lin")
def show_voice(name: _Name) -> None:
    """Show all that a voice says of itself, with its whole licence."""
    voice = read_voice(name)
    table = Table(show_header=False, box=None, pad_edge=False)
    style = ", ".join(f"{preset} {weight:.2f}" for preset, weight in voice.style.items())
    rows: dict[str, str | Text] = {
        "name": voice.name,
        "shown as": " / ".join(voice.display.values()),
        "gender": voice.gender,
        "languages": ", ".join(voice.languages),
        "engine": voice.engine,
        "made of": ", ".join(filter(None, [style, voice.fitted, voice.adapter, voice.remote,
                                           *voice.references])),
        "person": _person(voice),
        "consent": voice.consent,
        "recordings": "\n".join(f"sha256 {digest}" for digest in voice.sources) or "-",
        "source": voice.source,
        "folder": str(voice.folder),
        "licence": voice.licence,
    }  # fmt: skip
    for key, value in rows.items():
        table.add_row(Text(key, "bold"), value if isinstance(value, Text) else Text(value))
    Console(soft_wrap=True, highlight=False).print(table)


@app.command(
    "create",
    epilog="Example: digital-human voice create lin --audio lin.wav --consent lin.toml\n\n"
    "Example: digital-human voice create lin --audio a.m4a --audio b.m4a --consent lin.toml "
    "--display-zh 林 --no-adapt\n\n"
    "Ten seconds to three minutes of one person, alone and without noise. Made again after an "
    "interruption, the same command goes on where it stopped.",
)
def create(
    name: _Name,
    audio: Annotated[list[Path], typer.Option(help="Recording: WAV, FLAC, MP3, OGG, M4A.")],
    consent: Annotated[
        Path, typer.Option(help="TOML file that says who agreed to what; see docs/own-voice.md.")
    ],
    display_zh: Annotated[str, typer.Option(help="Name shown in Chinese.")] = "",
    display_en: Annotated[str, typer.Option(help="Name shown in English.")] = "",
    gender: Annotated[
        Literal["female", "male"] | None,
        typer.Option(help="For fitting it to a face; told from the pitch by default."),
    ] = None,
    language: Annotated[
        Literal["zh", "en", "ja"] | None,
        typer.Option(help="What the person speaks; heard by default."),
    ] = None,
    adapt: Annotated[
        bool, typer.Option(help="Adapt the model too: closer, and takes many minutes.")
    ] = True,
    replace: Annotated[bool, typer.Option(help="Replace a voice of this name.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
) -> None:
    """Make a voice that resembles a person, from recordings and with consent."""
    agreed = read_consent_file(consent)
    from digital_human.speech.cloning.create import Order, check_order, create_voice

    display = {"zh": display_zh or agreed.subject[:40], "en": display_en or agreed.subject[:40]}
    order = Order(
        name, tuple(audio), agreed, display, gender, language, adapt=adapt, replace=replace,
        seed=seed,
    )  # fmt: skip
    check_order(order)
    try:
        with _steps(name) as progress:
            voice, card, granted = create_voice(order, progress)
    except KeyboardInterrupt:
        _console.print("stopped; the same command goes on where it stopped")
        raise typer.Exit(130) from None
    for warning in card.report.warnings:
        _console.print(Text.assemble(("better: ", "yellow"), warning))
    _show_card(card)
    _console.print(f"consent {granted.id}, until {granted.until}", markup=False)
    _console.print(f"voice {name}: {voice.folder}", markup=False)


@app.command("check", epilog="Example: digital-human voice check lin")
def check(name: _Name) -> None:
    """Show what was measured when a voice was made: likeness, intelligibility, quality, pitch.

    Exit code 1 when the consent of the person does not hold.
    """
    voice = read_voice(name)
    if voice.folder != voice_folder(name):
        raise InputError(
            f"voice {name!r} is shipped with the program: it imitates nobody",
            fix="only your own voices are measured; see digital-human voice list",
        )
    from digital_human.speech.cloning.card import CARD, PICTURE, Card

    _show_card(Card.load(voice.folder / CARD))
    _console.print(f"picture: {voice.folder / PICTURE}", markup=False)
    person = _person(voice)
    _console.print(Text.assemble("person: ", person))
    if "not usable" in person.plain:
        raise typer.Exit(1)


@app.command("remove", epilog="Example: digital-human voice remove lin")
def remove(
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete one of your own voices, finished or not; the record of its consent stays."""
    folder, part = voice_folder(name), part_folder(name)
    # The last is there when a replacement was cut off.
    places = folder, part, folder.with_name(f".{name}.old")
    folders = [path for path in places if NAME.fullmatch(name) and path.is_dir()]
    if name not in own_voice_names() and part not in folders:
        shipped = name in shipped_voice_names()
        raise InputError(
            f"voice {name!r} {'is shipped with the program' if shipped else 'is unknown'}",
            fix="only your own voices can be removed; see digital-human voice list",
        )
    if not yes:
        typer.confirm(f"Delete the voice {name} in {folders[0]}?", abort=True)
    from digital_human.speech.synthesizers.kokoro import remove_adapted

    with changing_alone(name):
        for path in folders:
            _delete(path)
        removed = [*folders, *remove_adapted(name)]
    for path in removed:
        _console.print(f"removed {path}", markup=False)


@app.command(
    "say",
    epilog='Examples: digital-human voice say xiaoyi "你好，欢迎收看。" -o hello.wav; '
    'digital-human voice say heart "[slow]Good evening.[pause 0.6] Here is the news."',
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
    """Speak a text into a WAV file at −16 LUFS, after the audible label of generated sound.

    Tags such as [slow] or [pause 0.8] in the text steer the voice; see docs/voice-expression.md.
    """
    wanted = language_of(language) if language else None
    try:
        text, tags = take_tags(text)
    except ValueError as error:
        raise InputError(f"text: {error}", fix="give the tag another number") from None
    audit = AuditLog()
    gate(Moderator.default().check(text), allow, audit, voice=voice)
    # A file can be passed on like a broadcast.
    speaker = Speaker(load_voice(voice, "news"), speed=speed)
    spoken = list(speaker.say(text, language=wanted, tags=tags))
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


def _delete(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ResourceError(
            f"cannot delete {folder}: {error.strerror or error}", fix="delete it by hand"
        ) from error


def _show_card(card: Card) -> None:
    from digital_human.speech.cloning.card import card_tables

    for table in card_tables(card):
        Console().print(table)
    _console.print(Text(f"{card.name} {card.verdict}", "bold"))
    if card.before:
        _console.print(card.before, markup=False)
    _console.print(f"made by: {'; '.join(card.how)}", markup=False)


def _person(voice: Voice) -> Text:
    """Whether it imitates a real person, and whether that person's consent holds."""
    if voice.person == "generated":
        return Text("nobody")
    try:
        require_voice(voice)
    except ConsentError as error:
        problem = error.message.split(": ", 1)[-1]
        return Text(f"real, not usable: the consent {problem}", "red")
    except InputError as error:
        return Text(f"real, not usable: {error.message}", "red")
    return Text("real, with consent", "green")


@contextmanager
def _steps(name: str) -> Iterator[Callable[[str, float], None]]:
    """A progress bar with the step that is being done."""
    columns = TextColumn("{task.description:34}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=1.0)
        yield lambda step, share: bar.update(task, description=step, completed=share)
