// One conversation's media: offer, watch, and connect again by itself.

import { ApiError, createSession, endSession, sendOffer } from "./api.js";

const GATHER_MS = 1500;
const MEDIA_MS = 8000;
const DISCONNECTED_MS = 4000; // ICE often recovers by itself before this
const STALLED_S = 5;
const BACKOFF_S = [0.5, 1, 2, 4, 8, 15];

class NoMedia extends Error {
  name = "NoMedia";
}
class Lost extends Error {}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Resolves when all candidates are there, or after GATHER_MS with those found so far. */
export async function gathered(pc) {
  if (pc.iceGatheringState === "complete") return;
  const complete = new Promise((done) => {
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState === "complete") done();
    });
  });
  await Promise.race([complete, sleep(GATHER_MS)]);
}

/** The offer with a wish that lost packets of the microphone be asked for again. */
export function withNack(sdp) {
  return sdp.replace(/^a=rtpmap:(\d+) opus\/48000\/2\r\n/m, (line, type) => `${line}a=rtcp-fb:${type} nack\r\n`);
}

/** Resolves with the first picture received; throws NoMedia after MEDIA_MS. */
export async function received(pc) {
  const until = performance.now() + MEDIA_MS;
  while (performance.now() < until) {
    for (const report of (await pc.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "video" && report.framesReceived > 0) return;
    }
    await sleep(150);
  }
  throw new NoMedia(`no media in ${MEDIA_MS / 1000} s; connection ${pc.connectionState}`);
}

/**
 * Events: `status` {phase, attempt, retryIn, error}, `session` {session, again}, `stream` MediaStream,
 * `message` (an event of the server), `quality` {bars, rtt, loss}.
 * Phases: connecting, live, reconnecting, full, problem, token, closed.
 */
export class Connection extends EventTarget {
  #wanted;
  #greet;
  #backoff;
  #track = null;
  #pc = null;
  #channel = null;
  #sender = null;
  #lost = null;
  #wake = null;
  #closed = false;
  #wasLive = false;
  #inbound = {}; // the counters of the last second
  playoutDelay = 0.1;
  session = null;

  /**
   * @param wanted Body of `POST /api/sessions`.
   * @param greet Whether to ask for the greeting as soon as it is connected.
   * @param backoff Seconds between tries; the last one goes on.
   */
  constructor(wanted, { greet = true, backoff = BACKOFF_S } = {}) {
    super();
    this.#wanted = wanted;
    this.#greet = greet;
    this.#backoff = backoff;
  }

  /** Connect and stay connected until closed or until a person has to decide. */
  async run() {
    let attempt = 0;
    while (!this.#closed) {
      let wait = 0;
      try {
        this.#tell("status", { phase: this.#wasLive ? "reconnecting" : "connecting", attempt });
        await this.#open();
        if (this.#closed) break;
        attempt = 0;
        this.#wasLive = true;
        this.#tell("status", { phase: "live" });
        await this.#watch();
      } catch (error) {
        if (this.#closed) break;
        attempt += 1;
        wait = this.#judge(error, attempt);
      } finally {
        this.#drop();
      }
      if (wait === null) return;
      if (wait > 0) await Promise.race([sleep(wait * 1000), new Promise((go) => (this.#wake = go))]);
    }
  }

  /** Try again now: the network is back, or the visitor asked. */
  hurry() {
    this.#wake?.();
    if (this.#pc && ["failed", "disconnected", "closed"].includes(this.#pc.connectionState)) {
      this.#lost?.(new Lost("back from the background"));
    }
  }

  /** The microphone's track, or null; may change at any time without a new offer. */
  async setTrack(track) {
    this.#track = track;
    await this.#sender?.replaceTrack(track);
  }

  /** Send a client message; false when there is no connection. */
  send(message) {
    if (this.#channel?.readyState !== "open") return false;
    this.#channel.send(JSON.stringify(message));
    return true;
  }

  setLanguage(language) {
    this.#wanted = { ...this.#wanted, language };
    this.send({ type: "language", language });
  }

  /** End it here and on the server; resolves when the server has ended it. */
  async close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#drop();
    this.#lost?.(new Lost("closed"));
    this.#wake?.();
    const ended = this.session && endSession(this.session.id);
    this.session = null;
    this.#tell("status", { phase: "closed" });
    await ended;
  }

  /** Seconds to wait before the next try; null when a person has to decide. */
  #judge(error, attempt) {
    if (error instanceof ApiError) {
      if (error.status === 404 && this.session) {
        this.session = null; // the server was restarted: begin anew, at once
        return 0;
      }
      if (error.status === 401) {
        this.#tell("status", { phase: "token", error });
        return null;
      }
      if (error.status === 503 && (error.code === "busy" || error.retryAfter)) {
        const retryIn = error.retryAfter || 5;
        this.#tell("status", { phase: "full", retryIn, error });
        return retryIn;
      }
      if (error.status >= 400 && !(error.status in { 408: 1, 429: 1, 502: 1, 504: 1 })) {
        const problem = error.code === "no_consent" ? "consent" : "refused";
        this.#tell("status", { phase: "problem", problem, error });
        return null;
      }
    }
    if (!this.#wasLive && (error instanceof NoMedia || attempt >= 2)) {
      const problem = error instanceof ApiError ? "unreachable" : "media";
      if (this.session) endSession(this.session.id);
      this.session = null;
      this.#tell("status", { phase: "problem", problem, error });
      return null;
    }
    const base = Math.max(error.retryAfter ?? 0, this.#backoff[Math.min(attempt, this.#backoff.length) - 1]);
    return base * (0.8 + 0.4 * Math.random());
  }

  async #open() {
    if (!this.session) {
      this.session = await createSession(this.#wanted);
      if (this.#closed) {
        endSession(this.session.id);
        return;
      }
      this.#tell("session", { session: this.session, again: this.#wasLive });
    }
    const pc = new RTCPeerConnection({
      iceServers: this.session.ice_servers ?? [],
      bundlePolicy: "max-bundle",
    });
    this.#pc = pc;
    this.#inbound = {};
    const lost = new Promise((_, reject) => (this.#lost = reject));
    lost.catch(() => {}); // awaited by #watch; may be lost before
    this.lost = lost;

    const stream = new MediaStream();
    pc.addEventListener("track", ({ track }) => {
      stream.addTrack(track);
      this.#tell("stream", stream);
    });
    let grace = 0;
    pc.addEventListener("connectionstatechange", () => {
      clearTimeout(grace);
      if (["failed", "closed"].includes(pc.connectionState)) this.#lost(new Lost(pc.connectionState));
      if (pc.connectionState === "disconnected") {
        grace = setTimeout(() => this.#lost(new Lost("disconnected")), DISCONNECTED_MS);
      }
    });
    this.#channel = pc.createDataChannel("events", { ordered: true });
    const opened = new Promise((done) => this.#channel.addEventListener("open", done, { once: true }));
    if (this.#greet) this.#channel.addEventListener("open", () => this.send({ type: "hello" }));
    this.#channel.addEventListener("message", ({ data }) => this.#heard(data));
    this.#channel.addEventListener("close", () => this.#lost(new Lost("channel closed")));

    pc.addTransceiver("video", { direction: "recvonly" });
    const audio = pc.addTransceiver(this.#track ?? "audio", { direction: "sendrecv" });
    this.#sender = audio.sender;
    const offer = await pc.createOffer();
    await pc.setLocalDescription({ type: "offer", sdp: withNack(offer.sdp) });
    await gathered(pc);
    const answer = await sendOffer(this.session.id, pc.localDescription);
    if (this.#closed) return;
    await pc.setRemoteDescription(answer);
    const ready = Promise.all([received(pc), Promise.race([opened, sleep(MEDIA_MS)])]);
    await Promise.race([ready, lost]);
  }

  /** Measures once a second until the connection is lost. */
  async #watch() {
    let stalled = 0;
    while (!this.#closed) {
      await Promise.race([sleep(1000), this.lost]);
      const received = await this.#measure();
      stalled = received > 0 || document.hidden ? 0 : stalled + 1;
      if (stalled >= STALLED_S) throw new Lost("stalled");
    }
  }

  /** Update quality and playout delay; packets received since the last call. */
  async #measure() {
    const now = { packets: 0, lost: 0, delay: 0, emitted: 0, playout: 0, samples: 0 };
    let rtt = 0;
    for (const report of (await this.#pc.getStats()).values()) {
      if (report.type === "inbound-rtp") {
        now.packets += report.packetsReceived ?? 0;
        now.lost += report.packetsLost ?? 0;
        if (report.kind === "audio") {
          now.delay = report.jitterBufferDelay ?? 0;
          now.emitted = report.jitterBufferEmittedCount ?? 0;
        }
      } else if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime) {
        rtt = report.currentRoundTripTime;
      } else if (report.type === "media-playout") {
        now.playout = report.totalPlayoutDelay ?? 0;
        now.samples = report.totalSamplesCount ?? 0;
      }
    }
    const before = this.#inbound;
    this.#inbound = now;
    if (before.packets === undefined) return now.packets;
    const packets = now.packets - before.packets;
    const lost = Math.max(0, now.lost - before.lost);
    if (now.emitted > before.emitted) {
      const buffered = (now.delay - before.delay) / (now.emitted - before.emitted);
      const samples = now.samples - before.samples;
      const output = samples > 0 ? (now.playout - before.playout) / samples : 0;
      if (buffered + output < 2) this.playoutDelay = buffered + output;
    }
    const loss = lost / Math.max(1, packets + lost);
    let bars = 3;
    if (rtt > 0.15 || loss > 0.02) bars = 2;
    if (rtt > 0.4 || loss > 0.08 || packets === 0) bars = 1;
    this.#tell("quality", { bars, rtt, loss });
    return packets;
  }

  #heard(data) {
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      return; // not an event of ours
    }
    if (typeof event?.type === "string") this.#tell("message", event);
  }

  #drop() {
    this.#channel = this.#sender = null;
    this.#pc?.close();
    this.#pc = null;
    this.#tell("quality", { bars: 0, rtt: 0, loss: 0 });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
