"""The past of a live market: folded beside the running engine, then put in its place.

The engine is in charge from the first second, because a position does not wait for history. Meanwhile bars are fetched and
folded into a second engine whose actions go nowhere; what the live market does until then is kept and folded behind them.
Once the second engine has seen all the first one has, the first goes on with the second's market and analyst. Bars know no
order of their trades, so all of this stays marked approximate.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.market import Bars, FeedState, FeedStatus, Trades
from orderflow_tui.driver import Driver
from orderflow_tui.engine import Engine
from orderflow_tui.ports import Feed

MOST_KEPT = 400_000  # live events while history is fetched and folded
ROWS_AT_ONCE = 500  # of history folded between two looks at whether the house still stands
FEW = 64  # live events that may be folded in the loop's own time
TURN_S = 0.002


class TooMuchToKeep(Exception):
    """The live market brought more than can be kept while the past was being folded."""


class HeardFeed:
    """A feed that lets somebody else hear what it brings. Implements `ports.Feed`."""

    def __init__(self, feed: Feed, hear: Callable[[MarketEvent], None]) -> None:
        self._feed = feed
        self._hear = hear

    async def events(self) -> AsyncIterator[MarketEvent]:
        """The events, each heard just before it is handed on."""
        async for event in self._feed.events():
            self._hear(event)
            yield event

    async def close(self) -> None:
        """Close the feed inside."""
        await self._feed.close()


class Past:
    """Makes the past of `engine`. `waiting()` counts events on their way to it, `settle()` brings in what waits in columns."""

    def __init__(self, engine: Engine, waiting: Callable[[], int], settle: Callable[[], None]) -> None:
        self._engine = engine
        self._waiting = waiting
        self._settle = settle
        self._kept: list[MarketEvent] = []
        self._keeping = False
        self._overflowed = False

    def begin(self) -> None:
        """Keep what comes from now on."""
        self._kept, self._keeping, self._overflowed = [], True, False

    def drop(self) -> None:
        """There will be no past, for now."""
        self._kept, self._keeping = [], False

    def hear(self, event: MarketEvent) -> None:
        """What the live market brings."""
        if not self._keeping:
            return
        if len(self._kept) >= MOST_KEPT:
            self._overflowed = True
            self.drop()
            return
        self._kept.append(event)

    async def fold(self, bars: Bars) -> None:
        """Fold the bars and what was kept since, then let the engine go on from there. Raises TooMuchToKeep."""
        shadow = Engine(self._engine.params)
        driver = Driver(shadow, lambda _: [], None)
        for start in range(0, len(bars), ROWS_AT_ONCE):
            await asyncio.to_thread(driver.step, bars.cut(start, min(start + ROWS_AT_ONCE, len(bars))))
        end_ns = int(bars.start_ns[-1]) + bars.seconds * 1_000_000_000
        driver.step(FeedStatus(bars.instrument, end_ns, FeedState.GAP, "one-minute bars before, single trades from here"))
        while True:
            if self._overflowed:
                raise TooMuchToKeep(f"more than {MOST_KEPT} live events came while the past was folded")
            kept, self._kept = self._kept, []
            if len(kept) > FEW:
                await asyncio.to_thread(_fold_live, driver, kept, end_ns)
                continue
            _fold_live(driver, kept, end_ns)
            if not self._waiting():
                break
            await asyncio.sleep(TURN_S)
        self._settle()
        self._engine.market, self._engine.analyst = shadow.market, shadow.analyst
        self.drop()


def _fold_live(driver: Driver, events: list[MarketEvent], from_ns: int) -> None:
    """Live events, without what the bars know already."""
    for event in events:
        if isinstance(event, Trades):
            first = int(event.ts_ns.searchsorted(from_ns, side="left"))
            if first < len(event):
                driver.step(event.cut(first, len(event)))
        elif stamp_of(event) >= from_ns:
            driver.step(event)
