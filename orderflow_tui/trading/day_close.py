"""The close of a trade date: its result as a row, and our own figure beside the broker's.

The two need not agree to the cent: the broker's day begins at its settlement and may count what was traded elsewhere in the
account. So a difference is shown and told, never corrected.
"""

from __future__ import annotations

from orderflow_tui.domain.action import Json, Tier
from orderflow_tui.trading.breaker import money
from orderflow_tui.trading.fences import age_ms
from orderflow_tui.trading.floor import Floor


def close_day(floor: Floor, *, tell: bool = False) -> None:
    """Write the day's result as it stands; the newest row of a date is the one that counts. `tell`: the day is over."""
    ledger = floor.ledger
    if ledger.trade_date is None:
        return
    payload = day_payload(floor)
    floor.note("day", ledger.trade_date.isoformat(), **payload)
    if not tell or not (ledger.trips or ledger.held):
        return
    broker, difference = payload["broker_cents"], payload["difference_cents"]
    theirs = "the broker told none" if not isinstance(broker, int) else f"the broker's {money(broker)}"
    apart = f", difference {money(difference)}" if isinstance(difference, int) else ""
    text = f"{ledger.trade_date} closed: own {money(ledger.net_cents)}, {theirs}{apart}"
    floor.alert("day", text, Tier.WARNING if difference else Tier.INFO, ledger.trade_date.isoformat())


def day_payload(floor: Floor) -> dict[str, Json]:
    """The day's result: ours, the broker's as it last told it and how long ago that was, and the difference."""
    ledger = floor.ledger
    broker = None if floor.report is None else floor.report.day_pnl_cents
    return {
        "net_cents": ledger.net_cents,
        "realised_cents": ledger.realised_cents,
        "fees_cents": ledger.fees_cents,
        "peak_cents": ledger.peak_cents,
        "trades": len(ledger.trips),
        "wins": ledger.wins,
        "broker_cents": broker,
        "broker_age_ms": None if floor.report is None else age_ms(floor.now, floor.report.ts_ns),
        "difference_cents": None if broker is None else ledger.net_cents - broker,
    }
