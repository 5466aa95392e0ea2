"""Today's regular hours as they unfold: bars, half hours, opening type, 80 % rule, day type, and what the value
conditions need to remember."""

from __future__ import annotations

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.session import MINUTE_NS, SessionDay
from orderflow_tui.domain.signal import ValueCondition
from orderflow_tui.domain.value import ValueArea
from orderflow_tui.market.news import PeriodClosed
from orderflow_tui.market.past import shifted_bar
from orderflow_tui.market.state import MarketState
from orderflow_tui.signals import conditions as expectation
from orderflow_tui.signals.daytype import day_type, double_distribution
from orderflow_tui.signals.openings import Opening, OpeningParams, is_drive, opening_type
from orderflow_tui.signals.rotation import auction_view
from orderflow_tui.signals.rule80 import Acceptance, Period, Rule80, Rule80Params, rule_80
from orderflow_tui.signals.value import overlap, span

PROVISIONAL_MIN = 15
FINAL_MIN = 30
FALLBACK_ATR = 6  # an average initial balance is about six ATR of five minutes


class Day:
    """One regular session. Everything is judged at closes of bars and half hours."""

    __slots__ = (
        "_asks_open", "_double", "_opening_params", "_overlap_before", "_periods", "_poc_gap_before", "_rule_params", "_start_ns",
        "auction", "bars", "drive", "opening", "rule_80",
    )  # fmt: skip

    def __init__(self, day: SessionDay | None, opening: OpeningParams, rule: Rule80Params) -> None:
        self._start_ns = day.rth_open_ns if day is not None else None
        self._opening_params = opening
        self._rule_params = rule
        self._periods: list[Period] = []
        self._double = False
        self._asks_open = False  # a period closed, and the rule waits for the next one's opening trade
        self._overlap_before: float | None = None
        self._poc_gap_before: int | None = None
        self.auction: str | None = None
        self.bars: list[FootprintBar] = []
        self.opening: Opening | None = None
        self.drive = False  # the opening is a drive and cumulative delta agrees
        self.rule_80: Rule80 | None = None

    def on_bar(self, bar: FootprintBar, market: MarketState, ib_average: float | None) -> None:
        """A bar of regular hours closed."""
        self.bars.append(bar)
        if self._start_ns is None:
            return
        if self._asks_open:
            self._asks_open = False
            self._run_rule(market, bar.open)
        since = (bar.end_ns - self._start_ns) // MINUTE_NS
        if PROVISIONAL_MIN <= since <= FINAL_MIN and (self.opening is None or self.opening.provisional):
            self.opening = self._classify(market, ib_average, since < FINAL_MIN)
            self.drive = is_drive(self.opening, None if market.cvd_rth_partial else bar.cvd_rth)
        elif self.opening is not None and self.opening.provisional:  # no bar closed at the half hour itself
            self.opening = Opening(self.opening.type, self.opening.direction)

    def on_period(self, period: PeriodClosed, market: MarketState) -> None:
        """A half hour closed."""
        minute = 0 if self._start_ns is None else (period.end_ns - self._start_ns) // MINUTE_NS
        late = minute > self._rule_params.latest_min
        self._periods.append(Period(period.open, period.high, period.low, period.close, late))
        self._asks_open = self._rule_params.acceptance is Acceptance.CLOSE_OPEN
        self.auction = auction_view([(p.high, p.low) for p in self._periods])
        self._double = market.tpo.low is not None and double_distribution(
            market.tpo.low, market.tpo.counts, market.tpo.singles()
        )  # fmt: skip
        self._run_rule(market, None)

    def _run_rule(self, market: MarketState, next_open: int | None) -> None:
        area = market.pva
        if area is not None and market.rth_open_price is not None:
            self.rule_80 = rule_80(market.rth_open_price, area.val, area.vah, self._periods, self._rule_params, next_open)

    def conditions(self, current: ValueArea | None, cva: ValueArea | None) -> tuple[ValueCondition, ...]:
        """The value-expectation conditions at this bar's close."""
        if current is None or cva is None or not self.bars:
            return ()
        bars = [(b.high, b.low, b.close) for b in self.bars[-(expectation.POC_TEST_BARS + 1) :]]
        inputs = expectation.ValueInputs(current, cva, bars, self._overlap_before, self._poc_gap_before)
        return expectation.conditions(inputs)

    def remember(self, current: ValueArea | None, cva: ValueArea | None, period_closed: bool) -> None:
        """After a bar was judged: what the next one compares itself with."""
        if current is None or cva is None:
            self._overlap_before = self._poc_gap_before = None
            return
        self._overlap_before = overlap(span(current), span(cva))
        if period_closed:
            self._poc_gap_before = abs(current.poc - cva.poc)

    def type(self, market: MarketState, average_range: float | None) -> str | None:
        """The day type so far, None before the initial balance is complete."""
        high, low, top, bottom = market.rth_high, market.rth_low, market.ib_high, market.ib_low
        if not market.ib_complete or high is None or low is None or top is None or bottom is None or not self.bars:
            return None
        kind = day_type(high, low, self.bars[-1].close, top, bottom, average_range)
        return f"{kind.value}+DOUBLE_DISTRIBUTION" if self._double else kind.value

    def shift(self, ticks: int) -> None:
        """The contract rolled inside the day: the bars move, judgements made on old prices are dropped."""
        self.bars = [shifted_bar(bar, ticks) for bar in self.bars]
        self._periods = [
            Period(p.open + ticks, p.high + ticks, p.low + ticks, p.close + ticks, p.too_late) for p in self._periods
        ]
        self.rule_80 = None

    def _classify(self, market: MarketState, ib_average: float | None, provisional: bool) -> Opening | None:
        atr = market.indicators.atr14.value
        scale = ib_average if ib_average is not None else None if atr is None else FALLBACK_ATR * atr
        if scale is None or market.rth_open_price is None:
            return None
        areas = [a for a in (market.pva, market.cva()[0]) if a is not None]
        references = [p for a in areas for p in (a.val, a.vah)] + ([market.pva.poc] if market.pva is not None else [])
        named = (market.prior_high, market.prior_low, market.prior_close, market.on_high, market.on_low)
        references += [p for p in named if p is not None]
        low, high = market.prior_low, market.prior_high
        prior = None if low is None or high is None else (low, high)
        bars = [(b.high, b.low, b.close) for b in self.bars]
        found = opening_type(market.rth_open_price, bars, scale, references, prior, self._opening_params)
        return Opening(found.type, found.direction, provisional)
