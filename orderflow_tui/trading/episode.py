"""An open position from its first execution on: lots first-in first-out, excursions, money realised so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.order import Side
from orderflow_tui.trading.trade import Execution, ExitReason, RoundTrip


@dataclass(slots=True)
class Lot:
    """Contracts opened at one price. `basis_ticks` is what the day's figures count from: the entry, or the mark it was
    carried over the turn of the trade date at."""

    quantity: int
    price_ticks: int
    basis_ticks: int


@dataclass(slots=True)
class Episode:
    """A position of one sign. `gross_cents` from true entries, for the trade; `base_ids` are its executions, for fees.

    `high` and `low` start at the entry price and take in every trade until the exit.
    """

    id: str
    instrument: Instrument
    side: Side
    opened_ns: int
    intent_id: str
    lots: list[Lot] = field(default_factory=list)
    high: int = 0
    low: int = 0
    opened: int = 0  # contracts, and their prices summed
    opened_ticks: int = 0
    closed: int = 0
    closed_ticks: int = 0
    gross_cents: int = 0
    slipped_ticks: int = 0
    base_ids: list[tuple[str, int]] = field(default_factory=list)  # (base id, contracts)

    @property
    def quantity(self) -> int:
        """Contracts held, unsigned."""
        return sum(lot.quantity for lot in self.lots)

    @property
    def average_ticks(self) -> float:
        """Average entry of what is still held."""
        return sum(lot.quantity * lot.price_ticks for lot in self.lots) / self.quantity

    def see(self, low: int, high: int) -> None:
        """Take in prices traded while it was open."""
        self.low = min(self.low, low)
        self.high = max(self.high, high)

    def add(self, execution: Execution, quantity: int) -> None:
        """Contracts join."""
        price = execution.fill.price_ticks
        if not self.opened:
            self.low = self.high = price
        self.see(price, price)
        self.lots.append(Lot(quantity, price, price))
        self.opened += quantity
        self.opened_ticks += quantity * price
        self.base_ids.append((execution.fill.base_id, quantity))
        if execution.asked_ticks is not None:
            self.slipped_ticks += self.side * (price - execution.asked_ticks) * quantity

    def take(self, execution: Execution, quantity: int) -> int:
        """Contracts leave, first in first out. Returns what the day realised, in cents, against the day's basis."""
        price, realised, left = execution.fill.price_ticks, 0, quantity
        cents = self.instrument.tick_cents * self.side
        while left:
            lot = self.lots[0]
            part = min(left, lot.quantity)
            realised += (price - lot.basis_ticks) * part * cents
            self.gross_cents += (price - lot.price_ticks) * part * cents
            lot.quantity -= part
            left -= part
            if not lot.quantity:
                del self.lots[0]
        self.see(price, price)
        self.closed += quantity
        self.closed_ticks += quantity * price
        self.base_ids.append((execution.fill.base_id, quantity))
        if execution.asked_ticks is not None:
            self.slipped_ticks += self.side * (execution.asked_ticks - price) * quantity
        return realised

    def trip(self, execution: Execution, reason: ExitReason, fees_cents: int) -> RoundTrip:
        """The closed trade."""
        entry, leave = self.opened_ticks / self.opened, self.closed_ticks / self.closed
        best, worst = (self.high, self.low) if self.side is Side.BUY else (self.low, self.high)
        return RoundTrip(
            id=self.id,
            trade_date=execution.trade_date,
            instrument=self.instrument.symbol,
            side=self.side,
            quantity=self.opened,
            entry_ns=self.opened_ns,
            entry_ticks=entry,
            exit_ns=execution.fill.ts_ns,
            exit_ticks=leave,
            gross_cents=self.gross_cents,
            fees_cents=fees_cents,
            reason=reason,
            intent_id=self.intent_id,
            mae_ticks=max(0.0, self.side * (entry - worst)),
            mfe_ticks=max(0.0, self.side * (best - entry)),
            slippage_ticks=self.slipped_ticks / self.opened,
        )
