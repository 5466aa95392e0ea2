"""Thirty generated sessions behind the simulated market: profiles, footprint bars, zones and unfinished levels.

So composite value, the indicators, the regime and the hypothesis stand from the first second. Older sessions come from
`walk` at a coarse grain; the last close is the price the market goes on from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np

from orderflow_tui.adapters.sim_market.draws import Purpose, stream
from orderflow_tui.adapters.sim_market.walk import walk
from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.history import History
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.session import SECOND_NS, SessionDay, SessionTable
from orderflow_tui.domain.value import SessionProfile
from orderflow_tui.market.levels import Unfinished, Zones
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.past import first_of_week, monday_of
from orderflow_tui.market.profile import poc_index, value_area
from orderflow_tui.market.tpo import Extreme, TpoProfile
from orderflow_tui.market.vwap import Vwap

SESSIONS = 30
SESSIONS_WITH_BARS = 20
SESSIONS_WITH_LEVELS = 5
RTH_GRAIN, OVERNIGHT_GRAIN = 26.0, 40.0
DAY_DRIFT_TICKS = 55.0  # standard deviation of a session's drift
NIGHT_DRIFT_TICKS = 30.0


class _Session:
    """One finished regular session and the night before it, still at the price the walk happened to be at."""

    __slots__ = ("day", "night", "rth")

    def __init__(self, day: SessionDay, night: Trades | None, rth: Trades) -> None:
        self.day, self.night, self.rth = day, night, rth


def past(instrument: Instrument, table: SessionTable, today: SessionDay, seed: int, close: int, params: MarketParams) -> History:
    """The sessions before `today` as far as the table reaches, at most thirty; the last of them closes at tick `close`."""
    days = [d for d in table.days if d.close_ns <= today.open_ns and d.rth_open_ns is not None][-SESSIONS:]
    sessions = list(_walked(instrument.symbol, days, seed))
    if not sessions:
        return History()
    shift = close - int(sessions[-1].rth.price[-1])
    profiles: list[SessionProfile] = []
    bars: list[FootprintBar] = []
    zones = Zones(params.imbalance, instrument.imbalance_min_volume)
    unfinished = Unfinished(params.unfinished_max_volume, params.unfinished_thin, params.unfinished_keep)
    prior_close: int | None = None
    week_open: tuple[date, int] | None = None
    for age, session in zip(range(len(sessions), 0, -1), sessions, strict=True):
        rth = _moved(session.rth, shift)
        night = None if session.night is None else _moved(session.night, shift)
        profile = _profile(session.day, rth, night, prior_close, params)
        profiles.append(profile)
        prior_close = profile.close
        if night is not None and first_of_week(table, session.day):
            week_open = (monday_of(session.day.trade_date), int(night.price[0]))
        if age > SESSIONS_WITH_BARS:
            continue
        new = list(_bars(session.day, rth, params.bar_ns))
        bars += new
        if age <= SESSIONS_WITH_LEVELS:
            for bar in new:
                zones.on_bar(bar, session.day.trade_date)
                unfinished.on_bar(bar, session.day.trade_date)
            unfinished.end_day(session.day.trade_date, profile.high, profile.low)
    return History(tuple(profiles), tuple(bars), zones.living, unfinished.living, week_open=week_open)


def _walked(symbol: str, days: list[SessionDay], seed: int) -> Iterator[_Session]:
    random = stream(seed, Purpose.PAST)
    bid = 0
    for day in days:
        if day.rth_open_ns is None or day.rth_close_ns is None:
            continue
        night_drift, drift = random.normal(0.0, NIGHT_DRIFT_TICKS), random.normal(0.0, DAY_DRIFT_TICKS)
        night = walk(symbol, random, day, day.open_ns, day.rth_open_ns, bid, OVERNIGHT_GRAIN, night_drift)
        bid = bid if night is None or night.bid is None else int(night.bid[-1])
        rth = walk(symbol, random, day, day.rth_open_ns, day.rth_close_ns, bid, RTH_GRAIN, drift)
        if rth is not None and rth.bid is not None:
            bid = int(rth.bid[-1])
            yield _Session(day, night, rth)


def _moved(block: Trades, ticks: int) -> Trades:
    return replace(block, price=block.price + ticks)


def _volumes(block: Trades) -> tuple[int, np.ndarray]:
    """(lowest tick, int64[levels] contracts)."""
    low = int(block.price.min())
    return low, np.bincount(block.price - low, weights=block.size).astype(np.int64)


def _profile(day: SessionDay, rth: Trades, night: Trades | None, prior_close: int | None, params: MarketParams) -> SessionProfile:
    assert day.rth_open_ns is not None
    low, volumes = _volumes(rth)
    value = value_area(low, volumes.tolist(), params.value_permille, params.value_method, params.row_ticks)
    assert value is not None, "a session that traded has value"
    tpo = _letters(day.rth_open_ns, rth, params.period_ns)
    vwap = Vwap()
    vwap.add_levels(low, volumes)
    ib = rth.price[: int(np.searchsorted(rth.ts_ns, day.rth_open_ns + params.ib_minutes * 60 * SECOND_NS))]
    up = down = 0
    if night is not None and prior_close is not None:
        up, down = (int(night.size[night.price > prior_close].sum()), int(night.size[night.price < prior_close].sum()))
    return SessionProfile(
        trade_date=day.trade_date,
        half_day=day.half_day,
        open=int(rth.price[0]),
        high=int(rth.price.max()),
        low=low,
        close=int(rth.price[-1]),
        volume=int(rth.size.sum()),
        delta=int((rth.size * rth.aggressor).sum()),
        low_tick=low,
        volumes=tuple(volumes.tolist()),
        tpo=tpo.counts,
        value=value,
        tpo_value=tpo.value_area(params.value_permille, params.value_method),
        ib_high=int(ib.max()) if len(ib) else None,
        ib_low=int(ib.min()) if len(ib) else None,
        vwap=vwap.value(),
        vwap_sd=vwap.sigma(),
        on_high=None if night is None else int(night.price.max()),
        on_low=None if night is None else int(night.price.min()),
        on_up_volume=up,
        on_down_volume=down,
        poor_high=tpo.high_quality() is Extreme.POOR,
        poor_low=tpo.low_quality() is Extreme.POOR,
        approx=False,
    )


def _letters(open_ns: int, rth: Trades, period_ns: int) -> TpoProfile:
    tpo = TpoProfile()
    period = (rth.ts_ns - open_ns) // period_ns
    starts = np.flatnonzero(np.diff(period, prepend=-1))
    lows, highs = np.minimum.reduceat(rth.price, starts), np.maximum.reduceat(rth.price, starts)
    for index, low, high in zip(period[starts].tolist(), lows.tolist(), highs.tolist(), strict=True):
        tpo.touch(index, low, high)
    return tpo


def _bars(day: SessionDay, rth: Trades, bar_ns: int) -> Iterator[FootprintBar]:
    assert day.rth_open_ns is not None
    index = (rth.ts_ns - day.rth_open_ns) // bar_ns
    edges = [*np.flatnonzero(np.diff(index, prepend=-1)).tolist(), len(rth)]
    cvd = 0
    for start, stop in pairwise(edges):
        part = rth.cut(start, stop)
        start_ns = day.rth_open_ns + int(index[start]) * bar_ns
        bar = _bar(part, start_ns, start_ns + bar_ns, cvd)
        cvd = bar.cvd_rth or 0
        yield bar


def _bar(part: Trades, start_ns: int, end_ns: int, cvd: int) -> FootprintBar:
    low, high = int(part.price.min()), int(part.price.max())
    levels = high - low + 1
    bought = part.aggressor > 0
    cells = np.bincount((part.price - low) * 2 + bought, weights=part.size, minlength=2 * levels).astype(np.int64)
    bid, ask = cells[0::2], cells[1::2]
    running = np.cumsum(part.size * part.aggressor)
    delta, sold, total = int(running[-1]), int(bid.sum()), int(cells.sum())
    return FootprintBar(
        instrument=part.instrument,
        start_ns=start_ns,
        end_ns=end_ns,
        open=int(part.price[0]),
        high=high,
        low=low,
        close=int(part.price[-1]),
        volume=total,
        bid_volume=sold,
        ask_volume=total - sold,
        unknown_volume=0,
        weak_volume=0,
        inferred_volume=0,
        trades=len(part),
        delta=delta,
        min_delta=min(0, int(running.min())),
        max_delta=max(0, int(running.max())),
        cvd_rth=cvd + delta,
        cvd_globex=None,
        poc=low + poc_index((bid + ask).tolist()),
        bid=bid.tolist(),
        ask=ask.tolist(),
        unknown=[0] * levels,
        rth=True,
    )
