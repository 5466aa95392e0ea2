"""The stability hold: one second, once, by a timer."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from orderflow_tui.domain.market import Grade
from orderflow_tui.domain.signal import Direction, Setup, SetupReading
from orderflow_tui.domain.watch import NEVER
from orderflow_tui.signals.hold import HoldParams, Holds

S = 1_000_000_000
TODAY = date(2026, 3, 6)


class Bench:
    """Holds under a clock the test moves; `emitted` lists (seconds, id)."""

    def __init__(self, ids: tuple[str, ...] = ()) -> None:
        self.holds = Holds(HoldParams())
        self.holds.new_day(TODAY, ids)
        self.emitted: list[tuple[float, str]] = []

    def reading(self, now: float, **fields: Any) -> SetupReading:
        base = SetupReading(
            "", round(now * S), Setup.VA_BREAKOUT, Direction.LONG, 100, 80.0, 80.0, 60.0, (), (), True, "", 97, None
        )  # fmt: skip
        plain = replace(base, **fields)
        name, spent = self.holds.identify(round(now * S), plain.setup, plain.direction, plain.level)
        return replace(plain, id=name, tradable=plain.tradable and spent is None)

    def at(self, now: float, *wanted: dict[str, Any], grade: Grade = Grade.A) -> Bench:
        """Timers up to `now`, then an evaluation in which these setups stand."""
        self.timers(now, grade)
        self.holds.evaluate(round(now * S), [self.reading(now, **fields) for fields in wanted], grade)
        return self

    def timers(self, until: float, grade: Grade = Grade.A) -> Bench:
        while self.holds.watch().due_ns <= round(until * S):
            due = self.holds.watch().due_ns
            found = self.holds.fire(due, grade)
            if found is not None:
                self.emitted.append((due / S, found.id))
            assert self.holds.watch().due_ns > due
        return self

    @property
    def times(self) -> list[float]:
        return [t for t, _ in self.emitted]


STANDS: dict[str, Any] = {}


def test_a_setup_gone_before_the_second_is_over_is_not_emitted() -> None:
    bench = Bench()
    for tenth in range(9):
        bench.at(tenth / 10, STANDS)
    assert bench.at(0.9).timers(5).times == []


def test_new_data_never_restarts_the_hold() -> None:
    bench = Bench()
    for step in range(151):
        bench.at(step / 100, STANDS)
    assert bench.times == [1.0]


def test_a_timer_ends_the_hold_without_new_data() -> None:
    assert Bench().at(0.0, STANDS).timers(1.3).times == [1.0]


def test_a_setup_that_stays_is_not_emitted_twice() -> None:
    bench = Bench().at(0.0, STANDS)
    for second in range(2, 300):
        bench.at(second, STANDS)
    assert bench.emitted == [(1.0, "2026-03-06|VA_BREAKOUT|LONG|100|1")]


def test_price_on_the_other_side_of_the_level_arms_it_again() -> None:
    bench = Bench().at(0.0, STANDS).timers(1.0)
    bench.holds.on_range(92 + 1, 104)
    bench.at(10.0, STANDS).timers(20.0)
    assert bench.times == [1.0]
    bench.holds.on_range(91, 104)
    bench.at(30.0, STANDS).timers(40.0)
    assert bench.emitted[-1] == (31.0, "2026-03-06|VA_BREAKOUT|LONG|100|2")


def test_a_minute_away_and_a_quarter_hour_arm_it_again() -> None:
    bench = Bench().at(0.0, STANDS).timers(1.0).at(800.0).at(859.0, STANDS).timers(900.0)
    assert bench.times == [1.0]
    bench.at(900.0).at(905.0, STANDS).timers(910.0)
    assert bench.times == [1.0]
    bench.at(910.0).at(970.0, STANDS).timers(980.0)
    assert bench.times == [1.0, 971.0]


def test_a_drifting_level_is_the_same_level() -> None:
    bench = Bench().at(0.0, STANDS).timers(1.0)
    bench.at(300.0, {"level": 107}).timers(310.0)
    assert bench.times == [1.0]
    bench.at(600.0, {"level": 108}).timers(610.0)
    assert bench.emitted[-1][1] == "2026-03-06|VA_BREAKOUT|LONG|108|1"


def test_a_trade_outside_the_band_breaks_the_hold() -> None:
    bench = Bench().at(0.0, STANDS)
    assert bench.holds.watch().below == 97
    bench.holds.on_price(98)
    assert len(bench.holds.pending) == 1
    bench.holds.on_price(97)
    assert bench.timers(5.0).times == []


def test_a_change_of_the_feeds_grade_breaks_the_hold() -> None:
    assert Bench().at(0.0, STANDS).timers(5.0, Grade.C).times == []


def test_an_opposite_signal_breaks_the_hold_and_one_of_its_own_side_does_not() -> None:
    bench = Bench().at(0.0, STANDS)
    bench.holds.against(Direction.LONG)
    assert len(bench.holds.pending) == 1
    bench.holds.against(Direction.SHORT)
    assert bench.timers(5.0).times == []


def test_a_bars_close_does_not_begin_the_second_of_a_standing_setup_again() -> None:
    bench = Bench().at(0.0, STANDS)
    bench.holds.evaluate(round(0.5 * S), [bench.reading(0.5, invalid_below=98)], Grade.A, renewed=True)
    assert bench.holds.watch().below == 98  # the facts are those of the close
    assert bench.timers(5.0).times == [1.0]


def test_a_bars_close_at_which_it_no_longer_stands_breaks_a_hold() -> None:
    bench = Bench().at(0.0, STANDS)
    bench.holds.evaluate(round(0.5 * S), [], Grade.A, renewed=True)
    assert bench.timers(5.0).times == []
    bench.at(6.0, STANDS).holds.clear()
    assert bench.holds.watch().due_ns == NEVER


def test_two_at_once_leave_a_second_apart_the_more_confident_first() -> None:
    bench = Bench().at(0.0, {"confidence": 80.0}, {"setup": Setup.RULE_80, "confidence": 81.0})
    assert [name.split("|")[1] for _, name in bench.timers(5.0).emitted] == ["RULE_80", "VA_BREAKOUT"]
    assert bench.times == [1.0, 2.0]


def test_on_a_tie_the_table_decides() -> None:
    bench = Bench().at(0.0, {"setup": Setup.RULE_80}, {"setup": Setup.MEAN_REVERSION})
    assert [name.split("|")[1] for _, name in bench.timers(5.0).emitted] == ["MEAN_REVERSION", "RULE_80"]


def test_ids_of_an_earlier_run_stay_emitted_today_only() -> None:
    again = Bench(("2026-03-06|VA_BREAKOUT|LONG|100|1", "2026-03-05|RULE_80|LONG|50|1", "not an id"))
    assert again.at(0.0, STANDS).timers(5.0).times == []
    again.holds.on_range(80, 100)
    assert again.at(10.0, STANDS).timers(20.0).emitted == [(11.0, "2026-03-06|VA_BREAKOUT|LONG|100|2")]


def test_a_roll_moves_what_was_emitted_and_drops_what_waits() -> None:
    bench = Bench().at(0.0, STANDS).timers(1.0).at(2.0, {"level": 200})
    bench.holds.shift(40)
    assert bench.holds.pending == ()
    assert bench.at(10.0, {"level": 140}).timers(20.0).times == [1.0]


@pytest.mark.parametrize("price", [1, 1_000])
def test_nothing_pending_is_nothing_to_break(price: int) -> None:
    bench = Bench()
    bench.holds.on_price(price)
    assert not bench.holds.follows_prices
