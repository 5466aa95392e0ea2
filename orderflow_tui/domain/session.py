"""Trading days as the exchange keeps them, already turned into UTC nanoseconds.

The pure floors never see a time zone: adapters build the table from calendar, overrides and broker hours.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from enum import Enum
from itertools import pairwise

MINUTE_NS = 60_000_000_000
SECOND_NS = 1_000_000_000
MS_NS = 1_000_000


class Phase(Enum):
    """Where in a Globex day an instant lies. AFTER is from the RTH close to the Globex close; CLOSED also inside its pauses."""

    CLOSED = "CLOSED"
    OVERNIGHT = "OVERNIGHT"
    RTH = "RTH"
    AFTER = "AFTER"


@dataclass(frozen=True, slots=True)
class SessionDay:
    """One Globex day, half-open intervals. `midnight_ns` is 00:00 exchange time (ET) of the trade date.

    rth_open_ns and rth_close_ns are None on days without regular hours (holidays with a shortened Globex session). A day that
    took in the holiday before it is open from the holiday's open on, but for the `pauses` in which the exchange stands still.
    """

    trade_date: date
    midnight_ns: int
    open_ns: int
    close_ns: int
    rth_open_ns: int | None
    rth_close_ns: int | None
    half_day: bool = False
    pauses: tuple[tuple[int, int], ...] = ()

    def phase(self, ts_ns: int) -> Phase:
        """The phase of an instant, CLOSED outside this day and where nothing trades in it."""
        if not self.open_ns <= ts_ns < self.close_ns or any(begin <= ts_ns < end for begin, end in self.pauses):
            return Phase.CLOSED
        if self.rth_open_ns is None or self.rth_close_ns is None:
            return Phase.OVERNIGHT
        if ts_ns < self.rth_open_ns:
            return Phase.OVERNIGHT
        return Phase.RTH if ts_ns < self.rth_close_ns else Phase.AFTER

    def open_between(self, start_ns: int, end_ns: int) -> int:
        """For how long of a stretch this day trades, ns."""
        stretches = ((self.open_ns, self.close_ns), *self.pauses)
        day, *pauses = (max(0, min(end_ns, end) - max(start_ns, begin)) for begin, end in stretches)
        return day - sum(pauses)

    def at(self, hour: int, minute: int, second: int = 0) -> int:
        """UTC ns of a wall-clock time of the trade date in exchange time.

        Exact from 03:00 on: clocks change on Sunday nights only, when the market is closed.
        """
        return self.midnight_ns + ((hour * 60 + minute) * 60 + second) * SECOND_NS


class SessionTable:
    """Trading days in order of time; look-up by instant or date."""

    __slots__ = ("_by_date", "_closes", "_last", "days")

    def __init__(self, days: tuple[SessionDay, ...]) -> None:
        assert all(a.close_ns <= b.open_ns for a, b in pairwise(days)), "trading days must not overlap"
        self.days = days
        self._closes = [d.close_ns for d in days]
        self._by_date = {d.trade_date: i for i, d in enumerate(days)}
        self._last: tuple[int, int, SessionDay | None] = (0, 0, None)  # from, to (excluded): the last answer of `day_at`

    def day_at(self, ts_ns: int) -> SessionDay | None:
        """The day an instant belongs to, rolled forward over pauses, weekends and holidays; None past the table."""
        since, until, day = self._last
        if since <= ts_ns < until:
            return day
        index = bisect_right(self._closes, ts_ns)
        if index == len(self.days):
            return None
        self._last = (self._closes[index - 1] if index else ts_ns, self._closes[index], self.days[index])
        return self.days[index]

    def trade_date(self, ts_ns: int) -> date | None:
        """The trade date an instant settles into."""
        day = self.day_at(ts_ns)
        return day.trade_date if day else None

    def day_of(self, trade_date: date) -> SessionDay | None:
        """The day of a trade date."""
        index = self._by_date.get(trade_date)
        return None if index is None else self.days[index]

    def previous(self, day: SessionDay, count: int = 1) -> SessionDay | None:
        """The day `count` trading days earlier."""
        index = self._by_date[day.trade_date] - count
        return self.days[index] if index >= 0 else None
