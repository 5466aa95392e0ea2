"""The rules of the gate: one function a rule, each looks at one thing and refuses with its numbers, or returns None.

Which purposes a rule binds stands in the gate's table, not here. On the line is allowed everywhere: a limit of n admits n.
"""

from __future__ import annotations

from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.latch import TradingState
from orderflow_tui.domain.market import Mark
from orderflow_tui.domain.order import Exposure, OrderType, Purpose, Side
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.trading import caps
from orderflow_tui.trading.bracket import anchor
from orderflow_tui.trading.breaker import money
from orderflow_tui.trading.fences import stale_limit_ms
from orderflow_tui.trading.limits import RiskLimits
from orderflow_tui.trading.look import Look, Refusal


def _no(look: Look, rule: str, reason: str) -> Refusal:
    return Refusal(look.facts.now_ns, look.intent.id, look.intent.cause, rule, reason)


def _instrument(look: Look) -> Instrument:
    assert look.instrument is not None, "the rule of known instruments comes first"
    return look.instrument


# -- every purpose ------------------------------------------------------------------------------------------------------


def send_path(look: Look) -> Refusal | None:
    """A monitor has no way out."""
    return None if look.params.send_path else _no(look, "no send path", "this mode watches and never sends")


def known_instrument(look: Look) -> Refusal | None:
    """Only instruments with a tick, a value and a margin of their own."""
    if look.instrument is None:
        return _no(look, "instrument", f"{look.intent.instrument} is not configured")
    return None


def whole_quantity(look: Look) -> Refusal | None:
    """Zero is an answer: it means no trade."""
    if look.intent.quantity > 0:
        return None
    because = f": {look.intent.why_none}" if look.intent.why_none else ""
    return _no(look, "size zero", f"the size for this is {look.intent.quantity}{because}")


def hard_caps(look: Look) -> Refusal | None:
    """What no key overrides. An exit may be as large as the position it ends."""
    intent, bound = look.intent, caps.MAX_CONTRACTS
    if intent.purpose is not Purpose.ENTRY:
        bound = max(bound, abs(look.position))
    if intent.quantity > bound:
        return _no(look, "hard cap", f"{intent.quantity} contracts, never more than {bound}")
    if (intent.stop_ticks or 0) > caps.MAX_STOP_TICKS:
        return _no(look, "hard cap", f"stop of {intent.stop_ticks} ticks, never more than {caps.MAX_STOP_TICKS}")
    if (intent.target_ticks or 0) > caps.MAX_TARGET_TICKS:
        return _no(look, "hard cap", f"target of {intent.target_ticks} ticks, never more than {caps.MAX_TARGET_TICKS}")
    return None


def cause_unused(look: Look) -> Refusal | None:
    """One decision, one key press: one intent, also after a restart."""
    return _no(look, "duplicate", f"{look.intent.cause} has been acted on already") if look.cause_used else None


# -- entries ------------------------------------------------------------------------------------------------------------


def running(look: Look) -> Refusal | None:
    """No latch, no fence, no campaign, no recovery."""
    if look.state is TradingState.RUNNING:
        return None
    return _no(look, "trading state", f"{look.state.value}: {look.state_reason}")


def execution_instrument(look: Look) -> Refusal | None:
    """Entries in the execution instrument only."""
    if look.intent.instrument == look.execution:
        return None
    return _no(look, "instrument", f"{look.intent.instrument} is not traded here, {look.execution} is")


def armed(look: Look) -> Refusal | None:
    """A key press needs arming, an automatic intent a grant."""
    if look.armed:
        return None
    return _no(look, "armed", "not armed" if look.intent.manual else "no automation grant for this session")


def inside_window(look: Look) -> Refusal | None:
    """Session and news windows, and the time of day when everything goes flat."""
    why = shut(look.facts)
    return _no(look, "window", why) if why else None


def shut(facts: Facts) -> str:
    """Why no entry may leave at this hour, empty when one may."""
    if not facts.entries_open:
        return facts.window_reason or "entries are closed"
    if not facts.market_open:
        return "the market is closed"
    if facts.flat_at_ns is not None and facts.now_ns >= facts.flat_at_ns:
        return "the session's flat time has come"
    return ""


def before_expiry(look: Look) -> Refusal | None:
    """No entries in a contract's last days: from then on the next month is traded, or none."""
    expiry, today = look.facts.expiry, look.facts.trade_date
    if expiry is None or today is None:
        return None  # a market without contract months: generated, or a recording
    left, needed = (expiry - today).days, look.params.risk.expiry_days
    if left >= needed:
        return None
    return _no(look, "expiry", f"the contract expires in {left} day(s), on {expiry}; entries need {needed}")


def carries_stop(look: Look) -> Refusal | None:
    """Every entry is a bracket: a stop always, a target that is not behind it."""
    if (look.intent.stop_ticks or 0) < 1:
        return _no(look, "stop", "an entry without a stop")
    if look.intent.target_ticks is not None and look.intent.target_ticks < 1:
        return _no(look, "stop", f"a target of {look.intent.target_ticks} ticks")
    return None


def anchored(look: Look) -> Refusal | None:
    """There must be a price to stand on, and a book that is not crossed."""
    mark = look.facts.mark(look.intent.instrument)
    if look.levels.anchor_ticks is None:
        return _no(look, "anchor", f"neither quote nor trade of {look.intent.instrument} is known")
    if mark is not None and mark.bid is not None and mark.ask is not None and mark.bid >= mark.ask:
        return _no(look, "anchor", f"the book is crossed: bid {mark.bid}, ask {mark.ask} ticks")
    return None


def quoted_lately(look: Look) -> Refusal | None:
    """The quotes of what is traded are no older than market data may be: the tape may have gone on without them."""
    mark = look.facts.mark(look.intent.instrument)
    if mark is None or mark.quote_ns is None:
        return None  # a source without quotes: the anchor is the last trade
    age_ms, limit = (look.facts.now_ns - mark.quote_ns) // MS_NS, stale_limit_ms(look.facts.rth, look.params.timing)
    if age_ms <= limit:
        return None
    return _no(look, "quotes", f"quotes of {look.intent.instrument} are {age_ms / 1000:,.3f} s old, limit {limit / 1000:g} s")


def price_collar(look: Look) -> Refusal | None:
    """The limit may not lie further from the last trade than the collar."""
    symbol = look.intent.instrument
    why = too_far(symbol, look.levels.limit_ticks, look.facts.mark(symbol), look.params.risk)
    return _no(look, "price collar", why) if why else None


def too_far(symbol: str, limit_ticks: int | None, mark: Mark | None, risk: RiskLimits) -> str:
    """Why a limit lies outside the collar, empty when it does not. A quote alone proves nothing: it may be anywhere."""
    if mark is None or mark.last is None or limit_ticks is None:
        return f"no trade of {symbol} is known to measure the limit against"
    away, collar = abs(limit_ticks - mark.last), min(risk.collar_ticks, caps.MAX_COLLAR_TICKS)
    return "" if away <= collar else f"limit {away} ticks from the last trade, {collar} allowed"


def size_allowed(look: Look) -> Refusal | None:
    """Session limit, tier and hard cap on one order."""
    if look.intent.quantity <= look.contracts_allowed:
        return None
    return _no(look, "size", f"{look.intent.quantity} contracts, {look.contracts_allowed} allowed: {look.contracts_why}")


def one_entry(look: Look) -> Refusal | None:
    """One entry without an outcome at a time."""
    if not look.live_entries:
        return None
    return _no(look, "unresolved entry", f"{look.live_entries} entry order(s) still without an outcome")


def concurrent_trades(look: Look) -> Refusal | None:
    """Trades open at once."""
    allowed = look.params.risk.max_concurrent
    if look.open_trades < allowed:
        return None
    return _no(look, "concurrent trades", f"{look.open_trades} open, {allowed} allowed")


def not_against_position(look: Look) -> Refusal | None:
    """An entry against the position would close it and leave the exits of two brackets working: flatten or reverse instead."""
    if look.intent.side * look.exposure.position >= 0:
        return None
    return _no(look, "against position", f"{look.intent.side.name} against {look.exposure.position:+d}: flatten or reverse")


def worst_case_position(look: Look) -> Refusal | None:
    """Position and everything that could still join it, within session limit, tier and hard cap."""
    e, intent = look.exposure, look.intent
    buys = e.working_buy_entries + (intent.quantity if intent.side is Side.BUY else 0)
    sells = e.working_sell_entries + (intent.quantity if intent.side is Side.SELL else 0)
    worst = max(abs(e.position + buys), abs(e.position - sells))
    if worst <= look.contracts_allowed:
        return None
    allowed = f"{look.contracts_allowed} allowed: {look.contracts_why}"
    return _no(look, "worst-case position", f"could become {worst} contracts, {allowed}")


def worst_case_loss_cents(look: Look) -> int:
    """What this entry loses when it fills at its limit and then its stop fills: the distance of the two + slippage allowance,
    and both commissions."""
    instrument = _instrument(look)
    ticks = look.intent.reach_ticks + look.params.risk.slippage_ticks
    return look.intent.quantity * (ticks * instrument.tick_cents + 2 * instrument.commission_cents)


def worst_case_day(look: Look) -> Refusal | None:
    """If every stop fills, this one included, the day must stay within its loss limit and the drawdown from its peak."""
    worst = look.worst_case_cents - worst_case_loss_cents(look)
    if worst >= look.day_floor_cents:
        return None
    return _no(look, "worst-case day", f"could end at {money(worst)}, limit {money(look.day_floor_cents)}")


def entry_rate(look: Look) -> Refusal | None:
    """Entry intents per 10 s and per hour."""
    return None if look.rate is None else _no(look, "rate", look.rate)


def cooled_down(look: Look) -> Refusal | None:
    """After a rejected entry, entries wait."""
    if look.cooldown_left_ms <= 0:
        return None
    return _no(look, "cooldown", f"{-(-look.cooldown_left_ms // 1000)} s after a rejected entry")


def margin_per_contract(look: Look) -> int:
    """Margin of one contract of the intent's instrument, in cents."""
    return _margin_of(look, _instrument(look))


def _margin_of(look: Look, instrument: Instrument) -> int:
    """Margin of one contract in cents: the broker's figure while fresh, else the static table; never under the table's
    figure when the broker says nothing."""
    figure = look.facts.margin(instrument.symbol)
    if figure is None:
        return instrument.margin_cents
    fresh = look.facts.now_ns - figure.ts_ns <= look.params.timing.margin_age_ms * MS_NS
    return figure.init_margin_cents if fresh else instrument.margin_cents


def margin_after(look: Look) -> int:
    """Initial margin in cents once this entry and everything that could still join is held, in every instrument."""
    e = look.exposure
    contracts = abs(e.position) + e.working_buy_entries + e.working_sell_entries + look.intent.quantity
    return margin_per_contract(look) * contracts + sum(_margin_of(look, other) * most(held) for other, held in look.others)


def margin_share(look: Look) -> Refusal | None:
    """Initial margin after the entry within its share of equity; unknown equity is no."""
    if look.equity_cents is None:
        return _no(look, "margin", "the account's equity is not known")
    after, share = margin_after(look), look.params.risk.margin_use_pct
    if after * 100 <= look.equity_cents * share:
        return None
    return _no(look, "margin", f"needs {money(after)}, {share} % of equity is {money(look.equity_cents * share // 100)}")


def margin_ceiling(look: Look) -> Refusal | None:
    """What one contract may cost in margin, per instrument; none is set for an instrument without a line."""
    each = margin_per_contract(look)
    for symbol, ceiling in look.params.risk.margin_ceiling_cents:
        if symbol == look.intent.instrument and each > ceiling:
            return _no(look, "margin ceiling", f"{money(each)} a contract, ceiling {money(ceiling)}")
    return None


def excess_liquidity(look: Look) -> Refusal | None:
    """After the entry twice the margin of a contract must be left, where the broker tells what is left."""
    if look.excess_cents is None:
        return None
    each = margin_per_contract(look)
    left = look.excess_cents - each * look.intent.quantity
    if left >= 2 * each:
        return None
    return _no(look, "excess liquidity", f"leaves {money(left)} of excess liquidity, {money(2 * each)} wanted")


def _notional_cents(look: Look) -> int:
    """What all contracts are worth, in every instrument: this one's at the anchor, others at their last trade."""
    at = look.levels.anchor_ticks
    assert at is not None, "the rule of the anchor comes first"
    notional = (most(look.exposure) + look.intent.quantity) * at * _instrument(look).tick_cents
    for other, held in look.others:
        mark = look.facts.mark(other.symbol)
        assert mark is not None, "what is held without a price is a fence"
        assert mark.last is not None, "what is held without a price is a fence"
        notional += most(held) * mark.last * other.tick_cents
    return notional


def most(exposure: Exposure) -> int:
    """Contracts that are held once everything that may still join is."""
    return abs(exposure.position) + exposure.working_buy_entries + exposure.working_sell_entries


def notional_cap(look: Look) -> Refusal | None:
    """An optional cap on what all contracts are worth; off at 0."""
    allowed, notional = look.params.risk.max_notional_cents, _notional_cents(look)
    if not allowed or notional <= allowed:
        return None
    return _no(look, "notional", f"{money(notional)} of notional, {money(allowed)} allowed")


def leverage_cap(look: Look) -> Refusal | None:
    """An optional cap on notional over equity; off at 0."""
    allowed, notional = look.params.risk.max_leverage, _notional_cents(look)
    if not allowed or look.equity_cents is None or notional <= allowed * look.equity_cents:
        return None
    return _no(look, "leverage", f"{money(notional)} on {money(look.equity_cents)} of equity, × {allowed:g} allowed")


# -- exits --------------------------------------------------------------------------------------------------------------


def unlocked_or_person(look: Look) -> Refusal | None:
    """In LOCKED only a person's flatten leaves; nothing leaves by itself."""
    if look.state is not TradingState.LOCKED:
        return None
    if look.intent.purpose is Purpose.FLATTEN and look.intent.manual:
        return None
    return _no(look, "locked", f"LOCKED ({look.state_reason}): only a person may flatten")


def reduces(look: Look) -> Refusal | None:
    """An exit or a stop stands against the position and is never larger than it."""
    intent = look.intent
    if intent.side * look.position >= 0:
        return _no(look, "reduces", f"{intent.side.name} does not reduce a position of {look.position:+d}")
    if intent.quantity > abs(look.position):
        return _no(look, "reduces", f"{intent.quantity} contracts against a position of {look.position:+d} would reverse it")
    return None


def stop_ahead(look: Look) -> Refusal | None:
    """A protective stop must still lie ahead of the market, else only an exit helps."""
    stop = look.levels.stop_ticks
    if stop is None:
        return _no(look, "stop", "a protective order without a price")
    now = anchor(look.intent.side, look.facts.mark(look.intent.instrument))
    if now is None or (now - stop) * look.intent.side < 0:
        return None
    return _no(look, "stop", f"{OrderType.STOP.value} at {stop} is not ahead of the market at {now} ticks")
