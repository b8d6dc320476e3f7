// How a kiosk is, for a technician at a desk or with a phone: a line each, the worst first to say;
// in the language of the address, else of the browser.

import { request, setToken, takeTokenFromAddress } from "./api.js";
import { keep, language, t, translate } from "./health-texts.js";

const $ = (id) => document.getElementById(id);
const body = document.body;

const EVERY_MS = 5000;
let waiting = 0;
let asked = 0;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function line({ name, value, level, fix }) {
  const row = element("div", "row");
  row.dataset.level = level;
  const dot = element("span", "dot");
  dot.setAttribute("role", "img");
  dot.setAttribute("aria-label", t().level[level]);
  row.append(dot, element("span", "name", name), element("span", "value", value));
  if (fix) row.append(element("span", "fix", fix));
  return row;
}

function showRows(rows) {
  const groups = Map.groupBy ? Map.groupBy(rows, (row) => row.group) : grouped(rows);
  $("groups").replaceChildren(
    ...[...groups].map(([name, members]) => {
      const group = element("section", "group");
      group.append(element("h2", "", name), ...members.map(line));
      return group;
    }),
  );
}

function grouped(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
  return groups;
}

function showTroubles(troubles) {
  $("troubles").hidden = false;
  $("none").hidden = troubles.length > 0;
  $("lines").replaceChildren(
    ...troubles.map(({ at, level, what, id, times }) => {
      const item = element("li");
      item.dataset.level = level === "error" ? "bad" : "warn";
      // The kiosk's own time, as it stands in its log.
      const when = element("time", "", at.slice(0, 19).replace("T", " "));
      when.dateTime = at;
      item.append(element("span", "dot"), when, told(what, id, times));
      return item;
    }),
  );
}

function told(what, id, times) {
  const more = [times > 1 && t().times(times), id && t().log(id)].filter(Boolean);
  return element("span", "", more.length ? t().more(what, more) : what);
}

function show(told) {
  const number = (level) => told.rows.filter((row) => row.level === level).length;
  body.dataset.level = told.level;
  $("summary").textContent = t().summary[told.level](number("bad"), number("warn"));
  const names = ["bad", "warn"].flatMap((level) => told.rows.filter((row) => row.level === level));
  $("which").textContent = names.map((row) => row.name).join(t().separator);
  $("who").textContent = `${t().kiosk(told.persona)} · digital_human ${told.version}`;
  $("when").textContent = t().when(told.at.slice(0, 19).replace("T", " "));
  document.title = `${{ ok: "●", warn: "▲", bad: "◆" }[told.level]} ${t().kiosk(told.persona)}`;
  showRows(told.rows);
  showTroubles(told.troubles);
}

/** The kiosk does not answer: what was told before is old. */
function lost(error) {
  body.dataset.level = "bad";
  $("which").textContent = error.status ? error.message : "";
  $("summary").textContent = error.status ? t().failed(error.status) : t().silent;
  $("when").textContent = error.status ? error.fix : t().restarting;
  document.title = `◆ ${t().title}`;
}

async function ask() {
  clearTimeout(waiting);
  const now = ++asked;
  let told;
  let refused;
  try {
    told = await (await request("GET", `../api/kiosk/health?lang=${language()}`)).json();
  } catch (error) {
    refused = error;
  }
  if (now !== asked) return; // asked anew meanwhile, perhaps in the other language
  if ([401, 403].includes(refused?.status)) {
    askForToken(refused);
    return;
  }
  waiting = setTimeout(ask, EVERY_MS);
  if (refused) {
    lost(refused);
  } else {
    $("token").hidden = true;
    show(told);
  }
}

function askForToken(error) {
  body.dataset.level = "waiting";
  $("summary").textContent = t().who;
  $("when").textContent = $("which").textContent = "";
  $("refused").textContent = $("given").value ? t().refused(error.status) : "";
  $("groups").replaceChildren();
  $("troubles").hidden = true;
  $("token").hidden = false;
  $("given").focus();
}

$("token").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken($("given").value);
  ask();
});
for (const link of document.querySelectorAll("#languages a")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    keep(new URLSearchParams(link.search).get("lang"));
    translate();
    ask();
  });
}
takeTokenFromAddress();
translate();
document.title = t().title;
$("summary").textContent = t().asking;
ask();
