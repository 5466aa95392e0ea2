"""Setups: preconditions, the 90/10 score, confirmation and veto."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.market import Grade
from orderflow_tui.domain.signal import (
    Context,
    Direction,
    Hypothesis,
    Migration,
    Pattern,
    Regime,
    RegimeReading,
    Setup,
    Signal,
)
from orderflow_tui.domain.value import ValueArea
from orderflow_tui.signals.openings import Opening, OpeningType
from orderflow_tui.signals.rotation import ROTATIONAL, UP
from orderflow_tui.signals.router import Router, RouterParams
from orderflow_tui.signals.rule80 import Rule80
from orderflow_tui.signals.scoring import Flow, ScoreParams, alignment_part, confidence, flow, regime_part, untradable, value_part
from orderflow_tui.signals.setups import (
    SetupParams,
    SetupView,
    Standing,
    drive_continuation,
    drive_idea,
    mean_reversion,
    rule_80_setup,
    standing_setups,
    va_breakout,
)
from tests.signals.text_tape import plain
from tests.signals.vectors import each

P = SetupParams()
SCORE = ScoreParams()
LONG, SHORT = Direction.LONG, Direction.SHORT


def area(val: int, poc: int, vah: int) -> ValueArea:
    return ValueArea(val, poc, vah, 70, 100)


def reading(regime: Regime, sure: float = 0.85) -> RegimeReading:
    return RegimeReading(0, regime, regime, sure, (0, 0, 0, 0))


def plan(bias: Direction | None) -> Hypothesis:
    return Hypothesis(None, 0, bias, 70, "BALANCE", (), ())  # type: ignore[arg-type]


CONTEXT = Context(
    ts_ns=0, trade_date=None, pva=area(80, 90, 100), dva=None, dva_ready=False, cva=area(78, 90, 98), cva_days=5,
    migration=Migration.OVERLAPPING_HIGHER, overlap=0.5, aligned_vas=3, naked_pocs=(), stacked_levels=(), conditions=(),
    opening_type=None, opening_direction=0, day_type=None, inventory=None, inventory_share=None, rule_80=None, auction=None,
    hypothesis=plan(LONG),
)  # fmt: skip


def view(bars: list[FootprintBar], context: dict[str, Any] | None = None, **fields: Any) -> SetupView:
    base = SetupView(
        replace(CONTEXT, **(context or {})), reading(Regime.TRENDING_UP), bars, 120, None, False, None, 90, (70, 110), None, None,
        1000.0,
    )  # fmt: skip
    return replace(base, **fields)


def closes(*prices: int, volume: int = 100) -> list[FootprintBar]:
    return [plain(price + 1, price - 1, price, volume=volume) for price in prices]


def test_a_breakout_beyond_both_edges_scores_ninety_two() -> None:
    found = va_breakout(view(closes(102, 103)), LONG, P)
    assert found is not None
    assert (found.level, found.invalid_below, found.invalid_above) == (100, 97, None)
    assert [value for _, _, value in found.parts] == [1.0, 0.8, 0.85, 1.0, 1.0]
    assert found.context == pytest.approx(92.0)
    assert confidence(found.context, 80.0, SCORE) == 90.8


@pytest.mark.parametrize(
    ("bars", "stands"),
    [
        (closes(102, 102), True),
        (closes(101, 102), False),
        (closes(101, 102, volume=1200), True),
        (closes(101, 102, volume=1199), False),
        (closes(110, 116), True),
        (closes(110, 117), False),
        (closes(102, 101), False),
    ],
    ids=["two closes", "one close", "one on volume", "not enough", "just not extended", "extended", "back inside"],
)
def test_when_a_breakout_stands(bars: list[FootprintBar], stands: bool) -> None:
    assert (va_breakout(view(bars), LONG, P) is not None) is stands


def test_a_breakout_of_one_edge_takes_that_edge() -> None:
    found = va_breakout(view(closes(102, 103), {"pva": area(80, 90, 120)}), LONG, P)
    assert found is not None
    assert (found.level, found.parts[0][2]) == (98, 0.7)


def test_a_short_breakout_is_the_mirror() -> None:
    found = va_breakout(view(closes(76, 75)), SHORT, P)
    assert found is not None
    assert (found.level, found.invalid_above, found.invalid_below) == (78, 81, None)


def refused_high(**fields: Any) -> Standing | None:
    context = {
        "auction": ROTATIONAL, "migration": Migration.INSIDE, "aligned_vas": 1, "hypothesis": plan(Direction.NONE),
        "cva": area(60, 80, 120), **fields.pop("context", {}),
    }  # fmt: skip
    bars = [plain(101, 95, 98), plain(100, 94, fields.pop("close", 97))]
    ranging = reading(Regime.RANGING, 0.82)
    return mean_reversion(view(bars, context, **{"regime": ranging, **fields}), SHORT, P)


def test_a_reversion_at_one_edge_scores_eighty_two_point_four() -> None:
    found = refused_high(context={"pva": area(70, 80, 100)})
    assert found is not None
    assert (found.level, found.target, found.invalid_above) == (100, 80, 105)
    assert found.context == pytest.approx(82.4)
    assert confidence(found.context, 67.5, SCORE) == 80.9


@pytest.mark.parametrize(
    "fields",
    [
        {"context": {"pva": area(70, 86, 100)}},
        {"close": 101, "context": {"pva": area(70, 80, 100)}},
        {"opening": Opening(OpeningType.OPEN_DRIVE, 1), "context": {"pva": area(70, 80, 100)}},
        {"regime": reading(Regime.VOLATILE), "context": {"pva": area(70, 80, 100), "auction": UP}},
        {"context": {"pva": area(70, 80, 104)}},
    ],
    ids=["target too near", "closed outside", "open drive", "not rotational", "edge not reached"],
)
def test_when_a_reversion_does_not_stand(fields: dict[str, Any]) -> None:
    assert refused_high(**fields) is None


def test_developing_value_is_no_edge_before_its_first_half_hour_is_complete() -> None:
    at_ten: dict[str, Any] = {"auction": ROTATIONAL, "dva": area(110, 125, 130), "pva": None, "cva": None, "migration": None}
    bars = [plain(131, 127, 128), plain(130, 126, 127)]
    assert mean_reversion(view(bars, {**at_ten, "dva": area(90, 110, 130), "dva_ready": True}), SHORT, P) is not None
    assert mean_reversion(view(bars, {**at_ten, "dva": area(90, 110, 130), "dva_ready": False}), SHORT, P) is None


def test_a_second_reference_near_price_makes_the_location_complete() -> None:
    found = refused_high(context={"pva": area(70, 80, 100), "stacked_levels": ((99, 2, "POC"),)})
    assert found is not None
    assert found.parts[0][2] == 1.0


DRIVE_BARS = [plain(105, 90, 104), plain(112, 103, 111), plain(110, 107, 108)]


def drive_view(bars: list[FootprintBar], **fields: Any) -> SetupView:
    drive = {"opening": Opening(OpeningType.OPEN_DRIVE, 1), "drive": True, "since_open": 15, "rth_open": 91, **fields}
    return view(bars, **drive)


def test_the_first_pullback_of_a_drive_waits_for_a_trade_through_it() -> None:
    idea = drive_idea(drive_view(DRIVE_BARS), None, P)
    assert idea is not None
    assert (idea.trigger, idea.triggered) == (111, False)
    assert idea.wrong == 101  # half of 112-91 is given back at 101.5
    assert drive_continuation(drive_view(DRIVE_BARS), idea) is None
    found = drive_continuation(drive_view(DRIVE_BARS), replace(idea, triggered=True))
    assert found is not None
    assert (found.level, found.invalid_below) == (110, 101)


@pytest.mark.parametrize(
    ("bars", "fields"),
    [
        (DRIVE_BARS[:2], {}),
        ([*DRIVE_BARS[:2], plain(112, 112, 112)], {}),
        ([*DRIVE_BARS[:2], plain(110, 103, 108)], {}),
        (DRIVE_BARS, {"since_open": 14}),
        (DRIVE_BARS, {"since_open": 90}),
        (DRIVE_BARS, {"drive": False}),
    ],
    ids=["no pullback", "too shallow", "too deep", "too early", "too late", "delta disagrees"],
)
def test_when_a_drive_has_nothing_to_wait_for(bars: list[FootprintBar], fields: dict[str, Any]) -> None:
    idea = drive_idea(drive_view(bars, **fields), None, P)
    assert idea is None or not idea.waiting
    assert drive_continuation(drive_view(bars, **fields), idea) is None


TOO_DEEP = [*DRIVE_BARS[:2], plain(110, 103, 108)]
SECOND = [plain(120, 109, 119), plain(118, 114, 116)]  # a new high, and a pullback of the right size


def test_a_second_pullback_is_another_idea_than_the_first() -> None:
    too_deep = drive_idea(drive_view(TOO_DEEP), None, P)
    assert drive_idea(drive_view([*TOO_DEEP, *SECOND]), None, P) != too_deep  # seen alone it would qualify
    assert drive_idea(drive_view([*TOO_DEEP, *SECOND]), too_deep, P) == too_deep
    traded = drive_idea(drive_view(DRIVE_BARS), None, P)
    assert traded is not None
    for bars in ([plain(112, 108, 111)], [plain(120, 109, 119)], [plain(120, 109, 119)], SECOND):
        traded = drive_idea(drive_view([*DRIVE_BARS, *bars]), replace(traded, triggered=True), P)
        assert traded is not None
    assert traded.over
    assert drive_continuation(drive_view([*DRIVE_BARS, *SECOND]), traded) is None


def test_a_drive_that_turned_out_to_go_the_other_way_starts_anew() -> None:
    too_deep = drive_idea(drive_view(TOO_DEEP), None, P)
    down = drive_view(
        [plain(-90, -105, -104), plain(-103, -112, -111), plain(-107, -110, -108)],
        opening=Opening(OpeningType.OPEN_DRIVE, -1), rth_open=-91,
    )  # fmt: skip
    found = drive_idea(down, too_deep, P)
    assert found is not None
    assert (found.direction, found.waiting) == (SHORT, True)


def test_a_drive_down_is_the_mirror() -> None:
    bars = [plain(-90, -105, -104), plain(-103, -112, -111), plain(-107, -110, -108)]
    down = drive_view(bars, opening=Opening(OpeningType.OPEN_DRIVE, -1), rth_open=-91)
    idea = drive_idea(down, None, P)
    assert idea is not None
    assert (idea.direction, idea.trigger, idea.wrong) == (SHORT, -111, -101)


def test_a_triggered_drive_lives_two_bars() -> None:
    idea = drive_idea(drive_view(DRIVE_BARS), None, P)
    assert idea is not None
    idea = replace(idea, triggered=True)
    for _ in range(2):
        idea = drive_idea(drive_view([*DRIVE_BARS, plain(112, 108, 111)]), idea, P)
        assert idea is not None
    spent = drive_idea(drive_view([*DRIVE_BARS, plain(112, 108, 111)]), idea, P)
    assert spent is not None
    assert spent.over


def test_the_80_percent_rule_stands_while_price_crosses_value() -> None:
    rule = Rule80("TRIGGERED", 1, SHORT, 2, 100, 80)
    found = rule_80_setup(view(closes(95), rule_80=rule), P)
    assert found is not None
    assert (found.level, found.target, found.invalid_above) == (100, 80, 101)
    assert rule_80_setup(view(closes(95), rule_80=rule, since_open=330), P) is not None  # 15:00 itself is not too late
    changes: list[dict[str, Any]] = [
        {"since_open": 331},
        {"rule_80": replace(rule, state="FAILED")},
        {"bars": closes(101)},
        {"bars": closes(80)},
    ]
    for changed in changes:
        fields: dict[str, Any] = {"bars": closes(95), "rule_80": rule, **changed}
        assert rule_80_setup(view(**fields), P) is None


def test_setups_stand_in_the_order_of_the_table() -> None:
    rule = Rule80("TRIGGERED", -1, LONG, 2, 80, 130)
    found = standing_setups(view(closes(102, 103), rule_80=rule), None, P)
    assert [s.setup for s in found] == [Setup.VA_BREAKOUT, Setup.RULE_80]


@each("confidence")
def test_ninety_ten(vector: dict[str, Any]) -> None:
    sure = confidence(vector["C"], vector["F"], SCORE)
    assert sure == vector["confidence"]
    found = Flow(vector["F"], ())
    reason = untradable(reading(Regime.TRENDING_UP), (5, 5), Grade.A, found, sure, SCORE)
    assert (reason == "") is vector["trade"]


@pytest.mark.parametrize(
    ("regime", "cva", "grade", "found", "reason"),
    [
        (None, (5, 5), Grade.A, Flow(80, ()), "regime NO_TRADE: none known yet"),
        (reading(Regime.NO_TRADE), (5, 5), Grade.A, Flow(80, ()), "regime NO_TRADE: "),
        (reading(Regime.RANGING), (4, 5), Grade.A, Flow(80, ()), "CVA is partial: 4 of 5 sessions"),
        (reading(Regime.RANGING), (5, 5), Grade.D, Flow(80, ()), "feed grade D"),
        (reading(Regime.RANGING), (5, 5), Grade.SNAPSHOT, Flow(80, ()), "feed grade SNAPSHOT"),
        (reading(Regime.RANGING), (5, 5), Grade.B, Flow(0, ()), "no order-flow confirmation: flow 0 of 100"),
        (reading(Regime.RANGING), (5, 5), Grade.B, Flow(80, (), "X against"), "veto: X against"),
        (reading(Regime.RANGING), (5, 5), Grade.B, Flow(80, ()), ""),
    ],
)
def test_why_a_setup_is_not_tradable(
    regime: RegimeReading | None, cva: tuple[int, int], grade: Grade, found: Flow, reason: str
) -> None:  # fmt: skip
    assert untradable(regime, cva, grade, found, 90.0, SCORE) == reason


def signal(pattern: Pattern, direction: Direction, strength: float, ref: int = 100) -> Signal:
    return Signal(f"{pattern}{strength}", 0, "ES", pattern, direction, strength, ref, ref)


def flowing(*signals: Signal, setup: Setup = Setup.MEAN_REVERSION, regime: Regime = Regime.RANGING) -> Flow:
    return flow(signals, setup, SHORT, 100, Router(RouterParams()), reading(regime), SCORE)


def test_the_best_confirmation_counts_and_each_further_pattern_adds_ten() -> None:
    fading = signal(Pattern.BUYING_EXHAUSTION, SHORT, 0.75)
    assert flowing(fading).score == pytest.approx(67.5)
    both = flowing(fading, signal(Pattern.SELLING_ABSORPTION, SHORT, 0.7))
    assert both.score == pytest.approx(80.0)
    assert both.confirming == (Pattern.BUYING_EXHAUSTION, Pattern.SELLING_ABSORPTION)
    assert flowing(fading, fading).score == pytest.approx(67.5)


def test_patterns_of_the_other_family_or_refused_by_the_table_do_not_confirm() -> None:
    assert flowing(signal(Pattern.STACKED_SELL, SHORT, 1.0)).score == 0
    assert flowing(signal(Pattern.BEARISH_DIVERGENCE, SHORT, 1.0)).score == 0
    assert flowing(signal(Pattern.BUYING_EXHAUSTION, SHORT, 0.59)).score == 0
    assert flowing(signal(Pattern.LACK_OF_PARTICIPATION_HIGH, SHORT, 0.5)).score == pytest.approx(35.0)


def test_dom_absorption_confirms_a_breakout_on_the_retest_only() -> None:
    near = signal(Pattern.DOM_ABSORPTION_SELL, SHORT, 0.8, ref=104)
    far = signal(Pattern.DOM_ABSORPTION_SELL, SHORT, 0.8, ref=105)
    assert flowing(near, setup=Setup.VA_BREAKOUT, regime=Regime.TRENDING_DOWN).score == pytest.approx(80.0)
    assert flowing(far, setup=Setup.VA_BREAKOUT, regime=Regime.TRENDING_DOWN).score == 0
    assert flowing(far).score == pytest.approx(80.0)


def test_a_strong_opposite_signal_vetoes_unless_clearly_outweighed() -> None:
    against = signal(Pattern.BUYING_ABSORPTION, LONG, 0.7)
    assert flowing(signal(Pattern.SELLING_ABSORPTION, SHORT, 0.85), against).veto
    assert not flowing(signal(Pattern.SELLING_ABSORPTION, SHORT, 0.9), against).veto
    assert not flowing(signal(Pattern.SELLING_ABSORPTION, SHORT, 0.7), replace(against, strength=0.69)).veto


MIRRORED = [
    Migration.LOWER, Migration.OVERLAPPING_LOWER, Migration.INSIDE, Migration.OUTSIDE, Migration.OVERLAPPING_HIGHER,
    Migration.HIGHER,
]  # fmt: skip


def test_value_parts_follow_the_table() -> None:
    kinds = [
        Migration.HIGHER, Migration.OVERLAPPING_HIGHER, Migration.INSIDE, Migration.OUTSIDE, Migration.OVERLAPPING_LOWER,
        Migration.LOWER,
    ]  # fmt: skip
    table = {
        Setup.VA_BREAKOUT: [1.0, 0.8, 0.4, 0.5, 0.0, 0.0],
        Setup.OPENING_DRIVE: [1.0, 0.8, 0.4, 0.5, 0.0, 0.0],
        Setup.MEAN_REVERSION: [0.6, 0.6, 1.0, 0.7, 0.4, 0.1],
        Setup.RULE_80: [0.8, 0.8, 1.0, 0.7, 0.3, 0.3],
    }
    for setup, row in table.items():
        assert [value_part(setup, kind, 1) for kind in kinds] == row
        assert [value_part(setup, kind, -1) for kind in MIRRORED] == row
        assert value_part(setup, None, 1) == 0.0


def test_regime_parts_follow_the_table() -> None:
    order = [Regime.TRENDING_UP, Regime.TRENDING_DOWN, Regime.RANGING, Regime.VOLATILE, Regime.NO_TRADE]
    table = {
        Setup.VA_BREAKOUT: [0.85, 0.0, 0.2, 0.5, 0.0],
        Setup.MEAN_REVERSION: [0.6, 0.0, 0.85, 0.3, 0.0],
        Setup.OPENING_DRIVE: [0.85, 0.0, 0.3, 0.6, 0.0],
        Setup.RULE_80: [0.85, 0.0, 0.85, 0.4, 0.0],
    }
    for setup, row in table.items():
        assert [regime_part(setup, reading(regime), 1) for regime in order] == row
        assert regime_part(setup, None, 1) == 0.0


def test_alignment_parts_follow_the_table() -> None:
    runs = [4, 3, 2, 1, -2, -3]
    assert [alignment_part(Setup.VA_BREAKOUT, run, 1) for run in runs] == [1.0, 1.0, 0.6, 0.4, 0.2, 0.0]
    assert [alignment_part(Setup.MEAN_REVERSION, run, 1) for run in runs] == [0.8, 0.8, 0.8, 1.0, 0.5, 0.0]
    assert [alignment_part(Setup.RULE_80, -run, -1) for run in runs] == [0.8, 0.8, 0.8, 1.0, 0.5, 0.0]
