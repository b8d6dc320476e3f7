"""The curator's page: findings, open questions and what the place holds."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date
from html import escape

from digital_human.dialogue.place.check import Finding, Unanswered
from digital_human.dialogue.place.place import Place
from digital_human.dialogue.place.rows import Spot
from digital_human.errors import InputError
from digital_human.speech.types import Language

_LEVELS = {"error": "错误 errors", "gap": "空缺 gaps", "hint": "提示 hints"}
_TYPES = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "svg": "svg+xml", "webp": "webp"}
_STYLE = """
:root{color-scheme:light dark;--ink:#2b3336;--soft:#6b7578;--paper:#f6f2e8;--card:#fffdf7;
--line:#e2dbc9;--error:#b23a2e;--gap:#b0761b;--hint:#4d7c8a;--good:#4c7a4f}
@media(prefers-color-scheme:dark){:root{--ink:#e8e4d8;--soft:#a9aca4;--paper:#1d2224;--card:#272d30;
--line:#3a4245;--error:#ef8a7c;--gap:#e2b566;--hint:#8fc0d0;--good:#9ac79b}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.6 "Noto Sans CJK SC","PingFang SC","Microsoft YaHei",system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}h1{font-size:30px;margin:0}
h2{font-size:20px;margin:40px 0 12px}p.sub{color:var(--soft);margin:4px 0 24px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px}
.tile,.card{background:var(--card);border:1px solid var(--line);border-radius:12px}
.tile{padding:14px 16px}.tile b{display:block;font-size:30px;line-height:1.2}
.tile span{color:var(--soft);font-size:14px}.error{color:var(--error)}.gap{color:var(--gap)}
.hint{color:var(--hint)}.good{color:var(--good)}table{width:100%;border-collapse:collapse}
.card{overflow:auto}td,th{text-align:left;padding:9px 14px;border-top:1px solid var(--line);
vertical-align:top}tr:first-child th{border-top:0}
th{font-size:13px;color:var(--soft);font-weight:600}
td.n{font-variant-numeric:tabular-nums;text-align:right}small{color:var(--soft)}
.spots{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:14px}
.spot{overflow:hidden}
.spot img,.spot .none{display:block;width:100%;aspect-ratio:3/2;object-fit:cover}
.spot .none{
background:repeating-linear-gradient(45deg,var(--line) 0 12px,transparent 12px 24px)}
.spot div.in{padding:10px 14px 14px}.spot h3{margin:0;font-size:17px}
.marks span{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 9px;
font-size:12px;margin:6px 6px 0 0}img.map{display:block;width:100%}
.bar{height:8px;border-radius:4px;
background:var(--hint)}
"""


def page(
    title: str,
    place: Place,
    languages: Sequence[Language],
    findings: Sequence[Finding],
    questions: Sequence[Unanswered],
    day: date,
) -> str:
    """The page as HTML; it needs nothing else to be shown.

    Args:
        title: Name of the persona or folder.
        place: The place.
        languages: Those its persona speaks.
        findings: To look at.
        questions: Asked in vain.
        day: Of the check.
    """
    name = next(iter(place.files.head.names.values()))
    open_ = [one for one in questions if not one.now]
    body = [
        f"<h1>{escape(name)} · {escape(title)}</h1>",
        f'<p class="sub">地点检查 · place check · {day.isoformat()}</p>',
        _tiles(place, findings, open_),
        _questions(questions),
        *(_table(level, [one for one in findings if one.level == level]) for level in _LEVELS),
        '<h2>景点 spots</h2><div class="spots">',
        *(_spot(place, spot, languages) for spot in place.spots),
        "</div>",
        _map(place),
    ]
    return (
        '<!doctype html><html lang="zh"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(name)} · place check</title><style>{_STYLE}</style>"
        f"<main>{''.join(body)}</main></html>\n"
    )


def _tiles(place: Place, findings: Sequence[Finding], open_: Sequence[Unanswered]) -> str:
    count = {level: sum(one.level == level for one in findings) for level in _LEVELS}
    tiles = [
        (len(place.spots), "景点 spots", ""),
        (count["error"], "错误 errors", "error" if count["error"] else "good"),
        (count["gap"], "空缺 gaps", "gap" if count["gap"] else "good"),
        (count["hint"], "提示 hints", "hint"),
        (sum(one.times for one in open_), "未答的提问 open questions", "gap" if open_ else "good"),
    ]
    cells = (
        f'<div class="tile"><b class="{kind}">{number}</b><span>{label}</span></div>'
        for number, label, kind in tiles
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def _questions(questions: Sequence[Unanswered]) -> str:
    head = "<h2>游客问了、没答上的 asked in vain</h2>"
    if not questions:
        return f'{head}<p class="good">没有。None.</p>'
    most = max(one.times for one in questions)
    rows = []
    for one in questions:
        others = "".join(f"<br><small>{escape(text)}</small>" for text in one.others[:4])
        now = f'<br><small class="good">现在会答 now: {escape(one.now)}</small>' if one.now else ""
        rows.append(
            f"<tr><td>{escape(one.question)}{others}{now}</td><td>{escape(one.language)}</td>"
            f'<td class="n">{one.times}</td><td style="width:22%"><div class="bar" style="width:'
            f'{100 * one.times / most:.0f}%"></div></td><td>{escape(one.last)}</td></tr>'
        )
    titles = "<tr><th>提问 question</th><th></th><th>次数</th><th></th><th>最近 last</th></tr>"
    return f'{head}<div class="card"><table>{titles}{"".join(rows)}</table></div>'


def _table(level: str, findings: Sequence[Finding]) -> str:
    head = f'<h2 class="{level}">{_LEVELS[level]} · {len(findings)}</h2>'
    if not findings:
        return f'{head}<p class="good">没有。None.</p>'
    rows = (
        f"<tr><td>{escape(one.of)}</td><td>{escape(one.kind)}</td><td>{escape(one.text)}</td></tr>"
        for one in findings
    )
    titles = "<tr><th>条目 entry</th><th>类别 kind</th><th>说明</th></tr>"
    return f'{head}<div class="card"><table>{titles}{"".join(rows)}</table></div>'


def _spot(place: Place, spot: Spot, languages: Sequence[Language]) -> str:
    picture = _image(place, spot.picture)
    shown = f'<img src="{picture}" alt="">' if picture else '<div class="none"></div>'
    names = " · ".join(escape(name) for name in spot.names.values())
    marks = "".join(
        f'<span class="{"good" if language in spot.text else "gap"}">{language}</span>'
        for language in languages
    )
    known = {
        "hours": {row.of for row in (*place.files.hours, *place.files.shows)},
        "tickets": {row.of for row in place.files.tickets},
        "facts": {row.of for row in place.files.facts},
    }
    marks += "".join(
        f'<span class="{"good" if spot.id in ids else "gap"}">{mark}</span>'
        for mark, ids in known.items()
    )
    text = escape(next(iter(spot.text.values()), "")[:90])
    return (
        f'<div class="card spot">{shown}<div class="in"><h3>{names}</h3>'
        f'<small>{escape(spot.id)}</small><div class="marks">{marks}</div>'
        f"<small>{text}</small></div></div>"
    )


def _map(place: Place) -> str:
    picture = _image(place, place.map)
    if not picture:
        return ""
    return f'<h2>地图 map</h2><div class="card"><img class="map" src="{picture}" alt=""></div>'


def _image(place: Place, name: str) -> str:
    """A picture as a data address; empty when there is none."""
    try:
        data = place.picture(name).read_bytes()
    except (InputError, OSError):
        return ""
    kind = _TYPES[name.rsplit(".", 1)[-1].lower()]
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
