"""Checks of a session description before aiortc sees it, and what it settles."""

from __future__ import annotations

import re
from collections import Counter

from aiortc import RTCConfiguration, RTCIceServer
from aiortc.sdp import MediaDescription, SessionDescription

from digital_human.config import IceServer
from digital_human.errors import InputError
from digital_human.media.live_encoder import VideoCodec

SDP_LIMIT = 64 * 1024
_CANDIDATE_LIMIT = 100
_KINDS = ("audio", "video", "application")
_FIX = "send the offer that RTCPeerConnection.createOffer() made, once ICE gathering is complete"

_OPUS = re.compile(r"^a=rtpmap:(\d+) opus/48000/2\r\n", re.MULTILINE)
_HEARD_BITRATE = 64_000  # bit/s; at the 32 kbit/s of browsers consonants are misheard in noise

_CANDIDATE = re.compile(r"a=candidate:\S+ \d+ (\S+) \d+ (\S+) \d+ ")


def configuration(servers: list[IceServer] | tuple[IceServer, ...]) -> RTCConfiguration:
    """aiortc's configuration; without servers ICE uses only this machine's own addresses."""
    return RTCConfiguration(
        iceServers=[
            RTCIceServer(
                urls=server.urls,
                username=server.username,
                credential=server.credential.get_secret_value() if server.credential else None,
            )
            for server in servers
        ]
    )


def check_offer(text: str) -> tuple[str, list[MediaDescription]]:
    """Check an offer and make it ready for aiortc.

    Candidates with a host name (browsers hide addresses behind mDNS names) and TCP ones are
    taken out, and so is the end of candidates: the browser's own checks reveal its address, so the
    answer never waits for a name.

    Returns:
        The offer to use, and its media sections.

    Raises:
        InputError: It is not an offer this program can answer.
    """
    if len(text) > SDP_LIMIT:
        raise InputError(f"sdp: {len(text)} characters, the limit is {SDP_LIMIT}", fix=_FIX)
    if not text.lstrip().startswith("v=0"):
        raise InputError(f"sdp: {text[:40]!r}… is not a session description", fix=_FIX)
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if _wanted(line)]
    if sum(line.startswith("a=candidate:") for line in lines) > _CANDIDATE_LIMIT:
        raise InputError(f"sdp: more than {_CANDIDATE_LIMIT} ICE candidates", fix=_FIX)
    offer = "\r\n".join(lines).strip() + "\r\n"
    try:
        sections = SessionDescription.parse(offer).media
    except Exception as error:
        raise InputError(f"sdp: cannot be read: {error}", fix=_FIX) from error
    counts = Counter(section.kind for section in sections)
    if unknown := counts.keys() - set(_KINDS):
        raise InputError(f"sdp: media {', '.join(sorted(unknown))} is not known", fix=_FIX)
    if several := [kind for kind, count in counts.items() if count > 1]:
        raise InputError(f"sdp: more than one section of {', '.join(several)}", fix=_FIX)
    if not counts["audio"] and not counts["video"]:
        raise InputError("sdp: offers neither audio nor video", fix=_FIX)
    if any(s.ice is None or not s.ice.usernameFragment or s.dtls is None for s in sections):
        raise InputError("sdp: a section has no ICE credentials or no fingerprint", fix=_FIX)
    return offer, sections


def asks_for_clear_sound(answer: str) -> str:
    """``answer`` with the wish for a voice that can be recognised (RFC 7587, section 6.1)."""
    wish = f"maxaveragebitrate={_HEARD_BITRATE}"
    return _OPUS.sub(lambda line: f"{line[0]}a=fmtp:{line[1]} {wish}\r\n", answer)


def chosen_video(answer: str) -> VideoCodec | None:
    """The video codec that an answer settles; None when it has no video."""
    for section in SessionDescription.parse(answer).media:
        if section.kind == "video" and section.rtp.codecs:
            return "h264" if section.rtp.codecs[0].name.upper() == "H264" else "vp8"
    return None


def _wanted(line: str) -> bool:
    if line.startswith("a=end-of-candidates"):
        return False
    if match := _CANDIDATE.match(line):
        transport, host = match.groups()
        return transport.lower() == "udp" and not host.endswith(".local")
    return True
