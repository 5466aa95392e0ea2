"""A house to test in: a desk, a tiny honest broker, a journal that can fall silent, and a clock that only tests move.

The broker answers at once unless told otherwise; entries fill at the opposite quote, stops at the trade that touches them,
targets when a trade goes through; in a group a fill takes as much from the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar

from orderflow_tui.domain.account import AccountReport, BrokerOrder, Link, LinkStatus
from orderflow_tui.domain.action import (
    Action,
    Alert,
    AskAccountReport,
    Cancel,
    CancelEverything,
    Commit,
    Record,
    Row,
    Send,
    SendChange,
)
from orderflow_tui.domain.event import Command, Committed, JournalFailed, OperatorCommand, StopFileSeen
from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.market import Grade, Mark
from orderflow_tui.domain.order import BrokerStatus, Fill, Order, OrderState, OrderType, OrderUpdate, Purpose, Role, Side
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.domain.signal import Decision, Direction, Regime
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.trading.desk import Desk, DeskEvent
from orderflow_tui.trading.floor import Floor
from orderflow_tui.trading.limits import RiskLimits, Timing, TradingParams
from orderflow_tui.trading.protection import assured
from tests.builders import ES, MES

START_NS = 1_772_730_000 * SECOND_NS
TODAY = date(2026, 3, 5)
PRICE = 20_000
RICH = RiskLimits(starting_balance_cents=10_000_000, max_contracts=3)
T = TypeVar("T")


def facts(now_ns: int = START_NS, last: int | None = PRICE, **changes: object) -> Facts:
    """A quiet regular session: everything fine, bid one under, ask one over the last trade."""
    mark = Mark("MES", None if last is None else last - 1, None if last is None else last + 1, last, now_ns)
    base = Facts(now_ns, TODAY, True, "", None, True, True, 100, Grade.A, Link.READY, 1, (mark,))
    return replace(base, **changes)  # type: ignore[arg-type]


def decision(name: str = "d1", direction: Direction = Direction.LONG, ts_ns: int = START_NS, **changes: object) -> Decision:
    """An accepted decision in a ranging market at full size."""
    base = Decision(name, ts_ns, f"s-{name}", "VA_BREAKOUT", direction, True, "", "", Regime.RANGING, 0.8, 80.0, 1.0, 1, PRICE)
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass
class Held:
    """An order at the tiny broker."""

    order: Order
    filled: int = 0
    alive: bool = True
    status: BrokerStatus = BrokerStatus.WORKING

    @property
    def left(self) -> int:
        return self.order.quantity - self.filled if self.alive else 0


@dataclass
class TinyBroker:
    """Honest books. `deaf` swallows requests, `mute` swallows answers, `part` fills only so many contracts of an entry.
    `position` is MES, `others` whatever else the account holds; money as reports tell it, `currency` where not in dollars."""

    orders: dict[str, Held] = field(default_factory=dict)
    position: int = 0
    others: dict[str, int] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    deaf: bool = False
    mute: bool = False
    mute_reports: bool = False
    part: int | None = None
    equity_cents: int | None = None
    excess_cents: int | None = 10_000_000
    currency: str = ""
    reject: Callable[[Order], bool] = field(default=lambda _: False)
    sent_ids: list[str] = field(default_factory=list)
    out: list[DeskEvent] = field(default_factory=list)

    def say(self, event: DeskEvent) -> None:
        if not self.mute:
            self.out.append(event)

    def status(self, held: Held, now: int, status: BrokerStatus, **echo: object) -> None:
        held.status = status
        update = OrderUpdate(held.order.id, now, status, filled=held.filled, remaining=held.left)
        self.say(replace(update, **echo))  # type: ignore[arg-type]

    def send(self, orders: tuple[Order, ...], now: int) -> None:
        self.sent_ids += [o.id for o in orders]
        if self.deaf:
            return
        for order in orders:
            held = self.orders[order.id] = Held(order)
            if self.reject(order):
                held.alive = False
                self.status(held, now, BrokerStatus.REJECTED, text="no")
                for child in orders:
                    if child.parent_id == order.id:
                        self.orders[child.id] = Held(child, alive=False, status=BrokerStatus.CANCELLED)
                        self.status(self.orders[child.id], now, BrokerStatus.CANCELLED)
                if order.role is Role.ENTRY:
                    return
            else:
                echo = order.stop_ticks if order.type is OrderType.STOP else order.limit_ticks
                self.status(
                    held,
                    now,
                    BrokerStatus.WORKING,
                    revision=order.revision,
                    echoed_quantity=order.quantity,
                    echoed_price_ticks=echo,
                    echoed_tif=order.tif,
                    echoed_outside_rth=order.outside_rth,
                )

    def change(self, order: Order, now: int) -> None:
        held = self.orders.get(order.id)
        if self.deaf or held is None:
            return
        if held.alive:
            held.order = order
            self.status(held, now, BrokerStatus.WORKING, revision=order.revision, echoed_quantity=order.quantity)

    def cancel(self, ids: tuple[str, ...], now: int) -> None:
        for order_id in () if self.deaf else ids:
            held = self.orders.get(order_id)
            if held is not None and held.alive:
                self.end(held, now)

    def end(self, held: Held, now: int) -> None:
        """Cancel an order and its unborn children; a part-filled parent leaves its children what it filled."""
        held.alive = False
        self.status(held, now, BrokerStatus.CANCELLED)
        for child in self.orders.values():
            if child.order.parent_id == held.order.id and child.alive and not held.filled:
                self.end(child, now)

    def match(self, bid: int, ask: int, last: int, now: int) -> None:
        for held in list(self.orders.values()):
            order = held.order
            if not held.left or (order.parent_id in self.orders and not self.orders[order.parent_id or ""].filled):
                continue
            price = self._price(order, bid, ask, last)
            if price is None:
                continue
            quantity = held.left
            if order.role is Role.ENTRY and self.part is not None:
                quantity = min(quantity, self.part - held.filled)
            parent = self.orders.get(order.parent_id or "")
            if parent is not None:
                quantity = min(quantity, parent.filled - held.filled)
            if quantity > 0:
                self.fill(held, quantity, price, now)

    @staticmethod
    def _price(order: Order, bid: int, ask: int, last: int) -> int | None:
        touch = ask if order.side is Side.BUY else bid
        if order.type is OrderType.MARKET:
            return touch
        if order.type is OrderType.STOP:
            assert order.stop_ticks is not None
            return last if (last - order.stop_ticks) * order.side >= 0 else None
        assert order.limit_ticks is not None
        if order.role is Role.TARGET:
            return order.limit_ticks if (last - order.limit_ticks) * order.side < 0 else None
        return touch if (touch - order.limit_ticks) * order.side <= 0 else None

    def fill(self, held: Held, quantity: int, price: int, now: int) -> Fill:
        held.filled += quantity
        symbol, signed = held.order.instrument, held.order.side * quantity
        if symbol == "MES":
            self.position += signed
        else:
            self.others[symbol] = self.others.get(symbol, 0) + signed
        base = f"x{len(self.fills) + 1}"
        fill = Fill(f"{base}.01", base, 1, held.order.id, now, held.order.instrument, held.order.side, quantity, price)
        self.fills.append(fill)
        self.say(fill)
        if held.filled >= held.order.quantity:
            held.alive = False
            self.status(held, now, BrokerStatus.FILLED)
        for other in self.orders.values():
            same = held.order.oca_group and other.order.oca_group == held.order.oca_group
            if same and other is not held and other.alive:
                if other.left <= quantity:
                    self.end(other, now)
                else:
                    other.order = replace(other.order, quantity=other.order.quantity - quantity)
                    self.status(other, now, BrokerStatus.WORKING, echoed_quantity=other.order.quantity)
        return fill

    def report(self, now: int, epoch: int, account: str = "U1") -> AccountReport:
        lines = [
            BrokerOrder(
                h.order.id,
                h.order.number,
                h.order.number,
                h.order.instrument,
                h.order.side,
                h.order.type,
                h.order.quantity,
                h.filled,
                h.status if h.alive or not h.filled or h.left else BrokerStatus.FILLED,
                h.order.stop_ticks if h.order.stop_ticks is not None else h.order.limit_ticks,
                h.order.tif,
                h.order.outside_rth,
                h.order.oca_group,
            )
            for h in self.orders.values()
        ]
        alive = tuple(line for line, h in zip(lines, self.orders.values(), strict=True) if h.alive)
        dead = tuple(line for line, h in zip(lines, self.orders.values(), strict=True) if not h.alive)
        held = tuple((symbol, n) for symbol, n in (("MES", self.position), *self.others.items()) if n)
        report = AccountReport(now, now, epoch, True, (), account, held, alive, dead, tuple(self.fills))
        return replace(report, equity_cents=self.equity_cents, excess_liquidity_cents=self.excess_cents, currency=self.currency)


class House:
    """Moves time and prices, carries out actions, remembers everything."""

    def __init__(
        self,
        params: TradingParams | None = None,
        *,
        journal: str = "prompt",
        desk: Desk | None = None,
        broker: TinyBroker | None = None,
    ) -> None:
        self.params = params or TradingParams(risk=RICH)
        self.desk = desk or Desk(self.params, {"MES": MES, "ES": ES}, "MES", "U1", "t")
        self.broker = broker or TinyBroker()
        self.journal = journal  # prompt | silent | failing
        self.now = START_NS
        self.last = PRICE
        self.changes: dict[str, object] = {}
        self.rows: list[Row] = []
        self.done: list[Action] = []
        self.key = 0

    # -- the world ----------------------------------------------------------------------------------------------------

    @property
    def floor(self) -> Floor:
        return self.desk._floor  # tests look inside on purpose

    @property
    def facts(self) -> Facts:
        return facts(self.now, self.last, **self.changes)

    def tell(self, event: DeskEvent) -> list[Action]:
        """One event, and everything it causes."""
        before = len(self.done)
        self._carry(self.desk.on(event, self.facts))
        return self.done[before:]

    def _carry(self, actions: list[Action]) -> None:
        self.done += actions
        for action in actions:
            self._act(action)
        self._deliver()

    def _deliver(self) -> None:
        while self.broker.out:
            self._carry(self.desk.on(self.broker.out.pop(0), self.facts))

    def _act(self, action: Action) -> None:
        match action:
            case Commit(rows, ids):
                if self.journal == "prompt":
                    self.rows += rows
                    self._carry(self.desk.on(Committed(self.now, ids, 1), self.facts))
                elif self.journal == "failing":
                    self._carry(self.desk.on(JournalFailed(self.now, ids, "disk full"), self.facts))
            case Record(row):
                self.rows.append(row)
            case Send(orders):
                self.broker.send(orders, self.now)
            case SendChange(_, order):
                self.broker.change(order, self.now)
            case Cancel(ids):
                self.broker.cancel(ids, self.now)
            case CancelEverything():
                self.broker.cancel(tuple(self.broker.orders), self.now)
            case AskAccountReport():
                if not self.broker.mute_reports:
                    report = self.broker.report(self.now, self.facts.link_epoch)
                    self._carry(self.desk.on(report, self.facts))
            case _:
                pass

    def trade(self, *prices: int) -> None:
        """Trades, one a millisecond: the broker matches, the desk sees the mark."""
        for price in prices:
            self.wait(1)
            self.last = price
            self._carry(self.desk.on_mark(self.facts))
            self.broker.match(price - 1, price + 1, price, self.now)
            self._deliver()

    def wait(self, ms: int) -> None:
        """Time passes; every timer fires at its own instant."""
        if self.floor.started_ns is None:
            self._carry(self.desk.on_time(self.facts))
        until = self.now + ms * MS_NS
        while True:
            due = self.desk.watch(self.facts).due_ns
            if due > until:
                break
            self.now = max(due, self.now)
            self._carry(self.desk.on_time(self.facts))
            assert self.desk.watch(self.facts).due_ns > self.now, "a timer that fired must move on"
        self.now = until

    def decide(self, made: Decision) -> list[Action]:
        """The router accepted something."""
        before = len(self.done)
        self._carry(self.desk.on_decision(made, self.facts))
        return self.done[before:]

    # -- the person ---------------------------------------------------------------------------------------------------

    def press(self, command: Command, **args: str) -> list[Action]:
        self.key += 1
        return self.tell(OperatorCommand(self.now, command, f"key-{self.key}", args))

    def arm(self) -> House:
        self.press(Command.ARM)
        return self

    def bracket(self, side: str = "BUY", quantity: int = 1) -> list[Action]:
        """Armed, then a bracket; it stands at the broker, not yet filled."""
        self.arm()
        return self.press(Command.BRACKET, side=side, quantity=str(quantity))

    def enter(self, side: str = "BUY", quantity: int = 1) -> House:
        """A filled bracket."""
        self.bracket(side, quantity)
        self.trade(self.last)
        assert abs(self.desk.position()) == quantity, self.desk.refusals
        return self

    def link(self, link: Link, epoch: int = 1) -> list[Action]:
        self.changes |= {"link": link, "link_epoch": epoch}
        return self.tell(LinkStatus(self.now, link, epoch, "test"))

    def stop_file(self, action: str) -> list[Action]:
        return self.tell(StopFileSeen(self.now, action, f"STOP file: {action}"))

    # -- looking ------------------------------------------------------------------------------------------------------

    def all(self, kind: type[T]) -> list[T]:
        return [a for a in self.done if isinstance(a, kind)]

    def sent(self, purpose: Purpose | None = None) -> list[Order]:
        return [o for s in self.all(Send) for o in s.orders if purpose is None or o.purpose is purpose]

    def alerts(self, kind: str) -> list[str]:
        return [a.text for a in self.all(Alert) if a.kind == kind]

    def ticket(self, role: Role) -> Ticket:
        return next(t for t in reversed(list(self.floor.blotter.tickets.values())) if t.order.role is role)

    def state_of(self, role: Role) -> OrderState:
        return self.ticket(role).state

    @property
    def latched(self) -> set[str]:
        return {latch.kind.value for latch in self.desk.latches}

    @property
    def state(self) -> str:
        return self.desk.state(self.facts).value

    @property
    def assured(self) -> int:
        """Contracts of the position in MES whose stop works at the broker."""
        return assured(self.floor.against("MES"))

    @property
    def refusal(self) -> str:
        """The rule of the last refusal."""
        return self.desk.refusals[-1].rule

    def restart(self) -> House:
        """The process died: a new desk from the journal's rows; the broker went on."""
        desk = Desk(self.params, {"MES": MES, "ES": ES}, "MES", "U1", "t")
        desk.restore(self.rows)
        house = House(self.params, desk=desk, broker=self.broker)
        house.now, house.last, house.rows, house.key = self.now + SECOND_NS, self.last, list(self.rows), self.key + 1000
        house.broker.out.clear()
        return house


SLOW = replace(Timing(), reconcile_ms=0)


def owing() -> House:
    """An entry of two is over: one filled, the broker has counted it, and its execution got lost; no report comes."""
    house = House(TradingParams(risk=replace(RICH, max_contracts=2)))
    house.bracket("BUY", 2)
    house.broker.part, house.broker.mute, house.broker.mute_reports = 1, True, True
    house.trade(house.last)
    house.broker.mute, house.broker.part = False, None
    house.wait(5_200)
    return house
