"""How fast a recording or a simulated market goes by: speed, pause, single steps, running ahead to a point.

The feed asks for beats; each beat says up to which simulated instant events may be released. The wall clock is read
here and nowhere else, and only to measure how long a beat took: what is released never depends on it, only when.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from math import inf, isfinite

from orderflow_tui.domain.session import SECOND_NS

BEAT_S = 0.05
LONGEST_BEAT_S = 0.25  # a stall is not caught up: time that was slept through is lost, not replayed in a burst
RUSH_NS = 60 * SECOND_NS  # simulated time a beat when going as fast as possible
SLOWEST, FASTEST = 0.05, 5_000.0


class BadSpeed(ValueError):
    """A speed that is no speed."""


class Pace:
    """Shared by the feed, which waits for beats, and by whoever turns the knobs. One event loop, one feed at a time."""

    __slots__ = ("_last_s", "_owed_ns", "_paused", "_reached_ns", "_rush_to_ns", "_sleep", "_speed", "_turned", "_wall")

    def __init__(
        self,
        speed: float = 1.0,
        *,
        wall: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._wall = wall
        self._sleep = sleep
        self._paused = False
        self._owed_ns = 0
        self._rush_to_ns: int | None = None
        self._reached_ns = 0
        self._last_s: float | None = None
        self._turned = asyncio.Event()
        self._speed = _checked(speed)

    @property
    def speed(self) -> float:
        """Simulated seconds a second; infinite means as fast as possible."""
        return self._speed

    @property
    def paused(self) -> bool:
        """Whether time stands still but for steps."""
        return self._paused

    @property
    def now_ns(self) -> int:
        """The simulated instant reached: nothing later has been released."""
        return self._reached_ns

    def start(self, at_ns: int) -> None:
        """The feed begins here."""
        self._reached_ns = at_ns
        self._last_s = None

    def set_speed(self, speed: float) -> None:
        """Go this fast from now on: 0.05 … 5000, or infinity. BadSpeed otherwise."""
        self._speed = _checked(speed)
        self._turned.set()

    def pause(self) -> None:
        """Stand still."""
        self._paused = True
        self._owed_ns = 0

    def resume(self) -> None:
        """Go on."""
        self._paused = False
        self._last_s = None
        self._turned.set()

    def step(self, span_ns: int = SECOND_NS) -> None:
        """While paused, let this much simulated time pass at once."""
        if self._paused and span_ns > 0:
            self._owed_ns += span_ns
            self._turned.set()

    def run_to(self, at_ns: int) -> None:
        """Go as fast as possible up to this instant, then as before."""
        if at_ns > self._reached_ns:
            self._rush_to_ns = at_ns
            self._turned.set()

    async def beat(self) -> int:
        """Wait for the next beat; returns the instant before which events may be released. It never goes back."""
        while True:
            if self._rush_to_ns is not None:
                await self._sleep(0)
                return self._rush()
            if self._owed_ns:
                return self._advance(self._owed_ns, clear=True)
            if self._paused:
                await self._wait_for_a_turn()
                continue
            if not isfinite(self._speed):
                await self._sleep(0)
                return self._advance(RUSH_NS)
            await self._one_beat()
            if not self._paused and self._last_s is not None:
                now_s = self._wall()
                passed_s = min(now_s - self._last_s, LONGEST_BEAT_S)
                self._last_s = now_s
                return self._advance(int(passed_s * self._speed * SECOND_NS))

    async def _one_beat(self) -> None:
        if self._last_s is None:
            self._last_s = self._wall()
        await self._sleep(BEAT_S)

    async def _wait_for_a_turn(self) -> None:
        self._turned.clear()
        if self._paused and not self._owed_ns and self._rush_to_ns is None:
            await self._turned.wait()
        self._last_s = None

    def _rush(self) -> int:
        assert self._rush_to_ns is not None
        self._advance(min(RUSH_NS, self._rush_to_ns - self._reached_ns))
        if self._reached_ns >= self._rush_to_ns:
            self._rush_to_ns = None
            self._last_s = None
        return self._reached_ns

    def _advance(self, span_ns: int, *, clear: bool = False) -> int:
        if clear:
            self._owed_ns = 0
        self._reached_ns += span_ns
        return self._reached_ns


def _checked(speed: float) -> float:
    if speed == inf or SLOWEST <= speed <= FASTEST:
        return speed
    raise BadSpeed(f"speed {speed} is outside {SLOWEST} … {FASTEST:g}; `inf` goes as fast as possible")
