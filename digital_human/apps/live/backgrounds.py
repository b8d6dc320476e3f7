"""What a session may be shown before: a colour, the persona's own, or one of its folder's."""

from __future__ import annotations

import re
from pathlib import Path

from digital_human.dialogue.persona import Persona
from digital_human.errors import InputError

DEFAULT = "default"
FOLDER = "backgrounds"
PATTERN = r"^(#[0-9A-Fa-f]{6}|[A-Za-z0-9][A-Za-z0-9_-]{0,63}(\.[A-Za-z0-9]{1,8})?)$"
"""What a client may write: a colour or a name, never a path."""


def known_backgrounds(persona: Persona) -> list[str]:
    """Names of the files in the persona's folder of backgrounds."""
    folder = persona.folder / FOLDER
    if not folder.is_dir():
        return []
    files = (path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    return sorted(path.name for path in files if re.fullmatch(PATTERN, path.name))


def find_background(persona: Persona, wanted: str) -> Path | str | None:
    """What `Performer.set_background` shows for what a client asked for; reads the folder.

    Args:
        persona: Whose backgrounds there are.
        wanted: ``#RRGGBB``, ``default``, or the name of a file in the folder.

    Raises:
        InputError: There is no such background.
    """
    if wanted == DEFAULT:
        return persona.background_file or persona.background or None
    if re.fullmatch(PATTERN, wanted):
        if wanted.startswith("#"):
            return wanted
        if wanted in known_backgrounds(persona):
            return persona.folder / FOLDER / wanted
    known = ", ".join((DEFAULT, *known_backgrounds(persona)))
    raise InputError(
        f"background {wanted[:80]!r}: not one of this persona", fix=f"use #RRGGBB or {known}"
    )
