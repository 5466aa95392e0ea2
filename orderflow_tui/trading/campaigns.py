"""Flatten campaigns and the guard of the stop, carried out: their wishes become proposals and cancels."""

from __future__ import annotations

from orderflow_tui.domain.account import AccountReport
from orderflow_tui.domain.action import CancelEverything, Json, Row, Tier
from orderflow_tui.domain.latch import LatchKind, TradingState
from orderflow_tui.domain.order import Intent, OrderState, Purpose, Side, closing
from orderflow_tui.trading import rows
from orderflow_tui.trading.blotter import covered
from orderflow_tui.trading.bracket import Levels, anchor, emergency_stop, entry_levels
from orderflow_tui.trading.choice import execute_in, smaller_for
from orderflow_tui.trading.flatten import Campaign, CampaignWish, Exit, Scene, Stage
from orderflow_tui.trading.floor import Floor
from orderflow_tui.trading.foreign import still_held
from orderflow_tui.trading.gate import Proposal
from orderflow_tui.trading.look import Refusal
from orderflow_tui.trading.proposing import propose, shrink
from orderflow_tui.trading.protection import Emergency, GuardWish
from orderflow_tui.trading.standing import trading_state
from orderflow_tui.trading.trade import ExitReason
from orderflow_tui.trading.unknown_orders import no_stop


def begin_campaign(floor: Floor, reason: str, why: ExitReason, manual: bool = False, then: Side | None = None) -> None:
    """Start to flatten. A running campaign goes on; a person's wish makes it a person's, and ends a planned reversal."""
    if not floor.params.send_path:
        floor.alert("flatten", f"{reason}: this mode cannot send, flatten in the broker's own program", Tier.CRITICAL)
        return
    running = floor.campaign
    if running is not None:
        floor.revoke_entries(f"flatten, {reason}")
        if manual and not running.manual:
            running.manual = True
            floor.commit(_row(floor, running, "begin"))  # the newest row of a campaign is the one that counts
        return
    floor.revoke_entries("flatten")
    campaign = Campaign(floor.gate.draw_id(), reason, why, manual, then)
    floor.campaign = campaign
    floor.commit(_row(floor, campaign, "begin"))
    floor.alert("flatten", f"flatten begins: {reason}", Tier.CRITICAL)
    for guard in floor.guards.values():
        guard.reset()


def _row(floor: Floor, campaign: Campaign, what: str) -> Row:
    return rows.row(
        "campaign",
        campaign.id,
        floor.now,
        what=what,
        reason=campaign.reason,
        exit_reason=campaign.exit_reason.value,
        manual=campaign.manual,
        rounds=campaign.rounds,
    )


def drive_campaign(floor: Floor) -> None:
    """Let the campaign do what it can do now."""
    while floor.campaign is not None:  # a step may make the next one possible; failed rounds bound it
        campaign = floor.campaign
        before = campaign.stage
        wish = campaign.step(_scene(floor))
        _carry_out(floor, campaign, wish)
        if campaign.over:
            _end(floor, campaign)
            return
        if campaign.stage is before and wish.exit is None:
            return


def _scene(floor: Floor) -> Scene:
    report = _report(floor)
    strangers, holding = bool(floor.strangers), any(floor.position(symbol) for symbol in floor.tradable)
    ours = frozenset(floor.tradable)
    return Scene(floor.now, _barred(floor), floor.blotter.live, report, ours, floor.booked_ns, strangers, holding)


def _report(floor: Floor) -> AccountReport | None:
    """The newest complete report of this connection."""
    return floor.report if floor.report is not None and floor.report.epoch == floor.epoch else None


def _barred(floor: Floor) -> str | None:
    """Why a campaign may not act now: then it must not even take the stops away."""
    if not floor.reachable:
        return "the broker is out of reach"
    if not floor.facts.market_open:
        return "the market is closed"
    return "LOCKED, a person must flatten" if _locked_out(floor) else None


def _locked_out(floor: Floor) -> bool:
    manual = floor.campaign is not None and floor.campaign.manual
    return trading_state(floor)[0] is TradingState.LOCKED and not manual


def _carry_out(floor: Floor, campaign: Campaign, wish: CampaignWish) -> None:
    if wish.pending is not None:
        floor.alert("flatten", f"flatten waits, {wish.pending}: {_left_behind(floor)}", Tier.CRITICAL, "pending")
    if wish.cancel:
        floor.cancel([floor.blotter.tickets[order_id] for order_id in wish.cancel])
    if wish.everything:
        floor.out.append(CancelEverything(campaign.reason))
        floor.note("cancel_everything", campaign.id, reason=campaign.reason)
        floor.alert("flatten", "cancelling everything in the account, manual orders included", Tier.CRITICAL, "everything")
    if wish.ask:
        floor.ask("flatten")
    if wish.exit is not None:
        _propose_exit(floor, campaign, wish.exit)


def _left_behind(floor: Floor) -> str:
    """What protects while a flatten waits. Whether a stop whose cancel was asked for still works, nobody knows."""
    bare: list[str] = []
    for symbol in floor.ledger.held:
        position = floor.position(symbol)
        if covered(t for t in floor.against(symbol) if t.cancel_ns is None and t.sound) < abs(position):
            bare.append(f"{position:+d} {symbol}")
    if bare:
        return f"{', '.join(bare)} may stand WITHOUT A STOP, its stops were being cancelled or are missing"
    return "the stops stay at the broker" if floor.ledger.held else "nothing is held"


def _propose_exit(floor: Floor, campaign: Campaign, wanted: Exit) -> None:
    intent = Intent(
        id=floor.gate.draw_id(),
        ts_ns=floor.now,
        instrument=wanted.instrument,
        purpose=Purpose.FLATTEN,
        side=wanted.side,
        quantity=wanted.quantity,
        cause=campaign.id,
        manual=campaign.manual,
    )
    levels = Levels(anchor(wanted.side, floor.mark(wanted.instrument)))
    position = -wanted.side * wanted.quantity  # as the broker reported it
    result = propose(floor, intent, levels, {}, campaign.exit_reason, position=position)
    if isinstance(result, Proposal):
        campaign.exit_sent(result.ids, floor.now)
    else:
        campaign.exit_refused(floor.now)


def _end(floor: Floor, campaign: Campaign) -> None:
    floor.campaign = None
    for guard in floor.guards.values():
        guard.reset()
    if campaign.stage is Stage.FAILED:
        steps = "close the position in the broker's own program or call its desk, then cancel all orders"
        floor.latch(LatchKind.FLATTEN_FAILED, f"{campaign.rounds} rounds failed: {steps}")
        floor.commit(_row(floor, campaign, "failed"))  # after its lock: a death between the two must not lose both
        return
    floor.commit(_row(floor, campaign, "end"))
    left = still_held(_report(floor))
    if left:
        text = f"ours is flat, the broker said so twice; the account still holds {left}, which is not ours to close: close it"
        floor.alert("flatten", f"{text} in the broker's own program", Tier.CRITICAL, "end")
    else:
        floor.alert("flatten", "flat: the broker said so twice", Tier.WARNING, "end")
    if campaign.then is not None:
        propose_entry(floor, campaign.then, 1, f"reverse {campaign.id}", True, {"label": "reverse"})


def propose_entry(
    floor: Floor, side: Side, quantity: int, cause: str, manual: bool, context: dict[str, Json], why_none: str = ""
) -> Proposal | Refusal:
    """A bracket in the execution instrument, anchored now. Where its margin is refused, once more in a smaller contract.
    `why_none`: what made the quantity zero, where the desk chose it."""
    intent, result = _try_entry(floor, side, quantity, cause, manual, context, why_none)
    smaller = smaller_for(floor, intent, result) if isinstance(result, Refusal) else None
    if smaller is None:
        return result
    floor.alert("margin", f"{intent.instrument} refused for its margin: the same entry is tried in {smaller}", subject=cause)
    execute_in(floor, smaller, f"margin of {intent.instrument}")
    return _try_entry(floor, side, quantity, cause, manual, context)[1]


def _try_entry(
    floor: Floor, side: Side, quantity: int, cause: str, manual: bool, context: dict[str, Json], why_none: str = ""
) -> tuple[Intent, Proposal | Refusal]:
    instrument, risk = floor.instruments[floor.execution], floor.params.risk
    intent = Intent(
        id=floor.gate.draw_id(),
        ts_ns=floor.now,
        instrument=floor.execution,
        purpose=Purpose.ENTRY,
        side=side,
        quantity=quantity,
        cause=cause,
        manual=manual,
        stop_ticks=instrument.stop_ticks,
        target_ticks=instrument.target_ticks,
        max_slippage_ticks=risk.entry_slippage_ticks,
        why_none=why_none,
    )
    levels = entry_levels(side, floor.mark(floor.execution), intent.max_slippage_ticks, intent.stop_ticks, intent.target_ticks)
    return intent, propose(floor, intent, levels, context)


def guarding(floor: Floor) -> bool:
    """Whether the stops are guarded. A campaign sees to them itself; one that a lock keeps from acting may wait for hours.
    After a restart from the moment the broker has agreed twice: an outcome that stays open may take ten seconds more."""
    if not floor.agreed or not floor.reachable or not floor.params.send_path:
        return False
    return floor.campaign is None or _locked_out(floor)


def guard_stops(floor: Floor) -> None:
    """Keep the protective quantity equal to the position, wherever something is held or still works."""
    if not guarding(floor):
        return
    for symbol in floor.held:
        _guard(floor, symbol)


def _guard(floor: Floor, symbol: str) -> None:
    guard, position = floor.guard(symbol), floor.position(symbol)
    live = [t for t in floor.blotter.live if t.order.instrument == symbol]
    if not position and not live:
        guard.reset()
        return
    mark = floor.mark(symbol)
    last = mark.last if mark is not None and floor.facts.market_open else None  # in a closed market no stop can fill
    owed, informed = floor.blotter.owed(symbol), _report(floor) is not None
    wish = guard.look(position, live, last, floor.now, owed=owed, informed=informed)
    for order_id, quantity in wish.shrink:
        shrink(floor, floor.blotter.tickets[order_id], quantity)
    if wish.cancel:
        floor.cancel([floor.blotter.tickets[order_id] for order_id in wish.cancel])
    naked = bool(wish.emergencies) or wish.flatten is not None
    if naked and trading_state(floor)[0] is TradingState.LOCKED:
        text = f"LOCKED with {position:+d} {symbol}: {wish.flatten or no_stop(floor, symbol)}; flatten by hand"
        floor.alert_once(f"naked {symbol}", True, text, Tier.CRITICAL)
        guard.reset()
        return
    floor.alert_once(f"naked {symbol}", False, "")
    _protect(floor, symbol, position, wish)


def _protect(floor: Floor, symbol: str, position: int, wish: GuardWish) -> None:
    for wanted in wish.emergencies:
        if floor.campaign is None:  # the one before may have been refused
            _emergency(floor, symbol, position, wanted)
    if wish.flatten is not None:
        _flatten_naked(floor, wish.flatten)


def _flatten_naked(floor: Floor, reason: str) -> None:
    floor.latch(LatchKind.NAKED, reason)
    begin_campaign(floor, reason, ExitReason.HALTED)


def _emergency(floor: Floor, symbol: str, position: int, wanted: Emergency) -> None:
    """An emergency stop through the gate; where none can stand any more, flatten."""
    episode = floor.ledger.episode(symbol)
    assert episode is not None, "a position has an episode"
    if not episode.intent_id and not floor.params.protect_external:
        floor.alert_once(f"external {symbol}", True, f"{position:+d} {symbol} is not ours and has no stop", Tier.CRITICAL)
        floor.guard(symbol).reset()
        return
    instrument = floor.instruments[symbol]
    price = emergency_stop(
        position,
        floor.mark(symbol),
        episode.average_ticks,
        _planned_stop(floor, episode.intent_id, closing(position)),
        instrument.stop_ticks,
    )
    if price is None:
        _flatten_naked(floor, "the market stands beyond where the missing stop should be")
        return
    side = closing(position)
    intent = Intent(floor.gate.draw_id(), floor.now, symbol, Purpose.PROTECT, side, wanted.quantity, f"naked {floor.now}")
    held = f"{position:+d} {symbol}"
    floor.alert("naked", f"{held} without its stop: emergency stop at {instrument.text(price)}", Tier.CRITICAL, held)
    result = propose(floor, intent, Levels(None, None, price), {}, oca_group=wanted.group)
    floor.guard(symbol).sent(floor.now)
    if not isinstance(result, Proposal):
        _flatten_naked(floor, "an emergency stop was refused")


def _planned_stop(floor: Floor, intent_id: str, side: Side) -> int | None:
    """Where the bracket's own stop stood, None for positions without one: what an exit made of it has no plan either."""
    ticket = floor.blotter.tickets.get(f"{intent_id}-S")
    if ticket is None or ticket.state is OrderState.PROPOSED or ticket.order.side is not side:
        return None
    return ticket.order.stop_ticks
