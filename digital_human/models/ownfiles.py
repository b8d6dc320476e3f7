"""The user's own files in place of a model's: any content is taken, the user answers for it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from digital_human.errors import WeightsError
from digital_human.models.manifest import FileSpec, Manifest, ModelSpec


@dataclass(frozen=True, slots=True)
class Own:
    """What the user brings of one model; ``in`` says whether a file need not be in the store.

    Attributes:
        folder: A folder that stands in for the whole model, whatever it holds.
        files: Single files by manifest name.
    """

    folder: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        return self.folder is not None or name in self.files

    def path(self, name: str) -> Path | None:
        """The user's file of that name; None when the store's is used."""
        return self.folder / name if self.folder else self.files.get(name)


def resolve(own: Mapping[str, Path], manifest: Manifest) -> dict[str, Own]:
    """Turn the ``weights`` setting into what the user brings of each model.

    A key is a model's name (its value a folder that stands in for the whole model, or the file
    itself where the model has one), ``model/file``, or a file name that only one model has.

    Raises:
        WeightsError: A key fits nothing, or a path does not exist.
    """
    found: dict[str, Own] = {}
    for key, value in own.items():
        path = value.expanduser().absolute()
        spec, file = _meant(key, manifest)
        before = found.get(spec.name, Own())
        if path.is_dir() and file is None:
            found[spec.name] = Own(path, before.files)
        elif path.is_file() and (file or len(spec.files) == 1):
            name = (file or spec.files[0]).name
            found[spec.name] = Own(before.folder, {**before.files, name: path})
        else:
            wanted = "file" if file else "folder"
            raise WeightsError(
                f"weights.{key}: your own {wanted} {path} does not exist",
                fix="correct the path in the 'weights' setting or remove the entry",
            )
    return found


def _meant(key: str, manifest: Manifest) -> tuple[ModelSpec, FileSpec | None]:
    spec = manifest.models.get(key)
    if spec:
        return spec, None
    meant = [
        (spec, file)
        for spec in manifest.models.values()
        for file in spec.files
        if key in (file.name, f"{spec.name}/{file.name}")
    ]
    if len(meant) != 1:
        wrong = "fits several models" if meant else "fits no model and no file"
        keys = [f"{spec.name}/{file.name}" for spec, file in meant] or list(manifest.models)
        raise WeightsError(f"weights.{key}: this key {wrong}", fix=f"use one of: {', '.join(keys)}")
    return meant[0]


def link(spec: ModelSpec, own: Mapping[str, Path], store: Path, views: Path) -> Path:
    """A folder that shows the user's files and the store's files together.

    Args:
        spec: The model.
        own: File name → the user's file.
        store: Folder of the store's files.
        views: Folder for such views.

    Returns:
        The view, made of symbolic links, or of copies where the system does not allow links.
    """
    view = views / spec.name
    for file in spec.files:
        target = own.get(file.name, store / file.name)
        entry = view / file.name
        if entry.is_symlink() and Path(os.readlink(entry)) == target:
            continue
        entry.parent.mkdir(parents=True, exist_ok=True)
        fresh = entry.with_name(f"{entry.name}.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        try:
            fresh.symlink_to(target)
        except OSError:
            shutil.copy2(target, fresh)
        fresh.replace(entry)
    return view
