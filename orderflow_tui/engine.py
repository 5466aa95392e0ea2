"""THE CORE: `on(event) -> actions`. Market, signals and trading meet here and nowhere else.

Promises: no await, no clock, no file, no log, no randomness. The same events give the same actions, however trades are
cut into blocks, because nobody acts on being called: everything acts when its own watch is met (driver.py).
Market data changes accumulators; what the analytics conclude leaves as `Observed`; what is to be done about it is the
desk's business, which is told `Facts` and never sees the market.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from orderflow_tui.domain.account import AccountReport, ContractMonth, Link, LinkStatus, MarginFigure
from orderflow_tui.domain.action import Action, Observation, Observed, Row
from orderflow_tui.domain.event import (
    WELL,
    ClockTick,
    Committed,
    ContractNews,
    Event,
    HouseHealth,
    JournalFailed,
    OperatorCommand,
    SendFailed,
    StopFileGone,
    StopFileSeen,
    Trouble,
    stamp_of,
)
from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.history import DayState, History
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Bars, Depth, FeedState, FeedStatus, Mark, Quote, Trades
from orderflow_tui.domain.order import Commission, Fill, OrderUpdate
from orderflow_tui.domain.session import MINUTE_NS, Phase, SessionDay, SessionTable
from orderflow_tui.domain.signal import Decision, Signal
from orderflow_tui.domain.watch import Watch, merge
from orderflow_tui.market.marks import Marks
from orderflow_tui.market.news import BarClosed, DayClosed, DayOpened, News, RthClosed
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.state import MarketState
from orderflow_tui.signals.analyst import Analyst
from orderflow_tui.signals.params import SignalParams
from orderflow_tui.trading.desk import Desk
from orderflow_tui.trading.fences import stale_limit_ms
from orderflow_tui.trading.limits import TradingParams
from orderflow_tui.window import WindowParams, entries_open, flat_at

MS_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class EngineParams:
    """Everything the core is told before the first event. `install` and `account` go into order ids and orders. `tiered`:
    further instruments, on the grid of the analysed one, that a tier may execute in."""

    analysis: Instrument
    execution: Instrument
    instruments: Mapping[str, Instrument]
    table: SessionTable
    market: MarketParams
    signals: SignalParams
    trading: TradingParams
    window: WindowParams
    account: str = ""
    install: str = "local"
    tiered: tuple[str, ...] = ()

    @property
    def traded(self) -> tuple[str, ...]:
        """Every instrument orders may go out in, the configured one first."""
        return self.execution.symbol, *self.tiered


class Engine:
    """One engine, one analysed instrument, one executed instrument at a time."""

    def __init__(self, params: EngineParams, history: History | None = None) -> None:
        past = history or History()
        self.params = params
        self._traded = params.traded
        self.now_ns = 0
        self.market = MarketState(params.analysis, params.market, params.table, past)
        self.analyst = Analyst(params.analysis, params.signals, params.table, past)
        self._desk = Desk(
            params.trading, params.instruments, params.execution.symbol, params.account, params.install, tiered=params.tiered
        )
        self.link = Link.OFF
        self.link_epoch = 0
        self.link_reason = ""
        self.margins: dict[str, MarginFigure] = {}
        self.expiries: dict[str, date] = {}
        self.house = WELL
        self.feed: FeedStatus | None = None
        self.contract = ""  # the month the analysed prices belong to, empty until the feed names one
        self.contract_block = ""  # why the contract month forbids entries
        timing = params.trading.timing
        self._marks = Marks(params.analysis.symbol, params.traded, timing.stale_overnight_ms * MS_NS)
        self._watch: Watch | None = None
        self._desk_watch: Watch | None = None
        self._told: Facts | None = None  # the last facts
        self._hours: tuple[SessionDay | None, int, str, bool, str] = (None, 0, "", *entries_open(params.window, None, 0))

    # -- time ---------------------------------------------------------------------------------------------------------

    @property
    def watch(self) -> Watch:
        """When the engine must be woken; computed from state once after each event. Before the first event no time runs."""
        if self.now_ns == 0:
            return Watch(every=True)
        if self._watch is None:
            if self._desk_watch is None:
                self._desk_watch = self._desk.watch(self._times())
            self._watch = merge(self.market.watch, self.analyst.watch(self.market), self._desk_watch)
        return self._watch

    @property
    def desk(self) -> Desk:
        """The desk. Whoever reaches for it may change it, so what it waits for is asked again afterwards."""
        self._desk_watch = None
        return self._desk

    def on(self, event: Event) -> list[Action]:
        """Process one event. A block of trades must not reach beyond `watch`."""
        self.now_ns = max(self.now_ns, stamp_of(event))
        self._watch = None
        match event:
            case Trades():
                return self._on_trades(event)
            case Bars():
                return self._conclude(self.market.on_bar(event), [])
            case Quote() | Depth():
                return self._on_book(event)
            case FeedStatus():
                return self._on_feed(event)
            case ClockTick():
                return self._on_time(event.ts_ns)
            case LinkStatus():
                self.link, self.link_epoch, self.link_reason = event.link, event.epoch, event.reason
                return self.desk.on(event, self.facts())
            case MarginFigure():
                self.margins[event.instrument] = event
                return self.desk.on(event, self.facts())
            case ContractMonth():
                self.expiries[event.instrument] = event.expiry
                return []
            case (
                OrderUpdate()
                | Fill()
                | Commission()
                | AccountReport()
                | OperatorCommand()
                | StopFileSeen()
                | StopFileGone()
                | Committed()
                | JournalFailed()
                | SendFailed()
            ):
                return self.desk.on(event, self.facts())
            case HouseHealth():
                self.house = event
                return self.desk.on(event, self.facts())
            case ContractNews():
                self.contract_block = event.block
                self._marks.change_month(apart=event.apart)
                return self.desk.on_time(self.facts())
            case Trouble():
                return self.desk.open_latch(event.latch, event.reason, self.facts())
            case _:
                assert_never(event)

    def restore(self, rows: Sequence[Row]) -> None:
        """Rebuild what the journal knows: orders, fills, latches, counters. Before the first event."""
        self.desk.restore(rows)
        self._watch = None

    # -- what is told to the desk -------------------------------------------------------------------------------------

    def facts(self) -> Facts:
        """The world as the desk may know it, at this instant."""
        day = self.params.table.day_at(self.now_ns)
        allowed, reason = self._entries_open(day)
        phase = day.phase(self.now_ns) if day else Phase.CLOSED
        rth = phase is Phase.RTH
        data_ts = self.market.data_ts_ns
        self._marks.stale_ns = stale_limit_ms(rth, self.params.trading.timing) * MS_NS
        self._told = Facts(
            now_ns=self.now_ns,
            trade_date=day.trade_date if day else None,
            entries_open=allowed,
            window_reason=reason,
            flat_at_ns=flat_at(self.params.window, day),
            market_open=phase is not Phase.CLOSED,
            rth=rth,
            data_age_ms=None if data_ts is None else max(0, self.now_ns - data_ts) // MS_NS,
            grade=self.market.grade,
            link=self.link,
            link_epoch=self.link_epoch,
            marks=self._marks.of(self._desk.ledger.held, self.market),
            margins=tuple(self.margins.values()),
            expiry=min([self.expiries[s] for s in self._traded if s in self.expiries], default=None),
            house=self.house,
        )
        return self._told

    def _entries_open(self, day: SessionDay | None) -> tuple[bool, str]:
        """Whether entries are allowed now and why not: worked out once a minute, and when news or month object anew."""
        objection = self.contract_block or self.analyst.news_block(self.now_ns)
        minute = 0 if day is None else (self.now_ns - day.midnight_ns) // MINUTE_NS
        known = self._hours
        if known[0] is not day or known[1] != minute or known[2] != objection:
            known = self._hours = (day, minute, objection, *entries_open(self.params.window, day, self.now_ns, objection))
        return known[3], known[4]

    def _times(self) -> Facts:
        """Facts that are right about days and times, which is all a watch is made of: the last ones, if of this instant."""
        told = self._told
        return told if told is not None and told.now_ns == self.now_ns else self.facts()

    def mark(self, symbol: str) -> Mark | None:
        """What an instrument is worth, None where nothing can say."""
        return self._marks.mark(symbol, self.market)

    # -- market -------------------------------------------------------------------------------------------------------

    def _on_trades(self, piece: Trades) -> list[Action]:
        if piece.instrument != self.params.analysis.symbol:
            return self._on_execution_trades(piece)
        self._marks.on_tape_quotes(piece)
        news = self.market.on_trades(piece)
        observed = self.analyst.on_piece(piece, self.market)
        actions = self._conclude(news, observed)
        if self._marks.follow_tape(self._desk.ledger.held, self.market):
            self._marks.on_tape(piece)
            watch = self._desk_watch
            actions += self.desk.on_mark(self.facts())
            if not actions and not self._desk.ledger.held:
                self._desk_watch = watch  # a mark moves nothing where nothing is held
            self._marks.told()
        return actions

    def _on_execution_trades(self, piece: Trades) -> list[Action]:
        self._marks.on_trades(piece)
        actions = self.desk.on_mark(self.facts())
        self._marks.told()
        return actions

    def _on_book(self, event: Quote | Depth) -> list[Action]:
        self._marks.on_book(event)
        if event.instrument != self.params.analysis.symbol:
            moves = event.instrument in self._desk.ledger.held and self._marks.follow_quotes(event.instrument)
            return self.desk.on_mark(self.facts()) if moves else []
        if isinstance(event, Quote):
            self.market.on_quote(event)
            return []
        self.market.on_depth(event)
        return self._conclude([], self.analyst.on_depth(event, self.market))

    def _on_feed(self, event: FeedStatus) -> list[Action]:
        """The feed changed; where it says that the contract rolled, prices move by the shift, or start anew without one.

        A status that is no GAP only names the month. Another month than the one known, without a roll, is one of unknown
        shift.
        """
        self.feed = event
        news = self.market.on_status(event)
        if not self.market.book.valid:
            self.analyst.lose_book()
        if event.rolled_to and event.instrument == self.params.analysis.symbol:
            rolls = event.state is FeedState.GAP
            if rolls and event.shift_ticks is not None:
                self._marks.roll_tape()
                news += self.market.shift(event.shift_ticks)
            elif rolls or self.contract not in ("", event.rolled_to):
                self._marks.roll_tape()
                news += self.market.restart()
            self.contract = event.rolled_to
        return self._conclude(news, [])

    def recall(self, signal: Signal) -> None:
        """A signal the book gave in an earlier life, at its place between the trades that are folded again."""
        self._watch = None
        self.analyst.recall(signal, self.market)

    def take_over(self, past: Engine) -> None:
        """Go on with the market and the analytics of an engine that has seen all of this one's market, and more."""
        self._watch = None
        self.market, self.analyst, self.contract = past.market, past.analyst, past.contract

    def _on_time(self, now_ns: int) -> list[Action]:
        desk_due_ns = -1 if self._desk_watch is None else self._desk_watch.due_ns
        news = self.market.on_time(now_ns)
        actions = self._conclude(news, [])
        actions += self._conclude([], self.analyst.on_time(now_ns, self.market))
        if self.link is Link.OFF and now_ns < desk_due_ns and not any(isinstance(item, DayOpened) for item in news):
            return actions  # no broker was ever there: the desk only keeps its own appointments
        return actions + self.desk.on_time(self.facts())

    def history(self) -> History:
        """What a restart needs beside the tape of the running day. Continues without a difference from a day's close."""
        return replace(self.market.history(), setup_ids=self.analyst.setup_ids, regimes=tuple(self.analyst.regime_history))

    def _day_state(self, closed: DayClosed) -> DayState:
        return DayState(closed.day.trade_date, closed.ts_ns, self.params.analysis.symbol, self.history(), self.contract)

    # -- conclusions --------------------------------------------------------------------------------------------------

    def _conclude(self, news: Sequence[News], observed: Sequence[Observation]) -> list[Action]:
        """Publish what closed and what it means; pass decisions to the desk."""
        if not news and not observed:
            return []
        items: list[Observation] = list(observed)
        if news:
            for piece_of_news in news:
                if isinstance(piece_of_news, BarClosed):
                    items.append(piece_of_news.bar)
                elif isinstance(piece_of_news, RthClosed) and piece_of_news.profile is not None:
                    items.append(piece_of_news.profile)
            items += self.analyst.on_news(news, self.market)
            items += [self._day_state(item) for item in news if isinstance(item, DayClosed)]
        actions: list[Action] = [Observed(item) for item in items]
        for item in items:
            if isinstance(item, Decision) and item.accepted:
                actions += self.desk.on_decision(item, self.facts())
        return actions
