"""Options that several kiosk commands share."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_PERSONA = "dongpo"

Persona = Annotated[
    str, typer.Option("--persona", "-p", metavar="NAME", help="A name, or a persona's folder.")
]
