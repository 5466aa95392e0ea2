"""A cheap synthetic market: a few trades in a few seconds, a random walk with jumps, and what can be wrong with it.

It only says what would trade; the world decides who hears it. Prices in ticks, times in ns.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random

from orderflow_tui.domain.market import NO_PRICE, Trades, trades_of
from orderflow_tui.domain.order import Side
from orderflow_tui.domain.session import SECOND_NS, Phase, SessionTable

START_TICKS = 20_000
JUMP_TICKS = 14
REMEMBERED = 20  # trades


@dataclass(slots=True)
class Mood:
    """What the tape is like until some instant; each field of ns is the end of a condition."""

    silent_ns: int = 0  # the market trades on, the feed tells nothing of it
    no_quotes_ns: int = 0
    one_sided_ns: int = 0
    still_ns: int = 0  # the price does not move
    burst_ns: int = 0
    locked: Side | None = None  # locked at its limit: who wants this side finds nobody, the price does not move

    def calm(self) -> None:
        """All conditions end."""
        self.silent_ns = self.no_quotes_ns = self.one_sided_ns = self.still_ns = self.burst_ns = 0
        self.locked = None


class Market:
    """Trades one after the other; `blocks(until)` gives those before an instant."""

    def __init__(self, rng: Random, table: SessionTable, start_ns: int, seconds_per_trade: float, restless: float) -> None:
        self._rng = rng
        self._table = table
        self._pause_ns = int(seconds_per_trade * SECOND_NS)
        self._restless = restless
        self._next_ns = start_ns
        self.price = START_TICKS
        self.told: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)  # the last trades: when in ns, price
        self.mood = Mood()

    @property
    def next_ns(self) -> int:
        """When the next trade would print."""
        return self._next_ns

    def open_at(self, now_ns: int) -> bool:
        """Whether the market is open."""
        day = self._table.day_at(now_ns)
        return day is not None and day.phase(now_ns) is not Phase.CLOSED

    def skip_to(self, now_ns: int) -> None:
        """Time went on without anybody looking."""
        self._next_ns = max(self._next_ns, now_ns)

    def jump(self, ticks: int) -> None:
        """A gap in price."""
        self.price += ticks

    def blocks(self, until_ns: int) -> list[tuple[Trades, bool]]:
        """The trades before an instant, and whether the feed tells them."""
        told: list[tuple[int, int, int]] = []
        untold: list[tuple[int, int, int]] = []
        while self._next_ns < until_ns:
            now, rng, mood = self._next_ns, self._rng, self.mood
            fast = now < mood.burst_ns
            self._next_ns += max(1_000_000, int(self._pause_ns * (0.02 if fast else 0.5 + rng.random())))
            step, leap = rng.gauss(0.0, self._restless), rng.random()
            if not self.open_at(now):
                continue
            if now >= mood.still_ns and mood.locked is None:
                self.price += round(step * (0.2 if fast else 1.0))
                if leap < 0.004:
                    self.price += (1 if step >= 0 else -1) * (3 + int(leap * 250 * JUMP_TICKS))
            side = -mood.locked if mood.locked is not None else 1 if step >= 0 else -1
            if now < mood.silent_ns:
                untold.append((now, self.price, side))
                continue
            told.append((now, self.price, side))
            self.told.append((now, self.price))
        return [(self._trades(rows), rows is told) for rows in (untold, told) if rows]  # silence ends once

    def _trades(self, rows: list[tuple[int, int, int]]) -> Trades:
        stamps = [r[0] for r in rows]
        prices = [r[1] for r in rows]
        sides = [r[2] for r in rows]
        mood, last = self.mood, rows[-1][0]
        if last < mood.no_quotes_ns:
            return trades_of("ES", stamps, prices, [2] * len(rows), sides)
        bid = [p if s < 0 else p - 1 for p, s in zip(prices, sides, strict=True)]
        ask = [p + 1 if s < 0 else p for p, s in zip(prices, sides, strict=True)]
        if last < mood.one_sided_ns or mood.locked is Side.BUY:
            ask = [NO_PRICE] * len(rows)
        if mood.locked is Side.SELL:
            bid = [NO_PRICE] * len(rows)
        return trades_of("ES", stamps, prices, [2] * len(rows), sides, bid=bid, ask=ask)
