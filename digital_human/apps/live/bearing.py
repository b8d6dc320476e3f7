"""What the digital human is seen to do, kept equal for ears, face and clients."""

from __future__ import annotations

from collections.abc import Callable

from digital_human.apps.live.crew import Stage
from digital_human.core.events import Events
from digital_human.speech.hearing import Mode


class Bearing:
    """Mode and state of one session.

    Args:
        stage: Looks the part.
        events: Where ``state`` goes.
        tell_ears: Told the mode.
    """

    def __init__(self, stage: Stage, events: Events, tell_ears: Callable[[Mode], None]) -> None:
        self._stage, self._events, self._tell_ears = stage, events, tell_ears
        self.mode = Mode.IDLE
        self.state = "idle"
        self._held = False

    def change(self, mode: Mode) -> None:
        """Listen, think or speak."""
        if mode is not self.mode:
            self.mode = mode
            self._tell_ears(mode)

    def hold(self, held: bool) -> None:
        """Pause speaking and keep the place, or go on."""
        self._held = held
        if held:
            self._stage.hold()
        else:
            self._stage.resume()

    def cut(self) -> None:
        """Stop speaking and forget what was not said."""
        self._held = False
        self._stage.cut()

    def show(self, *, listening: bool, replying: bool) -> None:
        """Tell clients and the face what goes on, when it has changed.

        Args:
            listening: Whether the visitor's turn is open.
            replying: Whether a reply is in the making or on stage.
        """
        if self.mode is Mode.SPEAKING:
            state = "held" if self._held else "speaking"
        elif listening:
            state = "listening"
        else:
            state = "thinking" if replying else "idle"
        if state != self.state:
            self.state = state
            self._stage.look("listening" if state == "held" else state)
            self._events.emit("state", state=state)
