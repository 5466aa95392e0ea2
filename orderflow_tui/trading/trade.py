"""A trade: from flat to flat, with why it was made, how it went, what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from orderflow_tui.domain.action import Json, Row
from orderflow_tui.domain.order import Fill, Side
from orderflow_tui.trading import rows


class ExitReason(Enum):
    """What ended a trade."""

    TARGET = "TARGET"
    STOP = "STOP"
    MANUAL = "MANUAL"
    HALTED = "HALTED"
    FLAT = "FLAT"
    REVERSED = "REVERSED"


@dataclass(frozen=True, slots=True)
class Execution:
    """A booked fill with what the ledger cannot know from it: why an exit was made, which wish an entry came from, the
    price that was asked for (anchor of an entry, stop of an exit; None: nothing to compare with)."""

    fill: Fill
    reason: ExitReason
    intent_id: str
    asked_ticks: int | None


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A closed trade. Prices are averages in ticks, money in cents, `mae_ticks` and `mfe_ticks` >= 0 from the average entry.

    `slippage_ticks` > 0 is what entry and exit together were worse than asked, per contract; None where one of its executions
    had no price that was asked for, as none has that is not ours. `context` is what was known when it was decided (label, regime,
    patterns, confidence), `breaks` the house rules it broke.
    """

    id: str
    trade_date: date | None
    instrument: str
    side: Side
    quantity: int
    entry_ns: int
    entry_ticks: float
    exit_ns: int
    exit_ticks: float
    gross_cents: int
    fees_cents: int
    reason: ExitReason
    intent_id: str
    mae_ticks: float
    mfe_ticks: float
    slippage_ticks: float | None
    context: dict[str, Json] = field(default_factory=dict)
    breaks: tuple[str, ...] = ()

    @property
    def net_cents(self) -> int:
        """After commissions."""
        return self.gross_cents - self.fees_cents

    def payload(self) -> dict[str, Json]:
        """As a row of the journal; `trip_of` reads it back. Of the rows of a trade the newest counts."""
        return {
            "trade_date": None if self.trade_date is None else self.trade_date.isoformat(),
            "instrument": self.instrument,
            "side": int(self.side),
            "quantity": self.quantity,
            "entry_ns": self.entry_ns,
            "entry_ticks": self.entry_ticks,
            "exit_ns": self.exit_ns,
            "exit_ticks": self.exit_ticks,
            "gross_cents": self.gross_cents,
            "fees_cents": self.fees_cents,
            "reason": self.reason.value,
            "intent_id": self.intent_id,
            "mae_ticks": self.mae_ticks,
            "mfe_ticks": self.mfe_ticks,
            "slippage_ticks": self.slippage_ticks,
            "context": dict(self.context),
            "breaks": list(self.breaks),
        }


def gone_payload(trip: RoundTrip) -> dict[str, Json]:
    """The row of a trade that never was: its execution was busted, or corrected into another trade."""
    day = None if trip.trade_date is None else trip.trade_date.isoformat()
    return {"gone": True, "trade_date": day, "instrument": trip.instrument}


def trip_of(source: Row) -> RoundTrip | None:
    """The closed trade of a `trade` row, None where the row says that it never was. Raises RowError."""
    if source.payload.get("gone"):
        return None
    context, breaks = source.payload.get("context"), source.payload.get("breaks")
    try:
        reason, side = ExitReason(rows.text(source, "reason")), Side(rows.number(source, "side"))
    except ValueError as fault:
        raise rows.RowError(f"journal row {source.kind} {source.ref}: {fault}") from fault
    return RoundTrip(
        id=source.ref,
        trade_date=rows.day(source),
        instrument=rows.text(source, "instrument"),
        side=side,
        quantity=rows.number(source, "quantity"),
        entry_ns=rows.number(source, "entry_ns"),
        entry_ticks=rows.real(source, "entry_ticks"),
        exit_ns=rows.number(source, "exit_ns"),
        exit_ticks=rows.real(source, "exit_ticks"),
        gross_cents=rows.number(source, "gross_cents"),
        fees_cents=rows.number(source, "fees_cents"),
        reason=reason,
        intent_id=rows.text(source, "intent_id"),
        mae_ticks=rows.real(source, "mae_ticks"),
        mfe_ticks=rows.real(source, "mfe_ticks"),
        slippage_ticks=rows.maybe_real(source, "slippage_ticks"),
        context=context if isinstance(context, dict) else {},
        breaks=tuple(map(str, breaks)) if isinstance(breaks, list) else (),
    )
