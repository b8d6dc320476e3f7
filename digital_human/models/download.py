"""One file over HTTP: resumed from a ``.part`` file, checked, then renamed into place."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from digital_human import __version__
from digital_human.errors import Cancelled, ResourceError
from digital_human.models.files import Progress, Silent, file_sha256, megabytes
from digital_human.models.pip_config import PipConfig, redact

_CHUNK = 1 << 17
_ATTEMPTS = 20
_SPARE = 64 << 20


class CarrierError(Exception):
    """A carrier could not deliver; the next one is tried."""


@dataclass(frozen=True, slots=True)
class Source:
    """An address and what is known about the bytes behind it.

    Attributes:
        url: ``http:`` or ``https:`` address.
        sha256: Digest the bytes must have; empty when not known.
        auth: User name and password, when the index that named the address needs them.
    """

    url: str
    sha256: str = ""
    auth: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Downloads with the user's pip network settings.

    Attributes:
        pip: Certificates, proxy and timeout.
        progress: Told about every transfer.
        stop: Set to end all transfers at the next chunk; what came in is kept for a resume.
    """

    pip: PipConfig = field(default_factory=PipConfig)
    progress: Progress = field(default_factory=Silent)
    stop: threading.Event = field(default_factory=threading.Event)

    def session(self, url: str = "") -> requests.Session:
        """A session with retries, the CA bundle and the proxy; verification off where trusted."""
        session = requests.Session()
        session.headers["User-Agent"] = f"digital-human/{__version__}"
        retry = Retry(
            total=3,
            connect=1,
            backoff_factor=0.5,
            status_forcelist=(429, 500, 502, 503, 504),
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        session.verify = False if self.pip.trusts(url) else (self.pip.cert or True)
        session.cert = self.pip.client_cert or None
        if self.pip.proxy:
            session.proxies = {"http": self.pip.proxy, "https": self.pip.proxy}
        return session

    def download(self, source: Source, target: Path, label: str) -> Path:
        """Fetch ``source`` into ``target``.

        Args:
            source: Where from.
            target: Where to; ``target`` + ``.part`` holds what has come in so far.
            label: Name of the transfer for the progress display.

        Returns:
            ``target``.

        Raises:
            CarrierError: The server does not answer, or the bytes have another digest.
            Cancelled: ``stop`` was set.
            ResourceError: The disk cannot hold it.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        resumed = part.exists()
        try:
            self._transfer(source, part, label)
            if not self._digest_fits(source, part) and resumed:
                part.unlink()
                self._transfer(source, part, label)
        finally:
            self.progress.finish(label)
        if not self._digest_fits(source, part):
            digest = file_sha256(part)
            part.unlink()
            raise CarrierError(f"{label} has sha256 {digest}, expected {source.sha256}")
        part.replace(target)
        return target

    def _digest_fits(self, source: Source, part: Path) -> bool:
        return not source.sha256 or file_sha256(part) == source.sha256

    def _transfer(self, source: Source, part: Path, label: str) -> None:
        failure = CarrierError("no attempt was made")
        for _ in range(_ATTEMPTS):
            before = part.stat().st_size if part.exists() else -1
            try:
                return self._attempt(source, part, label)
            except requests.RequestException as error:
                failure = CarrierError(why(error, source.url))
                after = part.stat().st_size if part.exists() else -1
                if after == before:
                    break
        raise failure

    def _attempt(self, source: Source, part: Path, label: str) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with (
            self.session(source.url) as session,
            session.get(
                source.url,
                headers=headers,
                stream=True,
                auth=source.auth,
                timeout=(min(10.0, self.pip.timeout), max(30.0, self.pip.timeout)),
            ) as answer,
        ):
            if answer.status_code == 416:
                if _total_of(answer) == have:
                    return
                part.unlink()
                raise requests.ConnectionError("the server refused to resume")
            answer.raise_for_status()
            if answer.status_code != 206 or not _continues(answer, have):
                have = 0
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length else None
            self._write(answer, part, have, total, label)

    def _write(
        self, answer: requests.Response, part: Path, have: int, total: int | None, label: str
    ) -> None:
        if total is not None:
            ensure_room(part.parent, total - have)
        self.progress.start(label, total, have)
        with part.open("ab" if have else "wb") as out:
            for chunk in answer.iter_content(_CHUNK):
                if self.stop.is_set():
                    raise Cancelled(f"{label}: the download was stopped")
                out.write(chunk)
                self.progress.advance(label, len(chunk))
            size = out.tell()
        if total is not None and size != total:
            raise requests.ConnectionError(f"the answer ended at {size} of {total} bytes")


def ensure_room(folder: Path, size: int) -> None:
    """Check that ``size`` bytes fit on the disk of ``folder``.

    Raises:
        ResourceError: They do not, with a margin of 64 MB.
    """
    free = shutil.disk_usage(folder).free
    if size > 0 and free < size + _SPARE:
        raise disk_full(folder, f"{megabytes(size)} needed, {megabytes(free)} free")


def disk_full(folder: Path, detail: str) -> ResourceError:
    """The error for a disk without room."""
    return ResourceError(
        f"disk of {folder} is full: {detail}",
        fix="free some space, or set DH_HOME to a folder on a larger disk, then pull again "
        "(what has been downloaded is kept)",
    )


def why(error: requests.RequestException, url: str) -> str:
    """A network failure in a few words, without credentials."""
    host = redact(url).split("://", 1)[-1].split("/", 1)[0]
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} from {redact(url)}"
    if isinstance(error, requests.exceptions.SSLError):
        return f"the certificate of {host} is not trusted (pip's 'cert' setting is used)"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy refused the way to {host}"
    if isinstance(error, requests.Timeout):
        return f"{host} did not answer in time"
    if isinstance(error, requests.ConnectionError) and error.args:
        inner = getattr(error.args[0], "reason", None)
        return f"no connection to {host}" if inner else f"{host}: {error.args[0]}"
    return f"{host}: {type(error).__name__}"


def _continues(answer: requests.Response, have: int) -> bool:
    return answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _total_of(answer: requests.Response) -> int:
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else -1
