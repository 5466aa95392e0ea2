from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.market.recent import KEEP_NS, LADDER_TRADES, TAPE_ROWS, TRADES_MAX, RecentTrades
from tests.market.builders import cut_at, tape, wander

SECOND = 1_000_000_000


def recent_of(*rows: tuple[int, int, int]) -> RecentTrades:
    recent = RecentTrades()
    recent.add(tape(*rows))
    return recent


def test_pressure_is_the_share_bought_of_what_has_a_side() -> None:
    rows = [(1 * SECOND, 100, 60), (2 * SECOND, 100, -40), (3 * SECOND, 100, 0)]
    assert recent_of(*rows[:2]).pressure(3 * SECOND, 60) == 60.0
    assert RecentTrades().pressure(0, 60) is None


def test_pressure_looks_back_over_its_window_only() -> None:
    recent = recent_of((0, 100, 60), (10 * SECOND, 100, -40))
    recent.add(tape((70 * SECOND, 101, 10)))
    assert recent.pressure(70 * SECOND, 60) == 100.0
    assert recent.pressure(69 * SECOND, 60) == 20.0
    assert recent.pressure(70 * SECOND, 300) == 100.0 * 70 / 110


def test_the_tape_holds_the_last_two_hundred_trades_however_old() -> None:
    recent = RecentTrades()
    for i in range(TAPE_ROWS + 50):
        recent.add(tape((i * KEEP_NS, 100 + i, -1)))
    rows = recent.tape()
    assert len(rows) == TAPE_ROWS
    assert rows[-1] == ((TAPE_ROWS + 49) * KEEP_NS, 100 + TAPE_ROWS + 49, 1, -1)
    assert recent.tape() is rows


def test_a_level_is_cleared_five_seconds_after_price_left_it() -> None:
    recent = recent_of((0, 100, -3), (1 * SECOND, 100, 2), (2 * SECOND, 101, 4))
    assert recent.at_level(100, 2 * SECOND) == (3, 2)
    assert recent.at_level(100, 7 * SECOND) == (3, 2)
    assert recent.at_level(100, 7 * SECOND + 1) == (0, 0)
    assert recent.at_level(101, 3600 * SECOND) == (0, 4)


def test_a_return_within_five_seconds_goes_on_counting() -> None:
    recent = recent_of((0, 100, -3), (1 * SECOND, 101, 1), (6 * SECOND, 100, -2))
    assert recent.at_level(100, 6 * SECOND) == (5, 0)
    late = recent_of((0, 100, -3), (1 * SECOND, 101, 1), (6 * SECOND + 1, 100, -2))
    assert late.at_level(100, 7 * SECOND) == (2, 0)


def test_old_trades_leave_and_the_bound_holds() -> None:
    recent = RecentTrades()
    for i in range(20):
        recent.add(wander(i, 1000, i * 100 * SECOND, (i + 1) * 100 * SECOND))
    assert recent._count <= 4 * 1000 + LADDER_TRADES
    crowd = RecentTrades()
    for i in range(12):
        crowd.add(wander(i, 60_000, i, i + 1))
    assert crowd._count <= TRADES_MAX


@given(st.integers(0, 1000), st.lists(st.integers(0, 400), max_size=8), st.integers(0, 400))
def test_cutting_changes_neither_tape_nor_pressure_nor_ladder(seed: int, cuts: list[int], seconds: int) -> None:
    block = wander(seed, 400, 0, 400 * SECOND)
    whole, parts = RecentTrades(), RecentTrades()
    whole.add(block)
    for part in cut_at(block, cuts):
        parts.add(part)
    now = int(block.ts_ns[-1])
    assert parts.tape() == whole.tape()
    assert parts.pressure(now, seconds) == whole.pressure(now, seconds)
    for tick in range(26_980, 27_020):
        assert parts.at_level(tick, now) == whole.at_level(tick, now)


def test_a_roll_moves_the_tape_and_a_loss_empties_it() -> None:
    recent = recent_of((0, 100, -3))
    assert recent.at_level(100, 1) == (3, 0)
    recent.shift(40)
    assert (recent.tape(), recent.at_level(140, 1), recent.at_level(100, 1)) == (((0, 140, 3, -1),), (3, 0), (0, 0))
    recent.clear()
    assert (recent.tape(), recent.pressure(1, 60), recent.at_level(140, 2)) == ((), None, (0, 0))
