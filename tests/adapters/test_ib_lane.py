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


def test_a_waiting_call_goes_out_at_any_time_of_day_without_spinning() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        turns = 0
        for start in (0.1, 3.3, 17.7, 86_399.9):
            await asyncio.sleep(start)
            lane, made = Lane(per_second=1), [0.0]
            for _ in range(3):
                lane.call(lambda made=made: made.append(loop.now_s))  # type: ignore[misc]
            await asyncio.sleep(2.5)
            turns += len(made) - 1
        assert turns == 12

    run(scenario, limit_s=10**6)
