"""The trade journal's rows. Of each trade the newest row counts, so one is written whenever the ledger has come to another
result than the journal last heard: closed, corrected, with its true commission, or gone because an execution was busted.

What is written depends only on ledger and journal, never on which of them was first: a correction gives the same rows before
a restart and after it, and rows that died with the process are written by the next.
"""

from __future__ import annotations

from dataclasses import replace

from orderflow_tui.domain.action import Row, Tier
from orderflow_tui.trading.breaker import money
from orderflow_tui.trading.floor import Floor
from orderflow_tui.trading.trade import ExitReason, RoundTrip, gone_payload, trip_of

TOO_LATE = "held past the flat time"


def tell_trades(floor: Floor) -> None:
    """Write what the journal does not say yet of the day's trades, and of earlier ones that were restated."""
    ledger = floor.ledger
    ids = {trip.id for trip in ledger.trips}
    today = [trip for trip in floor.told_trades.values() if trip.trade_date == ledger.trade_date]
    for trip in [trip for trip in today if trip.id not in ids]:
        del floor.told_trades[trip.id]
        floor.note("trade", trip.id, **gone_payload(trip))
        floor.alert("trade", f"{_line(trip)} is no trade any more: its execution was corrected", subject=trip.id)
    for trip in ledger.restated.values():
        _tell(floor, trip)
    ledger.trips = [_tell(floor, trip) for trip in ledger.trips]


def heard_trade(floor: Floor, row: Row) -> None:
    """Replay: what the journal says of a trade."""
    trip = trip_of(row)
    floor.told_trades.pop(row.ref, None)
    if trip is not None:
        floor.told_trades[row.ref] = trip


def recall_trades(floor: Floor) -> None:
    """After replay: the day's trades with what led to them and the rules they broke, as the journal tells it."""
    floor.ledger.trips = [_full(floor, trip) for trip in floor.ledger.trips]


def _tell(floor: Floor, trip: RoundTrip) -> RoundTrip:
    known, full = floor.told_trades.get(trip.id), _full(floor, trip)
    if full is known:
        return full
    floor.told_trades[trip.id] = full
    floor.note("trade", full.id, **full.payload())
    if known is None:
        floor.alert("trade", _line(full), Tier.INFO, full.id)
    elif known.gross_cents != full.gross_cents:
        floor.alert("trade", f"{_line(full)}, corrected from {money(known.net_cents)}", subject=full.id)
    return full


def _line(trip: RoundTrip) -> str:
    return f"{trip.side.name} {trip.quantity} {trip.instrument} {trip.reason.value} {money(trip.net_cents)}"


def _full(floor: Floor, trip: RoundTrip) -> RoundTrip:
    """The trade with the chain that led to it and the house rules it broke: judged when its figures change, and kept."""
    known = floor.told_trades.get(trip.id)
    if known is not None and (known is trip or _figures(known) == _figures(trip)):
        return known
    plan = floor.plans.get(trip.intent_id)
    return replace(trip, context={} if plan is None else plan.context, breaks=_breaks(floor, trip, known))


def _figures(trip: RoundTrip) -> RoundTrip:
    return replace(trip, context={}, breaks=())


def _breaks(floor: Floor, trip: RoundTrip, known: RoundTrip | None) -> tuple[str, ...]:
    found: list[str] = []
    plan = floor.plans.get(trip.intent_id)
    if plan is None:
        found.append("opened outside the gate")
    elif plan.intent.stop_ticks is not None:
        instrument = floor.instruments[trip.instrument]
        planned = (plan.intent.reach_ticks + floor.params.risk.slippage_ticks) * instrument.tick_cents * trip.quantity
        if trip.gross_cents < -planned:
            found.append(f"lost {money(-trip.gross_cents)}, planned at most {money(planned)}")
    if _too_late(floor, trip) if known is None or known.exit_ns != trip.exit_ns else TOO_LATE in known.breaks:
        found.append(TOO_LATE)
    return tuple(found)


def _too_late(floor: Floor, trip: RoundTrip) -> bool:
    """By the flat time it was held past, else that of now: a trade that is judged again later keeps what was found of the same
    exit."""
    flat_at = floor.held_late.get(trip.id, floor.facts.flat_at_ns)
    return flat_at is not None and trip.exit_ns > flat_at and trip.reason is not ExitReason.FLAT
