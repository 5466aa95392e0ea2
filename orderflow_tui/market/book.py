"""Our own view of the book: the newest depth or quote, whether it can be believed, and how resting size moved.

Depth wins where the feed has it; a source with quotes only gives one row a side. A gap makes the book invalid until the
next word about it.
"""

from __future__ import annotations

from orderflow_tui.domain.market import NO_PRICE, Depth, Quote

Rows = tuple[tuple[int, int], ...]
KNOWN_MAX = 400  # levels whose resting size is remembered


class Book:
    """Rows are (price ticks, size), best first."""

    __slots__ = ("_base", "_deep", "_traded", "asks", "bids", "ts_ns")

    def __init__(self) -> None:
        self.bids: Rows = ()
        self.asks: Rows = ()
        self.ts_ns: int | None = None
        self._deep = False  # depth has been seen, so quotes no longer replace it
        self._base: dict[int, int] = {}  # signed resting size at a level when it last traded, or was first seen
        self._traded: tuple[int, int] | None = None  # range traded since the last depth

    @property
    def followed(self) -> bool:
        """Whether there is a ladder whose changes are worth following."""
        return self._deep

    @property
    def best_bid(self) -> int | None:
        """Highest bid, None on an empty side."""
        return self.bids[0][0] if self.bids else None

    @property
    def best_ask(self) -> int | None:
        """Lowest offer, None on an empty side."""
        return self.asks[0][0] if self.asks else None

    @property
    def valid(self) -> bool:
        """Both sides there, and neither locked nor crossed."""
        return bool(self.bids and self.asks) and self.bids[0][0] < self.asks[0][0]

    def on_quote(self, quote: Quote) -> None:
        """Best bid and ask; ignored once the feed has shown depth."""
        if self._deep:
            return
        self.bids = () if quote.bid == NO_PRICE else ((quote.bid, quote.bid_size),)
        self.asks = () if quote.ask == NO_PRICE else ((quote.ask, quote.ask_size),)
        self.ts_ns = quote.ts_ns

    def on_depth(self, depth: Depth) -> None:
        """The whole visible book."""
        self._deep = True
        self.bids, self.asks, self.ts_ns = depth.bids, depth.asks, depth.ts_ns
        low, high = self._traded or (1, 0)
        self._traded = None
        for sign, rows in ((1, depth.bids), (-1, depth.asks)):
            for price, size in rows:
                old = self._base.get(price)
                if old is None or low <= price <= high or (old > 0) != (sign > 0):
                    self._base[price] = sign * size
        if len(self._base) > KNOWN_MAX:
            shown = {price for price, _ in (*depth.bids, *depth.asks)}
            self._base = {price: size for price, size in self._base.items() if price in shown}

    def on_traded(self, low: int, high: int) -> None:
        """Trading took place between these ticks since the last depth."""
        old = self._traded
        self._traded = (low, high) if old is None else (min(low, old[0]), max(high, old[1]))

    def clear(self) -> None:
        """Data was lost: nothing shown can be believed until the next word."""
        self.bids = self.asks = ()
        self._base = {}
        self._traded = None

    def imbalance(self, rows: int = 10) -> float | None:
        """Bid share of the resting size in the nearest rows; None unless both sides are there. Display only."""
        bid, ask = sum(size for _, size in self.bids[:rows]), sum(size for _, size in self.asks[:rows])
        return bid / (bid + ask) if self.valid and bid and ask else None

    def size_at(self, ticks: int) -> int:
        """Displayed size at a price, on whichever side it rests."""
        return next((size for price, size in (*self.bids, *self.asks) if price == ticks), 0)

    def pulled(self, ticks: int) -> int:
        """Change of resting size at a price since it last traded: positive stacked, negative pulled; 0 where not shown."""
        for sign, rows in ((1, self.bids), (-1, self.asks)):
            for price, size in rows:
                if price == ticks:
                    base = self._base.get(ticks, sign * size)
                    return size - abs(base) if (base > 0) == (sign > 0) else 0
        return 0
