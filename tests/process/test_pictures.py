"""How often the runtime draws, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from orderflow_tui.domain.event import ClockTick
from orderflow_tui.runtime import BEHIND, Runtime
from orderflow_tui.seam import Seam
from tests.gateway.virtual import VirtualLoop, run


@dataclass
class Frames:
    """As much of a house as drawing needs."""

    fps: float = 20.0
    drawn: list[int] = field(default_factory=list)

    def view(self, seq: int, alerts: object) -> None:
        self.drawn.append(seq)


def drawn_in_two_seconds(waiting: int) -> int:
    """Pictures while so many events wait for an engine that does not come to them."""

    async def whole(_: VirtualLoop) -> int:
        house: Any = Frames()

        async def build(_: Runtime) -> Any:
            return house

        runtime = Runtime(build, Seam("test"))
        for _n in range(waiting):
            runtime.post(ClockTick(1))
        drawing = asyncio.ensure_future(runtime._publish(house))
        await asyncio.sleep(1.99)
        drawing.cancel()
        return len(house.drawn)

    return run(whole)


@pytest.mark.parametrize(("waiting", "pictures"), [(0, 40), (BEHIND, 40), (BEHIND + 1, 4)])
def test_pictures_give_way_to_the_market_while_the_engine_is_behind_and_never_stop(waiting: int, pictures: int) -> None:
    assert drawn_in_two_seconds(waiting) == pictures
