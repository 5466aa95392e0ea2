"""Orders at the broker: brackets, one-cancels-all groups, stops, matching, corrections.

Rules, as the broker documents or shows them:
- an order with transmit off waits until a member of its family comes with transmit on; then all go;
- children sleep (PreSubmitted, held as "child") until the parent is filled; a parent that dies takes them along;
- a group of type 1 dies with the first fill in it, types 2 and 3 shrink by what filled; the children of one parent
  form a group of their own when they name none;
- a stop is the broker's simulation: it sleeps as PreSubmitted, a print at or beyond it makes it a market order,
  outside regular hours only if it says so;
- an order id must exceed all earlier ones of its client, and only that client can touch it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from tests.gateway.contracts import Listing
from tests.gateway.market import Market
from tests.gateway.requests import OrderWanted

MANUAL_CLIENT = 0


class Status(Enum):
    """Order statuses as the wire spells them."""

    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    CANCELLED = "Cancelled"
    FILLED = "Filled"
    INACTIVE = "Inactive"


DEAD = frozenset({Status.CANCELLED, Status.FILLED, Status.INACTIVE})


@dataclass(slots=True)
class Working:
    """An order the broker knows. `staged`: not transmitted yet. `worth` is the sum of price ticks × contracts filled."""

    client_id: int
    order_id: int
    perm_id: int
    listing: Listing
    wanted: OrderWanted
    status: Status
    staged: bool = False
    held: bool = False
    triggered: bool = False
    filled: int = 0
    worth: int = 0
    fills: int = 0
    last_price: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """What names it: client and order id, for manual orders the permanent id."""
        return (self.client_id, self.order_id or self.perm_id)

    @property
    def remaining(self) -> int:
        """Contracts still to fill."""
        return self.wanted.quantity - self.filled if self.status is not Status.CANCELLED else 0

    @property
    def sign(self) -> int:
        """+1 buys, -1 sells."""
        return 1 if self.wanted.action == "BUY" else -1

    @property
    def alive(self) -> bool:
        """Whether anything can still happen to it by itself."""
        return self.status not in DEAD


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill or its correction, as the broker reports it. Price in ticks."""

    exec_id: str
    time_ns: int
    order: Working
    quantity: int
    price: int
    cumulative: int
    average: float
    liquidation: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """The order's fields and status changed, or were confirmed."""

    order: Working


@dataclass(frozen=True, slots=True)
class Executed:
    """A fill happened; `replaces` is the execution it corrects."""

    execution: Execution
    replaces: Execution | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker said no to a client's request about an order."""

    client_id: int
    order_id: int
    code: int
    text: str


News = Told | Executed | Refused
MarketOf = Callable[[Listing], Market]


@dataclass(slots=True)
class Habits:
    """What can be set about matching: contracts per fill, whether a partly filled parent wakes its children, how
    long the end of a group's siblings takes."""

    most_per_fill: int | None = None
    release_on_partial: bool = False
    group_delay_ns: int = 0


@dataclass(slots=True)
class Exchange:
    """All orders of the account and what happened to them."""

    market_of: MarketOf
    is_regular: Callable[[], bool]
    habits: Habits = field(default_factory=Habits)
    now_ns: int = 0
    orders: dict[tuple[int, int], Working] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    highest: dict[int, int] = field(default_factory=dict)
    _perm: int = 1_700_000_000
    _late: list[tuple[int, Working]] = field(default_factory=list)

    def next_valid_id(self, client_id: int) -> int:
        """The lowest id the client may use."""
        return self.highest.get(client_id, 0) + 1

    def live(self) -> list[Working]:
        """Orders that are not dead, oldest first, staged ones left out."""
        return [o for o in self.orders.values() if o.alive and not o.staged]

    def place(self, client_id: int, wanted: OrderWanted, listing: Listing) -> list[News]:
        """A new order, or a change when the client's id is known."""
        known = self.orders.get((client_id, wanted.order_id))
        if known is not None and (known.alive or known.status is Status.FILLED):
            return self._modify(known, wanted)
        if wanted.order_id <= self.highest.get(client_id, 0):
            return [Refused(client_id, wanted.order_id, 103, "Duplicate order id")]
        parent = self.orders.get((client_id, wanted.parent_id)) if wanted.parent_id else None
        if wanted.parent_id and parent is None:
            return [Refused(client_id, wanted.order_id, 10006, "Missing parent order")]
        self.highest[client_id] = wanted.order_id
        order = self._new(client_id, wanted.order_id, listing, wanted)
        order.held = parent is not None and parent.remaining > 0 and parent.alive
        order.staged = True
        if not wanted.transmit:
            return []
        return self._transmit(order)

    def _new(self, client_id: int, order_id: int, listing: Listing, wanted: OrderWanted) -> Working:
        self._perm += 1
        order = Working(client_id, order_id, self._perm, listing, wanted, Status.PRE_SUBMITTED)
        self.orders[order.key] = order
        return order

    def _family(self, order: Working) -> list[Working]:
        """The parent, then its children in order of their ids."""
        root = order.wanted.parent_id or order.order_id
        return [
            o
            for o in self.orders.values()
            if o.client_id == order.client_id and root in {o.order_id, o.wanted.parent_id} and o.order_id
        ]

    def _transmit(self, order: Working) -> list[News]:
        news: list[News] = []
        family = [o for o in self._family(order) if o.staged and o.alive]
        for member in family:
            member.staged = False
            member.status = Status.PRE_SUBMITTED if member.held or member.wanted.type == "STP" else Status.SUBMITTED
            news.append(Told(member))
        for member in family:
            news += self._try(member)
        return news

    def _modify(self, order: Working, wanted: OrderWanted) -> list[News]:
        if order.status is Status.FILLED:
            return [Refused(order.client_id, order.order_id, 104, "Cannot modify a filled order.")]
        if wanted.quantity < order.filled:
            return [Refused(order.client_id, order.order_id, 105, "Order being modified does not match original order.")]
        order.wanted = replace(wanted, parent_id=order.wanted.parent_id or wanted.parent_id)
        if order.staged and not wanted.transmit:
            return []
        if order.staged:
            return self._transmit(order)
        if order.remaining == 0:
            order.status = Status.FILLED
        return [Told(order), *self._try(order)]

    def cancel(self, client_id: int, order_id: int) -> list[News]:
        """End an order of the client, and its children when it is a parent that never filled."""
        order = self.orders.get((client_id, order_id))
        if order is None:
            return [Refused(client_id, order_id, 10147, f"OrderId {order_id} that needs to be cancelled is not found.")]
        if not order.alive:
            text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {order.status.value}."
            return [Refused(client_id, order_id, 10148, text)]
        return self.end(order, announce=True)

    def end(self, order: Working, announce: bool = False) -> list[News]:
        """The order dies; `announce` adds the 202 that goes with a cancel somebody asked for."""
        if not order.alive:
            return []
        order.status, was_staged = Status.CANCELLED, order.staged
        news: list[News] = [] if was_staged else [Told(order)]
        if announce:
            news.insert(0, Refused(order.client_id, order.order_id, 202, "Order Canceled - reason:"))
        for child in self._children(order):
            if order.filled == 0:
                news += self.end(child)
            elif child.held:
                child.wanted = replace(child.wanted, quantity=order.filled)
                news += self._wake(child)
        return news

    def cancel_all(self) -> list[News]:
        """Global cancel: every live order of the account, manual ones too."""
        return [n for order in list(self.orders.values()) for n in self.end(order, announce=order.client_id != MANUAL_CLIENT)]

    def _children(self, order: Working) -> list[Working]:
        if order.order_id == 0:
            return []
        return [o for o in self.orders.values() if o.client_id == order.client_id and o.wanted.parent_id == order.order_id]

    def _wake(self, child: Working) -> list[News]:
        child.held = False
        if child.wanted.type != "STP":
            child.status = Status.SUBMITTED
        return [Told(child), *self._try(child)]

    # -- matching -------------------------------------------------------------------------------------------------

    def on_market(self, family: str, printed: int | None) -> list[News]:
        """Match every live order of a family after one of its steps."""
        news: list[News] = []
        for order in list(self.orders.values()):
            if order.alive and order.listing.product.family == family:
                news += self._try(order, printed)
        return news

    def advance(self, now_ns: int) -> list[News]:
        """Let time pass: siblings whose end was delayed die."""
        self.now_ns = now_ns
        due = [o for when, o in self._late if when <= now_ns]
        self._late = [(when, o) for when, o in self._late if when > now_ns]
        return [n for order in due for n in self.end(order)]

    def _try(self, order: Working, printed: int | None = None) -> list[News]:
        """Fill what the market gives now."""
        if order.held or order.staged or not order.alive:
            return []
        market = self.market_of(order.listing)
        news: list[News] = []
        if order.wanted.type == "STP" and not order.triggered:
            if not self._stop_hit(order, market.last if printed is None else printed):
                return []
            order.triggered, order.status = True, Status.SUBMITTED
            news.append(Told(order))
        price = self._price_for(order, market, printed)
        if price is None:
            return news
        quantity = order.remaining if self.habits.most_per_fill is None else min(order.remaining, self.habits.most_per_fill)
        return news + self.fill(order, quantity, price)

    def _stop_hit(self, order: Working, printed: int) -> bool:
        if order.wanted.aux is None or not (order.wanted.outside_rth or self.is_regular()):
            return False
        stop = order.listing.ticks(order.wanted.aux)
        return stop is not None and (printed - stop) * order.sign >= 0

    @staticmethod
    def _price_for(order: Working, market: Market, printed: int | None) -> int | None:
        opposite = (market.asks if order.sign > 0 else market.bids)[0][0]
        if order.wanted.type != "LMT":
            return opposite
        assert order.wanted.limit is not None
        limit = order.listing.ticks(order.wanted.limit)
        assert limit is not None
        if (limit - opposite) * order.sign >= 0:
            return opposite
        return limit if printed is not None and (limit - printed) * order.sign > 0 else None

    def fill(self, order: Working, quantity: int, price: int, liquidation: bool = False) -> list[News]:
        """`quantity` contracts trade at `price` ticks; the family and the group follow."""
        quantity = min(quantity, order.wanted.quantity - order.filled)
        if quantity <= 0:
            return []
        order.filled += quantity
        order.worth += quantity * price
        order.fills += 1
        order.last_price = price
        if order.filled >= order.wanted.quantity:
            order.status = Status.FILLED
        execution = Execution(
            f"0000e0d5.{order.perm_id:08x}.{order.fills:02d}.01",
            self.now_ns,
            order,
            quantity,
            price,
            order.filled,
            order.worth / order.filled,
            liquidation,
        )
        self.executions.append(execution)
        news: list[News] = [Told(order), Executed(execution)]
        news += self._group_after(order, quantity)
        if order.remaining == 0 or self.habits.release_on_partial:
            for child in self._children(order):
                if child.held and child.alive:
                    news += self._wake(child)
        return news

    def _siblings(self, order: Working) -> Iterable[Working]:
        group, parent = order.wanted.oca_group, order.wanted.parent_id
        for other in self.orders.values():
            if other is order or not other.alive:
                continue
            same_group = group != "" and other.wanted.oca_group == group
            same_parent = parent != 0 and other.wanted.parent_id == parent and other.client_id == order.client_id
            if same_group or same_parent:
                yield other

    def _group_after(self, order: Working, quantity: int) -> list[News]:
        news: list[News] = []
        shrinks = order.wanted.oca_type in {2, 3} or not order.wanted.oca_group
        for other in list(self._siblings(order)):
            if shrinks and other.wanted.quantity - quantity > other.filled:
                other.wanted = replace(other.wanted, quantity=other.wanted.quantity - quantity)
                news.append(Told(other))
            elif self.habits.group_delay_ns:
                self._late.append((self.now_ns + self.habits.group_delay_ns, other))
            else:
                news += self.end(other)
        return news

    # -- what happens without the client -------------------------------------------------------------------------------

    def manual(self, listing: Listing, wanted: OrderWanted, liquidation: bool = False) -> list[News]:
        """An order somebody typed into TWS, or the broker's liquidation: no order id, no reference."""
        order = self._new(MANUAL_CLIENT, 0, listing, wanted)
        order.status = Status.SUBMITTED if wanted.type != "STP" else Status.PRE_SUBMITTED
        market = self.market_of(listing)
        price = self._price_for(order, market, None) if wanted.type != "STP" else None
        return [Told(order), *(self.fill(order, wanted.quantity, price, liquidation) if price is not None else [])]

    def correct(self, quantity: int | None, price: int | None) -> list[News]:
        """The newest execution is corrected: the same id with the next number after the last dot."""
        old = self.executions[-1]
        base, _, revision = old.exec_id.rpartition(".")
        new = replace(
            old,
            exec_id=f"{base}.{int(revision) + 1:02d}",
            quantity=old.quantity if quantity is None else quantity,
            price=old.price if price is None else price,
        )
        self.executions[-1] = new
        return [Executed(new, replaces=old)]

    def forget_ids(self) -> None:
        """Reset API order ids: clients start again above what is still live; the dead go by their permanent id."""
        self.highest.clear()
        for key, order in list(self.orders.items()):
            if order.alive:
                self.highest[order.client_id] = max(order.order_id, self.highest.get(order.client_id, 0))
            elif order.order_id:
                del self.orders[key]
                self.orders[(order.client_id, order.perm_id)] = order
