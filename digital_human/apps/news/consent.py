"""Consent of the real people in a broadcast: asked for before a render, and watched during it."""

from __future__ import annotations

from collections.abc import Iterable

from digital_human.errors import ConsentError
from digital_human.face.manifest import AvatarManifest, load_manifest
from digital_human.safety.consent import Consents
from digital_human.speech.voices import load_voice


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
        voices: Names of the voices in it.

    Raises:
        ConsentError: A consent does not hold.
    """

    def __init__(self, avatars: Iterable[str], voices: Iterable[str] = ()) -> None:
        self._consents = Consents()
        self._given: dict[str, str] = {}  # avatar or voice → consent of whom it imitates
        for avatar in sorted(set(avatars)):
            manifest = load_manifest(avatar)
            require_consent(manifest)
            if manifest.person == "real":
                self._given[f"avatar {avatar}"] = manifest.consent
        for name in sorted(set(voices)):
            voice = load_voice(name, use="news")
            if voice.person == "real":
                self._given[f"voice {name}"] = voice.consent

    def check(self) -> None:
        """Look at the records again; cheap enough for every frame.

        Raises:
            ConsentError: One of them does not hold any more; it names the avatar or the voice.
        """
        if lost := self._lost():
            named = ", ".join(f"{imitation} ({self._given[imitation]})" for imitation in lost)
            raise ConsentError(
                f"the consent of {named} ended during the render; it was stopped",
                fix="use another anchor or voice, or ask for a new consent",
            )

    def lost(self, avatar: str, voice: str) -> bool:
        """Whether the consent for this avatar or this voice does not hold any more."""
        return bool({f"avatar {avatar}", f"voice {voice}"} & set(self._lost()))

    def _lost(self) -> list[str]:
        """Avatars and voices whose consent does not hold any more."""
        valid = self._consents.valid
        return [imitation for imitation, consent in self._given.items() if not valid(consent)]
