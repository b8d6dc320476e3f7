"""Whose turn it is: an explicit state machine between microphone and conversation.

It is pure: time comes in with every call, nothing is awaited, nothing is measured. What it wants
done (`Decode`, `Judge`) and what it has found out (`Started` … `Interrupt`) are returned.

Phases and what moves between them (all other pairs are impossible):

========  ===========================================  ========  ===============================
from      when                                         to        emits
========  ===========================================  ========  ===============================
QUIET     voice on                                     SUSPECT
SUSPECT   voice off before it was announced            QUIET
SUSPECT   voice as long as the mode asks               VOICE     Started (Duck, Hold)
VOICE     voice goes on                                VOICE     Decode, Duck, Hold, Interrupt
VOICE     voice off, shorter than a syllable           QUIET     (Resume) Abandon noise
VOICE     voice off                                    PAUSE     Judge, Decode final
VOICE     turn limit                                   CLOSING   Decode final
PAUSE     voice on                                     VOICE     Duck, Hold
PAUSE     text is nothing or a back-channel            QUIET     (Resume) Abandon
PAUSE     a back-channel that broke in by its length   QUIET     Abandon
PAUSE     text, and the judge or the silence ends it   QUIET     Commit
any       button down                                  PRESSED   Started, Interrupt
PRESSED   button up or turn limit                      CLOSING   Decode final
PRESSED   button up at once                            QUIET     Abandon noise
CLOSING   the decode is there                          QUIET     Commit or Abandon empty
========  ===========================================  ========  ===============================

Beside the phase runs the *floor*, the digital human's own speech: FREE → DUCKED → HELD, and back to
FREE by Resume or Interrupt.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from digital_human.speech.backchannel import (
    is_backchannel,
    is_complete,
    is_hesitation,
    is_opening,
    normalised,
)
from digital_human.speech.hearing import (
    Abandon,
    Action,
    Commit,
    Decode,
    Duck,
    Hold,
    Interrupt,
    Judge,
    Mode,
    Partial,
    Resume,
    Speculate,
    Started,
    Transcript,
)
from digital_human.speech.turn_state import Floor, OpenTurn, Phase, TurnPolicy
from digital_human.speech.voicegate import VoiceGate

_EPS = 1e-6


class TurnMachine:
    """Decides when the visitor speaks, has finished, interrupts or only nods along.

    A later `Decode` of a turn replaces an earlier one that is still running: only the last needs an
    answer. ``Transcript.start`` and ``end`` must be those of the `Decode` it answers; revisions are
    numbered here.
    """

    def __init__(self, policy: TurnPolicy = TurnPolicy()) -> None:  # noqa: B008
        self.policy = policy
        self.mode = Mode.IDLE
        self.phase = Phase.QUIET
        self.floor = Floor.FREE
        self._gate = VoiceGate(
            on=policy.voice_on,
            stay=policy.voice_stay,
            windows=policy.on_windows,
            span=policy.on_span,
            hangover=policy.hangover,
            quiet=policy.quiet,
        )
        self._turn = OpenTurn(0.0, 0.0, 0.0)
        self._now = 0.0
        self._speaking_since = float("-inf")

    # What happens -------------------------------------------------------------------------------

    def set_mode(self, mode: Mode, t: float) -> list[Action]:
        """The digital human now listens, thinks or speaks."""
        t = self._tick(t)
        if mode is self.mode:
            return []
        self.mode = mode
        if mode is not Mode.SPEAKING:
            return self._release(t)
        self._speaking_since = t
        if self.phase is Phase.VOICE:
            return self._claim(t)
        if self.phase is Phase.PAUSE:
            if self._turn.final is not None:
                return self._decide(t, self._turn.final)
            self.floor = Floor.HELD
            return [Hold(t)]
        if self.phase in (Phase.PRESSED, Phase.CLOSING):
            return self._interrupt(t, "button")
        return []

    def voice(self, t: float, probability: float, level: float) -> list[Action]:
        """One VAD window.

        Args:
            t: Its end.
            probability: Of voice, 0…1.
            level: RMS in dBFS.
        """
        t = self._tick(t)
        began = self._gate.step(t, probability, level)
        match self.phase:
            case Phase.QUIET:
                return self._suspect(t, self._gate.onset) if began else []
            case Phase.SUSPECT:
                return self._announce(t)
            case Phase.VOICE:
                return self._voiced(t) if self._gate.on else self._pause(t)
            case Phase.PAUSE:
                return self._go_on(t) if began else self._wait(t)
            case Phase.PRESSED:
                return self._long(t)
            case Phase.CLOSING:
                return self._overdue(t, self._turn.end)

    def decoded(self, t: float, transcript: Transcript, final: bool) -> list[Action]:
        """The text of a `Decode`; one of another turn or of an older pause changes nothing."""
        t = self._tick(t)
        turn = self._turn
        if self.phase in (Phase.QUIET, Phase.SUSPECT) or abs(transcript.start - turn.start) > _EPS:
            return []
        if turn.pending is not None and transcript.end >= turn.pending.end - _EPS:
            turn.pending = None
        turn.revision += 1
        transcript = replace(transcript, revision=turn.revision)
        whole = final and abs(transcript.end - turn.end) <= _EPS
        if whole and self.phase is Phase.PAUSE:
            turn.final = transcript
            return self._decide(t, transcript)
        if whole and self.phase is Phase.CLOSING:
            return self._close(t, transcript)
        return self._partial(t, transcript)

    def judged(self, t: float, probability: float, asked: Judge) -> list[Action]:
        """The judge's answer, 0…1; one about another pause changes nothing."""
        t = self._tick(t)
        if self.phase is not Phase.PAUSE or asked != self._turn.asked:
            return []
        self._turn.probability = probability
        return self._end(t)

    def button(self, t: float, down: bool) -> list[Action]:
        """Push to talk: while it is down everything belongs to the turn; up ends the turn."""
        t = self._tick(t)
        if down == (self.phase is Phase.PRESSED):
            return []
        if not down:
            if t - self._turn.start < self.policy.noise:
                return self._abandon(t, "noise")
            return self._finish(t, "button")
        actions: list[Action] = []
        if self.phase in (Phase.QUIET, Phase.SUSPECT):
            self._turn = OpenTurn(t, t, t)
            actions.append(Started(t))
        self.phase = Phase.PRESSED
        self._turn.final = None
        self._turn.asked = None
        if self.mode is not Mode.IDLE:
            actions += self._interrupt(t, "button")
        return actions

    # The voice ----------------------------------------------------------------------------------

    def _suspect(self, t: float, start: float) -> list[Action]:
        self._turn = OpenTurn(start, start, start)
        self.phase = Phase.SUSPECT
        return self._announce(t)

    def _announce(self, t: float) -> list[Action]:
        if not self._gate.on:
            self.phase = Phase.QUIET
            return []
        if self._gate.length < self._least() - _EPS:
            return []
        self.phase = Phase.VOICE
        return [Started(self._turn.start), *self._voiced(t)]

    def _least(self) -> float:
        """Voice that is taken seriously now."""
        since = self._gate.onset - self._speaking_since
        if self.mode is not Mode.SPEAKING or not 0 <= since < self.policy.warm_up:
            return 0.0
        return self.policy.warm_up_voice

    def _voiced(self, t: float) -> list[Action]:
        return [*self._claim(t), *self._long(t)]

    def _claim(self, t: float) -> list[Action]:
        """What the voice so far does to the digital human's floor."""
        length, voiced = self._gate.length, self._turn.voiced + self._gate.length
        if self.mode is Mode.IDLE:
            return []
        if self.mode is Mode.THINKING:
            enough = voiced >= self.policy.thinking_interrupt - _EPS
            return self._interrupt(t, "voice") if enough else []
        actions: list[Action] = []
        least = self._least()
        if self.floor is Floor.FREE and length >= max(least, self.policy.duck) - _EPS:
            self.floor = Floor.DUCKED
            actions.append(Duck(t))
        if self.floor is Floor.DUCKED and length >= max(least, self.policy.hold) - _EPS:
            self.floor = Floor.HELD
            actions.append(Hold(t))
        if self.floor is Floor.HELD and voiced >= self.policy.interrupt - _EPS:
            actions += self._interrupt(t, "voice")
        return actions

    def _long(self, t: float) -> list[Action]:
        """A decode now and then while the turn lasts, and its end at the limit."""
        turn = self._turn
        if t - turn.start >= self.policy.limit - _EPS:
            return self._finish(t, "limit")
        if self.mode is not Mode.IDLE:
            return []
        if turn.pending is not None and t - turn.asked_at < self.policy.decode_timeout:
            return []
        if t - turn.asked_at < self.policy.partial - _EPS:
            return []
        return [self._decode(t, t, final=False)]

    def _pause(self, t: float) -> list[Action]:
        turn = self._turn
        # Of a voice that went on from the turn before only what is of this one counts.
        turn.voiced += max(0.0, min(self._gate.length, self._gate.end - turn.start))
        turn.end = self._gate.end
        if turn.voiced < self.policy.noise - _EPS:
            return self._abandon(t, "noise")
        self.phase = Phase.PAUSE
        turn.final = None
        turn.judgements = 0
        return [self._ask_judge(t), self._decode(t, turn.end, final=True)]

    def _go_on(self, t: float) -> list[Action]:
        self.phase = Phase.VOICE
        self._turn.final = None
        self._turn.asked = None
        return self._voiced(t)

    # The pause ----------------------------------------------------------------------------------

    def _wait(self, t: float) -> list[Action]:
        turn, silence = self._turn, t - self._turn.end
        if turn.final is None:
            undecided = silence >= self.policy.undecided - _EPS
            actions = self._release(t) if undecided else []
            return actions + self._overdue(t, turn.end)
        if ended := self._end(t):
            return ended
        doubtful = turn.probability is not None and turn.probability < self.policy.complete
        if doubtful and turn.judgements == 1 and silence >= self.policy.judge_again - _EPS:
            return [self._ask_judge(t)]
        return []

    def _decide(self, t: float, final: Transcript) -> list[Action]:
        """The words of a pause are known: an interruption, a nod, or a turn that may be over."""
        actions: list[Action] = []
        if self.mode is not Mode.IDLE:
            if not normalised(final.text):
                return self._abandon(t, "empty")
            if is_backchannel(final.text):
                return self._abandon(t, "backchannel")
            actions += self._interrupt(t, "voice")
        if normalised(final.text):
            actions.append(self._tell(final))
        if ended := self._end(t):
            return actions + ended
        return actions + self._speculate(final)

    def _end(self, t: float) -> list[Action]:
        """Commit or abandon when words and silence are enough."""
        turn, policy = self._turn, self.policy
        if turn.final is None:
            return []
        silence = t - turn.end + _EPS
        if not normalised(turn.final.text):
            return self._abandon(t, "empty") if silence >= policy.silence_complete else []
        if is_hesitation(turn.final.text):
            return self._abandon(t, "backchannel") if silence >= policy.silence else []
        if is_opening(turn.final.text):
            waited = silence >= policy.silence_opening
            return self._commit(t, turn.final, "silence") if waited else []
        if silence >= policy.silence_complete and (turn.probability or 0.0) >= policy.complete:
            return self._commit(t, turn.final, "endpoint")
        enough = policy.silence_short if is_complete(turn.final.text) else policy.silence
        return self._commit(t, turn.final, "silence") if silence >= enough else []

    def _partial(self, t: float, transcript: Transcript) -> list[Action]:
        turn, text = self._turn, normalised(transcript.text)
        if not text:
            return []
        actions: list[Action] = []
        if self.mode is not Mode.IDLE:
            if is_backchannel(transcript.text):
                return []
            actions += self._interrupt(t, "voice")
        actions.append(self._tell(transcript))
        stable, turn.last_text = text == turn.last_text, text
        return actions + (self._speculate(transcript) if stable else [])

    def _tell(self, transcript: Transcript) -> Partial:
        """What is heard now; thoughts about other words end with it."""
        if normalised(transcript.text) != self._turn.speculated:
            self._turn.speculated = ""
        return Partial(transcript)

    def _speculate(self, transcript: Transcript) -> list[Action]:
        text = normalised(transcript.text)
        if not text or text == self._turn.speculated or self._only_nods(transcript):
            return []
        if is_hesitation(transcript.text) or is_opening(transcript.text):
            return []
        self._turn.speculated = text
        return [Speculate(transcript)]

    # The end ------------------------------------------------------------------------------------

    def _finish(self, t: float, by: Literal["button", "limit"]) -> list[Action]:
        self.phase = Phase.CLOSING
        self._turn.end = t
        self._turn.by = by
        return [self._decode(t, t, final=True)]

    def _close(self, t: float, final: Transcript) -> list[Action]:
        turn = self._turn
        if normalised(final.text):
            actions = self._commit(t, final, turn.by)
        else:
            actions = self._abandon(t, "empty")
        if turn.by == "limit" and self._gate.on:
            actions += self._suspect(t, turn.end)
        return actions

    def _only_nods(self, transcript: Transcript) -> bool:
        """Whether what broke in by its length has only shown that somebody listens."""
        return self._turn.broke_in and is_backchannel(transcript.text)

    def _overdue(self, t: float, since: float) -> list[Action]:
        if t - since < self.policy.decode_timeout:
            return []
        return self._abandon(t, "empty")

    def _commit(
        self, t: float, final: Transcript, by: Literal["endpoint", "silence", "button", "limit"]
    ) -> list[Action]:
        if by in ("endpoint", "silence") and self._only_nods(final):
            return self._abandon(t, "backchannel")
        self.phase = Phase.QUIET
        return [Commit(final, by, t - self._turn.end)]

    def _abandon(self, t: float, reason: Literal["noise", "backchannel", "empty"]) -> list[Action]:
        open_voice = self._gate.length if self.phase in (Phase.PRESSED, Phase.CLOSING) else 0.0
        self.phase = Phase.QUIET
        return [*self._release(t), Abandon(reason, self._turn.voiced + open_voice)]

    # The floor ----------------------------------------------------------------------------------

    def _interrupt(self, t: float, by: Literal["voice", "button"]) -> list[Action]:
        self.floor = Floor.FREE
        self.mode = Mode.IDLE
        self._turn.broke_in = by == "voice"
        return [Interrupt(t, by)]

    def _release(self, t: float) -> list[Action]:
        if self.floor is Floor.FREE:
            return []
        self.floor = Floor.FREE
        return [Resume(t)]

    # Requests -----------------------------------------------------------------------------------

    def _decode(self, t: float, end: float, *, final: bool) -> Decode:
        self._turn.asked_at = t
        self._turn.pending = Decode(self._turn.start, end, final)
        return self._turn.pending

    def _ask_judge(self, t: float) -> Judge:
        turn = self._turn
        turn.asked = Judge(turn.start, t)
        turn.judgements += 1
        turn.probability = None
        return turn.asked

    def _tick(self, t: float) -> float:
        self._now = max(self._now, t)
        return self._now
