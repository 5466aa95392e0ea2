"""The DOM ladder's part of the view: a window of ticks around the market, dense arrays, tags and own orders."""

from __future__ import annotations

from orderflow_tui.domain.order import OrderType, Role
from orderflow_tui.engine import Engine
from orderflow_tui.market.state import MarketState
from orderflow_tui.view.model import DomView

REACH = 120  # ticks shown around the last trade; the ladder scrolls inside
LETTERS = {Role.ENTRY: "L", Role.STOP: "S", Role.TARGET: "T", Role.EMERGENCY: "S", Role.FLATTEN: "F"}


def ladder(engine: Engine) -> DomView:
    """The ladder as of now."""
    market = engine.market
    centre = market.last_price
    if centre is None and market.book.best_bid is not None:
        centre = market.book.best_bid
    base = (centre or 0) - REACH
    count = 2 * REACH + 1 if centre is not None else 0
    ticks = range(base, base + count)
    return DomView(
        bids=tuple(market.book.bids[:10]) if market.book.valid else (),
        asks=tuple(market.book.asks[:10]) if market.book.valid else (),
        last=market.last_price,
        last_size=market.last_size,
        last_side=market.last_side,
        base=base,
        volume=market.globex_profile.window(base, count),
        delta=market.globex_profile.delta_window(base, count),
        sold=tuple(market.recent_sold(t) for t in ticks),
        bought=tuple(market.recent_bought(t) for t in ticks),
        pulled=tuple(market.pulled(t) for t in ticks),
        own=own_orders(engine),
        tags=tags(market),
        position=engine.desk.position(),
        avg_price_ticks=engine.desk.average_ticks(),
        tick_cents=engine.params.instruments[engine.desk.execution].tick_cents,
        book_valid=market.book.valid,
        empty_reason="" if centre is not None else "waiting for the first trade or quote",
    )


def own_orders(engine: Engine) -> tuple[tuple[int, str], ...]:
    """Working orders as (price, letter and signed size)."""
    rows = []
    for order in engine.desk.orders:
        price = order.stop_ticks if order.type is OrderType.STOP else order.limit_ticks
        if price is not None:
            sign = "+" if order.side > 0 else "−"
            rows.append((price, f"{LETTERS[order.role]} {sign}{order.quantity}"))
    return tuple(rows)


def tags(market: MarketState) -> tuple[tuple[int, str], ...]:
    """Levels a trader wants to see at the edge of the ladder, most important last so that it wins a shared row."""
    rows: list[tuple[int, str]] = []
    pva = market.pva
    if pva is not None:
        rows += [(pva.vah, "pVAH"), (pva.val, "pVAL"), (pva.poc, "pPOC")]
    for price, label in (
        (market.prior_high, "pH"),
        (market.prior_low, "pL"),
        (market.prior_close, "pC"),
        (market.on_high, "ONH"),
        (market.on_low, "ONL"),
        (market.ib_high if market.ib_complete else None, "IBH"),
        (market.ib_low if market.ib_complete else None, "IBL"),
    ):
        if price is not None:
            rows.append((price, label))
    rows += [(price, "nPOC") for _, price in market.naked_pocs]
    vwap = market.vwap_rth.value()
    if vwap is not None:
        rows.append((round(vwap), "VWAP"))
    dva = market.dva()
    if dva is not None:
        rows += [(dva.vah, "VAH"), (dva.val, "VAL"), (dva.poc, "POC")]
    return tuple(rows)
