"""Many visitors at once, and what they measured as tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from rich.table import Table

from digital_human.apps.live.loadtest import Question, TurnResult, Visitor, quantile
from digital_human.dialogue.persona import load_persona
from digital_human.errors import DigitalHumanError
from digital_human.speech.speaker import Speaker

_ASKING_VOICE = "yunxi"


def spoken(persona: str) -> list[Question]:
    """The persona's suggested questions in the voice of somebody else."""
    asker = Speaker(_ASKING_VOICE)
    questions = []
    for language, texts in load_persona(persona).suggestions.items():
        for text in texts:
            speech = next(asker.say(text, language=language))
            questions.append(Question.of(text, speech.pcm, speech.rate))
    return questions


def turn_table(results: Sequence[TurnResult]) -> Table:
    """One row a turn, with medians and 95th percentiles by kind of answer at the end."""
    table = Table("question", "heard", "answer", "first sound ms", "mouth opens ms")
    for result in results:
        table.add_row(
            result.question, result.heard, result.origin or "[red]none[/]",
            _ms(result.sound), _ms(result.mouth),
        )  # fmt: skip
    for origin in sorted({result.origin for result in results if result.origin}):
        table.add_section()
        mine = [result for result in results if result.origin == origin]
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            table.add_row(
                f"[bold]{name}[/]", f"{len(mine)} turns", origin,
                _ms(quantile([r.sound for r in mine if r.sound is not None], share)),
                _ms(quantile([r.mouth for r in mine if r.mouth is not None], share)),
            )  # fmt: skip
    return table


def waterfall_table(results: Sequence[TurnResult]) -> Table:
    """Median start and end of every stage, in ms from the true end of speech."""
    table = Table("stage", "answers", "starts p50", "ends p50", "ends p95", title="waterfall (ms)")
    for origin in sorted({result.origin for result in results if result.waterfall}):
        mine = [r.waterfall for r in results if r.origin == origin and r.waterfall]
        names = list(dict.fromkeys(name for stages in mine for name in stages))
        for name in names:
            spans = [stages[name] for stages in mine if name in stages]
            table.add_row(
                name, origin, _ms(quantile([start for start, _ in spans], 0.5)),
                _ms(quantile([end for _, end in spans], 0.5)),
                _ms(quantile([end for _, end in spans], 0.95)),
            )  # fmt: skip
        table.add_section()
    return table


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None or seconds != seconds else f"{seconds * 1000:.0f}"


async def load(
    url: str,
    token: str,
    persona: str | None,
    clients: int,
    turns: int,
    questions: Sequence[Question],
    advanced: Callable[[], None],
) -> tuple[list[TurnResult], list[DigitalHumanError]]:
    """Let ``clients`` visitors ask ``turns`` questions each, and collect turns and refusals."""
    results: list[TurnResult] = []
    refused: list[DigitalHumanError] = []

    async def visit(number: int) -> None:
        visitor = Visitor(url, token)
        try:
            await visitor.start(persona)
            for turn in range(turns):
                results.append(await visitor.ask(questions[(number + turn) % len(questions)]))
                advanced()
        except DigitalHumanError as error:
            refused.append(error)
        finally:
            await visitor.close()

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(visit(number))
    return results, refused
