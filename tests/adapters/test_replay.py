"""A recording as a feed: the same events as an analysis gets, when the pace says so and never before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from math import inf
from pathlib import Path

import numpy as np
import pytest

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.importers import ImportFault, Sources, open_sources
from orderflow_tui.adapters.pace import Pace
from orderflow_tui.adapters.replay import ReplayFeed, known_at
from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.market import Bars, FeedState, FeedStatus, Trades
from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS
from orderflow_tui.ports import Feed
from tests.adapters.market_files import KNOWN, NOON_NS, bars_in, csv_of, trades_in
from tests.contract.feed_contract import FeedContract

TABLE = session_table(date(2026, 3, 2), date(2026, 3, 31))


class Wall:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


def paced(speed: float) -> tuple[Pace, Wall]:
    wall = Wall()
    return Pace(speed, wall=wall, sleep=wall.sleep), wall


def recording(folder: Path, stamps: Sequence[int], name: str = "ES.csv") -> Sources:
    path = csv_of(folder, [f"{ns},6712.25,1,BUY" for ns in stamps], "ts_ns,price,size,side", name)
    return open_sources([path], KNOWN, table=TABLE)


async def collected(feed: ReplayFeed) -> list[MarketEvent]:
    return [event async for event in feed.events()]


@pytest.mark.parametrize("speed", [0.5, 20.0, inf])
async def test_every_speed_delivers_the_same_trades_between_live_and_ended(tmp_path: Path, speed: float) -> None:
    stamps = (NOON_NS + np.random.default_rng(3).integers(0, 20 * SECOND_NS, 500)).tolist()
    sources = recording(tmp_path, sorted(stamps))
    events = await collected(ReplayFeed(sources, paced(speed)[0]))
    wanted = list(sources.recording())
    assert events[0] == wanted[0]
    assert isinstance(events[-1], FeedStatus)
    assert events[-1].state is FeedState.ENDED
    got, all_trades = trades_in(events), trades_in(wanted)
    assert got.ts_ns.tolist() == all_trades.ts_ns.tolist() == sorted(stamps)
    assert sources.sources[0].records == 500


async def test_no_event_comes_before_its_simulated_time(tmp_path: Path) -> None:
    pace, _ = paced(10.0)
    feed = ReplayFeed(recording(tmp_path, [NOON_NS + i * SECOND_NS // 3 for i in range(90)]), pace)
    async for event in feed.events():
        assert stamp_of(event) <= pace.now_ns


async def test_thirty_seconds_at_ten_times_speed_take_three(tmp_path: Path) -> None:
    pace, wall = paced(10.0)
    await collected(ReplayFeed(recording(tmp_path, [NOON_NS + i * SECOND_NS for i in range(31)]), pace))
    assert wall.now_s - 100.0 == pytest.approx(3.0, abs=0.2)


async def test_a_closed_market_is_skipped_and_not_waited_through(tmp_path: Path) -> None:
    pace, wall = paced(1.0)
    overnight = NOON_NS + 600 * MINUTE_NS
    events = await collected(ReplayFeed(recording(tmp_path, [NOON_NS, overnight]), pace))
    assert trades_in(events).ts_ns.tolist() == [NOON_NS, overnight]
    assert wall.now_s - 100.0 < 5.0


async def test_a_bar_comes_when_it_is_over(tmp_path: Path) -> None:
    rows = [f"{NOON_NS + i * MINUTE_NS},100,101,99,100,50" for i in range(5)]
    sources = open_sources([csv_of(tmp_path, rows, "ts_ns,open,high,low,close,volume")], KNOWN, table=TABLE)
    pace, _ = paced(100.0)
    seen = []
    async for event in ReplayFeed(sources, pace).events():
        if isinstance(event, Bars):
            assert stamp_of(event) < pace.now_ns
            seen.append(event)
    assert len(seen) == 5
    assert np.concatenate([bar.start_ns for bar in seen]).tolist() == bars_in(list(sources.events())).start_ns.tolist()


async def test_pause_holds_everything_and_a_step_lets_a_second_pass(tmp_path: Path) -> None:
    pace, _ = paced(1.0)
    feed = ReplayFeed(recording(tmp_path, [NOON_NS + i * SECOND_NS // 2 for i in range(20)]), pace)
    seen: list[MarketEvent] = []

    async def consume() -> None:
        nonlocal seen
        async for event in feed.events():
            seen += [event]

    pace.pause()
    task = asyncio.create_task(consume())
    await settled()
    assert seen == []
    pace.step()
    await settled()
    assert trades_in(seen).ts_ns.tolist() == [NOON_NS, NOON_NS + SECOND_NS // 2]
    pace.resume()
    await task
    assert len(trades_in(seen)) == 20


async def settled() -> None:
    """Let the read-ahead thread and every ready task finish."""
    for _ in range(300):
        await asyncio.to_thread(lambda: None)
        await asyncio.sleep(0)


async def test_closing_ends_the_feed_and_cancelling_releases_the_file(tmp_path: Path) -> None:
    pace, _ = paced(1.0)
    feed = ReplayFeed(recording(tmp_path, [NOON_NS + i * SECOND_NS for i in range(100)]), pace)
    seen = 0
    async for _ in feed.events():
        seen += 1
        if seen == 3:
            await feed.close()
    assert seen < 20
    await feed.close()
    second = ReplayFeed(recording(tmp_path, [NOON_NS + i * SECOND_NS for i in range(100)], "ES-2.csv"), paced(1.0)[0])
    task = asyncio.create_task(collected(second))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class TestContract(FeedContract):
    """The suite every feed passes, over the sample of the repository."""

    def feed(self) -> Feed:
        sample = Path(__file__).resolve().parents[2] / "data" / "sample"
        return ReplayFeed(open_sources([sample], KNOWN), paced(inf)[0])


async def test_a_bad_file_raises_its_sentence_out_of_the_feed(tmp_path: Path) -> None:
    path = csv_of(tmp_path, [f"{NOON_NS},6712.25,-1,BUY"] * 3, "ts_ns,price,size,side")
    with pytest.raises(ImportFault, match="3 of 3 rows are unusable"):
        await collected(ReplayFeed(open_sources([path], KNOWN, table=TABLE), paced(inf)[0]))


def test_trades_are_known_at_once_and_bars_at_their_end() -> None:
    column = np.array([NOON_NS], dtype=np.int64)
    assert known_at(Bars("ES", 60, column, column, column, column, column, column)) == NOON_NS + MINUTE_NS
    side = np.zeros(1, dtype=np.int8)
    assert known_at(Trades("ES", column, column, column, side, side)) == NOON_NS
