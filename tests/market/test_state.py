from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.domain.market import Depth, FeedState, FeedStatus, Grade, Quote, Trades, trades_of
from orderflow_tui.domain.session import Phase, SessionTable
from orderflow_tui.market.indicators import Indicators
from orderflow_tui.market.news import BarClosed, DayClosed, DayOpened, PeriodClosed, RthClosed, RthOpened
from orderflow_tui.market.params import BadMarketParams, MarketParams
from orderflow_tui.market.session import OutsideCalendar
from orderflow_tui.market.state import FOLD_AT
from tests.market.builders import cut_at, rows_of, tape, wander
from tests.market.days import MARCH, Probe, at, session_day
from tests.market.reading import reading

DAY = "2026-03-05"
SECOND = 1_000_000_000
FAST = MarketParams(bar_seconds=1800)


def days_of_trading(seed: int, count: int = 500, first: str = "2026-03-03", last: str = "2026-03-06") -> Trades:
    """Trades over three days and nights, none in the exchange's pauses."""
    block = wander(seed, count, at(first, "08:00:00"), at(last, "12:00:00"))
    open_ = np.array([MARCH.day_at(int(ts)).phase(int(ts)) is not Phase.CLOSED for ts in block.ts_ns])  # type: ignore[union-attr]
    return Trades("ES", *(c[open_] for c in (block.ts_ns, block.price, block.size, block.aggressor, block.method)))


params_strategy = st.sampled_from(
    [
        FAST,
        MarketParams(bar_seconds=900),
        MarketParams(bar_kind="volume", bar_volume=40),
        MarketParams(bar_seconds=7 * 60, tpo_minutes=45),
    ]
)


# -- the property everything rests on ---------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), params_strategy, st.lists(st.integers(0, 500), max_size=12), st.booleans())
def test_any_cutting_gives_equal_news_and_readings(seed: int, params: MarketParams, cuts: list[int], asked: bool) -> None:
    block = days_of_trading(seed)
    whole = Probe(params).run(block)
    parts = Probe(params)
    for part in cut_at(block, cuts):
        parts.run(part)
        if asked:
            reading(parts.market)
    assert parts.news == whole.news
    assert reading(parts.market) == reading(whole.market)


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10_000), params_strategy)
def test_single_trades_give_what_one_block_gives(seed: int, params: MarketParams) -> None:
    block = days_of_trading(seed)
    whole, single = Probe(params).run(block), Probe(params)
    for i in range(len(block)):
        single.run(block.cut(i, i + 1))
    assert single.news == whole.news
    assert reading(single.market) == reading(whole.market)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 3 * 86_400), max_size=20))
def test_waking_early_changes_nothing(seed: int, wakes: list[int]) -> None:
    block = days_of_trading(seed)
    quiet, woken = Probe(FAST).run(block), Probe(FAST)
    start, first = 0, int(block.ts_ns[0])
    for wake_ns in sorted(first + w * SECOND for w in wakes):
        stop = int(np.searchsorted(block.ts_ns, wake_ns))
        if stop > start:
            woken.run(block.cut(start, stop))
        if start < stop < len(block):
            woken.until(wake_ns)
        start = max(start, stop)
    if start < len(block):
        woken.run(block.cut(start, len(block)))
    assert woken.news == quiet.news
    assert reading(woken.market) == reading(quiet.market)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000), params_strategy)
def test_truncating_the_stream_leaves_what_was_said_before(seed: int, params: MarketParams) -> None:
    block = days_of_trading(seed)
    whole, half = Probe(params).run(block), Probe(params).run(block.cut(0, len(block) // 2))
    assert whole.news[: len(half.news)] == half.news


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(-2000, 2000))
def test_shifted_prices_shift_results_only(seed: int, shift: int) -> None:
    block = days_of_trading(seed)
    moved = Trades("ES", block.ts_ns, block.price + shift, block.size, block.aggressor, block.method)
    one, other = Probe(FAST).run(block).market, Probe(FAST).run(moved).market
    for bar, same in zip(one.bars, other.bars, strict=True):
        assert replace(bar, **{k: getattr(bar, k) + shift for k in ("open", "high", "low", "close", "poc")}) == same
    assert one.indicators.adx14.value == other.indicators.adx14.value
    assert one.vwap_rth.sigma() == other.vwap_rth.sigma()
    area, moved_area = one.dva(), other.dva()
    if area is not None:
        assert moved_area is not None
        assert (area.val + shift, area.vah + shift, area.volume) == (moved_area.val, moved_area.vah, moved_area.volume)
    assert [(z.low + shift, z.high + shift, z.state) for z in one.zones] == [(z.low, z.high, z.state) for z in other.zones]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_mirrored_prices_mirror_bars_levels_and_deltas(seed: int) -> None:
    block = days_of_trading(seed)
    flipped = Trades("ES", block.ts_ns, 54_000 - block.price, block.size, -block.aggressor, block.method)
    one, other = Probe(FAST).run(block).market, Probe(FAST).run(flipped).market
    for bar, mirror in zip(one.bars, other.bars, strict=True):
        assert (54_000 - bar.low, bar.bid, -(bar.delta or 0)) == (mirror.high, mirror.ask[::-1], mirror.delta)
    assert [(54_000 - z.high, 54_000 - z.low, -z.side, z.state, z.born_ns) for z in one.zones] == [
        (z.low, z.high, z.side, z.state, z.born_ns) for z in other.zones
    ]
    spent = sorted((54_000 - u.price, -u.side, u.born_ns) for u in one.unfinished)
    assert spent == sorted((u.price, u.side, u.born_ns) for u in other.unfinished)
    assert (one.cvd_globex, one.on_up_volume) == (-(other.cvd_globex or 0), other.on_down_volume)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000), st.sampled_from(["2026-03-03", "2026-03-04", "2026-03-05"]), st.booleans())
def test_a_restart_after_any_day_continues_without_a_difference(seed: int, evening: str, nights: bool) -> None:
    params = replace(FAST, globex_series=nights)
    block = days_of_trading(seed, 900, first="2026-02-17", last="2026-03-09")
    cut = int(np.searchsorted(block.ts_ns, at(evening, "17:30:00")))
    through = Probe(params).run(block)
    before = Probe(params).run(block.cut(0, cut)).until(at(evening, "17:30:00"))
    after = Probe(params, history=before.market.history()).until(at(evening, "17:30:00")).run(block.cut(cut, len(block)))
    assert [*before.news, *after.news] == through.news
    one, other = reading(through.market), reading(after.market)
    kept = len(after.market.bars)
    assert other.pop("bars") == (one["bars"][0][-kept:], one["bars"][1][-len(after.market.rth_bars) :], *one["bars"][2:])
    for lost in ("recent", "ladder", "bars"):
        one.pop(lost, None)
        other.pop(lost, None)
    assert other == one


def test_indicators_can_run_through_the_nights_too() -> None:
    block = days_of_trading(3, 900, first="2026-02-17", last="2026-03-09")
    market = Probe(replace(FAST, globex_series=True)).run(block).market
    fifth = next(bar.start_ns for bar in market.rth_bars if bar.start_ns >= at("2026-03-02", "09:30:00"))
    expected = Indicators()
    expected.add_all([bar for bar in market.bars if bar.start_ns >= fifth])
    assert market.indicators.count == expected.count > len([b for b in market.rth_bars if b.start_ns >= fifth])
    assert market.indicators.adx14.value == expected.adx14.value
    assert market.indicators.ema_trend() == expected.ema_trend()


# -- bars -------------------------------------------------------------------------------------------------------------


def bars_of(probe: Probe) -> list[tuple[int, int, int]]:
    return [(n.bar.start_ns, n.bar.end_ns, n.bar.volume) for n in probe.news if isinstance(n, BarClosed)]


def test_the_trade_at_a_bars_end_opens_the_next_bar() -> None:
    end = at(DAY, "09:35:00")
    probe = Probe().run(tape((end - 1, 100, 3), (end, 101, 4))).until(end + 300 * SECOND)
    assert bars_of(probe) == [
        (at(DAY, "09:30:00"), end, 3),
        (end, at(DAY, "09:40:00"), 4),
    ]


def test_a_quiet_bar_is_closed_by_time_and_an_empty_one_is_not_made() -> None:
    probe = Probe().run(tape((at(DAY, "10:01:00"), 100, 3)))
    assert bars_of(probe) == []
    probe.until(at(DAY, "10:05:00"))
    assert len(bars_of(probe)) == 1
    probe.until(at(DAY, "11:00:00"))
    assert len(bars_of(probe)) == 1
    assert probe.market.watch.every


def test_continuous_trading_needs_one_piece_a_bar() -> None:
    block = wander(1, 5000, at(DAY, "09:30:00"), at(DAY, "16:00:00"))
    probe = Probe().run(block)
    assert len(bars_of(probe)) == 77
    assert probe.pieces <= 80


def test_the_trade_that_crosses_a_volume_bar_stays_whole_in_it() -> None:
    start = at(DAY, "10:00:00")
    block = tape(*((start + i, 100 + i, size) for i, size in enumerate((4, 5, 8, 2))))
    probe = Probe(MarketParams(bar_kind="volume", bar_volume=10)).run(block)
    assert [bar[2] for bar in bars_of(probe)] == [17]
    assert (probe.market.bar_volume_so_far, probe.market.watch.volume) == (2, 8)
    assert bars_of(probe)[0][:2] == (start, start + 2)


def test_every_bar_is_cut_at_the_sessions_boundaries() -> None:
    stamps = [at(DAY, clock) for clock in ("09:29:00", "09:31:00", "15:59:00", "16:01:00", "16:59:59")]
    probe = Probe(MarketParams(bar_kind="volume", bar_volume=1000)).run(tape(*((ts, 100, 1) for ts in stamps)))
    probe.until(at(DAY, "17:00:00"))
    assert [(end, volume) for _, end, volume in bars_of(probe)] == [
        (at(DAY, "09:30:00"), 1),
        (at(DAY, "16:00:00"), 2),
        (at(DAY, "17:00:00"), 2),
    ]


def test_the_open_bar_is_a_snapshot_that_the_next_trade_leaves_alone() -> None:
    probe = Probe().run(tape((at(DAY, "10:01:00"), 100, 3)))
    snapshot = probe.market.open_bar()
    assert snapshot is not None
    probe.run(tape((at(DAY, "10:02:00"), 102, -9)))
    assert (snapshot.volume, snapshot.ask, snapshot.end_ns) == (3, [3], at(DAY, "10:05:00"))
    assert probe.market.bar_volume_so_far == 12


# -- cumulative delta -------------------------------------------------------------------------------------------------


def test_many_waiting_trades_are_folded_without_being_asked_for() -> None:
    block = wander(1, FOLD_AT + 5, at(DAY, "10:00:00"), at(DAY, "10:04:00"))
    probe = Probe().run(block.cut(0, FOLD_AT), block.cut(FOLD_AT, len(block)))
    assert probe.market._waiting_count == 5
    assert probe.market.bar_volume_so_far == int(block.size.sum())


def test_a_day_without_regular_hours_has_a_night_and_nothing_else() -> None:
    holiday = SessionTable((session_day(date(2026, 6, 19), closes="13:00:00", rth=None),))
    probe = Probe(table=holiday).run(tape((at("2026-06-19", "09:45:00"), 100, 5))).until(at("2026-06-19", "13:00:00"))
    assert [type(n).__name__ for n in probe.news] == ["DayOpened", "BarClosed", "DayClosed"]
    assert (probe.market.on_high, probe.market.rth_open_price, probe.market.dva(), probe.market.ib_complete) == (
        100,
        None,
        None,
        False,
    )


def test_a_holidays_pause_ends_no_day_and_makes_no_bars() -> None:
    stops, goes_on = at("2026-05-25", "13:00:00"), at("2026-05-25", "18:00:00")
    tuesday = replace(session_day(date(2026, 5, 26), date(2026, 5, 24)), pauses=((stops, goes_on),))
    probe = Probe(table=SessionTable((tuesday,))).run(tape((stops - SECOND, 100, 5)))
    probe.until(stops + SECOND)
    assert (probe.market.phase, probe.market.cvd_globex, probe.market.session_partial) == (Phase.CLOSED, 5, True)
    probe.run(tape((goes_on + SECOND, 101, 7))).until(goes_on + 600 * SECOND)
    assert (probe.market.phase, probe.market.cvd_globex, probe.market.on_high) == (Phase.OVERNIGHT, 12, 101)
    assert [type(n).__name__ for n in probe.news[:3]] == ["DayOpened", "BarClosed", "BarClosed"]


def test_data_lost_inside_a_holidays_pause_may_have_been_lost_before_it() -> None:
    opens, stops = at("2026-05-24", "18:00:00"), at("2026-05-25", "13:00:00")
    tuesday = replace(session_day(date(2026, 5, 26), date(2026, 5, 24)), pauses=((stops, at("2026-05-25", "18:00:00")),))
    probe = Probe(table=SessionTable((tuesday,))).until(opens - SECOND).run(tape((opens, 100, 5)))
    assert not probe.market.session_partial
    probe.run(status(FeedState.GAP, stops + SECOND))
    assert probe.market.session_partial


@pytest.mark.parametrize(
    ("key", "value"),
    [("bar_seconds", 0), ("bar_kind", "tick"), ("value_method", "largest"), ("value_permille", 0), ("value_permille", 1001)],
)
def test_measures_that_cannot_work_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(BadMarketParams, match=f"{key} .*{value}"):
        replace(MarketParams(), **{key: value})  # type: ignore[arg-type]


def test_both_cumulative_deltas_start_at_their_own_bell() -> None:
    bell = at(DAY, "09:30:00")
    probe = Probe().run(tape((bell - SECOND, 100, 500)))
    assert (probe.market.cvd_globex, probe.market.cvd_rth) == (500, None)
    probe.run(tape((bell, 100, 20), (bell + 1, 100, -5)))
    assert (probe.market.cvd_globex, probe.market.cvd_rth) == (515, 15)


def test_cumulative_delta_never_crosses_a_day() -> None:
    probe = Probe().run(tape((at(DAY, "12:00:00"), 100, 400), (at(DAY, "18:00:00"), 100, -3)))
    assert (probe.market.cvd_globex, probe.market.cvd_rth) == (-3, None)


# -- the day's course -------------------------------------------------------------------------------------------------


def test_simultaneous_news_come_in_the_order_bar_period_session_end_session_start() -> None:
    probe = Probe().until(at("2026-03-04", "17:30:00"))
    assert probe.news == []
    stamps = [at(DAY, c) for c in ("09:29:00", "15:59:00", "16:30:00")]
    probe.run(tape(*((ts, 100, 1) for ts in stamps)), tape((at(DAY, "18:01:00"), 100, 1)))
    named = [(type(n).__name__, n.ts_ns) for n in probe.news]
    assert named == [
        ("DayOpened", at("2026-03-04", "18:00:00")),
        ("BarClosed", at(DAY, "09:30:00")),
        ("RthOpened", at(DAY, "09:30:00")),
        ("BarClosed", at(DAY, "16:00:00")),
        ("PeriodClosed", at(DAY, "16:00:00")),
        ("RthClosed", at(DAY, "16:00:00")),
        ("BarClosed", at(DAY, "16:35:00")),
        ("DayClosed", at(DAY, "17:00:00")),
        ("DayOpened", at(DAY, "18:00:00")),
    ]


def test_the_initial_balance_takes_no_trade_from_the_second_hour() -> None:
    bell = at(DAY, "09:30:00")
    rows = [(bell, 100, 1), (bell + 1, 108, 1), (bell + 1800 * SECOND, 112, 1), (bell + 3600 * SECOND, 113, 1)]
    probe = Probe().run(tape(*rows[:3]))
    assert (probe.market.ib_high, probe.market.ib_low, probe.market.ib_complete) == (112, 100, False)
    probe.run(tape(rows[3]))
    assert (probe.market.ib_high, probe.market.ib_complete, probe.market.rth_high) == (112, True, 113)
    periods = [(n.index, n.low, n.high) for n in probe.news if isinstance(n, PeriodClosed)]
    assert periods == [(0, 100, 108), (1, 112, 112)]
    assert probe.market.tpo.periods == ((0, 100, 108), (1, 112, 112), (2, 113, 113))


def test_the_past_stands_still_until_the_globex_day_closes() -> None:
    probe = Probe().run(tape((at("2026-03-04", "12:00:00"), 100, 5), (at(DAY, "12:00:00"), 200, 5)))
    assert probe.market.prior_close == 100
    probe.until(at(DAY, "16:00:00"))
    closed = [n for n in probe.news if isinstance(n, RthClosed)][-1]
    assert closed.profile is not None
    assert (closed.profile.close, closed.profile.volume) == (200, 5)
    assert (probe.market.prior_close, probe.market.today_profile) == (100, closed.profile)
    probe.until(at(DAY, "17:00:00"))
    assert (probe.market.prior_close, [s.close for s in probe.market.archive]) == (200, [100, 200])
    assert probe.market.cva()[1] == 2


def test_a_session_without_trades_leaves_no_profile() -> None:
    probe = Probe().run(tape((at(DAY, "08:00:00"), 100, 5))).until(at(DAY, "18:00:00"))
    (closed,) = (n for n in probe.news if isinstance(n, RthClosed))
    assert closed.profile is None
    assert probe.market.archive == ()


def test_overnight_volume_is_measured_against_the_prior_close() -> None:
    probe = Probe().run(tape((at("2026-03-04", "12:00:00"), 100, 5)))
    night = at("2026-03-04", "20:00:00")
    probe.run(tape((night, 99, 3), (night + 1, 100, 50), (night + 2, 101, 7), (at(DAY, "10:00:00"), 150, 90)))
    assert (probe.market.on_up_volume, probe.market.on_down_volume) == (7, 3)
    assert (probe.market.on_high, probe.market.on_low, probe.market.rth_open_price) == (101, 99, 150)


def test_trades_in_the_pause_open_the_next_day_early() -> None:
    probe = Probe().run(tape((at(DAY, "16:30:00"), 100, 5), (at(DAY, "17:20:00"), 101, 2), (at(DAY, "18:00:01"), 102, 1)))
    opened = [(n.day.trade_date, n.ts_ns) for n in probe.news if isinstance(n, DayOpened)]
    assert opened[-1] == (date(2026, 3, 6), at(DAY, "17:20:00"))
    assert (probe.market.cvd_globex, probe.market.phase) == (3, Phase.OVERNIGHT)
    assert bars_of(probe)[-1][1] == at(DAY, "17:25:00")


def test_a_trade_beyond_the_calendar_says_what_to_do() -> None:
    with pytest.raises(OutsideCalendar, match="extend the calendar"):
        Probe().run(tape((at("2027-01-05", "10:00:00"), 100, 5)))


def test_time_alone_walks_the_days() -> None:
    probe = Probe().until(at("2026-03-02", "10:00:00")).until(at("2026-03-04", "20:00:00"))
    days = [type(n).__name__ for n in probe.news]
    assert days.count("DayOpened") == 4
    assert days.count("DayClosed") == 3
    assert [n for n in probe.news if isinstance(n, BarClosed | PeriodClosed)] == []


# -- levels through the state -----------------------------------------------------------------------------------------


def test_a_naked_poc_waits_from_the_bell_and_falls_at_a_print() -> None:
    probe = Probe().run(tape((at(DAY, "12:00:00"), 100, 9), (at(DAY, "15:59:59"), 104, 1))).until(at(DAY, "16:00:00"))
    assert probe.market.naked_pocs == ((date(2026, 3, 5), 100),)
    probe.run(tape((at(DAY, "16:10:00"), 104, 1), (at(DAY, "16:11:00"), 98, 1))).until(at(DAY, "17:00:00"))
    assert probe.market.naked_pocs == ((date(2026, 3, 5), 100),)
    probe.run(tape((at(DAY, "19:00:00"), 100, 1))).until(at(DAY, "20:00:00"))
    assert not probe.market.naked_pocs


def test_a_naked_poc_lives_as_many_sessions_as_the_archive_keeps() -> None:
    probe = Probe(MarketParams(archive_days=3))
    for day, price in ((2, 100), (3, 200), (4, 300), (5, 400)):  # each session stays away from the others' prices
        probe.run(tape((at(f"2026-03-0{day}", "12:00:00"), price, 5))).until(at(f"2026-03-0{day}", "17:00:00"))
    assert [poc for _, poc in probe.market.naked_pocs] == [200, 300, 400]


def test_the_week_opens_with_its_first_trade_and_moves_with_a_roll() -> None:
    sunday = at("2026-03-08", "18:00:00")
    probe = Probe().run(tape((at("2026-03-06", "12:00:00"), 90, 1))).until(at("2026-03-06", "17:00:00"))
    assert probe.market.week_open is None  # the week was entered on its Friday
    probe.run(tape((sunday + SECOND, 100, 1), (sunday + 600 * SECOND, 120, 1)), tape((at("2026-03-10", "12:00:00"), 130, 1)))
    assert probe.until(at("2026-03-10", "12:10:00")).market.week_open == 100
    probe.market.shift(7)
    assert probe.market.week_open == 107
    again = Probe(history=probe.until(at("2026-03-10", "17:00:00")).market.history())
    again.run(tape((at("2026-03-11", "12:00:00"), 140, 1)))
    assert again.market.week_open == 107
    again.run(tape((at("2026-03-16", "03:00:00"), 150, 1))).until(at("2026-03-16", "04:00:00"))
    assert again.market.week_open is None  # nobody saw the next week open


def test_zones_and_levels_end_after_five_more_sessions() -> None:
    start = at("2026-03-03", "12:00:00")
    stack = [(start + i, 100 + k, s) for i, (k, s) in enumerate([(k, 60) for k in range(5)] + [(k, -10) for k in range(5)])]
    probe = Probe().run(tape(*stack, (start + 400 * SECOND, 103, 1)))
    assert [(z.low, z.high, z.side) for z in probe.market.zones] == [(101, 104, 1)]
    assert [(u.price, u.side) for u in probe.market.unfinished] == [(104, 1), (100, -1)]
    probe.until(at("2026-03-04", "12:00:00"))
    assert all(level.session_extreme for level in probe.market.unfinished)
    probe.until(at("2026-03-10", "12:00:00"))
    assert (len(probe.market.zones), len(probe.market.unfinished)) == (1, 2)
    probe.until(at("2026-03-10", "18:00:00"))
    assert (probe.market.zones, probe.market.unfinished) == ((), ())


def test_a_roll_moves_every_stored_price() -> None:
    block = days_of_trading(5, 600)
    rolled = Probe(FAST).run(block)
    before = reading(rolled.market)
    rolled.news += rolled.market.shift(40)
    moved = Trades("ES", block.ts_ns, block.price + 40, block.size, block.aggressor, block.method)
    fresh = reading(Probe(FAST).run(moved).market)
    after = reading(rolled.market)
    assert after["past"][0] == tuple(replace(s, rolled=40) for s in fresh["past"][0])
    for part in (
        "bars",
        "profiles",
        "averages",
        "tpo",
        "ib",
        "prior",
        "value",
        "levels",
        "indicators",
        "night",
        "last",
        "recent",
    ):
        assert after[part] == fresh[part], part
    assert after["time"] == before["time"]


def test_a_roll_by_an_unknown_shift_forgets_every_price_and_says_the_day_is_partial() -> None:
    block = days_of_trading(5, 600)
    probe = Probe(FAST).run(block)
    block_day = probe.market.day.trade_date if probe.market.day else None
    probe.market.restart()
    market = probe.market
    assert (market.last_price, list(market.bars), market.archive, market.pva, market.naked_pocs) == (None, [], (), None, ())
    assert (market.globex_profile.total, market.open_bar(), market.indicators.count, market.tape) == (0, None, 0, ())
    assert market.session_partial
    assert market.restarted == block_day
    later = int(block.ts_ns[-1]) + SECOND
    probe.run(tape((later, 90_000, 4))).until(later + 3600 * SECOND)
    assert [bar.volume for bar in market.bars] == [4]
    assert (market.rth_high, market.cvd_rth) == (90_000, 4)


def test_a_roll_of_rows_moves_the_last_price() -> None:
    probe = Probe().run(rows_of(300, [(at(DAY, "10:00:00"), 100, 101, 99, 100, 5)]))
    probe.market.shift(7)
    assert (probe.market.last_price, probe.market.last_size, probe.market.rth_high) == (107, 0, 108)


# -- feed and grade ---------------------------------------------------------------------------------------------------


def status(state: FeedState, ts_ns: int) -> FeedStatus:
    return FeedStatus("ES", ts_ns, state)


def test_a_gap_marks_the_open_bar_and_the_cumulative_deltas() -> None:
    probe = Probe().until(at(DAY, "08:00:00")).run(tape((at(DAY, "10:01:00"), 100, 3)))
    assert not probe.market.cvd_rth_partial
    probe.run(status(FeedState.GAP, at(DAY, "10:02:00")), tape((at(DAY, "10:03:00"), 101, 3), (at(DAY, "10:06:00"), 101, 3)))
    probe.until(at(DAY, "10:10:00"))
    assert [bar.partial for bar in probe.market.bars] == [True, False]
    assert (probe.market.cvd_rth_partial, probe.market.session_partial, probe.market.cvd_rth) == (True, True, 9)


def test_a_gap_that_outlasts_a_bar_marks_the_bar_it_ends_in() -> None:
    probe = Probe().run(tape((at(DAY, "10:01:00"), 100, 3)), status(FeedState.GAP, at(DAY, "10:07:00")))
    probe.run(tape((at(DAY, "10:08:00"), 101, 3))).until(at(DAY, "10:10:00"))
    assert [bar.partial for bar in probe.market.bars] == [False, True]


def test_a_feed_that_is_down_leaves_partial_bars_until_it_lives_again() -> None:
    probe = Probe().until(at(DAY, "08:00:00")).run(tape((at(DAY, "10:01:00"), 100, 3)))
    probe.run(status(FeedState.DOWN, at(DAY, "10:02:00"))).until(at(DAY, "10:05:00"))
    probe.run(status(FeedState.LIVE, at(DAY, "10:07:00")), tape((at(DAY, "10:08:00"), 101, 3), (at(DAY, "10:11:00"), 101, 3)))
    probe.until(at(DAY, "10:15:00"))
    assert [bar.partial for bar in probe.market.bars] == [True, True, False]


def test_a_gap_before_the_bell_leaves_regular_hours_whole() -> None:
    probe = Probe().until(at("2026-03-04", "18:00:00")).run(status(FeedState.GAP, at(DAY, "09:00:00")))
    assert probe.market.session_partial
    probe.until(at(DAY, "09:30:00"))
    assert not probe.market.session_partial


def test_a_feed_that_begins_late_is_partial_and_one_at_the_bell_is_not() -> None:
    assert Probe().run(tape((at(DAY, "10:00:00"), 100, 1))).market.cvd_rth_partial
    assert not Probe().run(tape((at(DAY, "09:30:30"), 100, 1))).market.cvd_rth_partial
    assert Probe().run(tape((at(DAY, "08:00:00"), 100, 1))).market.session_partial


def test_snapshots_stop_footprint_and_delta_and_say_so() -> None:
    probe = Probe().run(tape((at(DAY, "10:01:00"), 100, 3)), status(FeedState.SNAPSHOT, at(DAY, "10:02:00")))
    assert probe.market.grade is Grade.SNAPSHOT
    probe.run(tape((at(DAY, "10:03:00"), 101, 5))).until(at(DAY, "10:05:00"))
    (bar,) = probe.market.bars
    assert (bar.bid, bar.delta, bar.cvd_rth, bar.volume) == ([], None, None, 8)
    assert (probe.market.cvd_rth, probe.market.rth_profile.total, probe.market.vwap_rth.volume) == (None, 8, 8)
    assert probe.market.rth_profile.approx


def test_trading_at_a_level_starts_its_pulling_and_stacking_anew() -> None:
    ts_ns = at(DAY, "10:00:00")
    probe = Probe().run(tape((ts_ns, 100, 1)), Depth("ES", ts_ns, ((99, 10),), ((101, 10),)))
    probe.run(Depth("ES", ts_ns + 1, ((99, 25),), ((101, 10),)))
    assert probe.market.pulled(99) == 15
    probe.run(tape((ts_ns + 2, 99, -5)), Depth("ES", ts_ns + 3, ((99, 20),), ((101, 4),)))
    assert (probe.market.pulled(99), probe.market.pulled(101)) == (0, -6)


def test_the_end_of_a_recording_changes_nothing() -> None:
    probe = Probe().run(tape((at(DAY, "10:01:00"), 100, 3)))
    before = reading(probe.market)
    probe.run(status(FeedState.ENDED, at(DAY, "10:01:00")))
    assert reading(probe.market) == before


def test_a_long_gap_forgets_recent_trades_and_any_gap_the_book() -> None:
    ts_ns = at(DAY, "10:01:00")
    probe = Probe().run(tape((ts_ns, 100, 3)), Depth("ES", ts_ns, ((99, 1),), ((101, 1),)))
    probe.run(status(FeedState.GAP, ts_ns + 30 * SECOND))
    assert (probe.market.book.valid, len(probe.market.tape)) == (False, 1)
    probe.run(status(FeedState.GAP, ts_ns + 91 * SECOND))
    assert probe.market.tape == ()
    assert probe.market.last_price == 100


def grade_of(**volumes: int) -> Grade:
    names = {"none": 0, "feed": 1, "quote": 2, "prev": 3, "mid": 4, "tick": 5}
    held = {names[name]: volume for name, volume in volumes.items() if volume}
    sides = [0 if method == 0 else 1 for method in held]
    block = trades_of("ES", [at(DAY, "10:00:00")] * len(held), [100] * len(held), list(held.values()), sides, list(held))
    return Probe().run(block).market.grade


def test_grades_follow_shares_of_volume_with_inclusive_edges() -> None:
    assert Probe().market.grade is Grade.UNKNOWN
    assert grade_of(feed=99, tick=1) is Grade.A
    assert grade_of(feed=98, tick=2) is Grade.B
    assert grade_of(quote=90, prev=5, tick=5) is Grade.B
    assert grade_of(quote=94, tick=6) is Grade.C
    assert grade_of(quote=97, none=3) is Grade.C
    assert grade_of(quote=99, none=1) is Grade.C
    assert grade_of(quote=80, mid=10, tick=10) is Grade.C
    assert grade_of(quote=79, mid=10, none=11) is Grade.D
    assert grade_of(none=5) is Grade.D


def test_the_grade_is_of_now_whoever_asked_for_it_before() -> None:
    start = at(DAY, "10:00:00")
    probe, methods = Probe(), [1, 2, 5, 0, 5, 5, 4, 1]
    for n in range(1, len(methods) + 1):
        sides = [0 if method == 0 else 1 for method in methods[:n]]
        whole = trades_of("ES", [start + i for i in range(n)], [100] * n, [1] * n, sides, methods[:n])
        probe.run(whole.cut(n - 1, n))
        assert probe.market.grade is Probe().run(whole).market.grade
        probe.market.open_bar()  # takes in what waits
        assert probe.market.grade is Probe().run(whole).market.grade


def test_side_shares_add_up() -> None:
    block = days_of_trading(3)
    shares = Probe().run(block).market.side_shares()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["unknown"] > 0


def test_any_event_is_news_of_the_market() -> None:
    ts_ns = at(DAY, "10:00:00")
    market = Probe().run(Quote("ES", ts_ns, 99, 100, 1, 1)).market
    assert (market.data_ts_ns, market.last_price, market.book.best_ask) == (ts_ns, None, 100)
    market.on_depth(Depth("ES", ts_ns + 5, ((98, 1),), ((101, 1),)))
    assert (market.data_ts_ns, market.book.best_ask, market.pulled(98)) == (ts_ns + 5, 101, 0)


def test_slot_means_need_five_sessions() -> None:
    stamps = [(at(f"2026-03-{day:02d}", "10:01:00"), 100, volume) for day, volume in ((2, 10), (3, 20), (4, 30), (5, 40))]
    probe = Probe().run(tape(*stamps, (at("2026-03-06", "10:01:00"), 100, 50), (at("2026-03-09", "10:01:00"), 100, 7)))
    probe.until(at("2026-03-09", "10:05:00"))
    means = [probe.market.slot_volume(bar) for bar in probe.market.rth_bars]
    assert means[-1] == 30.0
    fewer = Probe().run(tape(*stamps)).until(at(DAY, "18:00:00")).market
    assert fewer.slot_volume(fewer.rth_bars[-1]) is None


def test_every_opening_has_its_close() -> None:
    probe = Probe(FAST).run(days_of_trading(8)).until(at("2026-03-06", "18:00:00"))
    for opened, closed in ((DayOpened, DayClosed), (RthOpened, RthClosed)):
        days = [[n.day.trade_date for n in probe.news if isinstance(n, kind)] for kind in (opened, closed)]
        assert days[0][: len(days[1])] == days[1]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 500), max_size=12))
def test_the_grade_asked_at_every_piece_is_the_grade_of_everything_so_far(seed: int, cuts: list[int]) -> None:
    asked, start = Probe(FAST), 0
    block = days_of_trading(seed)
    for part in cut_at(block, cuts):
        asked.run(part)
        before = asked.market.grade
        start += len(part)
        assert before is asked.market.grade
        assert before is Probe(FAST).run(block.cut(0, start)).market.grade
        assert asked.market.side_shares()["feed"] <= 1.0
