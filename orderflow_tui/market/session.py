"""Where in the trading calendar the market is, and when the next boundary comes.

A day's boundaries are laid out once, when the day opens, as an agenda in order of time. At one instant a period ends
before the session does, and a session ends before the next begins.
"""

from __future__ import annotations

from datetime import date
from enum import IntEnum

from orderflow_tui.domain.session import SECOND_NS, Phase, SessionDay, SessionTable
from orderflow_tui.domain.watch import NEVER

LONGEST_PAUSE_NS = 10 * 24 * 3600 * SECOND_NS  # no weekend or holiday is longer


class OutsideCalendar(ValueError):
    """A trade lies outside the trading calendar, so nobody knows which day it belongs to."""


class Boundary(IntEnum):
    """What can come due, in the order in which simultaneous ones are done."""

    PERIOD_END = 1
    IB_END = 2
    RTH_CLOSE = 3
    DAY_CLOSE = 4
    DAY_OPEN = 5
    RTH_OPEN = 6
    PAUSE = 7  # the exchange stands still from here, or goes on


class SessionClock:
    """The current Globex day and phase. `day` is the one last opened, None before the first; `running` while it lasts, the
    pause of a holiday included."""

    __slots__ = ("_agenda", "_at", "_ib_ns", "_period_ns", "_span", "_table", "day", "entered", "phase", "running")

    def __init__(self, table: SessionTable, period_ns: int, ib_ns: int) -> None:
        self._table = table
        self._period_ns = period_ns
        self._ib_ns = ib_ns
        self._agenda: list[tuple[int, Boundary]] = []
        self._at = 0
        self._span = (0, 0)  # the cuts around the newest bar
        self.day: SessionDay | None = None
        self.phase = Phase.CLOSED
        self.running = False
        self.entered = False

    @property
    def due_ns(self) -> int:
        """When the next boundary comes."""
        return self._agenda[self._at][0] if self._at < len(self._agenda) else NEVER

    def enter(self, now_ns: int) -> bool:
        """Find the place of the first instant ever seen; True when it lies inside an open day."""
        self.entered = True
        day = self._table.day_at(now_ns)
        if day is None:
            return False
        if now_ns < day.open_ns:
            self._await(day)
            return False
        self.open(day, now_ns)
        return True

    def day_for(self, ts_ns: int) -> SessionDay:
        """The day a trade belongs to; trades in a pause settle into the next day."""
        day = self._table.day_at(ts_ns)
        if day is None or ts_ns < day.open_ns - LONGEST_PAUSE_NS:
            days = self._table.days
            span = f"{days[0].trade_date} to {days[-1].trade_date}" if days else "nothing"
            raise OutsideCalendar(f"a trade at {ts_ns} ns UTC, but the trading calendar covers {span}; extend the calendar")
        return day

    def open(self, day: SessionDay, now_ns: int) -> None:
        """Take up a day at an instant inside it, or before it when trades came early."""
        self.day = day
        self._span = (0, 0)
        self._stand(day, now_ns)
        agenda = [(day.close_ns, Boundary.DAY_CLOSE), *((edge, Boundary.PAUSE) for pause in day.pauses for edge in pause)]
        if day.rth_open_ns is not None and day.rth_close_ns is not None:
            opening, closing = day.rth_open_ns, day.rth_close_ns
            agenda += [(opening, Boundary.RTH_OPEN), (closing, Boundary.RTH_CLOSE)]
            ends = [*range(opening + self._period_ns, closing, self._period_ns), closing]
            agenda += [(end, Boundary.PERIOD_END) for end in ends]
            agenda.append((min(opening + self._ib_ns, closing), Boundary.IB_END))
        if now_ns < day.open_ns:
            agenda.append((day.open_ns, Boundary.DAY_OPEN))
        self._agenda = sorted(entry for entry in agenda if entry[0] > now_ns)
        self._at = 0

    def take(self, now_ns: int) -> list[Boundary]:
        """The boundaries at this very instant, in order, and the phase that follows them."""
        taken = []
        while self.due_ns == now_ns:
            taken.append(self._agenda[self._at][1])
            self._at += 1
        if self.day is not None:
            self._stand(self.day, now_ns)
        return taken

    def _stand(self, day: SessionDay, now_ns: int) -> None:
        self.phase = day.phase(now_ns)
        self.running = day.open_ns <= now_ns < day.close_ns

    def after(self, day: SessionDay) -> SessionDay | None:
        """What follows a day that closed; None at the calendar's end. The next boundary is its opening."""
        following = self._table.day_at(day.close_ns)
        if following is not None:
            self._await(following)
        return following

    def _await(self, day: SessionDay) -> None:
        self._agenda = [(day.open_ns, Boundary.DAY_OPEN)]
        self._at = 0
        self.phase, self.running = Phase.CLOSED, False

    def sessions_since(self, born: date | None) -> int:
        """Trading days from a date to the current day; a date unknown to the calendar counts as today."""
        if born is None or self.day is None or self._table.day_of(born) is None:
            return 0
        count, day = 0, self._table.day_of(born)
        while day is not None and day.trade_date < self.day.trade_date:
            day = self._table.day_at(day.close_ns)
            count += 1
        return count

    def _span_of(self, ts_ns: int) -> tuple[int, int]:
        """The cuts around an instant of the current day."""
        day = self.day
        assert day is not None, "no day is open"
        cuts = [day.open_ns, *(cut for cut in (day.rth_open_ns, day.rth_close_ns) if cut is not None), day.close_ns]
        anchor = max((cut for cut in cuts if cut <= ts_ns), default=day.open_ns)
        return anchor, min((cut for cut in cuts if cut > ts_ns), default=NEVER)

    def frame(self, ts_ns: int, length_ns: int) -> tuple[int, int]:
        """The interval [start, end) of a bar of this length that holds an instant of the current day.

        Bars are anchored at the Globex open and anew at every cut: regular open, regular close, Globex close.
        """
        anchor, limit = self._span
        if not anchor <= ts_ns < limit:
            anchor, limit = self._span = self._span_of(ts_ns)
        start = anchor + (ts_ns - anchor) // length_ns * length_ns
        return start, min(start + length_ns, limit)
