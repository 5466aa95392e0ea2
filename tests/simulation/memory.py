"""What the oracle remembers of a run: its own count of everything it judges by, independent of the engine's."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import date

from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_broker_faults import Fault
from orderflow_tui.adapters.sim_broker_orders import Resting
from orderflow_tui.adapters.sim_broker_orders import Stage as Where
from orderflow_tui.domain.account import Link
from orderflow_tui.domain.action import Row
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Fill, Order, OrderType, Purpose, Side
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.engine import Engine
from orderflow_tui.trading.fences import can_send
from orderflow_tui.trading.flatten import Campaign
from orderflow_tui.trading.floor import Floor
from tests.simulation.disk import Disk
from tests.simulation.flattens import Flattens
from tests.simulation.grant import Grant
from tests.simulation.house import Setting
from tests.simulation.money import Money, counted, peak
from tests.simulation.tape import Tape

SYMBOL = "MES"
FOREIGN = "ES"  # known, and not traded here
RECOVERED_AFTER = 2  # complete reports
ARMED_NS = 60 * SECOND_NS
IDLE = 3  # flattens of nothing that may begin within a minute
AT_BROKER = {fault.value: fault for fault in Fault}
OUTSIDERS = frozenset({"manual_trade", "liquidation", "hand_trade", "position_drift", "exec_busted"})

DISK_TROUBLE = frozenset(
    {"commit_fails", "commit_slow", "commit_uncertain", "disk_full", "disk_stalled", "market_batch_lost", "crash_torn_tail"}
)


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


@dataclass(slots=True)
class Written:
    """The journal as it is on disk, read row by row."""

    at: int = 0
    orders: set[str] = field(default_factory=set)
    changes: set[tuple[str, int]] = field(default_factory=set)  # (order, revision)
    latches: dict[str, bool] = field(default_factory=dict)
    fills: dict[str, int] = field(default_factory=dict)  # newest revision by base id
    doubled: list[str] = field(default_factory=list)  # executions recorded twice
    campaign: str | None = None
    manual: bool = False  # a person wants it
    failed: bool = False  # the last flatten, and no latch since
    cooldown_ns: int = 0

    def read(self, rows: list[Row]) -> None:
        """Take the new rows in."""
        for row in rows[self.at :]:
            match row.kind:
                case "order":
                    self.orders.add(row.ref)
                case "change":
                    self.changes.add((row.ref, int(str(row.payload["revision"]))))
                case "latch":
                    self.latches[row.ref] = bool(row.payload.get("open"))
                    self.failed = self.failed and row.ref != LatchKind.FLATTEN_FAILED.value
                case "fill":
                    base, revision = str(row.payload["base_id"]), int(str(row.payload["revision"]))
                    self.fills[base] = max(self.fills.get(base, 0), revision)
                case "duplicate" if row.payload.get("kind") == "fill":
                    self.doubled.append(row.ref)
                case "campaign":
                    if row.payload.get("what") == "begin":
                        self.campaign, self.manual = row.ref, bool(row.payload.get("manual"))
                    elif row.ref == self.campaign:
                        self.campaign, self.manual = None, False
                    self.failed = row.payload.get("what") == "failed"
                case "cooldown":
                    self.cooldown_ns = max(self.cooldown_ns, int(str(row.payload["until_ns"])))
                case _:
                    continue
        self.at = len(rows)


@dataclass
class Memory:
    """One for a run; it outlives every engine of it. `facts` counts everything that was injected or pressed."""

    setting: Setting
    sim: SimBroker
    disk: Disk
    now_ns: int = 0
    facts: Counter[str] = field(default_factory=Counter)
    engine: Engine | None = None
    # the world
    stop_file: str | None = None
    hung: bool = False
    connected: bool = True
    asleep: bool = False  # the engine does not run now
    trouble_ns: int = 0  # when the disk was last in trouble
    # what left
    sent: dict[str, Order] = field(default_factory=dict)
    standing: dict[str, Order] = field(default_factory=dict)  # as each last left, changes included
    unwritten: set[str] = field(default_factory=set)  # orders that left in this life before their row was on disk
    unwritten_changes: set[tuple[str, int]] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)  # orders whose row a death took
    numbers: dict[int, str] = field(default_factory=dict)
    revisions: set[tuple[str, int]] = field(default_factory=set)
    causes: set[str] = field(default_factory=set)
    entries: deque[int] = field(default_factory=deque)
    # what was told
    event: Event | None = None
    fills: dict[str, Fill] = field(default_factory=dict)  # newest revision by base id
    position: int = 0
    before: int = 0  # position before the event
    changed_ns: int | None = None  # when a change last left
    flat_ns: int = 0  # when the position last became zero
    called_off: set[str] = field(default_factory=set)  # cancelled as soon as nothing was held any more
    told_to_go: set[str] = field(default_factory=set)  # cancelled at any time
    adjusted: int = 0
    last: int | None = None
    priced: bool = False  # whether this life has heard a trade
    quoted: bool = False  # whether it has heard a quote
    tape: Tape = field(default_factory=Tape)
    spread: tuple[int, int] | None = None  # lowest and highest trade of the event
    data_ns: int | None = None
    link_lost_ns: int | None = None
    unwell: bool = False  # loop or clocks are out of step, or the broker's reset is near
    unwell_ns: int | None = None  # when they last were found to be
    link: Link = Link.OFF  # as told
    epoch: int = 0
    reached_ns: int | None = None  # when the line was last told to be back
    link_was_up: bool = False  # before the event
    commits: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=1_000))  # when answered, ms each took
    cool_ns: int = 0  # entries wait until then
    rejected: set[str] = field(default_factory=set)  # entries whose rejection was told
    reports: int = 0  # complete ones since the boot
    reported_ns: int = 0  # when the newest of them came, at first when this life began
    booted: bool = False  # there was an earlier life
    # who halted
    halted_by_person: bool = False
    halted_by_stop: bool = False
    stop_known: bool = False
    armed_ns: int | None = None
    grant: Grant = field(default_factory=Grant)
    wanted: bool = False  # a person, or the STOP file, wants the flatten that runs
    running: Campaign | None = None  # the flatten that ran after the event before
    idle: deque[int] = field(default_factory=lambda: deque(maxlen=IDLE + 1))  # when flattens of nothing began
    latched_ns: int = -1  # when a latch last opened
    # what stands
    board: dict[LatchKind, int] = field(default_factory=dict)
    written: Written = field(default_factory=Written)
    naked_ns: int = 0  # the longest naked time seen
    naked: Since = field(default_factory=Since)
    surplus: Since = field(default_factory=Since)
    outside: Since = field(default_factory=Since)  # since when exits in groups of their own take out more than is held
    turned: Since = field(default_factory=Since)  # since when exits would add to the position
    campaign: Since = field(default_factory=Since)
    flattens: Flattens = field(default_factory=Flattens)
    heard: Since = field(default_factory=Since)  # since when the broker can be asked
    silent_until_ns: int = 0  # until then the broker makes no account report
    awake_ns: int = 0  # since when the engine runs
    stalled_ns: int = 0  # since when it stands still, 0 while it does not
    slept_ns: int = 0  # when it began to stand still the last time, 0 since a birth
    asked_ns: int = 0  # when a report was last asked for
    working: dict[str, int] = field(default_factory=dict)  # entries at the broker, and since when nobody tried to end them
    news: dict[str, int] = field(default_factory=dict)  # entries of which a part filled, and when news of them last came
    day: date | None = None
    # the day's money
    money: Money = field(default_factory=Money)
    booked_ns: int = -1  # when an execution was last booked
    peak_cents: int = 0  # what the day surely stood at
    peak_most_cents: int = 0  # what it can at most be believed to have stood at
    peak_ns: int = 0  # when it last rose
    went: dict[int, tuple[int, int]] = field(default_factory=dict)  # by executions told: lowest and highest price heard
    went_held: dict[int, tuple[int, int]] = field(default_factory=dict)  # the same while something was held, in this life
    peaks: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])  # since when, cents
    equity_cents: int | None = None  # as told
    excess_cents: int | None = None
    excess_ns: int = 0  # when it was told
    margin: tuple[int, int] | None = None  # when told, cents a contract
    told_ns: int = 0  # when the broker last told what the account is worth
    # agreement with the broker
    compared: tuple[int, int] | None = None  # (broker, ours) by the report just processed, None when it says nothing
    agreements: int = 0  # reports in a row that agree, at least a second apart
    agreed_ns: int | None = None  # when the last of those came
    apart: int = 0  # reports in a row that differed
    apart_ns: int | None = None  # since when
    unsettled_ns: int = 0
    ask_within_ns: int | None = None  # the broker must be asked so soon after that
    books_seen: int = 0
    books_position: int = 0

    @property
    def floor(self) -> Floor:
        """The floor of the running engine; looking inside is what an oracle is for."""
        assert self.engine is not None
        return self.engine._desk._floor

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
        fault = AT_BROKER.get(kind)
        by_broker = fault is not None and self.sim._mischief.injected[fault]
        return bool(self.facts[kind] or by_broker or self.disk.injected.get(kind))

    @property
    def honest(self) -> bool:
        """Whether nothing but keys has been injected so far."""
        if any(self.sim.injected.values()) or any(self.disk.injected.values()):
            return False
        return not any(count for name, count in self.facts.items() if not name.startswith("key "))

    def count_the_lost(self) -> None:
        """Two misfortunes at once: protection left without its row because the disk failed, and death came before the row. At
        birth, when the journal has been read. A third: the order never arrived, or died with the hung line. Then nobody on earth
        can know its name and number any more, and nothing of it lives. A change whose row is lost is drawn again."""
        self.lost |= self.unwritten - self.written.orders
        self.revisions -= self.unwritten_changes - self.written.changes
        self.unwritten, self.unwritten_changes = set(), set()
        for order_id in sorted(self.lost):
            held = self.sim._exchange.find(order_id)
            if held is None or held.stage is Where.LOST:
                order = self.sent.pop(order_id)
                self.numbers.pop(order.number, None)
                self.lost.discard(order_id)

    @property
    def lost_one_lives(self) -> bool:
        """Whether an order that the journal lost is at the broker."""
        return bool(self.lost) and any(r.order.id in self.lost for r in self.at_broker())

    @property
    def settled_in(self) -> bool:
        """Whether this life knows what is held: the broker has agreed twice."""
        return self.agreements >= RECOVERED_AFTER or not self.floor.recovering

    @property
    def armed(self) -> bool:
        """Whether a hand is on the key."""
        return self.armed_ns is not None and self.now_ns - self.armed_ns <= ARMED_NS

    def trade_date(self, now_ns: int) -> date | None:
        """The trade date of an instant."""
        day = self.setting.table.day_at(now_ns)
        return None if day is None else day.trade_date

    @property
    def market_open(self) -> bool:
        """Whether the market is open now."""
        day = self.setting.table.day_at(self.now_ns)
        return day is not None and day.open_ns <= self.now_ns < day.close_ns

    @property
    def day_turned(self) -> bool:
        """Whether the broker has forgotten the executions the run began with: then a position may need an ADJUST."""
        return self.setting.table.day_at(self.now_ns) is not self.setting.table.day_at(self.setting.start_ns)

    @property
    def steady(self) -> bool:
        """Whether executions alone make the position: nothing had to be adjusted, no day turned."""
        return not self.facts["position_drift"] and not self.day_turned

    @property
    def watching(self) -> bool:
        """The engine runs, hears the broker and the market is open."""
        heard = not self.asleep and not self.hung and self.connected and can_send(self.link)
        return heard and self.market_open

    @property
    def informed(self) -> bool:
        """It watches, and account reports come: without them nobody can know what works at the broker."""
        return self.watching and self.now_ns >= self.silent_until_ns

    def at_broker(self) -> list[Resting]:
        """Orders that have not ended at the broker, on their way included."""
        return [r for r in self.sim._exchange._orders.values() if r.stage is not Where.DONE and r.stage is not Where.LOST]

    def protection(self, position: int, without: Container[str] = ()) -> tuple[int, int]:
        """(contracts that stops or a market exit take out, contracts that any exit takes out) at the broker, leaving some out."""
        against = Side.SELL if position > 0 else Side.BUY
        stops: dict[str, int] = {}
        exits: dict[str, int] = {}
        for resting in self.sim._exchange._open:
            order = resting.order
            if order.purpose is Purpose.ENTRY or order.id not in self.sent or order.id in without:
                continue
            if position and order.side is not against:
                continue
            live, group = resting.live_quantity(), order.oca_group or order.id
            exits[group] = max(exits.get(group, 0), live)
            if order.type is not OrderType.LIMIT:
                stops[group] = max(stops.get(group, 0), live)
        return sum(stops.values()), sum(exits.values())

    def stopped(self, position: int) -> int:
        """Contracts that stops alone take out at the broker."""
        groups: dict[str, int] = {}
        for resting in self.sim._exchange._open:
            order = resting.order
            if order.type is OrderType.STOP and order.id in self.sent and position * order.side < 0:
                group = order.oca_group or order.id
                groups[group] = max(groups.get(group, 0), resting.live_quantity())
        return sum(groups.values())

    def time_the_flatten(self, now_ns: int) -> None:
        """Look whether one runs, and how it stands at the broker."""
        running = self.engine is not None and self.floor.campaign is not None
        if running or self.flattens.runs:
            held = self.truth
            self.flattens.look(
                now_ns, running=running, counts=self.watching, held=abs(held), stopped=self.stopped(held) if held else 0
            )

    def adding(self, position: int) -> list[str]:
        """Our exits, awake at the broker, that would add to the position: of the side that somebody turned around."""
        return [
            r.order.id
            for r in self.sim._exchange._open
            if r.order.purpose is not Purpose.ENTRY
            and r.order.side * position > 0
            and r.order.id in self.sent
            and r.live_quantity()
        ]

    def exits_at_broker(self) -> list[str]:
        """Our stops and market exits that are awake there."""
        return [
            r.order.id
            for r in self.sim._exchange._open
            if r.order.purpose is not Purpose.ENTRY
            and r.order.type is not OrderType.LIMIT
            and r.order.id in self.sent
            and r.live_quantity()
        ]

    def book(self, fill: Fill) -> bool:
        """An execution was told: each base id counts once, with its newest revision. Whether it was news."""
        if fill.instrument != SYMBOL:
            return False
        old = self.fills.get(fill.base_id)
        if old is not None and fill.revision <= old.revision:
            return False
        self.fills[fill.base_id] = fill
        self.booked_ns = self.now_ns
        self.recount()
        if old is not None:
            self._correct_the_peak()
        elif not self.position:  # a report may tell more in the same breath
            self.peak_most_cents = max(self.peak_most_cents, self.money.closed_cents)
        return True

    def most(self) -> int:
        """The most that the day can be believed to have stood at, by what its executions are now."""
        return peak(self.fills.values(), self.went, self.setting.params.execution)

    def _correct_the_peak(self) -> None:
        """An execution was corrected: the day stood at what it makes of the prices, not at what it seemed to make."""
        self.peak_most_cents = self.most()
        self.peak_cents = peak(self.fills.values(), self.went_held, self.setting.params.execution)
        self.peaks = [(0, min(self.peaks[0][1], self.peak_cents)), (self.now_ns, self.peak_cents)]

    def recount(self) -> None:
        """The position that executions and adjustments add up to, and their money."""
        held, self.position = self.position, self.adjusted + sum(f.side * f.quantity for f in self.fills.values())
        if held and not self.position:
            self.flat_ns = self.now_ns
        self.money = counted(self.fills.values(), self.setting.params.execution)

    def rose(self, cents: int) -> None:
        """The day surely stood at this value."""
        if cents > self.peak_cents:
            self.peak_cents, self.peak_ns = cents, self.now_ns
            self.peaks.append((self.now_ns, cents))
        self.peak_most_cents = max(self.peak_most_cents, cents)

    def ask_by(self, within_ns: int) -> None:
        """A report settled nothing: the broker must be asked again so soon."""
        if self.ask_within_ns is None:
            self.unsettled_ns, self.ask_within_ns = self.now_ns, within_ns
