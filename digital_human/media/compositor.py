"""Puts a shot together: what stands still is drawn once, every frame blends only what moves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.media.blend import PersonBlender, Sprite, cross_fade
from digital_human.media.clips import Clip, is_picture
from digital_human.media.furniture import (
    CaptionPainter,
    Ticker,
    clock_sprite,
    credit_sprite,
    label_sprite,
    logo_sprite,
    scrim,
)
from digital_human.media.layouts import (
    Placement,
    Rect,
    Regions,
    Size,
    place,
    place_opaque,
    regions,
    window,
)
from digital_human.media.paint import Canvas, rounded
from digital_human.media.pictures import Push, read_picture
from digital_human.media.shot import Framing, LayoutName, Look, Shot
from digital_human.media.straps import MOVE, Strap, headline_strap, name_strap
from digital_human.media.studio import Backdrop, backdrop
from digital_human.media.studio_wall import Camera
from digital_human.media.themes import colour, theme_of
from digital_human.media.titles import TitleCard
from digital_human.media.weather import WeatherCard

# Closer shots see a larger, softer set; where a panel stands, the set's middle is behind the face.
_ZOOM: dict[LayoutName, float] = {"anchor_half": 1.32, "beside": 1.08, "weather": 1.08}
_STUDIO: frozenset[LayoutName] = frozenset(
    ("anchor_full", "anchor_half", "beside", "two_anchors", "weather")
)
_KEPT_SHOTS = 2


@dataclass(slots=True, eq=False)
class _Scene:
    """What a shot needs, drawn once."""

    place: Regions
    backdrop: Backdrop | None
    straps: list[tuple[Strap, int, int]]
    pushes: list[Push]
    clip: Clip | None
    card: WeatherCard | None
    title: TitleCard | None
    panel: Sprite | None
    credit: Sprite | None
    windows: dict[str, Rect]
    placements: dict[tuple[str, int, int], Placement]


class Compositor:
    """Draws the frames of a programme; one instance belongs to one thread at a time.

    Args:
        size: Width and height of the picture.
        fps: Frames per second.
        look: What stays on the screen.

    Raises:
        InputError: The size, a colour, the theme or the logo's picture is wrong.
    """

    def __init__(self, size: Size, fps: int, look: Look) -> None:
        self._size, self._fps, self._look = size, fps, look
        self._theme = theme_of(look)
        if isinstance(look.background, str):
            colour(look.background, "background")
        self._frame: ByteArray = np.empty((size[1], size[0], 3), np.uint8)
        self._people = PersonBlender()
        self._scenes: OrderedDict[int, tuple[Shot, _Scene]] = OrderedDict()
        frame = regions("anchor_full", size)
        u = frame.unit
        self._home = frame
        line = frame.ticker
        if not look.clock:
            line = replace(line, x=frame.clock.x, w=line.right - frame.clock.x)
        self._ticker = Ticker(look.ticker, line, u, self._theme) if look.ticker else None
        self._clock = None
        if look.clock:
            self._clock = clock_sprite(look.clock, frame.clock, u, self._theme)
        self._logo = None
        if look.logo or look.logo_picture:
            self._logo = logo_sprite(look.logo, look.logo_picture, frame.logo, u, self._theme)
        self._shades = (
            scrim(size[0], frame.label.bottom + round(40 * u), down=False),
            scrim(size[0], round(size[1] - frame.caption.y - 20 * u), down=True),
        )
        self._labels = None
        if look.label:
            self._labels = tuple(
                label_sprite(look.label, frame.label, min(size), large=large)
                for large in (True, False)
            )
        self._wall: Clip | None = None
        self._wall_from: int | None = None
        if isinstance(look.background, Path) and not is_picture(look.background):
            self._wall = Clip(look.background, size, fps, whole=False)
        self._captions = CaptionPainter(frame.caption, u, tall=size[1] > size[0])

    @property
    def size(self) -> Size:
        """Width and height of the picture."""
        return self._size

    def placement(self, shot: Shot, anchor: str, picture: Size) -> Placement:
        """Where a renderer's picture goes, and the size to render it in to avoid scaling.

        Args:
            shot: The shot.
            anchor: Which of its anchors.
            picture: Width and height of the renderer's picture, any scale.
        """
        where = regions(shot.layout, self._size, shot.side, len(shot.anchors))
        return _placed(shot, where, _windows(shot, where), anchor, picture)

    def compose(
        self,
        shot: Shot,
        t: int,
        anchors: Mapping[str, ByteArray],
        caption: tuple[str, ...] = (),
        *,
        programme_t: int | None = None,
        previous: ByteArray | None = None,
        fade: int = 12,
    ) -> ByteArray:
        """Draw one frame.

        Args:
            shot: What is seen.
            t: Frame from the start of the shot.
            anchors: The renderer's pictures by anchor: uint8 [h, w, 4] RGBA, straight alpha.
            caption: Up to two lines to burn in.
            programme_t: Frame from the start of the programme; label, ticker and studio light
                follow it. ``t`` when not given.
            previous: Last picture of the shot before; the first ``fade`` frames fade over from it.
            fade: Length of that cross-fade.

        Returns:
            uint8 [h, w, 3] RGB. The array is used again by the next call; copy it to keep it.

        Raises:
            InputError: A picture or video of the shot cannot be shown.
            KeyError: ``anchors`` lacks one of the shot's anchors.
        """
        scene = self._scene(shot)
        now = t if programme_t is None else programme_t
        if scene.title is not None:
            scene.title.draw(self._frame, t, shot.frames, self._fps)
        else:
            self._picture(scene, shot, t, now, anchors)
            self._overlays(scene, shot, t, now, caption)
        self._label(now)
        if previous is not None and t < fade:
            self._frame[...] = cross_fade(previous, self._frame, (t + 1) / (fade + 1))
        return self._frame

    def _picture(
        self, scene: _Scene, shot: Shot, t: int, now: int, anchors: Mapping[str, ByteArray]
    ) -> None:
        frame, back = self._frame, scene.backdrop
        if shot.layout not in _STUDIO:
            self._media(scene, shot, t, frame)
            self._shades[0].draw(frame, 0, 0)
            self._shades[1].draw(frame, 0, self._size[1] - self._shades[1].height)
            return
        if back is None:
            frame[:] = self._theme.accent
        else:
            self._set(back, now)
        # Windows last: what sits at the desk does not reach into them.
        for name in sorted(shot.anchors, key=scene.windows.__contains__):
            rgba = anchors[name]
            h, w = rgba.shape[:2]
            key = (name, w, h)
            if key not in scene.placements:
                placed = _placed(shot, scene.place, scene.windows, name, (w, h))
                scene.placements[key] = placed
            spot = scene.placements[key]
            box = scene.windows.get(name)
            # A renderer rounds its own size: a pixel more or less is not worth a resampling,
            # unless a window would not be covered.
            off = max(abs(spot.width - w), abs(spot.height - h))
            if off > 2 or (box is not None and off):
                rgba = cv2.resize(rgba, (spot.width, spot.height)).astype(np.uint8, copy=False)
            if box is not None:
                part = rgba[box.y - spot.y : box.bottom - spot.y, box.x - spot.x :][:, : box.w]
                frame[box.y : box.bottom, box.x : box.right] = part[..., :3]
            else:
                hide = None if back is None else back.hide
                self._people.draw(frame, rgba, spot.x, spot.y, hide)
        if scene.card is not None:
            scene.card.draw(frame, t, self._fps)
        if scene.panel is not None and scene.place.panel is not None:
            box = scene.place.panel
            edge = (scene.panel.width - box.w) // 2
            scene.panel.draw(frame, box.x - edge, box.y - edge)
            self._media(scene, shot, t, frame[box.y : box.bottom, box.x : box.right])
        if scene.credit is not None and scene.place.panel is not None:
            box, gap = scene.place.panel, round(10 * scene.place.unit)
            scene.credit.draw(
                frame, box.right - gap - scene.credit.width, box.bottom - gap - scene.credit.height
            )

    def _set(self, back: Backdrop, now: int) -> None:
        """The studio without people."""
        frame = self._frame
        if self._wall is None:
            np.copyto(frame, back.base)
        else:
            if self._wall_from is None:
                self._wall_from = now
            self._wall.draw(frame, now - self._wall_from)
            if back.desk is not None:
                back.desk.draw(frame, 0, back.desk_at)
        if back.lights is not None:
            back.lights.add(frame, now / self._fps)

    def _media(self, scene: _Scene, shot: Shot, t: int, target: ByteArray) -> None:
        """The shot's video, or its pictures in turn, fading from each to the next."""
        if scene.clip is not None:
            scene.clip.draw(target, t)
            return
        count = len(scene.pushes)
        span = shot.frames / count
        index = min(count - 1, int(t / span))
        into = t - index * span
        overlap = min(0.6 * self._fps, span / 2)
        scene.pushes[index].draw(target, into / (span + overlap))
        if index and into < overlap:
            before = np.empty_like(target)
            scene.pushes[index - 1].draw(before, (into + span) / (span + overlap))
            now = target.copy()
            cv2.addWeighted(before, 1 - into / overlap, now, into / overlap, 0, dst=now)
            target[...] = now

    def _overlays(
        self, scene: _Scene, shot: Shot, t: int, now: int, caption: tuple[str, ...]
    ) -> None:
        frame, home = self._frame, self._home
        if scene.place.source is not None and scene.credit is not None:
            box = scene.place.source
            scene.credit.draw(frame, box.right - scene.credit.width, box.y)
        if self._logo is not None:
            self._logo.draw(frame, home.logo.x, home.logo.y)
        for strap, start, end in scene.straps:
            if start <= t < end:
                strap.draw(frame, t - start, end - 1 - t, self._fps)
        if self._ticker is not None:
            self._ticker.draw(frame, now, self._fps)
        if self._clock is not None:
            self._clock.draw(frame, home.clock.x, home.clock.y)
        if caption:
            self._captions.draw(frame, caption)

    def _label(self, now: int) -> None:
        if self._labels is None:
            return
        sprite, x = self._labels[0 if now < self._look.label_large else 1]
        sprite.draw(self._frame, x, self._home.label.y)

    def _scene(self, shot: Shot) -> _Scene:
        key = id(shot)
        if key not in self._scenes:
            self._scenes[key] = (shot, self._build(shot))
            while len(self._scenes) > _KEPT_SHOTS:
                _, (_, old) = self._scenes.popitem(last=False)
                if old.clip is not None:
                    old.clip.close()
        self._scenes.move_to_end(key)
        return self._scenes[key][1]

    def _build(self, shot: Shot) -> _Scene:
        where = regions(shot.layout, self._size, shot.side, len(shot.anchors))
        u = where.unit
        windows = _windows(shot, where)
        back = None
        # Where windows fill the screen there is no studio.
        covered = sum(box.w * box.h for box in windows.values())
        if shot.layout in _STUDIO and covered < 0.97 * self._size[0] * self._size[1]:
            back = self._studio(shot, where, bare=len(windows) == len(where.faces) > 0)
        box = where.panel if shot.layout == "beside" else None
        if shot.layout == "broll":
            box = Rect(0, 0, *self._size)
        pushes: list[Push] = []
        clip = None
        if box is not None:
            if shot.video is not None:
                clip = Clip(shot.video, (box.w, box.h), self._fps)
            elif shot.pictures:
                pushes = [
                    Push(read_picture(path), (box.w, box.h), inward=number % 2 == 0)
                    for number, path in enumerate(shot.pictures)
                ]
            else:
                raise InputError(
                    f"layout {shot.layout} shows no picture", fix="give it a picture or a video"
                )
        card = None
        if shot.layout == "weather" and where.panel is not None:
            card = WeatherCard(shot.cities, shot.headline, where.panel, u, self._theme)
        title = None
        if where.title is not None:
            title = TitleCard(
                shot.title, shot.subtitle, closing=shot.layout == "title_close", place=where,
                theme=self._theme,
            )  # fmt: skip
        credit = None
        if shot.source and box is not None:
            room = where.source.w if where.source else round(box.w * 0.6)
            credit = credit_sprite(shot.source, room, u)
        panel = None
        if shot.layout == "beside" and box is not None:
            panel = _panel_frame(box, u)
        return _Scene(
            where, back, self._straps(shot, where), pushes, clip, card, title, panel, credit,
            windows, {},
        )  # fmt: skip

    def _studio(self, shot: Shot, where: Regions, *, bare: bool) -> Backdrop:
        """The set; ``bare`` without the desk."""
        aim = 0.5
        if shot.layout in ("beside", "weather") and where.faces and self._size[0] > self._size[1]:
            aim = (where.faces[0].centre[0] / self._size[0] + 0.5) / 2
        camera = Camera(*self._size, zoom=_ZOOM.get(shot.layout, 1.0), aim=aim)
        seats = tuple(face.centre[0] for face in where.faces)
        desk = self._size[1] if bare else where.desk
        return backdrop(self._theme.name, camera, desk, self._look.background, seats)

    def _straps(self, shot: Shot, where: Regions) -> list[tuple[Strap, int, int]]:
        """Lower thirds at their times, and the headline whenever its place is free."""
        out: list[tuple[Strap, int, int]] = []
        busy: list[tuple[int, int]] = []
        for tag in shot.tags:
            right = tag.side == "right"
            box = where.strap_right if right and where.strap_right else where.strap
            end = min(shot.frames, tag.start + tag.frames)
            if end > tag.start:
                out.append((name_strap(tag, box, where.unit, self._theme), tag.start, end))
                busy.append((tag.start, end))
        if not shot.headline or shot.layout == "weather":
            return out
        row = where.strap
        if where.strap_right is not None:
            row = replace(row, w=where.strap_right.right - row.x)
        strap = headline_strap(shot.headline, row, where.unit, self._theme)
        pause, shortest = round(0.2 * self._fps), round(MOVE * 3 * self._fps / 25)
        start = round(0.3 * self._fps)
        for begin, end in [*sorted(busy), (shot.frames + pause, 0)]:
            if begin - pause - start >= shortest:
                out.append((strap, start, min(begin - pause, shot.frames)))
            start = max(start, end + pause)
        return out


def _windows(shot: Shot, where: Regions) -> dict[str, Rect]:
    """What the anchors with surroundings of their own fill, by anchor."""
    opaque = [name for name in shot.anchors if name in shot.framings and shot.framings[name].opaque]
    stacked = len(opaque) == len(shot.anchors)
    return {
        name: window(where, shot.anchors.index(name), shot.framings[name], stacked=stacked)
        for name in opaque
    }


def _placed(
    shot: Shot, where: Regions, windows: Mapping[str, Rect], anchor: str, picture: Size
) -> Placement:
    index, framing = shot.anchors.index(anchor), shot.framings.get(anchor, Framing())
    if anchor in windows:
        return place_opaque(where, index, picture, framing, windows[anchor])
    return place(where, index, picture, framing)


def _panel_frame(box: Rect, unit: float) -> Sprite:
    """A light border and a shadow around a picture panel."""
    edge = round(22 * unit)
    rim = max(2.0, 3.0 * unit)
    canvas = Canvas(box.w + 2 * edge, box.h + 2 * edge)
    h, w = canvas.height, canvas.width
    shape = rounded(h, w, (edge - rim, edge - rim, box.w + 2 * rim, box.h + 2 * rim), rim * 1.5)
    canvas.shadow(shape, 9 * unit, 6 * unit, 0.55)
    canvas.fill(shape, (250, 252, 255))
    return canvas.sprite()
