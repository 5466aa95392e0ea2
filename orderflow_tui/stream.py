"""Trades one by one, as a live feed brings them: kept in open columns and handed to the driver as one block.

A trade that meets no watch changes nothing anybody may act on, so it can wait. It is tested against the merged watch with
a few comparisons; the first that meets it, and everything that must not overtake it (another event, a view, a full
buffer), flushes the columns through the same path as any block. So a stream of single trades costs little more than a
block, and gives the same results.
"""

from __future__ import annotations

from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import NO_PRICE, Trades, trades_of
from orderflow_tui.domain.watch import Watch
from orderflow_tui.driver import Driver

LONGEST = 4096
SHORT_BLOCK = 16  # blocks up to this length are taken apart; longer ones go straight to the driver


class TradeStream:
    """Feeds a driver. `step` takes any event; `flush` must be called before anybody looks at the engine."""

    __slots__ = ("_best", "_columns", "_driver", "_instrument", "_quoted", "_traded", "_watch")

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._instrument = ""
        self._quoted = False
        self._columns: tuple[list[int], ...] = tuple([] for _ in range(7))
        self._watch = Watch(every=True)
        self._best: list[int] = []
        self._traded = 0

    def __len__(self) -> int:
        return len(self._columns[0])

    def step(self, event: Event) -> None:
        """Process an event, or let a short block of trades wait."""
        if not isinstance(event, Trades) or len(event) > SHORT_BLOCK:
            self.flush()
            self._driver.step(event)
            return
        if len(self) and (event.instrument != self._instrument or (event.bid is not None) is not self._quoted):
            self.flush()
        self._instrument, self._quoted = event.instrument, event.bid is not None
        quotes = (event.bid, event.ask) if event.bid is not None and event.ask is not None else None
        bids = quotes[0].tolist() if quotes else [NO_PRICE] * len(event)
        asks = quotes[1].tolist() if quotes else [NO_PRICE] * len(event)
        columns = (event.ts_ns, event.price, event.size, event.aggressor, event.method)
        for row in zip(*(column.tolist() for column in columns), bids, asks, strict=True):
            self._add(row)

    def flush(self) -> None:
        """Hand what waits to the driver."""
        if not len(self):
            return
        stamps, prices, sizes, sides, methods, bids, asks = self._columns
        block = trades_of(
            self._instrument,
            stamps,
            prices,
            sizes,
            sides,
            methods,
            bids if self._quoted else None,
            asks if self._quoted else None,
        )
        self._columns = tuple([] for _ in range(7))
        self._driver.step(block)

    def _add(self, row: tuple[int, ...]) -> None:
        if not len(self):
            self._watch = self._driver.watch
            self._best = [give.best for give in self._watch.give_back]
            self._traded = 0
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)
        if self._met(row[0], row[1], row[2]) or len(self) >= LONGEST:
            self.flush()

    def _met(self, ts_ns: int, price: int, size: int) -> bool:
        """Whether this trade meets the watch."""
        watch = self._watch
        if watch.every or ts_ns >= watch.due_ns or price <= watch.below or price >= watch.above:
            return True
        if watch.volume is not None:
            self._traded += size
            if self._traded >= watch.volume:
                return True
        for i, give in enumerate(watch.give_back):
            worth = give.sign * price
            self._best[i] = max(self._best[i], worth)
            if self._best[i] - worth >= give.drop:
                return True
        return False
