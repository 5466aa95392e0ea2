"""The router's table and the order of its checks."""

from __future__ import annotations

import pytest

from orderflow_tui.domain.signal import Direction, Pattern, Regime, RegimeReading
from orderflow_tui.signals.router import TABLE, Candidate, Router, RouterParams

LONG_PATTERNS = {
    Pattern.STACKED_BUY, Pattern.BUYING_ABSORPTION, Pattern.SELLING_EXHAUSTION, Pattern.BULLISH_DIVERGENCE,
    Pattern.BUY_IMBALANCE, Pattern.UNFINISHED_HIGH, Pattern.LACK_OF_PARTICIPATION_LOW, Pattern.DOM_ABSORPTION_BUY,
}  # fmt: skip
NEUTRAL = {Pattern.VOLUME_CLIMAX, Pattern.UNFINISHED_REVISITED}


def way(pattern: Pattern) -> Direction:
    return Direction.NONE if pattern in NEUTRAL else Direction.LONG if pattern in LONG_PATTERNS else Direction.SHORT


def reading(regime: Regime, confidence: float = 0.9) -> RegimeReading:
    return RegimeReading(0, regime, regime, confidence, (0, 0, 0, 0), reason="why")


def rule(pattern: Pattern, now: RegimeReading | None, strength: float = 0.8, router: Router | None = None) -> str:
    against = (router or Router(RouterParams())).refusal(pattern, way(pattern), strength, now)
    return "" if against is None else against.rule


@pytest.mark.parametrize("pattern", Pattern)
@pytest.mark.parametrize("regime", Regime)
def test_exactly_the_patterns_of_the_table_pass(regime: Regime, pattern: Pattern) -> None:
    passed = rule(pattern, reading(regime)) == ""
    assert passed is (pattern in TABLE[regime].enabled)


@pytest.mark.parametrize("pattern", Pattern)
def test_no_trade_refuses_everything_even_at_full_confidence(pattern: Pattern) -> None:
    assert rule(pattern, reading(Regime.NO_TRADE, 1.0), strength=1.0) == "enabled"


def test_every_refusal_names_its_rule_and_numbers() -> None:
    router = Router(RouterParams())
    weak = router.refusal(Pattern.STACKED_BUY, Direction.LONG, 0.59, reading(Regime.VOLATILE))
    unsure = router.refusal(Pattern.STACKED_BUY, Direction.LONG, 0.6, reading(Regime.VOLATILE, 0.62))
    assert weak is not None
    assert unsure is not None
    assert weak.reason == "strength 0.59 < 0.60"
    assert unsure.reason == "regime confidence 0.62 < 0.70"


def test_minima_are_inclusive() -> None:
    assert rule(Pattern.STACKED_BUY, reading(Regime.VOLATILE, 0.7), strength=0.6) == ""


def test_the_first_failing_rule_is_named() -> None:
    disabled = Router(RouterParams(disabled=(Pattern.STACKED_BUY,)))
    down = reading(Regime.TRENDING_DOWN, 0.1)
    assert rule(Pattern.STACKED_BUY, None, 0.1, disabled) == "regime"
    assert rule(Pattern.STACKED_BUY, down, 0.1, disabled) == "disabled"
    assert rule(Pattern.STACKED_BUY, down, 0.1) == "enabled"
    assert Router(RouterParams()).refusal(None, Direction.LONG, 0.1, down).rule == "bias"  # type: ignore[union-attr]
    assert rule(Pattern.STACKED_SELL, down, 0.1) == "strength"
    assert rule(Pattern.STACKED_SELL, down, 0.6) == "confidence"


def test_decisions_carry_the_size_factor_of_the_regime() -> None:
    router = Router(RouterParams())
    candidate = Candidate("x", "STACKED_BUY", Pattern.STACKED_BUY, Direction.LONG, 0.8, 100)
    factors = [router.route(candidate, reading(regime), 5).size_factor for regime in Regime]
    assert factors == [1.0, 1.0, 0.75, 0.5, 0.0]
    assert router.route(candidate, None, 5).size_factor == 0.0
    assert router.enabled(reading(Regime.VOLATILE)) == (Pattern.STACKED_BUY, Pattern.STACKED_SELL)


def test_under_setups_an_approved_pattern_only_confirms() -> None:
    router = Router(RouterParams())
    candidate = Candidate("x", "STACKED_BUY", Pattern.STACKED_BUY, Direction.LONG, 0.8, 100)
    approved = router.route(candidate, reading(Regime.VOLATILE), 5)
    assert approved.accepted
    confirming = router.only_confirms(approved)
    assert (confirming.accepted, confirming.rule) == (False, "strategy")
    refused = router.route(candidate, reading(Regime.RANGING), 5)
    assert router.only_confirms(refused) is refused
