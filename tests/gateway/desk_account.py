"""The account's side of the wire: positions, values, summary, P&L."""

from __future__ import annotations

from tests.gateway import messages
from tests.gateway.client import Client
from tests.gateway.contracts import Listing
from tests.gateway.house import House
from tests.gateway.wire import Tell

PNL_NS = 1_000_000_000


class AccountDesk:
    """Answers questions about the account and keeps subscribers informed."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._pnl_ns = house.now_ns

    def positions(self, client: Client, fields: list[str]) -> None:
        """All positions now, changes from now on."""
        client.wants_positions = True
        for holding in self.house.account.holdings.values():
            if holding.quantity:
                client.tell(*messages.position(self.house.account.id, holding))
        client.tell(Tell.POSITION_END, 1)

    def updates(self, client: Client, fields: list[str]) -> None:
        """Account values and portfolio, and the end of the download."""
        client.wants_account = fields[2] == "1"
        if not client.wants_account:
            return
        for tag, value in self.house.account.values().items():
            client.tell(Tell.ACCOUNT_VALUE, 2, tag, f"{value:.2f}", "USD", self.house.account.id)
        for holding in self.house.account.holdings.values():
            client.tell(*messages.portfolio(self.house.account, holding))
        client.tell(Tell.ACCOUNT_DOWNLOAD_END, 1, self.house.account.id)

    def updates_multi(self, client: Client, fields: list[str]) -> None:
        """Account values of one account under a request id."""
        request = fields[2]
        for tag, value in self.house.account.values().items():
            client.tell(Tell.ACCOUNT_UPDATE_MULTI, 1, request, self.house.account.id, "", tag, f"{value:.2f}", "USD")
        client.tell(Tell.ACCOUNT_UPDATE_MULTI_END, 1, request)

    def summary(self, client: Client, fields: list[str]) -> None:
        """The tags asked for."""
        request, wanted = fields[2], set(fields[4].split(","))
        for tag, value in self.house.account.values().items():
            if tag in wanted:
                account = self.house.account
                client.tell(Tell.ACCOUNT_SUMMARY, 1, request, account.id, tag, f"{value:.2f}", account.currency)
        client.tell(Tell.ACCOUNT_SUMMARY_END, 1, request)

    def position_changed(self, listing: Listing) -> None:
        """A fill changed a position: subscribers hear of it."""
        holding = self.house.account.holdings[listing.con_id]
        for client in self.house.ready_clients():
            if client.wants_positions:
                client.tell(*messages.position(self.house.account.id, holding))
            if client.wants_account:
                client.tell(*messages.portfolio(self.house.account, holding))

    def advance(self) -> None:
        """P&L goes out once a second."""
        if self.house.now_ns - self._pnl_ns < PNL_NS or not self.house.broker_reachable:
            return
        self._pnl_ns = self.house.now_ns
        account = self.house.account
        unrealised, realised = float(account.unrealised()), float(account.realised())
        for client in self.house.ready_clients():
            for request in client.pnl:
                client.tell(Tell.PNL, request, unrealised + realised, unrealised, realised)
            for request, (_, con_id) in client.pnl_single.items():
                holding = account.holdings.get(con_id)
                if holding is not None:
                    opened, closed = float(account.unrealised([holding])), float(holding.realised)
                    value = float(account.value_of(holding))
                    client.tell(Tell.PNL_SINGLE, request, holding.quantity, opened + closed, opened, closed, value)
