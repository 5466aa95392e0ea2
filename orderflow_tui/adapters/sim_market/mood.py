"""What the crowd wants: a weather of regimes, and inside it short episodes of pushing, being absorbed, tiring, turning.

The mood never touches price. It only sets how often and how eagerly people buy or sell, how deep the book is on either
side, and now and then hides an iceberg in it; trends, ranges, absorption and exhaustion arise from the orders that
follow. It runs on *activity time* (seconds of a noon market), so nights move slowly and opens fast.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from typing import assert_never

import numpy as np

from orderflow_tui.adapters.sim_market.draws import Purpose, stream
from orderflow_tui.adapters.sim_market.ladder import Iceberg, Ladder

ANCHOR_SECONDS = 900.0  # activity time in which the crowd forgets where price was


class Weather(Enum):
    """Regimes of some tens of minutes."""

    RANGE = "RANGE"
    UP = "UP"
    DOWN = "DOWN"
    VOLATILE = "VOLATILE"
    QUIET = "QUIET"


@dataclass(frozen=True, slots=True)
class Climate:
    """Constants of a weather: drift of the buying share, activity, depth, pull to the anchor, mean length in seconds."""

    drift: float
    rate: float
    depth: float
    pull: float
    seconds: float
    weight: float


CLIMATES = {
    Weather.RANGE: Climate(0.0, 1.0, 1.0, 0.0045, 1800, 0.34),
    Weather.UP: Climate(0.010, 1.15, 0.9, 0.0, 1500, 0.2),
    Weather.DOWN: Climate(-0.010, 1.2, 0.9, 0.0, 1400, 0.2),
    Weather.VOLATILE: Climate(0.0, 1.5, 0.75, 0.0015, 700, 0.14),
    Weather.QUIET: Climate(0.0, 0.72, 1.05, 0.005, 1200, 0.12),
}


class Episode(Enum):
    """What happens now, for some seconds to a minute."""

    CALM = "CALM"
    PUSH = "PUSH"  # one side attacks; the book thins before it and stacks behind it
    WALL = "WALL"  # the attack meets an iceberg
    FADE = "FADE"  # the attack tires: smaller, rarer
    TURN = "TURN"  # the other side takes over


@dataclass(frozen=True, slots=True)
class Manner:
    """Constants of an episode: eagerness of its side, activity, order size, depth ahead and behind, mean seconds."""

    eagerness: float
    rate: float
    size: float
    ahead: float
    behind: float
    seconds: float


MANNERS = {
    Episode.CALM: Manner(0.0, 0.8, 0.95, 1.0, 1.0, 45),
    Episode.PUSH: Manner(0.17, 1.7, 1.2, 0.6, 1.2, 22),
    Episode.WALL: Manner(0.22, 2.0, 1.15, 1.0, 1.0, 16),
    Episode.FADE: Manner(0.08, 0.6, 0.6, 1.05, 1.0, 14),
    Episode.TURN: Manner(0.14, 1.25, 1.0, 0.75, 1.1, 18),
}


class Mood:
    """The state of the crowd. Read by the flow: `buying` (probability that an aggressor buys), `rate` and `size` factors,
    depths of both sides of the book."""

    __slots__ = (
        "_anchor",
        "_episode_left",
        "_random",
        "_side",
        "_whim",
        "ask_depth",
        "bid_depth",
        "buying",
        "episode",
        "rate",
        "size",
        "weather",
        "weather_left",
    )

    def __init__(self, seed: int, price: int) -> None:
        random = stream(seed, Purpose.MOOD)
        self._random: Iterator[float] = _forever(random)
        self._anchor = float(price)
        self._side = 1
        self._whim = 0.0  # a slow lean of its own, so that signs persist beyond episodes
        self.weather = Weather.RANGE
        self.weather_left = 600.0
        self.episode = Episode.CALM
        self._episode_left = 20.0
        self.buying = 0.5
        self.rate = self.size = self.bid_depth = self.ask_depth = 1.0

    def settle(self, price: int) -> None:
        """Forget the past, for an opening: price is accepted where it is."""
        self._anchor = float(price)
        self.episode, self._episode_left = Episode.CALM, 10.0

    def advance(self, seconds: float, ladder: Ladder) -> None:
        """Let activity time pass and say what the crowd wants now."""
        middle = (ladder.bid + ladder.ask) / 2
        self._anchor += (middle - self._anchor) * min(1.0, seconds / ANCHOR_SECONDS)
        self.weather_left -= seconds
        if self.weather_left <= 0:
            self._change_weather()
        self._episode_left -= seconds
        ice = ladder.iceberg
        if self.episode is Episode.WALL and ice is None:
            self._begin(Episode.PUSH if next(self._random) < 0.6 else Episode.CALM, self._side, ladder)  # broken through
        elif self._episode_left <= 0:
            self._next_episode(middle, ladder)
        self._whim += -self._whim * min(1.0, seconds / 30.0) + (next(self._random) - 0.5) * 0.05 * min(1.0, seconds) ** 0.5
        self._express(middle)

    def _express(self, middle: float) -> None:
        climate, manner = CLIMATES[self.weather], MANNERS[self.episode]
        pull = max(-0.12, min(0.12, climate.pull * (self._anchor - middle)))
        lean = climate.drift + pull + self._whim + manner.eagerness * self._side
        self.buying = 0.5 + max(-0.4, min(0.4, lean))
        self.rate = climate.rate * manner.rate
        self.size = manner.size
        ahead, behind = climate.depth * manner.ahead, climate.depth * manner.behind
        self.ask_depth, self.bid_depth = (ahead, behind) if self._side > 0 else (behind, ahead)

    def _change_weather(self) -> None:
        u = next(self._random)
        kinds, weights = list(CLIMATES), [climate.weight for climate in CLIMATES.values()]
        self.weather = kinds[min(bisect(list(accumulate(weights)), u), len(kinds) - 1)]
        self.weather_left = CLIMATES[self.weather].seconds * (0.5 + next(self._random))

    def _next_episode(self, middle: float, ladder: Ladder) -> None:
        u = next(self._random)
        match self.episode:
            case Episode.CALM:
                self._begin(Episode.PUSH, self._choose_side(middle), ladder)
            case Episode.PUSH:
                then = Episode.WALL if u < 0.25 else Episode.FADE if u < 0.8 else Episode.CALM
                self._begin(then, self._side, ladder)
            case Episode.WALL | Episode.FADE:
                self._begin(Episode.TURN if u < 0.85 else Episode.CALM, -self._side, ladder)
            case Episode.TURN:
                self._begin(Episode.CALM if u < 0.75 else Episode.PUSH, self._side, ladder)
            case _ as never:
                assert_never(never)

    def _begin(self, episode: Episode, side: int, ladder: Ladder) -> None:
        self.episode, self._side = episode, side
        self._episode_left = MANNERS[episode].seconds * (0.5 + next(self._random))
        if episode is Episode.WALL:
            ahead = next(self._random) < 0.5
            price = (ladder.ask + ahead) if side > 0 else (ladder.bid - ahead)
            reserve = 500 + int(2200 * next(self._random) ** 2)
            ladder.iceberg = Iceberg(price, -side, 55 + int(60 * next(self._random)), reserve)
        elif episode is not Episode.TURN:
            ladder.iceberg = None  # after a turn the absorber stays and defends its price

    def _choose_side(self, middle: float) -> int:
        """Trends push their own way three times out of four; ranges push back when price has strayed."""
        match self.weather:
            case Weather.UP:
                buy = 0.74
            case Weather.DOWN:
                buy = 0.26
            case Weather.RANGE | Weather.QUIET:
                buy = 0.5 + max(-0.35, min(0.35, (self._anchor - middle) * 0.012))
            case Weather.VOLATILE:
                buy = 0.5
            case _ as never:
                assert_never(never)
        return 1 if next(self._random) < buy else -1


def _forever(random: np.random.Generator) -> Iterator[float]:
    while True:
        yield from random.random(512).tolist()
