"""The seven value-expectation conditions: composite 100..110 with its POC at 105."""

from __future__ import annotations

import pytest

from orderflow_tui.domain.signal import Direction
from orderflow_tui.domain.value import ValueArea
from orderflow_tui.signals.conditions import ValueInputs, conditions, net_score

CVA = ValueArea(100, 105, 110, 70, 100)
Bars = list[tuple[int, int, int]]


def area(val: int, vah: int, poc: int | None = None) -> ValueArea:
    return ValueArea(val, (val + vah) // 2 if poc is None else poc, vah, 70, 100)


def closes(*prices: int) -> Bars:
    return [(price, price, price) for price in prices]


def told(name: str, dva: ValueArea, bars: Bars, overlap: float | None = None, gap: int | None = None) -> list[tuple[int, float]]:
    """(direction, confidence to four places) of one condition."""
    found = conditions(ValueInputs(dva, CVA, bars, overlap, gap))
    return [(int(c.direction), round(c.confidence, 4)) for c in found if c.name == name]


def test_balance_breaks_with_two_closes_beyond_both_areas() -> None:
    assert told("BALANCE_BREAK", area(101, 109), closes(112, 113), overlap=1.0) == [(1, 0.525)]
    assert told("BALANCE_BREAK", area(101, 109), closes(112, 111), overlap=1.0) == []
    assert told("BALANCE_BREAK", area(101, 109), closes(112, 113), overlap=0.69) == []
    assert told("BALANCE_BREAK", area(101, 109), closes(98, 97), overlap=0.7) == [(-1, 0.525)]


def test_value_building_above_and_below() -> None:
    assert told("BUILDING_ABOVE", area(113, 118), closes(115)) == [(1, 0.7727)]
    assert told("BUILDING_ABOVE", area(113, 118), closes(112)) == []
    assert told("BUILDING_BELOW", area(90, 97), closes(96)) == [(-1, 0.7727)]
    assert told("BUILDING_BELOW", area(90, 97), closes(98)) == []


def test_the_composite_poc_holds_as_support() -> None:
    bars = [(109, 108, 108), (108, 105, 107), (107, 104, 106)]
    assert told("POC_SUPPORT", area(101, 109), bars) == [(1, 1.0)]
    from_below = [(104, 103, 103), (106, 104, 104), (106, 104, 106)]
    assert told("POC_SUPPORT", area(101, 109), from_below) == []


def test_the_composite_poc_holds_as_resistance() -> None:
    bars = [(102, 101, 102), (105, 102, 103), (106, 103, 104)]
    assert told("POC_RESISTANCE", area(101, 109), bars) == [(-1, 1.0)]
    failed = [(102, 101, 102), (105, 102, 103), (105, 102, 103), (106, 103, 106)]
    assert told("POC_RESISTANCE", area(101, 109), failed) == []


def test_migration_is_confirmed_by_a_poc_that_moves_away() -> None:
    dva = area(108, 118, poc=112)
    assert told("MIGRATION_CONFIRMED", dva, closes(115), gap=111 - 105) == [(1, 0.7273)]
    assert told("MIGRATION_CONFIRMED", dva, closes(115), gap=113 - 105) == []
    assert told("MIGRATION_CONFIRMED", dva, closes(115)) == []
    assert told("MIGRATION_CONFIRMED", area(92, 102, poc=98), closes(95), gap=6)[0][0] == -1


def test_value_is_rejected_on_the_side_price_came_from() -> None:
    dva = area(101, 109)
    assert told("VALUE_REJECTION", dva, closes(112, 109, 112)) == [(1, 1.0)]
    assert told("VALUE_REJECTION", dva, closes(112, 109, 108, 112)) == [(1, 0.75)]
    assert told("VALUE_REJECTION", dva, closes(98, 104, 112)) == []
    assert told("VALUE_REJECTION", dva, closes(112, 113)) == []
    assert told("VALUE_REJECTION", dva, closes(98, 104, 98)) == [(-1, 1.0)]


def test_the_net_score_adds_signed_confidences() -> None:
    found = conditions(ValueInputs(area(113, 118), CVA, closes(115)))
    assert net_score(found) == pytest.approx(sum(c.direction * c.confidence for c in found))
    assert all(c.direction is Direction.LONG for c in found)
