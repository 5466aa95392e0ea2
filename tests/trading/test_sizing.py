"""How many contracts, which tier, where the bracket stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.domain.market import Mark
from orderflow_tui.domain.order import Side
from orderflow_tui.trading.bracket import anchor, emergency_stop, entry_levels
from orderflow_tui.trading.limits import TIERS, LimitError, RiskLimits, Timing
from orderflow_tui.trading.sizing import Cap, Sizing, TierWatch, contract_cap, contracts, regime_cap, tier_of
from tests.builders import ES, MES

VECTORS = Path(__file__).parent.parent / "vectors"


def vectors(name: str, section: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text())[section]
    return rows


@pytest.mark.parametrize("v", vectors("sizing", "sizes"), ids=lambda v: v["id"])
def test_sizes(v: dict[str, Any]) -> None:
    streak = v["wins"] or -v["losses"]
    cap = min(v["tier_cap"], v["session_cap"])
    assert contracts(Sizing(cap, v["factor"], v["patterns"], v["trending"], streak)) == v["contracts"]


@pytest.mark.parametrize("v", vectors("tiers", "tiers"), ids=lambda v: str(v["balance_cents"]))
def test_tiers_are_half_open(v: dict[str, Any]) -> None:
    tier = tier_of(TIERS, v["balance_cents"])
    assert (tier.number, tier.instrument, tier.max_contracts, tier.daily_loss_cents) == (
        v["tier"],
        v["instrument"],
        v["max_contracts"],
        v["daily_loss_cents"],
    )


@pytest.mark.parametrize("v", vectors("brackets", "brackets"), ids=lambda v: v["id"])
def test_brackets_stand_on_the_opposite_quote(v: dict[str, Any]) -> None:
    side, mark = Side[v["side"]], Mark("MES", v["bid"], v["ask"], v["last"], 0)
    levels = entry_levels(side, mark, v["slippage"], v["stop"], v["target"])
    assert (levels.anchor_ticks, levels.limit_ticks, levels.stop_ticks, levels.target_ticks) == (
        v["anchor"],
        v["limit"],
        v["stop_at"],
        v["target_at"],
    )


@pytest.mark.parametrize("v", vectors("brackets", "profits"), ids=lambda v: v["id"])
def test_profit_is_ticks_times_value_times_contracts(v: dict[str, Any]) -> None:
    value = {"ES": ES.tick_cents, "MES": MES.tick_cents, "NQ": 500}[v["instrument"]]
    assert v["ticks"] * value * v["quantity"] == v["cents"]


@given(
    st.integers(0, 10),
    st.sampled_from([0.0, 0.5, 0.75, 1.0]),
    st.integers(0, 5),
    st.booleans(),
    st.integers(-5, 5),
)
def test_a_size_never_exceeds_its_cap_and_is_zero_only_when_forbidden(
    cap: int, factor: float, patterns: int, trending: bool, streak: int
) -> None:
    size = contracts(Sizing(cap, factor, patterns, trending, streak))
    assert 0 <= size <= cap
    assert (size == 0) is (cap == 0 or factor == 0.0)


def test_the_regime_cap_is_exact_and_a_factor_beyond_one_raises_nothing() -> None:
    assert [regime_cap(cap, 0.75) for cap in (1, 2, 3, 4)] == [1, 1, 2, 3]
    assert regime_cap(3, 1.5) == 3
    assert regime_cap(3, -1.0) == regime_cap(3, float("nan")) == 0


def test_the_cap_is_the_tightest_of_session_tier_and_hard_cap() -> None:
    assert contract_cap(2, TIERS[0]) == Cap(2, "max_contracts")
    assert contract_cap(5, TIERS[1]) == Cap(1, "tier 2")
    assert contract_cap(99, None) == Cap(10, "the hard cap")


def test_a_tier_falls_when_flat_and_rises_only_at_the_next_session() -> None:
    watch = TierWatch(TIERS)
    assert watch.settle(100, True) is None, "no session has begun"
    assert watch.begin_session(500_000).number == 3
    assert watch.settle(499_999, flat=False) is None
    lower = watch.settle(499_999, flat=True)
    assert lower is not None
    assert lower.number == 2
    assert watch.settle(10**9, flat=True) is None
    assert watch.begin_session(10**9).number == 5


def test_an_anchor_needs_a_price() -> None:
    assert anchor(Side.BUY, None) is None
    assert entry_levels(Side.BUY, Mark("MES", 5, None, None, 0), 2, 16, 24).limit_ticks is None
    assert entry_levels(Side.BUY, Mark("MES", 5, 6, 5, 0), 2, None, None).stop_ticks is None


@pytest.mark.parametrize(
    ("position", "bid", "ask", "planned", "expected"),
    [
        (2, 100, 101, 90, 90),
        (2, 90, 91, 90, None),
        (2, 89, 90, 90, None),
        (-2, 100, 101, 110, 110),
        (-2, 109, 110, 110, None),
        (1, 100, 101, None, 84),
        (-1, 100, 101, None, 117),
    ],
)
def test_an_emergency_stop_takes_the_planned_price_while_it_is_ahead_of_the_market(
    position: int, bid: int, ask: int, planned: int | None, expected: int | None
) -> None:
    assert emergency_stop(position, Mark("MES", bid, ask, 100, 0), 95.0, planned, 16) == expected


def test_without_a_market_an_emergency_stop_stands_on_the_average_entry() -> None:
    assert emergency_stop(1, None, 95.4, None, 16) == 79
    assert emergency_stop(1, None, 95.4, 80, 16) == 80


@pytest.mark.parametrize(
    "build",
    [
        lambda: RiskLimits(daily_loss_cents=0),
        lambda: RiskLimits(max_drawdown_cents=-1),
        lambda: RiskLimits(daily_profit_cents=-1),
        lambda: Timing(commit_wait_ms=0),
    ],
)
def test_limits_are_positive_magnitudes(build: Any) -> None:
    with pytest.raises(LimitError):
        build()
