"""Checks that a file carries its labels, signature and record, whoever made it.

Required are a valid AIGC label, a valid C2PA manifest that names the media as generated, and the
label people see (a file without picture: the label they hear). The rest is told for information.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import c2pa
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError, VerifyError
from digital_human.models.files import file_sha256
from digital_human.safety import mp4, watermark
from digital_human.safety.audit import AuditLog
from digital_human.safety.certificate import trust_anchors
from digital_human.safety.detect import LabelMatch, find_label, find_rhythm, holds_label
from digital_human.safety.labels import MIN_HEIGHT, MIN_SECONDS
from digital_human.safety.provenance import (
    AIGC_KEY,
    SOURCE_TYPES,
    c2pa_settings,
    media_type,
    parse_label,
    payload_digest,
)

Status = Literal["ok", "note", "fail"]
_ACTIONS = ("c2pa.actions.v2", "c2pa.actions")
_UNTRUSTED = "signingCredential.untrusted"
_SOUND_RATE = 16_000
_SOUND_SECONDS = 20.0
_SAMPLES = tuple(MIN_SECONDS * i / 4 for i in range(5))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        item: What it is.
        status: ok, a note for information, or fail.
        detail: What was found.
        required: Whether a file must have it.
    """

    item: str
    status: Status
    detail: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found in one file."""

    path: Path
    findings: tuple[Finding, ...]

    @property
    def missing(self) -> tuple[Finding, ...]:
        """The required things that are missing or wrong."""
        return tuple(f for f in self.findings if f.required and f.status == "fail")

    def check(self) -> None:
        """Raise what is wrong.

        Raises:
            VerifyError: A required thing is missing or wrong; each is named.
        """
        if self.missing:
            named = "; ".join(f"{f.item}: {f.detail}" for f in self.missing)
            raise VerifyError(
                f"{self.path} does not carry what it must: {named}",
                fix="use the file as it was exported, or export it again; tools that re-encode or "
                "strip metadata remove these marks",
            )


@dataclass(frozen=True, slots=True)
class _Media:
    video: bool
    audio: bool
    metadata: dict[str, str]
    summary: str
    sound_rate: int


def verify(path: Path) -> Report:
    """Look at every label, signature and record of a media file; nothing is changed.

    Args:
        path: A file of this program or of another tool.

    Raises:
        InputError: There is no such file.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file", fix="check the name")
    try:
        media = _read(path)
    except (av.FFmpegError, ValueError) as error:
        return Report(path, (Finding("container", "fail", f"cannot be read: {error}", True),))
    findings = [*_container(path, media), *_aigc(path, media), *_c2pa(path)]
    findings += [_visible(path)] if media.video else []
    findings += [_audible(path, required=not media.video)] if media.audio else []
    findings += [_marked(path, media)] if media.audio else []
    findings.append(_recorded(path))
    return Report(path, tuple(findings))


def _read(path: Path) -> _Media:
    with av.open(str(path), metadata_errors="replace") as file:
        parts = []
        for picture in file.streams.video:
            codec = picture.codec_context
            parts.append(f"{codec.name} {codec.width}×{codec.height}")
        sound_rate = 0
        for sound in file.streams.audio:
            sound_rate = sound_rate or sound.codec_context.sample_rate
            parts.append(f"{sound.codec_context.name} {sound.codec_context.sample_rate} Hz")
        seconds = (file.duration or 0) / av.time_base
        video, audio = bool(file.streams.video), bool(file.streams.audio)
        if not video and not audio:
            raise ValueError("no picture and no sound in it")
        summary = f"{', '.join(parts)}, {seconds:.2f} s"
        return _Media(video, audio, dict(file.metadata), summary, sound_rate)


def _container(path: Path, media: _Media) -> Iterator[Finding]:
    yield Finding("container", "ok", media.summary, True)
    if mp4.is_iso_media(path):
        fast = mp4.is_fast_start(path)
        detail = "plays while it loads" if fast else "must load wholly before it plays"
        yield Finding("fast start", "ok" if fast else "note", detail)


def _aigc(path: Path, media: _Media) -> Iterator[Finding]:
    keys = mp4.metadata_keys(path) if mp4.is_iso_media(path) else list(media.metadata)
    keys = [key for key in keys if AIGC_KEY in key.upper()]
    values = [value for key, value in media.metadata.items() if AIGC_KEY in key.upper()]
    if len(keys) != 1 or len(values) != 1:
        count = max(len(keys), len(values))
        detail = f"{count} AIGC keys; exactly one is allowed" if count else "no AIGC key"
        yield Finding("AIGC metadata", "fail", detail, True)
        return
    try:
        label = parse_label(values[0])
    except VerifyError as error:
        yield Finding("AIGC metadata", "fail", error.message, True)
        return
    detail = f"producer {label.content_producer}, number {label.produce_id}, label {label.label}"
    yield Finding("AIGC metadata", "ok", detail, True)
    if label.reserved_code1.startswith("sha256:"):
        same = payload_digest(path) == label.reserved_code1
        detail = "picture and sound are as labelled" if same else "picture or sound was changed"
        yield Finding("AIGC digest", "ok" if same else "fail", detail, True)


def _c2pa(path: Path) -> Iterator[Finding]:
    try:
        manifest, state, failures = _manifest(path)
    except c2pa.C2paError as error:
        absent = "ManifestNotFound" in str(error)
        detail = "no manifest" if absent else f"cannot be read: {error}"
        yield Finding("C2PA manifest", "fail", detail, True)
        return
    except InputError as error:
        yield Finding("C2PA manifest", "fail", error.message, True)
        return
    issuer = manifest.get("signature_info", {}).get("issuer") or "nobody named"
    if failures or state == "Invalid":
        detail = "; ".join(failures) or "invalid"
        yield Finding("C2PA signature", "fail", detail, True)
    else:
        yield Finding("C2PA signature", "ok", "valid, and the file is as it was signed", True)
    trusted = state == "Trusted"
    detail = f"{issuer}, " + (
        "whose certificate this machine trusts" if trusted else "not on a trust list known here"
    )
    yield Finding("C2PA issuer", "ok" if trusted else "note", detail)
    yield _origin(manifest)


def _manifest(path: Path) -> tuple[dict[str, Any], str, list[str]]:
    """The active manifest, the validation state and what failed apart from trust."""
    with (
        c2pa.Context.from_dict(c2pa_settings(trust_anchors())) as context,
        path.open("rb") as file,
        c2pa.Reader(media_type(path), file, context=context) as reader,
    ):
        store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    results = store.get("validation_results", {}).get("activeManifest", {})
    failures = [
        f"{item['code']} ({item.get('explanation', '')})"
        for item in results.get("failure", [])
        if item["code"] != _UNTRUSTED
    ]
    return manifest, store.get("validation_state", "Invalid"), failures


def _origin(manifest: dict[str, Any]) -> Finding:
    actions = [
        action
        for assertion in manifest.get("assertions", [])
        if assertion["label"].split("__")[0] in _ACTIONS
        for action in assertion["data"].get("actions", [])
    ]
    sources = [
        str(action["digitalSourceType"])
        for action in actions
        if action.get("action") == "c2pa.created" and "digitalSourceType" in action
    ]
    names = ", ".join(source.rpartition("/")[2] for source in sources)
    ok = any(source in SOURCE_TYPES.values() for source in sources)
    detail = f"created as {names}" if names else "no c2pa.created action with a source type"
    return Finding("C2PA origin", "ok" if ok else "fail", detail, True)


def _visible(path: Path) -> Finding:
    name = "visible label"
    frames = _opening(path)
    if not frames:
        return Finding(name, "fail", "no picture could be decoded", True)
    match, first = None, 0
    for first in range(min(2, len(frames))):
        if match := find_label(frames[first][1]):
            break
    if match is None:
        detail = "not found by its usual words and fonts; look yourself"
        return Finding(name, "fail", detail, True)
    described = f"{match.text} at {match.height:.1%} of the shortest side"
    if first:
        return Finding(name, "fail", f"{described}, but not from the first frame on", True)
    return _held(name, described, match, frames)


def _held(
    name: str, described: str, match: LabelMatch, frames: list[tuple[float, ByteArray]]
) -> Finding:
    if not match.large:
        detail = f"{described}; at least {MIN_HEIGHT:.0%} is required"
        return Finding(name, "fail", detail, True)
    for seconds, image in frames[1:]:
        if not holds_label(image, match):
            detail = f"{described}, gone at {seconds:.1f} s; {MIN_SECONDS:g} s are required"
            return Finding(name, "fail", detail, True)
    return Finding(name, "ok", f"{described}, shown for {frames[-1][0]:.1f} s or more", True)


def _opening(path: Path) -> list[tuple[float, ByteArray]]:
    """(seconds, uint8 [h, w, 3] RGB) of the frames at the sample times, fewer in a short file."""
    result: list[tuple[float, ByteArray]] = []
    last: av.VideoFrame | None = None
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        start = (stream.start_time or 0) * (stream.time_base or Fraction(1))
        try:
            for frame in file.decode(stream):
                seconds = (frame.time or 0.0) - float(start)
                while len(result) < len(_SAMPLES) and seconds >= _SAMPLES[len(result)] - 1e-3:
                    result.append((seconds, _rgb(frame)))
                last = frame
                if len(result) == len(_SAMPLES):
                    return result
        except av.FFmpegError:
            pass  # A damaged frame ends the search; the signature tells of the damage.
    if last is not None:
        result.append(((last.time or 0.0) - float(start), _rgb(last)))
    return result


def _rgb(frame: av.VideoFrame) -> ByteArray:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _audible(path: Path, *, required: bool) -> Finding:
    for where, pcm in (("start", _sound(path, end=False)), ("end", _sound(path, end=True))):
        if found := find_rhythm(pcm, _SOUND_RATE):
            detail = f"rhythm 短长 短短 near the {where} (match {found[1]:.2f})"
            return Finding("audible label", "ok", detail, required)
    detail = "no rhythm 短长 短短 at the start or end"
    if required:
        return Finding("audible label", "fail", detail + "; listen for a spoken notice", True)
    return Finding("audible label", "note", detail + " (the picture carries the label)")


def _marked(path: Path, media: _Media) -> Finding:
    name = "sound mark"
    heard = watermark.listen(_whole_sound(path, watermark.RATE), media.sound_rate)
    if not heard.found:
        detail = f"none (score {heard.score:.1f} of {watermark.FOUND:g})"
        return Finding(name, "note", detail)
    speed = f", at {heard.speed:.2f} of its speed" if abs(heard.speed - 1) > 0.01 else ""
    detail = (
        f"synthetic speech of this program (score {heard.score:.1f}; "
        f"{heard.marked} of {heard.stretches} stretches{speed})"
    )
    return Finding(name, "ok", detail)


def _whole_sound(path: Path, rate: int) -> Iterator[FloatArray]:
    """float32 [n] mono pieces of the file's sound, in order."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    with av.open(str(path)) as file:
        try:
            for frame in file.decode(file.streams.audio[0]):
                yield from (np.array(f.to_ndarray()[0]) for f in resampler.resample(frame))
        except av.FFmpegError:
            return  # A damaged packet ends the search; the signature tells of the damage.


def _sound(path: Path, *, end: bool) -> FloatArray:
    """float32 [n] mono at 16 kHz: the first or the last seconds of the file."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=_SOUND_RATE)
    pieces: list[FloatArray] = []
    limit = int(_SOUND_SECONDS * _SOUND_RATE)
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        length = (file.duration or 0) / av.time_base
        if end and length > _SOUND_SECONDS:
            file.seek(int((length - _SOUND_SECONDS) * av.time_base))
        try:
            for frame in file.decode(stream):
                pieces += [np.asarray(f.to_ndarray()[0]) for f in resampler.resample(frame)]
                if not end and sum(map(len, pieces)) >= limit:
                    break
        except av.FFmpegError:
            pass  # A damaged packet ends the search; the signature tells of the damage.
    pcm = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return pcm[-limit:] if end else pcm[:limit]


def _recorded(path: Path) -> Finding:
    name = "audit record"
    try:
        record = AuditLog().find_output(file_sha256(path))
    except VerifyError as error:
        return Finding(name, "note", f"the local log is damaged: {error.message}")
    if record is None:
        return Finding(name, "note", "none on this machine for exactly this file")
    return Finding(name, "ok", f"record {record.seq} of {record.time[:19]} UTC by {record.actor}")
