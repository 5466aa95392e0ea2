"""What we know of our own orders at the broker: the ids they go by, what we asked last, what was echoed last.

Kept apart from the library, whose order objects go wrong on errors. Bounded: orders that are over are forgotten, oldest
first, beyond `MOST_TICKETS`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from orderflow_tui.adapters.ib_codec import Phase
from orderflow_tui.domain.order import BrokerStatus, Order, OrderUpdate

MOST_TICKETS = 4_000
OVER = frozenset({BrokerStatus.FILLED, BrokerStatus.CANCELLED, BrokerStatus.REJECTED, BrokerStatus.EXPIRED})


@dataclass(slots=True)
class Ticket:
    """One of our orders. `number` is the broker's order id, `parent` its parent's (0: none). `asked` is the change that is
    on its way. `held_back` are the legs that the gateway keeps until this one is transmitted. `order` is None for an order
    of an earlier run that we only know from the broker."""

    ref: str
    number: int
    order: Order | None = None
    parent: int = 0
    contract: object | None = None
    perm_id: int = 0
    phase: Phase = Phase.NEW
    status: BrokerStatus = BrokerStatus.PENDING
    asked: Order | None = None
    revision: int = 0
    held_back: tuple[Ticket, ...] = ()
    foreign: bool = False  # another client id placed it: we can see it, not touch it
    quantity: int | None = None  # echoed fields, None before the first echo
    price_ticks: int | None = None
    tif: str | None = None
    outside_rth: bool | None = None
    account: str | None = None
    oca_group: str | None = None
    told: dict[bool, OrderUpdate] = field(default_factory=dict)  # the last echo (False) and the last status (True) told

    def repeats(self, update: OrderUpdate) -> bool:
        """Whether this was told before, word for word; from now on it was."""
        kind, timeless = update.filled is not None, replace(update, ts_ns=0)
        before, self.told[kind] = self.told.get(kind), timeless
        return before == timeless

    def settle(self) -> None:
        """The broker spoke about it: it exists; an echo that equals the change asked for confirms it."""
        asked = self.asked
        if asked is not None:
            price = asked.limit_ticks if asked.limit_ticks is not None else asked.stop_ticks
            if self.quantity == asked.quantity and self.price_ticks == price:
                self.order, self.revision, self.asked = asked, asked.revision, None
        if self.phase is Phase.NEW or (self.phase is Phase.CHANGING and self.asked is None):
            self.phase = Phase.LIVE


class Tickets:
    """Our orders by reference, by broker order id and by permanent id."""

    def __init__(self) -> None:
        self._by_ref: dict[str, Ticket] = {}
        self._by_number: dict[int, Ticket] = {}
        self._by_perm: dict[int, Ticket] = {}
        self.sent: set[tuple[str, int]] = set()  # (reference, revision) that went out
        self.highest = 0

    def add(self, ticket: Ticket) -> Ticket:
        """Remember an order."""
        if len(self._by_ref) >= MOST_TICKETS:
            self._forget_one()
        self._by_ref[ticket.ref] = ticket
        if not ticket.foreign:
            self._by_number[ticket.number] = ticket
            self.highest = max(self.highest, ticket.number)
        return ticket

    def _forget_one(self) -> None:
        over = next((t for t in self._by_ref.values() if t.status in OVER), None)
        if over is not None:
            del self._by_ref[over.ref]
            self._by_number.pop(over.number, None)
            self._by_perm.pop(over.perm_id, None)

    def saw_perm(self, ticket: Ticket, perm_id: int) -> None:
        """The permanent id of an order."""
        if perm_id:
            ticket.perm_id = perm_id
            self._by_perm[perm_id] = ticket

    def named(self, ref: str) -> Ticket | None:
        """By our reference."""
        return self._by_ref.get(ref)

    def numbered(self, number: int) -> Ticket | None:
        """By the broker's order id, for orders of our client id."""
        return self._by_number.get(number)

    def permanent(self, perm_id: int) -> Ticket | None:
        """By the permanent id."""
        return self._by_perm.get(perm_id) if perm_id else None
