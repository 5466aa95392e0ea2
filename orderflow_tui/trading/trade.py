"""A trade: from flat to flat, with why it was made, how it went, what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from orderflow_tui.domain.action import Json
from orderflow_tui.domain.order import Fill, Side


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
    trade_date: date | None


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A closed trade. Prices are averages in ticks, money in cents, `mae_ticks` and `mfe_ticks` >= 0 from the average entry.

    `slippage_ticks` > 0 is what entry and exit together were worse than asked, per contract. `context` is what was known
    when it was decided (label, regime, patterns, confidence), `breaks` the house rules it broke.
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
    slippage_ticks: float
    context: dict[str, Json] = field(default_factory=dict)
    breaks: tuple[str, ...] = ()

    @property
    def net_cents(self) -> int:
        """After commissions."""
        return self.gross_cents - self.fees_cents
