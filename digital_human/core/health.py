"""Whether the stages of a session work: a failure is told once until the stage works again."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from digital_human.core.events import Events
from digital_human.core.stage import Hung

log = structlog.get_logger()


class Health:
    """Failures of one session's stages; belongs to the event loop.

    A stage that goes on failing is logged and told as ``stage.failed`` once; the first time it
    works again, as ``stage.restored``.

    Args:
        events: Where both go; they are stamped with its clock.
        on_failure: Told every single failure, e.g. to have an apology spoken.
    """

    def __init__(
        self,
        events: Events,
        on_failure: Callable[[str, Exception], None] = lambda stage, error: None,
    ) -> None:
        self._events, self._on_failure = events, on_failure
        self._failing: dict[str, float] = {}

    def failed(self, stage: str, error: Exception) -> None:
        """``stage`` raised, or does not come back."""
        self.suspected(stage, error)
        self._on_failure(stage, error)

    def suspected(self, stage: str, error: Exception) -> None:
        """``stage`` is overdue: it is told as failed, but may still do what it was asked for."""
        if stage not in self._failing:
            cause = f"{type(error).__name__}: {error}"
            event = self._events.emit("stage.failed", stage=stage, error=cause)
            log.error(
                "stage failed", session=self._events.session, stage=stage, cause=cause,
                exc_info=None if isinstance(error, Hung) else error,
            )  # fmt: skip
            self._failing[stage] = event.at

    def worked(self, stage: str) -> None:
        """``stage`` did its work."""
        if (since := self._failing.pop(stage, None)) is not None:
            seconds = round(self._events.now() - since, 3)
            log.info("stage restored", session=self._events.session, stage=stage, seconds=seconds)
            self._events.emit("stage.restored", stage=stage, seconds=seconds)
