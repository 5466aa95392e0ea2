"""Latches, fences, rates, arming, grants, cool-down: what stops entries and what lets them go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.event import WELL, Automation
from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.latch import LatchKind, Severity
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.trading import caps
from orderflow_tui.trading import fences as fences_
from orderflow_tui.trading.arming import Arming, AutomationMode
from orderflow_tui.trading.cooldown import Cooldown
from orderflow_tui.trading.fences import FENCES, Doubts, age_ms, can_send, fences, stale
from orderflow_tui.trading.latches import LatchBoard, how_to_clear
from orderflow_tui.trading.limits import Timing
from orderflow_tui.trading.rates import Rates
from tests.trading.house import START_NS, TODAY, facts

TOMORROW = date(2026, 3, 6)
TIMING = Timing()


def board(*kinds: LatchKind) -> LatchBoard:
    made = LatchBoard()
    for i, kind in enumerate(kinds):
        made.open(kind, START_NS + i, TODAY, f"why {kind.value}")
    return made


# -- latches ------------------------------------------------------------------------------------------------------------


def test_the_first_reason_of_a_latch_stays() -> None:
    made = board(LatchKind.OPERATOR)
    assert made.open(LatchKind.OPERATOR, START_NS + 9, TODAY, "another") is None
    assert made.latches[0].reason == "why OPERATOR"


def test_the_worst_latch_comes_first_and_makes_the_severity() -> None:
    made = board(LatchKind.UNATTENDED, LatchKind.OPERATOR, LatchKind.INVARIANT)
    assert [latch.kind for latch in made.latches] == [LatchKind.INVARIANT, LatchKind.OPERATOR, LatchKind.UNATTENDED]
    assert made.severity is Severity.LOCK
    assert LatchBoard().severity is None


def test_clearing_one_cause_leaves_the_others() -> None:
    made = board(LatchKind.OPERATOR, LatchKind.STOP_FILE)
    cleared, kept = made.resume(False, False, {LatchKind.STOP_FILE: "still there"})
    assert [latch.kind for latch in cleared] == [LatchKind.OPERATOR]
    assert [(latch.kind, why) for latch, why in kept] == [(LatchKind.STOP_FILE, "still there")]
    assert LatchKind.STOP_FILE in made


@pytest.mark.parametrize("kind", list(LatchKind))
def test_daily_latches_end_with_their_date_and_no_other_does(kind: LatchKind) -> None:
    made = board(kind)
    assert made.new_day(TODAY) == ()
    assert bool(made.new_day(TOMORROW)) is kind.daily
    assert (kind in made) is not kind.daily


@pytest.mark.parametrize("kind", list(LatchKind))
@pytest.mark.parametrize("key_ok", [False, True])
@pytest.mark.parametrize("needs_key", [False, True])
def test_a_person_clears_what_is_not_daily_and_a_lock_only_with_the_key(kind: LatchKind, key_ok: bool, needs_key: bool) -> None:
    made = board(kind)
    cleared, kept = made.resume(key_ok, needs_key, {})
    allowed = not kind.daily and (key_ok or not (needs_key or kind.severity is Severity.LOCK))
    assert bool(cleared) is allowed
    assert (kind not in made) is allowed
    assert bool(kept) is not allowed


def test_every_latch_says_how_it_ends() -> None:
    assert how_to_clear(LatchKind.DAILY_LOSS) == "ends at the next trade date"
    assert "remove the STOP file" in how_to_clear(LatchKind.STOP_FILE)
    assert "key" in how_to_clear(LatchKind.INVARIANT)
    assert how_to_clear(LatchKind.UNATTENDED) == how_to_clear(LatchKind.OPERATOR) == "resume"


def test_a_board_is_rebuilt_from_rows_and_clears_nothing_by_itself() -> None:
    made = board(LatchKind.OPERATOR)
    again = LatchBoard()
    again.restore(made.latches[0], True)
    again.restore(made.latches[0], True)
    assert again.latches == made.latches
    again.restore(made.latches[0], False)
    again.restore(made.latches[0], False)
    assert again.latches == ()


# -- fences -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rth", "limit"), [(True, 3_000), (False, 15_000)])
def test_stale_data_fences_beyond_its_age(rth: bool, limit: int) -> None:
    assert stale(facts(rth=rth, data_age_ms=limit - 1), TIMING) is None
    assert stale(facts(rth=rth, data_age_ms=limit), TIMING) is None
    old = stale(facts(rth=rth, data_age_ms=limit + 1), TIMING)
    assert old is not None
    assert f"{limit + 1:,}".replace(",", ".") + f" s old, limit {limit // 1000} s" in old.reason


def test_no_data_at_all_is_not_fresh() -> None:
    assert [f.name for f in fences(facts(data_age_ms=None), Doubts(), TIMING)] == ["data"]


@pytest.mark.parametrize("link", [link for link in Link if link is not Link.READY])
def test_entries_need_a_ready_link(link: Link) -> None:
    assert [f.name for f in fences(facts(link=link), Doubts(), TIMING)] == ["link"]


@pytest.mark.parametrize("link", list(Link))
def test_protection_goes_out_whenever_the_broker_is_synced(link: Link) -> None:
    assert can_send(link) is (link.value in {"WARMUP", "READY", "DEGRADED", "DATA_BLOCKED"})


def well(**changes: Any) -> Facts:
    """A quiet session on a machine that does so."""
    return facts(house=replace(WELL, **changes))


# For every fence: well inside, on the line, outside. Where a fence knows only yes and no, the line is the least that is no doubt.
FENCE_CASES: list[tuple[object, tuple[Facts, Doubts], tuple[Facts, Doubts], tuple[Facts, Doubts]]] = [
    (fences_.link_ready, (facts(), Doubts()), (facts(link=Link.READY), Doubts()), (facts(link=Link.DEGRADED), Doubts())),
    (fences_.outcomes_known, (facts(), Doubts()), (facts(), Doubts(unresolved=0)), (facts(), Doubts(unresolved=1))),
    (
        fences_.positions_agree,
        (facts(), Doubts()),
        (facts(), Doubts(mismatch=None)),
        (facts(), Doubts(mismatch="MES: broker +1, ours +0")),
    ),
    (fences_.value_known, (facts(), Doubts()), (facts(), Doubts(unpriced=None)), (facts(), Doubts(unpriced="NQ"))),
    (
        fences_.report_recent,
        (facts(), Doubts(report_age_ms=None)),
        (facts(), Doubts(report_age_ms=45_000)),
        (facts(), Doubts(report_age_ms=45_001)),
    ),
    (
        fences_.data_fresh,
        (facts(data_age_ms=2_999), Doubts()),
        (facts(data_age_ms=3_000), Doubts()),
        (facts(data_age_ms=3_001), Doubts()),
    ),
    (fences_.cooled, (facts(), Doubts()), (facts(), Doubts(cooldown_left_ms=0)), (facts(), Doubts(cooldown_left_ms=1))),
    (fences_.margin_left, (facts(), Doubts()), (facts(), Doubts(margin=None)), (facts(), Doubts(margin="thin"))),
    (fences_.loop_punctual, (facts(), Doubts()), (well(loop_late_ms=1_000), Doubts()), (well(loop_late_ms=1_001), Doubts())),
    (fences_.clock_steady, (facts(), Doubts()), (well(clock_off_ms=-2_000), Doubts()), (well(clock_off_ms=-2_001), Doubts())),
    (fences_.broker_clock_agrees, (facts(), Doubts()), (well(broker_off_s=5), Doubts()), (well(broker_off_s=-6), Doubts())),
    (
        fences_.journal_quick,
        (facts(), Doubts(commit_ms=None)),
        (facts(), Doubts(commit_ms=100)),
        (facts(), Doubts(commit_ms=101)),
    ),
    (fences_.no_reset, (facts(), Doubts()), (well(broker_resets=False), Doubts()), (well(broker_resets=True), Doubts())),
    (
        fences_.settled,
        (facts(), Doubts(doubt_age_ms=None)),
        (facts(), Doubts(doubt_age_ms=5_000)),
        (facts(), Doubts(doubt_age_ms=4_999)),
    ),
]


@pytest.mark.parametrize(("fence", "inside", "line", "outside"), FENCE_CASES)
def test_a_fence_lets_pass_inside_and_on_the_line_and_stops_outside(
    fence: object, inside: tuple[Facts, Doubts], line: tuple[Facts, Doubts], outside: tuple[Facts, Doubts]
) -> None:
    assert fences(*inside, TIMING) == fences(*line, TIMING) == ()
    (found,) = fences(*outside, TIMING)
    assert [look for look in FENCES if look(*outside, TIMING) == found] == [fence]


def test_every_fence_has_its_three_tests_here() -> None:
    assert [fence for fence, *_ in FENCE_CASES] == list(FENCES)


def test_age_of_nothing_is_nothing() -> None:
    assert age_ms(START_NS, None) is None
    assert age_ms(START_NS + 1_999_999, START_NS) == 1


# -- rates --------------------------------------------------------------------------------------------------------------


def test_four_entry_intents_fit_in_ten_seconds_and_the_fifth_does_not() -> None:
    rates = Rates()
    for i in range(4):
        assert rates.used_up(START_NS + i) is None
        rates.entry(START_NS + i)
    assert rates.used_up(START_NS + 10 * SECOND_NS - 1) == "4 entry intents in 10 s, 4 allowed"
    assert rates.used_up(START_NS + 10 * SECOND_NS) is None


def test_sixty_entry_intents_fit_in_an_hour() -> None:
    rates = Rates()
    for i in range(60):
        assert rates.used_up(START_NS + i * 30 * SECOND_NS) is None
        rates.entry(START_NS + i * 30 * SECOND_NS)
    assert rates.used_up(START_NS + 60 * 30 * SECOND_NS) == "60 entry intents in an hour, 60 allowed"
    assert rates.used_up(START_NS + 3_600 * SECOND_NS) is None


def test_more_than_twenty_protective_messages_in_ten_seconds_alert_once() -> None:
    rates = Rates()
    assert [rates.protective(START_NS + i, 1) for i in range(caps.PROTECTIVE_PER_10_S)] == [None] * 20
    assert rates.protective(START_NS + 30, 1) is not None
    assert rates.protective(START_NS + 31, 1000) is None
    assert rates.protective(START_NS + 10 * SECOND_NS + 30, 21) is not None


# -- permissions --------------------------------------------------------------------------------------------------------


def test_arming_ends_at_its_deadline() -> None:
    arming = Arming()
    assert not arming.armed(START_NS)
    assert arming.left_ms(START_NS) == 0
    arming.arm(START_NS, 60_000)
    assert arming.armed(START_NS + 60_000 * MS_NS - 1)
    assert not arming.armed(START_NS + 60_000 * MS_NS)
    assert arming.left_ms(START_NS) == 60_000
    arming.disarm()
    assert not arming.armed(START_NS)


def test_a_grant_is_for_one_session_and_falls_back() -> None:
    mode = AutomationMode(Automation.CONFIRM)
    assert not mode.end_grant()
    mode.choose(Automation.AUTO)
    assert mode.granted
    assert mode.end_grant()
    assert mode.mode is Automation.CONFIRM
    mode.choose(Automation.OFF)
    assert not mode.end_grant()


def test_auto_is_never_a_default() -> None:
    with pytest.raises(AssertionError):
        AutomationMode(Automation.AUTO)


def test_a_cooldown_is_extended_never_shortened() -> None:
    cooldown = Cooldown()
    assert cooldown.left_ms(START_NS) == 0
    assert not cooldown.over(START_NS)
    cooldown.begin(START_NS, 1_800_000, "first")
    cooldown.restore(START_NS + 5, "shorter")
    assert (cooldown.left_ms(START_NS), cooldown.reason) == (1_800_000, "first")
    assert cooldown.left_ms(START_NS + 1_800_000 * MS_NS - 1) == 1
    assert not cooldown.over(START_NS + 1_800_000 * MS_NS - 1)
    assert cooldown.over(START_NS + 1_800_000 * MS_NS)
    assert cooldown.left_ms(START_NS) == 0
