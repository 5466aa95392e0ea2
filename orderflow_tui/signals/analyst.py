"""The analyst: turns what the market reports into signals, regime, setups, hypothesis and decisions.

It composes the floor and decides the order of things. At a bar's close: detectors, regime, context, setups, decisions.
Between closes only three things can happen: an episode in the book is confirmed, a price a setup waits for is traded,
a second of holding ends. Each states its watch beforehand, so where the stream is cut changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import assert_never

from orderflow_tui.domain.action import Observation
from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.history import History
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Depth, Trades
from orderflow_tui.domain.session import Phase, SessionDay, SessionTable
from orderflow_tui.domain.signal import (
    Context,
    Decision,
    Hypothesis,
    RegimeReading,
    SetupReading,
    Signal,
)
from orderflow_tui.domain.watch import Watch, merge
from orderflow_tui.market.indicators import delta_slope
from orderflow_tui.market.news import BarClosed, DayClosed, DayOpened, News, PeriodClosed, Rolled, RthClosed, RthOpened
from orderflow_tui.market.state import MarketState
from orderflow_tui.signals.background import Background
from orderflow_tui.signals.context import ContextBuilder, value_now
from orderflow_tui.signals.day import Day
from orderflow_tui.signals.dom_absorption import DomAbsorption
from orderflow_tui.signals.hypothesis import HypothesisInputs
from orderflow_tui.signals.news_window import NewsWindows
from orderflow_tui.signals.params import SignalParams, Strategy
from orderflow_tui.signals.patterns import Patterns
from orderflow_tui.signals.plan import Plan, inputs_of
from orderflow_tui.signals.regime import RegimeTracker, minutes, regime_inputs
from orderflow_tui.signals.router import Candidate, Router
from orderflow_tui.signals.setup_desk import SetupDesk, view_of
from orderflow_tui.signals.setups import SetupView
from orderflow_tui.signals.sma_crossover import SmaCrossover

DECISIONS_MAX = 500
READINGS_MAX = 400


class Analyst:
    """One instrument's analytics. Public attributes are what the screen reads; nobody writes on them from outside."""

    def __init__(self, instrument: Instrument, params: SignalParams, table: SessionTable, history: History | None = None) -> None:
        past = history or History()
        self._params = params
        self._table = table
        self._instrument = instrument
        self._patterns = Patterns(instrument, params, table, past)
        self._dom = DomAbsorption(params.dom, instrument.absorption_min_volume)
        self._news = NewsWindows(params.news_events, params.news)
        self._router = Router(params.router)
        self._tracker = RegimeTracker(params.regime)
        self._background: Background | None = None
        self._builder = ContextBuilder()
        self._today = Day(None, params.opening, params.rule_80)
        self._plan = Plan(instrument)
        self._desk = SetupDesk(instrument, params, self._router, past.setup_ids)
        self._sma = SmaCrossover(params.sma)
        self._day: SessionDay | None = None
        self.regime: RegimeReading | None = past.regimes[-1] if past.regimes else None
        self.regime_history: deque[RegimeReading] = deque(past.regimes, maxlen=READINGS_MAX)
        self._context: Context | None = None
        self._stale: MarketState | None = None  # the context is older than this market: worked out when asked for
        self._vwap: tuple[float | None, float | None] = (None, None)  # of regular hours and its sigma, at the last close
        self._watch: Watch | None = None
        self._quiet = Watch()  # while nothing but the plan waits
        self.decisions: deque[Decision] = deque(maxlen=DECISIONS_MAX)

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def context(self) -> Context | None:
        """The context of the last close. Outside regular hours nothing is decided by it, so it is made when asked for."""
        if self._stale is not None:
            self._rebuild(self._stale)
        return self._context

    @property
    def signals(self) -> Sequence[Signal]:
        """The newest 500 signals, newest last."""
        return self._patterns.signals

    @property
    def marks(self) -> dict[int, tuple[tuple[int, str, int], ...]]:
        """Signals to draw on the footprint: bar start -> (tick, letter, direction)."""
        return self._patterns.marks

    @property
    def setups(self) -> tuple[SetupReading, ...]:
        """Setups whose preconditions hold now, tradable or not."""
        return self._desk.readings

    @property
    def setup_ids(self) -> tuple[str, ...]:
        """Ids emitted on this trade date, for the history a restart needs."""
        return self._desk.emitted_ids

    @property
    def hypothesis(self) -> Hypothesis | None:
        """The plan of this trade date."""
        return self._plan.current

    def news_state(self, now_ns: int) -> str:
        """The news calendar in one short line."""
        return self._news.text(now_ns)

    def news_block(self, now_ns: int) -> str:
        """Why the news calendar blocks entries now, empty when it does not."""
        return self._news.blocked(now_ns)

    def enabled_patterns(self) -> tuple[str, ...]:
        """Patterns the regime allows now."""
        return tuple(pattern.value for pattern in self._router.enabled(self.regime))

    def size_factor(self) -> float:
        """What the regime does to the size cap now."""
        return self._router.size_factor(self.regime)

    # -- waking -------------------------------------------------------------------------------------------------------

    def watch(self, market: MarketState) -> Watch:
        """When the analyst must be woken: the plan's appointments, holds and their bands, prices setups wait for, and
        what could confirm an episode while a book is known."""
        if self._watch is None:
            if self._quiet.due_ns != self._plan.due_ns:
                self._quiet = Watch(due_ns=self._plan.due_ns)
            watch = self._quiet
            if self._desk.waiting:
                watch = merge(watch, self._desk.watch())
            if market.book.valid and self._dom.episodes:
                watch = merge(watch, self._dom.watch())
            self._watch = watch
        return self._watch

    # -- what happens -------------------------------------------------------------------------------------------------

    def on_news(self, news: Sequence[News], market: MarketState) -> list[Observation]:
        """The market ended or began something. Call after the market took in the event that caused it.

        Order of the answer: signals, regime, setups, hypothesis, decisions.
        """
        self._watch = None
        signals: list[Signal] = []
        readings: list[RegimeReading] = []
        plans: list[Hypothesis] = []
        sma: list[Candidate] = []
        judge = period = False
        bars: list[FootprintBar] = []
        for item in news:
            match item:
                case BarClosed(bar):
                    signals += self._patterns.on_bar(bar, market)
                    bars.append(bar)
                    judge = judge or bar.rth
                    if bar.rth:
                        vwap = market.vwap_rth
                        self._vwap = (vwap.value(), vwap.sigma())
                        self._today.on_bar(bar, market, self._past(market).ib_average)
                        readings += self._read_regime(bar, market)
                        sma += self._sma_candidates(bar)
                case PeriodClosed():
                    self._today.on_period(item, market)
                    judge = period = True
                case DayOpened(day):
                    self._open_day(day, market)
                case RthClosed(profile):
                    readings.append(self._keep(self._tracker.no_trade(item.ts_ns, "outside regular hours")))
                    graded = self._plan.close(profile, self._past(market).range_average)
                    plans += [graded] if graded is not None else []
                    self._desk.end_session()
                    judge = False
                case Rolled(ticks):
                    self._roll(ticks, market)
                case RthOpened() | DayClosed():
                    continue  # what they change lies in the market's own state
                case _:
                    assert_never(item)
        written = self._plan.keep_appointment(market.now_ns, lambda now: self._plan_inputs(now, market))
        plans += [written] if written is not None else []
        if judge:
            self._rebuild(market)
        elif news:
            self._stale = market
        setups, emitted = self._judge(market, bars, judge, period)
        routed = self._route(signals, sma, market.now_ns)
        return [*signals, *readings, *setups, *plans, *self._decided(routed + emitted)]

    def on_piece(self, piece: Trades, market: MarketState) -> list[Observation]:
        """Trades the watches allowed: only the last of them can have met one. Call after `market.on_trades`."""
        self._watch = None
        now_ns, last = int(piece.ts_ns[-1]), int(piece.price[-1])
        found = self._dom_signals(piece, market)
        if self._desk.follows_prices:
            self._desk.on_range(int(piece.price.min()), int(piece.price.max()))
        triggered = self._desk.on_price(last)
        return self._between_closes(found, triggered, now_ns, last, market)

    def recall(self, signal: Signal, market: MarketState) -> list[Observation]:
        """A signal the book gave in an earlier life: the book is not folded again, what it meant is. Call after the trades
        it came with."""
        self._watch = None
        self._patterns.recall(signal)
        last = market.last_price
        assert last is not None, "a signal of the book came with a trade"
        return self._between_closes([signal], False, signal.ts_ns, last, market)

    def remember(self, ids: Sequence[str]) -> None:
        """Setups that an earlier life of the running trade date acted on, and the tape did not show again."""
        self._watch = None
        self._desk.remember(ids)

    def _between_closes(
        self, found: Sequence[Signal], triggered: bool, now_ns: int, last: int, market: MarketState
    ) -> list[Observation]:
        if not found and not triggered:
            return []
        for signal in found:
            self._desk.against(signal.direction)
        setups: list[SetupReading] = []
        if market.phase is Phase.RTH:
            view = self._view(market) if triggered else None
            setups = self._desk.live(now_ns, last, view, self._patterns.recent, self.regime, market)
        routed = self._route(found, [], now_ns)
        return [*found, *setups, *self._decided(routed)]

    def on_depth(self, depth: Depth, market: MarketState) -> list[Observation]:
        """The book changed: nothing can be concluded before the next trade."""
        self._watch = None
        if market.book.valid:
            self._dom.on_depth(depth.ts_ns, depth.bids, depth.asks)
        else:
            self._dom.reset()
        return []

    def lose_book(self) -> None:
        """Data was lost: what was watched in the book is void, whatever the next book shows."""
        self._watch = None
        self._dom.reset()

    def on_time(self, now_ns: int, market: MarketState) -> list[Observation]:
        """A due time came: the plan's appointment, or the end of a hold. Call after `market.on_time`."""
        self._watch = None
        self._dom.on_time(now_ns)
        written = self._plan.keep_appointment(now_ns, lambda now: self._plan_inputs(now, market))
        plans = [] if written is None else [written]
        if plans:
            self._stale = market
        return [*plans, *self._decided(self._desk.fire(now_ns, self.regime, market.grade))]

    # -- parts --------------------------------------------------------------------------------------------------------

    def _past(self, market: MarketState) -> Background:
        if self._background is None:
            self._background = Background(market.params)
            self._background.refresh(market.archive)
        return self._background

    def _open_day(self, day: SessionDay, market: MarketState) -> None:
        self._day = day
        self._past(market).refresh(market.archive)
        self._builder.new_day()
        self._today = Day(day, self._params.opening, self._params.rule_80)
        self._plan.new_day(day)
        self._desk.new_day(day.trade_date)

    def _roll(self, ticks: int | None, market: MarketState) -> None:
        """The contract rolled: every price kept moves with it, and nothing pending survives.

        Where the shift is unknown (None), no price known so far means anything on the new contract: it is forgotten.
        """
        if ticks is None:
            self._patterns.forget()
            self._sma = SmaCrossover(self._params.sma)
            self._today = Day(self._day, self._params.opening, self._params.rule_80)
            self._builder.new_day()
        else:
            self._patterns.shift(ticks)
            self._sma.shift(ticks)
            self._today.shift(ticks)
        self._dom.reset()
        self._desk.shift(ticks or 0)
        self._plan.shift()
        self._past(market).refresh(market.archive, moved=True)

    def _keep(self, reading: RegimeReading) -> RegimeReading:
        self.regime = reading
        self.regime_history.append(reading)
        return reading

    def _read_regime(self, bar: FootprintBar, market: MarketState) -> list[RegimeReading]:
        """Classified on time bars only: the thresholds are calibrated for nothing else."""
        if market.params.bar_kind != "time":
            return []
        day = self._day
        clock = minutes(bar.end_ns, day.rth_open_ns, day.rth_close_ns) if day is not None else (0, 0)
        inputs = regime_inputs(
            bar,
            market.indicators,
            self._vwap[0],
            delta_slope(market.bars),
            clock,
            bool(self._news.blocked(bar.end_ns)),
            market.cvd_rth_partial,
            self._params.regime.vwap_unit,
            self._vwap[1],
            self._instrument.price(1),
        )
        return [self._keep(self._tracker.read(bar.end_ns, inputs))]

    def _rebuild(self, market: MarketState) -> None:
        self._stale = None
        self._context = self._builder.build(
            market.now_ns, market, self._past(market), self._today, self.regime, self._plan.current
        )  # fmt: skip

    def _judge(
        self, market: MarketState, bars: list[FootprintBar], judge: bool, period: bool
    ) -> tuple[list[SetupReading], list[Decision]]:
        """Setups at a close; outside regular hours nothing stands."""
        if bars:
            self._desk.on_bar(bars)
        if not judge or not self._today.bars or market.params.bar_kind != "time":
            if bars:
                self._desk.break_holds()
            return [], []
        assert self._context is not None, "a bar closed, so the context was built"
        now_ns = market.now_ns
        readings = self._desk.judge(now_ns, self._view(market), bool(bars), self._patterns.recent, self.regime, market)
        self._today.remember(value_now(self._context), self._context.cva, period)
        instant = self._today.bars[-1].source is not BarSource.TRADES
        at_once = instant and self._desk.waiting
        return readings, self._desk.fire_at_once(now_ns, self.regime, market.grade) if at_once else []

    def _view(self, market: MarketState) -> SetupView:
        assert self._context is not None, "setups are judged after a bar closed"
        return view_of(market, self._today, self._context, self.regime, self._vwap)

    def _plan_inputs(self, now_ns: int, market: MarketState) -> HypothesisInputs:
        assert self._day is not None, "appointments belong to a day"
        return inputs_of(now_ns, self._day, market, self._past(market), self._builder.inventory(market))

    def _dom_signals(self, piece: Trades, market: MarketState) -> list[Signal]:
        if not self._dom.episodes or not market.book.valid:
            self._dom.reset()
            return []
        rows = zip(piece.ts_ns.tolist(), piece.price.tolist(), piece.size.tolist(), piece.aggressor.tolist(), strict=True)
        confirmed = self._dom.on_trades(rows)
        return self._patterns.live(confirmed, market) if confirmed else []

    def _sma_candidates(self, bar: FootprintBar) -> list[Candidate]:
        if self._params.strategy is not Strategy.SMA_CROSSOVER:
            return []
        candidate = self._sma.on_bar(bar)
        return [] if candidate is None else [candidate]

    def _route(self, signals: Sequence[Signal], others: Sequence[Candidate], now_ns: int) -> list[Decision]:
        """One decision a signal. Only the chosen strategy's own candidates can be accepted."""
        if not signals and not others:
            return []
        found = []
        for s in signals:
            candidate = Candidate(s.id, s.pattern.value, s.pattern, s.direction, s.strength, s.ref_price)
            decision = self._router.route(candidate, self.regime, now_ns)
            found.append(decision if self._params.strategy is Strategy.PATTERNS else self._router.only_confirms(decision))
        return found + [self._router.route(candidate, self.regime, now_ns) for candidate in others]

    def _decided(self, decisions: list[Decision]) -> list[Decision]:
        if decisions:
            self.decisions.extend(decisions)
        return decisions
