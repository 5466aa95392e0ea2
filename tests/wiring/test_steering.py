"""The keys of the replay bar move the market by what they say: one trade, one bar."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.wiring import Wish, plan_of
from orderflow_tui.wiring.paced import PacedSide, paced_side

TIMES = ("15:00:00.1", "15:00:07.2", "15:00:07.9", "15:02:00.5", "15:05:00.9")


def recording(folder: Path) -> PacedSide:
    rows = "".join(f"2026-03-05T{time}Z,6713.25,1,B\n" for time in TIMES)
    (folder / "tape.csv").write_text(f"ts_utc,price,size,side\n{rows}")
    wish = Wish(
        mode="replay", paths=(folder / "tape.csv",), instrument="ES", speed=1.0, data_dir=folder, sets=("bars.seconds=60",)
    )
    return paced_side(plan_of(wish))[1]


async def played(side: PacedSide, *steps: str) -> list[int]:
    """How many trades were out after each step of a paused replay."""
    out = 0
    counts = []
    events: AsyncIterator[MarketEvent] = side.feed.events()

    async def take() -> None:
        nonlocal out
        async for event in events:
            out += len(event) if isinstance(event, Trades) else 0

    side.pace.pause()
    taking = asyncio.create_task(take())
    for step in ("", *steps):
        if step:
            side.steer(step, None)
        for _ in range(200):
            await asyncio.sleep(0.001)
        counts.append(out)
    taking.cancel()
    return counts


async def test_a_step_of_one_trade_plays_the_next_trade_and_no_more(tmp_path: Path) -> None:
    assert await played(recording(tmp_path), "step_trade", "step_trade", "step_trade") == [0, 1, 2, 3]


async def test_a_step_of_one_bar_plays_to_the_end_of_the_bar_that_is_open(tmp_path: Path) -> None:
    side = recording(tmp_path)
    start = side.now_ns()
    assert await played(side, "step_bar", "step_bar", "step_bar") == [0, 3, 3, 4]
    assert 180 * SECOND_NS < side.now_ns() - start + SECOND_NS < 182 * SECOND_NS


async def test_a_step_while_playing_stands_still_first(tmp_path: Path) -> None:
    side = recording(tmp_path)
    side.steer("step_trade", None)
    assert side.pace.paused
