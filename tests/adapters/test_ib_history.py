from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from orderflow_tui.adapters.ib_history import HistoryMissing, backfill
from orderflow_tui.domain.market import Bars
from tests.adapters.ib_fixtures import MakeWorld, worlds
from tests.adapters.ib_world import IbWorld

__all__ = ["worlds"]


def fetched(world: IbWorld, sessions: int = 30) -> tuple[Bars, list[tuple[int, int]]]:
    line, traded = world.session.line, world.session.traded["ES"]
    assert line is not None
    steps: list[tuple[int, int]] = []
    bars = world.wait(lambda: backfill(line, traded, world.now_ns, sessions, lambda done, wanted: steps.append((done, wanted))))
    return bars, steps


def trade_dates(bars: Bars) -> set[object]:
    """Trading days, which begin at 17:00 Chicago."""
    chicago = ZoneInfo("America/Chicago")
    return {(datetime.fromtimestamp(t / 1e9, chicago) + timedelta(hours=7)).date() for t in bars.start_ns.tolist()}


def test_thirty_sessions_of_minutes_come_in_order_and_progress_is_told(worlds: MakeWorld) -> None:
    world = worlds().ready()
    bars, steps = fetched(world)
    assert len(trade_dates(bars)) == 30
    assert bool(np.all(np.diff(bars.start_ns) > 0))
    assert bool(np.all(bars.high >= bars.low))
    assert bool(np.all(bars.volume > 0))
    assert bars.trades is not None
    assert steps[-1] == (30, 30)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert bars.start_ns[-1] + 60 * 10**9 <= world.now_ns


def test_requests_keep_their_distance(worlds: MakeWorld) -> None:
    world = worlds().ready()
    fetched(world, sessions=12)
    asked = [r["at_ns"] for r in world.sent("HISTORICAL_BARS") if "1 min" in r["fields"]]
    assert len(asked) == 3
    assert all(later - earlier >= 2.1e9 for earlier, later in pairwise(asked))


def test_a_pacing_violation_is_waited_out(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("answer", what="HISTORICAL_BARS", code=162, count=2)
    bars, _ = fetched(world, sessions=5)
    assert len(trade_dates(bars)) == 5


def test_history_that_never_comes_is_said(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("answer", what="HISTORICAL_BARS", code=162, count=9)
    with pytest.raises(HistoryMissing, match="162"):
        fetched(world)


def test_live_data_goes_on_during_the_back_fill(worlds: MakeWorld) -> None:
    world = worlds().ready()
    before = len(world.market)
    fetched(world, sessions=12)
    assert len(world.market) > before
    assert world.session.link.value == "READY"
