"""Regime scores, overrides, persistence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.domain.signal import Regime
from orderflow_tui.market.indicators import Indicators
from orderflow_tui.signals.regime import RegimeInputs, RegimeParams, RegimeTracker, classify, minutes, regime_inputs
from tests.signals.text_tape import ES, plain
from tests.signals.vectors import each

PARAMS = RegimeParams()
NAMES = {
    "adx": "adx", "adx_slope": "adx_slope", "ema_trend": "ema_trend", "pv": "price_vs_vwap", "atr": "atr",
    "atr_pct": "atr_percentile", "range_avg": "bar_range_avg", "vol_ratio": "volume_vs_average", "cd": "cumulative_delta",
    "delta_slope": "delta_slope", "HH": "higher_highs", "LH": "lower_highs", "HL": "higher_lows", "LL": "lower_lows",
    "rbb": "range_bound_bars", "since_open": "minutes_since_open", "to_close": "minutes_to_close", "news": "news",
}  # fmt: skip
CALM: dict[str, Any] = {
    "adx": 28, "adx_slope": 0.4, "ema_trend": 2.0, "pv": 1.2, "atr": 4.0, "atr_pct": 55, "range_avg": 4.0, "vol_ratio": 1.1,
    "cd": 2400, "delta_slope": 35, "HH": True, "HL": True, "LH": False, "LL": False, "rbb": 0, "since_open": 60,
    "to_close": 300, "news": False,
}  # fmt: skip
UP = RegimeInputs(**{NAMES[name]: value for name, value in CALM.items()})
RANGE = replace(
    UP, adx=17, adx_slope=-0.1, ema_trend=-0.3, price_vs_vwap=0.2, atr_percentile=30, cumulative_delta=-120, delta_slope=5,
    higher_highs=False, higher_lows=False, lower_highs=True, range_bound_bars=4,
)  # fmt: skip


@each("regime")
def test_scores_and_decision(vector: dict[str, Any]) -> None:
    inputs = RegimeInputs(**{NAMES[name]: value for name, value in vector["inputs"].items()})
    found = classify(inputs, PARAMS)
    assert found.regime.value == vector["expect"][0]
    assert found.confidence == pytest.approx(vector["expect"][1], abs=1e-6)
    if "scores" in vector:
        assert list(found.scores) == vector["scores"]
        assert [sum(t.points for t in found.terms if t.regime is r) for r in list(Regime)[:4]] == vector["scores"]


def test_every_term_says_the_comparison_that_held() -> None:
    assert [t.text for t in classify(UP, PARAMS).terms if t.regime is Regime.TRENDING_UP] == [
        "ADX 28.0 > 25",
        "EMA9 - EMA21 +2.00 > 0",
        "price to VWAP +1.20 ATR > 0",
        "higher highs and higher lows",
        "CD +2400 and delta slope +35.0 > 0",
        "ADX slope +0.40 > 0",
    ]


def test_warming_up_is_no_trade_with_a_reason() -> None:
    found = classify(replace(UP, adx=None), PARAMS)
    assert (found.regime, found.confidence) == (Regime.NO_TRADE, 1.0)
    assert found.reason.startswith("warming up")


def test_a_partial_cumulative_delta_feeds_no_score() -> None:
    assert classify(replace(UP, cumulative_delta=None), PARAMS).scores == (7.0, 2.5, 0.0, 0.0)
    assert classify(replace(RANGE, cumulative_delta=None), PARAMS).scores[2] == 7.5


def test_a_new_regime_needs_two_bars_and_says_so() -> None:
    tracker = RegimeTracker(PARAMS)
    assert tracker.read(0, UP).regime is Regime.TRENDING_UP
    first = tracker.read(1, RANGE)
    assert (first.regime, first.candidate, first.confidence) == (Regime.TRENDING_UP, Regime.RANGING, 0.5)
    assert first.reason == "RANGING 1 of 2 bars"
    second = tracker.read(2, RANGE)
    assert (second.regime, second.reason) == (Regime.RANGING, "")
    assert second.confidence == pytest.approx(0.823529, abs=1e-6)


def test_an_interrupted_change_starts_counting_anew() -> None:
    tracker = RegimeTracker(PARAMS)
    regimes = [tracker.read(i, x).regime for i, x in enumerate([UP, RANGE, UP, RANGE])]
    assert regimes == [Regime.TRENDING_UP] * 4


def test_no_trade_begins_and_ends_at_once() -> None:
    tracker = RegimeTracker(PARAMS)
    regimes = [tracker.read(i, x).regime for i, x in enumerate([UP, replace(UP, news=True), RANGE])]
    assert regimes == [Regime.TRENDING_UP, Regime.NO_TRADE, Regime.RANGING]
    assert tracker.no_trade(9, "outside regular hours").regime is Regime.NO_TRADE


@pytest.mark.parametrize(("close", "distance", "inside"), [(20_012, 0.5, False), (20_011, 0.4375, True)])
def test_price_is_measured_from_vwap_in_atr_and_half_an_atr_is_not_inside(close: int, distance: float, inside: bool) -> None:
    """5003.00 and 5002.75 against a VWAP of 5001.00 and an ATR of 4 points, in ticks of a quarter."""
    indicators = Indicators()
    indicators.atr14.value = 16.0
    bar = plain(close + 4, close - 4, close)
    found = regime_inputs(bar, indicators, 20_004.0, (0.0, True), (60, 300), False, False)
    assert found.price_vs_vwap == distance
    terms = classify(replace(UP, price_vs_vwap=found.price_vs_vwap), PARAMS).terms
    assert any(term.text.startswith("|price to VWAP|") for term in terms) is inside


@pytest.mark.parametrize(("unit", "distance"), [("points", 2.0), ("percent", 8 / 200.04), ("sigma", 4.0), ("atr", 0.5)])
def test_the_unit_of_the_distance_can_be_chosen(unit: str, distance: float) -> None:
    indicators = Indicators()
    indicators.atr14.value = 16.0
    found = regime_inputs(
        plain(20_016, 20_008, 20_012), indicators, 20_004.0, (0.0, True), (60, 300), False, False, unit, 2.0, ES.price(1)
    )
    assert found.price_vs_vwap == pytest.approx(distance)


def test_minutes_are_whole_and_zero_outside_regular_hours() -> None:
    minute, opened = 60_000_000_000, 1_000 * 60_000_000_000
    close, half_day = opened + 390 * minute, opened + 210 * minute
    assert minutes(opened + 60 * minute + 59_000_000_000, opened, close) == (60, 329)
    assert minutes(half_day - 15 * minute - 1_000_000_000, opened, half_day)[1] == 15
    assert minutes(half_day - 15 * minute + 1_000_000_000, opened, half_day)[1] == 14
    assert minutes(opened - 90 * minute, opened, close) == (0, 0)
    assert minutes(opened, None, None) == (0, 0)


numbers = st.floats(-200, 200)


@given(
    st.floats(0, 100), numbers, numbers, numbers, st.floats(0, 100), st.floats(0, 30), st.floats(0.3, 5),
    st.integers(-5000, 5000), numbers, st.tuples(st.booleans(), st.booleans()), st.tuples(st.booleans(), st.booleans()),
    st.integers(0, 20),
)  # fmt: skip
def test_scores_stay_within_their_maxima_and_mirror(
    adx: float, slope: float, ema: float, pv: float, pct: float, avg: float, vol: float, cd: int, delta: float,
    highs: tuple[bool, bool], lows: tuple[bool, bool], rbb: int,
) -> None:  # fmt: skip
    inputs = replace(
        UP, adx=adx, adx_slope=slope, ema_trend=ema, price_vs_vwap=pv, atr_percentile=pct, bar_range_avg=avg,
        volume_vs_average=vol, cumulative_delta=cd, delta_slope=delta, higher_highs=highs[0],
        lower_highs=highs[1] and not highs[0], higher_lows=lows[0], lower_lows=lows[1] and not lows[0], range_bound_bars=rbb,
    )  # fmt: skip
    mirror = replace(
        inputs, ema_trend=-ema, price_vs_vwap=-pv, cumulative_delta=-cd, delta_slope=-delta,
        higher_highs=inputs.lower_lows, lower_lows=inputs.higher_highs, higher_lows=inputs.lower_highs,
        lower_highs=inputs.higher_lows,
    )  # fmt: skip
    up, down, ranging, wild = classify(inputs, PARAMS).scores
    assert classify(mirror, PARAMS).scores == pytest.approx((down, up, ranging, wild))
    assert max(up, down, ranging) <= 8.5
    assert wild <= 7.0
    assert 0.5 <= classify(inputs, PARAMS).confidence <= 1.0
