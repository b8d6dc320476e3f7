// Pictures of the place: fetched once each, shown beside the face, on the map and while nobody is there.

import { portrait } from "./api.js";

const SLIDE_MS = 12_000;
const fetched = new Map();

/** An address for `img` of a picture of the server; null when it cannot be had. */
export function picture(address) {
  if (!fetched.has(address)) {
    const coming = portrait(address).then((blob) => URL.createObjectURL(blob));
    fetched.set(address, coming);
    coming.catch(() => fetched.delete(address)); // tried again when it is wanted again
  }
  return fetched.get(address).catch(() => null);
}

/** Pictures that follow one another slowly. */
export class Slides {
  #box;
  #addresses = [];
  #next = 0;
  #timer = 0;

  constructor(box) {
    this.#box = box;
  }

  /** Show these from now on. */
  load(addresses) {
    if (addresses.join() === this.#addresses.join()) return;
    this.#addresses = addresses;
    this.#next = 0;
    this.#box.replaceChildren();
    if (addresses.length) this.run(true);
  }

  /** Go on or rest. */
  run(on) {
    clearInterval(this.#timer);
    this.#timer = 0;
    if (!on || !this.#addresses.length) return;
    if (!this.#box.childElementCount) this.#step();
    if (this.#addresses.length > 1) this.#timer = setInterval(() => this.#step(), SLIDE_MS);
  }

  async #step() {
    const address = this.#addresses[this.#next];
    this.#next = (this.#next + 1) % this.#addresses.length;
    const source = await picture(address);
    if (!source) return;
    const image = new Image();
    image.src = source;
    await image.decode().catch(() => {});
    this.#box.append(image);
    requestAnimationFrame(() => requestAnimationFrame(() => image.classList.add("shown")));
    while (this.#box.childElementCount > 2) this.#box.firstChild.remove();
  }
}

/** The picture that belongs to the answer. */
export class Card {
  #figure;
  #turn = 0;

  constructor(figure) {
    this.#figure = figure;
  }

  get turn() {
    return this.#turn;
  }

  async show(address, title, turn) {
    this.#turn = turn;
    const source = await picture(address);
    if (!source || this.#turn !== turn) return;
    const [image, caption] = this.#figure.children;
    image.src = source;
    image.alt = title;
    caption.textContent = title;
    this.#figure.hidden = false;
    document.body.dataset.card = "";
  }

  hide() {
    this.#turn = 0;
    this.#figure.hidden = true;
    delete document.body.dataset.card;
  }
}
