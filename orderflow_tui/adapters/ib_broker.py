"""The way out to Interactive Brokers: orders go around every queue, news comes back as events, nothing is decided.

Brackets are sent parent first, each leg with its own time in force, outsideRth, account, reference and group (one cancels
all, with block); only the last leg is transmitted, so nothing lives before all of it is there. The reference is the key of
an order for ever; the broker's order id is the number the gate gave it, raised if the broker has gone past it.

An error never ends an order by itself: it is a rejection only for an order nobody ever acknowledged and a code that means
one; otherwise the order becomes SUSPECT and a complete report settles it. Fills are facts by their execution id.
"""

# ruff: noqa: ARG002 - the protocols hand over more than this adapter needs
from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from orderflow_tui.adapters import ib_codec as codec
from orderflow_tui.adapters.ib_codec import Phase
from orderflow_tui.adapters.ib_line import Line
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.adapters.ib_snapshot import DOLLARS, Reader
from orderflow_tui.adapters.ib_tickets import OVER, Ticket, Tickets
from orderflow_tui.domain.account import MarginFigure
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.order import HOUSE, BrokerStatus, Change, Commission, Order, OrderType, OrderUpdate, Purpose, Side
from orderflow_tui.ports import NotSent

MARGIN_LIMIT_S = 3.0
MOST_COMMISSIONS = 10_000


class IbBroker:
    """Implements `ports.Broker`, follows an `IbSession` and hears its line. Must live in the session's loop."""

    def __init__(self, session: IbSession, post: Callable[[Event], None], clock_ns: Callable[[], int]) -> None:
        self._session = session
        self._post = post
        self._clock_ns = clock_ns
        self._tickets = Tickets()
        self._line: Line | None = None
        self._early: list[tuple[Any, Any, int, str | None]] = []  # executions that wait for the contracts: when, which order
        self._commissions: dict[str, int] = {}  # cents told by execution, oldest first
        self._margin_asked: dict[int, str] = {}
        self._margin_timers: dict[int, asyncio.TimerHandle] = {}
        session.followers.append(self)

    # -- ports.Broker ------------------------------------------------------------------------------------------------

    def send(self, orders: Sequence[Order], now_ns: int) -> None:
        """Place the orders as one group, in order of their numbers. Raises NotSent before anything left."""
        line = self._open_line(orders)
        for order in orders:
            self._check(order)
        group = sorted(orders, key=lambda o: (o.parent_id is not None, o.number))
        numbers: dict[str, int] = {}
        family: list[Ticket] = []
        for position, order in enumerate(group):
            number = max(order.number, self._next_number(line))
            parent = numbers.get(order.parent_id or "", 0)
            contract = self._session.traded[order.instrument].contract
            ticket = Ticket(order.id, number, order, parent, contract, revision=order.revision)
            self._tickets.add(ticket)
            self._tickets.sent.add((order.id, order.revision))
            numbers[order.id] = number
            ticket.held_back = tuple(family) if position == len(group) - 1 else ()
            family.append(ticket)
            self._place(line, ticket, order, transmit=position == len(group) - 1)

    def change(self, change: Change, order: Order, now_ns: int) -> None:
        """Modify a live order to what `order` says. Raises NotSent."""
        line = self._open_line([order])
        ticket = self._tickets.named(order.id)
        if ticket is None or ticket.foreign or ticket.contract is None:
            raise NotSent(f"order {order.id} is not one this connection can change")
        if (order.id, change.revision) in self._tickets.sent:
            raise NotSent(f"order {order.id} revision {change.revision} already went out")
        self._tickets.sent.add((order.id, change.revision))
        ticket.asked, ticket.phase = order, Phase.CHANGING
        parent = self._tickets.numbered(ticket.parent)
        if parent is None or parent.status in OVER:
            ticket.parent = 0  # a parent that is over, or of an earlier run, must not be named again
        self._place(line, ticket, order, transmit=True)

    def cancel(self, order_ids: Sequence[str], now_ns: int) -> None:
        """Ask to cancel. Raises NotSent when none of them can be named to the broker."""
        line = self._reduce_line()
        tickets = [t for ref in order_ids if (t := self._tickets.named(ref)) is not None and not t.foreign]
        if not tickets:
            raise NotSent(f"no order of this client among {', '.join(order_ids)}")
        for ticket in tickets:
            ticket.phase = Phase.CANCELLING
            line.client.cancelOrder(ticket.number)
        for ref in set(order_ids) - {t.ref for t in tickets}:
            self._post(OrderUpdate(ref, self._clock_ns(), BrokerStatus.CANCEL_REFUSED, text="not an order of this client"))

    def cancel_everything(self, now_ns: int) -> None:
        """Global cancel of the account, manual orders too."""
        self._reduce_line().client.reqGlobalCancel()

    def ask_report(self, now_ns: int) -> None:
        """Ask for a complete AccountReport; joins the one on its way."""
        try:
            self._session.ask_report()
        except ConnectionError as fault:
            raise NotSent(str(fault)) from fault

    def ask_margin(self, instrument: str, now_ns: int) -> None:
        """Ask what one more contract would cost, on the side that adds to the position. No answer, no figure."""
        line, traded = self._line, self._session.traded.get(instrument)
        if line is None or not line.alive or traded is None:
            raise NotSent(f"no connection to ask the margin of {instrument}")
        number = self._next_number(line)
        self._tickets.highest = number
        held = sum(h.quantity for h in self._session.held if h.con_id == traded.listed.con_id)
        order = line.library.order(
            orderId=number,
            action=(Side.SELL if held < 0 else Side.BUY).name,
            totalQuantity=1.0,
            orderType=OrderType.MARKET.value,
            tif="DAY",
            account=self._session.account,
            whatIf=True,
        )
        self._margin_asked[number] = instrument
        forget = asyncio.get_running_loop().call_later(MARGIN_LIMIT_S, self._forget_margin, number)
        self._margin_timers[number] = forget
        line.client.placeOrder(number, traded.contract, order)

    # -- what may leave ----------------------------------------------------------------------------------------------

    def _open_line(self, orders: Sequence[Order]) -> Line:
        """The line, if all of these may leave now."""
        entry = any(order.purpose is Purpose.ENTRY for order in orders)
        why = self._session.refusal(Purpose.ENTRY if entry else Purpose.PROTECT)
        if why or self._line is None:
            raise NotSent(why or "no connection")
        return self._line

    def _reduce_line(self) -> Line:
        why = self._session.refusal(Purpose.REDUCE)
        if why or self._line is None:
            raise NotSent(why or "no connection")
        return self._line

    def _check(self, order: Order) -> None:
        if (order.id, order.revision) in self._tickets.sent:
            raise NotSent(f"order {order.id} revision {order.revision} already went out")
        if order.instrument not in self._session.traded:
            known = ", ".join(self._session.traded) or "none"
            raise NotSent(f"order {order.id} is for {order.instrument}, contracts are known of {known}")
        if order.quantity <= 0:
            raise NotSent(f"order {order.id} wants {order.quantity} contracts; at least 1 is needed")
        limit_lacks = order.type is OrderType.LIMIT and order.limit_ticks is None
        stop_lacks = order.type is OrderType.STOP and order.stop_ticks is None
        if limit_lacks or stop_lacks:
            raise NotSent(f"order {order.id} of type {order.type.value} has no price")
        if order.account not in {"", self._session.account}:
            raise NotSent(f"order {order.id} is for account {order.account}, proven is {self._session.account}")

    def _next_number(self, line: Line) -> int:
        return max(self._tickets.highest + 1, line.next_number)

    def _place(self, line: Line, ticket: Ticket, order: Order, transmit: bool) -> None:
        """Straight to the client: the slow lane is not for orders."""
        traded = self._session.traded[order.instrument]
        fields = codec.order_fields(order, traded.instrument, ticket.number, ticket.parent, self._session.account, transmit)
        line.client.placeOrder(ticket.number, ticket.contract, line.library.order(**fields))

    # -- following the session -----------------------------------------------------------------------------------------

    def opened(self, line: Line) -> None:
        """Hear the new line."""
        self._line = line
        line.orders = self

    def synced(self, keep_subscriptions: bool) -> None:
        """Nothing to subscribe: news of orders comes by itself."""
        self._tell_fills()
        if self._line is not None and not keep_subscriptions:
            self._line.lane.call(self._ask_profit)

    def _ask_profit(self) -> None:
        if self._line is not None and self._line.alive:
            self._line.client.reqPnL(self._line.new_request(), self._session.account, "")

    def lost(self, reason: str) -> None:
        """Questions about margin will not be answered any more."""
        for number in list(self._margin_asked):
            self._forget_margin(number)

    def impairment(self) -> str:
        """Orders have no data of their own."""
        return ""

    def denied(self) -> str:
        """Nor permissions."""
        return ""

    def resubscribe(self) -> None:
        """Nor subscriptions."""

    def on_notice(self, code: int, text: str) -> None:
        """Notices about data farms do not concern orders."""

    # -- what the line says --------------------------------------------------------------------------------------------

    def on_open_order(self, number: int, contract: Any, order: Any, state: Any) -> None:
        """The order as the broker holds it: status and echo. Orders of earlier runs are recognised by their reference."""
        if order.whatIf:
            self._margin(number, state)
            return
        ticket = self._recognised(number, contract, order)
        if ticket is None:
            self._tell_another_house(order, state)
            return
        instrument = self._session.instruments[contract.symbol]
        self._tickets.saw_perm(ticket, int(order.permId))
        ticket.quantity = int(order.totalQuantity)
        ticket.price_ticks = codec.price_ticks(instrument, order.orderType, order.lmtPrice, order.auxPrice)
        ticket.tif, ticket.outside_rth, ticket.account = order.tif, bool(order.outsideRth), order.account
        ticket.oca_group = order.ocaGroup
        ticket.settle()
        self._tell(ticket, codec.live_status(state.status))

    def _tell_another_house(self, order: Any, state: Any) -> None:
        """News of an order of another installation is passed on, because it locks. What a report asks for is the report's."""
        line, ref, session = self._line, order.orderRef, self._session
        if not ref.startswith(HOUSE) or ref.startswith(session.settings.own_prefix):
            return
        if order.account in {"", session.account} and line is not None and not line.asking("open orders"):
            self._post(OrderUpdate(ref, self._clock_ns(), codec.live_status(state.status)))

    def _recognised(self, number: int, contract: Any, order: Any) -> Ticket | None:
        """Our ticket for an order, a new one for an order of an earlier run; None for what is not ours."""
        line = self._line
        if not order.orderRef.startswith(self._session.settings.own_prefix) or contract.symbol not in self._session.instruments:
            return None
        ticket = self._tickets.named(order.orderRef)
        if ticket is None and line is not None:
            foreign = int(order.clientId) != line.client_id or number <= 0
            ticket = self._tickets.add(Ticket(order.orderRef, number, contract=contract, phase=Phase.LIVE, foreign=foreign))
            traded = self._session.traded.get(contract.symbol)
            if traded is not None and traded.listed.con_id == contract.conId:
                ticket.contract = traded.contract
        return ticket

    def on_status(self, number: int, word: str, filled: float, remaining: float, perm_id: int, client_id: int) -> None:
        """A status: a hint, but the broker's own."""
        line = self._line
        ours = line is not None and client_id == line.client_id
        ticket = (self._tickets.numbered(number) if ours else None) or self._tickets.permanent(perm_id)
        if ticket is None:
            return
        self._tickets.saw_perm(ticket, perm_id)
        status = codec.live_status(word)
        if ticket.phase is Phase.NEW and status is not BrokerStatus.PENDING:
            ticket.phase = Phase.LIVE
        self._tell(ticket, status, filled=int(filled), remaining=int(remaining))

    def on_execution(self, contract: Any, execution: Any, live: bool) -> None:
        """A fill as it happens; those a report asks for travel in the report."""
        if not live:
            return
        ticket = self._tickets.permanent(int(execution.permId))
        if ticket is None and self._line is not None and execution.clientId == self._line.client_id:
            ticket = self._tickets.numbered(int(execution.orderId))
        self._early.append((contract, execution, self._clock_ns(), None if ticket is None else ticket.ref))
        if self._session.traded:
            self._tell_fills()

    def _tell_fills(self) -> None:
        """Post the executions that wait. Before the first choice of contracts nobody can say whether a month is ours."""
        session, waiting = self._session, self._early
        self._early = []
        own = session.settings.own_prefix
        reader = Reader(session.instruments, session.account, own, self._clock_ns, session.con_ids)
        for contract, execution, ts_ns, ref in waiting:
            fill = reader.fill(contract, execution, ts_ns, ref)
            if fill is not None:
                self._post(fill)

    def on_commission(self, report: Any) -> None:
        """The commission of a fill. In another currency it is not known, and what was expected stays."""
        amount = codec.cents(report.commission) if report.currency in {"", DOLLARS} else None
        if amount is None or self._commissions.get(report.execId) == amount:
            return  # every report repeats those of the day
        if len(self._commissions) >= MOST_COMMISSIONS:
            del self._commissions[next(iter(self._commissions))]
        self._commissions[report.execId] = amount
        self._post(Commission(report.execId, self._clock_ns(), amount))

    def on_order_error(self, number: int, code: int, text: str) -> None:
        """An error that names an order, or a what-if question."""
        if number in self._margin_asked:
            self._forget_margin(number)
            return
        ticket = self._tickets.numbered(number)
        if ticket is None:
            return
        status = codec.order_error(code, ticket.phase, ticket.status)
        orphaned = code == codec.MISSING_PARENT and ticket.phase is Phase.NEW
        if orphaned and self._parent_rejected(ticket):
            status, orphaned = BrokerStatus.REJECTED, False
        if status in {BrokerStatus.CHANGE_REFUSED, BrokerStatus.CANCEL_REFUSED}:
            ticket.phase, ticket.asked = Phase.LIVE, None
        self._tell(ticket, status, code=code, text=f"{code} {text}")
        if status is BrokerStatus.REJECTED:
            self._take_back(ticket)
        elif orphaned:
            self._call_off(ticket)

    def _parent_rejected(self, ticket: Ticket) -> bool:
        """Whether the parent that the broker misses is one it has just rejected itself: then the child never was."""
        parent = self._tickets.numbered(ticket.parent)
        return parent is not None and parent.status is BrokerStatus.REJECTED

    def _call_off(self, orphan: Ticket) -> None:
        """The broker misses the parent of a leg, which then protects or closes nothing: the entry must not fill without it. Where
        nothing was transmitted all of it goes; else only the entry, which takes its sleeping legs along: one that is awake
        protects what has filled."""
        if orphan.held_back:
            self._take_back(orphan)
            return
        parent = self._tickets.numbered(orphan.parent)
        if parent is None or parent.status in OVER or parent.phase is Phase.CANCELLING:
            return
        if self._line is not None and self._line.alive:
            parent.phase = Phase.CANCELLING
            self._line.client.cancelOrder(parent.number)

    def _take_back(self, rejected: Ticket) -> None:
        """The leg that was to set the others free is not there: they must not lie in the gateway for somebody to transmit."""
        for ticket in reversed(rejected.held_back):  # children first: a parent takes them along
            if ticket.status not in OVER and self._line is not None and self._line.alive:
                ticket.phase = Phase.CANCELLING
                self._line.client.cancelOrder(ticket.number)
        rejected.held_back = ()

    def _tell(
        self,
        ticket: Ticket,
        status: BrokerStatus,
        *,
        filled: int | None = None,
        remaining: int | None = None,
        code: int | None = None,
        text: str = "",
    ) -> None:
        """Post news of an order with what the broker last repeated of it.

        While open orders are asked for, the broker repeats them all: that is the report's, not news. Told as news it would
        stamp every order later than the report that is to settle it.
        """
        if status not in {BrokerStatus.SUSPECT, BrokerStatus.CHANGE_REFUSED, BrokerStatus.CANCEL_REFUSED}:
            ticket.status = status
        echoed = code is None
        update = OrderUpdate(
            order_id=ticket.ref,
            ts_ns=self._clock_ns(),
            status=status,
            filled=filled,
            remaining=remaining,
            revision=None if ticket.order is None else ticket.revision,  # of an earlier run: nobody here counted
            perm_id=ticket.perm_id or None,
            code=code,
            text=text,
            echoed_quantity=ticket.quantity if echoed else None,
            echoed_price_ticks=ticket.price_ticks if echoed else None,
            echoed_tif=ticket.tif if echoed else None,
            echoed_outside_rth=ticket.outside_rth if echoed else None,
            echoed_account=ticket.account if echoed else None,
            echoed_oca_group=ticket.oca_group if echoed else None,
        )
        repeated = echoed and ticket.repeats(update)
        if not (repeated and self._line is not None and self._line.asking("open orders")):
            self._post(update)

    # -- margin --------------------------------------------------------------------------------------------------------

    def _margin(self, number: int, state: Any) -> None:
        """A what-if answer; the first may be empty and another follow. It names no currency: it is in the account's."""
        after, before = codec.cents(state.initMarginAfter), codec.cents(state.initMarginBefore)
        equity = codec.cents(state.equityWithLoanAfter)
        if number not in self._margin_asked or after is None or equity is None:
            return
        instrument = self._margin_asked[number]
        self._forget_margin(number)
        cost = after - (before or 0)
        if cost > 0 and self._session.currency == DOLLARS:
            self._post(MarginFigure(self._clock_ns(), instrument, cost, equity))

    def _forget_margin(self, number: int) -> None:
        self._margin_asked.pop(number, None)
        timer = self._margin_timers.pop(number, None)
        if timer is not None:
            timer.cancel()
