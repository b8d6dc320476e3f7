// Everything the page says, in both languages; Chinese first.

const TEXTS = {
  zh: {
    title: "数字人",
    ai: "AI 数字人 · 内容由 AI 生成",
    start: "开始对话",
    startText: "只用文字",
    startHint: "点击后浏览器会询问麦克风权限；不允许也可以打字提问。",
    language: "语言",
    auto: "自动",
    persona: "人物",
    unstated: "轻点开始，直接开口提问",
    state: {
      idle: "请讲，我在听",
      listening: "正在听您说",
      thinking: "正在想",
      speaking: "正在回答",
      held: "您先说",
    },
    connecting: "正在连接…",
    reconnecting: (n) => (n > 1 ? `正在重新连接…（第 ${n} 次）` : "正在重新连接…"),
    reconnected: "已重新连接",
    fresh: "已重新开始一段对话，之前的内容仍保留在页面上。",
    mute: "关闭麦克风",
    unmute: "打开麦克风",
    micOff: "麦克风未开启",
    hold: "按住说话",
    holding: "松开结束",
    handsfree: "免提",
    pushToTalk: "按住",
    toPush: "改为按住说话（空格键）",
    toFree: "改为免提",
    type: "输入您的问题…",
    send: "发送",
    interrupt: "打断",
    interruptHint: "打断（Esc）",
    panel: "对话记录",
    close: "关闭",
    end: "结束对话",
    again: "再次开始",
    you: "您",
    suggestions: "可以这样问",
    sources: (n) => `资料来源 ${n}`,
    interrupted: "已被打断",
    empty: "对话会显示在这里。",
    report: "举报这条回答",
    reported: "已提交举报，谢谢。",
    addNote: "补充说明",
    reportTitle: "补充说明",
    reportLabel: "哪里不对？（可不填）",
    submit: "提交",
    cancel: "取消",
    reportFailed: "举报没有提交成功，请再试一次。",
    latency: "上一轮耗时",
    seconds: (s) => `${s.toFixed(2)} 秒`,
    total: "从您说完到听见回答",
    stages: {
      end_of_turn: "判断说完",
      transcript: "识别文字",
      knowledge: "查找资料",
      llm: "组织语言",
      speech: "合成语音",
      playout: "送达播放",
    },
    quality: ["连接中断", "连接较差", "连接一般", "连接良好"],
    qualityDetail: (rtt, loss) => `往返 ${rtt} 毫秒，丢包 ${loss}%`,
    moderationHeard: "这句话不便回答，换个问题试试。",
    retry: "重试",
    tapSound: "轻点打开声音",
    tokenTitle: "请输入访问口令",
    tokenText: "这台服务器需要口令。请向管理员索取。",
    tokenWrong: "口令不对，请再输一次。",
    enter: "进入",
    details: "技术细节",
    problems: {
      full: {
        title: "现在人有点多",
        text: (s) => (s > 0 ? `服务器已满，${s} 秒后自动重试。` : "服务器已满，正在重试…"),
      },
      unreachable: {
        title: "连不上服务器",
        text: () => "请检查网络，或确认服务器已经启动，然后重试。",
      },
      media: {
        title: "连上了，但收不到画面和声音",
        text: () =>
          "网络挡住了音视频。请管理员为服务器配置 TURN，例如设置环境变量 DH_LIVE__ICE；也可以换一个网络再试。",
      },
      refused: {
        title: "服务器没有接受请求",
        text: () => "请刷新页面再试；如果仍然如此，请把下面的细节告诉管理员。",
      },
      revoked: {
        title: "这位数字人已停止服务",
        text: () => "画面中的人已撤回对使用其形象的同意，对话因此结束。",
      },
      consent: {
        title: "这位数字人暂不可用",
        text: () => "画面中的人没有同意、或已撤回同意使用其形象。请换一位数字人。",
      },
      ended: { title: "对话已结束", text: () => "感谢您的光临，想再聊时随时回来。" },
      browser: {
        title: "浏览器不支持实时音视频",
        text: () => "请使用新版 Chrome、Edge、Firefox 或 Safari 打开。",
      },
      session: {
        title: "没有找到这场对话",
        text: () => "它可能已经结束。请核对链接里的编号。",
      },
    },
    mic: {
      NotAllowedError: "没有麦克风权限。请在地址栏左侧允许麦克风，再点一次话筒；也可以直接打字。",
      NotFoundError: "没有找到麦克风。插上麦克风后再点一次话筒；也可以直接打字。",
      NotReadableError: "麦克风正被别的程序占用。关闭它后再点一次话筒；也可以直接打字。",
      insecure: "浏览器只在 https 或 localhost 下开放麦克风。请换用 https 地址；也可以直接打字。",
      other: "麦克风打不开。请检查设备后再点一次话筒；也可以直接打字。",
    },
    stageFailed: "有一个环节出了问题，正在恢复…",
    watching: "观看直播",
    watchStart: "打开声音",
  },
  en: {
    title: "Digital human",
    ai: "AI digital human · AI-generated content",
    start: "Start talking",
    startText: "Text only",
    startHint: "Your browser will ask for the microphone. Without it you can still type.",
    language: "Language",
    auto: "Auto",
    persona: "Persona",
    unstated: "Press start and just ask",
    state: {
      idle: "Go ahead, I'm listening",
      listening: "Listening to you",
      thinking: "Thinking",
      speaking: "Answering",
      held: "After you",
    },
    connecting: "Connecting…",
    reconnecting: (n) => (n > 1 ? `Reconnecting… (try ${n})` : "Reconnecting…"),
    reconnected: "Connected again",
    fresh: "This is a new conversation; what was said before stays on the page.",
    mute: "Mute the microphone",
    unmute: "Unmute the microphone",
    micOff: "Microphone is off",
    hold: "Hold to talk",
    holding: "Release to end",
    handsfree: "Hands-free",
    pushToTalk: "Hold",
    toPush: "Switch to hold-to-talk (space bar)",
    toFree: "Switch to hands-free",
    type: "Type your question…",
    send: "Send",
    interrupt: "Interrupt",
    interruptHint: "Interrupt (Esc)",
    panel: "Conversation",
    close: "Close",
    end: "End the conversation",
    again: "Start again",
    you: "You",
    suggestions: "Try asking",
    sources: (n) => (n === 1 ? "1 source" : `${n} sources`),
    interrupted: "interrupted",
    empty: "The conversation will appear here.",
    report: "Report this answer",
    reported: "Reported. Thank you.",
    addNote: "Add a note",
    reportTitle: "Add a note",
    reportLabel: "What is wrong with it? (optional)",
    submit: "Submit",
    cancel: "Cancel",
    reportFailed: "The report could not be sent. Please try again.",
    latency: "Timing of the last turn",
    seconds: (s) => `${s.toFixed(2)} s`,
    total: "From the end of your words to the answer",
    stages: {
      end_of_turn: "End of turn",
      transcript: "Transcript",
      knowledge: "Knowledge",
      llm: "Language model",
      speech: "Speech",
      playout: "Playout",
    },
    quality: ["Disconnected", "Poor connection", "Fair connection", "Good connection"],
    qualityDetail: (rtt, loss) => `round trip ${rtt} ms, loss ${loss}%`,
    moderationHeard: "That cannot be answered here. Please try another question.",
    retry: "Try again",
    tapSound: "Tap for sound",
    tokenTitle: "Access token",
    tokenText: "This server needs a token. Ask its administrator for one.",
    tokenWrong: "That token was not accepted. Please enter it again.",
    enter: "Enter",
    details: "Technical details",
    problems: {
      full: {
        title: "It is busy right now",
        text: (s) =>
          s > 0 ? `The server is full. Trying again in ${s} s.` : "The server is full. Trying again…",
      },
      unreachable: {
        title: "The server cannot be reached",
        text: () => "Check your network, or that the server is running, then try again.",
      },
      media: {
        title: "Connected, but no picture or sound arrives",
        text: () =>
          "The network blocks audio and video. Ask the administrator to set up a TURN server for it (environment variable DH_LIVE__ICE), or try another network.",
      },
      refused: {
        title: "The server did not accept the request",
        text: () => "Reload the page. If it happens again, pass the details below to the administrator.",
      },
      revoked: {
        title: "This digital human is no longer available",
        text: () => "The person shown has withdrawn their consent, so the conversation has ended.",
      },
      consent: {
        title: "This digital human is not available",
        text: () => "The person shown has not agreed to this use, or no longer does. Please choose another one.",
      },
      ended: { title: "The conversation has ended", text: () => "Thank you for the visit. Come back any time." },
      browser: {
        title: "This browser has no live audio and video",
        text: () => "Please use a current Chrome, Edge, Firefox or Safari.",
      },
      session: {
        title: "There is no such conversation",
        text: () => "It may have ended. Check the id in the link.",
      },
    },
    mic: {
      NotAllowedError:
        "No permission for the microphone. Allow it left of the address bar and press the microphone again, or just type.",
      NotFoundError: "No microphone found. Plug one in and press the microphone again, or just type.",
      NotReadableError:
        "Another program is using the microphone. Close it and press the microphone again, or just type.",
      insecure: "Browsers open the microphone only on https or localhost. Use an https address, or just type.",
      other: "The microphone did not open. Check it and press the microphone again, or just type.",
    },
    stageFailed: "Something went wrong and is being restored…",
    watching: "Watching live",
    watchStart: "Turn the sound on",
  },
};

const KEY = "digital-human.language";
const CHOICES = ["auto", "zh", "en"];

/** The visitor's choice: auto, zh or en. */
export let choice = CHOICES.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "auto";

/** The page's own language: the choice, else English for English browsers and Chinese for others. */
export function ui() {
  if (choice !== "auto") return choice;
  return (navigator.language ?? "").toLowerCase().startsWith("en") ? "en" : "zh";
}

export function choose(language) {
  choice = CHOICES.includes(language) ? language : "auto";
  localStorage.setItem(KEY, choice);
}

/** The page's texts in its own language. */
export const t = () => TEXTS[ui()];

/** The text of `{zh, en}` (or a plain string) in the page's language. */
export function pick(texts) {
  if (typeof texts === "string") return texts;
  return texts?.[ui()] ?? texts?.zh ?? texts?.en ?? "";
}

/** Write the texts of all elements marked `data-t` (content), `data-t-label` and `data-t-placeholder`. */
export function translate(root = document) {
  const texts = t();
  document.documentElement.lang = ui() === "zh" ? "zh-CN" : "en";
  for (const element of root.querySelectorAll("[data-t]")) {
    element.textContent = texts[element.dataset.t];
  }
  for (const element of root.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", texts[element.dataset.tLabel]);
    element.title = texts[element.dataset.tLabel];
  }
  for (const element of root.querySelectorAll("[data-t-placeholder]")) {
    element.placeholder = texts[element.dataset.tPlaceholder];
  }
}
