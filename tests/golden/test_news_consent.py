"""A real person's avatar is in a broadcast only while that person agrees."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from digital_human.apps.news.check import check_script
from digital_human.apps.news.load import load_script
from digital_human.apps.news.render import RenderOptions, render_script
from digital_human.config import settings
from digital_human.errors import ConsentError
from digital_human.face.manifest import MANIFEST
from digital_human.safety.consent import Consent, ConsentFile, Consents, Use

SOURCE = "c" * 64
SCRIPT = """\
version: 1
title: 测试播报
anchors:
  li: {avatar: li, voice: xiaoyi, name: 李云, title: 主播}
segments:
  - layout: full
    headline: 今日天气
    anchor: li
    say: 各位观众，晚上好。今天是十一月二十二日，大部分地区天气晴朗，气温在十度到十五度之间。明天起将有一次降温，请大家注意添衣保暖，出行注意安全。
"""  # noqa: E501


@pytest.fixture
def weights_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh home that has the weights."""
    models = settings().models_dir
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(models)
    monkeypatch.setenv("DH_HOME", str(home))
    settings.cache_clear()
    yield home
    settings.cache_clear()


def granted(home: Path, *uses: Use, days: int = 30) -> Consent:
    """The shipped anchor as a real person's avatar with a consent."""
    consents = Consents()
    file = ConsentFile(
        subject="李云", granted_by="李云", uses=list(uses), statement="同意",
        until=consents.today() + timedelta(days=days),
    )  # fmt: skip
    consent = consents.grant(file, {"li.jpg": SOURCE})
    folder = home / "avatars" / "li"
    shutil.copytree(settings().avatars_dir / "yun", folder)
    text = (folder / MANIFEST).read_text("utf-8")
    for key in ("name", "person", "consent", "source"):
        text = re.sub(rf"(?m)^{key} = .*\n", "", text)
    head = f'name = "li"\nperson = "real"\nconsent = "{consent.id}"\nsource = "{SOURCE}"\n'
    (folder / MANIFEST).write_text(head + text, "utf-8")
    return consent


def script(folder: Path) -> Path:
    path = folder / "script.yaml"
    path.write_text(SCRIPT, "utf-8")
    return path


def test_consent_for_another_use_is_refused(home: Path, tmp_path: Path) -> None:
    granted(home, "live", "kiosk")
    with pytest.raises(ConsentError, match=r"script.yaml:4: anchors.li.avatar: .*'news' is not"):
        check_script(load_script(script(tmp_path)))


def test_revoked_consent_is_refused(home: Path, tmp_path: Path) -> None:
    consent = granted(home, "news")
    Consents().revoke(consent.id, "x")
    with pytest.raises(ConsentError, match=r"anchors.li.avatar: .*was revoked on"):
        check_script(load_script(script(tmp_path)))


@pytest.mark.weights
@pytest.mark.slow
def test_revoking_stops_a_render(weights_home: Path, tmp_path: Path) -> None:
    consent = granted(weights_home, "news")
    file, out = load_script(script(tmp_path)), tmp_path / "out" / "news.mp4"
    ended: list[tuple[BaseException | None, float]] = []

    def render() -> None:
        error: BaseException | None = None
        try:
            render_script(file, out, RenderOptions(workers=1), Console(quiet=True))
        except BaseException as caught:
            error = caught
        ended.append((error, time.monotonic()))

    thread = threading.Thread(target=render)
    thread.start()
    segments = settings().cache_dir / "segments"
    deadline = time.monotonic() + 120
    while not list(segments.glob("*.part/video*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    assert not ended, "the render ended before its consent was revoked"
    revoked = time.monotonic()
    Consents().revoke(consent.id, "x")
    thread.join(60)
    error, when = ended[0]
    assert isinstance(error, ConsentError) and "li" in error.message
    assert not list(out.parent.iterdir())
    assert not [path for path in segments.iterdir() if path.is_dir()]
    # A loaded machine may take longer than the second it takes by itself.
    assert when - revoked < 5
