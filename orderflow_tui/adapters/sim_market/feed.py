"""The simulated market as a feed: a seeded past, today up to now in one go, and from then on live order flow.

Promises: the same seed and start give the same trades and books whatever the pacing; stamps are simulated time and
never decrease; prices lie on the grid by construction; a trade happens at the bid or the ask of its instant. At high
speeds books between two beats are thinned to the newest few: trades never are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import pairwise

import numpy as np

from orderflow_tui.adapters.pace import Pace
from orderflow_tui.adapters.sim_market.draws import Purpose, stream
from orderflow_tui.adapters.sim_market.flow import Flow
from orderflow_tui.adapters.sim_market.past import past
from orderflow_tui.adapters.sim_market.walk import walk
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.history import History
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Depth, FeedState, FeedStatus, Trades
from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS, SessionDay, SessionTable
from orderflow_tui.market.params import MarketParams

WARM_FLOW_NS = 40 * MINUTE_NS  # of real order flow before the start; what lies further back is walked
WARM_STEP_NS = SECOND_NS // 2
WARM_BLOCK_NS = 30 * MINUTE_NS
WALK_GRAIN = 2.3
MOST_BOOKS = 4  # between two beats
BUSIEST_DEPTH_HZ = 50.0


class SimMarket:
    """Implements `ports.Feed`. `price_ticks` is where yesterday closed; `speed` sets the pace at once.

    Raises ValueError when `start_ns` lies in no trading day of the table.
    """

    def __init__(
        self,
        instrument: Instrument,
        table: SessionTable,
        *,
        seed: int,
        start_ns: int,
        speed: float = 1.0,
        clock: Pace,
        price_ticks: int = 26_800,
        depth_hz: float = 8.0,
    ) -> None:
        day = table.day_at(start_ns)
        if day is None or start_ns < day.open_ns:
            raise ValueError(f"the simulated market cannot start at {start_ns} ns: no trading day of the table is open then")
        if not 0 < depth_hz <= BUSIEST_DEPTH_HZ:
            raise ValueError(f"depth_hz must be above 0 and at most {BUSIEST_DEPTH_HZ:g}, got {depth_hz}")
        clock.set_speed(speed)
        self._instrument = instrument
        self._table = table
        self._seed = seed
        self._start_ns = start_ns
        self._clock = clock
        self._price = price_ticks
        self._step_ns = int(SECOND_NS / depth_hz)
        self._day: SessionDay | None = day
        self._flow: Flow | None = None
        self._ended = False
        self._closed = False

    def history(self, params: MarketParams | None = None) -> History:
        """Thirty finished sessions with profiles, the last twenty with footprint bars; the newest closes at the price."""
        assert self._day is not None
        today = self._table.day_at(self._start_ns)
        assert today is not None, "checked at construction"
        return past(self._instrument, self._table, today, self._seed, self._price, params or MarketParams())

    def warm_events(self) -> Iterator[MarketEvent]:
        """Today from the Globex open to the start, in blocks of up to half an hour, then the book. Nothing once live."""
        if self._flow is not None:
            return
        day, begin_ns = self._day, self._flow_begins()
        assert day is not None, "a market that was never started has its first day"
        bid = self._price
        walked = walk(
            self._instrument.symbol, stream(self._seed, Purpose.OVERNIGHT), day, day.open_ns, begin_ns, bid, WALK_GRAIN, 0.0
        )
        if walked is not None and walked.bid is not None:
            bid = int(walked.bid[-1])
            yield from _in_blocks(walked, day.open_ns)
        flow = self._flow = Flow(self._instrument.symbol, self._seed, begin_ns, bid, WARM_STEP_NS)
        for until_ns in range(begin_ns + WARM_BLOCK_NS, self._start_ns + WARM_BLOCK_NS, WARM_BLOCK_NS):
            flow.run(day, min(until_ns, self._start_ns))
            block = flow.take()
            if block is not None:
                yield block
        flow.look_every(self._step_ns)
        yield self._depth(self._start_ns)

    def generate(self, until_ns: int, most_books: int | None = None) -> Iterator[MarketEvent]:
        """Live events from where the market is to `until_ns` (exclusive): trades up to each book, then the book.

        With `most_books` only so many books are told, evenly spread and the newest among them; the trades between two of
        them come as one block. Trades are the same either way.
        """
        flow = self._live()
        while flow.now_ns < until_ns:
            day = self._day
            if day is None:
                yield from self._end()
                return
            if flow.now_ns >= day.close_ns:
                self._next_day(day)
                continue
            stop_ns = min(until_ns, day.close_ns)
            for look_ns in self._told_looks(stop_ns, most_books):
                flow.run(day, look_ns + 1)
                yield from self._traded()
                yield self._depth(look_ns)
            flow.run(day, stop_ns)
            yield from self._traded()

    async def events(self) -> AsyncIterator[MarketEvent]:
        """The market at the clock's pace, one batch a beat."""
        flow = self._live()
        self._clock.start(flow.now_ns)
        yield FeedStatus(self._instrument.symbol, flow.now_ns, FeedState.LIVE, "simulated market")
        while not self._closed and not self._ended:
            until_ns = await self._clock.beat()
            for event in self.generate(until_ns, MOST_BOOKS):
                yield event

    async def close(self) -> None:
        """Stop after the current beat."""
        self._closed = True

    # --- inside ------------------------------------------------------------------------------------------------------

    def _flow_begins(self) -> int:
        """Where real order flow starts: at the regular open when it is near, else some time before the start."""
        assert self._day is not None
        earliest = max(self._day.open_ns, self._start_ns - WARM_FLOW_NS)
        opening = self._day.rth_open_ns
        return opening if opening is not None and earliest < opening <= self._start_ns else earliest

    def _live(self) -> Flow:
        if self._flow is None:
            for _ in self.warm_events():
                continue
        assert self._flow is not None, "warming up starts the flow"
        return self._flow

    def _next_day(self, day: SessionDay) -> None:
        flow = self._live()
        self._day = self._table.day_at(day.close_ns)
        if self._day is not None:
            flow.open_at(self._day.open_ns, self._step_ns)

    def _told_looks(self, stop_ns: int, most: int | None) -> range:
        """The looks at the book before `stop_ns` after which it is told."""
        first_ns, step_ns = self._live().next_look_ns, self._step_ns
        count = max(0, -(-(stop_ns - first_ns) // step_ns))
        every = 1 if most is None else max(1, -(-count // most))
        return range(first_ns + (count - 1) % every * step_ns, first_ns + count * step_ns, every * step_ns)

    def _traded(self) -> Iterator[Trades]:
        block = self._live().take()
        if block is not None:
            yield block

    def _depth(self, ts_ns: int) -> Depth:
        bids, asks = self._live().ladder.shown()
        return Depth(self._instrument.symbol, ts_ns, bids, asks)

    def _end(self) -> Iterator[FeedStatus]:
        if not self._ended:
            self._ended = True
            reason = "the trading calendar of the simulated market ends here"
            yield FeedStatus(self._instrument.symbol, self._live().now_ns, FeedState.ENDED, reason)


def _in_blocks(trades: Trades, open_ns: int) -> Iterator[Trades]:
    """Cut at every half hour from the open, so that no block is huge."""
    cuts = np.flatnonzero(np.diff((trades.ts_ns - open_ns) // WARM_BLOCK_NS)) + 1
    edges = [0, *cuts.tolist(), len(trades)]
    for start, stop in pairwise(edges):
        yield trades.cut(start, stop)
