from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.domain.market import NO_PRICE, Aggressor, SideMethod
from orderflow_tui.market.aggressor import AggressorClassifier, AggressorParams, classify_block
from tests.market.builders import named

SECOND = 1_000_000_000


@pytest.mark.parametrize("vector", **named("aggressor"))
def test_sides_and_methods_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    classifier = AggressorClassifier()
    found = []
    for kind, at_s, *prices in vector["ev"]:
        ts_ns = round(at_s * SECOND)
        if kind == "Q":
            classifier.on_quote(ts_ns, *prices)
        else:
            side, method = classifier.on_trade(ts_ns, prices[0], 1)
            found.append([side.name, method.name])
    assert found == vector["expect"]


def test_race_repair_takes_no_more_than_the_old_quote_displayed() -> None:
    classifier = AggressorClassifier()
    classifier.on_quote(0, 100, 101, 20, 10)
    classifier.on_quote(SECOND, 101, 102, 5, 5)
    assert classifier.on_trade(SECOND + 10_000_000, 101, 6) == (Aggressor.BUY, SideMethod.QUOTE_PREV)
    assert classifier.on_trade(SECOND + 20_000_000, 101, 6) == (Aggressor.SELL, SideMethod.QUOTE)
    assert classifier.on_trade(SECOND + 30_000_000, 101, 4) == (Aggressor.BUY, SideMethod.QUOTE_PREV)


def test_race_repair_has_no_limit_where_sizes_are_unknown() -> None:
    classifier = AggressorClassifier()
    classifier.on_quote(0, 100, 101)
    classifier.on_quote(SECOND, 101, 102)
    sides = [classifier.on_trade(SECOND + i, 101, 1000)[0] for i in range(3)]
    assert sides == [Aggressor.BUY] * 3


def test_race_repair_of_a_sale_that_emptied_the_bid() -> None:
    classifier = AggressorClassifier()
    classifier.on_quote(0, 100, 101)
    classifier.on_quote(SECOND, 99, 100)
    assert classifier.on_trade(SECOND + 1, 100, 1) == (Aggressor.SELL, SideMethod.QUOTE_PREV)


def test_settling_ends_exactly_at_its_limit() -> None:
    for late_ns, expected in ((49_999_999, Aggressor.BUY), (50_000_000, Aggressor.SELL)):
        classifier = AggressorClassifier()
        classifier.on_quote(0, 100, 101)
        classifier.on_quote(SECOND, 101, 102)
        assert classifier.on_trade(SECOND + late_ns, 101, 1)[0] is expected


def test_a_repeated_quote_keeps_the_price_pair_before_it_and_stays_fresh() -> None:
    classifier = AggressorClassifier()
    classifier.on_quote(0, 100, 101)
    classifier.on_quote(SECOND, 101, 102)
    classifier.on_quote(SECOND + 1, 101, 102, 7, 7)
    assert classifier.on_trade(SECOND + 2, 101, 1)[1] is SideMethod.QUOTE_PREV
    classifier.on_quote(6 * SECOND, 101, 102)
    assert classifier.on_trade(8 * SECOND, 102, 1) == (Aggressor.BUY, SideMethod.QUOTE)


@pytest.mark.parametrize(("bid", "ask"), [(101, 101), (102, 101), (0, 101), (NO_PRICE, 101), (100, NO_PRICE)])
def test_one_sided_locked_and_crossed_quotes_change_nothing(bid: int, ask: int) -> None:
    classifier = AggressorClassifier()
    classifier.on_quote(0, 99, 100)
    classifier.on_quote(1, bid, ask)
    assert classifier.on_trade(2, 100, 1) == (Aggressor.BUY, SideMethod.QUOTE)


def test_the_feeds_own_flag_wins_and_still_feeds_the_tick_rule() -> None:
    classifier = AggressorClassifier()
    classifier.on_quote(0, 100, 101)
    assert classifier.on_trade(1, 101, 1, flag=-1) == (Aggressor.SELL, SideMethod.FEED)
    classifier.on_trade(2, 102, 1, flag=-1)
    assert classifier.on_trade(60 * SECOND, 102, 1) == (Aggressor.BUY, SideMethod.TICK)


def test_reset_forgets_quotes_and_direction() -> None:
    classifier = AggressorClassifier()
    classifier.on_quote(0, 100, 101)
    classifier.on_trade(1, 101, 1)
    classifier.reset()
    assert classifier.on_trade(2, 102, 1) == (Aggressor.UNKNOWN, SideMethod.NONE)


def test_trades_far_outside_the_quote_are_counted_and_keep_their_side() -> None:
    classifier = AggressorClassifier()
    classifier.on_quote(0, 100, 101)
    assert classifier.on_trade(1, 105, 1)[0] is Aggressor.BUY
    assert classifier.trade_throughs == 0
    assert classifier.on_trade(2, 106, 1)[0] is Aggressor.BUY
    assert classifier.on_trade(3, 95, 1)[0] is Aggressor.SELL
    assert classifier.trade_throughs == 2


def test_a_price_change_only_stream_may_keep_its_quote_for_a_minute() -> None:
    classifier = AggressorClassifier(AggressorParams(max_quote_age_s=60))
    classifier.on_quote(0, 100, 101)
    assert classifier.on_trade(60 * SECOND, 101, 1)[1] is SideMethod.QUOTE
    assert classifier.on_trade(60 * SECOND + 1, 101, 1)[1] is SideMethod.NONE


Rows = list[tuple[int, int, int, int, int, int]]
tapes = st.lists(
    st.tuples(
        st.integers(0, 40_000_000),  # ns since the row before
        st.integers(98, 104),
        st.integers(1, 9),
        st.integers(98, 103),
        st.integers(-1, 3),  # spread
        st.sampled_from([0, 0, 0, 1, -1]),
    ),
    min_size=1,
    max_size=60,
)


def columns(rows: Rows, shift: int = 0, sign: int = 1) -> list[Any]:
    ts_ns = np.cumsum([row[0] for row in rows])
    price = np.array([row[1] for row in rows]) * sign + shift
    size = np.array([row[2] for row in rows])
    near, far = np.array([row[3] for row in rows]), np.array([row[3] + row[4] for row in rows])
    bid, ask = (near, far) if sign > 0 else (-far, -near)
    flag = np.array([row[5] for row in rows], dtype=np.int8) * np.int8(sign)
    return [ts_ns, price, size, bid + shift, ask + shift, flag]


@given(tapes)
def test_a_block_settles_as_its_trades_one_by_one(rows: Rows) -> None:
    whole_sides, whole_methods = classify_block(*columns(rows))
    classifier = AggressorClassifier()
    found = []
    for ts_ns, price, size, bid, ask, flag in zip(*(c.tolist() for c in columns(rows)), strict=True):
        classifier.on_quote(ts_ns, bid, ask)
        found.append(classifier.on_trade(ts_ns, price, size, flag))
    assert [(s, m) for s, m in zip(whole_sides.tolist(), whole_methods.tolist(), strict=True)] == found


@given(tapes, st.integers(0, 60))
def test_cutting_a_block_changes_no_side(rows: Rows, cut: int) -> None:
    whole = classify_block(*columns(rows))
    classifier = AggressorClassifier()
    parts = [classifier.on_block(*(c[part] for c in columns(rows))) for part in (slice(0, cut), slice(cut, None))]
    for i in range(2):
        assert np.concatenate([part[i] for part in parts]).tolist() == whole[i].tolist()


@given(tapes)
def test_a_fully_flagged_block_leaves_the_tick_rule_where_single_trades_would(rows: Rows) -> None:
    flagged = [(*row[:5], row[5] or 1) for row in rows]
    after_block, one_by_one = AggressorClassifier(), AggressorClassifier()
    ts_ns, price, size, _, _, flag = columns(flagged)
    sides, methods = after_block.on_block(ts_ns, price, size, flag=flag)
    for k, f in zip(price.tolist(), flag.tolist(), strict=True):
        one_by_one.on_trade(0, k, 1, f)
    last = int(price[-1])
    assert sides.tolist() == flag.tolist()
    assert set(methods.tolist()) == {SideMethod.FEED}
    assert after_block.on_trade(0, last, 1) == one_by_one.on_trade(0, last, 1)


@given(tapes)
def test_mirrored_prices_give_mirrored_sides(rows: Rows) -> None:
    sides, methods = classify_block(*columns(rows))
    mirrored, same = classify_block(*columns(rows, shift=1000, sign=-1))
    assert mirrored.tolist() == (-sides).tolist()
    assert same.tolist() == methods.tolist()


@given(tapes, st.integers(0, 10_000))
def test_shifted_prices_give_the_same_sides(rows: Rows, shift: int) -> None:
    sides, methods = classify_block(*columns(rows))
    moved, same = classify_block(*columns(rows, shift=shift))
    assert (moved.tolist(), same.tolist()) == (sides.tolist(), methods.tolist())
