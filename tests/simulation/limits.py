"""The day's limits and what an entry may cost, judged by the oracle's own arithmetic: `money.py` and what the broker told."""

from __future__ import annotations

from orderflow_tui.adapters.sim_broker_orders import Stage as Where
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Order, OrderType
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from tests.simulation.memory import Broken, Memory
from tests.simulation.money import surely_open, wider, worth

LATE_PEAK_NS = 12 * SECOND_NS  # a peak is in the journal after ten seconds, and on disk two later
COMPARED_NS = 10 * SECOND_NS  # after a reconnect what is open may wait so long for the broker's word on it
PROVEN_NS = 1_800 * SECOND_NS  # so long a margin figure counts


def counts(memory: Memory) -> bool:
    """Whether the day's money is what executions make of it: on the first trade date, and while nothing was adjusted."""
    first = memory.setting.table.day_at(memory.setting.start_ns)
    assert first is not None, "a run begins on a trading day"
    return memory.floor.ledger.trade_date == first.trade_date and not memory.facts["position_drift"]


def judge_limits(memory: Memory) -> None:
    """After an event: the value of the day is right, and every limit that is reached has latched."""
    if not counts(memory):
        return
    if memory.spread is not None:
        _judge_price(memory, memory.spread)
    money, risk, board = memory.money, memory.setting.params.trading.risk, memory.floor.board
    if risk.daily_profit_cents and money.closed_cents >= risk.daily_profit_cents and LatchKind.PROFIT_TARGET not in board:
        raise Broken("the breaker trips", f"closed {money.closed_cents} cents, target {risk.daily_profit_cents}")
    if money.losses >= risk.max_consecutive_losses and LatchKind.CONSECUTIVE_LOSSES not in board:
        raise Broken("the breaker trips", f"{money.losses} losses in a row, limit {risk.max_consecutive_losses}")
    entering = memory.floor.blotter.entries()
    if money.begun >= risk.max_trades_per_day and LatchKind.TRADE_COUNT not in board and not entering:
        raise Broken("the breaker trips", f"{money.begun} trades today, limit {risk.max_trades_per_day}")


def _judge_price(memory: Memory, spread: tuple[int, int]) -> None:
    assert memory.last is not None, "a trade was heard"
    money, instrument, risk = memory.money, memory.setting.params.execution, memory.setting.params.trading.risk
    ledger, board = memory.floor.ledger, memory.floor.board
    now = worth(money, memory.last, instrument)
    if ledger.value_cents != now:
        told = f"the ledger says {ledger.value_cents} cents, executions and mark make {now}"
        raise Broken("the day's value", f"with {memory.position:+d} held: {told}")
    worst, best = sorted(worth(money, price, instrument) for price in spread)
    waits = _unheard(memory)
    if worst <= -risk.daily_loss_cents and LatchKind.DAILY_LOSS not in board and not waits:
        raise Broken("the breaker trips", f"the day stands at {worst} cents, limit {-risk.daily_loss_cents}")
    before = memory.peak_cents
    memory.rose(best)
    if money.lots:
        wider(memory.went_held, len(memory.fills), spread)
    fallen = max(before - worst, memory.peak_cents - now)
    if fallen >= risk.max_drawdown_cents and LatchKind.DRAWDOWN not in board and not waits:
        raise Broken("the breaker trips", f"{fallen} cents under the day's peak, limit {risk.max_drawdown_cents}")
    if ledger.peak_cents < memory.peak_cents:
        raise Broken("the day's peak", f"the ledger's is {ledger.peak_cents} cents, the day stood at {memory.peak_cents}")
    if ledger.peak_cents > memory.peak_most_cents:
        told = f"the ledger's is {ledger.peak_cents} cents, the day stood at {memory.peak_most_cents} at most"
        raise Broken("the day's peak", told)


def _unheard(memory: Memory) -> bool:
    """Whether what is believed to be open may have gone while nobody listened: before a restart has been agreed with the broker,
    and for ten seconds after a reconnect, while no report agrees."""
    if not memory.money.lots:
        return False
    since_ns = memory.reached_ns
    back = since_ns is not None and not memory.agreements and memory.now_ns - since_ns <= COMPARED_NS
    return back or not memory.settled_in


def judge_trip(memory: Memory, kind: LatchKind, reason: str) -> None:
    """A limit latched: by our arithmetic too it must have been reached."""
    if not counts(memory):
        return
    money, risk = memory.money, memory.setting.params.trading.risk
    match kind:
        case LatchKind.DAILY_LOSS:
            reached = _worst(memory) <= -risk.daily_loss_cents
        case LatchKind.DRAWDOWN:
            reached = memory.peak_most_cents - _worst(memory) >= risk.max_drawdown_cents
        case LatchKind.PROFIT_TARGET:
            reached = bool(risk.daily_profit_cents) and money.closed_cents >= risk.daily_profit_cents
        case LatchKind.CONSECUTIVE_LOSSES:
            reached = money.losses >= risk.max_consecutive_losses
        case LatchKind.TRADE_COUNT:
            reached = money.begun >= risk.max_trades_per_day
        case _:
            return
    if not reached:
        raise Broken("no limit before its time", f"{kind.value} ({reason}), with {memory.position:+d} held and {money}")


def _worst(memory: Memory) -> int:
    """The least the day can be believed to be worth: at the event's prices, the last trade or the last execution."""
    prices = {memory.last, *(memory.spread or ())} | {fill.price_ticks for fill in list(memory.fills.values())[-1:]}
    return min(
        (worth(memory.money, p, memory.setting.params.execution) for p in prices if p is not None),
        default=memory.money.closed_cents,
    )


# -- when an entry leaves -----------------------------------------------------------------------------------------------


def entry_affordable(memory: Memory, entry: Order) -> None:
    """The day survives all stops, this one's included; margin is there; the number of trades is not used up."""
    params = memory.setting.params
    proposed_ns = entry.expires_ns - params.trading.timing.entry_timeout_ms * MS_NS
    if memory.told_ns <= proposed_ns:
        _margin(memory, entry)
    if not counts(memory) or memory.booked_ns > proposed_ns or memory.peak_ns > proposed_ns:
        return
    standing, together = surely_open(memory.fills.values()), params.trading.risk.max_concurrent
    if standing >= together:
        raise Broken("concurrent trades", f"{entry.id} left while {standing} trades are open, {together} allowed")
    begun, allowed = memory.money.begun, params.trading.risk.max_trades_per_day
    if begun >= allowed:
        raise Broken("trades a day", f"{entry.id} left after {begun} trades, {allowed} allowed")
    if memory.position == memory.truth:  # else an exit has filled of which nobody was told, and counts as resting
        _worst_day(memory, entry)


def _worst_day(memory: Memory, entry: Order) -> None:
    instrument, risk = memory.setting.params.execution, memory.setting.params.trading.risk
    ticks = risk.entry_slippage_ticks + instrument.stop_ticks + risk.slippage_ticks  # from the worst price it may fill at
    each = ticks * instrument.tick_cents + 2 * instrument.commission_cents
    worst = _if_stopped(memory) - entry.quantity * each
    floor = max(-risk.daily_loss_cents, memory.peak_cents - risk.max_drawdown_cents)
    if worst < floor:
        raise Broken("worst-case day", f"{entry.id} left: the day could end at {worst} cents, {floor} allowed")


def _if_stopped(memory: Memory) -> int:
    """What the day leaves when every stop at the broker fills with slippage; a contract without one loses a stop's distance."""
    money, instrument, risk = memory.money, memory.setting.params.execution, memory.setting.params.trading.risk
    if not money.lots:
        return money.closed_cents
    assert memory.last is not None, "something was bought"
    prices: list[int] = []
    for resting in memory.sim._exchange._open:
        order = resting.order
        ours = order.id in memory.sent and order.type is OrderType.STOP and order.side == -money.side
        if ours and order.stop_ticks is not None and resting.stage is Where.WORKING:
            prices += [order.stop_ticks] * resting.live_quantity()
    prices.sort(reverse=money.side < 0)  # the worst first
    bare = memory.last - money.side * instrument.stop_ticks
    held = len(money.lots)
    exits = [p - money.side * risk.slippage_ticks for p in (prices + [bare] * held)[:held]]
    gain = (sum(exits) - sum(money.lots)) * money.side * instrument.tick_cents
    return money.closed_cents + gain - held * instrument.commission_cents


def _margin(memory: Memory, entry: Order) -> None:
    """Equity, free money and margin as the broker told them last."""
    params = memory.setting.params
    each = params.execution.margin_cents
    if memory.margin is not None and memory.now_ns - memory.margin[0] <= PROVEN_NS:
        each = memory.margin[1]
    needed, share = (abs(memory.position) + entry.quantity) * each, params.trading.risk.margin_use_pct
    if memory.equity_cents is None:
        raise Broken("margin", f"{entry.id} left, and nobody has told what the account is worth")
    if needed * 100 > memory.equity_cents * share:
        raise Broken("margin", f"{entry.id} needs {needed} cents of margin, equity {memory.equity_cents}, {share} % allowed")
    if memory.excess_cents is None:
        raise Broken("margin", f"{entry.id} left, and nobody has told what the account has left")
    if memory.now_ns - memory.excess_ns > PROVEN_NS:
        raise Broken("margin", f"{entry.id} left on an excess liquidity told {memory.now_ns - memory.excess_ns} ns ago")
    if memory.excess_cents - each * entry.quantity < 2 * each:
        raise Broken("margin", f"{entry.id} leaves less than two margins of {each} of {memory.excess_cents} cents")
