"""The oracle: what must hold after every event, judged against the broker's books and the journal, never against hopes.

It keeps its own count of everything it judges by: executions told to the engine, orders that left, who halted and who
resumed, since when a position stands without its stop. A correction that nobody's fault explains is a failure too:
otherwise reconciliation would heal our bugs in silence.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_broker_orders import Resting
from orderflow_tui.adapters.sim_broker_orders import Stage as Where
from orderflow_tui.domain.account import AccountReport, Link, LinkStatus
from orderflow_tui.domain.event import Command, Event, OperatorCommand, StopFileGone, StopFileSeen
from orderflow_tui.domain.latch import LatchKind, Severity
from orderflow_tui.domain.market import Depth, Quote, Trades
from orderflow_tui.domain.order import Change, Fill, Order, OrderType, Purpose, Role, Side
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.engine import Engine
from orderflow_tui.trading.fences import can_send
from orderflow_tui.trading.floor import Floor
from orderflow_tui.window import entries_open
from tests.simulation.disk import Disk
from tests.simulation.house import ACCOUNT, RESUME_WORD, Setting

SYMBOL = "MES"
NAKED_NS = 5 * SECOND_NS + 400 * MS_NS  # the bound and the way of the last order
SURPLUS_NS = 20 * SECOND_NS
CAMPAIGN_NS = 90 * SECOND_NS
DURABLE_NS = 2 * SECOND_NS
FENCE_NS = 5 * SECOND_NS
COMMIT_NS = 250 * MS_NS
OUTSIDERS = frozenset({"manual_trade", "liquidation", "hand_trade", "position_drift", "exec_busted"})
DISK_TROUBLE = frozenset(
    {"commit_fails", "commit_slow", "commit_uncertain", "disk_full", "disk_stalled", "market_batch_lost", "crash_torn_tail"}
)
BOOK_RACES = OUTSIDERS | {"oca_delayed", "fill_after_cancel", "oversize_children"}
# what must have happened before a latch may open; an empty set: it may never open
CAUSES: dict[LatchKind, frozenset[str]] = {
    LatchKind.OPERATOR: frozenset({"key halt", "key flatten"}),
    LatchKind.STOP_FILE: frozenset({"key stop", "stop seen"}),
    LatchKind.UNATTENDED: frozenset({"key unattended"}),
    LatchKind.MISMATCH: frozenset({"position_drift"}),
    LatchKind.LIQUIDATION: frozenset({"liquidation"}),
    LatchKind.ADJUSTED: frozenset({"manual_trade", "liquidation", "hand_trade", "second_host"}),
    LatchKind.CRASH_LOOP: frozenset({"unclean boots"}),
    LatchKind.JOURNAL_FAILED: DISK_TROUBLE,
    LatchKind.CORE_FAULT: frozenset(),
    LatchKind.INVARIANT: frozenset(),
    LatchKind.BROKEN_CHAIN: frozenset(),
    LatchKind.WRONG_ACCOUNT: frozenset({"account_swapped"}),
    LatchKind.SECOND_HOST: frozenset({"second_host"}),
    LatchKind.TASK_DEAD: frozenset({"task_dead"}),
    LatchKind.REVERSED: BOOK_RACES,
}


class Broken(Exception):
    """A property that does not hold: its name, and a sentence with the numbers."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}")
        self.name = name


@dataclass(slots=True)
class Since:
    """Since when a condition has held without interruption, None while it does not."""

    ns: int | None = None

    def held(self, now_ns: int, holds: bool) -> int:
        """For how long in ns it has held by now."""
        if not holds:
            self.ns = None
            return 0
        if self.ns is None:
            self.ns = now_ns
        return now_ns - self.ns


@dataclass
class Oracle:
    """One for a run; it outlives every engine of it. `facts` counts everything that was injected or pressed."""

    setting: Setting
    sim: SimBroker
    disk: Disk
    facts: Counter[str] = field(default_factory=Counter)
    engine: Engine | None = None
    now_ns: int = 0
    stop_file: str | None = None
    hung: bool = False
    connected: bool = True
    asleep: bool = False  # the engine does not run now
    trouble_ns: int = 0  # when the disk was last in trouble
    naked_ns: int = 0  # the longest naked time seen
    _sent: dict[str, Order] = field(default_factory=dict)
    _numbers: dict[int, str] = field(default_factory=dict)
    _revisions: set[tuple[str, int]] = field(default_factory=set)
    _causes: set[str] = field(default_factory=set)
    _entries: deque[int] = field(default_factory=deque)
    _fills: dict[str, Fill] = field(default_factory=dict)  # told, newest revision
    _position: int = 0
    _adjusted: int = 0
    _last: int | None = None
    _spread: tuple[int, int] | None = None
    _data_ns: int | None = None
    _link_lost_ns: int | None = None
    _halted_by_person: bool = False
    _halted_by_stop: bool = False
    _stop_known: bool = False
    _armed_ns: int | None = None
    _board: dict[LatchKind, int] = field(default_factory=dict)
    _event: Event | None = None
    _journal_at: int = 0
    _journal_orders: set[str] = field(default_factory=set)
    _journal_latches: dict[str, bool] = field(default_factory=dict)
    _journal_fills: dict[str, int] = field(default_factory=dict)
    _books_seen: int = 0
    _books_position: int = 0
    _naked: Since = field(default_factory=Since)
    _surplus: Since = field(default_factory=Since)
    _campaign: Since = field(default_factory=Since)
    _day: object = None
    _day_clean: bool = True

    # -- what the engine hears ----------------------------------------------------------------------------------------

    def told(self, event: Event) -> None:
        """The engine is about to process an event."""
        self._event = event
        if isinstance(event, Trades):
            self._data_ns = int(event.ts_ns[-1])
            self._last = int(event.price[-1])
            self._spread = (int(event.price.min()), int(event.price.max()))
            return
        self._spread = None
        match event:
            case Quote() | Depth():
                self._data_ns = event.ts_ns
            case Fill():
                self._book(event)
            case AccountReport():
                self._report(event)
            case LinkStatus():
                if not can_send(event.link):
                    self._link_lost_ns = self.now_ns
            case OperatorCommand():
                self._key(event)
            case StopFileSeen():
                self._halted_by_stop = self._stop_known = True
                self.facts["stop seen"] += 1
            case StopFileGone():
                self._stop_known = False
            case _:
                return

    def _book(self, fill: Fill) -> None:
        if fill.instrument != SYMBOL:
            return
        old = self._fills.get(fill.base_id)
        if old is None or fill.revision > old.revision:
            self._fills[fill.base_id] = fill
            self._position = self._adjusted + sum(f.side * f.quantity for f in self._fills.values())

    def _report(self, report: AccountReport) -> None:
        assert self.engine is not None
        if report.complete and report.epoch == self.engine.link_epoch and report.account == ACCOUNT:
            for fill in report.fills:
                self._book(fill)

    def _key(self, event: OperatorCommand) -> None:
        self.facts[f"key {event.command.value}"] += 1
        match event.command:
            case Command.HALT | Command.FLATTEN | Command.UNATTENDED:
                self._halted_by_person = True
            case Command.STOP:
                self._halted_by_stop = True
            case Command.ARM:
                self._armed_ns = self.now_ns
            case Command.DISARM:
                self._armed_ns = None
            case Command.RESUME if event.args.get("word") == RESUME_WORD:
                self._halted_by_person = False
                self._halted_by_stop = self._stop_known
            case _:
                return

    # -- what leaves --------------------------------------------------------------------------------------------------

    @property
    def floor(self) -> Floor:
        """The floor of the running engine."""
        assert self.engine is not None
        return self.engine.desk._floor

    def leaving(self, orders: Sequence[Order], now_ns: int) -> None:
        """Orders are about to reach the line."""
        self._read_journal()
        for order in orders:
            if order.id in self._sent:
                raise Broken("sent once", f"{order.id} left twice")
            holder = self._numbers.setdefault(order.number, order.id)
            if holder != order.id:
                raise Broken("numbers are unique", f"number {order.number} names {holder} and {order.id}")
            self._sent[order.id] = order
            self._revisions.add((order.id, order.revision))
            self._committed(order)
            self._carries_safety(order)
        if orders[0].purpose is Purpose.ENTRY:
            self._entry(orders, now_ns)
        elif orders[0].purpose is Purpose.FLATTEN:
            self._exit(orders[0])

    def _committed(self, order: Order) -> None:
        if order.id in self._journal_orders:
            return
        if order.purpose is Purpose.ENTRY or order.parent_id is not None:
            raise Broken("commit before send", f"{order.id} left before its journal row was on disk")
        if LatchKind.JOURNAL_FAILED not in self.floor.board:
            raise Broken("commit before send", f"{order.id} left without its row, and nobody was told")

    def _carries_safety(self, order: Order) -> None:
        if order.account != ACCOUNT:
            raise Broken("account", f"{order.id} names account {order.account!r}")
        if order.purpose is Purpose.PROTECT and not (order.tif == "GTC" and order.outside_rth and order.oca_group):
            raise Broken("safety fields", f"{order.id} is {order.tif}, outside RTH {order.outside_rth}, {order.oca_group!r}")

    def _entry(self, orders: Sequence[Order], now_ns: int) -> None:
        entry = orders[0]
        self._nothing_forbids(entry)
        self._prompt(entry, now_ns)
        stops = [o for o in orders if o.role is Role.STOP]
        planned = self.setting.params.execution.stop_ticks
        if len(stops) != 1 or stops[0].quantity < entry.quantity or stops[0].side is entry.side:
            raise Broken("entry carries its stop", f"{entry.id} leaves with {len(stops)} stop(s)")
        assert entry.limit_ticks is not None
        assert stops[0].stop_ticks is not None
        away = (entry.limit_ticks - stops[0].stop_ticks) * entry.side
        if not 0 < away <= planned + self.setting.params.trading.risk.entry_slippage_ticks:
            raise Broken("entry carries its stop", f"{entry.id}: stop {away} ticks behind the limit, planned {planned}")
        if self._last is not None and abs(entry.limit_ticks - self._last) > self.setting.params.trading.risk.collar_ticks:
            raise Broken("price collar", f"{entry.id} at {entry.limit_ticks}, last trade {self._last}")
        self._rates(entry, now_ns)
        self._room(entry)

    def _nothing_forbids(self, entry: Order) -> None:
        if self.floor.board.latches or self.floor.campaign is not None or self.floor.recovering:
            raise Broken("no entry after a halt", f"{entry.id} left although {self.floor.board.latches or 'not running'}")
        if self._halted_by_person or self._halted_by_stop:
            raise Broken("no entry after a halt", f"{entry.id} left after a person or STOP halted and nobody resumed")
        held = [kind for kind, is_open in self._journal_latches.items() if is_open]
        if held:
            raise Broken("no entry after a halt", f"{entry.id} left although the journal holds {held}")
        if self.stop_file is not None:
            raise Broken("STOP stops entries", f"{entry.id} reached the line while the STOP file was there")
        plan = self.floor.plans[entry.intent_id]
        if plan.intent.cause in self._causes:
            raise Broken("one cause, one entry", f"{plan.intent.cause} led to {entry.id} and to an earlier entry")
        self._causes.add(plan.intent.cause)
        armed = self._armed_ns is not None and self.now_ns - self._armed_ns <= 60 * SECOND_NS
        if plan.intent.manual and not armed:
            raise Broken("armed", f"{entry.id} left by hand without arming")

    def _prompt(self, entry: Order, now_ns: int) -> None:
        assert self.engine is not None
        age = now_ns - (entry.expires_ns - self.setting.params.trading.timing.entry_timeout_ms * MS_NS)
        if age > COMMIT_NS:
            raise Broken("entries leave promptly", f"{entry.id} left {age // MS_NS} ms after it was proposed")
        day = self.setting.table.day_at(now_ns)
        allowed, why = entries_open(self.setting.params.window, day, now_ns)
        if not allowed:
            raise Broken("window", f"{entry.id} left outside the window: {why}")
        if self._data_ns is None or now_ns - self._data_ns > 3_001 * MS_NS:
            raise Broken("fresh data", f"{entry.id} left on data of {self._data_ns}, now {now_ns}")
        if self.engine.link is not Link.READY or not self.connected:
            raise Broken("fence", f"{entry.id} left while the link is {self.engine.link.value}")
        if self._link_lost_ns is not None and now_ns - self._link_lost_ns < FENCE_NS:
            raise Broken("fence", f"{entry.id} left {(now_ns - self._link_lost_ns) // MS_NS} ms after the link was lost")

    def _rates(self, entry: Order, now_ns: int) -> None:
        self._entries.append(now_ns)
        if len(self._entries) >= 5 and now_ns - self._entries[-5] < 10 * SECOND_NS:
            raise Broken("entry rate", f"{entry.id} is the fifth entry within 10 s")
        if len(self._entries) > 60 and now_ns - self._entries[-61] < 3600 * SECOND_NS:
            raise Broken("entry rate", f"{entry.id} is the 61st entry within an hour")

    def _room(self, entry: Order) -> None:
        on_way = [r.order.id for r in self._held_orders() if r.order.role is Role.ENTRY and r.stage is not Where.LOST]
        if on_way:
            raise Broken("one entry at a time", f"{entry.id} left while {on_way} is at the broker")
        if self.outsiders:
            return
        worst = abs(self.truth + entry.side * entry.quantity)
        if worst > self.setting.params.trading.risk.max_contracts:
            raise Broken("size", f"{entry.id} of {entry.quantity} on a position of {self.truth:+d}")

    def _exit(self, order: Order) -> None:
        alive = [r.order.id for r in self._held_orders() if r.stage in {Where.WORKING, Where.HELD} and r.order.id in self._sent]
        if alive and not self.facts["cancel_lied"]:
            raise Broken("flatten clears first", f"{order.id} left while {alive} still work at the broker")

    def changing(self, change: Change, order: Order, now_ns: int) -> None:
        """A change is about to reach the line."""
        key = (change.order_id, change.revision)
        if key in self._revisions:
            raise Broken("sent once", f"revision {change.revision} of {change.order_id} left twice")
        self._revisions.add(key)
        if change.quantity > self._sent[order.id].quantity:
            raise Broken("changes only shrink", f"{order.id} would grow to {change.quantity}")

    # -- the broker's books -------------------------------------------------------------------------------------------

    @property
    def truth(self) -> int:
        """The position as it really is."""
        return self.sim._exchange.books.position(SYMBOL)

    @property
    def outsiders(self) -> bool:
        """Whether somebody else moved the position."""
        return any(self.struck(kind) for kind in OUTSIDERS)

    def struck(self, kind: str) -> bool:
        """Whether a fault struck, or a key was pressed, by now."""
        return bool(self.facts[kind] or self.sim.injected.get(kind) or self.disk.injected.get(kind))

    def _held_orders(self) -> list[Resting]:
        return [r for r in self.sim._exchange._orders.values() if r.stage is not Where.DONE]

    def matched(self) -> None:
        """The broker's books may have moved: an exit of a flatten must never take the position through zero."""
        fills = self.sim._exchange.books._fills
        if len(fills) == self._books_seen:
            self._books_position = self.truth
            return
        fresh = list(fills.values())[self._books_seen :] if len(fills) > self._books_seen else []
        self._books_seen = len(fills)
        position = self._books_position
        for fill in fresh:
            after = position + fill.side * fill.quantity
            order = self._sent.get(fill.order_id or "")
            if order is not None and order.role is Role.FLATTEN and position * after < 0 and not self.outsiders:
                raise Broken("flatten never reverses", f"{order.id} took the position from {position:+d} to {after:+d}")
            if order is not None and order.role is Role.FLATTEN and not position and not self.outsiders:
                raise Broken("flatten never opens", f"{order.id} opened a position of {after:+d}")
            position = after
        self._books_position = self.truth

    # -- after every event --------------------------------------------------------------------------------------------

    def after(self) -> None:
        """The engine's actions are carried out: everything must hold."""
        floor = self.floor
        ours = floor.ledger.position(SYMBOL)
        adjusted = floor.blotter._adjusted.get(SYMBOL, 0)
        if adjusted != self._adjusted:
            self._adjusting(adjusted)
        if ours != self._position:
            raise Broken("each execution once", f"the ledger holds {ours:+d}, executions told add up to {self._position:+d}")
        self._latches(floor)
        self._protected(floor, ours)
        self._campaigning(floor)
        self._breaker(floor, ours)

    def _adjusting(self, adjusted: int) -> None:
        if not (self.facts["position_drift"] or self.facts["unclean boots"]):
            raise Broken("no unexplained correction", f"an ADJUST of {adjusted - self._adjusted:+d} without a cause from outside")
        self._position += adjusted - self._adjusted
        self._adjusted = adjusted

    def _latches(self, floor: Floor) -> None:
        board = floor.board._open
        if board.keys() == self._board.keys():
            return
        for kind in board.keys() - self._board.keys():
            self._opened(kind, board[kind].reason)
        for kind in self._board.keys() - board.keys():
            self._cleared(kind)
        self._board = {kind: latch.since_ns for kind, latch in board.items()}

    def _opened(self, kind: LatchKind, reason: str) -> None:
        causes = CAUSES.get(kind)
        if causes is None:
            if self._honest() and kind in (LatchKind.NAKED, LatchKind.UNRECONCILED, LatchKind.FLATTEN_FAILED):
                raise Broken("no unexplained latch", f"{kind.value} without any fault: {reason}")
            return
        if not any(self.struck(cause) for cause in causes):
            raise Broken("no unexplained latch", f"{kind.value} without a cause: {reason}")

    def _honest(self) -> bool:
        """Whether nothing but keys has been injected so far."""
        if any(self.sim.injected.values()) or any(self.disk.injected.values()):
            return False
        return not any(count for name, count in self.facts.items() if not name.startswith("key "))

    def _cleared(self, kind: LatchKind) -> None:
        event = self._event
        if kind.daily:
            if self.floor.ledger.trade_date == self._day:
                raise Broken("latches stay", f"{kind.value} ended within its trade date")
            return
        resumed = isinstance(event, OperatorCommand) and event.command is Command.RESUME
        assert isinstance(event, OperatorCommand) or not resumed
        if not resumed or not isinstance(event, OperatorCommand) or event.args.get("word") != RESUME_WORD:
            raise Broken("latches stay", f"{kind.value} was cleared by {type(event).__name__}")
        if kind is LatchKind.STOP_FILE and self._stop_known:
            raise Broken("latches stay", "STOP_FILE was cleared while the file is there")
        if kind.severity is Severity.LOCK and event.args.get("key_ok") != "true":
            raise Broken("latches stay", f"{kind.value} was cleared without the safety key")

    def _protected(self, floor: Floor, ours: int) -> None:
        truth = self.truth
        guarded, _ = self._protection(truth)
        locked = floor.board.severity is Severity.LOCK
        aware = ours == truth and self.watching and not locked and floor.campaign is None and not floor.recovering
        naked = self._naked.held(self.now_ns, aware and bool(truth) and guarded < abs(truth))
        self.naked_ns = max(self.naked_ns, naked)
        if naked > NAKED_NS:
            raise Broken("never naked", f"{truth:+d} with stops for {guarded} for {naked // MS_NS} ms")
        surplus = self._surplus.held(self.now_ns, aware and guarded > abs(truth) and self._quiet())
        if surplus > SURPLUS_NS:
            raise Broken("stops match the position", f"{truth:+d} with stops for {guarded} for {surplus // MS_NS} ms")

    def _quiet(self) -> bool:
        """No entry is under way that exits could belong to."""
        return not any(r.order.role is Role.ENTRY for r in self._held_orders())

    @property
    def watching(self) -> bool:
        """The engine runs, hears the broker and the market is open."""
        assert self.engine is not None
        if self.asleep or self.hung or not self.connected or not can_send(self.engine.link):
            return False
        day = self.setting.table.day_at(self.now_ns)
        return day is not None and day.open_ns <= self.now_ns < day.close_ns

    def _protection(self, position: int) -> tuple[int, int]:
        """(contracts that stops or a market exit take out, contracts that any exit takes out) at the broker."""
        against = Side.SELL if position > 0 else Side.BUY
        stops: dict[str, int] = {}
        exits: dict[str, int] = {}
        for resting in self.sim._exchange._open:
            order = resting.order
            if order.purpose is Purpose.ENTRY or order.id not in self._sent or (position and order.side is not against):
                continue
            live, group = resting.live_quantity(), order.oca_group or order.id
            exits[group] = max(exits.get(group, 0), live)
            if order.type is not OrderType.LIMIT:
                stops[group] = max(stops.get(group, 0), live)
        return sum(stops.values()), sum(exits.values())

    def _campaigning(self, floor: Floor) -> None:
        locked = floor.board.severity is Severity.LOCK
        running = floor.campaign is not None and self.watching and (floor.campaign.manual or not locked)
        if self._campaign.held(self.now_ns, running) > CAMPAIGN_NS:
            raise Broken("a flatten ends", f"campaign {floor.campaign} is still running after {CAMPAIGN_NS // SECOND_NS} s")

    def _breaker(self, floor: Floor, ours: int) -> None:
        if floor.ledger.trade_date != self._day:
            self._day_clean = self._day is None
            self._day = floor.ledger.trade_date
        if self._spread is None or not self._day_clean or self._adjusted:
            return
        instrument = self.setting.params.execution
        contracts = sum(f.quantity for f in self._fills.values())
        cash = -sum(f.side * f.quantity * f.price_ticks for f in self._fills.values()) * instrument.tick_cents
        worst = self._spread[0] if ours > 0 else self._spread[1]
        value = cash + ours * worst * instrument.tick_cents - instrument.commission_cents * (contracts + abs(ours))
        limit = self.setting.params.trading.risk.daily_loss_cents
        if value <= -limit and LatchKind.DAILY_LOSS not in floor.board:
            raise Broken("the breaker trips", f"the day stands at {value} cents, limit {-limit}, and nothing is latched")

    # -- the journal --------------------------------------------------------------------------------------------------

    def _read_journal(self) -> None:
        rows = self.disk.rows
        for row in rows[self._journal_at :]:
            match row.kind:
                case "order":
                    self._journal_orders.add(row.ref)
                case "latch":
                    self._journal_latches[row.ref] = bool(row.payload.get("open"))
                case "fill":
                    base, revision = str(row.payload["base_id"]), int(str(row.payload["revision"]))
                    self._journal_fills[base] = max(self._journal_fills.get(base, 0), revision)
                case _:
                    continue
        self._journal_at = len(rows)

    def dying(self) -> set[LatchKind]:
        """The process ends: the latches that must be on disk by now."""
        safe_ns = self.now_ns - DURABLE_NS
        if self.trouble_ns > safe_ns:
            return set()
        return {kind for kind, since_ns in self._board.items() if since_ns <= safe_ns}

    def restored(self, engine: Engine, kept: set[LatchKind]) -> None:
        """A new engine stands on the journal: nothing that was safe may be gone."""
        self.engine = engine
        self._read_journal()
        board = self.floor.board._open
        gone = {kind.value for kind in kept if kind not in board}
        if gone:
            raise Broken("latches survive a restart", f"{sorted(gone)} were open and are not any more")
        self._board = {kind: latch.since_ns for kind, latch in board.items()}
        self._fills = {}
        for row in self.disk.rows:
            if row.kind == "fill" and row.payload["instrument"] == SYMBOL:
                self._recall(row.ref, row.payload)
        self._adjusted = self.floor.blotter._adjusted.get(SYMBOL, 0)
        self._position = self._adjusted + sum(f.side * f.quantity for f in self._fills.values())
        if self.floor.ledger.position(SYMBOL) != self._position:
            ours = self.floor.ledger.position(SYMBOL)
            raise Broken("replay equals the journal", f"restored {ours:+d}, the journal's fills are {self._position:+d}")
        if self.engine.desk._floor.arming.until_ns is not None or self.floor.automation.granted:
            raise Broken("a restart never re-arms", "armed after a restart")
        self._armed_ns = self._link_lost_ns = None
        self._stop_known = False
        self._naked, self._surplus, self._campaign = Since(), Since(), Since()
        self._day, self._day_clean = self.floor.ledger.trade_date, False

    def _recall(self, exec_id: str, payload: dict[str, object]) -> None:
        def number(key: str) -> int:
            return int(str(payload[key]))

        fill = Fill(
            exec_id,
            str(payload["base_id"]),
            number("revision"),
            None,
            0,
            SYMBOL,
            Side(number("side")),
            number("quantity"),
            number("price_ticks"),
        )
        old = self._fills.get(fill.base_id)
        if old is None or fill.revision > old.revision:
            self._fills[fill.base_id] = fill

    # -- at the end ---------------------------------------------------------------------------------------------------

    def settled(self, kept: set[LatchKind]) -> None:
        """After the liveness phase: flat or protected, one truth, nothing unknown, nothing forgotten."""
        floor, truth = self.floor, self.truth
        self._read_journal()
        locked = floor.board.severity is Severity.LOCK
        ours = floor.ledger.position(SYMBOL)
        if ours != truth:
            raise Broken("liveness: one position", f"broker {truth:+d}, ours {ours:+d}")
        day = self.setting.table.day_at(self.now_ns)
        is_open = day is not None and day.open_ns <= self.now_ns < day.close_ns
        guarded, exits = self._protection(truth)
        if truth and guarded < abs(truth) and not locked and is_open:
            raise Broken("liveness: flat or protected", f"{truth:+d} with stops for {guarded}")
        if not truth and exits and not locked and is_open:
            raise Broken("liveness: no orphans", f"flat, and exits for {exits} still work")
        unknown = [t.order.id for t in floor.blotter.unresolved()]
        if unknown:
            raise Broken("liveness: nothing unknown", f"{unknown}")
        if floor.campaign is not None and is_open and not locked:
            raise Broken("liveness: flatten finished", f"campaign stands at {floor.campaign.stage.value}")
        if floor.recovering:
            raise Broken("liveness: recovered", "still RECOVERING")
        self._remembered(floor, kept)

    def _remembered(self, floor: Floor, kept: set[LatchKind]) -> None:
        gone = {kind.value for kind in kept if kind not in floor.board and not kind.daily}
        if gone:
            raise Broken("liveness: latches kept", f"{sorted(gone)} are gone")
        forgotten = [kind.value for kind in floor.board._open if not self._journal_latches.get(kind.value)]
        if forgotten:
            raise Broken("liveness: latches on disk", f"{forgotten} are open and not in the journal")
        haunting = [kind for kind, is_open in self._journal_latches.items() if is_open and LatchKind(kind) not in floor.board]
        if haunting:
            raise Broken("liveness: latches on disk", f"{haunting} are open in the journal and cleared here")
        for fill in self.sim._exchange.books.fills:
            if fill.instrument == SYMBOL and self._journal_fills.get(fill.base_id, 0) < fill.revision:
                raise Broken("liveness: no fill lost", f"{fill.exec_id} is not in the journal")
        unwritten = [order_id for order_id in self._sent if order_id not in self._journal_orders]
        if unwritten:
            raise Broken("liveness: no order lost", f"{unwritten} left and are not in the journal")
