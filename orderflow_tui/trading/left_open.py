"""What a run that ends leaves behind: positions, where their stop is, the orders that still work. Nothing is closed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.order import Order
from orderflow_tui.trading.protection import Cover

STOP_WORDS = {
    Cover.NONE_NEEDED: "no stop of ours is there for it",
    Cover.AT_BROKER: "its stop is at the broker",
    Cover.PENDING: "its stop is NOT CONFIRMED by the broker",
    Cover.MISSING: "it has NO STOP",
    Cover.UNKNOWN: "whether its stop stands is NOT KNOWN",
}


@dataclass(frozen=True, slots=True)
class Holding:
    """Signed contracts of one instrument, as the broker told (None: not known) and by our own count."""

    instrument: str
    broker: int | None
    local: int

    def __str__(self) -> str:
        if self.broker == self.local:
            return f"{self.local:+d} {self.instrument}"
        broker = "the broker has not told" if self.broker is None else f"the broker says {self.broker:+d}"
        return f"{self.local:+d} {self.instrument} ({broker})"


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """What is left and in what words. `sure`: flat, or the stop is known to be at the broker."""

    text: str
    sure: bool


def left_open(
    holdings: Sequence[Holding], cover: Cover, orders: Sequence[Order], flattening: bool, instruments: Mapping[str, Instrument]
) -> LeftOpen | None:
    """What is held or works at the end of a run, None when nothing is. `cover`: the worst word of everything held."""
    held = [holding for holding in holdings if holding.local or holding.broker]
    if not held and not orders:
        return None
    said = ["a position is left open: " + ", ".join(map(str, held)) if held else "flat, but orders are left working"]
    if held:
        said.append(STOP_WORDS[cover])
    if flattening:
        said.append("a flatten had begun and is NOT DONE")
    if orders:
        said.append("working: " + ", ".join(_words(order, instruments[order.instrument]) for order in orders))
    sure = not flattening and (cover is Cover.AT_BROKER or not held)
    return LeftOpen("; ".join(said), sure)


def _words(order: Order, instrument: Instrument) -> str:
    at = order.stop_ticks if order.stop_ticks is not None else order.limit_ticks
    price = "at market" if at is None else instrument.text(at)
    return f"{order.role.name.lower()} {order.side.name} {order.quantity} {order.instrument} {price}"
