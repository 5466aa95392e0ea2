"""The engine thread: inbox, timers, pump, publishing, orderly stop. The same with and without a screen.

Everything that happens becomes an event in one first-in first-out inbox; one non-reentrant pump feeds it to the driver in
slices of at most `PUMP_NS`, so that the loop always gets back to its timers. Time moves by ClockTicks from the house
clock minus a grace, so that trades which are still under way belong to the bar they were made in.

Two things may go wrong in ways the engine cannot express itself: an exception inside `Engine.on` latches CORE_FAULT and
keeps the console up for flattening; a task that ends latches TASK_DEAD, alerts and stops the house in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from loguru import logger

from orderflow_tui.domain.account import Link, LinkStatus
from orderflow_tui.domain.action import Action, Alert, Commit, Observation, Row, Tier
from orderflow_tui.domain.event import (
    ClockTick,
    Command,
    Committed,
    Event,
    JournalFailed,
    OperatorCommand,
    StopFileGone,
    StopFileSeen,
    Trouble,
    stamp_of,
)
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.market import MarketEvent, Trades
from orderflow_tui.driver import Driver
from orderflow_tui.engine import Engine
from orderflow_tui.hands import Hands
from orderflow_tui.modes import BrokerKind, Mode
from orderflow_tui.outbox import Outbox
from orderflow_tui.ports import Broker, Feed, Journal, JournalError, MatchingBroker, Notifier, TapeWriter
from orderflow_tui.seam import Seam

PUMP_NS = 5_000_000
CLOCK_S = 0.05
COMMAND_WAIT_S = 0.25
ALERTS_KEPT = 100
INBOX_PAUSE = 2_000  # events waiting before a feed is asked to hold on; nothing is dropped
STOP_LIMIT_S = 5.0


class FeedControl(Awaitable[None]):
    """Marker for feeds that understand pause, play, step, speed and seek."""


@dataclass(slots=True)
class House:
    """Everything the runtime runs, already wired. `clock` is the house clock in UTC ns; `steer` obeys feed commands."""

    mode: Mode
    engine: Engine
    feed: Feed
    broker: Broker | None
    matching: MatchingBroker | None
    open_journal: Callable[[], Awaitable[Journal]]
    boot_rows: Callable[[Journal], Awaitable[Sequence[Row]]]
    rows_of: Callable[[Observation, int], Row | None]
    stop_seen: Callable[[], str | None]
    watch_stop: Callable[[Callable[[Event], None]], Awaitable[None]]
    write_stop: Callable[[str], None]
    clock: Callable[[], int]
    steer: Callable[[str, float | None], None]
    view: Callable[[int, Sequence[tuple[int, Alert]]], object]
    warm: Callable[[], Iterable[MarketEvent]]
    beat: Callable[[dict[str, object]], None]
    status: Callable[[], dict[str, object]]
    notifier: Notifier | None = None
    tape: TapeWriter | None = None
    grace_ns: int = 250_000_000
    fps: float = 20.0
    services: list[Callable[[Runtime], Awaitable[None]]] = field(default_factory=list)


class Runtime:
    """Runs a House on its own thread. Construct, `start`, read through the seam, `stop`, `join`."""

    def __init__(self, house: House, seam: Seam) -> None:
        self.house = house
        self.seam = seam
        self.alerts: deque[tuple[int, Alert]] = deque(maxlen=ALERTS_KEPT)
        self.failure: BaseException | None = None
        self.exit_code = 0
        self.faults = 0
        self._inbox: deque[Event] = deque()
        self._commits: deque[Commit] = deque()
        self._commit_ready: asyncio.Event | None = None
        self._room: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._finished = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pumping = False
        self._scheduled = False
        self._last_ns = 0
        self._journal: Journal | None = None
        self._driver: Driver | None = None
        self.seq = 0

    # -- the outer side -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the engine thread."""
        sys.setswitchinterval(0.0005)
        self._thread.start()

    def stop(self) -> None:
        """Ask for an orderly stop; returns at once."""
        self.seam.request_stop()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; False when it did not come in time."""
        return self._finished.wait(timeout_s)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as fault:  # noqa: BLE001 - the thread's last line: nothing may vanish silently
            self.failure = fault
            self.exit_code = 1
            logger.opt(exception=fault).critical("the engine thread ended: {}", fault)
        finally:
            self.seam.detach()
            self._finished.set()

    # -- life ---------------------------------------------------------------------------------------------------------

    async def _main(self) -> None:
        house = self.house
        self._loop = asyncio.get_running_loop()
        self._commit_ready, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        wake = self.seam.attach(self._loop)
        journal = self._journal = await house.open_journal()
        try:
            house.engine.restore(await house.boot_rows(journal))
            self._open_house(journal)
            await self._live(wake)
        finally:
            await self._close(journal)

    def _open_house(self, journal: Journal) -> None:
        """Build the driver, fold today's tape with actions dropped, then begin to act."""
        house = self.house
        folding = Driver(house.engine, lambda _: [], None)
        for event in house.warm():
            folding.step(event)
            self._last_ns = max(self._last_ns, stamp_of(event))
        hands = Hands(
            Outbox(house.broker, house.stop_seen),
            lambda: house.engine.now_ns,
            commit=self._commit,
            record=journal.record,
            observe=self._observe,
            alert=self.alert,
            write_stop=self._write_stop,
        )
        self._driver = Driver(house.engine, hands.act, house.matching)
        gc.collect()
        gc.freeze()
        if house.mode.broker is not BrokerKind.IB:
            self.post(LinkStatus(self._stamp(), Link.READY, 1, house.mode.broker.value))

    async def _live(self, wake: asyncio.Event) -> None:
        tasks = {
            asyncio.create_task(self._feed(), name="feed"),
            asyncio.create_task(self._clock(), name="clock"),
            asyncio.create_task(self._obey(wake), name="commands"),
            asyncio.create_task(self._publish(), name="view"),
            asyncio.create_task(self._beat(), name="heartbeat"),
            asyncio.create_task(self._write_commits(), name="journal"),
            asyncio.create_task(self._watch_stop(), name="stop file"),
            *(asyncio.create_task(self._service(s), name="service") for s in self.house.services),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._judge(task)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=STOP_LIMIT_S)

    def _judge(self, task: asyncio.Task[None]) -> None:
        """A task that ends without being asked to is a fault of the house, except the one that waits for the stop."""
        fault = None if task.cancelled() else task.exception()
        if fault is None and self.seam.stop_requested.is_set():
            return
        reason = f"task {task.get_name()} ended: {fault!r}" if fault else f"task {task.get_name()} ended"
        self.exit_code, self.failure = 1, fault
        if fault is not None:
            logger.opt(exception=fault).critical(reason)
        self.post(Trouble(self._stamp(), LatchKind.TASK_DEAD, reason))
        self._pump()
        self.alert(Alert(self._stamp(), "task-dead", reason, Tier.CRITICAL))

    async def _close(self, journal: Journal) -> None:
        self._pump()
        with contextlib.suppress(JournalError):
            while self._commits:
                await journal.commit(self._commits.popleft().rows)
        for closing in (self.house.feed.close, *(() if self.house.tape is None else (self.house.tape.close,)), journal.close):
            try:
                await asyncio.wait_for(closing(), STOP_LIMIT_S)
            except (JournalError, OSError, TimeoutError) as fault:
                self.exit_code = self.exit_code or 1
                logger.error("while closing: {}", fault)

    # -- inbox and pump -----------------------------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Put an event into the inbox. Engine thread only; callbacks do nothing else."""
        self._inbox.append(event)
        if not self._scheduled and self._loop is not None:
            self._scheduled = True
            self._loop.call_soon(self._pump)

    def post_from_anywhere(self, event: Event) -> None:
        """Put an event into the inbox from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.post, event)

    def _pump(self) -> None:
        """Feed the inbox to the driver for at most one slice."""
        self._scheduled = False
        if self._pumping or self._driver is None:
            return
        self._pumping = True
        until = time.perf_counter_ns() + PUMP_NS
        try:
            while self._inbox:
                self._process(self._inbox.popleft())
                if time.perf_counter_ns() > until:
                    break
        finally:
            self._pumping = False
        if self._inbox:
            self._scheduled = True
            assert self._loop is not None
            self._loop.call_soon(self._pump)
        if len(self._inbox) < INBOX_PAUSE and self._room is not None:
            self._room.set()

    def _process(self, event: Event) -> None:
        assert self._driver is not None
        event = self._stamped(event)
        try:
            self._driver.step(event)
        except Exception as fault:  # noqa: BLE001 - the one place that may: the console must stay up to flatten
            self._core_fault(fault, event)

    def _core_fault(self, fault: Exception, event: Event) -> None:
        self.faults += 1
        logger.opt(exception=fault).critical("fault inside the engine on {}: {}", type(event).__name__, fault)
        if isinstance(event, Trouble):
            raise fault
        reason = f"{type(fault).__name__} on {type(event).__name__}: {fault}"
        if self.faults == 1:
            self.alert(Alert(self._last_ns, "core-fault", reason, Tier.CRITICAL))
        self._inbox.appendleft(Trouble(self._last_ns, LatchKind.CORE_FAULT, reason))

    def _stamped(self, event: Event) -> Event:
        """Time never goes back: a late event is counted at the last stamp."""
        if isinstance(event, Trades):
            if int(event.ts_ns[0]) < self._last_ns:
                late = event.ts_ns.clip(min=self._last_ns)
                event = Trades(event.instrument, late, *_columns(event))
            self._last_ns = int(event.ts_ns[-1])
            return event
        stamp = stamp_of(event)
        if stamp >= self._last_ns:
            self._last_ns = stamp
            return event
        return _restamped(event, self._last_ns)

    def _stamp(self) -> int:
        return max(self._last_ns, self.house.clock())

    # -- hands --------------------------------------------------------------------------------------------------------

    def _commit(self, action: Commit) -> list[Event]:
        self._commits.append(action)
        assert self._commit_ready is not None
        self._commit_ready.set()
        return []

    async def _write_commits(self) -> None:
        """The order lane: one commit after the other, nothing else on its connection."""
        assert self._commit_ready is not None and self._journal is not None
        while True:
            await self._commit_ready.wait()
            self._commit_ready.clear()
            while self._commits:
                action = self._commits.popleft()
                began = time.monotonic_ns()
                try:
                    await self._journal.commit(action.rows)
                except JournalError as fault:
                    self.post(JournalFailed(self._stamp(), action.ids, str(fault)))
                else:
                    took_ms = (time.monotonic_ns() - began) // 1_000_000
                    self.post(Committed(self._stamp(), action.ids, took_ms))

    def _observe(self, item: Observation) -> None:
        row = self.house.rows_of(item, self._last_ns)
        if row is not None and self._journal is not None:
            self._journal.record(row)

    def alert(self, alert: Alert) -> None:
        """Show an alert, log it and hand it to the notifier."""
        self.alerts.append((self._last_ns, alert))
        logger.bind(kind=alert.kind).warning("alert {}: {}", alert.tier.name, alert.text)
        if self.house.notifier is not None:
            self.house.notifier.tell(alert)

    def _write_stop(self, word: str) -> None:
        try:
            self.house.write_stop(word)
        except OSError as fault:
            self.alert(Alert(self._last_ns, "stop-file", f"the STOP file could not be written: {fault}", Tier.CRITICAL))
        self.post(StopFileSeen(self._stamp(), word, "written by the operator"))

    # -- tasks --------------------------------------------------------------------------------------------------------

    async def _feed(self) -> None:
        assert self._room is not None
        async for event in self.house.feed.events():
            if self.house.tape is not None:
                self.house.tape.write(event)
            self.post(event)
            if len(self._inbox) >= INBOX_PAUSE:
                self._room.clear()
                await self._room.wait()
        await asyncio.Event().wait()  # the recording is over; the house stays open until somebody leaves

    async def _clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_S)
            now_ns = self.house.clock() - self.house.grace_ns
            if now_ns > self._last_ns and not self._inbox:
                self.post(ClockTick(now_ns))

    async def _obey(self, wake: asyncio.Event) -> None:
        while not self.seam.stop_requested.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), COMMAND_WAIT_S)
            wake.clear()
            for command, command_id, args in self.seam.take():
                logger.info("operator: {} {}", command.value, args)
                self.post(OperatorCommand(self._stamp(), command, command_id, args))
            for name, value in self.seam.take_feed():
                self.house.steer(name, value)
        self._pump()

    async def _publish(self) -> None:
        while True:
            self.publish()
            await asyncio.sleep(1.0 / self.house.fps)

    def publish(self) -> None:
        """Build the newest view and swap it into the slot."""
        self.seq += 1
        self.seam.publish(self.house.view(self.seq, tuple(self.alerts)))  # type: ignore[arg-type]

    async def _beat(self) -> None:
        while True:
            self.house.beat(self.house.status())
            await asyncio.sleep(1.0)

    async def _watch_stop(self) -> None:
        await self.house.watch_stop(self._post_stop)

    def _post_stop(self, event: Event) -> None:
        stamp = self._stamp()
        if isinstance(event, StopFileSeen):
            self.post(StopFileSeen(stamp, event.action, event.detail))
        elif isinstance(event, StopFileGone):
            self.post(StopFileGone(stamp))

    async def _service(self, service: Callable[[Runtime], Awaitable[None]]) -> None:
        await service(self)


def _columns(block: Trades) -> tuple[object, ...]:
    return block.price, block.size, block.aggressor, block.method, block.bid, block.ask
