"""Ways between spots: the quickest by Dijkstra's algorithm, and tours that fit a time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from digital_human.dialogue.place.rows import Spot, Walk

_ANY = ("foot", "bus", "boat")
_STOPS = 10  # spots a tour is chosen from: its cost doubles with each


@dataclass(frozen=True, slots=True)
class Way:
    """A way from one spot to another.

    Attributes:
        spots: All it passes, both ends included.
        legs: The walks between them.
        minutes: It takes.
        metres: Its length on foot; None when a part's is not known.
    """

    spots: tuple[str, ...]
    legs: tuple[Walk, ...]
    minutes: int
    metres: int | None


@dataclass(frozen=True, slots=True)
class Tour:
    """Spots to see one after the other.

    Attributes:
        stops: In order, without the start.
        minutes: Walks and visits together.
    """

    stops: tuple[Spot, ...]
    minutes: int


class Walks:
    """The walks of a place as a graph.

    Args:
        walks: Its edges.
    """

    def __init__(self, walks: Sequence[Walk]) -> None:
        self._near: dict[str, list[tuple[str, Walk]]] = {}
        for walk in walks:
            self._near.setdefault(walk.a, []).append((walk.b, walk))
            self._near.setdefault(walk.b, []).append((walk.a, walk))

    def minutes(self, start: str, *, foot: bool = False) -> dict[str, int]:
        """Minutes to everything that can be reached, by `start` itself 0.

        Args:
            start: A spot.
            foot: Whether to walk all the way.
        """
        by = ("foot",) if foot else _ANY
        return {spot: minutes for spot, (minutes, _, _) in self._reach(start, by).items()}

    def way(self, start: str, end: str) -> Way | None:
        """The quickest way, by boat only where no other leads there; None when there is none."""
        reached = self._reach(start, ("foot", "bus"))
        if end not in reached:
            reached = self._reach(start)
        if end not in reached:
            return None
        spots, legs = [end], list[Walk]()
        while spots[-1] != start:
            _, before, walk = reached[spots[-1]]
            assert walk is not None
            spots.append(before)
            legs.append(walk)
        known = [leg.metres for leg in legs if leg.metres is not None]
        metres = sum(known) if len(known) == len(legs) else None
        return Way(tuple(spots[::-1]), tuple(legs[::-1]), reached[end][0], metres)

    def tour(
        self,
        start: str,
        spots: Sequence[Spot],
        budget: int,
        open_at: Callable[[Spot, int], bool],
    ) -> Tour | None:
        """The tour with the most to see that fits a time; of equals the shortest.

        The orienteering problem, solved exactly over sets of the nearest spots.

        Args:
            start: Where it begins.
            spots: What may be on it; those without a time of stay are passed over.
            budget: Minutes.
            open_at: Whether a spot can be visited so many minutes after the start.
        """
        from_start = self.minutes(start)
        able = [s for s in spots if s.stay and s.worth and s.id in from_start]
        able = [s for s in able if from_start[s.id] + (s.stay or 0) <= budget]
        able.sort(key=lambda s: (from_start[s.id] - 10 * s.worth, s.id))
        able = able[:_STOPS]
        between = [self.minutes(s.id) for s in able]
        # By set of spots and the last of them: minutes at its end, and the order.
        states: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {}
        for n, spot in enumerate(able):
            if open_at(spot, from_start[spot.id]):
                states[1 << n, n] = (from_start[spot.id] + (spot.stay or 0), (n,))
        best: tuple[int, int, tuple[int, ...]] = (0, 0, ())
        while states:
            following: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {}
            for (seen, last), (spent, order) in states.items():
                worth = sum(able[n].worth for n in order)
                best = max(best, (worth, -spent, order))
                for n, spot in enumerate(able):
                    arrived = spent + between[last].get(spot.id, budget)
                    left = arrived + (spot.stay or 0)
                    back = spot.id == start  # one does not come back to where one began
                    if back or seen >> n & 1 or left > budget or not open_at(spot, arrived):
                        continue
                    key = (seen | 1 << n, n)
                    if key not in following or left < following[key][0]:
                        following[key] = (left, (*order, n))
            states = following
        if not best[2]:
            return None
        return Tour(tuple(able[n] for n in best[2]), -best[1])

    def islands(self, spots: Sequence[str]) -> list[list[str]]:
        """Groups of spots that no walk joins, the largest first."""
        left, groups = list(spots), []
        while left:
            reached = self._reach(left[0])
            groups.append([one for one in left if one in reached])
            left = [one for one in left if one not in reached]
        return sorted(groups, key=len, reverse=True)

    def _reach(
        self, start: str, by: Sequence[str] = _ANY
    ) -> dict[str, tuple[int, str, Walk | None]]:
        """By spot: minutes, the spot before it and the walk from there."""
        reached: dict[str, tuple[int, str, Walk | None]] = {}
        queue: list[tuple[int, str, str, int]] = [(0, start, start, -1)]
        walks: list[Walk] = []
        while queue:
            minutes, spot, before, number = heapq.heappop(queue)
            if spot in reached:
                continue
            reached[spot] = (minutes, before, walks[number] if number >= 0 else None)
            for other, walk in self._near.get(spot, ()):
                if other not in reached and walk.by in by:
                    walks.append(walk)
                    heapq.heappush(queue, (minutes + walk.minutes, other, spot, len(walks) - 1))
        return reached
