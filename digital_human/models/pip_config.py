"""Where the user's own pip looks for packages: indexes, link folders, certificates, proxy."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

_DEFAULT_INDEX = "https://pypi.org/simple/"
_SECTIONS = ("global", "install", "download", ":env:")


@dataclass(frozen=True, slots=True)
class PipConfig:
    """What of pip's configuration matters for fetching an archive.

    Attributes:
        indexes: Simple-API addresses, the main one first; ``file:`` addresses are allowed.
        find_links: Folders or pages that list archives.
        cert: CA bundle; empty means the default one.
        client_cert: Client certificate; empty means none.
        proxy: Proxy for all addresses; empty means the environment's.
        timeout: Seconds to wait for an answer.
        trusted_hosts: Hosts whose certificate is not checked.
    """

    indexes: tuple[str, ...] = (_DEFAULT_INDEX,)
    find_links: tuple[str, ...] = ()
    cert: str = ""
    client_cert: str = ""
    proxy: str = ""
    timeout: float = 15.0
    trusted_hosts: frozenset[str] = frozenset()

    def trusts(self, url: str) -> bool:
        """Whether the user told pip not to check the certificate of this address."""
        parts = urlsplit(url)
        return bool({parts.hostname, parts.netloc.rpartition("@")[2]} & self.trusted_hosts)


def from_options(options: Mapping[str, str]) -> PipConfig:
    """Build the configuration from pip's option names (without dashes in front) and values."""
    main = [] if _true(options.get("no-index")) else [options.get("index-url") or _DEFAULT_INDEX]
    extra = [] if not main else options.get("extra-index-url", "").split()
    return PipConfig(
        indexes=tuple(url.rstrip("/") + "/" for url in main + extra),
        find_links=tuple(options.get("find-links", "").split()),
        cert=options.get("cert", ""),
        client_cert=options.get("client-cert", ""),
        proxy=options.get("proxy", ""),
        timeout=float(options.get("timeout") or options.get("default-timeout") or 15),
        trusted_hosts=frozenset(options.get("trusted-host", "").split()),
    )


@lru_cache
def pip_config() -> PipConfig:
    """The configuration of the pip that belongs to this interpreter, else ``PIP_*`` alone."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return from_options({**_environment(), **read_listing(answer.stdout)})


def read_listing(text: str) -> dict[str, str]:
    """Read ``pip config list``: later sections win, the environment last."""
    found: dict[tuple[int, str], str] = {}
    for line in text.splitlines():
        match = re.fullmatch(r"(:env:|[a-z]+)\.([a-z-]+)=(.*)", line.strip())
        if match and match[1] in _SECTIONS:
            found[_SECTIONS.index(match[1]), match[2]] = str(ast.literal_eval(match[3]))
    return {name: value for (_, name), value in sorted(found.items())}


def redact(url: str) -> str:
    """The address without a user name or password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _environment() -> dict[str, str]:
    return {
        name[4:].lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith("PIP_") and value
    }


def _true(value: str | None) -> bool:
    return (value or "").strip().lower() in ("1", "true", "yes", "on", "y", "t")
