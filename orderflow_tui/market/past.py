"""What stands behind today: completed sessions, closed bars, levels still alive, and the indicators' series.

The indicators' series starts, every day anew, at the first bar of the fifth previous regular session, so that a run that
was restarted and one that was not compute the same numbers. It holds regular hours, or all hours from there on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.history import History, SessionTrace
from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS, SessionDay, SessionTable
from orderflow_tui.domain.value import SessionProfile, ValueArea
from orderflow_tui.market.indicators import Indicators
from orderflow_tui.market.levels import NakedPocs, Unfinished, Zones, naked_of
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.profile import VolumeProfile

BARS_MAX = 2400  # closed bars kept of each kind: eight Globex days, or thirty sessions, of five-minute bars
SERIES_SESSIONS = 5  # previous sessions in the indicators' series
TRACES_MAX = 20  # sessions in the ATR percentile and the slot means
SLOT_SESSIONS = 5  # fewer sessions than this make no slot mean
WEEK_OPEN_NS = 5 * MINUTE_NS  # a week whose first minutes were not seen has no known open


class Archive:
    """Completed sessions, unique by trade date, oldest first."""

    __slots__ = ("_composites", "_keep", "_row_ticks", "sessions")

    def __init__(self, keep: int, row_ticks: int, sessions: Sequence[SessionProfile] = ()) -> None:
        self._keep = keep
        self._row_ticks = row_ticks
        self.sessions: tuple[SessionProfile, ...] = ()
        self._composites: dict[int, tuple[VolumeProfile, int]] = {}
        for session in sessions:
            self.add(session)

    def add(self, session: SessionProfile) -> None:
        """A session completed; the same date again replaces what was known of it."""
        others = (known for known in self.sessions if known.trade_date != session.trade_date)
        self.sessions = tuple(sorted((*others, session), key=lambda known: known.trade_date))[-self._keep :]
        self._composites = {}

    @property
    def full_since(self) -> date | None:
        """The oldest session of a full archive: what is older is forgotten everywhere. None while there is room."""
        return self.sessions[0].trade_date if len(self.sessions) == self._keep else None

    def before(self, day: date) -> None:
        """Forget sessions from `day` on: the past of a day ends before it."""
        if any(known.trade_date >= day for known in self.sessions):
            self.sessions = tuple(known for known in self.sessions if known.trade_date < day)
            self._composites = {}

    def composite(self, days: int) -> tuple[VolumeProfile, int]:
        """The last `days` sessions summed tick by tick, and how many there were."""
        kept = self._composites.get(days)
        if kept is None:
            part = self.sessions[-days:]
            profile = VolumeProfile(self._row_ticks)
            for session in part:
                profile.add_levels(session.low_tick, np.array(session.volumes, dtype=np.int64))
                profile.approx = profile.approx or session.approx
            kept = self._composites[days] = (profile, len(part))
        return kept

    def shift(self, ticks: int) -> None:
        """Move every price and write down by how much."""
        self.sessions = tuple(shifted(session, ticks) for session in self.sessions)
        self._composites = {}


def shifted(session: SessionProfile, ticks: int) -> SessionProfile:
    """A session as if it had traded `ticks` higher."""

    def up(price: int | None) -> int | None:
        return None if price is None else price + ticks

    return replace(
        session,
        open=session.open + ticks,
        high=session.high + ticks,
        low=session.low + ticks,
        close=session.close + ticks,
        low_tick=session.low_tick + ticks,
        value=_shifted_area(session.value, ticks),
        tpo_value=None if session.tpo_value is None else _shifted_area(session.tpo_value, ticks),
        ib_high=up(session.ib_high),
        ib_low=up(session.ib_low),
        vwap=None if session.vwap is None else session.vwap + ticks,
        on_high=up(session.on_high),
        on_low=up(session.on_low),
        rolled=session.rolled + ticks,
    )


def _shifted_area(area: ValueArea, ticks: int) -> ValueArea:
    return replace(area, val=area.val + ticks, poc=area.poc + ticks, vah=area.vah + ticks)


def shifted_bar(bar: FootprintBar, ticks: int) -> FootprintBar:
    """A bar as if it had traded `ticks` higher; its levels are shared."""
    return replace(
        bar,
        open=bar.open + ticks,
        high=bar.high + ticks,
        low=bar.low + ticks,
        close=bar.close + ticks,
        poc=None if bar.poc is None else bar.poc + ticks,
    )


def monday_of(trade_date: date) -> date:
    """The Monday of a trade date's week: the name of the week."""
    return trade_date - timedelta(days=trade_date.weekday())


def first_of_week(table: SessionTable, day: SessionDay) -> bool:
    """Whether a trading day is the first of its week."""
    before = table.previous(day)
    return before is None or before.trade_date < monday_of(day.trade_date)


class Past:
    """Sessions, bars, levels, traces and indicators."""

    def __init__(self, params: MarketParams, min_volume: int, table: SessionTable, history: History) -> None:
        self._table = table
        self.archive = Archive(params.archive_days, params.row_ticks, history.profiles)
        self.bars = list(history.bars[-BARS_MAX:])
        self.rth_bars = [bar for bar in history.bars if bar.rth][-BARS_MAX:]
        self.zones = Zones(params.imbalance, min_volume, history.zones)
        self.unfinished = Unfinished(
            params.unfinished_max_volume, params.unfinished_thin, params.unfinished_keep, history.unfinished
        )
        naked = history.naked_pocs
        if naked is None:
            naked = naked_of(self.archive.sessions, history.bars, self._rth_close)
        self.naked = NakedPocs(params.archive_days, params.npoc_rth_only, naked)
        self.week_open = history.week_open
        self.restarted = history.restarted
        self._dated: date | None = None  # trade date of the newest bar
        self._globex_series = params.globex_series
        self.traces = list(history.traces[-TRACES_MAX:])
        self._dates = [self.date_of(bar) for bar in self.rth_bars]
        if not self.traces:
            self._derive_traces()
        self.indicators = Indicators()
        self._slots: dict[int, list[int]] = {}
        self._atr_today: list[float] = []
        self.begin(None)

    # -- time ---------------------------------------------------------------------------------------------------------

    def begin(self, day: SessionDay | None) -> None:
        """A day begins: what lies before it is the past, and the indicators' series starts anew. None: today unknown."""
        if day is not None:
            self.archive.before(day.trade_date)
            self.traces = [trace for trace in self.traces if trace.trade_date < day.trade_date]
        self.indicators = self._series(day.trade_date if day else None, self.traces)
        self._atr_today = []
        self._slots = {}
        for trace in self.traces:
            for slot, volume in trace.volumes:
                self._slots.setdefault(slot, []).append(volume)

    def end(self, day: SessionDay, session: SessionProfile | None) -> None:
        """A day is over: its session joins the archive, its bars leave their trace."""
        if session is not None:
            self.archive.add(session)
            self.naked.forget(self.archive.full_since)
        if self._dates and self._dates[-1] == day.trade_date:
            self._add_trace(self._trace(day.trade_date, self._atr_today))

    def on_bar(self, bar: FootprintBar, trade_date: date) -> None:
        """A bar closed: levels live on, indicators move."""
        if trade_date != self._dated:
            self._begin_week(bar, trade_date)
        self.zones.on_bar(bar, trade_date)
        self.unfinished.on_bar(bar, trade_date)
        self.naked.on_bar(bar)
        self.bars.append(bar)
        if len(self.bars) > BARS_MAX:
            del self.bars[0]
        if bar.rth or self._globex_series:
            self.indicators.add(bar)
        if not bar.rth:
            return
        if self.indicators.atr14.value is not None:
            self._atr_today.append(self.indicators.atr14.value)
        self.rth_bars.append(bar)
        self._dates.append(trade_date)
        if len(self.rth_bars) > BARS_MAX:
            del self.rth_bars[0]
            del self._dates[0]

    def _begin_week(self, bar: FootprintBar, trade_date: date) -> None:
        """The first bar of a trade date: of the week's first date it tells the week's open, if it came with the open."""
        self._dated = trade_date
        day = self._table.day_of(trade_date)
        if day is not None and bar.start_ns < day.open_ns + WEEK_OPEN_NS and first_of_week(self._table, day):
            self.week_open = (monday_of(trade_date), bar.open)

    def shift(self, ticks: int, today: date | None) -> None:
        """Move every price; the series is computed again from the moved bars, so no gap enters a true range."""
        self.archive.shift(ticks)
        moved = {id(bar): shifted_bar(bar, ticks) for bar in (*self.bars, *self.rth_bars)}
        self.bars = [moved[id(bar)] for bar in self.bars]
        self.rth_bars = [moved[id(bar)] for bar in self.rth_bars]
        self.zones.shift(ticks)
        self.unfinished.shift(ticks)
        self.naked.shift(ticks)
        self.week_open = None if self.week_open is None else (self.week_open[0], self.week_open[1] + ticks)
        self.indicators = self._series(today, self.traces)

    # -- reading ------------------------------------------------------------------------------------------------------

    def date_of(self, bar: FootprintBar) -> date | None:
        """The trade date a bar belongs to."""
        return self._table.trade_date(bar.start_ns)

    def slot_volume(self, bar: FootprintBar) -> float | None:
        """Mean volume of this time of day over the last 20 sessions; None outside regular hours or under five sessions."""
        slot = self._slot(bar)
        seen = self._slots.get(slot, ()) if slot is not None else ()
        return sum(seen) / len(seen) if len(seen) >= SLOT_SESSIONS else None

    def history(self, session: SessionProfile | None, running: date | None) -> History:
        """What tomorrow needs. `session` is today's when it is complete but not archived yet; `running` the date of a
        day that has not ended."""
        profiles = self.archive.sessions
        if session is not None:
            profiles = (*(known for known in profiles if known.trade_date != session.trade_date), session)
        start = self._series_start(running)
        since = self.rth_bars[start].start_ns if start < len(self.rth_bars) else 0
        held = self.bars[0].start_ns if self.bars else 0
        older = [bar for bar in self.rth_bars[start:] if bar.start_ns < held]
        return History(
            profiles=profiles,
            bars=(*older, *(bar for bar in self.bars if bar.start_ns >= since)),
            zones=self.zones.living,
            unfinished=self.unfinished.living,
            naked_pocs=self.naked.living,
            traces=tuple(self.traces),
            week_open=self.week_open,
            restarted=self.restarted,
        )

    # -- series -------------------------------------------------------------------------------------------------------

    def _series(self, today: date | None, traces: Sequence[SessionTrace]) -> Indicators:
        indicators = Indicators([trace.atr for trace in traces])
        series = self.rth_bars[self._series_start(today) :]
        if self._globex_series and series:
            since = series[0].start_ns
            series = [bar for bar in self.bars if bar.start_ns >= since]
        indicators.add_all(series)
        return indicators

    def _series_start(self, today: date | None) -> int:
        """Index of the first bar of the fifth session before `today` (None: of the five newest)."""
        seen: list[date | None] = []
        for i in range(len(self._dates) - 1, -1, -1):
            known = self._dates[i]
            if known == today and today is not None:
                continue
            if not seen or seen[-1] != known:
                if len(seen) == SERIES_SESSIONS:
                    return i + 1
                seen.append(known)
        return 0

    def _trace(self, trade_date: date, atr: Sequence[float]) -> SessionTrace:
        volumes = []
        for known, bar in zip(self._dates, self.rth_bars, strict=True):
            slot = self._slot(bar) if known == trade_date else None
            if slot is not None:
                volumes.append((slot, bar.volume))
        return SessionTrace(trade_date, tuple(atr), tuple(volumes))

    def _add_trace(self, trace: SessionTrace) -> None:
        others = [known for known in self.traces if known.trade_date != trace.trade_date]
        self.traces = [*others, trace][-TRACES_MAX:]

    def _slot(self, bar: FootprintBar) -> int | None:
        """Seconds from the regular open to a bar's start, None outside regular hours."""
        day = self._table.day_at(bar.start_ns)
        if not bar.rth or day is None or day.rth_open_ns is None:
            return None
        return (bar.start_ns - day.rth_open_ns) // SECOND_NS

    def _derive_traces(self) -> None:
        """Traces of the sessions in hand, where none were handed down."""
        dates = list(dict.fromkeys(self._dates))
        for n, trade_date in enumerate(dates):
            if trade_date is None or n < len(dates) - TRACES_MAX:
                continue
            first = self._dates.index(trade_date)
            start = self._dates.index(dates[max(n - SERIES_SESSIONS, 0)])
            series, atr = Indicators(), []
            series.add_all(self.rth_bars[start:first])
            for bar in self.rth_bars[first : first + self._dates.count(trade_date)]:
                series.add(bar)
                if series.atr14.value is not None:
                    atr.append(series.atr14.value)
            self._add_trace(self._trace(trade_date, atr))

    def _rth_close(self, trade_date: date) -> int:
        day = self._table.day_of(trade_date)
        return day.rth_close_ns if day is not None and day.rth_close_ns is not None else 0
