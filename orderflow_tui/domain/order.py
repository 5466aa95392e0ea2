"""Orders: what we want (Intent), what we ask for (Order, Change), what happened (OrderUpdate, Fill).

Our ids travel in the broker's `orderRef`: `of1-<install>-<counter>-<role>`, readable and unique for ever.
A fill is a fact, booked once per execution id whatever the order's status says; statuses are hints.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

HOUSE = "of1-"  # begins the references of every installation of this program


class Side(IntEnum):
    """The sign of the position it makes."""

    SELL = -1
    BUY = 1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


def closing(position: int) -> Side:
    """The side that takes a position out."""
    return Side.SELL if position > 0 else Side.BUY


class Purpose(Enum):
    """Why an order exists. STOP file, arming, windows, rates and margin bind ENTRY only."""

    ENTRY = "ENTRY"
    PROTECT = "PROTECT"
    REDUCE = "REDUCE"
    FLATTEN = "FLATTEN"


class Role(Enum):
    """The part an order plays; the value is the letter in its id."""

    ENTRY = "E"
    STOP = "S"
    TARGET = "T"
    EMERGENCY = "X"
    FLATTEN = "F"


class OrderType(Enum):
    """MARKET, LIMIT at `limit_ticks`, STOP (market when touched) at `stop_ticks`."""

    MARKET = "MKT"
    LIMIT = "LMT"
    STOP = "STP"


class OrderState(Enum):
    """One table of states for orders and, as the state of their leading order, for intents (lifecycle.py)."""

    PROPOSED = "PROPOSED"  # passed the first look, commit not confirmed
    COMMITTED = "COMMITTED"  # in the journal, not yet handed to the broker
    SENT = "SENT"
    ACKED = "ACKED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    NOT_SENT = "NOT_SENT"
    UNKNOWN = "UNKNOWN"  # nobody told us; only a complete account report resolves it
    ABANDONED = "ABANDONED"


@dataclass(frozen=True, slots=True)
class Intent:
    """What we want to do, before any order exists. `quantity` > 0 contracts; a bracket is one intent.

    `stop_ticks`, `target_ticks` are distances from the anchor for an ENTRY, None otherwise. `cause` is the id of the
    decision, key press or rule that wanted it. `manual` says a person pressed a key. `max_slippage_ticks` bounds the
    marketable limit. `why_none` says why the desk's sizing came to zero contracts, which the gate refuses.
    """

    id: str
    ts_ns: int
    instrument: str
    purpose: Purpose
    side: Side
    quantity: int
    cause: str
    manual: bool = False
    stop_ticks: int | None = None
    target_ticks: int | None = None
    max_slippage_ticks: int = 2
    why_none: str = ""

    @property
    def reach_ticks(self) -> int:
        """From an entry's limit, the worst price it may fill at, to its stop."""
        return (self.stop_ticks or 0) + self.max_slippage_ticks


@dataclass(frozen=True, slots=True)
class Order:
    """One order as the broker shall see it. Constructed by the gate alone. Prices are absolute ticks.

    `number` is the broker-side order id, allocated before the commit. `expires_ns` is the entry timeout (0: none).
    """

    id: str
    intent_id: str
    number: int
    revision: int
    instrument: str
    side: Side
    role: Role
    purpose: Purpose
    type: OrderType
    quantity: int
    limit_ticks: int | None = None
    stop_ticks: int | None = None
    parent_id: str | None = None
    oca_group: str = ""
    account: str = ""
    tif: str = "GTC"
    outside_rth: bool = True
    expires_ns: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A new quantity and price for a live order. Constructed by the gate alone. `revision` is the new revision."""

    order_id: str
    revision: int
    quantity: int
    price_ticks: int | None
    purpose: Purpose


class BrokerStatus(Enum):
    """What the broker says about an order, translated. SUSPECT: an error named it, nothing is proven."""

    PENDING = "PENDING"
    WORKING = "WORKING"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CHANGE_REFUSED = "CHANGE_REFUSED"
    CANCEL_REFUSED = "CANCEL_REFUSED"
    SUSPECT = "SUSPECT"


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """News of one order. Echoed fields are None where the broker did not repeat them."""

    order_id: str
    ts_ns: int
    status: BrokerStatus
    filled: int | None = None
    remaining: int | None = None
    revision: int | None = None
    perm_id: int | None = None
    code: int | None = None
    text: str = ""
    echoed_quantity: int | None = None
    echoed_price_ticks: int | None = None
    echoed_tif: str | None = None
    echoed_outside_rth: bool | None = None
    echoed_account: str | None = None
    echoed_oca_group: str | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """An execution. `exec_id` = base id + revision; a higher revision of one base replaces the lower (0 quantity: bust).

    `order_id` is None for executions of orders that are not this program's; another installation's keep theirs. Price in ticks.
    """

    exec_id: str
    base_id: str
    revision: int
    order_id: str | None
    ts_ns: int
    instrument: str
    side: Side
    quantity: int
    price_ticks: int
    liquidation: bool = False


@dataclass(frozen=True, slots=True)
class Commission:
    """Commission of an execution in cents, positive = paid. It arrives after the fill."""

    exec_id: str
    ts_ns: int
    cents: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is at risk in one instrument: position, and the quantities that could still join each side."""

    instrument: str
    position: int
    working_buy_entries: int
    working_sell_entries: int
