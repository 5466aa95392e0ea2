"""The account as the broker holds it, asked for piece by piece: positions, all open orders, completed orders, executions.

Each piece is requested alone and awaited to its own end marker within one connection; a report is complete only when all
four ended. Money is asked for too, but its absence does not make a report incomplete. The summary tells it in the currency the
account is kept in, and names that: what is not US dollars is unknown, and never read as if it were.

Positions and fills go by the symbol only in the very contract that is traded. Any other month goes by the exchange's own
name for it, such as `MESH7`: it must never be added to what is ours, nor be closed in another month.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orderflow_tui.adapters.ib_codec import (
    cents,
    ended_status,
    entry_price,
    execution_id,
    live_status,
    nearest_ticks,
    price_ticks,
    side_of,
    type_of,
)
from orderflow_tui.adapters.ib_line import Line, NoAnswer, Refused
from orderflow_tui.domain.account import AccountReport, BrokerOrder
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.order import HOUSE, BrokerStatus, Fill

MONEY_TAGS = "NetLiquidation,ExcessLiquidity"
DOLLARS = "USD"


@dataclass(frozen=True, slots=True)
class Held:
    """A position as the broker tells it. `name` is the exchange's, such as `MESZ6`; `month` YYYYMM of the last trading day, which
    for some roots lies before the contract month. `entry_price` is its average cost divided by the contract's multiplier."""

    symbol: str
    name: str
    con_id: int
    month: str
    quantity: int
    entry_price: float


@dataclass(frozen=True, slots=True)
class Reader:
    """What a snapshot needs to be read: our instruments, our account, whose references are ours, the clock, and the contract
    ids of what is traded, by symbol."""

    instruments: Mapping[str, Instrument]
    account: str
    own_prefix: str
    clock_ns: Callable[[], int]
    con_ids: Mapping[str, int] = field(default_factory=dict)

    def own(self, reference: str) -> str | None:
        """The reference when the order is ours."""
        return reference if reference.startswith(self.own_prefix) else None

    def name(self, symbol: str, con_id: int, local: str) -> str:
        """What a position or a fill goes by: the symbol in the contract that is traded, else the exchange's name."""
        return symbol if self.con_ids.get(symbol) == con_id else local

    def open_order(self, contract: Any, order: Any, word: str, filled: int) -> BrokerOrder | None:
        """A live order; parked ones count as pending. None for instruments that are not ours."""
        status = live_status(word)
        return self._order(contract, order, BrokerStatus.PENDING if status is BrokerStatus.SUSPECT else status, filled)

    def ended_order(self, contract: Any, order: Any, state: Any) -> BrokerOrder | None:
        """An order that is over."""
        return self._order(contract, order, ended_status(state.status), int(order.filledQuantity or 0))

    def _order(self, contract: Any, order: Any, status: BrokerStatus, filled: int) -> BrokerOrder | None:
        instrument = self.instruments.get(contract.symbol)
        if instrument is None or contract.secType != "FUT" or order.account not in {"", self.account}:
            return None
        own = self.own(order.orderRef)
        return BrokerOrder(
            order_id=own,
            number=int(order.orderId),
            perm_id=int(order.permId),
            instrument=instrument.symbol,
            side=side_of(order.action),
            type=type_of(order.orderType),
            quantity=int(order.totalQuantity),
            filled=filled,
            status=status,
            price_ticks=price_ticks(instrument, order.orderType, order.lmtPrice, order.auxPrice),
            tif=order.tif,
            outside_rth=bool(order.outsideRth),
            oca_group=order.ocaGroup,
            foreign_ref="" if own else order.orderRef,
        )

    def fill(self, contract: Any, execution: Any, ts_ns: int, order_id: str | None = None) -> Fill | None:
        """An execution; None for roots or accounts that are not ours. `order_id` where the caller knows better than the
        reference on it; another installation's is kept, for its trades are no stranger's."""
        instrument = self.instruments.get(contract.symbol)
        if instrument is None or contract.secType != "FUT" or execution.acctNumber not in {"", self.account}:
            return None
        base, revision = execution_id(execution.execId)
        return Fill(
            exec_id=execution.execId,
            base_id=base,
            revision=revision,
            order_id=order_id or (execution.orderRef if execution.orderRef.startswith(HOUSE) else None),
            ts_ns=ts_ns,
            instrument=self.name(instrument.symbol, contract.conId, local_name(contract)),
            side=side_of(execution.side),
            quantity=int(execution.shares),
            price_ticks=nearest_ticks(instrument, execution.price),
            liquidation=bool(execution.liquidation),
        )


def _done_ns(execution: Any, told_ns: int) -> int:
    """When it happened; when it was told where nobody can date it: taken for new, it is looked at, and not passed over."""
    return int(execution.time.timestamp()) * 1_000_000_000 or told_ns


def local_name(contract: Any) -> str:
    """The exchange's name of a contract, never the bare symbol."""
    return str(contract.localSymbol or f"{contract.symbol} {contract.lastTradeDateOrContractMonth}")


@dataclass(frozen=True, slots=True)
class _Taken:
    """What the broker said, not read yet: rows in order of arrival, money in cents."""

    began_ns: int
    ended_ns: int
    missing: tuple[str, ...]
    open_rows: list[Any]
    ended_rows: list[Any]
    executions: list[Any]
    equity_cents: int | None
    excess_cents: int | None
    currency: str  # that money was told in, empty when none was told


class Snapshot:
    """Takes one snapshot on one line: `take`, then `report`. `currency` is what the account's money was last told in, empty
    before; what is told without one, such as the profit of the day, is in it."""

    def __init__(self, line: Line, reader: Reader, limit_s: float, currency: str = "") -> None:
        self._line = line
        self._reader = reader
        self._limit_s = limit_s
        self._taken: _Taken | None = None
        self.held: tuple[Held, ...] = ()
        self.currency = currency

    async def take(self) -> None:
        """Ask for everything, one after the other. Raises ConnectionError when the line goes down meanwhile."""
        client, clock_ns = self._line.client, self._reader.clock_ns
        began_ns = clock_ns()
        missing: list[str] = []
        positions = await self._piece("positions", client.reqPositions, missing)
        open_rows = await self._piece("open orders", client.reqAllOpenOrders, missing)
        ended = await self._piece("completed orders", lambda: client.reqCompletedOrders(False), missing)
        executions = await self._executions(missing)
        money = await self._money()
        self.held = self._holdings(positions)
        self._taken = _Taken(began_ns, clock_ns(), tuple(missing), open_rows, ended, executions, *money)
        self.currency = self._taken.currency or self.currency

    def report(self, con_ids: Mapping[str, int]) -> AccountReport:
        """What was taken, read with the contracts that are traded now: those of the first snapshot are chosen after it."""
        taken = self._taken
        assert taken is not None, "a snapshot is taken before it is read"
        reader = replace(self._reader, con_ids=con_ids)
        totals: dict[str, int] = {}
        for held in self.held:
            name = reader.name(held.symbol, held.con_id, held.name)
            totals[name] = totals.get(name, 0) + held.quantity
        fills = (reader.fill(contract, done, _done_ns(done, taken.ended_ns)) for contract, done in taken.executions)
        return AccountReport(
            ts_ns=taken.ended_ns,
            began_ns=taken.began_ns,
            epoch=self._line.generation,
            complete=not taken.missing,
            missing=taken.missing,
            account=reader.account,
            positions=tuple(sorted((name, quantity) for name, quantity in totals.items() if quantity)),
            orders=self._open_orders(taken.open_rows),
            completed=tuple(o for row in taken.ended_rows if (o := reader.ended_order(*row)) is not None),
            fills=tuple(fill for fill in fills if fill is not None),
            equity_cents=taken.equity_cents,
            excess_liquidity_cents=taken.excess_cents,
            day_pnl_cents=cents(self._line.day_profit) if self.currency == DOLLARS else None,
            currency="" if taken.currency == DOLLARS else taken.currency,
        )

    async def _piece(self, kind: str, request: Callable[[], None], missing: list[str]) -> list[Any]:
        try:
            return await self._line.ask(kind, request, self._limit_s)
        except (NoAnswer, Refused):
            missing.append(kind)
            return []

    async def _executions(self, missing: list[str]) -> list[Any]:
        line = self._line
        wanted = line.library.execution_filter(self._reader.account)
        try:
            return await line.ask_numbered(lambda request: line.client.reqExecutions(request, wanted), self._limit_s)
        except (NoAnswer, Refused):
            missing.append("executions")
            return []

    async def _money(self) -> tuple[int | None, int | None, str]:
        """Equity, excess liquidity and the currency they were told in, where there is another than the dollar that one."""
        line = self._line
        asked: list[int] = []

        def request(number: int) -> None:
            asked.append(number)
            line.client.reqAccountSummary(number, "All", MONEY_TAGS)

        try:
            rows = await line.ask_numbered(request, self._limit_s)
        except (NoAnswer, Refused):
            rows = []
        if asked and line.alive:
            line.lane.call(lambda: line.client.cancelAccountSummary(asked[0]))
        ours = [(tag, value, currency) for account, tag, value, currency in rows if account == self._reader.account]
        values = {tag: value for tag, value, currency in ours if currency == DOLLARS}
        others = sorted({currency or "no currency" for tag, _, currency in ours if tag not in values})
        told = ", ".join(others) or (DOLLARS if values else "")
        return cents(values.get("NetLiquidation")), cents(values.get("ExcessLiquidity")), told

    def _holdings(self, rows: list[Any]) -> tuple[Held, ...]:
        found = []
        newest = {(account, contract.conId): (contract, size, cost) for account, contract, size, cost in rows}
        for (account, con_id), (contract, size, cost) in newest.items():
            instrument = self._reader.instruments.get(contract.symbol)
            if instrument is None or account != self._reader.account or contract.secType != "FUT" or not size:
                continue
            month = contract.lastTradeDateOrContractMonth[:6]
            price = entry_price(cost, int(float(contract.multiplier or instrument.multiplier)))
            found.append(Held(instrument.symbol, local_name(contract), con_id, month, int(size), price))
        return tuple(found)

    def _open_orders(self, rows: list[Any]) -> tuple[BrokerOrder, ...]:
        """Rows are orders (contract, order, state) and statuses (perm id, word, filled), in order of arrival."""
        orders: dict[int, tuple[Any, Any]] = {}
        words: dict[int, str] = {}
        filled: dict[int, int] = {}
        for first, second, third in rows:
            if isinstance(first, int):
                words[first], filled[first] = second, int(third)
            else:
                orders[second.permId] = (first, second)
                words[second.permId] = third.status
        found = []
        for perm_id, (contract, order) in orders.items():
            read = self._reader.open_order(contract, order, words[perm_id], filled.get(perm_id, 0))
            over = words[perm_id] in {"Filled", "Cancelled", "ApiCancelled"}
            if read is not None and not over:
                found.append(read)
        return tuple(found)
