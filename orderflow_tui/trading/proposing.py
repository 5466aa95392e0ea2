"""From a wish to an order: the first look, the commit, the second look, and what leaves.

Theory. A wish that passes the gate becomes a proposal: its orders are written to the blotter, its rows go to the journal, and
it waits. When the journal answers (or stays silent too long) the gate looks again at a world that has moved on, and only then
something leaves. Protection never waits for a journal that cannot write: it leaves, locks, and its rows follow.
"""

from __future__ import annotations

from typing import assert_never

from orderflow_tui.domain.action import Json
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Intent, Purpose
from orderflow_tui.trading import invariants
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.trading.bracket import Levels
from orderflow_tui.trading.floor import Floor, Plan, Waiting
from orderflow_tui.trading.gate import Answer, Fate, Proposal
from orderflow_tui.trading.lifecycle import News
from orderflow_tui.trading.look import Refusal
from orderflow_tui.trading.rules import shut, too_far
from orderflow_tui.trading.standing import look_at, trading_state
from orderflow_tui.trading.trade import ExitReason


def propose(
    floor: Floor,
    intent: Intent,
    levels: Levels,
    context: dict[str, Json],
    exit_reason: ExitReason = ExitReason.MANUAL,
    oca_group: str = "",
    position: int | None = None,
) -> Proposal | Refusal:
    """First look. `position`: what an exit is measured against when it is not our own count."""
    result = floor.gate.first_look(look_at(floor, intent, levels, position), context, oca_group)
    if isinstance(result, Refusal):
        floor.refused(result, intent.purpose)
        return result
    floor.plans[intent.id] = Plan(intent, levels.anchor_ticks, context, exit_reason)
    floor.causes.add(intent.cause)
    for order in result.orders:
        floor.blotter.add(order, floor.now)
        floor.say(order.id, f"{order.side.name} {order.quantity} {order.instrument} proposed")
    if intent.purpose is Purpose.ENTRY:
        floor.rates.entry(floor.now)
    _await_commit(floor, result)
    return result


def shrink(floor: Floor, ticket: Ticket, quantity: int) -> None:
    """Ask for a smaller quantity of a live order."""
    unsent = (w.proposal for w in floor.waiting.values() if not w.sent)
    if any(p.change is not None and p.orders[0].id == ticket.order.id for p in unsent):
        return  # one waits for its commit; the guard asks again after its answer
    result = floor.gate.shrink(ticket, quantity, floor.now)
    if isinstance(result, Refusal):
        floor.refused(result, Purpose.PROTECT)
    else:
        ticket.drawn = result.orders[0].revision
        _await_commit(floor, result)


def _await_commit(floor: Floor, proposal: Proposal) -> None:
    floor.waiting[proposal.ids[0]] = Waiting(proposal)
    floor.out.append(proposal.commit)


def look_again(floor: Floor, key: str, answer: Answer) -> None:
    """Second look at a proposal."""
    waiting = floor.waiting[key]
    proposal = waiting.proposal
    if waiting.sent:
        _settle_debt(floor, key, answer)
        return
    if answer is Answer.COMMITTED and proposal.change is None:
        for order in proposal.orders:
            floor.tell(order.id, News.COMMIT_DONE)
    fate, why = floor.gate.second_look(proposal, answer, trading_state(floor)[0], floor.now, _moved_on(floor, proposal))
    match fate:
        case Fate.SEND:
            broken = invariants.leaving(floor, proposal)
            if broken is not None:
                floor.drop(key, News.REVOKED, broken)
                floor.latch(LatchKind.INVARIANT, broken)
                return
            del floor.waiting[key]
            _send(floor, proposal)
        case Fate.SEND_UNCOMMITTED:
            waiting.sent = True
            floor.latch(LatchKind.JOURNAL_FAILED, f"{proposal.purpose.value} {key} left without its commit")
            _settle_debt(floor, key, answer)
            _send(floor, proposal)
        case Fate.DROP:
            floor.drop(key, News.COMMIT_FAILED if answer is Answer.FAILED else News.REVOKED, why)
            floor.say(key, f"not sent: {why}")
        case Fate.WAIT:
            return
        case _:  # pragma: no cover
            assert_never(fate)


def _moved_on(floor: Floor, proposal: Proposal) -> str:
    """What hour and price say against an entry by now: while the journal wrote, the window may have closed, or the price have
    run so far that the stop would stand beyond the market."""
    entry = proposal.orders[0]
    if entry.purpose is not Purpose.ENTRY:
        return ""
    return shut(floor.facts) or too_far(entry.instrument, entry.limit_ticks, floor.mark(entry.instrument), floor.params.risk)


def _settle_debt(floor: Floor, key: str, answer: Answer) -> None:
    """The rows of what left without a commit: written at last, or written again in the background."""
    if answer is Answer.SILENT:
        return
    proposal = floor.waiting.pop(key).proposal
    if answer is Answer.FAILED:
        for row in proposal.rows:
            floor.record(row)


def _send(floor: Floor, proposal: Proposal) -> None:
    if proposal.change is None:
        for order in proposal.orders:
            floor.tell(order.id, News.HANDED_OVER)
            ticket = floor.blotter.tickets[order.id]
            ticket.sent_ns = floor.now
            floor.expect_answer(ticket)
    else:
        ticket = floor.blotter.tickets[proposal.change.order_id]
        called_off = not ticket.live or ticket.cancel_ns is not None
        if called_off or proposal.change.quantity >= ticket.order.quantity:
            floor.say(ticket.order.id, "change dropped: the order moved meanwhile")
            return
        ticket.change, ticket.changed = proposal.change, proposal.orders[0]
        floor.expect_answer(ticket)
    floor.out.append(proposal.send)
    if proposal.purpose is not Purpose.ENTRY:
        floor.count_protective(len(proposal.orders))
