"""Tells systemd that the program is ready and that its loop turns (sd_notify)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket


def notify(message: str) -> bool:
    """Send ``message``, e.g. ``READY=1``; False where no service manager asked for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # the kernel's own name space
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.sendall(message.encode())
    return True


def be_patient(seconds: float) -> None:
    """Have the service manager wait so long for the next sign of life, e.g. while models load."""
    if _timeout():
        with contextlib.suppress(OSError):
            notify(f"WATCHDOG_USEC={round(seconds * 1e6)}\nWATCHDOG=1")


async def stay_alive() -> None:
    """Say ``READY=1``, then that the loop turns three times in every time-out, until cancelled.

    The time-out is set anew, for `be_patient` may have changed it.
    """
    asked = _timeout()
    again = f"\nWATCHDOG_USEC={asked}" if asked else ""
    if not notify(f"READY=1{again}") or not asked:
        return
    while True:
        await asyncio.sleep(asked / 3e6)
        with contextlib.suppress(OSError):  # the next one may pass
            notify("WATCHDOG=1")


def _timeout() -> int:
    """Microseconds of silence that the service manager allows; 0 when it does not look."""
    asked = os.environ.get("WATCHDOG_USEC", "")
    return int(asked) if asked.isdigit() else 0
