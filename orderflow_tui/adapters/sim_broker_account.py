"""The books of the simulated broker: positions, cash, the day's executions. Its word is the truth of a simulation.

Cash is integer cents: each fill moves `-side * quantity * price_ticks * tick_cents`, so realised and open profit need
no averaging and equity is cash plus positions at the mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.order import Fill


class Books:
    """Positions in contracts, money in cents. Executions are kept for the current day only."""

    __slots__ = ("_cash_cents", "_day_start_cents", "_fills", "_instruments", "positions")

    def __init__(self, instruments: Mapping[str, Instrument], balance_cents: int) -> None:
        self._instruments = instruments
        self._cash_cents = balance_cents
        self._day_start_cents = balance_cents
        self._fills: dict[str, Fill] = {}  # newest revision by base id
        self.positions: dict[str, int] = {}

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The day's executions, newest revision of each, in order of execution."""
        return tuple(self._fills.values())

    def position(self, instrument: str) -> int:
        """Signed contracts."""
        return self.positions.get(instrument, 0)

    def book(self, fill: Fill) -> int:
        """Post an execution, or the difference a higher revision makes. Returns its commission in cents."""
        old = self._fills.get(fill.base_id)
        if old is not None:
            self._post(old, -1)
        self._fills[fill.base_id] = fill
        return self._post(fill, 1)

    def _post(self, fill: Fill, sign: int) -> int:
        spec = self._instruments[fill.instrument]
        signed = sign * fill.side * fill.quantity
        commission = spec.commission_cents * fill.quantity
        self._cash_cents -= signed * fill.price_ticks * spec.tick_cents + sign * commission
        position = self.position(fill.instrument) + signed
        if position:
            self.positions[fill.instrument] = position
        else:
            self.positions.pop(fill.instrument, None)
        return commission

    def corrected(self, base_id: str, *, price_ticks: int | None = None, quantity: int | None = None) -> Fill | None:
        """The next revision of a booked execution with another price or quantity; None if it is not of today."""
        old = self._fills.get(base_id)
        if old is None:
            return None
        revision = old.revision + 1
        return replace(
            old,
            exec_id=f"{base_id}.{revision:02d}",
            revision=revision,
            price_ticks=old.price_ticks if price_ticks is None else price_ticks,
            quantity=old.quantity if quantity is None else quantity,
        )

    def equity_cents(self, mark_ticks: int | None) -> int:
        """Cash plus positions at the mark. Every instrument shares the tape's grid and therefore its mark."""
        if mark_ticks is None:
            assert not self.positions, "a position cannot exist before the first price"
            return self._cash_cents
        worth = sum(p * mark_ticks * self._instruments[name].tick_cents for name, p in self.positions.items())
        return self._cash_cents + worth

    def day_pnl_cents(self, mark_ticks: int | None) -> int:
        """Equity made since the day began."""
        return self.equity_cents(mark_ticks) - self._day_start_cents

    def start_day(self, mark_ticks: int | None) -> None:
        """Forget yesterday's executions and start the day's profit at zero."""
        self._fills.clear()
        self._day_start_cents = self.equity_cents(mark_ticks)
