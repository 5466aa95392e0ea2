from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.market.rolling import RollingVwap
from orderflow_tui.market.vwap import Vwap
from tests.market.builders import bar_of, named, ohlc_bar

Trades = list[tuple[int, int]]
MINUTE = 60_000_000_000


def vwap_of(trades: Trades) -> Vwap:
    average = Vwap()
    for price, size in trades:
        average.add_levels(price, np.array([size], dtype=np.int64))
    return average


@pytest.mark.parametrize("vector", **named("vwap"))
def test_averages_and_deviations_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    average = vwap_of([(round(price * 4), size) for price, size in vector["trades"]])
    value, sigma = average.value(), average.sigma()
    assert value is not None
    assert sigma is not None
    assert value / 4 == pytest.approx(vector["vwap"], abs=1e-9)
    assert sigma / 4 == pytest.approx(vector["sd"], abs=1e-6)


trades_strategy = st.lists(st.tuples(st.integers(-50, 30_000), st.integers(1, 5000)), min_size=1, max_size=30)


@given(trades_strategy, st.randoms(use_true_random=False))
def test_the_order_of_trades_does_not_matter(trades: Trades, order: Any) -> None:
    shuffled = list(trades)
    order.shuffle(shuffled)
    one, other = vwap_of(trades), vwap_of(shuffled)
    assert (one.value(), one.sigma()) == (other.value(), other.sigma())


@given(trades_strategy)
def test_the_average_lies_inside_and_agrees_with_its_definition(trades: Trades) -> None:
    average = vwap_of(trades)
    value, sigma = average.value(), average.sigma()
    assert value is not None
    assert sigma is not None
    prices = [price for price, _ in trades]
    volume = sum(size for _, size in trades)
    spread = sum(size * (price - value) ** 2 for price, size in trades) / volume
    assert min(prices) - 1e-9 <= value <= max(prices) + 1e-9
    assert sigma == pytest.approx(sqrt(spread), abs=1e-6)


@given(trades_strategy, st.integers(-500, 500))
def test_a_shift_moves_the_average_and_leaves_the_deviation(trades: Trades, shift: int) -> None:
    moved = vwap_of(trades)
    moved.shift(shift)
    built = vwap_of([(price + shift, size) for price, size in trades])
    assert (moved.value(), moved.sigma()) == (built.value(), built.sigma())


def test_levels_of_a_fold_are_trades_at_their_prices() -> None:
    average = Vwap()
    average.add_levels(27_000, np.array([3, 0, 5]))
    assert average.value() == vwap_of([(27_000, 3), (27_002, 5)]).value()


def test_a_bar_enters_at_its_typical_price_and_says_so() -> None:
    average = Vwap()
    average.add_bar(102, 100, 102, 10)
    assert average.value() == pytest.approx(304 / 3)
    assert average.sigma() == 0.0
    assert average.approx


def test_before_the_first_trade_there_is_no_average() -> None:
    assert (Vwap().value(), Vwap().sigma()) == (None, None)


def test_the_rolling_average_takes_whole_bars_that_ended_inside_the_window() -> None:
    bars = [bar_of({100 + i: (1, 1)}, start_ns=i * 5 * MINUTE) for i in range(20)]
    now = bars[-1].end_ns
    rolling = RollingVwap()
    assert rolling.read(bars, None, now, 60).value() == pytest.approx(sum(range(108, 120)) / 12)
    assert rolling.read(bars, None, now, 240).volume == 40
    building = bar_of({200: (4, 0)})
    assert rolling.read(bars, building, now, 60).volume == 28
    assert rolling.read([*bars, ohlc_bar(300, 300, 300, now, 6)], None, now + 5 * MINUTE, 60).volume == 28
