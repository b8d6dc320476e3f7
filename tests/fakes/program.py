"""The program as its users start it: a server in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from digital_human.config import settings

START_S = 180.0


@contextmanager
def served(home: Path, *command: str, **environment: str) -> Iterator[str]:
    """Run ``digital-human COMMAND --port …`` until the end of the block; gives its address.

    Args:
        home: Folder for all it keeps but the weights, and its ``log.txt``.
        *command: What is run, e.g. ``serve``, ``--persona``, ``xihu``.
        **environment: Further variables.
    """
    (home / "models").symlink_to(settings().models_dir)
    log = home / "log.txt"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "digital_human", *command, "--port", str(port)], stdout=out,
            stderr=subprocess.STDOUT, env={**os.environ, "DH_HOME": str(home), **environment},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, server, log)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
            raise


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            if httpx.get(f"{url}/api/health", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"no answer in {START_S:.0f} s: {log.read_text()[-2000:]}")
