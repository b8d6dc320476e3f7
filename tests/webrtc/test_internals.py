"""The hooks into aiortc work on the installed version: an upgrade that breaks one fails here."""

from __future__ import annotations

import time

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.codecs import CODECS
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
)

from digital_human.transport.webrtc import internals
from digital_human.transport.webrtc.client import Client
from digital_human.transport.webrtc.peer import Peer
from tests.fakes.webrtc import on_air


@pytest.fixture
async def connection():
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    yield made
    await made.close()


async def test_names_are_there(connection: RTCPeerConnection) -> None:
    transceiver = connection.addTransceiver("audio")
    assert internals.supported(transceiver.sender, transceiver.receiver) == []
    assert len(internals.supported(object(), object())) == 10


async def test_receiver_uses_the_speech_buffer(connection: RTCPeerConnection) -> None:
    receiver = connection.addTransceiver("audio").receiver
    internals.tune_audio(receiver)
    receiver._RTCRtpReceiver__codecs[96] = CODECS["audio"][0]
    receiver._RTCRtpReceiver__decoder_thread = object()
    queue = receiver._RTCRtpReceiver__decoder_queue
    packet = RtpPacket(payload_type=96, sequence_number=1, timestamp=960)
    packet.ssrc, packet.payload = 77, b"\x78\x01"
    await receiver._handle_rtp_packet(packet, arrival_time_ms=0)
    assert queue.get_nowait()[1].data == b"\x78\x01"


async def test_lost_sound_is_asked_for_again(connection: RTCPeerConnection) -> None:
    receiver = connection.addTransceiver("audio").receiver
    internals.tune_audio(receiver)
    receiver._RTCRtpReceiver__codecs[96] = CODECS["audio"][0]
    asked = []

    async def nack(ssrc: int, lost: list[int]) -> None:
        asked.append((ssrc, lost))

    receiver._send_rtcp_nack = nack
    for number in [5, 6, 8]:
        packet = RtpPacket(payload_type=96, sequence_number=number, timestamp=number * 960)
        packet.ssrc, packet.payload = 77, b"x"
        await receiver._handle_rtp_packet(packet, arrival_time_ms=0)
    assert asked == [(77, [7])]


async def test_a_lost_picture_is_asked_for_until_it_comes(
    connection: RTCPeerConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = connection.addTransceiver("video").receiver
    internals.tune_video(receiver)
    receiver._RTCRtpReceiver__codecs[97] = CODECS["video"][0]
    asked, now = [], [0.0]

    async def nack(ssrc: int, lost: list[int]) -> None:
        asked.append((now[0], lost))

    receiver._send_rtcp_nack = nack
    monkeypatch.setattr("digital_human.transport.webrtc.internals.time.monotonic", lambda: now[0])
    for number in [5, 7, 8, 9, 10, 6, 11, 12]:
        now[0] += 0.05
        packet = RtpPacket(payload_type=97, sequence_number=number, timestamp=number * 3600)
        packet.ssrc, packet.payload = 77, b"\x10x"
        await receiver._handle_rtp_packet(packet, arrival_time_ms=0)
    assert asked == [(pytest.approx(0.1), [6]), (pytest.approx(0.2), [6])]


async def test_audio_nack_is_negotiated() -> None:
    internals.prepare()
    internals.prepare()
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    made.addTransceiver("audio")
    offer = (await made.createOffer()).sdp
    await made.close()
    assert offer.count("a=rtcp-fb:96 nack\r\n") == 1


async def test_machine_without_a_network_uses_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internals, "_aioice_host_addresses", lambda ipv4, ipv6: [])
    async with on_air() as broadcast:
        peer, client = Peer(broadcast), Client(microphone=False)
        offer = await client.offer()
        assert " 127.0.0.1 " in offer
        await client.accept(await peer.answer(offer))
        await client.close()
        await peer.close()


async def test_pli_reaches_the_hook(connection: RTCPeerConnection) -> None:
    sender = connection.addTransceiver("video").sender
    asked = []
    internals.on_key_frame_request(sender, lambda: asked.append(True))
    await sender._handle_rtcp_packet(
        RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=sender._ssrc)
    )
    assert asked == [True]


async def test_reports_reach_the_hook(connection: RTCPeerConnection) -> None:
    sender = connection.addTransceiver("video").sender
    quality, estimates = internals.LinkQuality(), []
    internals.follow_reports(sender, quality, estimates.append)
    report = RtcpReceiverInfo(sender._ssrc, 64, 12, 1, 90, 0, 0)
    other = RtcpReceiverInfo(sender._ssrc ^ 1, 255, 99, 1, 90, 0, 0)
    await sender._handle_rtcp_packet(RtcpRrPacket(ssrc=1, reports=[report, other]))
    await sender._handle_rtcp_packet(
        RtcpPsfbPacket(
            fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=pack_remb_fci(500_000, [sender._ssrc])
        )
    )
    await sender._handle_rtcp_packet(
        RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=b"junk")
    )
    assert (quality.loss, quality.lost, quality.jitter) == (0.25, 12, 90)
    assert estimates == [pytest.approx(500_000, rel=0.01)]


async def test_sender_report_states_the_schedule(connection: RTCPeerConnection) -> None:
    sender = connection.addTransceiver("audio").sender
    sent = []

    async def capture(packets: list[RtcpSrPacket]) -> None:
        sent.extend(packets)

    sender._send_rtcp = capture
    due = 1_800_000_000.25
    internals.report_schedule(sender, lambda: due)
    packet = RtcpSrPacket(sender._ssrc, RtcpSenderInfo((int(time.time()) << 32), 960, 1, 1))
    await sender._send_rtcp([packet])
    empty = RtcpSrPacket(sender._ssrc, RtcpSenderInfo(0, 0, 0, 0))
    await sender._send_rtcp([empty])
    assert internals.ntp_to_unix(sent[0].sender_info.ntp_timestamp) == pytest.approx(due, abs=1e-3)
    assert sent[1].sender_info.ntp_timestamp == 0
