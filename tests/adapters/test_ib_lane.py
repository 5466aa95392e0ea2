import asyncio

import pytest

from orderflow_tui.adapters.ib_lane import MOST_WAITING, Lane, LaneFull
from tests.gateway.virtual import VirtualLoop, run


def test_no_second_sees_more_than_twenty_calls_and_order_is_kept() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        lane = Lane()
        made: list[tuple[float, int]] = []
        for i in range(70):
            lane.call(lambda i=i: made.append((loop.now_s, i)))  # type: ignore[misc]
        await asyncio.sleep(5)
        assert [i for _, i in made] == list(range(70))
        assert all(sum(1 for t, _ in made if begin <= t < begin + 1.0) <= 20 for begin, _ in made)
        assert made[-1][0] == pytest.approx(3.0)

    run(scenario)


def test_a_closed_lane_drops_what_waits() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        lane = Lane(per_second=1)
        made: list[int] = []
        for i in range(3):
            lane.call(lambda i=i: made.append(i))  # type: ignore[misc]
        lane.close()
        await asyncio.sleep(5)
        assert made == [0]

    run(scenario)


def test_a_lane_without_end_is_refused() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        lane = Lane(per_second=1)
        for _ in range(MOST_WAITING + 1):
            lane.call(lambda: None)
        with pytest.raises(LaneFull, match=str(MOST_WAITING)):
            lane.call(lambda: None)
        lane.close()

    run(scenario)
