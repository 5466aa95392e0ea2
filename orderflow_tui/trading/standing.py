"""Where the desk stands: fences, trading state, exposure and money, computed from the floor when somebody asks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.latch import Severity, TradingState
from orderflow_tui.domain.order import Exposure, Intent
from orderflow_tui.trading import breaker, fences, sizing
from orderflow_tui.trading.bracket import Levels
from orderflow_tui.trading.breaker import money
from orderflow_tui.trading.fences import Doubts, Fence, age_ms
from orderflow_tui.trading.ledger import Resting
from orderflow_tui.trading.lifecycle import WORKING_STATES
from orderflow_tui.trading.limits import TierRow
from orderflow_tui.trading.look import Look
from orderflow_tui.trading.sizing import Cap

if TYPE_CHECKING:
    from orderflow_tui.trading.floor import Floor


def standing_fences(floor: Floor) -> tuple[Fence, ...]:
    """Every fence that stands now."""
    now, timing = floor.now, floor.params.timing
    since = floor.reconciler.heard_ns if floor.reconciler.heard_ns is not None else floor.started_ns
    doubts = Doubts(
        unresolved=len(floor.blotter.unresolved()) or int(floor.blotter.owing),
        mismatch=mismatch(floor) or None,
        unpriced=unpriced(floor),
        report_age_ms=age_ms(now, since) if timing.reconcile_ms else None,
        cooldown_left_ms=floor.cooldown.left_ms(now),
        margin=_thin_margin(floor),
        doubt_age_ms=age_ms(now, floor.doubt_ns),
        commit_ms=floor.pace.p99_ms(now),
    )
    return fences.fences(floor.facts, doubts, timing)


def mismatch(floor: Floor) -> str:
    """Where the broker's positions and ours are not the same, or not ours at all; empty where all is as it should be."""
    return "; ".join(filter(None, (*map(str, floor.reconciler.differences), str(floor.foreign))))


def unpriced(floor: Floor) -> str | None:
    """Something held of which no price is known, None where every price is."""
    for symbol in floor.ledger.held:
        mark = floor.mark(symbol)
        if mark is None or mark.last is None:
            return symbol
    return None


def _thin_margin(floor: Floor) -> str | None:
    """What forbids entries about the excess liquidity: too little, or, where reports come by themselves, never told, or told
    too long ago."""
    timing, age = floor.params.timing, age_ms(floor.now, floor.excess_ns)
    if age is not None and age > timing.margin_age_ms and timing.reconcile_ms:
        allowed = f"{timing.margin_age_ms / 60_000:g} min allowed"
        return f"excess liquidity is not known: it was last told {age // 60_000} min ago, {allowed}"
    if floor.excess_cents is None and timing.reconcile_ms:
        return f"excess liquidity is not known: {_untold(floor)}"
    wanted = 2 * min(floor.instruments[symbol].margin_cents for symbol in floor.traded)
    if floor.excess_cents is None or floor.excess_cents >= wanted:
        return None
    return f"excess liquidity {money(floor.excess_cents)}, twice the margin of one contract is {money(wanted)}"


def _untold(floor: Floor) -> str:
    """Why a figure of the account that no report has told is missing."""
    if floor.report is None:
        return "no account report has come yet"
    if floor.report.currency:
        return f"the broker tells the account's money in {floor.report.currency}, not in USD"
    return "no account report has told it"


def trading_state(floor: Floor) -> tuple[TradingState, str]:
    """What the engine may do now and what makes it so: the worst of latches, campaign, recovery and fences."""
    worst = floor.board.latches[0] if floor.board.latches else None
    if worst is not None and worst.kind.severity is Severity.LOCK:
        return TradingState.LOCKED, f"{worst.kind.value}: {worst.reason}"
    if floor.campaign is not None:
        return TradingState.FLATTENING, f"{floor.campaign.reason} ({floor.campaign.stage.value})"
    if floor.recovering:
        return TradingState.RECOVERING, "orders and position are being compared with the broker"
    if worst is not None:
        halted = worst.kind.severity is Severity.HALT
        return (TradingState.HALTED if halted else TradingState.REDUCE_ONLY), f"{worst.kind.value}: {worst.reason}"
    standing = standing_fences(floor)
    if standing:
        return TradingState.FENCED, standing[0].reason
    return TradingState.RUNNING, ""


def tier(floor: Floor) -> TierRow | None:
    """The tier in force: the lowest until a balance is known, None when tiers are off."""
    if not floor.params.tiers_enabled:
        return None
    return floor.tiers.tier or floor.params.tiers[0]


def contract_cap(floor: Floor) -> Cap:
    """The cap on position and order before the regime: 0 where the tier does not trade as large a contract as ours."""
    row = tier(floor)
    cap = sizing.contract_cap(floor.params.risk.max_contracts, row)
    if row is None:
        return cap
    theirs, ours = floor.instruments.get(row.instrument), floor.instruments[floor.execution]
    too_large = row.instrument != floor.execution and (theirs is None or theirs.tick_cents < ours.tick_cents)
    return Cap(0, f"tier {row.number} trades {row.instrument}, {floor.execution} is larger") if too_large else cap


def loss_limit_cents(floor: Floor) -> int:
    """The day's loss limit in force, a positive magnitude."""
    row = tier(floor)
    return breaker.daily_loss_cents(floor.params.risk, None if row is None else row.daily_loss_cents)


def day_floor_cents(floor: Floor) -> int:
    """The value under which the day must not be able to fall: its loss limit, or the drawdown from its peak where that is
    nearer."""
    return max(-loss_limit_cents(floor), floor.ledger.peak_cents - floor.params.risk.max_drawdown_cents)


def equity_cents(floor: Floor) -> int | None:
    """The account's equity: as the broker told it, else starting balance and what we made; None when neither is known."""
    if floor.equity_cents is not None:
        return floor.equity_cents
    start = floor.params.risk.starting_balance_cents
    return start + floor.ledger.past_net_cents + floor.ledger.net_cents if start else None


def worst_case_cents(floor: Floor) -> int:
    """Value of the day if every stop fills with slippage, those of entries still working included."""
    risk = floor.params.risk
    stops: dict[str, list[Resting]] = {}
    for symbol in floor.ledger.held:
        stops[symbol] = [
            Resting(t.assured, t.order.stop_ticks)
            for t in floor.against(symbol)
            if t.order.stop_ticks is not None and t.sound and t.state in WORKING_STATES
        ]
    total = floor.ledger.worst_case_cents(stops, risk.slippage_ticks)
    for ticket in floor.blotter.entries():
        instrument = floor.instruments[ticket.order.instrument]
        plan = floor.plans.get(ticket.order.intent_id)
        reach = instrument.stop_ticks + risk.entry_slippage_ticks if plan is None else plan.intent.reach_ticks
        each = (reach + risk.slippage_ticks) * instrument.tick_cents + 2 * instrument.commission_cents
        total -= ticket.remaining * each
    return total


def open_trades(floor: Floor) -> int:
    """Trades open or on their way in, in every instrument: one for every entry of ours that is alive or still holds something,
    one for what others opened.

    A bracket's own exits take from its own trade. Whose contracts a flatten, an emergency stop or somebody else took, nobody
    can say: they are taken where they end the fewest trades, so that rather one too many is counted than one too few.
    """
    entering = {t.order.intent_id for t in floor.blotter.entries()}
    return len(entering) + sum(_still_held(floor, symbol, entering) for symbol in floor.ledger.held)


def _still_held(floor: Floor, symbol: str, entering: set[str]) -> int:
    """Trades that hold what is held of an instrument, without those still on their way in."""
    episode = floor.ledger.episode(symbol)
    assert episode is not None, "what is held has an episode"
    holds: Counter[str] = Counter()
    for leg in episode.legs:
        if leg.joins:
            holds[leg.execution.intent_id] += leg.quantity
    for leg in episode.legs:
        if not leg.joins and leg.execution.intent_id and leg.execution.intent_id in holds:
            holds[leg.execution.intent_id] -= leg.quantity
    return min(sum(left > 0 and intent_id not in entering for intent_id, left in holds.items()), episode.quantity)


def _others(floor: Floor, symbol: str) -> tuple[tuple[Instrument, Exposure], ...]:
    """What is held or may join in other instruments than this one."""
    busy = {*floor.ledger.held, *(t.order.instrument for t in floor.blotter.entries())} - {symbol}
    return tuple((floor.instruments[s], floor.blotter.exposure(s, floor.position(s))) for s in sorted(busy))


def look_at(floor: Floor, intent: Intent, levels: Levels, position: int | None) -> Look:
    """Everything a rule may see."""
    state, why = trading_state(floor)
    ours, cap = floor.position(intent.instrument), contract_cap(floor)
    return Look(
        intent=intent,
        facts=floor.facts,
        params=floor.params,
        instrument=floor.instruments.get(intent.instrument),
        levels=levels,
        state=state,
        state_reason=why,
        exposure=floor.blotter.exposure(intent.instrument, ours),
        others=_others(floor, intent.instrument),
        position=ours if position is None else position,
        armed=floor.arming.armed(floor.now) if intent.manual else floor.automation.granted,
        contracts_allowed=cap.contracts,
        contracts_why=cap.why,
        worst_case_cents=worst_case_cents(floor),
        day_floor_cents=day_floor_cents(floor),
        open_trades=open_trades(floor),
        live_entries=len(floor.blotter.entries()),
        rate=floor.rates.used_up(floor.now),
        cooldown_left_ms=floor.cooldown.left_ms(floor.now),
        cause_used=intent.cause in floor.causes,
        equity_cents=equity_cents(floor),
        excess_cents=floor.excess_cents,
        execution=floor.execution,
    )
