"""Units of systemd that start the kiosk with the machine and again when something dies."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from digital_human.errors import InputError, ResourceError

SERVER = "digital-human-kiosk.service"
SCREEN = "digital-human-screen.service"
UNITS = Path("/etc/systemd/system")
TERMINAL = "tty7"
_TIMEOUT = 120.0  # s for an answer of systemd

_SERVER = """\
[Unit]
Description=digital_human kiosk: the server
After=sound.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
User={user}
WorkingDirectory=~
{environment}ExecStart={program} kiosk --no-browser --log-json --port {port}{camera} \\
    --persona {persona}
Restart=always
RestartSec=2
# The program tells every few seconds that its loop turns; silence ends and restarts it.
WatchdogSec=30
# The first start fetches the models.
TimeoutStartSec=infinity
TimeoutStopSec=20
OOMScoreAdjust=-200
NoNewPrivileges=yes
ProtectSystem=full
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes

[Install]
WantedBy=multi-user.target
"""
_SCREEN = """\
[Unit]
Description=digital_human kiosk: the browser on the screen
After={server} systemd-user-sessions.service systemd-logind.service dbus.socket
Wants={server} dbus.socket systemd-logind.service
Conflicts=getty@{terminal}.service
After=getty@{terminal}.service
ConditionPathExists=/dev/tty0
StartLimitIntervalSec=0

[Service]
Type=simple
User={user}
PAMName=login
WorkingDirectory=~
TTYPath=/dev/{terminal}
TTYReset=yes
TTYVHangup=yes
TTYVTDisallocate=yes
StandardInput=tty-fail
UtmpIdentifier={terminal}
UtmpMode=user
{environment}RuntimeDirectory=digital-human-screen
RuntimeDirectoryMode=0700
ExecStartPre=+{chvt} {number}
ExecStart={cage} {rotate}-- {program} kiosk screen --port {port} --profile /run/digital-human-screen
Restart=always
RestartSec=2
TimeoutStopSec=15

[Install]
WantedBy=graphical.target
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is installed.

    Attributes:
        user: Whose account it runs as.
        persona: Name, or path of its folder.
        port: Of the server, on loopback.
        camera: Whether the camera is used.
        rotate: Degrees that the screen is turned clockwise: 0, 90, 180 or 270.
    """

    user: str
    persona: str
    port: int
    camera: bool = True
    rotate: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        if self.rotate not in (0, 90, 180, 270):
            raise InputError(
                f"rotate {self.rotate}: screens are turned by quarters", fix="0, 90, 180 or 270"
            )
        try:
            account = pwd.getpwnam(self.user)
        except KeyError:
            raise InputError(
                f"user {self.user!r} does not exist", fix="adduser --system is not enough: "
                f"adduser {self.user}, then usermod -aG video,render,audio,input {self.user}"
            ) from None  # fmt: skip
        if account.pw_uid == 0:
            raise InputError(
                "the kiosk does not run as root: browsers refuse to", fix="name a user: --user NAME"
            )

    def units(self) -> dict[str, str]:
        """The units' texts by file name."""
        home = os.environ.get("DH_HOME")
        place = f"DH_HOME={Path(home).resolve()}" if home else ""
        environment = f"Environment={_quoted(place)}\n" if home else ""
        program = f"{_word(sys.executable)} -m digital_human"
        persona = Path(self.persona).expanduser()
        named = str(persona.resolve()) if os.sep in self.persona else self.persona
        values = {
            "user": self.user, "environment": environment, "program": program, "port": self.port,
            "persona": _word(named), "camera": "" if self.camera else " --no-camera",
            "server": SERVER, "terminal": TERMINAL, "number": TERMINAL.removeprefix("tty"),
            "chvt": shutil.which("chvt") or "/usr/bin/chvt",
            "cage": shutil.which("cage") or "/usr/bin/cage", "rotate": "-r " * (self.rotate // 90),
        }  # fmt: skip
        return {SERVER: _SERVER.format(**values), SCREEN: _SCREEN.format(**values)}


def verify(units: dict[str, str]) -> str:
    """What ``systemd-analyze verify`` says of the units; empty when all is well or it is not here.

    Programs and accounts that this machine lacks are told too.

    Raises:
        ResourceError: It does not answer.
    """
    tool = shutil.which("systemd-analyze")
    if tool is None:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in units]
        for path, text in zip(paths, units.values(), strict=True):
            path.write_text(text, encoding="utf-8")
        checked = _called(tool, "verify", "--man=no", "--recursive-errors=no", *map(str, paths))
    lines = (checked.stderr + checked.stdout).splitlines()
    about = [line for line in lines if any(name in line for name in units)]
    return "\n".join(line.replace(f"{folder}/", "") for line in about)


def install(units: dict[str, str]) -> None:
    """Write the units, enable and start them, without waiting until they run.

    Raises:
        ResourceError: Not root, or no systemd, cage or Chromium here; or systemd refuses or does
            not answer.
    """
    _require_root("install")
    _require_systemd()
    for program in ("cage", "chromium", "chvt"):
        if shutil.which(program) is None:
            package = {"chvt": "kbd"}.get(program, program)
            raise ResourceError(
                f"the program {program} is not here", fix=f"apt install {package}, then try again"
            )
    if said := verify(units):
        raise ResourceError(
            f"systemd does not accept the units: {said}",
            fix="see them with --dry-run and report this",
        )
    for name, text in units.items():
        path = UNITS / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    _systemctl("daemon-reload")
    _systemctl("enable", *units)
    # The server is ready when its models are here, which takes minutes the first time.
    _systemctl("--no-block", "restart", *units)
    Console(soft_wrap=True, highlight=False).print(
        "it starts now; the first start fetches the models (1.4 GB), then the screen shows the page"
    )


def uninstall() -> list[Path]:
    """Stop, disable and remove the units; returns what was removed.

    Raises:
        ResourceError: Not root, or no systemd here; or systemd refuses or does not answer.
    """
    _require_root("uninstall")
    found = [UNITS / name for name in (SCREEN, SERVER) if (UNITS / name).exists()]
    if not found:
        return []
    _require_systemd()
    _systemctl("disable", "--now", *(path.name for path in found))
    for path in found:
        path.unlink()
    _systemctl("daemon-reload")
    return found


def _require_root(what: str) -> None:
    if os.geteuid() != 0:
        raise ResourceError(
            f"kiosk {what} writes to {UNITS}, which only root may",
            fix=f"sudo {sys.executable} -m digital_human kiosk {what} …, or look with --dry-run",
        )


def _require_systemd() -> None:
    if shutil.which("systemctl") is None or not Path("/run/systemd/system").is_dir():
        raise ResourceError(
            "systemd does not run this machine",
            fix="start digital-human kiosk from what does; --dry-run shows the units",
        )


def _systemctl(*words: str) -> None:
    done = _called("systemctl", *words)
    if done.returncode:
        raise ResourceError(
            f"systemctl {' '.join(words)}: {done.stderr.strip()}", fix="journalctl -xe says more"
        )


def _called(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise ResourceError(
            f"{Path(words[0]).name} {' '.join(words[1:])}: no answer within {_TIMEOUT:.0f} s",
            fix="systemctl list-jobs shows what it waits for; try again when that is done",
        ) from None


def _word(text: str) -> str:
    """A word of a unit's command line, where ``$`` begins a variable."""
    return _quoted(text.replace("$", "$$"))


def _quoted(text: str) -> str:
    """A word of a unit."""
    if set(text) & set("\n\r\0"):
        raise InputError(f"{text!r}: cannot stand in a unit", fix="choose a plain path")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if set(escaped) & set(" '\"\\;") else escaped
