"""A house for the runtime whose every part can be told to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from orderflow_tui.adapters.journal_memory import MemoryJournal
from orderflow_tui.domain.account import Link, LinkStatus
from orderflow_tui.domain.action import Action, Alert, Observation, Row
from orderflow_tui.domain.event import Event, HouseHealth, MarketEvent
from orderflow_tui.domain.market import Quote
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.engine import Engine
from orderflow_tui.house import House
from orderflow_tui.modes import MODES
from orderflow_tui.ports import Notifier, Post
from orderflow_tui.pulse import HouseClock, Pulse
from orderflow_tui.runtime import Runtime
from orderflow_tui.seam import Seam
from orderflow_tui.view.build import Surroundings, ViewBuilder
from orderflow_tui.view.model import ConsoleView
from tests.simulation.house import setting

PAPER = next(m for m in MODES if m.name == "sim")


class Boom(Exception):
    """A part fails in a way nobody expected."""


@dataclass
class QuietFeed:
    """A few quotes, then silence; `fails` ends it with an exception, `ends` without one."""

    fails: bool = False
    closed: bool = False

    async def events(self) -> AsyncIterator[MarketEvent]:
        start_ns = setting(0).start_ns
        for n in range(3):
            yield Quote("ES", start_ns + n * MS_NS, 20_000, 20_001, 1, 1)
        if self.fails:
            raise Boom("feed")
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


@dataclass
class WaitingJournal:
    """A journal in memory with the asynchronous face; `fails` once, with something that is no JournalError."""

    fails: bool = False
    closed: bool = False
    kept: MemoryJournal = field(default_factory=MemoryJournal)

    async def commit(self, rows: Sequence[Row]) -> None:
        if self.fails:
            self.fails = False
            raise Boom("journal")
        self.kept.commit_now(rows)

    def commit_now(self, rows: Sequence[Row]) -> None:
        self.kept.commit_now(rows)

    def record(self, row: Row) -> None:
        self.kept.record(row)

    async def flush(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        self.closed = True


class StoppedPulse(Pulse):
    """Fails at its first beat, which is the clock's."""

    def beat(self) -> HouseHealth | None:
        raise Boom("clock")


class LostEngine(Engine):
    """Fails at whatever comes once it is told to, also at what should latch that."""

    lost = False

    def on(self, event: Event) -> list[Action]:
        if self.lost:
            raise Boom(f"engine {type(event).__name__}")
        return super().on(event)


@dataclass
class Parts:
    """What fails: the name of a task of the runtime, or nothing."""

    failing: str = ""
    feed: QuietFeed = field(default_factory=QuietFeed)
    journal: WaitingJournal = field(default_factory=WaitingJournal)
    engine: LostEngine | None = None
    now_ns: int = setting(0).start_ns
    clocks: Callable[[int], int] = lambda now_ns: now_ns + 50 * MS_NS
    pulse: Pulse | None = None
    notifier: Notifier | None = None
    words: list[str] = field(default_factory=list)  # written to the STOP file
    beats: list[ConsoleView] = field(default_factory=list)
    tasks: frozenset[str] = frozenset()  # those the runtime started, by name

    def clock(self) -> int:
        self.now_ns = self.clocks(self.now_ns)
        return self.now_ns

    def steer(self, name: str, value: float | None) -> None:
        raise Boom(f"commands {name} {value}")

    def beat(self, view: ConsoleView) -> None:
        if self.failing == "heartbeat":
            raise Boom(f"heartbeat {view.seq}")
        self.beats.append(view)

    async def watch_stop(self, post: Post) -> None:
        del post
        if self.failing == "stop file":
            raise Boom("stop file")
        await asyncio.Event().wait()

    def write_stop(self, word: str) -> None:
        self.words.append(word)
        if self.failing == "disk":
            raise OSError(f"no room for {word}")

    async def service(self) -> None:
        self.tasks = frozenset(n for n in (t.get_name() for t in asyncio.all_tasks()) if not n.startswith("Task-"))
        if self.failing == "service":
            raise Boom("service")
        if self.failing == "service ends":
            return
        await asyncio.Event().wait()

    async def build(self, runtime: Runtime) -> House:
        """The house, inside the engine's loop."""
        params = setting(0).params
        engine = self.engine = LostEngine(params)
        self.feed.fails = self.failing == "feed"
        self.journal.fails = self.failing == "journal"
        if self.failing == "clock":
            self.pulse = StoppedPulse(HouseClock(lambda: setting(0).start_ns, lambda: 0))
        views = ViewBuilder(engine, Surroundings(mode="SIM", account_suffix="", contract="", stop_file=""))

        def view(seq: int, alerts: Sequence[tuple[int, Alert, str]]) -> ConsoleView:
            if self.failing == "view" and seq > 2:
                raise Boom("view")
            return views.build(seq, 0, self.now_ns, alerts, None)

        return House(
            mode=PAPER,
            engine=engine,
            feed=self.feed,
            broker=None,
            matching=None,
            journal=self.journal,
            boot_rows=(),
            row_of=_row_of,
            stop_seen=lambda: None,
            watch_stop=self.watch_stop,
            write_stop=self.write_stop,
            clock=self.clock,
            steer=self.steer,
            warm=tuple,
            view=view,
            beat=self.beat,
            boot_events=(LinkStatus(self.now_ns, Link.READY, 1, "test"),),
            fps=50.0,
            services=(self.service,),
            pulse=self.pulse,
            notifier=self.notifier,
        )


def _row_of(item: Observation) -> Row:
    return Row("market", "other", str(type(item)), 0)


def started(parts: Parts) -> Runtime:
    """The runtime, started."""
    runtime = Runtime(parts.build, Seam("test"))
    runtime.start()
    return runtime
