"""Bundles of a kiosk's content: packed by a curator, taken apart and checked where it is shown.

A bundle is a zip of a persona's folder (words, tables and pictures, never code) with a manifest of
sha256 sums. Nothing in it is trusted: names, kinds, counts and sizes are bounded before a byte is
written, and sizes again while it is read.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image, UnidentifiedImageError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from digital_human import __version__
from digital_human.dialogue.knowledge.index import MAX_TEXTS
from digital_human.dialogue.knowledge.loaders import entries_of, read_folder
from digital_human.dialogue.persona import FILE, Persona, load_persona
from digital_human.dialogue.place.check import findings_of
from digital_human.dialogue.place.place import Place
from digital_human.dialogue.poems import Poems
from digital_human.errors import InputError, ResourceError
from digital_human.face.manifest import known_avatars
from digital_human.models.files import file_sha256
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.voices import load_voice

MANIFEST = "manifest.json"
MAX_BUNDLE = 64 * 2**20
MAX_TOTAL = 128 * 2**20
MAX_FILE = 32 * 2**20
MAX_FILES = 2000
TEXTS = frozenset({".toml", ".md", ".markdown", ".txt", ".csv", ".tsv", ".json"})
PICTURES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".svg": ""}
_MAX_MANIFEST = 2**20
_MAX_PIXELS = 50_000_000
_MAX_NAME, _MAX_DEPTH = 200, 6
_BAD = re.compile(r'[\\:*?"<>|]')
_CHUNK = 2**18
_END = struct.Struct("<4s4H2LH")  # end of a zip's list, APPNOTE 4.3.16
_DAMAGED = "make it again with digital-human kiosk pack, and copy it again"


class FileEntry(BaseModel):
    """A file of the bundle.

    Attributes:
        sha256: Of its bytes, hexadecimal.
        size: Bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0, le=MAX_FILE)


class Manifest(BaseModel):
    """What a bundle says of itself.

    Attributes:
        format: Version of the layout.
        persona: Name of the persona.
        made: When it was packed.
        program: Version of the program that packed it.
        files: Every file but the manifest, by its path with ``/``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    persona: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    made: AwareDatetime = Field(
        ge=datetime(2020, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC)
    )
    program: str = Field(default="", max_length=40)
    files: dict[str, FileEntry] = Field(min_length=1, max_length=MAX_FILES)

    @property
    def version(self) -> str:
        """Name of the version: when it was made, and what is in it."""
        listed = "".join(f"{name}\0{one.sha256}\n" for name, one in sorted(self.files.items()))
        digest = hashlib.sha256(f"{self.persona}\n{listed}".encode()).hexdigest()
        return f"{self.made.astimezone(UTC):%Y%m%d-%H%M%S}-{digest[:8]}"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.files.values())


# Packing ------------------------------------------------------------------------------------------


def pack(
    folder: Path, out: Path, told: Callable[[int, int], None] = lambda done, of: None
) -> Manifest:
    """Write the bundle of a persona's folder.

    Args:
        folder: Folder with ``persona.toml``.
        out: The zip that is written.
        told: Called with files done and their number.

    Raises:
        InputError: Something in the folder is wrong, or is no content.
        ResourceError: The bundle cannot be written.
    """
    persona = check(folder, here=False)
    paths = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    _check_names(paths)
    entries = {name: _entry(name, path) for name, path in sorted(paths.items())}
    manifest = _manifest(persona.name, entries)
    part = out.with_name(f".{out.name}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
            for done, (name, path) in enumerate(sorted(paths.items()), 1):
                archive.write(path, name)
                told(done, len(paths))
        if (size := part.stat().st_size) > MAX_BUNDLE:
            raise InputError(
                f"{folder}: the bundle has {size / 2**20:.0f} MB, the limit is "
                f"{MAX_BUNDLE >> 20} MB", fix="make the pictures smaller"
            )  # fmt: skip
        os.replace(part, out)
    except OSError as error:
        raise ResourceError(
            f"{out}: {error.strerror or error}", fix="choose a folder that can be written"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _files(folder: Path) -> Iterable[Path]:
    for home, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = sorted(name for name in names if not name.startswith("."))
        for path in (Path(home, name) for name in (*folders, *names)):
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise InputError(
                    f"{path}: is no plain file or folder",
                    fix="put a copy of what it points to there",
                )
        yield from (Path(home, name) for name in names)


def _entry(name: str, path: Path) -> FileEntry:
    size = path.stat().st_size
    _bounded(name, size)
    return FileEntry(sha256=file_sha256(path), size=size)


def _manifest(persona: str, entries: dict[str, FileEntry]) -> Manifest:
    if not 0 < len(entries) <= MAX_FILES or sum(one.size for one in entries.values()) > MAX_TOTAL:
        raise InputError(
            f"{len(entries)} files of {sum(one.size for one in entries.values()) / 2**20:.0f} MB: "
            f"at most {MAX_FILES} of {MAX_TOTAL >> 20} MB",
            fix="leave out what is not shown, make pictures smaller",
        )
    made = datetime.now(UTC).replace(microsecond=0)
    return Manifest(persona=persona, made=made, program=__version__, files=entries)


# Names --------------------------------------------------------------------------------------------


def _check_names(names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        _check_name(name)
        other = seen.setdefault(name.casefold(), name)
        if other is not name:
            raise InputError(
                f"files {other!r} and {name!r} differ in case only", fix="rename one of them"
            )
    for name in seen:
        for end in range(len(name)):
            if name[end] == "/" and name[:end] in seen:
                raise InputError(f"{name!r:.120} lies in a file", fix=_DAMAGED)


def _check_name(name: str) -> None:
    parts = name.split("/")
    fine = (
        0 < len(name.encode("utf-8", "replace")) <= _MAX_NAME
        and len(parts) <= _MAX_DEPTH
        and not _BAD.search(name)
        and unicodedata.normalize("NFC", name) == name
        and not any(unicodedata.category(char).startswith("C") for char in name)
        and all(part and part[0] not in ". " and part[-1] not in ". " for part in parts)
    )
    if not fine:
        raise InputError(
            f"file {name!r:.120}: is no name for a file of content",
            fix="give it a plain name: no leading dot, no .., no links, at most "
            f"{_MAX_NAME} bytes and {_MAX_DEPTH} folders deep",
        )
    suffix = Path(name).suffix.lower()
    if suffix not in TEXTS and suffix not in PICTURES:
        raise InputError(
            f"file {name!r:.120}: {suffix or 'no ending'} is no kind of content",
            fix=f"known are {', '.join(sorted([*TEXTS, *PICTURES]))}; keep others elsewhere",
        )


def _bounded(name: str, size: int) -> None:
    if size > MAX_FILE:
        raise InputError(
            f"file {name!r:.120}: {size / 2**20:.0f} MB, the limit is {MAX_FILE >> 20} MB",
            fix="make it smaller",
        )


# Taking apart -------------------------------------------------------------------------------------


def unpack(bundle: BinaryIO, to: Path) -> Manifest:
    """Take a bundle apart into a folder of the persona's name.

    Args:
        bundle: The zip, open for reading and seeking.
        to: An empty folder; the files go into ``to/PERSONA``, the manifest into ``to``.

    Raises:
        InputError: It is no bundle, damaged, or holds what must not be in one.
        OSError: It cannot be written.
    """
    _check_end(bundle)
    try:
        with zipfile.ZipFile(bundle) as archive:
            entries = {info.filename: info for info in archive.infolist()}
            if len(entries) != len(archive.infolist()):
                raise InputError("bundle: a name stands in it twice", fix=_DAMAGED)
            for info in entries.values():
                _check_entry(info)
            manifest = _read_manifest(archive, entries)
            folder = to / manifest.persona
            for name, entry in manifest.files.items():
                _extract(archive, entries[name], entry, folder / name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"bundle: damaged: {error}", fix=_DAMAGED) from error
    _write(to / MANIFEST, [manifest.model_dump_json(indent=1).encode()])
    return manifest


def _check_end(bundle: BinaryIO) -> None:
    """Bound the list of files before a library reads it whole into memory."""
    size = bundle.seek(0, os.SEEK_END)
    if size > MAX_BUNDLE:
        raise InputError(
            f"bundle: {size / 2**20:.0f} MB, the limit is {MAX_BUNDLE >> 20} MB",
            fix="make the pictures smaller",
        )
    bundle.seek(max(0, size - _END.size))
    tail = bundle.read(_END.size)
    bundle.seek(0)
    if len(tail) < _END.size or not tail.startswith(b"PK\x05\x06"):
        raise InputError("bundle: is no zip, or its end is missing", fix=_DAMAGED)
    _, disk, first, here, count, length, _, comment = _END.unpack(tail)
    if disk or first or here != count or comment or length > 4 * 2**20:
        raise InputError("bundle: is no zip that kiosk pack made", fix=_DAMAGED)
    if count > MAX_FILES + 1:
        raise InputError(f"bundle: {count} files, at most {MAX_FILES}", fix="leave some out")


def _check_entry(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.orig_filename != info.filename or info.is_dir() or kind not in (0, stat.S_IFREG):
        raise InputError(f"bundle: {info.orig_filename!r:.120} is no plain file", fix=_DAMAGED)
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(
            f"bundle: {info.filename!r:.120} is encrypted or packed in an unknown way", fix=_DAMAGED
        )
    _bounded(info.filename, info.file_size)


def _read_manifest(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> Manifest:
    info = entries.get(MANIFEST)
    if info is None or info.file_size > _MAX_MANIFEST:
        raise InputError(f"bundle: has no {MANIFEST}", fix=_DAMAGED)
    try:
        manifest = Manifest.model_validate_json(archive.read(info))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"bundle: {MANIFEST}: {field:.120}: {first['msg']}", fix=_DAMAGED
        ) from None
    _check_names(manifest.files)
    if wrong := set(manifest.files) ^ (set(entries) - {MANIFEST}):
        raise InputError(
            f"bundle: {min(wrong)!r:.120} stands in the manifest or in the zip, but not in both",
            fix=_DAMAGED,
        )
    total = sum(info.file_size for info in entries.values())
    if max(total, manifest.size) > MAX_TOTAL:
        raise InputError(
            f"bundle: {total / 2**20:.0f} MB unpacked, the limit is {MAX_TOTAL >> 20} MB",
            fix="make the pictures smaller",
        )
    return manifest


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: FileEntry, to: Path) -> None:
    digest, size = hashlib.sha256(), 0

    def chunks() -> Iterable[bytes]:
        nonlocal size
        with archive.open(info) as source:
            while chunk := source.read(_CHUNK):
                size += len(chunk)
                if size > entry.size:
                    return
                digest.update(chunk)
                yield chunk

    to.parent.mkdir(parents=True, exist_ok=True)
    _write(to, chunks())
    if size != entry.size or digest.hexdigest() != entry.sha256:
        raise InputError(f"bundle: {info.filename!r:.120} is not what was packed", fix=_DAMAGED)


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a new file and have it on the disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def intact(folder: Path) -> Manifest | None:
    """The manifest of what `unpack` wrote to ``folder``; None when a file is not as it was."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        for name, entry in manifest.files.items():
            if file_sha256(folder / manifest.persona / name) != entry.sha256:
                return None
    except (OSError, ValidationError):
        return None
    return manifest


# Checking -----------------------------------------------------------------------------------------


def check(folder: Path, *, here: bool) -> Persona:
    """Load everything in a persona's folder as the kiosk would.

    Args:
        folder: Folder with ``persona.toml``.
        here: Whether it is to run on this machine: then its avatar, its voice and the personas
            that it shares knowledge with must be here too.

    Raises:
        InputError: Something is wrong; names the file, the entry and what mends it.
    """
    persona = load_persona(folder.resolve())
    files = {path: path.relative_to(folder).as_posix() for path in _files(folder)}
    _check_used(persona, files.values())
    if persona.knowledge_folder is not None:
        known = sum(len(entries_of(file)) for file in read_folder(persona.knowledge_folder))
        if known > MAX_TEXTS:
            raise InputError(
                f"{persona.knowledge}: {known} entries, at most {MAX_TEXTS}", fix="leave some out"
            )
    if persona.poems_file is not None:
        Lexicon.from_mapping(Poems.load(persona.poems_file).readings(), where=persona.poems)
    if persona.place_folder is not None:
        _check_place(persona, persona.place_folder)
    for path, name in files.items():
        if kind := PICTURES.get(path.suffix.lower()):
            _check_picture(path, name, kind)
    if here:
        _check_cast(persona)
    return persona


def _check_used(persona: Persona, files: Iterable[str]) -> None:
    """Whether what the persona's file names is among the files that are packed."""
    used = {
        "knowledge": persona.knowledge_folder, "place": persona.place_folder,
        "poems": persona.poems_file, "background": persona.background_file,
    }  # fmt: skip
    packed = [persona.folder / name for name in files]
    for field, path in used.items():
        value = getattr(persona, field)
        if path is None or value == field:  # a folder of the usual name may be empty
            continue
        if not any(file.is_relative_to(path) for file in packed):
            raise InputError(
                f"{persona.name}/{FILE}: {field} {value!r}: there is no file to pack",
                fix="name what lies beside it, without a leading dot",
            )


def _check_place(persona: Persona, folder: Path) -> None:
    place = Place.open(folder)
    today = datetime.now(place.zone).date()
    found = findings_of(place, persona.languages, persona.knowledge_folder, today)
    if errors := [f"{one.of}: {one.text}" for one in found if one.level == "error"]:
        more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
        raise InputError(
            f"{persona.place}: {'; '.join(errors[:3])}{more}",
            fix=f"correct them; digital-human place check {folder} lists all",
        )


def _check_picture(path: Path, name: str, kind: str) -> None:
    try:
        with Image.open(path, formats=[kind]) as picture:
            if picture.width * picture.height > _MAX_PIXELS:
                raise InputError(
                    f"{name}: {picture.width} × {picture.height} pixels, at most "
                    f"{_MAX_PIXELS // 10**6} million", fix="make it smaller"
                )  # fmt: skip
            picture.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        what = f"is no {kind}" if isinstance(error, UnidentifiedImageError) else "is damaged"
        raise InputError(f"{name}: {what} picture", fix="save it again") from error


def _check_cast(persona: Persona) -> None:
    """Whether those it needs are here."""
    where = f"{persona.name}/{FILE}"
    if persona.avatar not in (avatars := known_avatars()):
        raise InputError(
            f"{where}: avatar: {persona.avatar!r} is not on this machine",
            fix=f"take one of {', '.join(avatars)}, or bring the avatar first",
        )
    voice = load_voice(persona.voice, "live")
    if unread := sorted(set(persona.languages) - set(voice.languages)):
        raise InputError(
            f"{where}: voice: {persona.voice!r} does not read {', '.join(unread)}",
            fix="take another voice, or fewer languages",
        )
    _ = persona.shared_knowledge  # raises when one of them is not here
