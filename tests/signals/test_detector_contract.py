"""What every detector promises, run for all of them. A new line in DETECTORS is tested here without a word more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.signal import Direction, Pattern
from orderflow_tui.signals.catalogue import DETECTORS, LETTERS
from orderflow_tui.signals.detector import BarContext, Detector, Finding
from orderflow_tui.signals.params import SignalParams
from tests.signals.test_router import way
from tests.signals.text_tape import ES, follow, mirrored, of_levels

QUIET_ES: Instrument = replace(ES, imbalance_min_volume=8, absorption_min_volume=40)
MIRROR = {
    "BUY": "SELL", "SELL": "BUY", "BUYING": "SELLING", "SELLING": "BUYING", "BEARISH": "BULLISH", "BULLISH": "BEARISH",
    "HIGH": "LOW", "LOW": "HIGH",
}  # fmt: skip
ES_PARAMS = SignalParams()

volumes = st.sampled_from([0, 0, 1, 3, 5, 6, 8, 12, 20, 30, 45, 60, 90, 150, 400])
rows = st.lists(st.tuples(volumes, volumes), min_size=1, max_size=14)
steps = st.lists(st.tuples(st.integers(-9, 9), rows, st.floats(0, 1)), min_size=1, max_size=32)


def every(test: Callable[..., None]) -> Callable[..., None]:
    """Run a property for each detector."""
    names = [type(build(ES_PARAMS, QUIET_ES)).__name__ for build in DETECTORS]
    wrapped: Callable[..., None] = settings(max_examples=40, deadline=None)(given(steps)(test))
    marked: Callable[..., None] = pytest.mark.parametrize("index", range(len(DETECTORS)), ids=names)(wrapped)
    return marked


def bars_of(told: list[tuple[int, list[tuple[int, int]], float]]) -> list[FootprintBar]:
    """A walk of bars with session CVD."""
    price, cvd, bars = 0, 0, []
    for move, levels, place in told:
        price += move
        pairs = {price + k: pair for k, pair in enumerate(levels)}
        close = price + round(place * (len(levels) - 1))
        bar = of_levels(pairs, close)
        cvd += bar.delta or 0
        bars.append(replace(bar, cvd_rth=cvd))
    return follow(bars)


def found_by(index: int, bars: list[FootprintBar], sessions: int = 0) -> list[list[Finding]]:
    """What one detector finds, bar by bar; `sessions` > 0 starts a new trade date every so many bars."""
    detector: Detector = DETECTORS[index](ES_PARAMS, QUIET_ES)
    found = []
    for k, bar in enumerate(bars):
        number = k // sessions if sessions else 0
        earlier = bars[max(0, k - 24) : k]
        view = BarContext(QUIET_ES, date(2026, 3, 1 + number), earlier, min(k - number * sessions, len(earlier)), 6.0, 200.0)
        found.append(detector.on_bar(bar, view))
    return found


@every
def test_it_is_deterministic(index: int, told: list[tuple[int, list[tuple[int, int]], float]]) -> None:
    bars = bars_of(told)
    assert found_by(index, bars, 7) == found_by(index, bars, 7)


@every
def test_the_future_does_not_change_the_past(index: int, told: list[tuple[int, list[tuple[int, int]], float]]) -> None:
    bars = bars_of(told)
    whole = found_by(index, bars, 7)
    for end in range(len(bars)):
        assert found_by(index, bars[:end], 7) == whole[:end]


@every
def test_strength_direction_price_and_evidence(index: int, told: list[tuple[int, list[tuple[int, int]], float]]) -> None:
    bars = bars_of(told)
    for bar, found in zip(bars, found_by(index, bars), strict=True):
        seen: set[tuple[Pattern, int]] = set()
        for one in found:
            assert 0.5 <= one.strength <= 1.0
            assert one.evidence
            assert one.direction is way(one.pattern)
            assert (one.pattern, one.ref_price) not in seen, "signal ids must be unique"
            seen.add((one.pattern, one.ref_price))
            if one.pattern is not Pattern.UNFINISHED_REVISITED:
                assert bar.low <= one.ref_price <= bar.high


@every
def test_the_mirror_image_flips_it(index: int, told: list[tuple[int, list[tuple[int, int]], float]]) -> None:
    bars = bars_of(told)
    for direct, flipped in zip(found_by(index, bars), found_by(index, [mirrored(b) for b in bars]), strict=True):
        assert sorted(map(as_told, direct)) == sorted(as_told(one, flip=True) for one in flipped)


def as_told(one: Finding, flip: bool = False) -> tuple[str, int, float, int]:
    """A finding to compare, its mirror image undone."""
    name = "_".join(MIRROR.get(word, word) for word in one.pattern.value.split("_")) if flip else one.pattern.value
    price = 0 if one.pattern is Pattern.UNFINISHED_REVISITED else one.ref_price  # of several, either may be named
    return (name, -one.direction if flip else int(one.direction), round(one.strength, 9), -price if flip else price)


@every
def test_shifting_all_prices_shifts_nothing_else(index: int, told: list[tuple[int, list[tuple[int, int]], float]]) -> None:
    bars = bars_of(told)
    moved = [replace(b, open=b.open + 900, high=b.high + 900, low=b.low + 900, close=b.close + 900) for b in bars]
    shifted = [[replace(one, ref_price=one.ref_price + 900, evidence={}) for one in found] for found in found_by(index, bars)]
    assert [[replace(one, evidence={}) for one in found] for found in found_by(index, moved)] == shifted


@every
def test_lost_data_and_bars_without_levels_show_no_levels(
    index: int, told: list[tuple[int, list[tuple[int, int]], float]]
) -> None:  # fmt: skip
    needs_no_levels = {
        Pattern.VOLUME_CLIMAX, Pattern.BEARISH_DIVERGENCE, Pattern.BULLISH_DIVERGENCE, Pattern.UNFINISHED_REVISITED,
        Pattern.LACK_OF_PARTICIPATION_HIGH, Pattern.LACK_OF_PARTICIPATION_LOW,
    }  # fmt: skip
    bars = bars_of(told)
    partial = found_by(index, [replace(b, partial=True) for b in bars])
    assert {one.pattern for found in partial for one in found} <= {Pattern.UNFINISHED_REVISITED}
    bare = found_by(index, [replace(b, bid=[], ask=[], unknown=[], source=BarSource.BARS_SIDED) for b in bars])
    assert {one.pattern for found in bare for one in found} <= needs_no_levels


def test_every_pattern_has_a_letter_and_a_direction() -> None:
    assert set(LETTERS) == set(Pattern)
    assert {way(pattern) for pattern in Pattern} == set(Direction)
