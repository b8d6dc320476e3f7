"""Media through a TURN server: coturn on loopback, only relayed candidates."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from digital_human.config import IceServer
from digital_human.transport.webrtc.client import Client
from digital_human.transport.webrtc.peer import Peer
from tests.fakes.webrtc import connect, on_air


def _address() -> str:
    """An address of this machine that is not loopback, as ICE uses; loopback when there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def turn(tmp_path: Path) -> AsyncIterator[IceServer]:
    """A TURN server with one user."""
    binary = shutil.which("turnserver")
    if binary is None:
        pytest.skip("no turnserver: install coturn")
    port, address = _free_port(), _address()
    process = await asyncio.create_subprocess_exec(
        binary, "-n", "--lt-cred-mech", "--user=guide:secret", "--realm=test",
        f"--listening-ip={address}", f"--relay-ip={address}", f"--listening-port={port}",
        "--allow-loopback-peers", "--cli-password=x", "--no-tls", "--no-dtls", "--no-cli",
        "--log-file=stdout", f"--pidfile={tmp_path / 'pid'}",
        f"--userdb={tmp_path / 'users'}",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection(address, port)
                except OSError:
                    assert process.returncode is None, "turnserver ended at once"
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield IceServer(
            urls=[f"turn:{address}:{port}"], username="guide", credential=SecretStr("secret")
        )
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.mark.parametrize("peer_has_turn", [False, True])
async def test_media_passes_the_relay(turn: IceServer, peer_has_turn: bool) -> None:
    async with on_air() as broadcast:
        peer = Peer(broadcast, ice=[turn] if peer_has_turn else [])
        client = Client(ice=[turn], relay=True)
        offer = await client.offer()
        candidates = [line for line in offer.split("\r\n") if line.startswith("a=candidate")]
        assert candidates and all(" typ relay" in line for line in candidates)
        answer = await peer.answer(offer)
        assert (" typ relay" in answer) is peer_has_turn
        await client.accept(answer)
        async with asyncio.timeout(10):
            while len(client.pictures) < 10 or len(client.sounds) < 20:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await peer.close()
        await client.close()


async def test_without_servers_gathering_is_instant() -> None:
    async with on_air() as broadcast:
        peer, client = Peer(broadcast), Client()
        start = asyncio.get_running_loop().time()
        answer = await peer.answer(await client.offer())
        took = asyncio.get_running_loop().time() - start
        await peer.close()
        await client.close()
    assert took < 0.5
    assert " typ host" in answer and " typ srflx" not in answer


async def test_wrong_password_fails_clearly(turn: IceServer) -> None:
    wrong = turn.model_copy(update={"credential": SecretStr("wrong")})
    async with on_air() as broadcast:
        peer, client = Peer(broadcast, ice=[wrong]), Client()
        await connect(peer, client)
        assert " typ relay" not in peer._connection.localDescription.sdp
        await peer.close()
        await client.close()
