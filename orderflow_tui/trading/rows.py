"""Journal rows of the trading floor, and how they are read back.

Every change of state leaves a row here; replaying the rows in order rebuilds the desk. Payloads are plain JSON.
The constructor of an `Order` from a row stays with the gate, the only place that makes orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from orderflow_tui.domain.action import Json, Row
from orderflow_tui.domain.latch import Latch
from orderflow_tui.domain.order import Change, Fill, Intent, Order, OrderState, Purpose, Side


class RowError(Exception):
    """A journal row that cannot be read: says kind, reference and what was wrong."""


def row(kind: str, ref: str, ts_ns: int, **payload: Json) -> Row:
    """A row of the order book's journal."""
    return Row("orders", kind, ref, ts_ns, payload)


def intent_row(intent: Intent, anchor_ticks: int | None, context: dict[str, Json]) -> Row:
    """The wish with the price it was anchored to and what was known when it was made."""
    return row(
        "intent",
        intent.id,
        intent.ts_ns,
        id=intent.id,
        instrument=intent.instrument,
        purpose=intent.purpose.value,
        side=int(intent.side),
        quantity=intent.quantity,
        cause=intent.cause,
        manual=intent.manual,
        stop_ticks=intent.stop_ticks,
        target_ticks=intent.target_ticks,
        max_slippage_ticks=intent.max_slippage_ticks,
        anchor_ticks=anchor_ticks,
        context=dict(context),
    )


def intent_of(source: Row) -> Intent:
    """The intent of an `intent` row."""
    p = source.payload
    return Intent(
        id=source.ref,
        ts_ns=source.ts_ns,
        instrument=text(source, "instrument"),
        purpose=Purpose(p.get("purpose")),
        side=Side(number(source, "side")),
        quantity=number(source, "quantity"),
        cause=text(source, "cause"),
        manual=bool(p.get("manual")),
        stop_ticks=maybe(source, "stop_ticks"),
        target_ticks=maybe(source, "target_ticks"),
        max_slippage_ticks=number(source, "max_slippage_ticks"),
    )


def order_row(order: Order, ts_ns: int) -> Row:
    """The order as it will be sent, broker-side number included."""
    return row(
        "order",
        order.id,
        ts_ns,
        id=order.id,
        intent_id=order.intent_id,
        number=order.number,
        revision=order.revision,
        instrument=order.instrument,
        side=int(order.side),
        role=order.role.value,
        purpose=order.purpose.value,
        type=order.type.value,
        quantity=order.quantity,
        limit_ticks=order.limit_ticks,
        stop_ticks=order.stop_ticks,
        parent_id=order.parent_id,
        oca_group=order.oca_group,
        account=order.account,
        tif=order.tif,
        outside_rth=order.outside_rth,
        expires_ns=order.expires_ns,
    )


def change_row(change: Change, ts_ns: int) -> Row:
    """A change asked of a live order."""
    return row(
        "change",
        change.order_id,
        ts_ns,
        revision=change.revision,
        quantity=change.quantity,
        price_ticks=change.price_ticks,
        purpose=change.purpose.value,
    )


def state_row(order_id: str, ts_ns: int, state: OrderState, why: str, filled: int) -> Row:
    """An order moved."""
    return row("state", order_id, ts_ns, state=state.value, why=why, filled=filled)


def fill_row(
    fill: Fill, now_ns: int, trade_date: date | None, peak_cents: int, reason: str, seen: tuple[int, int] | None = None
) -> Row:
    """An execution as booked: `reason` is what it was for, `peak_cents` the day's peak when it came, `seen` how far the market
    went since the one before it (low, high in ticks)."""
    return row(
        "fill",
        fill.exec_id,
        now_ns,
        base_id=fill.base_id,
        revision=fill.revision,
        order_id=fill.order_id,
        fill_ns=fill.ts_ns,
        instrument=fill.instrument,
        side=int(fill.side),
        quantity=fill.quantity,
        price_ticks=fill.price_ticks,
        liquidation=fill.liquidation,
        trade_date=None if trade_date is None else trade_date.isoformat(),
        peak_cents=peak_cents,
        reason=reason,
        seen=None if seen is None else [*seen],
    )


def turn_row(trade_date: date, now_ns: int, marks: Mapping[str, int]) -> Row:
    """The trade date turned: from which price in ticks on the new day counts what was carried into it, by instrument."""
    return row("turn", trade_date.isoformat(), now_ns, trade_date=trade_date.isoformat(), marks={**marks})


def turn_of(source: Row) -> tuple[date, dict[str, int]]:
    """Trade date and prices of a `turn` row. Raises RowError."""
    turned, marks = day(source), source.payload.get("marks")
    if turned is None or not isinstance(marks, dict):
        raise RowError(f"journal row {source.kind} {source.ref}: expected a trade date and prices, got {source.payload!r}")
    return turned, {symbol: number(replace(source, payload=marks), symbol) for symbol in marks}


def adjust_row(
    ref: str, symbol: str, change: int, price_ticks: int, now_ns: int, trade_date: date | None, seen: tuple[int, int] | None
) -> Row:
    """A change of position that no execution explains, at a price of ours; `seen` as with an execution."""
    day = None if trade_date is None else trade_date.isoformat()
    went: Json = None if seen is None else [*seen]
    return row("adjust", ref, now_ns, instrument=symbol, quantity=change, price_ticks=price_ticks, trade_date=day, seen=went)


def seen_of(source: Row) -> tuple[int, int] | None:
    """How far the market went before the execution of a row; None where it held no position, or an older version wrote it."""
    seen = source.payload.get("seen")
    if seen is None:
        return None
    match seen:
        case [int(low), int(high)]:
            return low, high
        case _:
            raise RowError(f"journal row {source.kind} {source.ref}: seen should be a low and a high, it is {seen!r}")


def fill_of(source: Row) -> Fill:
    """The execution of a `fill` row."""
    order_id = source.payload.get("order_id")
    return Fill(
        exec_id=source.ref,
        base_id=text(source, "base_id"),
        revision=number(source, "revision"),
        order_id=None if order_id is None else str(order_id),
        ts_ns=number(source, "fill_ns"),
        instrument=text(source, "instrument"),
        side=Side(number(source, "side")),
        quantity=number(source, "quantity"),
        price_ticks=number(source, "price_ticks"),
        liquidation=bool(source.payload.get("liquidation")),
    )


def latch_row(latch: Latch, ts_ns: int, is_open: bool, why: str = "") -> Row:
    """A latch opened or cleared, and by what."""
    day = None if latch.trade_date is None else latch.trade_date.isoformat()
    return row(
        "latch", latch.kind.value, ts_ns, open=is_open, since_ns=latch.since_ns, trade_date=day, reason=latch.reason, why=why
    )


def number(source: Row, key: str) -> int:
    """An integer of a payload. Raises RowError."""
    value = source.payload.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise RowError(f"journal row {source.kind} {source.ref}: {key} should be an integer, it is {value!r}")
    return value


def real(source: Row, key: str) -> float:
    """A number of a payload. Raises RowError."""
    value = source.payload.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise RowError(f"journal row {source.kind} {source.ref}: {key} should be a number, it is {value!r}")
    return value


def maybe_real(source: Row, key: str) -> float | None:
    """A number of a payload, or None where it holds none. Raises RowError."""
    return None if source.payload.get(key) is None else real(source, key)


def maybe(source: Row, key: str) -> int | None:
    """An integer of a payload, or None where it holds none."""
    return None if source.payload.get(key) is None else number(source, key)


def text(source: Row, key: str) -> str:
    """A string of a payload. Raises RowError."""
    value = source.payload.get(key)
    if not isinstance(value, str):
        raise RowError(f"journal row {source.kind} {source.ref}: {key} should be a string, it is {value!r}")
    return value


def day(source: Row, key: str = "trade_date") -> date | None:
    """A date of a payload, None where it holds none."""
    value = source.payload.get(key)
    return date.fromisoformat(value) if isinstance(value, str) else None
