"""Prices of exits, from what was heard and what was sent: where an emergency stop and a target must stand, and that a change
moves nothing."""

from __future__ import annotations

from orderflow_tui.domain.order import Change, Order, OrderType, Role, Side
from tests.simulation.memory import Broken, Memory

SPREAD = 2  # ticks


def judge_emergency(memory: Memory, order: Order) -> None:
    """An emergency stop stands where the trade it protects had planned its stop, while that is ahead of the market; where nothing
    was planned, the instrument's distance from the price at which the position could be closed."""
    price, proposed_ns = order.stop_ticks, memory.floor.plans[order.intent_id].intent.ts_ns
    if price is None:
        raise _wrong(order, "it has no price")
    near, heard = memory.tape.since(proposed_ns), memory.priced or memory.quoted
    planned = _planned(memory)
    if price == planned:
        if heard and near is not None and ((near[1] <= price) if order.side is Side.SELL else (near[0] >= price)):
            raise _wrong(order, f"the market stood at {near}")
        return
    if planned is not None and memory.steady:
        raise _wrong(order, f"planned {planned}")
    if not memory.steady and any(o.stop_ticks == price and o.side is order.side for o in memory.sent.values()):
        return  # which trade an adjustment began or went on with is the ledger's to say
    away = memory.setting.params.execution.stop_ticks * order.side
    if near is None or not memory.priced:
        known = (*(memory.money.lots or (price - away,)), *(memory.tape.quoted if memory.quoted else ()))
        near = (min(known), max(known))
    if not near[0] - SPREAD <= price - away <= near[1] + SPREAD:
        raise _wrong(order, f"{away:+d} from {price - away}, the market stood at {near}, planned {planned}")


def _wrong(order: Order, why: str) -> Broken:
    return Broken("price of an emergency stop", f"{order.id} at {order.stop_ticks}: {why}")


def _planned(memory: Memory) -> int | None:
    """Where the trade that is open had its stop, None where no entry of ours began it."""
    held, began = 0, ""
    for fill in memory.fills.values():
        after = held + fill.side * fill.quantity
        if after and held * after <= 0:
            began = fill.order_id or ""
        held = after
    entry = memory.sent.get(began)
    if entry is None or entry.role is not Role.ENTRY or began in memory.lost:
        return None
    return memory.sent[f"{entry.intent_id}-S"].stop_ticks


def judge_change(memory: Memory, change: Change, order: Order) -> None:
    """A change makes an order smaller than it last left, or than it stands at the broker, and leaves its price alone."""
    before, at_broker = memory.standing[order.id], memory.sim._exchange.find(order.id)
    price = before.stop_ticks if before.type is OrderType.STOP else before.limit_ticks
    moved = (order.stop_ticks, order.limit_ticks, order.side) != (before.stop_ticks, before.limit_ticks, before.side)
    if moved or change.price_ticks != price:
        raise Broken("changes keep the price", f"{order.id} would move from {price} to {change.price_ticks}, {order}")
    stands = before.quantity if at_broker is None else max(before.quantity, at_broker.order.quantity)
    if change.quantity > stands:
        raise Broken("changes only shrink", f"{order.id} would grow from {stands} to {change.quantity}")
