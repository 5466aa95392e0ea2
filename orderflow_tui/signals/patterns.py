"""Runs the detectors on every closed bar and keeps what they found."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import date

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.history import History
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Grade
from orderflow_tui.domain.session import SessionDay, SessionTable
from orderflow_tui.domain.signal import Quality, Signal
from orderflow_tui.domain.value import UnfinishedLevel
from orderflow_tui.market.past import shifted_bar
from orderflow_tui.market.state import MarketState
from orderflow_tui.signals.catalogue import DETECTORS, LETTERS, LEVEL_DETECTORS
from orderflow_tui.signals.detector import BarContext, Detector, has_levels, signal_id, signals_of
from orderflow_tui.signals.dom_absorption import DomFinding
from orderflow_tui.signals.params import SignalParams
from orderflow_tui.signals.unfinished import UnfinishedDetector

SIGNALS_MAX = 500
MARKED_BARS_MAX = 400
EARLIER_MAX = 24
Marks = tuple[tuple[int, str, int], ...]


class Tail:
    """The newest bars of one kind, and how many of them belong to the running session."""

    __slots__ = ("_session", "bars", "in_session")

    def __init__(self) -> None:
        self.bars: list[FootprintBar] = []
        self.in_session = 0
        self._session: tuple[date | None, bool] | None = None

    def enter(self, session: tuple[date | None, bool]) -> None:
        """The next bar belongs to this session."""
        if session != self._session:
            self._session, self.in_session = session, 0

    def add(self, bar: FootprintBar) -> None:
        """Remember a bar."""
        self.bars.append(bar)
        self.in_session = min(self.in_session + 1, EARLIER_MAX)
        if len(self.bars) > EARLIER_MAX:
            del self.bars[0]


class Patterns:
    """Detectors, the bars before each bar, and the signals so far."""

    __slots__ = (
        "_bar_count", "_day", "_detectors", "_instrument", "_numbered", "_params", "_table", "_tails", "marks", "signals",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, params: SignalParams, table: SessionTable, history: History) -> None:
        self._instrument = instrument
        self._params = params
        self._table = table
        self._day: SessionDay | None = None
        self._tails = {True: Tail(), False: Tail()}
        self._bar_count = 0
        self._numbered: deque[tuple[int, Signal]] = deque(maxlen=SIGNALS_MAX)
        self.signals: deque[Signal] = deque(maxlen=SIGNALS_MAX)
        self.marks: dict[int, Marks] = {}
        self._detectors: list[Detector] = [build(params, instrument) for build in DETECTORS]
        for bar in history.bars[-(EARLIER_MAX * 24) :]:
            self._tail(bar).add(bar)
        living = _aged(history.unfinished, table, history.bars[-1].end_ns if history.bars else None)
        self._detectors = [
            UnfinishedDetector(params.unfinished, living) if isinstance(d, UnfinishedDetector) else d for d in self._detectors
        ]

    @property
    def recent(self) -> list[Signal]:
        """Signals of the last completed bars that still count (two by default) and of the moment, oldest first."""
        since, found = self._bar_count - self._params.score.of_window_bars, []
        for number, signal in reversed(self._numbered):
            if number <= since:
                break
            found.append(signal)
        return found[::-1]

    def on_bar(self, bar: FootprintBar, market: MarketState) -> list[Signal]:
        """A closed bar. Volume bars are shown but not judged: the detectors are calibrated for time bars."""
        self._bar_count += 1
        if market.params.bar_kind != "time":
            return []
        tail = self._tail(bar)
        view = BarContext(
            self._instrument,
            self._day.trade_date if self._day is not None else None,
            tail.bars,
            tail.in_session,
            market.indicators.atr14.value,
            market.slot_volume(bar) if bar.rth else None,
        )
        first = 0 if has_levels(bar) else len(LEVEL_DETECTORS)
        found = signals_of(self._detectors[first:], bar, view, self._params.low_quality_share)
        tail.add(bar)
        if found:
            self._keep(found, self._bar_count)
            self.marks[bar.start_ns] = tuple((s.ref_price, LETTERS[s.pattern], int(s.direction)) for s in found)
            if len(self.marks) > MARKED_BARS_MAX:
                del self.marks[next(iter(self.marks))]
        return found

    def live(self, confirmed: Sequence[DomFinding], market: MarketState) -> list[Signal]:
        """Signals that did not wait for a close. They count with the bar being built."""
        day = self._table.trade_date(confirmed[0].ts_ns)
        quality = Quality.LOW if market.grade is Grade.D else Quality.NORMAL
        found = [
            Signal(
                signal_id(day, c.finding.pattern, c.born_ns, c.finding.ref_price),
                c.ts_ns,
                self._instrument.symbol,
                c.finding.pattern,
                c.finding.direction,
                c.finding.strength,
                c.finding.ref_price,
                c.trigger_price,
                quality,
                c.finding.evidence,
            )
            for c in confirmed
        ]
        self._keep(found, self._bar_count + 1)
        return found

    def recall(self, signal: Signal) -> None:
        """A signal of an earlier life that did not wait for a close."""
        self._keep([signal], self._bar_count + 1)

    def shift(self, ticks: int) -> None:
        """The contract rolled."""
        for detector in self._detectors:
            detector.shift(ticks)
        for tail in self._tails.values():
            tail.bars = [shifted_bar(bar, ticks) for bar in tail.bars]
        self._numbered.clear()  # signals of the other contract confirm nothing

    def forget(self) -> None:
        """The contract rolled and nobody knows by how much: levels and bars of the old one are no measure for the new."""
        self._detectors = [build(self._params, self._instrument) for build in DETECTORS]
        self._tails = {True: Tail(), False: Tail()}
        self.marks = {}
        self._numbered.clear()

    def _keep(self, found: Sequence[Signal], number: int) -> None:
        self.signals.extend(found)
        self._numbered.extend((number, signal) for signal in found)

    def _tail(self, bar: FootprintBar) -> Tail:
        """The bars of this bar's kind, its session entered."""
        day = self._day
        if day is None or not day.open_ns <= bar.start_ns < day.close_ns:
            day = self._day = self._table.day_at(bar.start_ns)
        after = day is not None and day.rth_close_ns is not None and bar.start_ns >= day.rth_close_ns
        tail = self._tails[bar.rth]
        tail.enter((day.trade_date if day is not None else None, after))
        return tail


def _aged(
    levels: Sequence[UnfinishedLevel], table: SessionTable, now_ns: int | None
) -> list[tuple[UnfinishedLevel, int]]:  # fmt: skip
    """Levels from before, each with its age in trading days at `now_ns`."""
    today = None if now_ns is None else table.day_at(now_ns - 1)
    aged = []
    for level in levels:
        age, day = 0, None if level.born_date is None else table.day_of(level.born_date)
        while day is not None and today is not None and day.trade_date < today.trade_date:
            day, age = table.day_at(day.close_ns), age + 1
        aged.append((level, age))
    return aged
