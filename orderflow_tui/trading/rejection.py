"""An order the broker rejected, learnt once, from whatever told it: a status, a report, a status of an order in doubt.

A rejection told of an order whose outcome is unknown proves no outcome (only a report does), but entries wait all the same:
waiting needs no proof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderflow_tui.domain.action import AskMargin, Tier
from orderflow_tui.domain.order import OrderState, Role
from orderflow_tui.trading import rows
from orderflow_tui.trading.blotter import Moved, Ticket
from orderflow_tui.trading.lifecycle import News

if TYPE_CHECKING:
    from orderflow_tui.trading.floor import Floor

GRAVE = frozenset({Role.STOP, Role.EMERGENCY, Role.FLATTEN})  # a rejected target leaves the stop, a rejected entry nothing


def learn(floor: Floor, moved: Moved, said: str) -> None:
    """What follows from a rejection: told again, it is no news of the next one."""
    ticket = moved.ticket
    doubted = moved.news is News.SAID_REJECTED and moved.after is OrderState.UNKNOWN
    if ticket.rejected or not (doubted or moved.after is OrderState.REJECTED):
        return
    ticket.rejected = True
    order = ticket.order
    reason = f"{order.id} rejected: {said or ticket.said or 'the broker gave no reason'}"
    if order.role is Role.ENTRY:
        _cool_down(floor, order.id, reason)
    elif order.role is Role.EMERGENCY:
        floor.guard(order.instrument).rejected()
    floor.alert("rejected", f"{order.role.name.lower()} {reason}", _tier(ticket), order.id)


def _cool_down(floor: Floor, order_id: str, reason: str) -> None:
    """A rejected entry: entries cool down, margin is asked anew."""
    floor.cooldown.begin(floor.now, floor.params.timing.cooldown_ms, reason)
    until_ns = floor.cooldown.until_ns
    floor.commit(rows.row("cooldown", order_id, floor.now, until_ns=until_ns, reason=reason))
    floor.out += [AskMargin(symbol) for symbol in floor.traded]


def _tier(ticket: Ticket) -> Tier:
    """Protection or an exit that is not taken cannot wait; a child falls with an entry that was rejected itself."""
    orphan = ticket.parent is not None and ticket.parent.rejected
    return Tier.CRITICAL if ticket.order.role in GRAVE and not orphan else Tier.WARNING
