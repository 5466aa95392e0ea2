"""Everything that happens because time passed or the market moved, and when the desk wants to be woken for it.

Every condition that acts at an instant is in `wake` with that instant; acting on it moves the instant on, so a timer that
fired is never due again at the same time.
"""

from __future__ import annotations

from datetime import date

from orderflow_tui.domain.action import Tier
from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.latch import LatchKind, TradingState
from orderflow_tui.domain.order import OrderState
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.domain.watch import NEVER, Watch, merge
from orderflow_tui.trading import breaker, fences, rows
from orderflow_tui.trading.audit import CHANGE_AGAIN_NS, ask_margin, check_outcomes, unresolved_due_ns
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.trading.breaker import money
from orderflow_tui.trading.campaigns import begin_campaign, drive_campaign, guard_stops, guarding
from orderflow_tui.trading.choice import choose_instrument
from orderflow_tui.trading.day_close import close_day
from orderflow_tui.trading.evidence import lock_for
from orderflow_tui.trading.floor import Floor
from orderflow_tui.trading.gate import Answer
from orderflow_tui.trading.invariants import broken
from orderflow_tui.trading.lifecycle import SENT_STATES
from orderflow_tui.trading.limits import TierRow
from orderflow_tui.trading.proposing import look_again
from orderflow_tui.trading.standing import equity_cents, loss_limit_cents, trading_state, unpriced
from orderflow_tui.trading.trade import ExitReason
from orderflow_tui.trading.trade_rows import tell_trades
from orderflow_tui.trading.trading_session import apply_held, turn_session

NOTE_NS = 10 * SECOND_NS  # at most so much of an open position's extremes is lost with the process
COMPARED_NS = 10 * SECOND_NS  # after a reconnect the broker has so long to say what is held
UNPRICED_NS = 5 * SECOND_NS  # the first quote of what came to be held, or of its month after a roll, has so long to come
ENDED_NS = 500 * MS_NS  # the execution that took an exit of what is held away follows within, or the broker is asked for it
ENTRY_CANCEL_AGAIN_NS = 5 * SECOND_NS  # an entry of unknown outcome, while no report tells whether its cancel was lost

# -- what is due --------------------------------------------------------------------------------------------------------


def on_due(floor: Floor) -> None:
    """Do everything that is due now."""
    for key in list(floor.waiting):
        if key in floor.waiting and not floor.waiting[key].sent:
            look_again(floor, key, Answer.SILENT)
    check_outcomes(floor)
    if floor.arming.until_ns is not None and not floor.arming.armed(floor.now):
        floor.disarm()
    if floor.cooldown.over(floor.now):
        floor.note("cooldown_over", "")
    if floor.link_lost_ns is not None and floor.now - floor.link_lost_ns >= floor.params.timing.grant_link_ms * MS_NS:
        floor.end_grant("disconnected for too long")
    if floor.reconciler.ask_ns is not None and floor.now >= floor.reconciler.ask_ns and floor.reachable:
        floor.ask("reconcile")
    if floor.ended_ns is not None and floor.now >= floor.ended_ns + ENDED_NS and floor.reachable:
        floor.ask("exit ended")
    ask_margin(floor)


def _entry_due_ns(floor: Floor, ticket: Ticket) -> int | None:
    """When an entry has had its time: 5 s unfilled, 1 s once a part of it filled. One of unknown outcome too: if it works it must
    go, and if it has ended a cancel does no harm."""
    unknown = ticket.state is OrderState.UNKNOWN and floor.reachable
    if ticket.cancel_ns is not None:  # where a report must say whether the cancel was lost, and none comes, it is sent again
        return ticket.cancel_ns + ENTRY_CANCEL_AGAIN_NS if unknown else None
    if not (unknown or ticket.state in SENT_STATES):
        return None
    due = ticket.order.expires_ns
    if ticket.filled:
        due = min(due, ticket.news_ns + floor.params.timing.partial_wait_ms * MS_NS)
    return due


def _overdue(floor: Floor, ticket: Ticket) -> bool:
    if floor.board.latches and floor.reachable and ticket.cancel_ns is None and ticket.state in SENT_STATES:
        return True  # a halt ends entries; this one survived its cancel, a report says
    due = _entry_due_ns(floor, ticket)
    return due is not None and floor.now >= due


def settle(floor: Floor) -> None:
    """What follows from any event: entries that had their time (a report may have shown that a cancel was lost), the flat
    time, the breaker, the campaign, the stops, the invariants."""
    floor.cancel([t for t in floor.blotter.entries() if _overdue(floor, t)])
    _flat_time(floor)
    _choose(floor)
    trip_breaker(floor)
    drive_campaign(floor)
    guard_stops(floor)
    if floor.campaign is not None:  # the guard may have begun one
        drive_campaign(floor)
    if floor.reconciler.ask_ns is not None and floor.now >= floor.reconciler.ask_ns and floor.reachable:
        floor.ask("doubt")
    _stale_with_position(floor)
    _worth_unknown(floor)
    _note_extremes(floor)
    for sentence in broken(floor):
        floor.latch(LatchKind.INVARIANT, sentence)


def _note_extremes(floor: Floor) -> None:
    """What a restart must not forget of an open position: the day's peak, how far each trade went either way and where the
    market stood.

    Noted at instants of its own, ten seconds apart from the opening fill on, and at the close: never when a piece of market
    happens to end, so that the journal is the same however the stream was cut.
    """
    if not floor.ledger.held:
        if floor.note_due_ns is not None:
            _note_peak(floor)
        floor.note_due_ns = None
    elif floor.note_due_ns is None:
        floor.note_due_ns = floor.now + NOTE_NS
    elif floor.now >= floor.note_due_ns:
        floor.note_due_ns = floor.now + NOTE_NS
        _note_peak(floor)
        _note_excursions(floor)


def _note_peak(floor: Floor) -> None:
    peak = floor.ledger.peak_cents
    if peak <= floor.noted_peak_cents:
        return
    floor.noted_peak_cents = peak
    day = floor.ledger.trade_date
    floor.note("peak", "" if day is None else day.isoformat(), peak_cents=peak, trade_date=None if day is None else str(day))


def _note_excursions(floor: Floor) -> None:
    for symbol in floor.ledger.held:
        episode = floor.ledger.episode(symbol)
        assert episode is not None, "what is held has an episode"
        seen, mark = floor.ledger.seen(symbol), floor.ledger.marked()[symbol]
        if seen is not None and floor.noted_excursions.get(symbol) != (episode.id, *seen, mark):
            floor.noted_excursions[symbol] = (episode.id, *seen, mark)
            floor.note("excursion", episode.id, instrument=symbol, low=seen[0], high=seen[1], mark=mark)


def trip_breaker(floor: Floor) -> None:
    """Open the latches of the limits that are reached; some take the position along."""
    for trip in breaker.trips(floor.ledger, floor.params.risk, loss_limit_cents(floor)):
        if trip.kind in floor.board or (trip.kind is LatchKind.TRADE_COUNT and floor.blotter.entries()):
            continue
        if trip.kind in breaker.AT_THE_MARK and _unheard(floor):
            continue
        floor.latch(trip.kind, trip.reason)
        if trip.flatten and (floor.ledger.held or floor.blotter.live):
            begin_campaign(floor, f"{trip.kind.value}: {trip.reason}", ExitReason.HALTED)
    _keep_flat(floor)


def _unheard(floor: Floor) -> bool:
    """Whether what we believe to hold may be gone: the stop may have filled while nobody listened, and the market run on. After
    a restart until the broker has agreed: nothing could be closed before, and no entry leaves. After a reconnect until its first
    word on positions, but not for ever: an entry that the day cannot bear is refused anyway."""
    if not floor.ledger.held:
        return False
    since_ns = floor.uncompared_ns
    return not floor.agreed or (since_ns is not None and floor.now < since_ns + COMPARED_NS)


def _keep_flat(floor: Floor) -> None:
    """Behind a limit that took the position along nothing of ours stays: an entry believed over may fill after the flatten.
    What a person opened elsewhere is theirs: it gets a stop and they are asked. While the broker's position and ours differ
    nobody knows what to flatten."""
    latch = next((latch for latch in floor.board.latches if latch.kind in breaker.TAKE_ALONG), None)
    if latch is None or floor.campaign is not None or not floor.agreed or floor.reconciler.differences:
        return
    if not floor.params.send_path or trading_state(floor)[0] is TradingState.LOCKED:
        return
    ours, _ = _whose(floor)
    if ours:
        begin_campaign(floor, f"{latch.kind.value}: {', '.join(ours)} held behind the limit", ExitReason.HALTED)


def _whose(floor: Floor) -> tuple[list[str], list[str]]:
    """What is held: ours to close, and what is not: a person opened it elsewhere, or no order can go out there."""
    ours: list[str] = []
    theirs: list[str] = []
    for symbol in floor.ledger.held:
        episode = floor.ledger.episode(symbol)
        assert episode is not None, "what is held has an episode"
        (ours if episode.intent_id and symbol in floor.tradable else theirs).append(f"{floor.position(symbol):+d} {symbol}")
    return ours, theirs


def _flat_time(floor: Floor) -> None:
    """The session's flat time: the grant ends, what is held goes. What a person opened elsewhere stays; they are told."""
    flat_at = floor.facts.flat_at_ns
    if flat_at is None or floor.now < flat_at:
        floor.alert_once("external held", False, "")
        return
    floor.end_grant("the session's flat time")
    _held_late(floor, flat_at)
    ours, theirs = _whose(floor)
    text = f"past the session's flat time {', '.join(theirs)} is held, which is not ours to close"
    floor.alert_once("external held", bool(theirs), text, Tier.CRITICAL)
    locked = trading_state(floor)[0] is TradingState.LOCKED
    may = floor.params.auto_flatten and floor.params.send_path
    held = ours or (floor.blotter.entries() and not theirs)
    if may and held and floor.campaign is None and floor.agreed and not locked:
        begin_campaign(floor, "the session's flat time", ExitReason.FLAT)


def _held_late(floor: Floor, flat_at: int) -> None:
    """A flat time passed while a trade was held: it is a broken rule whenever it closes, on whatever trade date."""
    for symbol in floor.ledger.held:
        episode = floor.ledger.episode(symbol)
        assert episode is not None, "what is held has an episode"
        if episode.id not in floor.held_late:
            floor.held_late[episode.id] = flat_at
            floor.note("held_late", episode.id, flat_at_ns=flat_at)


def _stale_with_position(floor: Floor) -> None:
    holding = bool(floor.ledger.held)
    old = fences.stale(floor.facts, floor.params.timing) if holding and floor.facts.market_open else None
    floor.alert_once("stale data", old is not None, "" if old is None else f"{old.reason}, and a position is open", Tier.CRITICAL)
    heard = floor.reconciler.heard_ns if floor.reconciler.heard_ns is not None else floor.started_ns
    limit = floor.params.timing.snapshot_alert_ms
    silent = bool(floor.params.timing.reconcile_ms) and heard is not None and floor.now - heard >= limit * MS_NS
    floor.alert_once("no report", silent, f"no complete account report for {limit // 1000} s" if silent else "", Tier.CRITICAL)


def _worth_unknown(floor: Floor) -> None:
    """Something held has no price: nobody knows what the day is worth, and no limit on it holds. A closed market has none, and
    where all data are old that is told already: what outlasts either is told then."""
    symbol = unpriced(floor)
    if symbol is None:
        floor.alert_once("value", False, "")
    if symbol is None or not floor.facts.market_open or fences.stale(floor.facts, floor.params.timing) is not None:
        floor.unpriced_ns = None
        return
    if floor.unpriced_ns is None:
        floor.unpriced_ns = floor.now
    text = (
        f"no price of {floor.position(symbol):+d} {symbol} is known: net, open and worst case are unknown, the daily loss and the"
        " drawdown do not see it; close it in the broker's program, or see that its market data come"
    )
    if floor.now >= floor.unpriced_ns + UNPRICED_NS:
        floor.alert_once("value", True, text, Tier.CRITICAL)


# -- days ---------------------------------------------------------------------------------------------------------------


def turn_day(floor: Floor) -> None:
    """A new trade date: the old day's result, figures at zero, daily latches end, the tier is fixed anew."""
    starting, day = floor.started_ns is None, floor.trade_date
    if starting:
        floor.started_ns = floor.now
        lock_for(floor)
        tell_trades(floor)  # rows that died with the process
        if floor.reconciler.ask_ns is None and floor.params.timing.reconcile_ms:
            floor.reconciler.ask_at(floor.now)
    if day is not None and day != floor.ledger.trade_date:
        _begin_day(floor, day)
    elif day is not None and starting:
        _end_daily(floor, day)  # the rows of the turn may not all have come to the journal
    if day is not None and floor.held_changes:
        apply_held(floor)
    _choose(floor)


def _begin_day(floor: Floor, day: date) -> None:
    """The row of the turn comes last and is committed: what it says is known from nowhere else, and where it is, the old day's
    result is there too. One that died with the process leaves the turn to the next start."""
    turned, marks = floor.ledger.trade_date is not None, floor.ledger.marked()
    if turned:
        close_day(floor, tell=True)
        turn_session(floor)
        if floor.facts.flat_at_ns is not None:
            _held_late(floor, floor.now)  # where nothing ran at the flat time
    floor.ledger.begin_day(day)
    floor.noted_peak_cents = 0
    _end_daily(floor, day)
    floor.end_grant("the session ended")
    floor.tiers.tier = None
    if turned or marks:
        floor.commit(rows.turn_row(day, floor.now, marks))


def _end_daily(floor: Floor, day: date) -> None:
    for latch in floor.board.new_day(day):
        floor.commit(rows.latch_row(latch, floor.now, False, "new trade date"))
        floor.alert("resume", f"{latch.kind.value} ended with its trade date", Tier.INFO, latch.kind.value)


def _choose(floor: Floor) -> None:
    """Tier and instrument, in the event that decides them: the next one may come at the end of any piece of market."""
    _fix_tier(floor)
    choose_instrument(floor)


def _fix_tier(floor: Floor) -> None:
    """Fix the session's tier when the broker has told how the account stands; lower it when the balance fell and nothing is
    held. A configured balance is no word of the broker's: before its first report the lowest tier stands."""
    if not floor.params.tiers_enabled or (floor.tiers.tier is None and _tier_held(floor)) or floor.report is None:
        return
    balance = equity_cents(floor)
    if balance is None:
        return
    if floor.tiers.tier is None:
        tier = floor.tiers.begin_session(balance)
        _note_tier(floor, tier, balance)
        return
    lower = floor.tiers.settle(balance, not floor.ledger.held)
    if lower is not None:
        _note_tier(floor, lower, balance)
        floor.alert("tier", f"balance {money(balance)}: tier {lower.number}, {lower.instrument} {lower.max_contracts}")


def _note_tier(floor: Floor, tier: TierRow, balance_cents: int) -> None:
    day = None if floor.trade_date is None else floor.trade_date.isoformat()
    floor.note("tier", str(tier.number), balance_cents=balance_cents, trade_date=day)


def _tier_held(floor: Floor) -> bool:
    """Whether a tier was fixed for this trade date before a restart: a restart must not let it rise within the session."""
    if floor.held_tier is None or floor.held_tier[0] != floor.trade_date:
        return False
    return floor.tiers.restore(floor.held_tier[1])


# -- when ---------------------------------------------------------------------------------------------------------------


def wake(floor: Floor, facts: Facts) -> Watch:
    """When the desk must be woken, from state before the piece."""
    watch = Watch(due_ns=_due_ns(floor, facts))
    if not floor.ledger.held:
        return watch
    if floor.ledger.held != (floor.execution,):
        return merge(watch, Watch(every=True))  # more than one price moves the day
    position = floor.position(floor.execution)
    loss = None if LatchKind.DAILY_LOSS in floor.board else loss_limit_cents(floor)
    may_fall = LatchKind.DRAWDOWN not in floor.board
    bands = breaker.watch(floor.ledger, floor.execution, floor.params.risk, loss, may_fall)
    live = [t for t in floor.blotter.live if t.order.instrument == floor.execution]
    return merge(watch, bands, floor.guard(floor.execution).watch(position, live))


def _due_ns(floor: Floor, facts: Facts) -> int:
    timing = floor.params.timing
    times: list[int | None] = [floor.arming.until_ns, floor.cooldown.until_ns, unresolved_due_ns(floor), floor.note_due_ns]
    if floor.waiting:
        times += [floor.gate.due_ns(w.proposal) for w in floor.waiting.values() if not w.sent]
    live = floor.blotter.live
    if live:
        times += [t.answer_due_ns for t in live]
        times += [t.refused_ns + CHANGE_AGAIN_NS for t in live if t.refused_ns is not None]
        times += [_entry_due_ns(floor, t) for t in floor.blotter.entries()]
    if floor.campaign is not None:
        times.append(floor.campaign.due_ns)
    if guarding(floor):
        times += [floor.guard(symbol).due_ns for symbol in floor.held]
    if floor.reachable:
        times += [floor.reconciler.ask_ns, floor.margin_ask_ns]
        if floor.ended_ns is not None:
            times.append(floor.ended_ns + ENDED_NS)
    if facts.flat_at_ns is not None and facts.flat_at_ns > facts.now_ns:
        times.append(facts.flat_at_ns)
    if floor.uncompared_ns is not None and floor.uncompared_ns + COMPARED_NS > facts.now_ns:
        times.append(floor.uncompared_ns + COMPARED_NS)
    if floor.unpriced_ns is not None and "value" not in floor.told:
        times.append(floor.unpriced_ns + UNPRICED_NS)
    if floor.link_lost_ns is not None and floor.automation.granted:
        times.append(floor.link_lost_ns + timing.grant_link_ms * MS_NS)
    return min((t for t in times if t is not None), default=NEVER)
