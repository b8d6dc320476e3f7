"""``digital-human avatar``: which anchors there are, and how to make one's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from digital_human.config import settings
from digital_human.errors import ConsentError, InputError
from digital_human.face.manifest import (
    MANIFEST,
    AvatarManifest,
    DisplayName,
    check_name,
    find_bundle,
    known_avatars,
    read_manifest,
)
from digital_human.models.files import file_sha256
from digital_human.safety.consent import Consent, ConsentFile, Consents, read_consent_file

if TYPE_CHECKING:
    from digital_human.face.build.gate import Finding, PhotoRefused
    from digital_human.face.build.video_gate import VideoRefused

app = typer.Typer(no_args_is_help=True, help="Avatars: the people who can be seen.")
_console = Console()

_Name = Annotated[str, typer.Argument(help="The avatar's name.")]


@app.command("list", epilog="Example: digital-human avatar list")
def list_avatars() -> None:
    """Show every avatar and who it is."""
    table = Table("name", "shown as", "kind", "person", "picture")
    table.add_column("licence", max_width=28, no_wrap=True, overflow="ellipsis")
    for name in known_avatars():
        manifest = read_manifest(name)
        width, height = manifest.canvas
        row = (
            name, f"{manifest.display.zh} / {manifest.display.en}", manifest.kind,
            _person(manifest), f"{width}x{height}", manifest.licence,
        )  # fmt: skip
        table.add_row(*map(Text, row))
    Console().print(table)


@app.command("show", epilog="Example: digital-human avatar show yun")
def show_avatar(name: _Name) -> None:
    """Show all that an avatar says of itself, with its whole licence."""
    manifest = read_manifest(name)
    table = Table(show_header=False, box=None, pad_edge=False)
    width, height = manifest.canvas
    rows = {
        "name": manifest.name,
        "shown as": f"{manifest.display.zh} / {manifest.display.en}",
        "kind": manifest.kind,
        "gender": manifest.gender,
        "person": _person(manifest),
        "consent": manifest.consent or "-",
        "source": f"sha256 {manifest.source}" if manifest.source else "-",
        "picture": f"{width}x{height}, {manifest.fps} fps",
        "folder": str(find_bundle(name)),
        "made": manifest.made,
        "licence": manifest.licence,
    }
    for key, value in rows.items():
        table.add_row(Text(key, "bold"), Text(value))
    _console.print(table)


@app.command(
    "create",
    epilog="Example: digital-human avatar create mei --photo mei.jpg --consent mei.toml\n\n"
    "Example: digital-human avatar create lin --video lin.mp4 --consent lin.toml\n\n"
    "Example: digital-human avatar create kai --model kai.vrm --consent kai.toml",
)
def create_avatar(
    name: _Name,
    consent: Annotated[
        Path, typer.Option(help="TOML file that says who agreed to what; see docs/own-face.md.")
    ],
    photo: Annotated[Path | None, typer.Option(help="Portrait: JPEG, PNG or WebP.")] = None,
    video: Annotated[Path | None, typer.Option(help="Film of 10 s to 5 min.")] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="3D head: .glb or .vrm with ARKit targets, visemes or VRM expressions."),
    ] = None,
    display_zh: Annotated[str, typer.Option(help="Name shown in Chinese.")] = "",
    display_en: Annotated[str, typer.Option(help="Name shown in English.")] = "",
    gender: Annotated[
        Literal["female", "male", "unspecified"], typer.Option(help="For the choice of a voice.")
    ] = "unspecified",
    replace: Annotated[bool, typer.Option(help="Replace an avatar of this name.")] = False,
) -> None:
    """Make an avatar from a portrait or a film of one person, or from a 3D model."""
    if [photo, video, model].count(None) != 2:
        raise InputError(
            "create needs one source, a photo, a video or a model",
            fix="give either --photo FILE or --video FILE or --model FILE",
        )
    out = _new_folder(name, replace)
    agreed = read_consent_file(consent)
    if "face" not in agreed.scope:
        raise InputError(
            f"{consent}: scope = {', '.join(agreed.scope)} does not include 'face'",
            fix='the person must agree to the use of the face: scope = ["face"]',
        )
    fallback = agreed.subject[:40]
    display = DisplayName(zh=display_zh or fallback, en=display_en or fallback)
    if photo is not None:
        _from_photo(photo, name, agreed, display, gender, out)
    elif video is not None:
        _from_video(video, name, agreed, display, gender, out)
    elif model is not None:
        _from_model(model, name, agreed, display, gender, out)
    _console.print(f"avatar {name}: {out}", markup=False, soft_wrap=True)


@app.command("check", epilog="Example: digital-human avatar check mei")
def check_command(
    name: _Name,
    out: Annotated[Path, typer.Option(help="Folder for the contact sheet and the film.")] = Path(
        "out/avatars"
    ),
) -> None:
    """Measure an avatar: lips, stillness, identity, seam, flicker, sharpness, cost.

    Writes a contact sheet, a talking film and the figures; exit code 1 when one of them fails.
    """
    from digital_human.face.check import card_table, check_avatar

    with _steps(name) as progress:
        card = check_avatar(name, out, progress)
    _console.print(card_table([card]))
    for note in card.notes:
        _console.print(note, markup=False)
    _console.print(f"sheet, film and figures: {out}", markup=False, soft_wrap=True)
    if card.verdict == "fail":
        raise typer.Exit(1)


@app.command("remove", epilog="Example: digital-human avatar remove mei")
def remove_avatar(
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete one of your own avatars; the record of its consent stays."""
    check_name(name)
    folder = settings().home / "avatars" / name
    if not (folder / MANIFEST).is_file():
        shipped = name in known_avatars()
        raise InputError(
            f"avatar {name!r} {'is shipped with the program' if shipped else 'is unknown'}",
            fix="only your own avatars can be removed; see digital-human avatar list",
        )
    if not yes:
        typer.confirm(f"Delete the avatar {name} in {folder}?", abort=True)
    shutil.rmtree(folder)
    _console.print(f"removed {folder}", markup=False, soft_wrap=True)


def _new_folder(name: str, replace: bool) -> Path:
    """Where the user's avatar ``name`` goes."""
    check_name(name)
    out = settings().home / "avatars" / name
    if out.exists() and not replace:
        raise InputError(
            f"avatar {name!r} exists already", fix="choose another name, or give --replace"
        )
    if name in known_avatars(settings().avatars_dir):
        raise InputError(f"avatar {name!r} is the name of a shipped one", fix="choose another name")
    return out


def _from_photo(
    photo: Path,
    name: str,
    agreed: ConsentFile,
    display: DisplayName,
    gender: Literal["female", "male", "unspecified"],
    out: Path,
) -> None:
    from digital_human.face.build.from_photo import check_photo, create_from_photo
    from digital_human.face.build.gate import PhotoRefused

    with _steps(name) as progress:
        progress("checking the photo", 0.0)
        try:
            checked, warnings = check_photo(photo)
        except PhotoRefused as refusal:
            _show_problem(refusal, name)
            raise
        granted = Consents().grant(agreed, {photo.name: checked.sha256})
        with _taken_back_on_failure(granted):
            create_from_photo(photo, name, granted, display, gender, out, progress)
    _report(granted, warnings)


def _from_video(
    video: Path,
    name: str,
    agreed: ConsentFile,
    display: DisplayName,
    gender: Literal["female", "male", "unspecified"],
    out: Path,
) -> None:
    from digital_human.face.build.from_video import create_from_video
    from digital_human.face.build.video_gate import VideoRefused

    if not video.is_file():
        raise InputError(f"video {video}: there is no such file", fix="check the path")
    granted = Consents().grant(agreed, {video.name: file_sha256(video)})
    with _taken_back_on_failure(granted), _steps(name) as progress:
        try:
            create_from_video(video, name, granted, display, gender, out, progress)
        except VideoRefused as refusal:
            _show_problem(refusal, name)
            raise
    _report(granted, [])


def _from_model(
    model: Path,
    name: str,
    agreed: ConsentFile,
    display: DisplayName,
    gender: Literal["female", "male", "unspecified"],
    out: Path,
) -> None:
    from digital_human.face.build.from_gltf import check_model, create_from_gltf

    granted = Consents().grant(agreed, {model.name: check_model(model)})
    with _taken_back_on_failure(granted), _steps(name) as progress:
        create_from_gltf(model, name, granted, display, gender, out, progress)
    _report(granted, [])


def _show_problem(refusal: PhotoRefused | VideoRefused, name: str) -> None:
    """Save the picture of what is wrong beside the user's files and say where it is."""
    picture = Path(f"{name}-problem.png")
    refusal.write_picture(picture)
    refusal.fix += f"\n  see {picture}"


@contextmanager
def _taken_back_on_failure(granted: Consent) -> Iterator[None]:
    """A consent recorded for an avatar that could not be made does not stay."""
    try:
        yield
    except BaseException:
        Consents().revoke(granted.id, "the avatar could not be made")
        raise


def _report(granted: Consent, warnings: list[Finding]) -> None:
    for warning in warnings:
        text = Text.assemble(
            ("better: ", "yellow"), f"{warning.check}: {warning.reason} ({warning.fix})"
        )
        _console.print(text)
    _console.print(f"consent {granted.id}, until {granted.until}", markup=False)


@contextmanager
def _steps(name: str) -> Iterator[Callable[[str, float], None]]:
    """A progress bar with the step that is being done."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description:28}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=1.0)

        def progress(step: str, share: float) -> None:
            if step.startswith("warning:"):
                bar.console.print(Text(step, "yellow"), soft_wrap=True)
            else:
                bar.update(task, description=step, completed=share)

        yield progress


def _person(manifest: AvatarManifest) -> str:
    """Who it is, and whether a real person's consent holds."""
    if manifest.person == "generated":
        return "generated"
    try:
        Consents().require(manifest.consent, source=manifest.source)
    except ConsentError as error:
        return f"real, not usable: {error.message}"
    return "real, with consent"
