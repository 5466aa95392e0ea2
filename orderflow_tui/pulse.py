"""The house's pulse: whether the loop comes round in time, and whether the clocks still agree.

Only where time is real. Small figures are told as 0, and only a change is told, so that a healthy house is silent.

`HouseClock` is the wall clock as the engine may use it. A leap forward is followed at once. After a step back the engine's
time must neither stand still, for its timers guard what is held, nor go back: it goes on at nine tenths of its speed until the
wall clock has caught up, and until both agree again entries wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from orderflow_tui.domain.event import WELL, HouseHealth

MS_NS = 1_000_000
SECOND_NS = 1_000 * MS_NS
BEAT_S = 0.05
QUIET_MS = 1_000
QUIET_S = 3  # the broker tells whole seconds, and its answer takes a while
REFERENCE_NS = 60 * SECOND_NS  # slow corrections of the wall clock are no steps
SOON_NS = 600 * SECOND_NS
Clock = Callable[[], int]


class HouseClock:
    """UTC in ns that never goes back and never stands still."""

    __slots__ = ("_last", "_steady_last", "steady", "wall")

    def __init__(self, wall: Clock = time.time_ns, steady: Clock = time.monotonic_ns) -> None:
        self.wall, self.steady = wall, steady
        self._last, self._steady_last = wall(), steady()

    def __call__(self) -> int:
        """Now."""
        steady = self.steady()
        went = steady - self._steady_last
        self._steady_last = steady
        self._last = max(self.wall(), self._last + went * 9 // 10)
        return self._last

    @property
    def ahead_ns(self) -> int:
        """By how much it runs ahead of the wall clock, 0 while both agree."""
        return max(0, self() - self.wall())


def never(now_ns: int) -> bool:  # noqa: ARG001
    """No reset at any instant: there is no broker that has one."""
    return False


class Pulse:
    """Measured at every beat of the loop. `skew_s` is our clock minus the broker's where one tells it; `resets` says whether the
    broker's nightly reset runs at an instant."""

    def __init__(
        self,
        clock: HouseClock,
        *,
        period_s: float = BEAT_S,
        skew_s: Callable[[], float | None] = lambda: None,
        resets: Callable[[int], bool] = never,
    ) -> None:
        self._clock, self._period_ns = clock, int(period_s * SECOND_NS)
        self._skew_s, self._resets = skew_s, resets
        self._wall, self._steady = clock.wall, clock.steady
        self._beat_ns: int | None = None
        self._reference = (self._steady(), self._wall() - self._steady())
        self._told = WELL

    @property
    def overdue(self) -> bool:
        """Whether the loop is late by so much that nothing may be decided before it is told."""
        return self._beat_ns is not None and self._late_ms(self._steady()) > QUIET_MS

    def beat(self) -> HouseHealth | None:
        """The loop came round: what changed since the last beat, None where nothing did."""
        now_ns, steady = self._clock(), self._steady()
        late = 0 if self._beat_ns is None else self._late_ms(steady)
        self._beat_ns = steady
        health = HouseHealth(
            0,
            loop_late_ms=late if late > QUIET_MS else 0,
            clock_off_ms=self._off_ms(steady),
            broker_off_s=self._broker_off_s(),
            broker_resets=self._resets(now_ns) or self._resets(now_ns + SOON_NS),
        )
        if health == self._told:
            return None
        self._told = health
        return HouseHealth(now_ns, health.loop_late_ms, health.clock_off_ms, health.broker_off_s, health.broker_resets)

    def _late_ms(self, steady: int) -> int:
        assert self._beat_ns is not None, "lateness is measured from a beat"
        return (steady - self._beat_ns - self._period_ns) // MS_NS

    def _off_ms(self, steady: int) -> int:
        """A step of the wall clock since the reference, told at one beat; or how far behind it has fallen, while it has."""
        since, apart = self._reference
        offset = self._wall() - steady
        step = (offset - apart) // MS_NS
        if abs(step) > QUIET_MS or steady - since > REFERENCE_NS:
            self._reference = (steady, offset)
        behind = self._clock.ahead_ns // MS_NS
        if behind > QUIET_MS:
            return -(behind // QUIET_MS * QUIET_MS)
        return step if abs(step) > QUIET_MS else 0

    def _broker_off_s(self) -> int:
        skew = self._skew_s()
        return 0 if skew is None or abs(skew) < QUIET_S else int(skew)
