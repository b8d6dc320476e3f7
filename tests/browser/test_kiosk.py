"""The kiosk's page with a real browser, fake camera and microphone, and scripted answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visit, until
from tests.fakes.kiosk_page import LINES, POEM, KioskPage, Persona
from tests.fakes.page_server import CLAUSES, spread

PORTRAIT = {"width": 1080, "height": 1920}
LANDSCAPE = {"width": 1920, "height": 1080}
SMALL = {"width": 1280, "height": 800}
AI = "AI 数字人 · 内容由 AI 生成"

# What is shown must be on the screen, large enough to touch, and not lie on top of one another.
WRONG = """() => {
    const seen = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const unit = Math.min(innerWidth, innerHeight) / 100;
    const wrong = [];
    for (const e of document.querySelectorAll('button, #caption, #ai, h1, h2, #invite, #card')) {
        if (!seen(e) || !e.getClientRects().length) continue;
        const r = e.getBoundingClientRect();
        const name = e.id || e.textContent.trim();
        const out = r.left < -1 || r.top < -1 || r.right > innerWidth + 1;
        if (out || r.bottom > innerHeight + 1) wrong.push(`${name} is outside`);
        const small = e.matches('button') && Math.min(r.width, r.height) < 6 * unit;
        if (small) wrong.push(`${name} is small`);
        if (parseFloat(getComputedStyle(e).fontSize) < 2.2 * unit) wrong.push(`${name} is tiny`);
    }
    const boxes = ['#card', '#words', '#offer', '#controls', '#verse']
        .map((id) => document.querySelector(id))
        .filter((e) => seen(e) && e.getClientRects().length);
    for (const one of boxes) for (const other of boxes) {
        if (one === other) continue;
        const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
        const apart = a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
        if (!apart && a.left < b.right && b.left < a.right) wrong.push(`${one.id} on ${other.id}`);
    }
    const caption = document.querySelector('#caption').getBoundingClientRect();
    const board = document.querySelector('#board').getBoundingClientRect();
    const cut = seen(document.querySelector('#caption')) && caption.bottom > board.bottom + 1;
    if (cut) wrong.push('the caption is cut off');
    return wrong;
}"""


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Browser]) -> Browser:
    """A browser as a kiosk runs it: sound, camera and microphone without a prompt."""
    return launch("--autoplay-policy=no-user-gesture-required")


@pytest.fixture
def server() -> Iterator[KioskPage]:
    """A kiosk whose camera sees nobody yet."""
    with KioskPage().running() as server:
        server.scripted = False
        yield server


@pytest.fixture
def visit(browser: Browser, server: KioskPage) -> Iterator[Visit]:
    """Opens pages, which ask the server again and again: they are closed before it ends."""
    visit = Visit(browser)
    yield visit
    visit.close()
    assert visit.complaints == []


def screen(page: Page, name: str) -> None:
    """Wait for a screen."""
    expect(page.locator(f"body[data-screen={name}]")).to_be_attached()


def stand(visit: Visit, server: KioskPage, size: dict[str, int] = PORTRAIT) -> Page:
    """A kiosk that waits for visitors."""
    page = visit.open(f"{server.url}/kiosk", size=size)
    screen(page, "attract")
    expect(page.locator("body[data-camera=on]")).to_be_attached()
    return page


def come(page: Page, server: KioskPage) -> None:
    """Somebody comes near and looks."""
    server.sight.state = "here"
    screen(page, "talk")
    until(lambda: server.hellos > 0)


def test_a_persona_that_speaks_english_alone_is_not_given_chinese_buttons(visit: Visit) -> None:
    persona = Persona(languages=("en",), suggestions={"en": ["How long is it?"]})
    with KioskPage(persona=persona).running() as server:
        server.scripted = False
        page = stand(visit, server)
        expect(page.locator("#ai")).to_contain_text("AI digital human")
        come(page, server)
        expect(page.locator("#tiles button")).to_have_text(["How long is it?"])
        expect(page.locator("#language")).to_be_hidden()
        visit.close()


def test_a_visit_from_coming_near_to_leaving(visit: Visit, server: KioskPage) -> None:
    page = stand(visit, server)
    expect(page.locator("#ai")).to_contain_text(AI)
    expect(page.locator("#invite-zh")).to_have_text("走近一点，跟我聊聊")
    expect(page.locator("#invite-en")).to_have_text("Come closer and talk with me")
    expect(page.locator("#slides img.shown")).not_to_have_count(0)
    until(lambda: (1280, 720) in server.sight.sizes)
    assert server.newest.sound < 1  # nobody is listened to before they come
    assert server.hellos == 0
    server.sight.state = "near"
    expect(page.locator("#invite-en")).to_have_text("Look at me and I will greet you")
    come(page, server)
    until(lambda: server.newest.sound > 5)  # the fake microphone beeps

    server.emit("heard.final", turn=1, text="How long is it?", language="en", by="voice")
    expect(page.locator("#offer-title")).to_have_text("You could ask")  # the page follows
    expect(page.locator("#ai")).to_contain_text("AI digital human")
    item = {"title": "Su Causeway", "path": "a.md", "text": "", "score": 1, "picture": "lake.jpg"}
    server.emit("sources", turn=1, items=[item])
    server.emit("reply.started", turn=1, origin="knowledge")
    server.emit("state", state="speaking")
    text = "It is 2.8 kilometres long."
    server.emit("caption", turn=1, clause=0, text=text, language="en", words=[["It", 0, 0.3]])
    expect(page.locator("#caption")).to_have_text(text)
    expect(page.locator("#card-title")).to_have_text("Su Causeway")
    until(lambda: page.evaluate("document.getElementById('card-picture').naturalWidth > 99"))
    page.click("#stop")
    until(lambda: {"type": "interrupt"} in server.received)
    server.emit("reply.finished", turn=1, text=text, interrupted=True, origin="knowledge")
    server.emit("state", state="idle")
    server.sight.label = "dh:2"
    expect(page.locator("#here-text")).to_have_text("You are here: Su Causeway")
    assert {"type": "spot", "id": "su-causeway"} in server.received

    first = server.opened[0]
    server.sight.state, server.sight.label = "empty", None
    screen(page, "farewell")
    until(lambda: server.newest.sound < 1)
    screen(page, "attract")
    until(lambda: server.closed == [first] and len(server.opened) == 2)  # nothing of it stays
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    expect(page.locator("body[data-lang=zh]")).to_be_attached()
    expect(page.locator("#caption, #heard")).to_have_text(["", ""])
    expect(page.locator("#card, #here")).to_have_count(2)
    assert not page.locator("#card, #here").locator("visible=true").count()
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert server.hellos == 1


def test_touch_begins_asks_shows_the_map_says_how_it_was_and_ends_it(
    visit: Visit, server: KioskPage
) -> None:
    page = stand(visit, server, SMALL)
    page.click(".begin[data-lang=en]")
    screen(page, "talk")
    server.sight.state = "here"
    until(lambda: server.hellos == 1)
    assert server.received == [{"type": "language", "language": "en"}]
    server.received.clear()
    page.click("#louder")
    page.click("#louder")
    page.click("#louder")  # no louder than 6 dB
    page.click("#slower")
    page.click("#tiles button")
    asked = {"type": "text", "text": "When does Leifeng Pagoda open?", "language": "en"}
    until(lambda: server.received[-1] == asked)
    manners = [(m["speed"], m["gain"]) for m in server.received if m["type"] == "manner"]
    assert manners == [(1, 3), (1, 6), (1, 6), (0.85, 6)]
    page.click("#map")
    expect(page.locator(".pin")).to_have_count(2)
    assert page.evaluate(WRONG) == []
    page.locator("#spots button").first.click()
    expect(page.locator("#plan")).to_be_hidden()
    about = {"type": "text", "text": "Tell me about Broken Bridge", "language": "en"}
    until(lambda: server.received[-1] == about)
    assert {"type": "spot", "id": "broken-bridge"} in server.received
    page.click("#done")
    screen(page, "farewell")
    page.click(".rate[data-score='0']")
    until(lambda: server.received[-1] == {"type": "rate", "score": 0})
    screen(page, "attract")
    until(lambda: len(server.closed) == 1 and server.sight.resets == 1)
    assert server.sight.touches > 0  # the server knows of a visitor whom its camera may not see
    page.wait_for_timeout(500)
    screen(page, "attract")  # who stands there still is not greeted again
    server.sight.state = "blind"
    expect(page.locator("#invite-zh")).to_have_text("轻触屏幕，跟我聊聊")
    expect(page.locator("body[data-camera=covered]")).to_be_attached()
    come(page, server)
    until(lambda: server.hellos == 2)


@pytest.mark.parametrize("size", [PORTRAIT, LANDSCAPE, SMALL], ids=["portrait", "hd", "small"])
def test_all_that_is_shown_fits(visit: Visit, server: KioskPage, size: dict[str, int]) -> None:
    page = stand(visit, server, size)
    assert page.evaluate(WRONG) == []
    come(page, server)
    assert page.evaluate(WRONG) == []
    long = "元祐五年，我用疏浚西湖挖出来的葑草和淤泥，在湖上筑成了这条长约二点八公里的长堤，"
    item = {"title": "苏堤", "path": "a.md", "text": "", "score": 1, "picture": "lake.jpg"}
    server.emit("sources", turn=1, items=[item])
    server.emit("caption", turn=1, clause=0, text=long, language="zh", words=spread(long, 0.1))
    expect(page.locator("#card")).to_be_visible()
    expect(page.locator("#caption")).to_have_text(long)
    assert page.evaluate(WRONG) == []
    server.emit("misheard", times=1)
    server.emit("misheard", times=2)
    expect(page.locator("#offer-title")).to_have_text("没听清楚，您也可以点一下")
    expect(page.locator("#tiles button")).to_have_count(6)
    assert page.evaluate(WRONG) == []
    server.emit("heard.final", turn=2, text="背一首诗", language="zh", by="voice")
    expect(page.locator("#tiles button")).to_have_count(4)  # understood again

    poem = {"title": POEM, "path": "poems.toml", "text": "".join(LINES), "score": 1, "picture": ""}
    server.emit("sources", turn=2, items=[poem])
    server.emit("reply.started", turn=2, origin="knowledge")
    server.emit("caption", turn=2, clause=0, text=f"《{POEM}》。", language="zh", words=[])
    expect(page.locator("#columns h2.now")).to_have_text(POEM)
    server.emit("caption", turn=2, clause=1, text="山色空蒙雨亦奇。", language="zh", words=[])
    expect(page.locator("#columns .now")).to_have_text("山色空蒙雨亦奇。")
    expect(page.locator("#columns .said")).to_have_text("水光潋滟晴方好，")
    columns = page.locator("#columns p")
    rights = [columns.nth(n).bounding_box() for n in range(4)]
    assert all(a["x"] > b["x"] for a, b in zip(rights, rights[1:], strict=False))  # right to left
    assert all(box["height"] > 2 * box["width"] for box in rights)
    assert page.evaluate(WRONG) == []


def test_without_camera_and_microphone_it_works_by_touch(visit: Visit, server: KioskPage) -> None:
    server.stand.idle = 2.0
    page = visit.open("about:blank", size=LANDSCAPE)
    page.add_init_script("""navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException('no', 'NotFoundError'); };""")
    page.goto(f"{server.url}/kiosk")
    screen(page, "attract")
    expect(page.locator("body[data-camera=off][data-mic=off]")).to_be_attached()
    expect(page.locator("#invite-en")).to_have_text("Touch the screen and talk with me")
    page.click("#slides", force=True, position={"x": 40, "y": 40})
    screen(page, "talk")
    expect(page.locator("#offer-title")).to_have_text("话筒没有打开，请点选问题")
    expect(page.locator("#tiles button")).to_have_count(6)
    screen(page, "farewell")  # two seconds without touch and speech
    expect(page.locator("#farewell-title")).to_have_text("您还在吗？")
    page.click("#stay")
    screen(page, "talk")


def test_a_server_that_goes_and_comes_back(visit: Visit, server: KioskPage) -> None:
    page = stand(visit, server)
    come(page, server)
    page.click("#slower")
    until(lambda: bool(server.received))
    server.received.clear()
    page.evaluate(
        """() => {
          const moment = document.getElementById("moment");
          const seen = () => { window.shown = window.shown || !moment.hidden; };
          new MutationObserver(seen).observe(moment, { attributes: true });
        }"""
    )
    server.forget()
    until(lambda: bool(page.evaluate("window.shown")))  # it may be gone again by now
    expect(page.locator("body[data-phase=live]")).to_be_attached()
    expect(page.locator("#moment")).to_be_hidden()
    screen(page, "talk")  # the visit goes on, as slowly as was wished
    until(lambda: {"type": "manner", "speed": 0.85, "gain": 0} in server.received)
    server.emit("caption", turn=1, clause=0, text=CLAUSES[0], language="zh", words=[])
    expect(page.locator("#caption")).to_have_text(CLAUSES[0])
    assert all("404" in line for line in visit.complaints)  # the session that is gone
    visit.complaints.clear()
