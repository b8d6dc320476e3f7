"""The speech jitter buffer: order, patience, draining, joining."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from digital_human.transport.webrtc.jitter import SpeechBuffer, frame_samples, join

TOC = 0x78


class Link:
    """A buffer under a clock of its own; packets say their number."""

    def __init__(self) -> None:
        self.time = 0.0
        self.buffer = SpeechBuffer(lambda: self.time)
        self.heard: list[int] = []

    def arrive(self, *numbers: int, at: float | None = None, toc: int = TOC) -> list[int]:
        """Give packets; returns the numbers that become free."""
        self.time = self.time if at is None else at
        before = len(self.heard)
        for number in numbers:
            packet = RtpPacket(sequence_number=number % 65536, timestamp=number * 960)
            packet.payload = bytes([toc, number % 256])
            wish, frame = self.buffer.add(packet)
            assert wish is False
            if frame:
                count = frame.data[1] & 0x3F if frame.data[0] & 3 == 3 else 1
                self.heard += list(frame.data[-count:])
                assert frame.timestamp // 960 % 256 == self.heard[-count]
        return self.heard[before:]


def test_what_is_in_order_is_not_held_back() -> None:
    link = Link()
    assert [link.arrive(n) for n in range(4)] == [[0], [1], [2], [3]]


def test_missing_packet_that_comes_again_frees_all() -> None:
    link = Link()
    link.arrive(0, 1)
    assert link.arrive(3, at=0.02) == []
    assert link.arrive(4, at=0.04) == []
    assert link.arrive(2, at=0.045) == [2, 3, 4]
    assert link.arrive(5) == [5]
    assert link.buffer.lost == 0


def test_missing_packet_is_given_up_and_the_delay_does_not_stay() -> None:
    link = Link()
    link.arrive(0)
    for step, number in enumerate([2, 3, 4, 5]):
        assert link.arrive(number, at=0.02 * step) == []
    assert link.arrive(6, at=0.12) == [2, 3, 4, 5, 6]
    assert link.arrive(7) == [7]
    assert link.arrive(1) == []
    assert link.buffer.lost == 1


def test_burst_after_a_loss_leaves_time_for_the_retransmission() -> None:
    link = Link()
    link.arrive(0)
    assert link.arrive(*range(2, 12), at=0.3) == []
    assert link.arrive(1, at=0.31) == [1, 2, 3, 4, 5, 6]
    assert link.arrive(12) == [7, 8, 9, 10, 11, 12]


def test_duplicates_and_restarts() -> None:
    link = Link()
    assert link.arrive(65534, 65535, 65536, 65535, 65537) == [254, 255, 0, 1]
    assert link.arrive(30000) == [30000 % 256]
    assert link.arrive(30001) == [30001 % 256]


def test_a_flood_is_dropped_before_it_is_decoded() -> None:
    link = Link()
    assert len(link.arrive(*range(5000), at=0.0)) == 500
    link.time = 1.0
    before = len(link.heard)
    link.arrive(*range(9000, 9000 + 5000))
    assert len(link.heard) - before <= 500


def test_different_configurations_are_not_joined() -> None:
    link = Link()
    link.arrive(0)
    link.arrive(2)
    link.arrive(3, toc=0x08)
    assert link.arrive(1) == [1, 2]
    assert link.arrive(4, toc=0x08) == [3, 4]


@given(st.permutations(list(range(12))))
def test_any_order_comes_out_in_order(order: list[int]) -> None:
    link = Link()
    link.arrive(0)
    link.arrive(*(n + 1 for n in order))
    link.arrive(13, 14, 15)
    assert link.heard == list(range(16))


@pytest.mark.parametrize(("toc", "samples"), [(0x78, 960), (0x00, 480), (0x18, 2880), (0x80, 120)])
def test_durations(toc: int, samples: int) -> None:
    assert frame_samples(toc) == samples


def test_joined_packet_decodes_to_the_same_sound() -> None:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate = "s16", "mono", 48_000
    encoder.bit_rate, encoder.time_base = 128_000, Fraction(1, 48_000)
    rng = np.random.default_rng(0)
    packets = []
    for number in range(6):
        pcm = rng.normal(0, 6000, (1, 960)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, number * 960, Fraction(1, 48_000)
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    assert max(map(len, packets)) > 252

    def decode(payloads: list[bytes]) -> np.ndarray:
        decoder = av.CodecContext.create("libopus", "r")
        decoder.format, decoder.layout, decoder.sample_rate = "s16", "mono", 48_000
        frames = [f for payload in payloads for f in decoder.decode(av.Packet(payload))]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])

    assert np.array_equal(decode(packets), decode([join(packets)]))
