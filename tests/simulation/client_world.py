"""The layer with the real client: engine, desk, runtime and the IB adapters, the unmodified client library under them, a
wire-level gateway behind an in-memory connection, everything in virtual time on one loop.

What the first layer draws at a simulated broker happens here on the wire. The engine may be killed at any instant and is
born again from the journal as it is on disk, while the gateway lives on. After every event the engine hears, and at every
tick of the gateway, everything must hold (`_judge`); when the accidents are over, all must be well within two minutes.

Left out on purpose: no analytics trade (there is no history behind the market), the second door, alerts to a person.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import blake2b
from random import Random
from typing import Any

from orderflow_tui import inbox
from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.ib_broker import IbBroker
from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.adapters.rows import row_of
from orderflow_tui.domain.account import Link
from orderflow_tui.domain.action import Action, Row
from orderflow_tui.domain.event import ClockTick, Command, Committed, Event, MarketEvent
from orderflow_tui.domain.latch import Severity
from orderflow_tui.domain.order import Order, OrderState, Purpose
from orderflow_tui.engine import Engine, EngineParams
from orderflow_tui.house import House
from orderflow_tui.modes import mode_named
from orderflow_tui.ports import JournalError
from orderflow_tui.runtime import Runtime
from orderflow_tui.seam import Seam
from orderflow_tui.trading.fences import can_send
from orderflow_tui.trading.floor import Floor
from orderflow_tui.window import WindowParams
from tests.adapters.ib_world import ACCOUNT, INSTRUMENTS, ib_settings
from tests.gateway.house import Settings
from tests.gateway.virtual import Stage, VirtualLoop
from tests.simulation.faults import stream
from tests.simulation.house import setting
from tests.simulation.memory import Broken, Since
from tests.simulation.world import Failure

TABLE = session_table(date(2026, 11, 12), date(2026, 11, 25))
SYMBOL = "MES"
INSTALL = "test"
NAKED_S = 5.4  # the bound and the way of the last order
SOCKET_FENCE_S = 0.1
HUNG_FENCE_S = 5.0
LIVENESS_S = 120.0
LOOK_S = 0.05
HOUSE_TASKS = {"engine", "feed", "clock", "commands", "view", "heartbeat", "journal", "stop file", "service"}
OVER = frozenset({OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED, OrderState.NOT_SENT, OrderState.ABANDONED})


class Disk:
    """A journal whose disk takes its time; what it has not taken when the process dies is gone. Implements `ports.Journal`."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.durable: list[Row] = []
        self._waiting: list[Row] = []
        self.fails = 0
        self.slow_s = 0.0
        self.dead = False

    def commit(self, rows: Sequence[Row]) -> Coroutine[object, object, None]:
        """Rows take their place now and are durable when the disk has answered."""
        self._waiting += rows
        return self._written(len(self.durable) + len(self._waiting))

    async def _written(self, upto: int) -> None:
        await asyncio.sleep(self.slow_s or 0.001 + 0.02 * self._rng.random() ** 4)
        if self.dead:
            raise JournalError("the process is dead")
        if self.fails:
            self.fails -= 1
            raise JournalError("disk full")
        self._take(upto)

    def _take(self, upto: int) -> None:
        count = max(0, upto - len(self.durable))
        self.durable += self._waiting[:count]
        del self._waiting[:count]

    def commit_now(self, rows: Sequence[Row]) -> None:
        """Not used where the house waits for its journal."""
        raise AssertionError("a house at a real broker never commits at once")

    def record(self, row: Row) -> None:
        """Durable with the next commit or the next look of the writer."""
        if row.book == "orders" and not self.dead:
            self._waiting.append(row)

    async def keep_writing(self) -> None:
        """The writer's own beat."""
        while True:
            await asyncio.sleep(0.1)
            if not self.slow_s:
                await self.flush()

    async def flush(self) -> None:
        """Everything is on disk."""
        self._take(len(self.durable) + len(self._waiting))

    async def close(self) -> None:
        """Nothing to close."""

    def die(self) -> list[Row]:
        """What a process born now finds."""
        self.dead = True
        return list(self.durable)


@dataclass(slots=True)
class Outcome:
    """What a seed came to."""

    seed: int
    failure: Failure | None
    events: int
    entries: int
    fills: int
    boots: int
    naked_s: float
    accidents: Counter[str]
    trace: str
    lines: list[str] = field(default_factory=list)


class HeardEngine(Engine):
    """The product's engine, overheard."""

    world: ClientWorld

    def on(self, event: Event) -> list[Action]:
        """Process one event; then everything must hold."""
        actions = super().on(event)
        self.world.heard(event)
        return actions


class HeardBroker(IbBroker):
    """The product's broker, told on before anything leaves."""

    world: ClientWorld

    def send(self, orders: Sequence[Order], now_ns: int) -> None:
        """Judge, then send."""
        self.world.leaving(orders)
        super().send(orders, now_ns)


class ClientWorld:
    """One run. `keep` keeps the trace's lines."""

    def __init__(self, seed: int, *, keep: bool = False) -> None:
        self.seed = seed
        self.loop = VirtualLoop()
        self.events = self.entries = self.boots = self.keys = 0
        self.accidents: Counter[str] = Counter()
        self.lines: list[str] = []
        self.calm = False
        self.broken: Broken | None = None
        self.disk = Disk(stream(seed, "client disk"))
        self.runtime: Runtime | None = None
        self.engine: Engine | None = None
        self.outsiders = 0  # trades of other hands: the only causes of an ADJUST row
        self._keep = keep
        self._hash = blake2b(digest_size=12)
        self._house: asyncio.Task[None] | None = None
        self._deaf_since_s: float | None = None
        self._naked = Since()
        self.naked_s = 0.0
        drawn = setting(seed).params
        mes = replace(INSTRUMENTS["MES"], stop_ticks=drawn.execution.stop_ticks, target_ticks=drawn.execution.target_ticks)
        self.params: EngineParams = replace(
            drawn,
            analysis=INSTRUMENTS["ES"],
            execution=mes,
            instruments={**INSTRUMENTS, "MES": mes},
            table=TABLE,
            window=WindowParams(),
            account=ACCOUNT,
            install=INSTALL,
        )

    # -- the run -------------------------------------------------------------------------------------------------------

    def run(self, chaos: Coroutine[Any, Any, None]) -> Outcome:
        """Chaos, healing, liveness; never raises for a broken property."""
        asyncio.set_event_loop(self.loop)
        failure: Failure | None = None
        try:
            self.loop.run_until_complete(self._whole(chaos))
        except Broken as broken:
            failure = Failure(broken.name, str(broken), round(self.loop.now_s, 3))
        finally:
            self._sweep()
        exchange = self.stage.gateway.house.exchange
        counts = (self.events, self.entries, len(exchange.executions), self.boots)
        return Outcome(self.seed, failure, *counts, self.naked_s, self.accidents, self._hash.hexdigest(), self.lines)

    async def _whole(self, chaos: Coroutine[Any, Any, None]) -> None:
        self.stage = Stage(self.loop, Settings(seed=self.seed, steps_per_second=10.0))
        try:
            self.boot()
            await self._guarded(chaos)
            self.heal()
            until_s = self.loop.now_s + LIVENESS_S
            while self.loop.now_s < until_s and self._unwell():
                await self._guarded(asyncio.sleep(1.0))
            if trouble := self._unwell():
                raise Broken("liveness", trouble)
        finally:
            await self.stage.close()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something while everything is looked at."""
        doing = asyncio.ensure_future(work)
        try:
            while not doing.done():
                await asyncio.wait({doing}, timeout=LOOK_S)
                self._look()
                if self.broken is not None:
                    raise self.broken
            doing.result()
        finally:
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)

    def _sweep(self) -> None:
        pending = asyncio.all_tasks(self.loop)
        for task in pending:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self.loop.close()
        asyncio.set_event_loop(None)

    # -- the engine's life -----------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """A process begins from the journal."""
        rows = list(self.disk.durable)
        self.disk = Disk(stream(self.seed, f"client disk {self.boots}"))
        self.disk.durable = rows
        self.boots += 1
        self.note(f"boot {self.boots} with {len(rows)} rows")
        self.runtime = Runtime(self._build, Seam(f"s{self.seed}b{self.boots}"))
        self._house = self.loop.create_task(self.runtime._main())

    async def _build(self, runtime: Runtime) -> House:
        engine = HeardEngine(self.params)
        engine.world = self
        self.engine = engine
        settings = ib_settings(own_prefix=f"of1-{INSTALL}-")
        clock = lambda: self.loop.now_ns  # noqa: E731 - handed on to four places
        self.session = IbSession(settings, self.params.instruments, runtime.post, clock, rng=stream(self.seed, "backoff"))
        feed = IbFeed(self.session, clock)
        broker = HeardBroker(self.session, runtime.post, clock)
        broker.world = self

        async def no_stop_file(_: object) -> None:
            await asyncio.Event().wait()

        return House(
            mode=mode_named("paper"),
            engine=engine,
            feed=feed,
            broker=broker,
            matching=None,
            journal=self.disk,
            boot_rows=list(self.disk.durable),
            row_of=row_of,
            stop_seen=lambda: None,
            watch_stop=no_stop_file,
            write_stop=lambda _: None,
            clock=clock,
            steer=lambda name, value: None,
            warm=tuple,
            view=lambda seq, alerts: None,  # type: ignore[arg-type,return-value]
            beat=lambda view: None,
            fps=4.0,
            acknowledge=self.session.acknowledge,
            services=(self.session.run, self.disk.keep_writing),
        )

    def die(self) -> None:
        """The process is killed: what it was about to do is not done."""
        if self.runtime is None or self._house is None:
            return
        self.note("killed")
        self.disk.durable = self.disk.die()
        self.runtime.inbox._events.clear()
        self.runtime.inbox._driver = None  # nothing it still hears reaches anybody
        line = self.session.line
        if line is not None:
            line.close()
        for task in asyncio.all_tasks(self.loop):
            if task is self._house or task.get_name() in HOUSE_TASKS:
                task.cancel()
        self.runtime = self.engine = self._house = None
        self._deaf_since_s = None
        self._naked = Since()

    # -- what is judged ----------------------------------------------------------------------------------------------------

    def heard(self, event: Event) -> None:
        """The engine has processed an event."""
        self.events += 1
        if isinstance(event, Committed):
            self.note(f"committed {event.ids}")  # how long it took is the machine's time
        elif not isinstance(event, MarketEvent | ClockTick):
            self.note(repr(event))
        self._try(self._judge)

    def leaving(self, orders: Sequence[Order]) -> None:
        """Orders are about to leave: each committed, an entry only where entries are allowed."""
        self.note(f"leaving {[order.id for order in orders]}")
        self._try(lambda: self._judge_leaving(orders))

    def _judge_leaving(self, orders: Sequence[Order]) -> None:
        written = {row.ref for row in self.disk.durable if row.kind == "order"}
        entry = orders[0].purpose is Purpose.ENTRY
        self.entries += entry
        if entry and any(order.id not in written for order in orders):
            raise Broken("committed before sent", f"{orders[0].id} left before its row was on disk")
        floor = self.floor
        if entry and (floor.board.latches or floor.campaign is not None or floor.recovering or floor.link is not Link.READY):
            raise Broken("no entry while fenced", f"{orders[0].id} left with {floor.board.latches}, link {floor.link}")

    def _try(self, judge: Any) -> None:
        """A broken property is kept: raised here it would become a fault of the engine's."""
        try:
            judge()
        except Broken as broken:
            if self.broken is None:
                self.broken = broken

    @property
    def floor(self) -> Floor:
        """The desk's books."""
        assert self.engine is not None, "an engine runs"
        return self.engine.desk._floor

    @property
    def truth(self) -> int:
        """The position at the broker."""
        return sum(h.quantity for h in self.stage.gateway.house.account.holdings.values() if h.listing.product.symbol == SYMBOL)

    def _judge(self) -> None:
        """After every event."""
        floor = self.floor
        told = sum(fill.side * fill.quantity for fill in floor.blotter._fills.values() if fill.instrument == SYMBOL)
        adjusted = floor.blotter._adjusted.get(SYMBOL, 0)
        if floor.ledger.position(SYMBOL) != told + adjusted:
            raise Broken(
                "each execution once", f"the ledger holds {floor.ledger.position(SYMBOL):+d}, fills say {told + adjusted:+d}"
            )
        if adjusted and not self.outsiders:
            raise Broken("no unexplained correction", f"an ADJUST of {adjusted:+d} without a cause from outside")
        for order in self.stage.gateway.house.exchange.live():
            ticket = floor.blotter.tickets.get(order.wanted.order_ref)
            if ticket is not None and ticket.state in OVER and order.client_id:
                raise Broken(
                    "no invented outcome", f"{order.wanted.order_ref} works at the broker, believed {ticket.state.value}"
                )

    def _look(self) -> None:
        """At the broker's books, at any time."""
        gateway = self.stage.gateway
        refs = [o.wanted.order_ref for o in gateway.house.exchange.orders.values() if o.wanted.order_ref]
        if len(refs) != len(set(refs)):
            raise Broken("no order twice", f"{[ref for ref, count in Counter(refs).items() if count > 1]}")
        if self.engine is None:
            return
        known = {row.ref for row in (*self.disk.durable, *self.disk._waiting) if row.kind == "order"}
        if unknown := [ref for ref in refs if ref not in known and ref not in self.floor.blotter.tickets]:
            raise Broken("no unknown order", f"the broker holds {unknown}, which nobody remembers")
        cap = self.params.trading.risk.max_contracts
        if abs(self.truth) > cap and not self.outsiders:
            raise Broken("never more than allowed", f"{self.truth:+d} at the broker, {cap} allowed")
        self._look_at_fence()
        self._look_at_stop()

    def _look_at_stop(self) -> None:
        """Whoever knows of a position and can speak to the broker has its stop there in time."""
        floor, truth = self.floor, self.truth
        knows = floor.ledger.position(SYMBOL) == truth and can_send(floor.link) and not self.loop.frozen
        free = floor.board.severity is not Severity.LOCK and floor.campaign is None and not floor.recovering
        bare = knows and free and bool(truth) and self._guarded_contracts() < abs(truth)
        naked_s = self._naked.held(self.loop.now_ns, bare) / 1e9
        self.naked_s = max(self.naked_s, naked_s)
        if naked_s > NAKED_S:
            raise Broken("never naked", f"{truth:+d} with stops for {self._guarded_contracts()} for {naked_s:.2f} s")

    def _look_at_fence(self) -> None:
        """A gateway that is gone or silent is found out in time."""
        clients = self.stage.gateway.house.ready_clients()
        gone, hung = not clients, self.loop.frozen
        ready = self.session.link is Link.READY
        if not ready or not (gone or hung):
            self._deaf_since_s = None
            return
        if self._deaf_since_s is None:
            self._deaf_since_s = self.loop.now_s
        limit = HUNG_FENCE_S if hung else SOCKET_FENCE_S
        if self.loop.now_s - self._deaf_since_s > limit + 2 * LOOK_S:
            raise Broken("fenced in time", f"READY for {self.loop.now_s - self._deaf_since_s:.2f} s with nobody behind the line")

    # -- healing -----------------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """No more accidents."""
        self.calm = True
        self.note("healed")
        if self.loop.frozen:
            self.loop.thaw()
        self.stage.do("calm")
        self.stage.do("habits", group_delay_s=0, most_per_fill=None)
        self.stage.do("regain-broker", kept=False)
        self.stage.do("farm", down=False)
        self.stage.do("compete", on=False)
        self.disk.slow_s, self.disk.fails = 0.0, 0
        if self.runtime is None:
            self.boot()
        elif self.session.link is Link.BLOCKED:  # three times 326: a person looks
            self.press(Command.RECONCILE)

    def _unwell(self) -> str:
        """What is not well yet, empty when everything is."""
        if self.engine is None or self._house is None:
            return "no engine"
        if self._house.done():
            return f"the house ended: {self._house.exception() if not self._house.cancelled() else 'cancelled'}"
        floor, truth = self.floor, self.truth
        locked = floor.board.severity is Severity.LOCK
        if self.session.link is not Link.READY:
            return f"the link is {self.session.link.value}: {self.engine.link_reason}"
        if floor.ledger.position(SYMBOL) != truth:
            return f"broker {truth:+d}, ours {floor.ledger.position(SYMBOL):+d}"
        if floor.blotter.unresolved():
            return f"unknown: {[t.order.id for t in floor.blotter.unresolved()]}"
        if floor.recovering:
            return "still recovering"
        guarded = self._guarded_contracts()
        if not locked and truth and guarded < abs(truth) and floor.campaign is None:
            return f"{truth:+d} with stops for {guarded}"
        exits = [o for o in self.stage.gateway.house.exchange.live() if o.wanted.order_ref and not o.held]
        if not locked and not truth and exits:
            return f"flat, and {[o.wanted.order_ref for o in exits]} still work"
        return ""

    def _guarded_contracts(self) -> int:
        entries = [e for e in self.stage.gateway.exposure.entries if e.symbol.startswith(SYMBOL)]
        return entries[-1].guarded if entries else 0

    def note(self, text: str) -> None:
        """A line of the trace."""
        line = f"{self.loop.now_s:9.3f} {text}"
        self._hash.update(line.encode())
        if self._keep:
            self.lines.append(line)

    def press(self, command: Command, **args: str) -> None:
        """A key."""
        if self.runtime is not None:
            self.note(f"key {command.value} {args}")
            self.runtime.seam.command(command, args)


def unhurried() -> None:
    """Slices of the pump end by the machine's speed; here a slice takes everything, so that a seed is one run."""
    inbox.PUMP_NS = 10**15
