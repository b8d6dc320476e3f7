"""The video that is re-voiced: whose it is, and the bundle that draws it with new lips."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from digital_human import __version__
from digital_human.config import settings
from digital_human.errors import ConsentError
from digital_human.face.build.from_video import create_from_video
from digital_human.face.manifest import MANIFEST, DisplayName
from digital_human.face.video_bundle import VideoAvatar, load_video_bundle
from digital_human.media.encoder import disk_errors
from digital_human.models.files import file_sha256
from digital_human.safety.consent import Consent, Consents, read_consent_file

_KEPT = 6  # bundles of videos that were re-voiced last


def agreed(video: Path, file: Path | None) -> Consent:
    """The consent to show the person of ``video`` saying something else.

    Args:
        video: The video.
        file: What the user wrote; recorded for this video. None looks for a record.

    Raises:
        ConsentError: There is none that holds for this video and for news.
        InputError: The file is wrong.
    """
    source = file_sha256(video)
    consents = Consents()
    given = [c for c in consents.list() if source in c.sources.values()]
    if file is not None:
        text = read_consent_file(file)
        known = [c for c in given if all(getattr(c, k) == v for k, v in text)]
        consent = known[0] if known else consents.grant(text, {video.name: source})
        return consents.require(consent.id, source=source, use="news")
    for consent in given:
        if consents.valid(consent.id) and "news" in consent.uses and "face" in consent.scope:
            return consents.require(consent.id, source=source, use="news")
    if given:  # says why the latest does not hold
        return consents.require(given[0].id, source=source, use="news")
    raise ConsentError(
        f"{video}: no consent on record for this video",
        fix="write one (digital-human consent template > c.toml) and give it: --consent c.toml",
    )


def base_video(
    video: Path, consent: Consent, progress: Callable[[str, float], None]
) -> VideoAvatar:
    """The video as an avatar; made once and kept for the next recording."""
    root = settings().cache_dir / "revoice"
    key = f"{__version__} {file_sha256(video)} {consent.id}"
    name = "v" + hashlib.sha256(key.encode()).hexdigest()[:24]
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{name}.lock"):
            if not (root / name / MANIFEST).exists():
                display = DisplayName(zh=video.stem[:40], en=video.stem[:40])
                create_from_video(
                    video, name, consent, display, "unspecified", root / name, progress,
                    faithful=True,
                )  # fmt: skip
            (root / name / MANIFEST).touch()
        _prune(root)
    return load_video_bundle(root / name)


def _prune(root: Path) -> None:
    """Forget all but the bundles used last."""
    kept = sorted(root.glob(f"v*/{MANIFEST}"), key=lambda path: -path.stat().st_mtime)
    for manifest in kept[_KEPT:]:
        shutil.rmtree(manifest.parent, ignore_errors=True)
        (root / f"{manifest.parent.name}.lock").unlink(missing_ok=True)
