"""80 % rule, opening types, inventory, day types, rotation."""

from __future__ import annotations

from typing import Any

import pytest

from orderflow_tui.domain.signal import Direction, Regime
from orderflow_tui.signals.daytype import DayType, day_type, double_distribution, extension
from orderflow_tui.signals.inventory import inventory
from orderflow_tui.signals.openings import Opening, OpeningParams, OpeningType, is_drive, opening_type
from orderflow_tui.signals.rotation import DOWN, MIXED, ROTATIONAL, UP, auction_view, combined_view, rotation_factor
from orderflow_tui.signals.rule80 import Acceptance, Period, Rule80Params, rule_80
from tests.signals.vectors import each

HALVES = Rule80Params()


def periods(rows: list[list[int]]) -> list[Period]:
    """[low, high, close]; each opens where the one before closed."""
    return [Period(rows[max(k - 1, 0)][2], high, low, close) for k, (low, high, close) in enumerate(rows)]


@each("rule80")
def test_the_80_percent_rule(vector: dict[str, Any]) -> None:
    upto = len(vector["br"]) if vector["expect"] is None else vector["expect"][2] + 1
    rule = rule_80(vector["open"], vector["val"], vector["vah"], periods(vector["br"][:upto]), HALVES)
    if vector["expect"] is None:
        assert rule.trigger is None
        return
    assert [rule.direction.name, rule.target, rule.trigger] == vector["expect"]
    assert rule.state == "TRIGGERED"
    before = rule_80(vector["open"], vector["val"], vector["vah"], periods(vector["br"][: upto - 1]), HALVES)
    assert before.trigger is None


FROM_ABOVE = [[5313, 5322, 5315], [5309, 5316, 5310], [5306, 5311, 5308]]


@pytest.mark.parametrize(
    ("after", "state"),
    [([5299, 5309, 5304], "REACHED"), ([5305, 5316, 5314], "FAILED"), ([5302, 5311, 5306], "TRIGGERED")],
)
def test_a_triggered_rule_is_followed_to_its_end(after: list[int], state: str) -> None:
    rule = rule_80(5320, 5300, 5312, periods([*FROM_ABOVE, after]), HALVES)
    assert (rule.state, rule.direction) == (state, Direction.SHORT)


def test_a_failed_side_does_not_trigger_again_the_same_day() -> None:
    again = [*FROM_ABOVE, [5305, 5316, 5314], [5309, 5316, 5310], [5306, 5311, 5308]]
    assert rule_80(5320, 5300, 5312, periods(again), HALVES).trigger == 2


def test_a_narrow_area_and_a_late_trigger_are_no_rule() -> None:
    assert rule_80(5320, 5306, 5312, periods(FROM_ABOVE), HALVES).state == "SKIPPED"
    late = [Period(p.open, p.high, p.low, p.close, too_late=k == 2) for k, p in enumerate(periods(FROM_ABOVE))]
    assert rule_80(5320, 5300, 5312, late, HALVES).trigger is None


def test_close_open_triggers_at_the_next_open_and_not_a_half_hour_later() -> None:
    early = Rule80Params(acceptance=Acceptance.CLOSE_OPEN)
    first = periods(FROM_ABOVE)[:2]
    assert rule_80(5320, 5300, 5312, first, early).trigger is None
    assert rule_80(5320, 5300, 5312, first, early, next_open=5311).trigger == 1
    assert rule_80(5320, 5300, 5312, first, early, next_open=5313).trigger is None
    assert rule_80(5320, 5300, 5312, first, HALVES, next_open=5311).trigger is None
    assert rule_80(5320, 5300, 5312, periods(FROM_ABOVE), early).trigger == 1


def test_where_the_day_opened_inside_a_close_outside_gives_the_touch_reading_its_side() -> None:
    touch = Rule80Params(acceptance=Acceptance.TOUCH)
    left = [[5300, 5316, 5314], [5308, 5318, 5315], [5307, 5316, 5313]]  # each trades inside, each closes outside
    assert rule_80(5305, 5300, 5312, periods(left[:2]), touch).trigger is None
    assert rule_80(5305, 5300, 5312, periods(left), touch).trigger == 2


def test_touch_triggers_without_a_close_inside() -> None:
    touch = Rule80Params(acceptance=Acceptance.TOUCH)
    assert rule_80(5320, 5300, 5312, periods([[5311, 5322, 5315], [5309, 5316, 5314]]), touch).trigger == 1


@each("opening")
def test_opening_types(vector: dict[str, Any]) -> None:
    prior = tuple(vector["prior"]) if "prior" in vector else None
    bars = [tuple(bar) for bar in vector["bars"]]
    found = opening_type(vector["O"], bars, vector["a"], vector["refs"], prior, OpeningParams())
    assert [found.type.value, found.direction] == vector["expect"]


@each("opening")
def test_opening_types_mirror(vector: dict[str, Any]) -> None:
    bars = [(-low, -high, -close) for high, low, close in vector["bars"]]
    references = [-r for r in vector["refs"]]
    found = opening_type(-vector["O"], bars, vector["a"], references, None, OpeningParams())
    assert found.direction == -vector["expect"][1]
    assert found.type.value == vector["expect"][0].removesuffix("_IN_RANGE")


def test_an_auction_outside_the_prior_range_says_so() -> None:
    found = opening_type(100, [(101, 99, 100)], 40, [], (50, 90), OpeningParams())
    assert found.type is OpeningType.OPEN_AUCTION_OUT_OF_RANGE


def test_a_drive_needs_cumulative_delta_to_agree() -> None:
    drive = Opening(OpeningType.OPEN_DRIVE, 1)
    assert is_drive(drive, 500)
    assert not is_drive(drive, -500)
    assert not is_drive(drive, None)
    assert not is_drive(Opening(OpeningType.OPEN_REJECTION_REVERSE, 1), 500)


@each("inventory")
def test_overnight_inventory(vector: dict[str, Any]) -> None:
    close = vector["close"]
    up = sum(v for price, v in vector["vol"].items() if int(price) > close)
    down = sum(v for price, v in vector["vol"].items() if int(price) < close)
    found = inventory(up, down)
    assert (found.word, found.share) == (vector["expect"], vector["share"])
    assert (found.note == "100 %") is (found.share in (0.0, 1.0))


@each("day_type")
def test_day_types(vector: dict[str, Any]) -> None:
    found = day_type(vector["H"], vector["L"], vector["C"], vector["ibh"], vector["ibl"], vector["avg"])
    assert found.value == vector["expect"]


def test_neutral_days_that_close_at_an_extreme() -> None:
    assert day_type(104, 80, 80 + 20, 100, 84, 20) is DayType.NEUTRAL_EXTREME
    assert day_type(104, 80, 80 + 19, 100, 84, 20) is DayType.NEUTRAL_CENTER
    assert day_type(104, 80, 84, 100, 84, 20) is DayType.NEUTRAL_EXTREME


def test_extensions_of_the_initial_balance() -> None:
    assert extension(118, 100, 112, 100) == (6, 0, 0.5, 0.0)
    assert extension(113, 100, 112, 100)[:2] == (1, 0)
    assert extension(113, 100, 112, 112) == (1, 12, None, None)


def test_a_double_distribution_is_split_by_four_singles() -> None:
    assert double_distribution(100, [3, 3, 1, 1, 1, 1, 3, 3], [(102, 105)])
    assert not double_distribution(100, [3, 3, 1, 1, 1, 3, 3], [(102, 104)])
    assert not double_distribution(100, [9, 9, 1, 1, 1, 1, 1, 1], [(102, 105)])


def test_rotation_factor() -> None:
    up = [(10, 5), (12, 6), (13, 8), (15, 9)]
    assert (rotation_factor(up), auction_view(up)) == (6, UP)
    around = [(10, 5), (12, 4), (11, 6), (12, 5)]
    assert (rotation_factor(around), auction_view(around)) == (0, ROTATIONAL)
    assert rotation_factor([(10, 5), (10, 5)]) == 0
    assert auction_view([(-low, -high) for high, low in up]) == DOWN
    assert auction_view(up[:2]) is None


@pytest.mark.parametrize(
    ("auction", "regime", "confidence", "view"),
    [
        (UP, Regime.TRENDING_UP, 0.6, UP),
        (ROTATIONAL, Regime.TRENDING_UP, 0.7, UP),
        (ROTATIONAL, Regime.TRENDING_UP, 0.69, ROTATIONAL),
        (DOWN, Regime.TRENDING_UP, 0.9, MIXED),
        (UP, Regime.RANGING, 0.9, MIXED),
        (None, Regime.RANGING, 0.5, ROTATIONAL),
        (UP, Regime.NO_TRADE, 1.0, UP),
        (UP, None, 0.0, UP),
        (None, None, 0.0, None),
    ],
)
def test_two_views_become_one(auction: str | None, regime: Regime | None, confidence: float, view: str | None) -> None:
    assert combined_view(auction, regime, confidence) == view
