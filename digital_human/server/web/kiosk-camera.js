// The camera: small pictures go to the server, which says who is there; nothing is kept.

import { look } from "./api.js";

const EVERY_MS = 220;
const SLOW_MS = 2000; // between tries after an error
const REOPEN_MS = 5000;
const WIDTH = 1280; // labels are read from further off
const QUALITY = 0.7;
const CONSTRAINTS = { video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 15 } } };

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/**
 * Events: `state` {state}: off (no camera, or not allowed) or on; `seen` {state, faces, spot}.
 * Runs until the page is closed.
 */
export class Camera extends EventTarget {
  #video = document.createElement("video");
  #picture = document.createElement("canvas");
  state = "off";

  constructor() {
    super();
    this.#video.muted = this.#video.playsInline = true;
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
    this.#become("off");
  }

  async #watch() {
    const [track] = this.#video.srcObject.getVideoTracks();
    while (track.readyState === "live" && !track.muted) {
      const began = performance.now();
      if (!document.hidden) {
        try {
          const seen = await look(await this.#jpeg());
          this.#become("on");
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

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state } }));
  }
}
