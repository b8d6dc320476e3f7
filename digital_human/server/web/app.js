// The page: wires the connection, the microphone and the visitor's controls to what is shown.

import { ApiError, personas, report, takeTokenFromAddress } from "./api.js";
import { shine } from "./ambient.js";
import { Captions } from "./captions.js";
import { Connection } from "./connection.js";
import { askNote, askToken, hideProblem, showProblem, toast } from "./dialogs.js";
import { choice, choose, pick, t, translate, ui } from "./i18n.js";
import { Log } from "./log.js";
import { Microphone, MicrophoneError } from "./microphone.js";
import { drawWaterfall } from "./waterfall.js";

const $ = (id) => document.getElementById(id);
const body = document.body;
const STATES = ["idle", "listening", "thinking", "speaking", "held"];

const face = $("face");
const mic = new Microphone();
const captions = new Captions($("caption"), $("caption-live"));
const log = new Log($("log"), sendReport);

let connection = null;
let persona = null; // as listed or as the session says
let people = [];
let countdown = 0;
let refusedToken = false;
let lastLatency = null;
let wakeLock = null;

// ---- what is shown -------------------------------------------------------------------------

function showPersona() {
  const name = pick(persona?.display) || t().title;
  $("name").textContent = name;
  $("start-name").textContent = name;
  $("start-lead").textContent = t().unstated;
  $("start-notice").textContent = pick(persona?.notice);
  document.title = name;
}

function showState() {
  const { phase, state } = body.dataset;
  const texts = t();
  let text = texts.state[state];
  if (phase === "connecting") text = texts.connecting;
  if (phase === "reconnecting") text = texts.reconnecting(Number(body.dataset.attempt));
  $("state-text").textContent = text;
  $("interrupt").disabled = phase !== "live" || !["speaking", "thinking", "held"].includes(state);
}

function setPhase(phase, attempt = 0) {
  body.dataset.phase = phase;
  body.dataset.attempt = attempt;
  $("start").hidden = phase !== "start";
  $("text").disabled = $("send").disabled = phase !== "live";
  showState();
  showMicrophone();
}

function setState(state) {
  body.dataset.state = state;
  if (state === "held") captions.hold();
  else if (state === "speaking") captions.resume();
  else if (state === "idle") captions.finish();
  showState();
}

function showMicrophone() {
  const texts = t();
  const on = mic.track !== null;
  const push = mic.pushToTalk;
  body.dataset.mic = !on ? "off" : push ? (mic.held ? "held" : "push") : mic.muted ? "muted" : "open";
  let label = texts.mute;
  if (!on) label = texts.micOff;
  else if (push) label = mic.held ? texts.holding : texts.hold;
  else if (mic.muted) label = texts.unmute;
  $("mic").title = label;
  $("mic").setAttribute("aria-label", label);
  $("mic").setAttribute("aria-pressed", String(mic.open));
  $("mic-text").textContent = push ? label : "";
  $("mode").setAttribute("aria-pressed", String(push));
  $("mode").setAttribute("aria-label", push ? texts.toFree : texts.toPush);
  $("mode").title = push ? texts.toFree : texts.toPush;
  $("mode-text").textContent = push ? texts.pushToTalk : texts.handsfree;
}

function showSuggestions() {
  const questions = persona?.suggestions?.[ui()] ?? persona?.suggestions?.zh ?? [];
  const chips = questions.slice(0, 8).map((question) => {
    const item = document.createElement("li");
    const chip = document.createElement("button");
    chip.type = "button";
    chip.textContent = question;
    chip.addEventListener("click", () => ask(question));
    item.append(chip);
    return item;
  });
  $("chips").setAttribute("aria-label", t().suggestions);
  $("chips").replaceChildren(...chips);
}

function showLatency() {
  $("latency").hidden = !lastLatency;
  if (!lastLatency) return;
  drawWaterfall($("waterfall"), lastLatency);
  $("total").textContent = t().seconds(lastLatency.total);
}

function showQuality({ bars, rtt, loss }) {
  const texts = t();
  const detail = bars ? texts.qualityDetail(Math.round(rtt * 1000), (loss * 100).toFixed(1)) : "";
  $("quality").dataset.bars = bars;
  $("quality").setAttribute("aria-label", texts.quality[bars]);
  $("quality").title = detail ? `${texts.quality[bars]} · ${detail}` : texts.quality[bars];
}

function showAll() {
  translate();
  showPersona();
  showState();
  showMicrophone();
  showSuggestions();
  showLatency();
  log.translate();
}

function openPanel(open) {
  body.classList.toggle("panel-open", open);
  $("open-panel").setAttribute("aria-expanded", String(open));
  $(open ? "close-panel" : "open-panel").focus();
}

// ---- what the server tells -----------------------------------------------------------------

const HANDLERS = {
  state: ({ state }) => STATES.includes(state) && setState(state),
  "heard.started": () => {
    $("heard").textContent = "";
    $("heard").className = "partial";
  },
  "heard.partial": ({ text }) => {
    $("heard").textContent = text;
    $("heard").className = "partial";
  },
  "heard.final": ({ text }) => {
    $("heard").textContent = text;
    $("heard").className = "final";
    captions.clear();
    log.visitor(text);
  },
  "heard.ignored": () => ($("heard").className = "over"),
  caption: (event) => {
    $("heard").className = "over";
    captions.show(event, connection.playoutDelay);
    log.answer(event.turn, event.text);
  },
  sources: ({ turn, items }) => log.sources(turn, items),
  "reply.finished": ({ turn, text, interrupted }) => {
    log.finish(turn, text, interrupted);
    if (interrupted) captions.clear();
  },
  latency: (event) => {
    lastLatency = event;
    showLatency();
  },
  moderation: ({ where }) => where === "heard" && toast(t().moderationHeard),
  "stage.failed": () => toast(t().stageFailed),
  notice: ({ text }) => text && toast(text),
  "session.ended": ({ reason }) => /shutting down/.test(reason) || leave("ended"),
};

// ---- talking with the server ---------------------------------------------------------------

async function begin(withMicrophone) {
  hideProblem();
  setPhase("connecting");
  face.play().catch(() => {}); // inside the click, so that sound is allowed later
  if (withMicrophone) await openMicrophone();
  connect();
}

function connect() {
  const wanted = { language: choice };
  if (persona?.name) wanted.persona = persona.name;
  connection = new Connection(wanted);
  connection.addEventListener("status", ({ detail }) => onStatus(detail));
  connection.addEventListener("session", ({ detail }) => onSession(detail));
  connection.addEventListener("stream", ({ detail }) => {
    if (face.srcObject !== detail) face.srcObject = detail;
    play();
  });
  connection.addEventListener("message", ({ detail }) => HANDLERS[detail.type]?.(detail));
  connection.addEventListener("quality", ({ detail }) => showQuality(detail));
  connection.setTrack(mic.track);
  connection.run();
}

async function play() {
  try {
    await face.play();
    $("sound").hidden = true;
  } catch (error) {
    if (error.name === "NotAllowedError") $("sound").hidden = false;
  }
}

function onSession({ session, again }) {
  const { persona: name, display, notice, suggestions } = session;
  persona = { name, display, notice, suggestions };
  log.begin(session.id, again ? t().fresh : "");
  refusedToken = false;
  showPersona();
  showSuggestions();
  if (again) toast(t().fresh);
}

async function onStatus({ phase, attempt, retryIn, problem, error }) {
  clearInterval(countdown);
  if (phase === "live") {
    hideProblem();
    if (body.dataset.phase === "reconnecting") toast(t().reconnected);
    setPhase("live");
    keepAwake();
  } else if (phase === "connecting" || phase === "reconnecting") {
    captions.clear();
    setState("idle");
    setPhase(phase, attempt);
    if (phase === "connecting") hideProblem();
  } else if (phase === "full") {
    waitForRoom(retryIn);
  } else if (phase === "token") {
    await askToken(refusedToken);
    refusedToken = true;
    connect();
  } else if (phase === "problem") {
    mic.stop();
    const cause = error instanceof ApiError ? `${error.status} ${error.code} ${error.message}\n${error.fix}` : error.message;
    showProblem(problem, { cause: cause.trim(), go: () => begin(body.dataset.textOnly !== "true") });
  }
}

function waitForRoom(seconds) {
  const until = performance.now() + seconds * 1000;
  const show = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    showProblem("full", { seconds: Math.max(0, left), go: () => connection.hurry() });
  };
  show();
  countdown = setInterval(show, 1000);
}

/** End the conversation; `kind` says which farewell is shown. */
function leave(kind) {
  clearInterval(countdown);
  connection?.close();
  connection = null;
  mic.stop();
  captions.clear();
  wakeLock?.release().catch(() => {});
  face.srcObject = null;
  $("ambient").classList.remove("lit");
  setState("idle");
  setPhase("ended");
  showProblem(kind, {
    label: t().again,
    go: () => begin(body.dataset.textOnly !== "true"),
  });
}

function ask(text) {
  const question = text.trim();
  if (!question || !connection?.send({ type: "text", text: question })) return false;
  if (body.classList.contains("panel-open")) openPanel(false);
  return true;
}

function interrupt() {
  if (!$("interrupt").disabled) connection?.send({ type: "interrupt" });
}

async function sendReport(session, turn) {
  try {
    await report(session, "", turn);
    toast(t().reported, { label: t().addNote, run: () => addNote(session, turn) });
  } catch {
    toast(t().reportFailed);
  }
}

async function addNote(session, turn) {
  const note = await askNote();
  if (!note) return;
  try {
    await report(session, note, turn);
    toast(t().reported);
  } catch {
    toast(t().reportFailed);
  }
}

// ---- the microphone ------------------------------------------------------------------------

async function openMicrophone() {
  try {
    await mic.start();
    await connection?.setTrack(mic.track);
    body.dataset.textOnly = "false";
  } catch (error) {
    if (!(error instanceof MicrophoneError)) throw error;
    toast(t().mic[error.reason]);
  }
}

function talk(down) {
  if (mic.hold(down)) connection?.send({ type: "talk", down });
}

function drawLevel() {
  if (!document.hidden) $("level").style.setProperty("--level", mic.level().toFixed(3));
  requestAnimationFrame(drawLevel);
}

async function keepAwake() {
  if (document.hidden || body.dataset.phase !== "live") return;
  wakeLock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
}

// ---- the visitor's controls ----------------------------------------------------------------

function listen() {
  $("go").addEventListener("click", () => begin(true));
  $("go-text").addEventListener("click", () => {
    body.dataset.textOnly = "true";
    begin(false);
  });
  $("persona").addEventListener("change", () => {
    persona = people.find(({ name }) => name === $("persona").value);
    showPersona();
  });
  $("language").value = choice;
  $("language").addEventListener("change", () => {
    choose($("language").value);
    connection?.setLanguage(choice);
    showAll();
  });
  $("dock").addEventListener("submit", (event) => {
    event.preventDefault();
    if (ask($("text").value)) $("text").value = "";
  });
  $("mic").addEventListener("click", () => {
    if (!mic.track) openMicrophone();
    else if (!mic.pushToTalk) mic.setMuted(!mic.muted);
  });
  $("mic").addEventListener("pointerdown", (event) => {
    if (!mic.pushToTalk || !mic.track) return;
    $("mic").setPointerCapture(event.pointerId);
    talk(true);
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
    $("mic").addEventListener(type, () => talk(false));
  }
  $("mic").addEventListener("contextmenu", (event) => event.preventDefault());
  $("mode").addEventListener("click", () => {
    talk(false);
    mic.setPushToTalk(!mic.pushToTalk);
    $("mode").blur(); // the space bar talks from now on
  });
  mic.addEventListener("change", showMicrophone);
  $("interrupt").addEventListener("click", interrupt);
  $("leave").addEventListener("click", () => leave("ended"));
  $("open-panel").addEventListener("click", () => openPanel(true));
  $("close-panel").addEventListener("click", () => openPanel(false));
  $("sound").addEventListener("click", play);
  window.addEventListener("keydown", onKey);
  window.addEventListener("keyup", (event) => event.code === "Space" && talk(false));
  window.addEventListener("blur", () => talk(false));
  window.addEventListener("online", () => connection?.hurry());
  window.addEventListener("pagehide", () => connection?.close());
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !connection) return;
    connection.hurry();
    play();
    keepAwake();
  });
}

function onKey(event) {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    if (body.classList.contains("panel-open")) openPanel(false);
    else interrupt();
  } else if (event.code === "Space" && mic.pushToTalk && body.dataset.phase === "live") {
    const typing = ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName);
    const pressing = event.target.closest?.("button, summary") && event.target !== $("mic");
    if (typing || pressing) return;
    event.preventDefault();
    if (!event.repeat) talk(true);
  }
}

async function loadPersonas() {
  try {
    const listed = await personas();
    people = Array.isArray(listed) ? listed : listed.personas;
  } catch (error) {
    if (error.status === 401) {
      await askToken(refusedToken);
      refusedToken = true;
      return loadPersonas();
    }
    return; // shown when the visitor starts
  }
  refusedToken = false;
  const asked = new URLSearchParams(location.search).get("persona");
  persona = people.find(({ name }) => name === asked) ?? people[0] ?? null;
  $("persona").replaceChildren(...people.map((p) => new Option(pick(p.display) || p.name, p.name)));
  $("persona").value = persona?.name ?? "";
  $("persona-choice").hidden = people.length < 2 || asked !== null;
  showPersona();
}

takeTokenFromAddress();
listen();
setPhase(window.RTCPeerConnection ? "start" : "ended");
showAll();
showQuality({ bars: 0, rtt: 0, loss: 0 });
if (window.RTCPeerConnection) {
  shine(face, $("ambient"));
  drawLevel();
  loadPersonas();
} else {
  showProblem("browser", { go: () => location.reload() });
}
