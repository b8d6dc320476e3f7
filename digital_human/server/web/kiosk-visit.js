// When a visit begins and when it is over: presence, touch and speech in, screens out.

const PATIENCE = 3; // times the idle time for somebody who is seen but silent
const FAREWELL_S = { left: 4, idle: 12, done: 12 };
const RATED_S = 2.5;
const TURNED_S = 3; // who was talking so short a time ago has turned to the exhibit, not gone

/**
 * Screens: attract, talk, farewell. Events: `wake` {by}, `farewell` {why, seconds}, `stay`, `reset` {why}.
 *
 * Time is given to every call, in seconds.
 */
export class Visit extends EventTarget {
  #idle;
  #armed = true; // whether presence may wake: an answer from before the reset may not
  #seen = false; // whether the camera has seen this visitor's face
  #blindAt = -Infinity; // when the camera last saw nothing
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

  /**
   * What the camera sees: empty, passing, near, here (a visit is on), or blind, when it sees nothing.
   *
   * @param faces How many faces are in the picture: who is not seen is not missed either.
   */
  presence(state, faces, now) {
    const here = state === "here";
    if (!here) this.#armed = true;
    if (state === "blind") this.#blindAt = now;
    const sure = now - Math.max(this.#lastActive, this.#blindAt) > TURNED_S;
    if (this.screen === "talk") {
      if (here && faces > 0) this.#seen = true;
      else if (!here && this.#seen && sure) this.#part("left", now);
    } else if (this.screen === "attract" && here && this.#armed) {
      this.#wake("presence", now);
    } else if (this.screen === "farewell" && here && this.#armed && this.#why === "left") {
      this.#reset(); // somebody new, or the same again: a fresh visit either way
      this.#wake("presence", now);
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
    this.#lastActive = now;
    this.#tell("stay");
  }

  /** The visitor has said how it was. */
  rated(now) {
    if (this.screen === "farewell") this.#over = now + RATED_S;
  }

  /** The server has ended it. */
  ended() {
    this.#why = "ended";
    if (this.screen !== "attract") this.#reset();
  }

  tick(now) {
    if (this.screen === "farewell" && now >= this.#over) {
      this.#reset();
    } else if (this.screen === "talk") {
      const watched = this.#seen && now - this.#blindAt > TURNED_S;
      const patience = this.#idle * (watched ? PATIENCE : 1);
      if (now - this.#lastActive > patience) this.#part("idle", now);
    }
  }

  #wake(by, now) {
    this.screen = "talk";
    this.#armed = false;
    this.#seen = false;
    this.#lastActive = now;
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
    this.#armed = this.#why === "left";
    this.#tell("reset", { why: this.#why });
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
