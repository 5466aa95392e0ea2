"""The account report of the simulated broker: what the books and the exchange hold at this instant."""

from __future__ import annotations

from collections.abc import Mapping

from orderflow_tui.adapters.sim_broker_exchange import Exchange
from orderflow_tui.adapters.sim_broker_orders import Resting, Stage
from orderflow_tui.adapters.sim_broker_teller import PERM_BASE
from orderflow_tui.domain.account import AccountReport, BrokerOrder
from orderflow_tui.domain.order import OrderType


def snapshot(
    exchange: Exchange,
    margins: Mapping[str, int],
    account: str,
    epoch: int,
    span_ns: tuple[int, int],
    missing: tuple[str, ...],
) -> AccountReport:
    """The account now. `margins` in cents a contract; `span_ns` is (asked, answered); parts named in `missing` are left out, the
    report incomplete."""
    books, mark, held = exchange.books, exchange.mark, list(exchange.orders())
    equity = books.equity_cents(mark)
    margin = sum(abs(p) * margins[name] for name, p in books.positions.items())
    return AccountReport(
        ts_ns=span_ns[1],
        began_ns=span_ns[0],
        epoch=epoch,
        complete=not missing,
        missing=missing,
        account=account,
        positions=tuple(sorted(books.positions.items())),
        orders=tuple(_broker_order(r) for r in held if r.stage is not Stage.DONE),
        completed=tuple(_broker_order(r) for r in held if r.stage is Stage.DONE),
        fills=() if "executions" in missing else books.fills,
        equity_cents=equity,
        excess_liquidity_cents=equity - margin,
        day_pnl_cents=books.day_pnl_cents(mark),
    )


def _broker_order(resting: Resting) -> BrokerOrder:
    order = resting.order
    return BrokerOrder(
        order_id=order.id,
        number=order.number,
        perm_id=PERM_BASE + order.number,
        instrument=order.instrument,
        side=order.side,
        type=order.type,
        quantity=order.quantity if resting.final is not None else resting.filled + resting.open_quantity(),
        filled=resting.filled,
        status=resting.status,
        price_ticks=order.stop_ticks if order.type is OrderType.STOP else order.limit_ticks,
        tif=order.tif,
        outside_rth=order.outside_rth,
        oca_group=order.oca_group,
    )
