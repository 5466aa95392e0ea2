from __future__ import annotations

from dataclasses import replace
from datetime import date

from orderflow_tui.domain.value import UnfinishedLevel, ZoneState
from orderflow_tui.market.imbalance import ImbalanceRules
from orderflow_tui.market.levels import ZONES_MAX, NakedPocs, Unfinished, Zones, naked_of, printed, unfinished_extremes
from tests.market.builders import bar_of, ohlc_bar
from tests.market.sessions_of import session_of

DAY = date(2026, 3, 5)
STACK = {0: (40, 3), 1: (20, 60), 2: (15, 60), 3: (10, 45), 4: (6, 30), 5: (2, 17)}


def zones_after(*later: tuple[int, int]) -> Zones:
    """Zones after the stack of [2, 4] and later bars of (low, close)."""
    zones = Zones(ImbalanceRules(), 10)
    zones.on_bar(bar_of(STACK), DAY)
    for low, close in later:
        zones.on_bar(ohlc_bar(max(low, close), low, close), DAY)
    return zones


def test_a_stack_becomes_a_zone_and_its_own_bar_does_not_touch_it() -> None:
    (zone,) = zones_after().living
    assert (zone.low, zone.high, zone.side, zone.state, zone.born_date) == (2, 4, 1, ZoneState.ACTIVE, DAY)


def test_a_zone_is_touched_inside_and_broken_by_a_close_beyond() -> None:
    assert zones_after((4, 6)).living[0].state is ZoneState.TOUCHED
    assert zones_after((1, 3)).living[0].state is ZoneState.TOUCHED
    assert zones_after((1, 2)).living[0].state is ZoneState.TOUCHED
    assert zones_after((1, 1)).living == ()
    assert zones_after((4, 6), (0, 1)).living == ()


def test_a_zone_the_market_stays_away_from_stays_active() -> None:
    zones = zones_after((5, 9))
    assert zones.living[0].state is ZoneState.ACTIVE
    before = zones.living
    zones.on_bar(ohlc_bar(20, 10, 15), DAY)
    assert zones.living is before


def test_a_sell_zone_breaks_upward() -> None:
    zones = Zones(ImbalanceRules(), 10)
    zones.on_bar(bar_of({0: (40, 1), 1: (40, 1), 2: (40, 1), 3: (1, 1)}), DAY)
    assert [(z.low, z.high, z.side) for z in zones.living] == [(0, 2, -1)]
    zones.on_bar(ohlc_bar(3, 1, 2), DAY)
    assert zones.living[0].state is ZoneState.TOUCHED
    zones.on_bar(ohlc_bar(9, 3, 3), DAY)
    assert not zones.living


def test_bars_with_lost_data_make_no_zone() -> None:
    zones = Zones(ImbalanceRules(), 10)
    zones.on_bar(bar_of(STACK, partial=True), DAY)
    assert not zones.living


def test_the_number_of_zones_is_bounded_and_the_oldest_goes() -> None:
    zones = Zones(ImbalanceRules(), 10)
    for i in range(ZONES_MAX + 5):
        zones.on_bar(bar_of(STACK, close=5, start_ns=i), DAY)
    assert len(zones.living) == ZONES_MAX
    assert zones.living[0].born_ns == 5


UNFINISHED = {0: (12, 0), 1: (5, 9), 2: (8, 40)}


def test_an_unfinished_high_is_spent_by_a_later_bar_and_not_by_its_own() -> None:
    levels = Unfinished(5, thin=False, keep=50)
    levels.on_bar(bar_of(UNFINISHED), DAY)
    assert [(level.price, level.side) for level in levels.living] == [(2, 1)]
    assert not levels.revisited
    levels.on_bar(ohlc_bar(1, 0, 1), DAY)
    assert not levels.revisited
    levels.on_bar(ohlc_bar(3, 0, 1), DAY)
    assert [level.price for level in levels.revisited] == [2]
    assert not levels.living


def test_extremes_are_finished_at_the_tolerance_and_in_one_tick_bars() -> None:
    assert unfinished_extremes(bar_of({0: (12, 0), 1: (5, 9), 2: (5, 40)}), 5) == []
    assert unfinished_extremes(bar_of({0: (30, 7), 1: (9, 9), 2: (0, 12)}), 5) == [(-1, 0)]
    assert unfinished_extremes(bar_of({0: (8, 9)}), 5) == []
    assert unfinished_extremes(bar_of({0: (1, 0), 1: (8, 4)}), 5, thin=True) == [(1, 1)]
    assert unfinished_extremes(bar_of({0: (1, 0), 1: (8, 9)}), 5, thin=True) == []


def test_a_low_is_revisited_by_a_gap_below_it() -> None:
    levels = Unfinished(5, thin=False, keep=50)
    levels.on_bar(bar_of({10: (30, 7), 11: (9, 9), 12: (0, 12)}), DAY)
    levels.on_bar(ohlc_bar(5, 1, 3), DAY)
    assert [level.price for level in levels.revisited] == [10]


def test_only_extremes_of_regular_hours_outlive_their_day() -> None:
    born = [UnfinishedLevel(120, 1, 1, DAY), UnfinishedLevel(110, 1, 2, DAY), UnfinishedLevel(90, -1, 3, DAY)]
    older = UnfinishedLevel(70, -1, 0, date(2026, 3, 4), session_extreme=True)
    levels = Unfinished(5, thin=False, keep=50, living=[older, *born])
    levels.end_day(DAY, rth_high=120, rth_low=80)
    assert levels.living == (older, replace(born[0], session_extreme=True))


def test_the_number_of_unfinished_levels_is_bounded() -> None:
    levels = Unfinished(5, thin=False, keep=3)
    for i in range(5):
        levels.on_bar(bar_of({10 * i: (0, 10), 10 * i + 1: (8, 40)}, start_ns=i), DAY)
        levels.on_bar(ohlc_bar(10 * i, 10 * i, 10 * i), DAY)
    assert len(levels.living) <= 3


def test_a_naked_poc_falls_only_to_a_print_at_its_price() -> None:
    monday, tuesday, wednesday = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
    naked = NakedPocs(30, rth_only=False)
    naked.add(monday, 1120)
    naked.on_bar(ohlc_bar(1160, 1130, 1145))
    naked.add(tuesday, 1145)
    naked.on_bar(bar_of({1150: (1, 1), 1175: (1, 1)}))
    naked.add(wednesday, 1165)
    naked.on_bar(ohlc_bar(1170, 1150, 1160))
    assert naked.living == ((monday, 1120), (tuesday, 1145))


def test_a_gap_over_a_poc_does_not_cover_it() -> None:
    naked = NakedPocs(30, rth_only=False)
    naked.add(DAY, 5002)
    naked.on_bar(bar_of({5010: (1, 1), 5020: (1, 1)}))
    naked.on_bar(bar_of({5000: (1, 1), 5003: (1, 1), 5010: (1, 1)}))
    assert naked.living == ((DAY, 5002),)


def test_nights_do_not_cover_a_poc_where_only_regular_hours_count() -> None:
    naked = NakedPocs(30, rth_only=True)
    naked.add(DAY, 100)
    naked.on_bar(bar_of({100: (1, 1)}, rth=False))
    assert naked.living == ((DAY, 100),)
    naked.on_bar(bar_of({100: (1, 1)}))
    assert not naked.living


def test_the_same_session_again_replaces_its_poc_and_thirty_are_kept() -> None:
    naked = NakedPocs(2, rth_only=False)
    for day, poc in ((3, 30), (4, 40), (4, 41), (5, 50)):
        naked.add(date(2026, 3, day), poc)
    assert [poc for _, poc in naked.living] == [41, 50]


def test_a_poc_older_than_the_archive_is_forgotten_however_few_are_still_naked() -> None:
    naked = NakedPocs(30, rth_only=False)
    for day, poc in ((2, 10), (3, 900)):
        naked.add(date(2026, 3, day), poc)
    kept = naked.living
    naked.forget(None)
    naked.forget(date(2026, 3, 2))
    assert naked.living is kept
    naked.forget(date(2026, 3, 3))
    assert naked.living == ((date(2026, 3, 3), 900),)


def test_naked_pocs_are_worked_out_from_sessions_and_bars_where_nobody_kept_them() -> None:
    sessions = [
        session_of(date(2026, 3, 2), {1120: 9, 1121: 1}),
        session_of(date(2026, 3, 3), {1145: 9, 1160: 1}),
        session_of(date(2026, 3, 4), {1150: 1, 1165: 9}),
        session_of(date(2026, 3, 5), {1170: 9}, overnight=(1160, 1167)),
    ]
    assert [poc for _, poc in naked_of(sessions, (), lambda _: 0)] == [1120, 1145, 1170]
    later = bar_of({1145: (1, 0)}, start_ns=10)
    assert [poc for _, poc in naked_of(sessions, (later,), lambda _: 10)] == [1120, 1170]
    assert [poc for _, poc in naked_of(sessions, (later,), lambda _: 11)] == [1120, 1145, 1170]


def test_a_bar_without_levels_is_taken_to_have_printed_at_its_whole_range() -> None:
    assert printed(ohlc_bar(12, 10, 11), 11)
    assert not printed(ohlc_bar(12, 10, 11), 13)
    assert not printed(bar_of({10: (1, 0), 12: (0, 1)}), 11)


def test_levels_roll_with_the_contract() -> None:
    zones, levels, naked = zones_after(), Unfinished(5, thin=False, keep=5), NakedPocs(5, rth_only=False)
    levels.on_bar(bar_of(UNFINISHED), DAY)
    naked.add(DAY, 7)
    for part in (zones, levels, naked):
        part.shift(100)
    assert (zones.living[0].low, zones.living[0].high) == (102, 104)
    assert levels.living[0].price == 102
    assert naked.living == ((DAY, 107),)
