// What the page asks of the visitor or tells them: token, report note, problems, short messages.

import { setToken } from "./api.js";
import { t } from "./i18n.js";

const $ = (id) => document.getElementById(id);
const TOAST_MS = 6000;
let toastTimer = 0;

const DIALOGS = `
  <section id="problem" role="alertdialog" aria-labelledby="problem-title" aria-describedby="problem-text" hidden>
    <div class="card">
      <h2 id="problem-title"></h2>
      <p id="problem-text"></p>
      <button id="problem-go" class="primary" type="button"></button>
      <details id="problem-details"><summary data-t="details"></summary><pre id="problem-cause"></pre></details>
    </div>
  </section>
  <dialog id="token-dialog" aria-labelledby="token-title">
    <form method="dialog">
      <h2 id="token-title" data-t="tokenTitle"></h2>
      <p id="token-text" data-t="tokenText"></p>
      <input id="token" type="password" autocomplete="off" required data-t-label="tokenTitle">
      <div class="row"><button class="primary" type="submit" data-t="enter"></button></div>
    </form>
  </dialog>`;

/** Put what every page may have to ask or tell into it. */
export function buildDialogs() {
  document.body.insertAdjacentHTML("beforeend", DIALOGS);
}

/** Ask for the token until one is entered. */
export function askToken(wrong) {
  const dialog = $("token-dialog");
  $("token-text").textContent = wrong ? t().tokenWrong : t().tokenText;
  $("token").value = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((done) => {
    const again = (event) => event.preventDefault();
    dialog.addEventListener("cancel", again);
    dialog.addEventListener(
      "close",
      () => {
        dialog.removeEventListener("cancel", again);
        setToken($("token").value);
        done();
      },
      { once: true },
    );
  });
}

/** Ask for a note; null when the visitor thought better of it. */
export function askNote() {
  const dialog = $("report-dialog");
  $("note").value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener(
      "close",
      () => done(dialog.returnValue === "send" ? $("note").value.trim() : null),
      { once: true },
    );
  });
}

/** A short message; with `action` {label, run} a button that leads on. */
export function toast(text, action = null) {
  clearTimeout(toastTimer);
  $("toast-text").textContent = text;
  $("toast-go").hidden = !action;
  $("toast-go").textContent = action?.label ?? "";
  $("toast-go").onclick = () => {
    $("toast").classList.remove("shown");
    action?.run();
  };
  $("toast").classList.add("shown");
  toastTimer = setTimeout(() => $("toast").classList.remove("shown"), TOAST_MS);
}

/** Say what is wrong and what to do; `go` is called when the button is pressed. */
export function showProblem(kind, { seconds = 0, cause = "", label = t().retry, go }) {
  const words = t().problems[kind];
  const hidden = $("problem").hidden;
  $("problem").hidden = false;
  $("problem-title").textContent = words.title;
  $("problem-text").textContent = words.text(seconds);
  $("problem-details").hidden = !cause;
  $("problem-cause").textContent = cause;
  $("problem-go").textContent = label;
  $("problem-go").onclick = go;
  if (hidden) $("problem-go").focus();
}

export function hideProblem() {
  $("problem").hidden = true;
}
