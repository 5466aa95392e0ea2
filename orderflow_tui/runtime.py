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
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace

from loguru import logger

from orderflow_tui.adapters.alert_queue import alert_id
from orderflow_tui.domain.action import Alert, Commit, Observation, Row, Tier
from orderflow_tui.domain.event import (
    ClockTick,
    Committed,
    Event,
    JournalFailed,
    MarketEvent,
    OperatorCommand,
    StopFileGone,
    StopFileSeen,
    Trouble,
    stamp_of,
)
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.market import Bars, Depth, FeedStatus, Quote, Trades
from orderflow_tui.driver import Driver
from orderflow_tui.engine import Engine
from orderflow_tui.hands import Hands
from orderflow_tui.modes import Mode
from orderflow_tui.outbox import Outbox
from orderflow_tui.ports import Broker, Feed, Journal, JournalError, MatchingBroker, Notifier, Post, TapeWriter
from orderflow_tui.seam import Seam
from orderflow_tui.stream import TradeStream
from orderflow_tui.view.model import ConsoleView

PUMP_NS = 5_000_000
CLOCK_S = 0.05
COMMAND_WAIT_S = 0.25
ALERTS_KEPT = 100
BEHIND = 500  # events waiting beyond which pictures give way to the market
PICTURE_LIMIT_S = 0.5  # but for no longer than this
INBOX_PAUSE = 2_000  # events waiting before a feed is asked to hold on; nothing is dropped
STOP_LIMIT_S = 5.0


@dataclass(slots=True)
class House:
    """Everything the runtime runs, already wired (wiring.py), inside the engine's own loop.

    `clock` is the house clock in UTC ns; `steer` obeys feed commands; `warm` is today's market up to the start;
    `view(seq, alerts)` builds the picture for the screen; `services` are further tasks that must not end.
    """

    mode: Mode
    engine: Engine
    feed: Feed
    broker: Broker | None
    matching: MatchingBroker | None
    journal: Journal
    boot_rows: Sequence[Row]
    row_of: Callable[[Observation], Row]
    stop_seen: Callable[[], str | None]
    watch_stop: Callable[[Post], Coroutine[None, None, None]]
    write_stop: Callable[[str], None]
    clock: Callable[[], int]
    steer: Callable[[str, float | None], None]
    warm: Callable[[], Iterable[MarketEvent]]
    view: Callable[[int, Sequence[tuple[int, Alert, str]]], ConsoleView]
    beat: Callable[[ConsoleView], None]
    boot_events: Sequence[Event] = ()
    notifier: Notifier | None = None
    tape: TapeWriter | None = None
    grace_ns: int = 250_000_000
    fps: float = 20.0
    check_key: Callable[[str], bool] | None = None
    services: Sequence[Callable[[], Coroutine[None, None, None]]] = ()


class Runtime:
    """Builds a House on its own thread and runs it. Construct, `start`, read through the seam, `stop`, `join`."""

    def __init__(self, build: Callable[[Runtime], Awaitable[House]], seam: Seam) -> None:
        self._build = build
        self.seam = seam
        self.ready = threading.Event()
        self.alerts: deque[tuple[int, Alert, str]] = deque(maxlen=ALERTS_KEPT)
        self.failure: BaseException | None = None
        self.exit_code = 0
        self.faults = 0
        self._inbox: deque[Event] = deque()
        self._commits: deque[tuple[Commit, Coroutine[object, object, None], int]] = deque()
        self._commit_ready: asyncio.Event | None = None
        self._room: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._finished = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pumping = False
        self._scheduled = False
        self._last_ns = 0
        self._house: House | None = None
        self._driver: TradeStream | None = None
        self.seq = 0
        self.view: ConsoleView | None = None

    # -- the outer side -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the engine thread."""
        sys.setswitchinterval(0.0005)
        self._thread.start()

    def stop(self) -> None:
        """Ask for an orderly stop; returns at once."""
        self.seam.request_stop()

    def give_up(self, fault: Exception, exit_code: int) -> None:
        """Stop in order because going on is not allowed; the program ends with this code and sentence. Engine thread."""
        self.failure, self.exit_code = fault, exit_code
        logger.critical("giving up: {}", fault)
        self.stop()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; False when it did not come in time."""
        return self._finished.wait(timeout_s)

    @property
    def waiting(self) -> int:
        """Events in the inbox."""
        return len(self._inbox)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as fault:
            self.failure = fault
            self.exit_code = 1
            logger.opt(exception=fault).critical("the engine thread ended: {}", fault)
        finally:
            self.seam.detach()
            self._finished.set()

    # -- life ---------------------------------------------------------------------------------------------------------

    @property
    def house(self) -> House:
        """The house, once it is built."""
        assert self._house is not None, "the house is not built yet"
        return self._house

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._commit_ready, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        wake = self.seam.attach(self._loop)
        house = self._house = await self._build(self)
        try:
            house.engine.restore(house.boot_rows)
            self._fold(house)
            self._driver = TradeStream(Driver(house.engine, self._hands(house).act, house.matching))
            for event in house.boot_events:
                self.post(event)
            gc.collect()
            gc.freeze()
            self.ready.set()
            await self._live(wake)
        finally:
            await self._close(house)

    def _fold(self, house: House) -> None:
        """Replay today's market into the engine with actions dropped: what it would know had it been here."""
        folding = Driver(house.engine, lambda _: [], None)
        for event in house.warm():
            folding.step(event)
            self._last_ns = max(self._last_ns, stamp_of(event))

    def _hands(self, house: House) -> Hands:
        return Hands(
            Outbox(house.broker, house.stop_seen),
            lambda: house.engine.now_ns,
            commit=self._commit,
            record=house.journal.record,
            observe=self._observe,
            alert=self.alert,
            write_stop=self._write_stop,
        )

    async def _live(self, wake: asyncio.Event) -> None:
        house = self.house
        tasks = {
            asyncio.create_task(self._feed(), name="feed"),
            asyncio.create_task(self._clock(), name="clock"),
            asyncio.create_task(self._obey(wake), name="commands"),
            asyncio.create_task(self._publish(), name="view"),
            asyncio.create_task(self._beat(), name="heartbeat"),
            asyncio.create_task(self._write_commits(), name="journal"),
            asyncio.create_task(house.watch_stop(self._post_stop), name="stop file"),
            *(asyncio.create_task(service(), name="service") for service in house.services),
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

    async def _close(self, house: House) -> None:
        self._pump()
        with contextlib.suppress(JournalError):
            while self._commits:
                await self._commits.popleft()[1]
        closings = [house.feed.close, house.journal.close]
        if house.tape is not None:
            closings.insert(1, house.tape.close)
        for closing in closings:
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
        except Exception as fault:
            self._core_fault(fault, event)

    def settle(self) -> None:
        """Trades that wait in open columns are taken in before anybody looks."""
        if self._driver is None or not len(self._driver):
            return
        try:
            self._driver.flush()
        except Exception as fault:
            self._core_fault(fault, ClockTick(self._last_ns))

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
        """One stamp at the door: time never goes back, and nobody but the market moves it ahead of the house clock."""
        if isinstance(event, Trades):
            if int(event.ts_ns[0]) < self._last_ns:
                event = replace(event, ts_ns=event.ts_ns.clip(min=self._last_ns))
            self._last_ns = int(event.ts_ns[-1])
            return event
        if isinstance(event, Bars):
            self._last_ns = max(self._last_ns, stamp_of(event))
            return event
        stamp = event.ts_ns
        if not isinstance(event, Quote | Depth | FeedStatus):
            stamp = min(stamp, self._stamp())
        stamp = max(stamp, self._last_ns)
        self._last_ns = stamp
        return event if stamp == event.ts_ns else replace(event, ts_ns=stamp)

    def _stamp(self) -> int:
        return max(self._last_ns, self.house.clock())

    # -- hands --------------------------------------------------------------------------------------------------------

    def _commit(self, action: Commit) -> list[Event]:
        if not self.house.mode.waits_for_journal:
            return self._commit_now(action)
        began = time.monotonic_ns()
        try:
            written = self.house.journal.commit(action.rows)  # takes its place in the order of rows now
        except JournalError as fault:
            return [JournalFailed(self._last_ns, action.ids, str(fault))]
        self._commits.append((action, written, began))
        assert self._commit_ready is not None
        self._commit_ready.set()
        return []

    def _commit_now(self, action: Commit) -> list[Event]:
        try:
            self.house.journal.commit_now(action.rows)
        except JournalError as fault:
            return [JournalFailed(self._last_ns, action.ids, str(fault))]
        return [Committed(self._last_ns, action.ids, 0)]

    async def _write_commits(self) -> None:
        """The order lane: one commit after the other, nothing else on its connection."""
        assert self._commit_ready is not None
        while True:
            await self._commit_ready.wait()
            self._commit_ready.clear()
            while self._commits:
                action, written, began = self._commits.popleft()
                try:
                    await written
                except JournalError as fault:
                    self.post(JournalFailed(self._stamp(), action.ids, str(fault)))
                else:
                    took_ms = (time.monotonic_ns() - began) // 1_000_000
                    self.post(Committed(self._stamp(), action.ids, took_ms))

    def _observe(self, item: Observation) -> None:
        self.house.journal.record(self.house.row_of(item))

    def alert(self, alert: Alert) -> None:
        """Show an alert, log it and hand it to the notifier."""
        self.alerts.append((self._last_ns, alert, "on screen"))
        logger.bind(kind=alert.kind).warning("alert {}: {}", alert.tier.name, alert.text)
        if self.house.notifier is not None:
            self.house.notifier.tell(alert)

    def alert_went(self, key: str, state: str) -> None:
        """What became of an alert on its way to a person; `key` as the notifier names it."""
        for i, (ts_ns, alert, _) in enumerate(self.alerts):
            if alert_id(alert) == key:
                self.alerts[i] = (ts_ns, alert, state)

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
            for command, command_id, typed in self.seam.take():
                args = self._proven(typed)
                logger.info("operator: {} {}", command.value, args)
                self.post(OperatorCommand(self._stamp(), command, command_id, args))
            for name, value in self.seam.take_feed():
                self.house.steer(name, value)
        self._pump()

    def _proven(self, typed: dict[str, str]) -> dict[str, str]:
        """A typed safety key becomes a yes or nothing; it never reaches log, journal or engine."""
        args = {name: value for name, value in typed.items() if name not in {"key", "key_ok"}}
        key = typed.get("key")
        if key and self.house.check_key is not None and self.house.check_key(key):
            args["key_ok"] = "yes"
        return args

    async def _publish(self) -> None:
        """Pictures at frame rate; while the engine is behind the market, fewer, so that it catches up first."""
        frame_s = 1.0 / self.house.fps
        while True:
            self.publish()
            waited_s = 0.0
            while waited_s < frame_s or (self.waiting > BEHIND and waited_s < PICTURE_LIMIT_S):
                await asyncio.sleep(frame_s)
                waited_s += frame_s

    def publish(self) -> None:
        """Build the newest view and swap it into the slot."""
        self.settle()
        self.seq += 1
        self.view = self.house.view(self.seq, tuple(self.alerts))
        self.seam.publish(self.view)

    async def _beat(self) -> None:
        while True:
            if self.view is not None:
                self.house.beat(self.view)
            await asyncio.sleep(1.0)

    def _post_stop(self, event: Event) -> None:
        stamp = self._stamp()
        if isinstance(event, StopFileSeen):
            self.post(StopFileSeen(stamp, event.action, event.detail))
        elif isinstance(event, StopFileGone):
            self.post(StopFileGone(stamp))
