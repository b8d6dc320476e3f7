"""A whole visit to the real kiosk: a filmed face, recorded questions in a noisy hall, real models.

The questions were spoken by voices of the project that are not the guide's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from digital_human.apps.kiosk.curator import curator_folder, read_unanswered
from digital_human.config import settings
from digital_human.dialogue.doggerel import PATH as IMPROVISED
from digital_human.dialogue.doggerel import check_verse
from digital_human.dialogue.persona import load_persona
from tests.browser.conftest import Visit
from tests.fakes.kiosk_visit import COMMAND, Visitor, Walked, walk
from tests.fakes.program import served

SMALL_MODEL = "qwen2.5-coder-0.5b"

pytestmark = [
    pytest.mark.weights, pytest.mark.slow, pytest.mark.data,
    pytest.mark.timeout(900),  # a visit is four minutes long, on a slow machine seven
]  # fmt: skip


@dataclass(frozen=True)
class Visited:
    """The kiosk after a visit.

    Attributes:
        walked: What came of it.
        page: As it is afterwards.
        url: The server's address.
        home: The server's home.
        before: Ids of the sessions while the visitor was there.
    """

    walked: Walked
    page: Page
    url: str
    home: Path
    before: list[str]


def sessions(url: str) -> list[str]:
    """Ids of the server's sessions."""
    answer = httpx.get(f"{url}/api/sessions", timeout=5, trust_env=False)
    return [one["id"] for one in answer.json()]


@pytest.fixture(scope="module")
def visited(
    launch: Callable[..., Browser], data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visited]:
    """One visit; its server and page stay until all has been looked at."""
    home = tmp_path_factory.mktemp("home")
    shots = tmp_path_factory.mktemp("shots")
    with served(home, *COMMAND, DH_LLM__MODEL=SMALL_MODEL) as url:
        visit = Visit(launch("--autoplay-policy=no-user-gesture-required"))
        page = visit.open("about:blank", size={"width": 540, "height": 960})
        visitor = Visitor(page, data_dir)
        page.goto(f"{url}/kiosk", wait_until="domcontentloaded")
        visitor.prepare()
        before: list[str] = []

        def shot(name: str) -> None:
            page.screenshot(path=shots / f"{name}.png")
            if name == "english":
                before.extend(sessions(url))

        yield Visited(walk(page, visitor, shot), page, url, home, before)
        visit.close()
        assert visit.complaints == []


def test_who_comes_is_greeted(visited: Visited) -> None:
    walked = visited.walked
    assert walked.greeting == load_persona("dongpo").greeting["zh"]
    assert walked.waited < 8


def test_answers_are_right_and_come_with_pictures(visited: Visited) -> None:
    answers = visited.walked.answers
    for name, facts, picture in [
        ("causeway_zh", ("葑草", "苏堤"), "causeway.jpg"),
        ("pagoda_zh", ("八点",), "pagoda.jpg"),
        ("pagoda_en", ("eight in the evening",), "pagoda.jpg"),
    ]:
        answer = answers[name]
        assert all(fact in answer.text for fact in facts), answer
        assert answer.origin == "knowledge"
        assert answer.sources[0]["picture"] == picture, answer
        assert not answer.interrupted
    assert answers["pagoda_en"].language == "en"


def test_a_visitor_who_breaks_in_is_heard_and_answered(visited: Visited) -> None:
    poem, toilet = visited.walked.answers["poem_zh"], visited.walked.answers["toilet_zh"]
    assert poem.interrupted
    assert "明月几时有" in poem.text
    assert "千里共婵娟" not in poem.text
    assert "苏堤南口" in toilet.text


def test_what_is_not_known_is_not_made_up_but_noted(visited: Visited) -> None:
    charging = visited.walked.answers["charging_zh"]
    assert charging.origin == "decline"
    persona = load_persona("dongpo")
    declined = [text for text in persona.decline["zh"] if charging.text.endswith(text)]
    assert declined, charging
    # A slow machine bridges the silence with as much of a filler as it has to.
    bridge = charging.text.removesuffix(declined[0])
    assert any(text.startswith(bridge) for text in persona.filler["zh"]), charging


def test_verse_is_made_up_in_form_and_said_to_be(visited: Visited) -> None:
    verse = visited.walked.answers["verse_zh"]
    written = [source for source in verse.sources if source["path"] == IMPROVISED]
    lines = [line for line in written[0]["text"].replace("。", "，").split("，") if line]
    assert check_verse(lines) == []
    assert "不是苏轼的诗" in verse.text
    assert lines[-1] in verse.text


def test_nothing_of_the_visit_remains(visited: Visited, monkeypatch: pytest.MonkeyPatch) -> None:
    after = sessions(visited.url)
    assert len(visited.before) == len(after) == 1
    assert after != visited.before
    shown = visited.page.locator("#heard, #caption, #here-text").all_inner_texts()
    assert not any(text for text in shown)

    monkeypatch.setenv("DH_HOME", str(visited.home))
    settings.cache_clear()
    book = curator_folder("dongpo")
    noted = [one.question for one in read_unanswered(book)]
    settings.cache_clear()
    answers = visited.walked.answers
    assert answers["charging_zh"].heard in noted
    # The others may stand in what the persona knows.
    heard = [answers[name].heard for name in ("toilet_zh", "charging_zh", "verse_zh")]
    kept = [path for path in visited.home.rglob("*") if path.is_file() and not path.is_symlink()]
    for path in kept:
        if path.is_relative_to(book) or "models" in path.relative_to(visited.home).parts:
            continue
        content = path.read_bytes()
        assert not [text for text in heard if text.rstrip("。？?.!").encode() in content], path
