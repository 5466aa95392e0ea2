"""The engine thread: it starts the house's tasks, keeps them alive and ends in order. The same with and without a screen.

Everything that happens becomes an event in one inbox (`inbox.py`). Time moves by ClockTicks from the house clock minus a
grace, so that trades which are still under way belong to the bar they were made in.

Two things may go wrong in ways the engine cannot express itself: an exception inside `Engine.on` latches CORE_FAULT and
keeps the console up for flattening, and one that cannot be latched stops the house in order; a task that ends latches TASK_DEAD,
alerts and stops the house in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from loguru import logger

from orderflow_tui.adapters.alert_queue import alert_id
from orderflow_tui.adapters.alert_rows import made_row, went_row
from orderflow_tui.adapters.stop_file import StopBeside, StopWriter
from orderflow_tui.commands import Commands
from orderflow_tui.domain.action import Alert, Observation, Row, Tier
from orderflow_tui.domain.event import (
    Automation,
    ClockTick,
    Command,
    Event,
    OperatorCommand,
    StopFileGone,
    StopFileSeen,
    Trouble,
)
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.driver import Driver
from orderflow_tui.hands import Hands
from orderflow_tui.house import House
from orderflow_tui.inbox import Inbox
from orderflow_tui.modes import BrokerKind
from orderflow_tui.order_lane import OrderLane
from orderflow_tui.outbox import Outbox
from orderflow_tui.ports import JournalError
from orderflow_tui.pulse import BEAT_S
from orderflow_tui.seam import Seam
from orderflow_tui.stream import TradeStream
from orderflow_tui.view.last_word import last_word
from orderflow_tui.view.model import ConsoleView

COMMAND_WAIT_S = 0.25
ALERTS_KEPT = 100
BEHIND = 500  # events waiting beyond which pictures give way to the market
PICTURE_LIMIT_S = 0.5  # but for no longer than this
STOP_LIMIT_S = 5.0


class NotGranted(Exception):
    """An unattended run was asked for and the engine refused the grant: says why."""

    exit_code = 3


class Runtime:
    """Builds a House on its own thread and runs it. Construct, `start`, read through the seam, `stop`, `join`.

    `ends_with_feed`: the end of a recording is the end of the run; else the house stays open until somebody leaves.
    """

    def __init__(self, build: Callable[[Runtime], Awaitable[House]], seam: Seam, *, ends_with_feed: bool = False) -> None:
        self._build = build
        self._ends_with_feed = ends_with_feed
        self.seam = seam
        self.ready = threading.Event()
        self.alerts: deque[tuple[int, Alert, str]] = deque(maxlen=ALERTS_KEPT)
        self.failure: BaseException | None = None
        self.exit_code = 0
        self.farewell: tuple[str, ...] = ()  # what the session came to, once it is over
        self.parted = False  # the session is closed: the run is over but for the closing
        self.inbox = Inbox(self.alert)
        self.post = self.inbox.post
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._finished = threading.Event()
        self._house: House | None = None
        self._commands: Commands | None = None
        self._stops = StopWriter(self._write_stop, self._stop_lost)
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

    def last_word(self) -> str:
        """What an engine that stands still said last. Any thread: nothing is asked of it."""
        simulated = self._house is not None and self._house.mode.broker is BrokerKind.SIMULATED
        return last_word(self.seam.view(), time.monotonic_ns(), simulated=simulated)

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
        loop = asyncio.get_running_loop()
        self.inbox.open(loop)
        wake = self.seam.attach(loop)
        house = self._house = await self._build(self)
        self.seam.write_stop = StopBeside(lambda: house.write_stop("halt"), self._stop_lost_beside).begin
        lane = OrderLane(house.journal, self.post, stamp=self.inbox.stamp, now=lambda: house.engine.now_ns)
        commands = self._commands = Commands(self.post, self.alert, self.inbox.stamp, house.check_key)
        try:
            house.engine.restore(house.boot_rows)
            self._fold(house)
            driver = Driver(house.engine, self._hands(house, lane).act, house.matching)
            self.inbox.serve(TradeStream(driver), house.clock, house.tape, house.pulse)
            for event in house.boot_events:
                self.post(event)
            gc.collect()
            gc.freeze()
            gc.enable()
            self._tell_engine(Command.OPEN_SESSION, "begin", {})
            self.ready.set()
            self._grant(house)
            await self._live(house, lane, commands, wake)
        finally:
            await self._close(house, lane)

    def _fold(self, house: House) -> None:
        """Replay today's market into the engine with actions dropped: what it would know had it been here."""
        folding = Driver(house.engine, lambda _: [], None)
        for event in house.warm():
            folding.step(event)
            self.inbox.seen(event)
        house.engine.desk.begin()

    def _hands(self, house: House, lane: OrderLane) -> Hands:
        return Hands(
            Outbox(house.broker, house.stop_seen),
            lambda: house.engine.now_ns,
            commit=lane.commit if house.mode.waits_for_journal else lane.commit_now,
            record=house.journal.record,
            observe=self._observe,
            alert=self.alert,
            write_stop=self._stops.begin,
            roll=house.roll,
            acknowledge=house.acknowledge,
            fault=self.inbox.not_carried_out,
        )

    def _tell_engine(self, command: Command, what: str, args: Mapping[str, str]) -> None:
        """A command of the house itself, done before this returns."""
        self.post(OperatorCommand(self.inbox.stamp(), command, f"{self.seam.run_id}-{what}", dict(args)))
        self.inbox.drain()

    def _grant(self, house: House) -> None:
        """Ask the engine for the grant of an unattended run; without it such a run has no purpose and ends."""
        if not house.grant or house.engine.desk.unread(house.engine.desk.trade_date):
            return  # locked for what its journal tells: it stays for the person who flattens
        found = house.stop_seen()
        if found is None:
            self._tell_engine(Command.AUTOMATION, "auto", house.grant)
            desk = house.engine.desk
            if desk.automation is Automation.AUTO:
                return
            found = desk.refusals[-1].reason if desk.refusals else "the engine did not answer"
        self.give_up(NotGranted(f"--auto was refused: {found}"), NotGranted.exit_code)

    async def _live(self, house: House, lane: OrderLane, commands: Commands, wake: asyncio.Event) -> None:
        tasks = {
            asyncio.create_task(self.inbox.died(), name="engine"),
            asyncio.create_task(self._feed(house), name="feed"),
            asyncio.create_task(self._clock(house), name="clock"),
            asyncio.create_task(self._obey(house, commands, wake), name="commands"),
            asyncio.create_task(self._publish(house), name="view"),
            asyncio.create_task(self._beat(house), name="heartbeat"),
            asyncio.create_task(lane.run(), name="journal"),
            asyncio.create_task(house.watch_stop(self._post_stop), name="stop file"),
            *(asyncio.create_task(service(), name="service") for service in house.services),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._judge(task)
        finally:
            self._part(house)  # while there still is somebody who tells it
            self._last_beat(house)
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
        self.post(Trouble(self.inbox.stamp(), LatchKind.TASK_DEAD, reason))
        self.inbox.pump()
        self.alert(Alert(self.inbox.stamp(), "task-dead", reason, Tier.CRITICAL))

    def _part(self, house: House) -> None:
        """Close the session and say what it came to and what is left open. Once."""
        if self.parted or not self.inbox.serving:
            return
        self.parted = True
        self._tell_engine(Command.CLOSE_SESSION, "end", {"why": "the run stopped"})
        desk = house.engine.desk
        self.farewell = () if desk.summary is None else tuple(desk.summary.lines())
        left = desk.left_open
        if left is None:
            return
        stays = "what works stays at the broker, nothing watches it until the next start"
        if house.mode.broker is BrokerKind.SIMULATED:
            stays = "the simulated broker ends with its run"
        text = f"{left.text}; {stays}"
        self.farewell += (text,)
        self.alert(Alert(self.inbox.stamp(), "left open", text, Tier.WARNING if left.sure else Tier.CRITICAL))

    def _last_beat(self, house: House) -> None:
        """The heartbeat that stays says that the run is over."""
        if self.view is None:
            return
        try:
            self._picture(house)
            house.beat(self.view)
        except Exception as fault:  # whatever took the picture down must not keep the house from closing
            logger.error("the last heartbeat: {}", fault)

    async def _close(self, house: House, lane: OrderLane) -> None:
        self._part(house)
        await self._stops.finish(STOP_LIMIT_S)
        with contextlib.suppress(JournalError):
            await lane.finish()
        closings = [house.feed.close, house.journal.close]
        if house.tape is not None:
            closings.insert(1, house.tape.close)
        for closing in closings:
            try:
                await asyncio.wait_for(closing(), STOP_LIMIT_S)
            except (JournalError, OSError, TimeoutError) as fault:
                self.exit_code = self.exit_code or 1
                logger.error("while closing: {}", fault)

    # -- hands --------------------------------------------------------------------------------------------------------

    def _observe(self, item: Observation) -> None:
        self.house.journal.record(self.house.row_of(item))

    def alert(self, alert: Alert) -> None:
        """Show an alert, log it, hand it to the notifier and note it in the journal, in the background."""
        self.alerts.append((self.inbox.last_ns, alert, "on screen"))
        logger.bind(kind=alert.kind).warning("alert {}: {}", alert.tier.name, alert.text)
        notifier = self.house.notifier
        if notifier is not None:
            notifier.tell(alert)
        self._note(made_row(alert, messenger=notifier is not None))

    def _note(self, row: Row) -> None:
        """A journal that takes no rows says so through the engine's own; the alert is told all the same."""
        with contextlib.suppress(JournalError):
            self.house.journal.record(row)

    def alert_went(self, key: str, state: str) -> None:
        """What became of an alert on its way to a person; `key` as the notifier names it."""
        for i, (ts_ns, alert, _) in enumerate(self.alerts):
            if alert_id(alert) == key:
                self.alerts[i] = (ts_ns, alert, state)
        if (row := went_row(key, self.inbox.last_ns, state)) is not None:
            self._note(row)

    def _write_stop(self, word: str) -> None:
        """On the writer's thread."""
        self.house.write_stop(word)

    def _stop_lost(self, sentence: str) -> None:
        self.alert(Alert(self.inbox.stamp(), "stop-file", sentence, Tier.CRITICAL))

    def _stop_lost_beside(self, sentence: str) -> None:
        """Any thread: the engine, which does the same and alerts, may stand still."""
        logger.critical("beside the engine: {}", sentence)
        self.seam.say(sentence)
        if self.house.notifier is not None:
            self.house.notifier.tell(Alert(self.inbox.last_ns, "stop-file", sentence, Tier.CRITICAL))

    async def prove_key(self, key: str) -> str:
        """Why a safety key typed elsewhere than on screen does not authorise, empty when it does."""
        assert self._commands is not None, "the house is not built yet"
        return await self._commands.prove_key(key)

    def became(self, command: OperatorCommand) -> str | None:
        """Why the engine refused a posted command, empty when it did not, None while it has not come to it."""
        if self.inbox.waits(command):
            return None
        return "; ".join(refusal.reason for refusal in self.house.engine.desk.refusals if refusal.cause == command.id)

    # -- tasks --------------------------------------------------------------------------------------------------------

    async def _feed(self, house: House) -> None:
        async for event in house.feed.events():
            self.post(event)
            await self.inbox.room()
        if self._ends_with_feed:
            self.stop()
        await asyncio.Event().wait()

    async def _clock(self, house: House) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            if house.pulse is not None and (health := house.pulse.beat()) is not None:
                self.post(health)
            now_ns = house.clock() - house.grace_ns
            if now_ns > self.inbox.last_ns and not len(self.inbox):
                self.post(ClockTick(now_ns))

    async def _obey(self, house: House, commands: Commands, wake: asyncio.Event) -> None:
        while not self.seam.stop_requested.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), COMMAND_WAIT_S)
            wake.clear()
            for pressed in self.seam.take():
                commands.take(pressed)
            for name, value in self.seam.take_feed():
                house.steer(name, value)
        self.inbox.pump()

    async def _publish(self, house: House) -> None:
        """Pictures at frame rate; while the engine is behind the market, fewer, so that it catches up first."""
        frame_s = 1.0 / house.fps
        while True:
            self._picture(house)
            waited_s = 0.0
            while waited_s < frame_s or (len(self.inbox) > BEHIND and waited_s < PICTURE_LIMIT_S):
                await asyncio.sleep(frame_s)
                waited_s += frame_s

    def _picture(self, house: House) -> None:
        """Build the newest view and swap it into the slot."""
        self.inbox.settle()
        self.seq += 1
        self.view = house.view(self.seq, tuple(self.alerts))
        self.seam.publish(self.view)

    async def _beat(self, house: House) -> None:
        while True:
            if self.view is not None:
                house.beat(self.view)
            await asyncio.sleep(1.0)

    def _post_stop(self, event: Event) -> None:
        stamp = self.inbox.stamp()
        if isinstance(event, StopFileSeen):
            self.post(StopFileSeen(stamp, event.action, event.detail))
        elif isinstance(event, StopFileGone):
            self.post(StopFileGone(stamp))
