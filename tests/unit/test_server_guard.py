"""Who is let in, and what happens to requests that mean harm; some over a real socket."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from digital_human.config import LiveSettings
from digital_human.errors import InputError
from digital_human.server import auth
from digital_human.server.app import create_app
from tests.fakes.server import FakePeer
from tests.fakes.serving import Served

TOKEN = "s3cret-token-0123456789"
ID = "0123456789abcdef01234567"
ONLOOKER = "0123456789abcdef"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


@pytest.fixture
def locked(tmp_path: Path) -> Served:
    return Served(tmp_path, token=TOKEN, host="0.0.0.0")


@pytest.fixture
async def socket_url(served: Served) -> AsyncIterator[str]:
    async with served.on_a_socket() as base:
        yield base


def calls(served: Served) -> list[tuple[str, str]]:
    """Every documented method and path, with ids filled in."""
    fill = {"{id}": ID, "{onlooker}": ONLOOKER, "{name}": "a.mp4", "{file}": "a.jpg"}
    listed = []
    for template, methods in served.app.openapi()["paths"].items():
        path = re.sub(r"\{\w+\}", lambda match: fill[match[0]], template)
        listed += [(method.upper(), path) for method in methods]
    return listed


def test_without_a_token_only_this_machine_may_be_served(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"live\.host '0\.0\.0\.0'"):
        Served(tmp_path, host="0.0.0.0")
    for host in ("127.0.0.1", "localhost", "::1"):
        Served(tmp_path, host=host)


async def test_every_call_but_health_and_the_page_wants_the_token(locked: Served) -> None:
    listed = calls(locked)
    assert len(listed) > 25
    async with locked.client("http://guide.example.org") as web:
        for method, path in listed:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN},
                            {"Authorization": f"Basic {TOKEN}"},
                            {"Authorization": "Bearer \u00e9".encode("latin-1")}):  # fmt: skip
                answer = await web.request(method, path, headers=headers)  # type: ignore[arg-type]
                if path == "/api/health":
                    assert answer.status_code == 200
                    continue
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.json()["error"]["fix"]
        assert (await web.get("/")).status_code == 200
        assert (await web.get("/app.js")).status_code == 200
        assert (await web.get("/api/openapi.json")).status_code == 401
    assert not locked.made


async def test_with_the_token_everything_answers(locked: Served) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with locked.client("http://guide.example.org", headers=bearer) as web:
        for method, path in calls(locked):
            assert (await web.request(method, path)).status_code != 401
        made = await web.post("/api/sessions", json={})
        assert made.status_code == 201
        watching = await web.post(
            f"/whep/{made.json()['id']}", content="v=0\r\n",
            headers={"Content-Type": "application/sdp"},
        )  # fmt: skip
        assert watching.status_code == 201


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil", ""])
async def test_other_names_for_this_machine_are_refused(served: Served, host: str) -> None:
    async with served.client() as web:
        for method, path in [("GET", "/"), ("GET", "/api/sessions"), ("POST", "/api/sessions")]:
            answer = await web.request(method, path, headers={"Host": host})
            assert answer.status_code == 403 and "Host" in answer.json()["error"]["message"]


async def test_pages_of_other_origins_may_not_change_anything(tmp_path: Path) -> None:
    served = Served(tmp_path, origins=["https://museum.example"])
    async with served.client() as web:
        for origin, status in {
            "http://127.0.0.1:8080": 201, "https://museum.example": 201,
            "http://127.0.0.1:9999": 403, "https://evil.example": 403, "null": 403,
        }.items():  # fmt: skip
            answer = await web.post("/api/sessions", json={}, headers={"Origin": origin})
            assert answer.status_code == status, origin
        ask = {"Access-Control-Request-Method": "POST"}
        good = await web.options(
            "/api/sessions", headers={"Origin": "https://museum.example"} | ask
        )
        assert good.headers["access-control-allow-origin"] == "https://museum.example"
        bad = await web.options("/api/sessions", headers={"Origin": "https://evil.example"} | ask)
        assert "access-control-allow-origin" not in bad.headers
        page = await web.get("/")
        assert "frame-ancestors https://museum.example" in page.headers["content-security-policy"]


async def test_without_origins_no_other_page_is_answered(served: Served) -> None:
    async with served.client() as web:
        answer = await web.get("/api/personas", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


TRICKS = [
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2f", "..\\..\\x", "a%00b",
    "%00", "....//", ID + "%0a", ID + "/", ID.upper(), ID + "0", "~root", "a.mp4%00.png", "*", "-",
    "%252e%252e%252f", "\u202e", "x" * 500, "CON", "file:///etc/passwd", "''", "{}", "%", "%zz",
]  # fmt: skip


async def test_path_tricks_in_every_id(served: Served, tmp_path: Path) -> None:
    (tmp_path.parent / "passwd").write_text("root")
    places = [
        (method, path.replace(f"/{id}", "/{}"))
        for method, path in calls(served)
        for id in (ID, ONLOOKER, "a.mp4")
        if f"/{id}" in path
    ]
    assert len(places) > 20
    async with served.client() as web:
        for trick in TRICKS:
            for method, place in [*places, ("GET", "/{}")]:
                body = {} if method == "GET" else {"json": {}}
                answer = await web.request(method, place.replace("{}", trick), **body)  # type: ignore[arg-type]
                assert 400 <= answer.status_code < 500, (method, place, trick)
                assert "error" in answer.json() and "root:" not in answer.text


WRONG_BODIES: list[tuple[bytes, str, set[int]]] = [
    (b"{" * 100_000, "application/json", {400, 422}),
    (b"[" * 200_000, "application/json", {400, 422}),
    (b'{"text":' * 20_000, "application/json", {400, 422}),
    (b'{"text": "a", "text2": 1}', "application/json", {422}),
    (b'{"text": "\\ud800"}', "application/json", {422}),
    (b'{"text": "\xff\xfe"}', "application/json", {400, 422}),
    (b'{"text": NaN}', "application/json", {422}),
    (b'{"text": 1' + b"0" * 5_000 + b"}", "application/json", {400, 422}),
    (b'{"text": "' + b"a" * 8_001 + b'"}', "application/json", {422}),
    (b'{"text": " \\u2003"}', "application/json", {422}),
    (b"text=a", "application/x-www-form-urlencoded", {415}),
    (b'{"text": "a"}', "text/plain", {415}),
    (b'{"text": "a"}', "", {415}),
    (b"<a/>", "application/xml", {415}),
    (b"--x--", "multipart/form-data; boundary=x", {415}),
    (b"a" * 300_000, "application/json", {413}),
    (b"null", "application/json", {422}),
    (b"", "application/json", {422}),
]


async def test_wrong_bodies(served: Served) -> None:
    async with served.client() as web:
        id = (await web.post("/api/sessions", json={})).json()["id"]
        for body, kind, statuses in WRONG_BODIES:
            headers = {"Content-Type": kind} if kind else {}
            for call in ("ask", "say"):
                answer = await web.post(f"/api/sessions/{id}/{call}", content=body, headers=headers)
                assert answer.status_code in statuses, (body[:40], answer.text)
                assert set(answer.json()["error"]) == {"code", "message", "fix"}
                assert len(answer.text) < 2_000  # the body does not come back


async def test_long_heads_are_refused(served: Served) -> None:
    async with served.client() as web:
        answer = await web.get("/api/health", headers={"X-Long": "a" * 20_000})
        assert answer.status_code == 431 and answer.json()["error"]["code"] == "too_large"
        assert (await web.get("/api/health?" + "a" * 3_000)).status_code == 414


async def test_announced_lengths_that_are_no_numbers(served: Served) -> None:
    async with served.client() as web:
        for length in ("-1", "1e3", "\u00b2", "9" * 400, ""):
            headers = {"Content-Length": length.encode("latin-1"), "Content-Type": "x/y"}
            answer = await web.post("/api/sessions", content=b"{}", headers=headers)  # type: ignore[arg-type]
            assert answer.status_code in (413, 415), (length, answer.text)


async def test_ten_megabytes_are_refused_before_they_are_read(socket_url: str) -> None:
    port = int(socket_url.rsplit(":", 1)[1])
    for head in ("Content-Length: 10000000", "Transfer-Encoding: chunked"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST /api/sessions/{ID}/ask HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\n{head}\r\n\r\n".encode()
        )
        sent = 0
        async with asyncio.timeout(10):
            answering = asyncio.ensure_future(reader.readline())
            while not answering.done() and sent < 10_000_000:
                chunk = b"a" * 16_384
                writer.write(b"4000\r\n" + chunk + b"\r\n" if "chunked" in head else chunk)
                sent += len(chunk)
                await asyncio.sleep(0.002)
            assert b" 413 " in await answering
        assert sent < 2_000_000
        writer.close()


async def test_slow_bodies_time_out(socket_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "BODY_SECONDS", 0.2)
    port = int(socket_url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /api/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    async with asyncio.timeout(5):
        assert b" 408 " in await reader.readline()
    writer.close()


async def test_two_hundred_offers_at_once(served: Served, socket_url: str) -> None:
    FakePeer.delay = 0.05
    before = len(asyncio.all_tasks())
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=socket_url, limits=limits, timeout=20) as web:
        offer = {"sdp": "v=0\r\n", "type": "offer"}
        answers = await asyncio.gather(*(web.post("/offer", json=offer) for _ in range(200)))
        assert {answer.status_code for answer in answers} == {200, 503}
        for answer in answers:
            if answer.status_code == 503:
                assert answer.headers["retry-after"] == "1"
                assert answer.json()["error"]["code"] == "busy"
        running = (await web.get("/api/sessions")).json()
        assert len(running) == FakePeer.alive == sum(a.status_code == 200 for a in answers)
        for view in running:
            await web.delete(f"/api/sessions/{view['id']}")
        assert FakePeer.alive == len(served.sessions) == 0
        assert all(session.closed for session in served.made)
    await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks()) <= before + 1


async def test_event_streams_are_bounded_and_freed(served: Served, socket_url: str) -> None:
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=socket_url, limits=limits, timeout=20) as web:
        id = (await web.post("/api/sessions", json={})).json()["id"]
        open_streams = []
        for _ in range(64):
            request = web.build_request("GET", f"/api/sessions/{id}/events")
            open_streams.append(await web.send(request, stream=True))
        assert {stream.status_code for stream in open_streams} == {200}
        full = await web.get(f"/api/sessions/{id}/events")
        assert full.status_code == 503 and "64 event streams" in full.json()["error"]["message"]
        for stream in open_streams:
            await stream.aclose()
        guest = served.sessions.guest(id)
        async with asyncio.timeout(5):
            while guest.when_ended:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


def test_wrong_settings_are_refused_when_the_server_is_made(served: Served) -> None:
    settings = served.settings.model_copy(update={"live": LiveSettings(host="192.168.1.4")})
    with pytest.raises(InputError, match=r"set live\.token"):
        create_app(served.sessions, settings)


async def test_validation_messages_name_the_field(served: Served) -> None:
    async with served.client() as web:
        answer = await web.post(f"/api/sessions/{ID}/say", content=json.dumps({"txt": 1}),
                                headers=JSON)  # fmt: skip
    assert "body.text" in answer.json()["error"]["message"]
    assert "body.txt" in answer.json()["error"]["message"]
