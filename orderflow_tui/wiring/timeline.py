"""The past in its order: the archive, the tape since, and one-minute bars where neither knows anything.

Bars fill whole days nobody recorded and what is missing of earlier ones. On the running day a hole in the tape stays a
gap: bars do not know who crossed the spread, and one of them would cost the day its cumulative delta.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain

import numpy as np

from orderflow_tui.adapters.tape_log import first_stamp
from orderflow_tui.domain.action import Action, Observed
from orderflow_tui.domain.event import ClockTick, Event, MarketEvent, stamp_of
from orderflow_tui.domain.history import DayState, History
from orderflow_tui.domain.market import Bars, FeedState, FeedStatus, Trades
from orderflow_tui.domain.session import SECOND_NS, SessionTable
from orderflow_tui.driver import Driver
from orderflow_tui.engine import Engine, EngineParams
from orderflow_tui.market.completed import completed
from orderflow_tui.wiring.memory import Memory, Place

AWAY = "nothing was recorded: this program was not running"
TO_BARS = "single trades before, one-minute bars from here"
FROM_BARS = "one-minute bars before, single trades from here"
ROWS_AT_ONCE = 500  # of bars between two looks at whether the house still stands
QUIET_NS = 120 * SECOND_NS  # a hole shorter than this is not worth a bar


class GivenUp(Exception):
    """The house stands no longer: nobody waits for its past."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch nobody recorded; `start_ns` None: from the beginning of time. `contract` is the month before and after,
    empty while unknown."""

    start_ns: int | None
    end_ns: int
    contract: str


@dataclass(frozen=True, slots=True)
class Now:
    """Where this life begins: what the feed said of itself before its first trade, and the instant of that trade (of now
    while there is none)."""

    statuses: Sequence[FeedStatus]
    trades_ns: int


def holes(memory: Memory, now: Now) -> list[Hole]:
    """What bars could fill. Reads the whole tape."""
    return [item for item in _walk(memory, now) if isinstance(item, Hole)]


def missing_sessions(memory: Memory, keep: int) -> list[date]:
    """Regular sessions up to the archive's last day, of the last `keep`, that it does not hold; oldest first."""
    if memory.state is None:
        return []
    known = {profile.trade_date for profile in memory.state.history.profiles}
    day, wanted = memory.table.day_at(memory.now_ns), 0
    missing: list[date] = []
    while day is not None and wanted < keep:
        day = memory.table.previous(day)
        if day is not None and day.rth_open_ns is not None:
            wanted += 1
            if day.trade_date <= memory.state.trade_date and day.trade_date not in known:
                missing.append(day.trade_date)
    return missing[::-1]


def folded_past(
    params: EngineParams, memory: Memory, now: Now, bars: Bars | None, contract: str, given_up: Callable[[], bool] = lambda: False
) -> Fold:
    """A fold whose engine has seen everything up to the first trade of this life.

    `bars` are of `contract`; None: there are none. Runs beside the loop; raises GivenUp soon after `given_up` says so.
    """
    keep = params.market.archive_days
    history, known_contract = History(), _first_contract(memory) or ("" if bars is None else contract)
    if memory.state is not None:
        history, known_contract = memory.state.history, memory.state.contract
        older = None if bars is None else _cut(bars, None, memory.state.ts_ns)
        if older is not None and known_contract in ("", contract) and missing_sessions(memory, keep):
            history = completed(history, _folded(params, older, given_up), keep)
    fold = Fold(Engine(params, history), memory.signals, given_up)
    fold.engine.contract = known_contract
    filled = False
    for item in _walk(memory, now):
        if isinstance(item, Hole):
            rows = None if bars is None else _cut(bars, item.start_ns, item.end_ns)
            if rows is not None and item.contract not in ("", contract):
                memory.note(
                    f"bars of {contract} cannot fill what {item.contract} traded: the stretch before the roll stays a gap"
                )
                rows = None
            filled = rows is not None
            if rows is not None:
                fold.bars(rows, item.start_ns)
        elif not (filled and isinstance(item, FeedStatus) and item.state is FeedState.DOWN and item.reason == AWAY):
            fold.step(item)
            filled = False
    return fold


def _folded(params: EngineParams, bars: Bars, given_up: Callable[[], bool]) -> History:
    """What bars alone would leave when their last day has closed."""
    fold = Fold(Engine(params), (), given_up)
    fold.bars(bars, None)
    day = params.table.day_at(int(bars.start_ns[-1]))
    if day is not None:
        fold.step(ClockTick(day.close_ns))
    return fold.engine.history()


def _walk(memory: Memory, now: Now) -> Iterator[MarketEvent | Hole]:
    """The tape and the beginning of this life, with holes told before the event that ends them."""
    table = memory.table
    today = table.trade_date(memory.now_ns)
    last_ns = None if memory.state is None else memory.state.ts_ns
    contract = memory.state.contract if memory.state is not None else _first_contract(memory)
    recorded_today = False
    for event in chain(memory.tape(), now.statuses):
        begins = first_stamp(event)
        if not recorded_today and _traded(table, last_ns, begins):
            yield Hole(last_ns, begins, contract)
        if isinstance(event, FeedStatus):
            if event.reason == AWAY and last_ns is not None:
                yield FeedStatus(memory.symbol, last_ns, FeedState.DOWN, AWAY)
            contract = event.rolled_to or contract
        elif isinstance(event, Trades):
            recorded_today = table.trade_date(begins) == today
        yield event
        last_ns = stamp_of(event)
    if not recorded_today and _traded(table, last_ns, now.trades_ns):
        yield Hole(last_ns, now.trades_ns, contract)


def _first_contract(memory: Memory) -> str:
    for event in memory.tape():
        if isinstance(event, FeedStatus) and event.rolled_to:
            return "" if event.state is FeedState.GAP else event.rolled_to
    return ""


def _traded(table: SessionTable, start_ns: int | None, end_ns: int) -> bool:
    """Whether the market was open in a stretch for longer than is usual without a trade."""
    if start_ns is None:
        return True
    open_ns, day = 0, table.day_at(start_ns)
    while day is not None and day.open_ns < end_ns:
        open_ns += day.open_between(start_ns, end_ns)
        day = table.day_at(day.close_ns)
    return open_ns >= QUIET_NS


def _cut(bars: Bars, start_ns: int | None, end_ns: int) -> Bars | None:
    """The bars wholly inside a stretch, None when there are none."""
    length = bars.seconds * SECOND_NS
    first = 0 if start_ns is None else int(np.searchsorted(bars.start_ns, start_ns, side="left"))
    stop = int(np.searchsorted(bars.start_ns, end_ns - length, side="right"))
    return bars.cut(first, stop) if first < stop else None


class Fold:
    """Feeds an engine whose actions go nowhere; puts signals of the book back in their places; keeps what days left."""

    def __init__(self, engine: Engine, signals: Sequence[Place], given_up: Callable[[], bool] = lambda: False) -> None:
        self.engine = engine
        self.closed: list[DayState] = []  # the newest one
        self._driver = Driver(engine, self._act, None)
        self._signals = deque(signals)
        self._given_up = given_up

    def step(self, event: MarketEvent | ClockTick) -> None:
        """One event, cut where a signal came."""
        if self._given_up():
            raise GivenUp
        if not isinstance(event, Trades):
            self._driver.step(event)
            return
        start = 0
        while self._signals and self._signals[0].signal.ts_ns <= int(event.ts_ns[-1]):
            place = self._signals.popleft()
            stop = int(event.ts_ns.searchsorted(place.signal.ts_ns, side="left")) + place.tape_pos
            if not start < stop <= len(event) or int(event.ts_ns[stop - 1]) != place.signal.ts_ns:
                continue  # the trade it came with is not on the tape
            self._driver.step(event.cut(start, stop))
            self.engine.recall(place.signal)
            start = stop
        if start < len(event):
            self._driver.step(event.cut(start, len(event)))

    def expect(self, signals: Sequence[Place]) -> None:
        """Signals whose trades are still to come."""
        self._signals.extend(signals)

    def bars(self, rows: Bars, since_ns: int | None) -> None:
        """One-minute bars in a hole."""
        if since_ns is not None:
            self._driver.step(FeedStatus(rows.instrument, since_ns, FeedState.GAP, TO_BARS))
        for start in range(0, len(rows), ROWS_AT_ONCE):
            self.step(rows.cut(start, min(start + ROWS_AT_ONCE, len(rows))))
        self._driver.step(FeedStatus(rows.instrument, stamp_of(rows), FeedState.GAP, FROM_BARS))

    def _act(self, actions: Sequence[Action]) -> Sequence[Event]:
        self.closed = [a.item for a in actions if isinstance(a, Observed) and isinstance(a.item, DayState)] or self.closed
        return ()
