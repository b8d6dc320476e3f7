"""The curator's page: visits, questions, what stayed unanswered and what visitors thought of it."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from digital_human.apps.kiosk.curator import (
    Day,
    Unanswered,
    curator_folder,
    read_unanswered,
    read_usage,
)
from digital_human.errors import InputError, ResourceError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EPILOG = (
    "Example: digital-human kiosk report --out report.html\n\n"
    "Example: digital-human kiosk report --persona xihu --days 90"
)
_LISTED = 200  # questions on the page
_SOFT, _LINE = "#5d6d78", "#dfe5e9"
_JADE, _AMBER, _CORAL, _SKY = "#14907f", "#d99a2b", "#c9503c", "#3f78c4"
_LANGUAGES = {"zh": "Chinese", "en": "English", "ja": "Japanese"}
_STYLE = """
:root { font: 16px/1.5 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #1d2a33; }
body { max-width: 960px; margin: 2.5rem auto; padding: 0 1.25rem; background: #fff; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
p { color: #5d6d78; margin: .3rem 0 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .8rem;
  margin: 1.5rem 0 0; }
.tile { border: 1px solid #dfe5e9; border-radius: 12px; padding: .8rem 1rem; }
.tile b { display: block; font-size: 1.75rem; line-height: 1.2; font-weight: 650; }
.tile span { color: #5d6d78; font-size: .88rem; }
svg { width: 100%; height: auto; display: block; }
table { border-collapse: collapse; width: 100%; margin-top: .6rem; }
th, td { text-align: left; padding: .45rem .6rem; border-bottom: 1px solid #dfe5e9;
  vertical-align: top; }
th { color: #5d6d78; font-weight: 500; font-size: .88rem; } td.n { text-align: right; }
th.n { text-align: right; } footer { margin: 2.5rem 0 1rem; font-size: .85rem; color: #5d6d78; }
@media print { body { margin: 0; } .tile, tr { break-inside: avoid; } }
"""  # noqa: E501


def report_command(
    persona: Annotated[str, typer.Option(help="Whose visits.")] = "dongpo",
    out: Annotated[Path, typer.Option(help="The page that is written.")] = Path(
        "kiosk-report.html"
    ),
    days: Annotated[int, typer.Option(min=1, max=800, help="Days up to today.")] = 30,
) -> None:
    """Write a page on visits, questions, what stayed unanswered, and satisfaction."""
    folder = curator_folder(persona)
    if not folder.is_dir():
        raise InputError(
            f"persona {persona!r}: no visit has been counted here",
            fix=f"run digital-human kiosk --persona {persona} first",
        )
    page = report_page(persona, read_usage(folder), read_unanswered(folder), date.today(), days)
    try:
        out.write_text(page, "utf-8")
    except OSError as error:
        raise ResourceError(
            f"report {out}: {error.strerror or error}", fix="choose a folder that can be written"
        ) from error
    Console(soft_wrap=True).print(f"[green]written[/] {out}")


def report_page(
    persona: str,
    usage: Mapping[date, Day],
    unanswered: Sequence[Unanswered],
    today: date,
    days: int,
) -> str:
    """The page, whole in itself.

    Args:
        persona: Whose visits.
        usage: Counts by day.
        unanswered: Questions, oldest first.
        today: Last day shown.
        days: How many days are shown.
    """
    span = [today - timedelta(days=back) for back in reversed(range(days))]
    shown = [usage.get(day, Day()) for day in span]
    since = span[0].isoformat()
    asked = _grouped([one for one in unanswered if since <= one.day <= today.isoformat()])
    total = _Total.of(shown)
    parts = [
        f"<h1>Visits to {html.escape(persona)}</h1>",
        f"<p>{span[0]:%d %B %Y} to {today:%d %B %Y}, {days} days</p>",
        _tiles(total),
    ]
    if not total.visits and not total.questions:
        parts.append("<h2>No visit was counted in these days.</h2>")
    else:
        parts += [
            "<h2>Visits a day</h2>", _chart(span, lambda axes: _visits(axes, shown)),
            "<h2>Questions a day</h2>", _chart(span, lambda axes: _questions(axes, shown)),
            "<h2>Satisfaction by one touch</h2>", _satisfaction(span, shown, total),
        ]  # fmt: skip
    parts.append(_listed(asked))
    parts.append(
        "<footer>Counts by the day; of unanswered questions only what does not speak of the "
        "visitor. Nothing else of a visit is kept.</footer>"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Visits to {html.escape(persona)}</title><style>{_STYLE}</style></head><body>"
        f"{''.join(parts)}</body></html>\n"
    )


@dataclass(frozen=True, slots=True)
class _Total:
    visits: int
    questions: int
    unanswered: int
    misheard: int
    good: int
    bad: int

    @classmethod
    def of(cls, shown: Sequence[Day]) -> _Total:
        return cls(
            sum(d.visits for d in shown), sum(d.questions for d in shown),
            sum(d.unanswered for d in shown), sum(d.misheard for d in shown),
            sum(d.good for d in shown), sum(d.bad for d in shown),
        )  # fmt: skip

    @property
    def touches(self) -> int:
        return self.good + self.bad


@dataclass(frozen=True, slots=True)
class _Asked:
    question: str
    language: str
    times: int
    last: str


def _grouped(unanswered: Sequence[Unanswered]) -> list[_Asked]:
    """Questions that differ in marks and case only taken as one, the most asked first."""
    groups: dict[str, list[Unanswered]] = {}
    for one in unanswered:
        plain = "".join(char for char in one.question.casefold() if char.isalnum())
        groups.setdefault(plain, []).append(one)
    asked = [
        _Asked(same[-1].question, same[-1].language, len(same), same[-1].day)
        for same in groups.values()
    ]
    return sorted(sorted(asked, key=lambda a: a.last, reverse=True), key=lambda a: -a.times)


def _tiles(total: _Total) -> str:
    per = f"{total.questions / total.visits:.1f} a visit" if total.visits else "none yet"
    answered = "–"
    if total.questions:
        answered = f"{1 - min(1.0, total.unanswered / total.questions):.0%}"
    content = f"{total.good / total.touches:.0%}" if total.touches else "–"
    tiles = (
        (f"{total.visits}", "visits"),
        (f"{total.questions}", f"questions, {per}"),
        (answered, f"answered; {total.unanswered} were not"),
        (f"{total.misheard}", "times it had to ask again"),
        (content, f"satisfied, of {total.touches} touches"),
    )
    inner = "".join(f'<div class="tile"><b>{a}</b><span>{b}</span></div>' for a, b in tiles)
    return f'<div class="tiles">{inner}</div>'


def _visits(axes: Axes, shown: Sequence[Day]) -> None:
    axes.bar(range(len(shown)), [d.visits for d in shown], color=_JADE, width=0.75)


def _questions(axes: Axes, shown: Sequence[Day]) -> None:
    answered = [max(0, d.questions - d.unanswered) for d in shown]
    unanswered = [d.unanswered for d in shown]
    misheard = [d.misheard for d in shown]
    both = [a + b for a, b in zip(answered, unanswered, strict=True)]
    at = range(len(shown))
    axes.bar(at, answered, color=_SKY, width=0.75, label="answered")
    axes.bar(at, unanswered, bottom=answered, color=_CORAL, width=0.75, label="unanswered")
    axes.bar(at, misheard, bottom=both, color=_AMBER, width=0.75, label="asked again")
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, 1.2), ncols=3, frameon=False, fontsize=9,
        labelcolor=_SOFT, borderaxespad=0, handlelength=1.0,
    )  # fmt: skip


def _satisfaction(span: Sequence[date], shown: Sequence[Day], total: _Total) -> str:
    if not total.touches:
        return "<p>Nobody has touched yes or no in these days.</p>"

    def draw(axes: Axes) -> None:
        rated = [(at, d) for at, d in enumerate(shown) if d.good + d.bad]
        shares = [100 * d.good / (d.good + d.bad) for _, d in rated]
        sizes = [18 + 6 * min(30, d.good + d.bad) for _, d in rated]
        axes.axhline(100 * total.good / total.touches, color=_JADE, linewidth=1, alpha=0.5)
        axes.scatter([at for at, _ in rated], shares, s=sizes, color=_JADE, clip_on=False)
        for (at, day), share in zip(rated, shares, strict=True):
            axes.annotate(
                f"{day.good + day.bad}", (at, share), xytext=(0, -15 if share > 12 else 9),
                textcoords="offset points", ha="center", fontsize=8, color=_SOFT,
            )  # fmt: skip
        axes.set_ylim(0, 105)
        axes.set_yticks([0, 50, 100], ["0 %", "50 %", "100 %"])

    return (
        f"<p>{total.good} of {total.touches} touches were yes. A dot is a day, with its number of "
        f"touches beside it; the line is the share of all.</p>{_chart(span, draw)}"
    )


def _chart(span: Sequence[date], draw: Callable[[Axes], None]) -> str:
    """A chart over the days as SVG."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9.2, 2.5), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    draw(axes)
    step = max(1, -(-len(span) // 10))
    at = list(range(len(span) - 1, -1, -step))[::-1]
    axes.set_xticks(at, [f"{span[i]:%d %b}" for i in at])
    axes.set_xlim(-0.7, len(span) - 0.3)
    axes.tick_params(colors=_SOFT, labelsize=9, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_LINE)
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()[drawn.getvalue().index("<svg") :]


def _listed(asked: Sequence[_Asked]) -> str:
    if not asked:
        return "<h2>Unanswered questions</h2><p>None.</p>"
    rows = "".join(
        f"<tr><td>{html.escape(one.question)}</td>"
        f"<td>{html.escape(_LANGUAGES.get(one.language, one.language))}</td>"
        f'<td class="n">{one.times}</td><td>{html.escape(one.last)}</td></tr>'
        for one in asked[:_LISTED]
    )
    more = f"<p>and {len(asked) - _LISTED} more</p>" if len(asked) > _LISTED else ""
    return (
        "<h2>Unanswered questions</h2><p>Most asked first: what to add to the knowledge or the "
        "place.</p><table><tr><th>question</th><th>language</th>"
        f'<th class="n">times</th><th>last</th></tr>{rows}</table>{more}'
    )
