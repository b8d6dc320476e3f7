"""The user's own files in place of a model's: any content is taken, the user answers for it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from digital_human.errors import WeightsError
from digital_human.models.manifest import FileSpec, Manifest, ModelSpec


def resolve(own: Mapping[str, Path], manifest: Manifest) -> dict[str, dict[str, Path]]:
    """Turn the ``weights`` setting into model → file name → path.

    A key is a model's name (its value a folder with all the model's files, or the file itself
    where the model has one), ``model/file``, or a file name that only one model has.

    Raises:
        WeightsError: A key fits nothing, or a path does not exist.
    """
    found: dict[str, dict[str, Path]] = {}
    for key, value in own.items():
        path = value.expanduser().absolute()
        for spec, file in _meant(key, manifest):
            many = len(spec.files) > 1
            source = path / file.name if path.is_dir() or (many and key == spec.name) else path
            if not source.is_file():
                raise WeightsError(
                    f"weights.{key}: your own file {source} does not exist",
                    fix="correct the path in the 'weights' setting or remove the entry",
                )
            found.setdefault(spec.name, {})[file.name] = source
    return found


def _meant(key: str, manifest: Manifest) -> list[tuple[ModelSpec, FileSpec]]:
    spec = manifest.models.get(key)
    if spec:
        return [(spec, file) for file in spec.files]
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
    return meant


def common_folder(spec: ModelSpec, own: Mapping[str, Path]) -> Path | None:
    """The one folder in which all files of ``spec`` are the user's own under their own names."""
    folders = {
        own[file.name].parents[file.name.count("/")]
        for file in spec.files
        if file.name in own and own[file.name].as_posix().endswith(f"/{file.name}")
    }
    return folders.pop() if len(folders) == 1 and len(own) == len(spec.files) else None


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
