// The visitor's microphone: permission, mute, push-to-talk and level.

const TAIL_MS = 250; // sent after the button is let go, so that the last syllable is whole
const CONSTRAINTS = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };

/** Why the microphone did not open: a key of the texts under `mic`. */
export class MicrophoneError extends Error {
  constructor(reason) {
    super(reason);
    this.name = "MicrophoneError";
    this.reason = reason;
  }
}

export class Microphone extends EventTarget {
  #constraints;
  #stream = null;
  #context = null;
  #analyser = null;
  #samples = null;
  #tail = 0;
  muted = false;
  pushToTalk = false;
  held = false;

  /** `constraints` replace the usual ones of the same name. */
  constructor(constraints = {}) {
    super();
    this.#constraints = { ...CONSTRAINTS, ...constraints };
  }

  /** The live track, or null. */
  get track() {
    const track = this.#stream?.getAudioTracks()[0] ?? null;
    return track?.readyState === "live" ? track : null;
  }

  /** Whether what is said is being sent. */
  get open() {
    return this.track !== null && (this.pushToTalk ? this.held : !this.muted);
  }

  /** Ask for the microphone; throws MicrophoneError. */
  async start() {
    if (this.track) return this.track;
    if (!navigator.mediaDevices?.getUserMedia) throw new MicrophoneError("insecure");
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: this.#constraints });
    } catch (error) {
      const known = ["NotAllowedError", "NotFoundError", "NotReadableError"];
      throw new MicrophoneError(known.includes(error.name) ? error.name : "other");
    }
    this.track.addEventListener("ended", () => this.#changed());
    this.#meter();
    this.#changed();
    return this.track;
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#context?.close();
    this.#context = this.#analyser = null;
    this.held = false;
    this.#changed();
  }

  setMuted(muted) {
    this.muted = muted;
    this.#changed();
  }

  setPushToTalk(on) {
    this.pushToTalk = on;
    this.held = false;
    this.#changed();
  }

  /** Push-to-talk pressed or let go; true when that changed anything. */
  hold(down) {
    if (!this.pushToTalk || !this.track || down === this.held) return false;
    this.held = down;
    this.#changed(down ? 0 : TAIL_MS);
    return true;
  }

  /** Level of what is sent, 0 to 1 over 50 dB. */
  level() {
    if (!this.#analyser || !this.open) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let power = 0;
    for (const sample of this.#samples) power += sample * sample;
    const decibels = 10 * Math.log10(power / this.#samples.length + 1e-10);
    return Math.min(1, Math.max(0, (decibels + 55) / 50));
  }

  #changed(delay = 0) {
    clearTimeout(this.#tail);
    const apply = () => {
      if (this.track) this.track.enabled = this.open;
    };
    if (delay) this.#tail = setTimeout(apply, delay);
    else apply();
    this.dispatchEvent(new Event("change"));
  }

  #meter() {
    this.#context = new AudioContext();
    this.#analyser = new AnalyserNode(this.#context, { fftSize: 1024 });
    this.#samples = new Float32Array(this.#analyser.fftSize);
    new MediaStreamAudioSourceNode(this.#context, { mediaStream: this.#stream }).connect(this.#analyser);
  }
}
