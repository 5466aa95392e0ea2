from collections.abc import Iterator

import pytest

from tests.adapters.ib_world import IbWorld
from tests.contract.broker_contract import BrokerContract
from tests.gateway.listening import library_faults


class TestIbBrokerKeepsTheContract(BrokerContract):
    """The one suite of every broker, over the real client library and the wire-level gateway."""

    @pytest.fixture(autouse=True)
    def _stage(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        self._worlds: list[IbWorld] = []
        yield
        for world in self._worlds:
            world.close()
        assert library_faults(caplog.get_records("call")) == []

    def world(self) -> IbWorld:
        world = IbWorld().ready().still()
        self._worlds.append(world)
        world.events.clear()
        return world
