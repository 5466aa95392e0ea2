"""Small builders that tests share: instruments, a day, orders as they come out of the gate."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.order import Order, OrderType, Purpose, Role, Side
from orderflow_tui.domain.session import SECOND_NS, SessionDay, SessionTable

ES = Instrument("ES", "E-mini S&P 500", "CME", 250_000_000, 1250, 50, 225, 1_600_000, 16, 24, 20, 150)
MES = replace(
    ES, symbol="MES", name="Micro E-mini S&P 500", tick_cents=125, multiplier=5, commission_cents=62, margin_cents=160_000
)
HOUR_NS = 3600 * SECOND_NS
MIDNIGHT_NS = 1_772_686_800 * SECOND_NS  # 2026-03-05 00:00 in New York, as UTC
DAY = SessionDay(
    date(2026, 3, 5),
    MIDNIGHT_NS,
    MIDNIGHT_NS - 6 * HOUR_NS,
    MIDNIGHT_NS + 17 * HOUR_NS,
    MIDNIGHT_NS + 9 * HOUR_NS + HOUR_NS // 2,
    MIDNIGHT_NS + 16 * HOUR_NS,
)
TABLE = SessionTable((DAY,))


def at(hour: int, minute: int = 0, second: int = 0) -> int:
    """An instant of the built day, exchange time."""
    return DAY.at(hour, minute, second)


def order(role: Role = Role.ENTRY, purpose: Purpose = Purpose.ENTRY, revision: int = 1, id_: str = "of1-t-1-E") -> Order:
    """An order as the gate would make it."""
    return Order(
        id=id_,
        intent_id="of1-t-1",
        number=1,
        revision=revision,
        instrument="MES",
        side=Side.BUY,
        role=role,
        purpose=purpose,
        type=OrderType.LIMIT,
        quantity=1,
        limit_ticks=100,
    )
