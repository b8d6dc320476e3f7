// The camera: small pictures go to the server, which says who is there; nothing is kept.

import { look } from "./api.js";

const EVERY_MS = 220;
const SLOW_MS = 2000; // between tries after an error
const REOPEN_MS = 5000;
const WIDTH = 480;
const QUALITY = 0.7;
const CONSTRAINTS = { video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 15 } } };
const DARK = 26; // mean of the picture's grey, 0 to 255, below which a lens may be covered
const FLAT = 9; // standard deviation of it
const COVERED_MS = 4000;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Mean and standard deviation of the grey of RGBA bytes. */
export function brightness(bytes) {
  let sum = 0;
  let squares = 0;
  const count = bytes.length / 4;
  for (let at = 0; at < bytes.length; at += 4) {
    const grey = 0.299 * bytes[at] + 0.587 * bytes[at + 1] + 0.114 * bytes[at + 2];
    sum += grey;
    squares += grey * grey;
  }
  const mean = sum / count;
  return { mean, spread: Math.sqrt(Math.max(0, squares / count - mean * mean)) };
}

/**
 * Events: `state` {state}: off (no camera, or not allowed), covered, on; `seen` {state, faces, label}.
 * Runs until the page is closed.
 */
export class Camera extends EventTarget {
  #video = document.createElement("video");
  #picture = document.createElement("canvas");
  #small = document.createElement("canvas");
  #darkSince = null;
  state = "off";

  constructor() {
    super();
    this.#video.muted = this.#video.playsInline = true;
    this.#small.width = 32;
    this.#small.height = 24;
  }

  async run() {
    for (;;) {
      try {
        await this.#open();
        await this.#watch();
      } catch {
        // Not there, not allowed or pulled out: it is tried again, and touch works meanwhile.
      }
      this.#close();
      await sleep(REOPEN_MS);
    }
  }

  async #open() {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error("no camera");
    this.#video.srcObject = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
    await this.#video.play();
  }

  #close() {
    for (const track of this.#video.srcObject?.getTracks() ?? []) track.stop();
    this.#video.srcObject = null;
    this.#darkSince = null;
    this.#become("off");
  }

  async #watch() {
    const [track] = this.#video.srcObject.getVideoTracks();
    while (track.readyState === "live" && !track.muted) {
      const began = performance.now();
      if (!document.hidden) {
        this.#become(this.#covered() ? "covered" : "on");
        try {
          const seen = await look(await this.#jpeg());
          this.dispatchEvent(new CustomEvent("seen", { detail: seen }));
        } catch {
          await sleep(SLOW_MS); // the server is busy, restarting or has no use for it
        }
      }
      await sleep(Math.max(20, EVERY_MS - (performance.now() - began)));
    }
  }

  #jpeg() {
    const { videoWidth, videoHeight } = this.#video;
    this.#picture.width = Math.min(WIDTH, videoWidth);
    this.#picture.height = Math.round((this.#picture.width * videoHeight) / videoWidth);
    const paint = this.#picture.getContext("2d", { alpha: false });
    paint.drawImage(this.#video, 0, 0, this.#picture.width, this.#picture.height);
    return new Promise((done, fail) => {
      this.#picture.toBlob((blob) => (blob ? done(blob) : fail(new Error("no picture"))), "image/jpeg", QUALITY);
    });
  }

  /** Whether nothing but dark has been seen for a while. */
  #covered() {
    const { width, height } = this.#small;
    const paint = this.#small.getContext("2d", { alpha: false, willReadFrequently: true });
    paint.drawImage(this.#video, 0, 0, width, height);
    const { mean, spread } = brightness(paint.getImageData(0, 0, width, height).data);
    if (mean >= DARK || spread >= FLAT) this.#darkSince = null;
    else this.#darkSince ??= performance.now();
    return this.#darkSince !== null && performance.now() - this.#darkSince > COVERED_MS;
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state } }));
  }
}
