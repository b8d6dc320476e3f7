"""What the rows of a kiosk's health say, in Chinese and English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

PageLanguage = Literal["zh", "en"]

TEXTS: Mapping[PageLanguage, Mapping[str, str]] = {
    "zh": {
        "moment": "{at.month}月{at.day}日 {at:%H:%M}",
        "span.s": "{n:.0f} 秒",
        "span.min": "{n:.0f} 分钟",
        "span.h": "{n:.0f} 小时",
        "span.d": "{n:.0f} 天",
        # The guide
        "group.guide": "讲解员",
        "name.up": "最近一次重启",
        "up": "{at}，已运行 {span}",
        "up.why": "{at}，已运行 {span}；原因：{why}",
        "born.night": "夜间自动重启",
        "born.content": "换上新内容",
        "born.rolled back": "新内容没有启动成功，退回旧版",
        "name.clock": "时钟",
        "clock.fix": "校准时钟：sudo timedatectl set-ntp true",
        "name.visit": "参观",
        "visit.on": "正在接待",
        "visit.none": "无人；启动以来还没有人来过",
        "visit.last": "无人；上一位 {span}前离开",
        "name.today": "今天",
        "today": (
            "参观 {visits} 次，提问 {questions} 个，没答上 {unanswered} 个，没听清 {misheard} 次"
        ),
        "today.fix": "没答上的较多，清单见：digital-human kiosk report",
        "today.unread": "读不到统计",
        "today.unread.fix": "检查 {folder}：须可读，且磁盘未满",
        # Page and devices
        "group.page": "页面与设备",
        "name.page": "页面",
        "page": "{span}前有响应",
        "page.fix": "浏览器卡住或已退出：{screen}",
        "page.never": "启动以来没有响应",
        "page.never.fix": "屏幕上的浏览器开着吗？{screen}",
        "name.camera": "摄像头",
        "camera.unused": "未使用（--no-camera）",
        "camera.nothing": "还没有画面",
        "camera.old": "最近一次画面在 {span}前",
        "camera.fix": "插好后检查：v4l2-ctl --list-devices；没有摄像头也可触屏使用",
        "camera.blind": "画面太暗或被遮住",
        "camera.blind.fix": "移开遮挡、擦净镜头、开灯；此时也可触屏使用",
        "camera.empty": "画面中没有人",
        "camera.passing": "有人经过",
        "camera.near": "有人在近处",
        "camera.here": "有参观者",
        "name.microphone": "麦克风",
        "microphone.open": "已打开",
        "microphone.muted": "就绪，接待时打开",
        "microphone.off": "页面打不开麦克风",
        "microphone.untold": "页面尚未报告",
        "microphone.fix": "插好后检查：arecord -l，再用 pavucontrol 或 wpctl status 查看",
        "name.browser": "浏览器",
        "browser": "启动过 {times} 次",
        "browser.why": "启动过 {times} 次；最近一次原因：{why}",
        "browser.fix": "手动运行查看：chromium",
        # Stages
        "group.stages": "处理环节",
        "stage": "启动以来出错 {times} 次，最近 {at}",
        "stage.now": "正在出错；启动以来 {times} 次，最近 {at}",
        "stage.now.fix": "会自动重新启动；若一直出错：{journal}",
        "stage.again": "启动以来出错 {times} 次，最近 {at}，{seconds:.1f} 秒后恢复",
        "stage.often.fix": "查找原因：{journal}",
        "name.stages": "全部环节",
        "stages": "启动以来没有出错",
        "name.tasks": "后台任务",
        "tasks": "全部在运行",
        "tasks.ended": "已停止：{names}",
        "tasks.fix": "sudo systemctl restart digital-human-kiosk",
        "name.picture": "画面流畅度",
        "picture": "{late:.1%} 的帧迟到，主循环滞后 {lag:.0f} 毫秒",
        "picture.fix": "别的程序占用了处理器：在主机上用 top 查看",
        # Content
        "group.content": "内容",
        "name.content": "当前内容",
        "content": "{version}",
        "content.trial": "{version}，试用中",
        "content.own": "人物自带的内容",
        "content.waits": "{version}；磁盘无法写入，{other} 下次重启时再试",
        "content.waits.fix": (
            "腾出空间，或让 {home} 可写；然后 sudo systemctl restart digital-human-kiosk"
        ),
        "name.update": "最近一次更换",
        "update": "{at} {version}{what}",
        "update.why": "{at} {version}{what}：{why}",
        "update.fix": "现在用的是上一版；改正内容后重新推送",
        "update.installed": "已收下",
        "update.in use": "已启用",
        "update.rolled back": "已退回",
        "update.failed": "启动失败",
        "update.damaged": "文件损坏",
        "name.restart": "下次重启",
        "restart": "{at}，等没有人时",
        "restart.content": "没有人时重启，换上：{version}",
        "restart.never": "不自动重启（kiosk.restart 为空）",
        # The machine
        "group.machine": "主机",
        "name.disk": "磁盘",
        "disk": "剩余 {free:.1f} GB",
        "disk.fix": (
            "腾出空间：sudo journalctl --vacuum-size=200M，删除录像，digital-human models list"
        ),
        "name.memory": "内存",
        "memory": "剩余 {left:.1f} GB，共 {total:.1f} GB；本程序占用 {own:.1f} GB",
        "memory.fix": "关掉其他程序，或换用更小的语言模型",
        "name.load": "处理器",
        "load": "每核 {load:.1f} 个任务（五分钟平均）",
        "load.fix": "别的程序占用过多：在主机上用 top 查看",
        "name.heat": "温度",
        "heat": "{degrees:.0f} °C（{sensor}）",
        "heat.fix": "清理风扇，保持通风",
    },
    "en": {
        "moment": "{at:%d %b %H:%M}",
        "span.s": "{n:.0f} s",
        "span.min": "{n:.0f} min",
        "span.h": "{n:.0f} h",
        "span.d": "{n:.0f} days",
        # The guide
        "group.guide": "Guide",
        "name.up": "Up since",
        "up": "{at} ({span})",
        "up.why": "{at} ({span}), after {why}",
        "born.night": "the nightly restart",
        "born.content": "new content",
        "born.rolled back": "going back from content that did not come up",
        "name.clock": "Clock",
        "clock.fix": "set the clock: sudo timedatectl set-ntp true",
        "name.visit": "Visit",
        "visit.on": "one is on",
        "visit.none": "nobody; none since the start",
        "visit.last": "nobody; the last one {span} ago",
        "name.today": "Today",
        "today": (
            "visits: {visits}, questions: {questions}, unanswered: {unanswered}, "
            "asked again: {misheard}"
        ),
        "today.fix": "many had no answer: digital-human kiosk report lists them",
        "today.unread": "the counts cannot be read",
        "today.unread.fix": "see {folder}: it must be readable and not full",
        # Page and devices
        "group.page": "Page and devices",
        "name.page": "Page",
        "page": "called {span} ago",
        "page.fix": "the browser hangs or is gone: {screen}",
        "page.never": "has not called since the start",
        "page.never.fix": "is the screen's browser running? {screen}",
        "name.camera": "Camera",
        "camera.unused": "not used (--no-camera)",
        "camera.nothing": "has sent nothing yet",
        "camera.old": "last picture {span} ago",
        "camera.fix": "plug it in and look: v4l2-ctl --list-devices; touch works without it",
        "camera.blind": "dark or covered",
        "camera.blind.fix": "uncover it, clean it, turn the light on; touch works without it",
        "camera.empty": "sees nobody",
        "camera.passing": "sees somebody passing",
        "camera.near": "sees somebody near",
        "camera.here": "sees a visitor",
        "name.microphone": "Microphone",
        "microphone.open": "open",
        "microphone.muted": "ready; opens when somebody is greeted",
        "microphone.off": "the page cannot open it",
        "microphone.untold": "the page has not told",
        "microphone.fix": "plug it in and look: arecord -l; then pavucontrol or wpctl status",
        "name.browser": "Browser",
        "browser": "starts: {times}",
        "browser.why": "starts: {times}; last because {why}",
        "browser.fix": "run it by hand and look: chromium",
        # Stages
        "group.stages": "Stages",
        "stage": "failures since the start: {times}, last {at}",
        "stage.now": "fails now; failures since the start: {times}, last {at}",
        "stage.now.fix": "it is started again by itself; if it stays: {journal}",
        "stage.again": (
            "failures since the start: {times}, last {at}, worked again after {seconds:.1f} s"
        ),
        "stage.often.fix": "look for why: {journal}",
        "name.stages": "All stages",
        "stages": "none failed since the start",
        "name.tasks": "Background work",
        "tasks": "all run",
        "tasks.ended": "ended: {names}",
        "tasks.fix": "sudo systemctl restart digital-human-kiosk",
        "name.picture": "Frames",
        "picture": "{late:.1%} late, loop {lag:.0f} ms behind",
        "picture.fix": "something else takes the processor: see top on the machine",
        # Content
        "group.content": "Content",
        "name.content": "Content",
        "content": "{version}",
        "content.trial": "{version}; on trial",
        "content.own": "the persona's own",
        "content.waits": (
            "{version}; the disk could not be written, {other} is tried at the next restart"
        ),
        "content.waits.fix": (
            "free some space, or make {home} writable; "
            "then sudo systemctl restart digital-human-kiosk"
        ),
        "name.update": "Last change",
        "update": "{at} {version}{what}",
        "update.why": "{at} {version}{what}: {why}",
        "update.fix": "the version before is shown; correct the content and push it again",
        "update.installed": "installed",
        "update.in use": "in use",
        "update.rolled back": "rolled back",
        "update.failed": "failed",
        "update.damaged": "damaged",
        "name.restart": "Next restart",
        "restart": "{at}, when nobody is there",
        "restart.content": "as soon as nobody is there, to show {version}",
        "restart.never": "none (kiosk.restart is empty)",
        # The machine
        "group.machine": "Machine",
        "name.disk": "Disk",
        "disk": "{free:.1f} GB free",
        "disk.fix": (
            "free some: sudo journalctl --vacuum-size=200M, recordings, digital-human models list"
        ),
        "name.memory": "Memory",
        "memory": "{left:.1f} of {total:.1f} GB free; this program {own:.1f} GB",
        "memory.fix": "end other programs, or take a smaller language model",
        "name.load": "Processor",
        "load": "{load:.1f} jobs for each core (five minutes)",
        "load.fix": "something else takes it: see top on the machine",
        "name.heat": "Temperature",
        "heat": "{degrees:.0f} °C ({sensor})",
        "heat.fix": "clean the fan and give it air",
    },
}
# Beside these stands the name that the log has.
_STAGES = {
    "ears": "听音", "recogniser": "语音识别", "judge": "说完判断", "conversation": "对话",
    "mind": "组织回答", "mouth": "语音合成", "sound": "声音", "sound encoder": "声音编码",
    "picture": "画面", "encoder": "画面编码", "out": "送出", "microphone": "麦克风",
    "notice": "AI 提示", "consent": "肖像同意", "audit": "审计记录", "other": "其他",
}  # fmt: skip
# Reasons that the program gives in English, as they stand on the disk too.
_REASONS = (
    (re.compile(r"by the operator"), "操作员要求"),
    (re.compile(r"its files are not as they were installed"), "文件与装入时不同"),
    (re.compile(r"it was started (\d+) times and did not come up"), r"启动 \1 次都没有成功"),
    (re.compile(r"no healthy answer within (\d+) s"), r"\1 秒内没有正常响应"),
    (re.compile(r"it ended with (-?\d+)"), r"已退出（代码 \1）"),
    (re.compile(r"the page was silent for (\d+) s"), r"页面 \1 秒没有响应"),
    (re.compile(r"the server was started afresh, and so is the browser"), "随服务器一起重启"),
)
_ACCEPTED = re.compile(r"(?:^|,)\s*(zh|en)\b[^,;]*(?:;\s*q=([01](?:\.\d+)?))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language.

    Attributes:
        language: Which one.
    """

    language: PageLanguage

    def __call__(self, key: str, **values: object) -> str:
        """The text of ``key`` with its values."""
        return TEXTS[self.language][key].format(**values)

    def moment(self, at: datetime) -> str:
        """Day and time of day, as ``at`` has them."""
        return self("moment", at=at)

    def span(self, seconds: float) -> str:
        """A length of time."""
        if seconds < 90:
            return self("span.s", n=max(0.0, seconds))
        if seconds < 5400:
            return self("span.min", n=seconds / 60)
        hours = seconds / 3600
        return self("span.h", n=hours) if hours < 48 else self("span.d", n=hours / 24)

    def stage(self, name: str) -> str:
        """What a stage is called; the log's name stays with it."""
        own = _STAGES.get(name) if self.language == "zh" else None
        return f"{own}（{name}）" if own else name

    def reason(self, why: str) -> str:
        """A reason that the program gave; errors stay in English, as everywhere."""
        if self.language == "zh":
            for pattern, text in _REASONS:
                if match := pattern.fullmatch(why):
                    return match.expand(text)
        return why


def preferred(accepted: str) -> PageLanguage:
    """The language that a request's ``Accept-Language`` prefers; English where it names neither.

    Weights as in RFC 9110, section 12.5.4.
    """
    best: PageLanguage = "en"
    most = 0.0
    for tag, weight in _ACCEPTED.findall(accepted):
        if (share := float(weight or 1)) > most:
            best, most = "zh" if tag.lower() == "zh" else "en", share
    return best
