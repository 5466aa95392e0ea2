"""Boot: the journal's rows, in order, make the floor what it was. Then everything that could have moved is UNKNOWN.

A restart clears nothing and permits nothing: latches and cool-down stand, arming and grant are gone, an unfinished
flatten goes on, one that a person claimed as a person's, and no entry leaves before the broker has agreed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from orderflow_tui.domain.action import Row
from orderflow_tui.domain.latch import Latch, LatchKind
from orderflow_tui.domain.order import OrderState, Purpose
from orderflow_tui.trading import gate, rows
from orderflow_tui.trading.audit import adjust
from orderflow_tui.trading.blotter import UnknownOrder
from orderflow_tui.trading.booking import execution_of
from orderflow_tui.trading.flatten import Campaign
from orderflow_tui.trading.floor import Floor, Plan
from orderflow_tui.trading.lifecycle import News
from orderflow_tui.trading.rows import RowError
from orderflow_tui.trading.trade import ExitReason
from orderflow_tui.trading.trade_rows import heard_trade, recall_trades
from orderflow_tui.trading.trading_session import end_cut_short, hold_tighter, note_pattern, restored_session


def replay(floor: Floor, journal: Sequence[Row]) -> None:
    """Apply rows in the order they were written. Raises RowError for a row that makes no sense."""
    turns = [row for row in journal if row.kind == "turn"]  # one whose commit failed stands behind the first rows of its day
    floor.turns = dict(rows.turn_of(row) for row in turns)
    early: dict[str, list[Row]] = {}  # news of orders that left without a commit, written before the order itself
    for row in journal:
        floor.gate.saw_id(row.ref)  # whatever its kind: also of an intent that was refused, or whose commit failed
        try:
            if row.kind in ("state", "change", "restated") and row.ref not in floor.blotter.tickets:
                early.setdefault(row.ref, []).append(row)
                continue
            _apply(floor, row)
            if row.kind == "order":
                for news in early.pop(row.ref, []):
                    _apply(floor, news)
        except (ValueError, UnknownOrder) as fault:
            raise RowError(f"journal row {row.kind} {row.ref} at {row.ts_ns}: {fault}") from fault
    recall_trades(floor)
    sessions = [row for row in journal if row.kind == "session"]
    floor.cut_off = bool(journal) and (not sessions or rows.text(sessions[-1], "what") != "end")
    if journal:
        end_cut_short(floor, journal[-1].ts_ns)
    for ticket in floor.blotter.live:
        floor.blotter.tell(ticket.order.id, News.RESTARTED, ticket.news_ns)
    floor.recovering = True


def _apply(floor: Floor, row: Row) -> None:
    match row.kind:
        case "intent":
            _intent(floor, row)
        case "order":
            _order(floor, row)
        case "state":
            state = OrderState(rows.text(row, "state"))
            floor.blotter.force(row.ref, state, row.ts_ns)
        case "change":
            asked = floor.blotter.tickets[row.ref]
            asked.drawn = max(asked.drawn, rows.number(row, "revision"))
        case "restated":
            ticket = floor.blotter.tickets[row.ref]
            price = rows.maybe(row, "price_ticks")
            ticket.order = gate.restated(ticket.order, rows.number(row, "quantity"), price, rows.number(row, "revision"))
        case "fill":
            _fill(floor, row)
        case "commission":
            floor.ledger.commission(row.ref, rows.number(row, "cents"))
        case "adjust":
            _adjust(floor, row)
        case "latch":
            latch = Latch(LatchKind(row.ref), rows.number(row, "since_ns"), rows.day(row), rows.text(row, "reason"))
            floor.board.restore(latch, bool(row.payload.get("open")))
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
                floor.session = restored_session(row)
            elif floor.session is not None and floor.session.id == row.ref:
                floor.session = None
        case "refusal":
            if floor.session is not None:
                floor.session.refusals[rows.text(row, "rule")] += 1
        case _:
            return  # evidence, not state: commands, reports, alerts


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
    if order.id not in floor.blotter.tickets:  # a row owed after a failed commit may be there twice
        floor.blotter.add(order, row.ts_ns, OrderState.COMMITTED)
        floor.blotter.recount(order.id)


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
    symbol = rows.text(row, "instrument")
    _day(floor, rows.day(row))
    _seen(floor, symbol, row)
    adjust(floor, row.ref, symbol, rows.number(row, "quantity"), rows.number(row, "price_ticks"), row.ts_ns)


def _seen(floor: Floor, symbol: str, row: Row) -> None:
    """How far the market went before this execution."""
    seen = rows.seen_of(row)
    if seen is not None:
        floor.ledger.saw(symbol, *seen)


def _fill(floor: Floor, row: Row) -> None:
    fill = rows.fill_of(row)
    _day(floor, rows.day(row))
    before = floor.blotter.tickets.get(fill.order_id or "")
    if before is not None and before.state is OrderState.COMMITTED:
        floor.blotter.tell(before.order.id, News.RESTARTED, row.ts_ns)  # its SENT row is younger than the crash
    booking = floor.blotter.book(fill, row.ts_ns)
    if booking is None:
        return
    _seen(floor, fill.instrument, row)
    execution = replace(execution_of(floor, booking), reason=ExitReason(rows.text(row, "reason")))
    floor.ledger.book(execution, booking.previous)
    floor.ledger.peak_cents = max(floor.ledger.peak_cents, rows.number(row, "peak_cents"))
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
