from __future__ import annotations

from typing import Any

import pytest

from orderflow_tui.market.imbalance import ImbalanceRules, ZeroPolicy, imbalances, stacks
from tests.market.builders import bar_of, named, ohlc_bar


def levels_of(vector: dict[str, Any]) -> dict[int, list[int]]:
    return {int(tick): sides for tick, sides in vector["levels"].items()}


@pytest.mark.parametrize("vector", **named("imbalance"))
def test_imbalances_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    rules = ImbalanceRules(zero_policy=ZeroPolicy(vector.get("zero", "one")))
    buys, sells = imbalances(bar_of(levels_of(vector)), rules, vector["min"])
    assert [[level.tick, round(level.ratio, 4)] for level in buys] == vector["buys"]
    assert [[level.tick, round(level.ratio, 4)] for level in sells] == vector["sells"]


@pytest.mark.parametrize("vector", **named("stacked"))
def test_stacks_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    buys, sells = imbalances(bar_of(levels_of(vector)), ImbalanceRules(), vector["min"])
    assert [list(zone) for zone in stacks(buys, 3)] == vector["buy_zones"]
    assert [list(zone) for zone in stacks(sells, 3)] == vector["sell_zones"]


def test_an_infinite_zero_policy_needs_the_minimum_volume_only() -> None:
    bar = bar_of({0: (0, 1), 1: (1, 10)})
    assert imbalances(bar, ImbalanceRules(ratio_percent=2000), 10)[0] == []
    buys, _ = imbalances(bar, ImbalanceRules(ratio_percent=2000, zero_policy=ZeroPolicy.INF), 10)
    assert [level.tick for level in buys] == [1]


def test_the_minimum_difference_is_inclusive() -> None:
    bar = bar_of({0: (10, 1), 1: (1, 30)})
    assert imbalances(bar, ImbalanceRules(min_diff=20), 10)[0]
    assert not imbalances(bar, ImbalanceRules(min_diff=21), 10)[0]


def test_a_rule_of_its_own_wins_over_the_instruments_minimum() -> None:
    bar = bar_of({0: (1, 1), 1: (1, 15)})
    assert imbalances(bar, ImbalanceRules(min_volume=15), 20)[0]
    assert not imbalances(bar, ImbalanceRules(), 20)[0]


def test_a_bar_without_levels_has_no_imbalance() -> None:
    assert imbalances(ohlc_bar(110, 100, 105), ImbalanceRules(), 1) == ([], [])


def test_two_stacks_of_one_side_are_two_zones() -> None:
    levels = {k: (1, 40 if k not in (0, 4) else 1) for k in range(8)}
    buys, _ = imbalances(bar_of(levels), ImbalanceRules(), 10)
    assert stacks(buys, 3) == [(1, 3), (5, 7)]
    assert stacks(buys, 4) == []
