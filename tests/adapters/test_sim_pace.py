"""Speed, pause, steps and running ahead, with a wall clock made of numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from math import inf
from typing import TypeVar

import pytest

from orderflow_tui.adapters.pace import BEAT_S, LONGEST_BEAT_S, RUSH_NS, BadSpeed, Pace

SECOND = 1_000_000_000
T = TypeVar("T")


class Wall:
    """Time that passes only while somebody sleeps."""

    def __init__(self, lag_s: float = 0.0) -> None:
        self.now_s = 100.0
        self.lag_s = lag_s

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds + self.lag_s
        await asyncio.sleep(0)


def paced(speed: float, lag_s: float = 0.0) -> Pace:
    wall = Wall(lag_s)
    pace = Pace(speed, wall=wall, sleep=wall.sleep)
    pace.start(1_000 * SECOND)
    return pace


def run(work: Coroutine[object, object, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 5))


@pytest.mark.parametrize("speed", [0.5, 1.0, 10.0, 1000.0])
def test_a_beat_releases_its_length_times_the_speed(speed: float) -> None:
    pace = paced(speed)
    assert run(pace.beat()) == pytest.approx(1_000 * SECOND + BEAT_S * speed * SECOND, abs=1_000)
    assert pace.now_ns == pytest.approx(1_000 * SECOND + BEAT_S * speed * SECOND, abs=1_000)


def test_a_stall_is_not_caught_up() -> None:
    pace = paced(1.0, lag_s=60.0)
    assert run(pace.beat()) == pytest.approx(1_000 * SECOND + LONGEST_BEAT_S * SECOND, abs=1_000)


def test_infinite_speed_does_not_sleep() -> None:
    assert run(paced(inf).beat()) == 1_000 * SECOND + RUSH_NS


def test_paused_time_stands_still_until_a_step() -> None:
    async def scene() -> list[int]:
        pace = paced(1.0)
        pace.pause()
        waiting = asyncio.create_task(pace.beat())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        pace.step(3 * SECOND)
        first = await waiting
        again = asyncio.create_task(pace.beat())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not again.done()
        pace.resume()
        return [first, await again]

    first, second = run(scene())
    assert first == 1_003 * SECOND
    assert second == pytest.approx(1_003 * SECOND + BEAT_S * SECOND, abs=1_000)


def test_a_pause_in_the_middle_of_a_beat_holds_it() -> None:
    async def scene() -> bool:
        pace = paced(1.0)
        waiting = asyncio.create_task(pace.beat())
        await asyncio.sleep(0)
        pace.pause()
        for _ in range(20):
            await asyncio.sleep(0)
        held = not waiting.done()
        pace.resume()
        await waiting
        return held

    assert run(scene())


def test_running_to_a_point_ends_exactly_there_and_the_old_speed_returns() -> None:
    async def scene() -> list[int]:
        pace = paced(2.0)
        pace.run_to(1_000 * SECOND + 2 * RUSH_NS + 5)
        return [await pace.beat() for _ in range(4)]

    beats = run(scene())
    assert beats[2] == 1_000 * SECOND + 2 * RUSH_NS + 5
    assert beats[3] - beats[2] == pytest.approx(2 * BEAT_S * SECOND, abs=1_000)


def test_a_step_while_running_is_ignored() -> None:
    pace = paced(1.0)
    pace.step(60 * SECOND)
    assert run(pace.beat()) < 1_001 * SECOND


@pytest.mark.parametrize("speed", [0.0, -1.0, 1e9, float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(BadSpeed, match="outside"):
        Pace(speed)
