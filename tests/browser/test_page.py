"""The page with a real browser, real WebRTC and scripted answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Visit
from tests.fakes.page_server import CLAUSES, PASSAGE, SUGGESTIONS, PageServer, spread

FULL_HD = {"width": 1920, "height": 1080}


def begin(page: Page, button: str = "#go") -> None:
    """Press start and wait for the picture."""
    page.click(button)
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    until(lambda: page.evaluate("document.getElementById('face').currentTime > 0.2"))


def until(said: Callable[[], bool], seconds: float = 8.0) -> None:
    """Wait for what happens at the server."""
    end = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_a_typed_question_is_answered_with_captions_sources_and_timing(
    visit: Visit, server: PageServer
) -> None:
    page = visit.open(server.url)
    expect(page.locator("#start-name")).to_have_text("西湖导游 云舒")
    begin(page)
    until(lambda: server.newest.sound > 5)  # the fake microphone beeps
    page.fill("#text", "雷峰塔几点开放？")
    page.keyboard.press("Enter")
    expect(page.locator("#heard")).to_have_text("雷峰塔几点开放？")
    expect(page.locator("#state-text")).to_have_text("正在回答")
    expect(page.locator("#caption .now")).to_have_count(1)
    expect(page.locator("#caption-live")).to_have_text(CLAUSES[1], timeout=8000)
    expect(page.locator("#log .answer > p")).to_have_text("".join(CLAUSES))
    expect(page.locator("#state-text")).to_have_text("请讲，我在听")
    expect(page.locator("#total")).to_have_text("0.71 秒")
    expect(page.locator("#waterfall li")).to_have_count(5)
    page.click(".sources > summary")
    page.click(".sources details summary")
    expect(page.locator(".sources details p")).to_have_text(PASSAGE)
    hosts = {urlsplit(address).netloc for address in visit.requests}
    assert hosts == {urlsplit(server.url).netloc}


def test_the_highlight_follows_the_word_being_heard(visit: Visit, server: PageServer) -> None:
    page = visit.open(server.url)
    begin(page)
    text = "苏堤全长约二点八公里。"
    page.evaluate("""() => {
        window.seen = [];
        new MutationObserver(() => {
            const now = document.querySelector('#caption .now')?.textContent;
            if (now && seen.at(-1)?.[0] !== now) seen.push([now, performance.now() / 1000]);
        }).observe(document.getElementById('caption'), {
            subtree: true, childList: true, attributes: true,
        });
    }""")
    server.emit("caption", clause=0, text=text, language="zh", words=spread(text, 0.25))
    until(lambda: page.evaluate("seen.length") >= 10)
    seen = page.evaluate("seen")
    assert "".join(word for word, _ in seen) == text.rstrip("。")
    steps = [b - a for (_, a), (_, b) in zip(seen, seen[1:], strict=False)]
    assert sorted(steps)[len(steps) // 2] == pytest.approx(0.25, abs=0.05)


def test_holding_keeps_the_place_and_resuming_repeats_the_broken_word(
    visit: Visit, server: PageServer
) -> None:
    page = visit.open(server.url)
    begin(page)
    text = "断桥不断孤山不孤"
    server.emit("state", state="speaking")
    server.emit("caption", clause=0, text=text, language="zh", words=spread(text, 0.4))
    expect(page.locator("#caption .said")).to_have_count(2)
    server.emit("state", state="held")
    expect(page.locator("#state-text")).to_have_text("您先说")
    place = page.locator("#caption .said").count()
    page.wait_for_timeout(900)
    assert page.locator("#caption .said").count() == place
    server.emit("state", state="speaking")
    expect(page.locator("#caption .said")).to_have_count(place + 1)


@pytest.mark.parametrize("how", ["button", "escape"])
def test_interrupting_keeps_what_was_heard(visit: Visit, server: PageServer, how: str) -> None:
    page = visit.open(server.url)
    begin(page)
    expect(page.locator("#interrupt")).to_be_disabled()
    page.click("#chips button")
    expect(page.locator("#state-text")).to_have_text("正在回答")
    expect(page.locator("#caption .said").first).to_be_attached()
    if how == "button":
        page.click("#interrupt")
    else:
        page.keyboard.press("Escape")
    expect(page.locator("#log .mark")).to_be_visible()
    heard = CLAUSES[0][: len(CLAUSES[0]) // 2]
    expect(page.locator("#log .answer > p")).to_have_text(heard)
    assert server.received == [
        {"type": "text", "text": SUGGESTIONS["zh"][0]}, {"type": "interrupt"},
    ]  # fmt: skip


def test_what_the_visitor_says_is_shown_as_it_is_understood(
    visit: Visit, server: PageServer
) -> None:
    page = visit.open(server.url)
    begin(page)
    server.emit("heard.started")
    server.emit("heard.partial", text="请问雷峰塔", language="zh", revision=1)
    expect(page.locator("#heard.partial")).to_have_text("请问雷峰塔")
    server.emit("heard.final", text="请问雷峰塔几点开？", language="zh", by="voice")
    expect(page.locator("#heard.final")).to_have_text("请问雷峰塔几点开？")
    expect(page.locator("#log .visitor")).to_have_text("请问雷峰塔几点开？")


def test_push_to_talk_with_the_space_bar_and_mute(visit: Visit, server: PageServer) -> None:
    page = visit.open(server.url)
    begin(page)
    until(lambda: server.newest.sound > 5)
    page.click("#mic")
    expect(page.locator("body[data-mic=muted]")).to_be_attached()
    until(lambda: server.newest.sound < 1)
    page.click("#mic")
    page.click("#mode")
    expect(page.locator("body[data-mic=push]")).to_be_attached()
    until(lambda: server.newest.sound < 1)
    page.keyboard.down("Space")
    expect(page.locator("body[data-mic=held]")).to_be_attached()
    until(lambda: server.newest.sound > 5)
    page.keyboard.up("Space")
    until(lambda: server.newest.sound < 1)
    assert server.received == [{"type": "talk", "down": True}, {"type": "talk", "down": False}]
    page.fill("#text", "a b")
    page.focus("#text")
    page.keyboard.press("Space")
    assert len(server.received) == 2  # typing a space does not talk


def test_without_a_microphone_one_can_type(visit: Visit, server: PageServer) -> None:
    page = visit.open(server.url)
    page.evaluate("""() => { navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException('no', 'NotAllowedError'); }; }""")
    begin(page)
    expect(page.locator("#toast")).to_contain_text("没有麦克风权限")
    expect(page.locator("body[data-mic=off]")).to_be_attached()
    page.click("#chips button")
    expect(page.locator("#caption-live")).to_have_text(CLAUSES[0])


def test_language_switch_changes_the_page_and_tells_the_server(
    visit: Visit, server: PageServer
) -> None:
    page = visit.open(server.url)
    begin(page, "#go-text")
    assert server.newest.wanted == {"language": "auto", "persona": "xihu"}
    page.select_option("#language", "en")
    expect(page.locator("#ai")).to_contain_text("AI digital human")
    expect(page.locator("#chips button").first).to_have_text(SUGGESTIONS["en"][0])
    expect(page.locator("#name")).to_have_text("Yun Shu, West Lake guide")
    assert server.received == [{"type": "language", "language": "en"}]
    assert page.evaluate("document.documentElement.lang") == "en"


def test_english_browsers_get_an_english_page(visit: Visit, server: PageServer) -> None:
    page = visit.open(server.url, locale="en-GB")
    expect(page.locator("#go")).to_have_text("Start talking")


def test_one_click_reports_an_answer_and_a_note_can_follow(
    visit: Visit, server: PageServer
) -> None:
    page = visit.open(server.url)
    begin(page)
    page.click("#chips button")
    page.click("#log .report")
    expect(page.locator("#toast")).to_contain_text("已提交举报")
    page.click("#toast-go")
    page.fill("#note", "时间不对")
    page.click("#report-dialog .primary")
    until(lambda: len(server.reports) == 2)
    assert [(r["turn"], r["note"]) for r in server.reports] == [(1, ""), (1, "时间不对")]


def test_a_lost_connection_is_made_again_in_the_same_session(
    visit: Visit, server: PageServer
) -> None:
    page = visit.open(server.url)
    begin(page)
    server.hang_up()
    expect(page.locator("body[data-phase=reconnecting]")).to_be_attached()
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    assert len(server.opened) == 1
    assert server.offers == [server.opened[0]] * 2
    page.click("#chips button")
    expect(page.locator("#caption-live")).to_have_text(CLAUSES[0])


def test_a_server_that_forgot_gets_a_new_session_and_the_page_keeps_its_history(
    visit: Visit, server: PageServer
) -> None:
    page = visit.open(server.url)
    begin(page)
    page.click("#chips button")
    expect(page.locator("#log .answer > p")).to_have_text("".join(CLAUSES))
    server.forget()
    expect(page.locator("#log .note")).to_contain_text("已重新开始一段对话")
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    assert len(server.opened) == 2
    expect(page.locator("#log .answer")).to_have_count(1)
    # The first offer went to the session that is gone; browsers log every refused request.
    assert all("404" in line for line in visit.complaints)
    visit.complaints.clear()


def test_a_full_server_is_tried_again_after_the_countdown(visit: Visit, server: PageServer) -> None:
    server.full_s = 3
    page = visit.open(server.url)
    page.click("#go")
    expect(page.locator("#problem-title")).to_have_text("现在人有点多")
    expect(page.locator("#problem-text")).to_contain_text("2 秒后自动重试")
    server.full_s = 0
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    expect(page.locator("#problem")).to_be_hidden()
    assert all("503" in line for line in visit.complaints)
    visit.complaints.clear()


def test_blocked_media_is_explained(visit: Visit, server: PageServer) -> None:
    server.blackhole = True
    page = visit.open(server.url)
    page.click("#go")
    expect(page.locator("#problem-text")).to_contain_text("TURN", timeout=15_000)
    until(lambda: len(server.closed) == 1)  # nothing is left behind
    server.blackhole = False
    page.click("#problem-go")
    expect(page.locator("body[data-phase=live]")).to_be_attached()


def test_a_token_is_taken_from_the_address_or_asked_for(visit: Visit) -> None:
    with PageServer(token="sesame").running() as server:
        page = visit.open(f"{server.url}/#token=sesame")
        begin(page)
        assert page.evaluate("location.hash") == ""
        assert visit.complaints == []
        asked = visit.open(server.url)
        asked.fill("#token", "wrong")
        asked.keyboard.press("Enter")
        expect(asked.locator("#token-text")).to_contain_text("口令不对")
        asked.fill("#token", "sesame")
        asked.keyboard.press("Enter")
        begin(asked)
        assert all("401" in line for line in visit.complaints)
        visit.complaints.clear()


def test_leaving_ends_the_session(visit: Visit, server: PageServer) -> None:
    page = visit.open(server.url)
    begin(page)
    page.click("#leave")
    expect(page.locator("#problem-title")).to_have_text("对话已结束")
    until(lambda: server.closed == server.opened)
    page.click("#problem-go")
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    page.goto("about:blank")
    until(lambda: server.closed == server.opened)


OUTSIDE = """() => {
    const what = 'button, select, input, #ai, #name, #state, #caption';
    const bad = [];
    for (const e of document.querySelectorAll(what)) {
        if (!e.checkVisibility({visibilityProperty: true}) || e.closest('#panel, #chips')) continue;
        const r = e.getBoundingClientRect();
        const fits = r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight;
        if (!fits) bad.push(`${e.id} is outside`);
        const touched = e.matches('button, select');
        if (touched && Math.min(r.width, r.height) < 44) bad.push(`${e.id} is small`);
    }
    return bad;
}"""


@pytest.mark.parametrize("size", [FULL_HD, DESKTOP, PHONE], ids=["full-hd", "desktop", "phone"])
def test_everything_fits_and_can_be_touched(
    visit: Visit, server: PageServer, size: dict[str, int]
) -> None:
    page = visit.open(server.url, size=size, has_touch=size is PHONE)
    assert page.evaluate(OUTSIDE) == []
    expect(page.locator("#start .ai")).to_be_visible()
    begin(page)
    page.click("#chips button")
    expect(page.locator("#caption .now")).to_have_count(1)
    assert page.evaluate(OUTSIDE) == []
    expect(page.locator("#ai")).to_be_visible()
    face = page.locator("#face").bounding_box()
    assert face is not None
    assert face["height"] == size["height"]
    if size is PHONE:
        page.click("#open-panel")
        expect(page.locator("#log .visitor")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#panel")).not_to_be_visible()


def test_onlookers_watch_muted_until_they_ask_for_sound(visit: Visit, server: PageServer) -> None:
    begin(visit.open(server.url))
    page = visit.open(f"{server.url}/watch.html?id={server.opened[0]}", microphone=False)
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    until(lambda: page.evaluate("document.getElementById('face').currentTime > 0.2"))
    expect(page.locator("#ai")).to_be_visible()
    assert page.evaluate("document.getElementById('face').muted")
    page.click("#unmute")
    assert not page.evaluate("document.getElementById('face').muted")
    page.goto("about:blank")
    until(lambda: len(server.closed) == 1)


def test_sound_waits_for_a_touch_where_the_browser_wants_one(
    visit: Visit, server: PageServer
) -> None:
    page = visit.open(server.url)
    page.evaluate("""() => {
        const play = HTMLMediaElement.prototype.play;
        HTMLMediaElement.prototype.play = async function () {
            if (!window.touched) throw new DOMException('no gesture', 'NotAllowedError');
            return play.call(this);
        };
        const touch = () => (window.touched = true);
        document.getElementById('sound').addEventListener('click', touch, true);
    }""")
    page.click("#go")
    expect(page.locator("#sound")).to_be_visible()
    page.click("#sound")
    expect(page.locator("#sound")).to_be_hidden()
    until(lambda: page.evaluate("document.getElementById('face').currentTime > 0.2"))
