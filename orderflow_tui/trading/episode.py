"""An open position from its first execution on: lots first-in first-out, what joined and left it, how far the market went."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.order import Side
from orderflow_tui.trading.trade import Execution, RoundTrip


@dataclass(slots=True)
class Lot:
    """Contracts opened at one price by the execution `base_id`. `basis_ticks` is what the day's figures count from: the
    entry, or the mark it was carried over the turn of the trade date at."""

    quantity: int
    price_ticks: int
    basis_ticks: int
    base_id: str


@dataclass(frozen=True, slots=True)
class Leg:
    """Contracts that joined a position with an execution, or left it."""

    execution: Execution
    quantity: int
    joins: bool

    @property
    def worse_ticks(self) -> int | None:
        """How much worse than asked, all contracts together; None: nothing was asked."""
        asked = self.execution.asked_ticks
        return None if asked is None else (self.execution.fill.price_ticks - asked) * self.quantity * self.execution.fill.side

    def share(self, cents: int) -> int:
        """Its part of what the whole execution cost. Where an execution closes one trade and opens the next, what joins is what
        that which left did not take: the trades add up to the day."""
        whole = self.execution.fill.quantity
        left = whole - self.quantity if self.joins else self.quantity
        taken = cents * left // whole
        return cents - taken if self.joins else taken


@dataclass(slots=True)
class Episode:
    """A position of one sign. `legs` are what the trade is made of, all at true prices; `seen` is the market's low and high
    while it was held, without its own executions: a price that is corrected leaves nothing behind."""

    id: str
    instrument: Instrument
    side: Side
    opened_ns: int
    intent_id: str
    lots: list[Lot] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    seen: tuple[int, int] | None = None
    trade_date: date | None = None  # of its close

    @property
    def quantity(self) -> int:
        """Contracts held, unsigned."""
        return sum(lot.quantity for lot in self.lots)

    @property
    def average_ticks(self) -> float:
        """Average entry of what is still held."""
        return sum(lot.quantity * lot.price_ticks for lot in self.lots) / self.quantity

    def open_cents(self, at_ticks: int) -> int:
        """Open profit at a price, against the day's basis."""
        cents = self.instrument.tick_cents * self.side
        return sum((at_ticks - lot.basis_ticks) * lot.quantity for lot in self.lots) * cents

    def see(self, low: int, high: int) -> None:
        """Take in prices traded while it was open."""
        self.seen = (low, high) if self.seen is None else (min(self.seen[0], low), max(self.seen[1], high))

    def add(self, execution: Execution, quantity: int) -> None:
        """Contracts join."""
        price = execution.fill.price_ticks
        self.lots.append(Lot(quantity, price, price, execution.fill.base_id))
        self.legs.append(Leg(execution, quantity, True))

    def take(self, execution: Execution, quantity: int) -> int:
        """Contracts leave, first in first out. Returns what the day realised, in cents, against the day's basis."""
        price, realised, left = execution.fill.price_ticks, 0, quantity
        cents = self.instrument.tick_cents * self.side
        while left:
            lot = self.lots[0]
            part = min(left, lot.quantity)
            realised += (price - lot.basis_ticks) * part * cents
            lot.quantity -= part
            left -= part
            if not lot.quantity:
                del self.lots[0]
        self.legs.append(Leg(execution, quantity, False))
        return realised

    def reprice(self, base_id: str, price_ticks: int) -> None:
        """An execution of an earlier day had another price. What the day counts from stays."""
        for lot in self.lots:
            if lot.base_id == base_id:
                lot.price_ticks = price_ticks
        for i, leg in enumerate(self.legs):
            fill = leg.execution.fill
            if fill.base_id == base_id:
                self.legs[i] = replace(leg, execution=replace(leg.execution, fill=replace(fill, price_ticks=price_ticks)))

    def trip(self, fees_cents: int) -> RoundTrip:
        """The closed trade."""
        joined, left = [leg for leg in self.legs if leg.joins], [leg for leg in self.legs if not leg.joins]
        opened, leave = sum(leg.quantity for leg in joined), left[-1].execution
        paid, got = _worth(joined), _worth(left)
        prices = [leg.execution.fill.price_ticks for leg in self.legs] + list(self.seen or ())
        entry, low, high = paid / opened, min(prices), max(prices)
        best, worst = (high, low) if self.side is Side.BUY else (low, high)
        return RoundTrip(
            id=self.id,
            trade_date=self.trade_date,
            instrument=self.instrument.symbol,
            side=self.side,
            quantity=opened,
            entry_ns=self.opened_ns,
            entry_ticks=entry,
            exit_ns=leave.fill.ts_ns,
            exit_ticks=got / opened,
            gross_cents=(got - paid) * self.side * self.instrument.tick_cents,
            fees_cents=fees_cents,
            reason=leave.reason,
            intent_id=self.intent_id,
            mae_ticks=max(0.0, self.side * (entry - worst)),
            mfe_ticks=max(0.0, self.side * (best - entry)),
            slippage_ticks=_slippage(self.legs, opened),
        )


def _slippage(legs: list[Leg], opened: int) -> float | None:
    """What a contract came worse in and out than asked; of a trade of which a part was never asked for, nobody knows."""
    worse = [leg.worse_ticks for leg in legs]
    known = [ticks for ticks in worse if ticks is not None]
    return sum(known) / opened if len(known) == len(worse) else None


def _worth(legs: list[Leg]) -> int:
    """Prices of all contracts, summed, in ticks."""
    return sum(leg.quantity * leg.execution.fill.price_ticks for leg in legs)
