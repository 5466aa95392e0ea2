"""The loop: watches merged, blocks cut, timers fired, simultaneous things in order.

Between two decision points nothing can be decided, so a block runs whole until the nearest watch. Because a watch
depends only on state before the piece, where a stream happens to be cut can never change a result.

Order at one nanosecond: engine timers, broker timers, the trade, its actions, its reports. Only news of the house's own
health overtakes timers: whoever slept must know it before anything is done because time went by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from orderflow_tui.domain.action import Action
from orderflow_tui.domain.event import ClockTick, Event, HouseHealth, stamp_of
from orderflow_tui.domain.market import I64, Bars, Depth, Quote, Trades
from orderflow_tui.domain.watch import NO_ABOVE, NO_BELOW, GiveBack, Watch, merge
from orderflow_tui.ports import MatchingBroker

FIRST_CHUNK = 2048
Act = Callable[[Sequence[Action]], Sequence[Event]]


class Core(Protocol):
    """What the driver needs of the engine."""

    @property
    def watch(self) -> Watch:
        """When the engine must be woken."""
        ...

    def on(self, event: Event) -> list[Action]:
        """Process one event whose market piece the watch allowed."""
        ...


def horizon(watch: Watch, block: Trades, start: int) -> int:
    """How many trades from `start` may run as one piece; 0 = a timer comes first.

    The piece ends with the first trade that meets the watch, that trade included.
    """
    stamps = block.ts_ns
    end = start + int(stamps[start:].searchsorted(watch.due_ns))
    if end == start:
        return 0
    if watch.every:
        return 1
    if watch.below == NO_BELOW and watch.above == NO_ABOVE and not watch.give_back and watch.volume is None:
        return end - start
    chunk, low = FIRST_CHUNK, start
    bests = [g.best for g in watch.give_back]
    traded = 0
    while low < end:
        high = min(low + chunk, end)
        hit = _first_hit(watch, block, low, high, bests, traded)
        if hit >= 0:
            return hit + 1 - start
        if watch.volume is not None:
            traded += int(block.size[low:high].sum())
        low, chunk = high, chunk * 4
    return end - start


def _first_hit(watch: Watch, block: Trades, low: int, high: int, bests: list[int], traded: int) -> int:
    """Index of the first trade in [low, high) that meets the price or volume part of the watch, -1 if none does."""
    price = block.price[low:high]
    first = -1
    banded = watch.below != NO_BELOW or watch.above != NO_ABOVE
    if banded and (int(price.min()) <= watch.below or int(price.max()) >= watch.above):
        first = int(np.argmax((price <= watch.below) | (price >= watch.above)))
    for i, give in enumerate(watch.give_back):
        hit, bests[i] = _give_back(give, price, bests[i])
        if hit >= 0 and (first < 0 or hit < first):
            first = hit
    if watch.volume is not None:
        sums = np.cumsum(block.size[low:high])
        if traded + int(sums[-1]) >= watch.volume:
            hit = int(np.searchsorted(sums, watch.volume - traded, side="left"))
            first = hit if first < 0 or hit < first else first
    return low + first if first >= 0 else -1


def _give_back(give: GiveBack, price: I64, best: int) -> tuple[int, int]:
    """First index at which the give-back from the running best reaches its drop (-1: none), and the new best."""
    worth = price * give.sign
    peak = np.maximum(np.maximum.accumulate(worth), best)
    lost = peak - worth >= give.drop
    hit = int(np.argmax(lost)) if bool(lost.any()) else -1
    return hit, int(peak[-1])


class Driver:
    """Feeds events to the engine and, where one lives in the loop, to a matching broker.

    `act` carries out the engine's actions and returns events that are known at once (a synchronous journal's
    Committed); everything else comes back later through `step`.
    """

    __slots__ = ("_act", "_broker", "_engine", "pieces")

    def __init__(self, engine: Core, act: Act, broker: MatchingBroker | None = None) -> None:
        self._engine = engine
        self._act = act
        self._broker = broker
        self.pieces = 0

    def step(self, event: Event) -> None:
        """Process one event: everything due before it first, then the event itself."""
        if isinstance(event, Trades):
            self._run(event)
            return
        if isinstance(event, Bars):
            self._run_bars(event)
            return
        if isinstance(event, HouseHealth):
            self._tell(event)
            return
        self._fire(stamp_of(event))
        reports: list[Event] = []
        if self._broker is not None and isinstance(event, Quote | Depth):
            reports = self._broker.on_market(event)
        self._tell(event)
        self._report(reports)

    def _tell(self, event: Event) -> None:
        self._report(self._act(self._engine.on(event)))

    def _report(self, events: Sequence[Event]) -> None:
        for event in events:
            self._tell(event)

    @property
    def watch(self) -> Watch:
        """When engine or broker must be woken, whichever comes first."""
        return self._engine.watch if self._broker is None else merge(self._engine.watch, self._broker.watch)

    def _fire(self, until_ns: int) -> None:
        """Fire every timer due at or before `until_ns`, each at its own due time."""
        while True:
            mine = self._engine.watch.due_ns
            theirs = self._broker.watch.due_ns if self._broker is not None else mine
            if min(mine, theirs) > until_ns:
                return
            if mine <= theirs or self._broker is None:
                self._tell(ClockTick(mine))
                assert self._engine.watch.due_ns > mine, "a timer that fired must not be due again at the same instant"
            else:
                self._report(self._broker.on_time(theirs))

    def _run(self, block: Trades) -> None:
        start, count = 0, len(block)
        while start < count:
            length = horizon(self.watch, block, start)
            if length == 0:
                self._fire(int(block.ts_ns[start]))
                continue
            piece = block if length == count else block.cut(start, start + length)
            reports = self._broker.on_market(piece) if self._broker is not None else []
            self._tell(piece)
            self._report(reports)
            self.pieces += 1
            start += length

    def _run_bars(self, block: Bars) -> None:
        """Historical bars go one by one: each is a decision point of its own."""
        for i in range(len(block)):
            bar = block.cut(i, i + 1)
            self._fire(int(bar.start_ns[0]))
            self._tell(bar)
            self.pieces += 1
