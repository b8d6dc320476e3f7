"""One way to any avatar, whatever draws it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from digital_human.core.frames import ByteArray
from digital_human.core.registry import BackendSpec, Registry
from digital_human.face.manifest import AvatarManifest, find_bundle, load_manifest
from digital_human.face.renderers.base import Renderer

KINDS = Registry(
    "avatar",
    (
        BackendSpec("photo", "avatar", "digital_human.face.bundle:load_bundle"),
        BackendSpec("video", "avatar", "digital_human.face.video_bundle:load_video_bundle"),
        BackendSpec("head", "avatar", "digital_human.face.head_bundle:load_head_bundle"),
    ),
)
"""What can draw an avatar; a factory takes the bundle's folder and gives an `Avatar`."""


class Avatar(Protocol):
    """A loaded avatar; shared by sessions and never changed."""

    @property
    def manifest(self) -> AvatarManifest:
        """What it says of itself."""
        ...

    @property
    def path(self) -> Path:
        """Its folder."""
        ...

    @property
    def canvas(self) -> ByteArray:
        """uint8 [h, w, 4] RGBA, the person at rest in the size of ``manifest.canvas``."""
        ...

    def renderer(self, height: int) -> Renderer:
        """A renderer of its own state for one session or shot, with pictures ``height`` px high.

        Raises:
            InputError: ``height`` is out of range.
        """
        ...


def open_avatar(name_or_path: str | Path) -> Avatar:
    """Load an avatar of any kind with all its files, checked.

    Args:
        name_or_path: Name of a bundle, or the path of its folder.

    Raises:
        InputError: The anchor is unknown, or its bundle is damaged; the message names the file.
    """
    manifest = load_manifest(name_or_path)
    avatar: Avatar = KINDS[manifest.kind].create(find_bundle(name_or_path))
    return avatar
