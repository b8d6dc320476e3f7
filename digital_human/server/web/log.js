// The conversation as text: what was asked, what was answered, its sources, and a way to report it.

import { t } from "./i18n.js";

const KEPT = 200; // entries

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `icons.svg#${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

export class Log {
  #list;
  #report;
  #session = "";
  #answers = new Map(); // turn → elements of its answer

  /**
   * @param list The `<ol>`.
   * @param report Called with (session, turn) when an answer is reported.
   */
  constructor(list, report) {
    this.#list = list;
    this.#report = report;
  }

  /** Turns from now on belong to `session`; a note marks where a new conversation begins. */
  begin(session, note) {
    this.#session = session;
    this.#answers.clear();
    if (note && this.#list.children.length) this.#add("note").textContent = note;
  }

  visitor(text) {
    const entry = this.#add("visitor");
    const words = document.createElement("p");
    words.textContent = text;
    entry.append(words);
    this.#end();
  }

  /** More words of the answer of `turn`. */
  answer(turn, text) {
    const { words } = this.#answer(turn);
    const gap = /[A-Za-z0-9.,!?;:]$/.test(words.textContent) && /^[A-Za-z0-9]/.test(text) ? " " : "";
    words.textContent += gap + text;
    this.#end();
  }

  /** What of the answer was heard. */
  finish(turn, text, interrupted) {
    if (!this.#answers.has(turn) && !text) return;
    const { words, mark, entry } = this.#answer(turn);
    if (text) words.textContent = text;
    entry.classList.toggle("cut", interrupted);
    mark.hidden = !interrupted;
    this.#end();
  }

  sources(turn, items) {
    if (!items.length) return;
    const { entry, foot } = this.#answer(turn);
    const box = document.createElement("details");
    const summary = document.createElement("summary");
    const label = document.createElement("span");
    box.className = "sources";
    label.dataset.count = items.length;
    label.textContent = t().sources(items.length);
    summary.append(icon("book"), label);
    box.append(summary);
    for (const item of items) {
      const source = document.createElement("details");
      const title = document.createElement("summary");
      const passage = document.createElement("p");
      title.textContent = item.title;
      passage.textContent = item.text;
      source.append(title, passage);
      box.append(source);
    }
    entry.querySelector(".sources")?.remove();
    foot.append(box);
    this.#end();
  }

  /** Write the page's own words again, in another language. */
  translate() {
    this.#list.dataset.empty = t().empty;
    for (const label of this.#list.querySelectorAll("[data-count]")) {
      label.textContent = t().sources(Number(label.dataset.count));
    }
    for (const mark of this.#list.querySelectorAll(".mark")) mark.textContent = t().interrupted;
    for (const button of this.#list.querySelectorAll(".report")) this.#labelReport(button);
  }

  #answer(turn) {
    const known = this.#answers.get(turn);
    if (known) return known;
    const session = this.#session;
    const entry = this.#add("answer");
    const words = document.createElement("p");
    const mark = document.createElement("span");
    const foot = document.createElement("div");
    const report = document.createElement("button");
    mark.className = "mark";
    mark.textContent = t().interrupted;
    mark.hidden = true;
    foot.className = "foot";
    report.type = "button";
    report.className = "icon report";
    report.append(icon("flag"));
    this.#labelReport(report);
    report.addEventListener("click", () => this.#report(session, turn));
    foot.append(mark);
    entry.append(words, report, foot);
    const made = { entry, words, mark, foot };
    this.#answers.set(turn, made);
    return made;
  }

  #labelReport(button) {
    button.title = t().report;
    button.setAttribute("aria-label", t().report);
  }

  #add(kind) {
    const entry = document.createElement("li");
    entry.className = kind;
    this.#list.append(entry);
    while (this.#list.children.length > KEPT) this.#list.firstElementChild.remove();
    return entry;
  }

  #end() {
    this.#list.scrollTop = this.#list.scrollHeight;
  }
}
