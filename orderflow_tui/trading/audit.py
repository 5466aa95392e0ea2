"""What the broker says as a whole: the link, complete account reports, margin. The second opinion on everything we believe."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from orderflow_tui.domain.account import AccountReport, BrokerOrder, Link, LinkStatus, MarginFigure
from orderflow_tui.domain.action import AskMargin, Tier
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import HOUSE, Fill, Side
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.trading import rows
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.trading.booking import on_fill, regroup, restate, unsound
from orderflow_tui.trading.fences import can_send
from orderflow_tui.trading.floor import Floor
from orderflow_tui.trading.foreign import judge_foreign
from orderflow_tui.trading.lifecycle import News
from orderflow_tui.trading.reconcile import Difference, Judgement, Resolution, resolutions, sound
from orderflow_tui.trading.trade import Execution, ExitReason
from orderflow_tui.trading.trade_rows import tell_trades
from orderflow_tui.trading.unknown_orders import lock_unknown

ABSENT_REPORTS = 3  # in a row, until an order the journal lost counts as over
CHANGE_AGAIN_NS = SECOND_NS
ACCOUNT_NOTE_NS = 900 * SECOND_NS
OTHER_CURRENCY = "currency"  # told, and no dollars since
LINK_LOST = "link lost"  # told, and its end was not


def on_link(floor: Floor, status: LinkStatus) -> None:
    """The link changed."""
    if status.next_number:
        floor.gate.saw_number(status.next_number - 1)
    could, new_epoch = floor.reachable, status.epoch != floor.epoch
    if status.link is not floor.link or new_epoch:  # entries wait in every state but READY: each fence has its rows
        floor.note("link", status.link.value, epoch=status.epoch, reason=status.reason)
    floor.link, floor.epoch = status.link, status.epoch
    floor.facts = replace(floor.facts, link=status.link, link_epoch=status.epoch)
    if could and (not can_send(status.link) or new_epoch):
        _lost(floor, status)
    if can_send(status.link) and (not could or new_epoch):
        _back(floor)
    if status.link is Link.READY and LINK_LOST in floor.told:
        floor.told.discard(LINK_LOST)
        floor.alert("reconnected", "connected again, market data flows", Tier.INFO)


def _lost(floor: Floor, status: LinkStatus) -> None:
    """Nothing can be known from now on: what was sent is UNKNOWN, what was not is revoked, the hand leaves the key."""
    floor.link_lost_ns, floor.uncompared_ns = floor.now, None
    floor.doubt()
    floor.disarm()
    for key in list(floor.waiting):
        if not floor.waiting[key].sent:
            floor.drop(key, News.LINK_LOST, "link lost")
    for ticket in floor.blotter.live:
        floor.tell(ticket.order.id, News.LINK_LOST, status.link.value)
    holding = any(floor.position(s) for s in floor.held)
    floor.told.add(LINK_LOST)
    floor.alert("link", f"{status.link.value}: {status.reason or 'connection lost'}", Tier.CRITICAL if holding else Tier.WARNING)


def _back(floor: Floor) -> None:
    """Everything is asked anew; agreement and the guard count from here."""
    if floor.link_lost_ns is not None:
        floor.doubt()
    floor.link_lost_ns, floor.reached_ns, floor.uncompared_ns = None, floor.now, floor.now
    floor.reconciler.reset()
    for guard in floor.guards.values():
        guard.reset()
    floor.ask("connected")
    floor.margin_ask_ns = floor.now


def on_margin(floor: Floor, figure: MarginFigure) -> None:
    """What one contract costs; kept by the engine's facts, journalled here."""
    floor.note("margin", figure.instrument, init_margin_cents=figure.init_margin_cents, equity_cents=figure.equity_cents)
    if floor.equity_cents is None and figure.equity_cents > 0 and OTHER_CURRENCY not in floor.told:
        floor.equity_cents = figure.equity_cents


def ask_margin(floor: Floor) -> None:
    """Ask what one contract costs, and plan to ask again."""
    if floor.margin_ask_ns is None or floor.now < floor.margin_ask_ns or not floor.reachable:
        return
    floor.margin_ask_ns = floor.now + floor.params.timing.margin_ask_ms * MS_NS
    floor.out += [AskMargin(symbol) for symbol in floor.traded]


def on_report(floor: Floor, report: AccountReport) -> None:
    """A snapshot came: account, executions, orders, positions, in this order."""
    if report.account and floor.account and report.account != floor.account:
        floor.latch(LatchKind.WRONG_ACCOUNT, f"the broker speaks of account {report.account}, configured is {floor.account}")
        return
    if not report.complete or report.epoch != floor.epoch:
        floor.note("report", "", complete=report.complete, epoch=report.epoch, missing=list(report.missing))
        return
    _names_used(floor, report)
    booked_before = floor.booked_ns
    told = sorted(report.fills, key=lambda fill: fill.ts_ns)  # a broker may list the newest first: no exit came before its entry
    fresh = [on_fill(floor, fill, adopted=True) for fill in told if not floor.blotter.knows(fill)]
    floor.blotter.all_told(report.began_ns)
    seen = _settle_orders(floor, report)
    _foreign_orders(floor, report)
    floor.report = report
    _money(floor, report)
    theirs = [symbol for symbol, _ in report.positions if symbol in floor.tradable]
    ours = {symbol: floor.position(symbol) for symbol in (*floor.held, *floor.ledger.held, *theirs)}
    judge_foreign(floor, report)
    newest = floor.now if any(fresh) else booked_before
    judgement = floor.reconciler.judge(report, ours, newest, floor.now)
    if judgement in (Judgement.AGREES, Judgement.ADOPT):
        _count_spent(floor, seen)
    if judgement is not Judgement.OLD:
        floor.uncompared_ns = None
        if floor.person_asks:
            floor.person_asks = False
            _tell_both(floor, report, ours)
    _judge(floor, judgement, report)
    _note_account(floor, report)


def _money(floor: Floor, report: AccountReport) -> None:
    """What is not told now was told before: equity stays, excess liquidity grows old. What is told in another currency is
    unknown, and so is what a margin figure said in it."""
    if report.equity_cents is not None or report.currency:
        floor.equity_cents = report.equity_cents
    if report.excess_liquidity_cents is not None:
        floor.excess_cents, floor.excess_ns = report.excess_liquidity_cents, floor.now
    told = f"the broker tells the account's money in {report.currency}, not in USD: equity and excess liquidity are not known"
    if report.currency or report.equity_cents is not None:  # an unanswered question says nothing of the currency
        floor.alert_once(OTHER_CURRENCY, bool(report.currency), told)


def _note_account(floor: Floor, report: AccountReport) -> None:
    """How the account stands, every quarter of an hour."""
    if floor.told_account_ns is not None and floor.now - floor.told_account_ns < ACCOUNT_NOTE_NS:
        return
    floor.told_account_ns = floor.now
    floor.note(
        "account",
        str(floor.trade_date),
        equity_cents=report.equity_cents,
        excess_cents=report.excess_liquidity_cents,
        day_pnl_cents=report.day_pnl_cents,
        positions={**dict(report.positions)},
    )


def _tell_both(floor: Floor, report: AccountReport, ours: dict[str, int]) -> None:
    """Both numbers of every instrument that is ours to watch, and what else is held, to the person who asked."""
    broker = dict(report.positions)
    numbers = "; ".join(f"{symbol}: broker {broker.get(symbol, 0):+d}, ours {held:+d}" for symbol, held in ours.items())
    verdict = ", they differ" if floor.reconciler.differences else ", they agree"
    floor.alert("reconcile", "; ".join(filter(None, (numbers + verdict, str(floor.foreign)))), Tier.INFO)


def _names_used(floor: Floor, report: AccountReport) -> None:
    """An order that left without its row, which death then lost, has used up its name and number all the same."""
    for order in (*report.orders, *report.completed):
        if order.order_id is not None and floor.gate.owns(order.order_id):
            floor.gate.saw_id(order.order_id)
            floor.gate.saw_number(order.number)


def _settle_orders(floor: Floor, report: AccountReport) -> list[BrokerOrder]:
    """What the report says about single orders; the lines that are news."""
    listed = {o.order_id for o in (*report.orders, *report.completed) if o.order_id is not None}
    interest: dict[str, Ticket] = {t.order.id: t for t in floor.blotter.live}
    for order_id in listed:
        ticket = floor.blotter.tickets.get(order_id)
        if ticket is not None:
            interest[order_id] = ticket
            ticket.absent = 0  # also where news from before or after decides
    found = resolutions(report, interest.values())
    for resolution in found:
        _settle(floor, interest[resolution.order_id], resolution)
    return [resolution.seen for resolution in found if resolution.seen is not None]


def _count_spent(floor: Floor, seen: list[BrokerOrder]) -> None:
    """Every execution there is has been told. What the broker counts of an exit beyond those (one was busted, or belongs to a day
    that it tells no more) cannot fill again."""
    for line in seen:
        floor.blotter.tickets[line.order_id or ""].spent = line.filled


def _settle(floor: Floor, ticket: Ticket, resolution: Resolution) -> None:
    absent_before = ticket.absent
    floor.tell(ticket.order.id, resolution.news)
    if resolution.news is News.ABSENT:
        ticket.absent = absent_before + 1
    seen = resolution.seen
    if seen is None or not ticket.live:
        return
    if ticket.cancel_ns is not None and ticket.cancel_ns < floor.now:
        ticket.cancel_ns = None  # it survived: the guard or the campaign may ask again
    if resolution.news is not News.SEEN_PENDING:
        ticket.answer_due_ns = None
    if ticket.order.quantity != seen.quantity or ticket.change is not None:
        asked = ticket.change is not None and ticket.change.quantity == seen.quantity
        restate(floor, ticket, seen.quantity, seen.price_ticks, ticket.change.revision if asked and ticket.change else None)
    if not sound(ticket, seen):
        unsound(floor, ticket, f"tif {seen.tif}, outside RTH {seen.outside_rth}")
    if seen.tif:  # the safety fields were told
        regroup(floor, ticket, seen.oca_group)


def _foreign_orders(floor: Floor, report: AccountReport) -> None:
    """Orders with our kind of name that we do not know lock; a stranger's are told once."""
    _count_strangers(floor, report)
    for order in report.orders:
        name = order.order_id or order.foreign_ref
        if name.startswith(HOUSE) and name not in floor.blotter.tickets:
            lock_unknown(floor, name)
    foreign = [o for o in report.orders if o.order_id is None and o.instrument in floor.held]
    floor.alert_once("foreign orders", bool(foreign), f"{len(foreign)} order(s) in the account that are not ours")


def _count_strangers(floor: Floor, report: AccountReport) -> None:
    """An order of ours that the journal lost is over when a report says so or three in a row lack it: one may leave it out."""
    alive = {o.order_id for o in report.orders if o.order_id is not None} - floor.blotter.tickets.keys()
    settled = alive | {o.order_id for o in report.completed}
    waiting = {name: left - 1 for name, left in floor.strangers.items() if left > 1 and name not in settled}
    floor.strangers = waiting | dict.fromkeys(sorted(alive), ABSENT_REPORTS)


def _judge(floor: Floor, judgement: Judgement, report: AccountReport) -> None:
    found = floor.reconciler.differences
    match judgement:
        case Judgement.AGREES:
            floor.told -= {key for key in floor.told if key.startswith("mismatch")}
            _recovered(floor)
        case Judgement.DIFFERS:
            floor.doubt()
            floor.alert_once("mismatch", True, "; ".join(map(str, found)))
        case Judgement.ADOPT:
            floor.doubt()
            floor.latch(LatchKind.MISMATCH, "; ".join(map(str, found)))
            for difference in found:
                _adopt(floor, difference)
            floor.reconciler.differences = tuple(d for d in found if floor.position(d.instrument) != d.broker)
            floor.reconciler.ask_at(floor.now + floor.params.timing.requery_ms * MS_NS)
        case Judgement.OLD:
            floor.note("report", "", complete=report.complete, epoch=report.epoch, judgement=judgement.value)
        case _:  # pragma: no cover
            assert_never(judgement)


def _adopt(floor: Floor, difference: Difference) -> None:
    """The broker's position is the truth about exposure: one explicit ADJUST row, at the mark; started into a closed market,
    where nothing is known yet, at what was paid last, or at the most that an entry could pay."""
    symbol, change = difference.instrument, difference.broker - difference.local
    mark, episode = floor.mark(symbol), floor.ledger.episode(symbol)
    price = mark.last if mark is not None else None
    if price is None:
        price = round(episode.average_ticks) if episode is not None else floor.blotter.last_price(symbol)
    unpriced = f"{difference} cannot be adopted: no price of {symbol} is known"
    floor.alert_once(f"mismatch {symbol}", price is None, unpriced, Tier.CRITICAL)  # it is tried again until there is one
    if price is None:
        return
    ref = f"adjust-{symbol}-{floor.now}"
    seen = floor.ledger.seen(symbol)
    adjust(floor, ref, symbol, change, price, floor.now)
    floor.record(rows.adjust_row(ref, symbol, change, price, floor.now, floor.trade_date, seen))
    tell_trades(floor)
    floor.alert("adjusted", f"{difference}: adopted the broker's position", Tier.CRITICAL, symbol)


def adjust(floor: Floor, ref: str, symbol: str, change: int, price_ticks: int, ts_ns: int) -> None:
    """Book a change of position that no execution explains."""
    floor.blotter.adjust(symbol, change)
    side = Side.BUY if change > 0 else Side.SELL
    fill = Fill(ref, ref, 0, None, ts_ns, symbol, side, abs(change), price_ticks)
    floor.ledger.book(Execution(fill, ExitReason.MANUAL, "", None))
    floor.booked_ns = floor.now


def _recovered(floor: Floor) -> None:
    """Recovery ends when the broker agreed twice and no outcome is open."""
    if not floor.recovering or not floor.agreed or floor.blotter.unresolved():
        return
    floor.recovering = False
    floor.note("recovered", "", position=floor.position(floor.execution))
    floor.alert("recovered", "orders and position agree with the broker", Tier.INFO)


def check_outcomes(floor: Floor) -> None:
    """Silence about an order makes it UNKNOWN; an outcome unknown for too long, while the broker answers, halts."""
    for ticket in floor.blotter.live:
        if ticket.answer_due_ns is not None and floor.now >= ticket.answer_due_ns:
            ticket.answer_due_ns = None
            floor.tell(ticket.order.id, News.SILENCE)
        if ticket.refused_ns is not None and floor.now >= ticket.refused_ns + CHANGE_AGAIN_NS:
            ticket.refused_ns = None
    limit = floor.params.timing.unresolved_ms * MS_NS
    for ticket in floor.blotter.unresolved():
        if floor.reachable and floor.now - _asked_since_ns(floor, ticket) >= limit:
            floor.latch(LatchKind.UNRECONCILED, f"{ticket.order.id}: outcome unknown for {limit // SECOND_NS} s")


def unresolved_due_ns(floor: Floor) -> int | None:
    """When an unknown outcome becomes a halt, None while nothing waits or the latch is open."""
    if LatchKind.UNRECONCILED in floor.board or not floor.reachable:
        return None
    limit = floor.params.timing.unresolved_ms * MS_NS
    return min((_asked_since_ns(floor, t) + limit for t in floor.blotter.unresolved()), default=None)


def _asked_since_ns(floor: Floor, ticket: Ticket) -> int:
    """Since when the broker can be asked about an outcome: out of reach, and asleep, no minute passes."""
    assert ticket.unknown_ns is not None, "what is unknown has been so since an instant"
    return max(ticket.unknown_ns, floor.reached_ns or 0, floor.woke_ns or 0)
