"""The key-value cells of a llama.cpp context: what was read stays, and is read only once.

All sessions share one pool of cells: a prompt is a sequence in it, and starts from the longest head
that any earlier prompt left there (`sequences`) or from passages on the disk (`shelf`), so that a
turn only reads its own tokens. Sharing a head copies nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from digital_human.dialogue.llm.library import C, Stop, filled_batch
from digital_human.dialogue.llm.sequences import Slot, Slots, common
from digital_human.dialogue.llm.shelf import Passage, Shelf, State
from digital_human.errors import ResourceError

SEQUENCES = 64
_SCRATCH = SEQUENCES - 1  # where states come from and go to the shelf
_WORTH = 4  # tokens that restoring must spare to be worth it
_DROPPED = 8  # sequences dropped to make room for a passage
_BYTES = ctypes.POINTER(ctypes.c_uint8)

Work = tuple[Slot, Sequence[int], int]


class Cells:
    """What a context has read; used from one thread.

    Args:
        context: llama.cpp's context.
        stop: Ends its evaluations.
        shelf: Passages on the disk.
        chunk: Prompt tokens read in one go.

    Attributes:
        evaluated: Tokens read by the last `read`, those that were there already not counted.
    """

    def __init__(self, context: Any, stop: Stop, shelf: Shelf, chunk: int) -> None:
        self._context, self._stop, self._shelf, self._chunk = context, stop, shelf, chunk
        self._memory = C.llama_get_memory(context)
        self._slots = Slots(SEQUENCES - 1)
        self.evaluated = 0

    def read(self, prompt: Sequence[int], *, whole: bool, chunk: int | None = None) -> Slot:
        """Bring ``prompt`` into a sequence.

        Args:
            prompt: Its tokens.
            whole: Whether the answer is to start right behind it, so that its logits are needed.
            chunk: Tokens read in one go, when fewer than usual: what is cancelled loses less.

        Raises:
            Cancelled: It is not wanted any more; what was read is kept.
            ResourceError: There is no room for it.
        """
        self.evaluated = 0
        # The last token is read again when the answer is to start right behind it.
        slot = self._begun(prompt, len(prompt) - whole)
        shared = min(len(slot.tokens), len(prompt) - whole)
        if shared == len(prompt):
            return slot
        self.cut(slot, shared)
        rest, size = prompt[shared:], min(chunk or self._chunk, self._chunk)
        self.evaluated += len(rest)
        for start in range(0, len(rest), size):
            self.evaluate(slot, rest[start : start + size])
        return slot

    def evaluate(self, slot: Slot, tokens: Sequence[int], logits: int = 1) -> None:
        """Append ``tokens`` to ``slot``; the last ``logits`` of them give logits.

        Raises:
            Cancelled: It is not wanted any more.
            ResourceError: There is no room for it.
        """
        self.evaluate_all([(slot, tokens, logits)])

    def evaluate_all(self, work: Sequence[Work]) -> None:
        """Append tokens to several sequences in one batch; they all count as used.

        Args:
            work: Sequences, the tokens to append and how many of them, from the end, give logits.

        Raises:
            Cancelled: It is not wanted any more.
            ResourceError: There is no room for it.
        """
        parts = [(tokens, len(slot.tokens), slot.number, logits) for slot, tokens, logits in work]
        with filled_batch(parts) as batch:
            while (result := C.llama_decode(self._context, batch)) == 1:
                if not self._make_room([slot for slot, _, _ in work]):
                    break
        if result:
            for slot, _, _ in work:
                C.llama_memory_seq_rm(self._memory, slot.number, len(slot.tokens), -1)
            self._stop.check()
            raise ResourceError(
                f"llama.cpp could not evaluate {sum(len(t) for _, t, _ in work)} tokens"
                f" (code {result})",
                fix="lower llm.context, or take a smaller model",
            )
        for slot, tokens, _ in work:
            slot.tokens = np.append(slot.tokens, np.asarray(tokens, np.int32))
        self._stop.check()

    def cut(self, slot: Slot, length: int) -> None:
        """Keep only the first ``length`` tokens of ``slot``."""
        if length < len(slot.tokens):
            slot.tokens = slot.tokens[:length]
            C.llama_memory_seq_rm(self._memory, slot.number, length, -1)

    def fork(self, slot: Slot) -> Slot:
        """Another sequence that holds what ``slot`` holds."""
        return self._branch(slot, len(slot.tokens))

    def drop(self, slot: Slot) -> None:
        """Forget what ``slot`` holds."""
        self.cut(slot, 0)

    def forget(self, heads: Sequence[Sequence[int]]) -> None:
        """Keep of every sequence only what it shares with one of ``heads`` or of the shelf's.

        The cells that become free are written over by the next prompts.
        """
        kept = [*(np.asarray(head, np.int32) for head in heads), *self._shelf.heads]
        for slot in self._slots:
            self.cut(slot, max((common(slot.tokens, head) for head in kept), default=0))

    def learn(self, head: Sequence[int], tokens: Sequence[int]) -> None:
        """Read the passage ``tokens`` behind ``head`` and put it on the shelf, if it is not there.

        Raises:
            Cancelled: It is not wanted any more.
            ResourceError: There is no room, in memory or on the disk.
        """
        if not tokens or self._shelf.has(head, tokens):
            self.evaluated = 0
            return
        whole = [*head, *tokens]
        slot = self.read(whole, whole=False)
        C.llama_memory_seq_cp(self._memory, slot.number, _SCRATCH, len(head), len(whole))
        try:
            size = C.llama_state_seq_get_size(self._context, _SCRATCH)
            state = np.empty(size, np.uint8)
            pointer = state.ctypes.data_as(_BYTES)
            written = C.llama_state_seq_get_data(self._context, pointer, size, _SCRATCH)
        finally:
            C.llama_memory_seq_rm(self._memory, _SCRATCH, -1, -1)
        self._shelf.put(head, tokens, state[:written])

    # What there is already ----------------------------------------------------------------------

    def _begun(self, prompt: Sequence[int], most: int) -> Slot:
        """A sequence with what is known of the first ``most`` tokens of ``prompt``.

        It may hold more only when it holds all of ``prompt``.
        """
        donor, shared = self._slots.find(prompt)
        passages = self._shelf.cover(prompt)
        covered = sum(len(p.tokens) for p in passages)
        if passages and len(passages[0].head) + covered > shared + _WORTH:
            return self._restored(passages, donor, shared)
        shared = min(shared, most)
        if shared in (len(prompt), len(donor.tokens)):
            return donor
        return self._branch(donor, shared)

    def _restored(self, passages: Sequence[Passage], donor: Slot, shared: int) -> Slot:
        """A sequence of the passages' head and ``passages``, as far as their files are whole."""
        at = len(passages[0].head)
        if shared < at:
            donor = self.read(passages[0].head.tolist(), whole=False)
        missing: list[Passage] = []
        for passage in passages:
            if missing or at + len(passage.tokens) > shared:
                missing.append(passage)
            else:
                at += len(passage.tokens)
        slot = self._branch(donor, at)
        for passage in missing:
            state = self._shelf.load(passage)
            if state is None or not self._append(slot, passage, state):
                break
        return slot

    def _append(self, slot: Slot, passage: Passage, state: State) -> bool:
        """Put the state of ``passage`` behind ``slot``; whether that could be done."""
        pointer, memory = state.ctypes.data_as(_BYTES), self._memory
        for _ in range(_DROPPED):
            if C.llama_state_seq_set_data(self._context, pointer, len(state), _SCRATCH):
                break
            self._make_room([slot])
        else:
            self._shelf.remove(passage)
            return False
        if turn := len(slot.tokens) - len(passage.head):
            C.llama_memory_seq_add(memory, _SCRATCH, -1, -1, turn)
        C.llama_memory_seq_cp(memory, _SCRATCH, slot.number, -1, -1)
        C.llama_memory_seq_rm(memory, _SCRATCH, -1, -1)
        slot.tokens = np.append(slot.tokens, passage.tokens)
        return True

    def _branch(self, donor: Slot, shared: int) -> Slot:
        """A sequence that starts with the first ``shared`` tokens of ``donor``."""
        slot = self._slots.take(donor, self._shelf.heads)
        C.llama_memory_seq_rm(self._memory, slot.number, -1, -1)
        if shared:
            C.llama_memory_seq_cp(self._memory, donor.number, slot.number, 0, shared)
        slot.tokens = donor.tokens[:shared]
        return slot

    def _make_room(self, kept: Sequence[Slot]) -> bool:
        """Drop the least used sequence that is none of ``kept``; False when there is none."""
        old = self._slots.oldest(kept[-1], self._shelf.heads)
        if old is None or any(old is slot for slot in kept):
            return False
        self.cut(old, 0)
        return True
