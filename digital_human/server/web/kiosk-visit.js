// When a visit begins and when it is over: presence, touch and speech in, screens out.

const GRACE_S = 2; // out of sight before a visit is over
const QUIET_S = 6; // since the last touch or word before leaving counts
const PATIENCE = 3; // times the idle time for somebody who is seen but silent
const FAREWELL_S = { left: 6, idle: 12, done: 12 };
const RATED_S = 2.5;

/**
 * Screens: attract, talk, farewell. Events: `wake` {by}, `farewell` {why, seconds}, `stay`, `reset`.
 *
 * Time is given to every call, in seconds.
 */
export class Visit extends EventTarget {
  #idle;
  #armed = true; // whether presence may wake: somebody who stays after a farewell does not
  #seen = false; // whether the camera has seen this visitor
  #here = false;
  #lastSeen = 0;
  #lastActive = 0;
  #over = 0;
  #why = "";
  screen = "attract";

  /** @param idle Seconds without touch and speech that end a visit. */
  constructor(idle = 60) {
    super();
    this.#idle = idle;
  }

  set idle(seconds) {
    this.#idle = seconds;
  }

  /** What the camera sees: empty, passing, near, here; or unknown, when it does not work. */
  presence(state, now) {
    this.#here = state === "here";
    const there = this.#here || state === "near";
    if (!there) this.#armed = true;
    if (state === "unknown") this.#seen = false; // who is not seen is not missed either
    if (this.screen === "talk" && there) {
      this.#seen = true;
      this.#lastSeen = now;
    } else if (this.screen === "attract" && this.#here && this.#armed) {
      this.#wake("presence", now);
    } else if (this.screen === "farewell" && this.#here && this.#why === "left") {
      this.#armed = true; // somebody new, or the same again: a fresh visit either way
      this.#reset();
    }
    this.tick(now);
  }

  touch(now) {
    this.#lastActive = now;
    if (this.screen === "attract") this.#wake("touch", now);
  }

  /** The visitor was understood, or is being answered. */
  active(now) {
    this.#lastActive = now;
    if (this.screen === "farewell" && this.#why === "idle") this.stay(now);
  }

  /** The visitor says that it is over. */
  finish(now) {
    if (this.screen === "talk") this.#part("done", now);
  }

  /** The visitor goes on after all. */
  stay(now) {
    if (this.screen !== "farewell") return;
    this.screen = "talk";
    this.#lastActive = this.#lastSeen = now;
    this.#tell("stay");
  }

  /** The visitor has said how it was. */
  rated(now) {
    if (this.screen === "farewell") this.#over = now + RATED_S;
  }

  /** The server has ended it. */
  ended() {
    if (this.screen !== "attract") this.#reset();
  }

  tick(now) {
    if (this.screen === "farewell" && now >= this.#over) {
      this.#reset();
    } else if (this.screen === "talk") {
      const quiet = now - this.#lastActive;
      const away = now - this.#lastSeen;
      if (this.#seen && away > GRACE_S && quiet > QUIET_S) this.#part("left", now);
      else if (quiet > this.#idle * (this.#seen ? PATIENCE : 1)) this.#part("idle", now);
    }
  }

  #wake(by, now) {
    this.screen = "talk";
    this.#armed = false;
    this.#seen = this.#here;
    this.#lastSeen = this.#lastActive = now;
    this.#tell("wake", { by });
  }

  #part(why, now) {
    this.screen = "farewell";
    this.#why = why;
    this.#over = now + FAREWELL_S[why];
    this.#tell("farewell", { why, seconds: FAREWELL_S[why] });
  }

  #reset() {
    this.screen = "attract";
    this.#seen = false;
    this.#tell("reset");
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
