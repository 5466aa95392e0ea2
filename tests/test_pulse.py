"""The pulse of the house: what a stalled loop, a stepped clock and a drifting broker feel like. Time is moved by hand."""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.adapters.ib_contracts import in_reset_window
from orderflow_tui.domain.event import HouseHealth
from orderflow_tui.pulse import BEAT_S, MS_NS, SECOND_NS, HouseClock, Pulse

MARCH_NS = 1_772_730_000 * SECOND_NS  # Thursday, 17:00 UTC
BEAT_MS = round(BEAT_S * 1000)


@dataclass
class Machine:
    """Two clocks that only tests move."""

    wall_ns: int = MARCH_NS
    steady_ns: int = 5 * SECOND_NS
    skew_s: float | None = None

    def __post_init__(self) -> None:
        self.clock = HouseClock(lambda: self.wall_ns, lambda: self.steady_ns)
        self.pulse = Pulse(self.clock, skew_s=lambda: self.skew_s, resets=in_reset_window)

    def wait(self, ms: int, *, wall_ms: int | None = None) -> None:
        """Time passes; on the wall, where told, another one."""
        self.steady_ns += ms * MS_NS
        self.wall_ns += (ms if wall_ms is None else wall_ms) * MS_NS

    def beat(self, ms: int = BEAT_MS, *, wall_ms: int | None = None) -> HouseHealth | None:
        self.wait(ms, wall_ms=wall_ms)
        return self.pulse.beat()


def test_a_house_in_good_health_is_silent() -> None:
    machine = Machine()
    assert [machine.beat() for _ in range(10_000)] == [None] * 10_000


def test_a_loop_that_stood_still_says_by_how_much_and_that_it_goes_on() -> None:
    machine = Machine()
    machine.beat()
    assert machine.beat(1_000 + BEAT_MS) is None, "a second is allowed"
    assert not machine.pulse.overdue
    machine.wait(4_000 + BEAT_MS)
    assert machine.pulse.overdue, "nothing may be decided before it is told"
    told = machine.pulse.beat()
    assert told is not None
    assert (told.loop_late_ms, told.ts_ns) == (4_000, machine.wall_ns)
    again = machine.beat()
    assert again is not None
    assert again.loop_late_ms == 0


def test_before_its_first_beat_a_house_that_takes_its_time_to_start_is_not_late() -> None:
    machine = Machine()
    machine.wait(30_000)
    assert not machine.pulse.overdue
    assert machine.pulse.beat() is None


def test_a_clock_that_leaps_forward_is_followed_at_once_and_told() -> None:
    machine = Machine()
    machine.beat()
    told = machine.beat(wall_ms=3_600_000)
    assert told is not None
    assert told.clock_off_ms == 3_600_000 - BEAT_MS
    assert told.ts_ns == machine.wall_ns
    back = machine.beat()
    assert back is not None
    assert back.clock_off_ms == 0


def test_after_a_suspend_the_loop_was_not_late_but_the_clocks_are_apart() -> None:
    machine = Machine()
    machine.beat()
    told = machine.beat(wall_ms=8 * 3_600_000)
    assert told is not None
    assert told.loop_late_ms == 0
    assert told.clock_off_ms > 2_000


def test_after_a_step_back_time_goes_on_for_the_timers_and_entries_wait_until_the_wall_has_caught_up() -> None:
    machine = Machine()
    machine.beat()
    before = machine.clock()
    told = machine.beat(wall_ms=-60_000)
    assert told is not None
    assert told.clock_off_ms == -60_000
    machine.wait(10_000)
    assert machine.clock() - before >= 9 * SECOND_NS, "a stop that is missing is still found in its time"
    ills = [health.clock_off_ms for _ in range(700) if (health := machine.beat(1_000)) is not None]
    assert ills == sorted(ills)
    assert ills[-1] == 0
    assert machine.clock() == machine.wall_ns


def test_a_wall_clock_that_is_slowly_put_right_is_no_step() -> None:
    machine = Machine()
    assert [machine.beat(1_000, wall_ms=1_001) for _ in range(7_200)] == [None] * 7_200


def test_a_brokers_clock_that_drifts_away_while_connected_is_told_in_whole_seconds() -> None:
    machine = Machine()
    machine.skew_s = 2.9
    assert machine.beat() is None, "the broker tells whole seconds, and its answer takes a while"
    machine.skew_s = -7.4
    told = machine.beat()
    assert told is not None
    assert told.broker_off_s == -7


def test_the_reset_is_announced_ten_minutes_before_it_and_ends_with_it() -> None:
    machine = Machine()
    machine.wall_ns = MARCH_NS + 12 * 3_600 * SECOND_NS + 4 * 60 * SECOND_NS  # 00:04 in New York
    machine.__post_init__()
    assert machine.beat() is None
    told = machine.beat(60_000)
    assert told is not None
    assert told.broker_resets
    assert machine.beat(99 * 60_000) is not None  # a late beat, the reset still runs
    for _ in range(3):
        machine.beat()
    assert machine.pulse._told.broker_resets
    ended = machine.beat(1_000, wall_ms=1_000 + 60_000)
    assert ended is not None
    assert not ended.broker_resets
