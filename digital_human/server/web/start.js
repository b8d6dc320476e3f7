// The card before the conversation: who it is, what they look like, and whom else there is.

import { personas, portrait } from "./api.js";
import { askToken } from "./dialogs.js";
import { pick, t } from "./i18n.js";

const $ = (id) => document.getElementById(id);

/** The persona that is chosen, and those to choose from. */
export class Start {
  #people = [];
  #shown = ""; // whose portrait is shown or on its way
  #refusedToken = false;
  persona = null; // as listed or as the session says

  /** Say who it is, in the visitor's language. */
  show() {
    const { persona } = this;
    const name = pick(persona?.display) || t().title;
    $("name").textContent = name;
    $("start-name").textContent = name;
    $("start-lead").textContent = t().unstated;
    $("start-notice").textContent = pick(persona?.notice);
    document.title = name;
    for (const option of $("persona").options) {
      const one = this.#people.find((other) => other.name === option.value);
      option.textContent = pick(one?.display) || option.value;
    }
    this.#draw();
  }

  choose(name) {
    this.persona = this.#people.find((one) => one.name === name) ?? this.persona;
    this.show();
  }

  async load() {
    try {
      const listed = await personas();
      this.#people = Array.isArray(listed) ? listed : listed.personas;
    } catch (error) {
      if (error.status === 401) {
        await askToken(this.#refusedToken);
        this.#refusedToken = true;
        return this.load();
      }
      $("portrait").hidden = true;
      return; // what is wrong is shown when the visitor starts
    }
    this.#refusedToken = false;
    const asked = new URLSearchParams(location.search).get("persona");
    this.persona = this.#people.find(({ name }) => name === asked) ?? this.#people[0] ?? null;
    $("persona").replaceChildren(...this.#people.map(({ name }) => new Option(name, name)));
    $("persona").value = this.persona?.name ?? "";
    $("persona-choice").hidden = this.#people.length < 2 || asked !== null;
    this.show();
  }

  async #draw() {
    const { name, poster } = this.persona ?? {};
    if (!name || name === this.#shown) return;
    this.#shown = name;
    let image = null;
    try {
      if (poster) image = await portrait(poster);
    } catch {
      // Without a portrait the card still says all it has to.
    }
    if (this.#shown !== name) return; // another one was chosen meanwhile
    $("portrait").hidden = !image;
    if (!image) return;
    URL.revokeObjectURL($("portrait").src);
    $("portrait").src = URL.createObjectURL(image);
    $("portrait").alt = pick(this.persona.display) || name;
  }
}
