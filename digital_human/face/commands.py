"""``digital-human avatar``: which anchors there are."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from digital_human.face.manifest import known_avatars, load_manifest

app = typer.Typer(no_args_is_help=True, help="Avatars: the people who can be seen.")


@app.callback()
def _group() -> None:
    """Keeps ``list`` a command of its own."""


@app.command("list", epilog="Example: digital-human avatar list")
def list_avatars() -> None:
    """Show every avatar, who it is and under which terms it may be used."""
    table = Table()
    for column in ("name", "shown as", "gender", "person", "picture", "licence"):
        table.add_column(column)
    for name in known_avatars():
        manifest = load_manifest(name)
        width, height = manifest.canvas
        table.add_row(
            name, f"{manifest.display.zh} / {manifest.display.en}", manifest.gender,
            manifest.person, f"{width}x{height}, {manifest.fps} fps", manifest.licence,
        )  # fmt: skip
    Console().print(table)
