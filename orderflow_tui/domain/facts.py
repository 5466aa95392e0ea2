"""What the engine tells `trading` about the world; `trading` never sees the market itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from orderflow_tui.domain.account import Link, MarginFigure
from orderflow_tui.domain.event import WELL, HouseHealth
from orderflow_tui.domain.market import Grade, Mark


@dataclass(frozen=True, slots=True)
class Facts:
    """The world at `now_ns`. `entries_open` is the session and news window with its reason when closed; `data_age_ms`
    None when no data ever came; `flat_at_ns` the instant of auto-flatten today (None: no session); `market_open` whether
    an exit could trade now; `rth` whether regular hours are running; `marks` one per instrument we may hold;
    `margins` what the broker said a contract costs, one per instrument; `expiry` the nearest
    last trading day of the contracts we may execute in, None where there are no contract months; `house` how the
    machine does."""

    now_ns: int
    trade_date: date | None
    entries_open: bool
    window_reason: str
    flat_at_ns: int | None
    market_open: bool
    rth: bool
    data_age_ms: int | None
    grade: Grade
    link: Link
    link_epoch: int
    marks: tuple[Mark, ...]
    margins: tuple[MarginFigure, ...] = ()
    expiry: date | None = None
    house: HouseHealth = WELL

    def mark(self, instrument: str) -> Mark | None:
        """The mark of an instrument, None when nothing is known."""
        for mark in self.marks:
            if mark.instrument == instrument:
                return mark
        return None

    def margin(self, instrument: str) -> MarginFigure | None:
        """The broker's figure for an instrument, None when it gave none."""
        for figure in self.margins:
            if figure.instrument == instrument:
                return figure
        return None
