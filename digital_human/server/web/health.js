// How a kiosk is, for a technician at a desk or with a phone: a line each, the worst first to say.

import { request, setToken, takeTokenFromAddress } from "./api.js";

const $ = (id) => document.getElementById(id);
const body = document.body;

const EVERY_MS = 5000;
const SUMMARY = {
  ok: () => "All is well",
  warn: (bad, warn) => `Works; ${count(warn, "thing")} to look at`,
  bad: (bad) => `${count(bad, "thing")} ${bad === 1 ? "does" : "do"} not work`,
};
let waiting = 0;

const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

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
  dot.setAttribute("aria-label", { ok: "good", warn: "to look at", bad: "does not work" }[level]);
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
  const more = [times > 1 && `${times} times`, id && `in the log: ${id}`].filter(Boolean);
  return element("span", "", more.length ? `${what} (${more.join("; ")})` : what);
}

function show(told) {
  const number = (level) => told.rows.filter((row) => row.level === level).length;
  body.dataset.level = told.level;
  $("summary").textContent = SUMMARY[told.level](number("bad"), number("warn"));
  const names = ["bad", "warn"].flatMap((level) => told.rows.filter((row) => row.level === level));
  $("which").textContent = names.map((row) => row.name).join(", ");
  $("who").textContent = `Kiosk ${told.persona} · digital_human ${told.version}`;
  $("when").textContent = `${told.at.slice(0, 19).replace("T", " ")}, the kiosk's own time; asked again every 5 seconds`;
  document.title = `${{ ok: "●", warn: "▲", bad: "◆" }[told.level]} Kiosk ${told.persona}`;
  showRows(told.rows);
  showTroubles(told.troubles);
}

/** The kiosk does not answer: what was told before is old. */
function lost(error) {
  body.dataset.level = "bad";
  $("which").textContent = "";
  $("summary").textContent = error.status ? error.message : "The kiosk does not answer";
  $("when").textContent = error.fix || "It may be starting afresh, which takes less than a minute; it is asked again.";
  document.title = "◆ Kiosk health";
}

async function ask() {
  clearTimeout(waiting);
  try {
    const told = await (await request("GET", "../api/kiosk/health")).json();
    $("token").hidden = true;
    show(told);
  } catch (error) {
    if ([401, 403].includes(error.status)) {
      askForToken(error);
      return;
    }
    lost(error);
  }
  waiting = setTimeout(ask, EVERY_MS);
}

function askForToken(error) {
  body.dataset.level = "waiting";
  $("summary").textContent = "Who are you?";
  $("when").textContent = $("which").textContent = "";
  $("refused").textContent = $("given").value ? error.message : "";
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
takeTokenFromAddress();
ask();
