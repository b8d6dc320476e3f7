// A poem in vertical columns from right to left; the clause that is being heard is lit.

const MARKS = /[，。！？；：、,.!?;:\s]/g;
const CLAUSE = /[^，。！？；,.!?;]+[，。！？；,.!?;]*/g;
const COLUMN = 1.75; // width of a column, in characters
const SPACED = 1.18; // height of a character with the space below it
const TITLE = 0.74; // size of the title
const LARGEST = 10; // hundredths of the shorter side of the screen

/** Clauses of a verse with the place of each among its characters without marks: [{text, start, end}]. */
export function clauses(verse) {
  let at = 0;
  return (verse.match(CLAUSE) ?? []).map((text) => {
    const start = at;
    at += text.replace(MARKS, "").length;
    return { text: text.trim(), start, end: at };
  });
}

export class Verse {
  #box;
  #columns;
  #foot;
  #heading = document.createElement("h2");
  #clauses = [];
  #plain = "";
  #at = 0;
  #over = 0;
  #title = "";
  turn = 0;
  shown = false;

  constructor(box, columns, foot) {
    this.#box = box;
    this.#columns = columns;
    this.#foot = foot;
    new ResizeObserver(() => this.shown && this.#fit()).observe(box);
  }

  /** The poem that this turn may recite; shown as soon as one of its clauses is heard. */
  expect(title, verse, turn, foot) {
    this.hide();
    this.turn = turn;
    this.#title = title;
    this.#plain = verse.replace(MARKS, "");
    this.#at = 0;
    this.#foot.textContent = foot;
    this.#clauses = clauses(verse).map((clause) => {
      const element = document.createElement("span");
      element.textContent = clause.text;
      return { ...clause, element };
    });
    this.#heading.textContent = title;
    this.#heading.className = "";
  }

  /** Words that are heard now; true when they are of the poem. */
  hear(text, turn) {
    const words = text.replace(MARKS, "");
    if (turn !== this.turn || !words) return false;
    const title = words === `《${this.#title}》`;
    let start = this.#plain.indexOf(words, this.#at);
    if (start < 0) start = this.#plain.indexOf(words);
    if (!title && start < 0) return false;
    this.#show();
    this.#heading.classList.toggle("now", title);
    const end = title ? 0 : start + words.length;
    for (const clause of this.#clauses) {
      clause.element.classList.toggle("now", !title && clause.start < end && clause.end > start);
      clause.element.classList.toggle("said", !title && clause.end <= start);
    }
    this.#at = end;
    return true;
  }

  /** All was said: it stays for a while. */
  finish(linger) {
    clearTimeout(this.#over);
    for (const { element } of this.#clauses) element.classList.replace("now", "said");
    this.#over = setTimeout(() => this.hide(), linger);
  }

  hide() {
    clearTimeout(this.#over);
    this.turn = 0;
    this.shown = false;
    this.#box.hidden = true;
    delete document.body.dataset.verse;
  }

  #show() {
    clearTimeout(this.#over);
    if (this.shown) return;
    this.shown = true;
    this.#box.hidden = false;
    document.body.dataset.verse = "";
    this.#fit();
  }

  /** The largest characters with which all columns fit, of one clause each or of several. */
  #fit() {
    const { clientWidth, clientHeight } = this.#columns;
    let best = { size: 0, columns: [] };
    for (const each of [1, 2, 3, 4]) {
      const columns = [];
      for (let at = 0; at < this.#clauses.length; at += each) columns.push(this.#clauses.slice(at, at + each));
      const lengths = columns.map((column) => column.reduce((sum, { text }) => sum + text.length, 0));
      const tallest = Math.max(this.#title.length * TITLE, ...lengths);
      const across = clientWidth / ((columns.length + 1) * COLUMN);
      const down = clientHeight / (tallest * SPACED + 1);
      const size = Math.min(across, down);
      if (size > best.size * 1.1) best = { size, columns };
    }
    const paragraphs = best.columns.map((column) => {
      const paragraph = document.createElement("p");
      paragraph.append(...column.map(({ element }) => element));
      return paragraph;
    });
    this.#columns.replaceChildren(this.#heading, ...paragraphs);
    const unit = Math.min(innerWidth, innerHeight) / 100;
    this.#columns.style.fontSize = `${Math.floor(Math.min(best.size, LARGEST * unit))}px`;
  }
}
