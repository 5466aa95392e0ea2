"""Money, orders and the truth bar: the desk's part of the view."""

from __future__ import annotations

from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.order import OrderType, Side
from orderflow_tui.engine import Engine
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.view.clock import et_clock, et_when
from orderflow_tui.view.model import OrderRow, PnlView, Protection, Truth

NEWS_SHOWN = 40


def truth(engine: Engine, facts: Facts, mode: str, account_suffix: str, contract: str, stop_file: str) -> Truth:
    """The truth bar. `facts.now_ns` is the instant the screen shows."""
    desk, market, params = engine.desk, engine.market, engine.params
    shares = market.side_shares() if market.last_trade_ns is not None else None
    return Truth(
        mode=mode,
        account_suffix=account_suffix,
        instrument=params.analysis.symbol,
        contract=contract,
        execution=desk.execution,
        state=desk.state(facts),
        state_reason=desk.state_reason(facts),
        armed_left_ms=desk.armed_left_ms(facts.now_ns),
        automation=desk.automation.value,
        broker_position=desk.broker_position,
        local_position=desk.position(),
        avg_price_ticks=desk.average_ticks(),
        working_orders=len(desk.working),
        protection=Protection(desk.protection.value),
        net_cents=desk.ledger.net_cents if desk.unpriced(facts) is None else None,
        loss_limit_cents=desk.loss_limit_cents,
        data_age_ms=facts.data_age_ms,
        grade=facts.grade,
        inferred_pct=None if shares is None else 100.0 * (1.0 - shares["feed"]),
        reconcile_age_ms=desk.report_age_ms(facts.now_ns),
        link=facts.link.value,
        stop_file=stop_file,
        now_ns=facts.now_ns,
        et_clock=et_clock(params.table, facts.now_ns),
        elsewhere=tuple((h.instrument, h.broker, h.local) for h in desk.elsewhere),
    )


def pnl(engine: Engine, facts: Facts) -> PnlView:
    """Money of the trade date; what hangs on the price of something that has none is unknown."""
    desk, ledger, risk = engine.desk, engine.desk.ledger, engine.desk.limits
    unpriced = desk.unpriced(facts)
    known = unpriced is None
    last, tier = desk.last_trade, desk.tier
    executed = engine.params.instruments[desk.execution]
    return PnlView(
        net=ledger.net_cents if known else None,
        realised=ledger.realised_cents,
        open=ledger.open_cents if known else None,
        fees=ledger.fees_cents,
        worst_case=desk.worst_case_cents if known else None,
        loss_limit=desk.loss_limit_cents,
        profit_target=risk.daily_profit_cents,
        equity=tuple(ledger.equity),
        peak=ledger.peak_cents,
        drawdown=ledger.drawdown_cents if known else None,
        trades=len(desk.trades),
        begun=desk.trades_today,
        wins=ledger.wins,
        expectancy=ledger.expectancy_cents,
        streak=ledger.streak,
        tier=None if tier is None else tier.number,
        tier_text=_tier_text(engine),
        trades_allowed=risk.max_trades_per_day,
        contracts_allowed=desk.contracts_allowed,
        mae_ticks=None if last is None else last.mae_ticks,
        mfe_ticks=None if last is None else last.mfe_ticks,
        slippage_ticks=None if last is None else last.slippage_ticks,
        stop_ticks=executed.stop_ticks,
        target_ticks=executed.target_ticks,
        unpriced=unpriced,
    )


def _tier_text(engine: Engine) -> str:
    """Instrument of the tier; without tiers that of the configuration, and empty while the balance is not known."""
    if not engine.params.trading.tiers_enabled:
        return f"off {engine.params.execution.symbol}"
    tier = engine.desk.tier
    return "" if tier is None else tier.instrument


def order_rows(engine: Engine) -> tuple[OrderRow, ...]:
    """Live orders, oldest first."""
    return tuple(_order_row(engine, ticket) for ticket in engine.desk.working)


def _order_row(engine: Engine, ticket: Ticket) -> OrderRow:
    order = ticket.order
    price = order.stop_ticks if order.type is OrderType.STOP else order.limit_ticks
    return OrderRow(
        ts_ns=ticket.news_ns or ticket.born_ns,
        et_clock=et_when(engine.params.table, ticket.born_ns, engine.now_ns),
        id=order.id,
        kind=f"{order.role.name} {order.type.value}",
        side="BUY" if order.side is Side.BUY else "SELL",
        quantity=order.quantity,
        price="market" if price is None else engine.params.analysis.text(price),
        state=ticket.state.value,
        note=ticket.note,
    )


def news_rows(engine: Engine) -> tuple[OrderRow, ...]:
    """What happened to orders and what was refused, newest first."""
    desk, table, now_ns = engine.desk, engine.params.table, engine.now_ns
    rows = [OrderRow(n.ts_ns, et_when(table, n.ts_ns, now_ns), n.order_id, "news", "", 0, "", "", n.text) for n in desk.news]
    rows += [
        OrderRow(r.ts_ns, et_when(table, r.ts_ns, now_ns), r.intent_id, "refused", "", 0, "", r.rule, r.reason)
        for r in desk.refusals
    ]
    rows.sort(key=lambda row: row.ts_ns, reverse=True)
    return tuple(rows[:NEWS_SHOWN])
