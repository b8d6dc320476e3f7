"""The card of a made voice: what was measured, what that means, in words and as a picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from rich.table import Table
from rich.text import Text

from digital_human.errors import InputError
from digital_human.speech.cloning.references import Report
from digital_human.speech.types import Language

CARD = "card.json"
PICTURE = "card.png"
SOUNDS_LIKE = 0.75
"""Share of the way from the nearest stock voice to the person from which a voice sounds like the
person, by both judging encoders."""
WORSE = 0.03
"""Recognition error that a voice may add to the stock voice's and still be called clear."""

_MAX = 2**20


@dataclass(frozen=True, slots=True)
class Likeness:
    """Cosines of one encoder with the held-out recordings.

    Attributes:
        encoder: Which.
        floor: Other speakers: the stock voices of the language, on average.
        preset: The nearest stock voice.
        voice: The made voice.
        ceiling: The person's other recordings.
    """

    encoder: str
    floor: float
    preset: float
    voice: float
    ceiling: float

    @property
    def gap(self) -> float:
        """How much of the way from the nearest stock voice to the ceiling is gone; below 1."""
        return (self.voice - self.preset) / max(self.ceiling - self.preset, 1e-6)


@dataclass(frozen=True, slots=True)
class Sound:
    """How something sounds.

    Attributes:
        error: Share of words (Chinese, Japanese: characters) that the recogniser gets wrong in
            the standard sentences; None for recordings, whose texts are the recogniser's own.
        quality: DNSMOS: speech, background, overall, 1 to 5.
        pitch: Median Hz.
        range: Semitones between the 10th and the 90th percentile of pitch.
        rate: Phonemes a second, pauses aside.
    """

    error: float | None
    quality: tuple[float, float, float]
    pitch: float
    range: float
    rate: float


@dataclass(frozen=True, slots=True)
class Measures:
    """A made voice beside the person and the nearest stock voice."""

    nearest: str
    likeness: tuple[Likeness, ...]
    person: Sound
    preset: Sound
    voice: Sound


@dataclass(frozen=True, slots=True)
class OtherLanguage:
    """How a made voice does in a language that the person was not recorded in.

    Attributes:
        language: Which.
        lender: Kokoro's stock voice that a part of the timbre is taken from.
        share: That part.
        error: Share of phonemes that the recogniser gets wrong, tones aside.
        stock: The same of the lender itself.
        likeness: Encoder → cosine with the person's held-out recordings.
    """

    language: Language
    lender: str
    share: float
    error: float
    stock: float
    likeness: dict[str, float]


class Card(BaseModel):
    """What was measured when a voice was made.

    Attributes:
        name: Of the voice.
        how: Steps that made it.
        measures: See `Measures`.
        fitted: The same with the fitted style alone, where more was tried.
        others: Languages that the person was not recorded in.
        report: See `Report`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    how: tuple[str, ...]
    measures: Measures
    fitted: Measures | None = None
    others: tuple[OtherLanguage, ...] = ()
    report: Report

    @property
    def gap(self) -> float:
        """Share of the way to the person that is gone, by the encoder that says least."""
        return min(likeness.gap for likeness in self.measures.likeness)

    @property
    def added_error(self) -> float:
        """Recognition error beyond that of the nearest stock voice."""
        return (self.measures.voice.error or 0.0) - (self.measures.preset.error or 0.0)

    @property
    def verdict(self) -> str:
        """One sentence: sounds like, or resembles and how far."""
        if self.gap >= SOUNDS_LIKE and self.added_error <= WORSE:
            return f"sounds like the person: {_way(self.measures.likeness)}"
        if self.gap <= 0:
            return "no closer to the person than the nearest stock voice"
        return f"resembles the person: {_way(self.measures.likeness)}" + (
            f", and is understood worse (error +{100 * self.added_error:.0f} points)"
            if self.added_error > WORSE
            else ""
        )

    @property
    def before(self) -> str:
        """What the fitted style alone reached, where the model was adapted too."""
        if self.fitted is None or self.fitted == self.measures:
            return ""
        return f"the fitted style alone: {_way(self.fitted.likeness)}"

    def save(self, folder: Path) -> None:
        """Write ``card.json`` and ``card.png`` into ``folder``."""
        (folder / CARD).write_text(self.model_dump_json(indent=1), encoding="utf-8")
        draw_card(self, folder / PICTURE)

    @classmethod
    def load(cls, path: Path) -> Card:
        """Read a card.

        Raises:
            InputError: It is missing or damaged.
        """
        try:
            if path.stat().st_size > _MAX:
                raise InputError(f"{path}: larger than 1 MiB", fix="make the voice again")
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError) as error:
            raise InputError(
                f"{path}: no card of a voice can be read there",
                fix="make the voice again: digital-human voice create … --replace",
            ) from error


def _way(rows: tuple[Likeness, ...]) -> str:
    parts = " and ".join(f"{round(100 * row.gap)} % ({row.encoder})" for row in rows)
    return f"{parts} of the way from the nearest stock voice"


def card_tables(card: Card) -> list[Table]:
    """Likeness by encoder, how person, stock voice and voice sound, and other languages."""
    measures = card.measures
    likeness = Table(
        "likeness by", "other speakers", f"stock ({measures.nearest})", card.name, "the person",
        "gap closed", title="cosine with held-out recordings", title_justify="left",
    )  # fmt: skip
    for row in measures.likeness:
        values = (row.floor, row.preset, row.voice, row.ceiling)
        likeness.add_row(
            row.encoder, *(f"{value:.3f}" for value in values), Text(f"{100 * row.gap:.0f} %")
        )
    sound = Table("", "the person", f"stock ({measures.nearest})", card.name)
    for label, cells in _sound_rows(measures):
        sound.add_row(label, *cells)
    if not card.others:
        return [likeness, sound]
    encoders = list(card.others[0].likeness)
    others = Table(
        "language", "phonemes not recognised", "stock voice", "of its timbre",
        *(f"{name} with the person" for name in encoders),
        title="languages the person was not recorded in", title_justify="left",
    )  # fmt: skip
    for one in card.others:
        others.add_row(
            one.language, f"{100 * one.error:.1f} %", f"{one.lender}: {100 * one.stock:.1f} %",
            f"{100 * one.share:.0f} %", *(f"{one.likeness[name]:.3f}" for name in encoders),
        )  # fmt: skip
    return [likeness, sound, others]


def _sound_rows(measures: Measures) -> list[tuple[str, list[str]]]:
    sounds = (measures.person, measures.preset, measures.voice)

    def row(label: str, cell: Any) -> tuple[str, list[str]]:
        return label, [cell(sound) for sound in sounds]

    def error(sound: Sound) -> str:
        return "-" if sound.error is None else f"{100 * sound.error:.1f} %"

    return [
        row("not recognised", error),
        row("DNSMOS overall (1 to 5)", lambda s: f"{s.quality[2]:.2f}"),
        row("pitch", lambda s: f"{s.pitch:.0f} Hz, {s.range:.0f} semitones"),
        row("phonemes a second", lambda s: f"{s.rate:.1f}"),
    ]


def draw_card(card: Card, path: Path) -> None:
    """Write the card as a picture, PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    measures = card.measures
    figure = Figure(figsize=(8, 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{card.name}: {card.verdict.split(':')[0]}", fontsize=13)
    upper, lower = figure.subplots(2, 1, height_ratios=[1.15, 1])
    _draw_likeness(upper, measures.likeness, measures.nearest)
    lower.axis("off")
    rows = _sound_rows(measures)
    table = lower.table(
        cellText=[cells for _, cells in rows],
        rowLabels=[label for label, _ in rows],
        colLabels=["the person", f"stock ({measures.nearest})", card.name],
        loc="center", cellLoc="center",
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    table.scale(1, 1.35)
    for cell in table.get_celld().values():
        cell.set_edgecolor("#cccccc")
    figure.savefig(path)


def _draw_likeness(axes: Any, rows: tuple[Likeness, ...], nearest: str) -> None:
    marks = (
        ("floor", "other speakers", "#999999", "o"),
        ("preset", f"stock ({nearest})", "#2b6cb0", "s"),
        ("voice", "this voice", "#c05621", "D"),
        ("ceiling", "the person's own recordings", "#2f855a", "^"),
    )
    for height, row in enumerate(rows):
        values = asdict(row)
        axes.plot([row.floor, row.ceiling], [height, height], color="#dddddd", zorder=0, lw=6)
        for field, label, colour, marker in marks:
            axes.plot(
                values[field], height, marker, color=colour, ms=9, label=None if height else label
            )
        axes.annotate(
            f"{100 * row.gap:.0f} % of the gap", (row.voice, height), xytext=(0, 10),
            textcoords="offset points", ha="center", fontsize=9,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [row.encoder for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    lowest = min(min(row.floor, row.preset, row.voice) for row in rows)
    axes.set_xlim(min(0.0, lowest) - 0.05, 1.0)
    axes.set_xlabel("cosine with held-out recordings of the person")
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
