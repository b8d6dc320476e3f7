"""CPU milliseconds per frame of the compositor, by layout, with generated pictures.

The renderer's and the encoder's work is not in these figures. One thread, process time.

    python scripts/bench/compositor.py --size 1280x720 --frames 100
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from digital_human.media.compositor import Compositor
from digital_human.media.shot import CityWeather, Framing, LayoutName, Look, NameTag, Shot

_TICKER = ("南方多地迎来降雨，请注意出行安全", "全国铁路今天预计发送旅客一千三百万人次")
_CITIES = tuple(
    CityWeather(name, sky, low, low + 8)
    for name, sky, low in (("北京", "sunny", 1), ("上海", "rain", 8), ("广州", "cloudy", 16),
                           ("成都", "fog", 5))
)  # fmt: skip


def bust(height: int) -> np.ndarray:
    """A soft-edged head and shoulders, uint8 [h, h, 4]."""
    yy, xx = np.mgrid[0:height, 0:height].astype(np.float32) / height
    head = 0.20 - np.hypot((xx - 0.5) * 1.25, yy - 0.30)
    body = np.minimum(yy - 0.55 - 0.9 * (xx - 0.5) ** 2, 0.5)
    alpha = np.clip(np.maximum(head, body) * height * 0.6 + 0.5, 0, 1)
    rgb = np.dstack([180 + 40 * yy, 140 + 30 * xx, np.full_like(xx, 120)])
    return np.dstack([rgb, alpha * 255]).clip(0, 255).astype(np.uint8)


def shot_of(layout: LayoutName, frames: int, picture: Path) -> Shot:
    """A shot with everything the layout can show."""
    people = {"broll": (), "title_open": (), "title_close": (), "two_anchors": ("a", "b")}
    anchors = people.get(layout, ("a",))
    framing = Framing(0.10, 0.50, 0.5)
    pictures = (picture,) if layout in ("beside", "broll") else ()
    return Shot(
        layout, frames, anchors, dict.fromkeys(anchors, framing),
        tags=(NameTag("林知夏", "新闻主播"),) if anchors else (),
        headline="国产大飞机完成首次跨洋飞行",
        pictures=pictures, source="图：本台" if pictures else "",
        cities=_CITIES if layout == "weather" else (), title="晚间新闻", subtitle="今日要闻",
    )  # fmt: skip


def main() -> None:
    """Print one line per layout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=100)
    args = parser.parse_args()
    width, height = (int(side) for side in args.size.split("x"))
    cv2.setNumThreads(1)
    look = Look(logo="新闻", clock="19:00", ticker=_TICKER)
    layouts: tuple[LayoutName, ...] = (
        "anchor_full", "anchor_half", "beside", "broll", "two_anchors", "weather", "title_open",
        "title_close",
    )  # fmt: skip
    print(f"{'layout':<14}{'first frame ms':>16}{'ms/frame':>10}{'p95':>8}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        gradient = np.mgrid[0:1080, 0:1920][1].astype(np.uint8)
        Image.fromarray(np.dstack([gradient] * 3)).save(path)
        for layout in layouts:
            compositor = Compositor((width, height), 25, look)
            shot = shot_of(layout, args.frames, path)
            people = {}
            for name in shot.anchors:
                people[name] = bust(compositor.placement(shot, name, (1000, 1000)).height)
            costs = []
            for t in range(args.frames):
                caption = ("今天上午，国产大飞机顺利完成", f"第{t // 40 + 1}次跨洋商业飞行任务")
                start = time.process_time()
                compositor.compose(shot, t, people, caption, programme_t=t)
                costs.append((time.process_time() - start) * 1000)
            rest = costs[1:]
            print(
                f"{layout:<14}{costs[0]:>16.0f}{np.mean(rest):>10.2f}"
                f"{np.percentile(rest, 95):>8.2f}"
            )


if __name__ == "__main__":
    main()
