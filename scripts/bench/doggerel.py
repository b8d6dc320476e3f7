"""Verse on visitors' words: form, rhyme and how long it takes, over fifty wishes.

Length and rhyme are judged by `doggerel.check_verse`; a wish that is not recognised or gives no
verse fails both. Times run from the wish to the whole verse, the head of the prompt read before, as
in a session. Read the verses too: no program judges whether they are any good.

    python scripts/bench/doggerel.py --out verses.md
    python scripts/bench/doggerel.py --model qwen2.5-coder-0.5b --first 10
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from pathlib import Path

from digital_human.config import settings
from digital_human.core.stage import ModelThread
from digital_human.dialogue.doggerel import LIMIT, RHYMED, Doggerel, Verse, check_verse
from digital_human.dialogue.llm.llama import LlamaLlm
from digital_human.dialogue.persona import load_persona
from digital_human.dialogue.poems import Poems
from digital_human.dialogue.rhymes import rhyme_together
from digital_human.dialogue.wishes import wished
from digital_human.safety.moderation import Moderator

WISHES = (
    "写一首关于我的猫的打油诗", "用西湖和雨写首诗吧", "来一首打油诗，就写排队", "以堵车为题写首诗",
    "给我奶奶编一首打油诗", "编个顺口溜，关于减肥", "用月亮和手机写首打油诗",
    "来一首关于奶茶的打油诗", "写一首我爷爷钓鱼的打油诗", "写首打油诗，关于考试",
    "以东坡肉为题作诗一首", "给我女儿写一首打油诗", "用断桥和雪编一首打油诗",
    "来首关于加班的打油诗", "写一首关于自拍的打油诗", "用荷花和蜻蜓写首诗吧",
    "写一首关于迟到的打油诗", "以龙井茶为题编首打油诗", "写首关于外卖的打油诗",
    "编一首打油诗，写广场舞", "给我老公写一首打油诗", "用松鼠和松果写首打油诗",
    "写一首关于蚊子的打油诗", "来一首关于游船的打油诗", "以夏天太热为题写首诗",
    "写首关于下雨天的打油诗", "来一首关于桂花的打油诗", "给我的小狗写首打油诗",
    "用雷峰塔和夕阳写首诗", "写一首关于早起的打油诗", "来首关于打麻将的打油诗",
    "写一首关于找厕所的打油诗", "用苏堤和春天编一首打油诗", "写首关于失眠的打油诗",
    "来一首关于火锅的打油诗", "以数学作业为题写首诗", "写一首关于机器人的打油诗",
    "给我的同学小胖写首打油诗", "来首打油诗，写走路走不动", "编首关于中秋节的打油诗",
    "来一首打油诗", "即兴作一首诗", "make up a funny verse about my dog",
    "write me a poem about rain", "improvise a poem for my grandma",
    "make up a verse about ice cream and the lake", "give me a silly rhyme on traffic jams",
    "can you write a limerick about my teacher", "compose a short poem about the moon",
    "Using tea and rain, make up a verse",
)  # fmt: skip


async def main() -> None:
    """Run it."""
    options = parse()
    llm = LlamaLlm(settings().llm.model_copy(update={"model": options.model}))
    persona = load_persona(options.persona)
    poems = Poems.load(persona.poems_file) if persona.poems_file else None
    known = [line for poem in poems.poems for line in poem.lines] if poems else []
    with ModelThread("verse") as thread:
        doggerel = Doggerel(llm, thread, Moderator.default(), known, limit=options.limit)
        begun = time.perf_counter()
        await thread.call(doggerel.warm)
        print(f"{options.model}: head read in {time.perf_counter() - begun:.1f} s", flush=True)
        rows: list[tuple[str, Verse | None, float, float]] = []
        for wish in WISHES[: options.first]:
            begun, used = time.perf_counter(), time.process_time()
            theme = wished(wish)
            verse = None if theme is None else await doggerel.write(theme)
            took, used = time.perf_counter() - begun, time.process_time() - used
            rows.append((wish, verse, took, used))
            print(shown(*rows[-1]), flush=True)
    llm.close()
    told = summary(rows)
    print(told)
    if options.out:
        listed = "".join(f"- {shown(*row)}\n" for row in rows)
        options.out.write_text(f"{told}\n\n{listed}", "utf-8")


def shown(wish: str, verse: Verse | None, took: float, used: float) -> str:
    """A row for people."""
    said = "no verse" if verse is None else f"{verse.text} [{verse.rhyme}]"
    return f"{wish}: {said} {took:.1f} s ({used:.1f} s of CPU)"


def summary(rows: list[tuple[str, Verse | None, float, float]]) -> str:
    """Shares and times."""
    written = [verse.lines for _, verse, _, _ in rows if verse is not None]
    sized = sum(len(lines) == 4 and {len(line) for line in lines} <= {5, 7} for lines in written)
    rhymed = sum(rhyme_together([lines[i] for i in RHYMED]) for lines in written)
    whole = sum(not check_verse(lines) for lines in written)
    times = sorted(took for *_, took, _ in rows)
    late = times[min(len(times) - 1, round(0.95 * len(times)))]
    return (
        f"{len(rows)} wishes: length {sized / len(rows):.0%}, rhyme {rhymed / len(rows):.0%}, "
        f"all checks {whole / len(rows):.0%}; {len(set(written))} different verses; "
        f"p50 {statistics.median(times):.1f} s, p95 {late:.1f} s, "
        f"median CPU {statistics.median(used for *_, used in rows):.1f} s"
    )


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default=settings().llm.model, help="of the manifest, or a GGUF")
    parser.add_argument("--persona", default="dongpo", help="whose poems it must not copy")
    parser.add_argument("--first", type=int, default=len(WISHES), help="wishes that are tried")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for a verse")
    parser.add_argument("--out", type=Path, help="write the verses there, as Markdown")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
