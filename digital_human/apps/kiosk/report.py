"""The curator's page: visits, questions, what stayed unanswered and what visitors thought of it."""

from __future__ import annotations

import contextlib
import html
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console

from digital_human.apps.kiosk.curator import (
    Day,
    Unanswered,
    curator_folder,
    read_unanswered,
    read_usage,
)
from digital_human.dialogue.persona import Persona, load_persona
from digital_human.errors import InputError, ResourceError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ReportLanguage = Literal["zh", "en"]
_LISTED = 200  # questions on the page
_SOFT, _LINE = "#5d6d78", "#dfe5e9"
_JADE, _AMBER, _CORAL, _SKY = "#14907f", "#d99a2b", "#c9503c", "#3f78c4"
_TEXTS: Mapping[ReportLanguage, Mapping[str, str]] = {
    "zh": {
        "html": "zh-CN",
        "title": "{persona} · 参观统计",
        "date": "{0.year}年{0.month}月{0.day}日",
        "tick": "{0.month}/{0.day}",
        "span": "{first} 至 {last}，共 {days} 天",
        "none": "这些天没有参观。",
        "visits": "每日参观次数",
        "questions": "每日提问数",
        "answered": "已回答",
        "unanswered": "没答上",
        "misheard": "没听清",
        "satisfaction": "满意度（参观者点选）",
        "untouched": "这些天没有人评价。",
        "touches": (
            "{total} 次评价中 {good} 次满意。一个圆点是一天，旁边是当天的评价次数；横线是总满意率。"
        ),
        "tile.visits": "次参观",
        "tile.questions": "个提问，每次参观 {each:.1f} 个",
        "tile.questions.none": "个提问",
        "tile.answered": "已回答；{unanswered} 个没答上",
        "tile.misheard": "次没听清",
        "tile.satisfied": "满意，共 {touches} 次评价",
        "listed": "没答上的问题",
        "listed.none": "没有。",
        "listed.order": "问得最多的在前；请补充到知识库或地点资料里。",
        "listed.more": "另有 {more} 个",
        "question": "问题",
        "language": "语言",
        "times": "次数",
        "last": "最近一次",
        "zh": "中文",
        "en": "英文",
        "ja": "日文",
        "foot": "只按天计数；没答上的问题只记与参观者本人无关的部分，其余一概不留。",
    },
    "en": {
        "html": "en",
        "title": "Visits to {persona}",
        "date": "{0:%d %B %Y}",
        "tick": "{0:%d %b}",
        "span": "{first} to {last}, {days} days",
        "none": "No visit was counted in these days.",
        "visits": "Visits a day",
        "questions": "Questions a day",
        "answered": "answered",
        "unanswered": "unanswered",
        "misheard": "asked again",
        "satisfaction": "Satisfaction by one touch",
        "untouched": "Nobody has touched yes or no in these days.",
        "touches": (
            "{good} of {total} touches were yes. A dot is a day, with its number of touches "
            "beside it; the line is the share of all."
        ),
        "tile.visits": "visits",
        "tile.questions": "questions, {each:.1f} a visit",
        "tile.questions.none": "questions",
        "tile.answered": "answered; {unanswered} were not",
        "tile.misheard": "times it had to ask again",
        "tile.satisfied": "satisfied, of {touches} touches",
        "listed": "Unanswered questions",
        "listed.none": "None.",
        "listed.order": "Most asked first: what to add to the knowledge or the place.",
        "listed.more": "and {more} more",
        "question": "question",
        "language": "language",
        "times": "times",
        "last": "last",
        "zh": "Chinese",
        "en": "English",
        "ja": "Japanese",
        "foot": (
            "Counts by the day; of unanswered questions only what does not speak of the visitor. "
            "Nothing else of a visit is kept."
        ),
    },
}
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
.key { display: flex; gap: 1.1rem; font-size: .88rem; }
.key i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }
table { border-collapse: collapse; width: 100%; margin-top: .6rem; }
th, td { text-align: left; padding: .45rem .6rem; border-bottom: 1px solid #dfe5e9;
  vertical-align: top; }
th { color: #5d6d78; font-weight: 500; font-size: .88rem; } td.n { text-align: right; }
td.d { white-space: nowrap; }
th.n { text-align: right; } footer { margin: 2.5rem 0 1rem; font-size: .85rem; color: #5d6d78; }
@media print { body { margin: 0; } .tile, tr { break-inside: avoid; } }
"""  # noqa: E501


def report_command(persona: str, out: Path, days: int, lang: ReportLanguage | None = None) -> None:
    """Write a page on visits, questions, what stayed unanswered, and satisfaction.

    A new file is readable by its owner alone, for it quotes visitors; one that is there already
    keeps its mode.

    Args:
        persona: Whose visits.
        out: The page that is written.
        days: How many days up to today.
        lang: Language of the page; None takes the persona's first one.

    Raises:
        InputError: It is no persona's name, or no visit has been counted.
        ResourceError: The counts cannot be read, or the page cannot be written.
    """
    folder = curator_folder(persona)
    if not folder.is_dir():
        raise InputError(
            f"persona {persona!r}: no visit has been counted here",
            fix=f"run digital-human kiosk --persona {persona} first",
        )
    known = None
    with contextlib.suppress(InputError):  # the counts outlive a persona that was removed
        known = load_persona(persona)
    language = lang or _first_language(known)
    name = known.display.get(language, persona) if known is not None else persona
    page = report_page(
        name, read_usage(folder), read_unanswered(folder), date.today(), days, language
    )
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        raise ResourceError(
            f"report {out}: {error.strerror or error}", fix="choose a folder that can be written"
        ) from error
    Console(soft_wrap=True).print(f"[green]written[/] {out}")


def _first_language(persona: Persona | None) -> ReportLanguage:
    """The first of the persona's languages that a page can have."""
    for spoken in persona.languages if persona is not None else ():
        if spoken == "zh" or spoken == "en":
            return spoken
    return "zh"


def report_page(
    persona: str,
    usage: Mapping[date, Day],
    unanswered: Sequence[Unanswered],
    today: date,
    days: int,
    language: ReportLanguage,
) -> str:
    """The page, whole in itself.

    Args:
        persona: Whose visits, as it is shown.
        usage: Counts by day.
        unanswered: Questions, oldest first.
        today: Last day shown.
        days: How many days are shown.
        language: Of the page.
    """
    say = _Say(language)
    span = [today - timedelta(days=back) for back in reversed(range(days))]
    shown = [usage.get(day, Day()) for day in span]
    since = span[0].isoformat()
    asked = _grouped([one for one in unanswered if since <= one.day <= today.isoformat()])
    total = _Total.of(shown)
    title = html.escape(say("title", persona=persona))
    first, last = say("date", span[0]), say("date", today)
    parts = [
        f"<h1>{title}</h1>",
        f"<p>{say('span', first=first, last=last, days=days)}</p>",
        _tiles(total, say),
    ]
    if not total.visits and not total.questions:
        parts.append(f"<h2>{say('none')}</h2>")
    else:
        ticks = [say("tick", day) for day in span]
        parts += [
            f"<h2>{say('visits')}</h2>", _chart(ticks, lambda axes: _visits(axes, shown)),
            f"<h2>{say('questions')}</h2>", _questions(ticks, shown, say),
            f"<h2>{say('satisfaction')}</h2>", _satisfaction(ticks, shown, total, say),
        ]  # fmt: skip
    parts.append(_listed(asked, say))
    parts.append(f"<footer>{say('foot')}</footer>")
    return (
        f'<!doctype html><html lang="{say("html")}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f"{''.join(parts)}</body></html>\n"
    )


@dataclass(frozen=True, slots=True)
class _Say:
    """The page's texts in its language."""

    language: ReportLanguage

    def __call__(self, key: str, *values: object, **named: object) -> str:
        return _TEXTS[self.language][key].format(*values, **named)


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


def _tiles(total: _Total, say: _Say) -> str:
    questions = say("tile.questions.none")
    if total.visits:
        questions = say("tile.questions", each=total.questions / total.visits)
    answered = "–"
    if total.questions:
        answered = f"{1 - min(1.0, total.unanswered / total.questions):.0%}"
    content = f"{total.good / total.touches:.0%}" if total.touches else "–"
    tiles = (
        (f"{total.visits}", say("tile.visits")),
        (f"{total.questions}", questions),
        (answered, say("tile.answered", unanswered=total.unanswered)),
        (f"{total.misheard}", say("tile.misheard")),
        (content, say("tile.satisfied", touches=total.touches)),
    )
    inner = "".join(f'<div class="tile"><b>{a}</b><span>{b}</span></div>' for a, b in tiles)
    return f'<div class="tiles">{inner}</div>'


def _visits(axes: Axes, shown: Sequence[Day]) -> None:
    axes.bar(range(len(shown)), [d.visits for d in shown], color=_JADE, width=0.75)


def _questions(ticks: Sequence[str], shown: Sequence[Day], say: _Say) -> str:
    answered = [max(0, d.questions - d.unanswered) for d in shown]
    unanswered = [d.unanswered for d in shown]
    misheard = [d.misheard for d in shown]
    both = [a + b for a, b in zip(answered, unanswered, strict=True)]

    def draw(axes: Axes) -> None:
        at = range(len(shown))
        axes.bar(at, answered, color=_SKY, width=0.75)
        axes.bar(at, unanswered, bottom=answered, color=_CORAL, width=0.75)
        axes.bar(at, misheard, bottom=both, color=_AMBER, width=0.75)

    # Beside the chart and not in it: the drawing's own font has no Chinese.
    key = "".join(
        f'<span><i style="background:{colour}"></i>{say(name)}</span>'
        for name, colour in (("answered", _SKY), ("unanswered", _CORAL), ("misheard", _AMBER))
    )
    return f'<p class="key">{key}</p>{_chart(ticks, draw)}'


def _satisfaction(ticks: Sequence[str], shown: Sequence[Day], total: _Total, say: _Say) -> str:
    if not total.touches:
        return f"<p>{say('untouched')}</p>"

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

    told = say("touches", good=total.good, total=total.touches)
    return f"<p>{told}</p>{_chart(ticks, draw)}"


def _chart(ticks: Sequence[str], draw: Callable[[Axes], None]) -> str:
    """A chart over the days as SVG."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9.2, 2.5), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    draw(axes)
    step = max(1, -(-len(ticks) // 10))
    at = list(range(len(ticks) - 1, -1, -step))[::-1]
    axes.set_xticks(at, [ticks[i] for i in at])
    axes.set_xlim(-0.7, len(ticks) - 0.3)
    axes.tick_params(colors=_SOFT, labelsize=9, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_LINE)
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()[drawn.getvalue().index("<svg") :]


def _listed(asked: Sequence[_Asked], say: _Say) -> str:
    head = f"<h2>{say('listed')}</h2>"
    if not asked:
        return f"{head}<p>{say('listed.none')}</p>"
    rows = "".join(
        f"<tr><td>{html.escape(one.question)}</td><td>{_language(one.language, say)}</td>"
        f'<td class="n">{one.times}</td><td class="d">{html.escape(one.last)}</td></tr>'
        for one in asked[:_LISTED]
    )
    more = ""
    if len(asked) > _LISTED:
        more = f"<p>{say('listed.more', more=len(asked) - _LISTED)}</p>"
    return (
        f"{head}<p>{say('listed.order')}</p><table><tr><th>{say('question')}</th>"
        f'<th>{say("language")}</th><th class="n">{say("times")}</th><th>{say("last")}</th></tr>'
        f"{rows}</table>{more}"
    )


def _language(code: str, say: _Say) -> str:
    return say(code) if code in ("zh", "en", "ja") else html.escape(code)
