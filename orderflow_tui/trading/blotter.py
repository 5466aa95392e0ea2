"""The blotter: every order of ours with what we believe about it, and every execution exactly once.

An execution is known by its base id for ever; a higher revision of it replaces the lower one and only the difference
counts; zero quantity is a bust. Memory grows with orders and executions, which the gate's rates bound (at most 60 entry
intents an hour).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from orderflow_tui.domain.order import Change, Exposure, Fill, Order, OrderState, Purpose, Role, Side
from orderflow_tui.trading import lifecycle
from orderflow_tui.trading.lifecycle import LIFE, TERMINAL, News


@dataclass(slots=True)
class Ticket:
    """One order and what we believe about it. `order` is as last agreed with the broker; an unanswered `change` stands
    beside it and exposure counts the worse of the two. `absent` counts complete reports in a row that did not list it,
    without any sign of life between them."""

    order: Order
    state: OrderState
    born_ns: int
    sent_ns: int | None = None
    filled: int = 0
    spent: int = 0  # contracts of an exit that are gone at the broker: executions it ever told, or its own count in a report
    change: Change | None = None
    changed: Order | None = None
    cancel_ns: int | None = None
    answer_due_ns: int | None = None
    news_ns: int = 0
    unknown_ns: int | None = None
    absent: int = 0
    drawn: int = 0  # the highest revision ever asked for: each is sent once
    refused_ns: int | None = None  # when the broker last refused a change: it is not asked again for a while
    busted: bool = False  # an execution of it was taken back: the broker is asked when another one comes
    sound: bool = True  # the broker echoed the safety fields we asked for
    note: str = ""
    said: str = ""  # the broker's last words about it
    rejected: bool = False  # its rejection was learnt: it is news once
    parent: Ticket | None = None  # the entry it hangs on

    @property
    def live(self) -> bool:
        """Whether it may still do something."""
        return self.state not in TERMINAL

    @property
    def gone(self) -> int:
        """Contracts of it that cannot fill any more. A busted execution does not bring its contract back to an exit. What the
        broker has counted of an entry and not told may still come."""
        return self.filled if self.order.role is Role.ENTRY else max(self.filled, self.spent)

    @property
    def remaining(self) -> int:
        """What may still fill: of the order as agreed, or as asked for, whichever is more."""
        asked = self.order.quantity if self.change is None else max(self.order.quantity, self.change.quantity)
        return max(0, asked - self.gone) if self.live else 0

    @property
    def assured(self) -> int:
        """What will certainly fill when its price comes: the lesser of agreed and asked."""
        agreed = self.order.quantity if self.change is None else min(self.order.quantity, self.change.quantity)
        return max(0, agreed - self.gone) if self.live else 0

    @property
    def protecting(self) -> int:
        """What is assured and awake: the broker holds a child back until its entry fills, and wakes only as much of it."""
        parent = self.parent
        if parent is None or parent.state is OrderState.FILLED:
            return self.assured
        return min(self.assured, max(0, parent.filled - self.gone))

    @property
    def hoped(self) -> int:
        """What protects, with the contracts that the broker counts as filled and whose executions have not come."""
        return self.protecting + self.gone - self.filled if self.live else 0

    @property
    def group(self) -> str:
        """The orders it is cancelled with, itself where there are none."""
        return self.order.oca_group or self.order.id


@dataclass(frozen=True, slots=True)
class Moved:
    """An order changed state."""

    ticket: Ticket
    before: OrderState
    after: OrderState
    news: News


@dataclass(frozen=True, slots=True)
class Booking:
    """An execution as booked: `previous` is the revision it replaces, `late` says the order was believed over."""

    fill: Fill
    previous: Fill | None
    ticket: Ticket | None
    late: bool
    moved: Moved | None

    @property
    def signed(self) -> int:
        """By how much it changed the position."""
        before = 0 if self.previous is None else self.previous.side * self.previous.quantity
        return self.fill.side * self.fill.quantity - before


@dataclass(frozen=True, slots=True)
class Owed:
    """Contracts of an ended entry that the broker has counted as filled and whose executions have not come."""

    intent_id: str
    side: Side
    quantity: int


class UnknownOrder(Exception):
    """News of an order this book never held."""


class Blotter:
    """Tickets by order id, executions by base id."""

    __slots__ = ("_adjusted", "_booked", "_counted", "_fills", "_live", "tickets")

    def __init__(self) -> None:
        self.tickets: dict[str, Ticket] = {}
        self._live: dict[str, Ticket] = {}
        self._fills: dict[str, Fill] = {}
        self._booked: dict[str, int] = {}
        self._adjusted: dict[str, int] = {}
        self._counted: dict[str, tuple[int, int]] = {}  # filled as counted by the broker, and when it said so

    def add(self, order: Order, now_ns: int, state: OrderState = OrderState.PROPOSED) -> Ticket:
        """Enter a new order. The same id twice is our bug."""
        assert order.id not in self.tickets, f"order id {order.id} used twice"
        ticket = Ticket(order, state, now_ns, news_ns=now_ns, parent=self.tickets.get(order.parent_id or ""))
        assert ticket.live, f"order {order.id} enters the book as {state.value}"
        self.tickets[order.id] = self._live[order.id] = ticket
        return ticket

    def tell(self, order_id: str, news: News, now_ns: int, note: str = "") -> Moved:
        """Apply news. Raises UnknownOrder, and IllegalNews for what cannot happen."""
        ticket = self.tickets.get(order_id)
        if ticket is None:
            raise UnknownOrder(f"news '{news.value}' of order {order_id}, which was never ours")
        before = ticket.state
        ticket.state = lifecycle.after(order_id, before, news)
        ticket.news_ns = now_ns
        if news in LIFE:
            ticket.absent = 0
        if note:
            ticket.note = note
        self._settle(ticket, before, now_ns)
        return Moved(ticket, before, ticket.state, news)

    def _settle(self, ticket: Ticket, before: OrderState, now_ns: int) -> None:
        if ticket.live:
            self._live[ticket.order.id] = ticket
        else:
            self._live.pop(ticket.order.id, None)
            ticket.answer_due_ns = ticket.change = ticket.changed = None
        if ticket.state is OrderState.UNKNOWN:
            ticket.answer_due_ns = None
            if before is not OrderState.UNKNOWN:
                ticket.unknown_ns, ticket.absent = now_ns, 0
        else:
            ticket.unknown_ns, ticket.absent = None, 0

    def force(self, order_id: str, state: OrderState, now_ns: int) -> None:
        """Set what a journal row says, without asking the table: it was asked when the row was written. What has filled is
        no part of it: only executions count, each once, and theirs may be the next row or one that died with the process."""
        ticket = self.tickets.get(order_id)
        if ticket is None:
            raise UnknownOrder(f"a journal row tells of order {order_id}, which no earlier row introduced")
        before, ticket.state = ticket.state, state
        ticket.rejected |= state is OrderState.REJECTED
        self._settle(ticket, before, now_ns)

    def book(self, fill: Fill, now_ns: int) -> Booking | None:
        """Book an execution; None when this revision, or a later one, is booked already."""
        previous = self._fills.get(fill.base_id)
        if previous is not None and fill.revision <= previous.revision:
            return None
        if previous is not None and previous.instrument != fill.instrument:
            fill = replace(fill, instrument=previous.instrument)  # its month was the traded one; since a roll it has another name
        self._fills[fill.base_id] = fill
        for sign, counted in ((1, fill), (-1, previous)):
            if counted is not None:
                signed = sign * counted.side * counted.quantity
                self._booked[counted.instrument] = self._booked.get(counted.instrument, 0) + signed
        ticket = None if fill.order_id is None else self.tickets.get(fill.order_id)
        if ticket is None:
            return Booking(fill, previous, None, False, None)
        if previous is not None or not fill.quantity:
            self._counted.pop(ticket.order.id, None)  # the broker's count may still contain what was busted
        late = not ticket.live
        more = fill.quantity - (0 if previous is None else previous.quantity)
        ticket.filled += more
        ticket.spent += max(0, more)
        if previous is not None and fill.quantity <= previous.quantity:
            ticket.busted = ticket.busted or fill.quantity < previous.quantity
            return Booking(fill, previous, ticket, False, None)
        moved = self.tell(ticket.order.id, _news_of(ticket, fill), now_ns)
        return Booking(fill, previous, ticket, late, moved)

    def recount(self, order_id: str) -> None:
        """What has filled of an order whose executions were booked before it was entered: it left without its commit."""
        ticket = self.tickets[order_id]
        ticket.filled = ticket.spent = sum(f.quantity for f in self._fills.values() if f.order_id == order_id)

    def counted(self, order_id: str, filled: int, now_ns: int) -> bool:
        """The broker counts so many contracts of an order as filled. True when executions are owed that were not owed before."""
        ticket = self.tickets[order_id]
        if filled <= max(ticket.gone, self._counted.get(order_id, (0, 0))[0]):
            return False
        self._counted[order_id] = (filled, now_ns)
        return True

    def owed(self, instrument: str) -> tuple[Owed, ...]:
        """Executions of ended entries that are owed. What a live one may bring is counted as its remainder."""
        found = []
        for order_id, (filled, _) in self._counted.items():
            ticket = self.tickets[order_id]
            if ticket.order.role is not Role.ENTRY or ticket.order.instrument != instrument:
                continue
            if filled > ticket.filled and not ticket.live:
                found.append(Owed(ticket.order.intent_id, ticket.order.side, filled - ticket.filled))
        return tuple(found)

    @property
    def owing(self) -> bool:
        """Whether any execution is owed, of an entry or an exit: what is held is not known then."""
        return any(filled > self.tickets[order_id].gone for order_id, (filled, _) in self._counted.items())

    def all_told(self, began_ns: int) -> None:
        """A complete report, begun at that instant, has told every execution there is."""
        self._counted = {key: (filled, said_ns) for key, (filled, said_ns) in self._counted.items() if said_ns >= began_ns}

    def knows(self, fill: Fill) -> bool:
        """Whether this revision of an execution, or a later one, is booked."""
        booked = self._fills.get(fill.base_id)
        return booked is not None and booked.revision >= fill.revision

    def adjust(self, instrument: str, quantity: int) -> None:
        """Count a position change that no execution explains."""
        self._adjusted[instrument] = self._adjusted.get(instrument, 0) + quantity

    def position(self, instrument: str) -> int:
        """Signed position from executions and adjustments, counted apart from the ledger: the check on its own count."""
        return self._booked.get(instrument, 0) + self._adjusted.get(instrument, 0)

    @property
    def instruments(self) -> tuple[str, ...]:
        """Instruments whose position anything has ever changed."""
        return tuple(dict.fromkeys((*self._booked, *self._adjusted)))

    def last_price(self, instrument: str) -> int | None:
        """Price in ticks of the execution of an instrument that was booked last; where none was, the limit of the entry that was
        sent last, the worst it can have paid. None when there is neither."""
        paid = (f.price_ticks for f in reversed(self._fills.values()) if f.instrument == instrument)
        orders = (t.order for t in reversed(self.tickets.values()) if t.order.instrument == instrument)
        limits = (o.limit_ticks for o in orders if o.role is Role.ENTRY and o.limit_ticks is not None)
        return next(paid, None) or next(limits, None)

    @property
    def live(self) -> tuple[Ticket, ...]:
        """Orders that may still do something, oldest first."""
        return tuple(self._live.values())

    def entries(self) -> tuple[Ticket, ...]:
        """Live entry orders."""
        if not self._live:
            return ()
        return tuple([t for t in self._live.values() if t.order.purpose is Purpose.ENTRY and t.order.role is Role.ENTRY])

    def unresolved(self) -> tuple[Ticket, ...]:
        """Orders whose outcome nobody told us."""
        return tuple([t for t in self._live.values() if t.state is OrderState.UNKNOWN]) if self._live else ()

    def stops(self, side: Side) -> tuple[Ticket, ...]:
        """Live protective stops of one side (the side of the stop, opposite to the position)."""
        if not self._live:
            return ()
        roles = (Role.STOP, Role.EMERGENCY)
        return tuple(t for t in self._live.values() if t.order.role in roles and t.order.side is side)

    def exposure(self, instrument: str, position: int) -> Exposure:
        """What is at risk: position, and the quantities that may still join."""
        entries = [t for t in self.entries() if t.order.instrument == instrument]
        return Exposure(
            instrument=instrument,
            position=position,
            working_buy_entries=sum(t.remaining for t in entries if t.order.side is Side.BUY),
            working_sell_entries=sum(t.remaining for t in entries if t.order.side is Side.SELL),
        )


def _news_of(ticket: Ticket, fill: Fill) -> News:
    """What an execution says about its order. One busted before it was ever told: it traded, and yet nothing of it counts."""
    if not fill.quantity:
        return News.SUSPECT
    return News.FULL_FILL if ticket.filled >= ticket.order.quantity else News.PART_FILL


def covered(stops: Iterable[Ticket]) -> int:
    """Contracts these stops take out: within a group the largest counts, because one fill cancels the rest."""
    return sum(_largest((t.group, t.protecting) for t in stops).values())


def hoped(stops: Iterable[Ticket]) -> int:
    """Contracts they take out if every execution that has not been told comes."""
    return sum(_largest((t.group, t.hoped) for t in stops).values())


def _largest(parts: Iterable[tuple[str, int]]) -> dict[str, int]:
    groups: dict[str, int] = {}
    for group, contracts in parts:
        groups[group] = max(groups.get(group, 0), contracts)
    return groups
