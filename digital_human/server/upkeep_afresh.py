"""The program in the place of itself (`os.execv`): the service manager sees one process that goes
on, and it is started as it was the first time."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from typing import Literal, NoReturn

import psutil
import structlog

from digital_human.server import watchdog

Why = Literal["night", "content", "rolled back"]

STARTED_BY = "DIGITAL_HUMAN_STARTED_BY"
"""In the environment of the program that follows: why it was started."""
_LOADING_S = 600.0  # for which the service manager waits for a sign of life of the new start
_ENDING_S = 0.5  # in which killed processes end; the browser's keeper starts another after 1 s
_BOOT = time.clock_gettime(time.CLOCK_BOOTTIME)
log = structlog.get_logger()


def age() -> float:
    """Seconds since this program started; nobody sets this clock, and sleep counts."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - _BOOT


def start_afresh(why: Why) -> NoReturn:
    """Put the program, as it was started, in the place of this process."""
    log.info("kiosk.starts_afresh", why=why)
    watchdog.be_patient(_LOADING_S)
    os.environ[STARTED_BY] = why
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    logging.shutdown()
    _end_browser()
    try:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    except OSError:  # e.g. it is being updated: the service manager starts it
        os._exit(75)


def _end_browser() -> None:
    """End what was started in a session of its own and still runs: nobody would own it."""
    ended = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children():
            with contextlib.suppress(OSError):
                if os.getpgid(child.pid) == child.pid:
                    os.killpg(child.pid, signal.SIGKILL)
                    ended.append(child)
        psutil.wait_procs(ended, timeout=_ENDING_S)
