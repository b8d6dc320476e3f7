// An onlooker's page: receives a running conversation by WHEP (draft-ietf-wish-whep), sends nothing.

import { request, takeTokenFromAddress } from "./api.js";
import { shine } from "./ambient.js";
import { gathered, received } from "./connection.js";
import { askToken, buildDialogs, hideProblem, showProblem } from "./dialogs.js";
import { t, translate } from "./i18n.js";

const $ = (id) => document.getElementById(id);
const BACKOFF_S = [1, 2, 4, 8, 15];
const LOST = ["failed", "closed", "disconnected"];

const id = new URLSearchParams(location.search).get("id") ?? "";
const face = $("face");
let place = null; // the resource to delete when leaving
let pc = null;
let attempt = 0;

function setPhase(phase) {
  document.body.dataset.phase = phase;
  $("state-text").textContent = { live: t().watching, connecting: t().connecting }[phase] ?? t().reconnecting(attempt);
}

/** The STUN and TURN servers of a `Link` header (RFC 9725, section 4.6). */
function iceServers(header) {
  return [...(header ?? "").matchAll(/<([^>]+)>([^<]*)/g)]
    .filter(([, , rest]) => /rel="?ice-server"?/.test(rest))
    .map(([, urls, rest]) => ({
      urls,
      username: /username="([^"]*)"/.exec(rest)?.[1],
      credential: /credential="([^"]*)"/.exec(rest)?.[1],
    }));
}

/** Watch until the connection is lost; throws what kept it from starting. */
async function watch() {
  const path = `whep/${encodeURIComponent(id)}`;
  const { headers } = await request("OPTIONS", path);
  pc = new RTCPeerConnection({ iceServers: iceServers(headers.get("Link")), bundlePolicy: "max-bundle" });
  const stream = new MediaStream();
  pc.addEventListener("track", ({ track }) => {
    stream.addTrack(track);
    face.srcObject = stream;
  });
  const lost = new Promise((done) => {
    pc.addEventListener("connectionstatechange", () => LOST.includes(pc.connectionState) && done());
  });
  pc.addTransceiver("video", { direction: "recvonly" });
  pc.addTransceiver("audio", { direction: "recvonly" });
  await pc.setLocalDescription();
  await gathered(pc);
  const answer = await request("POST", path, { body: pc.localDescription.sdp, type: "application/sdp" });
  place = answer.headers.get("Location");
  await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  await Promise.race([received(pc), lost]);
  if (pc.connectionState !== "connected") return;
  attempt = 0;
  setPhase("live");
  hideProblem();
  await face.play().catch(() => {});
  $("unmute").hidden = !face.muted;
  await lost;
}

function leave() {
  pc?.close();
  pc = null;
  if (place) request("DELETE", place, { keepalive: true }).catch(() => {});
  place = null;
}

/** Whether to try again after `error`. */
async function judge(error) {
  const go = () => location.reload();
  const cause = String(error.message);
  if (error.status === 401) {
    await askToken(attempt > 1);
    return true;
  }
  if (error.status === 404 || error.status === 422) showProblem("session", { cause, go });
  else if (error.status >= 400 && error.status < 500) showProblem("refused", { cause, go });
  else if (error.name === "NoMedia") showProblem("media", { cause, go });
  else return true;
  return false;
}

async function main() {
  setPhase("connecting");
  for (;;) {
    attempt += 1;
    try {
      await watch();
    } catch (error) {
      if (!(await judge(error))) return;
    } finally {
      leave();
    }
    setPhase("reconnecting");
    const wait = BACKOFF_S[Math.min(attempt, BACKOFF_S.length - 1)];
    await new Promise((done) => setTimeout(done, wait * 1000));
  }
}

takeTokenFromAddress();
buildDialogs();
translate();
shine(face, $("ambient"));
$("unmute").addEventListener("click", () => {
  face.muted = false;
  face.play();
  $("unmute").hidden = true;
});
window.addEventListener("pagehide", leave);
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
main();
