"""Boot: the journal's rows, in order, make the floor what it was. Then everything that could have moved is UNKNOWN.

A restart clears nothing and permits nothing: latches and cool-down stand, arming and grant are gone, an unfinished
flatten goes on, one that a person claimed as a person's, and no entry leaves before the broker has agreed twice. What cannot
become state, because another version or another configuration wrote it, is kept as evidence (`evidence`) and ends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date

from orderflow_tui.domain.action import Row
from orderflow_tui.domain.latch import Latch, LatchKind
from orderflow_tui.domain.order import OrderState, Purpose
from orderflow_tui.trading import gate, rows
from orderflow_tui.trading.audit import adjust
from orderflow_tui.trading.blotter import Blotter, UnknownOrder
from orderflow_tui.trading.booking import execution_of
from orderflow_tui.trading.evidence import CHAIN
from orderflow_tui.trading.flatten import Campaign
from orderflow_tui.trading.floor import Floor, Plan
from orderflow_tui.trading.lifecycle import IllegalNews, News
from orderflow_tui.trading.rows import RowError
from orderflow_tui.trading.trade import ExitReason
from orderflow_tui.trading.trade_rows import heard_trade, recall_trades
from orderflow_tui.trading.trading_session import end_cut_short, hold_tighter, note_pattern, restored_session


def replay(floor: Floor, journal: Sequence[Row]) -> None:
    """Apply rows in the order they were written. One that makes no sense is evidence."""
    for row in journal:
        if row.kind == "turn":  # one whose commit failed stands behind the first rows of its day
            with suppress(RowError, ValueError):  # met again in its place
                day, marks = rows.turn_of(row)
                floor.turns[day] = marks
    early: dict[str, list[Row]] = {}  # news of orders that left without a commit, written before the order itself
    for row in journal:
        floor.gate.saw_id(row.ref)  # whatever its kind: also of an intent that was refused, or whose commit failed
        try:
            if row.kind in ("state", "change", "restated") and row.ref not in _book_of(floor, row.ref).tickets:
                early.setdefault(row.ref, []).append(row)
                continue
            _apply(floor, row)
            if row.kind == "order":
                for news in early.pop(row.ref, []):
                    _apply(floor, news)
        except (RowError, ValueError, UnknownOrder, IllegalNews) as fault:
            floor.evidence.unread.append(f"row {row.kind} {row.ref} at {row.ts_ns}: {fault}")
    recall_trades(floor)
    floor.cut_off = _cut_off(journal)
    if journal:
        end_cut_short(floor, journal[-1].ts_ns)
    for ticket in floor.blotter.live:
        floor.blotter.tell(ticket.order.id, News.RESTARTED, ticket.news_ns)
    floor.recovering = True


def _cut_off(journal: Sequence[Row]) -> bool:
    """Whether the run before did not end in order. A run's start is on disk before anything else of it, its end after everything;
    the newest start is that of the run which asks. Without such rows nobody knows."""
    runs = [row.kind for row in journal if row.kind in ("run_start", "run_end")]
    return bool(runs[:-1]) and runs[-2] != "run_end" if runs else bool(journal)


def _apply(floor: Floor, row: Row) -> None:
    match row.kind:
        case "intent":
            _intent(floor, row)
        case "order":
            _order(floor, row)
        case "state":
            state = OrderState(rows.text(row, "state"))
            _book_of(floor, row.ref).force(row.ref, state, row.ts_ns)
        case "change":
            asked = _book_of(floor, row.ref).tickets[row.ref]
            asked.drawn = max(asked.drawn, rows.number(row, "revision"))
        case "restated":
            ticket = _book_of(floor, row.ref).tickets[row.ref]
            price = rows.maybe(row, "price_ticks")
            ticket.order = gate.restated(ticket.order, rows.number(row, "quantity"), price, rows.number(row, "revision"))
        case "fill":
            _fill(floor, row)
        case "commission":
            _day(floor, rows.day(row))
            floor.ledger.commission(row.ref, rows.number(row, "cents"))
        case "adjust":
            _adjust(floor, row)
        case "latch":
            _latch(floor, row)
        case "cooldown":
            if row.ref in floor.blotter.tickets:
                floor.blotter.tickets[row.ref].rejected = True  # learnt, though its own row may have died with the process
            floor.cooldown.restore(rows.number(row, "until_ns"), rows.text(row, "reason"))
        case "campaign":
            _campaign(floor, row)
        case "excursion":
            symbol = rows.text(row, "instrument")
            episode = floor.ledger.episode(symbol)
            if episode is not None and episode.id == row.ref:
                floor.ledger.saw(symbol, rows.number(row, "low"), rows.number(row, "high"))
                mark = rows.maybe(row, "mark")
                if mark is not None:
                    floor.ledger.recall_mark(symbol, mark)
        case "trade":
            heard_trade(floor, row)
            if row.payload.get("instrument") not in floor.instruments:
                floor.ledger.recall_trade(row.ref, floor.told_trades.get(row.ref))
        case "turn":
            _turn(floor, rows.turn_of(row)[0])
        case "day":
            floor.told_day = row
        case "held_late":
            floor.held_late[row.ref] = rows.number(row, "flat_at_ns")
        case "peak":
            _peak(floor, row)
        case "tier":
            floor.held_tier = (rows.day(row), int(row.ref))
        case "limit":
            hold_tighter(floor, row)
        case "pattern":
            note_pattern(floor, row.ref, bool(row.payload.get("on")), rows.day(row))
        case "session":
            if rows.text(row, "what") == "begin":
                floor.session = restored_session(row, floor.ledger.trips)
            elif floor.session is not None and floor.session.id == row.ref:
                floor.session = None
        case "refusal":
            if floor.session is not None:
                floor.session.refusals[rows.text(row, "rule")] += 1
        case _:
            return  # evidence, not state: commands, reports, alerts


def _book_of(floor: Floor, order_id: str) -> Blotter:
    """Where an order is kept: with ours, or with what is not configured."""
    return floor.evidence.blotter if order_id in floor.evidence.blotter.tickets else floor.blotter


def _latch(floor: Floor, row: Row) -> None:
    is_open = bool(row.payload.get("open"))
    if row.ref not in LatchKind.__members__:
        floor.evidence.latch(row)
        return
    latch = Latch(LatchKind(row.ref), rows.number(row, "since_ns"), rows.day(row), rows.text(row, "reason"))
    floor.board.restore(latch, is_open)
    if latch.kind is CHAIN and not is_open:
        floor.evidence.seen_to()


def _intent(floor: Floor, row: Row) -> None:
    intent = rows.intent_of(row)
    floor.causes.add(intent.cause)
    context = row.payload.get("context")
    kept = context if isinstance(context, dict) else {}
    reason = floor.campaign.exit_reason if floor.campaign is not None else ExitReason.MANUAL
    floor.plans[intent.id] = Plan(intent, rows.maybe(row, "anchor_ticks"), kept, reason)
    if intent.purpose is Purpose.ENTRY:
        floor.rates.entry(intent.ts_ns)


def _order(floor: Floor, row: Row) -> None:
    order = gate.restored_order(row)
    floor.gate.saw_number(order.number)
    book = floor.blotter if order.instrument in floor.instruments else floor.evidence.blotter
    if order.id not in book.tickets:  # a row owed after a failed commit may be there twice
        book.add(order, row.ts_ns, OrderState.COMMITTED)
        book.recount(order.id)


def _day(floor: Floor, day: date | None) -> None:
    if day is not None and day != floor.ledger.trade_date:
        for symbol, ticks in floor.turns.get(day, {}).items():
            floor.ledger.recall_mark(symbol, ticks)
        floor.ledger.begin_day(day)
        floor.noted_peak_cents = 0


def _turn(floor: Floor, day: date) -> None:
    if floor.ledger.trade_date is None or day > floor.ledger.trade_date:
        _day(floor, day)


def _adjust(floor: Floor, row: Row) -> None:
    symbol, change, price = rows.text(row, "instrument"), rows.number(row, "quantity"), rows.number(row, "price_ticks")
    seen = rows.seen_of(row)
    _day(floor, rows.day(row))
    if symbol not in floor.instruments:
        floor.evidence.blotter.adjust(symbol, change)
        return
    if seen is not None:
        floor.ledger.saw(symbol, *seen)
    adjust(floor, row.ref, symbol, change, price, row.ts_ns)


def _fill(floor: Floor, row: Row) -> None:
    fill, reason, seen = rows.fill_of(row), ExitReason(rows.text(row, "reason")), rows.seen_of(row)
    peak_cents = rows.number(row, "peak_cents")  # all of it is read before any of it is booked: a row counts whole or not at all
    _day(floor, rows.day(row))
    if fill.instrument not in floor.instruments:
        floor.evidence.fill(fill, row)
        floor.ledger.peak_cents = max(floor.ledger.peak_cents, peak_cents)
        floor.booked_ns = row.ts_ns
        return
    before = floor.blotter.tickets.get(fill.order_id or "")
    if before is not None and before.state is OrderState.COMMITTED:
        floor.blotter.tell(before.order.id, News.RESTARTED, row.ts_ns)  # its SENT row is younger than the crash
    booking = floor.blotter.book(fill, row.ts_ns)
    if booking is None:
        return
    if seen is not None:  # how far the market went before this execution
        floor.ledger.saw(fill.instrument, *seen)
    floor.ledger.peak_cents = max(floor.ledger.peak_cents, peak_cents)  # when it came: a correction lowers it
    floor.ledger.book(replace(execution_of(floor, booking), reason=reason), booking.previous)
    floor.noted_peak_cents = min(floor.noted_peak_cents, floor.ledger.peak_cents)
    floor.booked_ns = row.ts_ns


def _peak(floor: Floor, row: Row) -> None:
    _day(floor, rows.day(row))
    floor.ledger.peak_cents = max(floor.ledger.peak_cents, rows.number(row, "peak_cents"))
    floor.noted_peak_cents = floor.ledger.peak_cents


def _campaign(floor: Floor, row: Row) -> None:
    if rows.text(row, "what") != "begin":
        if floor.campaign is not None and floor.campaign.id == row.ref:  # the end of one before it may have been written late
            floor.campaign = None
        return
    why = ExitReason(rows.text(row, "exit_reason"))
    floor.campaign = Campaign(row.ref, rows.text(row, "reason"), why, bool(row.payload.get("manual")))
