"""Detectors on closed bars, against the published vectors and by picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orderflow_tui.domain.signal import Direction, Pattern, Quality
from orderflow_tui.market.imbalance import ImbalanceRules
from orderflow_tui.signals.absorption import AbsorptionDetector, AbsorptionParams
from orderflow_tui.signals.climax import ClimaxDetector, ClimaxParams
from orderflow_tui.signals.detector import signals_of
from orderflow_tui.signals.divergence import DivergenceDetector, DivergenceParams, divergence
from orderflow_tui.signals.exhaustion import ExhaustionDetector, ExhaustionParams
from orderflow_tui.signals.imbalance import ImbalanceDetector
from orderflow_tui.signals.participation import ParticipationDetector, ParticipationParams
from orderflow_tui.signals.unfinished import UnfinishedDetector, UnfinishedParams
from tests.signals.text_tape import alone, drawn, of_levels, plain
from tests.signals.vectors import each, levels


@each("exhaustion")
def test_exhaustion_is_anchored_at_the_extreme(vector: dict[str, Any]) -> None:
    detector = ExhaustionDetector(ExhaustionParams(), vector["min_base"])
    pattern = Pattern.BUYING_EXHAUSTION if vector["side"] == "BUY" else Pattern.SELLING_EXHAUSTION
    found = [f for f in detector.on_bar(of_levels(levels(vector)), alone()) if f.pattern is pattern]
    if vector["expect"] is None:
        assert found == []
        return
    assert found[0].evidence["levels"] == vector["expect"]["levels"]
    assert found[0].evidence["decline"] == pytest.approx(vector["expect"]["decline"], abs=1e-4)
    assert found[0].strength == pytest.approx(vector["expect"]["strength"], abs=1e-4)
    assert found[0].direction is (Direction.SHORT if vector["side"] == "BUY" else Direction.LONG)


def test_exhaustion_stops_counting_at_ten_levels() -> None:
    bar = of_levels({k: (0, 100 - 8 * k) for k in range(12)})
    found = ExhaustionDetector(ExhaustionParams(), 20).on_bar(bar, alone())
    assert found[0].evidence["levels"] == 10


@each("absorption")
def test_absorption_is_named_after_the_absorber(vector: dict[str, Any]) -> None:
    bar = of_levels(levels(vector), vector["close"])
    found = AbsorptionDetector(AbsorptionParams(), vector["min"]).on_bar(bar, alone())
    if vector["expect"] is None:
        assert found == []
        return
    (one,) = found
    assert one.pattern.value == f"{vector['side']}_ABSORPTION"
    assert one.direction is (Direction.LONG if vector["side"] == "BUYING" else Direction.SHORT)
    assert one.evidence["volume"] == vector["expect"]["Z"]
    assert one.evidence["share"] == pytest.approx(vector["expect"]["share"], abs=1e-4)
    assert one.strength == pytest.approx(vector["expect"]["strength"], abs=1e-4)


@each("divergence")
def test_divergence_compares_price_extremes_with_session_cvd(vector: dict[str, Any]) -> None:
    found = divergence(vector["high"], vector["low"], vector["cvd"], vector["delta"], 0.5)
    names = {Direction.SHORT: "BEARISH", Direction.LONG: "BULLISH"}
    assert [[names[d], gap] for d, gap, _ in found] == [[name, gap] for name, gap, _ in vector["expect"]]
    for (_, _, ratio), (_, _, strength) in zip(found, vector["expect"], strict=True):
        assert 0.5 + 0.5 * min(1, (ratio - 0.5) / 2) == pytest.approx(strength, abs=1e-4)


def test_divergence_never_spans_a_reset_of_cvd() -> None:
    rising = [plain(10 + k, 5, 8, delta=-50, cvd_rth=200 - 50 * k) for k in range(5)]
    detector = DivergenceDetector(DivergenceParams())
    inside = detector.on_bar(rising[4], alone(earlier=rising[:4], in_session=4))
    assert [(f.pattern, f.ref_price) for f in inside] == [(Pattern.BEARISH_DIVERGENCE, 14)]
    assert detector.on_bar(rising[4], alone(earlier=rising[:4], in_session=3)) == []
    assert detector.on_bar(replace(rising[4], partial=True), alone(earlier=rising[:4], in_session=4)) == []


@each("unfinished")
def test_unfinished_extremes_traded_both_sides(vector: dict[str, Any]) -> None:
    found = UnfinishedDetector(UnfinishedParams()).on_bar(of_levels(levels(vector)), alone())
    told = [[f.pattern.value.removeprefix("UNFINISHED_"), f.ref_price] for f in found]
    assert told == [[name, price] for name, price, _ in vector["expect"]]
    for finding, (_, _, strength) in zip(found, vector["expect"], strict=True):
        assert finding.strength == pytest.approx(strength, abs=1e-4)


def test_an_unfinished_high_is_revisited_by_a_later_bar_and_then_gone() -> None:
    detector = UnfinishedDetector(UnfinishedParams())
    first = detector.on_bar(of_levels({0: (12, 0), 1: (5, 9), 2: (8, 40)}), alone())
    assert [f.pattern for f in first] == [Pattern.UNFINISHED_HIGH]
    assert detector.on_bar(plain(1, 0, 0), alone()) == []
    (spent,) = detector.on_bar(plain(3, 2, 3), alone())
    assert (spent.pattern, spent.ref_price, spent.direction) == (Pattern.UNFINISHED_REVISITED, 2, Direction.NONE)
    assert detector.levels == ()


def test_a_gap_over_an_unfinished_high_revisits_it() -> None:
    detector = UnfinishedDetector(UnfinishedParams())
    detector.on_bar(of_levels({0: (12, 0), 1: (5, 9), 2: (8, 40)}), alone())
    assert [f.ref_price for f in detector.on_bar(plain(20, 15, 16), alone())] == [2]


def test_the_strongest_imbalance_speaks_for_its_side_and_all_are_listed() -> None:
    bar = drawn("""
        2   12 x 60
        1    8 x 50
        0   10 x 5
    """)
    (found,) = ImbalanceDetector(ImbalanceRules(), 10).on_bar(bar, alone())
    assert (found.pattern, found.ref_price) == (Pattern.BUY_IMBALANCE, 2)
    assert found.strength == pytest.approx(0.5 + 0.5 * (7.5 - 3) / 7)
    assert found.evidence["levels"] == [[1, 50, 10], [2, 60, 8]]


def test_each_stack_is_a_signal_about_its_far_end() -> None:
    bar = drawn("""
        5    2 x 17
        4    6 x 30
        3   10 x 45
        2   15 x 60
        1   20 x 60
        0   40 x 3
    """)
    _single, found = ImbalanceDetector(ImbalanceRules(), 10).on_bar(bar, alone())
    assert (found.pattern, found.ref_price, found.strength) == (Pattern.STACKED_BUY, 4, 0.6)
    assert found.evidence["zone"] == [2, 4]


@pytest.mark.parametrize(
    ("close", "kind"),
    [(105, "high"), (110, None), (108, "high"), (109, None)],
    ids=["close at a fifth", "close at two fifths", "exactly a third", "just above a third"],
)
def test_a_volume_climax_cannot_hold_its_extreme(close: int, kind: str | None) -> None:
    earlier = [plain(110, 90, 100, volume=1000) for _ in range(20)]
    height = 24
    bar = plain(124, 100, close, volume=2500)
    assert bar.range_ticks == height
    found = ClimaxDetector(ClimaxParams()).on_bar(bar, alone(earlier=earlier, atr=16.0))
    assert [f.evidence["kind"] for f in found] == ([kind] if kind else [])
    assert all(f.direction is Direction.NONE for f in found)


@pytest.mark.parametrize(
    ("volume", "delta", "strength"),
    [(600, -30, 0.6625), (701, -30, None), (600, 31, None)],
    ids=["LOP-1", "LOP-2 volume", "LOP-3 delta"],
)
def test_lack_of_participation_at_a_new_high(volume: int, delta: int, strength: float | None) -> None:
    earlier = [plain(99, 90, 95) for _ in range(10)]
    bar = plain(100, 95, 99, volume=volume, delta=delta)
    view = alone(earlier=earlier, in_session=10, slot_volume=1000.0)
    found = ParticipationDetector(ParticipationParams()).on_bar(bar, view)
    assert [f.direction for f in found] == ([Direction.SHORT] if strength else [])
    if strength:
        assert found[0].strength == pytest.approx(strength)


def test_participation_needs_the_session_to_have_ten_bars() -> None:
    earlier = [plain(99, 90, 95) for _ in range(10)]
    view = alone(earlier=earlier, in_session=9, slot_volume=1000.0)
    assert ParticipationDetector(ParticipationParams()).on_bar(plain(100, 95, 99, volume=100), view) == []


def test_guessed_sides_weaken_a_signal() -> None:
    bar = drawn("""
        2   12 x 60
        1    8 x 50
        0   10 x 5
    """)
    detectors = [ImbalanceDetector(ImbalanceRules(), 10)]
    (sure,) = signals_of(detectors, bar, alone())
    (weak,) = signals_of(detectors, replace(bar, weak_volume=29 + 1), alone())
    (edge,) = signals_of(detectors, replace(bar, weak_volume=29), alone())
    assert (sure.quality, edge.quality, weak.quality) == (Quality.NORMAL, Quality.NORMAL, Quality.LOW)
    assert edge.strength == sure.strength
    assert weak.strength == pytest.approx(sure.strength * (1 - 30 / 145))


def test_the_share_that_makes_a_bar_of_low_quality_is_the_configurations() -> None:
    bar = replace(drawn("2 12 x 60\n1 8 x 50\n0 10 x 5"), weak_volume=20)
    detectors = [ImbalanceDetector(ImbalanceRules(), 10)]
    assert signals_of(detectors, bar, alone())[0].quality is Quality.NORMAL
    assert signals_of(detectors, bar, alone(), low_quality_share=0.1)[0].quality is Quality.LOW
