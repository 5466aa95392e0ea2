"""What must hold whatever came: after every event, and once more when something is about to leave. A break is our bug: it locks.

Kept on in production, because a lock costs a look and a wrong belief costs money. The others of the ten live where they can
be seen: an order at the broker without a committed intent (`audit`, `booking`), a name that would leave twice (`outbox`),
a ledger that differs from the broker (`reconcile`), latches that end only by an authorised row (`latches`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderflow_tui.domain.latch import Severity
from orderflow_tui.domain.order import Purpose, Side, closing
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.trading import caps
from orderflow_tui.trading.lifecycle import UNSENT
from orderflow_tui.trading.protection import assured, covers

if TYPE_CHECKING:
    from orderflow_tui.trading.floor import Floor
    from orderflow_tui.trading.gate import Proposal

LATE_NS = SECOND_NS  # beyond the guard's own times


def broken(floor: Floor) -> tuple[str, ...]:
    """The invariants that do not hold now, as sentences."""
    return tuple(s for s in (_counts_agree(floor), _bounded(floor), _covered(floor)) if s is not None)


def leaving(floor: Floor, proposal: Proposal) -> str | None:
    """Why an entry must not leave although the gate let it: a halt stands, or another entry is on its way."""
    if proposal.purpose is not Purpose.ENTRY:
        return None
    entry = proposal.orders[0]
    if floor.board.latches:
        return f"{entry.id} would leave although {floor.board.latches[0].kind.value} halts"
    others = [t.order.id for t in floor.blotter.entries() if t.order.id != entry.id]
    return f"{entry.id} would leave while {others[0]} is on its way" if others else None


def _counts_agree(floor: Floor) -> str | None:
    """The ledger's position is the sum of the blotter's executions, each counted once."""
    for symbol in floor.held:
        ours, summed = floor.position(symbol), floor.blotter.position(symbol)
        if ours != summed:
            return f"{symbol}: the ledger holds {ours:+d}, executions add up to {summed:+d}"
    return None


def _bounded(floor: Floor) -> str | None:
    """What our own entries could still make of the position stays within the hard cap."""
    adding = [t for t in floor.blotter.entries() if t.state not in UNSENT and t.cancel_ns is None]
    if not adding:
        return None
    exposure = floor.blotter.exposure(floor.execution, floor.position(floor.execution))
    for ticket in adding:
        worst = abs(exposure.position + ticket.order.side * ticket.remaining)
        if worst > max(caps.MAX_CONTRACTS, abs(exposure.position)):
            return f"a {Side(ticket.order.side).name} entry could make {worst} contracts"
    return None


def _covered(floor: Floor) -> str | None:
    """Whatever is held has its stop in time; counted here, not by the guard that should have seen to it."""
    timing = floor.params.timing
    allowed_ns = (timing.naked_ms + timing.naked_confirm_ms) * MS_NS + LATE_NS
    floor.bare = {symbol: floor.bare.get(symbol, floor.now) for symbol in floor.held if _bare(floor, symbol)}
    for symbol, since_ns in floor.bare.items():
        waited_ns = floor.now - max(since_ns, floor.woke_ns or since_ns)
        if waited_ns > allowed_ns:
            return f"{floor.position(symbol):+d} {symbol} without its stop for {waited_ns // MS_NS} ms"
    return None


def _bare(floor: Floor, symbol: str) -> bool:
    """Whether less is assured than held, and the house is to see to it: not while a flatten runs, the broker is out of reach, a
    lock leaves it to a person, or the position is somebody else's whom nobody asked us to protect."""
    position = floor.position(symbol)
    if not position or not floor.agreed or not floor.reachable or floor.campaign is not None:
        return False
    if floor.board.severity is Severity.LOCK or not floor.params.send_path:
        return False
    episode = floor.ledger.episode(symbol)
    if episode is not None and not episode.intent_id and not floor.params.protect_external:
        return False
    live = (t for t in floor.blotter.live if t.order.instrument == symbol)
    return assured(covers(live, closing(position))) < abs(position)
