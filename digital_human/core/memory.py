"""Memory that was freed goes back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Hand the free memory of all threads to the system; takes hundredths of a second.

    The C library keeps what one thread frees for that thread, so that a process with many threads
    holds the most that each of them ever needed (glibc, malloc_trim).
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in every C library
        if trim is not None:
            trim(0)
