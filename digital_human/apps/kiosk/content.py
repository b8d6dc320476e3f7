"""The versions of a kiosk's content: taken in, tried, kept, and gone back from.

``HOME/kiosk/PERSONA/content`` holds a folder for each version and ``state.json``, which alone says
what is shown. It is replaced as a whole, so wherever the power goes one version is in use, whole.
A version that was switched to is on trial until it has come up; one that does not is left again.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

import structlog
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digital_human.apps.kiosk.bundles import MANIFEST, Manifest, check, intact, unpack
from digital_human.apps.kiosk.curator import curator_folder
from digital_human.errors import DigitalHumanError, InputError, ResourceError

STATE = "state.json"
KEPT = 3
"""Versions that stay on the disk."""
TRIES = 2
"""Starts of a version on trial that may end without a word, e.g. by a power cut."""
OWN = "own"
"""Name of the persona's own folder, as it came with the program or was given."""

Happened = Literal["installed", "in use", "rolled back", "failed", "damaged"]
Mark = Literal["shown", "trial", "kept"]
_EVENTS = 30
_SPARE = 200 * 2**20  # bytes of the disk that stay free
log = structlog.get_logger()


class Occurrence(BaseModel):
    """What happened to a version.

    Attributes:
        at: When.
        what: What.
        version: Which one; `OWN` for the persona's own folder.
        why: For ``failed``, ``damaged`` and ``rolled back``.
    """

    model_config = ConfigDict(frozen=True)

    at: datetime
    what: Happened
    version: str
    why: str = ""


class Trial(BaseModel):
    """A version that has not come up yet.

    Attributes:
        back: What was in use before, the last one on top.
        tries: Starts of the program that chose it.
    """

    model_config = ConfigDict(frozen=True)

    back: tuple[str, ...]
    tries: int = 0


class State(BaseModel):
    """What is shown.

    Attributes:
        format: Version of the layout.
        stack: Versions that were put into use one over the other; the last one is shown, none is
            the persona's own folder.
        trial: Set until what is shown has come up.
        events: What happened, oldest first.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    stack: tuple[str, ...] = ()
    trial: Trial | None = None
    events: tuple[Occurrence, ...] = ()

    @property
    def shown(self) -> str:
        """The version that is shown."""
        return self.stack[-1] if self.stack else OWN


class Version(BaseModel):
    """A version on the disk.

    Attributes:
        version: Its name.
        made: When it was packed.
        files: Number of files.
        size: Bytes.
        state: ``shown``; ``trial``: shown, or about to be, and not yet seen to work; ``kept``.
    """

    version: str
    made: datetime
    files: int
    size: int
    state: Mark


class View(BaseModel):
    """The versions and what happened to them.

    Attributes:
        persona: Whose content it is.
        shown: The version that is shown, or will be after the restart.
        trial: Whether it has not been seen to work yet.
        versions: Those on the disk, the newest first.
        events: What happened, the newest first.
    """

    persona: str
    shown: str = Field(description="`own` is the persona's own folder.")
    trial: bool
    versions: list[Version]
    events: list[Occurrence]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a start of the program shows.

    Attributes:
        version: Its name.
        folder: The persona's folder; None for the persona's own.
        trial: Whether it has to come up first.
        passed_over: What the disk has as shown, where that could not be written; else empty.
    """

    version: str
    folder: Path | None
    trial: bool
    passed_over: str = ""


class Contents:
    """The content of one persona's kiosk; every method works on the disk and may be called from
    any thread and process.

    Args:
        persona: Its name.
        now: The calendar.
    """

    def __init__(
        self, persona: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.persona, self._now = persona, now
        self._folder = curator_folder(persona) / "content"

    def install(self, bundle: BinaryIO) -> str:
        """Take a bundle in and put it on trial; it is shown from the next start of the program on.

        Args:
            bundle: The zip, open for reading and seeking.

        Returns:
            Name of the version.

        Raises:
            InputError: The bundle or its content is wrong; nothing has changed.
            ResourceError: It cannot be read or written; nothing has changed.
        """
        with self._locked():
            self._sweep()
            self._require_space(bundle)
            part = self._folder / f".part-{secrets.token_hex(4)}"
            try:
                part.mkdir(mode=0o755)
                version = self._take_in(bundle, part)
            finally:
                shutil.rmtree(part, ignore_errors=True)
            state = self._read()
            if state.shown == version:
                raise InputError(
                    f"version {version}: is shown already", fix="nothing has to be done"
                )
            stack = (*(one for one in state.stack if one != version), version)
            back = state.trial.back if state.trial else state.stack
            trial = Trial(back=tuple(one for one in back if one != version))
            state = state.model_copy(update={"stack": stack[-KEPT:], "trial": trial})
            self._write(self._noted(state, "installed", version))
            self._prune()
        return version

    def roll_back(self, why: str) -> str:
        """Show what was shown before, from the next start of the program on.

        Returns:
            Name of the version.

        Raises:
            InputError: There is nothing before.
            ResourceError: It cannot be written.
        """
        with self._locked():
            state = self._read()
            if not state.stack:
                raise InputError(
                    "content: the persona's own is shown, nothing is before it",
                    fix="digital-human kiosk content lists the versions",
                )
            back = state.trial.back if state.trial else state.stack
            left, stack = state.shown, state.stack[:-1]
            trial = None if stack == back and state.trial else Trial(back=back)
            state = state.model_copy(update={"stack": stack, "trial": trial})
            self._write(self._noted(state, "rolled back", left, why))
        return state.shown

    def begin(self) -> Chosen:
        """What this start of the program shows; a version that failed or is damaged is left."""
        if not self._folder.is_dir():
            return Chosen(OWN, None, trial=False)
        try:
            with self._locked():
                self._sweep()
                state = self._tried(self._read())
                return self._chosen(state)
        except ResourceError as error:
            log.error("content.unwritable", cause=error.message)
        # What cannot be written cannot be tried: what worked before is shown.
        try:
            state = self._read()
        except ResourceError as error:
            log.error("content.unreadable", cause=error.message)
            return Chosen(OWN, None, trial=False)
        before = State(stack=state.trial.back if state.trial else state.stack)
        return replace(self._chosen(before, write=False), passed_over=state.shown)

    def confirm(self, version: str) -> None:
        """``version`` has come up: it is shown from now on.

        Raises:
            ResourceError: It cannot be written.
        """
        with self._locked():
            state = self._read()
            if state.trial is not None and state.shown == version:
                state = state.model_copy(update={"trial": None})
                self._write(self._noted(state, "in use", version))
                self._prune()

    def reject(self, version: str, why: str) -> None:
        """``version`` does not come up: what was shown before is, from the next start on.

        Raises:
            ResourceError: It cannot be written.
        """
        with self._locked():
            state = self._read()
            if state.trial is not None and state.shown == version:
                self._write(self._failed(state, "failed", why))

    def shown(self) -> str:
        """The version that the next start of the program would show."""
        return self._read().shown

    def view(self) -> View:
        """The versions and what happened to them."""
        state = self._read()
        versions = []
        for name in self._versions():
            with contextlib.suppress(OSError, ValidationError):
                text = (self._folder / name / MANIFEST).read_bytes()
                manifest = Manifest.model_validate_json(text)
                mark: Mark = "trial" if state.trial else "shown"
                versions.append(
                    Version(
                        version=name, made=manifest.made, files=len(manifest.files),
                        size=manifest.size, state=mark if name == state.shown else "kept",
                    )
                )  # fmt: skip
        return View(
            persona=self.persona, shown=state.shown, trial=state.trial is not None,
            versions=versions, events=list(reversed(state.events)),
        )  # fmt: skip

    # Steps; the lock is held ---------------------------------------------------------------------

    def _take_in(self, bundle: BinaryIO, part: Path) -> str:
        """Unpack and check a bundle, and give it its place; returns the version's name."""
        manifest = unpack(bundle, part)
        folder = part / manifest.persona
        if manifest.persona != self.persona:
            raise InputError(
                f"bundle: is for persona {manifest.persona!r}, this kiosk shows {self.persona!r}",
                fix="push it to the other kiosk",
            )
        try:
            check(folder, here=True)
        except DigitalHumanError as error:  # names in it are the curator's own
            shown = (text.replace(f"{folder}{os.sep}", "") for text in (error.message, error.fix))
            message, fix = (text.replace(str(folder), manifest.persona) for text in shown)
            raise InputError(message, fix=fix) from error
        place = self._folder / manifest.version
        if place.exists() and intact(place) is None:
            shutil.rmtree(place)
        if not place.exists():
            for home, _, _ in os.walk(part):
                _settle(Path(home))
            os.rename(part, place)
            _settle(self._folder)
        return manifest.version

    def _tried(self, state: State) -> State:
        """Count a start on trial; too many without a word are a failure."""
        trial = state.trial
        if trial is None:
            return state
        if trial.tries >= TRIES:
            why = f"it was started {trial.tries} times and did not come up"
            state = self._failed(state, "failed", why)
        else:
            again = trial.model_copy(update={"tries": trial.tries + 1})
            state = state.model_copy(update={"trial": again})
        self._write(state)
        return state

    def _chosen(self, state: State, *, write: bool = True) -> Chosen:
        """What is shown, after leaving what is damaged."""
        while state.stack and intact(self._folder / state.shown) is None:
            why = "its files are not as they were installed"
            log.error("content.damaged", version=state.shown)
            if state.trial is not None:
                state = self._failed(state, "damaged", why)
            else:
                left = state.shown
                state = state.model_copy(update={"stack": state.stack[:-1]})
                state = self._noted(state, "damaged", left, why)
            if write:
                self._write(state)
        if not state.stack:
            return Chosen(OWN, None, trial=state.trial is not None)
        folder = self._folder / state.shown / self.persona
        return Chosen(state.shown, folder, trial=state.trial is not None)

    def _failed(self, state: State, what: Happened, why: str) -> State:
        """Back to before the trial."""
        assert state.trial is not None
        left, back = state.shown, state.trial.back
        log.error("content.rolled_back", version=left, cause=why)
        state = state.model_copy(update={"stack": back, "trial": None})
        return self._noted(state, what, left, why)

    def _noted(self, state: State, what: Happened, version: str, why: str = "") -> State:
        at = self._now().replace(microsecond=0)
        event = Occurrence(at=at, what=what, version=version, why=why[:500])
        return state.model_copy(update={"events": (*state.events, event)[-_EVENTS:]})

    # The disk ------------------------------------------------------------------------------------

    def _read(self) -> State:
        path = self._folder / STATE
        try:
            return State.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise _trouble(path, error) from error
        except ValidationError as error:
            log.error("content.state_damaged", cause=str(error.errors()[0]["msg"]))
            return State()

    def _write(self, state: State) -> None:
        path, part = self._folder / STATE, self._folder / f".part-{STATE}"
        text = json.dumps(state.model_dump(mode="json"), ensure_ascii=False, indent=1)
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8", "replace"))
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            _settle(self._folder)
        except OSError as error:
            raise _trouble(path, error) from error

    def _versions(self) -> list[str]:
        """Those on the disk, the newest first."""
        if not self._folder.is_dir():
            return []
        found = (path for path in self._folder.iterdir() if (path / MANIFEST).is_file())
        return sorted((path.name for path in found if path.name[0] != "."), reverse=True)

    def _prune(self) -> None:
        """Delete versions that nothing leads back to, beyond the newest."""
        state = self._read()
        wanted = {*state.stack, *(state.trial.back if state.trial else ())}
        spare = [name for name in self._versions() if name not in wanted]
        for name in spare[max(0, KEPT - len(wanted)) :]:
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _sweep(self) -> None:
        """Delete what an installation left that was cut off."""
        for path in self._folder.glob(".part-*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)

    def _require_space(self, bundle: BinaryIO) -> None:
        size, free = bundle.seek(0, os.SEEK_END), shutil.disk_usage(self._folder).free
        if free < 4 * size + _SPARE:
            raise ResourceError(
                f"{self._folder}: {free / 1e6:.0f} MB are free, "
                f"{(4 * size + _SPARE) / 1e6:.0f} MB are needed", fix="free some space"
            )  # fmt: skip

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.mkdir(exist_ok=True)
            with FileLock(self._folder / "lock"):
                yield
        except OSError as error:
            raise _trouble(self._folder, error) from error


def _settle(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _trouble(path: Path, error: OSError) -> ResourceError:
    return ResourceError(
        f"{path}: {error.strerror or error}",
        fix="make the folder writable for the kiosk's account, or free some space",
    )
