"""Scheduled news: a window around each release in which nothing is entered.

The calendar is a file the operator keeps. A stale file means no protection, and the product says so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from orderflow_tui.domain.session import MINUTE_NS

DAY_NS = 24 * 60 * MINUTE_NS


@dataclass(frozen=True, slots=True)
class NewsEvent:
    """A release. `impact` is high or medium; minutes of protection before and after it."""

    ts_ns: int
    name: str
    impact: str = "high"
    before_min: int = 15
    after_min: int = 15

    @property
    def starts_ns(self) -> int:
        """First instant inside the window."""
        return self.ts_ns - self.before_min * MINUTE_NS

    @property
    def ends_ns(self) -> int:
        """First instant after the window."""
        return self.ts_ns + self.after_min * MINUTE_NS


@dataclass(frozen=True, slots=True)
class NewsParams:
    """`blocks` lists the impacts that block; the file is stale when no entry lies in the next `stale_days`, and
    `stale_blocks` makes that block too instead of warning."""

    blocks: tuple[str, ...] = ("high",)
    stale_blocks: bool = False
    stale_days: int = 7


class NewsWindows:
    """The calendar, ready to be asked."""

    __slots__ = ("_events", "_longest", "_params", "_starts", "_times")

    def __init__(self, events: Sequence[NewsEvent], params: NewsParams) -> None:
        self._params = params
        self._times = sorted(event.ts_ns for event in events)
        self._events = sorted((e for e in events if e.impact in params.blocks), key=lambda e: e.starts_ns)
        self._starts = [e.starts_ns for e in self._events]
        self._longest = max((e.ends_ns - e.starts_ns for e in self._events), default=0)

    def stale(self, now_ns: int) -> bool:
        """No entry of any impact lies in the next days."""
        k = bisect_left(self._times, now_ns)
        return k == len(self._times) or self._times[k] > now_ns + self._params.stale_days * DAY_NS

    def told(self, now_ns: int) -> str:
        """That the file is stale, and how old its newest entry is."""
        if not self._times:
            return "news file stale: it is empty"
        days = (now_ns - self._times[-1]) // DAY_NS
        return "news file stale" if days < 0 else f"news file stale: newest entry {days} d old"

    def active(self, now_ns: int) -> NewsEvent | None:
        """The blocking release whose half-open window holds `now_ns`."""
        first = bisect_left(self._starts, now_ns - self._longest)
        for event in self._events[first : bisect_right(self._starts, now_ns)]:
            if event.starts_ns <= now_ns < event.ends_ns:
                return event
        return None

    def blocked(self, now_ns: int) -> str:
        """Why entries are blocked now, empty when they are not."""
        event = self.active(now_ns)
        if event is not None:
            return f"news window: {event.name}"
        return self.told(now_ns) if self._params.stale_blocks and self.stale(now_ns) else ""

    def text(self, now_ns: int) -> str:
        """One short line for the screen: the window we are in, the next one, or that the file is stale."""
        event = self.active(now_ns)
        if event is not None:
            return f"NOW {event.name}"
        if self.stale(now_ns):
            return self.told(now_ns)
        following = self._events[bisect_right(self._starts, now_ns) :]
        if not following:
            return "no release ahead"
        wait = (following[0].ts_ns - now_ns) // MINUTE_NS
        return f"{following[0].name} in {wait} min" if wait < 600 else "no release soon"
