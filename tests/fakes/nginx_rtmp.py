"""Debian's nginx with its RTMP module, on a loopback port, recording what is pushed."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import pytest

MODULE = "/usr/lib/nginx/modules/ngx_rtmp_module.so"


def free_port() -> int:
    """A TCP port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def absent(reason: str) -> NoReturn:
    """Skip the test for a missing package, but fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


async def listening(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until a server takes connections."""
    async with asyncio.timeout(15):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                assert process.returncode is None, "the server ended at once"
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


@asynccontextmanager
async def nginx(folder: Path, port: int) -> AsyncIterator[None]:
    """Take pushes to ``rtmp://127.0.0.1:port/live/KEY`` into ``folder/KEY.flv``."""
    binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if binary is None or not os.path.exists(MODULE):  # noqa: ASYNC240
        absent("no nginx with RTMP: install nginx libnginx-mod-rtmp")
    user = "user root;" if os.getuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(
        f"""
        load_module {MODULE};
        daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
        events {{ worker_connections 64; }}
        rtmp {{ server {{
            listen 127.0.0.1:{port};
            application live {{ live on; record all; record_path {folder}; }}
        }} }}
        """
    )
    process = await asyncio.create_subprocess_exec(
        binary, "-c", str(config), "-e", str(folder / "error.log"), "-p", str(folder),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await listening(port, process)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
