"""The machine under the desk: late loop, leaping clock, slow disk, the broker's nightly reset. Entries wait, exits never do."""

from __future__ import annotations

from typing import Any

import pytest

from orderflow_tui.domain.action import Alert, Tier
from orderflow_tui.domain.event import Command, Committed, HouseHealth
from orderflow_tui.domain.order import Purpose, Role
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.trading.fences import SLOW_COMMIT_MS
from orderflow_tui.trading.limits import TradingParams
from orderflow_tui.trading.pace import CommitPace
from tests.trading.house import RICH, SLOW, START_NS, House, TinyBroker


def house() -> House:
    return House(TradingParams(risk=RICH, timing=SLOW))


def feels(made: House, **how: Any) -> None:
    """The pulse tells how the machine does; the engine's facts carry it from then on."""
    health = HouseHealth(made.now, **how)
    made.changes["house"] = health
    made.tell(health)


@pytest.mark.parametrize(
    ("ill", "fence"),
    [({"loop_late_ms": 1_001}, "loop"), ({"clock_off_ms": -3_600_000}, "clock"), ({"broker_off_s": 6}, "broker clock")],
)
def test_loop_and_clocks_out_of_step_keep_entries_waiting_until_all_was_well_for_five_seconds(
    ill: dict[str, int], fence: str
) -> None:
    made = house()
    made.wait(10_000)
    feels(made, **ill)
    assert [f.name for f in made.desk.fences(made.facts)] == [fence, "settling"]
    made.bracket()
    assert made.refusal == "trading state"
    made.wait(60_000)
    feels(made)
    assert [f.name for f in made.desk.fences(made.facts)] == ["settling"]
    made.wait(5_000)
    assert made.state == "RUNNING"
    made.enter()


def test_a_healthy_word_after_a_healthy_one_keeps_nobody_waiting() -> None:
    made = house()
    made.wait(10_000)
    feels(made)
    feels(made)
    assert made.state == "RUNNING"


def leap(made: House, ms: int) -> None:
    """The wall clock leaps forward: what is due by it happens, then the pulse tells."""
    made.wait(ms)
    feels(made, clock_off_ms=ms)


@pytest.mark.parametrize(
    ("waited_ms", "leap_ms", "left_ms"),
    [
        (600_000, 3_600_000, 1_200_000),  # it ended by the leap
        (600_000, 60_000, 1_200_000),  # it went on, shortened
        (0, 86_400_000, 1_800_000),  # never more than a whole wait
        (1_800_001, 3_600_000, 0),  # it was over before
    ],
)
def test_a_leap_of_the_wall_clock_does_not_shorten_the_wait_after_a_rejection(waited_ms: int, leap_ms: int, left_ms: int) -> None:
    made = House(TradingParams(risk=RICH, timing=SLOW), broker=TinyBroker(reject=lambda o: o.role is Role.ENTRY))
    made.bracket()
    made.wait(waited_ms)
    leap(made, leap_ms)
    assert made.floor.cooldown.left_ms(made.now) == left_ms
    assert made.restart().floor.cooldown.left_ms(made.now) == left_ms


def test_a_leap_of_the_wall_clock_before_any_rejection_begins_no_wait_and_leaves_the_rates_as_full_as_they_were() -> None:
    made = house()
    for _ in range(4):
        made.bracket()
        made.press(Command.CANCEL_ENTRIES)
    leap(made, 3_600_000)
    assert made.floor.cooldown.until_ns is None
    assert "4 entry intents in 10 s" in (made.floor.rates.used_up(made.now) or "")
    assert made.floor.rates.used_up(made.now + 10 * SECOND_NS) is None


def test_a_late_loop_never_keeps_an_exit_from_leaving() -> None:
    made = house().enter()
    feels(made, loop_late_ms=4_000)
    made.press(Command.FLATTEN)
    made.wait(3_000)
    assert made.sent(Purpose.FLATTEN)


def test_a_loop_three_seconds_late_alarms_and_a_shorter_delay_only_fences() -> None:
    made = house()
    feels(made, loop_late_ms=3_000)
    assert made.alerts("loop") == []
    feels(made, loop_late_ms=3_001)
    assert [a.tier for a in made.all(Alert) if a.kind == "loop"] == [Tier.CRITICAL]
    assert "3001 ms late" in made.alerts("loop")[0]


def test_a_clock_that_leaps_is_told_once_and_again_when_it_leaps_again() -> None:
    made = house()
    for _ in range(2):
        feels(made, clock_off_ms=2_001)
        feels(made, clock_off_ms=2_500)
        feels(made)
    assert len(made.alerts("clock")) == 2
    assert len([row for row in made.rows if row.kind == "house"]) == 4, "begin and end of each, for the record"


def test_nothing_enters_around_the_brokers_nightly_reset_and_entries_go_on_when_all_has_settled_after_it() -> None:
    made = house()
    feels(made, broker_resets=True)
    assert "reset" in {f.name for f in made.desk.fences(made.facts)}
    assert made.alerts("clock") == made.alerts("loop") == made.alerts("broker clock") == []
    feels(made)
    assert made.state == "FENCED"
    made.wait(5_000)
    assert made.state == "RUNNING"


# -- the journal's pace ------------------------------------------------------------------------------------------------


def test_one_slow_commit_is_an_accident_two_within_a_minute_are_a_slow_disk() -> None:
    pace = CommitPace()
    pace.took(START_NS, 240)
    assert pace.p99_ms(START_NS) is None
    pace.took(START_NS + SECOND_NS, 150)
    assert pace.p99_ms(START_NS + SECOND_NS) == 150
    assert pace.p99_ms(START_NS + 61 * SECOND_NS) is None


def test_of_many_commits_one_in_a_hundred_may_be_slow() -> None:
    pace = CommitPace()
    for i in range(400):
        pace.took(START_NS, 200 if i < 4 else 3)
    assert pace.p99_ms(START_NS) == 3
    pace.took(START_NS, 180)
    assert pace.p99_ms(START_NS) == 180


def test_commits_on_the_line_are_quick_enough() -> None:
    pace = CommitPace()
    for _ in range(5):
        pace.took(START_NS, SLOW_COMMIT_MS)
    assert pace.p99_ms(START_NS) is None


def test_an_entry_is_not_held_up_by_its_own_commit_but_the_next_one_is_by_the_slow_disk() -> None:
    made = house()
    made.wait(1)
    made.tell(Committed(made.now, ("earlier",), 180))
    made.journal = "silent"
    made.bracket()
    ids = next(iter(made.floor.waiting.values())).proposal.ids
    made.now += 180 * MS_NS
    made.tell(Committed(made.now, ids, 180))
    assert len(made.sent(Purpose.ENTRY)) == 1
    assert [f.name for f in made.desk.fences(made.facts)] == ["journal"]
    made.wait(60_000)
    assert "journal" not in {f.name for f in made.desk.fences(made.facts)}
