"""An order at the simulated exchange: how much of it is live, what would touch it, and at what price it fills.

All rules are pessimistic. A limit fills only when a trade prints beyond it; a stop fills at the triggering trade or
worse; whoever takes liquidity pays the opposite quote plus slippage or, if his limit forbids that, waits in the queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from orderflow_tui.domain.order import BrokerStatus, Order, OrderType, Role, Side
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.domain.watch import NO_ABOVE, NO_BELOW


@dataclass(frozen=True, slots=True)
class FillRules:
    """Way to the exchange in ns, price given away by takers in ticks, whether limits fill on touch, and what a fill does to
    the others of its OCA group.

    `targets_on_touch` with zero latency and slippage exists for comparing engines on one fixture, nothing else.
    `groups_shrink`: others become smaller by what filled (OCA types 2 and 3). What we send is type 1: the first fill, a
    partial one too, cancels them, and the rest of the order that filled works on.
    """

    latency_ns: int = 250 * MS_NS
    slippage_ticks: int = 1
    targets_on_touch: bool = False
    groups_shrink: bool = False


class Stage(Enum):
    """Where an order is. LOST never arrives; HELD waits for its parent's first fill."""

    TRANSIT = "TRANSIT"
    LOST = "LOST"
    HELD = "HELD"
    WORKING = "WORKING"
    DONE = "DONE"


@dataclass(slots=True)
class Resting:
    """One order and what happened to it. `reduced` is what OCA siblings filled while it lived.

    `fresh`: a taker still waiting for its first opposite quote. `triggered`: a touched stop with contracts left;
    `stuck_ticks`: it then rests at this price instead of filling (a fault). `rests_until_ns`: what is left of it fills no sooner.
    `parked`: it is listed as pending and cannot fill (a fault).
    `final` is set with stage DONE.
    """

    order: Order
    revision: int
    stage: Stage = Stage.TRANSIT
    filled: int = 0
    reduced: int = 0
    fresh: bool = False
    triggered: bool = False
    stuck_ticks: int | None = None
    rests_until_ns: int = 0
    parked: bool = False
    oversize: bool = False
    executions: int = 0
    final: BrokerStatus | None = None
    done_ns: int = 0
    parent: Resting | None = None

    @property
    def waits_for_next(self) -> bool:
        """Whether the very next quote or trade decides something."""
        return self.stage is Stage.WORKING and (self.fresh or (self.triggered and self.stuck_ticks is None))

    def live_quantity(self) -> int:
        """Contracts that can fill now: a child protects only what its parent has filled."""
        if self.stage is not Stage.WORKING or self.parked:
            return 0
        allowed = self.order.quantity
        if self.parent is not None and not self.oversize:
            allowed = min(allowed, self.parent.filled)
        return max(0, allowed - self.filled - self.reduced)

    @property
    def status(self) -> BrokerStatus:
        """What the broker says of it."""
        if self.final is not None:
            return self.final
        return BrokerStatus.PENDING if self.parked else BrokerStatus.WORKING

    def open_quantity(self) -> int:
        """Contracts that can still fill some day."""
        allowed = self.order.quantity
        if self.parent is not None and not self.oversize:
            mother = self.parent
            most = mother.filled if mother.stage is Stage.DONE else max(mother.order.quantity, mother.filled)
            allowed = min(allowed, most)
        return max(0, allowed - self.filled - self.reduced)


def takes_liquidity(order: Order) -> bool:
    """Whether an order looks for the opposite quote when it arrives. Children and targets queue instead."""
    match order.type:
        case OrderType.MARKET:
            return True
        case OrderType.LIMIT:
            return order.parent_id is None and order.role is not Role.TARGET
        case OrderType.STOP:
            return False
        case _ as never:
            assert_never(never)


def touch_band(resting: Resting, rules: FillRules) -> tuple[int, int]:
    """(below, above): a trade at or below, at or above these ticks fills or triggers the order."""
    order, edge = resting.order, 0 if rules.targets_on_touch else 1
    if resting.stuck_ticks is not None:
        return (resting.stuck_ticks - 1, NO_ABOVE) if order.side is Side.BUY else (NO_BELOW, resting.stuck_ticks + 1)
    if order.type is OrderType.LIMIT and order.limit_ticks is not None:
        if order.side is Side.BUY:
            return order.limit_ticks - edge, NO_ABOVE
        return NO_BELOW, order.limit_ticks + edge
    if order.type is OrderType.STOP and order.stop_ticks is not None:
        return (NO_BELOW, order.stop_ticks) if order.side is Side.BUY else (order.stop_ticks, NO_ABOVE)
    return NO_BELOW, NO_ABOVE


def taker_price(order: Order, opposite_ticks: int, rules: FillRules) -> int | None:
    """Fill price of a taker against an opposite quote (or, without quotes, a trade); None when its limit forbids it."""
    price = opposite_ticks + order.side * rules.slippage_ticks
    if order.limit_ticks is not None and order.type is OrderType.LIMIT and order.side * (price - order.limit_ticks) > 0:
        return None
    return price


def resting_price(resting: Resting, traded_ticks: int, rules: FillRules) -> int | None:
    """Fill price of a resting limit or stop at a trade; None when the trade does not touch it.

    A limit fills at its own price, never better. A stop fills at the trade's price or worse, across a gap too.
    """
    order = resting.order
    if not resting.triggered or resting.stuck_ticks is not None:
        below, above = touch_band(resting, rules)
        if below < traded_ticks < above:
            return None
    if resting.stuck_ticks is not None:
        return resting.stuck_ticks
    if order.type is OrderType.LIMIT:
        return order.limit_ticks
    return traded_ticks + order.side * rules.slippage_ticks
