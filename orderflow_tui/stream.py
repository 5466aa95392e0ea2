"""Trades one by one, as a live feed brings them: kept in open columns and handed to the driver as one block.

A trade that meets no watch changes nothing anybody may act on, so it can wait. It is tested against the merged watch with
a few comparisons; the first that meets it, and everything that must not overtake it (another event, a view, a full
buffer), flushes the columns through the same path as any block. So a stream of single trades costs little more than a
block, and gives the same results. The columns are typed: a block is made of them where they lie, whatever their length.
"""

from __future__ import annotations

from array import array

import numpy as np

from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.watch import Watch
from orderflow_tui.driver import Driver

LONGEST = 4096
SHORT_BLOCK = 16  # blocks up to this length are taken apart; longer ones go straight to the driver


class TradeStream:
    """Feeds a driver. `step` takes any event; `flush` must be called before anybody looks at the engine."""

    __slots__ = (
        *("_asks", "_best", "_bids", "_driver", "_instrument", "_methods", "_prices", "_quoted", "_sides", "_sizes"),
        *("_stamps", "_traded", "_watch", "_winding"),
    )

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._instrument = ""
        self._quoted = False
        self._watch = Watch(every=True)
        self._winding = False  # the watch depends on more than this trade's time and price
        self._best: list[int] = []
        self._traded = 0
        self._renew()

    def __len__(self) -> int:
        return len(self._stamps)

    def step(self, event: Event) -> None:
        """Process an event, or let a short block of trades wait."""
        if not isinstance(event, Trades) or len(event.ts_ns) > SHORT_BLOCK:
            self.flush()
            self._driver.step(event)
            return
        bid, ask = event.bid, event.ask
        quoted = bid is not None and ask is not None
        if event.instrument != self._instrument or quoted is not self._quoted:
            self.flush()
            self._instrument, self._quoted = event.instrument, quoted
        columns = (event.ts_ns, event.price, event.size, event.aggressor, event.method)
        if len(event.ts_ns) == 1:  # as it nearly always is
            if bid is not None and ask is not None:
                self._bids.append(bid.item())
                self._asks.append(ask.item())
            ts_ns, price, size, side, method = columns
            self._add(ts_ns.item(), price.item(), size.item(), side.item(), method.item())
            return
        for i, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            if bid is not None and ask is not None:
                self._bids.append(int(bid[i]))
                self._asks.append(int(ask[i]))
            self._add(*row)

    def flush(self) -> None:
        """Hand what waits to the driver."""
        if not self._stamps:
            return
        block = Trades(
            self._instrument,
            np.frombuffer(self._stamps, np.int64),
            np.frombuffer(self._prices, np.int64),
            np.frombuffer(self._sizes, np.int64),
            np.frombuffer(self._sides, np.int8),
            np.frombuffer(self._methods, np.int8),
            np.frombuffer(self._bids, np.int64) if self._quoted else None,
            np.frombuffer(self._asks, np.int64) if self._quoted else None,
        )
        self._renew()
        self._driver.step(block)

    def _renew(self) -> None:
        """Empty columns; the old ones live on in the block made of them."""
        self._stamps, self._prices, self._sizes = array("q"), array("q"), array("q")
        self._sides, self._methods = array("b"), array("b")
        self._bids, self._asks = array("q"), array("q")

    def _add(self, ts_ns: int, price: int, size: int, side: int, method: int) -> None:
        stamps = self._stamps
        if not stamps:
            watch = self._watch = self._driver.watch
            self._winding = watch.every or watch.volume is not None or bool(watch.give_back)
            self._best = [give.best for give in watch.give_back]
            self._traded = 0
        stamps.append(ts_ns)
        self._prices.append(price)
        self._sizes.append(size)
        self._sides.append(side)
        self._methods.append(method)
        watch = self._watch
        quiet = ts_ns < watch.due_ns and watch.below < price < watch.above
        if quiet and self._winding:
            quiet = not self._wound(price, size)
        if not quiet or len(stamps) >= LONGEST:
            self.flush()

    def _wound(self, price: int, size: int) -> bool:
        """Whether this trade meets the part of the watch that grows with every trade."""
        watch = self._watch
        if watch.every:
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
