"""The past of a live market: folded beside the running engine, then put in its place.

The engine is in charge from the first second, because a position does not wait for history. Meanwhile a second engine,
whose actions go nowhere, sees what earlier lives left behind and then everything this life has seen, from its beginning.
Once it has caught up, the first goes on with the second's market and analytics.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.history import DayState
from orderflow_tui.domain.market import Bars, Depth, FeedStatus, Quote, Trades
from orderflow_tui.engine import Engine
from orderflow_tui.ports import TapeWriter
from orderflow_tui.wiring.memory import Memory, Place, block_of
from orderflow_tui.wiring.timeline import Fold, Now, folded_past

MOST_KEPT = 2_000_000  # trades of this life while its past is not complete; about 130 MB
SEALED_AT = 1_024  # single trades that are made one block
FEW = 64  # events that may be folded in the loop's own time


class TooMuchToKeep(Exception):
    """The live market brought more than can be kept while the past was not there."""


class HeardTape:
    """The tape, heard by somebody else too. Implements `ports.TapeWriter`; `tape` None: nothing is recorded."""

    def __init__(self, tape: TapeWriter | None, hear: Callable[[MarketEvent], None]) -> None:
        self._tape = tape
        self._hear = hear

    def write(self, event: MarketEvent) -> None:
        """Hear an event and pass it on."""
        self._hear(event)
        if self._tape is not None:
            self._tape.write(event)

    async def close(self) -> None:
        """Close the tape inside."""
        if self._tape is not None:
            await self._tape.close()


class Kept:
    """What this life has seen that decides about market and analytics: analysed trades and changes of the feed, in order."""

    def __init__(self, symbol: str) -> None:
        self.overflowed = False
        self.newest: Quote | Depth | None = None  # the newest picture of the market, for whoever takes over
        self._symbol = symbol
        self._sealed: list[MarketEvent] = []
        self._open: list[Trades] = []
        self._rows = 0
        self.signals: list[Place] = []

    def add(self, event: MarketEvent) -> None:
        """The next event the engine sees."""
        match event:
            case Quote() | Depth():
                self.newest = event if event.instrument == self._symbol else self.newest
            case Trades() if event.instrument == self._symbol:
                self._rows += len(event)
                self._open.append(event)
                if len(self._open) >= SEALED_AT:
                    self._seal()
            case FeedStatus():
                self._seal()
                self._sealed.append(event)
            case Trades() | Bars():
                return
        if self._rows > MOST_KEPT:
            self.overflowed = True
            self._sealed, self._open = [], []

    def _seal(self) -> None:
        if self._open:
            self._sealed.append(block_of(self._open))
            self._open = []

    def since(self, first: int) -> list[MarketEvent]:
        """What was kept from a place on; the place after it is `first` plus the length. Raises TooMuchToKeep."""
        if self.overflowed:
            raise TooMuchToKeep(f"more than {MOST_KEPT:,} trades came before the past did")
        self._seal()
        return self._sealed[first:]

    def now(self, clock_ns: int) -> Now:
        """How this life began."""
        statuses: list[FeedStatus] = []
        for event in self.since(0):
            if isinstance(event, Trades):
                return Now(tuple(statuses), int(event.ts_ns[0]))
            if isinstance(event, FeedStatus):
                statuses.append(event)
        return Now(tuple(statuses), clock_ns)


class Past:
    """Makes the past of `engine`. `settle()` brings in trades that wait in columns."""

    def __init__(self, engine: Engine, settle: Callable[[], None]) -> None:
        self._engine = engine
        self._settle = settle
        self._given_up = False
        self._kept: Kept | None = Kept(engine.params.analysis.symbol)

    def hear(self, event: MarketEvent) -> None:
        """What the engine sees."""
        if self._kept is not None:
            self._kept.add(event)

    def hear_signal(self, place: Place) -> None:
        """What the book told the engine meanwhile."""
        if self._kept is not None:
            self._kept.signals.append(place)

    def now(self, clock_ns: int) -> Now:
        """How this life began. Raises TooMuchToKeep."""
        assert self._kept is not None, "the past is not complete yet"
        return self._kept.now(clock_ns)

    def finish(self) -> None:
        """Nothing more is to be put before what was seen."""
        self._kept = None

    async def fold(self, memory: Memory, now: Now, bars: Bars | None, contract: str) -> list[DayState]:
        """Fold what is remembered, bars in its holes and what was kept since, then let the engine go on from there.

        Returns the days that closed on the way. Raises TooMuchToKeep.
        """
        assert self._kept is not None, "the past is not complete yet"
        kept = self._kept
        try:
            fold = await asyncio.to_thread(
                folded_past, self._engine.params, memory, now, bars, contract, lambda: self._given_up
            )  # fmt: skip
        except asyncio.CancelledError:
            self._given_up = True  # the thread would keep the program from ending
            raise
        place, told = len(now.statuses), 0
        while True:
            self._settle()  # what was heard has been processed, so the signals it gave are known
            events, signals = kept.since(place), kept.signals[told:]
            place, told = place + len(events), told + len(signals)
            fold.expect(signals)
            if sum(len(e) if isinstance(e, Trades) else 1 for e in events) > FEW:
                await asyncio.to_thread(_run, fold, events)
                continue
            _run(fold, events)
            break
        shadow = fold.engine
        shadow.analyst.remember(memory.setup_ids)
        if kept.newest is not None and stamp_of(kept.newest) >= shadow.now_ns:
            fold.step(kept.newest)
        self._engine.take_over(shadow)
        return fold.closed


def _run(fold: Fold, events: list[MarketEvent]) -> None:
    for event in events:
        fold.step(event)
