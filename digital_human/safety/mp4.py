"""The few boxes of an ISO base media file (MP4, MOV) that labels and signatures live in.

A demuxer's dictionary keeps one value per key; counting labels needs the boxes themselves
(ISO/IEC 14496-12; metadata keys: QuickTime File Format, "Metadata").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_CONTAINERS = {b"moov", b"udta", b"trak"}
_MAX_METADATA = 16 << 20
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its type, where it starts in the file, its header's and its whole length."""

    kind: bytes
    start: int
    header: int
    size: int


def boxes(file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes one after the other in [start, end) of ``file``; stops at the first broken one."""
    if end is None:
        end = file.seek(0, 2)
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, kind, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1 and len(head) == 16:
            size, header = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            return
        yield Box(kind, start, header, size)
        start += size


def is_iso_media(path: Path) -> bool:
    """Whether the file starts with an ``ftyp`` box."""
    with path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"


def is_fast_start(path: Path) -> bool:
    """Whether ``moov`` comes before ``mdat``, so that playback starts before the download ends."""
    with path.open("rb") as file:
        order = [box.kind for box in boxes(file)]
    return b"moov" in order and (
        b"mdat" not in order or order.index(b"moov") < order.index(b"mdat")
    )


def metadata_keys(path: Path) -> list[str]:
    """Names of all keys in the ``keys`` boxes of the file and its tracks, doubles kept."""
    with path.open("rb") as file:
        return list(_keys(file, 0, None, depth=0))


def _keys(file: BinaryIO, start: int, end: int | None, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    for box in list(boxes(file, start, end)):
        inner, last = box.start + box.header, box.start + box.size
        if box.kind in _CONTAINERS:
            yield from _keys(file, inner, last, depth + 1)
        elif box.kind == b"meta":
            file.seek(inner)
            full_box = (
                file.read(8)[4:] != b"hdlr"
            )  # ISO has version and flags first, QuickTime none.
            yield from _keys(file, inner + 4 * full_box, last, depth + 1)
        elif box.kind == b"keys" and box.size < _MAX_METADATA:
            file.seek(inner + 8)
            data, at = file.read(box.size - box.header - 8), 0
            while at + 8 <= len(data):
                size = max(8, int.from_bytes(data[at : at + 4], "big"))
                yield data[at + 8 : at + size].decode("utf-8", "replace")
                at += size
