"""Orders: place, change, cancel, what-if, open and completed orders, executions."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from tests.gateway import messages
from tests.gateway.client import Client
from tests.gateway.contracts import Listing
from tests.gateway.desk_account import AccountDesk
from tests.gateway.house import House
from tests.gateway.orders import DEAD, Executed, Execution, News, Refused, Status, Told, Working
from tests.gateway.past import CHICAGO
from tests.gateway.requests import OrderWanted, Wanted
from tests.gateway.wire import UNSET_DOUBLE, Field, Tell

WHAT_IF_COMMISSIONS = 3


class OrderDesk:
    """Hands requests to the exchange and its news to the clients they concern."""

    def __init__(self, house: House, accounts: AccountDesk) -> None:
        self.house = house
        self.accounts = accounts
        self._queued: list[tuple[Client, list[str]]] = []  # requests made while the broker cannot be reached
        self._fees: dict[str, Decimal] = {}

    # -- requests --------------------------------------------------------------------------------------------------

    def place(self, client: Client, fields: list[str]) -> None:
        """A new order, a change of one, or a question what it would cost."""
        if not self.house.broker_reachable:
            self._queued.append((client, fields))
            return
        wanted = OrderWanted.read(fields)
        listing = self._listing(client, wanted.order_id, wanted.contract)
        if listing is None:
            return
        if wanted.account not in self.house.settings.accounts and wanted.account:
            self.house.complain(client, wanted.order_id, 321, "Error validating request:-'bX' : cause - Invalid account code")
            return
        if wanted.what_if:
            self._what_if(client, wanted, listing)
            return
        wanted = replace(wanted, account=wanted.account or self.house.settings.accounts[0])
        known = self.house.exchange.orders.get((client.id, wanted.order_id))
        fault = self.house.faults.order_fault("change" if known is not None else "place", wanted.order_ref)
        if fault is not None:
            if fault.alive:
                self.publish(self.house.exchange.place(client.id, wanted, listing))
            if fault.status:
                order = known or Working(client.id, wanted.order_id, 0, listing, wanted, Status(fault.status))
                client.tell(*messages.order_status(order))
            self.house.complain(client, wanted.order_id, fault.code, fault.text)
            return
        self.publish(self.house.exchange.place(client.id, wanted, listing))
        echo = self.house.faults.tif_echo
        if echo and echo != wanted.tif:
            self.house.complain(client, wanted.order_id, 10349, f"Order TIF was set to {echo} based on order preset.")

    def _listing(self, client: Client, request: int, wanted: Wanted) -> Listing | None:
        if not wanted.exchange:
            self.house.complain(client, request, 321, "Error validating request:-'bT' : cause - Please enter exchange")
            return None
        return self.house.only(client, request, wanted)

    def _what_if(self, client: Client, wanted: OrderWanted, listing: Listing) -> None:
        order = Working(client.id, wanted.order_id, 0, listing, wanted, Status.PRE_SUBMITTED)
        manner = self.house.faults.what_if
        if manner == "never":
            return
        if manner == "unset-first":
            unset: list[Field] = [str(UNSET_DOUBLE)] * messages.MARGIN_FIELDS
            client.tell(*messages.open_order(order, what_if=[*unset, "", "", ""]))
        values = self.house.account.values()
        equity, before = values["NetLiquidation"], values["InitMarginReq"]
        change = listing.product.initial_margin * wanted.quantity
        money = [before, before, equity, change, change * 9 / 10, Decimal(0), before + change, before + change * 9 / 10, equity]
        fee = float(listing.product.commission * wanted.quantity)
        client.tell(*messages.open_order(order, what_if=[*(str(m) for m in money), *[fee] * WHAT_IF_COMMISSIONS]))

    def cancel(self, client: Client, fields: list[str]) -> None:
        """End an order of this client."""
        if not self.house.broker_reachable:
            self._queued.append((client, fields))
            return
        order_id = int(fields[2])
        known = self.house.exchange.orders.get((client.id, order_id))
        fault = self.house.faults.order_fault("cancel", known.wanted.order_ref if known else "")
        if fault is not None:
            if fault.alive:
                self.publish(self.house.exchange.cancel(client.id, order_id))
            self.house.complain(client, order_id, fault.code, fault.text)
            return
        self.publish(self.house.exchange.cancel(client.id, order_id))

    def cancel_all(self, client: Client, fields: list[str]) -> None:
        """Global cancel."""
        if not self.house.broker_reachable:
            self._queued.append((client, fields))
            return
        self.publish(self.house.exchange.cancel_all())

    def take_queued(self) -> list[tuple[Client, list[str]]]:
        """Requests that waited for the broker, now to be made."""
        queued, self._queued = self._queued, []
        return queued

    def open_orders(self, client: Client, fields: list[str], everybody: bool) -> None:
        """Live orders: the client's own, or all of the account."""
        for order in self.house.exchange.live():
            if everybody or order.client_id == client.id:
                client.answer(*self._opened(order))
                client.answer(*messages.order_status(order))
        client.tell(Tell.OPEN_ORDER_END, 1)

    def completed_orders(self, client: Client, fields: list[str]) -> None:
        """Orders that are over."""
        for order in self.house.exchange.orders.values():
            if order.status in DEAD and not order.staged:
                client.tell(*messages.completed_order(order, self.house.moment))
        client.tell(Tell.COMPLETED_ORDERS_END)

    def executions(self, client: Client, fields: list[str]) -> None:
        """Executions since midnight in Chicago, with their commissions."""
        request = int(fields[2])
        today = self.house.moment.astimezone(CHICAGO).date()
        for done in self.house.exchange.executions:
            if datetime.fromtimestamp(done.time_ns / 1e9, CHICAGO).date() == today:
                client.answer(*messages.execution(request, done))
                client.answer(*messages.commission(done, self._fees.get(done.exec_id, Decimal(0))))
        client.tell(Tell.EXECUTION_END, 1, request)

    # -- news --------------------------------------------------------------------------------------------------------

    def publish(self, news: list[News]) -> None:
        """Tell the clients what happened; the account books first."""
        if self.house.faults.executions_first:
            news = sorted(news, key=lambda item: not isinstance(item, Executed))
        for item in news:
            if isinstance(item, Executed):
                self._executed(item)
            elif isinstance(item, Told):
                self.tell_order(item.order)
            else:
                self._refused(item)

    def _opened(self, order: Working) -> list[Field]:
        return messages.open_order(order, tif=self.house.faults.tif_echo or None)

    def tell_order(self, order: Working) -> None:
        """The order as it stands, to the client that owns it."""
        for client in self.house.ready_clients():
            if client.id == order.client_id:
                client.tell(*self._opened(order))
                client.tell(*messages.order_status(order))

    def _executed(self, item: Executed) -> None:
        done = item.execution
        if item.replaces is not None:
            self.house.account.book(item.replaces, -1)
        self._fees[done.exec_id] = self.house.account.book(done)
        for client in self.house.ready_clients():
            if client.id == done.order.client_id:
                client.tell(*messages.execution(-1, done))
                client.tell(*messages.commission(done, self._fees[done.exec_id]))
        self.accounts.position_changed(done.order.listing)

    def _refused(self, item: Refused) -> None:
        for client in self.house.ready_clients():
            if client.id == item.client_id:
                self.house.complain(client, item.order_id, item.code, item.text)

    def newest(self) -> Execution:
        """The execution that came last."""
        return self.house.exchange.executions[-1]
