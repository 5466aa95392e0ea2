"""What the broker says about the account and the connection. Silence is never an answer: unknown is a state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum

from orderflow_tui.domain.order import BrokerStatus, Fill, OrderType, Side


class Link(Enum):
    """State of the broker connection (adapters/ib_session owns the machine)."""

    OFF = "OFF"
    CONNECTING = "CONNECTING"
    SYNCING = "SYNCING"
    WARMUP = "WARMUP"
    READY = "READY"
    DEGRADED = "DEGRADED"
    BROKER_LOST = "BROKER_LOST"
    BACKOFF = "BACKOFF"
    DATA_BLOCKED = "DATA_BLOCKED"
    BLOCKED = "BLOCKED"


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """A change of the link. `epoch` counts connections; reports of an older epoch are void.

    `next_number` is the lowest order number the broker still accepts from us (0: it did not say).
    """

    ts_ns: int
    link: Link
    epoch: int
    reason: str = ""
    next_number: int = 0


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order the broker holds. `order_id` is our ref, None for foreign orders. Prices in ticks."""

    order_id: str | None
    number: int
    perm_id: int
    instrument: str
    side: Side
    type: OrderType
    quantity: int
    filled: int
    status: BrokerStatus
    price_ticks: int | None
    tif: str = ""
    outside_rth: bool = False
    oca_group: str = ""
    foreign_ref: str = ""


@dataclass(frozen=True, slots=True)
class AccountReport:
    """A snapshot asked for by us. `complete` only when every part ended with its End marker inside one epoch.

    `began_ns` is when the first request left: news after that may be missing from it. `positions` lists every
    instrument with a non-zero position. Money in US cents, None where not told, or told in another `currency`, which is named
    then.
    """

    ts_ns: int
    began_ns: int
    epoch: int
    complete: bool
    missing: tuple[str, ...]
    account: str
    positions: tuple[tuple[str, int], ...]
    orders: tuple[BrokerOrder, ...]
    completed: tuple[BrokerOrder, ...]
    fills: tuple[Fill, ...]
    equity_cents: int | None = None
    excess_liquidity_cents: int | None = None
    day_pnl_cents: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class ContractMonth:
    """The contract an instrument is traded in, as the broker listed it: its last trading day."""

    ts_ns: int
    instrument: str
    expiry: date


@dataclass(frozen=True, slots=True)
class MarginFigure:
    """Initial margin per contract as the broker answered it, and when."""

    ts_ns: int
    instrument: str
    init_margin_cents: int
    equity_cents: int
