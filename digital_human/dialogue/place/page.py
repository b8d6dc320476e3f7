"""The curator's page: findings, open questions and what the place holds."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date
from html import escape

from digital_human.dialogue.place.check import Finding, Unanswered
from digital_human.dialogue.place.check_texts import PageLanguage, Say
from digital_human.dialogue.place.place import Place
from digital_human.dialogue.place.rows import WHOLE, Facility, Spot
from digital_human.errors import InputError
from digital_human.speech.types import Language

_LEVELS = ("error", "gap", "hint")
_TYPES = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "svg": "svg+xml", "webp": "webp"}
_STYLE = """
:root{color-scheme:light dark;--ink:#2b3336;--soft:#5c6669;--paper:#f6f2e8;--card:#fffdf7;
--line:#e2dbc9;--error:#b23a2e;--gap:#8f5c0a;--hint:#3c6a78;--good:#3f6d42}
@media(prefers-color-scheme:dark){:root{--ink:#e8e4d8;--soft:#a9aca4;--paper:#1d2224;--card:#272d30;
--line:#3a4245;--error:#ef8a7c;--gap:#e2b566;--hint:#8fc0d0;--good:#9ac79b}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.6 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}h1{font-size:30px;margin:0}
h2{font-size:20px;margin:40px 0 12px}p.sub{color:var(--soft);margin:4px 0 24px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px}
.tile,.card{background:var(--card);border:1px solid var(--line);border-radius:12px}
.tile{padding:14px 16px}.tile b{display:block;font-size:30px;line-height:1.2}
.tile span{color:var(--soft);font-size:14px}.error{color:var(--error)}.gap{color:var(--gap)}
.hint{color:var(--hint)}.good{color:var(--good)}table{width:100%;border-collapse:collapse}
.card{overflow:auto}td,th{text-align:left;padding:9px 14px;border-top:1px solid var(--line);
vertical-align:top;overflow-wrap:anywhere}tr:first-child th{border-top:0}
th{font-size:13px;color:var(--soft);font-weight:600}
.n{font-variant-numeric:tabular-nums;text-align:right}.n,.tight,th{white-space:nowrap}
.found th:first-child{width:40%}.found th:nth-child(2){width:16%}
small{color:var(--soft)}small.good{color:var(--good)}
.spots{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:14px}
.spot{overflow:hidden}
.spot img,.spot .none{display:block;width:100%;aspect-ratio:3/2;object-fit:cover}
.spot .none{display:grid;place-items:center;background:var(--line);font-size:14px}
.spot .in{padding:10px 14px 14px}.spot h3{margin:0;font-size:17px;line-height:1.4}
.spot p{margin:10px 0 0;font-size:14px;color:var(--soft);display:-webkit-box;
-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden}
.marks span{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 9px;
font-size:12px;margin:6px 6px 0 0}.marks .good::before{content:"✓ "}
.marks .gap::before{content:"✗ "}img.map{display:block;width:100%}
.bar{height:8px;border-radius:4px;margin-top:9px;background:var(--hint)}
@media(max-width:600px){main{padding:24px 14px 48px}h1{font-size:25px}td,th{padding:8px 10px}
.wide{display:none}.tile:last-child{grid-column:1/-1}
.spot{display:grid;grid-template-columns:104px 1fr}
.spot img,.spot .none{aspect-ratio:auto;height:100%}}
"""


def page(
    title: str,
    place: Place,
    languages: Sequence[Language],
    findings: Sequence[Finding],
    questions: Sequence[Unanswered],
    day: date,
    language: PageLanguage,
) -> str:
    """The page as HTML; it needs nothing else to be shown.

    Args:
        title: Name of the persona or folder.
        place: The place.
        languages: Those its persona speaks.
        findings: To look at.
        questions: Asked in vain.
        day: Of the check.
        language: Of the page; what the curator wrote stays as it is.
    """
    say = Say(language)
    own = escape(say.own(place.files.head.names))
    heading = say("title", name=own)
    things: list[Spot | Facility] = [*place.spots, *place.files.facilities]
    names = {WHOLE: own, **{thing.id: escape(say.own(thing.names)) for thing in things}}
    open_ = [one for one in questions if not one.now]
    body = [
        f"<h1>{heading}</h1>",
        f'<p class="sub">{escape(title)} · {say("date", day)}</p>',
        _tiles(place, findings, open_, say),
        _questions(questions, say),
        *(_table(level, findings, names, say) for level in _LEVELS),
        f'<h2>{say("spots")}</h2><div class="spots">',
        *(_spot(place, spot, languages, say) for spot in place.spots),
        "</div>",
        _map(place, say),
    ]
    return (
        f'<!doctype html><html lang="{say("html")}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{heading}</title><style>{_STYLE}</style>"
        f"<main>{''.join(body)}</main></html>\n"
    )


def _tiles(place: Place, findings: Sequence[Finding], open_: Sequence[Unanswered], say: Say) -> str:
    count = {level: sum(one.level == level for one in findings) for level in _LEVELS}
    tiles = [
        (len(place.spots), "spots", ""),
        (count["error"], "errors", "error" if count["error"] else "good"),
        (count["gap"], "gaps", "gap" if count["gap"] else "good"),
        (count["hint"], "hints", "hint"),
        (sum(one.times for one in open_), "open", "gap" if open_ else "good"),
    ]
    cells = (
        f'<div class="tile"><b class="{kind}">{number}</b><span>{say(label)}</span></div>'
        for number, label, kind in tiles
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def _questions(questions: Sequence[Unanswered], say: Say) -> str:
    head = f"<h2>{say('asked')}</h2>"
    if not questions:
        return f'{head}<p class="good">{say("none")}</p>'
    most = max(one.times for one in questions)
    rows = []
    for one in questions:
        others = "".join(f"<br><small>{escape(text)}</small>" for text in one.others[:4])
        now = ""
        if one.now:
            now = f'<br><small class="good">{say("now", answer=escape(one.now))}</small>'
        rows.append(
            f"<tr><td>{escape(one.question)}{others}{now}</td>"
            f'<td class="wide tight">{escape(say.language(one.language))}</td>'
            f'<td class="n">{one.times}</td><td class="wide" style="width:22%"><div class="bar" '
            f'style="width:{100 * one.times / most:.0f}%"></div></td>'
            f'<td class="tight">{escape(one.last)}</td></tr>'
        )
    titles = (
        f'<tr><th>{say("question")}</th><th class="wide">{say("language")}</th>'
        f'<th class="n">{say("times")}</th><th class="wide"></th><th>{say("last")}</th></tr>'
    )
    return f'{head}<div class="card"><table>{titles}{"".join(rows)}</table></div>'


def _table(level: str, findings: Sequence[Finding], names: Mapping[str, str], say: Say) -> str:
    found = [one for one in findings if one.level == level]
    head = f'<h2 class="{level if found else "good"}">{say(f"{level}s")} · {len(found)}</h2>'
    if not found:
        return f'{head}<p class="good">{say("none")}</p>'
    rows = (
        f"<tr><td>{names.get(one.of, '')} <small>{escape(one.of)}</small></td>"
        f'<td class="tight">{say(f"kind.{one.kind}")}</td><td>{escape(one.text)}</td></tr>'
        for one in found
    )
    titles = f"<tr><th>{say('entry')}</th><th>{say('kind')}</th><th>{say('finding')}</th></tr>"
    return f'{head}<div class="card"><table class="found">{titles}{"".join(rows)}</table></div>'


def _spot(place: Place, spot: Spot, languages: Sequence[Language], say: Say) -> str:
    picture = _image(place, spot.picture)
    shown = f'<div class="none">{say("picture.none")}</div>'
    if picture:
        shown = f'<img src="{picture}" alt="">'
    name = say.own(spot.names)
    others = " · ".join([*(one for one in spot.names.values() if one != name), spot.id])
    marks = {say("text.in", language=say.language(one)): one in spot.text for one in languages}
    known = {
        "hours": {row.of for row in (*place.files.hours, *place.files.shows)},
        "tickets": {row.of for row in place.files.tickets},
        "facts": {row.of for row in place.files.facts},
    }
    marks |= {say(f"kind.{kind}"): spot.id in ids for kind, ids in known.items()}
    shown_marks = "".join(
        f'<span class="{"good" if there else "gap"}">{escape(mark)}</span>'
        for mark, there in marks.items()
    )
    return (
        f'<div class="card spot">{shown}<div class="in"><h3>{escape(name)}</h3>'
        f'<small>{escape(others)}</small><div class="marks">{shown_marks}</div>'
        f"<p>{escape(say.own(spot.text))}</p></div></div>"
    )


def _map(place: Place, say: Say) -> str:
    picture = _image(place, place.map)
    if not picture:
        return ""
    head = f"<h2>{say('map')}</h2>"
    return f'{head}<div class="card"><img class="map" src="{picture}" alt=""></div>'


def _image(place: Place, name: str) -> str:
    """A picture as a data address; empty when there is none."""
    try:
        data = place.picture(name).read_bytes()
    except (InputError, OSError):
        return ""
    kind = _TYPES[name.rsplit(".", 1)[-1].lower()]
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
