"""Historical rows instead of trades: what can be known from them, and what stays unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.domain.bar import BarSource
from orderflow_tui.domain.history import History
from orderflow_tui.domain.market import Bars, Grade
from orderflow_tui.market.indicators import Indicators
from orderflow_tui.market.news import BarClosed, PeriodClosed, RthClosed
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.state import MarketState
from tests.market.builders import rows_of, tape, wander
from tests.market.days import MARCH, Probe, at
from tests.market.reading import reading

DAY = "2026-03-05"
SECOND = 1_000_000_000
Row = tuple[int, int, int, int, int, int]


def minutes(day: str = DAY, count: int = 390, seconds: int = 60, seed: int = 1, clock: str = "09:30:00") -> list[Row]:
    """A wandering session of rows."""
    draw = np.random.default_rng(seed)
    close = 27_000 + np.cumsum(draw.integers(-3, 4, count))
    rows = []
    for i, c in enumerate(close.tolist()):
        o = close[i - 1].item() if i else 27_000
        high, low = max(o, c) + int(draw.integers(0, 4)), min(o, c) - int(draw.integers(0, 4))
        rows.append((at(day, clock) + i * seconds * SECOND, o, high, low, c, int(draw.integers(1, 500))))
    return rows


def test_five_minute_rows_are_bars_at_once() -> None:
    probe = Probe().run(rows_of(300, minutes(count=78, seconds=300), [(1, 2)] * 78))
    bars = [n.bar for n in probe.news if isinstance(n, BarClosed)]
    assert len(bars) == 78
    assert probe.market.open_bar() is None
    assert {bar.source for bar in bars} == {BarSource.BARS_SIDED}
    assert [bar.delta for bar in bars] == [1] * 78
    assert bars[-1].cvd_rth == probe.market.cvd_rth == 78
    assert (bars[0].bid, bars[0].min_delta, bars[0].poc) == ([], None, None)


def test_minute_rows_are_gathered_into_five_minute_bars() -> None:
    rows = minutes()
    probe = Probe().run(rows_of(60, rows)).until(at(DAY, "16:00:00"))
    bars = [n.bar for n in probe.news if isinstance(n, BarClosed)]
    assert len(bars) == 78
    first = rows[:5]
    assert (bars[0].open, bars[0].high, bars[0].low, bars[0].close, bars[0].volume) == (
        first[0][1],
        max(r[2] for r in first),
        min(r[3] for r in first),
        first[-1][4],
        sum(r[5] for r in first),
    )
    assert (bars[0].source, bars[0].delta, bars[0].weak_share) == (BarSource.BARS, None, 1.0)
    assert probe.market.cvd_rth is None


def test_a_missing_last_minute_is_closed_by_time() -> None:
    rows = [row for row in minutes(count=10) if row[0] != at(DAY, "09:34:00")]
    probe = Probe().run(rows_of(60, rows))
    assert [(n.bar.start_ns, n.bar.end_ns) for n in probe.news if isinstance(n, BarClosed)] == [
        (at(DAY, "09:30:00"), at(DAY, "09:35:00")),
        (at(DAY, "09:35:00"), at(DAY, "09:40:00")),
    ]


def test_rows_that_do_not_divide_a_bar_are_bars_of_their_own() -> None:
    probe = Probe().run(rows_of(420, minutes(count=3, seconds=420)))
    assert [(n.bar.end_ns - n.bar.start_ns) // SECOND for n in probe.news if isinstance(n, BarClosed)] == [420] * 3
    volume = Probe(MarketParams(bar_kind="volume", bar_volume=5)).run(rows_of(60, minutes(count=3)))
    assert len(volume.market.bars) == 3


def test_the_profile_is_spread_and_says_so() -> None:
    rows = minutes()
    probe = Probe().run(rows_of(60, rows)).until(at(DAY, "16:00:00"))
    (closed,) = (n for n in probe.news if isinstance(n, RthClosed))
    assert closed.profile is not None
    assert closed.profile.approx
    assert sum(closed.profile.volumes) == closed.profile.volume == sum(row[5] for row in rows)
    assert (closed.profile.high, closed.profile.low) == (max(r[2] for r in rows), min(r[3] for r in rows))
    assert closed.profile.delta is None
    typical = sum((r[2] + r[3] + r[4]) * r[5] for r in rows) / sum(3 * r[5] for r in rows)
    assert closed.profile.vwap == pytest.approx(typical, abs=1e-9)
    assert (closed.profile.open, closed.profile.close) == (rows[0][1], rows[-1][4])


def test_a_row_without_volume_is_no_bar_and_moves_nothing_but_time() -> None:
    start = at(DAY, "10:00:00")
    probe = Probe().run(rows_of(300, [(start, 100, 101, 99, 100, 5), (start + 300 * SECOND, 100, 150, 50, 100, 0)]))
    assert len(probe.market.bars) == 1
    assert (probe.market.rth_high, probe.market.last_price, probe.market.now_ns) == (101, 100, start + 600 * SECOND)


def test_periods_and_initial_balance_come_from_the_rows_inside_them() -> None:
    rows = minutes()
    probe = Probe().run(rows_of(60, rows)).until(at(DAY, "16:00:00"))
    periods = [n for n in probe.news if isinstance(n, PeriodClosed)]
    assert [p.index for p in periods] == list(range(13))
    assert all(p.high == max(r[2] for r in rows[30 * p.index : 30 * p.index + 30]) for p in periods)
    assert (probe.market.ib_high, probe.market.ib_low) == (max(r[2] for r in rows[:60]), min(r[3] for r in rows[:60]))


def test_rows_without_sides_leave_the_feed_ungraded_at_d() -> None:
    assert Probe().run(rows_of(300, minutes(count=3, seconds=300))).market.grade is Grade.D
    sided = rows_of(300, [(at(DAY, "10:00:00"), 5, 6, 4, 5, 10)], [(5, 5)])
    assert Probe().run(sided).market.grade is Grade.A


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.lists(st.integers(0, 780), max_size=8), st.sampled_from([60, 300]))
def test_cutting_a_block_of_rows_changes_nothing(seed: int, cuts: list[int], seconds: int) -> None:
    rows = minutes(seed=seed, count=100, seconds=seconds) + minutes("2026-03-06", seed=seed + 1, count=60, seconds=seconds)
    block = rows_of(seconds, rows)
    whole, parts = Probe().run(block), Probe()
    edges = sorted({0, len(block), *(cut % len(block) for cut in cuts)})
    for a, b in pairwise(edges):
        part: Bars = block.cut(a, b)
        parts.run(part)
    assert parts.news == whole.news
    assert reading(parts.market) == reading(whole.market)


def test_trades_may_follow_rows_within_one_day_and_their_bar_stays_honest() -> None:
    probe = Probe().run(rows_of(60, minutes(count=33)), tape((at(DAY, "10:03:30"), 27_000, 7), (at(DAY, "10:06:00"), 27_001, 2)))
    probe.until(at(DAY, "10:10:00"))
    mixed, traded = list(probe.market.bars)[-2:]
    assert (mixed.start_ns, mixed.source, mixed.bid) == (at(DAY, "10:00:00"), BarSource.BARS, [])
    assert (traded.source, traded.ask, traded.delta) == (BarSource.TRADES, [2], 2)


def bars_history(days: int) -> History:
    """Sessions of five-minute rows up to the evening before DAY, as completed bars."""
    dates = [d.trade_date.isoformat() for d in MARCH.days if d.trade_date < date.fromisoformat(DAY)][-days:]
    probe = Probe()
    for i, day in enumerate(dates):
        probe.run(rows_of(300, minutes(day, 78, 300, seed=i)))
    return probe.until(at("2026-03-04", "17:30:00")).market.history()


def test_indicators_start_at_the_fifth_previous_session() -> None:
    history = bars_history(9)
    probe = Probe(history=history).until(at(DAY, "09:00:00"))
    expected = Indicators()
    expected.add_all([bar for bar in history.bars if bar.rth][-5 * 78 :])
    assert probe.market.indicators.count == 5 * 78
    assert probe.market.indicators.adx14.value == expected.adx14.value
    assert len(history.traces) == 9
    assert [len(trace.atr) for trace in history.traces] == [78 - 14] + [78] * 8
    assert probe.market.indicators.population_sessions == 9


def test_traces_are_worked_out_from_bars_where_none_were_handed_down() -> None:
    history = bars_history(5)
    bare = replace(history, traces=(), naked_pocs=None)
    market = MarketState(Probe().market.instrument, MarketParams(), MARCH, bare)
    assert market.history().traces == history.traces
    assert set(market.history().naked_pocs or ()) == set(history.naked_pocs or ())


def test_a_history_of_the_day_itself_gives_way_to_the_day() -> None:
    history = bars_history(3)
    last = history.profiles[-1]
    ahead = replace(history, profiles=(*history.profiles, replace(last, trade_date=date.fromisoformat(DAY))))
    probe = Probe(history=ahead).until(at(DAY, "09:00:00"))
    assert [s.trade_date for s in probe.market.archive] == [s.trade_date for s in history.profiles]


def test_tick_built_sessions_replace_rows_of_the_same_date() -> None:
    history = bars_history(3)
    block = wander(1, 500, at("2026-03-04", "09:30:00"), at("2026-03-04", "16:00:00"))
    probe = Probe(history=history).run(block).until(at("2026-03-04", "18:00:00"))
    assert [(s.trade_date.day, s.approx) for s in probe.market.archive] == [(2, True), (3, True), (4, False)]
