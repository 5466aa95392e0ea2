"""What the desks of the gateway share: the clock, the contracts, the markets, the clients, the account, the faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from tests.gateway import messages, past
from tests.gateway.account import Account
from tests.gateway.client import Client
from tests.gateway.contracts import Listing, listings, matches
from tests.gateway.faults import Faults
from tests.gateway.markets import Markets
from tests.gateway.orders import Exchange
from tests.gateway.requests import Wanted
from tests.gateway.wire import Tell


@dataclass(frozen=True, slots=True)
class Settings:
    """How the gateway starts. `leading` is the expiry (0 = nearest) that trades most, each
    expiry trades `carry` ticks above the one before; limits as the broker has them.
    `tick_spacing_s` enforces a pause between two tick-by-tick requests of one instrument, 0 does not."""

    accounts: tuple[str, ...] = ("DU1234567",)
    cash: Decimal = Decimal(100_000)
    seed: int = 1
    steps_per_second: float = 20.0
    recording: Path | None = None
    leading: int = 0
    carry: int = 0
    tick_by_tick_limit: int = 5
    depth_limit: int = 3
    tick_spacing_s: float = 0.0
    enforce_pacing: bool = True


@dataclass(slots=True)
class House:
    """The shared state. `broker_reachable` is false between 1100 and 1101 or 1102."""

    settings: Settings
    now_ns: int
    markets: Markets
    listings: tuple[Listing, ...]
    exchange: Exchange
    account: Account
    faults: Faults = field(default_factory=Faults)
    clients: list[Client] = field(default_factory=list)
    broker_reachable: bool = True
    farm_up: bool = True
    competing: bool = False
    leading: int = 0

    @staticmethod
    def open(settings: Settings, now_ns: int) -> House:
        """A gateway just started."""
        markets = Markets(settings.seed, settings.steps_per_second, settings.recording, now_ns)
        account = Account(settings.accounts[0], settings.cash, lambda listing: markets.of(listing).last)
        exchange = Exchange(markets.of, is_regular=lambda: past.is_regular(house.moment), now_ns=now_ns)
        today = datetime.fromtimestamp(now_ns / 1e9, UTC).date()
        house = House(
            settings, now_ns, markets, listings(today, carry=settings.carry), exchange, account, leading=settings.leading
        )
        return house

    @property
    def moment(self) -> datetime:
        """Now, in UTC."""
        return datetime.fromtimestamp(self.now_ns / 1e9, UTC)

    @property
    def data_flows(self) -> bool:
        """Whether market data reaches clients."""
        return self.broker_reachable and self.farm_up and not self.competing

    def find(self, wanted: Wanted) -> list[Listing]:
        """The contracts that fit a description."""
        if wanted.security_type not in {"", "FUT"} and not wanted.con_id:
            return []
        return [
            entry
            for entry in self.listings
            if matches(entry, wanted.con_id, wanted.symbol, wanted.expiry, wanted.exchange, wanted.local_symbol)
        ]

    def only(self, client: Client, request: int, wanted: Wanted) -> Listing | None:
        """The one contract that fits; otherwise the client gets error 200."""
        found = self.find(wanted)
        if len(found) == 1:
            return found[0]
        self.complain(client, request, 200, "No security definition has been found for the request")
        return None

    def front(self, symbol: str) -> Listing:
        """The nearest contract of a root."""
        return next(entry for entry in self.listings if entry.product.symbol == symbol)

    @staticmethod
    def complain(client: Client, request: int, code: int, text: str) -> None:
        """Tell an error to one client."""
        client.tell(*messages.error(request, code, text))

    def announce(self, code: int, text: str) -> None:
        """Tell a notice about the connection to everybody."""
        for client in self.ready_clients():
            self.complain(client, -1, code, text)

    def ready_clients(self) -> list[Client]:
        """Clients that finished their handshake."""
        return [c for c in self.clients if c.ready]

    def tell_ids(self, client: Client) -> None:
        """The lowest order id the client may use."""
        client.tell(Tell.NEXT_VALID_ID, 1, self.exchange.next_valid_id(client.id))
