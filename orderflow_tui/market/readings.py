"""The read side of the market: everything that can be asked of it. Asking never changes an answer.

A question folds the trades that wait, so every answer includes the newest trade.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.history import History
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import FeedState, Grade, Trades
from orderflow_tui.domain.session import Phase, SessionDay
from orderflow_tui.domain.value import SessionProfile, UnfinishedLevel, ValueArea, Zone
from orderflow_tui.market.book import Book
from orderflow_tui.market.footprint import OpenBar
from orderflow_tui.market.indicators import Indicators, delta_slope
from orderflow_tui.market.news import PeriodClosed
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.past import Past, monday_of
from orderflow_tui.market.profile import VolumeProfile
from orderflow_tui.market.recent import RecentTrades
from orderflow_tui.market.rolling import RollingVwap
from orderflow_tui.market.session import SessionClock
from orderflow_tui.market.today import Today
from orderflow_tui.market.tpo import TpoProfile
from orderflow_tui.market.vwap import Vwap


class Readings(ABC):
    """Questions and answers. Prices in ticks, None where unknown."""

    instrument: Instrument
    params: MarketParams
    now_ns: int
    data_ts_ns: int | None  # stamp of the newest market event of any kind
    last_trade_ns: int | None
    trades_at_stamp: int  # trades that bear the stamp of the newest one
    book: Book
    _clock: SessionClock
    _past: Past
    _day: Today
    _grade: Grade | None  # the grade, None while it must be judged anew; folding what waits does not change it
    _session: SessionProfile | None
    _recent: RecentTrades
    _rolling: RollingVwap
    _newest: Trades | None
    _last_close: int | None
    _feed: FeedState
    _bar: OpenBar | None

    @abstractmethod
    def _fold(self) -> None:
        """Take in the trades that wait."""

    @abstractmethod
    def _waiting_by_method(self) -> Sequence[int]:
        """Volume by side method of the trades that wait: what is asked at every trade must not fold them."""

    @abstractmethod
    def open_bar(self) -> FootprintBar | None:
        """The bar being built, as it stands; None while nothing traded in it."""

    @property
    def _today(self) -> Today:
        self._fold()
        return self._day

    # -- time and last trade ------------------------------------------------------------------------------------------

    @property
    def day(self) -> SessionDay | None:
        """The Globex day last opened, None before the first."""
        return self._clock.day

    @property
    def phase(self) -> Phase:
        """Where in its day the market is; CLOSED between days."""
        return self._clock.phase

    @property
    def last_price(self) -> int | None:
        """Price of the newest trade (or close of the newest historical bar)."""
        return self._last_close if self._newest is None else int(self._newest.price[-1])

    @property
    def last_size(self) -> int:
        """Size of the newest trade, 0 when there is none."""
        return 0 if self._newest is None else int(self._newest.size[-1])

    @property
    def last_side(self) -> int:
        """Aggressor of the newest trade: +1, -1, 0 unknown."""
        return 0 if self._newest is None else int(self._newest.aggressor[-1])

    @property
    def tape(self) -> tuple[tuple[int, int, int, int], ...]:
        """The last 200 trades as (ts_ns, price, size, aggressor), newest last."""
        self._fold()
        return self._recent.tape()

    def pressure(self, seconds: int) -> float | None:
        """100 · bought / (bought + sold) over the trailing window of at most 300 s."""
        self._fold()
        return self._recent.pressure(self.now_ns, seconds)

    def recent_sold(self, ticks: int) -> int:
        """Volume that hit the bid at a price since price came to it; cleared five seconds after it left."""
        self._fold()
        return self._recent.at_level(ticks, self.now_ns)[0]

    def recent_bought(self, ticks: int) -> int:
        """Volume that lifted the offer at a price since price came to it."""
        self._fold()
        return self._recent.at_level(ticks, self.now_ns)[1]

    def pulled(self, ticks: int) -> int:
        """Change of resting size at a price since it last traded: positive stacked, negative pulled."""
        return self.book.pulled(ticks)

    # -- trust --------------------------------------------------------------------------------------------------------

    @property
    def grade(self) -> Grade:
        """How far today's sides can be trusted."""
        if self._feed is FeedState.SNAPSHOT:
            return Grade.SNAPSHOT
        if self._grade is None:
            self._grade = self._day.grade(self._waiting_by_method())
        return self._grade

    def side_shares(self) -> dict[str, float]:
        """Shares (0..1) of today's volume by how its side was settled: feed, quote, tick, unknown."""
        return self._today.shares()

    @property
    def session_partial(self) -> bool:
        """The feed was not there all through the session that runs: regular hours in them and after, else the day."""
        cvd = self._day.cvd_rth if self._day.rth_begun else self._day.cvd_globex
        return cvd.partial

    # -- bars ---------------------------------------------------------------------------------------------------------

    @property
    def bars(self) -> Sequence[FootprintBar]:
        """Closed bars, oldest first."""
        return self._past.bars

    @property
    def rth_bars(self) -> Sequence[FootprintBar]:
        """Closed bars of regular hours, earlier sessions included, oldest first."""
        return self._past.rth_bars

    @property
    def bar_volume_so_far(self) -> int:
        """Contracts in the open bar."""
        self._fold()
        return self._bar.volume if self._bar is not None else 0

    @property
    def indicators(self) -> Indicators:
        """Indicators over the bars of regular hours, as of the newest closed one."""
        return self._past.indicators

    def delta_slope(self) -> tuple[float, bool]:
        """Slope per bar of the newest ten known bar deltas, nights included, and whether there were fewer (cold)."""
        return delta_slope(self._past.bars)

    def slot_volume(self, bar: FootprintBar) -> float | None:
        """Mean volume of the bar's time of day over the last sessions, None under five of them."""
        return self._past.slot_volume(bar)

    # -- today --------------------------------------------------------------------------------------------------------

    @property
    def rth_profile(self) -> VolumeProfile:
        """Today's regular hours by price."""
        return self._today.regular.profile

    @property
    def overnight_profile(self) -> VolumeProfile:
        """Tonight by price, from the Globex open to the regular open."""
        return self._today.night.profile

    @property
    def globex_profile(self) -> VolumeProfile:
        """The whole Globex day by price."""
        return self._today.globex_profile

    def dva(self) -> ValueArea | None:
        """Today's developing value area; the same object while nothing trades."""
        return self._today.dva()

    @property
    def poc_trail(self) -> Sequence[tuple[int, int]]:
        """(ts_ns, developing POC) at each close of a bar of regular hours."""
        return self._day.poc_trail

    @property
    def tpo(self) -> TpoProfile:
        """Time at price of today's regular hours."""
        return self._today.tpo

    @property
    def current_period(self) -> int | None:
        """Index of the half-hour that runs, None outside regular hours."""
        day = self._clock.day
        if self.phase is not Phase.RTH or day is None or day.rth_open_ns is None:
            return None
        return (self.now_ns - day.rth_open_ns) // self.params.period_ns

    @property
    def periods(self) -> Sequence[PeriodClosed]:
        """The completed half-hours of today's regular hours."""
        return self._day.periods

    @property
    def vwap_rth(self) -> Vwap:
        """Average since the regular open."""
        return self._today.regular.vwap

    @property
    def vwap_globex(self) -> Vwap:
        """Average since the Globex open."""
        return self._today.vwap_globex

    @property
    def vwap_1h(self) -> Vwap:
        """Average of the last hour, in whole bars."""
        return self._rolling.read(self._past.bars, self.open_bar(), self.now_ns, 60)

    @property
    def vwap_4h(self) -> Vwap:
        """Average of the last four hours, in whole bars."""
        return self._rolling.read(self._past.bars, self.open_bar(), self.now_ns, 240)

    @property
    def cvd_rth(self) -> int | None:
        """Cumulative delta since the regular open; None before it, and when sides are not known."""
        return self._today.cvd_rth.value if self._day.rth_begun else None

    @property
    def cvd_globex(self) -> int | None:
        """Cumulative delta since the Globex open."""
        return self._today.cvd_globex.value

    @property
    def cvd_rth_partial(self) -> bool:
        """Data of today's regular hours is missing."""
        return self._day.cvd_rth.partial

    @property
    def ib_high(self) -> int | None:
        """High of the initial balance so far."""
        return self._today.ib.high

    @property
    def ib_low(self) -> int | None:
        """Low of the initial balance so far."""
        return self._today.ib.low

    @property
    def ib_complete(self) -> bool:
        """The first hour is over."""
        opening = self._day.day.rth_open_ns
        return self._day.rth_begun and opening is not None and self.now_ns >= opening + self.params.ib_ns

    @property
    def rth_open_price(self) -> int | None:
        """First trade of regular hours."""
        return self._today.rth.open

    @property
    def rth_high(self) -> int | None:
        """High of today's regular hours."""
        return self._today.rth.high

    @property
    def rth_low(self) -> int | None:
        """Low of today's regular hours."""
        return self._today.rth.low

    @property
    def on_high(self) -> int | None:
        """High of tonight."""
        return self._today.overnight.high

    @property
    def on_low(self) -> int | None:
        """Low of tonight."""
        return self._today.overnight.low

    @property
    def on_up_volume(self) -> int:
        """Tonight's volume above the prior regular close."""
        return self._today.on_volume(self.prior_close)[0]

    @property
    def on_down_volume(self) -> int:
        """Tonight's volume below the prior regular close."""
        return self._today.on_volume(self.prior_close)[1]

    # -- the past -----------------------------------------------------------------------------------------------------

    @property
    def archive(self) -> tuple[SessionProfile, ...]:
        """Regular sessions of earlier Globex days, oldest first. Today's joins when its Globex day closes."""
        return self._past.archive.sessions

    @property
    def today_profile(self) -> SessionProfile | None:
        """Today's regular session once it closed."""
        return self._session

    @property
    def pva(self) -> ValueArea | None:
        """Value area of the previous session."""
        return self.archive[-1].value if self.archive else None

    @property
    def prior_high(self) -> int | None:
        """High of the previous session."""
        return self.archive[-1].high if self.archive else None

    @property
    def prior_low(self) -> int | None:
        """Low of the previous session."""
        return self.archive[-1].low if self.archive else None

    @property
    def prior_close(self) -> int | None:
        """Close of the previous session."""
        return self.archive[-1].close if self.archive else None

    @property
    def week_open(self) -> int | None:
        """First trade of this Globex week, None when it was not seen."""
        known, day = self._past.week_open, self.day
        return known[1] if known is not None and day is not None and known[0] == monday_of(day.trade_date) else None

    @property
    def restarted(self) -> date | None:
        """Trade date at which the contract rolled by an unknown shift, so that the past began anew; None: never."""
        return self._past.restarted

    def cva(self) -> tuple[ValueArea | None, int]:
        """Value area of the last sessions summed, and how many there were; fewer than `cva_days` is partial."""
        profile, count = self._past.archive.composite(self.params.cva_days)
        return profile.value_area(self.params.value_permille, self.params.value_method), count

    def cva_hist(self) -> tuple[int, tuple[int, ...]] | None:
        """The composite by price: (low tick, dense volumes)."""
        profile, _ = self._past.archive.composite(self.params.cva_days)
        return None if profile.low is None else (profile.low, profile.volumes())

    @property
    def naked_pocs(self) -> tuple[tuple[date, int], ...]:
        """(session, tick) of POCs at which nobody traded since, as of the newest closed bar; oldest first."""
        return self._past.naked.living

    @property
    def zones(self) -> tuple[Zone, ...]:
        """Stacked zones not broken yet, oldest first."""
        return self._past.zones.living

    @property
    def unfinished(self) -> tuple[UnfinishedLevel, ...]:
        """Unfinished extremes not revisited yet, oldest first."""
        return self._past.unfinished.living

    @property
    def revisited(self) -> tuple[UnfinishedLevel, ...]:
        """Unfinished extremes that the newest closed bar reached."""
        return self._past.unfinished.revisited

    def history(self) -> History:
        """What a restart or tomorrow needs. Taken when a Globex day has closed, it continues without a difference."""
        running = None
        if self._clock.running and self._session is None and self._clock.day is not None:
            running = self._clock.day.trade_date
        return self._past.history(self._session, running)
