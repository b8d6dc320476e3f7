"""Encoders of the live loop: H.264, VP8 and Opus, one picture in and one packet out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

import av
import cv2
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import ResourceError

VideoCodec = Literal["h264", "vp8"]

SOUND_RATE = 48_000
OPUS_SAMPLES = 960
_LEVEL_3_1_MACROBLOCKS = 3600
_LONGEST_GROUP_SECONDS = 10
KEY_REQUEST_SECONDS = 0.3
_REDUCED = 0.5
_RATE_WINDOW = 2.0
_RECOVERY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One access unit.

    Attributes:
        data: The bitstream; Annex B for H.264.
        pts: Frame index.
        key: Whether decoding can start here.
    """

    data: bytes
    pts: int
    key: bool


@dataclass(frozen=True, slots=True)
class EncodedSound:
    """One Opus packet of 20 ms.

    Attributes:
        data: The packet.
        pts: Media time of its first decoded sample in 1/48000 s; the encoder's look-ahead makes
            the very first one negative.
    """

    data: bytes
    pts: int


class VideoEncoder(Protocol):
    """Turns I420 pictures of one size into access units, without delay."""

    def encode(self, yuv: ByteArray, pts: int, *, key: bool) -> EncodedPicture:
        """Encode uint8 [h * 3 / 2, w] as frame ``pts``, as a key frame when ``key``."""
        ...


def i420(image: ByteArray, size: tuple[int, int]) -> ByteArray:
    """RGB to planar 4:2:0 of ITU-R BT.601 in video range.

    Args:
        image: uint8 [h, w, 3].
        size: Width and height it must have.

    Returns:
        uint8 [h * 3 / 2, w].
    """
    width, height = size
    if image.shape != (height, width, 3):
        raise ValueError(f"picture {image.shape}: the stream is {height}x{width}x3")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)


def bitrate(size: tuple[int, int]) -> int:
    """Highest bitrate in bits per second for a talking picture of ``size``."""
    width, height = size
    return int(np.clip(1_200_000 * (width * height) / (576 * 768), 400_000, 3_000_000))


class H264Encoder:
    """Constrained baseline H.264 by x264, one thread, no frame of delay, headers on key frames.

    Quality is constant up to ``limit``, so a still background costs next to nothing.

    Args:
        size: Width and height in pixels, both even.
        fps: Frames per second.
        limit: Highest bitrate in bits per second.
    """

    def __init__(self, size: tuple[int, int], fps: int, limit: int) -> None:
        context = _video_context("libx264", size, fps)
        macroblocks = -(-size[0] // 16) * -(-size[1] // 16)
        context.options = {
            "preset": "superfast",
            "tune": "zerolatency",
            "crf": "23",
            "maxrate": str(limit),
            "bufsize": str(limit // 2),
            "level": "31" if macroblocks <= _LEVEL_3_1_MACROBLOCKS else "40",
            "forced-idr": "1",
        }
        context.profile = "Baseline"
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU601
        self._context = context

    def encode(self, yuv: ByteArray, pts: int, *, key: bool) -> EncodedPicture:
        return _encode(self._context, yuv, pts, key)


class Vp8Encoder:
    """VP8 by libvpx in its real-time mode on one thread, at a constant bitrate.

    Args:
        size: Width and height in pixels, both even.
        fps: Frames per second.
        limit: Bitrate in bits per second.
    """

    def __init__(self, size: tuple[int, int], fps: int, limit: int) -> None:
        context = _video_context("libvpx", size, fps)
        context.bit_rate = limit
        context.qmin, context.qmax = 4, 56
        context.options = {
            "bufsize": str(limit),
            "minrate": str(limit),
            "maxrate": str(limit),
            "cpu-used": "-6",
            "deadline": "realtime",
            "lag-in-frames": "0",
            "static-thresh": "1",
            "undershoot-pct": "100",
            "overshoot-pct": "15",
        }
        self._context = context

    def encode(self, yuv: ByteArray, pts: int, *, key: bool) -> EncodedPicture:
        return _encode(self._context, yuv, pts, key)


VIDEO_ENCODERS: dict[VideoCodec, type[H264Encoder] | type[Vp8Encoder]] = {
    "h264": H264Encoder,
    "vp8": Vp8Encoder,
}


class VideoLine:
    """The encoder of one codec, its key frame requests and its bitrate; made when needed."""

    def __init__(self, codec: VideoCodec, size: tuple[int, int], fps: int) -> None:
        self._codec, self._size, self._fps = codec, size, fps
        self._full = bitrate(size)
        self._limit = self._full
        self._encoder: VideoEncoder | None = None
        self._last_key: int | None = None
        self._sent: deque[tuple[int, int]] = deque()
        self._reduced_at = 0
        self.key_wanted = False

    @property
    def limit(self) -> int:
        """Highest bitrate now, bits per second."""
        return self._limit

    def key_due(self, pts: int) -> bool:
        """Whether a wanted key frame may be made now."""
        if not self.key_wanted:
            return False
        return self._last_key is None or pts - self._last_key >= KEY_REQUEST_SECONDS * self._fps

    def adapt(self, estimate: float | None, pts: int) -> None:
        """Step down when the slowest receiver takes less than is sent, up again when it does not.

        Args:
            estimate: Lowest estimate of the receivers, bits per second.
            pts: Frame index now.
        """
        rate = self.rate()
        if self._limit == self._full:
            if estimate is not None and estimate < min(0.9 * rate, 0.8 * self._full):
                self._set_limit(int(self._full * _REDUCED), pts)
        elif pts - self._reduced_at > _RECOVERY_SECONDS * self._fps and (
            estimate is None or estimate > 1.2 * rate
        ):
            self._set_limit(self._full, pts)

    def rate(self) -> float:
        """Bits per second over the last two seconds; 0 before."""
        if len(self._sent) < 2:
            return 0.0
        seconds = (self._sent[-1][0] - self._sent[0][0]) / self._fps
        return 8 * sum(size for _, size in self._sent) / seconds if seconds >= 1 else 0.0

    def encode(self, yuv: ByteArray, pts: int, key: bool) -> EncodedPicture:
        """Encode one picture; a failure drops the encoder and the next call makes a new one."""
        if self._encoder is None:
            kind = VIDEO_ENCODERS[self._codec]
            self._encoder = kind(self._size, self._fps, self._limit)
        try:
            return self._encoder.encode(yuv, pts, key=key)
        except Exception:
            self._encoder = None
            raise

    def encoded(self, picture: EncodedPicture) -> None:
        """Take note of a finished picture."""
        if picture.key:
            self._last_key, self.key_wanted = picture.pts, False
        self._sent.append((picture.pts, len(picture.data)))
        while self._sent and picture.pts - self._sent[0][0] > _RATE_WINDOW * self._fps:
            self._sent.popleft()

    def _set_limit(self, limit: int, pts: int) -> None:
        self._limit, self._reduced_at, self._encoder = limit, pts, None
        self._sent.clear()


class OpusEncoder:
    """Opus for speech (RFC 6716): 20 ms packets, mono, with in-band error correction."""

    def __init__(self) -> None:
        context = av.CodecContext.create("libopus", "w")
        assert isinstance(context, AudioCodecContext)
        context.format = "flt"
        context.layout = "mono"
        context.sample_rate = SOUND_RATE
        context.bit_rate = 48_000
        context.time_base = Fraction(1, SOUND_RATE)
        context.options = {"application": "voip", "fec": "1", "packet_loss": "5"}
        self._context = context

    def encode(self, pcm: FloatArray, pts: int) -> list[EncodedSound]:
        """Encode float32 [n * 960] mono at `SOUND_RATE`; ``pts`` in samples."""
        packets = []
        for start in range(0, len(pcm), OPUS_SAMPLES):
            block = np.clip(pcm[None, start : start + OPUS_SAMPLES], -1.0, 1.0)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block, dtype=np.float32), format="flt", layout="mono"
            )
            frame.sample_rate, frame.pts = SOUND_RATE, pts + start
            frame.time_base = Fraction(1, SOUND_RATE)
            for packet in self._context.encode(frame):
                assert packet.pts is not None
                packets.append(EncodedSound(bytes(packet), packet.pts))
        return packets


def _video_context(codec: str, size: tuple[int, int], fps: int) -> VideoCodecContext:
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.framerate = Fraction(fps)
    context.time_base = Fraction(1, fps)
    context.gop_size = fps * _LONGEST_GROUP_SECONDS
    context.thread_count = 1
    return context


def _encode(context: VideoCodecContext, yuv: ByteArray, pts: int, key: bool) -> EncodedPicture:
    frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
    frame.pts, frame.time_base = pts, context.time_base
    frame.pict_type = PictureType.I if key else PictureType.NONE
    packets = context.encode(frame)
    if len(packets) != 1:
        raise ResourceError(
            f"{context.name} gave {len(packets)} packets for one picture",
            fix="check the codecs of this FFmpeg with `digital-human doctor`",
        )
    return EncodedPicture(bytes(packets[0]), pts, packets[0].is_keyframe)
