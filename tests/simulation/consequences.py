"""What must follow at once from what the engine was told, and why a latch may open or be cleared."""

from __future__ import annotations

from orderflow_tui.domain.account import AccountReport, LinkStatus
from orderflow_tui.domain.event import Command, JournalFailed, OperatorCommand, StopFileSeen, Trouble
from orderflow_tui.domain.latch import LatchKind, Severity
from orderflow_tui.domain.order import Fill, OrderUpdate, Purpose, Role
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.trading.fences import can_send
from orderflow_tui.trading.lifecycle import UNSENT
from tests.simulation.agreement import judge_report, speaks
from tests.simulation.house import ACCOUNT, INSTALL, RESUME_WORD
from tests.simulation.limits import judge_trip
from tests.simulation.memory import DISK_TROUBLE, OUTSIDERS, SYMBOL, Broken, Memory

# what must have happened before a latch may open; an empty set: it may never open
CAUSES: dict[LatchKind, frozenset[str]] = {
    LatchKind.OPERATOR: frozenset({"key halt", "key flatten"}),
    LatchKind.STOP_FILE: frozenset({"key stop", "stop seen"}),
    LatchKind.UNATTENDED: frozenset({"key unattended"}),
    LatchKind.MISMATCH: frozenset({"position_drift", "foreign_trade"}),
    LatchKind.LIQUIDATION: frozenset({"liquidation"}),
    LatchKind.ADJUSTED: frozenset({"manual_trade", "liquidation", "hand_trade", "second_host"}),
    LatchKind.CRASH_LOOP: frozenset({"unclean boots"}),
    LatchKind.JOURNAL_FAILED: DISK_TROUBLE,
    LatchKind.CORE_FAULT: frozenset(),
    LatchKind.INVARIANT: frozenset(),
    LatchKind.BROKEN_CHAIN: frozenset(),
    LatchKind.WRONG_ACCOUNT: frozenset({"account_swapped"}),
    LatchKind.SECOND_HOST: frozenset({"second_host"}),
    LatchKind.TASK_DEAD: frozenset({"task_dead"}),
    LatchKind.REVERSED: OUTSIDERS
    | {
        "oca_delayed",
        "oca_lost",
        "fill_after_cancel",
        "oversize_children",
        "exec_late",
        "exec_lost",
        "latency_jitter",
        "order_parked",
    },
}
KEPT_ALIVE = ("cancel_refused", "cancel_lost")
AWAY = frozenset(
    {"link_drop", "link_flap", "link_long_drop", "link_new_epoch", "link_hung", "link_hung_short", "link_broker_lost"}
) | {"nightly_reset"}
LEAPS = frozenset({"suspended", "loop_stall", "clock_forward", "clock_hour"})
UNREPORTED = frozenset({"report_lost", "report_late", "report_incomplete", "report_stale", "reports_silent", "account_swapped"})
UNHEARD = frozenset({"exec_late", "exec_lost", "status_lost", "ack_lost", "ack_late", "latency_jitter"})
UNCHANGED = frozenset({"change_refused", "changes_refused", "change_lost", "cancel_refused", "cancel_lost", "fill_after_cancel"})
NEVER_THERE = frozenset(
    {"send_lost", "send_refused", "reject_stop", "tif_changed", "outside_rth_changed", "oca_lost", "order_parked"}
)
ILLUSIONS = frozenset({"feed_outlier", "feed_far_prints", "feed_out_of_order"})
UNFILLED = frozenset(
    {"stop_stuck", "exit_rests", "feed_limit_locked", "feed_one_sided", "feed_no_quotes", "feed_trades_only"}
)  # the price is there, and the exit waits
# by what the reason says: what can keep a position without its stop, exits too large, a stop from filling
BARE = AWAY | LEAPS | UNREPORTED | UNHEARD | UNCHANGED | NEVER_THERE | OUTSIDERS | DISK_TROUBLE | {"boots", "oca_delayed"}
NAKED_BY: dict[str, frozenset[str]] = {
    "does not take": frozenset({"reject_stop"}),
    "reached and did not fill": AWAY | LEAPS | UNHEARD | ILLUSIONS | UNFILLED | {"partial_fill"},
    "as small as the position": AWAY | LEAPS | UNREPORTED | UNHEARD | UNCHANGED | OUTSIDERS,
    "with nothing to take out": AWAY | LEAPS | UNREPORTED | UNHEARD | UNCHANGED | OUTSIDERS,
    "confirmed in time": BARE,
    "beyond where": BARE,
}
UNKNOWN_BY = UNREPORTED | {"order_parked", "link_hung", "link_hung_short"}  # for a minute nothing says what became of an order
FAILED_BY = AWAY | LEAPS | UNREPORTED | UNHEARD | UNCHANGED | UNFILLED | {"send_lost", "send_refused", "reject_entry", "boots"}
REACHED_NS = 5 * SECOND_NS  # a stop that seems reached has so long to fill
TAKE_THE_POSITION_ALONG = frozenset({LatchKind.DAILY_LOSS, LatchKind.DRAWDOWN, LatchKind.NAKED, LatchKind.REVERSED})


def judge_consequences(memory: Memory) -> None:
    """The event just processed: what had to follow from it."""
    floor, event = memory.floor, memory.event
    match event:
        case Fill():
            _after_fill(memory, event)
        case OrderUpdate() if event.echoed_account not in (None, "", ACCOUNT) and event.order_id in memory.sent:
            _must(memory, LatchKind.WRONG_ACCOUNT, f"an order went to {event.echoed_account}")
        case LinkStatus() if memory.link_was_up and not can_send(event.link) and floor.arming.until_ns is not None:
            raise Broken("the hand leaves the key", f"still armed after the link is {floor.link.value}")
        case Trouble():
            _must(memory, event.latch, event.reason)
        case JournalFailed():
            _must(memory, LatchKind.JOURNAL_FAILED, event.reason)
        case StopFileSeen():
            _must(memory, LatchKind.STOP_FILE, "the STOP file was seen")
            if event.action == "flatten" and memory.facts["stop seen"] == 1 and floor.campaign is None and memory.truth:
                raise Broken("flatten flattens", "a STOP file that flattens began no campaign")
        case OperatorCommand():
            _after_key(memory, event)
        case AccountReport() if speaks(memory, event):
            judge_report(memory)
            if any(o.order_id is not None and not o.order_id.startswith(f"of1-{INSTALL}-") for o in event.orders):
                _must(memory, LatchKind.SECOND_HOST, "another installation's order is at the broker")
        case _:
            pass
    refusals = floor.refusals
    if refusals and refusals[-1].ts_ns == floor.now and refusals[-1].rule == "rate":
        _must(memory, LatchKind.RATE_LIMIT, refusals[-1].reason)


def _must(memory: Memory, kind: LatchKind, why: str) -> None:
    if kind not in memory.floor.board:
        raise Broken("what must latch latches", f"{kind.value} is not open although {why}")


def _after_fill(memory: Memory, fill: Fill) -> None:
    if fill.instrument != SYMBOL or memory.position == memory.before or fill.revision > 1:
        return
    if fill.liquidation:
        _must(memory, LatchKind.LIQUIDATION, f"{fill.exec_id} was a liquidation")
    if fill.order_id is None:
        _must(memory, LatchKind.ADJUSTED, f"{fill.exec_id} is nobody's order")
        return
    order = memory.sent.get(fill.order_id)
    flipped = memory.position != 0 and memory.before * memory.position <= 0
    known = fill.order_id not in memory.lost
    if order is not None and order.purpose is not Purpose.ENTRY and flipped and known:
        _must(memory, LatchKind.REVERSED, f"{fill.exec_id} took {memory.before:+d} to {memory.position:+d}")


def _after_key(memory: Memory, event: OperatorCommand) -> None:
    floor = memory.floor
    match event.command:
        case Command.FLATTEN:
            _must(memory, LatchKind.OPERATOR, "a person flattened")
            if floor.campaign is None and memory.position:
                raise Broken("flatten flattens", "the key began no campaign")
        case Command.HALT:
            _must(memory, LatchKind.OPERATOR, "a person halted")
        case Command.STOP:
            _must(memory, LatchKind.STOP_FILE, "a person stopped")
        case Command.UNATTENDED:
            _must(memory, LatchKind.UNATTENDED, "the terminal went away")
        case _:
            return


def judge_latches(memory: Memory) -> None:
    """Latches that opened or went: each for a reason."""
    board = {kind: latch.since_ns for kind, latch in memory.floor.board._open.items()}
    if board == memory.board:
        return
    for kind, since_ns in memory.board.items():  # one that opened again at once has been cleared as well
        if board.get(kind) != since_ns:
            _cleared(memory, kind)
    for kind, since_ns in board.items():
        if memory.board.get(kind) != since_ns:
            _opened(memory, kind, memory.floor.board._open[kind].reason)
    memory.board = board


def _opened(memory: Memory, kind: LatchKind, reason: str) -> None:
    floor, causes = memory.floor, CAUSES.get(kind)
    memory.armed_ns = None  # a latch takes the hand off the key
    memory.grant.end()
    memory.latched_ns = memory.now_ns
    judge_trip(memory, kind, reason)
    if causes is None:
        causes = _faults(kind, reason)
    if causes is not None and not any(memory.struck(cause) for cause in causes) and not _by_misfortune(memory, kind, reason):
        raise Broken("no unexplained latch", f"{kind.value} without a cause: {reason}")
    if kind is LatchKind.FLATTEN_FAILED:
        memory.facts["flatten failed"] += 1
    uncancelled = [t.order.id for t in floor.blotter.entries() if t.cancel_ns is None and t.state not in UNSENT]
    if uncancelled:
        raise Broken("a halt cancels entries", f"{kind.value} opened and {uncancelled} were left working")
    if kind is LatchKind.NAKED and "refused" in reason:
        raise Broken("the gate lets a missing stop through", f"{kind.value}: {reason}")
    if kind in TAKE_THE_POSITION_ALONG and memory.position and floor.campaign is None:
        raise Broken("the breaker flattens", f"{kind.value} opened with {memory.position:+d} held and no campaign")


def _faults(kind: LatchKind, reason: str) -> frozenset[str] | None:
    """The faults that can lead to a latch which none causes by itself, None where keys and limits do."""
    match kind:
        case LatchKind.NAKED:
            return next((faults for words, faults in NAKED_BY.items() if words in reason), frozenset())
        case LatchKind.UNRECONCILED:
            return UNKNOWN_BY
        case LatchKind.FLATTEN_FAILED:
            return FAILED_BY
        case _:
            return None


def _by_misfortune(memory: Memory, kind: LatchKind, reason: str) -> bool:
    """Two misfortunes at once: an outage across the end of the broker's day, an exit that filled before the entry's fill of
    an outage was told, an emergency stop on its way while the stop it stood in for filled after all, protection that left
    without its row (the disk failed) and a death before the row could follow, or a flatten that failed when the stops had
    gone: whoever resumes finds the market where it is. Or an entry that filled beyond its stop on the last trade before a
    silence: nobody knows whether the price came back, so that nothing has reached the stop."""
    if kind is LatchKind.NAKED:
        silent = memory.tape.silent_ns(memory.now_ns) >= REACHED_NS and "reached" in reason
        return silent or (memory.facts["flatten failed"] > 0 and "beyond where" in reason)
    if kind is LatchKind.MISMATCH:
        return memory.day_turned
    if kind is LatchKind.REVERSED:
        return not memory.honest and (_crossed(memory) or memory.truth != memory.position)
    if kind is LatchKind.INVARIANT:
        return "the journal does not know" in reason and any(name in reason for name in memory.lost)
    return kind is LatchKind.ADJUSTED and any(fill.order_id in memory.lost for fill in memory.fills.values())


def _crossed(memory: Memory) -> bool:
    """An exit filled that was called off, and whose cancel the broker refused or lost; or an emergency stop that was called off
    as soon as nothing was held, or that a running flatten could not call off because no report came, or of which nobody was
    told before a report came, or that a process which died left to one that has not recovered."""
    event = memory.event
    if isinstance(event, AccountReport):
        filled = (memory.sent.get(f.order_id or "") for f in memory.fills.values())
        return any(order is not None and order.role is Role.EMERGENCY for order in filled)
    order = memory.sent.get(event.order_id or "") if isinstance(event, Fill) else None
    if order is None:
        return False
    if order.id in memory.told_to_go and any(memory.struck(kind) for kind in KEPT_ALIVE):
        return True
    if order.role is not Role.EMERGENCY:
        return False
    unheard = memory.floor.campaign is not None and not memory.informed
    return order.id in memory.called_off or unheard or memory.floor.recovering


def _cleared(memory: Memory, kind: LatchKind) -> None:
    event = memory.event
    if kind.daily:
        if memory.floor.ledger.trade_date == memory.day:
            raise Broken("latches stay", f"{kind.value} ended within its trade date")
        return
    if not isinstance(event, OperatorCommand) or event.command is not Command.RESUME:
        raise Broken("latches stay", f"{kind.value} was cleared by {type(event).__name__}")
    if event.args.get("word") != RESUME_WORD:
        raise Broken("latches stay", f"{kind.value} was cleared by the wrong word")
    if kind is LatchKind.STOP_FILE and memory.stop_known:
        raise Broken("latches stay", "STOP_FILE was cleared while the file is there")
    if kind.severity is Severity.LOCK and event.args.get("key_ok") != "true":
        raise Broken("latches stay", f"{kind.value} was cleared without the safety key")
