"""``digital-human consent``: grant, list, show, revoke, template."""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from digital_human.errors import ConsentError, InputError
from digital_human.models.files import file_sha256
from digital_human.safety.consent import Consent, Consents, read_consent_file

consent_app = typer.Typer(
    no_args_is_help=True,
    help="Consent of the people who are shown and heard.\n\n"
    "A bundle made from a real person loads only while its consent holds.",
)
_SOON = 30  # days before the end from which it is shown in another colour

TEMPLATE = """\
# 肖像（声音）使用授权书 / Consent to the use of a face (or a voice)
# 填写后登记 / fill in, then record it:
#   digital-human consent grant consent.toml --source photo.jpg

# 被授权形象属于谁 / who is shown or heard
subject = "张三"

# real: 真实人物 / a real person
# generated: 虚构人物，仅声明图片权利 / nobody in particular: a statement of the picture's rights
person = "real"

# 授权人：本人、监护人或图片权利人
# who gives it: the person, a guardian, or the owner of the picture
granted_by = "张三"

# 用途 / uses:
#   live   网页对话     conversations over the web
#   kiosk  现场导览屏   a screen in a public place
#   news   播报视频     rendered broadcasts
#   host   直播间       live rooms of shops
uses = ["live", "news"]

# 最后有效日（协调世界时） / last day on which it holds (UTC)
until = {until}

# 范围 / scope: face 面容, voice 声音
scope = ["face"]

# 约定内容，原文或摘要；纸质原件请另行保存 / what was agreed, in words; keep the paper elsewhere
statement = \"\"\"
本人同意将我的照片制成数字人形象，用于上述用途；可随时撤回。
I agree that an avatar is made from my photo for the uses above; I may take this back at any time.
\"\"\"

# 图片的许可条款 / terms of the pictures
licence = "All rights reserved; used by consent. 保留所有权利，仅限授权范围内使用。"
"""


@consent_app.command("template", epilog="Example: digital-human consent template > consent.toml")
def template_command() -> None:
    """Print a consent file to fill in, explained in Chinese and English."""
    today = Consents().today()
    # One year; the 28th is in every month.
    until = date(today.year + 1, today.month, min(today.day, 28))
    typer.echo(TEMPLATE.format(until=until), nl=False)


@consent_app.command(
    "grant",
    epilog="Example: digital-human consent grant consent.toml --source photo.jpg\n\n"
    "Example: digital-human consent grant consent.toml --source film.mp4 --source voice.wav",
)
def grant_command(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="See consent template.")],
    source: Annotated[
        list[Path], typer.Option("--source", help="Photo, film or recording it is given for.")
    ],
) -> None:
    """Record a consent for certain pictures, films or recordings, and print its id."""
    agreed = read_consent_file(file)
    sources: dict[str, str] = {}
    for path in source:
        if not path.is_file():
            raise InputError(f"--source {path}: is no file", fix="name the photo or recording")
        if path.name in sources:
            raise InputError(
                f"--source {path}: a second file of that name", fix="give them different names"
            )
        sources[path.name] = file_sha256(path)
    consent = Consents().grant(agreed, sources)
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"[green]recorded[/] {consent.id}: {escape(consent.subject)}, "
        f"{', '.join(consent.uses)}, until {consent.until}\n"
        f"  take it back: digital-human consent revoke {consent.id} --reason …"
    )


@consent_app.command("list", epilog="Example: digital-human consent list")
def list_command() -> None:
    """Show every consent and whether it holds."""
    consents = Consents()
    table = Table()
    for column in ("id", "subject", "given by", "scope", "uses", "until", "state"):
        table.add_column(column, overflow="fold")
    for consent in consents.list():
        table.add_row(
            Text(consent.id), Text(consent.subject), Text(consent.granted_by),
            ", ".join(consent.scope), ", ".join(consent.uses), str(consent.until),
            _state(consent, consents.today()),
        )  # fmt: skip
    for id, problem in consents.damaged().items():
        table.add_row(Text(id), "", "", "", "", "", Text(f"does not count: {problem}", "bold red"))
    Console().print(table)


@consent_app.command("show", epilog="Example: digital-human consent show zhang-san-20270105-3f9a1c")
def show_command(
    id: Annotated[str, typer.Argument(metavar="ID", help="See consent list.")],
) -> None:
    """Show all that is on record about one consent."""
    consents = Consents()
    consent = consents.find(_known(consents, id))
    table = Table(title=Text(consent.id), title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("state", _state(consent, consents.today()))
    rows = {
        "subject": consent.subject,
        "person": consent.person,
        "granted by": consent.granted_by,
        "granted": f"{consent.granted:%Y-%m-%d %H:%M} UTC",
        "until": f"{consent.until} (UTC)",
        "uses": ", ".join(consent.uses),
        "scope": ", ".join(consent.scope),
        "sources": "\n".join(f"{name}  sha256 {sha}" for name, sha in consent.sources.items()),
        "statement": consent.statement,
        "licence": consent.licence,
    }
    if consent.revoked is not None:
        rows["revoked"] = f"{consent.revoked:%Y-%m-%d %H:%M} UTC"
        rows["reason"] = consent.reason
    for name, value in rows.items():
        table.add_row(name, Text(value))
    Console().print(table)


@consent_app.command(
    "revoke",
    epilog='Example: digital-human consent revoke zhang-san-20270105-3f9a1c --reason "by mail"',
)
def revoke_command(
    id: Annotated[str, typer.Argument(metavar="ID", help="See consent list.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the record.")],
) -> None:
    """Take a consent back: running sessions and renders stop within a second."""
    consents = Consents()
    consent = consents.revoke(_known(consents, id), reason)
    Console(soft_wrap=True, highlight=False).print(
        f"[green]revoked[/] {consent.id} ({consent.revoked:%Y-%m-%d %H:%M} UTC); "
        "nothing made from it loads any more"
    )


def _known(consents: Consents, id: str) -> str:
    """``id`` if there is such a record, damaged or not.

    Raises:
        ConsentError: There is none; the closest ids are named.
    """
    ids = [*(consent.id for consent in consents.list()), *consents.damaged()]
    if id in ids:
        return id
    close = difflib.get_close_matches(id, ids, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    raise ConsentError(
        f"consent {id!r}: there is no such record on this machine",
        fix=f"{hint}see digital-human consent list",
    )


def _state(consent: Consent, today: date) -> Text:
    state = consent.state(today)
    if state != "valid":
        return Text(state, "bold red" if state == "revoked" else "red")
    days = (consent.until - today).days
    if days > _SOON:
        return Text("valid", "green")
    return Text("expires today" if days == 0 else f"expires in {days} days", "yellow")
