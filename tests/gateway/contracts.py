"""The contracts the gateway lists: ES, MES, NQ, MNQ, CL and GC with their next expiries, grids and hours.

Expiries follow simple public rules: third Friday of the contract month, for crude oil three business days before the 25th of
the month before it. The gateway is the authority for its client.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tests.gateway.wire import Field, Tell

MONTH_CODES = "FGHJKMNQUVXZ"
LISTED = 4  # expiries of each product
HOURS_DAYS = 10


@dataclass(frozen=True, slots=True)
class Product:
    """A futures root. `family` names the walk it shares with others, `start` its price at the beginning."""

    symbol: str
    family: str
    name: str
    exchange: str
    tick: Decimal
    multiplier: int
    months: str
    start: Decimal
    commission: Decimal
    initial_margin: Decimal


@dataclass(frozen=True, slots=True)
class Listing:
    """One contract: a product, its contract month (YYYYMM) and its last trading day. `carry` is how many ticks it trades
    above the walk of its family."""

    con_id: int
    product: Product
    month: str
    expiry: date
    carry: int = 0

    @property
    def local_symbol(self) -> str:
        """Exchange code such as ESZ6."""
        return f"{self.product.symbol}{MONTH_CODES[int(self.month[4:]) - 1]}{self.month[3]}"

    def price(self, ticks: int) -> float:
        """Decimal price of a tick index."""
        return float((ticks + self.carry) * self.product.tick)

    def ticks(self, price: float) -> int | None:
        """Tick index of a decimal price, None off the grid."""
        index, rest = divmod(Decimal(str(price)), self.product.tick)
        return int(index) - self.carry if rest == 0 else None


def _product(symbol: str, family: str, name: str, exchange: str, multiplier: int, months: str, money: str) -> Product:
    """`money`: tick, start, commission and initial margin, as written."""
    tick, start, commission, margin = (Decimal(part) for part in money.split())
    return Product(symbol, family, name, exchange, tick, multiplier, months, start, commission, margin)


PRODUCTS = (
    _product("ES", "SPX", "E-mini S&P 500", "CME", 50, "HMUZ", "0.25 6700 2.25 16500"),
    _product("MES", "SPX", "Micro E-mini S&P 500", "CME", 5, "HMUZ", "0.25 6700 0.62 1650"),
    _product("NQ", "NDX", "E-mini NASDAQ 100", "CME", 20, "HMUZ", "0.25 24800 2.25 24000"),
    _product("MNQ", "NDX", "Micro E-mini NASDAQ 100", "CME", 2, "HMUZ", "0.25 24800 0.62 2400"),
    _product("CL", "WTI", "Light Sweet Crude Oil", "NYMEX", 1000, MONTH_CODES, "0.01 71 2.40 6200"),
    _product("GC", "XAU", "Gold", "COMEX", 100, "GJMQVZ", "0.10 2650 2.40 11000"),
)


def _third_friday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


def last_trading_day(symbol: str, year: int, month: int) -> date:
    """When the contract of a month stops trading; holidays are not known."""
    if symbol != "CL":
        return _third_friday(year, month)
    day = (date(year, month, 1) - timedelta(days=1)).replace(day=25)
    day -= timedelta(days=max(0, day.weekday() - 4))  # the last business day up to the 25th
    for _ in range(3):
        day -= timedelta(days=3 if day.weekday() == 0 else 1)
    return day


def listings(today: date, count: int = LISTED, carry: int = 0) -> tuple[Listing, ...]:
    """The next `count` expiries of every product, nearest first, each `carry` ticks above the one before it."""
    found: list[Listing] = []
    for number, product in enumerate(PRODUCTS):
        months = [
            (year, MONTH_CODES.index(code) + 1)
            for year in range(today.year, today.year + count + 1)
            for code in sorted(product.months, key=MONTH_CODES.index)
        ]
        dated = [(year, month, last_trading_day(product.symbol, year, month)) for year, month in months]
        live = [(year, month, expiry) for year, month, expiry in dated if expiry >= today][:count]
        found += [
            Listing(500_000_000 + number * 100_000 + y % 100 * 100 + m, product, f"{y}{m:02d}", expiry, rank * carry)
            for rank, (y, m, expiry) in enumerate(live)
        ]
    return tuple(found)


def matches(listing: Listing, con_id: int, symbol: str, expiry: str, exchange: str, local_symbol: str) -> bool:
    """Whether a client's description fits; empty parts fit anything."""
    if con_id:
        return listing.con_id == con_id
    return (
        symbol in {"", listing.product.symbol}
        and expiry in {"", listing.month, f"{listing.expiry:%Y%m%d}"}
        and exchange in {"", listing.product.exchange}
        and local_symbol in {"", listing.local_symbol}
    )


def contract_fields(listing: Listing, exchange: str | None = None) -> list[Field]:
    """The eleven fields that describe a contract in orders, executions and positions."""
    product = listing.product
    return [
        listing.con_id,
        product.symbol,
        "FUT",
        f"{listing.expiry:%Y%m%d}",
        0,
        "",
        product.multiplier,
        product.exchange if exchange is None else exchange,
        "USD",
        listing.local_symbol,
        product.symbol,
    ]


def trading_hours(today: date, days: int = HOURS_DAYS) -> str:
    """`tradingHours` of the coming days: 17:00 of the evening before to 16:00, closed on Saturdays and Sundays."""
    parts = []
    for step in range(days):
        day = today + timedelta(days=step)
        eve = day - timedelta(days=1)
        parts.append(f"{day:%Y%m%d}:CLOSED" if day.weekday() > 4 else f"{eve:%Y%m%d}:1700-{day:%Y%m%d}:1600")
    return ";".join(parts)


def liquid_hours(today: date, days: int = HOURS_DAYS) -> str:
    """`liquidHours`: regular hours in the same form."""
    parts = []
    for step in range(days):
        day = today + timedelta(days=step)
        parts.append(f"{day:%Y%m%d}:CLOSED" if day.weekday() > 4 else f"{day:%Y%m%d}:0830-{day:%Y%m%d}:1500")
    return ";".join(parts)


def details_fields(request: str, listing: Listing, today: date) -> list[Field]:
    """The contract details message at server version 176."""
    product = listing.product
    return [
        Tell.CONTRACT_DETAILS,
        request,
        product.symbol,
        "FUT",
        f"{listing.expiry:%Y%m%d} 08:30 US/Central",
        0,
        "",
        product.exchange,
        "USD",
        listing.local_symbol,
        product.symbol,
        product.symbol,
        listing.con_id,
        float(product.tick),
        product.multiplier,
        "ACTIVETIM,LMT,MKT,STP,WHATIF",
        product.exchange,
        1,
        11004968,
        product.name,
        "",
        listing.month,
        "Indices",
        "Broad Based Index",
        "*",
        "US/Central",
        trading_hours(today),
        liquid_hours(today),
        "",
        0,
        0,  # no security ids
        2147483647,
        product.symbol,
        "IND",
        "67",
        f"{listing.expiry:%Y%m%d}",
        "",
        1,
        1,
        1,
    ]
