"""The gateway without sockets: bytes in, bytes out, time as an input.

A host (`server`) owns the clock and the connections; whether they are TCP or live in memory makes no difference here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tests.gateway import messages
from tests.gateway.client import Client, Outlet
from tests.gateway.desk_account import AccountDesk
from tests.gateway.desk_data import DataDesk
from tests.gateway.desk_orders import OrderDesk
from tests.gateway.exposure import ExposureLog
from tests.gateway.house import House, Settings
from tests.gateway.wire import GREETING, SERVER_VERSION, Ask, Tell, WireError, fields_of, frame

KEPT_REQUESTS = 100_000
ID_IN_USE = "Unable to connect as the client id is already in use. Retry with a unique client id."
# where the request id stands in messages that a fault answers with an error
REQUEST_ID_AT = {
    Ask.MARKET_DATA: 2,
    Ask.CONTRACT_DETAILS: 2,
    Ask.DEPTH: 2,
    Ask.EXECUTIONS: 2,
    Ask.HISTORICAL_BARS: 1,
    Ask.HISTORICAL_TICKS: 1,
    Ask.TICK_BY_TICK: 1,
    Ask.PLACE_ORDER: 1,
    Ask.ACCOUNT_SUMMARY: 2,
    Ask.PNL: 1,
}

Answerer = Callable[[Client, list[str]], None]


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in."""

    at_ns: int
    client_id: int
    ask: Ask
    fields: tuple[str, ...]


class Gateway:
    """One running gateway: clients attach, bytes arrive, time advances."""

    def __init__(self, settings: Settings, now_ns: int) -> None:
        self.house = House.open(settings, now_ns)
        self.accounts = AccountDesk(self.house)
        self.orders = OrderDesk(self.house, self.accounts)
        self.data = DataDesk(self.house)
        self.received: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        self.exposure = ExposureLog()
        self.refusing_until_ns = 0
        self._answers = self._answer_table()

    def _answer_table(self) -> dict[Ask, Answerer]:
        orders, data, accounts = self.orders, self.data, self.accounts
        return {
            Ask.START_API: self._start_api,
            Ask.IDS: lambda client, _: self.house.tell_ids(client),
            Ask.MANAGED_ACCOUNTS: lambda client, _: self._managed_accounts(client),
            Ask.CURRENT_TIME: lambda client, _: client.tell(Tell.CURRENT_TIME, 1, self.house.now_ns // 1_000_000_000),
            Ask.CONTRACT_DETAILS: data.contract_details,
            Ask.TICK_BY_TICK: data.tick_by_tick,
            Ask.CANCEL_TICK_BY_TICK: lambda client, fields: data.cancel(client, int(fields[1])),
            Ask.DEPTH: data.depth,
            Ask.CANCEL_DEPTH: lambda client, fields: data.cancel(client, int(fields[2])),
            Ask.MARKET_DATA: data.market_data,
            Ask.CANCEL_MARKET_DATA: lambda client, fields: data.cancel(client, int(fields[2])),
            Ask.HISTORICAL_BARS: data.historical_bars,
            Ask.HISTORICAL_TICKS: data.historical_ticks,
            Ask.PLACE_ORDER: orders.place,
            Ask.CANCEL_ORDER: orders.cancel,
            Ask.GLOBAL_CANCEL: orders.cancel_all,
            Ask.OPEN_ORDERS: lambda client, fields: orders.open_orders(client, fields, everybody=False),
            Ask.ALL_OPEN_ORDERS: lambda client, fields: orders.open_orders(client, fields, everybody=True),
            Ask.COMPLETED_ORDERS: orders.completed_orders,
            Ask.EXECUTIONS: orders.executions,
            Ask.POSITIONS: accounts.positions,
            Ask.ACCOUNT_UPDATES: accounts.updates,
            Ask.ACCOUNT_UPDATES_MULTI: accounts.updates_multi,
            Ask.ACCOUNT_SUMMARY: accounts.summary,
            Ask.PNL: lambda client, fields: client.pnl.__setitem__(int(fields[1]), fields[2]),
            Ask.PNL_SINGLE: lambda client, fields: client.pnl_single.__setitem__(int(fields[1]), (fields[2], int(fields[4]))),
            Ask.CANCEL_PNL: lambda client, fields: _drop(client.pnl, int(fields[1])),
            Ask.CANCEL_PNL_SINGLE: lambda client, fields: _drop(client.pnl_single, int(fields[1])),
            Ask.CANCEL_POSITIONS: _stop_positions,
        }

    # -- connections ---------------------------------------------------------------------------------------------------

    @property
    def refuses(self) -> bool:
        """Whether connections are refused: the gateway is down."""
        return self.house.now_ns < self.refusing_until_ns

    def attach(self, outlet: Outlet) -> Client:
        """A connection was opened."""
        client = Client(outlet, self.house.faults)
        self.house.clients.append(client)
        return client

    def detach(self, client: Client) -> None:
        """A connection is gone."""
        if client in self.house.clients:
            self.house.clients.remove(client)

    def receive(self, client: Client, data: bytes) -> None:
        """Bytes from a client."""
        if not client.greeted:
            if not data.startswith(GREETING):
                raise WireError(f"expected the greeting {GREETING!r}, got {data[:16]!r}")
            client.greeted, data = True, data[len(GREETING) :]
        for payload in client.frames.feed(data):
            if payload.startswith(b"v"):
                client.outlet.write(frame(SERVER_VERSION, f"{self.house.moment:%Y%m%d %H:%M:%S} UTC"))
            else:
                self._request(client, fields_of(payload))
                self.exposure.look(self.house)

    def _start_api(self, client: Client, fields: list[str]) -> None:
        client.id = int(fields[2])
        taken = any(other.id == client.id and other.ready for other in self.house.clients if other is not client)
        if taken or self.house.faults.refuse_id > 0:
            self.house.faults.refuse_id = max(0, self.house.faults.refuse_id - 1)
            client.tell(*messages.error(-1, 326, ID_IN_USE))
            client.outlet.close()
            return
        client.ready = True
        self._managed_accounts(client)
        self.house.tell_ids(client)
        code, how = (2104, "OK") if self.house.farm_up else (2103, "broken")
        client.tell(*messages.error(-1, code, f"Market data farm connection is {how}:usfuture"))
        client.tell(*messages.error(-1, 2158, "Sec-def data farm connection is OK:secdefnj"))
        if not self.house.broker_reachable:
            client.tell(*messages.error(-1, 1100, "Connectivity between IB and Trader Workstation has been lost."))

    def _managed_accounts(self, client: Client) -> None:
        client.tell(Tell.MANAGED_ACCOUNTS, 1, ",".join(self.house.settings.accounts))

    def _request(self, client: Client, fields: list[str]) -> None:
        ask = Ask(int(fields[0]))
        self.received.append(Received(self.house.now_ns, client.id, ask, tuple(fields)))
        if self.house.faults.is_muted(ask):
            return
        code = self.house.faults.error_for(ask)
        if code is not None:
            at = REQUEST_ID_AT.get(ask)
            self.house.complain(client, int(fields[at]) if at else -1, code, f"Error {code} on demand")
            return
        answer = self._answers.get(ask)
        if answer is not None:
            answer(client, fields)

    # -- time ------------------------------------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> None:
        """Time passes: markets step, orders match, subscribers hear."""
        self.house.now_ns = max(now_ns, self.house.now_ns)
        self.orders.publish(self.house.exchange.advance(self.house.now_ns))
        for _ in range(self.house.markets.due_steps(self.house.now_ns)):
            self.step()
        self.exposure.look(self.house)
        self.data.advance()
        self.accounts.advance()

    def step(self) -> None:
        """Every market that moves makes one step."""
        for family in self.house.markets.moving:
            step = self.house.markets.by_family[family].step()
            if step is None:
                continue
            self.house.markets.note(family, step, self.house.now_ns)
            if self.house.data_flows:
                self.data.on_step(family, step)
            printed = step.trade[0] if step.trade else None
            self.orders.publish(self.house.exchange.on_market(family, printed))

    def jump(self, symbol: str, price: float) -> None:
        """The market of a symbol gaps to a price."""
        listing = self.house.front(symbol)
        ticks = listing.ticks(price)
        if ticks is None:
            raise ValueError(f"{price} is not on the grid of {symbol}")
        step = self.house.markets.of(listing).shift_to(ticks)
        family = listing.product.family
        self.house.markets.note(family, step, self.house.now_ns)
        if self.house.data_flows:
            self.data.on_step(family, step)
        self.orders.publish(self.house.exchange.on_market(family, ticks))

    # -- larger accidents ------------------------------------------------------------------------------------------------

    def lose_broker(self, code: int = 1100) -> None:
        """1100 or 2110: the gateway is up, what is behind it is not."""
        self.house.broker_reachable = False
        self.house.announce(code, "Connectivity between IB and Trader Workstation has been lost.")

    def regain_broker(self, kept: bool) -> None:
        """1102 with subscriptions kept, or 1101 with all of them gone; requests that waited are made."""
        self.house.broker_reachable = True
        if not kept:
            for client in self.house.clients:
                client.unsubscribe_all()
        code, what = (1102, "maintained") if kept else (1101, "lost")
        self.house.announce(code, f"Connectivity between IB and Trader Workstation has been restored - data {what}.")
        for client, fields in self.orders.take_queued():
            if client in self.house.clients:
                self._answers[Ask(int(fields[0]))](client, fields)

    def restart(self, down_ns: int, reset_ids: bool) -> None:
        """All connections are cut; nobody gets in for a while; perhaps order ids start at 1 again."""
        for client in list(self.house.clients):
            client.outlet.abort()
            self.detach(client)
        self.house.broker_reachable = True
        self.refusing_until_ns = self.house.now_ns + down_ns
        if reset_ids:
            self.house.exchange.forget_ids()


def _drop(subscriptions: dict[int, str] | dict[int, tuple[str, int]], request: int) -> None:
    subscriptions.pop(request, None)


def _stop_positions(client: Client, fields: list[str]) -> None:
    client.wants_positions = False
