"""llama.cpp's C interface, loaded as this program needs it."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from digital_human.errors import Cancelled

# Threads of llama.cpp wait for each other at about a thousand barriers a token. GNU OpenMP spins
# there by default, which stops everything when another model wants the same core; a short spin
# costs nothing on an idle machine. Read by libgomp when it is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from llama_cpp import __version__ as VERSION  # noqa: E402
from llama_cpp import llama_cpp as C  # noqa: E402, N812

__all__ = ["VERSION", "C", "Stop", "filled_batch", "quiet"]

_POLL = 0.01  # s between questions whether the work is still wanted


@functools.lru_cache
def quiet() -> Any:
    """Keep llama.cpp from writing to the terminal; the callback must live as long as it does."""

    @C.llama_log_callback  # type: ignore[untyped-decorator]
    def ignore(level: int, text: bytes, data: Any) -> None:
        return None

    C.llama_log_set(ignore, ctypes.c_void_p(0))
    return ignore


class Stop:
    """Ends a running evaluation from another thread.

    llama.cpp asks a C callback before every operation of the graph. A Python callback would take
    the interpreter lock a thousand times a token, so the C library's ``strlen`` is the callback,
    and its argument a text that is empty until the work is to stop.

    Args:
        context: The context whose evaluations it ends.
    """

    def __init__(self, context: Any) -> None:
        self._flag = ctypes.create_string_buffer(2)
        library = ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)
        callback = ctypes.cast(library.strlen, C.ggml_abort_callback)
        self._kept = (library, callback)
        C.llama_set_abort_callback(context, callback, ctypes.cast(self._flag, ctypes.c_void_p))

    @contextlib.contextmanager
    def watching(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Ask ``cancelled`` now and then from a thread of its own.

        Raises:
            Cancelled: It said so before the work began.
        """
        self._flag.value = b"\1" if cancelled() else b""
        self.check()
        done = threading.Event()

        def watch() -> None:
            while not done.wait(_POLL):
                if cancelled():
                    self._flag.value = b"\1"
                    return

        watcher = threading.Thread(target=watch, name="llm-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            self._flag.value = b""

    def check(self) -> None:
        """Raise `Cancelled` when the work is to stop."""
        if self._flag.value:
            raise Cancelled("the answer is not wanted any more")


@contextlib.contextmanager
def filled_batch(parts: Sequence[tuple[Sequence[int], int, int, int]]) -> Iterator[Any]:
    """A batch of the tokens of several sequences.

    Args:
        parts: Tokens, the position of the first, the sequence, and how many of them, from the
            end, give logits.
    """
    batch = C.llama_batch_init(sum(len(tokens) for tokens, *_ in parts), 0, 1)
    try:
        i = 0
        for tokens, position, sequence, logits in parts:
            for at, token in enumerate(tokens):
                batch.token[i] = token
                batch.pos[i] = position + at
                batch.n_seq_id[i] = 1
                batch.seq_id[i][0] = sequence
                batch.logits[i] = at >= len(tokens) - logits
                i += 1
        batch.n_tokens = i
        yield batch
    finally:
        C.llama_batch_free(batch)
