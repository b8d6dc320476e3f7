"""The page with a real browser, real WebRTC and scripted answers."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Talk, Visit, begin, until
from tests.fakes.page_server import CLAUSES, NOTICE, PASSAGE, SUGGESTIONS, PageServer, spread

SEE_WORDS = """() => {
    window.seen = [];
    window.watcher?.disconnect();
    window.watcher = new MutationObserver(() => {
        const now = document.querySelector('#caption .now')?.textContent;
        if (now && seen.at(-1)?.[0] !== now) seen.push([now, performance.now() / 1000]);
    });
    watcher.observe(document.getElementById('caption'), {
        subtree: true, childList: true, attributes: true,
    });
}"""
NOTE_PHASES = """() => {
    window.phases = [];
    new MutationObserver(() => phases.push(document.body.dataset.phase))
        .observe(document.body, { attributes: true, attributeFilter: ["data-phase"] });
}"""
TABLET = {"width": 820, "height": 1180}
FULL_HD = {"width": 1920, "height": 1080}


def test_a_typed_question_is_answered_with_captions_sources_and_timing(talk: Talk) -> None:
    page, server = talk.page, talk.server
    assert server.hellos == 1
    expect(page.locator("#name")).to_have_text("西湖导游 云舒")
    until(lambda: server.newest.sound > 5)  # the fake microphone beeps
    page.fill("#text", "雷峰塔几点开放？")
    page.keyboard.press("Enter")
    expect(page.locator("#heard")).to_have_text("雷峰塔几点开放？")
    expect(page.locator("#state-text")).to_have_text("正在回答")
    expect(page.locator("#caption .now")).to_have_count(1)
    expect(page.locator("#caption-live")).to_have_text(CLAUSES[1], timeout=8000)
    expect(page.locator("#log .answer > p").last).to_have_text("".join(CLAUSES))
    expect(page.locator("#state-text")).to_have_text("请讲，我在听")
    expect(page.locator("#total")).to_have_text("0.71 秒")
    expect(page.locator("#waterfall li")).to_have_count(5)
    sources = page.locator("#log .sources").last
    sources.locator("> summary").click()
    sources.locator("details summary").click()
    expect(sources.locator("details p")).to_have_text(PASSAGE)
    asked = [address for address in talk.visit.requests if not address.startswith("blob:")]
    hosts = {urlsplit(address).netloc for address in asked}
    assert hosts == {urlsplit(server.url).netloc}


def test_the_highlight_follows_the_word_being_heard(talk: Talk) -> None:
    page, server = talk.page, talk.server
    text = "苏堤全长约二点八公里。"
    page.evaluate(SEE_WORDS)
    server.emit("caption", clause=0, text=text, language="zh", words=spread(text, 0.25))
    until(lambda: page.evaluate("seen.length") >= 10)
    seen = page.evaluate("seen")
    assert "".join(word for word, _ in seen) == text.rstrip("。")
    steps = [b - a for (_, a), (_, b) in zip(seen, seen[1:], strict=False)]
    assert sorted(steps)[len(steps) // 2] == pytest.approx(0.25, abs=0.05)


def test_holding_keeps_the_place_and_resuming_repeats_the_broken_word(talk: Talk) -> None:
    page, server = talk.page, talk.server
    text = "断桥不断孤山不孤"
    server.emit("state", state="speaking")
    server.emit("caption", clause=0, text=text, language="zh", words=spread(text, 0.4))
    expect(page.locator("#caption")).to_have_text(text)
    said = page.locator("#caption .said")
    until(lambda: said.count() >= 2)
    server.emit("state", state="held")
    expect(page.locator("#state-text")).to_have_text("您先说")
    place, broken = said.count(), page.locator("#caption .now").all_inner_texts()
    page.wait_for_timeout(900)
    assert said.count() == place < len(text) - 1
    server.emit("state", state="speaking")
    resumed = time.monotonic()
    until(lambda: said.count() > place)
    assert time.monotonic() - resumed > 0.3  # the broken word, whole
    assert page.locator("#caption .said").nth(place).inner_text() == broken[0]
    server.emit("reply.finished", text=text, interrupted=True, origin="knowledge")


@pytest.mark.parametrize("how", ["button", "escape"])
def test_interrupting_keeps_what_was_heard(talk: Talk, how: str) -> None:
    page, server = talk.page, talk.server
    expect(page.locator("#interrupt")).to_be_disabled()
    page.click("#chips button")
    expect(page.locator("#state-text")).to_have_text("正在回答")
    expect(page.locator("#caption .said").first).to_be_attached()
    if how == "button":
        page.click("#interrupt")
    else:
        page.keyboard.press("Escape")
    expect(page.locator("#log .mark").last).to_be_visible()
    heard = CLAUSES[0][: len(CLAUSES[0]) // 2]
    expect(page.locator("#log .answer > p").last).to_have_text(heard)
    assert server.received == [
        {"type": "text", "text": SUGGESTIONS["zh"][0]}, {"type": "interrupt"},
    ]  # fmt: skip


def test_nothing_behind_the_face_is_filtered_or_moves_on_its_own(talk: Talk) -> None:
    """It would be worked out on the whole window again with every picture of the video."""
    expect(talk.page.locator("#ambient.lit")).to_be_attached()
    seen = """() => [...document.querySelectorAll('#stage, #stage *')].flatMap((one) =>
        ['', '::before', '::after'].map((part) => getComputedStyle(one, part || null))
            .filter((style) => style.filter !== 'none').map(() => one.id || one.className))"""
    assert talk.page.evaluate(seen) == []
    drifting = """() => document.getAnimations().filter((one) => one.playState === 'running'
        && one.effect.getTiming().iterations === Infinity).length"""
    until(lambda: talk.page.evaluate(drifting) == 0)


def test_what_the_visitor_says_is_shown_as_it_is_understood(talk: Talk) -> None:
    page, server = talk.page, talk.server
    server.emit("heard.started")
    server.emit("heard.partial", text="请问雷峰塔", language="zh", revision=1)
    expect(page.locator("#heard.partial")).to_have_text("请问雷峰塔")
    server.emit("heard.final", text="请问雷峰塔几点开？", language="zh", by="voice")
    expect(page.locator("#heard.final")).to_have_text("请问雷峰塔几点开？")
    expect(page.locator("#log .visitor").last).to_have_text("请问雷峰塔几点开？")


def test_push_to_talk_with_the_space_bar_and_mute(talk: Talk) -> None:
    page, server = talk.page, talk.server
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
    page.fill("#text", "")
    page.click("#mode")
    expect(page.locator("body[data-mic=open]")).to_be_attached()


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


def test_one_click_reports_an_answer_and_a_note_can_follow(talk: Talk) -> None:
    page, server = talk.page, talk.server
    page.click("#chips button")
    expect(page.locator("body[data-state=speaking]")).to_be_attached()
    turn = server.newest.turn
    page.locator("#log .report").last.click()
    expect(page.locator("#toast")).to_contain_text("已提交举报")
    page.click("#toast-go")
    page.fill("#note", "时间不对")
    page.click("#report-dialog .primary")
    until(lambda: len(server.reports) == 2)
    assert [(r["turn"], r["note"]) for r in server.reports] == [(turn, ""), (turn, "时间不对")]
    page.keyboard.press("Escape")
    expect(page.locator("#interrupt")).to_be_disabled()


def test_a_lost_connection_is_made_again_in_the_same_session(
    visit: Visit, server: PageServer
) -> None:
    page = visit.open(server.url)
    begin(page)
    page.evaluate(NOTE_PHASES)
    server.hang_up()
    # The way back can be quicker than a look at the page, so the page notes its own phases.
    until(lambda: page.evaluate("window.phases.at(-1)") == "live")
    assert page.evaluate("window.phases")[0] == "reconnecting"
    assert len(server.opened) == 1
    assert server.offers == [server.opened[0]] * 2
    page.click("#chips button")
    expect(page.locator("#caption-live")).to_have_text(CLAUSES[0])


def test_a_server_that_forgot_gets_a_new_session_and_the_page_keeps_its_history(
    visit: Visit, server: PageServer
) -> None:
    page = visit.open(server.url)
    begin(page)
    server.emit("caption", clause=0, text=CLAUSES[0], language="zh", words=[])
    expect(page.locator("#log .answer > p")).to_have_text(CLAUSES[0])
    server.forget()
    expect(page.locator("#log .note")).to_contain_text("已重新开始一段对话")
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    assert len(server.opened) == 2
    expect(page.locator("#log .answer")).to_have_count(1)
    # The first offer went to the session that is gone; browsers log every refused request.
    assert all("404" in line for line in visit.complaints)
    visit.complaints.clear()


def test_a_full_server_is_tried_again_after_the_countdown(visit: Visit, server: PageServer) -> None:
    server.full_s = 2
    page = visit.open(server.url)
    page.click("#go")
    expect(page.locator("#problem-title")).to_have_text("现在人有点多")
    expect(page.locator("#problem-text")).to_contain_text("1 秒后自动重试")
    server.full_s = 0
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    expect(page.locator("#problem")).to_be_hidden()
    assert all("503" in line for line in visit.complaints)
    visit.complaints.clear()


def test_blocked_media_is_explained(visit: Visit, server: PageServer) -> None:
    server.blackhole = True
    page = visit.open(server.url)
    page.clock.install()
    page.click("#go")
    until(lambda: len(server.offers) == 1)
    page.wait_for_timeout(300)
    page.clock.fast_forward(10_000)  # more than it waits for a picture
    expect(page.locator("#problem-text")).to_contain_text("TURN")
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
        expect(asked.locator("#start-name")).to_have_text("西湖导游 云舒")
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


SIZES = pytest.mark.parametrize(
    "size", [FULL_HD, DESKTOP, TABLET, PHONE], ids=["full-hd", "desktop", "tablet", "phone"]
)


def overlap(page: Page, one: str, other: str) -> bool:
    """Whether two things on the page touch."""
    a, b = (page.locator(name).bounding_box() for name in (one, other))
    assert a is not None
    assert b is not None
    return (
        a["x"] < b["x"] + b["width"] and b["x"] < a["x"] + a["width"]
        and a["y"] < b["y"] + b["height"] and b["y"] < a["y"] + a["height"]
    )  # fmt: skip


def test_the_start_fits_and_says_that_it_is_ai(visit: Visit, server: PageServer) -> None:
    page = visit.open(server.url, has_touch=True)
    for size in (FULL_HD, DESKTOP, TABLET, PHONE):
        page.set_viewport_size(size)
        assert page.evaluate(OUTSIDE) == []
        expect(page.locator("#start .ai")).to_be_visible()


@SIZES
def test_everything_fits_and_can_be_touched(talk: Talk, size: dict[str, int]) -> None:
    page = talk.page
    page.set_viewport_size(size)
    talk.server.emit("state", state="speaking")
    talk.server.emit(
        "caption", clause=0, text=CLAUSES[1], language="zh", words=spread(CLAUSES[1], 0.2)
    )
    expect(page.locator("#caption .now")).to_have_count(1)
    assert page.evaluate(OUTSIDE) == []
    expect(page.locator("#ai")).to_be_visible()
    face = page.locator("#face").bounding_box()
    assert face is not None
    assert face["width"] == pytest.approx(face["height"] * 3 / 4, abs=1)
    assert max(face["height"] / size["height"], face["width"] / size["width"]) > 0.9
    # The label is in the picture: its upper right part must not lie under the page's own controls.
    page.evaluate(
        """() => {
            const r = document.getElementById('face').getBoundingClientRect();
            const mark = document.getElementById('label-place') ?? document.createElement('i');
            mark.id = 'label-place';
            mark.style.cssText = `position: fixed; pointer-events: none; z-index: -1;
                left: ${r.left + r.width * 0.48}px; width: ${r.width * 0.5}px;
                top: ${r.top + r.height * 0.015}px; height: ${r.height * 0.055}px`;
            document.body.append(mark);
        }"""
    )
    for name in ("#tools", "#name", "#state", "#ai"):
        assert not overlap(page, name, "#label-place"), name
    if size is PHONE:
        page.click("#open-panel")
        expect(page.locator("#log .answer").last).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#panel")).not_to_be_visible()


def test_onlookers_watch_muted_until_they_ask_for_sound(talk: Talk, visit: Visit) -> None:
    server = talk.server
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


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_card_shows_who_it_is_before_the_start(
    visit: Visit, server: PageServer, size: dict[str, int]
) -> None:
    page = visit.open(server.url, size=size)
    until(lambda: page.evaluate("document.getElementById('portrait').naturalWidth > 99"))
    expect(page.locator("#start-notice")).to_have_text(NOTICE["zh"])
    for spot in ("#portrait", "#start-name", "#go", "#go-text"):
        box = page.locator(spot).bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= size["width"], spot
        assert box["y"] >= 0 and box["y"] + box["height"] <= size["height"], spot


@pytest.mark.parametrize(
    ("locale", "says", "event"),
    [
        ("zh-CN", "撤回", {"kind": "consent.revoked", "avatar": "yun"}),
        ("en-US", "withdrawn", {"kind": "session.ended", "reason": "consent_revoked"}),
    ],
)
def test_a_consent_that_is_taken_back_ends_it_with_a_word(
    visit: Visit, server: PageServer, locale: str, says: str, event: dict[str, str]
) -> None:
    page = visit.open(server.url, locale=locale)
    begin(page)
    server.emit(**event)
    expect(page.locator("#problem-text")).to_contain_text(says)
    expect(page.locator("#problem")).to_be_visible()
