"""Whether somebody is behind a line that is up, and what time it is there: the gateway is asked for the time every second.

Two unanswered questions in a row mean that nobody is there. Between them and the next answer nobody knows: an order that
adds risk waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from orderflow_tui.adapters.ib_line import Line, NoAnswer
from orderflow_tui.adapters.ib_settings import IbSettings


class Probes:
    """The questions of a session. `hung` is called with the reason when nobody answers any more."""

    def __init__(self, settings: IbSettings, clock_ns: Callable[[], int], hung: Callable[[str], None]) -> None:
        self._settings = settings
        self._clock_ns = clock_ns
        self._hung = hung
        self._asking: asyncio.Task[None] | None = None
        self._answered_ns: int | None = None
        self.skew_s: float | None = None  # our clock minus the gateway's, None before it told the time

    def watch(self, line: Line) -> None:
        """Ask from now on, unless it is done already."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._ask(line))

    def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
        self._asking = None

    def unproven(self) -> str:
        """Why nobody knows whether somebody is behind the line, which swallows orders when there is not. An answer older than
        the next probe's limit means a missed probe, or a loop that stood still."""
        assert self._answered_ns is not None, "a link that is READY asked for the time while it synchronised"
        age_s = (self._clock_ns() - self._answered_ns) / 1e9
        limit_s = self._settings.probe_every_s + self._settings.probe_limit_s
        return f"the gateway last answered a probe {age_s:.1f} s ago" if age_s >= limit_s else ""

    async def check_clock(self, line: Line) -> None:
        """Our clock against the gateway's. Raises NoAnswer, as without an answer, when they are over five seconds apart."""
        answers = await line.ask("time", line.client.reqCurrentTime, self._settings.request_limit_s)
        self._compare(answers)
        assert self.skew_s is not None, "the answer was compared just now"
        if abs(self.skew_s) > self._settings.skew_limit_s + 1:
            raise NoAnswer(f"our clock is {self.skew_s:+.1f} s from the gateway's")

    def _compare(self, answers: Sequence[Any]) -> None:
        """Our clock minus the gateway's, which tells whole seconds. What comes apart later fences, and the line stays up."""
        self._answered_ns = self._clock_ns()
        self.skew_s = self._answered_ns / 1e9 - float(answers[-1])

    async def _ask(self, line: Line) -> None:
        """Ask the time every second; two unanswered questions in a row mean nobody is there."""
        settings, missed = self._settings, 0
        while line.alive:
            try:
                answers = await line.ask("time", line.client.reqCurrentTime, settings.probe_limit_s)
            except NoAnswer:
                missed += 1
                if missed >= settings.probe_misses:
                    self._hung(f"{missed} probes of {settings.probe_limit_s:g} s without an answer")
                    return
                continue
            except OSError:
                return  # the socket is gone, which is told elsewhere
            missed = 0
            self._compare(answers)
            await asyncio.sleep(settings.probe_every_s)
