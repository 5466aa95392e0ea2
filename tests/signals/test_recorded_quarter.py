"""A real quarter of five-minute bars: everything that can be known of a session is known."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pandas as pd
import pytest

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.domain.action import Observation
from orderflow_tui.domain.market import Bars
from orderflow_tui.domain.signal import Context, Decision, Hypothesis, Regime, RegimeReading, SetupReading
from orderflow_tui.domain.value import SessionProfile
from orderflow_tui.signals.openings import OpeningType
from tests.recordings import recording
from tests.signals.composed import Composed

WARM_UP_SESSIONS = 6


def bars() -> Bars:
    """ESU17 as recorded: Chicago time, stamps at bar starts."""
    rows = pd.read_csv(recording("es_5min_bidask/ESU17-CME.scid_BarData__5m.txt"), skipinitialspace=True)
    stamps = pd.to_datetime(rows["Date"] + " " + rows["Time"]).dt.tz_localize("America/Chicago").dt.tz_convert("UTC")
    ticks = {name: np.rint(rows[name].to_numpy() * 4).astype(np.int64) for name in ("Open", "High", "Low", "Last")}
    counts = [rows[n].to_numpy().astype(np.int64) for n in ("Volume", "BidVolume", "AskVolume", "NumberOfTrades")]
    starts = stamps.dt.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    return Bars("ES", 300, starts, ticks["Open"], ticks["High"], ticks["Low"], ticks["Last"], *counts)


@pytest.fixture(scope="module")
def quarter() -> Composed:
    block = bars()
    return Composed(session_table(date(2017, 1, 2), date(2017, 12, 29))).run(block)


@pytest.fixture(scope="module")
def sessions(quarter: Composed) -> list[tuple[Context, SessionProfile]]:
    found = [(c, p) for c, p in quarter.sessions if isinstance(c, Context) and isinstance(p, SessionProfile)]
    assert len(found) > 55
    return found[WARM_UP_SESSIONS:]


@pytest.mark.recording
def test_every_session_has_value_migration_opening_day_type_and_a_graded_plan(
    sessions: list[tuple[Context, SessionProfile]],
) -> None:
    for context, _ in sessions:
        assert context.dva is not None
        assert context.pva is not None
        assert context.cva_days == 5
        assert context.migration is not None
        assert context.opening_type in {kind.value for kind in OpeningType}
        assert context.day_type is not None
        assert context.rule_80 is not None
        assert context.inventory in {"LONG", "SHORT", "NEUTRAL"}
        assert context.hypothesis is not None
        assert context.hypothesis.grade in {"RIGHT", "WRONG", "FLAT"}


@pytest.mark.recording
def test_regimes_are_read_every_bar_and_all_of_them_occur(quarter: Composed) -> None:
    readings = [item for item in quarter.observed if isinstance(item, RegimeReading)]
    assert {r.regime for r in readings} == set(Regime)
    assert all(max(r.scores[:3]) <= 8.5 and r.scores[3] <= 7.0 for r in readings)
    per_day = Counter(r.ts_ns // (24 * 3600 * 1_000_000_000) for r in readings)
    assert Counter(per_day.values()).most_common(1)[0][0] == 79  # 78 bars and the bell


@pytest.mark.recording
def test_nothing_is_accepted_that_was_not_seen_tradable(quarter: Composed) -> None:
    tradable: set[str] = set()
    for item in quarter.observed:
        check(item, tradable)


def check(item: Observation, tradable: set[str]) -> None:
    if isinstance(item, SetupReading) and item.tradable:
        assert item.confidence >= 75.0
        assert item.flow > 0
        tradable.add(item.id)
    elif isinstance(item, Decision) and item.accepted:
        assert item.source_id in tradable
        assert item.regime is not Regime.NO_TRADE
        assert item.size_factor > 0


@pytest.mark.recording
def test_a_plan_is_written_twice_and_graded_once_a_session(quarter: Composed) -> None:
    plans = [item for item in quarter.observed if isinstance(item, Hypothesis)]
    by_day = Counter((p.trade_date, p.frozen, p.grade is not None) for p in plans)
    assert set(by_day.values()) == {1}
