"""The order flow: aggressors arriving at a book, one after another, and what trades from it.

Two clocks run against each other: the next aggressive order (its gap is exponential, shortened for a while by every
order before it) and the next look at the book, on a fixed grid, at which queues breathe and the mood moves on. State is
everything; how far one call runs never changes what comes out.
"""

from __future__ import annotations

import numpy as np

from orderflow_tui.adapters.sim_market.draws import Draws
from orderflow_tui.adapters.sim_market.hours import NOON_ORDERS_PER_S, busyness
from orderflow_tui.adapters.sim_market.ladder import FAR_EVERY, Ladder
from orderflow_tui.adapters.sim_market.mood import Mood
from orderflow_tui.domain.market import I64, Aggressor, SideMethod, Trades
from orderflow_tui.domain.session import SECOND_NS, SessionDay

EIGHTH_NS = SECOND_NS // 8  # the step for which `ladder.PULL` is told
ECHO = 0.16  # share by which one order raises the rate of the next ones: they come in bursts
ECHO_HALF_LIFE = 0.25  # seconds
SAME_SIDE = 0.24  # an order repeats its predecessor's side this often, whatever the mood
FOLLOW = 0.62  # when a level is eaten, the other side steps up behind it at once this often
MOST_LEVELS = 3  # levels one order may sweep
SNAP_BACK = 0.22  # after a level gave way the very next order comes from the other side this often: a failed break
SNAP_SIZE = 14  # contracts by which such an order is larger
SWEEP = 0.5  # an order that empties a level takes the next one too this often

Row = tuple[int, int, int, int, int, int]  # ts_ns, price, size, side, bid, ask


class Flow:
    """Generates trades of one instrument into rows. `now_ns` is the time reached."""

    __slots__ = (
        "_activity",
        "_calming",
        "_draws",
        "_excited",
        "_instrument",
        "_last_side",
        "_looks",
        "_next_order_ns",
        "_next_step_ns",
        "_rows",
        "_snapping",
        "_step_ns",
        "ladder",
        "mood",
        "now_ns",
    )

    def __init__(self, instrument: str, seed: int, start_ns: int, bid: int, step_ns: int) -> None:
        self._instrument = instrument
        self._draws = Draws(seed)
        self.ladder = Ladder(bid)
        self.mood = Mood(seed, bid)
        self.now_ns = start_ns
        self.look_every(step_ns)
        self._next_order_ns = start_ns
        self._activity = 0.0
        self._excited = 0.0
        self._last_side = 1
        self._looks = 0
        self._snapping = False
        self._rows: list[Row] = []

    def open_at(self, start_ns: int, step_ns: int) -> None:
        """Go on at another time with a fresh book at the same price: an opening after a pause."""
        self.now_ns = start_ns
        self.look_every(step_ns)
        self._next_order_ns = start_ns
        self._activity = 0.0
        self.ladder.move_to(self.ladder.bid)
        self.mood.settle(self.ladder.bid)

    @property
    def next_look_ns(self) -> int:
        """When the book is looked at next."""
        return self._next_step_ns

    def look_every(self, step_ns: int) -> None:
        """Look at the book this often, counted from now."""
        self._step_ns = step_ns
        self._next_step_ns = self.now_ns + step_ns
        self._calming = 0.5 ** (step_ns / SECOND_NS / ECHO_HALF_LIFE)

    def run(self, day: SessionDay, until_ns: int) -> None:
        """Let orders arrive up to `until_ns` (exclusive), inside one trading day."""
        while True:
            if self._next_step_ns <= self._next_order_ns:
                if self._next_step_ns >= until_ns:
                    break
                self._step(day)
            else:
                if self._next_order_ns >= until_ns:
                    break
                self._order(self._next_order_ns)
        self.now_ns = until_ns

    def take(self) -> Trades | None:
        """The trades since the last call as one block; None when there were none."""
        if not self._rows:
            return None
        rows, self._rows = self._rows, []
        fills: I64 = np.array(rows, dtype=np.int64)
        return _as_prints(self._instrument, fills, self._draws.prints)

    def _step(self, day: SessionDay) -> None:
        ts_ns = self._next_step_ns
        busy = busyness(day, ts_ns)
        seconds = self._step_ns / SECOND_NS
        mood = self.mood
        mood.advance(seconds * busy, self.ladder)
        lean = 2.0 * mood.buying - 1.0
        share = min(2.5, self._step_ns / EIGHTH_NS * min(1.0, busy + 0.3))
        depth = 0.45 + 0.55 * min(1.8, busy)
        depths = depth * mood.bid_depth, depth * mood.ask_depth
        self._looks += 1
        far = self._looks % FAR_EVERY == 0 or self._step_ns > EIGHTH_NS
        self.ladder.breathe(share, depths, self._draws.book, lean, next(self._draws.chance), far=far)
        self._excited *= self._calming
        was = self._activity
        self._activity = NOON_ORDERS_PER_S * busy * mood.rate
        if was <= 0.0 < self._activity:
            self._next_order_ns = ts_ns + int(next(self._draws.gap) / self._activity * SECOND_NS)
        self._next_step_ns = ts_ns + self._step_ns

    def _order(self, ts_ns: int) -> None:
        draws, mood, ladder = self._draws, self.mood, self.ladder
        if self._activity <= 0.0:
            self._next_order_ns = self._next_step_ns
            return
        u = next(draws.side)
        extra = 0
        if self._snapping:
            self._snapping, self._last_side, extra = False, -self._last_side, SNAP_SIZE
        elif u >= SAME_SIDE:
            self._last_side = 1 if (u - SAME_SIDE) < mood.buying * (1.0 - SAME_SIDE) else -1
        side = self._last_side
        wanted = max(1, int(next(draws.size) * mood.size + 0.5)) + extra
        rows, levels, middle = self._rows, 0, ladder.bid + ladder.ask
        while True:
            bid, ask = ladder.bid, ladder.ask
            if side > 0:
                done, price = ladder.lift(wanted, FOLLOW, draws.chance), ask
            else:
                done, price = ladder.hit(wanted, FOLLOW, draws.chance), bid
            rows.append((ts_ns, price, done, side, bid, ask))
            wanted -= done
            levels += 1
            if wanted <= 0 or levels >= MOST_LEVELS or next(draws.chance) > SWEEP:
                break
        gave_way = (ladder.bid + ladder.ask - middle) * side > 0
        self._snapping = gave_way and next(draws.chance) < SNAP_BACK
        self._excited = min(3.0, self._excited + ECHO)
        gap = next(draws.gap) / (self._activity * (0.8 + self._excited))
        self._next_order_ns = ts_ns + int(gap * SECOND_NS)


def _as_prints(instrument: str, fills: I64, random: np.random.Generator) -> Trades:
    """An aggressive order meets several resting ones: its fill prints in parts that share one stamp.

    `fills` int64[n, 6] in columns ts_ns, price, size, side, bid, ask.
    """
    size = fills[:, 2]
    u = random.random(len(fills))
    parts = 1 + (u * np.minimum(size - 1, 12)).astype(np.int64)
    index = np.repeat(np.arange(len(fills)), parts)
    share = (size // parts)[index]
    first = np.zeros(len(index), dtype=bool)
    first[np.cumsum(parts) - parts] = True
    share[first] += size - size // parts * parts
    rows = fills[index]
    return Trades(
        instrument,
        rows[:, 0].copy(),
        rows[:, 1].copy(),
        share,
        rows[:, 3].astype(np.int8),
        np.full(len(index), SideMethod.FEED, dtype=np.int8),
        rows[:, 4].copy(),
        rows[:, 5].copy(),
    )


assert (int(Aggressor.BUY), int(Aggressor.SELL)) == (1, -1), "a row's side is the sign of delta"
