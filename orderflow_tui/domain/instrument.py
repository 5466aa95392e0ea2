"""What is traded: tick grid, money per tick and the thresholds that go with an instrument.

Prices inside are tick indices: `ticks = price / tick`, exact by integer arithmetic on 1e-9 units.
Floats appear only where an adapter reads a file or the screen prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite

E9 = 1_000_000_000
GRID_TOLERANCE = 1e-6  # of a tick; METHODOLOGY §0


@dataclass(frozen=True, slots=True)
class Instrument:
    """One futures root. Money is account currency; thresholds are those of this symbol's own tape."""

    symbol: str
    name: str
    exchange: str
    tick_e9: int  # price increment in 1e-9 units: ES 250_000_000
    tick_cents: int  # money per tick and contract: ES 1250, MES 125
    multiplier: int  # money per point as the broker states it: ES 50
    commission_cents: int  # per side and contract
    margin_cents: int  # static intraday margin per contract, used when the broker's figure is older than 30 min
    stop_ticks: int
    target_ticks: int
    imbalance_min_volume: int
    absorption_min_volume: int
    roll_months: str = "HMUZ"

    @property
    def family(self) -> tuple[str, ...]:
        """Symbols of the same market: this contract, its micro, what it is the micro of (a micro is named M and its big one)."""
        return self.symbol, f"M{self.symbol}", self.symbol.removeprefix("M")

    @property
    def decimals(self) -> int:
        """Decimal places needed to print a price on this grid."""
        places, rest = 0, self.tick_e9
        while rest % E9 and places < 9:
            rest, places = rest * 10, places + 1
        return places

    def ticks(self, price: float) -> int | None:
        """Tick index of a decimal price; None when it lies off the grid (or is not a number)."""
        scaled = price * E9 / self.tick_e9
        if not isfinite(scaled):
            return None
        index = round(scaled)
        return index if abs(scaled - index) < GRID_TOLERANCE else None

    def ticks_from_e9(self, price_e9: int) -> int | None:
        """Tick index of a fixed-point 1e-9 price; None off the grid."""
        index, rest = divmod(price_e9, self.tick_e9)
        return index if rest == 0 else None

    def price(self, ticks: float) -> float:
        """Decimal price of a tick index (display and adapters only)."""
        return ticks * self.tick_e9 / E9

    def text(self, ticks: int) -> str:
        """The price as printed everywhere: fixed decimals, `6712.25`."""
        total = ticks * self.tick_e9
        sign, total = ("-", -total) if total < 0 else ("", total)
        whole, rest = divmod(total, E9)
        places = self.decimals
        return f"{sign}{whole}.{rest // 10 ** (9 - places):0{places}d}" if places else f"{sign}{whole}"


def root_of(contract: str, known: tuple[str, ...]) -> str | None:
    """Root symbol of a contract code such as `MESZ6` or `ESH21-CME`: longest known root first, None if unknown."""
    for root in sorted(known, key=len, reverse=True):
        month, year = contract[len(root) : len(root) + 1], contract[len(root) + 1 : len(root) + 2]
        if contract.startswith(root) and (not month or (month in "FGHJKMNQUVXZ" and year.isdigit())):
            return root
    return None


def quarterly_contract(when: date) -> str:
    """The quarterly equity-index contract that leads on a trade date, such as `H6`.

    The lead passes to the next quarter on the Monday of expiry week; expiry is the third Friday of the month.
    """
    year, month = when.year, (when.month + 2) // 3 * 3
    first = date(year, month, 1)
    third_friday = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
    if when >= third_friday - timedelta(days=4):
        year, month = (year + 1, 3) if month == 12 else (year, month + 3)
    return f"{'HMUZ'[month // 3 - 1]}{year % 10}"
