"""What the pages cost a browser that draws without a graphics card, and the pictures it drops.

    python scripts/bench/page.py                       # about 3 minutes, needs Chromium
    python scripts/bench/page.py --plain               # the same with all filters and masks off

The real server runs beside the browser, so both have what the other leaves of the machine: the
share of a core each takes, and how many of the pictures that came were not shown. The browser may
not put itself before the server: see `tests/browser/conftest.py`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import FLAGS, unprivileged  # noqa: E402
from tests.fakes.program import served  # noqa: E402

PAGES = {"live": ("serve", "xihu", ""), "kiosk": ("kiosk", "dongpo", "kiosk")}
PLAIN = "*, ::before, ::after { filter: none !important; backdrop-filter: none !important; " \
        "mask-image: none !important; }"  # fmt: skip
SHOWN = """() => { const q = document.getElementById('face').getVideoPlaybackQuality();
    return [q.totalVideoFrames, q.droppedVideoFrames]; }"""
SETTLING_S = 12.0  # the greeting


def cpu() -> dict[str, float]:
    """Seconds of processor so far: of the server, the browser's drawing and its pages."""
    spent = {"server": 0.0, "drawing": 0.0, "page": 0.0}
    for child in psutil.Process().children(recursive=True):
        try:
            line, times = " ".join(child.cmdline()), child.cpu_times()
        except psutil.Error:
            continue
        kind = ("drawing" if "type=gpu-process" in line else "page" if "type=renderer" in line
                else "server" if "digital_human" in line else None)  # fmt: skip
        if kind is not None:
            spent[kind] += times.user + times.system
    return spent


def measured(page: Page, seconds: float) -> list[str]:
    """A row: shares of a core, and pictures dropped."""
    before, (came, dropped) = cpu(), page.evaluate(SHOWN)
    time.sleep(seconds)
    after, (all_came, all_dropped) = cpu(), page.evaluate(SHOWN)
    shares = [f"{(after[kind] - before[kind]) / seconds:.2f}" for kind in after]
    return [*shares, f"{all_dropped - dropped} of {all_came - came}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="measured of each page")
    parser.add_argument("--plain", action="store_true", help="without filters and masks")
    args = parser.parse_args()
    table = Table("page", "server", "drawing", "page's own", "pictures dropped",
                  title=f"cores taken, of {psutil.cpu_count()}")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        start = unprivileged(Path(folder))
        for name, (command, persona, path) in PAGES.items():
            home = Path(folder) / name
            home.mkdir()
            screen = ["--no-browser"] if command == "kiosk" else []
            options = [command, "--persona", persona, "--llm", "none", *screen]
            with served(home, *options) as url:
                flags = [*FLAGS, "--autoplay-policy=no-user-gesture-required"]
                browser = playwright.chromium.launch(executable_path=start, args=flags)
                page = browser.new_page(viewport={"width": 1280, "height": 720}, bypass_csp=True)
                page.goto(f"{url}/{path}")
                if command == "serve":
                    page.click("#go")
                page.wait_for_function("document.getElementById('face').readyState >= 2")
                if args.plain:
                    page.add_style_tag(content=PLAIN)
                time.sleep(SETTLING_S)
                table.add_row(name, *measured(page, args.seconds))
                browser.close()
    Console().print(table)


if __name__ == "__main__":
    main()
