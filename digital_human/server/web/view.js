// What is shown: phase, state, microphone, questions, latency and quality of the connection.

import { t, ui } from "./i18n.js";
import { suggested } from "./suggestions.js";
import { drawWaterfall } from "./waterfall.js";

const $ = (id) => document.getElementById(id);
const body = document.body;
export const STATES = ["idle", "listening", "thinking", "speaking", "held"];

export function showState() {
  const { phase, state } = body.dataset;
  const texts = t();
  let text = texts.state[state];
  if (phase === "connecting") text = texts.connecting;
  if (phase === "reconnecting") text = texts.reconnecting(Number(body.dataset.attempt));
  $("state-text").textContent = text;
  $("interrupt").disabled = phase !== "live" || !["speaking", "thinking", "held"].includes(state);
}

export function setPhase(phase, attempt = 0) {
  body.dataset.phase = phase;
  body.dataset.attempt = attempt;
  $("start").hidden = phase !== "start";
  $("text").disabled = $("send").disabled = phase !== "live";
  showState();
}

export function showMicrophone(mic) {
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

export function showSuggestions(persona, ask) {
  const questions = persona?.suggestions?.[ui()] ?? persona?.suggestions?.zh ?? [];
  $("chips").setAttribute("aria-label", t().suggestions);
  $("chips").replaceChildren(...suggested(questions.slice(0, 8), ask));
}

export function showLatency(latency) {
  $("latency").hidden = !latency;
  if (!latency) return;
  drawWaterfall($("waterfall"), latency);
  $("total").textContent = t().seconds(latency.total);
}

export function showQuality({ bars, rtt, loss }) {
  const texts = t();
  const detail = bars ? texts.qualityDetail(Math.round(rtt * 1000), (loss * 100).toFixed(1)) : "";
  $("quality").dataset.bars = bars;
  $("quality").setAttribute("aria-label", texts.quality[bars]);
  $("quality").title = detail ? `${texts.quality[bars]} · ${detail}` : texts.quality[bars];
}

export function openPanel(open) {
  body.classList.toggle("panel-open", open);
  $("open-panel").setAttribute("aria-expanded", String(open));
  $(open ? "close-panel" : "open-panel").focus();
}
