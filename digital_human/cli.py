"""The command line: parse, call, print."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer
from rich.console import Console

from digital_human import __version__
from digital_human.apps import doctor
from digital_human.apps.live import commands as bench
from digital_human.apps.news import commands as news
from digital_human.apps.revoice import commands as revoice
from digital_human.dialogue import place_commands as places
from digital_human.errors import DigitalHumanError, ResourceError
from digital_human.face import commands as avatars
from digital_human.models import commands as models
from digital_human.safety import commands as safety
from digital_human.safety import consent_commands as consents
from digital_human.server import commands as server
from digital_human.server import kiosk_commands as kiosk
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
app.add_typer(consents.consent_app, name="consent")
app.add_typer(safety.audit_app, name="audit")
app.command("verify")(safety.verify_command)
app.add_typer(bench.app, name="bench")
app.command(
    "serve",
    epilog="Example: digital-human serve --persona xihu\n\n"
    "Example: DH_LLM__API_KEY=… digital-human serve --llm openai --model deepseek-chat",
)(server.serve)
app.add_typer(kiosk.app, name="kiosk")
app.add_typer(places.app, name="place")
app.command("revoice", epilog=revoice.EPILOG)(revoice.revoice)
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
    # A service manager's stop is Ctrl-C: what is finished is kept, nothing half-written stays.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except DigitalHumanError as error:
        _complain(error.message, error.fix)
        sys.exit(error.exit_code)
    except OSError as error:
        _complain(str(error), "check that the file or folder exists, is yours and has space")
        sys.exit(ResourceError.exit_code)


def _complain(message: str, fix: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print("error:", style="bold red", end=" ")
    console.print(message, markup=False)
    if fix:
        console.print("  fix:", style="bold", end=" ")
        console.print(fix, markup=False)
