"""One run: the real engine, closed loop and outbox against the simulated broker, a hostile world and virtual time.

Everything that happens is drawn from streams of the seed and put on an agenda; between two items the market trades. The
engine may die at any effect and be born again from the journal while the broker lives on. After the chaos everything is
healed, and within a minute all must be well.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from traceback import extract_tb

from orderflow_tui.adapters.ib_stream import OutlierGuard
from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_broker_orders import FillRules
from orderflow_tui.domain.action import Action
from orderflow_tui.domain.event import (
    ClockTick,
    Command,
    Event,
    HouseHealth,
    MarketEvent,
    OperatorCommand,
    StopFileGone,
    StopFileSeen,
    Trouble,
    stamp_of,
)
from orderflow_tui.domain.latch import LatchKind, Severity
from orderflow_tui.domain.market import Bars, Trades
from orderflow_tui.domain.order import Change, Commission, Fill, Order, Purpose, Side
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.domain.signal import Decision
from orderflow_tui.driver import Driver
from tests.simulation.disk import Disk
from tests.simulation.faults import Plan, stream
from tests.simulation.house import ACCOUNT, setting
from tests.simulation.line import Line
from tests.simulation.loop import HeardEngine, Nobody, SimLoop
from tests.simulation.market import Market
from tests.simulation.memory import Broken
from tests.simulation.oracle import Oracle

LIVENESS_S = 60
UNREADABLE = "unreadable"  # what stands as the STOP file
CRASH_WINDOW_NS = 600 * SECOND_NS
CRASH_BOOTS = 3
GROUPS_SHRINK = 0.25  # the share of runs whose broker shrinks an OCA group instead of cancelling it
STEP_NS = 5_000 * MS_NS  # the longest stretch between two looks at the clock


class Crash(BaseException):
    """The process dies here. Nothing in the product may catch it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A property that broke, where and when."""

    name: str
    sentence: str
    at_s: float


@dataclass(slots=True)
class Outcome:
    """What a run came to. `naked_ns`: the longest time a position stood without its stop, flattens apart; `bare_ns`: in flattens.
    `flattens_ns`: how long each took from its begin to flat at the broker. All three while connected and the market open.
    """

    plan: Plan
    failure: Failure | None
    injected: Counter[str]
    events: int
    entries: int
    exits: int
    boots: int
    naked_ns: int
    bare_ns: int
    flattens_ns: tuple[int, ...]
    trace: str
    lines: list[str] = field(default_factory=list)


class World:
    """A run. `keep` keeps the trace's lines for reading."""

    def __init__(self, plan: Plan, *, keep: bool = False) -> None:
        self.plan = plan
        self.setting = setting(plan.seed)
        self.now_ns = self.begin_ns = self.setting.start_ns
        self.chaos_end_ns = self.now_ns + plan.chaos_s * SECOND_NS
        params = self.setting.params
        self.sim = SimBroker(
            list(params.instruments.values()),
            "ES",
            rules=FillRules(
                latency_ns=stream(plan.seed, "latency").choice((20, 120, 250)) * MS_NS,
                groups_shrink=stream(plan.seed, "groups").random() < GROUPS_SHRINK,
            ),
            balance_cents=self.setting.balance_cents,
            account=ACCOUNT,
            table=self.setting.table,
            faults=plan.broker(),
            rng=stream(plan.seed, "broker"),
        )
        self.sim.ask_for_margin(self.setting.margin_pct)
        self.line = Line(self.sim, partial(stream, plan.seed))
        self.line.omits = plan.strength("report_omits")
        self.line.torn = plan.strength("report_torn")
        self.disk = Disk(stream(plan.seed, "disk"), lambda: self.oracle.now_ns)
        self.disk.fails = plan.strength("commit_fails")
        self.disk.slow = plan.strength("commit_slow")
        self.disk.uncertain = plan.strength("commit_uncertain")
        self.oracle = Oracle(self.setting, self.sim, self.disk, now_ns=self.now_ns)
        self.line.listener = self
        rng = stream(plan.seed, "market")
        self.market = Market(rng, self.setting.table, self.now_ns, self.setting.seconds_per_trade, self.setting.restless)
        self.door = OutlierGuard()
        self.stop_file: str | None = None
        self.injected: Counter[str] = Counter()
        self.loop: SimLoop | None = None
        self.stalled = False
        self.stalled_ns = self.leapt_ms = 0
        self.behind_ms = self.broker_off_s = 0  # the wall clock behind the house's, ours from the broker's
        self.broker_resets = False
        self.calm = False
        self.crash_in = 0
        self.torn = 1.0
        self.link_down_until_ns = 0
        self.boots: list[int] = []
        self.events = self.entries = self.exits = self.keys = 0
        self.given: dict[str, OperatorCommand | Decision] = {}  # what could lead to an entry, by its cause
        self.lines: list[str] = []
        self._keep = keep
        self._kept: frozenset[LatchKind] = frozenset()
        self._hash = blake2b(digest_size=12)
        self._inbox: list[Event] = []
        self._nobody = Nobody()
        self._idle = Driver(self._nobody, lambda _: [], self.line)
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._items = 0

    # -- the run ------------------------------------------------------------------------------------------------------

    def run(self, *schedules: Callable[[World], None]) -> Outcome:
        """Chaos, healing, liveness. Never raises for a broken property."""
        failure: Failure | None = None
        try:
            self.boot()
            for schedule in schedules:
                schedule(self)
            self._until(lambda: self.chaos_end_ns)
            kept = self._heal()
            end_ns = self.now_ns + LIVENESS_S * SECOND_NS
            self._until(lambda: end_ns)
            self.disk.flush()
            self.oracle.settled(kept)
        except Broken as broken:
            failure = self._failed(broken.name, str(broken))
        except Exception as fault:
            frame = extract_tb(fault.__traceback__)[-1]
            where = f"{frame.filename.rsplit('/', 2)[-1]}:{frame.name}"
            failure = self._failed(f"no exception: {type(fault).__name__} in {where}", f"{where}:{frame.lineno}: {fault}")
        for kind, count in (self.sim.injected | self.disk.injected).items():
            self.injected[kind] += count
        return Outcome(
            self.plan,
            failure,
            self.injected,
            self.events,
            self.entries,
            self.exits,
            len(self.boots),
            self.oracle.naked_ns,
            self.oracle.flattens.bare_ns,
            tuple(self.oracle.flattens.took_ns),
            self._hash.hexdigest(),
            self.lines,
        )

    def _failed(self, name: str, sentence: str) -> Failure:
        return Failure(name, sentence, round((self.oracle.now_ns - self.begin_ns) / SECOND_NS, 3))

    def _until(self, end: Callable[[], int]) -> None:
        while self.now_ns < end():
            due, act, answer_ns = min(end(), self.now_ns + STEP_NS), None, self.disk.due_ns()
            if answer_ns is not None:
                due = min(due, max(answer_ns, self.now_ns + MS_NS))
            if self._agenda and self._agenda[0][0] <= due:
                due, _, act = heapq.heappop(self._agenda)
            self._advance(max(due, self.now_ns))
            if act is not None:
                self.guarded(act)

    def _advance(self, until_ns: int) -> None:
        """The market trades up to an instant, then time is there."""
        for block, told in self.market.blocks(until_ns):
            if told:
                self.hear(block)
            else:
                self._untold(block)
        self.now_ns = until_ns
        if self.loop is None or self.stalled:
            self.oracle.now_ns = until_ns
        self._answers()
        self.hear(ClockTick(until_ns))

    def _untold(self, block: Trades) -> None:
        """The feed is silent, the exchange is not: what fills is told, the prices are not."""
        for n in range(len(block)):
            trade = block.cut(n, n + 1)
            tick = ClockTick(int(trade.ts_ns[0]))
            self.hear(tick)
            while self.line.watch.due_ns <= tick.ts_ns:  # the process died over it
                self.hear(tick)
            for report in self.line.on_market(trade):
                self.hear(report)

    def _answers(self) -> None:
        due_ns = self.disk.due_ns()
        late = due_ns is not None and due_ns <= self.now_ns
        for event in self.disk.flush(everything=late):
            self.hear(event)

    def _heal(self) -> set[LatchKind]:
        """No more faults: whoever is dead or cut off comes back. Returns the latches that must be kept."""
        self.calm, self.crash_in = True, 0
        self._agenda.clear()
        self.sim.behave()
        self.line.torn = self.line.omits = 0.0
        self.line.silent_until_ns = self.oracle.silent_until_ns = 0
        self.disk.heal()
        self.market.mood.calm()
        self.lock(None)
        if self.stalled:
            self.resume_loop()
        if self.line.hung:
            for event in self.line.wake(self.now_ns):
                self.hear(event)
            self.oracle.hung = False
        self.link_down_until_ns = self.behind_ms = self.broker_off_s = 0
        self.broker_resets = False
        self.tell_health()
        if self.stop_file is not None and stream(self.plan.seed, "liveness").random() < 0.5:
            self.set_stop(None)
        if self.loop is None:
            self.boot()
        self._answers()
        self.reconnect()
        self._advance(self.now_ns + 10 * MS_NS)
        board = self.oracle.floor.board
        if board.severity is Severity.LOCK and stream(self.plan.seed, "locked").random() < 0.5:
            self.at(15.0, lambda: self.press(Command.FLATTEN))
        return set(board._open)

    # -- agenda -------------------------------------------------------------------------------------------------------

    def at(self, in_s: float, act: Callable[[], None]) -> None:
        """Put something on the agenda, in seconds from now."""
        self._items += 1
        heapq.heappush(self._agenda, (self.now_ns + int(in_s * SECOND_NS), self._items, act))

    def skip(self, by_s: float, *, trading: bool) -> None:
        """Time leaps: the agenda and the end of chaos move along. `trading`: the market went on meanwhile."""
        by_ns = int(by_s * SECOND_NS)
        self._agenda = [(due + by_ns, n, act) for due, n, act in self._agenda]
        self.chaos_end_ns += by_ns
        if not trading:
            self.market.skip_to(self.now_ns + by_ns)
        self.oracle.flattens.leapt(by_ns)
        self._advance(self.now_ns + by_ns)
        self.leapt_ms += by_ns // MS_NS
        if not self.stalled:
            self._beat()

    def _beat(self) -> None:
        """The loop comes round after a stall or a leap of the clock, and says so; the beat after it is in time again."""
        late_ms = (self.now_ns - self.stalled_ns) // MS_NS if self.stalled_ns else 0
        off_ms = -self.behind_ms or self.leapt_ms
        health = HouseHealth(self.now_ns, late_ms, off_ms, self.broker_off_s, self.broker_resets)
        self.stalled_ns = self.leapt_ms = 0
        self.hear(health)
        self.at(0.05, self.tell_health)

    def tell_health(self) -> None:
        """How the house does apart from loop and leaps: those were told at their beat."""
        if not self.stalled:
            self.hear(HouseHealth(self.now_ns, 0, -self.behind_ms, self.broker_off_s, self.broker_resets))

    # -- the engine's life --------------------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Something happens: the engine processes it, or it waits, or nobody is there."""
        if self.loop is None or self.stalled:
            if self.stalled and isinstance(event, MarketEvent | OperatorCommand):
                self._inbox.append(event)
            self._idle.step(event)
            self._keep_unheard()
            return
        loop = self.loop
        self.guarded(lambda: loop.feed(event))

    def _keep_unheard(self) -> None:
        if self.stalled:
            self._inbox += [e for e in self._nobody.heard if not isinstance(e, MarketEvent | OperatorCommand | ClockTick)]
        self._nobody.heard.clear()

    def guarded(self, act: Callable[[], None]) -> None:
        """Do something in which the process may die."""
        try:
            act()
        except Crash:
            self._died()

    def _died(self) -> None:
        self.oracle.asleep = True
        kept = self.oracle.dying()
        self.loop, self.stalled, self.crash_in = None, False, 0
        self._inbox.clear()
        self.disk.crash(self.torn)
        self.torn = 1.0
        self.line.drop(self.now_ns, "the process died")
        self.oracle.hung = False
        delay_s = 0.3 + 6 * stream(self.plan.seed, f"boot {len(self.boots)}").random() ** 2
        self._kept = frozenset(kept)
        self.note("died")
        self.at(delay_s, self.boot)

    def die(self, torn: float, kind: str = "") -> None:
        """The process dies now; `torn` of what waited for the disk survives. `kind`: the fault that counts for it."""
        if self.loop is not None:
            if kind:
                self.count(kind)
            self.torn = torn
            self._died()

    def boot(self) -> None:
        """A process begins: an engine from the journal, a new connection."""
        if self.loop is not None:
            return
        engine = HeardEngine(self.setting.params, self.told)
        engine.restore(self.disk.rows)
        self.oracle.booted = bool(self.boots)
        self.oracle.restored(engine, set(self._kept))
        self.loop = SimLoop(engine, self)
        unclean = [t for t in self.boots if self.now_ns - t < CRASH_WINDOW_NS]
        if self.boots:
            self.oracle.facts["boots"] += 1
        self.boots.append(self.now_ns)
        if len(unclean) >= CRASH_BOOTS:
            self.oracle.facts["unclean boots"] += 1
            self.hear(Trouble(self.now_ns, LatchKind.CRASH_LOOP, f"{len(unclean)} starts without a clean stop"))
        if self.stop_file is not None:
            self._look_for_stop()
        if self.behind_ms or self.broker_off_s or self.broker_resets:
            self.tell_health()
        self.reconnect()

    def reconnect(self) -> None:
        """The line comes up unless something keeps it down."""
        if self.loop is None or self.now_ns < self.link_down_until_ns:
            return
        self.oracle.connected = True
        self.sim.connect(self.now_ns)

    def drop_link(self, for_s: float, reason: str) -> None:
        """The socket is gone for a while."""
        self.line.drop(self.now_ns, reason)
        self.oracle.connected, self.oracle.hung = False, False
        self.link_down_until_ns = max(self.link_down_until_ns, self.now_ns + int(for_s * SECOND_NS))
        self.at(for_s + 0.001, self.reconnect)

    def lock(self, side: Side | None) -> None:
        """The market is locked at its limit: whoever wants this side finds nobody. None: it trades again."""
        self.market.mood.locked = side
        self.sim.lock(side)

    def stall(self) -> None:
        """The engine's loop stands still; the world does not."""
        if self.stalled:
            return  # as it does already
        self.stalled = self.oracle.asleep = self.loop is not None
        self.stalled_ns = self.oracle.stalled_ns = self.now_ns if self.stalled else 0

    def resume_loop(self) -> None:
        """It goes on and finds everything that came meanwhile."""
        if not self.stalled or self.loop is None:
            return
        self.stalled = False
        self.oracle.awake(self.now_ns)
        self._beat()
        waiting, self._inbox = self._inbox, []
        for event in waiting:
            self.line.phantom = isinstance(event, MarketEvent)
            self.hear(received(event, self.now_ns))
            self.line.phantom = False
        self.hear(ClockTick(self.now_ns))

    def decide(self, decision: Decision) -> None:
        """The analytics conclude something."""
        if self.loop is not None and not self.stalled and isinstance(self.loop.engine, HeardEngine):
            self.loop.engine.decisions.append(decision)
            self.given[decision.id] = decision
            self.hear(ClockTick(self.now_ns))

    # -- people and files ---------------------------------------------------------------------------------------------

    def press(self, command: Command, **args: str) -> None:
        """A key."""
        self.keys += 1
        event = OperatorCommand(self.now_ns, command, f"k{self.keys}", args)
        if command is Command.BRACKET:
            self.given[event.id] = event
        self.hear(event)

    @property
    def busy(self) -> bool:
        """Whether the screen shows a position, an entry on its way, or that nothing may be done."""
        if self.loop is None:
            return True
        floor = self.oracle.floor
        return bool(floor.ledger.held or floor.blotter.entries() or floor.board.latches or floor.campaign)

    def set_stop(self, action: str | None) -> None:
        """The STOP file appears (UNREADABLE: and cannot be read) or is removed; the watcher polls every 250 ms."""
        self.stop_file = self.oracle.stop_file = action
        self.at(0.25 * stream(self.plan.seed, f"poll {self.now_ns}").random(), self._look_for_stop)

    def _look_for_stop(self) -> None:
        if self.stop_file is not None:
            action = "flatten" if self.stop_file == "flatten" else "halt"  # what cannot be read halts
            self.hear(StopFileSeen(self.now_ns, action, f"STOP: {self.stop_file}"))
        else:
            self.hear(StopFileGone(self.now_ns))

    # -- what the loop reports ----------------------------------------------------------------------------------------

    def told(self, event: Event) -> None:
        """The engine is about to process an event."""
        self.events += 1
        self.oracle.now_ns = max(self.oracle.now_ns, stamp_of(event))
        if isinstance(event, Trades):
            self.note(f"trades {len(event)} {int(event.price[-1])}")
        elif not isinstance(event, ClockTick):
            self.note(repr(event))
        self.oracle.told(event)

    def acted(self, actions: Sequence[Action]) -> None:
        """Actions are carried out; everything must hold."""
        if actions:
            self.note(" ".join(type(a).__name__ for a in actions))
        self.oracle.after()

    def effect(self, name: str) -> None:
        """A crash point."""
        if self.disk.troubled:
            self.oracle.trouble_ns = self.oracle.now_ns
        if self.crash_in:
            self.crash_in -= 1
            if not self.crash_in:
                self.count("crash")
                self.note(f"crash {name}")
                raise Crash

    def leaving(self, orders: Sequence[Order], now_ns: int) -> None:
        """Orders are about to leave."""
        self.note(f"leaving {[o.id for o in orders]}")
        self.entries += orders[0].purpose is Purpose.ENTRY
        self.exits += orders[0].purpose is Purpose.FLATTEN
        self.oracle.leaving(orders, now_ns)

    def refused(self, orders: Sequence[Order]) -> None:
        """The line refused them after all."""
        self.oracle.refused(orders)

    def changing(self, change: Change, order: Order) -> None:
        """A change is about to leave."""
        self.oracle.changing(change, order)

    def cancelling(self, order_ids: Sequence[str]) -> None:
        """A cancel is about to leave."""
        self.oracle.cancelling(order_ids)

    def asking(self, now_ns: int) -> None:
        """A report is about to be asked for."""
        self.oracle.asking(now_ns)

    def matched(self) -> None:
        """The broker's books may have moved."""
        self.oracle.matched()

    def stop_seen(self) -> str | None:
        """What the outbox finds."""
        return self.stop_file

    def wrote_stop(self, word: str) -> None:
        """The engine wrote the STOP file. What stands there already is not softened."""
        if word != "halt" or self.stop_file is None:
            self.stop_file = self.oracle.stop_file = word

    def count(self, kind: str) -> None:
        """A fault was injected."""
        self.injected[kind] += 1
        self.oracle.facts[kind] += 1
        self.note(f"fault {kind}")

    def note(self, text: str) -> None:
        """A line of the trace."""
        line = f"{(self.oracle.now_ns - self.begin_ns) / SECOND_NS:9.3f} {text}"
        self._hash.update(line.encode())
        if self._keep:
            self.lines.append(line)


def received(event: Event, now_ns: int) -> Event:
    """The event as a loop that was late stamps it: at the instant it is read. Executions keep the exchange's time."""
    match event:
        case Trades():
            return replace(event, ts_ns=event.ts_ns.clip(min=now_ns))
        case Fill() | Commission() | Bars():
            return event
        case _:
            return replace(event, ts_ns=now_ns)
