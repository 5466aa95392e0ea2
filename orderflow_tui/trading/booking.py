"""What the broker says about single orders: statuses, executions, commissions.

A status is a hint and goes through the lifecycle table. An execution is a fact: booked once, whatever the order's state.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from orderflow_tui.domain.action import Tier
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import BrokerStatus, Commission, Fill, OrderState, OrderUpdate, Purpose, Role
from orderflow_tui.trading import gate, rows
from orderflow_tui.trading.blotter import Booking, Ticket
from orderflow_tui.trading.campaigns import begin_campaign
from orderflow_tui.trading.floor import Floor
from orderflow_tui.trading.foreign import on_foreign_fill
from orderflow_tui.trading.lifecycle import News
from orderflow_tui.trading.trade import Execution, ExitReason
from orderflow_tui.trading.trade_rows import tell_trades
from orderflow_tui.trading.unknown_orders import lock_unknown, lock_unknown_execution

STATUS_NEWS = {
    BrokerStatus.PENDING: News.PENDING,
    BrokerStatus.WORKING: News.WORKING,
    BrokerStatus.FILLED: News.SAID_FILLED,
    BrokerStatus.CANCELLED: News.SAID_CANCELLED,
    BrokerStatus.REJECTED: News.SAID_REJECTED,
    BrokerStatus.EXPIRED: News.SAID_EXPIRED,
    BrokerStatus.CHANGE_REFUSED: News.CHANGE_REFUSED,
    BrokerStatus.CANCEL_REFUSED: News.CANCEL_REFUSED,
    BrokerStatus.SUSPECT: News.SUSPECT,
}


def on_update(floor: Floor, update: OrderUpdate) -> None:
    """News of one order."""
    ticket = floor.blotter.tickets.get(update.order_id)
    if ticket is None:
        lock_unknown(floor, update.order_id)
        floor.ask("unknown order")
        return
    said = update.text or (f"code {update.code}" if update.code else "")
    if floor.tell(update.order_id, STATUS_NEWS[update.status], said) is None:
        return
    ticket.said = said or ticket.said
    _answered(floor, ticket, update)
    if update.filled is not None and floor.blotter.counted(update.order_id, update.filled, floor.now):
        floor.reconciler.ask_at(floor.now)
    if update.echoed_account and floor.account and update.echoed_account != floor.account:
        floor.latch(LatchKind.WRONG_ACCOUNT, f"{update.order_id} went to {update.echoed_account}, not {floor.account}")


def _answered(floor: Floor, ticket: Ticket, update: OrderUpdate) -> None:
    """Echoes settle a change and show whether the safety fields were kept."""
    status = update.status
    if status is BrokerStatus.CHANGE_REFUSED:
        ticket.change = ticket.changed = ticket.answer_due_ns = None
        ticket.refused_ns = floor.now
        floor.reconciler.ask_at(floor.now)
        return
    change = ticket.change
    confirmed = change is not None and (
        update.revision == change.revision or (update.revision is None and update.echoed_quantity == change.quantity)
    )
    if confirmed and ticket.changed is not None and status in (BrokerStatus.WORKING, BrokerStatus.PENDING):
        restate(floor, ticket, ticket.changed.quantity, update.echoed_price_ticks, ticket.changed.revision)
    elif change is None and update.echoed_quantity is not None and ticket.live and not _outdated(ticket, update):
        restate(floor, ticket, update.echoed_quantity, update.echoed_price_ticks, None)
    elif change is None and ticket.live and (total := _made_smaller(ticket, update)) is not None:
        restate(floor, ticket, total, None, None)
    if status is BrokerStatus.WORKING and ticket.change is None and ticket.cancel_ns is None:
        ticket.answer_due_ns = None
    if status is BrokerStatus.FILLED and ticket.live:
        floor.expect_answer(ticket)  # the executions must follow
    kept_tif = update.echoed_tif is None or update.echoed_tif == ticket.order.tif
    kept_hours = update.echoed_outside_rth is None or update.echoed_outside_rth == ticket.order.outside_rth
    if ticket.order.purpose is Purpose.PROTECT and not (kept_tif and kept_hours):
        unsound(floor, ticket, f"tif {update.echoed_tif}, outside RTH {update.echoed_outside_rth}")
    if update.echoed_oca_group is not None:
        regroup(floor, ticket, update.echoed_oca_group)


def _outdated(ticket: Ticket, update: OrderUpdate) -> bool:
    """Whether it tells the order as it stood before a change that has been confirmed since."""
    return update.revision is not None and update.revision < ticket.order.revision


def _made_smaller(ticket: Ticket, update: OrderUpdate) -> int | None:
    """Contracts of a working order that the broker itself made smaller, as it does to the rest of a group when a part of one
    fills; None when it says nothing of the kind. Old news of a larger order is no news."""
    if update.status is not BrokerStatus.WORKING or update.filled is None or not update.remaining:
        return None
    total = update.filled + update.remaining
    return total if total < ticket.order.quantity else None


def restate(floor: Floor, ticket: Ticket, quantity: int, price_ticks: int | None, revision: int | None) -> None:
    """The order stands as the broker says; a change that asked for it is answered."""
    before = ticket.order
    ticket.order = gate.restated(before, quantity, price_ticks, revision)
    ticket.change = ticket.changed = None
    if ticket.cancel_ns is None:
        ticket.answer_due_ns = None
    if ticket.order != before:
        now = ticket.order
        price = now.stop_ticks if now.stop_ticks is not None else now.limit_ticks
        floor.note("restated", now.id, quantity=now.quantity, price_ticks=price, revision=now.revision)
        floor.say(now.id, f"now {now.quantity} contracts")


def unsound(floor: Floor, ticket: Ticket, what: str) -> None:
    """A protective order without its safety fields does not count as protection; the guard places another."""
    if ticket.sound:
        ticket.sound = False
        floor.alert("unsound stop", f"{ticket.order.id} is held with {what}: it does not protect", Tier.CRITICAL, ticket.order.id)


def regroup(floor: Floor, ticket: Ticket, group: str) -> None:
    """The group in which the broker holds an exit is the one that counts. A stop in the wrong one protects all the same, and a
    second beside it could reverse: it stays, and the guard, which counts by group, cancels what the broker leaves over."""
    order = ticket.order
    if order.purpose is not Purpose.PROTECT or not ticket.live or group == order.oca_group:
        return
    ticket.order = replace(order, oca_group=group)
    held = f"in group {group}" if group else "in no group"
    text = f"{order.id} is held {held}, not in {order.oca_group}: the broker may leave it when the other exit fills"
    floor.alert("exit group", text, Tier.CRITICAL, order.id)


def on_commission(floor: Floor, commission: Commission) -> None:
    """What an execution cost."""
    day = None if floor.trade_date is None else floor.trade_date.isoformat()
    floor.note("commission", commission.exec_id, cents=commission.cents, trade_date=day)
    floor.ledger.commission(commission.exec_id, commission.cents)
    tell_trades(floor)


def on_fill(floor: Floor, fill: Fill, adopted: bool = False) -> bool:
    """Book an execution; False when it was booked already or is not ours to book. `adopted`: a report told it, not news."""
    booking = _book(floor, fill)
    if booking is None:
        return False
    fill = booking.fill
    if not adopted:
        floor.executed.append((floor.now, fill.instrument, booking.signed))
    if fill.instrument not in (*floor.tradable, *floor.ledger.held):
        on_foreign_fill(floor, fill)
        return False
    floor.booked_ns = floor.now
    before = floor.position(fill.instrument)
    execution = execution_of(floor, booking)
    peak, seen = floor.ledger.peak_cents, floor.ledger.seen(fill.instrument)
    floor.record(rows.fill_row(fill, floor.now, floor.trade_date, peak, execution.reason.value, seen))
    floor.ledger.book(execution, booking.previous)
    floor.noted_peak_cents = min(floor.noted_peak_cents, floor.ledger.peak_cents)  # a correction may have lowered it
    _tell_fill(floor, booking, adopted)
    tell_trades(floor)
    ticket = booking.ticket
    if ticket is not None and ticket.busted and not adopted:
        floor.ask("bust")
    if ticket is not None and ticket.order.oca_group and booking.previous is None and fill.quantity:
        floor.guard(fill.instrument).exited(floor.now)
        floor.ended_ns = None
    _judge(floor, booking, before)
    return True


def _book(floor: Floor, fill: Fill) -> Booking | None:
    known = None if fill.order_id is None else floor.blotter.tickets.get(fill.order_id)
    if known is not None and known.state in (OrderState.PROPOSED, OrderState.COMMITTED):
        floor.latch(LatchKind.INVARIANT, f"{fill.order_id} filled although it was never sent")
        floor.tell(known.order.id, News.RESTARTED)
    booking = floor.blotter.book(fill, floor.now)
    if booking is not None and booking.moved is not None:
        floor.moved(booking.moved, "")
    return booking


def execution_of(floor: Floor, booking: Booking) -> Execution:
    """The fill with what only the desk knows: what it was for and what price was asked."""
    fill, ticket = booking.fill, booking.ticket
    if ticket is None:
        return Execution(fill, ExitReason.MANUAL, "", None)
    order, plan = ticket.order, floor.plans.get(ticket.order.intent_id)
    anchor = None if plan is None else plan.anchor_ticks
    match order.role:
        case Role.ENTRY:
            reason, asked = ExitReason.REVERSED, anchor
        case Role.TARGET:
            reason, asked = ExitReason.TARGET, order.limit_ticks
        case Role.STOP | Role.EMERGENCY:
            reason, asked = ExitReason.STOP, order.stop_ticks
        case Role.FLATTEN:
            reason, asked = (ExitReason.MANUAL if plan is None else plan.exit_reason), anchor
        case _:  # pragma: no cover
            assert_never(order.role)
    return Execution(fill, reason, order.intent_id, asked)


def _tell_fill(floor: Floor, booking: Booking, adopted: bool) -> None:
    fill, name = booking.fill, booking.fill.order_id or booking.fill.exec_id
    what = f"{fill.side.name} {fill.quantity} {fill.instrument} at {floor.price(fill.instrument, fill.price_ticks)}"
    if booking.previous is not None:
        bust = booking.previous.quantity != fill.quantity
        floor.alert("correction", f"{name} corrected to {what}", Tier.CRITICAL if bust else Tier.WARNING, name)
    elif booking.late:
        floor.alert("late fill", f"{name} filled after it was believed over: {what}", Tier.WARNING, name)
    else:
        floor.alert("fill", what + (" (found in a report)" if adopted else ""), Tier.INFO, name)
    floor.say(name, f"filled: {what}")


def _judge(floor: Floor, booking: Booking, before: int) -> None:
    """What an execution must not do: reverse a position, come from nowhere, be a liquidation."""
    fill, ticket = booking.fill, booking.ticket
    after = floor.position(fill.instrument)
    if fill.liquidation:
        floor.latch(LatchKind.LIQUIDATION, f"the broker liquidated {fill.quantity} {fill.instrument}")
    if ticket is None:
        if fill.order_id is not None and fill.ts_ns >= (floor.started_ns or 0):
            lock_unknown_execution(floor, fill.order_id)
        floor.latch(LatchKind.ADJUSTED, f"an execution that is not ours: {fill.instrument} {before:+d} to {after:+d}")
        return
    from_nothing = before == 0 and after != 0 and booking.previous is None  # a busted exit only gives back what was held
    if ticket.order.purpose is not Purpose.ENTRY and (before * after < 0 or from_nothing):
        floor.latch(LatchKind.REVERSED, f"{ticket.order.id} took {fill.instrument} from {before:+d} to {after:+d}")
        begin_campaign(floor, "an exit reversed the position", ExitReason.HALTED)
