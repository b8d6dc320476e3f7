// Captions with the word being heard highlighted, in step with the receiver's playout.

const LINGER_MS = 3000;

/** Places of the spoken words in the written text: [{text, word}] in order; word is an index or -1. */
export function pieces(text, words) {
  const parts = [];
  let at = 0;
  words.forEach(([word], index) => {
    const found = word ? text.indexOf(word, at) : -1;
    if (found < 0) return;
    if (found > at) parts.push({ text: text.slice(at, found), word: -1 });
    parts.push({ text: word, word: index });
    at = found + word.length;
  });
  if (at < text.length) parts.push({ text: text.slice(at), word: -1 });
  return parts;
}

export class Captions {
  #line;
  #live;
  #clock;
  #timer = 0;
  #over = 0;
  #queue = [];
  #clause = null; // {words, spans, starts}: starts = time of the first sample at this screen
  #heldAt = null;

  /**
   * @param line Element that shows the words.
   * @param live Visually hidden live region for screen readers.
   * @param clock Seconds, monotonic.
   */
  constructor(line, live, clock = () => performance.now() / 1000) {
    this.#line = line;
    this.#live = live;
    this.#clock = clock;
  }

  /** A clause whose first sample has left the server and is heard here in `delay` seconds. */
  show(caption, delay) {
    clearTimeout(this.#over);
    this.#queue.push({ ...caption, starts: this.#clock() + delay });
    if (this.#heldAt !== null) this.resume();
    this.#step();
  }

  /** The speaker paused: the highlight stays where it is. */
  hold() {
    this.#heldAt ??= this.#clock();
    clearTimeout(this.#timer);
  }

  /** The speaker goes on from the start of the word that was broken. */
  resume() {
    if (this.#heldAt === null) return;
    if (this.#clause) {
      const said = this.#heldAt - this.#clause.starts;
      const broken = this.#clause.words.findLast(([, start]) => start <= said);
      this.#clause.starts = this.#clock() - (broken?.[1] ?? 0);
    }
    this.#heldAt = null;
    this.#step();
  }

  /** All was said; the last words stay for a moment. */
  finish() {
    if (!this.#clause && !this.#queue.length) return;
    this.resume();
    clearTimeout(this.#over);
    this.#over = setTimeout(() => this.clear(), LINGER_MS);
  }

  /** Nothing more is heard of what was said; the last words fade. */
  clear() {
    clearTimeout(this.#timer);
    clearTimeout(this.#over);
    this.#queue = [];
    this.#clause = null;
    this.#heldAt = null;
    this.#line.classList.add("over");
  }

  #step() {
    clearTimeout(this.#timer);
    if (this.#heldAt !== null) return;
    const now = this.#clock();
    while (this.#queue.length && this.#queue[0].starts <= now) this.#draw(this.#queue.shift());
    let next = this.#queue.length ? this.#queue[0].starts : Infinity;
    if (this.#clause) next = Math.min(next, this.#light(now));
    if (next < Infinity) this.#timer = setTimeout(() => this.#step(), Math.max(8, (next - now) * 1000));
  }

  #draw(caption) {
    const words = caption.words ?? [];
    const spans = new Map();
    const parts = pieces(caption.text, words).map((part) => {
      const span = document.createElement("span");
      span.textContent = part.text;
      if (part.word >= 0) spans.set(part.word, span);
      else span.className = "between";
      return span;
    });
    this.#line.replaceChildren(...parts);
    this.#line.lang = caption.language === "en" ? "en" : "zh-CN";
    this.#line.classList.remove("over");
    this.#live.lang = this.#line.lang;
    this.#live.textContent = caption.text;
    this.#clause = { words, spans, starts: caption.starts };
  }

  /** Mark words as said, being said and to come; the time of the next change. */
  #light(now) {
    const said = now - this.#clause.starts;
    let next = Infinity;
    this.#clause.words.forEach(([, start, end], index) => {
      const span = this.#clause.spans.get(index);
      span?.classList.toggle("said", said >= end);
      span?.classList.toggle("now", said >= start && said < end);
      if (start > said) next = Math.min(next, start);
      else if (end > said) next = Math.min(next, end);
    });
    return this.#clause.starts + next;
  }
}
