"""Market data: contract details, tick-by-tick, depth, level 1, historical bars and ticks."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime

from tests.gateway import past
from tests.gateway.book import Rows, differences
from tests.gateway.client import Client, DepthView
from tests.gateway.contracts import Listing, details_fields
from tests.gateway.house import House
from tests.gateway.market import Step
from tests.gateway.requests import CONTRACT_FIELDS, Wanted
from tests.gateway.wire import Field, Tell

LEVEL1_NS = 250_000_000
IDENTICAL_S = 15
MOST_IN_TEN_MINUTES = 60
MOST_TICKS = 1_000
BAR_SECONDS = {"1 min": 60, "5 mins": 300, "30 mins": 1800, "1 hour": 3600, "1 day": 86_400}


class DataDesk:
    """Answers questions about markets and sends what subscribers are owed."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._level1_ns = house.now_ns
        self._history: deque[tuple[int, tuple[str, ...]]] = deque(maxlen=MOST_IN_TEN_MINUTES)
        self._tick_asked: dict[tuple[int, int], int] = {}

    # -- requests --------------------------------------------------------------------------------------------------

    def contract_details(self, client: Client, fields: list[str]) -> None:
        """Everything listed that fits, or 200."""
        found = self.house.find(Wanted.read(fields[3 : 3 + CONTRACT_FIELDS]))
        if not found:
            self.house.complain(client, int(fields[2]), 200, "No security definition has been found for the request")
            return
        for listing in found:
            client.tell(*details_fields(fields[2], listing, self.house.moment.date()))
        client.tell(Tell.CONTRACT_DETAILS_END, 1, fields[2])

    def tick_by_tick(self, client: Client, fields: list[str]) -> None:
        """Subscribe to prints or quotes, within the limits."""
        request = int(fields[1])
        listing = self.house.only(client, request, Wanted.read(fields[2 : 2 + CONTRACT_FIELDS]))
        if listing is None:
            return
        settings, now = self.house.settings, self.house.now_ns
        key = (client.id, listing.con_id)
        soon = now - self._tick_asked.get(key, -(10**18)) < settings.tick_spacing_s * 1e9
        if soon or len(client.last) + len(client.bid_ask) >= settings.tick_by_tick_limit:
            self.house.complain(client, request, 10190, "Max number of tick-by-tick requests has been reached.")
            return
        self._tick_asked[key] = now
        (client.bid_ask if fields[14] == "BidAsk" else client.last)[request] = listing

    def depth(self, client: Client, fields: list[str]) -> None:
        """Subscribe to the book; the first rows come at once as inserts."""
        request = int(fields[2])
        listing = self.house.only(client, request, Wanted.read(fields[3 : 3 + CONTRACT_FIELDS]))
        if listing is None:
            return
        if len(client.depth) >= self.house.settings.depth_limit:
            self.house.complain(client, request, 309, "Max number (3) of market depth requests has been reached")
            return
        client.depth[request] = DepthView(listing, int(fields[15]))
        self._send_depth(client, request)

    def market_data(self, client: Client, fields: list[str]) -> None:
        """Subscribe to level 1."""
        request = int(fields[2])
        listing = self.house.only(client, request, Wanted.read(fields[3 : 3 + CONTRACT_FIELDS]))
        if listing is None:
            return
        client.level1[request] = listing
        client.tell(Tell.MARKET_DATA_TYPE, 1, request, 1)
        client.tell(Tell.TICK_REQ_PARAMS, request, float(listing.product.tick), "", 3)

    def cancel(self, client: Client, request: int) -> None:
        """End a subscription of any kind."""
        for book in (client.last, client.bid_ask, client.level1, client.depth):
            book.pop(request, None)

    def historical_bars(self, client: Client, fields: list[str]) -> None:
        """Bars of the past, or 162 when asked too often."""
        request = int(fields[1])
        listing = self.house.only(client, request, Wanted.read(fields[2 : 2 + CONTRACT_FIELDS]))
        if listing is None:
            return
        end_text, bar_size, duration, regular, _, form = fields[15:21]
        if self._too_often(tuple(fields[2:])):
            self.house.complain(client, request, 162, "Historical Market Data Service error message:pacing violation")
            return
        end = _when(end_text) or self.house.moment
        begin = past.begin_of(end, duration)
        share = 100 if self._rank(listing) == self.house.leading else 4
        product = listing.product
        start, seconds = int(product.start / product.tick), BAR_SECONDS[bar_size]
        daily = seconds == BAR_SECONDS["1 day"]
        found = past.days(start, begin, end) if daily else past.bars(start, begin, end, seconds, regular == "1")
        rows: list[Field] = []
        for bar in found:
            moment = datetime.fromtimestamp(bar.start_s, UTC)
            when = (
                f"{moment:%Y%m%d}"
                if bar_size == "1 day"
                else str(bar.start_s)
                if form == "2"
                else f"{moment:%Y%m%d %H:%M:%S} UTC"
            )
            volume = max(1, bar.volume * share // 100)
            prices = [listing.price(p) for p in (bar.open, bar.high, bar.low, bar.close)]
            rows += [when, *prices, volume, listing.price(bar.close), max(1, bar.count * share // 100)]
        stamps = [f"{t:%Y%m%d %H:%M:%S} UTC" for t in (begin.astimezone(UTC), end.astimezone(UTC))]
        client.tell(Tell.HISTORICAL_BARS, request, *stamps, len(found), *rows)

    def historical_ticks(self, client: Client, fields: list[str]) -> None:
        """Up to a thousand prints up to the end, oldest first."""
        request = int(fields[1])
        listing = self.house.only(client, request, Wanted.read(fields[2 : 2 + CONTRACT_FIELDS]))
        if listing is None:
            return
        start, end, wanted = _when(fields[15]), _when(fields[16]), min(int(fields[17]), MOST_TICKS)
        prints = [
            p
            for p in self.house.markets.prints[listing.product.family]
            if (start is None or p.time_s >= start.timestamp()) and (end is None or p.time_s < end.timestamp())
        ]
        chosen = prints[:wanted] if start is not None else prints[-wanted:]
        rows: list[Field] = []
        for p in chosen:
            rows += [p.time_s, 0, listing.price(p.price), p.size, listing.product.exchange, ""]
        client.tell(Tell.HISTORICAL_TICKS_LAST, request, len(chosen), *rows, True)

    def _rank(self, listing: Listing) -> int:
        same = [entry for entry in self.house.listings if entry.product is listing.product]
        return same.index(listing)

    def _too_often(self, key: tuple[str, ...]) -> bool:
        """Identical within 15 s, or 60 in ten minutes."""
        now = self.house.now_ns
        recent = [(when, k) for when, k in self._history if now - when < 600 * 10**9]
        identical = any(k == key and now - when < IDENTICAL_S * 10**9 for when, k in recent)
        self._history.append((now, key))
        return self.house.settings.enforce_pacing and (identical or len(recent) >= MOST_IN_TEN_MINUTES)

    # -- what subscribers get ----------------------------------------------------------------------------------------

    def on_step(self, family: str, step: Step) -> None:
        """A market moved: prints, quotes and depth to whom they are owed."""
        second = self.house.now_ns // 1_000_000_000
        for client in self.house.ready_clients():
            if step.trade is not None:
                for request, listing in client.last.items():
                    if listing.product.family == family:
                        price, size = listing.price(step.trade[0]), step.trade[1]
                        client.tell(Tell.TICK_BY_TICK, request, 1, second, price, size, 0, listing.product.exchange, "")
            self._quotes(client, family, step, second)
            for request, view in list(client.depth.items()):
                if view.listing.product.family == family:
                    self._send_depth(client, request)

    @staticmethod
    def _quotes(client: Client, family: str, step: Step, second: int) -> None:
        quote = (*step.bids[0], *step.asks[0])
        for request, listing in client.bid_ask.items():
            if listing.product.family == family and client.quotes.get(request) != quote:
                client.quotes[request] = quote
                bid, bid_size, ask, ask_size = quote
                prices = listing.price(bid), listing.price(ask)
                client.tell(Tell.TICK_BY_TICK, request, 3, second, *prices, bid_size, ask_size, 0)

    def _send_depth(self, client: Client, request: int) -> None:
        view = client.depth[request]
        market = self.house.markets.of(view.listing)
        for side, old, new in ((1, view.bids, market.bids), (0, view.asks, market.asks)):
            self._send_side(client, request, view, side, old, new)
        view.bids, view.asks = market.bids[: view.rows], market.asks[: view.rows]

    @staticmethod
    def _send_side(client: Client, request: int, view: DepthView, side: int, old: Rows, new: Rows) -> None:
        for change in differences(old, new, view.rows):
            price = view.listing.price(change.price)
            client.tell(Tell.DEPTH, 1, request, change.position, change.operation, side, price, change.size)

    def advance(self) -> None:
        """Level 1 goes out four times a second."""
        if self.house.now_ns - self._level1_ns < LEVEL1_NS:
            return
        self._level1_ns = self.house.now_ns
        for client in self.house.ready_clients() if self.house.data_flows else ():
            for request, listing in client.level1.items():
                market = self.house.markets.of(listing)
                for kind, (price, size) in ((1, market.bids[0]), (2, market.asks[0]), (4, (market.last, 1))):
                    client.tell(Tell.TICK_PRICE, 6, request, kind, listing.price(price), size, 0)
                client.tell(Tell.TICK_SIZE, 6, request, 8, self.house.markets.volume[listing.product.family])

    def reset_depth(self, resend: bool) -> None:
        """317: what the client holds of the book is void."""
        for client in self.house.ready_clients():
            for request, view in client.depth.items():
                self.house.complain(client, request, 317, "Market depth data has been RESET. Please empty deep book contents")
                view.bids = view.asks = ()
                if resend:
                    self._send_depth(client, request)

    def complain_about_data(self, code: int, text: str) -> None:
        """The same error on every market-data subscription."""
        for client in self.house.ready_clients():
            for request in [*client.last, *client.bid_ask, *client.level1, *client.depth]:
                self.house.complain(client, request, code, text)


def _when(text: str) -> datetime | None:
    """A date and time as clients write them: `20260105 17:00:00 UTC` or `20260105-17:00:00` (UTC)."""
    if not text:
        return None
    plain = text.removesuffix(" UTC").replace("-", " ")
    return datetime.strptime(plain, "%Y%m%d %H:%M:%S").replace(tzinfo=UTC)
