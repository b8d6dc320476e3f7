"""Writes a bundle: whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face.avatar import open_avatar
from digital_human.face.manifest import MANIFEST, AvatarManifest, FaceFrame


def face_frame(points: FloatArray) -> FaceFrame:
    """Where a face with landmarks [478, 2+] is, in their pixels, as the manifest says it."""
    eyes = points[[lm.RIGHT_EYE[0], lm.LEFT_EYE[0]]].mean(0)
    chin = points[lm.CHIN]
    return FaceFrame(
        eyes=(round(float(eyes[0]), 1), round(float(eyes[1]), 1)),
        eye_distance=round(lm.eye_distance(points), 1),
        chin=(round(float(chin[0]), 1), round(float(chin[1]), 1)),
    )


def write_bundle(out: Path, manifest: AvatarManifest, files: Mapping[str, bytes | Path]) -> None:
    """Write ``out``, replacing an older bundle there once the new one has loaded.

    Args:
        out: The bundle's folder.
        manifest: Its description; ``files`` must have their digests in it.
        files: Name in the bundle → content, or a file to copy.

    Raises:
        InputError: ``out`` exists and is no bundle, or what was written does not load.
    """
    if out.exists() and not (out / MANIFEST).is_file():
        raise InputError(f"{out}: exists and is no avatar bundle", fix="give a new folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        folder = Path(scratch) / out.name
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, folder / name)
            else:
                (folder / name).write_bytes(content)
        (folder / MANIFEST).write_text(_toml(manifest), "utf-8")
        open_avatar(folder)
        if out.exists():
            shutil.rmtree(out)
        os.replace(folder, out)


def _toml(manifest: AvatarManifest) -> str:
    """The manifest as TOML; JSON strings, numbers and arrays are valid TOML values."""
    lines: list[str] = []
    tables: list[str] = []
    for key, value in manifest.model_dump(mode="json").items():
        if isinstance(value, dict):
            tables.append(f"\n[{key}]")
            tables += [
                f"{json.dumps(k)} = {json.dumps(v, ensure_ascii=False)}" for k, v in value.items()
            ]
        else:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join([*lines, *tables]) + "\n"
