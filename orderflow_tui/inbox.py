"""The engine's inbox: everything that happens, in its order, stamped once at the door and fed to the engine in slices.

One non-reentrant pump feeds the driver for at most `PUMP_NS` at a time, so that the loop always gets back to its timers.
An exception inside `Engine.on` latches CORE_FAULT and is told; what waits behind it is still processed. A second one on the way
is the end: an engine that cannot even latch must not go on. From then on nothing reaches it, and whoever waits for `died` ends
the house. An action that could not be carried out latches the same way.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from loguru import logger

from orderflow_tui.domain.action import Action, Alert, Tier
from orderflow_tui.domain.event import ClockTick, Event, MarketEvent, Trouble, stamp_of
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.market import Bars, Depth, FeedStatus, Quote, Trades
from orderflow_tui.ports import TapeWriter
from orderflow_tui.pulse import Pulse
from orderflow_tui.stream import TradeStream

PUMP_NS = 5_000_000
PAUSE = 2_000  # events waiting before a feed is asked to hold on; nothing is dropped


class Inbox:
    """Construct, `open` on the engine's loop, `serve` once the engine stands. `alert` tells a person."""

    def __init__(self, alert: Callable[[Alert], None]) -> None:
        self._alert = alert
        self._events: deque[Event] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room = asyncio.Event()
        self._dead = asyncio.Event()
        self._death: Exception | None = None
        self._driver: TradeStream | None = None
        self._clock: Callable[[], int] = lambda: 0
        self._tape: TapeWriter | None = None
        self._pulse: Pulse | None = None
        self._pumping = False
        self._scheduled = False
        self.last_ns = 0  # stamp of the newest event
        self.faults = 0

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on what is posted is processed as soon as the loop comes to it. Engine thread."""
        self._loop = loop

    def serve(self, driver: TradeStream, clock: Callable[[], int], tape: TapeWriter | None, pulse: Pulse | None) -> None:
        """Whom the events are fed to, by which clock (UTC ns); market events are written to the tape as stamped."""
        self._driver, self._clock, self._tape, self._pulse = driver, clock, tape, pulse

    @property
    def serving(self) -> bool:
        """Whether an engine stands behind it that may still be told something."""
        return self._driver is not None

    async def died(self) -> None:
        """Wait for the fault that the engine could not latch, and raise it."""
        await self._dead.wait()
        assert self._death is not None, "it is dead of something"
        raise self._death

    def __len__(self) -> int:
        return len(self._events)

    def waits(self, event: Event) -> bool:
        """Whether this very event has not been processed yet."""
        return any(event is waiting for waiting in self._events)

    # -- putting in ---------------------------------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Put an event in. Engine thread only; callbacks do nothing else."""
        self._events.append(event)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled and self._loop is not None:
            self._scheduled = True
            self._loop.call_soon(self.pump)

    async def room(self) -> None:
        """Wait while too much waits; a feed does so after each event."""
        if len(self._events) >= PAUSE:
            self._room.clear()
            await self._room.wait()

    # -- taking out ---------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Feed the driver for at most one slice."""
        self._scheduled = False
        if self._pumping or self._driver is None:
            return
        self._pumping = True
        if self._pulse is not None and self._pulse.overdue and (health := self._pulse.beat()) is not None:
            self._events.appendleft(health)  # before anything is decided by what waited
        until = time.perf_counter_ns() + PUMP_NS
        try:
            while self._events and self._driver is not None:
                self._process(self._driver, self._events.popleft())
                if time.perf_counter_ns() > until:
                    break
        finally:
            self._pumping = False
        if self._events:
            self._schedule()
        if len(self._events) < PAUSE:
            self._room.set()

    def drain(self) -> None:
        """Process all that waits before this returns."""
        while self._events and self._driver is not None:
            self.pump()

    def _process(self, driver: TradeStream, event: Event) -> None:
        event = self._stamped(event)
        if self._tape is not None and isinstance(event, MarketEvent):
            self._tape.write(event)
        try:
            driver.step(event)
        except Exception as fault:
            self._core_fault(fault, event)

    def settle(self) -> None:
        """Trades that wait in open columns are taken in before anybody looks."""
        if self._driver is None or not len(self._driver):
            return
        try:
            self._driver.flush()
        except Exception as fault:
            self._core_fault(fault, ClockTick(self.last_ns))

    def not_carried_out(self, fault: Exception, action: Action) -> None:
        """An action of the engine's could not be carried out."""
        self._told(fault, f"fault while carrying out {type(action).__name__}", f"to {type(action).__name__}")

    def _core_fault(self, fault: Exception, event: Event) -> None:
        if not isinstance(event, Trouble):
            self._told(fault, f"fault inside the engine on {type(event).__name__}", f"on {type(event).__name__}")
            return
        self.faults += 1
        logger.opt(exception=fault).critical("the engine cannot even latch, on {}: {}", event.reason, fault)
        self._driver, self._death = None, fault
        self._dead.set()

    def _told(self, fault: Exception, what: str, where: str) -> None:
        self.faults += 1
        logger.opt(exception=fault).critical("{}: {}", what, fault)
        reason = f"{type(fault).__name__} {where}: {fault}"
        if self.faults == 1:
            self._alert(Alert(self.last_ns, "core-fault", reason, Tier.CRITICAL))
        self._events.appendleft(Trouble(self.last_ns, LatchKind.CORE_FAULT, reason))
        self._schedule()

    # -- stamps -------------------------------------------------------------------------------------------------------

    def stamp(self) -> int:
        """Now by the house clock, never behind what has been processed."""
        return max(self.last_ns, self._clock())

    def seen(self, event: Event) -> None:
        """The engine has been told of this by another way; time does not go back behind it."""
        self.last_ns = max(self.last_ns, stamp_of(event))

    def _stamped(self, event: Event) -> Event:
        """One stamp at the door: time never goes back, and nobody but the market moves it ahead of the house clock."""
        if isinstance(event, Trades):
            if int(event.ts_ns[0]) < self.last_ns:
                event = replace(event, ts_ns=event.ts_ns.clip(min=self.last_ns))
            self.last_ns = int(event.ts_ns[-1])
            return event
        if isinstance(event, Bars):
            self.seen(event)
            return event
        stamp = event.ts_ns
        if not isinstance(event, Quote | Depth | FeedStatus):
            stamp = min(stamp, self.stamp())
        stamp = max(stamp, self.last_ns)
        self.last_ns = stamp
        return event if stamp == event.ts_ns else replace(event, ts_ns=stamp)
