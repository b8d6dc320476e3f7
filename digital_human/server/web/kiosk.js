// The page of a kiosk: a visit is one live session; who comes is greeted, who leaves is forgotten.

import { kiosk, kioskReset, kioskTouched, takeTokenFromAddress } from "./api.js";
import { Captions } from "./captions.js";
import { Connection } from "./connection.js";
import { Camera } from "./kiosk-camera.js";
import { Card, Slides } from "./kiosk-pictures.js";
import { drawLevel, keepMicrophone, mic, play } from "./kiosk-sound.js";
import { speak, t } from "./kiosk-texts.js";
import { Verse } from "./kiosk-verse.js";
import * as show from "./kiosk-view.js";
import { Visit } from "./kiosk-visit.js";

const $ = (id) => document.getElementById(id);
const body = document.body;

const BACKOFF_S = [0.3, 0.5, 1, 1, 2];
const RETRY_S = 2; // after what a person would have to decide elsewhere
const MOMENT_S = 6; // without the server before the page asks for patience while nobody is there
const LOST_S = 20; // without the server before a visit is given up
const ASK_S = 15; // between looks for changes; the server sees by it that the page is alive
const BLIND_S = 4; // without an answer about the camera
const DARK_S = 5; // without its sight before the microphone waits for the name
const MICROPHONE_S = 5; // between tries to open it
const VERSE_MS = 7000; // a poem stays after its last word
const PLAN_S = 30;
const OFFER_AFTER = 2; // times misheard
const GAIN = { step: 3, most: 6 }; // dB
const SLOW = 0.85;
const IMPROVISED = "doggerel"; // path of the source of a verse made up on the spot

const face = $("face");
const camera = new Camera();
const visit = new Visit();
const captions = new Captions($("caption"), $("caption-live"));
const slides = new Slides($("slides"));
const card = new Card($("card"));
const verse = new Verse($("verse"), $("columns"), $("verse-foot"));

let view = null; // what the server tells of the kiosk
let connection = null;
let greet = false; // the greeting waits for the connection
let lostSince = null;
let seenAt = 0; // s, when the server last told what the camera sees
let sightedAt = 0; // s, when the camera last saw anything
let toldAt = 0; // s, when the server was last told of a touch or a word
let planUntil = 0;
let examples = 0;
let guest = fresh();

/** What is known of a visitor: nothing, at first. */
function fresh() {
  return { asked: new Set(), here: null, gain: 0, slow: false, misheard: 0 };
}

const now = () => performance.now() / 1000;

// ---- what is shown -------------------------------------------------------------------------

function setScreen(screen) {
  body.dataset.screen = screen;
  slides.run(screen === "attract");
  show.showState();
}

function setState(state) {
  body.dataset.state = state;
  if (state === "held") captions.hold();
  else if (state === "speaking") captions.resume();
  else if (state === "idle") captions.finish();
  show.showState();
}

function setMicrophone() {
  body.dataset.mic = !mic.track ? "off" : mic.muted ? "muted" : "open";
  show.showState();
  showTiles();
}

function showTiles() {
  if (view) show.showTiles(view, { asked: guest.asked, here: guest.here, ask });
}

/** Languages of the page that the persona speaks, its own first. */
const languages = () => (view?.languages ?? []).filter((one) => ["zh", "en"].includes(one));

function setLanguage(wanted) {
  if (!speak(wanted)) return;
  $("language-text").textContent = t().other;
  $("language").lang = wanted === "en" ? "zh-CN" : "en";
  show.showState();
  show.showHere(guest.here);
  showTiles();
}

function setMisheard(times) {
  guest.misheard = times;
  const offered = String(times >= OFFER_AFTER);
  if (body.dataset.misheard === offered) return;
  body.dataset.misheard = offered;
  showTiles();
}

/** Take away all that belongs to the visitor. */
function forget() {
  guest = fresh();
  greet = false;
  captions.clear();
  $("caption").replaceChildren();
  $("caption-live").textContent = $("heard").textContent = "";
  card.hide();
  verse.hide();
  show.hidePlan();
  show.showHere(null);
  $("slower").setAttribute("aria-pressed", "false");
  setMisheard(0);
  setLanguage(languages()[0] ?? "zh");
  showTiles();
}

// ---- what the server tells -----------------------------------------------------------------

const HANDLERS = {
  state: ({ state }) => {
    if (["speaking", "thinking"].includes(state)) visit.active(now());
    setState(state);
  },
  "heard.started": () => heard("", "partial"),
  "heard.partial": ({ text }) => heard(text, "partial"),
  "heard.final": ({ text, language, by }) => {
    visit.active(now());
    present();
    heard(text, "final");
    captions.clear();
    verse.hide();
    setMisheard(0);
    show.hidePlan();
    if (by !== "typed" && languages().includes(language)) setLanguage(language);
  },
  "heard.ignored": () => ($("heard").className = "over"),
  misheard: ({ times }) => setMisheard(times),
  woken: ({ language }) => {
    if (visit.screen !== "attract") return;
    setLanguage(language);
    visit.touch(now());
    present();
  },
  "reply.started": ({ turn }) => {
    if (card.turn !== turn) card.hide();
    if (verse.turn !== turn) verse.hide();
  },
  sources: ({ turn, items }) => showSources(turn, items),
  caption: (event) => {
    $("heard").className = "over";
    visit.active(now());
    captions.show(event, connection.playoutDelay);
    setTimeout(() => verse.hear(event.text, event.turn), connection.playoutDelay * 1000);
  },
  "reply.finished": ({ turn, interrupted }) => {
    visit.active(now());
    if (interrupted) captions.clear();
    if (verse.turn === turn && verse.shown) verse.finish(interrupted ? 0 : VERSE_MS);
  },
  "consent.revoked": () => visit.ended(),
  "session.ended": ({ reason }) => /shutting down/.test(reason) || visit.ended(),
};

function heard(text, how) {
  $("heard").textContent = text;
  $("heard").className = how;
}

function showSources(turn, items) {
  const pictured = items.find((item) => item.picture);
  if (pictured) card.show(view.pictures + pictured.picture, pictured.title, turn);
  const poem = items.find(({ path }) => path === IMPROVISED || (view.poems && path === view.poems));
  if (!poem) return;
  const foot = poem.path === IMPROVISED ? t().improvised : t().recites;
  verse.expect(poem.title, poem.text, turn, foot);
}

// ---- talking with the server ---------------------------------------------------------------

/** Open a session that waits in silence for a visitor. */
function connect() {
  const mine = new Connection(
    { language: "auto", persona: view.persona, screen: true },
    { greet: false, backoff: BACKOFF_S },
  );
  connection = mine;
  mine.addEventListener("status", ({ detail }) => mine === connection && onStatus(mine, detail));
  mine.addEventListener("stream", ({ detail }) => {
    if (mine !== connection) return;
    if (face.srcObject !== detail) face.srcObject = detail;
    play(face);
  });
  mine.addEventListener("message", ({ detail }) => mine === connection && HANDLERS[detail.type]?.(detail));
  mine.setTrack(mic.track);
  mine.run();
}

/** Close the session, so that nothing of the visitor stays, and open a new one. */
async function reconnect() {
  const old = connection;
  connection = null;
  lostSince = now();
  body.dataset.phase = "connecting";
  setState("idle");
  await old?.close();
  if (!connection) connect();
}

function onStatus(mine, { phase }) {
  if (phase === "live") {
    lostSince = null;
    body.dataset.phase = "live";
    if (visit.screen === "attract") setScreen("attract");
    if (visit.screen === "talk") introduce();
    show.showState();
    return;
  }
  if (phase === "closed") return;
  lostSince ??= now();
  captions.clear();
  setState("idle");
  body.dataset.phase = phase === "reconnecting" ? phase : "connecting";
  show.showState();
  if (["problem", "token", "full"].includes(phase)) {
    mine.close();
    setTimeout(() => mine === connection && connect(), RETRY_S * 1000);
  }
}

/** Tell a session, maybe a new one after the server was restarted, what is known of the visitor. */
function introduce() {
  if (guest.language) connection.setLanguage(guest.language);
  if (guest.here) connection.send({ type: "spot", id: guest.here.id });
  if (guest.gain || guest.slow) sendManner();
  if (greet) connection.send({ type: "hello" });
  greet = false;
}

function ask(question) {
  guest.asked.add(question);
  connection?.send({ type: "text", text: question, language: body.dataset.lang });
  setMisheard(0);
  showTiles();
}

function sendManner() {
  connection?.send({ type: "manner", speed: guest.slow ? SLOW : 1, gain: guest.gain });
}

function louder(decibels) {
  guest.gain = Math.max(-GAIN.most, Math.min(GAIN.most, guest.gain + decibels));
  sendManner();
}

/** The visitor stands there: told by a label that the camera sees, or by a touch. */
function stand(spot) {
  if (!spot || spot.id === guest.here?.id) return;
  guest.here = spot;
  connection?.send({ type: "spot", id: spot.id });
  show.showHere(spot);
  showTiles();
}

// ---- the visit -----------------------------------------------------------------------------

function onWake() {
  mic.setMuted(false);
  body.dataset.call = "false";
  setScreen("talk");
  greet = true;
  if (body.dataset.phase === "live") introduce();
}

function onFarewell({ why, seconds }) {
  if (why !== "idle") {
    mic.setMuted(true);
    connection?.send({ type: "interrupt" });
  }
  show.hidePlan();
  verse.hide();
  show.showFarewell(why, seconds);
  setScreen("farewell");
}

function onReset({ why }) {
  if (why !== "left") kioskReset().catch(() => {}); // the camera has seen the others go
  mic.setMuted(true);
  forget();
  setScreen("attract");
  reconnect();
}

function onSeen({ state, faces, spot }) {
  seenAt = now();
  setPresence(state, faces);
  if (spot && visit.screen === "talk") stand(view.spots.find(({ id }) => id === spot));
}

function setPresence(state, faces) {
  if (state !== "blind") sightedAt = now();
  body.dataset.presence = state;
  body.dataset.camera = camera.state === "on" && state === "blind" ? "covered" : camera.state;
  show.showInvitation();
  visit.presence(state, faces, now());
}

/** The visitor touched the page or spoke. */
function present() {
  if (now() - toldAt < 1 || !view?.camera) return;
  toldAt = now();
  kioskTouched().catch(() => {}); // it is told again with the next touch
}

function tick() {
  const time = now();
  if (camera.state !== "on" || time - seenAt > BLIND_S) setPresence("blind", 0);
  else visit.tick(time);
  if (planUntil && time > planUntil) closePlan();
  if (lostSince !== null && time - lostSince > LOST_S) visit.ended();
  if (lostSince !== null && visit.screen === "attract" && time - lostSince > MOMENT_S) setScreen("waiting");
  doze();
}

/** While nobody is there the microphone is muted, or open where the session waits for its name. */
function doze() {
  if (visit.screen !== "attract") return;
  const waits = view.wake === "always" || (view.wake === "blind" && now() - sightedAt > DARK_S);
  const wanted = waits && body.dataset.phase === "live";
  const on = wanted && (!mic.muted || connection.send({ type: "doze", on: true }));
  if (on !== mic.muted) return;
  mic.setMuted(!on);
  body.dataset.call = String(on);
  show.showInvitation();
}

// ---- microphone and server, again and again ------------------------------------------------

async function listenAgain() {
  if (await keepMicrophone()) connection?.setTrack(mic.track);
}

async function keepView() {
  try {
    const told = await kiosk(body.dataset.mic);
    if (view && told.edition !== view.edition && visit.screen === "attract") location.reload();
    if (!view) start(told);
    $("waiting-why").textContent = "";
  } catch (error) {
    if (error.status === 404) $("waiting-why").textContent = t().notKiosk;
    if (!view) setTimeout(keepView, RETRY_S * 1000);
  }
}

function start(told) {
  view = told;
  visit.idle = view.idle_s;
  $("language").hidden = languages().length < 2;
  sightedAt = now();
  show.showPlace(view);
  slides.load(view.spots.map((spot) => spot.picture).filter(Boolean));
  forget();
  show.showInvitation();
  connect();
  if (view.camera) camera.run();
  setInterval(tick, 250);
  setInterval(keepView, ASK_S * 1000);
  setInterval(() => show.showExample(view, examples++), 6000);
  show.showExample(view, examples++);
}

// ---- touch ---------------------------------------------------------------------------------

function openPlan() {
  planUntil = now() + PLAN_S;
  show.showPlan(view, guest.here, (spot) => {
    closePlan();
    stand(spot);
    ask(t().about(spot.names[body.dataset.lang] ?? Object.values(spot.names)[0]));
  });
}

function closePlan() {
  planUntil = 0;
  show.hidePlan();
}

function choose(language) {
  guest.language = language;
  setLanguage(language);
  if (body.dataset.phase === "live" && visit.screen === "talk") connection.setLanguage(language);
}

function listen() {
  addEventListener("pointerdown", () => {
    if (face.muted) play(face);
    if (visit.screen !== "farewell") present(); // who rates has gone, or is going
    if (visit.screen !== "attract") visit.touch(now());
  });
  $("attract").addEventListener("click", ({ target }) => {
    if (!view) return;
    const { lang } = target.closest(".begin")?.dataset ?? {};
    if (lang) choose(lang);
    visit.touch(now());
  });
  $("figure").addEventListener("click", () => visit.touch(now()));
  const presses = {
    language: () => choose(body.dataset.lang === "en" ? "zh" : "en"),
    map: openPlan,
    "plan-close": closePlan,
    louder: () => louder(GAIN.step),
    quieter: () => louder(-GAIN.step),
    stop: () => connection?.send({ type: "interrupt" }),
    done: () => visit.finish(now()),
    stay: () => visit.stay(now()),
    slower: () => {
      guest.slow = !guest.slow;
      $("slower").setAttribute("aria-pressed", String(guest.slow));
      sendManner();
    },
  };
  for (const [id, press] of Object.entries(presses)) $(id).addEventListener("click", press);
  for (const button of document.querySelectorAll(".rate")) {
    button.addEventListener("click", () => {
      connection?.send({ type: "rate", score: Number(button.dataset.score) });
      show.showRated();
      visit.rated(now());
    });
  }
  visit.addEventListener("wake", onWake);
  visit.addEventListener("farewell", ({ detail }) => onFarewell(detail));
  visit.addEventListener("stay", () => {
    mic.setMuted(false);
    setScreen("talk");
  });
  visit.addEventListener("reset", ({ detail }) => onReset(detail));
  camera.addEventListener("seen", ({ detail }) => onSeen(detail));
  mic.addEventListener("change", setMicrophone);
  addEventListener("contextmenu", (event) => event.preventDefault());
  addEventListener("online", () => connection?.hurry());
  addEventListener("pagehide", () => connection?.close());
  navigator.mediaDevices?.addEventListener("devicechange", listenAgain);
}

takeTokenFromAddress();
mic.muted = true;
speak("zh");
$("language-text").textContent = t().other;
listen();
show.fitCaptions();
setMicrophone();
drawLevel($("state"));
listenAgain();
setInterval(listenAgain, MICROPHONE_S * 1000);
keepView();
