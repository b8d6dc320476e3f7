"""``digital-human place``: what a persona knows of the place it stands in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from digital_human.config import settings
from digital_human.dialogue.persona import known_personas, load_persona
from digital_human.dialogue.place.check import findings_of, grouped, read_unanswered
from digital_human.dialogue.place.check_texts import PageLanguage, Say, page_language
from digital_human.dialogue.place.crosswoz import import_crosswoz
from digital_human.dialogue.place.files import FILE
from digital_human.dialogue.place.page import page
from digital_human.dialogue.place.place import Place
from digital_human.errors import InputError
from digital_human.speech.types import Language

app = typer.Typer(no_args_is_help=True, help="Places: exhibits, hours, tickets, ways.")
_console = Console()
_STYLES = {"error": "bold red", "gap": "yellow", "hint": "cyan"}
_SHOWN = 12  # questions in the terminal


@app.command(
    "check",
    epilog="Example: digital-human place check dongpo --out place.html\n\n"
    "Example: digital-human place check ./my-museum/place --lang en",
)
def check_command(
    name: Annotated[str, typer.Argument(help="A persona, or the folder of a place.")],
    out: Annotated[Path | None, typer.Option(help="Write a page for the curator.")] = None,
    lang: Annotated[
        PageLanguage | None,
        typer.Option(help="Language of table and page; by default the persona's first one."),
    ] = None,
) -> None:
    """Look for gaps, contradictions and questions that could not be answered.

    Exit code 1 when there is an error.
    """
    folder, title, languages, knowledge = _found(name)
    place = Place.open(folder)
    say = Say(lang or page_language(languages))
    now = datetime.now(UTC)
    today = now.astimezone(place.zone).date()
    findings = findings_of(place, languages, knowledge, today, say.page)
    log = settings().home / "kiosk" / title / "unanswered.jsonl"
    questions = grouped(read_unanswered(log), place, now)
    table = Table("", say("entry"), say("kind"), Column(say("finding"), overflow="fold"))
    for one in findings:
        level, kind = Text(say(one.level), _STYLES[one.level]), say(f"kind.{one.kind}")
        table.add_row(level, *map(Text, (one.of, kind, one.text)))
    _console.print(table)
    if questions:
        asked = Table(Column(say("asked"), overflow="fold"), say("times"), say("last"))
        for group in questions[:_SHOWN]:
            asked.add_row(Text(group.question), str(group.times), group.last)
        _console.print(asked)
    errors = sum(one.level == "error" for one in findings)
    counts = say(
        "counts",
        spots=len(place.spots),
        errors=errors,
        gaps=sum(one.level == "gap" for one in findings),
        questions=sum(one.times for one in questions),
    )
    _console.print(counts, markup=False)
    if out is not None:
        text = page(title, place, languages, findings, questions, today, say.page)
        out.write_text(text, "utf-8")
        _console.print(say("written", path=out), markup=False, soft_wrap=True)
    if errors:
        raise typer.Exit(1)


@app.command(
    "import", epilog="Example: digital-human place import attraction_db.json --to my-place"
)
def import_command(
    file: Annotated[Path, typer.Argument(help="JSON in the layout of CrossWOZ's attractions.")],
    to: Annotated[Path, typer.Option(help="New folder for the place.")],
    name: Annotated[str, typer.Option(help="Name of the place; by default the file's.")] = "",
) -> None:
    """Make a place's folder of a list of attractions."""
    done = import_crosswoz(file, to, name)
    Place.open(to)
    _console.print(f"{to}: {done.spots} spots, {done.hours} with hours", markup=False)
    if done.left:
        fields = ", ".join(f"{field} ({count})" for field, count in done.left.items())
        _console.print(f"not taken over: {fields}", markup=False)


def _found(name: str) -> tuple[Path, str, tuple[Language, ...], Path | None]:
    """Folder, name, languages and knowledge folder of a place."""
    if name in known_personas():
        persona = load_persona(name)
        if persona.place_folder is None:
            raise InputError(
                f"persona {name!r} has no place", fix=f"make {persona.folder / 'place' / FILE}"
            )
        return persona.place_folder, name, persona.languages, persona.knowledge_folder
    folder = Path(name).expanduser()
    if not (folder / FILE).is_file():
        known = ", ".join(known_personas())
        raise InputError(
            f"{name!r} is neither a persona nor a folder with {FILE}", fix=f"personas: {known}"
        )
    languages: tuple[Language, ...] = tuple(Place.open(folder).files.head.names)
    return folder, folder.name, languages, None
