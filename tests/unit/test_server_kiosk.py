"""The kiosk's calls behind the server's gate."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from digital_human.errors import ResourceError
from digital_human.server.kiosk import Kiosk
from tests.fakes.kiosk_page import Camera, Persona, Place, Seen
from tests.fakes.serving import Served

JPEG = {"Content-Type": "image/jpeg"}
CAMERA = "/api/kiosk/camera"


class Time:
    now_s = 100.0

    def now(self) -> float:
        return self.now_s

    async def wait_until(self, when: float) -> None:
        self.now_s = when


def picture() -> bytes:
    done, jpeg = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))
    assert done
    return jpeg.tobytes()


class Stand:
    """A served kiosk."""

    def __init__(self, folder: Path, *, camera: bool = True, **live: object) -> None:
        self.time, self.sight, self.place = Time(), Camera(), Place()
        self.kiosk = Kiosk(
            Persona(), self.time, place=self.place, poems="poems.toml",
            watcher=self.sight if camera else None, presence=self.sight if camera else None,
        )  # fmt: skip
        served = Served(folder, stand=self.kiosk, places={"xihu": self.place}, **live)
        self.client = served.client()


async def test_a_server_that_is_no_kiosk_has_none_of_it(tmp_path: Path) -> None:
    async with Served(tmp_path).client() as client:
        for path in ("/kiosk", "/api/kiosk", "/api/personas/xihu/pictures/lake.jpg"):
            answer = await client.get(path)
            assert answer.status_code == 404, path
        assert (await client.post(CAMERA, content=b"x", headers=JPEG)).status_code == 404
        assert "camera=()" in (await client.get("/")).headers["Permissions-Policy"]


async def test_the_page_brings_chinese_letters_to_a_machine_without(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    styles = (await stand.client.get("/kiosk.css")).text
    named = re.findall(r'url\("(font-\w+\.otf)"\)', styles)
    assert sorted(named) == ["font-sans.otf", "font-serif.otf"]
    for name in named:
        font = await stand.client.get(f"/{name}")
        assert font.content.startswith(b"OTTO") and "max-age" in font.headers["Cache-Control"]
    assert (await stand.client.get("/font-mono.otf")).is_client_error


async def test_the_page_and_what_it_shows(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    page = await stand.client.get("/kiosk")
    assert 'data-screen="waiting"' in page.text
    assert "camera=(self)" in page.headers["Permissions-Policy"]
    view = (await stand.client.get("/api/kiosk")).json()
    assert view["camera"] is True
    assert view["idle_s"] == 60
    assert view["poems"] == "poems.toml"
    assert [spot["id"] for spot in view["spots"]] == ["broken-bridge", "su-causeway"]
    shown = await stand.client.get(view["spots"][1]["picture"])
    assert shown.content == (stand.place.folder / "lake.jpg").read_bytes()
    assert shown.headers["content-type"] == "image/jpeg"


async def test_only_pictures_of_the_place_are_given(tmp_path: Path) -> None:
    client = Stand(tmp_path).client
    for name, status in (
        ("none.jpg", 404), ("sample.yaml", 422), ("..%2Fsecret.jpg", 404), (".hidden.jpg", 422),
    ):  # fmt: skip
        answer = await client.get(f"/api/personas/xihu/pictures/{name}")
        assert answer.status_code == status, name
        assert answer.json()["error"]["message"]


async def test_the_camera_sees_and_labels_name_spots(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.sight.state, stand.sight.label = "here", "dh:2"
    answer = await stand.client.post(CAMERA, content=picture(), headers=JPEG)
    assert answer.json() == {"state": "here", "faces": 1, "label": "dh:2", "spot": "su-causeway"}
    stand.sight.label = "https://example.org"
    answer = await stand.client.post(CAMERA, content=picture(), headers=JPEG)
    assert answer.json()["spot"] is None
    assert (await stand.client.post("/api/kiosk/touch")).status_code == 204
    assert (await stand.client.post("/api/kiosk/reset")).status_code == 204
    assert (stand.sight.touches, stand.sight.resets) == (1, 1)


async def test_pictures_that_are_too_large_or_none_are_refused(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    large = await stand.client.post(CAMERA, content=b"\xff" * 300_001, headers=JPEG)
    assert large.status_code == 413
    assert "picture" in large.json()["error"]["fix"]
    text = await stand.client.post(CAMERA, json={"a": 1})
    assert text.status_code == 415
    blind = Stand(tmp_path, camera=False)
    assert (await blind.client.post(CAMERA, content=picture(), headers=JPEG)).status_code == 400
    assert (await blind.client.get("/api/kiosk")).json()["camera"] is False
    assert (await blind.client.post("/api/kiosk/touch")).status_code == 204


async def test_networks_that_hang_leave_it_blind(tmp_path: Path) -> None:
    stand = Stand(tmp_path)

    async def hang(jpeg: bytes) -> Seen:
        raise ResourceError("it did not come back", fix="try again")

    stand.sight.look = hang  # type: ignore[method-assign]
    answer = await stand.client.post(CAMERA, content=picture(), headers=JPEG)
    assert answer.json()["state"] == "blind"


async def test_the_browser_keeper_learns_how_long_the_page_was_quiet(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    assert (await stand.client.get("/api/kiosk/page")).json() == {"quiet_s": None, "fresh": ""}
    await stand.client.get("/api/kiosk")
    stand.time.now_s += 42
    assert (await stand.client.get("/api/kiosk/page")).json() == {"quiet_s": 42, "fresh": ""}


async def test_a_visitors_token_is_enough_for_the_page(tmp_path: Path) -> None:
    stand = Stand(tmp_path, token="operator", visitor_token="visitor")
    assert (await stand.client.get("/kiosk")).status_code == 200  # nothing of it is secret
    assert (await stand.client.get("/api/kiosk")).status_code == 401
    visitor = {"Authorization": "Bearer visitor"}
    for method, path in (
        ("GET", "/api/kiosk"), ("GET", "/api/kiosk/page"), ("POST", "/api/kiosk/touch"),
        ("GET", "/api/personas/xihu/pictures/lake.jpg"),
    ):  # fmt: skip
        answer = await stand.client.request(method, path, headers=visitor)
        assert answer.status_code in (200, 204), path
    assert (await stand.client.get("/api/sessions", headers=visitor)).status_code == 403
