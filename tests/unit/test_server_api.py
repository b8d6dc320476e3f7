"""Every call does what it says to the right session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import Mock

import httpx
import pytest
from structlog.testing import capture_logs

from digital_human.apps.live.guests import Wish
from digital_human.config import IceServer
from digital_human.errors import ConsentError, DigitalHumanError, ModerationError, WeightsError
from digital_human.server.stream import follow
from tests.fakes.server import FakePeer, FakeSession
from tests.fakes.serving import Served

SDP = "v=0\r\n"


@pytest.fixture
def served(tmp_path: Path) -> Served:
    turn = IceServer(urls=["turn:t.example.org"], username="me", credential="pass")  # type: ignore[arg-type]
    return Served(tmp_path, ice=[turn])


@pytest.fixture
async def web(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with served.client() as client:
        yield client


async def opened(web: httpx.AsyncClient) -> str:
    return str((await web.post("/api/sessions", json={})).json()["id"])


async def test_a_session_from_start_to_end(web: httpx.AsyncClient, served: Served) -> None:
    made = await web.post("/api/sessions", json={"persona": "xihu", "language": "zh"})
    assert made.status_code == 201
    body = made.json()
    assert made.headers["location"] == f"/api/sessions/{body['id']}"
    assert body["notice"]["zh"] == "AI 生成" and body["suggestions"]["zh"] == ["断桥在哪里？"]
    assert body["ice_servers"] == [
        {"urls": ["turn:t.example.org"], "username": "me", "credential": "pass"}
    ]
    view = (await web.get(made.headers["location"])).json()
    assert (view["id"], view["persona"], view["language"]) == (body["id"], "xihu", "zh")
    assert not view["connected"]
    answer = await web.post(f"{made.headers['location']}/offer", json={"sdp": SDP, "type": "offer"})
    assert answer.json() == {"sdp": "v=0\r\ns=answer\r\n", "type": "answer"}
    (view,) = (await web.get("/api/sessions")).json()
    assert view["connected"]
    assert (await web.delete(made.headers["location"])).status_code == 204
    assert served.made[0].closed == "ended by a call" and FakePeer.alive == 0
    assert (await web.get(made.headers["location"])).status_code == 404
    assert (await web.get("/api/health")).json()["sessions"] == 0


@pytest.mark.parametrize(
    ("call", "body", "told"),
    [
        ("say", {"text": "你好"}, ("say", "你好", None, False)),
        (
            "say", {"text": "hi", "language": "en", "interrupt": True},
            ("say", "hi", "en", True),
        ),
        ("ask", {"text": "断桥?", "language": "zh"}, ("ask", "断桥?", "zh")),
        ("interrupt", None, ("interrupt",)),
        ("act", {"name": "nod"}, ("act", "nod")),
        ("talk", {"down": True}, ("talk", True)),
        ("record", {"on": True}, ("record", True)),
        (
            "publish", {"url": "https://sfu.example/whip", "token": "t"},
            ("publish", "https://sfu.example/whip", "t"),
        ),
        ("report", {"note": "错了", "turn": 3}, ("report", "错了", 3)),
    ],
)  # fmt: skip
async def test_calls_reach_the_session(
    web: httpx.AsyncClient, served: Served, call: str, body: dict[str, object] | None, told: object
) -> None:
    other, id = await opened(web), await opened(web)
    answer = await web.post(f"/api/sessions/{id}/{call}", json=body)
    assert answer.is_success, answer.text
    assert served.made[1].calls[-1] == told
    assert len(served.made[0].calls) == 1 and served.made[0].id == other


async def test_turns_history_and_sources(web: httpx.AsyncClient) -> None:
    id = await opened(web)
    assert (await web.post(f"/api/sessions/{id}/ask", json={"text": "断桥？"})).json() == {
        "turn": 1
    }
    (exchange,) = (await web.get(f"/api/sessions/{id}/history")).json()
    assert exchange["question"] == "断桥？" and exchange["sources"][0]["path"] == "bridges.md#断桥"


async def test_recordings_come_down_whole_and_in_parts(
    web: httpx.AsyncClient, tmp_path: Path
) -> None:
    id = await opened(web)
    name = (await web.post(f"/api/sessions/{id}/record", json={"on": False})).json()["name"]
    (tmp_path / name).write_bytes(b"0123456789")
    whole = await web.get(f"/api/recordings/{name}")
    assert whole.content == b"0123456789" and whole.headers["content-type"] == "video/mp4"
    part = await web.get(f"/api/recordings/{name}", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")


async def test_recordings_cannot_be_links_out(web: httpx.AsyncClient, tmp_path: Path) -> None:
    secret = tmp_path.parent / "secret.txt"
    secret.write_text("secret")
    (tmp_path / "link.mp4").symlink_to(secret)
    assert (await web.get("/api/recordings/link.mp4")).status_code == 404


async def test_whep_comes_and_goes(web: httpx.AsyncClient) -> None:
    id = await opened(web)
    sdp = {"Content-Type": "application/sdp"}
    options = await web.options(f"/whep/{id}")
    assert options.headers["accept-post"] == "application/sdp"
    assert options.headers["link"].startswith('<turn:t.example.org>; rel="ice-server"; username=')
    watching = await web.post(f"/whep/{id}", content=SDP, headers=sdp)
    assert watching.status_code == 201 and watching.text.startswith("v=0")
    assert watching.headers["content-type"].startswith("application/sdp")
    place = watching.headers["location"]
    assert place.startswith(f"/whep/{id}/") and FakePeer.alive == 1
    assert (await web.patch(place)).status_code == 405
    assert (await web.delete(place)).status_code == 204 and FakePeer.alive == 0
    assert (await web.delete(place)).status_code == 404
    assert (await web.post(f"/whep/{id}", content="hello", headers=sdp)).status_code == 400
    assert (await web.post(f"/whep/{id}", content=b"\xff\xfe", headers=sdp)).status_code == 400
    assert FakePeer.alive == 0


async def test_one_too_many_is_told_when_to_come_back(tmp_path: Path) -> None:
    served = Served(tmp_path, limit=1)
    async with served.client() as web:
        await opened(web)
        refused = await web.post("/api/sessions", json={})
    assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
    error = refused.json()["error"]
    assert error["code"] == "busy" and "1 of 1 sessions" in error["message"] and error["fix"]


async def test_errors_of_the_program_are_told(
    web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await opened(web)
    errors: list[tuple[DigitalHumanError, int]] = [
        (ModerationError("not to be said", fix="say it otherwise"), 403),
        (WeightsError("kokoro is missing"), 503),
    ]
    for error, status in errors:
        monkeypatch.setattr(FakeSession, "ask", Mock(side_effect=error))
        answer = await web.post(f"/api/sessions/{id}/ask", json={"text": "x"})
        assert answer.status_code == status
        assert answer.json()["error"]["message"] == error.message


async def test_an_unforeseen_error_leaks_nothing(
    web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: FakeSession) -> None:
        raise RuntimeError("secret path /etc/shadow")

    id = await opened(web)
    monkeypatch.setattr(FakeSession, "interrupt", fail)
    with capture_logs() as logged:
        answer = await web.post(f"/api/sessions/{id}/interrupt")
    assert str(logged[-1]["exc_info"]) == "secret path /etc/shadow"
    assert logged[-1]["error_id"] in answer.json()["error"]["message"]
    assert answer.status_code == 500 and "shadow" not in answer.text
    assert answer.json()["error"]["code"] == "internal"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_page_is_served_under_a_strict_policy(web: httpx.AsyncClient) -> None:
    page = await web.get("/")
    assert page.status_code == 200 and "text/html" in page.headers["content-type"]
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert page.headers["x-frame-options"] == "DENY"
    script = await web.get("/app.js")
    assert "javascript" in script.headers["content-type"]
    assert script.headers["cache-control"] == "no-cache"


async def test_livetalking_clients(web: httpx.AsyncClient, served: Served, tmp_path: Path) -> None:
    offer = {"sdp": SDP, "type": "offer", "refaudio": "zh-CN-YunxiaNeural"}
    made = (await web.post("/offer", json=offer)).json()
    assert made["type"] == "answer" and made["sdp"].startswith("v=0")
    id, session = made["sessionid"], served.made[0]
    ok = {"code": 0, "msg": "ok", "data": None}
    words = {"sessionid": id, "text": "欢迎", "type": "echo", "interrupt": True}
    assert (await web.post("/human", json=words)).json() == ok
    assert session.calls[-1] == ("say", "欢迎", None, True)
    speaking = await web.post("/is_speaking", json={"sessionid": id})
    assert speaking.json() == {"code": 0, "msg": "ok", "data": True}
    words |= {"type": "chat"}
    assert (await web.post("/human", json=words)).json() == ok
    assert session.calls[-2:] == [("interrupt",), ("ask", "欢迎", None)]
    assert (await web.post("/interrupt_talk", json={"sessionid": id})).json() == ok
    assert (await web.get(f"/record/{id}")).status_code == 404
    for kind in ("start_record", "end_record"):
        assert (await web.post("/record", json={"sessionid": id, "type": kind})).json() == ok
    (tmp_path / f"{id}-1.mp4").write_bytes(b"film")
    assert (await web.get(f"/record/{id}")).content == b"film"
    await web.delete(f"/api/sessions/{id}")
    gone = await web.post("/human", json=words)
    assert gone.status_code == 404
    assert gone.json()["code"] == -1 and "no such session" in gone.json()["msg"]
    audio = await web.post("/humanaudio", data={"sessionid": id}, files={"file": b"RIFF"})
    assert audio.status_code == 501 and "audio-driven" in audio.json()["msg"]


async def test_a_wrong_livetalking_offer_leaves_no_session(
    web: httpx.AsyncClient, served: Served
) -> None:
    answer = await web.post("/offer", json={"sdp": "nonsense", "type": "offer"})
    assert answer.status_code == 400 and answer.json()["code"] == -1
    assert len(served.sessions) == 0 and served.made[0].closed and FakePeer.alive == 0


async def test_events_stream_until_the_session_ends(served: Served) -> None:
    async with served.on_a_socket() as base, httpx.AsyncClient(base_url=base) as web:
        id = await opened(web)
        url = f"/api/sessions/{id}/events"
        async with asyncio.timeout(10), web.stream("GET", url) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            served.made[0].events.emit("heard.final", turn=4, text="断桥")
            await asyncio.sleep(0.05)
            await served.sessions.close(id, "enough")
            lines = [line async for line in stream.aiter_lines() if line]
    assert lines[0] == "event: heard.final"
    assert json.loads(lines[1].removeprefix("data: ")) == {
        "type": "heard.final", "session": id, "turn": 4, "at": pytest.approx(0, abs=1e9),
        "text": "断桥",
    }  # fmt: skip
    assert lines[2] == "event: session.ended" and "enough" in lines[3]


async def test_a_slow_reader_of_events_loses_the_oldest(served: Served) -> None:
    session = await served.sessions.create(Wish())
    guest = served.sessions.guest(session.id)
    events = follow(guest)
    first = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    for number in range(5_000):
        session.events.emit("caption", text=str(number))
    await served.sessions.close(session.id, "enough")
    kept = [await first] + [event async for event in events]
    assert len(kept) <= 257 and kept[-1]["event"] == "session.ended"
    assert json.loads(kept[-2]["data"])["text"] == "4999"
    assert guest.when_ended == []


async def test_a_person_who_does_not_agree_is_not_shown(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: FakeSession) -> None:
        raise ConsentError("consent ann-2 was revoked", fix="ask for a new one")

    monkeypatch.setattr(FakeSession, "start", refuse)
    async with served.client() as web:
        answer = await web.post("/api/sessions", json={})
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "no_consent"
        assert len(served.sessions) == 0


async def test_the_portrait_is_fetched_once(served: Served) -> None:
    async with served.client() as web:
        (persona,) = (await web.get("/api/personas")).json()
        assert persona["notice"]["zh"] and persona["poster"] == "/api/personas/xihu/poster"
        first = await web.get(persona["poster"])
        assert first.status_code == 200 and first.headers["content-type"] == "image/jpeg"
        again = await web.get(persona["poster"], headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304 and again.content == b""
        assert (await web.get("/api/personas/nobody/poster")).status_code == 404
        assert (await web.get("/api/personas/..%2f..%2fx/poster")).status_code in (404, 422)


async def test_backgrounds_are_colours_or_names(served: Served) -> None:
    async with served.client() as web:
        made = await web.post("/api/sessions", json={"background": "#102030"})
        assert made.status_code == 201 and made.json()["acts"] == ["nod", "smile"]
        path = f"/api/sessions/{made.json()['id']}/background"
        assert (await web.post(path, json={"background": "hall.jpg"})).status_code == 204
        assert served.made[0].calls[-1] == ("background", "hall.jpg")
        for wrong in ("../x.jpg", "/etc/passwd", "a/b", "", "#12", "x" * 300):
            assert (await web.post(path, json={"background": wrong})).status_code == 422
            refused = await web.post("/api/sessions", json={"background": wrong})
            assert refused.status_code == 422


async def test_a_mixer_gets_a_matte(served: Served) -> None:
    async with served.client() as web:
        assert (await web.post("/api/sessions", json={"matte": True})).status_code == 201
        assert (await web.post("/api/sessions", json={})).status_code == 201
        assert [session.wish.matte for session in served.made] == [True, False]


async def test_questions_have_one_limit_and_so_have_scripts(served: Served) -> None:
    async with served.client() as web:
        id = (await web.post("/api/sessions", json={})).json()["id"]
        for call, most in (("ask", 2000), ("say", 8000)):
            path = f"/api/sessions/{id}/{call}"
            assert (await web.post(path, json={"text": "a" * most})).status_code == 200
            assert (await web.post(path, json={"text": "a" * (most + 1)})).status_code == 422
