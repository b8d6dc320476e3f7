// Everything the kiosk's page says. Nothing of a visitor is kept: the language lives in the page only.

const TEXTS = {
  zh: {
    ai: "AI 数字人 · 内容由 AI 生成",
    state: { idle: "请讲，我在听", listening: "正在听您说", thinking: "正在想", speaking: "正在回答", held: "您先说" },
    deaf: "请点选下面的问题",
    greeting: "您好",
    other: "English",
    map: "地图",
    quieter: "轻一点",
    louder: "响一点",
    slower: "慢一点",
    stop: "停",
    done: "结束",
    offer: "可以这样问",
    misheard: "没听清楚，您也可以点一下",
    noMicrophone: "话筒没有打开，请点选问题",
    here: (name) => `您在这里：${name}`,
    about: (name) => `介绍一下${name}`,
    whereAreYou: "您现在在哪里？点一下",
    back: "返回",
    thanks: "谢谢您来看我",
    still: "您还在吗？",
    rateThis: "这次聊得怎么样？",
    rated: "收到，谢谢您！",
    forgotten: "谈话不保存；没答上来的问题只匿名记下",
    good: "满意",
    soso: "一般",
    stay: "继续聊",
    recites: "原诗 · AI 朗诵",
    improvised: "AI 即兴打油诗",
    notKiosk: "这台服务器没有以展台方式启动：digital-human kiosk",
  },
  en: {
    ai: "AI digital human · AI-generated content",
    state: { idle: "Go ahead, I'm listening", listening: "Listening", thinking: "Thinking", speaking: "Answering", held: "After you" },
    deaf: "Please touch a question below",
    greeting: "Hello",
    other: "中文",
    map: "Map",
    quieter: "Quieter",
    louder: "Louder",
    slower: "Slower",
    stop: "Stop",
    done: "Finish",
    offer: "You could ask",
    misheard: "I did not catch that. You can also touch one of these",
    noMicrophone: "The microphone is off. Please touch a question",
    here: (name) => `You are here: ${name}`,
    about: (name) => `Tell me about ${name}`,
    whereAreYou: "Where are you now? Touch it",
    back: "Back",
    thanks: "Thank you for the visit",
    still: "Are you still there?",
    rateThis: "How was it?",
    rated: "Thank you!",
    forgotten: "Our talk is forgotten; what I could not answer is noted without you",
    good: "Good",
    soso: "So-so",
    stay: "Go on talking",
    recites: "The poem · read by an AI",
    improvised: "Improvised by an AI",
    notKiosk: "This server was not started as a kiosk: digital-human kiosk",
  },
};

/** What invites visitors, by what the camera sees; always in both languages. */
export const INVITATIONS = {
  touch: { zh: "轻触屏幕，跟我聊聊", en: "Touch the screen and talk with me" },
  empty: { zh: "走近一点，跟我聊聊", en: "Come closer and talk with me" },
  near: { zh: "看着我，我来招呼您", en: "Look at me and I will greet you" },
  call: { zh: "说“你好，{name}”，或轻触屏幕", en: "Say “Hello, {name}”, or touch the screen" },
};

/** The language of the page: zh or en. */
export const language = () => document.body.dataset.lang;

/** The page's texts in its language. */
export const t = () => TEXTS[language()];

/** The text of `{zh, en}` in the page's language. */
export const pick = (texts, wanted = language()) => texts?.[wanted] ?? texts?.zh ?? texts?.en ?? "";

/** Change the language of the page and write its texts; true when it changed. */
export function speak(wanted) {
  const changed = wanted !== language();
  document.body.dataset.lang = wanted === "en" ? "en" : "zh";
  document.documentElement.lang = wanted === "en" ? "en" : "zh-CN";
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t()[element.dataset.t];
  return changed;
}
