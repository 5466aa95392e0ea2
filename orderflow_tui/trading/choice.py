"""Which instrument entries go out in: with tiers that of the tier, and the smaller one for a decision whose margin was refused.

It changes only where nothing is held, works or waits in another one, so that a position and its orders are never split
between two. What is held after a restart, or was traded by hand, decides before the tier does.
"""

from __future__ import annotations

from orderflow_tui.domain.order import Intent
from orderflow_tui.trading.floor import Floor
from orderflow_tui.trading.look import Refusal
from orderflow_tui.trading.standing import equity_cents, tier

MARGIN_RULES = frozenset({"margin", "margin ceiling", "excess liquidity"})


def choose_instrument(floor: Floor) -> None:
    """Execute in what is held, else in the tier's instrument, else in the configured one."""
    if not floor.tiered:
        return
    wanted, why = _wanted(floor)
    if wanted != floor.execution and _free_for(floor, wanted):
        execute_in(floor, wanted, why)


def _wanted(floor: Floor) -> tuple[str, str]:
    held = [symbol for symbol in floor.ledger.held if symbol in floor.traded]
    if held:
        return (floor.execution if floor.execution in held else held[0]), "held"
    row = tier(floor)
    if row is None or floor.report is None or row.instrument not in floor.traded:
        return floor.traded[0], "configured"
    return row.instrument, f"tier {row.number}"


def _free_for(floor: Floor, symbol: str) -> bool:
    """Whether nothing is held, works or waits in another instrument, and no flatten runs."""
    busy = {ticket.order.instrument for ticket in floor.blotter.live} | set(floor.ledger.held)
    busy |= {order.instrument for waiting in floor.waiting.values() for order in waiting.proposal.orders}
    return floor.campaign is None and busy <= {symbol}


def execute_in(floor: Floor, symbol: str, why: str) -> None:
    """From now on entries go out in this instrument."""
    day = None if floor.trade_date is None else floor.trade_date.isoformat()
    floor.note("instrument", symbol, before=floor.execution, why=why, trade_date=day)
    floor.execution = symbol


def smaller_for(floor: Floor, intent: Intent, refusal: Refusal) -> str | None:
    """The instrument to try once more in after a refusal: a smaller contract, where margin was the reason; else None."""
    if refusal.rule not in MARGIN_RULES or equity_cents(floor) is None:
        return None
    refused = floor.instruments[intent.instrument]
    smaller = [s for s in floor.traded if floor.instruments[s].tick_cents < refused.tick_cents and _free_for(floor, s)]
    return min(smaller, key=lambda s: floor.instruments[s].tick_cents, default=None)
