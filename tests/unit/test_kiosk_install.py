"""The kiosk's systemd units, the browser's keeper and the notes to the service manager."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from typer.testing import CliRunner

from digital_human.apps.kiosk import browser, install
from digital_human.apps.kiosk.browser import Keeper, find_browser
from digital_human.apps.kiosk.install import SCREEN, SERVER, Installation
from digital_human.errors import InputError, ResourceError
from digital_human.server import watchdog
from digital_human.server.kiosk_commands import app
from tests.fakes.serving import on_loopback

USER = "daemon"


def test_the_units_start_server_and_browser_and_start_them_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "my 100% home"
    monkeypatch.setenv("DH_HOME", str(home))
    units = Installation(USER, "dongpo", 8123, camera=False, rotate=270).units()
    server, screen = units[SERVER], units[SCREEN]
    for unit in (server, screen):
        assert "Restart=always" in unit
        assert "StartLimitIntervalSec=0" in unit  # it never gives up
        assert f"User={USER}" in unit
        assert "WorkingDirectory=~\n" in unit  # both read the settings file that lies there
        assert f'Environment="DH_HOME={str(home).replace("%", "%%")}"' in unit
    assert "Type=notify" in server
    assert "TimeoutStartSec=infinity" in server  # the first start fetches the models
    assert re.search(r"^WatchdogSec=\d+$", server, re.MULTILINE)
    line = (
        f"{sys.executable} -m digital_human kiosk --no-browser --log-json --port 8123 --no-camera"
    )
    assert f"ExecStart={line} \\\n    --persona dongpo\n" in server
    assert f"After={SERVER}" in screen
    assert "RuntimeDirectory=digital-human-screen" in screen
    assert "-r -r -r -- " in screen
    assert "kiosk screen --port 8123 --profile /run/digital-human-screen" in screen


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_accepts_the_units_and_finds_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DH_HOME", str(tmp_path / "a b"))
    monkeypatch.setattr(shutil, "which", _which_but({"cage": "/bin/true", "chvt": "/bin/true"}))
    units = Installation(USER, "dongpo", 8080).units()
    assert install.verify(units) == ""
    broken = {SERVER: units[SERVER].replace("Type=notify", "Type=whatever")}
    assert "whatever" in install.verify(broken)


def _which_but(found: dict[str, str | None]) -> object:
    which = shutil.which
    return lambda name: found[name] if name in found else which(name)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"user": "nobody-of-that-name"}, "does not exist"),
        ({"user": "root"}, "root"),
        ({"rotate": 45}, "rotate 45"),
    ],
)
def test_what_cannot_be_installed_is_told(values: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Installation(**{"user": USER, "persona": "dongpo", "port": 8080, **values})  # type: ignore[arg-type]


def test_install_writes_enables_and_uninstall_removes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    called: list[tuple[str, ...]] = []
    monkeypatch.setattr(install, "UNITS", tmp_path)
    monkeypatch.setattr(install, "_systemctl", lambda *words: called.append(words))
    monkeypatch.setattr(install, "_require_systemd", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    programs = {"cage": "/bin/true", "chromium": "/bin/true", "chvt": "/bin/true"}
    monkeypatch.setattr(shutil, "which", _which_but(programs))
    runner = CliRunner()
    done = runner.invoke(app, ["install", "--user", USER], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [SERVER, SCREEN]
    assert ("enable", SERVER, SCREEN) in called
    assert ("--no-block", "restart", SERVER, SCREEN) in called  # it is not ready for minutes
    assert "the first start fetches the models" in done.output
    assert "journalctl -fu digital-human-kiosk" in done.output
    assert stat.S_IMODE((tmp_path / SERVER).stat().st_mode) == 0o644
    runner.invoke(app, ["uninstall"], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []
    assert ("disable", "--now", SCREEN, SERVER) in called
    assert "nothing" in runner.invoke(app, ["uninstall"], catch_exceptions=False).output
    programs["cage"] = None  # type: ignore[assignment]
    with pytest.raises(ResourceError, match="cage") as told:
        runner.invoke(app, ["install", "--user", USER], catch_exceptions=False)
    assert "apt install cage" in told.value.fix
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ResourceError, match="only root") as told:
        runner.invoke(app, ["install", "--user", USER], catch_exceptions=False)
    assert "sudo" in told.value.fix


def test_a_systemd_that_does_not_answer_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def hangs(words: list[str], *, timeout: float, **options: object) -> None:
        raise subprocess.TimeoutExpired(words, timeout)

    monkeypatch.setattr(subprocess, "run", hangs)
    monkeypatch.setattr(install, "UNITS", tmp_path)
    monkeypatch.setattr(install, "_require_systemd", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(ResourceError, match="systemd-analyze verify .*no answer") as told:
        install.verify({SERVER: ""})
    assert "try again" in told.value.fix
    (tmp_path / SERVER).touch()
    with pytest.raises(ResourceError, match=f"systemctl disable --now {SERVER}: no answer") as told:
        install.uninstall()
    assert "systemctl list-jobs" in told.value.fix


def test_a_dry_run_prints_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(install, "UNITS", tmp_path)
    done = CliRunner().invoke(app, ["install", "--user", USER, "--dry-run"])
    assert done.exit_code == 0
    assert "ExecStart=" in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_missing_browser_or_screen_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ResourceError) as told:
        find_browser()
    assert "apt install chromium" in told.value.fix
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(ResourceError, match="no screen"):
        find_browser()
    monkeypatch.setenv("DISPLAY", ":0")
    assert find_browser() == "/usr/bin/chromium"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ResourceError, match="root"):
        find_browser()


async def test_the_browser_is_started_again_when_it_dies_or_its_page_is_silent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(browser, "_POLL", 0.02)
    monkeypatch.setattr(browser, "_WAITS", (0.0,))
    monkeypatch.setattr(browser, "_FIRST", 0.6)
    monkeypatch.setattr(browser, "_QUIET", 0.3)
    quiet: dict[str, float | None] = {"s": 0.0}
    fresh = [""]
    server = FastAPI()

    @server.get("/api/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @server.get("/api/kiosk/page")
    def page() -> dict[str, float | str | None]:
        return {"quiet_s": quiet["s"], "fresh": fresh[0]}

    log, program = tmp_path / "starts", tmp_path / "chromium"
    program.write_text(f'#!/bin/sh\necho "$$ $*" >> {log}\nexec sleep 60\n')
    program.chmod(0o755)

    def starts() -> list[str]:
        return log.read_text().splitlines() if log.exists() else []

    async def started(times: int) -> None:
        async with asyncio.timeout(10):
            while len(starts()) < times:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async with on_loopback(uvicorn.Config(server, log_level="error")) as address:
        keeper = Keeper(str(program), address, token="a-token", folder=tmp_path)
        running = asyncio.create_task(keeper.run())
        await started(1)
        assert starts()[0].endswith(f"{address}/kiosk#token=a-token")
        assert "--kiosk" in starts()[0]
        os.kill(int(starts()[0].split()[0]), 9)
        await started(2)
        await asyncio.sleep(0.8)
        assert len(starts()) == 2  # a page that calls is left alone
        quiet["s"] = 1e6  # it called long ago, before this start
        await started(3)
        quiet["s"] = 0.0
        async with asyncio.timeout(10):
            while keeper.starts < 3 or keeper._fresh is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        fresh[0] = "tonight"  # the server was started afresh
        await started(4)
        fresh[0] = ""  # it died after that, which is no reason
        await asyncio.sleep(0.3)
        assert len(starts()) == keeper.starts == 4
        assert "afresh" in keeper.why
        last = int(starts()[-1].split()[0])
        running.cancel()
        await asyncio.wait([running])
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)
    assert not [name for name in os.listdir(tmp_path) if name.startswith("kiosk-")]


async def test_the_service_manager_hears_that_the_loop_turns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    await watchdog.stay_alive()  # nobody asks: it ends at once
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        monkeypatch.setenv("WATCHDOG_USEC", "60000")
        telling = asyncio.create_task(watchdog.stay_alive())
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5):
            heard = [(await loop.sock_recv(manager, 100)).decode() for _ in range(3)]
        telling.cancel()
    assert heard == ["READY=1\nWATCHDOG_USEC=60000", "WATCHDOG=1", "WATCHDOG=1"]
