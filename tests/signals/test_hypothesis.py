"""The pre-market hypothesis."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS, SessionDay
from orderflow_tui.domain.signal import Direction, Hypothesis
from orderflow_tui.domain.value import SessionProfile, ValueArea
from orderflow_tui.signals.hypothesis import HypothesisInputs, build, grade
from orderflow_tui.signals.inventory import Inventory
from orderflow_tui.signals.plan import Plan
from tests.signals.text_tape import ES

TODAY = date(2026, 3, 6)


def area(val: int, vah: int) -> ValueArea:
    return ValueArea(val, (val + vah) // 2, vah, 70, 100)


QUIET = HypothesisInputs(
    trade_date=TODAY,
    ts_ns=0,
    open=105,
    assumed=False,
    pva=area(100, 110),
    pva_before=area(98, 112),
    cva=area(95, 115),
    aligned_vas=1,
    prior_high=120,
    prior_low=90,
    prior_close=104,
    on_high=116,
    on_low=96,
    inventory=Inventory("LONG", 0.8),
)


def built(**changes: Any) -> Hypothesis:
    return build(replace(QUIET, **changes), ES, frozen=True)


def test_every_vote_for_long_is_capped_at_ninety() -> None:
    plan = built(open=125, pva_before=area(95, 105), aligned_vas=4)
    assert plan.votes == (1, 1, 1, 1, 1, 0)
    assert (plan.bias, plan.confidence, plan.condition) == (Direction.LONG, 90, "OUT_OF_BALANCE_UP")


def test_one_vote_is_neutral() -> None:
    plan = built()
    assert plan.votes == (0, 0, 0, 0, 0, -1)
    assert (plan.bias, plan.confidence) == (Direction.NONE, 60)


def test_a_downtrend_label_can_stand_beside_a_neutral_bias() -> None:
    plan = built(pva_before=area(105, 115), aligned_vas=-3, inventory=Inventory("SHORT", 0.1))
    assert plan.votes == (0, 0, -1, -1, 0, 1)
    assert (plan.bias, plan.confidence, plan.condition) == (Direction.NONE, 60, "TREND_DOWN")


def test_a_narrow_night_inside_the_composite_is_a_pending_breakout() -> None:
    assert built(on_high=110, on_low=100).condition == "BREAKOUT_PENDING"
    assert built(on_high=111, on_low=100).condition == "BALANCE"


@pytest.mark.parametrize("name", ["open", "pva", "prior_high", "prior_low", "prior_close", "on_high", "on_low"])
def test_a_missing_input_makes_it_unknown_not_guessed(name: str) -> None:
    plan = built(**{name: None})
    assert (plan.bias, plan.condition, plan.confidence) == (None, "UNKNOWN", 0)
    assert plan.reason.startswith("missing: ")


@pytest.mark.parametrize("price", [125, 115, 105, 95, 85])
def test_each_opening_has_two_to_four_scenarios(price: int) -> None:
    plan = built(open=price, naked=(130,), stacked=(80,), ib_average=20.0)
    assert 2 <= len(plan.scenarios) <= 4
    assert all(s.when and s.then for s in plan.scenarios)


def test_an_open_above_the_range_aims_at_the_next_magnet_and_one_balance() -> None:
    plan = built(open=125, naked=(140, 130), stacked=(80,), ib_average=20.0)
    assert plan.scenarios[0].targets == (130, 145)
    assert plan.scenarios[0].invalidation == 120


def test_the_plan_lists_every_level_the_day_is_watched_against() -> None:
    plan = built(naked=(130, 105 + 161), stacked=(80,), week_open=99)
    assert plan.levels == (
        ("naked POC", 130), ("prior high", 120), ("ON high", 116), ("CVA VAH", 115), ("PVA VAH", 110), ("ON mid", 106),
        ("PVA POC", 105), ("CVA POC", 105), ("prior close", 104), ("PVA VAL", 100), ("week open", 99), ("ON low", 96),
        ("CVA VAL", 95), ("prior low", 90), ("stacked", 80),
    )  # fmt: skip
    assert ("naked POC", 105 + 160) in built(naked=(105 + 160,)).levels  # forty points are near, a tick more is not
    assert "week open" not in dict(built().levels)  # what is not known is left out


def test_an_unknown_plan_says_that_the_past_began_anew_at_a_roll() -> None:
    plan = built(pva=None, restarted=date(2026, 3, 2))
    assert plan.reason == "missing: previous value area; value began anew on 2026-03-02, the contract rolled by an unknown shift"
    assert ("prior high", 120) in plan.levels


def session(open_: int, close: int) -> SessionProfile:
    low, high = min(open_, close) - 5, max(open_, close) + 5
    return SessionProfile(
        TODAY, False, open_, high, low, close, 1, 0, low, (1,), (1,), area(low, high), None, None, None, None, None,
        None, None, 0, 0, False, False, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("bias", "move", "verdict"),
    [
        (Direction.LONG, 11, "RIGHT"),
        (Direction.LONG, 10, "FLAT"),
        (Direction.LONG, -10, "FLAT"),
        (Direction.LONG, -11, "WRONG"),
        (Direction.SHORT, -11, "RIGHT"),
        (Direction.SHORT, 11, "WRONG"),
        (Direction.NONE, 25, "RIGHT"),
        (Direction.NONE, -26, "WRONG"),
        (None, 50, "UNGRADED"),
    ],
)
def test_the_close_grades_the_bias(bias: Direction | None, move: int, verdict: str) -> None:
    assert grade(replace(built(), bias=bias), session(100, 100 + move), average_range=100.0).grade == verdict


OPEN = 1_000 * MINUTE_NS
DAY = SessionDay(TODAY, 0, 0, OPEN + 600 * MINUTE_NS, OPEN, OPEN + 390 * MINUTE_NS)


def ask(now_ns: int) -> HypothesisInputs:
    return replace(QUIET, ts_ns=now_ns, assumed=now_ns < OPEN)


def test_the_plan_is_written_before_the_bell_and_again_after_it_then_frozen() -> None:
    plan = Plan(ES)
    plan.new_day(DAY)
    assert plan.due_ns == OPEN - 5 * MINUTE_NS
    assert plan.keep_appointment(plan.due_ns - 1, ask) is None
    first = plan.keep_appointment(plan.due_ns, ask)
    assert first is not None
    assert not first.frozen
    assert "assumed" in first.reason
    assert plan.due_ns == OPEN + 5 * SECOND_NS
    second = plan.keep_appointment(plan.due_ns, ask)
    assert second is not None
    assert second.frozen
    assert "assumed" not in second.reason
    assert plan.keep_appointment(OPEN + 60 * MINUTE_NS, ask) is None
    assert plan.current is second


def test_a_plan_written_after_the_open_says_that_it_is_late() -> None:
    plan = Plan(ES)
    plan.new_day(DAY)
    late = plan.keep_appointment(OPEN + 60 * MINUTE_NS, ask)
    assert late is not None
    assert late.frozen
    assert late.reason.endswith("written late")


def test_after_the_close_no_plan_is_written() -> None:
    plan = Plan(ES)
    plan.new_day(DAY)
    assert plan.keep_appointment(OPEN + 390 * MINUTE_NS, ask) is None
    assert plan.current is None


def test_a_day_without_regular_hours_has_no_plan() -> None:
    plan = Plan(ES)
    plan.new_day(replace(DAY, rth_open_ns=None, rth_close_ns=None))
    assert plan.keep_appointment(OPEN + 60 * MINUTE_NS, ask) is None
