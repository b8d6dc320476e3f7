"""The AIGC metadata label and the C2PA signature of a file.

The label is the implicit label of GB 45438-2025: one metadata key ``AIGC``. It is written
first; the signature, which covers it, is made last. Nothing here uses the network.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import av
import c2pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from digital_human import __version__
from digital_human.config import settings
from digital_human.errors import InputError, ResourceError, VerifyError
from digital_human.safety.certificate import Credential, load_credential

AIGC_KEY = "AIGC"
_ALLOWED = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]*")
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_ACTIONS = ("c2pa.actions.v2", "c2pa.actions")

Origin = Literal["generated", "composite"]
"""``generated``: the person is generated; ``composite``: a filmed person with a generated mouth."""

SOURCE_TYPES: Mapping[Origin, str] = {
    "generated": _SOURCE_TYPE + "trainedAlgorithmicMedia",
    "composite": _SOURCE_TYPE + "compositeWithTrainedAlgorithmicMedia",
}


class AigcLabel(BaseModel):
    """The content of the implicit label; all values are strings of printable ASCII.

    Attributes:
        label: "1" is AI-generated, "2" may be, "3" is suspected to be.
        content_producer: Name or code of who made it.
        produce_id: The producer's number of this file.
        reserved_code1: The producer's integrity value (the result of `payload_digest`), or "".
        content_propagator: Name or code of who spreads it.
        propagate_id: The propagator's number of this file.
        reserved_code2: The propagator's integrity value, or "".
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    label: Literal["1", "2", "3"] = Field(alias="Label")
    content_producer: str = Field(alias="ContentProducer", min_length=1)
    produce_id: str = Field(alias="ProduceID", min_length=1)
    reserved_code1: str = Field(alias="ReservedCode1")
    content_propagator: str = Field(alias="ContentPropagator", min_length=1)
    propagate_id: str = Field(alias="PropagateID", min_length=1)
    reserved_code2: str = Field(alias="ReservedCode2")

    @field_validator("*")
    @classmethod
    def _in_character_set(cls, value: str) -> str:
        if not _ALLOWED.fullmatch(value):
            bad = next(c for c in value if not _ALLOWED.fullmatch(c))
            raise ValueError(
                f'{value!r} contains {bad!r}; allowed is ASCII without space, " and \\'
            )
        return value

    def to_json(self) -> str:
        """The value of the metadata key."""
        return json.dumps({AIGC_KEY: self.model_dump(by_alias=True)}, separators=(",", ":"))


def new_label(
    *, producer: str | None = None, produce_id: str | None = None, payload: str = ""
) -> AigcLabel:
    """The label of a new file.

    Args:
        producer: Name or code of the producer; `Settings.producer` when None.
        produce_id: Number of the file; a random one when None.
        payload: Digest from `payload_digest`, put into ReservedCode1.

    Raises:
        InputError: A value has characters that the label must not have.
    """
    producer = settings().producer if producer is None else producer
    produce_id = produce_id or uuid.uuid4().hex
    try:
        return AigcLabel(
            Label="1",
            ContentProducer=producer,
            ProduceID=produce_id,
            ReservedCode1=payload,
            ContentPropagator=producer,
            PropagateID=produce_id,
            ReservedCode2="",
        )
    except ValidationError as error:
        raise InputError(
            f"AIGC label: {_first(error)}",
            fix="set producer (DH_PRODUCER) to your code or an ASCII name without spaces",
        ) from error


def aigc_metadata(label: AigcLabel) -> dict[str, str]:
    """Container tags that carry ``label``; MP4 needs ``movflags=use_metadata_tags``."""
    return {AIGC_KEY: label.to_json()}


def parse_label(value: str) -> AigcLabel:
    """Read the value of an ``AIGC`` key, strictly.

    Raises:
        VerifyError: It is not the JSON that the standard asks for.
    """
    try:
        outer = json.loads(value)
    except json.JSONDecodeError as error:
        raise VerifyError(f"AIGC value is not JSON: {error}") from error
    if not isinstance(outer, dict) or set(outer) != {AIGC_KEY}:
        raise VerifyError('AIGC value must be an object with the single key "AIGC"')
    try:
        return AigcLabel.model_validate(outer[AIGC_KEY])
    except ValidationError as error:
        raise VerifyError(f"AIGC value: {_first(error)}") from error


def payload_digest(path: Path) -> str:
    """``sha256:`` digest of the encoded packets, which a change of metadata leaves alone.

    Per stream the SHA-256 of its packets in decoding order; then the SHA-256 of those digests in
    stream order.
    """
    digests: dict[int, Any] = {}
    with _opened(path) as file:
        for packet in file.demux():
            if packet.size:
                digests.setdefault(packet.stream_index, hashlib.sha256()).update(bytes(packet))
    joined = b"".join(digests[index].digest() for index in sorted(digests))
    return "sha256:" + hashlib.sha256(joined).hexdigest()


def write_labels(source: Path, target: Path, label: AigcLabel) -> None:
    """Copy ``source`` to ``target`` with exactly one AIGC key; the streams are not encoded again.

    Raises:
        InputError: ``source`` is not a media file that can be read.
        ResourceError: ``target`` cannot be written.
    """
    with _atomic(target) as partial:
        try:
            _remux(source, partial, label)
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, OSError):
                raise ResourceError(
                    f"cannot write {target}: {error.strerror}", fix="free some space and try again"
                ) from error
            raise InputError(
                f"{target.name}: a {target.suffix} file cannot hold the streams of {source.name}",
                fix="write .mp4, .mov or .mkv",
            ) from error
        with av.open(str(partial)) as written:
            if AIGC_KEY not in written.metadata:
                raise InputError(
                    f"{target.name}: a {target.suffix} file cannot carry the AIGC key",
                    fix="write .mp4, .m4a, .mp3, .mkv or .flac",
                )


def _remux(source: Path, target: Path, label: AigcLabel) -> None:
    iso = target.suffix.lower() in (".mp4", ".m4v", ".m4a", ".mov")
    options = {"movflags": "use_metadata_tags+faststart"} if iso else {}
    with _opened(source) as old, av.open(str(target), "w", options=options) as new:
        new.metadata.update(_without_label(old.metadata))
        new.metadata.update(aigc_metadata(label))
        streams = {}
        for stream in old.streams:
            if stream.type in ("video", "audio", "subtitle"):
                copy = new.add_stream_from_template(stream)
                copy.metadata.update(_without_label(stream.metadata))
                streams[stream.index] = copy
        for packet in old.demux([old.streams[index] for index in streams]):
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)


def sign(source: Path, target: Path, *, title: str = "", origin: Origin = "generated") -> None:
    """Copy ``source`` to ``target`` with a C2PA manifest; do this last, any later change breaks it.

    Args:
        source: A finished media file.
        target: File to write; left behind only when it is whole. May be ``source``.
        title: Title in the manifest; the name of ``target`` when empty.
        origin: Whether the person is generated or filmed.

    Raises:
        InputError: The certificate, the key or the file is not fit for signing.
        ResourceError: ``target`` cannot be written.
    """
    credential = load_credential()
    manifest = {
        "claim_generator_info": [{"name": "digital_human", "version": __version__}],
        "title": title or target.name,
        "format": media_type(target),
        "assertions": [{"label": _ACTIONS[0], "data": {"actions": [_created(origin)]}}],
    }
    with _atomic(target) as partial:
        try:
            with (
                c2pa.Context.from_dict(c2pa_settings(credential.anchors)) as context,
                c2pa.Builder(manifest, context) as builder,
                c2pa.Signer.from_info(_signer_info(credential)) as signer,
                source.open("rb") as original,
                partial.open("w+b") as signed,
            ):
                builder.sign(signer, media_type(source), original, signed)
                signed.flush()
                os.fsync(signed.fileno())
        except c2pa.C2paError.Io as error:
            raise ResourceError(
                f"cannot write {target} while signing it: {error}",
                fix="free some space and try again",
            ) from error
        except c2pa.C2paError as error:
            raise InputError(
                f"cannot sign {source}: {error}",
                fix="check certificate and private_key in the settings (the leaf certificate comes "
                "first, its issuers after it), or remove both to use the local certificate",
            ) from error


def label_and_sign(
    source: Path,
    target: Path,
    *,
    title: str = "",
    origin: Origin = "generated",
    producer: str | None = None,
) -> AigcLabel:
    """Write the AIGC label with the payload's digest and sign: the last step of every export.

    Args:
        source: A finished file that already shows and sounds its labels.
        target: File to write; left behind only when it is whole.
        title: Title in the manifest; the name of ``target`` when empty.
        origin: Whether the person is generated or filmed.
        producer: Name or code of the producer; `Settings.producer` when None.

    Returns:
        The label written.
    """
    label = new_label(producer=producer, payload=payload_digest(source))
    with _atomic(target) as labelled:
        write_labels(source, labelled, label)
        sign(labelled, labelled, title=title or target.name, origin=origin)
    return label


def c2pa_settings(anchors: str) -> dict[str, Any]:
    """Settings of the C2PA library: PEM ``anchors`` are trusted, the network is not used."""
    offline = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
    return offline | ({"trust": {"trust_anchors": anchors}} if anchors else {})


def media_type(path: Path) -> str:
    """MIME type by the file's suffix, for C2PA.

    Raises:
        InputError: C2PA cannot sign this kind of file.
    """
    types = {
        ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".m4a": "audio/mp4",
        ".wav": "audio/wav", ".mp3": "audio/mpeg", ".avi": "video/avi", ".png": "image/png",
        ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
    }  # fmt: skip
    try:
        return types[path.suffix.lower()]
    except KeyError:
        raise InputError(
            f"{path.name}: C2PA has no place in a {path.suffix or 'nameless'} file",
            fix=f"write one of {' '.join(types)}",
        ) from None


def _created(origin: Origin) -> dict[str, Any]:
    return {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE_TYPES[origin],
        "softwareAgent": {"name": "digital_human", "version": __version__},
    }


def _signer_info(credential: Credential) -> c2pa.C2paSignerInfo:
    return c2pa.C2paSignerInfo(
        credential.algorithm, credential.chain.encode(), credential.private_key.encode(), None
    )


def _without_label(metadata: Mapping[str, str]) -> dict[str, str]:
    drop = ("encoder", "major_brand", "minor_version", "compatible_brands")
    return {k: v for k, v in metadata.items() if "AIGC" not in k.upper() and k not in drop}


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'value'}: {first['msg']}"


def _opened(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        raise InputError(f"{path}: no such file", fix="check the name")
    try:
        return av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as error:
        raise InputError(
            f"{path}: not a media file that can be read", fix="check that it plays"
        ) from error


@contextmanager
def _atomic(target: Path) -> Iterator[Path]:
    """A path beside ``target`` that becomes it when the block ends well, else is removed."""
    try:
        handle, name = tempfile.mkstemp(target.suffix, f".{target.stem[:40]}.", target.parent)
    except OSError as error:
        raise ResourceError(f"cannot write {target}: {error.strerror}") from error
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o644)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
