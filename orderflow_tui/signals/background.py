"""What the completed sessions say, worked out once a session: alignment, shared levels, averages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from orderflow_tui.domain.value import SessionProfile, ValueArea
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.profile import value_area
from orderflow_tui.signals.stacking import LevelSource, aligned, sources, stacked_levels, transitions
from orderflow_tui.signals.value import migration, sign, span

AVERAGE_SESSIONS = 20
LEAST_SESSIONS = 5
COMPOSITES_MAX = 6


def composite(sessions: Sequence[SessionProfile], params: MarketParams) -> ValueArea | None:
    """Value area of the merged profiles; areas are never averaged."""
    if not sessions:
        return None
    low = min(s.low_tick for s in sessions)
    high = max(s.low_tick + len(s.volumes) for s in sessions)
    total = np.zeros(high - low, dtype=np.int64)
    for s in sessions:
        total[s.low_tick - low : s.low_tick - low + len(s.volumes)] += np.asarray(s.volumes, dtype=np.int64)
    return value_area(low, total.tolist(), params.value_permille, params.value_method, params.row_ticks)


class Background:
    """The completed sessions, oldest first, as today sees them. Refreshed when a day begins or the contract rolls."""

    __slots__ = (
        "_composites", "_naked", "_params", "_run", "_sources", "_stacked", "ib_average", "last_two", "range_average",
    )  # fmt: skip

    def __init__(self, params: MarketParams) -> None:
        self._params = params
        self._composites: dict[date, ValueArea | None] = {}
        self._run = 0
        self._sources: list[LevelSource] = []
        self._naked: tuple[tuple[date, int], ...] | None = None
        self._stacked: tuple[tuple[int, int, str], ...] = ()
        self.last_two: tuple[SessionProfile | None, SessionProfile | None] = (None, None)
        self.ib_average: float | None = None  # ticks, over whole sessions; None under five
        self.range_average: float | None = None

    def refresh(self, archive: Sequence[SessionProfile], moved: bool = False) -> None:
        """Read the archive. `moved`: prices were shifted, so nothing worked out before holds."""
        if moved:
            self._composites.clear()
        self._run = transitions([span(s.value) for s in archive])
        self.last_two = (archive[-1] if archive else None, archive[-2] if len(archive) > 1 else None)
        self._sources = list(self._composite_levels(archive))
        self._naked = None
        whole = [s for s in archive if not s.half_day][-AVERAGE_SESSIONS:]
        ranges = [s.high - s.low for s in whole]
        balances = [s.ib_high - s.ib_low for s in whole if s.ib_high is not None and s.ib_low is not None]
        self.range_average = sum(ranges) / len(ranges) if len(ranges) >= LEAST_SESSIONS else None
        self.ib_average = sum(balances) / len(balances) if len(balances) >= LEAST_SESSIONS else None

    def aligned(self, dva: ValueArea | None) -> int:
        """Signed number of aligned daily areas, today's developing one included where given."""
        newest = self.last_two[0]
        if dva is None or newest is None:
            return aligned(self._run)
        step = sign(migration(span(dva), span(newest.value)))
        return aligned(step + self._run if step * self._run > 0 else step)

    def stacked(self, naked: tuple[tuple[date, int], ...]) -> tuple[tuple[int, int, str], ...]:
        """Prices shared by composites that do not overlap and by naked POCs: (price, source dates, kind)."""
        if naked is not self._naked and naked != self._naked:
            levels = [*self._sources, *(LevelSource(price, "POC", day) for day, price in naked)]
            self._stacked = tuple((level.price, level.days, level.kind) for level in stacked_levels(levels))
        self._naked = naked
        return self._stacked

    def _composite_levels(self, archive: Sequence[SessionProfile]) -> list[LevelSource]:
        """Levels of the newest whole composite and of those one, two, … composite lengths older."""
        days = self._params.cva_days
        found: list[LevelSource] = []
        kept: dict[date, ValueArea | None] = {}
        for k in range(COMPOSITES_MAX):
            part = archive[max(len(archive) - (k + 1) * days, 0) : len(archive) - k * days]
            if len(part) < days:
                break
            newest = part[-1].trade_date
            area = self._composites[newest] if newest in self._composites else composite(part, self._params)
            kept[newest] = area
            if area is not None:
                found += sources(area, newest)
        self._composites.update(kept)
        oldest = archive[0].trade_date if archive else date.max
        self._composites = {day: area for day, area in self._composites.items() if day >= oldest}
        return found
