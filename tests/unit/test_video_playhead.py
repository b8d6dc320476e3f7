"""Which frame of a base video is shown next."""

from __future__ import annotations

import numpy as np
import pytest

from digital_human.face.renderers.video_playhead import Playhead
from digital_human.face.video_bundle import BaseTrack

COUNT = 400
BRIDGE = 8


def track(*jumps: tuple[int, int]) -> BaseTrack:
    """400 frames, the first half calm and the second lively; the jumps' bridges follow them."""
    energy = np.where(np.arange(COUNT) < 200, 0.1, 1.0).astype(np.float32)
    rows = [(leave, enter, COUNT + BRIDGE * i, BRIDGE) for i, (leave, enter) in enumerate(jumps)]
    total = COUNT + BRIDGE * len(jumps)
    return BaseTrack(
        points=np.zeros((total, 478, 2), np.float32),
        pose=np.zeros((total, 2, 4), np.float32),
        shape=np.zeros((478, 3), np.float32),
        energy=energy,
        jumps=np.array(rows, np.int32),
        talks=False,
    )


def walk(head: Playhead, count: int, speaking: bool, start: int = 0) -> list[int]:
    return [head.move(start + k, speaking) for k in range(count)]


def test_the_loop_closes_over_its_bridge() -> None:
    shown = walk(Playhead(track((380, 20), (COUNT, 30))), 800, speaking=False)
    assert shown[:3] == [20, 21, 22]
    at = shown.index(379)
    assert shown[at + 1 : at + 1 + BRIDGE] == list(range(COUNT, COUNT + BRIDGE))
    assert shown[at + 1 + BRIDGE] == 20
    assert max(shown) < COUNT + BRIDGE


def test_lively_frames_in_speech_and_calm_ones_in_silence() -> None:
    plan = track((380, 20), (60, 250), (220, 40), (COUNT, 30))
    energy = np.append(plan.energy, np.full(4 * BRIDGE, np.nan))
    means = {
        speaking: float(np.nanmean(energy[walk(Playhead(plan), 4000, speaking)]))
        for speaking in (True, False)
    }
    plain = float(plan.energy[20:380].mean())
    assert means[False] < 0.9 * plain < plain < means[True]


def test_the_same_jump_is_not_taken_again_and_again() -> None:
    shown = walk(Playhead(track((380, 20), (190, 60), (COUNT, 30))), 2000, speaking=False)
    entered = [k for k in range(1, len(shown)) if shown[k] == COUNT + BRIDGE]
    assert len(entered) >= 2
    assert min(np.diff(entered)) >= 12 * 25


def test_the_place_depends_on_the_pts_alone_after_a_leap() -> None:
    head, other = Playhead(track((380, 20), (COUNT, 30))), Playhead(track((380, 20), (COUNT, 30)))
    walk(head, 100, speaking=True)
    for pts in (5000, 365, 367, 2):
        assert head.move(pts, False) == other.move(pts, False)
        assert head.move(pts, False) == other.move(pts, True), "the same pts stays where it is"


def test_frames_left_out_are_walked_over() -> None:
    every, some = Playhead(track((380, 20), (COUNT, 30))), Playhead(track((380, 20), (COUNT, 30)))
    shown = walk(every, 900, speaking=False)
    assert [some.move(k, False) for k in range(0, 900, 3)] == shown[::3]


@pytest.mark.parametrize("loop", [(380, 20), (COUNT, 20)])
def test_in_order_once_and_then_the_loop(loop: tuple[int, int]) -> None:
    jumps = (loop,) if loop[0] == COUNT else (loop, (COUNT, 30))
    head = Playhead(track(*jumps), in_order=True)
    shown = walk(head, 900, speaking=True)
    assert shown[:COUNT] == list(range(COUNT))
    last = len(jumps) - 1
    bridge = list(range(COUNT + BRIDGE * last, COUNT + BRIDGE * (last + 1)))
    assert shown[COUNT : COUNT + BRIDGE] == bridge
    assert shown[COUNT + BRIDGE] == jumps[last][1]
    assert len(set(shown[COUNT:])) > 300
    assert head.move(7, True) == 7
    assert head.move(899, True) == shown[899]
