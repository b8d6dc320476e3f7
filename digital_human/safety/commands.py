"""What the command line offers of this room: ``verify``, ``audit`` and the moderation table."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from digital_human.errors import VerifyError
from digital_human.safety.audit import AuditLog

if TYPE_CHECKING:
    from digital_human.safety.moderation import Verdict
    from digital_human.safety.verify import Report

audit_app = typer.Typer(help="The log of what was decided and exported.", no_args_is_help=True)
_console = Console()
_MARKS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "fail": ("✗", "bold red")}
_LEVELS = {"pass": "dim", "review": "yellow", "block": "bold red"}
_AROUND = 10


def verify_command(
    files: Annotated[list[Path], typer.Argument(help="Media files of this or any other tool.")],
) -> None:
    """Check labels, signature and records of files and say what was found."""
    from digital_human.safety.verify import verify  # Brings OpenCV and C2PA: slow to load.

    reports = [verify(path) for path in files]
    for report in reports:
        _console.print(report_table(report))
    failed = [report for report in reports if report.missing]
    if len(failed) == 1:
        failed[0].check()
    if failed:
        named = "; ".join(f"{r.path} ({', '.join(f.item for f in r.missing)})" for r in failed)
        raise VerifyError(f"{len(failed)} files do not carry what they must: {named}")


@audit_app.command("list")
def list_command(
    last: Annotated[int, typer.Option(min=1, help="How many records, the latest.")] = 20,
) -> None:
    """Show the latest records."""
    records = list(AuditLog().records())
    table = Table("no.", "time (UTC)", "who", "what", "detail")
    for record in islice(records, max(0, len(records) - last), None):
        detail = json.dumps(record.detail, ensure_ascii=False)
        row = (str(record.seq), record.time[:19], record.actor, record.action, detail)
        table.add_row(*map(Text, row))
    _console.print(table)


@audit_app.command("verify")
def verify_audit_command() -> None:
    """Check that no record was changed, removed or moved."""
    log = AuditLog()
    _console.print(f"{log.verify_chain()} records in {log.folder}, chain unbroken", markup=False)


def report_table(report: Report) -> Table:
    """The findings of one file."""
    table = Table(title=Text(str(report.path)), title_justify="left")
    for head in ("", "item", "found"):
        table.add_column(head, overflow="fold")
    for finding in report.findings:
        mark, style = _MARKS[finding.status]
        table.add_row(Text(mark, style), Text(finding.item), Text(finding.detail))
    return table


def verdict_table(verdict: Verdict, text: str) -> Table:
    """The hits of a moderation verdict with the words around them.

    Args:
        verdict: From `Moderator.check`.
        text: The text that was judged.
    """
    table = Table(title=Text(f"moderation: {verdict.level}"), title_justify="left")
    for head in ("level", "category", "word", "how", "where"):
        table.add_column(head)
    for hit in verdict.hits:
        before = text[max(0, hit.start - _AROUND) : hit.start]
        after = text[hit.end : hit.end + _AROUND]
        where = Text.assemble(before, (hit.text, "bold"), after)
        where = Text(" ").join(where.split("\n")) if "\n" in where.plain else where
        how = hit.how + (f", beside {hit.context}" if hit.context else "")
        level = Text(str(hit.level), _LEVELS[str(hit.level)])
        table.add_row(level, Text(hit.category), Text(hit.entry), Text(how), where)
    return table
