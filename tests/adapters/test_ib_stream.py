from orderflow_tui.adapters.ib_stream import OutlierGuard, Stream
from orderflow_tui.domain.market import Aggressor, SideMethod
from orderflow_tui.market.aggressor import AggressorParams
from tests.adapters.ib_world import ES

SECOND = 10**9


def warm_guard(price: int = 26_800) -> OutlierGuard:
    guard = OutlierGuard()
    for step in range(20):
        assert guard.admits(price + step % 3)
    return guard


def test_a_lone_bad_print_is_held_back() -> None:
    guard = warm_guard()
    assert not guard.admits(134_000)
    assert guard.admits(26_801)
    assert guard.held_back == 1


def test_a_real_gap_is_believed_after_two_more_prints_there() -> None:
    guard = warm_guard()
    assert [guard.admits(p) for p in (27_400, 27_402, 27_401, 27_399)] == [False, False, True, True]


def test_right_after_a_believed_gap_a_lone_bad_print_is_held_back_as_ever() -> None:
    guard = warm_guard()
    assert [guard.admits(p) for p in (27_400, 27_402, 27_401)] == [False, False, True]
    assert [guard.admits(p) for p in (137_000, 27_401)] == [False, True]


def test_three_prints_at_the_start_outvote_one_bad_one() -> None:
    guard = OutlierGuard()
    assert [guard.admits(p) for p in (134_000, 26_800, 26_801, 26_802, 134_000)] == [True, True, True, True, False]


def test_sides_are_settled_against_the_quote_in_force() -> None:
    stream = Stream(ES)
    stream.on_quote(SECOND, 26_800, 26_801, 10, 10)
    assert stream.on_trade(2 * SECOND, 26_801, 1) == (Aggressor.BUY, SideMethod.QUOTE)
    assert stream.on_trade(2 * SECOND, 26_800, 1) == (Aggressor.SELL, SideMethod.QUOTE)


def test_crossed_quotes_are_dropped_and_counted() -> None:
    stream = Stream(ES)
    assert stream.on_quote(1, 26_801, 26_801, 1, 1) is None
    assert stream.dropped == 1


def test_prices_off_the_grid_are_dropped_and_counted() -> None:
    stream = Stream(ES)
    assert stream.ticks(6700.1) is None
    assert stream.ticks(-1.0) is None
    assert stream.dropped == 2


def test_after_an_interruption_nothing_before_it_counts() -> None:
    stream = Stream(ES)
    stream.on_quote(SECOND, 26_800, 26_801, 10, 10)
    stream.on_trade(SECOND, 26_801, 1)
    stream.interrupted()
    assert stream.on_trade(2 * SECOND, 26_801, 1) == (Aggressor.UNKNOWN, SideMethod.NONE)
    assert stream.quote_ns is None


def test_after_a_minute_of_silence_the_tick_rule_begins_anew() -> None:
    """The maintenance hour: the first trade of the new Globex day is no uptick on the last one of the old."""
    stream = Stream(ES)
    stream.on_trade(SECOND, 26_800, 1)
    assert stream.on_trade(30 * SECOND, 26_801, 1) == (Aggressor.BUY, SideMethod.TICK)
    assert stream.on_trade(91 * SECOND, 26_802, 1) == (Aggressor.UNKNOWN, SideMethod.NONE)
    assert stream.on_trade(92 * SECOND, 26_803, 1) == (Aggressor.BUY, SideMethod.TICK)


def test_how_long_a_quote_may_overtake_its_trade_is_the_operators() -> None:
    for settle_ms, side in ((50, Aggressor.SELL), (200, Aggressor.BUY)):
        stream = Stream(ES, AggressorParams(settle_ms=settle_ms, max_quote_age_s=60))
        stream.on_quote(SECOND, 26_800, 26_801, 10, 10)
        stream.on_quote(2 * SECOND, 26_801, 26_802, 10, 10)
        assert stream.on_trade(2 * SECOND + SECOND // 10, 26_801, 1)[0] is side
