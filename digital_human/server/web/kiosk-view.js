// What the kiosk shows: invitations, questions to touch, the map, the farewell and the notices.

import { INVITATIONS, language, pick, t } from "./kiosk-texts.js";
import { picture } from "./kiosk-pictures.js";
import { suggested } from "./suggestions.js";

const $ = (id) => document.getElementById(id);
const body = document.body;
const TILES = 4;
const MANY_TILES = 6;
const SMALLEST = 0.5; // of a caption, by its usual size
let name = {}; // to call, by language

/** Names, questions, map: of the persona and the place, as the server tells. */
export function showPlace(view) {
  name = view.call;
  $("name-zh").textContent = pick(view.display, "zh");
  $("name-en").textContent = pick(view.display, "en");
  document.title = pick(view.display, "zh");
  $("map").hidden = !view.spots.length;
  body.dataset.wantsCamera = view.camera;
  picture(view.poster).then((source) => {
    $("poster").hidden = !source;
    if (source) $("poster").src = source;
  });
}

export function showInvitation() {
  const { call, camera, presence, wantsCamera } = body.dataset;
  const seeing = camera === "on" && wantsCamera === "true";
  const wanted = call === "true" && !seeing ? "call" : !seeing ? "touch" : presence === "near" ? "near" : "empty";
  for (const lang of ["zh", "en"]) {
    $(`invite-${lang}`).textContent = INVITATIONS[wanted][lang].replace("{name}", pick(name, lang));
  }
  $("privacy").hidden = !seeing;
  $("listening").hidden = call !== "true";
}

/** A question to ask, another one every time, in both languages in turn. */
export function showExample(view, number) {
  const zh = view.suggestions.zh ?? [];
  const en = view.suggestions.en ?? [];
  const all = [];
  for (let i = 0; i < Math.max(zh.length, en.length); i++) {
    if (zh[i]) all.push({ text: `“${zh[i]}”`, lang: "zh-CN" });
    if (en[i]) all.push({ text: `“${en[i]}”`, lang: "en" });
  }
  const example = all[number % all.length];
  $("example").textContent = example?.text ?? "";
  $("example").lang = example?.lang ?? "";
}

export function showState() {
  const { phase, state, mic, screen } = body.dataset;
  const deaf = mic === "off" && state === "idle";
  $("state-text").textContent = deaf ? t().deaf : t().state[state];
  $("stop").disabled = phase !== "live" || !["speaking", "thinking", "held"].includes(state);
  const gone = screen !== "waiting" && phase !== "live";
  $("moment").hidden = !gone || screen === "attract";
}

/** Keep captions whole: what finds no room is written smaller. */
export function fitCaptions() {
  const [caption, board] = [$("caption"), $("board")];
  const fit = () => {
    for (let size = 1; size >= SMALLEST; size -= 0.05) {
      caption.style.setProperty("--fit", size);
      if (caption.getBoundingClientRect().bottom <= board.getBoundingClientRect().bottom) return;
    }
  };
  const changes = new MutationObserver(fit);
  changes.observe(caption, { childList: true });
  changes.observe(body, { attributeFilter: ["data-card", "data-misheard", "data-mic"] });
  addEventListener("resize", fit);
}

export function showOffer() {
  const { misheard, mic } = body.dataset;
  let title = t().offer;
  if (mic === "off") title = t().noMicrophone;
  if (misheard === "true") title = t().misheard;
  $("offer-title").textContent = title;
}

/** Questions to touch: those not asked yet first; `here` is the spot where the visitor stands. */
export function showTiles(view, { asked, here, ask }) {
  const wished = view.suggestions[language()] ?? Object.values(view.suggestions)[0] ?? [];
  const questions = [...wished].sort((one, other) => asked.has(one) - asked.has(other));
  if (here) {
    const about = t().about(pick(here.names));
    if (!asked.has(about)) questions.unshift(about);
  }
  const many = body.dataset.misheard === "true" || body.dataset.mic === "off";
  const tiles = suggested(questions.slice(0, many ? MANY_TILES : TILES), ask);
  $("tiles").replaceChildren(...tiles);
  showOffer();
}

export function showHere(spot) {
  $("here").hidden = !spot;
  if (spot) $("here-text").textContent = t().here(pick(spot.names));
}

/** The map, or the names alone where there is none; `go` is called with the spot that is touched. */
export async function showPlan(view, here, go) {
  $("plan").hidden = false;
  body.dataset.plan = "";
  const source = view.map ? await picture(view.map) : null;
  $("chart").hidden = !source;
  if (source) $("plan-picture").src = source;
  const pins = view.spots.flatMap((spot, index) => {
    if (spot.x === null || spot.y === null) return [];
    const pin = document.createElement("button");
    pin.type = "button";
    pin.className = "pin";
    pin.textContent = index + 1;
    pin.style.left = `${spot.x * 100}%`;
    pin.style.top = `${spot.y * 100}%`;
    pin.setAttribute("aria-label", pick(spot.names));
    pin.classList.toggle("here", spot.id === here?.id);
    pin.addEventListener("click", () => go(spot));
    return [pin];
  });
  $("pins").replaceChildren(...pins);
  const names = view.spots.map((spot, index) => {
    const item = document.createElement("li");
    const name = document.createElement("button");
    const number = document.createElement("b");
    name.type = "button";
    number.textContent = index + 1;
    name.append(number, pick(spot.names));
    name.classList.toggle("here", spot.id === here?.id);
    name.addEventListener("click", () => go(spot));
    item.append(name);
    return item;
  });
  $("spots").replaceChildren(...names);
}

export function hidePlan() {
  $("plan").hidden = true;
  delete body.dataset.plan;
}

export function showFarewell(why, seconds) {
  $("farewell-title").textContent = why === "idle" ? t().still : t().thanks;
  $("farewell-text").textContent = t().rateThis;
  $("rating").hidden = false;
  $("stay").hidden = why === "left";
  const bar = $("countdown").firstElementChild;
  bar.style.animation = "none";
  bar.getBoundingClientRect(); // the animation begins anew
  bar.style.animation = "";
  bar.style.setProperty("--seconds", `${seconds}s`);
}

export function showRated() {
  $("rating").hidden = true;
  $("stay").hidden = true;
  $("farewell-title").textContent = t().rated;
  $("farewell-text").textContent = t().forgotten;
}
