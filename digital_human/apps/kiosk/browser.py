"""Keeps Chromium full screen on the kiosk's page: started, and again when it dies or hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import structlog

from digital_human.errors import ResourceError

log = structlog.get_logger(__name__)

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--kiosk", "--no-first-run", "--no-default-browser-check", "--noerrdialogs",
    "--disable-session-crashed-bubble", "--disable-infobars", "--password-store=basic",
    # The page may speak, hear and see without anybody to allow it.
    "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream",
    # Visitors' fingers neither zoom nor leave the page.
    "--disable-pinch", "--overscroll-history-navigation=0", "--disable-features=Translate",
    # Nothing goes out of the house.
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-domain-reliability", "--disable-client-side-phishing-detection", "--no-pings",
    # A page that nobody touches is not put to sleep.
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
)  # fmt: skip
_POLL = 2.0  # s between looks at the page and the server
_QUIET = 60.0  # s without a call of the page after which it counts as hung
_FIRST = 90.0  # the same for a browser that has just started
_WAITS = (1.0, 2.0, 5.0, 10.0, 20.0)  # s before it is started again
_STEADY = 120.0  # s after which a start counts as good
_PARTING = 5.0  # s that it has to end by itself


def find_browser() -> str:
    """Path of Chromium.

    Raises:
        ResourceError: There is none, no screen, or it would not start as root.
    """
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise ResourceError(
            "no Chromium here (looked for " + ", ".join(NAMES) + ")",
            fix="apt install chromium, or --no-browser and open /kiosk elsewhere",
        )
    if os.geteuid() == 0 and "--no-sandbox" not in os.environ.get("CHROMIUM_FLAGS", ""):
        raise ResourceError(
            "Chromium does not start as root", fix="run as an ordinary user, or --no-browser"
        )
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ResourceError(
            "there is no screen here: neither DISPLAY nor WAYLAND_DISPLAY is set",
            fix="start it in the desktop's session, or --no-browser; "
            "digital-human kiosk install needs no desktop",
        )
    return found


class Keeper:
    """Keeps the browser on the page.

    Args:
        browser: Path of Chromium.
        server: Address of the server, e.g. ``http://127.0.0.1:8080``.
        token: Visitor's token; empty for none.
        folder: Where its profile goes, a fresh one at every start; None takes a temporary folder.

    Attributes:
        starts: How often it was started.
        why: Why it was started again; empty before it was.
    """

    def __init__(
        self, browser: str, server: str, *, token: str = "", folder: Path | None = None
    ) -> None:
        self._browser, self._server, self._token = browser, server, token
        self._folder = folder
        self._fresh: str | None = None  # as the server told when the browser was started
        self.starts = 0
        self.why = ""

    def command(self, profile: Path) -> list[str]:
        """What starts the browser.

        Args:
            profile: Folder of its profile.
        """
        fragment = f"#token={self._token}" if self._token else ""
        flags = [*FLAGS, f"--user-data-dir={profile}"]
        if os.environ.get("WAYLAND_DISPLAY"):
            flags.append("--ozone-platform=wayland")
        return [self._browser, *flags, f"{self._server}/kiosk{fragment}"]

    async def run(self) -> None:
        """Start it, and again whenever it dies or hangs, until cancelled; then it is ended."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        async with httpx.AsyncClient(
            base_url=self._server, headers=headers, timeout=5.0, trust_env=False
        ) as client:
            tries = 0
            loop = asyncio.get_running_loop()
            while True:
                await self._wait_for_server(client)
                began = loop.time()
                try:
                    why = await self._once(client)
                except OSError as error:  # e.g. a full disk, or the browser is being updated
                    why = str(error)
                self.why = why
                tries = 0 if loop.time() - began > _STEADY else tries + 1
                wait = _WAITS[min(tries, len(_WAITS) - 1)]
                log.warning("browser.restarts", cause=why, wait=wait)
                await asyncio.sleep(wait)

    async def _wait_for_server(self, client: httpx.AsyncClient) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get("/api/health")).status_code == 200:
                    return
            await asyncio.sleep(_POLL)

    async def _once(self, client: httpx.AsyncClient) -> str:
        """Run it until it dies or hangs; says which."""
        with _profile(self._folder) as profile:
            process = await asyncio.create_subprocess_exec(
                *self.command(profile), stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
            log.info("browser.started", pid=process.pid)
            self.starts, self._fresh = self.starts + 1, None
            gone = asyncio.create_task(process.wait(), name="browser")
            try:
                return await self._watch(client, gone)
            finally:
                await _end(process.pid, gone)

    async def _watch(self, client: httpx.AsyncClient, gone: asyncio.Task[int]) -> str:
        loop = asyncio.get_running_loop()
        patience, heard = _FIRST, loop.time()
        while True:
            await asyncio.wait([gone], timeout=_POLL)
            if gone.done():
                return f"it ended with {gone.result()}"
            try:
                answer = await client.get("/api/kiosk/page")
                told = answer.json() if answer.status_code == 200 else {}
                quiet, fresh = told.get("quiet_s"), told.get("fresh")
            except (httpx.HTTPError, ValueError):
                heard = loop.time()  # the server is down: the page waits for it by itself
                continue
            if fresh and self._fresh not in (None, fresh):
                return "the server was started afresh, and so is the browser"
            self._fresh = fresh or self._fresh or ""
            if quiet is not None and loop.time() - quiet > heard:
                heard, patience = loop.time() - quiet, _QUIET
            if loop.time() - heard > patience:
                return f"the page was silent for {loop.time() - heard:.0f} s"


@contextlib.contextmanager
def _profile(folder: Path | None) -> Iterator[Path]:
    """A fresh folder; nothing of the browser outlives it."""
    with tempfile.TemporaryDirectory(
        prefix="kiosk-", dir=folder, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


async def _end(pid: int, gone: asyncio.Task[int]) -> None:
    """End the browser with all its processes, which are a session of their own."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, how)
        done, _ = await asyncio.wait([gone], timeout=_PARTING)
        if done:
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what it left behind
