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
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from loguru import logger

from orderflow_tui.adapters.alert_queue import alert_id
from orderflow_tui.adapters.safety_key import Checked
from orderflow_tui.domain.action import Alert, Commit, Observation, Row, Tier
from orderflow_tui.domain.event import (
    Automation,
    ClockTick,
    Command,
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
from orderflow_tui.pulse import BEAT_S, Pulse
from orderflow_tui.seam import Pressed, Seam
from orderflow_tui.stream import TradeStream
from orderflow_tui.view.model import ConsoleView

PUMP_NS = 5_000_000
COMMAND_WAIT_S = 0.25
ALERTS_KEPT = 100
BEHIND = 500  # events waiting beyond which pictures give way to the market
PICTURE_LIMIT_S = 0.5  # but for no longer than this
INBOX_PAUSE = 2_000  # events waiting before a feed is asked to hold on; nothing is dropped
STOP_LIMIT_S = 5.0
AUTHORISED_S = 30.0  # a typed key authorises the one command it came with, and not for longer than this


@dataclass(slots=True)
class House:
    """Everything the runtime runs, already wired (wiring.py), inside the engine's own loop.

    `clock` is the house clock in UTC ns; `steer` obeys feed commands; `warm` is today's market up to the start;
    `view(seq, alerts)` builds the picture for the screen; `roll` changes the traded month; `services` are further tasks
    that must not end.
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
    roll: Callable[[], None] = lambda: None
    tape: TapeWriter | None = None
    grace_ns: int = 250_000_000
    fps: float = 20.0
    check_key: Callable[[str], Checked] | None = None  # takes its time: called in a thread
    grant: Mapping[str, str] = field(default_factory=dict)  # what asks for automation at the start, empty: nothing does
    services: Sequence[Callable[[], Coroutine[None, None, None]]] = ()
    pulse: Pulse | None = None  # where time is real


class NotGranted(Exception):
    """An unattended run was asked for and the engine refused the grant: says why."""

    exit_code = 3


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
        self.farewell: tuple[str, ...] = ()  # what the session came to, once it is over
        self._inbox: deque[Event] = deque()
        self._proofs: set[asyncio.Task[None]] = set()
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
        """Start the engine thread. The collector rests until the house stands: nothing it is built of is garbage."""
        sys.setswitchinterval(0.0005)
        gc.disable()
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
            gc.enable()
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
            gc.enable()
            self._tell_engine(Command.OPEN_SESSION, "begin", {})
            self.ready.set()
            self._grant(house)
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
            roll=house.roll,
        )

    def _tell_engine(self, command: Command, what: str, args: Mapping[str, str]) -> None:
        """A command of the house itself, done before this returns."""
        self.post(OperatorCommand(self._stamp(), command, f"{self.seam.run_id}-{what}", dict(args)))
        while self._inbox and self._driver is not None:
            self._pump()

    def _grant(self, house: House) -> None:
        """Ask the engine for the grant of an unattended run; without it such a run has no purpose and ends."""
        if not house.grant:
            return
        found = house.stop_seen()
        if found is None:
            self._tell_engine(Command.AUTOMATION, "auto", house.grant)
            desk = house.engine.desk
            if desk.automation is Automation.AUTO:
                return
            found = desk.refusals[-1].reason if desk.refusals else "the engine did not answer"
        self.give_up(NotGranted(f"--auto was refused: {found}"), NotGranted.exit_code)

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
        if self._driver is not None:
            self._tell_engine(Command.CLOSE_SESSION, "end", {"why": "the run stopped"})
            summary = house.engine.desk.summary
            self.farewell = () if summary is None else tuple(summary.lines())
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
        pulse = self.house.pulse
        if pulse is not None and pulse.overdue and (health := pulse.beat()) is not None:
            self._inbox.appendleft(health)  # before anything is decided by what waited
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
        if self.house.tape is not None and isinstance(event, MarketEvent):
            self.house.tape.write(event)
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
        """Done at the instant the engine is at, which may lie before the event that revealed it: no time passes meanwhile."""
        now_ns = self.house.engine.now_ns
        try:
            self.house.journal.commit_now(action.rows)
        except JournalError as fault:
            return [JournalFailed(now_ns, action.ids, str(fault))]
        return [Committed(now_ns, action.ids, 0)]

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
            self.post(event)
            if len(self._inbox) >= INBOX_PAUSE:
                self._room.clear()
                await self._room.wait()
        await asyncio.Event().wait()  # the recording is over; the house stays open until somebody leaves

    async def _clock(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            if self.house.pulse is not None and (health := self.house.pulse.beat()) is not None:
                self.post(health)
            now_ns = self.house.clock() - self.house.grace_ns
            if now_ns > self._last_ns and not self._inbox:
                self.post(ClockTick(now_ns))

    async def _obey(self, wake: asyncio.Event) -> None:
        while not self.seam.stop_requested.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), COMMAND_WAIT_S)
            wake.clear()
            for pressed in self.seam.take():
                self._take(pressed)
            for name, value in self.seam.take_feed():
                self.house.steer(name, value)
        self._pump()

    def _take(self, pressed: Pressed) -> None:
        """A command from the screen. One that brings the safety key is proven beside the others, which never wait for it."""
        args = {name: value for name, value in pressed.args.items() if name not in {"key", "key_ok"}}
        key = pressed.args.get("key")
        if not key:
            self._command(pressed, args)
            return
        args["pressed_ns"] = str(self._stamp())  # what stops trading meanwhile is not cleared by it
        proof = asyncio.create_task(self._prove_and_command(pressed, args, key), name="safety key")
        self._proofs.add(proof)
        proof.add_done_callback(self._proofs.discard)

    async def _prove_and_command(self, pressed: Pressed, args: dict[str, str], key: str) -> None:
        if not await self.prove_key(key) and time.monotonic() - pressed.at_s <= AUTHORISED_S:
            args["key_ok"] = "yes"
        self._command(pressed, args)

    def _command(self, pressed: Pressed, args: dict[str, str]) -> None:
        logger.info("operator: {} {}", pressed.command.value, args)
        self.post(OperatorCommand(self._stamp(), pressed.command, pressed.id, args))

    async def prove_key(self, key: str) -> str:
        """Why a typed safety key does not authorise, empty when it does. The key never reaches log, journal or engine; every
        miss alerts, and the tenth locks."""
        if self.house.check_key is None:
            return "no safety key is asked for here"
        checked = await asyncio.to_thread(self.house.check_key, key)
        if checked.fault:
            self.alert(Alert(self._stamp(), "safety key", checked.fault, Tier.WARNING))
        if checked.lock:
            self.post(Trouble(self._stamp(), LatchKind.KEY_ATTEMPTS, checked.fault))
        return checked.fault

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
