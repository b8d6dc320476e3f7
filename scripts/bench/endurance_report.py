"""The table and the figure of `endurance`."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field

import numpy as np

_SETTLED = 10.0  # minutes until caches and arenas have their size
_GOAL = 5.0  # s that a visit may be without picture or voice
_WIDTH, _PANEL, _LEFT, _TOP = 960, 150, 70, 40
_INK, _LINE, _MARK = "#444", "#2a6f97", "#c1121f"


@dataclass
class Outage:
    """What a fault cost the visitor.

    Attributes:
        name: The fault.
        at: Minutes since the start.
        picture: Seconds without a new picture, the longest time.
        answer: Seconds from the next question, or from the page's return, to its first sound.
        lost: Whether the visit broke.
    """

    name: str
    at: float
    picture: float = 0.0
    answer: float | None = None
    lost: bool = False


@dataclass
class Tally:
    """What was counted; seconds, None for an answer that did not come.

    Attributes:
        samples: Minutes, MB, threads, open files, files made.
    """

    visits: int = 0
    lost: int = 0
    reconnected: int = 0
    starts: list[float] = field(default_factory=list)
    greetings: list[float | None] = field(default_factory=list)
    answers: list[float | None] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    samples: list[tuple[float, float, int, int, int]] = field(default_factory=list)


def line(tally: Tally, seconds: float) -> str:
    """How it stands."""
    _, memory, threads, files, made = tally.samples[-1]
    silent = tally.answers.count(None)
    return (
        f"{seconds / 60:5.1f} min: {tally.visits} visits, {tally.lost} lost, "
        f"{len(tally.answers) - silent} answers, {silent} silent, gap {max(tally.gaps):.1f} s, "
        f"{memory:.0f} MB, {threads} threads, {files} open files, {made} files"
    )


def slope(tally: Tally, minutes: float = _SETTLED) -> tuple[float, float, float]:
    """MB an hour after settling, and the least and the most memory then."""
    at, memory = np.array([sample[:2] for sample in tally.samples]).T
    settled = at > min(minutes, at[-1] / 2)
    if settled.sum() < 3:
        return np.nan, np.nan, np.nan
    fit = np.polyfit(at[settled] / 60, memory[settled], 1)[0]
    return float(fit), memory[settled].min(), memory[settled].max()


def report(tally: Tally, minutes: float) -> str:
    """The table."""
    answered = [waited for waited in tally.answers if waited is not None]
    greeted = [waited for waited in tally.greetings if waited is not None]
    fit, least, most = slope(tally)
    ends = [tally.samples[i] for i in (len(tally.samples) // 6, -1)]
    rows = [
        ("minutes, visits, visits lost", f"{minutes:.0f}, {tally.visits}, {tally.lost}"),
        ("connections lost and made anew", f"{tally.reconnected}"),
        ("questions answered, without an answer",
         f"{len(answered)}, {tally.answers.count(None)}"),
        ("page opened to first picture, p50, p95", _spread(tally.starts)),
        ("hello to first sound of the greeting, p50, p95", _spread(greeted)),
        ("question to first sound, p50, p95", _spread(answered)),
        ("longest picture gap of a visit, p50, most",
         f"{np.median(tally.gaps):.2f} s, {max(tally.gaps):.2f} s"),
        ("memory: slope after ten minutes, range", f"{fit:+.0f} MB/h, {least:.0f}–{most:.0f} MB"),
        ("threads, open files, files made: then → at the end",
         ", ".join(f"{then} → {now}" for then, now in zip(*(e[2:] for e in ends), strict=True))),
    ]  # fmt: skip
    head = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, no network"
    told = [f"| {head} | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    told += [
        "",
        "| minute | fault | picture gap | next sound after | visit |",
        "|---|---|---|---|---|",
    ]
    for one in tally.outages:
        sound = "—" if one.answer is None else f"{one.answer:.1f} s"
        late = one.lost or one.picture > _GOAL or one.answer is None or one.answer > _GOAL
        fate = "lost" if one.lost else f"over {_GOAL:.0f} s" if late else "goes on"
        told.append(f"| {one.at:.0f} | {one.name} | {one.picture:.1f} s | {sound} | {fate} |")
    return "\n".join(told)


def _spread(values: list[float]) -> str:
    if not values:
        return "—"
    p50, p95 = np.quantile(values, [0.5, 0.95])
    return f"{p50:.2f} s, {p95:.2f} s"


def figure(tally: Tally) -> str:
    """Memory, threads and open files over time as SVG, with a mark for every fault."""
    at, memory, threads, files, _ = np.array(tally.samples).T
    panels = [("memory, MB", memory, 0.0), ("threads", threads, 0.0), ("open files", files, 0.0)]
    height = _TOP + len(panels) * (_PANEL + 30) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    right = _WIDTH - _LEFT - 20
    for number, (name, values, low) in enumerate(panels):
        top, high = _TOP + number * (_PANEL + 30), float(values.max()) * 1.1 or 1.0
        x = _LEFT + right * at / max(at[-1], 1e-6)
        y = top + _PANEL * (1 - (values - low) / (high - low))
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f'<text x="{_LEFT}" y="{top - 6}" fill="{_INK}">{name}</text>')
        for share in (0.0, 0.5, 1.0):
            level = top + _PANEL * (1 - share)
            text = f"{low + share * (high - low):.0f}"
            parts.append(
                f'<path d="M{_LEFT} {level:.1f}H{_LEFT + right}" stroke="#ddd"/>'
                f'<text x="{_LEFT - 6}" y="{level + 4:.1f}" text-anchor="end" fill="{_INK}">'
                f"{text}</text>"
            )
        for outage in tally.outages:
            mark = _LEFT + right * outage.at / max(at[-1], 1e-6)
            parts.append(
                f'<path d="M{mark:.1f} {top}V{top + _PANEL}" stroke="{_MARK}" '
                f'stroke-dasharray="2 3"><title>{outage.name}</title></path>'
            )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{_LINE}" stroke-width="1.6"/>'
        )
    bottom = _TOP + len(panels) * (_PANEL + 30) - 12
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        place = _LEFT + right * share
        parts.append(
            f'<text x="{place:.0f}" y="{bottom}" text-anchor="middle" fill="{_INK}">'
            f"{share * at[-1]:.0f} min</text>"
        )
    parts.append(f'<text x="{_LEFT}" y="{bottom + 24}" fill="{_MARK}">dashed: a fault</text></svg>')
    return "".join(parts)
