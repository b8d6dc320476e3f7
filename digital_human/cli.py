"""The command line: parse, call, print."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from digital_human import __version__
from digital_human.apps import doctor
from digital_human.apps.news import commands as news
from digital_human.errors import DigitalHumanError
from digital_human.face import commands as avatars
from digital_human.models import commands as models
from digital_human.safety import commands as safety
from digital_human.speech import commands as voices

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="AI digital humans: a person's face and voice, live or rendered.\n\n"
    "Start here: digital-human doctor, then digital-human news new bulletin.",
)
app.add_typer(news.app, name="news")
app.add_typer(avatars.app, name="avatar")
app.add_typer(voices.app, name="voice")
app.add_typer(models.app, name="models")
app.add_typer(safety.audit_app, name="audit")
app.command("verify")(safety.verify_command)
app.command("doctor")(doctor.command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print and exit."),
    ] = False,
) -> None:
    """Options of every command."""


def main() -> None:
    """Run the command line; errors a user can mend are printed without a traceback."""
    console = Console(stderr=True, highlight=False)
    try:
        app()
    except DigitalHumanError as error:
        console.print("error:", style="bold red", end=" ")
        console.print(error.message, markup=False)
        if error.fix:
            console.print("  fix:", style="bold", end=" ")
            console.print(error.fix, markup=False)
        sys.exit(error.exit_code)
