"""The markets the gateway plays: a seeded walk for each family of products, or a recording.

A market knows steps, not time: the gateway decides when a step happens. Prices are tick indices of the product whose
grid the family shares (ES and MES, NQ and MNQ have the same).
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.gateway.book import Rows

LEVELS = 12  # rows kept on each side; clients see at most ten
MOST_SIZE = 60
DRIFT_SPAN = 400  # ticks from the start at which the walk turns back


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of a market did: the print (None: only quotes moved) and the book after it, best first."""

    trade: tuple[int, int] | None
    bids: Rows
    asks: Rows


class Market(Protocol):
    """Something that moves in steps."""

    bids: Rows
    asks: Rows
    last: int

    def step(self) -> Step | None:
        """The next step, None when there is none."""
        ...

    def shift_to(self, price: int) -> Step:
        """Jump so that `price` prints, the book around it."""
        ...


class Walk:
    """A seeded walk: each print eats the best row of a side; an emptied row moves the price by one tick."""

    def __init__(self, seed: int, start: int) -> None:
        self._random = random.Random(seed)
        self._start = start
        self.last = start
        self.bids: Rows = ()
        self.asks: Rows = ()
        self._rebuild(start - 1)

    def _rebuild(self, best_bid: int) -> None:
        sizes = self._random
        self.bids = tuple((best_bid - i, sizes.randint(5, MOST_SIZE)) for i in range(LEVELS))
        self.asks = tuple((best_bid + 1 + i, sizes.randint(5, MOST_SIZE)) for i in range(LEVELS))

    def step(self) -> Step:
        """A print at the bid or the ask, and perhaps one level refreshed."""
        draw = self._random
        lean = (self._start - self.last) / DRIFT_SPAN
        buys = draw.random() < 0.5 + 0.2 * max(-1.0, min(1.0, lean))
        rows = self.asks if buys else self.bids
        price, size = rows[0]
        taken = min(size, draw.choice((1, 1, 1, 2, 2, 3, 5, 8, 13)))
        self.last = price
        if taken < size:
            self._set(buys, ((price, size - taken), *rows[1:]))
        else:
            self._move(1 if buys else -1)
        if draw.random() < 0.3:
            self._refresh()
        return Step((price, taken), self.bids, self.asks)

    def _set(self, ask_side: bool, rows: Rows) -> None:
        if ask_side:
            self.asks = rows
        else:
            self.bids = rows

    def _move(self, direction: int) -> None:
        """The best row of one side is gone: that side steps back, the other follows."""
        draw = self._random
        bid, ask = self.bids[0][0], self.asks[0][0]
        if direction > 0:
            self.asks = (*self.asks[1:], (self.asks[-1][0] + 1, draw.randint(5, MOST_SIZE)))
            self.bids = ((bid + 1, draw.randint(1, MOST_SIZE)), *self.bids[:-1])
        else:
            self.bids = (*self.bids[1:], (self.bids[-1][0] - 1, draw.randint(5, MOST_SIZE)))
            self.asks = ((ask - 1, draw.randint(1, MOST_SIZE)), *self.asks[:-1])

    def _refresh(self) -> None:
        draw = self._random
        ask_side = draw.random() < 0.5
        rows = list(self.asks if ask_side else self.bids)
        level = draw.randrange(LEVELS)
        rows[level] = (rows[level][0], draw.randint(1, MOST_SIZE))
        self._set(ask_side, tuple(rows))

    def shift_to(self, price: int) -> Step:
        """A gap: the price prints and the book forms anew around it."""
        up = price >= self.last
        self.last = price
        self._rebuild(price - 1 if up else price)
        return Step((price, 1), self.bids, self.asks)


class Recording:
    """A market read from a CSV of `price_ticks,size,bid_ticks,ask_ticks`; ends with its last row."""

    def __init__(self, rows: Iterator[tuple[int, int, int, int]]) -> None:
        self._rows = rows
        self.last = 0
        self.bids: Rows = ()
        self.asks: Rows = ()
        self.step()

    @staticmethod
    def read(path: Path) -> Recording:
        """The recording in a file."""

        def rows() -> Iterator[tuple[int, int, int, int]]:
            with path.open(newline="") as lines:
                for row in csv.DictReader(lines):
                    yield int(row["price_ticks"]), int(row["size"]), int(row["bid_ticks"]), int(row["ask_ticks"])

        return Recording(rows())

    def step(self) -> Step | None:
        """The next row of the recording, with a plain book drawn around its quote."""
        row = next(self._rows, None)
        if row is None:
            return None
        price, size, bid, ask = row
        return self._at(price, size, bid, ask)

    def _at(self, price: int, size: int, bid: int, ask: int) -> Step:
        self.last = price
        self.bids = tuple((bid - i, 10 + i) for i in range(LEVELS))
        self.asks = tuple((ask + i, 10 + i) for i in range(LEVELS))
        return Step((price, size), self.bids, self.asks)

    def shift_to(self, price: int) -> Step:
        """A jump inserted by a test; the recording goes on where it was."""
        return self._at(price, 1, price - 1, price)
