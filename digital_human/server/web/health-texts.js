// What the health page says itself, in both languages; the rows' words come from the server.

import { ui } from "./i18n.js";

const TEXTS = {
  zh: {
    title: "展台状态",
    kiosk: (persona) => `展台 ${persona}`,
    asking: "正在查询展台…",
    summary: {
      ok: () => "一切正常",
      warn: (bad, warn) => `可以使用，有 ${warn} 处需要查看`,
      bad: (bad) => `有 ${bad} 处故障`,
    },
    level: { ok: "正常", warn: "需要查看", bad: "故障" },
    separator: "、",
    when: (time) => `${time}（展台本机时间），每 5 秒刷新`,
    silent: "展台没有响应",
    restarting: "可能正在重启，通常不到一分钟；页面会自动再试。",
    failed: (status) => `展台返回错误（${status}）`,
    who: "请输入口令",
    token: "操作员口令（live.token）",
    enter: "查看",
    refused: (status) => (status === 401 ? "口令不对，请再输一次。" : "这个口令无权查看，请用操作员的口令。"),
    troubles: "最近的警告和错误",
    none: "启动以来没有。",
    note: "内容与日志一致（英文）；这里和日志里都不记参观者说的话。",
    times: (n) => `${n} 次`,
    log: (id) => `日志编号 ${id}`,
    more: (text, parts) => `${text}（${parts.join("，")}）`,
  },
  en: {
    title: "Kiosk health",
    kiosk: (persona) => `Kiosk ${persona}`,
    asking: "Asking the kiosk…",
    summary: {
      ok: () => "All is well",
      warn: (bad, warn) => `Works; ${count(warn, "thing")} to look at`,
      bad: (bad) => `${count(bad, "thing")} ${bad === 1 ? "does" : "do"} not work`,
    },
    level: { ok: "good", warn: "to look at", bad: "does not work" },
    separator: ", ",
    when: (time) => `${time}, the kiosk's own time; asked again every 5 seconds`,
    silent: "The kiosk does not answer",
    restarting: "It may be starting afresh, which takes less than a minute; it is asked again.",
    failed: (status) => `The kiosk answered with an error (${status})`,
    who: "Who are you?",
    token: "The operator's token (live.token)",
    enter: "Show",
    refused: (status) => (status === 401 ? "That token was not accepted. Please enter it again." : "That token may not see this. Please enter the operator's."),
    troubles: "Last warnings and errors",
    none: "None since the start.",
    note: "Words of visitors are left out, here and in the log.",
    times: (n) => count(n, "time"),
    log: (id) => `in the log: ${id}`,
    more: (text, parts) => `${text} (${parts.join("; ")})`,
  },
};

const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

/** The language of the page: that of its address (`?lang=`), else as on the other pages. */
export function language() {
  const wanted = new URLSearchParams(location.search).get("lang");
  return wanted === "zh" || wanted === "en" ? wanted : ui();
}

/** The page's texts in its language. */
export const t = () => TEXTS[language()];

/** Keep a language in the address. */
export function keep(wanted) {
  const query = new URLSearchParams(location.search);
  query.set("lang", wanted);
  history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
}

/** Write the texts of all elements marked `data-t`, and mark the language that is shown. */
export function translate() {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t()[element.dataset.t];
  for (const link of document.querySelectorAll("#languages a")) {
    if (link.search === `?lang=${language()}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
