"""What the market state reports when something ends or begins. `ts_ns` is the instant it is true at."""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.session import SessionDay
from orderflow_tui.domain.value import SessionProfile


@dataclass(frozen=True, slots=True)
class BarClosed:
    """A bar is complete."""

    bar: FootprintBar

    @property
    def ts_ns(self) -> int:
        """The bar's end."""
        return self.bar.end_ns


@dataclass(frozen=True, slots=True)
class PeriodClosed:
    """A half-hour of regular hours is complete: index 0 is letter A. Prices in ticks. Silent when nothing traded."""

    index: int
    open: int
    high: int
    low: int
    close: int
    start_ns: int
    end_ns: int

    @property
    def ts_ns(self) -> int:
        """The period's end."""
        return self.end_ns


@dataclass(frozen=True, slots=True)
class DayOpened:
    """A Globex day began (or was entered while it ran)."""

    day: SessionDay
    ts_ns: int


@dataclass(frozen=True, slots=True)
class RthOpened:
    """Regular hours began. `price` is the opening trade where it is known already; the bell itself has none."""

    day: SessionDay
    price: int | None
    ts_ns: int


@dataclass(frozen=True, slots=True)
class RthClosed:
    """Regular hours ended. `profile` None when nothing traded in them."""

    profile: SessionProfile | None
    day: SessionDay
    ts_ns: int


@dataclass(frozen=True, slots=True)
class DayClosed:
    """The Globex day ended: its session is in the archive now, and the past moves on by one day."""

    day: SessionDay
    ts_ns: int


@dataclass(frozen=True, slots=True)
class Rolled:
    """The contract rolled: every stored price moved by `shift_ticks`. None: nobody knows by how much, and what was learnt
    on the old contract is forgotten."""

    shift_ticks: int | None
    ts_ns: int


News = BarClosed | PeriodClosed | DayOpened | RthOpened | RthClosed | DayClosed | Rolled
