"""Consent of the real people in a broadcast: asked for before a render, and watched during it."""

from __future__ import annotations

from collections.abc import Iterable

from digital_human.errors import ConsentError
from digital_human.face.manifest import AvatarManifest, load_manifest
from digital_human.safety.consent import Consents


def require_consent(manifest: AvatarManifest) -> None:
    """Refuse an avatar of a real person who did not agree to be in broadcasts.

    Raises:
        ConsentError: There is no consent that holds for its source and for news.
    """
    if manifest.person == "real":
        Consents().require(manifest.consent, source=manifest.source, use="news")


class ConsentWatch:
    """Says when a consent that a render rests on is taken back.

    Args:
        avatars: Names or paths of the avatars in it.

    Raises:
        ConsentError: A consent does not hold.
    """

    def __init__(self, avatars: Iterable[str]) -> None:
        self._consents = Consents()
        self._avatars: dict[str, str] = {}
        for avatar in sorted(set(avatars)):
            manifest = load_manifest(avatar)
            require_consent(manifest)
            if manifest.person == "real":
                self._avatars[avatar] = manifest.consent

    def check(self) -> None:
        """Look at the records again; cheap enough for every frame.

        Raises:
            ConsentError: One of them does not hold any more; it names the avatar.
        """
        if lost := self.lost():
            named = ", ".join(f"{avatar} ({self._avatars[avatar]})" for avatar in sorted(lost))
            raise ConsentError(
                f"the consent of {named} ended during the render; it was stopped",
                fix="use another anchor, or ask for a new consent",
            )

    def lost(self) -> set[str]:
        """Avatars whose consent does not hold any more."""
        return {
            avatar for avatar, consent in self._avatars.items() if not self._consents.valid(consent)
        }
