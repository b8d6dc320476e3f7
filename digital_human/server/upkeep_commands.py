"""``digital-human kiosk pack|update|rollback|content``: what a kiosk shows, here or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from digital_human.config import settings
from digital_human.errors import InputError, ResourceError
from digital_human.server.commands import ready_to_run
from digital_human.server.kiosk_options import DEFAULT_PERSONA

_CONTENT = "/api/kiosk/content"
_CHUNK = 2**16
_STYLES = {"shown": "green", "trial": "yellow", "kept": ""}
_console = Console(soft_wrap=True, highlight=False)

Whose = Annotated[
    str, typer.Option("--persona", "-p", metavar="NAME", help="Whom this machine's kiosk shows.")
]
To = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="Another machine's kiosk, e.g. https://kiosk.example:8080; its operator's token is "
        "read from DH_LIVE__TOKEN.",
    ),
]


def pack(
    folder: Annotated[Path, typer.Argument(help="The persona's folder, with persona.toml.")],
    out: Annotated[Path, typer.Option(help="The bundle that is written.")] = Path("guide.zip"),
) -> None:
    """Check a persona's folder and pack it into a bundle for its kiosk."""
    from digital_human.apps.kiosk import bundles

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("checking", total=None)

        def told(done: int, of: int) -> None:
            progress.update(task, description="packing", completed=done, total=of)

        manifest = bundles.pack(folder, out, told)
    _console.print(
        f"{out}: {manifest.persona} {manifest.version}, {len(manifest.files)} files, "
        f"{manifest.size / 1e6:.1f} MB",
        markup=False,
    )


def update(
    bundle: Annotated[Path, typer.Argument(help="What kiosk pack wrote.")],
    to: To = "",
    persona: Whose = DEFAULT_PERSONA,
) -> None:
    """Show another content: it is checked, and switched to as soon as nobody is there.

    Content that does not come up is left by itself again.
    """
    try:
        file = bundle.open("rb")
    except OSError as error:
        raise InputError(f"{bundle}: {error.strerror or error}", fix="give a bundle") from error
    with file:
        if to:
            view = _call("POST", to, _CONTENT, file)
            _say(str(view["shown"]), str(view["running"]), to)
            return
        ready_to_run("kiosk update")
        from digital_human.apps.kiosk.content import Contents

        with _console.status("checking"):
            version = Contents(persona).install(file)
    _say(version)


def roll_back(to: To = "", persona: Whose = DEFAULT_PERSONA) -> None:
    """Show again what was shown before."""
    if to:
        view = _call("POST", to, f"{_CONTENT}/rollback")
        _say(str(view["shown"]), str(view["running"]), to)
        return
    from digital_human.apps.kiosk.content import Contents

    _say(Contents(persona).roll_back("by the operator"))


def content(to: To = "", persona: Whose = DEFAULT_PERSONA) -> None:
    """List the versions of the content and what happened to them."""
    from digital_human.apps.kiosk.content import Contents, View

    view = View.model_validate(_call("GET", to, _CONTENT)) if to else Contents(persona).view()
    table = Table("version", "made", "files", "MB", "")
    for one in view.versions:
        table.add_row(
            one.version, f"{one.made.astimezone():%Y-%m-%d %H:%M}", str(one.files),
            f"{one.size / 1e6:.1f}", Text(one.state, _STYLES[one.state]),
        )  # fmt: skip
    own = ("trial" if view.trial else "shown") if view.shown == "own" else "kept"
    table.add_row("own", "", "", "", Text(own, _STYLES[own]))
    _console.print(table)
    for event in view.events[:10]:
        why = f": {event.why}" if event.why else ""
        at = f"{event.at.astimezone():%Y-%m-%d %H:%M}"
        _console.print(f"{at}  {event.version}  {event.what}{why}", markup=False)


def _say(version: str, running: str = "", to: str = "") -> None:
    what = "the persona's own content" if version == "own" else version
    if version == running:
        _console.print(f"[green]shown[/] {what}")
        return
    more = f" --to {to}" if to else ""
    _console.print(f"[green]accepted[/] {what}: shown as soon as nobody is there")
    _console.print(f"  digital-human kiosk content{more} tells when it is in use", markup=False)


def _call(method: str, to: str, path: str, file: BinaryIO | None = None) -> dict[str, object]:
    """Call another machine's kiosk; its refusals are raised as they are."""
    ready_to_run("kiosk --to")
    import httpx

    address = to.rstrip("/")
    headers = _headers(address)
    if file is not None:
        headers |= {"Content-Type": "application/zip", "Content-Length": str(file.seek(0, 2))}
        file.seek(0)
    try:
        with (
            Progress(console=Console(stderr=True), transient=True) as progress,
            httpx.Client(timeout=httpx.Timeout(30, read=300), trust_env=False) as client,
        ):
            body = None if file is None else _sent(file, progress, int(headers["Content-Length"]))
            answer = client.request(method, address + path, headers=headers, content=body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ResourceError(
            f"{address}: {str(error) or type(error).__name__}",
            fix="is the address right, and the kiosk running? curl ADDRESS/api/health",
        ) from error
    try:
        told = answer.json()
    except ValueError:
        told = {}
    if answer.status_code // 100 != 2:
        refusal = told.get("error", {})
        raise InputError(
            f"{address}: {refusal.get('message') or f'HTTP {answer.status_code}'}",
            fix="export DH_LIVE__TOKEN, the operator's token of that kiosk"
            if answer.status_code == 401 else str(refusal.get("fix", "")),
        )  # fmt: skip
    return dict(told)


def _headers(address: str) -> dict[str, str]:
    where = urlsplit(address)
    if where.scheme not in ("http", "https") or not where.hostname:
        raise InputError(f"--to {address!r}: is no address", fix="e.g. https://kiosk.example:8080")
    token = settings().live.token
    if token is None:
        return {}
    if where.scheme == "http" and where.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise InputError(
            f"--to {address}: would send the token for everybody to read",
            fix="use https, or a tunnel: ssh -L 8080:127.0.0.1:8080 KIOSK, then "
            "--to http://127.0.0.1:8080",
        )
    return {"Authorization": f"Bearer {token.get_secret_value()}"}


def _sent(file: BinaryIO, progress: Progress, size: int) -> Iterator[bytes]:
    task = progress.add_task("sending", total=size)
    while chunk := file.read(_CHUNK):
        yield chunk
        progress.update(task, advance=len(chunk))
    progress.update(task, description="checking there", total=None)
