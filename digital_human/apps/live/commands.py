"""``digital-human bench live``: a load test. Its packages are imported when it runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from digital_human.errors import InputError, ResourceError, install_fix

app = typer.Typer(
    no_args_is_help=True,
    help="Load tests.\n\nExample: digital-human bench live --clients 2 --turns 5",
)


@app.callback()
def group() -> None:
    """Load tests of a running server."""


@app.command("live", epilog="Example: digital-human bench live --clients 2 --audio question.wav")
def live(
    url: Annotated[str, typer.Argument(help="Address of the server.")] = "http://127.0.0.1:8080",
    clients: Annotated[int, typer.Option(min=1, help="Visitors at the same time.")] = 1,
    turns: Annotated[int, typer.Option(min=1, help="Questions each of them asks.")] = 5,
    audio: Annotated[
        list[Path] | None,
        typer.Option(
            help="A recorded question; may be given several times. Without any, the persona's "
            "suggested questions are spoken by another voice."
        ),
    ] = None,
    persona: Annotated[str | None, typer.Option(help="Instead of the server's default.")] = None,
    token: Annotated[str, typer.Option(envvar="DH_LIVE__TOKEN", help="Token of the server.")] = "",
) -> None:
    """Open real WebRTC visitors that ask questions, and print when their answers arrive."""
    try:
        from digital_human.apps.live.loadreport import load, spoken, turn_table, waterfall_table
        from digital_human.apps.live.loadtest import Question
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"bench live needs the package {error.name!r}", fix=install_fix("live")
        ) from error
    console = Console(soft_wrap=True)
    questions = [Question.load(path) for path in audio] if audio else spoken(persona or "xihu")
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("asking", total=clients * turns)
        results, refused = asyncio.run(
            load(url, token, persona, clients, turns, questions, lambda: progress.advance(task))
        )
    if not results:
        raise refused[0] if refused else InputError("nobody could ask anything")
    console.print(turn_table(results))
    console.print(waterfall_table(results))
    for refusal in refused:
        console.print(f"[yellow]refused:[/] {refusal.message}")
