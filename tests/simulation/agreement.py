"""Invariant 3, at every complete report: the ledger is the broker's, or the difference is known, fenced and being asked about."""

from __future__ import annotations

from orderflow_tui.domain.account import AccountReport
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from tests.simulation.house import ACCOUNT
from tests.simulation.memory import RECOVERED_AFTER, SYMBOL, Broken, Memory

AGAIN_NS = 700 * MS_NS
SLACK_NS = 50 * MS_NS
ASKED_NS = 15 * SECOND_NS + SLACK_NS
ADOPTED_AFTER, ADOPTED_NS = 4, 2 * SECOND_NS  # reports in a row that differ (one more than needed), first to last


def speaks(memory: Memory, report: AccountReport) -> bool:
    """Whether a report counts: complete, of this connection and of our account."""
    assert memory.engine is not None
    return report.complete and report.epoch == memory.engine.link_epoch and report.account == ACCOUNT


def hear_report(memory: Memory, report: AccountReport) -> None:
    """A report is about to be processed: book what it tells, and compare it unless it began before what it could not know."""
    known_ns, news = memory.booked_ns, False
    for fill in report.fills:
        news = memory.book(fill) or news
    memory.compared = None
    if news or report.began_ns <= known_ns:
        memory.ask_by(AGAIN_NS + SLACK_NS)
        return
    broker = dict(report.positions).get(SYMBOL, 0)
    memory.compared = (broker, memory.position)
    if broker == memory.position:
        memory.apart_ns, memory.apart = None, 0
        return
    memory.apart += 1
    if not memory.priced:  # without a price nothing can be adopted: it is counted anew from the first one on
        memory.apart, memory.apart_ns = 1, None
    elif memory.apart_ns is None:
        memory.apart_ns = memory.now_ns
    memory.ask_by(AGAIN_NS + SLACK_NS)


def judge_report(memory: Memory) -> None:
    """A report has been processed."""
    if memory.compared is None:
        return
    broker, ours = memory.compared
    _count_agreement(memory, broker == ours)
    named = {d.instrument: (d.broker, d.local) for d in memory.floor.reconciler.differences}
    if broker == ours:
        if named:
            raise Broken("ledger equals broker", f"both hold {ours:+d}, and a mismatch stands open: {named}")
        return
    if memory.position == broker:  # adopted: what may do so is judged where adjustments are
        memory.apart_ns, memory.apart = None, 0
        return
    if named.get(SYMBOL) != (broker, ours):
        raise Broken("ledger equals broker", f"broker {broker:+d}, ours {ours:+d}, and no mismatch is open but {named}")
    lasts = 0 if memory.apart_ns is None else memory.now_ns - memory.apart_ns
    if memory.apart >= ADOPTED_AFTER and lasts >= ADOPTED_NS:
        raise Broken("a mismatch ends", f"broker {broker:+d}, ours {ours:+d} in {memory.apart} reports, {lasts // MS_NS} ms")


def _count_agreement(memory: Memory, agrees: bool) -> None:
    """Two that agree, at least a second apart, end a recovery, unless an outcome is open."""
    assert memory.engine is not None
    now_ns = memory.engine.now_ns
    if not agrees:
        memory.agreements, memory.agreed_ns = 0, None
    elif memory.agreed_ns is None or now_ns - memory.agreed_ns >= SECOND_NS:
        memory.agreements, memory.agreed_ns = memory.agreements + 1, now_ns
    floor = memory.floor
    if memory.agreements >= RECOVERED_AFTER and floor.recovering and not floor.blotter.unresolved():
        raise Broken("recovery ends", f"{memory.agreements} reports agree, nothing is unknown, and it is still RECOVERING")


def judge_round(memory: Memory, now_ns: int) -> None:
    """The broker is asked every 15 s, by the desk's own timer."""
    if memory.heard.ns is None:
        return
    waited = now_ns - max(memory.asked_ns, memory.heard.ns)
    if waited > ASKED_NS:
        raise Broken("reconciled in time", f"the broker was not asked for {waited // MS_NS} ms")


def judge_asking(memory: Memory) -> None:
    """Where a report did not settle it, the broker is asked again at once."""
    assert memory.engine is not None
    judge_round(memory, memory.engine.now_ns)
    if memory.ask_within_ns is None or memory.heard.ns is None:
        return
    waited = memory.now_ns - max(memory.unsettled_ns, memory.heard.ns)
    if waited > memory.ask_within_ns:
        raise Broken("a mismatch is asked about", f"{waited // MS_NS} ms after a report that settled nothing")
