"""What a person asks for. Less risk needs nothing and is always done; more risk needs arming and passes the gate."""

from __future__ import annotations

from typing import assert_never

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.action import AcknowledgeLink, Json, RollContract, Tier, WriteStopFile
from orderflow_tui.domain.event import Automation, Command, OperatorCommand, StopFileSeen
from orderflow_tui.domain.latch import LatchKind, TradingState
from orderflow_tui.domain.order import Purpose, Side, closing
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.domain.signal import Decision, Direction, Regime
from orderflow_tui.trading import rows, sizing
from orderflow_tui.trading.breaker import money
from orderflow_tui.trading.campaigns import begin_campaign, propose_entry
from orderflow_tui.trading.day_close import close_day
from orderflow_tui.trading.floor import DECISIONS_KEPT, Floor
from orderflow_tui.trading.look import Refusal
from orderflow_tui.trading.standing import contract_cap, mismatch, trading_state
from orderflow_tui.trading.trade import ExitReason
from orderflow_tui.trading.trading_session import change_limit, close_session, open_session, switch_pattern, switched_off

TRENDING = frozenset({Regime.TRENDING_UP, Regime.TRENDING_DOWN})
HELD = frozenset({Link.BLOCKED, Link.DATA_BLOCKED})  # the link waits for a person
OF_THE_LINK = frozenset({LatchKind.WRONG_ACCOUNT, LatchKind.CLIENT_ID})  # opened by what blocks the link

BRAKES = frozenset(
    {Command.FLATTEN, Command.HALT, Command.CANCEL_ENTRIES, Command.STOP, Command.DISARM, Command.UNATTENDED}
)  # done however late they come


def on_command(floor: Floor, event: OperatorCommand) -> None:
    """A key, or the second door. `stale` among the arguments says why nobody waits for it any more: then it is only braked on."""
    # the typed word and whether a key matched are not kept
    args: dict[str, Json] = {k: v for k, v in event.args.items() if k not in ("word", "key", "key_ok")}
    floor.note("command", event.id, command=event.command.value, args=args)
    if event.args.get("stale") and event.command not in BRAKES:
        _refuse(floor, event, "late", event.args["stale"])
        return
    match event.command:
        case Command.FLATTEN:
            floor.latch(LatchKind.OPERATOR, "flatten by a person")
            begin_campaign(floor, "a person", ExitReason.MANUAL, manual=True)
        case Command.HALT:
            floor.latch(LatchKind.OPERATOR, "halt by a person")
        case Command.CANCEL_ENTRIES:
            floor.revoke_entries("cancelled by a person")
            floor.cancel_entries()
        case Command.STOP:
            floor.latch(LatchKind.STOP_FILE, "STOP by a person")
            floor.out.append(WriteStopFile("halt"))  # last: no cancel waits for a disk
        case Command.ARM:
            _arm(floor, event)
        case Command.DISARM:
            floor.disarm()
        case Command.BRACKET:
            _bracket(floor, event)
        case Command.RESUME:
            _resume(floor, event)
        case Command.RECONCILE:
            _reconcile(floor, event)
        case Command.AUTOMATION:
            _automation(floor, event)
        case Command.TAKE_SETUP:
            _take(floor, event)
        case Command.REVERSE:
            _reverse(floor, event)
        case Command.ROLL:
            _roll(floor, event)
        case Command.UNATTENDED:
            floor.latch(LatchKind.UNATTENDED, event.args.get("reason", "the terminal is gone"))
        case Command.OPEN_SESSION:
            open_session(floor)
        case Command.CLOSE_SESSION:
            close_day(floor)
            close_session(floor, event.args.get("why", "a person"))
        case Command.LIMIT:
            change_limit(floor, event, key_ok(event))
        case Command.PATTERN:
            switch_pattern(floor, event)
        case _:  # pragma: no cover
            assert_never(event.command)


def _reconcile(floor: Floor, event: OperatorCommand) -> None:
    """Ask the broker now, and tell the person both numbers when it has answered. A held link tries again first, and no latch
    ends by it."""
    if floor.link in HELD:
        floor.out.append(AcknowledgeLink(floor.now))
    elif not floor.reachable:
        _refuse(floor, event, "reconcile", "the broker is out of reach; it is asked as soon as it is back")
        return
    floor.person_asks = True
    floor.ask("a person asked")


def _refuse(floor: Floor, event: OperatorCommand, rule: str, reason: str) -> None:
    floor.refused(Refusal(floor.now, "", event.id, rule, reason), Purpose.ENTRY)


def _arm(floor: Floor, event: OperatorCommand) -> None:
    state, why = trading_state(floor)
    if state not in (TradingState.RUNNING, TradingState.FENCED):
        _refuse(floor, event, "armed", f"cannot arm: {state.value}, {why}")
        return
    floor.arming.arm(floor.now, floor.params.timing.arm_ms)
    floor.note("arming", "", armed=True)


def _bracket(floor: Floor, event: OperatorCommand) -> None:
    side, quantity = event.args.get("side", ""), event.args.get("quantity", "1")
    if side not in Side.__members__ or not quantity.isascii() or not quantity.isdigit():
        _refuse(floor, event, "bracket", f"expected side BUY or SELL and a whole quantity, got {side!r} and {quantity!r}")
        return
    propose_entry(floor, Side[side], int(quantity), event.id, True, {"label": "manual"})


def _reverse(floor: Floor, event: OperatorCommand) -> None:
    """Flatten, and enter the other way when the broker has said flat twice."""
    position = floor.position(floor.execution)
    state, why = trading_state(floor)
    if not floor.arming.armed(floor.now):
        _refuse(floor, event, "armed", "not armed")
    elif not position:
        _refuse(floor, event, "reverse", "nothing to reverse")
    elif state is not TradingState.RUNNING:
        _refuse(floor, event, "trading state", f"{state.value}: {why}")
    else:
        begin_campaign(floor, "reverse", ExitReason.REVERSED, manual=True, then=closing(position))


def _roll(floor: Floor, event: OperatorCommand) -> None:
    """Trade the month that is analysed: only with nothing held, nothing working, nothing owed and nothing in doubt."""
    held = [f"{floor.position(s):+d} {s}" for s in floor.held if floor.position(s)]
    if held or floor.blotter.live or floor.waiting or floor.campaign is not None or floor.recovering:
        working = len(floor.blotter.live)
        _refuse(floor, event, "roll", f"the month changes only when flat: {', '.join(held) or 'flat'}, {working} order(s) live")
        return
    if floor.blotter.owing:
        _refuse(floor, event, "roll", "the month changes only when flat: the broker counts an execution that it has not told yet")
        return
    floor.out.append(RollContract(floor.now))


def _automation(floor: Floor, event: OperatorCommand) -> None:
    wanted = event.args.get("mode", "").upper()
    if wanted not in Automation.__members__:
        _refuse(floor, event, "automation", f"expected one of {', '.join(Automation.__members__)}, got {wanted!r}")
        return
    mode = Automation[wanted]
    if mode is Automation.AUTO:
        reason = _no_grant(floor, event)
        if reason is not None:
            _refuse(floor, event, "automation", reason)
            return
        unattended = bool(event.args.get("unattended"))
        day = str(floor.trade_date)
        floor.commit(rows.row("grant", event.id, floor.now, granted=True, trade_date=day, unattended=unattended))
    elif floor.automation.granted:
        floor.commit(rows.row("grant", event.id, floor.now, granted=False, why="a person"))
    floor.automation.choose(mode)


def _no_grant(floor: Floor, event: OperatorCommand) -> str | None:
    """Why automatic trading is not granted now. On screen it takes an armed hand; a headless run is granted it at its start,
    where nothing is latched and a session lies ahead."""
    if floor.params.auto_needs_key and not key_ok(event):
        return "automatic trading needs the safety key here"
    if not event.args.get("unattended"):
        armed = floor.arming.armed(floor.now)  # implies that no latch is open
        return None if armed else "automatic trading is granted only while armed"
    latches, flat_at = floor.board.latches, floor.facts.flat_at_ns
    if latches:
        return f"{latches[0].kind.value}: {latches[0].reason}"
    if floor.trade_date is None:
        return "no session is known for now"
    if flat_at is not None and floor.now >= flat_at:
        return "the session's flat time has come, the next session has not begun"
    return None


def key_ok(event: OperatorCommand) -> bool:
    """Whether the shell says that the safety key matched."""
    return event.args.get("key_ok", "").lower() in ("1", "true", "yes")


def _resume(floor: Floor, event: OperatorCommand) -> None:
    """A person clears what a person may clear; a held link tries again."""
    if event.args.get("word") != floor.params.resume_word:
        _refuse(floor, event, "resume", "the word does not match")
        return
    pressed = event.args.get("pressed_ns", "")
    pressed_ns = int(pressed) if pressed.isascii() and pressed.isdigit() else None
    cleared, kept = floor.board.resume(key_ok(event), floor.params.resume_needs_key, still_standing(floor), pressed_ns)
    for latch in cleared:
        floor.commit(rows.latch_row(latch, floor.now, False, f"resume {event.id}"))
        floor.alert("resume", f"{latch.kind.value} cleared by a person", Tier.WARNING, latch.kind.value)
    for latch, reason in kept:
        _refuse(floor, event, "resume", f"{latch.kind.value} stays: {reason}")
    if floor.link in HELD and not any(latch.kind in OF_THE_LINK for latch, _ in kept):
        floor.out.append(AcknowledgeLink(floor.now))


def still_standing(floor: Floor) -> dict[LatchKind, str]:
    """Latches whose cause is still there: no word and no key clears them."""
    standing: dict[LatchKind, str] = {}
    if floor.stop_file is not None:
        standing[LatchKind.STOP_FILE] = "the STOP file is still there"
    limit = floor.params.risk.max_drawdown_cents
    if floor.ledger.drawdown_cents >= limit:
        standing[LatchKind.DRAWDOWN] = f"still {money(floor.ledger.drawdown_cents)} under the day's peak"
    if mismatch(floor):
        standing[LatchKind.MISMATCH] = mismatch(floor)
    if floor.blotter.unresolved():
        standing[LatchKind.UNRECONCILED] = "an order's outcome is still unknown"
    return standing


def on_stop_file(floor: Floor, event: StopFileSeen) -> None:
    """The STOP file is there: halt at once; `flatten` flattens too, once for every appearance."""
    first = floor.stop_file != event.action
    floor.stop_file = event.action
    floor.latch(LatchKind.STOP_FILE, event.detail)
    if first:
        floor.note("stop_file", event.action, seen=True, detail=event.detail)
        if event.action == "flatten":
            begin_campaign(floor, "STOP file", ExitReason.HALTED, manual=True)


def on_stop_gone(floor: Floor) -> None:
    """Its removal clears nothing."""
    if floor.stop_file is not None:
        floor.note("stop_file", floor.stop_file, seen=False)
        floor.stop_file = None
        floor.alert("stop", "STOP removed, still HALTED until a person resumes")


# -- decisions ----------------------------------------------------------------------------------------------------------


def size_of(floor: Floor, decision: Decision) -> tuple[int, str]:
    """Contracts for a decision: 0 when it should not be traded, and why it is 0."""
    cap = contract_cap(floor)
    made = sizing.Sizing(
        cap=cap.contracts,
        factor=decision.size_factor,
        patterns=decision.distinct_patterns,
        trending=decision.regime in TRENDING,
        streak=floor.ledger.streak,
    )
    return sizing.contracts(made), sizing.none_because(made, cap.why)


def on_decision(floor: Floor, decision: Decision) -> None:
    """An accepted decision: forgotten, told, offered or acted on, as the automation says."""
    if not decision.accepted or decision.direction is Direction.NONE or floor.automation.mode is Automation.OFF:
        return
    if switched_off(floor, decision.label):
        reason = f"{decision.label} is switched off for this session"
        floor.refused(Refusal(floor.now, "", decision.id, "pattern", reason), Purpose.ENTRY)
        return
    floor.decisions[decision.id] = decision
    while len(floor.decisions) > DECISIONS_KEPT:
        del floor.decisions[next(iter(floor.decisions))]
    if floor.automation.mode is Automation.AUTO:
        _act_on(floor, decision, manual=False, cause=decision.id)
    else:
        text = f"{decision.label} {decision.direction.name} at {floor.price(floor.execution, decision.ref_price)}"
        floor.alert("setup", text, Tier.WARNING, decision.id)


def _act_on(floor: Floor, decision: Decision, manual: bool, cause: str) -> None:
    side = Side.BUY if decision.direction is Direction.LONG else Side.SELL
    context: dict[str, Json] = {
        "decision": decision.id,
        "source": decision.source_id,
        "label": decision.label,
        "regime": decision.regime.value,
        "strength": decision.strength,
        "confidence": decision.confidence,
        "patterns": decision.distinct_patterns,
        "ref_price": decision.ref_price,
    }
    quantity, why_none = size_of(floor, decision)
    propose_entry(floor, side, quantity, cause, manual, context, why_none)


def _take(floor: Floor, event: OperatorCommand) -> None:
    """A person takes an offered setup; the decision itself is the cause, so it is taken once."""
    wanted = event.args.get("id", "")
    decision = floor.decisions.get(wanted) or next((d for d in floor.decisions.values() if d.source_id == wanted), None)
    if decision is None:
        _refuse(floor, event, "setup", f"no setup {wanted!r} is on offer")
    elif floor.now - decision.ts_ns > floor.params.timing.decision_ttl_ms * MS_NS:
        _refuse(floor, event, "setup", f"{decision.label} is {(floor.now - decision.ts_ns) // MS_NS} ms old")
    else:
        _act_on(floor, decision, manual=True, cause=decision.id)
