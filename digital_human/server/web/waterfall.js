// The latency of a turn, drawn as bars from the true end of the visitor's speech.

import { t } from "./i18n.js";

/** Draw `{stages: [{name, start, end}], total}` (seconds) into `list`; bars may begin before zero. */
export function drawWaterfall(list, { stages, total }) {
  const first = Math.min(0, ...stages.map((stage) => stage.start));
  const last = Math.max(total, ...stages.map((stage) => stage.end));
  const span = Math.max(last - first, 1e-3);
  const percent = (seconds) => `${((seconds - first) / span) * 100}%`;
  const rows = stages.map(({ name, start, end }) => {
    const row = document.createElement("li");
    const label = document.createElement("span");
    const track = document.createElement("span");
    const bar = document.createElement("span");
    const value = document.createElement("span");
    label.className = "label";
    label.textContent = t().stages[name] ?? name;
    track.className = "track";
    bar.className = "bar";
    bar.dataset.stage = name;
    bar.style.left = percent(start);
    bar.style.width = `max(3px, ${(Math.max(0, end - start) / span) * 100}%)`;
    value.className = "value";
    value.textContent = `${Math.round((end - start) * 1000)} ms`;
    if (first < 0) {
      const zero = document.createElement("span");
      zero.className = "zero";
      zero.style.left = percent(0);
      track.append(zero);
    }
    track.append(bar);
    row.append(label, track, value);
    return row;
  });
  list.replaceChildren(...rows);
}
