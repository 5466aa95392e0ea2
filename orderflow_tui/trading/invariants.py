"""What must hold after every event, whatever came. A broken one is our bug: it locks.

Kept on in production, because a lock costs a look and a wrong belief costs money.
"""

from __future__ import annotations

from orderflow_tui.domain.order import Side
from orderflow_tui.trading import caps
from orderflow_tui.trading.floor import Floor
from orderflow_tui.trading.lifecycle import UNSENT


def broken(floor: Floor) -> tuple[str, ...]:
    """The invariants that do not hold now, as sentences."""
    return tuple(s for s in (_counts_agree(floor), _one_entry(floor), _bounded(floor)) if s is not None)


def _counts_agree(floor: Floor) -> str | None:
    """The ledger's position is the sum of the blotter's executions, each counted once."""
    for symbol in floor.held:
        ours, summed = floor.position(symbol), floor.blotter.position(symbol)
        if ours != summed:
            return f"{symbol}: the ledger holds {ours:+d}, executions add up to {summed:+d}"
    return None


def _one_entry(floor: Floor) -> str | None:
    """At most one entry is on its way."""
    entries = floor.blotter.entries()
    return f"{len(entries)} entries alive at once" if len(entries) > 1 else None


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
