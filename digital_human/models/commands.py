"""``digital-human models``: list, pull, verify, where."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from digital_human.errors import WeightsError
from digital_human.models.files import megabytes
from digital_human.models.manifest import ModelSpec
from digital_human.models.progress import RichProgress
from digital_human.models.store import FileReport, ModelStatus, Store, store

app = typer.Typer(
    no_args_is_help=True,
    help="Model weights: what there is, fetch it, check it.\n\n"
    "Example: digital-human models pull && digital-human models list",
)

_COLOURS = {
    "ready": "green",
    "own file": "cyan",
    "partial": "yellow",
    "missing": "dim",
    "damaged": "red",
}

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Model names.")]


@app.command(
    "list",
    epilog="Example: digital-human models list --json | jq '.[] | select(.state == \"missing\")'",
)
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show every model: state, size, licence, what it is for."""
    statuses = store().list()
    if as_json:
        typer.echo(json.dumps([_as_dict(status) for status in statuses], indent=2))
        return
    table = Table("model", "state", "size", "licence", "for")
    for status in statuses:
        spec = status.spec
        state = f"[{_COLOURS[status.state]}]{status.state}[/]"
        needed = "" if spec.default else " (optional)"
        size = megabytes(spec.size)
        table.add_row(spec.name, state, size, spec.licence, spec.purpose + needed)
    console = Console()
    console.print(table)
    console.print(f"in {store().folder}", markup=False, soft_wrap=True)


@app.command("pull", epilog="Example: digital-human models pull kokoro-int8 whisper-base")
def pull_models(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="Optional models too.")] = False,
) -> None:
    """Fetch models (without names: those a broadcast needs), check them, say their licence."""
    weights = store()
    specs = _specs(weights, names, everything)
    console = Console(stderr=True, highlight=False)
    for spec in specs:
        console.print(f"{spec.name}: licence {spec.licence}", markup=False, soft_wrap=True)
        if spec.note:
            console.print(f"  {spec.note}", markup=False, soft_wrap=True, style="dim")
    with RichProgress(console) as progress:
        folders = weights.pull_all([spec.name for spec in specs], progress)
    for spec, folder in zip(specs, folders, strict=True):
        typer.echo(f"{spec.name}\t{folder}")


@app.command("verify", epilog="Example: digital-human models verify")
def verify_models(names: Names = None) -> None:
    """Read every file again and compare its sha256 (without names: all models that are here)."""
    weights = store()
    chosen = names or [s.spec.name for s in weights.list() if s.state != "missing"]
    if not chosen:
        raise WeightsError(f"no model is in {weights.folder}", fix="digital-human models pull")
    reports = weights.verify(chosen)
    console = Console()
    console.print(_verify_table(reports))
    bad = [report for report in reports if report.state in ("missing", "damaged")]
    if bad:
        listed = "".join(f"\n  {report.state}: {report.path}" for report in bad)
        models = " ".join(dict.fromkeys(report.model for report in bad))
        raise WeightsError(
            f"{len(bad)} of {len(reports)} files are not right:{listed}",
            fix=f"digital-human models pull {models}",
        )
    typer.echo(f"{len(reports)} files are right")


@app.command("where", epilog='Example: ls "$(digital-human models where kokoro-voices)"')
def where(
    name: Annotated[str | None, typer.Argument(help="Model name; none: the whole store.")] = None,
) -> None:
    """Print the folder that a model's files are in or belong in."""
    weights = store()
    typer.echo(weights.where(name) if name else weights.folder)


def _specs(weights: Store, names: list[str] | None, everything: bool) -> list[ModelSpec]:
    models = weights.manifest.models.values()
    if names:
        return [weights.manifest[name] for name in dict.fromkeys(names)]
    return [spec for spec in models if spec.default or everything]


def _verify_table(reports: list[FileReport]) -> Table:
    table = Table("model", "files", "state", "size")
    for model in dict.fromkeys(report.model for report in reports):
        for state in dict.fromkeys(r.state for r in reports if r.model == model):
            files = [r.file for r in reports if (r.model, r.state) == (model, state)]
            shown = ", ".join(f.name for f in files[:4]) + (" …" if len(files) > 4 else "")
            size = megabytes(sum(f.size for f in files))
            label = f"{len(files)}: {shown}"
            table.add_row(model, label, f"[{_COLOURS[state]}]{state}[/]", size)
    return table


def _as_dict(status: ModelStatus) -> dict[str, object]:
    spec = status.spec
    return {
        "name": spec.name,
        "kind": spec.kind,
        "purpose": spec.purpose,
        "state": status.state,
        "needed": spec.default,
        "size": spec.size,
        "licence": spec.licence,
        "note": spec.note,
        "source": spec.source,
        "folder": str(status.folder),
        "carriers": [carrier.label for carrier in spec.carriers],
    }
