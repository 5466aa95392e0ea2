"""Our own book from the broker's depth messages: rows that shift on insert and delete. Pure.

A position beyond the rows cannot be meant for this book: it is broken until subscribed anew. Rows out of order and sides
that touch are wrong for the moment only, because a move of the market is told row by row; whoever uses the book shows it
while it is `valid` and gives up on it when it has not been for a while.
"""

from __future__ import annotations

from itertools import pairwise

Row = tuple[int, int]  # (price ticks, size)
INSERT, UPDATE, DELETE = 0, 1, 2
ROWS = 10


class DepthBook:
    """Both sides, best first, at most `rows` each. `broken` says why it cannot be believed any more, empty when it can."""

    __slots__ = ("_rows", "asks", "bids", "broken")

    def __init__(self, rows: int = ROWS) -> None:
        self._rows = rows
        self.bids: list[Row] = []
        self.asks: list[Row] = []
        self.broken = ""

    def clear(self) -> None:
        """Empty and whole again."""
        self.bids, self.asks, self.broken = [], [], ""

    def apply(self, position: int, operation: int, bid_side: bool, price: int, size: int) -> None:
        """One depth message. Sets `broken` when it cannot be meant for this book."""
        rows = self.bids if bid_side else self.asks
        limit = len(rows) if operation == INSERT else len(rows) - 1
        if not 0 <= position <= limit or operation not in (INSERT, UPDATE, DELETE):
            self.broken = f"operation {operation} at row {position} of {len(rows)}"
        elif operation == DELETE:
            del rows[position]
        elif operation == UPDATE:
            rows[position] = (price, size)
        else:
            rows.insert(position, (price, size))
            del rows[self._rows :]

    @property
    def valid(self) -> bool:
        """Whole, both sides there and in order, not crossed or locked."""
        if self.broken or not self.bids or not self.asks or self.bids[0][0] >= self.asks[0][0]:
            return False
        falling = all(a[0] > b[0] for a, b in pairwise(self.bids))
        return falling and all(a[0] < b[0] for a, b in pairwise(self.asks))
