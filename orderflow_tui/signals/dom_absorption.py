"""Absorption as it happens, from the visible book and the tape.

Theory. An episode follows one price that was the best bid (mirror: best ask). Sell executions at it are summed over a
sliding window and compared with the largest size ever shown there in that window: when far more was sold into the bid
than it ever displayed, somebody keeps refilling it. The episode *forms* on such a hit, is *confirmed* when nothing
traded below for a while after the last hit and price then lifts away, and *fails* on the first trade through it.

From a book aggregated by price, one trader's refill and new orders of others look alike, so a refill is called a
refresh, never an iceberg. Direction is decided by executions at the price, never by the trades of the bounce.

Everything runs on event time and every trade is looked at once, in order, so blocks may be cut anywhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.domain.signal import Direction, Pattern
from orderflow_tui.domain.watch import NEVER, NO_ABOVE, NO_BELOW, Watch
from orderflow_tui.signals.detector import Finding, c01

EPISODES_A_SIDE = 8  # oldest dropped
HISTORY = 4096  # hits and displayed sizes an episode remembers, oldest dropped
BURST_NS = 50 * MS_NS
STILL_BEST_NS = 250 * MS_NS

Level = tuple[int, int]  # price ticks, size
Tick = tuple[int, int, int, int]  # ts_ns, price ticks, size, aggressor sign


@dataclass(frozen=True, slots=True)
class DomParams:
    """`min_exec` None takes the instrument's absorption volume; `k` executed against displayed; times as named."""

    min_exec: int | None = None
    window_s: float = 10.0
    k: float = 1.5
    refresh_ms: int = 500
    hold_s: float = 3.0
    confirm_ticks: int = 2
    min_age_s: float = 1.0
    expire_s: float = 60.0


@dataclass(frozen=True, slots=True)
class DomFinding:
    """A confirmed episode: the finding, when it was confirmed and at what trade, and when the episode began."""

    ts_ns: int
    trigger_price: int
    born_ns: int
    finding: Finding


class Episode:
    """One price under watch. side +1: a bid that absorbs selling, -1: an offer that absorbs buying."""

    __slots__ = (
        "_burst", "_burst_ns", "_executed", "_floor", "_hits", "_native_due", "_refill_counted", "_refill_until",
        "_shown", "born_ns", "displayed", "executed", "formed", "last_hit_ns", "native_like", "price", "refilled",
        "refills", "side",
    )  # fmt: skip

    def __init__(self, side: int, price: int, size: int, now_ns: int) -> None:
        self.side, self.price, self.born_ns = side, price, now_ns
        self.last_hit_ns: int | None = None
        self.formed = False
        self.executed = self.displayed = self.refills = self.refilled = 0  # as of the last hit; refills as of now
        self.native_like = False
        self._hits: deque[tuple[int, int]] = deque(maxlen=HISTORY)
        self._executed = 0
        self._shown: deque[tuple[int, int]] = deque([(now_ns, size)], maxlen=HISTORY)
        self._floor = size  # what would be displayed had nobody refilled
        self._refill_until = -1
        self._refill_counted = True
        self._burst = 0
        self._burst_ns = -BURST_NS
        self._native_due: int | None = None

    def show(self, now_ns: int, size: int, best: bool, params: DomParams) -> None:
        """The book now displays `size` at the price."""
        self._settle_native(now_ns, best)
        if now_ns <= self._refill_until and size > self._floor:
            self.refilled += size - self._floor
            self.refills += not self._refill_counted
            self._refill_counted = True
        self._floor = size
        if size != self._shown[-1][1]:
            self._shown.append((now_ns, size))
        self._forget(now_ns - round(params.window_s * SECOND_NS))

    def hit(self, now_ns: int, size: int, params: DomParams, min_exec: int) -> None:
        """`size` contracts were sold into the bid (bought from the offer)."""
        if len(self._hits) == HISTORY:
            self._executed -= self._hits[0][1]
        self._hits.append((now_ns, size))
        self._executed += size
        if now_ns - self._burst_ns >= BURST_NS:
            self._burst, self._burst_ns = 0, now_ns
        self._burst += size
        if self._native_due is None and self._burst > self._shown[-1][1]:
            self._native_due = now_ns + STILL_BEST_NS
        self._floor = max(0, self._floor - size)
        self._refill_until = now_ns + params.refresh_ms * MS_NS
        self._refill_counted = False
        self.last_hit_ns = now_ns
        self._forget(now_ns - round(params.window_s * SECOND_NS))
        self.executed = self._executed
        self.displayed = max(shown for _, shown in self._shown)
        self.formed = self.executed >= min_exec and self.executed >= params.k * self.displayed

    def confirmed(self, now_ns: int, price: int, params: DomParams) -> bool:
        """Whether this trade lifts away from a formed episode that held long enough."""
        if not self.formed or self.last_hit_ns is None or self.side * (price - self.price) < params.confirm_ticks:
            return False
        held, age = now_ns - self.last_hit_ns, now_ns - self.born_ns
        return held >= round(params.hold_s * SECOND_NS) and age >= round(params.min_age_s * SECOND_NS)

    def expired(self, now_ns: int, params: DomParams) -> bool:
        """Nobody hit the price for a minute."""
        since = self.born_ns if self.last_hit_ns is None else self.last_hit_ns
        return now_ns - since > round(params.expire_s * SECOND_NS)

    def finding(self, now_ns: int, params: DomParams, min_exec: int) -> Finding:
        """The confirmed episode as evidence and strength."""
        self._settle_native(now_ns, best=True)
        least, displayed = max(min_exec, 1), max(self.displayed, 1)
        parts = (
            c01((self.executed / least - 1) / 3)
            + c01((self.executed / displayed - params.k) / 1.5)
            + c01(self.refills / 5)
        )  # fmt: skip
        pattern = Pattern.DOM_ABSORPTION_BUY if self.side > 0 else Pattern.DOM_ABSORPTION_SELL
        return Finding(
            pattern,
            Direction(self.side),
            0.5 + 0.5 * parts / 3,
            self.price,
            {
                "executed": self.executed,
                "displayed": self.displayed,
                "refills": self.refills,
                "refilled": self.refilled,
                "native_like": int(self.native_like),
            },
        )

    def _settle_native(self, now_ns: int, best: bool) -> None:
        """More traded in a burst than was shown, and the price was still best a quarter second later."""
        if self._native_due is None:
            return
        if now_ns >= self._native_due:
            self.native_like = True
            self._native_due = None
        elif not best:
            self._native_due = None

    def _forget(self, before_ns: int) -> None:
        """Drop what left the window; a displayed size counts until the next one replaced it."""
        while self._hits and self._hits[0][0] <= before_ns:
            self._executed -= self._hits.popleft()[1]
        while len(self._shown) > 1 and self._shown[1][0] <= before_ns:
            self._shown.popleft()


class DomAbsorption:
    """Follows the best bid and offer. Quiet and free while no book is known."""

    __slots__ = ("_episodes", "_last", "_min_exec", "_now_ns", "_params")

    def __init__(self, params: DomParams, min_exec: int) -> None:
        self._params = params
        self._min_exec = min_exec if params.min_exec is None else params.min_exec
        self._episodes: list[Episode] = []
        self._last: int | None = None
        self._now_ns = 0

    @property
    def episodes(self) -> Sequence[Episode]:
        """Prices under watch, oldest first."""
        return tuple(self._episodes)

    def watch(self) -> Watch:
        """The next instant or price at which an episode could be confirmed, from what is known now.

        A formed episode waits out its hold, then for a trade that lifts away. One not formed yet must first be hit
        at its price, or, while price is near it, reach the confirming price.
        """
        due, below, above = NEVER, NO_BELOW, NO_ABOVE
        hold = round(self._params.hold_s * SECOND_NS)
        for episode in self._episodes:
            if episode.formed and episode.last_hit_ns is not None and self._now_ns < episode.last_hit_ns + hold:
                due = min(due, episode.last_hit_ns + hold)
                continue
            away = episode.price + episode.side * self._params.confirm_ticks
            near = self._last is None or episode.side * (self._last - away) < 0
            if episode.formed or near:
                price, side = away, episode.side
            else:
                price, side = episode.price, -episode.side
            if side > 0:
                above = min(above, price)
            else:
                below = max(below, price)
        return Watch(due_ns=due, below=below, above=above)

    def on_time(self, now_ns: int) -> None:
        """Time moves; episodes nobody hits are forgotten."""
        self._now_ns = max(self._now_ns, now_ns)
        self._expire()

    def on_depth(self, now_ns: int, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """The visible book, best first. An empty or crossed book is no book: nothing can be learnt from it."""
        self.on_time(now_ns)
        if not bids or not asks or bids[0][0] >= asks[0][0]:
            return
        for side, book in ((1, bids), (-1, asks)):
            best, size = book[0]
            known = dict(book)
            deepest = book[-1][0]
            fresh = True
            for episode in self._episodes:
                if episode.side != side:
                    continue
                fresh = fresh and episode.price != best
                if side * (episode.price - deepest) >= 0:
                    episode.show(now_ns, known.get(episode.price, 0), episode.price == best, self._params)
            if fresh:
                self._open(Episode(side, best, size, now_ns))

    def on_trades(self, trades: Iterable[Tick]) -> list[DomFinding]:
        """Trades in order. Returns the episodes they confirm."""
        found: list[DomFinding] = []
        for ts_ns, price, size, aggressor in trades:
            self._now_ns, self._last = max(self._now_ns, ts_ns), price
            for episode in tuple(self._episodes):
                beyond = episode.side * (price - episode.price)
                if beyond < 0:
                    self._episodes.remove(episode)
                elif beyond == 0 and aggressor == -episode.side:
                    if episode.expired(ts_ns, self._params):
                        self._episodes.remove(episode)
                    else:
                        episode.hit(ts_ns, size, self._params, self._min_exec)
                elif episode.confirmed(ts_ns, price, self._params):
                    self._episodes.remove(episode)
                    if not episode.expired(ts_ns, self._params):
                        finding = episode.finding(ts_ns, self._params, self._min_exec)
                        found.append(DomFinding(ts_ns, price, episode.born_ns, finding))
        return found

    def reset(self) -> None:
        """The book or the contract is another one: every episode is void."""
        self._episodes.clear()
        self._last = None

    def _open(self, episode: Episode) -> None:
        own = [e for e in self._episodes if e.side == episode.side]
        if len(own) >= EPISODES_A_SIDE:
            self._episodes.remove(own[0])
        self._episodes.append(episode)

    def _expire(self) -> None:
        self._episodes = [e for e in self._episodes if not e.expired(self._now_ns, self._params)]
