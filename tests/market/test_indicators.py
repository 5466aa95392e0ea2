from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.market.indicators import (
    Ema,
    Indicators,
    Trend,
    delta_slope,
    mid_rank,
    range_bound,
    slope,
    structure,
)
from tests.market.builders import named, ohlc_bar, vectors

Series = list[float | None]


def ema_of(closes: list[float], n: int) -> Series:
    ema, found = Ema(n), []
    for close in closes:
        ema.add_all([close])
        found.append(ema.value)
    return found


def over(kind: str, n: int, h: list[float], low: list[float], c: list[float]) -> Series:
    trend, found = Trend(n), []
    for bar in zip(h, low, c, strict=True):
        trend.add_all([bar])
        found.append(trend.atr.value if kind == "atr" else trend.adx.value)
    return found


@pytest.mark.parametrize("vector", **named("indicators"))
def test_indicators_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    if "flat" in vector:
        found = over("adx", vector["n"], *([[100.0] * vector["flat"]] * 3))
        assert found[vector["index"]] == vector["value"]
        return
    kind, n = vector["fn"], vector["n"]
    found = ema_of(vector["x"], n) if kind == "ema" else over(kind, n, vector["h"], vector["l"], vector["c"])
    for value, expected in zip(found, vector["expect"], strict=True):
        assert value == (expected if expected is None else pytest.approx(expected, abs=1e-7))


def golden_bars() -> list[tuple[float, float, float]]:
    """120 bars of a series that needs no library: a linear congruential generator around 5000."""
    x = 12_345

    def draw() -> int:
        nonlocal x
        x = (1_103_515_245 * x + 12_345) % 2**31
        return x >> 16

    bars, p = [], 20_000
    for i in range(120):
        step = draw() % 17 - 8 + (3 if (i // 20) % 2 == 0 else -3)
        up, down, q = draw() % 9, draw() % 9, p + step
        bars.append(((max(p, q) + up) / 4, (min(p, q) - down) / 4, q / 4))
        p = q
    return bars


def test_the_golden_series_starts_as_published() -> None:
    assert golden_bars()[:2] == [(5004.0, 4999.0, 5002.25), (5006.0, 5000.5, 5004.25)]


def test_indicators_equal_the_golden_table() -> None:
    h, low, c = (list(column) for column in zip(*golden_bars(), strict=True))
    found = {
        "adx14": over("adx", 14, h, low, c),
        "atr14": over("atr", 14, h, low, c),
        "ema9": ema_of(c, 9),
        "ema21": ema_of(c, 21),
    }
    for row in vectors("indicators_golden"):
        for name, series in found.items():
            value, expected = series[row["index"]], row[name]
            assert value == (expected if expected is None else pytest.approx(expected, abs=1e-9)), (row["index"], name)


def random_series(seed: int) -> tuple[Any, Any, Any]:
    """High, low, close of 40–300 bars with gaps, flats and dead stretches."""
    draw = np.random.default_rng(seed)
    n = int(draw.integers(40, 300))
    close = 20_000 + np.cumsum(draw.integers(-9, 10, n) + draw.choice([0, 0, 0, 0, 60, -60], n))
    still = draw.random(n) < 0.2
    close = np.where(still, np.maximum.accumulate(np.where(still, 0, close)), close).astype(float)
    high, low = close + draw.integers(0, 9, n) * ~still, close - draw.integers(0, 9, n) * ~still
    if seed % 10 == 0:
        high[:35], low[:35], close[:35] = 20_000.0, 20_000.0, 20_000.0
    return high / 4, low / 4, close / 4


def test_indicators_equal_ta_lib_on_two_hundred_series() -> None:
    pytest.importorskip("talib", reason="TA-Lib is the oracle and not installed here")
    talib: Any = import_module("talib")
    for seed in range(200):
        h, low, c = random_series(seed)
        series = (h.tolist(), low.tolist(), c.tolist())
        pairs: list[tuple[Series, Any]] = [
            (over("adx", 14, *series), talib.ADX(h, low, c, 14)),
            (over("atr", 14, *series), talib.ATR(h, low, c, 14)),
            (ema_of(series[2], 9), talib.EMA(c, 9)),
            (ema_of(series[2], 21), talib.EMA(c, 21)),
        ]
        for ours, oracle in pairs:
            mine = np.array([np.nan if value is None else value for value in ours])
            np.testing.assert_allclose(mine, oracle, rtol=0, atol=1e-9, equal_nan=True, err_msg=f"series {seed}")


@given(st.integers(0, 1000), st.integers(0, 300))
def test_a_series_in_one_go_or_in_two_gives_the_same_to_the_last_bit(seed: int, cut: int) -> None:
    bars = list(zip(*(column.tolist() for column in random_series(seed)), strict=True))
    whole, parts = Trend(14), Trend(14)
    whole.add_all(bars)
    parts.add_all(bars[:cut])
    parts.add_all(bars[cut:])
    assert (whole.atr.value, whole.adx.value, whole.recent) == (parts.atr.value, parts.adx.value, parts.recent)


@pytest.mark.parametrize("vector", **named("regime_inputs"))
def test_small_statistics_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    if "slope" in vector:
        assert slope(vector["y"]) == pytest.approx(vector["slope"], abs=1e-6)
    elif "pct" in vector:
        assert mid_rank(vector["x"], sorted(vector["pop"])) == vector["pct"]
    elif "flags" in vector:
        found = structure(vector["h"], vector["l"])
        assert found is not None
        flags = {"HH": found.higher_highs, "LH": found.lower_highs, "HL": found.higher_lows, "LL": found.lower_lows}
        assert flags == vector["flags"]
    else:
        assert range_bound(vector["h"], vector["l"], vector["atr"]) == vector["m"]


def indicators_of(count: int, sessions: list[list[float]] | None = None) -> Indicators:
    bars = [ohlc_bar(round(h * 4), round(low * 4), round(c * 4)) for h, low, c in golden_bars()]
    indicators = Indicators(sessions or [])
    indicators.add_all(bars[:count])
    return indicators


def test_everything_is_unknown_until_its_definition_is_met() -> None:
    needs: dict[int, Callable[[Indicators], object]] = {
        8: lambda i: i.ema9.value,
        9: lambda i: i.structure(),
        14: lambda i: i.atr_percentile(),
        19: lambda i: i.volume_vs_average(),
        20: lambda i: i.ema_trend(),
        31: lambda i: i.adx_slope(),
    }
    for index, ask in needs.items():
        assert ask(indicators_of(index)) is None, index
        assert ask(indicators_of(index + 1)) is not None, index


def test_the_first_slope_of_adx_needs_thirty_two_bars() -> None:
    assert indicators_of(31).adx_slope() is None
    assert indicators_of(32).adx_slope() is not None


def test_atr_percentile_stands_at_fifty_until_five_sessions_are_known() -> None:
    assert indicators_of(60, [[1.0]] * 4).atr_percentile() == 50.0
    assert indicators_of(60, [[1.0]] * 5).atr_percentile() == 100.0
    assert indicators_of(60, [[1000.0]] * 5).atr_percentile() == 0.0


def test_volume_against_average_counts_the_bar_itself() -> None:
    indicators = Indicators()
    indicators.add_all([ohlc_bar(2, 1, 1, volume=v) for v in [100] * 19 + [300]])
    assert indicators.volume_vs_average() == pytest.approx(2.7273, abs=1e-4)
    empty = Indicators()
    empty.add_all([ohlc_bar(2, 1, 1, volume=0)] * 20)
    assert empty.volume_vs_average() == 1.0


def test_bar_range_is_the_mean_of_five() -> None:
    indicators = Indicators()
    indicators.add_all([ohlc_bar(r, 0, 0) for r in (40, 4, 6, 5, 3, 7)])
    assert indicators.bar_range_avg() == 5.0


def test_delta_slope_takes_known_deltas_only_and_says_when_it_is_cold() -> None:
    known = [ohlc_bar(1, 0, 0, delta=d) for d in (100, -50, 200, -100, 300, 0, 150, -150, 250, 50)]
    value, cold = delta_slope([known[0], ohlc_bar(1, 0, 0), *known])
    assert value == pytest.approx(2.121212, abs=1e-6)
    assert not cold
    assert delta_slope(known[:2]) == (0.0, True)
    value, cold = delta_slope(known[:3])
    assert value == pytest.approx(50.0)
    assert cold


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=12))
def test_slope_is_least_squares(values: list[int]) -> None:
    assert slope(values) == pytest.approx(float(np.polyfit(range(len(values)), values, 1)[0]), abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20), st.integers(0, 20)), min_size=30, max_size=60))
def test_mirrored_prices_give_the_same_strength_of_trend(parts: list[tuple[int, int, int]]) -> None:
    h, low, c = ([float(p + up) for p, up, _ in parts], [float(p - dn) for p, _, dn in parts], [float(p) for p, _, _ in parts])
    straight = over("adx", 14, h, low, c)
    mirrored = over("adx", 14, [-x for x in low], [-x for x in h], [-x for x in c])
    for one, other in zip(straight, mirrored, strict=True):
        assert one == (other if other is None else pytest.approx(other, abs=1e-9))
