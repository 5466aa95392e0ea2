"""Seven years of real five-minute bars against somebody else's value areas: by tolerance, their method is another one."""

from __future__ import annotations

import csv
from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.importers import open_sources
from orderflow_tui.adapters.importers.trade_dates import DayIndex
from orderflow_tui.domain.market import Bars
from orderflow_tui.domain.session import MINUTE_NS
from orderflow_tui.domain.value import ValueArea
from orderflow_tui.market.profile import VolumeProfile
from tests.adapters.market_files import KNOWN
from tests.recordings import recording

pytestmark = [pytest.mark.slow, pytest.mark.recording]
TWO_POINTS = 8  # ticks
QUARTER_HOUR_NS = 15 * MINUTE_NS


class Session:
    """One regular session as its bars came: the profile at 16:00 and, a quarter of an hour of bars later, at 16:15."""

    def __init__(self) -> None:
        self.profile = VolumeProfile()
        self.high, self.low = -(2**40), 2**40
        self.at_close: ValueArea | None = None

    def add(self, block: Bars, close_ns: int) -> None:
        for i in range(len(block)):
            if self.at_close is None and block.start_ns[i] >= close_ns:
                self.at_close = self.area()
            low, high = int(block.low[i]), int(block.high[i])
            if block.start_ns[i] < close_ns:
                self.high, self.low = max(self.high, high), min(self.low, low)
            self.profile.add_bar(low, high, int(block.close[i]), int(block.volume[i]))

    def area(self) -> ValueArea | None:
        return self.profile.value_area(700, "two_row")


@pytest.fixture(scope="module")
def sessions() -> dict[date, Session]:
    table = session_table(date(2014, 12, 1), date(2021, 12, 31))
    days = DayIndex(table)
    found: dict[date, Session] = {}
    for block in open_sources([recording("es_5min_bidask")], KNOWN, table=table).events():
        if not isinstance(block, Bars):
            continue
        for first, stop, index in days.pieces(block.start_ns):
            day = table.days[index]
            assert day.rth_open_ns is not None
            assert day.rth_close_ns is not None
            edges = [day.rth_open_ns, min(day.rth_close_ns + QUARTER_HOUR_NS, day.close_ns)]
            low, high = np.searchsorted(block.start_ns[first:stop], edges, side="left") + first
            if high > low:
                found.setdefault(day.trade_date, Session()).add(block.cut(int(low), int(high)), day.rth_close_ns)
    return found


@pytest.fixture(scope="module")
def reference() -> dict[date, dict[str, str]]:
    with recording("value_areas/es_value_areas_2008_2021.csv").open() as file:
        return {date.fromisoformat(row["session_date"]): row for row in csv.DictReader(file)}


def test_regular_highs_and_lows_equal_the_reference(sessions: dict[date, Session], reference: dict[date, dict[str, str]]) -> None:
    common = [day for day in sessions if day in reference and reference[day]["rdr_high"]]
    same = [
        (sessions[day].high, sessions[day].low) == tuple(round(float(reference[day][k]) * 4) for k in ("rdr_high", "rdr_low"))
        for day in common
    ]
    assert len(common) > 1_600
    assert sum(same) / len(same) >= 0.94


@pytest.mark.parametrize(("late", "share"), [(False, 0.80), (True, 0.87)])
def test_value_areas_lie_within_two_points_of_the_reference(
    sessions: dict[date, Session], reference: dict[date, dict[str, str]], late: bool, share: float
) -> None:
    close, total = 0, 0
    for day, following in pairwise(reference):
        row = reference[following]
        if day not in sessions or not row["prev_rth_vah"]:
            continue
        area = sessions[day].area() if late else sessions[day].at_close or sessions[day].area()
        assert area is not None
        wanted = [round(float(row[f"prev_rth_{edge}"]) * 4) for edge in ("vah", "val")]
        total += 1
        close += max(abs(area.vah - wanted[0]), abs(area.val - wanted[1])) <= TWO_POINTS
    assert total > 1_600
    assert close / total >= share
