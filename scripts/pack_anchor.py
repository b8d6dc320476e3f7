"""Pack the raw material of one anchor into an avatar bundle.

Usage: python scripts/pack_anchor.py build/anchors/NAME avatars/NAME
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digital_human.errors import DigitalHumanError
from digital_human.face.build.pack import pack, read_raw


def main(
    raw: Annotated[Path, typer.Argument(help="Folder with work.npz, canvas.png, canvas.json.")],
    out: Annotated[Path, typer.Argument(help="Bundle folder; its name is the anchor's name.")],
) -> None:
    """Read RAW, write the bundle OUT and say how large it is."""
    try:
        manifest = pack(read_raw(raw), out)
    except DigitalHumanError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from error
    size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    typer.echo(f"{out}: {len(manifest.files)} files, {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    typer.run(main)
