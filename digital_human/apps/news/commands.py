"""``digital-human news``: new, check, preview, render, schema."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from digital_human.apps.news.check import check_script, print_verdict
from digital_human.apps.news.load import ScriptFile, load_script
from digital_human.apps.news.preview import preview_script
from digital_human.apps.news.render import RenderOptions, render_script
from digital_human.apps.news.script import SIZES, schema_text, slug, text_in
from digital_human.apps.news.template import new_project
from digital_human.errors import InputError
from digital_human.media.encoder import WITH_ALPHA, AlphaName

app = typer.Typer(
    no_args_is_help=True,
    help="Turn a script into a news broadcast.\n\n"
    "Example: digital-human news new bulletin && digital-human news render bulletin/script.yaml",
)

ScriptPath = Annotated[Path, typer.Argument(metavar="SCRIPT", help="The script, a YAML file.")]
AllowReason = Annotated[
    str | None,
    typer.Option(
        "--allow",
        metavar="REASON",
        help="Go on although moderation holds the script back; the reason is logged.",
    ),
]
SizeName = Annotated[
    str | None,
    typer.Option("--size", help=f"Instead of the script's: {', '.join(SIZES)}."),
]


@app.command("new", epilog="Example: digital-human news new bulletin")
def new(
    folder: Annotated[Path, typer.Argument(help="Folder to create.")] = Path("bulletin"),
) -> None:
    """Start a script: a working bulletin with pictures, to be edited."""
    script = new_project(folder)
    name = escape(str(script))
    Console(soft_wrap=True).print(
        f"[green]created[/] {name}\n  next: digital-human news render {name}"
    )


@app.command("check", epilog="Example: digital-human news check bulletin/script.yaml")
def check(script: ScriptPath, allow: AllowReason = None) -> None:
    """Say what is wrong with a script, and what moderation thinks of it; render nothing."""
    console = Console()
    checked = check_script(load_script(script))
    print_verdict(console, checked)
    checked.gate(allow)
    model = checked.file.script
    console.print(
        f"[green]ok[/] {escape(str(script))}: {len(model.segments)} segments, "
        f"{', '.join(model.languages)}, about {checked.estimated_seconds:.0f} s"
    )


@app.command(
    "render",
    epilog="Examples: digital-human news render bulletin/script.yaml --out n.mp4; "
    "digital-human news render bulletin/script.yaml --alpha prores --out anchor.mov",
)
def render(
    script: ScriptPath,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file; with several languages, -zh, -en are added."),
    ] = None,
    size: SizeName = None,
    allow: AllowReason = None,
    alpha: Annotated[
        str | None,
        typer.Option(
            "--alpha",
            help="Only the people, with alpha, for editors: webm (VP9) or prores (4444, .mov).",
        ),
    ] = None,
    unlabelled: Annotated[
        str | None,
        typer.Option(
            "--unlabelled",
            metavar="REASON",
            help="With --alpha: leave the visible label to the editor; the reason is logged.",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Render every segment again, cached or not.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Segments rendered at once; 0: one a core.")
    ] = 0,
) -> None:
    """Render a script to video (one for each language), with SRT and VTT captions beside it.

    Finished segments are kept: after Ctrl-C, a crash or an edit only what is missing is rendered.
    """
    file = _sized(load_script(script), size)
    title = text_in(file.script.title, file.script.languages[0])
    options = RenderOptions(allow, fresh, workers, _alpha(alpha), unlabelled)
    suffix = options.coding.suffix
    target = out or Path("out") / f"{slug(title)}{suffix}"
    if target.suffix.lower() != suffix:
        raise InputError(
            f"--out {target}: not a {suffix} file", fix=f"use {target.with_suffix(suffix)}"
        )
    render_script(file, target, options)


@app.command("preview", epilog="Example: digital-human news preview bulletin/script.yaml")
def preview(
    script: ScriptPath,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the sheet and the sound.")
    ] = None,
    size: SizeName = None,
    allow: AllowReason = None,
) -> None:
    """In seconds: a contact sheet with one picture a segment, and the sound."""
    preview_script(_sized(load_script(script), size), out or Path("out") / "preview", allow)


@app.command("schema", epilog="Example: digital-human news schema > news.schema.json")
def schema() -> None:
    """Print the JSON schema that lets an editor complete and check scripts."""
    typer.echo(schema_text(), nl=False)


def _alpha(name: str | None) -> AlphaName | None:
    if name is None:
        return None
    for known in WITH_ALPHA:
        if name == known:
            return known
    raise InputError(f"--alpha {name}: unknown", fix=f"use one of {', '.join(WITH_ALPHA)}")


def _sized(file: ScriptFile, size: str | None) -> ScriptFile:
    if size is None:
        return file
    if size not in SIZES:
        raise InputError(f"--size {size}: unknown", fix=f"use one of {', '.join(SIZES)}")
    return replace(file, script=file.script.model_copy(update={"size": size}))
