"""What this machine can do, what is wrong with it, and the command that mends it."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import psutil
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from digital_human import __version__
from digital_human.config import settings
from digital_human.errors import DigitalHumanError, ResourceError
from digital_human.models import store
from digital_human.safety.labels import font_path

State = Literal["ok", "warn", "fail"]

_GB = 1e9
_PORT = 8080
_PACKAGES = ("av", "onnxruntime", "opencv-python-headless", "mediapipe", "numpy", "c2pa-python")
_IMPORTS = ("av", "cv2", "onnxruntime", "mediapipe", "c2pa")
_NEEDED_BYTES = 2.5 * _GB
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What was looked at.
        state: ``ok``; ``warn``: works but something is worse or absent; ``fail``: rendering or
            serving will not work.
        detail: What was found.
        fix: The command or the step that mends it; empty when nothing is to be done.
    """

    name: str
    state: State
    detail: str
    fix: str = ""


def run() -> list[Check]:
    """Look at everything; a look that itself breaks becomes a failed check."""
    checks: list[Check] = []
    for look in (
        _versions,
        _imports,
        _settings,
        _processor,
        _graphics,
        _encoders,
        _font,
        _home,
        _weights,
        _disk,
        _memory,
        _port,
    ):
        try:
            checks.extend(look())
        except DigitalHumanError as error:
            checks.append(Check(_title(look), "fail", error.message, error.fix))
        except (OSError, ValidationError) as error:
            checks.append(Check(_title(look), "fail", f"{type(error).__name__}: {error}"))
    return checks


def _title(look: Callable[[], Iterator[Check]]) -> str:
    return look.__name__.strip("_")


def _versions() -> Iterator[Check]:
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    python = f"Python {platform.python_version()}"
    yield Check("version", "ok", f"digital-human {__version__}, {python}, {system}")
    found, absent = [], []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            absent.append(package)
    if absent:
        yield Check("packages", "fail", f"not installed: {', '.join(absent)}", _reinstall())
    else:
        yield Check("packages", "ok", ", ".join(found))


def _imports() -> Iterator[Check]:
    broken = {}
    for module in _IMPORTS:
        try:
            importlib.import_module(module)
        except (ImportError, OSError, AttributeError) as error:
            broken[module] = f"{module}: {error}"
    if broken:
        yield Check("imports", "fail", "; ".join(broken.values()), _reinstall())
    libraries = {"libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2"}
    absent = [name for name in libraries if sys.platform == "linux" and not _loads(name)]
    if absent:
        packages = " ".join(libraries[name] for name in absent)
        yield Check(
            "system libraries",
            "fail",
            f"{', '.join(absent)} not found; the face landmarker loads them",
            f"sudo apt-get install -y {packages}",
        )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _reinstall() -> str:
    return f"{sys.executable} -m pip install --force-reinstall digital-human"


def _settings() -> Iterator[Check]:
    try:
        current = settings()
    except (ValidationError, ValueError) as error:
        problem = str(error).replace("\n", " ")
        fix = "correct digital-human.toml or the DH_* environment variable that is named"
        yield Check("settings", "fail", problem, fix)
        return
    own = f", own files for {', '.join(current.weights)}" if current.weights else ""
    yield Check("settings", "ok", f"home {current.home}{own}")
    if current.face == "neural":
        from digital_human.face.bundle import NEURAL_NOTICE

        yield Check("licence", "warn", NEURAL_NOTICE, "set face = mesh")


def _processor() -> Iterator[Check]:
    usable = len(psutil.Process().cpu_affinity() or []) if sys.platform == "linux" else 0
    cores = usable or psutil.cpu_count() or 1
    detail = f"{cores} usable cores, {_processor_name()}"
    if cores < 2:
        fix = "give the machine or container two cores"
        yield Check("CPU", "warn", f"{detail}: slower than real time", fix)
        return
    yield Check("CPU", "ok", detail)


def _processor_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _graphics() -> Iterator[Check]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        yield Check("GPU", "ok", "no NVIDIA GPU: everything runs on the CPU")
        return
    query = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        yield Check("GPU", "warn", "nvidia-smi does not answer", "restart the NVIDIA driver")
        return
    if answer.returncode:
        text = (answer.stderr or answer.stdout).strip().splitlines()
        detail = f"nvidia-smi fails: {text[0] if text else answer.returncode}"
        yield Check("GPU", "warn", detail, "reinstall the NVIDIA driver and reboot")
        return
    yield Check("GPU", "ok", "; ".join(answer.stdout.strip().splitlines()))


def _encoders() -> Iterator[Check]:
    fix = f"{sys.executable} -m pip install --force-reinstall 'av>=18.1,<19'"
    for name, what in (("libx264", "H.264"), ("aac", "AAC")):
        problem = _encoder_problem(name)
        state: State = "fail" if problem else "ok"
        yield Check(name, state, problem or f"{what} encoder works", fix if problem else "")
    if shutil.which("nvidia-smi"):
        problem = _encoder_problem("h264_nvenc")
        detail = problem or "H.264 encoder on the GPU works"
        yield Check("h264_nvenc", "warn" if problem else "ok", detail)


def _encoder_problem(name: str) -> str:
    """Why ``name`` cannot encode a short piece of nothing; empty when it can."""
    try:
        import av
    except (ImportError, OSError) as error:
        return f"PyAV does not load: {error}"
    try:
        codec = av.CodecContext.create(name, "w")
        if isinstance(codec, av.VideoCodecContext):
            codec.width, codec.height, codec.pix_fmt = 320, 240, "yuv420p"
            codec.time_base = Fraction(1, 25)
            packets = [*codec.encode(av.VideoFrame(320, 240, "yuv420p")), *codec.encode(None)]
        elif isinstance(codec, av.AudioCodecContext):
            codec.sample_rate, codec.layout, codec.format = 48000, "mono", "fltp"
            codec.open()
            silence = np.zeros((1, 1024), np.float32)
            sound = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            sound.sample_rate = 48000
            packets = [*codec.encode(sound), *codec.encode(None)]
    except (av.FFmpegError, ValueError) as error:
        return f"{name} cannot be used: {error}"
    return "" if packets else f"{name} gave no packet"


def _font() -> Iterator[Check]:
    try:
        yield Check("font", "ok", font_path().name)
    except ResourceError as error:
        yield Check("font", "fail", error.message, error.fix)


def _home() -> Iterator[Check]:
    home = settings().home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        fix = f"mkdir -p {home} && chown -R $USER {home}, or set DH_HOME to another folder"
        yield Check("home folder", "fail", f"{home} cannot be written: {error.strerror}", fix)
        return
    yield Check("home folder", "ok", f"{home} can be written")


def _weights() -> Iterator[Check]:
    for status in store().list():
        name = status.spec.name
        if status.state in ("ready", "own file"):
            yield Check(f"weights {name}", "ok", status.state)
            continue
        state: State = "fail" if status.spec.default else "warn"
        use = "" if status.spec.default else f" (optional: {status.spec.purpose})"
        fix = f"digital-human models pull {name}"
        yield Check(f"weights {name}", state, f"{status.state}{use}", fix)


def _disk() -> Iterator[Check]:
    place = settings().home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / _GB
    state: State = "ok" if free >= 5 else "warn" if free >= 1 else "fail"
    fix = "" if state == "ok" else f"rm -r {settings().cache_dir}, or set DH_HOME to a larger disk"
    yield Check("disk", state, f"{free:.1f} GB free at {place}", fix)


def _memory() -> Iterator[Check]:
    memory = psutil.virtual_memory()
    free = memory.available
    limit = memory.total
    with contextlib.suppress(OSError, ValueError):
        limit = min(limit, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8")))
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="utf-8"))
        free = min(free, limit - used)
    detail = f"{free / _GB:.1f} of {limit / _GB:.1f} GB free"
    state: State = "ok" if free >= _NEEDED_BYTES else "warn" if limit >= _NEEDED_BYTES else "fail"
    fix = "" if state == "ok" else "close other programs or give the container 3 GB"
    yield Check("memory", state, detail, fix)


def _port() -> Iterator[Check]:
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", _PORT))
        except OSError as error:
            owner, fix = _port_owner()
            detail = f"port {_PORT} cannot be used ({error.strerror}){owner}"
            yield Check("port", "warn", detail, fix)
            return
    yield Check("port", "ok", f"port {_PORT} is free")


def _port_owner() -> tuple[str, str]:
    with contextlib.suppress(psutil.Error, PermissionError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr[1:] == (_PORT,) and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f" by {name}, process {connection.pid}", f"kill {connection.pid}"
    return "", f"ss -ltnp 'sport = :{_PORT}'  # shows the program; stop it"


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check this machine: versions, CPU, GPU, encoders, fonts, weights, disk, memory, port."""
    checks = run()
    failed = [check for check in checks if check.state == "fail"]
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _print(checks)
    if failed:
        raise typer.Exit(1)


def _print(checks: list[Check]) -> None:
    console = Console(highlight=False)
    table = Table("", "what", "found")
    for check in checks:
        mark = f"[{_COLOURS[check.state]}]{check.state}[/]"
        table.add_row(mark, check.name, escape(check.detail))
    console.print(table)
    for check in checks:
        if check.fix:
            console.print(
                f"{check.name}: {check.detail}\n  fix: {check.fix}", markup=False, soft_wrap=True
            )
    bad = sum(check.state != "ok" for check in checks)
    console.print("everything is in order" if not bad else f"{bad} of {len(checks)} to look at")
