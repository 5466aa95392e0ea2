"""Cumulative delta: the running sum of signed volume since an anchor."""

from __future__ import annotations


class Cvd:
    """Buys minus sells since the last reset.

    `value` is None once volume came in whose sides nobody told: a sum with a hole in it is not a sum. `partial` says that
    the feed was not there all the time; the number is then a sum of what was seen.
    """

    __slots__ = ("_known", "_sum", "partial")

    def __init__(self) -> None:
        self._sum = 0
        self._known = True
        self.partial = False

    @property
    def value(self) -> int | None:
        """The sum in contracts, None when it cannot be known."""
        return self._sum if self._known else None

    def add(self, delta: int | None) -> None:
        """Take in a stretch of trading; None when its sides are not known."""
        if delta is None:
            self._known = False
        else:
            self._sum += delta
