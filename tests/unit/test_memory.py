"""What was freed is given back to the system."""

from __future__ import annotations

import os
import sys
import threading

import psutil
import pytest

from digital_human.core.memory import give_back

_SIZE, _COUNT = 2000, 40_000  # bytes; too small to be mapped each on its own


@pytest.mark.skipif(sys.platform != "linux", reason="malloc_trim is glibc's")
def test_what_a_thread_freed_is_given_back() -> None:
    kept: list[bytes] = []

    def work() -> None:
        held = [os.urandom(_SIZE) for _ in range(_COUNT)]
        kept.extend(held[-10:])  # at the end of the thread's memory: it cannot shrink by itself

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    process = psutil.Process()
    before = process.memory_info().rss
    give_back()
    assert before - process.memory_info().rss > _SIZE * _COUNT / 2
    assert len(kept) == 10
