"""Starts a new script from the shipped sample."""

from __future__ import annotations

import shutil
from pathlib import Path

from digital_human.apps.news.script import schema_text
from digital_human.config import settings
from digital_human.errors import InputError

SCRIPT, SCHEMA = "script.yaml", "news.schema.json"


def new_project(folder: Path) -> Path:
    """Copy the sample bulletin, its pictures and the schema into ``folder``.

    Returns:
        The script's path.

    Raises:
        InputError: The folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty", fix="name another folder")
    sample = settings().assets_dir / "news"
    folder.mkdir(parents=True, exist_ok=True)
    for picture in sample.glob("*.jpg"):
        shutil.copy(picture, folder / picture.name)
    text = (sample / "sample.yaml").read_text(encoding="utf-8")
    first, rest = text.split("\n", 1)
    if "$schema=" not in first:
        raise InputError(f"{sample / 'sample.yaml'}: its first line must name the schema")
    (folder / SCRIPT).write_text(
        f"# yaml-language-server: $schema={SCHEMA}\n{rest}", encoding="utf-8"
    )
    (folder / SCHEMA).write_text(schema_text(), encoding="utf-8")
    return folder / SCRIPT
