// The page: wires the connection, the microphone and the visitor's controls to what is shown.

import { ApiError, takeTokenFromAddress } from "./api.js";
import { shine } from "./ambient.js";
import { Captions } from "./captions.js";
import { Connection } from "./connection.js";
import { askToken, buildDialogs, hideProblem, showProblem, toast } from "./dialogs.js";
import { choice, choose, t, translate } from "./i18n.js";
import { Log } from "./log.js";
import { Microphone, MicrophoneError } from "./microphone.js";
import { sendReport } from "./reports.js";
import { Start } from "./start.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const body = document.body;

const face = $("face");
const mic = new Microphone();
const captions = new Captions($("caption"), $("caption-live"));
const log = new Log($("log"), sendReport);
const start = new Start();

let connection = null;
let countdown = 0;
let refusedToken = false;
let lastLatency = null;
let wakeLock = null;

// ---- what is shown -------------------------------------------------------------------------

function setPhase(phase, attempt = 0) {
  view.setPhase(phase, attempt);
  view.showMicrophone(mic);
}

function setState(state) {
  body.dataset.state = state;
  if (state === "held") captions.hold();
  else if (state === "speaking") captions.resume();
  else if (state === "idle") captions.finish();
  view.showState();
}

function showAll() {
  translate();
  start.show();
  view.showState();
  view.showMicrophone(mic);
  view.showSuggestions(start.persona, ask);
  view.showLatency(lastLatency);
  log.translate();
}

// ---- what the server tells -----------------------------------------------------------------

const HANDLERS = {
  state: ({ state }) => view.STATES.includes(state) && setState(state),
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
    view.showLatency(event);
  },
  moderation: ({ where }) => where === "heard" && toast(t().moderationHeard),
  "stage.failed": () => toast(t().stageFailed),
  notice: ({ text }) => text && toast(text),
  "consent.revoked": () => leave("revoked"),
  "session.ended": ({ reason }) =>
    /shutting down/.test(reason) || leave(reason === "consent_revoked" ? "revoked" : "ended"),
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
  if (start.persona?.name) wanted.persona = start.persona.name;
  connection = new Connection(wanted);
  connection.addEventListener("status", ({ detail }) => onStatus(detail));
  connection.addEventListener("session", ({ detail }) => onSession(detail));
  connection.addEventListener("stream", ({ detail }) => {
    if (face.srcObject !== detail) face.srcObject = detail;
    play();
  });
  connection.addEventListener("message", ({ detail }) => HANDLERS[detail.type]?.(detail));
  connection.addEventListener("quality", ({ detail }) => view.showQuality(detail));
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
  start.persona = { ...start.persona, name, display, notice, suggestions };
  log.begin(session.id, again ? t().fresh : "");
  refusedToken = false;
  start.show();
  view.showSuggestions(start.persona, ask);
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
  if (body.classList.contains("panel-open")) view.openPanel(false);
  return true;
}

function interrupt() {
  if (!$("interrupt").disabled) connection?.send({ type: "interrupt" });
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
    start.choose($("persona").value);
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
  mic.addEventListener("change", () => view.showMicrophone(mic));
  $("interrupt").addEventListener("click", interrupt);
  $("leave").addEventListener("click", () => leave("ended"));
  $("open-panel").addEventListener("click", () => view.openPanel(true));
  $("close-panel").addEventListener("click", () => view.openPanel(false));
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
    if (body.classList.contains("panel-open")) view.openPanel(false);
    else interrupt();
  } else if (event.code === "Space" && mic.pushToTalk && body.dataset.phase === "live") {
    const typing = ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName);
    const pressing = event.target.closest?.("button, summary") && event.target !== $("mic");
    if (typing || pressing) return;
    event.preventDefault();
    if (!event.repeat) talk(true);
  }
}

takeTokenFromAddress();
buildDialogs();
listen();
setPhase(window.RTCPeerConnection ? "start" : "ended");
showAll();
view.showQuality({ bars: 0, rtt: 0, loss: 0 });
if (window.RTCPeerConnection) {
  shine(face, $("ambient"));
  drawLevel();
  start.load();
} else {
  showProblem("browser", { go: () => location.reload() });
}
