"""Which trading day a stamp belongs to, for whole columns. Knows the years the calendar table covers."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from orderflow_tui.adapters.calendar import FIRST_BUILT, LAST_BUILT, session_table
from orderflow_tui.adapters.importers.source import ImportFault
from orderflow_tui.domain.market import I64
from orderflow_tui.domain.session import SessionTable


@lru_cache(maxsize=1)
def whole_calendar() -> SessionTable:
    """The whole calendar table, built once."""
    return session_table(FIRST_BUILT, LAST_BUILT)


class DayIndex:
    """Looks stamps up in one table."""

    __slots__ = ("_closes", "table")

    def __init__(self, table: SessionTable | None = None) -> None:
        self.table = table or whole_calendar()
        self._closes: I64 = np.array([day.close_ns for day in self.table.days], dtype=np.int64)

    def of(self, stamps: I64) -> I64:
        """Index into `table.days` of each stamp. Raises ImportFault for times the calendar does not cover."""
        if len(stamps) and not self.table.days[0].open_ns <= int(stamps.min()) <= int(stamps.max()) < int(self._closes[-1]):
            outside = min(int(stamps.min()), int(stamps.max()), key=lambda ts: ts >= self.table.days[0].open_ns)
            raise ImportFault(
                f"{np.datetime64(outside, 'ns')} lies outside the trading calendar, which covers "
                f"{self.table.days[0].trade_date} to {self.table.days[-1].trade_date}"
            )
        found: I64 = np.searchsorted(self._closes, stamps, side="right").astype(np.int64)
        return found

    def one(self, stamp: int) -> int:
        """Index into `table.days` of one stamp."""
        return int(self.of(np.array([stamp], dtype=np.int64))[0])

    def pieces(self, stamps: I64) -> list[tuple[int, int, int]]:
        """Runs of rows of one day: (first row, row after the last, day index). Stamps never decrease."""
        if not len(stamps):
            return []
        days = self.of(stamps)
        edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(stamps)]
        return [(a, b, int(days[a])) for a, b in pairwise(edges)]
