"""The simulated order book: queues behind each price, eaten by aggressors, refilled, pulled, and hidden behind.

Sizes are kept from the best price outward. Depth behind the best grows and then stays; each look at the book moves
every queue some way towards a noisy target, so queues fill, stack and pull without anybody planning it.
An iceberg is one large order that shows little and refills from its reserve whenever the display is eaten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SHOWN = 10
KEPT = 13
NEAR = 4
FAR_EVERY = 4  # far queues move at every fourth look
# Target sizes from the best price outward, in contracts at noon.
SHAPE = (68, 86, 98, 106, 112, 118, 122, 124, 126, 128, 128, 128, 128)
# Share of the way to the target a queue moves at a look, an eighth of a second; the best queues are the liveliest. Queues
# beyond NEAR are looked at every FAR_EVERY-th time and told the share for that.
PULL = (0.09, 0.1, 0.1, 0.1, 0.36, 0.33, 0.3, 0.28, 0.26, 0.25, 0.24, 0.24, 0.24)
SMALLEST_JOIN, LARGEST_JOIN = 10, 60


@dataclass(slots=True)
class Iceberg:
    """A hidden order at one price. `side` +1 rests on the bid. `shown` is its display, `reserve` what it still hides."""

    price: int
    side: int
    shown: int
    reserve: int
    eaten: int = 0


class Ladder:
    """Both sides of the book. Prices in ticks; `ask` > `bid` always."""

    __slots__ = ("ask", "asks", "bid", "bids", "iceberg")

    def __init__(self, bid: int) -> None:
        self.bid, self.ask = bid, bid + 1
        self.bids, self.asks = list(SHAPE), list(SHAPE)
        self.iceberg: Iceberg | None = None

    def move_to(self, bid: int) -> None:
        """A fresh book around a price, for an opening."""
        self.bid, self.ask = bid, bid + 1
        self.bids, self.asks = list(SHAPE), list(SHAPE)
        self.iceberg = None

    def lift(self, wanted: int, follow: float, chance: Iterator[float]) -> int:
        """Buy at the best ask; returns contracts bought. An emptied level moves the ask, and perhaps the bid after it."""
        queue = self.asks[0]
        if wanted < queue:
            self.asks[0] = queue - wanted
            self._eat(self.ask, -1, wanted)
            return wanted
        self._eat(self.ask, -1, queue)
        refill = self._refill(self.ask, -1)
        if refill:
            self.asks[0] = refill
            return queue
        self.asks.pop(0)
        self.asks.append(SHAPE[-1])
        self.ask += 1
        u = next(chance)
        if u < follow:
            self._join_bid(u / follow)
        return queue

    def hit(self, wanted: int, follow: float, chance: Iterator[float]) -> int:
        """Sell at the best bid: the mirror of `lift`."""
        queue = self.bids[0]
        if wanted < queue:
            self.bids[0] = queue - wanted
            self._eat(self.bid, 1, wanted)
            return wanted
        self._eat(self.bid, 1, queue)
        refill = self._refill(self.bid, 1)
        if refill:
            self.bids[0] = refill
            return queue
        self.bids.pop(0)
        self.bids.append(SHAPE[-1])
        self.bid -= 1
        u = next(chance)
        if u < follow:
            self._join_ask(u / follow)
        return queue

    def breathe(
        self, share: float, depths: tuple[float, float], noise: Iterator[float], lean: float, u: float, *, far: bool
    ) -> None:
        """Queues move towards their targets; a wide spread closes towards the side the flow leans to.

        `share` scales the usual step, depths (bid, ask) scale the targets, `lean` -1…1 is the flow, `u` uniform in [0, 1).
        Without `far` only the nearest queues move: the rest are looked at less often.
        """
        count = KEPT if far else NEAR
        for queue, depth in ((self.bids, depths[0]), (self.asks, depths[1])):
            queue[:count] = [
                size + int((goal * depth * next(noise) - size) * pull * share) or 1
                for size, goal, pull in zip(queue[:count], SHAPE, PULL, strict=False)
            ]
        while self.ask - self.bid > 1:
            if u < 0.5 + 0.4 * lean:
                self._join_bid(u)
            else:
                self._join_ask(u)
        if self.iceberg is not None:
            self._show(self.iceberg)

    def shown(self) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
        """Ten levels a side, best first, as (price, size)."""
        bid, ask = self.bid, self.ask
        return (
            tuple([(bid - i, size) for i, size in enumerate(self.bids[:SHOWN])]),
            tuple([(ask + i, size) for i, size in enumerate(self.asks[:SHOWN])]),
        )

    def _join_bid(self, u: float) -> None:
        self.bids.insert(0, SMALLEST_JOIN + int(u * (LARGEST_JOIN - SMALLEST_JOIN)))
        self.bids.pop()
        self.bid += 1

    def _join_ask(self, u: float) -> None:
        self.asks.insert(0, SMALLEST_JOIN + int(u * (LARGEST_JOIN - SMALLEST_JOIN)))
        self.asks.pop()
        self.ask -= 1

    def _eat(self, price: int, side: int, size: int) -> None:
        ice = self.iceberg
        if ice is not None and ice.price == price and ice.side == side:
            ice.eaten += size

    def _refill(self, price: int, side: int) -> int:
        """What an iceberg shows anew at an emptied level, 0 where there is none or its reserve is gone."""
        ice = self.iceberg
        if ice is None or ice.price != price or ice.side != side:
            return 0
        size = min(ice.shown, ice.reserve)
        ice.reserve -= size
        if size == 0:
            self.iceberg = None
        return size

    def _show(self, ice: Iceberg) -> None:
        """Bring the iceberg's level back up to its display while its price is inside the book."""
        queue, level = (self.bids, self.bid - ice.price) if ice.side > 0 else (self.asks, ice.price - self.ask)
        if level < 0:
            return  # the market has left it behind; it still rests, out of reach, until it is withdrawn
        if level < KEPT and queue[level] < ice.shown:
            size = min(ice.shown - queue[level], ice.reserve)
            queue[level] += size
            ice.reserve -= size
