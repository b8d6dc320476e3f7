"""Chromium for the tests of the page, with a fake microphone."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.fakes.page_server import PageServer

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=user-gesture-required",
    "--mute-audio",
]

DESKTOP = {"width": 1280, "height": 720}
PHONE = {"width": 390, "height": 844}


def unprivileged(folder: Path) -> str:
    """Path of the browser, or of what starts it, in ``folder``, as one that may not raise itself.

    One that root starts puts its drawing before all else on the machine; a user's may not, and
    would not starve the server that it shares two cores with.
    """
    if os.geteuid() or not (setpriv := shutil.which("setpriv")):
        return str(CHROMIUM)
    start = folder / "chromium"
    lower = f"{setpriv} --bounding-set=-sys_nice --inh-caps=-sys_nice"
    start.write_text(f'#!/bin/sh\nexec {lower} {CHROMIUM} "$@"\n', encoding="utf-8")
    start.chmod(0o700)
    return str(start)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of the browser."""
    if not CHROMIUM.exists():
        reason = f"no browser at {CHROMIUM}: install Debian's chromium or set CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return unprivileged(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def launch(chromium: str) -> Iterator[Callable[..., Browser]]:
    """Start the browser with further flags; closed after the module.

    Playwright keeps an event loop running in this thread, so it must not outlive the module.
    """
    with sync_playwright() as playwright:
        browsers: list[Browser] = []

        def start(*flags: str) -> Browser:
            browsers.append(
                playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *flags])
            )
            return browsers[-1]

        yield start
        for browser in browsers:
            browser.close()


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Browser]) -> Browser:
    """A browser whose fake microphone beeps."""
    return launch()


class Visit:
    """Pages of one test, and everything they complained of."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def open(
        self,
        url: str,
        *,
        size: dict[str, int] = DESKTOP,
        locale: str = "zh-CN",
        microphone: bool = True,
        **context: object,
    ) -> Page:
        """A fresh visitor at ``url``."""
        visitor = self._browser.new_context(
            viewport=size, locale=locale, permissions=["microphone"] if microphone else [],
            reduced_motion="reduce", **context,
        )  # fmt: skip
        self._contexts.append(visitor)
        page = visitor.new_page()
        page.set_default_timeout(15_000)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"pageerror: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(url)
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def close(self) -> None:
        """Close all pages."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens pages; the test fails when one of them logged an error."""
    visit = Visit(browser)
    yield visit
    visit.close()
    assert visit.complaints == []


@pytest.fixture
def server() -> Iterator[PageServer]:
    """A live server with scripted answers."""
    with PageServer().running() as server:
        yield server


def begin(page: Page, button: str = "#go") -> None:
    """Press start and wait for the picture."""
    page.click(button)
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    until(lambda: page.evaluate("document.getElementById('face').currentTime > 0.2"))


def until(said: Callable[[], bool], seconds: float = 8.0) -> None:
    """Wait for what happens at the server."""
    end = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@dataclass
class Talk:
    """A conversation that has begun."""

    page: Page
    server: PageServer
    visit: Visit


@pytest.fixture(scope="module")
def conversation(browser: Browser) -> Iterator[Talk]:
    """One connection for the tests that leave it as they found it."""
    with PageServer().running() as server:
        visit = Visit(browser)
        page = visit.open(server.url)
        begin(page)
        yield Talk(page, server, visit)
        visit.close()


@pytest.fixture
def talk(conversation: Talk) -> Iterator[Talk]:
    """The running conversation between two turns; fails when its page logged an error."""
    page, server = conversation.page, conversation.server
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    page.set_viewport_size(DESKTOP)
    server.emit("state", state="idle")
    expect(page.locator("body[data-state=idle]")).to_be_attached()
    server.received.clear()
    server.reports.clear()
    yield conversation
    assert conversation.visit.complaints == []
