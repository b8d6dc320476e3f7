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


async def stay_alive() -> None:
    """Say ``READY=1``, then that the loop turns three times in every time-out, until cancelled."""
    if not notify("READY=1"):
        return
    asked = os.environ.get("WATCHDOG_USEC", "")
    if not asked.isdigit() or int(asked) == 0:
        return
    while True:
        await asyncio.sleep(int(asked) / 3e6)
        with contextlib.suppress(OSError):  # the next one may pass
            notify("WATCHDOG=1")
