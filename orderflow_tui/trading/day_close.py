"""The close of a trade date: its result as a row, and our own figure beside the broker's.

The two need not agree to the cent: the broker's day begins at its settlement and may count what was traded elsewhere in the
account. So a difference is shown and told, never corrected. While anything is held, or was executed since the broker's report
began, the two are of different instants: then there is no difference, and the report's age and our open part are told instead.
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
    written = _written(floor, payload)
    if written is None:
        floor.note("day", ledger.trade_date.isoformat(), **payload)
    else:
        payload = written
    if not tell or not (ledger.trips or ledger.held):
        return
    own, broker, difference = (payload[key] for key in ("net_cents", "broker_cents", "difference_cents"))
    ours = "unknown" if not isinstance(own, int) else money(own)
    theirs = "the broker told none" if not isinstance(broker, int) else f"the broker's {money(broker)}"
    apart = f", difference {money(difference)}" if isinstance(difference, int) else _not_compared(payload)
    text = f"{ledger.trade_date} closed: own {ours}, {theirs}{apart}"
    floor.alert("day", text, Tier.WARNING if difference else Tier.INFO, ledger.trade_date.isoformat())


def _not_compared(payload: dict[str, Json]) -> str:
    """Why two figures stand side by side without a difference."""
    age, opened = payload["broker_age_ms"], payload.get("open_cents")
    if not isinstance(age, int) or payload["broker_cents"] is None:
        return ""
    held = f", {money(opened)} of ours is open" if isinstance(opened, int) and opened else ""
    return f" of {age // 1000} s ago, not compared{held}"


def _written(floor: Floor, payload: dict[str, Json]) -> dict[str, Json] | None:
    """The day's result from before a restart, where nothing was executed or charged since and no market told a price of what is
    held: this life knows less of that day, what the broker said of it for one. None: there is none, or it is outdated."""
    row = floor.told_day
    if row is None or row.ref != str(floor.ledger.trade_date) or row.ts_ns < (floor.booked_ns or 0) or floor.ledger.priced_anew():
        return None
    same = all(row.payload.get(key) == payload[key] for key in ("realised_cents", "fees_cents", "trades", "wins"))
    return dict(row.payload) if same else None


def day_payload(floor: Floor) -> dict[str, Json]:
    """The day's result: ours, the broker's as it last told it and how long ago that was, and the difference."""
    ledger = floor.ledger
    report = floor.report
    broker = None if report is None else report.day_pnl_cents
    current = report is not None and not ledger.held and report.began_ns >= (floor.booked_ns or 0)
    return {
        "net_cents": ledger.net_cents,
        "open_cents": ledger.open_cents,
        "realised_cents": ledger.realised_cents,
        "fees_cents": ledger.fees_cents,
        "peak_cents": ledger.peak_cents,
        "trades": len(ledger.trips),
        "wins": ledger.wins,
        "broker_cents": broker,
        "broker_age_ms": None if report is None else age_ms(floor.now, report.ts_ns),
        "difference_cents": ledger.net_cents - broker if broker is not None and current else None,
    }
