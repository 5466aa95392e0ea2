"""Everything that begins anew with the Globex day: profiles, averages, cumulative deltas, ranges, periods.

Fed with folds of trades or with historical rows, each wholly inside one phase and one period.
"""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.domain.market import Grade, SideMethod
from orderflow_tui.domain.session import Phase, SessionDay
from orderflow_tui.domain.value import SessionProfile, ValueArea
from orderflow_tui.market.delta import Cvd
from orderflow_tui.market.footprint import Fold, Row
from orderflow_tui.market.news import PeriodClosed
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.profile import SPREAD, VolumeProfile, merged
from orderflow_tui.market.tpo import Extreme, TpoProfile
from orderflow_tui.market.vwap import Vwap, added


class Range:
    """First, highest, lowest and last price of a stretch, None before it traded."""

    __slots__ = ("close", "high", "low", "open")

    def __init__(self) -> None:
        self.open: int | None = None
        self.high: int | None = None
        self.low: int | None = None
        self.close: int | None = None

    def add(self, first: int, high: int, low: int, last: int) -> None:
        """The next stretch of trading."""
        self.open = first if self.open is None else self.open
        self.high = high if self.high is None else max(self.high, high)
        self.low = low if self.low is None else min(self.low, low)
        self.close = last

    def shift(self, ticks: int) -> None:
        """Move every price."""
        if self.open is not None and self.high is not None and self.low is not None and self.close is not None:
            self.open, self.high, self.low, self.close = (p + ticks for p in (self.open, self.high, self.low, self.close))


class Stretch:
    """One phase of a day by price. Trades are in the profile; `rows` is the average of historical rows alone."""

    __slots__ = ("_average", "_version", "profile", "rows")

    def __init__(self, row_ticks: int) -> None:
        self.profile = VolumeProfile(row_ticks)
        self.rows = Vwap()
        self._average = self.rows
        self._version = 0

    @property
    def vwap(self) -> Vwap:
        """Average price, from levels and rows; worked out when asked, kept until something changes."""
        profile = self.profile
        if self._version != profile.version:
            self._version = profile.version
            self._average = self.rows.copy()
            if profile.low is not None and profile.total > profile.spread:  # of bars alone the levels hold no trades
                self._average.add_levels(profile.low, added(profile.table()[:, :SPREAD], 1))
        return self._average

    def shift(self, ticks: int) -> None:
        """Move every price."""
        self.profile.shift(ticks)
        self.rows.shift(ticks)


class Today:
    """One Globex day in the making. Phases: overnight, regular hours, after; Globex is the sum of the three."""

    def __init__(self, day: SessionDay, params: MarketParams) -> None:
        self.day = day
        self.rth_begun = False
        self._params = params
        self.night = Stretch(params.row_ticks)
        self.regular = Stretch(params.row_ticks)
        self.after = Stretch(params.row_ticks)
        self.cvd_rth = Cvd()
        self.cvd_globex = Cvd()
        self.rth = Range()
        self.overnight = Range()
        self.ib = Range()
        self.tpo = TpoProfile()
        self.periods: list[PeriodClosed] = []
        self.poc_trail: list[tuple[int, int]] = []
        self.by_method = [0] * len(SideMethod)
        self._period = Range()
        self._globex: tuple[int, VolumeProfile] | None = None

    # -- adding -------------------------------------------------------------------------------------------------------

    def add(self, part: Fold, phase: Phase, period: int, in_ib: bool, sided: bool) -> None:
        """A fold of trades; `sided` False while the feed delivers aggregates only."""
        delta = part.bought - part.sold if sided else None
        self._add_range(phase, period, in_ib, (part.first, part.high, part.low, part.last))
        profile = self._stretch(phase).profile
        if sided:
            profile.add_table(part.low, part.table, part.volume)
        else:
            profile.add_levels(part.low, part.table.sum(axis=1))
            profile.approx = True
        self.cvd_globex.add(delta)
        if phase is Phase.RTH:
            self.cvd_rth.add(delta)
        for method, volume in enumerate(part.by_method):
            self.by_method[method] += volume

    def add_row(self, row: Row, phase: Phase, period: int, in_ib: bool) -> None:
        """One historical row: its volume is spread over its ticks, its average price is the typical one."""
        self._add_range(phase, period, in_ib, (row.open, row.high, row.low, row.close))
        stretch = self._stretch(phase)
        stretch.profile.add_bar(row.low, row.high, row.close, row.volume)
        stretch.rows.add_bar(row.high, row.low, row.close, row.volume)
        delta = row.delta
        self.cvd_globex.add(delta)
        if phase is Phase.RTH:
            self.cvd_rth.add(delta)
        unknown = row.unknown
        self.by_method[SideMethod.FEED] += row.volume - unknown
        self.by_method[SideMethod.NONE] += unknown

    def _add_range(self, phase: Phase, period: int, in_ib: bool, ohlc: tuple[int, int, int, int]) -> None:
        """`ohlc` is first, highest, lowest, last."""
        if phase is Phase.RTH:
            self.rth.add(*ohlc)
            self._period.add(*ohlc)
            self.tpo.touch(period, ohlc[2], ohlc[1])
            if in_ib:
                self.ib.add(*ohlc)
        elif phase is not Phase.AFTER:
            self.overnight.add(*ohlc)

    def end_period(self, index: int, start_ns: int, end_ns: int) -> PeriodClosed | None:
        """A half-hour is over; None when nothing traded in it."""
        part, self._period = self._period, Range()
        if part.open is None or part.high is None or part.low is None or part.close is None:
            return None
        news = PeriodClosed(index, part.open, part.high, part.low, part.close, start_ns, end_ns)
        self.periods.append(news)
        return news

    def shift(self, ticks: int) -> None:
        """Move every price."""
        for stretch in self._stretches():
            stretch.shift(ticks)
        for reach in (self.rth, self.overnight, self.ib, self._period):
            reach.shift(ticks)
        self.tpo.shift(ticks)
        self.periods = [
            PeriodClosed(p.index, p.open + ticks, p.high + ticks, p.low + ticks, p.close + ticks, p.start_ns, p.end_ns)
            for p in self.periods
        ]
        self.poc_trail = [(ts_ns, poc + ticks) for ts_ns, poc in self.poc_trail]

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def globex_profile(self) -> VolumeProfile:
        """The whole day; rebuilt only when a part changed."""
        version = sum(stretch.profile.version for stretch in self._stretches())
        if self._globex is None or self._globex[0] != version:
            parts = (stretch.profile for stretch in self._stretches())
            self._globex = (version, merged(parts, self._params.row_ticks))
        return self._globex[1]

    @property
    def vwap_globex(self) -> Vwap:
        """Average since the Globex open."""
        whole = Vwap()
        for stretch in self._stretches():
            whole.add(stretch.vwap)
        return whole

    def _stretches(self) -> tuple[Stretch, Stretch, Stretch]:
        return self.night, self.regular, self.after

    def _stretch(self, phase: Phase) -> Stretch:
        """Trades stamped in a pause belong to the night that follows."""
        return self.regular if phase is Phase.RTH else self.after if phase is Phase.AFTER else self.night

    def dva(self) -> ValueArea | None:
        """Developing value area of regular hours."""
        return self.regular.profile.value_area(self._params.value_permille, self._params.value_method)

    def on_volume(self, prior_close: int | None) -> tuple[int, int]:
        """Overnight volume above and below the prior regular close; zeros while there is none."""
        if prior_close is None:
            return 0, 0
        night = self.night.profile
        return night.volume_above(prior_close), night.volume_below(prior_close)

    def shares(self) -> dict[str, float]:
        """Share of the day's volume whose side came from feed, quote, tick rule, or nowhere. Zeros before trading."""
        v = self.by_method
        tick = v[SideMethod.MID_TICK] + v[SideMethod.TICK]
        quote = v[SideMethod.QUOTE] + v[SideMethod.QUOTE_PREV]
        total = sum(v)
        scale = 1.0 / total if total else 0.0
        return {
            "feed": v[SideMethod.FEED] * scale,
            "quote": quote * scale,
            "tick": tick * scale,
            "unknown": v[SideMethod.NONE] * scale,
        }

    def grade(self, waiting: Sequence[int]) -> Grade:
        """Trust in sides by volume: A the feed's flag for 99 %, B flag or quote for 95 % and hardly any unknown, C up to a
        fifth guessed or unknown, D beyond. Whole numbers, edges inclusive; `waiting` is volume by method not added yet."""
        v = [added + more for added, more in zip(self.by_method, waiting, strict=True)]
        total = sum(v)
        if not total:
            return Grade.UNKNOWN
        told = v[SideMethod.FEED] + v[SideMethod.QUOTE] + v[SideMethod.QUOTE_PREV]
        if 100 * v[SideMethod.FEED] >= 99 * total:
            return Grade.A
        if 100 * told >= 95 * total and 100 * v[SideMethod.NONE] < total:
            return Grade.B
        return Grade.C if 100 * (total - told) <= 20 * total else Grade.D

    def session_profile(self, prior_close: int | None) -> SessionProfile | None:
        """The regular session as the archive keeps it; None when nothing traded in it."""
        params, profile, rth = self._params, self.regular.profile, self.rth
        value = self.dva()
        if value is None or rth.open is None or rth.high is None or rth.low is None or rth.close is None:
            return None
        assert profile.low is not None, "a profile with a value area has a range"
        up, down = self.on_volume(prior_close)
        return SessionProfile(
            trade_date=self.day.trade_date,
            half_day=self.day.half_day,
            open=rth.open,
            high=rth.high,
            low=rth.low,
            close=rth.close,
            volume=profile.total,
            delta=self.cvd_rth.value,
            low_tick=profile.low,
            volumes=profile.volumes(),
            tpo=self._tpo_counts(profile),
            value=value,
            tpo_value=self.tpo.value_area(params.value_permille, params.value_method),
            ib_high=self.ib.high,
            ib_low=self.ib.low,
            vwap=self.regular.vwap.value(),
            vwap_sd=self.regular.vwap.sigma(),
            on_high=self.overnight.high,
            on_low=self.overnight.low,
            on_up_volume=up,
            on_down_volume=down,
            poor_high=self.tpo.high_quality() is Extreme.POOR,
            poor_low=self.tpo.low_quality() is Extreme.POOR,
            approx=profile.approx,
        )

    def _tpo_counts(self, profile: VolumeProfile) -> tuple[int, ...]:
        """Letters dense from the profile's lowest tick, as long as its volumes.

        A spread bar with less volume than ticks can leave the profile narrower than the letters' range.
        """
        assert profile.low is not None, "a profile that is archived has a range"
        assert self.tpo.low is not None, "where volume traded, a period was touched"
        skip = profile.low - self.tpo.low
        return self.tpo.counts[skip : skip + len(profile.volumes())]
